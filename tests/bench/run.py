"""Benchmarks: `python tests/bench/run.py`. Each figure with what it is relative to; nothing here fails when it is slow.

Kernels are compiled, or loaded, before the clock starts. Run it on a quiet machine.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Generator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from simpy_alone import timeouts_rate

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
    fields = [getattr(orders, name).tolist() for name in ("action", "kind", "order_id", "side", "price", "size", "display", "order_type", "cross_kind")]
    start_s, last = time.perf_counter(), None
    for action, kind, order_id, side, price, size, display, order_type, cross_kind in zip(*fields, strict=True):
        if kind == EventKind.ADD:
            book.add(Side(side), price // 100, size, type=OrderType(order_type), display=display)
        elif kind == EventKind.CANCEL:
            book.cancel(order_id)
        elif kind == EventKind.REDUCE:
            book.reduce(order_id, size)
        elif kind == EventKind.CROSS:
            book.cross(CrossKind(cross_kind), max(1, price // 100))
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


def holder(market: Any, orders: Any, rng: Any, live: int) -> Generator[Any, Any, None]:
    """Keeps ``live`` orders alive, always another one for the oldest."""
    refs: deque[int] = deque()
    while True:
        while len(refs) < live:
            for _ in range(10):
                refs.append(orders.buy("AAPL", "NASDAQ", 20_000 - len(refs) % 300, 100))
            yield market.wait(1_000_000)
        orders.cancel(refs.popleft())
        refs.append(orders.buy("AAPL", "NASDAQ", 20_000 - len(refs) % 300, 100))
        yield market.wait(1_000_000)
        market.read()


def commands_rate(live: int) -> float:
    """Commands a second of wall time of twenty agents with ``live`` orders each, answers read."""
    agents = tuple(AgentSpec(name=f"holder {n}", make=holder, arguments={"live": live}) for n in range(20))
    scenario = base("2025-07-01T14:00:00Z", "2025-07-01T14:00:03Z", only=("AAPL",), agents=agents, max_orders=32_768)
    market = Market(scenario, NullSink())
    market.run_until(scenario.start_ns + 1_000_000_000)
    start_s = time.perf_counter()
    market.run_until(scenario.end_ns)
    return 20 * 2 * 2_000 / (time.perf_counter() - start_s)


def command(*flags: str, cache: Path | None = None) -> tuple[float, str, int]:
    """(wall seconds, output, peak memory in MB of its largest process) of the command, into a folder that is then removed."""
    folder = Path(tempfile.mkdtemp())
    environment = {**os.environ, **({"MARKET_SIM_CACHE_DIR": str(cache)} if cache else {})}
    said = folder / "said"
    with said.open("w") as output:
        start_s = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "scenarios.full_day", "--out", str(folder / "out"), *flags],
            stdout=output, stderr=subprocess.STDOUT, env=environment,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start_s
    process.returncode = os.waitstatus_to_exitcode(status)
    text = said.read_text()
    shutil.rmtree(folder)
    if process.returncode:
        sys.exit(f"the command ended with {process.returncode}: {text}")
    return wall_s, text, used.ru_maxrss // 1024


def rows_a_second(output: str) -> str:
    return next(line for line in output.splitlines() if "rows/s" in line and "rows in" in line)


def command_rows() -> list[tuple[str, str, str]]:
    """What the command does, as rows of the table.

    To be called first: what Linux calls the peak of a process counts its parent's size at the fork.
    """
    start, end, second = ("--start_ts", "2025-07-01T14:00:00Z"), ("--end_ts", "2025-07-01T15:00:00Z"), ("--end_ts", "2025-07-01T14:00:01Z")
    cache = Path(tempfile.mkdtemp())
    cold_s, cold_said, cold_peak = command(*start, *second, "--processes", "1", cache=cache)
    shutil.rmtree(cache)
    compiled = next((line for line in cold_said.splitlines() if line.startswith("Compiled")), "")
    command(*start, *second)
    warm_s, _, warm_peak = command(*start, *second, "--processes", "1")
    _, null_said, _ = command(*start, *end, "--processes", "2", "--writer", "null")
    _, hour_said, hour_peak = command(*start, *end, "--processes", "2")
    day_s, day_said, day_peak = command("--processes", "2")
    return [
        ("command, an hour, null writer, 2 processes", rows_a_second(null_said), "books and trades together"),
        ("command, an hour, Parquet, 2 processes", rows_a_second(hour_said), f"peak {hour_peak} MB a process"),
        ("command, the default day, Parquet, 2 processes", f"{day_s:.1f} s; {rows_a_second(day_said)}", f"peak {day_peak} MB a process"),
        ("warm start, one simulated second, all in all", f"{warm_s:.1f} s", f"peak {warm_peak} MB a process"),
        ("the same with an empty kernel cache", f"{cold_s:.1f} s; {compiled}", f"peak {cold_peak} MB a process"),
    ]


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    of_the_command = command_rows()
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
    wakes, timeouts = wakes_rate(), timeouts_rate(time.perf_counter)
    table.add_row("agents that look at one book each time", f"{wakes:,.0f} wake-ups/s", f"{wakes / timeouts:.2f} of SimPy's timeouts alone")
    few, many = commands_rate(50), commands_rate(1_000)
    table.add_row("20 agents with 50 live orders each", f"{few:,.0f} commands/s", "1")
    table.add_row("20 agents with 1,000 live orders each", f"{many:,.0f} commands/s", f"{many / few:.2f} of those with 50")
    for row in of_the_command:
        table.add_row(*row)
    console = Console(width=150)
    console.print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    console.print(table)


if __name__ == "__main__":
    main()
