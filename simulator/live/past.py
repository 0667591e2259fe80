"""The last minutes of a market: what is kept of its rows while they pass, and the columns of a heatmap that are made of it.

A column is ``[second, books, prints]``: the second since the epoch in which it begins, the books that moved in it as
``[venue, bid prices, bid sizes, ask prices, ask sizes]`` after their last move, and prints as ``[ms, price, size, side, venue]``, the
side B or S as the taker's, X for a cross, which has none.
Prices are in 0.0001 USD; a book that did not move stands as it stood before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.records import I64, NS_PER_MS, NS_PER_S, Cond, MarketDataBatch, TradeBatch

LEVELS = 10
"""Of each side that are kept."""
BOOKS_KEPT, PRINTS_KEPT = 65_536, 32_768
"""Rows of a worker; of one of two at the default rates, six minutes of them and more."""
FINE_S = 15
"""A viewer who sees a frame after so many seconds or less has columns of a second each."""
SIDES, CROSSED = "BSX", 2
TAPE_REACH = 1_024
"""Prints that are looked through at first for a symbol's newest ones."""
SECONDS_MAX = 3_600
WIDE = 240
"""Columns of a heatmap."""
STEPS_S = (1, 5, 15)
"""Seconds that a column may stand for: four minutes, twenty, or an hour in all."""

Column = list[Any]


def step_for(speed: float | None) -> int:
    """Seconds of a heatmap's column, so that it passes by at a pace that can be watched. ``speed``: None for as fast as may be."""
    return next((step_s for step_s in STEPS_S if speed is not None and speed <= 16 * step_s), STEPS_S[-1])


class Ring:
    """The newest rows, in time order: the first column is their time."""

    def __init__(self, rows: int, columns: Sequence[tuple[tuple[int, ...], Any]]) -> None:
        """``columns``: shape of a row and type, of each after the time. Memory is touched as rows come."""
        self._rows = rows
        self._ts_ns: I64 = np.empty(rows, np.int64)
        self.columns: list[NDArray[Any]] = [np.empty((rows, *shape), dtype) for shape, dtype in columns]
        self._count = 0
        """Ever written."""

    def write(self, ts_ns: I64, *columns: NDArray[Any]) -> None:
        """Copies rows, the last ones if there are more than are kept."""
        first = max(len(ts_ns) - self._rows, 0)
        while first < len(ts_ns):
            at = self._count % self._rows
            n = min(self._rows - at, len(ts_ns) - first)
            self._ts_ns[at : at + n] = ts_ns[first : first + n]
            for kept, column in zip(self.columns, columns, strict=True):
                kept[at : at + n] = column[first : first + n]
            first += n
            self._count += n

    def since(self, ts_ns: int) -> tuple[I64, I64]:
        """Places, oldest first, of the rows at or after a time; and their times."""
        at = self._count % self._rows
        first = int(np.searchsorted(self._ts_ns[:at], ts_ns))
        places: I64 = np.arange(first, at)
        if first == 0 and self._count >= self._rows:
            older = at + int(np.searchsorted(self._ts_ns[at:], ts_ns))
            places = np.concatenate((np.arange(older, self._rows), places))
        return places, self._ts_ns[places]

    def last(self, count: int) -> tuple[I64, I64]:
        """The same of the newest ``count`` rows, or as many as there are."""
        n = min(count, self._count, self._rows)
        places: I64 = np.arange(self._count - n, self._count) % self._rows
        return places, self._ts_ns[places]

    @property
    def oldest_ns(self) -> int | None:
        """Time of the oldest row."""
        if not self._count:
            return None
        return int(self._ts_ns[self._count % self._rows if self._count >= self._rows else 0])


