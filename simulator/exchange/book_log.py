"""What has happened in the books of a worker, kept for agents beyond the rings of the last states: prints, and rows where they are wanted.

Prints are put aside as they leave the columns, whole batches at a time, and sorted by book only when somebody asks for one: from then on
that book is followed from its ring. Book rows are kept from when somebody asks. Neither writes anything that a book or the flow reads.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from simulator.errors import LimitError
from simulator.exchange.order_books import Exchange
from simulator.inputs.sessions import new_york
from simulator.records import I32, I64, TradeBatch
from simulator.tape.columns import (
    ALL_PRINTS,
    ALL_ROWS,
    RING_PRINTS,
    RING_ROWS,
    ROWS_MD,
    ROWS_TR,
    SYMBOL,
    TAPE_TICK,
    TR_PRICE,
    TR_SIDE,
    TR_SIZE,
    VENUE,
)

ASIDE_MAX = 4_000_000
"""Prints of a worker that are put aside."""
BOOK_MAX = 1_000_000
"""Prints or rows of one book."""
PRINT_TS, PRINT_PRICE, PRINT_SIZE, PRINT_SIDE = range(4)
"""Columns of a print: int64[4]; the price in ticks. As the rings have them."""
ROW_TS, ROW_BID, ROW_BID_SIZE, ROW_ASK, ROW_ASK_SIZE = range(5)
"""Columns of a row: int64[5]; the best levels, prices in ticks."""


FEW = 32
"""Rows of a book that are read one by one: more are faster as columns."""


class BookLog:
    """Rows of one book in order of time, the first column; the oldest go when there are too many."""

    def __init__(self, width: int, name: str, sums: tuple[int, int] | None = None) -> None:
        """``sums``: two columns whose shares, and products, are summed up."""
        self.first = 0
        """Number of the oldest row kept, since the log began."""
        self.name = name
        self._rows: I64 = np.zeros((256, width), np.int64)
        self._sums: I64 = np.zeros((257, 2), np.int64)
        self._columns = sums
        self._count = 0
        self._last_ns = -1
        """Of the newest row."""

    @property
    def end(self) -> int:
        """Number of the next row."""
        return self.first + self._count

    def append(self, rows: I64) -> None:
        count, more = self._count, len(rows)
        if more > BOOK_MAX:
            self.first, self._count, count = self.first + count + more - BOOK_MAX, 0, 0
            rows, more = rows[-BOOK_MAX:], BOOK_MAX
        if count + more > BOOK_MAX:
            gone = min(count, max(count // 2, count + more - BOOK_MAX))
            self._rows[: count - gone] = self._rows[gone:count]
            self._sums[: count - gone + 1] = self._sums[gone : count + 1]
            self.first, count = self.first + gone, count - gone
        if count + more > len(self._rows):
            room = max(count + more, 2 * len(self._rows))
            self._rows = np.concatenate((self._rows[:count], np.zeros((room - count, self._rows.shape[1]), np.int64)))
            self._sums = np.concatenate((self._sums[: count + 1], np.zeros((room - count, 2), np.int64)))
        self._rows[count : count + more] = rows
        if self._columns is not None:
            price, size = (rows[:, column] for column in self._columns)
            self._sums[count + 1 : count + more + 1, 0] = self._sums[count, 0] + np.cumsum(size)
            self._sums[count + 1 : count + more + 1, 1] = self._sums[count, 1] + np.cumsum(price * size)
        self._count = count + more
        self._last_ns = int(self._rows[self._count - 1, 0]) if self._count else -1

    def until(self, ts_ns: int) -> int:
        """Number of the first row stamped after ``ts_ns``."""
        if ts_ns >= self._last_ns:  # mostly so: for speed
            return self.first + self._count
        return self.first + int(self._rows[: self._count, 0].searchsorted(ts_ns, "right"))

    def since(self, ts_ns: int) -> int:
        """Number of the first row stamped at ``ts_ns`` or later. Raises ``LimitError`` if it is not kept any more."""
        if ts_ns > self._last_ns and not self.first:
            return self._count
        place = int(self._rows[: self._count, 0].searchsorted(ts_ns, "left"))
        return self.first + (place if place or not self.first else self._check(ts_ns))

    def rows(self, first: int, end: int) -> I64:
        """A view of rows by their numbers. Raises ``LimitError`` if they are not kept any more."""
        if first < self.first:
            what = f"only the last {self._count:,} of {self.end:,} rows are kept"
            raise LimitError(f"An agent was to get {end - first:,} rows of {self.name}, but {what}. Drain streams more often.")
        return self._rows[first - self.first : end - self.first]

    def sums(self, first: int, end: int) -> tuple[int, int]:
        """Shares, and ticks times shares, of rows by their numbers."""
        if first == end:
            return 0, 0
        shares, paid = (self._sums[end - self.first] - self._sums[first - self.first]).tolist()
        return shares, paid

    def _check(self, ts_ns: int) -> int:
        kept_ns = int(self._rows[0, 0])
        if ts_ns < kept_ns:
            raise LimitError(
                f"An agent asked for prints of {self.name} since {new_york(ts_ns)} New York time, but only those since {new_york(kept_ns)} "
                f"are kept ({BOOK_MAX:,} of a book, {ASIDE_MAX:,} of a worker). Ask for a later time, or ask early and add up."
            )
        return 0


class Prints:
    """A worker's prints."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._facts = exchange.columns.facts.data  # a number of an array costs a third through a memoryview
        self._ring = exchange.columns.last_trade.data
        self._logs: dict[int, BookLog] = {}
        self._counted: dict[int, int] = {}
        """By followed book: its prints that are in its log, since the run began."""
        self._aside: list[tuple[I64, I32, I64]] = []
        """(stamps, books, [price in the tape's units, size, side]) of the prints that were drained."""
        self._aside_count = 0
        self._dropped: dict[int, int] = {}
        """By book: prints that are put aside no more."""
        self._place = np.zeros(max(exchange.symbols, default=0) + 1, np.int32)
        self._place[exchange.symbols] = np.arange(len(exchange.symbols), dtype=np.int32)

    def log(self, b: int) -> BookLog:
        """All prints of a book that are kept, up to now."""
        log = self._logs.get(b)
        if log is None:
            return self._follow(b)
        if self._counted[b] != self._facts[b, ALL_PRINTS]:
            self._catch_up(b, log)
        return log

    def recent(self, b: int, first: int, until_ns: int) -> list[tuple[int, ...]] | None:
        """The prints from number ``first`` on, stamped by ``until_ns``, as int[4] each, straight from the book's ring; None: too many."""
        facts, ring = self._facts, self._ring
        new, made = facts[b, ALL_PRINTS] - first, facts[b, RING_PRINTS]
        if new > FEW or new > made:
            return None
        size: int = ring.shape[1]  # type: ignore[index]
        rows: list[tuple[int, ...]] = []
        for n in range(made - new, made):
            r = n % size
            if (ts_ns := ring[b, r, 0]) > until_ns:
                break
            rows.append((ts_ns, ring[b, r, 1], ring[b, r, 2], ring[b, r, 3]))
        return rows

    def take(self, batch: TradeBatch) -> None:
        """Prints that are about to be forgotten by the columns."""
        for b, log in self._logs.items():
            if self._counted[b] != self._facts[b, ALL_PRINTS]:
                self._catch_up(b, log)
        books = self._place[batch.symbol] * self._exchange.venues + batch.venue
        rest = np.stack((batch.price, batch.size, batch.side), axis=1).astype(np.int64)
        self._aside.append((batch.ts_ns.copy(), books.astype(np.int32), rest))
        self._aside_count += len(batch)
        while self._aside_count > ASIDE_MAX and len(self._aside) > 1:
            _, books, _ = self._aside.pop(0)
            self._aside_count -= len(books)
            for b, count in zip(*(part.tolist() for part in np.unique(books, return_counts=True)), strict=True):
                self._dropped[b] = self._dropped.get(b, 0) + count

    def _follow(self, b: int) -> BookLog:
        log = BookLog(4, self._exchange.book_name(b), (PRINT_PRICE, PRINT_SIZE))
        log.first = self._dropped.get(b, 0)
        units = int(self._facts[b, TAPE_TICK])
        for stamps, books, rest in self._aside:
            mine = books == b
            rows = np.empty((int(mine.sum()), 4), np.int64)
            rows[:, PRINT_TS], rows[:, PRINT_PRICE:] = stamps[mine], rest[mine]
            rows[:, PRINT_PRICE] //= units
            log.append(rows)
        self._logs[b], self._counted[b] = log, log.end
        if self._counted[b] != self._facts[b, ALL_PRINTS]:
            self._catch_up(b, log)
        return log

    def _catch_up(self, b: int, log: BookLog) -> None:
        """The prints since then: from the book's ring, or, if they are more than it holds, from the columns."""
        missing = int(self._facts[b, ALL_PRINTS]) - self._counted[b]
        ring, made = self._exchange.columns.last_trade[b], int(self._facts[b, RING_PRINTS])
        if missing <= min(len(ring), made):
            log.append(ring[np.arange(made - missing, made) % len(ring)])
        else:
            log.append(self._undrained(b)[-missing:])
        self._counted[b] += missing

    def _undrained(self, b: int) -> I64:
        """The book's prints in the columns."""
        out, used = self._exchange.columns, int(self._exchange.columns.used[ROWS_TR])
        tr = out.tr[:used]
        mine = np.flatnonzero((tr[:, 0] == self._facts[b, SYMBOL]) & (tr[:, 1] == self._facts[b, VENUE]))
        rows = np.empty((len(mine), 4), np.int64)
        rows[:, PRINT_TS] = out.tr_ts[mine]
        rows[:, PRINT_PRICE] = tr[mine, TR_PRICE] // self._facts[b, TAPE_TICK]
        rows[:, PRINT_SIZE], rows[:, PRINT_SIDE] = tr[mine, TR_SIZE], tr[mine, TR_SIDE]
        return rows


