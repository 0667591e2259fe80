"""One symbol on one day: its prints, its consolidated quote, samples on grids. What the groups of statistics measure from.

The consolidated quote at a time is the highest bid and the lowest ask over the venues at which a round lot stands, each venue's
last row in force. "Midday" is an hour beginning five thirteenths into the session: 12:00 to 13:00 of a full day.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.analysis.scorecard.book_rows import NO_ASK, NO_BID, TICK_UNITS, Rows
from simulator.inputs.sessions import TradingDay
from simulator.records import F64, I64, NS_PER_S

GRID_S = 1
FULL_SESSION_S = 23_400


@dataclass(slots=True)
class Prints:
    """Prints in time order, [n]. ``kind``: 0 continuous, 1 open, 2 close, 3 reopening. ``sign``: +1 the buyer initiated."""

    ts: I64
    venue: NDArray[np.int16]
    price: NDArray[np.int32]
    size: I64
    sign: NDArray[np.int8]
    kind: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.ts)

    def take(self, which: Any) -> Prints:
        return Prints(*(getattr(self, name)[which] for name in Prints.__slots__))


CONTINUOUS, OPEN, CLOSE, REOPENING = range(4)


@dataclass
class Quotes:
    """The consolidated quote, a row per change of it within the session; ``row``: the book row that made it."""

    ts: I64
    bid: I64
    ask: I64
    venue: NDArray[np.int16]
    row: I64
    lasts_ns: I64

    @cached_property
    def mid(self) -> F64:
        return (self.bid + self.ask) / 2.0

    @cached_property
    def spread(self) -> I64:
        return self.ask - self.bid


@dataclass
class SymbolDay:
    """Rows and prints of a symbol; ``start_ns`` to ``end_ns`` is the covered part of the continuous session."""

    symbol: str
    day: TradingDay
    venues: tuple[str, ...]
    listing: str | None
    round_lot: int
    rows: Rows
    prints: Prints
    start_ns: int
    end_ns: int

    @cached_property
    def tick(self) -> int:
        return TICK_UNITS if not len(self.prints) or float(np.median(self.prints.price)) >= 10_000 else 1

    @property
    def covered_s(self) -> int:
        return max(0, self.end_ns - self.start_ns) // NS_PER_S

    @property
    def is_whole(self) -> bool:
        """The session from open to close, but for a minute at the ends."""
        spare = 60 * NS_PER_S
        return self.start_ns <= self.day.open_ns + spare and self.end_ns >= self.day.close_ns - spare

    def covers(self, start_ns: int, end_ns: int) -> bool:
        return self.start_ns <= start_ns and end_ns <= self.end_ns

    @property
    def session_s(self) -> int:
        return (self.day.close_ns - self.day.open_ns) // NS_PER_S

    @property
    def midday(self) -> tuple[int, int]:
        start = self.day.open_ns + (self.day.close_ns - self.day.open_ns) * 5 // 13
        return start, start + 3_600 * NS_PER_S

    @cached_property
    def continuous(self) -> Prints:
        """Continuous prints of regular hours."""
        inside = (self.prints.ts > self.day.open_ns) & (self.prints.ts < self.day.close_ns)
        return self.prints.take(inside & (self.prints.kind == CONTINUOUS))

    @cached_property
    def parents(self) -> Prints:
        """Parent trades: runs of continuous prints of one venue and side on equal or consecutive nanoseconds.

        Time is the first's, price the last's.
        """
        prints = self.continuous
        order = np.lexsort((prints.ts, prints.venue))
        p = prints.take(order)
        new = np.append(True, (p.venue[1:] != p.venue[:-1]) | (p.sign[1:] != p.sign[:-1]) | (np.diff(p.ts) > 1))[: len(p)]
        first = np.flatnonzero(new)
        if not len(first):
            return p
        last = np.append(first[1:], len(p)) - 1
        sums = np.add.reduceat(p.size, first)
        parents = Prints(p.ts[first], p.venue[first], p.price[last], sums, p.sign[first], p.kind[first])
        return parents.take(np.argsort(parents.ts, kind="stable"))

    @cached_property
    def _latest(self) -> I64:
        """int64[venues, rows]: the venue's last row up to each row, -1 before its first."""
        place = np.arange(len(self.rows), dtype=np.int64)
        return np.stack([np.maximum.accumulate(np.where(self.rows.venue == v, place, -1)) for v in range(len(self.venues))])

    def at_venues(self, column: str, rows: I64, nothing: int) -> I64:
        """int64[venues, n]: a column of each venue's last row as of the given rows (-1: before all of them)."""
        values = np.append(getattr(self.rows, column), nothing)
        latest = np.where(rows < 0, -1, self._latest[:, rows]) if len(self.rows) else np.full((len(self.venues), len(rows)), -1)
        return np.asarray(values[latest], np.int64)

    @cached_property
    def bids(self) -> I64:
        """int64[venues, rows]: each venue's round-lot bid after each row."""
        return np.append(self.rows.lot_bid, NO_BID).astype(np.int64)[self._latest]

    @cached_property
    def asks(self) -> I64:
        return np.append(self.rows.lot_ask, NO_ASK).astype(np.int64)[self._latest]

    @cached_property
    def quotes(self) -> Quotes:
        """Of the covered session; moments without a quote on both sides are left out."""
        if not len(self.rows) or not len(self.venues):
            empty = np.zeros(0, np.int64)
            return Quotes(empty, empty, empty, empty.astype(np.int16), empty, empty)
        bid, ask = self.bids.max(axis=0), self.asks.min(axis=0)
        changed = np.append(True, (bid[1:] != bid[:-1]) | (ask[1:] != ask[:-1]))
        row = np.flatnonzero(changed)
        ts = self.rows.ts[row]
        until = np.append(ts[1:], self.end_ns)
        start, stop = np.maximum(ts, self.start_ns), np.minimum(until, self.end_ns)
        keep = (stop > start) & (bid[row] != NO_BID) & (ask[row] != NO_ASK)
        row = row[keep]
        return Quotes(start[keep], bid[row], ask[row], self.rows.venue[row], row, (stop - start)[keep])

    def quote_before(self, ts: I64) -> I64:
        """Place in ``quotes`` in force just before each time; -1 before the first."""
        return np.asarray(np.searchsorted(self.quotes.ts, ts, side="left") - 1)

    def mids(self, step_s: int) -> F64:
        """The midpoint on a grid of the session, [session / step + 1]; NaN outside of what is covered.

        The first point has the first quote after the opening cross, if there is one: what stood before it is no price of the session.
        """
        grid = self.day.open_ns + np.arange(self.session_s // step_s + 1, dtype=np.int64) * step_s * NS_PER_S
        quotes = self.quotes
        if not len(quotes.ts):
            return np.full(len(grid), np.nan)
        place = np.searchsorted(quotes.ts, grid, side="right") - 1
        opened = self.opened_ns
        if opened is not None:
            place = np.maximum(place, np.searchsorted(quotes.ts, opened, side="left"))
        place = np.clip(place, 0, len(quotes.ts) - 1)
        edge = 60 * NS_PER_S
        known = (grid >= self.start_ns - edge) & (grid <= self.end_ns + edge)
        return np.where(known, quotes.mid[place], np.nan)

    @cached_property
    def opened_ns(self) -> int | None:
        """Time of the opening cross."""
        crosses = self.prints.ts[self.prints.kind == OPEN]
        return int(crosses[0]) if len(crosses) and crosses[0] < self.day.close_ns else None

    def counts(self, ts: I64, step_s: int) -> I64:
        """Events per bin of the session, [session / step]."""
        bins = (ts - self.day.open_ns) // (step_s * NS_PER_S)
        size = self.session_s // step_s
        return np.bincount(bins[(bins >= 0) & (bins < size)], minlength=size)

    def covered_bins(self, step_s: int) -> slice:
        """The bins of such a grid that lie whole in what is covered."""
        step = step_s * NS_PER_S
        first = -(-(self.start_ns - self.day.open_ns) // step)
        return slice(max(first, 0), max(first, 0, (self.end_ns - self.day.open_ns) // step))

    @cached_property
    def mid_changes(self) -> tuple[I64, NDArray[np.int8], NDArray[np.int16], I64]:
        """Time, direction, venue that made it and book row of each change of the midpoint."""
        quotes = self.quotes
        steps = np.diff(quotes.bid + quotes.ask)
        place = np.flatnonzero(steps) + 1
        return quotes.ts[place], np.sign(steps[place - 1]).astype(np.int8), quotes.venue[place], quotes.row[place]
