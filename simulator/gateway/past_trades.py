"""Prints of a symbol as they have reached one agent: all of them, summed up, in bars, and the day's facts that follow from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from simulator.agents.columns import Bars, Trades
from simulator.exchange.book_log import PRINT_PRICE, PRINT_SIDE, PRINT_SIZE, PRINT_TS, BookLog, Prints
from simulator.gateway.reach import Reach, whole
from simulator.records import I64


def join_books(books: Sequence[int], parts: Sequence[I64], order: I64 | None) -> tuple[I64, I64]:
    """Rows of several books, and the book of each; ``order``: their places in the end, of what stands one part after the other."""
    if len(parts) == 1:
        rows, book = parts[0], np.full(len(parts[0]), books[0], np.int64)
    else:
        rows = np.concatenate(parts)
        book = np.repeat(np.array(books, np.int64), [len(part) for part in parts])
    return (rows, book) if order is None else (rows[order], book[order])


def trade_columns(reach: Reach, books: Sequence[int], parts: Sequence[I64], order: I64 | None = None) -> Trades:
    """Prints of some books, at least one (int64[n, 4] each), as columns; ``order`` as in ``join_books``."""
    rows, book = join_books(books, parts, order)
    columns = np.ascontiguousarray(rows.T)
    k, v = np.divmod(book, len(reach.venues))
    return Trades(
        ts_ns=columns[PRINT_TS], symbol=reach.places[k], venue=v, price_ticks=columns[PRINT_PRICE], size=columns[PRINT_SIZE],
        side=columns[PRINT_SIDE],
    )  # fmt: skip


class PastTrades:
    """One agent's view of them."""

    def __init__(self, reach: Reach, prints: Prints, day_start_ns: Callable[[], int]) -> None:
        self._reach = reach
        self._prints = prints
        self._day_start_ns = day_start_ns

    def trades(self, symbol: str, venue: str | None = None, count: int | None = None, since_ns: int | None = None) -> Trades:
        most = None if count is None else whole("count", count, 1)
        books = self._reach.find_all(symbol, venue)
        parts = []
        for b in books:
            log, first, end = self._range(b, since_ns)
            parts.append(log.rows(first if most is None else max(first, end - most), end))
        if len(books) == 1:
            return trade_columns(self._reach, books, [parts[0].copy()])
        order = np.argsort(np.concatenate([part[:, PRINT_TS] for part in parts]), kind="stable")
        return trade_columns(self._reach, books, parts, order if most is None else order[-most:])

    def volume(self, symbol: str, venue: str | None = None, since_ns: int | None = None) -> int:
        return self._sums(symbol, venue, since_ns)[0]

    def vwap(self, symbol: str, venue: str | None = None, since_ns: int | None = None) -> float:
        shares, paid = self._sums(symbol, venue, since_ns)
        return paid / shares if shares else math.nan

    def bars(self, symbol: str, length_ns: int, venue: str | None = None, since_ns: int | None = None) -> Bars:
        length_ns = whole("length_ns", length_ns, 1)
        rows = self.trades(symbol, venue, None, since_ns)
        stretch = rows.ts_ns // length_ns
        firsts = np.flatnonzero(np.diff(stretch, prepend=stretch[:1] - 1)) if len(rows) else np.zeros(0, np.int64)
        if not len(firsts):
            none = np.zeros(0, np.int64)
            return Bars(
                start_ns=none, open_ticks=none, high_ticks=none, low_ticks=none, close_ticks=none, volume=none,
                vwap_ticks=np.zeros(0), trades=none,
            )  # fmt: skip
        lasts = np.append(firsts[1:], len(rows)) - 1
        price, volume = rows.price_ticks, np.add.reduceat(rows.size, firsts)
        return Bars(
            start_ns=stretch[firsts] * length_ns, open_ticks=price[firsts], high_ticks=np.maximum.reduceat(price, firsts),
            low_ticks=np.minimum.reduceat(price, firsts), close_ticks=price[lasts], volume=volume,
            vwap_ticks=np.add.reduceat(price * rows.size, firsts) / volume, trades=lasts - firsts + 1,
        )  # fmt: skip

    def low_high(self, symbol: str, venue: str | None = None) -> tuple[int, int]:
        ranges = [self._range(b, None) for b in self._reach.find_all(symbol, venue)]
        prices = [log.rows(first, end)[:, PRINT_PRICE] for log, first, end in ranges]
        some = [part for part in prices if len(part)]
        return (int(min(part.min() for part in some)), int(max(part.max() for part in some))) if some else (0, 0)

    def _sums(self, symbol: str, venue: str | None, since_ns: int | None) -> tuple[int, int]:
        sums = [log.sums(first, end) for log, first, end in (self._range(b, since_ns) for b in self._reach.find_all(symbol, venue))]
        return sum(shares for shares, _ in sums), sum(paid for _, paid in sums)

    def _range(self, b: int, since_ns: int | None) -> tuple[BookLog, int, int]:
        """(log, first, end): the prints of a book since then that have reached the agent, by their numbers."""
        log = self._prints.log(b)
        first = log.since(self._day_start_ns() if since_ns is None else whole("since_ns", since_ns, 0))
        return log, first, max(first, log.until(self._reach.seen_ns(b)))
