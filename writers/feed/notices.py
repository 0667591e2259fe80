"""What venues tell beside their orders, for the formats that have a place for it: the status of trading, and auction imbalances."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from simulator.notices import ImbalanceBatch, StatusBatch, StatusReason
from simulator.records import I64

NOTICE_TABLES = (StatusBatch.table, ImbalanceBatch.table)


class StatusTold(NamedTuple):
    """A symbol enters a phase at a venue."""

    ts_ns: int
    book: int
    phase: int
    """As ``Phase``."""
    reason: int
    """As ``StatusReason``."""


class CollarTold(NamedTuple):
    """Between which prices a paused symbol may reopen: told of the whole market, and so of each of its books. In 0.0001 USD."""

    ts_ns: int
    book: int
    reference: int
    lower: int
    upper: int


class ImbalanceTold(NamedTuple):
    """What a listing venue tells of a coming cross. Prices in 0.0001 USD, 0 where there is none."""

    ts_ns: int
    book: int
    cond: int
    """Of the cross's print, as ``Cond``."""
    paired: int
    imbalance: int
    side: int
    """As ``Side``; negative without an imbalance."""
    reference: int
    near: int
    far: int


Told = StatusTold | CollarTold | ImbalanceTold
RANKS: Mapping[type[Told], int] = {StatusTold: 0, CollarTold: 1, ImbalanceTold: 2}
"""What is told first of what is told at one time: a pause before where it may end."""


class Notices:
    """Those of the books wanted that are still to be told, in order of time, kind, symbol and venue, however they came."""

    def __init__(self, books: I64, scales: I64) -> None:
        """``books`` [symbols, venues]: each one's number, -1 if not wanted. ``scales`` [symbols]: a price's unit in 0.0001 USD."""
        self._books = books
        self._scales = scales
        self._waiting: list[tuple[int, int, int, int, int, Told]] = []
        self._count = 0

    def take(self, batch: StatusBatch | ImbalanceBatch) -> None:
        """Rows; of those of the market as a whole, where a symbol may reopen: its price bands are of no book."""
        names = list(batch.__dataclass_fields__)[3:]
        for n, (ts_ns, symbol, venue) in enumerate(zip(batch.ts_ns.tolist(), batch.symbol.tolist(), batch.venue.tolist(), strict=True)):
            row = [int(getattr(batch, name)[n]) for name in names]
            scale = int(self._scales[symbol])
            if isinstance(batch, ImbalanceBatch):
                self._wait(symbol, venue, ImbalanceTold(ts_ns, 0, *row[:4], *(price * scale for price in row[4:])))
            elif venue >= 0 and row[0] >= 0:
                self._wait(symbol, venue, StatusTold(ts_ns, 0, *row[:2]))
            elif row[1] == StatusReason.COLLAR:
                for v in range(self._books.shape[1]):
                    self._wait(symbol, v, CollarTold(ts_ns, 0, *(price * scale for price in row[2:])))

    def _wait(self, symbol: int, venue: int, told: Told) -> None:
        """If its book is wanted."""
        book = int(self._books[symbol, venue])
        if book >= 0:
            self._count += 1
            key = (told.ts_ns, RANKS[type(told)], symbol, venue, self._count)
            heapq.heappush(self._waiting, (*key, told._replace(book=book)))

    @property
    def next_ns(self) -> int | None:
        """When the next one is due."""
        return self._waiting[0][0] if self._waiting else None

    def due(self, until_ns: int) -> Iterator[Told]:
        """Those up to that time, which leave."""
        while self._waiting and self._waiting[0][0] <= until_ns:
            yield heapq.heappop(self._waiting)[-1]
