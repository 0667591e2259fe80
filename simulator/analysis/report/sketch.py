"""A few numbers per symbol and minute of a run, gathered while its rows pass, in any pieces: what the report is drawn from."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.analysis.report.levels import merged
from simulator.records import F64, I32, I64, NS_PER_S, Batch, Cond, MarketDataBatch, Side, TradeBatch
from simulator.tape.sink import RunInfo

CELLS_MAX = 60_000
"""Symbols times points of time, so that the page stays small."""
POINTS_MAX = 1_000
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400)
SECONDS_MAX, FINE_CELLS_MAX = 120_000, 4_000_000
"""Points of the fine grid, by which agents are judged, and times symbols."""
SYMBOLS_MAX = 500
"""In a report."""
DEPTH = 10
"""Levels of a venue that are kept."""
NO_ASK = 2**40


def step_of(start_ns: int, end_ns: int, symbols: int) -> int:
    """Ns between two points: a minute for a day of thirty symbols; a second or more."""
    points = max(min(POINTS_MAX, CELLS_MAX // max(symbols, 1)), 50)
    return next((s for s in STEPS_S if (end_ns - start_ns) / (s * NS_PER_S) <= points), STEPS_S[-1]) * NS_PER_S


def fine_of(span_ns: int, symbols: int) -> int:
    """Ns between two points of the fine grid: a second for a day of thirty symbols."""
    points = max(min(SECONDS_MAX, FINE_CELLS_MAX // max(symbols, 1)), 1_000)
    return -(-span_ns // (points * NS_PER_S)) * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Sketched:
    """The numbers. ``T`` points of time, ``S`` symbols, ``V`` venues. Prices in 0.0001 USD; 0 where there is none."""

    symbols: tuple[str, ...]
    universe: tuple[str, ...]
    """All of the run's, as ``notices`` count them."""
    venues: tuple[str, ...]
    start_ns: int
    end_ns: int
    step_ns: int
    fine_ns: int
    """Between two points of the fine grid."""
    quotes: I64
    """[T, S, V, 2]: best bid and ask of each venue at the end of the step."""
    best: I64
    """[T, S, 2, 3]: best price of the five books as one, by side; then its levels' tick, and how many there are."""
    offsets: NDArray[np.uint16]
    """[T, S, 2, LEVELS]: ticks behind the best price."""
    sizes: I64
    """[T, S, 2, LEVELS]: shares."""
    prices: I64
    """[T, S, 4]: first, highest, lowest and last print of the step."""
    volume: I64
    """[T, S, 3]: shares, shares that buyers took, prints. Crosses count, and have no taker."""
    spread: F64
    """[T, S]: time-weighted over the step, in 0.0001 USD; NaN where no two sides stood."""
    fine: NDArray[Any]
    """[N, S, 2]: best bid and ask over all venues on the fine grid; int32 if they fit."""
    fine_rows: I32
    """[N, S]: book rows."""
    leads: I64
    """[S, V]: how often a venue was the first to better the best bid or ask of all."""
    at_best: I64
    """[S, V]: points at which a venue stood at the best bid or ask."""
    rows: I64
    """[S, V]: book rows."""
    shares: I64
    """[S, V, 4]: traded, by ``Cond``."""
    crosses: I64
    """[n, 6]: ts_ns, symbol, venue, price, size, cond."""
    notices: Mapping[str, tuple[Any, ...]]
    """By table, batches of ``status`` and ``imbalances``, if the run has them; their prices as they came."""


