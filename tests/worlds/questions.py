"""What is asked of a world that has run. Each raises ``Wrong`` with what it found."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import numpy as np

from simulator.book.limit_order_book import LimitOrderBook
from simulator.inputs.config import Scenario
from simulator.inputs.dealing import deal
from simulator.inputs.sessions import continuous_days, trading_days
from simulator.market import Market
from simulator.records import Batch, MarketDataBatch, OrderBatch
from simulator.testing import TwinBook
from tests.integrity import Asked, ask, table_names, violations
from tests.replay import replay
from tests.worlds.draw import S, World
from writers.parquet import ParquetSink

EVENTS_REPLAYED, EVENTS_OF_TWIN = 3_000, 800
"""Order rows that are replayed, of whole books: through the compiled book and through the twin, which is slow."""
VENUE_FLOOR = 5
"""Book rows a second and symbol from which on each venue re-quotes in each second."""


class Wrong(Exception):
    """Something that must be true of any run is not true of this one."""


def ask_integrity(world: World, scenario: Scenario, market: Market) -> None:
    """The questions of ``tests/integrity.py``."""
    options = integrity_options(world, scenario)
    if world.by_files and all(market.rows.values()):
        with TemporaryDirectory() as folder:
            write_files(market, Path(folder))
            found = violations(Path(folder), **options)
    else:
        with duckdb.connect() as con:
            con.execute("SET threads = 1")
            for name, table in table_names(options["has_truth"], options["has_orders"]).items():
                register(con, name, market.arrow(table))
            found = ask(con, Asked(**options))
    bad = {name: count for name, count in found.items() if count}
    for name in forgiven(world, scenario):
        bad.pop(name, None)
    if bad:
        raise Wrong(f"violations: {bad}")


def forgiven(world: World, scenario: Scenario) -> list[str]:
    """What cannot be asked of a market without makers, before they come, or of one whose limits or parameters leave them too little."""
    without = [] if scenario.background else ["one cross each"]  # agents alone may leave a cross nothing to pair
    return [*without, "five levels nearly always"] if starts_empty(world, scenario) else without


def starts_empty(world: World, scenario: Scenario) -> bool:
    """Whether a side of a book may be empty: agents may be there before the background."""
    return not scenario.background or bool(scenario.agents) or world.is_narrow


def integrity_options(world: World, scenario: Scenario) -> dict[str, Any]:
    """What the questions need to know of the world."""
    universe, rates = scenario.universe, scenario.rates
    days = (trading_days if scenario.session_pacing else continuous_days)(scenario.start_ns, scenario.end_ns)
    sessions = [(max(d.open_ns, scenario.start_ns), min(d.close_ns, scenario.end_ns)) for d in days if d.is_session]
    if not scenario.session_pacing:
        sessions = [(scenario.start_ns, scenario.end_ns)]
    sessions = [(begin, end) for begin, end in sessions if begin < end]
    asks_rates = world.asks_rates and not world.is_narrow and bool(sessions)
    return {
        "levels": scenario.levels,
        "listing": {s.name: s.listing for s in universe.symbols},
        "sessions": sessions,
        "has_truth": "truth" in scenario.extra_tables,
        "has_orders": "orders" in scenario.extra_tables,
        "offsession": scenario.offsession_trades != "none",
        "rates": (rates.market_data_min_eps, rates.market_data_max_eps, rates.trades_min_eps, rates.trades_max_eps) if asks_rates else None,
        "rates_from_ns": scenario.start_ns + S,  # the first second shows every book once, on top of its rows
        "tick_units": {s.name: s.tick_units for s in universe.symbols},
        "starts_empty": starts_empty(world, scenario),
        "day_starts": [day.start_ns for day in days],
    }


def register(con: duckdb.DuckDBPyConnection, name: str, table: Any) -> None:
    """An Arrow table as the files' views have it: one file, each row in the folder of its hour."""
    table = table.append_column("file_row_number", [np.arange(len(table))])
    con.register(f"{name}_rows", table)
    con.execute(
        f"CREATE TABLE {name} AS SELECT epoch_ns(timestamp_ns) AS ts, * EXCLUDE (timestamp_ns), '{name}' AS filename, "
        f"strftime(timestamp_ns, '%Y-%m-%d') AS date, strftime(timestamp_ns, '%H') AS hour FROM {name}_rows"
    )


def write_files(market: Market, folder: Path) -> None:
    sink = ParquetSink(folder)
    sink.open(market.run_info)
    for batch in market.tape().values():
        sink.write(batch)
    sink.close(True)


def ask_replay(world: World, scenario: Scenario, tape: dict[str, Batch]) -> int:
    """The orders of some books give all their rows again, by the compiled book and by the twin; returns how many order rows were replayed."""
    orders, rows = tape.get("orders"), tape.get("market_data")
    if orders is None or rows is None:
        return 0
    assert isinstance(orders, OrderBatch)
    assert isinstance(rows, MarketDataBatch)
    books = [(s, v) for s in range(len(scenario.universe.symbols)) for v in range(len(scenario.universe.venues))]
    order = np.random.default_rng([world.seed, 12]).permutation(len(books))
    total = 0
    for kind, limit in ((LimitOrderBook, EVENTS_REPLAYED), (TwinBook, EVENTS_OF_TWIN)):
        make_book = partial(kind, price_window=scenario.price_window)
        left = limit
        for n in order:
            symbol, venue = books[n]
            events = int(((orders.symbol == symbol) & (orders.venue == venue)).sum())
            if not 0 < events <= left:
                continue
            try:
                tick = scenario.universe.symbols[symbol].tick_units // scenario.price_scales[symbol]  # the tape's: a dear share has ticks
                replay(orders, rows, symbol, venue, tick, make_book)
            except AssertionError as error:
                raise Wrong(f"replay of book {symbol}, {venue} by {kind.__name__}: {error}") from error
            left -= events
        total += limit - left
    return total


def dealt(world: World, scenario: Scenario) -> list[tuple[str, ...]]:
    """The symbols of each worker of the run in several processes."""
    return deal(scenario, [s.name for s in scenario.universe.symbols], world.workers)


def ask_parts(what: str, parts: dict[Any, str], expected: dict[Any, str]) -> None:
    """The digests of a run in another way."""
    if parts != expected:
        other = sorted(str(key) for key in parts.keys() | expected.keys() if parts.get(key) != expected.get(key))
        raise Wrong(f"{what}: other rows of {', '.join(other[:4])} ({len(other)} of {len(expected)})")


__all__ = ["S", "Wrong", "ask_integrity", "ask_parts", "ask_replay", "dealt"]
