"""What the formats' tests share: a market with everything in it, and the comparison of somebody's books with the tape's."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from helpers import FOUR, scenario

from simulator import Market, OrderType, Rates, Side
from simulator.agents import MarketView, OrderEntry, Wait
from simulator.inputs.config import AgentSpec
from simulator.inputs.manifest import FORMAT, Manifest
from simulator.inputs.run_record import record_run
from simulator.inputs.sessions import parse_ts
from simulator.notices import StatusReason
from simulator.records import EXTRA_TABLES, NS_PER_S, Batch, MarketDataBatch, OrderBatch, Phase, TradeBatch, slice_batch
from writers.feed.notices import NOTICE_TABLES
from writers.feed.sink import FeedSink
from writers.parquet import ParquetSink, write_manifest

Levels = tuple[list[tuple[int, int]], list[tuple[int, int]]]
"""Bids and asks, best first: price in units of 0.0001 USD, shares."""


def busy(market: MarketView, orders: OrderEntry, rng: Any, symbol: str) -> Generator[Wait, Any, None]:
    """Orders of each kind at each venue: waiting, hidden, reserve; traded with, reduced, replaced in place and into the other side."""
    at_open = [
        orders.buy(symbol, None, 0, 300, type=OrderType.MARKET_ON_OPEN), orders.buy(symbol, None, 90, 300, type=OrderType.LIMIT_ON_OPEN),
    ]  # fmt: skip
    orders.reduce(at_open[0], 40)
    just_before_ns = market.now_ns + 9 * NS_PER_S
    while True:
        for venue in market.venues:
            yield market.wait(150_000_000)
            bid, ask = market.best(symbol, venue).bid_ticks, market.best(symbol, venue).ask_ticks
            if not bid or not ask:
                continue
            if just_before_ns and market.now_ns > just_before_ns and venue == "NASDAQ":
                just_before_ns = 0
                if market.phase(venue) == Phase.PRE_OPEN:  # stands in the book, displayed, when the cross comes
                    orders.buy(symbol, venue, ask - 1, 200)
                    continue
            reserve = orders.buy(symbol, venue, bid, 1_000, display=120)
            hidden = orders.sell(symbol, venue, ask, 700, display=0)
            plain = orders.sell(symbol, venue, ask + 2, 400)
            yield market.wait(5_000_000)
            orders.sell(symbol, venue, bid - 3, 900, type=OrderType.IOC)
            orders.buy(symbol, venue, ask, 1_500, type=OrderType.IOC)
            yield market.wait(5_000_000)
            plain = orders.replace(plain, ask + 3, 350)
            orders.reduce(plain, 50)
            orders.reduce(reserve, 100)
            orders.reduce(hidden, 10)
            yield market.wait(5_000_000)
            reserve = orders.replace(reserve, bid - 1, 700)
            orders.replace(plain, bid, 300)
            orders.replace(hidden, ask + 1, 500)
            if int(rng.integers(2)):
                yield market.wait(60_000_000)
                orders.cancel_all(symbol, venue)


BUSY = AgentSpec(name="busy", make=busy, arguments={"symbol": "AAPL"}, symbols=("AAPL",), latency_ns={"*": 50_000})
RATES = Rates(market_data_min_eps=40, market_data_max_eps=200, trades_min_eps=8, trades_max_eps=40)


def day_scenario(start: str, end: str, **settings: Any) -> Any:
    """Four symbols, the agent, all tables."""
    settings.setdefault("rates", RATES)
    return scenario(start, end, agents=(BUSY,), extra_tables=EXTRA_TABLES, **settings)


class Made:
    """A market that has run, and its tape."""

    def __init__(self, chosen: Any, halts: Mapping[str, int] | None = None) -> None:
        """``halts``: symbols that pause by their price bands, and when."""
        self.market = Market(chosen)
        for symbol, ts_ns in (halts or {}).items():
            self.market.halt(symbol, ts_ns, StatusReason.LULD)
        self.market.run_until(chosen.end_ns)
        self.info = self.market.run_info
        tape = self.tape = self.market.tape()
        orders, books, trades = tape["orders"], tape["market_data"], tape["trades"]
        assert isinstance(orders, OrderBatch)
        assert isinstance(books, MarketDataBatch)
        assert isinstance(trades, TradeBatch)
        self.orders, self.books, self.trades = orders, books, trades

    def of(self, symbol: str, venue: str) -> tuple[MarketDataBatch, TradeBatch]:
        """Rows of one book."""
        s, v = self.info.symbols.index(symbol), self.info.venues.index(venue)
        chosen = []
        for batch in (self.books, self.trades):
            mine = (batch.symbol == s) & (batch.venue == v)
            chosen.append(type(batch)(**{name: getattr(batch, name)[mine] for name in batch.__dataclass_fields__}))
        return chosen[0], chosen[1]  # type: ignore[return-value]

    def write(self, sink: FeedSink, orders: OrderBatch | None = None, step: int = 7_919) -> None:
        """All rows into a sink, in batches of so many."""
        rows = orders or self.orders
        sink.open(self.info)
        pieces = (slice_batch(rows, n, min(n + step, len(rows))) for n in range(0, len(rows), step))
        sink.write_all(pieces, self.notices())  # type: ignore[arg-type]

    def notices(self, workers: int = 1, worker: int = 0) -> list[Any]:
        """What is told beside the orders of a worker's symbols."""
        return [batch for batch in self.batches(workers, worker) if batch.table in NOTICE_TABLES]

    def write_parts(self, make: Callable[[int], FeedSink], workers: int = 2) -> None:
        """As a run of several processes would: a sink a worker, each with its own symbols; then the merge."""
        info = self.info
        for worker in range(workers):
            sink = make(worker)
            sink.open(replace(info, worker=worker, workers=workers))
            mine = self.orders.symbol % workers == worker
            rows = OrderBatch(**{name: getattr(self.orders, name)[mine] for name in self.orders.__dataclass_fields__})
            pieces = (slice_batch(rows, n, min(n + 1_013, len(rows))) for n in range(0, len(rows), 1_013))
            sink.write_all(pieces, self.notices(workers, worker))  # type: ignore[arg-type]
        make(0).merge(replace(info, worker=0, workers=workers), True)

    def batches(self, workers: int = 1, worker: int = 0) -> Iterator[Batch]:
        """All rows of a worker's symbols, in pieces of an odd number; what is told beside the orders before them, as from a market."""
        for _, batch in sorted(self.tape.items(), key=lambda item: item[0] not in NOTICE_TABLES):
            mine = batch.symbol % workers == worker
            rows = type(batch)(**{name: getattr(batch, name)[mine] for name in batch.__dataclass_fields__})  # type: ignore[arg-type]
            yield from (slice_batch(rows, n, min(n + 3_001, len(rows))) for n in range(0, len(rows), 3_001))

    def write_tables(self, make: Callable[[int], Any], workers: int = 1) -> None:
        """All tables, as a run of so many processes would: a sink a worker, then the merge."""
        for worker in range(workers):
            sink = make(worker)
            sink.open(replace(self.info, worker=worker, workers=workers))
            for batch in self.batches(workers, worker):
                sink.write(batch)
            sink.close(True)
        make(0).merge(replace(self.info, workers=workers), True)

    def parquet_tables(self, folder: Path, workers: int = 2) -> None:
        """The finished run with all its tables, and its manifest."""
        self.parquet(folder, workers, self.batches)

    def parquet(self, folder: Path, workers: int = 2, batches: Callable[[int, int], Iterable[Batch]] | None = None) -> None:
        """The finished run, with its manifest and, unless ``batches`` has more, its orders and what is told beside them."""
        for worker in range(workers):
            sink = ParquetSink(folder)
            sink.open(replace(self.info, worker=worker, workers=workers))
            if batches is not None:
                for batch in batches(workers, worker):
                    sink.write(batch)
                sink.close(True)
                continue
            for batch in self.notices(workers, worker):
                sink.write(batch)
            mine = self.orders.symbol % workers == worker
            sink.write(OrderBatch(**{name: getattr(self.orders, name)[mine] for name in self.orders.__dataclass_fields__}))
            sink.close(True)
        record = record_run(self.market.scenario)
        write_manifest(folder, Manifest(
            format=FORMAT, complete=True, reason=None, asked_start_ts=record.start_ts, replayed_from_ts=None, suffix="", record=record, rows={},
            digest=None, digest_parts={}, processes=workers, wall_seconds=0.0,
        ))  # fmt: skip


