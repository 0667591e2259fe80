"""What other benchmarks are relative to: SimPy without a market."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from typing import Any


def timeouts_rate(clock: Callable[[], float] = time.process_time) -> float:
    """What SimPy alone does: a process's timeouts a second of ``clock``."""
    import simpy

    environment = simpy.Environment()

    def process() -> Generator[Any, Any, None]:
        while True:
            yield environment.timeout(1)

    environment.process(process())
    began_s = clock()
    environment.run(until=300_000)
    return 300_000 / (clock() - began_s)
