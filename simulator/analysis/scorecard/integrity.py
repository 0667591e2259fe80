"""S1: the rules of a book and of a tape, asked of the two tables alone.

A print that changes what is displayed is followed at once by the row that shows it, so what printed must explain what left the
levels hit. Shares that traded and did not leave were hidden: an order that displayed nothing, or a reserve that showed new shares
in their place. A print of hidden shares alone has no row of its own; the next one is somebody else's, and says nothing about it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.analysis.scorecard.book_rows import NO_ASK, NO_BID, VENUES_MAX, Bools, Levels, RowFaults
from simulator.analysis.scorecard.card import Check, Finding, Plot, Series, judged
from simulator.analysis.scorecard.estimators import ratio
from simulator.analysis.scorecard.symbol_day import CLOSE, CONTINUOUS, OPEN, REOPENING, Prints, SymbolDay
from simulator.records import F64, I64, NS_PER_MINUTE, NS_PER_S

LULD_WINDOW_NS = 5 * NS_PER_MINUTE
LULD_STANDS_S = 30
"""A reference stands so long at least."""
LULD_RATCHET = 0.01
OWN_ROW_NS = 100
"""The row that shows a print follows it within so long: the fills of one order are some nanoseconds apart. Within a microsecond a print of
hidden shares meets a row that is somebody else's about once in a million times."""
LATE_OPEN_NS = 60 * NS_PER_MINUTE
LATE_CLOSE_NS = 30 * NS_PER_MINUTE
"""A cross may come so long after the bell: an imbalance, a pause that ran into it."""


@dataclass(slots=True)
class PrintFaults:
    """Counts over continuous prints, and over shares."""

    prints: int = 0
    wrong_side: int = 0
    """A buyer's print at or below the venue's bid, a seller's at or above its ask."""
    past_better: int = 0
    """Shares at a better price stood there when it was over, by the print's own row."""
    vanished: int = 0
    """More shares left the level than printed, by the print's own row."""
    shares: int = 0
    hidden_shares: int = 0
    unseen: int = 0
    """Prints before the first or after the last row of their book, or deeper than its last level: nothing can be said."""

    def add(self, other: PrintFaults) -> None:
        for name in PrintFaults.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


@dataclass(slots=True)
class BookPrints:
    """A day's continuous prints by book, in time order, as ``against`` needs them: ``[n]`` each, ``slices`` by book."""

    prints: Prints
    slices: Mapping[int, slice] = field(default_factory=dict)

    @classmethod
    def of(cls, prints: Prints, symbol: I64) -> BookPrints:
        """``symbol``: int64[n] of each print."""
        which = np.flatnonzero(prints.kind == CONTINUOUS)
        book = symbol[which] * VENUES_MAX + prints.venue[which]
        order = which[np.lexsort((prints.ts[which], book))]
        books = symbol[order] * VENUES_MAX + prints.venue[order]
        names, starts = np.unique(books, return_index=True)
        ends = np.append(starts, len(books))[1:]
        pairs = zip(names.tolist(), starts.tolist(), ends.tolist(), strict=True)
        return cls(prints.take(order), {book: slice(start, end) for book, start, end in pairs})

    def against(self, levels: Levels) -> PrintFaults:
        """The prints that lie between two rows of one book in ``levels``, against those rows."""
        starts = np.flatnonzero(np.append(True, levels.book[1:] != levels.book[:-1])) if len(levels.book) else np.zeros(0, np.int64)
        stops = np.append(starts, len(levels.book))[1:]
        before, which = [], []
        for start, stop in zip(starts.tolist(), stops.tolist(), strict=True):
            span = self.slices.get(int(levels.book[start]))
            if span is None or stop - start < 2:
                continue
            times = levels.ts[start:stop]
            place = np.searchsorted(times, self.prints.ts[span], side="left") - 1
            inside = np.flatnonzero((place >= 0) & (place < stop - start - 1))
            before.append(place[inside] + start)
            which.append(inside + span.start)
        if not which:
            return PrintFaults()
        return _compare(levels, np.concatenate(before), self.prints.take(np.concatenate(which)))


def _compare(levels: Levels, row: I64, prints: Prints) -> PrintFaults:
    """``row``: int64[n], the place of the last row before each print; the one after it is the next."""
    found = PrintFaults(prints=len(prints), shares=int(prints.size.sum()))
    for sign in (1, -1):
        chosen = prints.sign == sign
        if chosen.any():
            _compare_side(levels, row[chosen], prints.take(chosen), sign, found)
    return found


