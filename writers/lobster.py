"""LOBSTER: a message and an order-book file per symbol, venue and day (lobsterdata.com/info/DataStructure.php).

    OUT/lobster/NASDAQ/AAPL_2025-07-01_34200000_57600000_message_10.csv
    OUT/lobster/NASDAQ/AAPL_2025-07-01_34200000_57600000_orderbook_10.csv

Row k of the order book is the state after message k. Times are written from integers, nine decimals; numbers of orders count
from 1 in each book and stay below 2^31, because readers cast them to int32. A message of a price beyond the levels is left
out, as in theirs (``all_messages`` keeps it). An order that a cross fills goes by a partial cancel or a deletion after the
cross's own message (type 6), so that types 4, 5 and 6 add up to the trades.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pcsv

from simulator.errors import InputError, explain
from simulator.inputs.sessions import TradingDay, trading_days
from simulator.records import I64, LEVELS_MAX, NS_PER_MS, NS_PER_S
from simulator.tape.sink import RunInfo
from writers.feed import kernel as k
from writers.feed.displayed import Messages
from writers.feed.files import WholeFile
from writers.feed.notices import StatusTold
from writers.feed.sink import FeedSink, by_book, midnight_ns

LEVELS_DEFAULT = 10
HOURS = (34_200_000, 57_600_000)
"""09:30 to 16:00, in ms after midnight."""
DAY_MS = 86_400_000
NO_ASK, NO_BID = 9_999_999_999, -9_999_999_999
SUBMISSION, PARTIAL_CANCEL, DELETION, EXECUTION, HIDDEN_EXECUTION, CROSS, HALT = range(1, 8)
TYPES = np.array([SUBMISSION, EXECUTION, PARTIAL_CANCEL, HIDDEN_EXECUTION, PARTIAL_CANCEL, DELETION, 0, CROSS], np.int64)
"""By kind of message; a fill in a cross that leaves nothing is a deletion."""
SHOWN = (k.ASK_PRICE, k.ASK_SIZE, k.BID_PRICE, k.BID_SIZE)
OPTIONS = pcsv.WriteOptions(include_header=False, quoting_style="none")


class _Pair:
    """The two files of one book."""

    def __init__(self, stem: Path, levels: int) -> None:
        name = f"{stem.name}_{{}}_{levels}.csv"
        self.message = WholeFile(stem.with_name(name.format("message")))
        try:
            self.book = WholeFile(stem.with_name(name.format("orderbook")))
        except BaseException:
            self.message.abandon()
            raise
        self.last = np.zeros((1, levels, 6), np.int64)
        """Levels after the last message, written or not."""
        self.rows = 0

    def finish(self) -> None:
        self.book.finish()
        self.message.finish()

    def abandon(self) -> None:
        self.book.abandon()
        self.message.abandon()


class LobsterSink(FeedSink):
    """Writes LOBSTER's pairs of files below ``folder/lobster``."""

    NAME = "lobster"
    FILES_A_BOOK = 2
    REF_MAX = 2**31 - 1

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (), levels: int = LEVELS_DEFAULT,
        start_ms: int = HOURS[0], end_ms: int = HOURS[1], all_messages: bool = False,
    ) -> None:  # fmt: skip
        """``levels``: 1 to 40. ``start_ms`` and ``end_ms``: of the day, after midnight; the end is not included. Raises ``InputError``.

        ``all_messages``: those of prices beyond the levels too, from which the whole book can be rebuilt.
        """
        super().__init__(folder, worker, venues=venues, symbols=symbols, levels=levels)
        if not 1 <= levels <= LEVELS_MAX:
            raise InputError(explain("--levels", levels, f"must be 1 to {LEVELS_MAX}", "LOBSTER's own files have 1 to 10."))
        if not 0 <= start_ms < end_ms <= DAY_MS:
            raise InputError(explain("--hours", f"{start_ms}-{end_ms}", f"must be two times from 0 to {DAY_MS} ms, the first the earlier",
                                     f"LOBSTER's are {HOURS[0]}-{HOURS[1]}."))  # fmt: skip
        self._hours = (start_ms, end_ms)
        self._all_messages = all_messages
        self._pairs: dict[int, _Pair] = {}
        self._midnight_ns = 0

    def check(self, run: RunInfo) -> None:
        """A run outside of the hours would leave nothing."""
        spans = [tuple(midnight_ns(day) + ms * NS_PER_MS for ms in self._hours) for day in trading_days(run.start_ns, run.end_ns)]
        if not any(start < run.end_ns and end > run.start_ns for start, end in spans):
            limit = "the run has no time of day between these, in ms after New York's midnight"
            raise InputError(explain("--hours", "-".join(map(str, self._hours)), limit, f"The whole day is 0-{DAY_MS}."))

    def start_day(self, day: TradingDay) -> None:
        self._midnight_ns = midnight_ns(day)
        self._date = day.date.isoformat()

    def write_messages(self, messages: Messages) -> None:
        for book, rows in by_book(messages):
            self._write_book(book, messages.columns[:, rows], messages.levels[rows])

    def finish_day(self) -> None:
        for pair in self._pairs.values():
            if pair.rows:
                pair.finish()
            else:
                pair.abandon()
        self._pairs = {}

    def abandon_day(self) -> None:
        for pair in self._pairs.values():
            pair.abandon()
        self._pairs = {}

    def write_halt(self, told: StatusTold, halts: bool) -> None:
        """Type 7, with the book as it stands: price -1 when trading stops, 1 when it goes on."""
        start_ns, end_ns = (self._midnight_ns + ms * NS_PER_MS for ms in self._hours)
        if not start_ns <= told.ts_ns < end_ns:
            return
        pair = self._pair(told.book)
        pair.rows += 1
        one = np.ones(1, np.int64)
        self._put(pair, {
            "time": seconds(one * (told.ts_ns - self._midnight_ns)), "type": one * HALT, "order_id": one * 0, "size": one * 0,
            "price": -one if halts else one, "direction": -one,
        }, pair.last[:, :, SHOWN])  # fmt: skip

    def _pair(self, book: int) -> _Pair:
        pair = self._pairs.get(book)
        if pair is None:
            symbol, venue = self.books[book]
            stem = f"{self.run.symbols[symbol]}_{self._date}_{self._hours[0]}_{self._hours[1]}"
            pair = self._pairs[book] = _Pair(self.folder / self.run.venues[venue] / stem, self.levels)
        return pair

    def _write_book(self, book: int, columns: I64, levels: I64) -> None:
        pair = self._pair(book)
        sizes = levels[:, :, SHOWN]
        before = np.concatenate((pair.last[:, :, SHOWN], sizes[:-1]))
        pair.last = levels[-1:].copy()
        types = TYPES[columns[k.KIND]]
        types[(columns[k.KIND] == k.CROSS_FILL) & (columns[k.LEFT] == 0)] = DELETION
        start_ns, end_ns = (self._midnight_ns + ms * NS_PER_MS for ms in self._hours)
        counts = np.full(len(types), True) if self._all_messages else (before != sizes).any(axis=(1, 2)) | (types >= EXECUTION)
        counts &= (columns[k.SIZE] > 0) & (columns[k.TS] >= start_ns) & (columns[k.TS] < end_ns)
        chosen = np.flatnonzero(counts)
        if not len(chosen):
            return
        pair.rows += len(chosen)
        columns, types, sizes = columns[:, chosen], types[chosen], sizes[chosen]
        is_cross = types == CROSS
        self._put(pair, {
            "time": seconds(columns[k.TS] - self._midnight_ns),
            "type": types,
            "order_id": columns[k.REF],
            "size": columns[k.SIZE],
            "price": np.where((types == EXECUTION) | is_cross, columns[k.PRINT], columns[k.PRICE]),
            "direction": np.where(is_cross, -1, 1 - 2 * columns[k.SIDE]),
        }, sizes)  # fmt: skip

    def _put(self, pair: _Pair, messages: dict[str, Any], sizes: I64) -> None:
        """Rows of both files; ``sizes`` [n, levels, 4] may be changed."""
        pcsv.write_csv(pa.table(messages), pair.message.file, OPTIONS)
        sizes[:, :, 0][sizes[:, :, 1] == 0] = NO_ASK
        sizes[:, :, 2][sizes[:, :, 3] == 0] = NO_BID
        flat = np.ascontiguousarray(sizes.reshape(len(sizes), -1).T)
        pcsv.write_csv(pa.table({str(i): column for i, column in enumerate(flat)}), pair.book.file, OPTIONS)


def seconds(since_midnight_ns: I64) -> Any:
    """Text with nine decimals; no float comes near it."""
    whole, rest = np.divmod(since_midnight_ns, NS_PER_S)
    decimals = pc.utf8_slice_codeunits(pc.cast(pa.array(rest + NS_PER_S), pa.string()), 1)
    return pc.binary_join_element_wise(pc.cast(pa.array(whole), pa.string()), decimals, ".")
