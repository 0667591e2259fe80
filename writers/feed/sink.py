"""``FeedSink``: what all order-by-order formats share as writers. A format says what its files are and what a message is in them.

Rows come as the ``orders`` table, from a run or from the Parquet files of one; either way the same code makes the same bytes.
A format with one file for all symbols of a venue needs the rows of all workers in time order: with several workers each one
keeps its rows in a file of its own, and the launcher calls ``merge`` when all have ended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np

from simulator.errors import InputError, SinkError, explain
from simulator.inputs.sessions import TradingDay, trading_days
from simulator.notices import ImbalanceBatch, StatusBatch
from simulator.records import I64, Batch, OrderBatch, Phase, slice_batch
from simulator.tape.sink import RunInfo
from writers.feed.displayed import REF_MAX, DisplayedFeed, Messages
from writers.feed.files import allow_open_files
from writers.feed.kernel import TS
from writers.feed.notices import NOTICE_TABLES, Notices, StatusTold, Told
from writers.feed.parts import PartFile, part_paths, read_part
from writers.feed.timeline import in_time_order

ORDERS = "orders"


class FeedSink:
    """A writer of one format. Subclasses write the files of one day."""

    NAME: ClassVar[str]
    """Of the format, and of the folder in OUT that holds its files."""
    ONE_FILE: ClassVar[bool] = False
    """Whether all symbols of a venue share a file, and their orders the numbers."""
    FILES_A_BOOK: ClassVar[int] = 0
    """Open at once, at most."""
    SPLITS: ClassVar[bool] = True
    """Whether a replaced order is deleted and shown anew."""
    REF_MAX: ClassVar[int] = REF_MAX

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (), levels: int = 0
    ) -> None:
        """``venues`` and ``symbols``: those to write, by default all. Raises ``InputError``."""
        self.folder = Path(folder) / self.NAME
        self.venues = (venues,) if isinstance(venues, str) else tuple(venues)
        self.symbols = (symbols,) if isinstance(symbols, str) else tuple(symbols)
        self.levels = levels
        self.run: RunInfo
        self._feed: DisplayedFeed | None = None
        self._parts: dict[str, PartFile] = {}
        self._notices: Notices | None = None
        self._days: list[TradingDay] = []
        self._halted: set[int] = set()
        """Books."""
        self._day: TradingDay | None = None

    def open(self, run: RunInfo) -> None:
        """Raises ``InputError`` for what this run cannot give the format."""
        self.run = run
        if ORDERS not in run.tables:
            raise InputError(
                explain(f"--writer {self.NAME}", ", ".join(run.tables), "it needs the table orders", "Add --extra_tables orders.")
            )
        self._check_names("venue", self.venues, run.venues)
        self._check_names("symbol", self.symbols, run.symbols)
        self.check(run)
        self._scales = np.array(run.price_scales or [1] * len(run.symbols), np.int64)
        if self.ONE_FILE and run.workers > 1:
            self._parts = {table: PartFile(self.folder, run.worker, table) for table in (ORDERS, *NOTICE_TABLES) if table in run.tables}
            return
        wanted = np.full((len(run.symbols), len(run.venues)), -1, np.int64)
        venues = [v for v, name in enumerate(run.venues) if name in (self.venues or run.venues)]
        symbols = [s for s, name in enumerate(run.symbols) if name in (self.symbols or run.symbols)]
        self.books = [(s, v) for v in venues for s in symbols]
        for b, book in enumerate(self.books):
            wanted[book] = b
        allow_open_files(self.NAME, self.FILES_A_BOOK * len(self.books))
        groups = np.array([v if self.ONE_FILE else b for b, (_, v) in enumerate(self.books)], np.int64)
        self._feed = DisplayedFeed(wanted, groups=groups, levels=self.levels, splits=self.SPLITS, ref_max=self.REF_MAX)
        self._days = list(trading_days(run.start_ns, run.end_ns))
        self._notices = Notices(wanted, self._scales)
        self._halted = set()

    def check(self, run: RunInfo) -> None:
        """Refuse what the format cannot hold, before anything is written. Raises ``InputError``."""

    def start_day(self, day: TradingDay) -> None:
        """Begin the files of a day."""
        raise NotImplementedError

    def write_messages(self, messages: Messages) -> None:
        """Take some messages of the day, of all books in time order; they are views."""
        raise NotImplementedError

    def write_halt(self, told: StatusTold, halts: bool) -> None:
        """A book stops trading, or trades again. Of no concern to a format without a place for it."""

    def write_notice(self, told: Told) -> None:
        """Anything that is told of a book beside its orders, at its place among the messages."""

    def finish_day(self) -> None:
        """Give the files of the day their names."""
        raise NotImplementedError

    def abandon_day(self) -> None:
        """Leave nothing of the day behind."""
        raise NotImplementedError

    def write(self, batch: Batch) -> None:
        """Take rows of ``orders``, and of what is told beside them; other tables say nothing that these formats need. Raises ``SinkError``.

        What is told up to a time must come before the orders from then on.
        """
        if not isinstance(batch, OrderBatch | StatusBatch | ImbalanceBatch):
            return
        with self._disk_errors():
            if self._parts:
                self._parts[batch.table].write(batch)
                return
            if not isinstance(batch, OrderBatch):
                assert self._notices is not None
                self._notices.take(batch)
                return
            if self._scales.max() > 1:  # a dear symbol's prices come in ticks, and a file has all in units of 0.0001 USD
                batch = replace(batch, price=batch.price * self._scales[batch.symbol])
            for start, stop in self._per_day(batch.ts_ns):
                assert self._feed is not None
                part = slice_batch(batch, start, stop)
                assert isinstance(part, OrderBatch)
                for messages in self._feed.publish(part):
                    self._write_in_order(messages)

    def close(self, complete: bool) -> None:
        """Finish the day at hand; of a run that ended early it is dropped, and the days before it stay. Raises ``SinkError``."""
        with self._disk_errors():
            if self._parts:
                for part in self._parts.values():
                    part.finish()
                self._parts = {}
            elif complete:
                self._next_day(None)
            elif self._day is not None:
                self.abandon_day()
                self._day = None

    def merge(self, run: RunInfo, complete: bool) -> None:
        """Make the files of what the workers have kept, and drop that. ``run`` is any worker's. Raises ``SinkError``."""
        kept = {table: part_paths(self.folder, table) for table in (ORDERS, *NOTICE_TABLES)}
        try:
            if kept[ORDERS] and complete:
                self.open(replace(run, worker=0, workers=1))
                told = [batch for table in NOTICE_TABLES for path in kept[table] for batch in read_part(path, table)]
                self.write_all(in_time_order([read_part(path, ORDERS) for path in kept[ORDERS]]), told)
        finally:
            for path in (path for paths in kept.values() for path in paths):
                path.unlink(missing_ok=True)

    def write_all(self, batches: Iterable[OrderBatch], notices: Iterable[StatusBatch | ImbalanceBatch] = ()) -> None:
        """Write and close; ``notices``: all that is told beside. Raises what the batches raise; then nothing of the day at hand stays."""
        complete = False
        try:
            for notice in notices:
                self.write(notice)
            for batch in batches:
                self.write(batch)
            complete = True
        finally:
            self.close(complete)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(kind is None)

    def _per_day(self, ts_ns: I64) -> Iterator[tuple[int, int]]:
        """Ranges of rows that lie in one day; turns to that day first."""
        start = 0
        while start < len(ts_ns):
            day = self._day
            if day is None or ts_ns[start] >= day.end_ns:
                day = self._next_day(int(ts_ns[start]))
            assert day is not None
            stop = int(np.searchsorted(ts_ns, day.end_ns))
            yield start, stop
            start = stop

    def _next_day(self, ts_ns: int | None) -> TradingDay | None:
        """End the day at hand and begin the one of ``ts_ns``, if any."""
        if self._day is not None:
            assert self._feed is not None
            for messages in self._feed.finish_day():
                self._write_in_order(messages)
            self._tell(self._day.end_ns - 1)
            self.finish_day()
        self._day = None
        if ts_ns is not None:
            assert self._feed is not None
            self._day = next(day for day in self._days if day.start_ns <= ts_ns < day.end_ns)
            self._feed.start_day()
            assert self._notices is not None
            for _ in self._notices.due(self._day.start_ns - 1):  # of a day without orders, which has no file
                pass
            self._halted = set()
            self.start_day(self._day)
        return self._day

    def _write_in_order(self, messages: Messages) -> None:
        """The messages, and before each of them what was told up to its time."""
        assert self._notices is not None
        ts_ns = messages.columns[TS]
        first = 0
        while (next_ns := self._notices.next_ns) is not None and next_ns <= ts_ns[-1]:
            cut = int(np.searchsorted(ts_ns, next_ns))
            if cut > first:
                self.write_messages(messages.part(first, cut))
                first = cut
            self._tell(int(ts_ns[cut]))
        if first < len(messages):
            self.write_messages(messages.part(first, len(messages)) if first else messages)

    def _tell(self, until_ns: int) -> None:
        assert self._notices is not None
        for told in self._notices.due(until_ns):
            self.write_notice(told)
            if isinstance(told, StatusTold):
                halts = told.phase == Phase.HALTED
                if halts != (told.book in self._halted):
                    (self._halted.add if halts else self._halted.discard)(told.book)
                    self.write_halt(told, halts)

    def _check_names(self, what: str, names: Sequence[str], known: Sequence[str]) -> None:
        for name in names:
            if name not in known:
                raise InputError(explain(f"--{what}", name, f"the run has {', '.join(known)}", f"Name a {what} of the run."))

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Translate what the disk says; drop what cannot be finished."""
        try:
            yield
        except (OSError, SinkError) as error:
            if self._day is not None:
                self._day = None
                with contextlib.suppress(OSError):
                    self.abandon_day()
            if isinstance(error, SinkError):
                raise
            raise SinkError(
                f"Writing {self.NAME} to {self.folder} failed: {error}. The day at hand was dropped. "
                "Free some space, or choose another folder with --out."
            ) from error


def midnight_ns(day: TradingDay) -> int:
    """New York's midnight at the beginning of a date, in ns since the epoch."""
    from datetime import datetime, time

    from simulator.inputs.sessions import NEW_YORK

    return int(datetime.combine(day.date, time(0), NEW_YORK).timestamp()) * 1_000_000_000


def by_book(messages: Messages) -> Iterator[tuple[int, Any]]:
    """(book, rows of its messages in order) of each book that has any."""
    from writers.feed.kernel import BOOK

    books = messages.columns[BOOK]
    order = np.argsort(books, kind="stable")
    found, starts = np.unique(books[order], return_index=True)
    yield from zip(found.tolist(), np.split(order, starts[1:]), strict=True)