class Recent:
    """A worker's last rows; and which columns of each symbol have been handed out."""

    def __init__(self, venues: Sequence[str], levels: int) -> None:
        """``levels``: of a side in a row."""
        self._venues = venues
        self._depth = min(levels, LEVELS)
        self._books = Ring(BOOKS_KEPT, [((), np.int32), ((), np.int32), ((4, self._depth), np.int32)])
        self._prints = Ring(PRINTS_KEPT, [((), np.int32), ((), np.int32), ((), np.int32), ((), np.int32), ((), np.int32)])
        self._given: dict[int, int] = {}
        """By symbol: the second of the last column, which may still change."""

    def take_books(self, batch: MarketDataBatch) -> None:
        self._books.write(batch.ts_ns, batch.symbol, batch.venue, batch.quotes[:, :, : self._depth])

    def take_prints(self, batch: TradeBatch) -> None:
        side = np.where(batch.cond == Cond.TRADE, batch.side, CROSSED)
        self._prints.write(batch.ts_ns, batch.symbol, batch.venue, batch.price, batch.size, side)

    def tape(self, symbol: int, count: int) -> list[tuple[int, int, int, int, int]]:
        """The symbol's newest prints, the oldest first: time, venue, price as it came, shares, place of the side in ``SIDES``."""
        reach = TAPE_REACH
        while True:  # most often the last few will do
            places, ts_ns = self._prints.last(reach)
            mine = np.flatnonzero(self._prints.columns[0][places] == symbol)[-count:]
            if len(mine) == count or len(places) < reach:
                return list(zip(ts_ns[mine].tolist(), *(column[places[mine]].tolist() for column in self._prints.columns[1:]), strict=True))
            reach *= 8

    def columns(self, symbol: int, scale: int, now_ns: int) -> tuple[bool, list[Column]]:
        """What is new of a symbol since the last call, the last column of which is told again; first whether it begins anew.

        ``scale``: 0.0001 USD in a price of its rows.
        """
        now_s = now_ns // NS_PER_S
        oldest_ns = self._books.oldest_ns
        if oldest_ns is None:
            return True, []
        oldest_s = max(oldest_ns // NS_PER_S, now_s - SECONDS_MAX)
        given_s = self._given.get(symbol, -1)
        from_s = max(given_s, oldest_s)
        self._given[symbol] = now_s
        is_coarse = given_s >= oldest_s and now_s - given_s > FINE_S

        def begins(seconds: I64) -> I64:
            """Of the column of each: of a market that runs ahead of any eye, few are told."""
            coarse = np.where(seconds == now_s, now_s, np.maximum(seconds // STEPS_S[-1] * STEPS_S[-1], from_s))
            return np.asarray(coarse if is_coarse else seconds, np.int64)

        found: dict[int, Column] = {}
        places, ts_ns = self._books.since(from_s * NS_PER_S)
        mine = np.flatnonzero(self._books.columns[0][places] == symbol)
        places, seconds = places[mine], begins(ts_ns[mine] // NS_PER_S)
        if len(places):
            width = len(self._venues)
            last = np.full((int(seconds[-1]) - from_s + 1) * width, -1, np.int64)
            last[(seconds - from_s) * width + self._books.columns[1][places]] = places  # of several the last one stays
            cells = np.flatnonzero(last >= 0)
            levels = self._books.columns[2][last[cells]].astype(np.int64)
            levels[:, 0::2] *= scale
            for cell, sides in zip(cells.tolist(), levels.tolist(), strict=True):
                second, venue = divmod(cell, width)
                found.setdefault(from_s + second, [from_s + second, [], []])[1].append([venue, *map(_trimmed, sides)])
        places, ts_ns = self._prints.since(from_s * NS_PER_S)
        mine = np.flatnonzero(self._prints.columns[0][places] == symbol)
        rows = zip(ts_ns[mine].tolist(), *(column[places[mine]].tolist() for column in self._prints.columns[1:]), strict=True)
        for second, (ns, venue, price, size, side) in zip(begins(ts_ns[mine] // NS_PER_S).tolist(), rows, strict=True):
            row = [ns / NS_PER_MS, price * scale, size, SIDES[side], self._venues[venue]]
            found.setdefault(second, [second, [], []])[2].append(row)
        found.setdefault(now_s, [now_s, [], []])
        return given_s < oldest_s, [found[second] for second in sorted(found)]


def _trimmed(numbers: list[int]) -> list[int]:
    """Without the zeros at its end."""
    while numbers and not numbers[-1]:
        numbers.pop()
    return numbers


class Columns:
    """The columns of one symbol of which a heatmap is drawn, at one step."""

    def __init__(self, step_s: int) -> None:
        self._step_s = step_s
        self._kept: deque[Column] = deque()
        """Of the seconds before the newest."""
        self._newest: Column | None = None
        """A second, which may come again with more."""
        self.beginnings = 0
        """How often it began anew, because what was between is not known."""

    def take(self, begins_anew: bool, columns: Sequence[Column]) -> None:
        """Seconds, each later than the one before; the first may be the newest one again."""
        if begins_anew:
            self._kept.clear()
            self._newest = None
            self.beginnings += 1
        for column in columns:
            if self._newest is not None and self._newest[0] != column[0]:
                self._keep(self._newest)
            self._newest = column

    def _keep(self, column: Column) -> None:
        at = column[0] // self._step_s * self._step_s
        self._kept.append(self._joined(self._kept.pop() if self._kept and self._kept[-1][0] == at else None, column))
        while len(self._kept) > 1 and self._kept[0][0] <= at - WIDE * self._step_s:
            dropped, first = self._kept.popleft(), self._kept.popleft()  # what is dropped still stands in the books that did not move
            self._kept.appendleft([first[0], _moved(dropped, first), first[2]])

    def _joined(self, before: Column | None, column: Column) -> Column:
        """A second's part added to what its column has so far."""
        if before is None:
            return [column[0] // self._step_s * self._step_s, *column[1:]]
        return [before[0], _moved(before, column), [*before[2], *column[2]]]

    def since(self, second: int) -> list[Column]:
        """Those that begin at or after a second; the last of them may come again with more."""
        found = [column for column in self._kept if column[0] >= second]
        if self._newest is not None:
            at = self._newest[0] // self._step_s * self._step_s
            found.append(self._joined(found.pop() if found and found[-1][0] == at else None, self._newest))
        return found


def _moved(before: Column, after: Column) -> list[Any]:
    """Each book as it stood last."""
    return list({book[0]: book for book in (*before[1], *after[1])}.values())