@cache
def opening() -> Made:
    """Half a minute around the opening crosses; made once a process, and not to be changed."""
    return Made(day_scenario("2025-07-01T13:29:50Z", "2025-07-01T13:30:20Z"))


@cache
def closing() -> Made:
    """A few seconds around the closing crosses."""
    return Made(day_scenario("2025-07-01T19:59:56Z", "2025-07-01T20:00:04Z"))


@cache
def hour() -> Made:
    """09:00 to 10:00 New York time: the opening crosses, the agent, all kinds of orders, and a pause of one symbol with its reopening."""
    return Made(day_scenario("2025-07-01T13:00:00Z", "2025-07-01T14:00:00Z"), {"NVDA": parse_ts("2025-07-01T13:45:00Z")})


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below, by path."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def clean(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    return folder


def differences(books: MarketDataBatch, messages: Iterable[tuple[int, Callable[[], object]]], levels: Callable[[], Levels]) -> int:
    """Rows of one book at which somebody else's book shows other levels than the tape.

    ``messages``: the time of each, and what lets the other book have it. A row is compared after the last message stamped at or before it.
    """
    wrong = 0
    depth = books.quotes.shape[2]
    moves = iter(messages)
    upcoming = next(moves, None)
    for row in range(len(books)):
        while upcoming is not None and upcoming[0] <= books.ts_ns[row]:
            upcoming[1]()
            upcoming = next(moves, None)
        have = np.zeros((4, depth), np.int64)
        for k, side in zip((0, 2), levels(), strict=True):
            for i, (price, size) in enumerate(side[:depth]):
                have[k, i], have[k + 1, i] = price, size
        wrong += not np.array_equal(have, books.quotes[row])
    return wrong


def is_noticed(wrong_rows: Callable[[], int]) -> bool:
    """Whether somebody else's book of a damaged file stumbles, or shows other levels somewhere."""
    try:
        return wrong_rows() > 0
    except (AssertionError, KeyError):
        return True


__all__ = [
    "FOUR", "Levels", "Made", "Side", "busy", "clean", "closing", "contents", "day_scenario", "differences", "hour", "is_noticed", "opening",
]  # fmt: skip
