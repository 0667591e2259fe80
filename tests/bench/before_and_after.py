"""This checkout beside another one: `python tests/bench/before_and_after.py CHECKOUT [--rounds 8]`. Nothing fails when it is slow.

What `tests/bench/run.py` of either measures, in processor seconds, one after the other and each round the other way round. A figure is the mean of the rounds' ratios (of
their logarithms), this one's rate over the other's, with Student's 95 % interval. Markets differ between checkouts: a row may cost more because more happens for it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import math
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from types import ModuleType, SimpleNamespace
from typing import Any

from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent.parent.parent
TIMES = ("--start_ts", "2025-07-01T14:00:00Z", "--end_ts")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--only", default="", help="figures whose name has this in it")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.other)
        return
    from simulator.analysis.estimates import estimate

    sides = [Side(HERE), Side(asked.other.resolve())]
    names = [name for name in sides[0].names if name in sides[1].names and asked.only in name]
    table = Table("what, per second of the processor", "this", "the other", "ratio, 95 % interval")
    for name in names:
        for side in sides:
            side.measure(name)  # compiled, or loaded
        found: list[tuple[float, float]] = []
        for n in range(asked.rounds):
            rates = [side.measure(name) for side in (sides if n % 2 else sides[::-1])]
            found.append((rates[0], rates[1]) if n % 2 else (rates[1], rates[0]))
        ratio = estimate(math.log(mine / theirs) for mine, theirs in found)
        mine, theirs = (math.exp(sum(math.log(pair[k]) for pair in found) / len(found)) for k in (0, 1))
        interval = f"{math.exp(ratio.mean):.2f} ({math.exp(ratio.low):.2f} to {math.exp(ratio.high):.2f})"
        table.add_row(name, f"{mine:,.3g}" if mine < 10 else f"{mine:,.0f}", f"{theirs:,.3g}" if theirs < 10 else f"{theirs:,.0f}", interval)
        print(name, interval, file=sys.stderr, flush=True)
    for side in sides:
        side.end()
    Console(width=150).print(table)


class Side:
    """A checkout, with a process that measures in it."""

    def __init__(self, checkout: Path) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(checkout), str(checkout / "tests" / "bench")))}
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(checkout), "--serve"], cwd=checkout, env=environment, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.names: list[str] = self._ask("")

    def measure(self, name: str) -> float:
        return float(self._ask(name))

    def end(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()

    def _ask(self, word: str) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()
        return json.loads(self._process.stdout.readline())


def serve(checkout: Path) -> None:
    """Answers each line, a figure's name, with what it comes to in this checkout; an empty one with the names."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # nothing else may answer
    measures = measures_of(bench_of(checkout))
    for line in sys.stdin:
        name = line.strip()
        answers.write(json.dumps(measures[name]() if name else list(measures)) + "\n")
        answers.flush()


def bench_of(checkout: Path) -> ModuleType:
    """The checkout's own ``run.py``, by the processor's clock."""
    spec = importlib.util.spec_from_file_location("bench", checkout / "tests" / "bench" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    bench = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(bench)
    bench.time = SimpleNamespace(perf_counter=process_time)  # type: ignore[attr-defined]
    return bench


def measures_of(bench: ModuleType) -> dict[str, Callable[[], float]]:
    from simulator import LimitOrderBook
    from simulator.testing import TwinBook

    recorded: list[Any] = []

    def replay(book: Any) -> float:
        if not recorded:
            recorded.append(bench.recorded_orders(20))
        orders, rows = recorded[0]
        return float(bench.replay_rate(orders, rows, book)) * len(orders) / rows

    def flow(minutes: int, levels: int, **settings: Any) -> float:
        return float(bench.flow_rate(bench.base("2025-07-01T14:00:00Z", f"2025-07-01T14:{minutes:02d}:00Z", levels=levels, **settings)))

    no_report = ("--report", "false") if "--report " in command_s("2025-07-01T14:00:01Z", "--help")[1] else ()
    return {
        "orders through the slow twin": lambda: replay(TwinBook()),
        "orders through LimitOrderBook": lambda: replay(LimitOrderBook()),
        "book rows, 6,000-10,000 a second, 10 levels": lambda: flow(2, 10, rates=bench.HIGH),
        "book rows, 6,000-10,000 a second, 40 levels": lambda: flow(2, 40, rates=bench.HIGH),
        "book rows, default rates, 10 levels": lambda: flow(30, 10),
        "book rows, default rates, 40 levels": lambda: flow(30, 40),
        "wake-ups that look at a book": bench.wakes_rate,
        "commands, 20 agents with 50 live orders": lambda: bench.commands_rate(50),
        "commands, 20 agents with 1,000 live orders": lambda: bench.commands_rate(1_000),
        "rows, command, half an hour, null writer": lambda: rows_of_command("2025-07-01T14:30:00Z", "--writer", "null"),
        "rows, command, half an hour, Parquet": lambda: rows_of_command("2025-07-01T14:30:00Z", *no_report),
        "rows, command, half an hour, Parquet and the report there is": lambda: rows_of_command("2025-07-01T14:30:00Z"),
        "warm starts, a simulated second": lambda: 1.0 / command_s("2025-07-01T14:00:01Z", "--writer", "null")[0],
    }


def rows_of_command(end: str, *flags: str) -> float:
    seconds, said = command_s(end, *flags)
    found = re.search(r"([\d,]+) rows in", said)
    assert found is not None, said
    return int(found.group(1).replace(",", "")) / seconds


def command_s(end: str, *flags: str) -> tuple[float, str]:
    """Processor seconds of the command, of all its processes, and what it says."""
    out = tempfile.mkdtemp()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}  # a user's Python keeps it
    words = [sys.executable, "-m", "scenarios.full_day", "--out", f"{out}/out", "--prices", "builtin", "--processes", "2", *TIMES, end, *flags]
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    shutil.rmtree(out)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout + done.stderr


if __name__ == "__main__":
    main()
