"""What each format costs: `python tests/bench/formats.py`. Rows of one market in memory, each sink alone in one process, CPU time, best of some rounds.

Four symbols on five venues over the open, at the rates of the spec's second example. All sinks have their turn in each round, so that what
else the machine does falls on all of them: on one that is not quiet, read the times beside Parquet's, which are the median of the rounds.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from simulator import Market, Rates, Scenario, load_universe, parse_ts, reference_prices
from simulator.records import Batch, slice_batch
from writers.databento.records import load_kernel as load_databento
from writers.databento.sink import DatabentoSink
from writers.feed.displayed import DisplayedFeed, load_kernel
from writers.hftbacktest.sink import HftBacktestSink
from writers.itch.kernel import load_kernel as load_itch
from writers.itch.sink import ItchSink, layout
from writers.lobster import LobsterSink
from writers.nautilus.kernel import load_kernel as load_nautilus
from writers.nautilus.sink import NautilusSink
from writers.parquet import ParquetSink
from writers.tables.arrow_files import ArrowSink
from writers.tables.csv_files import CsvSink

NAMES = ("AAPL", "NVDA", "JPM", "XOM")
RATES = Rates(market_data_min_eps=6000, market_data_max_eps=10000, trades_min_eps=2000, trades_max_eps=4000)
DAY = date(2025, 7, 1)
PIECE = 8_192
SINKS: dict[str, Callable[[Path], Any]] = {
    "parquet": ParquetSink,
    "itch": ItchSink,
    "databento, mbo": lambda folder: DatabentoSink(folder, schemas="mbo"),
    "databento, mbp-10": lambda folder: DatabentoSink(folder, schemas="mbp-10"),
    "databento, mbp-1": lambda folder: DatabentoSink(folder, schemas="mbp-1"),
    "databento, all": DatabentoSink,
    "lobster, 10 levels": LobsterSink,
    "hftbacktest, l3": lambda folder: HftBacktestSink(folder, feeds="l3"),
    "hftbacktest, l2": lambda folder: HftBacktestSink(folder, feeds="l2"),
    "nautilus": NautilusSink,
    "arrow, books": lambda folder: ArrowSink(folder, tables="market_data"),
    "csv, books": lambda folder: CsvSink(folder, tables="market_data"),
    "csv, orders": lambda folder: CsvSink(folder, tables="orders"),
}


def market(seconds: int) -> Market:
    """Run, with its rows in memory."""
    universe = load_universe().select(NAMES)
    prices = reference_prices("builtin", list(NAMES), (DAY, DAY)).brackets
    start_ns = parse_ts("2025-07-01T13:29:58Z")
    scenario = Scenario(
        universe=universe, prices=prices, start_ns=start_ns, end_ns=start_ns + seconds * 10**9, rates=RATES, extra_tables=("orders",),
    )  # fmt: skip
    made = Market(scenario)
    made.run_until(scenario.end_ns)
    return made


def messages(made: Market) -> int:
    """What the venues show of the orders."""
    info = made.run_info
    books = np.arange(len(info.symbols) * len(info.venues)).reshape(len(info.symbols), len(info.venues))
    feed = DisplayedFeed(books, groups=books.ravel())
    return sum(len(part) for part in feed.publish(made.tape()["orders"]))  # type: ignore[arg-type]


def cost(make: Callable[[Path], Any], made: Market, batches: list[Batch]) -> tuple[float, int]:
    """CPU seconds and bytes, once."""
    folder = Path(tempfile.mkdtemp())
    try:
        sink = make(folder)
        sink.open(made.run_info)
        start_s = time.process_time()
        for batch in batches:
            sink.write(batch)
        sink.close(True)
        return time.process_time() - start_s, sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    finally:
        shutil.rmtree(folder)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=20, help="Simulated time.")
    parser.add_argument("--only", default="", help="Writers whose name begins so, beside Parquet.")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    load_kernel()
    load_databento()
    load_itch(layout())
    load_nautilus()
    made = market(given.seconds)
    tape = made.tape()
    count = messages(made)
    pieces = {name: [slice_batch(b, n, min(n + PIECE, len(b))) for n in range(0, len(b), PIECE)] for name, b in tape.items()}
    table = Table(title=f"{count:,} messages, {len(tape['orders']):,} rows of orders, {len(tape['market_data']):,} of books; {platform.machine()}")
    for name in ("writer", "a second of CPU", "time beside Parquet's", "bytes each", "of what"):
        table.add_column(name, justify="left" if name in ("writer", "of what") else "right")
    chosen = {name: make for name, make in SINKS.items() if name.startswith(given.only) or name == "parquet"}
    sources = {name: "market_data" if "books" in name else "orders" for name in chosen}
    costs: dict[str, list[tuple[float, int]]] = {name: [] for name in chosen}
    for _ in range(given.rounds):
        for name, make in chosen.items():
            costs[name].append(cost(make, made, pieces[sources[name]]))
    for name, found in costs.items():
        rows = count if name.split(",")[0] in ("itch", "databento", "lobster", "hftbacktest", "nautilus") else len(tape[sources[name]])
        seconds, size = min(found)
        beside = statistics.median(mine / its for (mine, _), (its, _) in zip(found, costs["parquet"], strict=True))
        of = "messages" if rows == count else f"rows of {sources[name]}"
        table.add_row(name, f"{rows / seconds:,.0f}", f"{beside:.2f}", f"{size / rows:.1f}", of)
    Console(width=120).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
