"""A catalog of nautilus_trader: one file per class of data, instrument and day.

    OUT/nautilus/data/order_book_deltas/AAPL.NASDAQ/2025-07-01T13-30-00-000000050Z_2025-07-01T19-59-59-999999000Z.parquet

``ParquetDataCatalog("OUT/nautilus")`` reads it. Times of receipt are the venue's own. A file is named after its first and last time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError, explain
from simulator.inputs.sessions import TradingDay
from simulator.records import I64
from simulator.tape.sink import RunInfo
from writers.feed import kernel as k
from writers.feed.displayed import Messages
from writers.feed.notices import StatusTold, Told
from writers.feed.sink import FeedSink
from writers.nautilus.files import ClassFile, Waiting, write_small
from writers.nautilus.kernel import changed_levels
from writers.nautilus.schema import (
    ADD,
    CLEAR,
    DELETE,
    DELTA,
    DEPTH,
    DEPTHS,
    FOLDERS_BEFORE_1_222,
    LAST,
    PRECISIONS,
    QUOTE,
    RENAMED_IN,
    SNAPSHOT,
    TRADE,
    UPDATE,
    Encoder,
    equity,
    statuses,
)

CLASSES = {"order_book_deltas": DELTA, "trade_tick": TRADE, "quote_tick": QUOTE, "order_book_depths": DEPTHS}
"""And the columns of their rows."""
LAYOUT_DEFAULT = "1.222"


class NautilusSink(FeedSink):
    """Writes a catalog into ``folder/nautilus``."""

    NAME = "nautilus"
    FILES_A_BOOK = len(CLASSES)

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (),
        layout: str = LAYOUT_DEFAULT, precision: str = "high",
    ) -> None:  # fmt: skip
        """``layout``: version of nautilus_trader that will read it. ``precision``: high, or standard. Raises ``InputError``."""
        super().__init__(folder, worker, venues=venues, symbols=symbols, levels=DEPTH)
        found = re.fullmatch(r"(\d+)\.(\d+)(\.\w+)*", layout)
        if found is None:
            limit = "must be a version of nautilus_trader"
            raise InputError(explain("--layout", layout, limit, "For example 1.221, or 1.222 for later ones."))
        self._is_old = (int(found[1]), int(found[2])) < RENAMED_IN
        if precision not in PRECISIONS:
            raise InputError(explain("--precision", precision, f"must be {' or '.join(PRECISIONS)}", "high is the default."))
        self._precision = precision
        self._files: dict[tuple[str, int], ClassFile] = {}
        self._waiting: Waiting | None = None
        self._statuses: dict[int, list[StatusTold]] = {}
        """Of each book and the day: a few."""
        self._carried: Messages | None = None

    def check(self, run: RunInfo) -> None:
        """Refuse names that a catalog cannot have."""
        for name in self.symbols or run.symbols:
            if "/" in name:
                raise InputError(explain("symbol", name, "a catalog names folders after symbols", "Choose others with --symbols."))

    def start_day(self, day: TradingDay) -> None:
        self._start_ns = max(day.start_ns, self.run.start_ns)
        self._span_ns = (day.start_ns, day.end_ns)
        self._date = f"{day.date:%Y%m%d}"
        self._levels = np.zeros((len(self.books), DEPTH, 6), np.int64)
        self._level_type = np.int64 if self._scales.max() > 1 else np.int32  # of a dear symbol prices may need more than four bytes
        self._counts = np.zeros(len(self.books), np.int64)
        self._begun: dict[int, None] = {}
        self._carried = None
        self._statuses = {}
        self._waiting = Waiting(self.folder)

    def write_notice(self, told: Told) -> None:
        """What may trade."""
        if isinstance(told, StatusTold):
            self._statuses.setdefault(told.book, []).append(told)

    def write_messages(self, messages: Messages) -> None:
        """All but the last instant of each book, which may go on: what is the last of an instant carries a flag."""
        if self._carried is not None and len(self._carried):
            columns = np.concatenate((self._carried.columns, messages.columns), axis=1)
        else:
            columns = messages.columns
        order = np.argsort(columns[k.BOOK], kind="stable")
        books, ts = columns[k.BOOK][order], columns[k.TS][order]
        last = np.append(np.flatnonzero(books[1:] != books[:-1]), len(books) - 1)
        waits = ts == np.repeat(ts[last], np.diff(last, prepend=-1))
        taken = self._carried.levels if self._carried is not None else messages.levels[:0]
        whole, kept = order[~waits], order[waits]
        is_old = kept < len(taken)
        after = np.empty((len(kept), DEPTH, 6), np.int64)
        after[is_old], after[~is_old] = taken[kept[is_old]], messages.levels[kept[~is_old] - len(taken)]
        self._write(columns[:, whole], whole, taken, messages.levels)
        self._carried = Messages(columns[:, kept], after)

    def finish_day(self) -> None:
        if self._carried is not None:
            carried = self._carried
            self._write(carried.columns, np.arange(len(carried)), carried.levels, carried.levels[:0])
            self._carried = None
        for book in sorted({*self._begun, *self._statuses}):
            self._write_instrument(book)
        for book, told in self._statuses.items():
            rows = statuses(self._instrument(book), told)
            write_small(self.folder / "data" / "instrument_status" / self._instrument(book), rows, told[0].ts_ns, told[-1].ts_ns)
        self._statuses = {}
        while self._files:
            key = next(iter(self._files))
            self._files[key].finish()
            del self._files[key]
        self._end_waiting()

    def abandon_day(self) -> None:
        for file in self._files.values():
            file.abandon()
        self._files = {}
        self._statuses = {}
        self._end_waiting()

    def _end_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None

    def _write(self, columns: I64, places: I64, carried: I64, levels: I64) -> None:
        """Whole instants, by book and in time order within each; ``places`` [n]: of those after each in ``carried``, then ``levels``."""
        if not columns.shape[1]:
            return
        books, ts, kinds = columns[k.BOOK], columns[k.TS], columns[k.KIND]
        starts = np.flatnonzero(np.append(True, books[1:] != books[:-1]))
        for book in books[starts].tolist():
            self._begin(book)
        sequence = self._counts[books] + np.arange(len(books)) - np.repeat(starts, np.diff(np.append(starts, len(books)))) + 1
        ends = np.append(starts[1:], len(books)) - 1
        self._counts[books[ends]] = sequence[ends]
        whole = np.append((books[1:] != books[:-1]) | (ts[1:] != ts[:-1]), True)

        deltas = np.flatnonzero((kinds != k.HIDDEN_FILL) & (kinds != k.CROSSED))
        left, size = columns[k.LEFT, deltas], columns[k.SIZE, deltas]
        action = np.where(kinds[deltas] == k.SHOW, ADD, np.where(left > 0, UPDATE, DELETE))
        instant = np.cumsum(whole)[deltas] - whole[deltas]  # the last that changes the book, though a print follows
        flags = np.where(np.append(instant[1:] != instant[:-1], True), LAST, 0) if len(deltas) else instant
        rows = np.stack((
            action, columns[k.SIDE, deltas] + 1, columns[k.PRICE, deltas], np.where(action == UPDATE, left, size), columns[k.REF, deltas],
            flags, sequence[deltas], ts[deltas],
        ))  # fmt: skip
        self._give("order_book_deltas", books[deltas], rows)

        trades = np.flatnonzero(((kinds == k.FILL) | (kinds == k.HIDDEN_FILL) | (kinds == k.CROSSED)) & (columns[k.SIZE] > 0))
        aggressor = np.where(kinds[trades] == k.CROSSED, 0, 2 - columns[k.SIDE, trades])
        rows = np.stack((columns[k.PRINT, trades], columns[k.SIZE, trades], aggressor, columns[k.MATCH, trades], ts[trades]))
        self._give("trade_tick", books[trades], rows)

        shown = np.flatnonzero(whole)
        of, times = books[shown], np.stack((sequence[shown], ts[shown]))
        after = np.empty((len(shown), DEPTH * 6), self._level_type)
        chosen, quoted = np.empty((2, len(shown)), np.int64)
        changes, quotes = changed_levels(places[shown], of, carried, levels, self._levels, after, chosen, quoted)
        chosen, quoted = chosen[:changes], quoted[:quotes]
        self._give("order_book_depths", of[chosen], times[:, chosen], after[:changes])
        best = after[np.searchsorted(chosen, quoted)][:, (k.BID_PRICE, k.ASK_PRICE, k.BID_SIZE, k.ASK_SIZE)]
        self._give("quote_tick", of[quoted], np.concatenate((best.T.astype(np.int64), times[1:, quoted])))

    def _give(self, kind: str, books: I64, rows: I64, *levels: Any) -> None:
        """Hand each book's rows, which stand together, to its file."""
        if not len(books):
            return
        cuts = np.append(np.flatnonzero(np.append(True, books[1:] != books[:-1])), len(books))
        for first, last in zip(cuts[:-1].tolist(), cuts[1:].tolist(), strict=True):
            book = int(books[first])
            file = self._files.get((kind, book))
            if file is None:
                name = FOLDERS_BEFORE_1_222.get(kind, kind) if self._is_old else kind
                folder = self.folder / "data" / name / self._instrument(book)
                encoder = Encoder(self._instrument(book), self._price_precision(book), self._precision, self._date)
                assert self._waiting is not None
                parts: list[tuple[int, Any]] = [(len(CLASSES[kind]), np.int64)]
                if levels:
                    parts.append((DEPTH * 6, self._level_type))
                file = ClassFile(folder, encoder.of[kind], self._waiting, parts, self._span_ns)
                self._files[kind, book] = file
            file.write(rows[:, first:last], *(part[first:last] for part in levels))

    def _begin(self, book: int) -> None:
        """Before a book's first message of the day: an empty snapshot."""
        if book in self._begun:
            return
        self._begun[book] = None
        clear = dict.fromkeys(DELTA, 0) | {"action": CLEAR, "flags": LAST | SNAPSHOT, "ts": self._start_ns}
        self._give("order_book_deltas", np.array([book]), np.array([list(clear.values())]).T)

    def _write_instrument(self, book: int) -> None:
        """If the book has none yet."""
        folder = self.folder / "data" / "equity" / self._instrument(book)
        if any(folder.glob("*.parquet")):  # of a day before
            return
        symbol = self.books[book][0]
        table = equity(
            self.run.symbols[symbol], self._instrument(book), self._tick_units(symbol), self._price_precision(book), self._start_ns,
            is_old=self._is_old,
        )  # fmt: skip
        write_small(folder, table, self._start_ns, self._start_ns)

    def _instrument(self, book: int) -> str:
        symbol, venue = self.books[book]
        return f"{self.run.symbols[symbol]}.{self.run.venues[venue]}"

    def _tick_units(self, symbol: int) -> int:
        return self.run.tick_units[symbol] if self.run.tick_units else 100

    def _price_precision(self, book: int) -> int:
        """Decimals: two, or four for a tick below a cent."""
        return 2 if self._tick_units(self.books[book][0]) % 100 == 0 else 4
