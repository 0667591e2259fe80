"""Benchmarks: `python tests/bench/run.py`. Each figure with what it is relative to; nothing here fails when it is slow.

Kernels are compiled, or loaded, before the clock starts. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from simulator import (
    AgentSpec,
    LimitOrderBook,
    Market,
    NullSink,
    OrderType,
    Rates,
    Scenario,
    Side,
    load_universe,
    parse_ts,
    reference_prices,
)
from simulator.records import CrossKind, EventKind, OrderBatch
from simulator.testing import TwinBook

HIGH = Rates(market_data_min_eps=6000, market_data_max_eps=10000, trades_min_eps=2000, trades_max_eps=4000)
DAY = date(2025, 7, 1)


def base(start: str, end: str, **settings: Any) -> Scenario:
    universe = load_universe()
    prices = reference_prices("builtin", [s.name for s in universe.symbols], (DAY, DAY)).brackets
    return Scenario(universe=universe, start_ns=parse_ts(start), end_ns=parse_ts(end), prices=prices, **settings)


def flow_rate(scenario: Scenario) -> float:
    """Book rows a second of wall time, with their trades, into nothing; the first simulated second is not timed."""
    market = Market(scenario, NullSink())
    market.run_until(scenario.start_ns + 1_000_000_000)
    rows, start_s = market.rows["market_data"], time.perf_counter()
    market.run_until(scenario.end_ns)
    return (market.rows["market_data"] - rows) / (time.perf_counter() - start_s)


def recorded_orders(seconds: int) -> tuple[OrderBatch, int]:
    """The orders of AAPL at Nasdaq, and the number of book rows that they made."""
    scenario = base("2025-07-01T14:00:00Z", f"2025-07-01T14:00:{seconds:02d}Z", rates=HIGH, only=("AAPL",), extra_tables=("orders",))
    market = Market(scenario)
    market.run_until(scenario.end_ns)
    tape = market.tape()
    orders, rows = tape["orders"], tape["market_data"]
    assert isinstance(orders, OrderBatch)
    mine = orders.venue == 0
    kept = {name: getattr(orders, name)[mine] for name in orders.__dataclass_fields__}
    return OrderBatch(**kept), int((rows.venue == 0).sum())  # type: ignore[union-attr]


def replay_rate(orders: OrderBatch, rows: int, book: Any) -> float:
    """Book rows a second when recorded orders go through a book, its ten levels read after each action."""
    fields = [getattr(orders, name).tolist() for name in ("action", "kind", "order_id", "side", "price", "size", "a", "b")]
    start_s, last = time.perf_counter(), None
    for action, kind, order_id, side, price, size, a, b in zip(*fields, strict=True):
        if kind == EventKind.ADD:
            book.add(Side(side), price // 100, size, type=OrderType(b), display=a)
        elif kind == EventKind.CANCEL:
            book.cancel(order_id)
        elif kind == EventKind.REDUCE:
            book.reduce(order_id, size)
        elif kind == EventKind.CROSS:
            book.cross(CrossKind(b), max(1, price // 100))
        if action != last:
            book.levels(Side.BUY, 10)
            book.levels(Side.SELL, 10)
            last = action
    return rows / (time.perf_counter() - start_s)


def looker(market: Any, orders: Any, rng: Any) -> Generator[Any, Any, None]:
    while True:
        yield market.wait(10_000)
        market.best("AAPL", "NASDAQ")


def wakes_rate() -> float:
    """Wake-ups a second of an agent that looks at one book each time, the background running beside it at the default rates."""
    scenario = base("2025-07-01T14:00:00Z", "2025-07-01T14:00:04Z", agents=(AgentSpec(name="looker", make=looker),))
    market = Market(scenario, NullSink())
    market.run_until(scenario.start_ns + 1_000_000_000)
    start_s = time.perf_counter()
    market.run_until(scenario.end_ns)
    return 3_000_000_000 / 10_000 / (time.perf_counter() - start_s)


def timeouts_rate() -> float:
    """What SimPy alone does: processes' timeouts a second."""
    import simpy

    environment = simpy.Environment()

    def process() -> Generator[Any, Any, None]:
        while True:
            yield environment.timeout(1)

    environment.process(process())
    start_s = time.perf_counter()
    environment.run(until=300_000)
    return 300_000 / (time.perf_counter() - start_s)


