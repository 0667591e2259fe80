"""What venues tell beside their orders, for the formats that have a place for it: the status of trading, and auction imbalances."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import NamedTuple

from simulator.notices import ImbalanceBatch, StatusBatch
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


Told = StatusTold | ImbalanceTold


class Notices:
    """Those of the books wanted that are still to be told, in order of time, kind, symbol and venue, however they came."""

    def __init__(self, books: I64, scales: I64) -> None:
        """``books`` [symbols, venues]: each one's number, -1 if not wanted. ``scales`` [symbols]: a price's unit in 0.0001 USD."""
        self._books = books
        self._scales = scales
        self._waiting: list[tuple[int, int, int, int, int, Told]] = []
        self._count = 0

    def take(self, batch: StatusBatch | ImbalanceBatch) -> None:
        """Rows; a status of the market as a whole (price bands) is of no book."""
        rows = list(zip(*(getattr(batch, name).tolist() for name in batch.__dataclass_fields__), strict=True))
        for ts_ns, symbol, venue, *rest in rows:
            book = int(self._books[symbol, venue]) if venue >= 0 else -1
            if book < 0 or (isinstance(batch, StatusBatch) and rest[0] < 0):
                continue
            told: Told
            if isinstance(batch, StatusBatch):
                told = StatusTold(ts_ns, book, rest[0], rest[1])
            else:
                scale = int(self._scales[symbol])
                told = ImbalanceTold(ts_ns, book, *rest[:4], *(price * scale for price in rest[4:]))
            self._count += 1
            key = (ts_ns, NOTICE_TABLES.index(batch.table), symbol, venue, self._count)
            heapq.heappush(self._waiting, (*key, told))

    @property
    def next_ns(self) -> int | None:
        """When the next one is due."""
        return self._waiting[0][0] if self._waiting else None

    def due(self, until_ns: int) -> Iterator[Told]:
        """Those up to that time, which leave."""
        while self._waiting and self._waiting[0][0] <= until_ns:
            yield heapq.heappop(self._waiting)[-1]