def _compare_side(levels: Levels, row: I64, prints: Prints, sign: int, found: PrintFaults) -> None:
    """Aggressors of one side. Prices times ``sign`` are places: the lower, the sooner it trades."""
    prices, sizes = (levels.ask_price, levels.ask_size) if sign > 0 else (levels.bid_price, levels.bid_size)
    opposite = levels.bid_price[0] if sign > 0 else levels.ask_price[0]
    nothing = NO_ASK if sign > 0 else NO_BID
    # One entry per price that an action traded at.
    order = np.lexsort((prints.price, row))
    row, price, size = row[order], prints.price[order].astype(np.int64), prints.size[order]
    last_ts = prints.ts[order]
    first = np.flatnonzero(np.append(True, (row[1:] != row[:-1]) | (price[1:] != price[:-1])))
    traded = np.add.reduceat(size, first)
    count = np.diff(np.append(first, len(row)))
    last_ts = np.maximum.reduceat(last_ts, first)
    row, price = row[first], price[first]
    own = levels.ts[row + 1] - last_ts <= OWN_ROW_NS
    before = _shares_at(prices, sizes, row, price)
    after = _shares_at(prices, sizes, row + 1, price)
    far = prices[-1, row].astype(np.int64)
    is_deep = (before == 0) & (far != nothing) & (sign * (price - far) > 0)
    other = opposite[row].astype(np.int64)
    wrong = (other != (NO_BID if sign > 0 else NO_ASK)) & (sign * (price - other) <= 0)
    best_after = prices[0, row + 1].astype(np.int64)
    skipped = (best_after != nothing) & (sign * (price - best_after) > 0)
    gone = before - after
    found.unseen += int(count[is_deep].sum())
    found.wrong_side += int(count[wrong].sum())
    found.past_better += int(count[own & skipped & ~wrong].sum())
    found.vanished += int(count[own & (before > 0) & (gone > traded)].sum())
    hidden = np.where(before > 0, np.maximum(traded - np.maximum(gone, 0), 0), traded)
    found.hidden_shares += int(hidden[~is_deep].sum())


def _shares_at(prices: np.ndarray, sizes: np.ndarray, row: I64, price: I64) -> I64:
    total = np.zeros(len(row), np.int64)
    for k in range(len(prices)):
        total += np.where(prices[k, row] == price, sizes[k, row], 0)
    return total


@dataclass(frozen=True, slots=True)
class Tape:
    """Session rules over one symbol-day."""

    strangers: int
    """Crosses off the listing venue, out of their hours, or more than one."""
    luld: int
    luld_judged: int


def measure(day: SymbolDay) -> Tape:
    return Tape(_strangers(day), *_luld(day))


def _strangers(day: SymbolDay) -> int:
    prints = day.prints
    count = 0
    for kind, bell, late in ((OPEN, day.day.open_ns, LATE_OPEN_NS), (CLOSE, day.day.close_ns, LATE_CLOSE_NS)):
        ts = prints.ts[prints.kind == kind]
        venues = prints.venue[prints.kind == kind]
        elsewhere = np.zeros(len(ts), np.bool_)
        if day.listing is not None:
            elsewhere = np.array([day.venues[v] != day.listing for v in venues.tolist()], np.bool_)
        count += int(np.count_nonzero(elsewhere | (ts < bell) | (ts > bell + late))) + max(0, int(np.count_nonzero(~elsewhere)) - 1)
    return count + int(np.count_nonzero(prints.sign == 0))