class QuoteRows:
    """The best levels of some books after each of their changes, each from when it was first asked for."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._facts = exchange.columns.facts.data  # a number of an array costs a third through a memoryview
        self._ring_ts = exchange.columns.ring_ts.data
        self._ring_best = exchange.columns.ring_quotes[:, :, :, 0].data
        self._logs: dict[int, BookLog] = {}
        self._counted: dict[int, int] = {}

    def recent(self, b: int, first: int, until_ns: int) -> list[tuple[int, ...]] | None:
        """The rows from number ``first`` on, as ``Prints.recent`` gives prints."""
        facts, stamps, best = self._facts, self._ring_ts, self._ring_best
        new, made = facts[b, ALL_ROWS] - first, facts[b, RING_ROWS]
        if new > FEW or new > made:
            return None
        size: int = stamps.shape[1]  # type: ignore[index]
        units, rows = int(facts[b, TAPE_TICK]), list[tuple[int, ...]]()
        for n in range(made - new, made):
            r = n % size
            if (ts_ns := stamps[b, r]) > until_ns:
                break
            rows.append((ts_ns, best[b, r, 0] // units, best[b, r, 1], best[b, r, 2] // units, best[b, r, 3]))
        return rows

    def log(self, b: int) -> BookLog:
        """Up to now, by numbers since the run began. It begins with what the ring holds: what is on its way to somebody is there."""
        log = self._logs.get(b)
        if log is None:
            log = self._logs[b] = BookLog(5, self._exchange.book_name(b))
            ring = len(self._exchange.columns.ring_ts[b])
            log.first = self._counted[b] = int(self._facts[b, ALL_ROWS]) - min(ring, int(self._facts[b, RING_ROWS]))
        if self._counted[b] != self._facts[b, ALL_ROWS]:
            self._catch_up(b, log)
        return log

    def take(self) -> None:
        """Rows are about to be forgotten by the columns."""
        for b in self._logs:
            self.log(b)

    def _catch_up(self, b: int, log: BookLog) -> None:
        missing = int(self._facts[b, ALL_ROWS]) - self._counted[b]
        out, made = self._exchange.columns, int(self._facts[b, RING_ROWS])
        size = len(out.ring_ts[b])
        if missing <= min(size, made):
            places = np.arange(made - missing, made) % size
            stamps, quotes = out.ring_ts[b, places], out.ring_quotes[b, places, :, 0]
        else:
            used = int(out.used[ROWS_MD])
            key = out.md_key[:used]
            mine = np.flatnonzero((key[:, 0] == self._facts[b, SYMBOL]) & (key[:, 1] == self._facts[b, VENUE]))[-missing:]
            stamps, quotes = out.md_ts[mine], out.md_quotes[mine, :, 0]
        rows = np.empty((missing, 5), np.int64)
        rows[:, ROW_TS], rows[:, ROW_BID:] = stamps, quotes
        rows[:, [ROW_BID, ROW_ASK]] //= int(self._facts[b, TAPE_TICK])
        log.append(rows)
        self._counted[b] += missing


class Tap:
    """What looks at all rows of a worker as they leave the columns, for its agents."""

    def __init__(self, exchange: Exchange) -> None:
        self.prints = Prints(exchange)
        self.quotes = QuoteRows(exchange)
        self.on_day: list[Callable[[], None]] = []
        """Called when a day has begun, and round lots are known."""
        self.on_forget: list[Callable[[int], None]] = []
        """Called with the time before which the columns are about to forget their rows."""

    def start_day(self) -> None:
        for start in self.on_day:
            start()

    def take(self, before_ns: int, trades: TradeBatch | None) -> None:
        """Before the columns forget what they have handed on, stamped before then; ``trades``: the prints among it."""
        for take in self.on_forget:
            take(before_ns)
        self.quotes.take()
        if trades is not None:
            self.prints.take(trades)