class Sketch:
    """A sink that keeps some numbers. Rows of a symbol come in time order; those of different symbols as they like."""

    def __init__(self, run: RunInfo, here: Sequence[str] = (), *, step_ns: int | None = None) -> None:
        """``here``: the symbols that are to come; all if none are named. ``step_ns``: between two points, else as ``step_of`` has it."""
        self.run = run
        names = [name for name in run.symbols if not here or name in here]
        self.names = names
        self.step_ns = step_ns or step_of(run.start_ns, run.end_ns, len(run.symbols))
        self._span_ns = max(run.end_ns - run.start_ns, 1)
        self.points = -(-self._span_ns // self.step_ns)
        self.fine_ns = fine_of(self._span_ns, len(run.symbols))
        self._place: I64 = np.full(len(run.symbols) + 1, -1, np.int64)  # by symbol; the last is nobody's
        self._place[[run.symbols.index(name) for name in names]] = np.arange(len(names))
        self._scales: I64 = np.array([(run.price_scales or (1,) * len(run.symbols))[run.symbols.index(n)] for n in names], np.int64)
        k, v, t = len(names), len(run.venues), self.points
        self._venues = v
        self._depth = min(run.levels, DEPTH)
        self._snap: I32 = np.zeros((t, k * v, 4, self._depth), np.int32)
        self._seen = np.zeros((t, k * v), np.bool_)
        self._bid: I64 = np.zeros((k, v), np.int64)
        self._ask: I64 = np.full((k, v), NO_ASK, np.int64)
        self._then: I64 = np.zeros(k, np.int64)
        """When the symbol's last row came; 0 before any."""
        self._sums: F64 = np.zeros((k, 2))
        """Up to then: spread times seconds, and seconds with two sides."""
        self._sums_at: F64 = np.zeros((t, k, 2))
        self._last_at: I64 = np.zeros((t, k, 3), np.int64)
        """Time of the step's last row, the spread from then on, whether there are two sides."""
        n = -(-self._span_ns // self.fine_ns)
        self._fine: I32 = np.full((n, k, 2), -1, np.int32)
        self._fine_rows: I32 = np.zeros((n, k), np.int32)
        self._leads: I64 = np.zeros(k * v, np.int64)
        self._rows: I64 = np.zeros(k * v, np.int64)
        self._prices: I64 = np.zeros((t * k, 4), np.int64)
        self._volume: I64 = np.zeros((t * k, 3), np.int64)
        self._shares: I64 = np.zeros(k * v * len(Cond), np.int64)
        self._crosses: list[I64] = []
        self._notices: dict[str, list[Any]] = {}

    def open(self, run: RunInfo) -> None:
        """Nothing to do."""

    def close(self, complete: bool) -> None:
        """Nothing to do."""

    def write(self, batch: Batch) -> None:
        if isinstance(batch, MarketDataBatch):
            quotes = batch.quotes
            top = (quotes[:, 0, 0], quotes[:, 2, 0])
            self.take_books(batch.ts_ns, batch.symbol, batch.venue, top, lambda rows: quotes[rows])
        elif isinstance(batch, TradeBatch):
            self.take_trades(batch)
        elif batch.table in ("status", "imbalances"):
            copied = {f.name: getattr(batch, f.name).copy() for f in fields(batch)}
            self._notices.setdefault(batch.table, []).append(type(batch)(**copied))

    # --- books ---------------------------------------------------------------------------------------------------------

    def take_books(
        self, ts_ns: I64, symbol: NDArray[Any], venue: NDArray[Any], top: tuple[I32, I32], levels_of: Callable[[I64], I32]
    ) -> None:
        """``top``: best bids and asks, int32[n], 0 for none; ``levels_of``: int32[m, 4, L] of m rows, as a ``MarketDataBatch`` has them."""
        place = self._place[symbol]
        inside = (place >= 0) & (ts_ns >= self.run.start_ns) & (ts_ns < self.run.start_ns + self._span_ns)
        kept: I64 | None = None
        bid, ask = top
        if not inside.all():
            kept = np.flatnonzero(inside)
            ts_ns, place, venue, bid, ask = ts_ns[kept], place[kept], venue[kept], bid[kept], ask[kept]
        if not len(ts_ns):
            return
        at = (ts_ns - self.run.start_ns) // self.step_ns
        book = place * self._venues + venue
        order = np.argsort(book.astype(np.int16 if book.max() < 2**15 else np.int64), kind="stable")
        last = order[_ends(book[order], at[order])]
        levels = levels_of(last if kept is None else kept[last])
        depth = min(self._depth, levels.shape[2])
        self._snap[at[last], book[last], :, :depth] = levels[:, :, :depth]
        self._seen[at[last], book[last]] = True
        self._rows += np.bincount(book, minlength=len(self._rows))
        order = np.argsort(place.astype(np.int16 if place.max() < 2**15 else np.int64), kind="stable")
        self._follow(place[order], ts_ns[order], venue[order], bid[order].astype(np.int64), ask[order].astype(np.int64))

    def _follow(self, k: I64, ts_ns: I64, venue: NDArray[Any], bid: I64, ask: I64) -> None:
        """The best quotes over all venues after each row; ``k`` ascends."""
        n = len(k)
        starts = np.flatnonzero(np.append(True, k[1:] != k[:-1]))
        lengths = np.diff(np.append(starts, n))
        start = np.repeat(starts, lengths)
        ask = np.where(ask > 0, ask, NO_ASK)
        bids, asks = np.empty((self._venues, n), np.int64), np.empty((self._venues, n), np.int64)
        places = np.arange(n)
        for v in range(self._venues):
            newest = np.maximum.accumulate(np.where(venue == v, places, -1))
            known = newest >= start
            bids[v] = np.where(known, bid[newest], self._bid[k, v])
            asks[v] = np.where(known, ask[newest], self._ask[k, v])
        best_bid, best_ask = bids.max(axis=0), asks.min(axis=0)
        before_bid, before_ask, before_ns = np.roll(best_bid, 1), np.roll(best_ask, 1), np.roll(ts_ns, 1)
        first = k[starts]
        before_bid[starts], before_ask[starts], before_ns[starts] = (
            self._bid[first].max(axis=1),
            self._ask[first].min(axis=1),
            self._then[first],
        )
        led = ((best_bid > before_bid) & (before_bid > 0)).astype(np.int64) + ((best_ask < before_ask) & (before_ask < NO_ASK))
        self._leads += np.bincount(k * self._venues + venue, weights=led, minlength=len(self._leads)).astype(np.int64)
        stood = (before_bid > 0) & (before_ask < NO_ASK) & (before_ns > 0)
        seconds = np.where(stood, (ts_ns - before_ns) / NS_PER_S, 0.0)
        parts = np.stack((np.where(stood, before_ask - before_bid, 0) * seconds, seconds), axis=1)
        sums = np.cumsum(parts, axis=0)
        sums += np.repeat(self._sums[first] - (sums[starts] - parts[starts]), lengths, axis=0)
        at = (ts_ns - self.run.start_ns) // self.step_ns
        ends = _ends(k, at)
        two = (best_bid > 0) & (best_ask < NO_ASK)
        self._sums_at[at[ends], k[ends]] = sums[ends]
        self._last_at[at[ends], k[ends]] = np.stack((ts_ns, np.where(two, best_ask - best_bid, 0), two), axis=1)[ends]
        fine = (ts_ns - self.run.start_ns) // self.fine_ns
        ends = _ends(k, fine)
        pairs = np.stack((best_bid, np.where(best_ask < NO_ASK, best_ask, 0)), axis=1)[ends]
        self._fine[fine[ends], k[ends]] = pairs
        self._fine_rows[fine[ends], k[ends]] += np.diff(np.append(-1, ends))
        final = starts + lengths - 1
        self._bid[first], self._ask[first] = bids[:, final].T, asks[:, final].T
        self._then[first], self._sums[first] = ts_ns[final], sums[final]

    # --- prints --------------------------------------------------------------------------------------------------------

    def take_trades(self, batch: TradeBatch) -> None:
        place = self._place[batch.symbol]
        inside = (place >= 0) & (batch.ts_ns >= self.run.start_ns) & (batch.ts_ns < self.run.start_ns + self._span_ns)
        place, ts_ns, size, cond = (
            place[inside],
            batch.ts_ns[inside],
            batch.size[inside].astype(np.int64),
            batch.cond[inside].astype(np.int64),
        )
        if not len(place):
            return
        venue, side = batch.venue[inside].astype(np.int64), batch.side[inside]
        price = batch.price[inside] * self._scales[place]
        cell = ((ts_ns - self.run.start_ns) // self.step_ns) * len(self.names) + place
        order = np.argsort(cell, kind="stable")
        where, sorted_price = cell[order], price[order]
        starts = np.flatnonzero(np.append(True, where[1:] != where[:-1]))
        cells, ends = where[starts], np.append(starts[1:], len(where)) - 1
        rows = self._prices[cells]
        is_new = rows[:, 0] == 0
        high, low = np.maximum.reduceat(sorted_price, starts), np.minimum.reduceat(sorted_price, starts)
        rows[:, 0] = np.where(is_new, sorted_price[starts], rows[:, 0])
        rows[:, 1] = np.maximum(rows[:, 1], high)
        rows[:, 2] = np.where(is_new, low, np.minimum(rows[:, 2], low))
        rows[:, 3] = sorted_price[ends]
        self._prices[cells] = rows
        bought = np.where((side == Side.BUY) & (cond == Cond.TRADE), size, 0)
        np.add.at(self._volume, cell, np.stack((size, bought, np.ones_like(size)), axis=1))
        np.add.at(self._shares, (place * self._venues + venue) * len(Cond) + cond, size)
        crossed = cond != Cond.TRADE
        if crossed.any():
            self._crosses.append(np.stack((ts_ns, place, venue, price, size, cond), axis=1)[crossed])

    # --- what it comes to ----------------------------------------------------------------------------------------------

    def result(self, day_starts_ns: Sequence[int] = ()) -> Sketched:
        """``day_starts_ns``: when books begin anew; what stood before is not carried over."""
        t, k, v = self.points, len(self.names), self._venues
        inside = (ns - self.run.start_ns for ns in day_starts_ns if self.run.start_ns < ns < self.run.end_ns)
        fresh = sorted({0, *(int(ns // self.step_ns) for ns in inside)})
        carried = _carried(self._seen, fresh)
        snap = self._snap[np.maximum(carried, 0), np.arange(k * v)]
        snap[carried < 0] = 0
        wide = snap.reshape(t, k, v, 4, self._depth).astype(np.int64)
        wide[:, :, :, 0::2] *= self._scales[:, None, None, None]
        best, offsets, sizes = merged(wide)
        quotes = wide[:, :, :, 0::2, 0]
        bid, ask = quotes[..., 0], np.where(quotes[..., 1] > 0, quotes[..., 1], NO_ASK)
        stands = ((bid == bid.max(axis=2, keepdims=True)) & (bid > 0)) | ((ask == ask.min(axis=2, keepdims=True)) & (ask < NO_ASK))
        carried = _carried(self._fine[..., 0] >= 0, [int(f * self.step_ns // self.fine_ns) for f in fresh])
        fine: NDArray[Any] = self._fine[np.maximum(carried, 0), np.arange(k)]
        fine[carried < 0] = 0
        if int(self._fine.max(initial=0)) * int(self._scales.max(initial=1)) > np.iinfo(np.int32).max:
            fine = fine.astype(np.int64)
        fine *= self._scales[:, None].astype(fine.dtype)
        crosses = np.concatenate(self._crosses) if self._crosses else np.zeros((0, 6), np.int64)
        return Sketched(
            symbols=tuple(self.names), universe=self.run.symbols, venues=self.run.venues, start_ns=self.run.start_ns,
            end_ns=self.run.start_ns + self._span_ns,
            step_ns=self.step_ns, fine_ns=self.fine_ns, quotes=quotes, best=best, offsets=offsets, sizes=sizes,
            prices=self._prices.reshape(t, k, 4), volume=self._volume.reshape(t, k, 3), spread=self._spreads() * self._scales,
            fine=fine, fine_rows=self._fine_rows, leads=self._leads.reshape(k, v), at_best=stands.sum(axis=0),
            rows=self._rows.reshape(k, v), shares=self._shares.reshape(k, v, len(Cond)),
            crosses=crosses[np.argsort(crosses[:, 0], kind="stable")],
            notices={table: tuple(batches) for table, batches in self._notices.items()},
        )  # fmt: skip

    def _spreads(self) -> F64:
        """Means over each step, by what has been summed up to its end."""
        t, k = self.points, len(self.names)
        carried = _carried(self._last_at[..., 0] > 0, [0])
        columns = np.arange(k)
        sums, last = self._sums_at[np.maximum(carried, 0), columns], self._last_at[np.maximum(carried, 0), columns]
        ends_ns = np.minimum(self.run.start_ns + np.arange(1, t + 1) * self.step_ns, self.run.start_ns + self._span_ns)
        rest = np.where((last[..., 2] > 0) & (carried >= 0), (ends_ns[:, None] - last[..., 0]) / NS_PER_S, 0.0)
        total = np.where(carried[..., None] >= 0, sums, 0.0) + np.stack((rest * last[..., 1], rest), axis=-1)
        parts = np.diff(total, axis=0, prepend=0.0)
        found: F64 = np.full((t, k), np.nan)
        np.divide(parts[..., 0], parts[..., 1], out=found, where=parts[..., 1] > 1e-6)
        return found


def join(parts: Sequence[Sketched], symbols: Sequence[str]) -> Sketched:
    """Those of several workers as one; ``symbols``: in which order."""
    names = [name for part in parts for name in part.symbols]
    order = [names.index(name) for name in symbols if name in names]
    first = parts[0]
    along = {"quotes": 1, "best": 1, "offsets": 1, "sizes": 1, "prices": 1, "volume": 1, "spread": 1, "fine": 1, "fine_rows": 1}
    along |= {"leads": 0, "at_best": 0, "rows": 0, "shares": 0}
    whole = {name: _side_by_side([getattr(part, name) for part in parts], order, axis) for name, axis in along.items()}
    crosses, before = [], 0
    for part in parts:
        moved = part.crosses.copy()
        moved[:, 1] = [order.index(before + int(k)) for k in moved[:, 1]]
        crosses.append(moved)
        before += len(part.symbols)
    together = np.concatenate(crosses)
    notices: dict[str, tuple[Any, ...]] = {}
    for part in parts:
        for table, batches in part.notices.items():
            notices[table] = (*notices.get(table, ()), *batches)
    return Sketched(
        symbols=tuple(names[i] for i in order), universe=first.universe, venues=first.venues, start_ns=first.start_ns,
        end_ns=first.end_ns, step_ns=first.step_ns,
        fine_ns=first.fine_ns, crosses=together[np.lexsort((together[:, 1], together[:, 0]))], notices=notices, **whole,
    )  # fmt: skip


def _side_by_side(parts: Sequence[NDArray[Any]], order: Sequence[int], axis: int) -> NDArray[Any]:
    """The columns of all parts along an axis, in that order; copied once."""
    first = parts[0]
    shape = [*first.shape[:axis], len(order), *first.shape[axis + 1 :]]
    found = np.empty(shape, np.result_type(*parts))
    places, before = np.argsort(order), 0
    for part in parts:
        here = places[before : before + part.shape[axis]]
        found[(slice(None),) * axis + (here,)] = part
        before += len(here)
    return found


def cut(whole: Sketched, end_ns: int) -> Sketched:
    """Without what comes after the end of a run that ended earlier than it was to."""
    if end_ns >= whole.end_ns:
        return whole
    points = max(-(-(end_ns - whole.start_ns) // whole.step_ns), 1)
    fine = max(-(-(end_ns - whole.start_ns) // whole.fine_ns), 1)
    steps = {name: getattr(whole, name)[:points] for name in ("quotes", "best", "offsets", "sizes", "prices", "volume", "spread")}
    return replace(whole, end_ns=end_ns, fine=whole.fine[:fine], fine_rows=whole.fine_rows[:fine], **steps)


def _ends(one: NDArray[Any], other: NDArray[Any]) -> I64:
    """Places of the last of each run of equal pairs."""
    return np.flatnonzero(np.append((one[1:] != one[:-1]) | (other[1:] != other[:-1]), True))


def _carried(seen: NDArray[np.bool_], fresh: Sequence[int]) -> I64:
    """[T, n]: the newest place at or before each at which something was seen, since the last of ``fresh``; -1 for none."""
    places = np.where(seen, np.arange(len(seen))[:, None], -1)
    for start, stop in zip(fresh, [*fresh[1:], len(seen)], strict=True):
        np.maximum.accumulate(places[start:stop], axis=0, out=places[start:stop])
    return np.asarray(places, np.int64)