def _luld(day: SymbolDay) -> tuple[int, int]:
    """Prints outside the bands, and prints asked about, to a tick (a reference is rounded to one)."""
    prints = day.continuous
    if not len(prints) or day.covered_s < 600:
        return 0, 0
    seconds, references = _references(day)
    place = np.searchsorted(seconds * NS_PER_S, prints.ts, side="right") - 1
    reference = np.where(place >= 0, references[np.maximum(place, 0)], np.nan)
    for cross_ns, price in zip(*_openings(day), strict=True):  # from the cross on, not only from the next whole second
        first, last = np.searchsorted(prints.ts, (cross_ns, -(-cross_ns // NS_PER_S) * NS_PER_S))
        reference[first:last] = price
    known = np.isfinite(reference)
    wide = np.where(prints.ts >= day.day.close_ns - 25 * NS_PER_MINUTE, 0.10, 0.05)
    wide = np.where(reference > 30_000, wide, 0.20)
    outside: Bools = known & (np.abs(prints.price - reference) > wide * reference + day.tick)
    return int(np.count_nonzero(outside)), int(np.count_nonzero(known))


def _openings(day: SymbolDay) -> tuple[list[int], list[float]]:
    """Times and prices of the opening and of the reopenings, in order of time."""
    crosses = day.prints.take((day.prints.kind == OPEN) | (day.prints.kind == REOPENING))
    order = np.argsort(crosses.ts, kind="stable")
    return crosses.ts[order].tolist(), crosses.price[order].tolist()


def _references(day: SymbolDay) -> tuple[I64, F64]:
    """Each whole second that is covered, and the reference price from it on: NaN before there is one.

    It is the opening cross's price, then the mean of the last five minutes' round lots, to a tick, whenever that is 1 % or more away, and
    stands thirty seconds at least; a reopening after a pause is the reference of what follows, and the mean counts from it on (LULD plan,
    V and VIII). Where no opening is seen the first mean of five minutes stands for it.
    """
    seconds = np.arange(-(-day.start_ns // NS_PER_S), -(-day.end_ns // NS_PER_S), dtype=np.int64)
    references: F64 = np.full(len(seconds), np.nan)
    lots = day.continuous.take(day.continuous.size >= day.round_lot)
    cross_ns, cross_price = _openings(day)
    sums = np.concatenate(([0.0], np.cumsum(lots.price, dtype=np.float64)))
    ends = np.searchsorted(lots.ts, seconds * NS_PER_S)
    begins = [day.start_ns, *cross_ns]
    prices = [np.nan, *cross_price]
    for begin_ns, price, until_ns in zip(begins, prices, [*begins[1:], day.end_ns], strict=True):
        first, last = np.searchsorted(seconds * NS_PER_S, (begin_ns, until_ns))
        asked = seconds[first:last]
        left = np.searchsorted(lots.ts, np.maximum(asked * NS_PER_S - LULD_WINDOW_NS, begin_ns))
        count = ends[first:last] - left
        means = np.divide(sums[ends[first:last]] - sums[left], count, out=np.full(len(asked), np.nan), where=count > 0)
        means = np.floor(means / day.tick + 0.5) * day.tick
        if np.isnan(price):
            means[asked * NS_PER_S < begin_ns + LULD_WINDOW_NS] = np.nan
        current, at, free = price, 0, begin_ns // NS_PER_S + LULD_STANDS_S
        while at < len(asked):
            moved = np.isfinite(means) if np.isnan(current) else np.abs(means / current - 1) >= LULD_RATCHET
            moved[:at] = False
            if not np.isnan(current):
                moved &= asked >= free
            to = int(np.argmax(moved)) if moved.any() else len(asked)
            references[first + at : first + to] = current
            if to < len(asked):
                current, free = float(means[to]), int(asked[to]) + LULD_STANDS_S
                references[first + to] = current
            at = to + 1
    return seconds, references


def judge(rows: RowFaults, prints: PrintFaults, tape: Sequence[Tape]) -> Check:
    no_rows = "" if rows.rows else "there are no book rows"
    seen = prints.prints
    no_pairs = no_rows or ("" if seen else "no continuous print lies between two rows of its book")
    broken = rows.unsorted + rows.empty_levels + rows.off_tick + rows.crossed
    contradictions = prints.wrong_side + prints.past_better + prints.vanished
    asked = sum(part.luld_judged for part in tape)
    row_sample, print_sample = f"{rows.rows:,} rows", f"{seen:,} prints"
    findings: list[Finding] = [
        judged("S1.rows", broken, row_sample, unless=no_rows),
        judged("S1.order", rows.out_of_order, row_sample, unless=no_rows),
        judged("S1.prints", contradictions, print_sample, unless=no_pairs),
        judged("S1.session", sum(part.strangers for part in tape), f"{len(tape)} symbol-days", unless="" if tape else "no prints"),
        judged("S1.luld", sum(p.luld for p in tape), f"{asked:,} prints", unless="" if asked else "no prints five minutes into a session"),
        judged("S1.hidden", ratio(prints.hidden_shares, prints.shares), f"{prints.shares:,} shares", unless=no_pairs),
    ]
    kinds = {
        "unsorted": rows.unsorted,
        "empty level": rows.empty_levels,
        "off tick": rows.off_tick,
        "crossed": rows.crossed,
        "time order": rows.out_of_order,
        "wrong side": prints.wrong_side,
        "past better": prints.past_better,
        "vanished": prints.vanished,
        "cross": sum(p.strangers for p in tape),
        "LULD": sum(p.luld for p in tape),
    }
    bars = Series("violations", tuple(map(float, range(len(kinds)))), tuple(map(float, kinds.values())), "bars")
    plot = Plot("Violations by kind", "", "count", (bars,), ticks=tuple(kinds), note="Wanted: none of any kind.")
    facts = (("prints that nothing can be said about", f"{prints.unseen:,}"), ("levels at most", str(rows.levels_max)))
    return Check("S1", tuple(findings), plot, facts)