def command(*flags: str, cache: Path | None = None) -> tuple[float, str, int]:
    """(wall seconds, output, peak memory in MB of the largest process) of the command, into a folder that is then removed."""
    out = Path(tempfile.mkdtemp()) / "out"
    environment = {**os.environ, **({"NUMBA_CACHE_DIR": str(cache)} if cache else {})}
    start_s = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "scenarios.full_day", "--out", str(out), *flags], capture_output=True, text=True, check=True, env=environment
    )
    wall_s = time.perf_counter() - start_s
    shutil.rmtree(out.parent)
    return wall_s, done.stdout + done.stderr, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def rows_a_second(output: str) -> str:
    return next(line for line in output.splitlines() if "rows/s" in line and "rows in" in line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cold", action="store_true", help="also time a first run, with an empty kernel cache (half a minute)")
    cold = parser.parse_args().cold
    table = Table("what", "figure", "relative to")
    low = base("2025-07-01T14:00:00Z", "2025-07-01T15:00:00Z")
    high = base("2025-07-01T14:00:00Z", "2025-07-01T14:02:00Z", rates=HIGH)
    flow_rate(replace(high, end_ns=high.start_ns + 2_000_000_000))
    orders, rows = recorded_orders(20)
    twin = replay_rate(orders, rows, TwinBook())
    replay_rate(orders, rows, LimitOrderBook())
    facade = replay_rate(orders, rows, LimitOrderBook())
    table.add_row("the flow's orders through the slow twin, one book", f"{twin:,.0f} book rows/s", "1")
    table.add_row("the same through LimitOrderBook, from Python", f"{facade:,.0f} book rows/s", f"{facade / twin:.1f} x the twin")
    for name, scenario in (("6,000-10,000 rows/s", high), ("default rates", low)):
        for levels in (10, 40):
            best = max(flow_rate(replace(scenario, levels=levels)) for _ in range(3))
            table.add_row(
                f"30 symbols, null sink, one core, {levels} levels, {name}", f"{best:,.0f} book rows/s", f"{best / twin:.0f} x the twin"
            )
    wakes, timeouts = wakes_rate(), timeouts_rate()
    table.add_row("agents that look at one book each time", f"{wakes:,.0f} wake-ups/s", f"{wakes / timeouts:.2f} of SimPy's timeouts alone")
    start, end = ("--start_ts", "2025-07-01T14:00:00Z"), ("--end_ts", "2025-07-01T15:00:00Z")
    _, said, _ = command(*start, *end, "--processes", "2", "--writer", "null")
    table.add_row("command, an hour, null writer, 2 processes", rows_a_second(said), "books and trades together")
    _, said, peak = command(*start, *end, "--processes", "2")
    table.add_row("command, an hour, Parquet, 2 processes", rows_a_second(said), f"peak {peak} MB a process")
    wall_s, said, peak = command("--processes", "2")
    table.add_row(
        "command, the whole default day, Parquet, 2 processes", f"{wall_s:.1f} s; {rows_a_second(said)}", f"peak {peak} MB a process"
    )
    wall_s, _, _ = command("--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:01Z", "--processes", "1")
    table.add_row("warm start, one simulated second, all in all", f"{wall_s:.1f} s", "")
    if cold:
        cache = Path(tempfile.mkdtemp())
        wall_s, _, _ = command("--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:01Z", "--processes", "1", cache=cache)
        shutil.rmtree(cache)
        table.add_row("the same with an empty kernel cache", f"{wall_s:.1f} s", "")
    console = Console(width=150)
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    console.print(table)


if __name__ == "__main__":
    main()
