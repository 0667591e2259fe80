"""How long a test waits before it says that something does not end: no verdict hangs on how busy the machine is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

MACHINE_S = 8.0
"""What a busy machine may add to anything. What a test tells apart lies farther apart than that: what ends at once, and what ends after fifteen seconds, or never."""


@contextmanager
def takes_at_most(seconds: float) -> Iterator[None]:
    """``seconds`` by what is measured, and what the machine adds."""
    began_s = time.monotonic()
    yield
    took_s = time.monotonic() - began_s
    assert took_s < seconds + MACHINE_S, f"it took {took_s:.1f} s"
