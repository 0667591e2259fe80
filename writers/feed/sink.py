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
from simulator.records import I64, Batch, OrderBatch, slice_batch
from simulator.tape.sink import RunInfo
from writers.feed.displayed import REF_MAX, DisplayedFeed, Messages
from writers.feed.files import allow_open_files
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
        self._part: PartFile | None = None
        self._days: list[TradingDay] = []
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
            self._part = PartFile(self.folder, run.worker)
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

    def check(self, run: RunInfo) -> None:
        """Refuse what the format cannot hold, before anything is written. Raises ``InputError``."""

    def start_day(self, day: TradingDay) -> None:
        """Begin the files of a day."""
        raise NotImplementedError

    def write_messages(self, messages: Messages) -> None:
        """Take some messages of the day, of all books in time order; they are views."""
        raise NotImplementedError

    def finish_day(self) -> None:
        """Give the files of the day their names."""
        raise NotImplementedError

    def abandon_day(self) -> None:
        """Leave nothing of the day behind."""
        raise NotImplementedError

    def write(self, batch: Batch) -> None:
        """Take rows; tables other than ``orders`` say nothing that these formats need. Raises ``SinkError``."""
        if not isinstance(batch, OrderBatch):
            return
        with self._disk_errors():
            if self._part is not None:
                self._part.write(batch)
                return
            if self._scales.max() > 1:  # a dear symbol's prices come in ticks, and a file has all in units of 0.0001 USD
                batch = replace(batch, price=batch.price * self._scales[batch.symbol])
            for start, stop in self._per_day(batch.ts_ns):
                assert self._feed is not None
                part = slice_batch(batch, start, stop)
                assert isinstance(part, OrderBatch)
                for messages in self._feed.publish(part):
                    self.write_messages(messages)

    def close(self, complete: bool) -> None:
        """Finish the day at hand; of a run that ended early it is dropped, and the days before it stay. Raises ``SinkError``."""
        with self._disk_errors():
            if self._part is not None:
                self._part.finish()
                self._part = None
            elif complete:
                self._next_day(None)
            elif self._day is not None:
                self.abandon_day()
                self._day = None

    def merge(self, run: RunInfo, complete: bool) -> None:
        """Make the files of what the workers have kept, and drop that. ``run`` is any worker's. Raises ``SinkError``."""
        paths = part_paths(self.folder)
        try:
            if paths and complete:
                self.open(replace(run, worker=0, workers=1))
                self.write_all(in_time_order([read_part(path) for path in paths]))
        finally:
            for path in paths:
                path.unlink(missing_ok=True)

    def write_all(self, batches: Iterable[OrderBatch]) -> None:
        """Write and close. Raises what the batches raise; then nothing of the day at hand stays."""
        complete = False
        try:
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
            self.finish_day()
        self._day = None
        if ts_ns is not None:
            assert self._feed is not None
            self._day = next(day for day in self._days if day.start_ns <= ts_ns < day.end_ns)
            self._feed.start_day()
            self.start_day(self._day)
        return self._day

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
