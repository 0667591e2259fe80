"""S15, S17 and S18: several venues, one price.

Locks and crosses of the consolidated quote, who moves first, who trades past a better quote.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import simulator.analysis.scorecard.estimators as est
from simulator.analysis.scorecard.bands import bands
from simulator.analysis.scorecard.book_rows import NO_ASK, NO_BID
from simulator.analysis.scorecard.card import Check, Plot, Series, judged
from simulator.analysis.scorecard.estimators import mean, median
from simulator.analysis.scorecard.parts import Key, band_of, by_symbol, sample, series
from simulator.analysis.scorecard.symbol_day import FULL_SESSION_S, SymbolDay
from simulator.records import F64, I64, NS_PER_MS, NS_PER_S

STOOD_NS = 5 * NS_PER_MS
"""A quote that stood so long before and after a print was there to be traded with."""
LAG_MAX_NS = NS_PER_S
LAG_BINS = np.geomspace(1e-3, 1e3, 241)
"""Milliseconds."""
DEPTHS = 41
"""Depths of crosses in ticks, counted one by one up to 40."""


@dataclass(frozen=True, slots=True)
class Part:
    key: Key
    venues: tuple[str, ...]
    """Those that quote."""
    locked_s: float
    locks: int
    crossed_s: float
    crosses: int
    depth_sum: float
    """Of the crosses' deepest, ticks."""
    deepest: float
    depths: I64
    first: dict[str, float]
    """Share of midpoint changes by the venue that made them."""
    lags: I64
    """By ``LAG_BINS``."""
    through: dict[str, tuple[int, int, int, int]]
    """By venue: prints past a better quote, prints, shares past, shares."""


def measure(day: SymbolDay) -> Part:
    quotes = day.quotes
    present = tuple(name for v, name in enumerate(day.venues) if (day.rows.venue == v).any())
    locked, crossed = _events(day, quotes.spread == 0), _events(day, quotes.spread < 0)
    depth = np.array([-int(quotes.spread[a:b].min()) / day.tick for a, b in zip(*est.runs(quotes.spread < 0), strict=True)])
    _, _, makers, _ = day.mid_changes
    count = np.bincount(makers, minlength=len(day.venues))
    first = {name: float(count[v] / count.sum()) for v, name in enumerate(day.venues)} if count.sum() else {}
    return Part(
        Key.of(day),
        present,
        float(locked.sum()) / 1e9,
        len(locked),
        float(crossed.sum()) / 1e9,
        len(crossed),
        float(depth.sum()),
        float(depth.max(initial=0.0)),
        np.bincount(np.minimum(depth, DEPTHS - 1).astype(np.int64), minlength=DEPTHS),
        first,
        _lags(day),
        _through(day),
    )


def _events(day: SymbolDay, flags: np.ndarray) -> I64:
    """Length in ns of each run."""
    quotes = day.quotes
    first, stop = est.runs(flags)
    ends = quotes.ts + quotes.lasts_ns
    return np.asarray(ends[stop - 1] - quotes.ts[first]) if len(first) else np.zeros(0, np.int64)


def _lags(day: SymbolDay) -> I64:
    """How long after each change of the consolidated midpoint every other venue's own midpoint moves the same way."""
    ts, direction, makers, _ = day.mid_changes
    found = np.zeros(len(LAG_BINS) + 1, np.int64)
    for v in range(len(day.venues)):
        mine = np.flatnonzero(day.rows.venue == v)
        bid, ask = day.rows.lot_bid[mine].astype(np.int64), day.rows.lot_ask[mine].astype(np.int64)
        step = np.diff(bid + ask)
        whole = (bid != NO_BID) & (ask != NO_ASK)
        step[~(whole[1:] & whole[:-1])] = 0
        for sign in (1, -1):
            moves = day.rows.ts[mine[1:][np.sign(step) == sign]]
            asked = ts[(direction == sign) & (makers != v)]
            place = np.searchsorted(moves, asked, side="left")
            known = place < len(moves)
            lag = moves[place[known]] - asked[known]
            lag = lag[lag <= LAG_MAX_NS]
            found += np.bincount(np.searchsorted(LAG_BINS, lag / NS_PER_MS), minlength=len(found))
    return found


def _through(day: SymbolDay) -> dict[str, tuple[int, int, int, int]]:
    prints = day.continuous
    prints = prints.take((prints.ts >= day.start_ns + STOOD_NS) & (prints.ts <= day.end_ns - STOOD_NS))
    places = [
        np.searchsorted(day.rows.ts, prints.ts - STOOD_NS, side="right") - 1,
        np.searchsorted(day.rows.ts, prints.ts, side="left") - 1,
        np.searchsorted(day.rows.ts, prints.ts + STOOD_NS, side="right") - 1,
    ]
    past = np.zeros(len(prints), np.bool_)
    for v in range(len(day.venues)):
        # The worst of its quotes at the three moments: was even that a tick better than the print?
        if not len(prints) or not len(day.rows):
            break
        ask = np.max([np.where(p >= 0, day.asks[v, p], NO_ASK) for p in places], axis=0)
        bid = np.min([np.where(p >= 0, day.bids[v, p], NO_BID) for p in places], axis=0)
        better = np.where(
            prints.sign > 0, (ask != NO_ASK) & (prints.price - ask >= day.tick), (bid != NO_BID) & (bid - prints.price >= day.tick)
        )
        past |= better & (prints.venue != v)
    found = {}
    for v, name in enumerate(day.venues):
        mine = prints.venue == v
        if mine.any():
            found[name] = (int(past[mine].sum()), int(mine.sum()), int(prints.size[mine & past].sum()), int(prints.size[mine].sum()))
    return found


def judge(parts: Sequence[Part]) -> list[Check]:
    parts = [p for p in parts if p.key.covered_s >= 60]
    several = [p for p in parts if len(p.venues) > 1]
    unless = "no session is covered" if not parts else "" if several else "a single venue has no consolidated quote of its own"
    return [_together(several, unless), _trade_throughs(several, unless), _crosses(several, unless)]


def _together(parts: Sequence[Part], unless: str) -> Check:
    groups = by_symbol(parts)
    scale = {s: FULL_SESSION_S / max(1, sum(p.key.covered_s for p in ps)) for s, ps in groups.items()}
    locked = {s: scale[s] * sum(p.locked_s for p in ps) for s, ps in groups.items()}
    crossed = {s: scale[s] * sum(p.crossed_s for p in ps) for s, ps in groups.items()}
    locks = sum(p.locks for p in parts)
    listed = [p for p in parts if p.first and p.key.listing in p.first]
    home = [p.first[p.key.listing or ""] for p in listed]
    others = {v for p in listed for v in p.first}
    rivals = {v: mean([p.first.get(v, 0.0) for p in listed if p.key.listing != v]) for v in others}
    rivals = {v: share for v, share in rivals.items() if math.isfinite(share)}
    no_home = unless or ("" if listed else "no symbol has a known listing venue and a midpoint that moves")
    lags = np.sum([p.lags for p in parts], axis=0) if parts else np.zeros(1, np.int64)
    lag = _median_lag(lags)
    n = sample(parts)
    findings = (
        judged("S15.locked", median(list(locked.values())), n, unless=unless),
        judged("S15.crossed", median(list(crossed.values())), n, unless=unless),
        judged(
            "S15.lock_ms",
            est.ratio(sum(p.locked_s for p in parts) * 1e3, locks),
            f"{locks:,} locks",
            unless=unless or ("" if locks else "there are no locks"),
        ),
        judged("S15.first", mean(home), n, unless=no_home),
        judged("S15.lead", mean(home) - max(rivals.values(), default=0.0), n, unless=no_home),
        judged("S15.lag_ms", lag, f"{int(lags.sum()):,} moves", unless=unless),
    )
    names = list(groups)
    places = range(len(names))
    band = bands()["S15.locked"]
    plot = Plot(
        "Seconds a day locked and crossed",
        "",
        "s",
        (
            band_of("locked: band", band.low, band.high, (-0.5, max(len(names), 1) - 0.5)),
            series("locked", places, [max(v, 1e-3) for v in locked.values()], "dots"),
            series("crossed", places, [max(v, 1e-3) for v in crossed.values()], "dots"),
        ),
        log_y=True,
        ticks=tuple(names),
        note="Crossed should stay below half a second. Nothing is shown as .001.",
    )
    facts = tuple((f"first mover, {v}, where it does not list", f"{share:.2f}") for v, share in sorted(rivals.items()))
    return Check("S15", findings, plot, facts)


def _median_lag(lags: I64) -> float:
    if not lags.sum():
        return math.nan
    place = int(np.searchsorted(np.cumsum(lags), lags.sum() / 2))
    return float(LAG_BINS[min(place, len(LAG_BINS) - 1)])


def _trade_throughs(parts: Sequence[Part], unless: str) -> Check:
    venues = list(dict.fromkeys(v for p in parts for v in p.through))
    table: F64 = (
        np.array([[p.through.get(v, (0, 0, 0, 0)) for v in venues] for p in parts], np.float64)
        .reshape(len(parts), len(venues), 4)
        .sum(axis=0)
    )
    past, prints, past_shares, shares = table.sum(axis=0).tolist() if len(table) else (0.0, 0.0, 0.0, 0.0)
    none = unless or ("" if prints else "no continuous prints within regular hours")
    share = [est.ratio(row[0], row[1]) for row in table]
    band = bands()["S17.prints"]
    plot = Plot(
        "Prints past a better quote, by venue",
        "",
        "share of its prints",
        (band_of("band", 0.0, band.high, (-0.5, max(len(venues), 1) - 0.5)), series("trade-throughs", range(len(venues)), share, "bars")),
        ticks=tuple(venues),
    )
    facts = (
        ("share of volume", f"{est.ratio(past_shares, shares):.2%}" if shares else "-"),
        *((v, f"{s:.2%}") for v, s in zip(venues, share, strict=True)),
    )
    return Check("S17", (judged("S17.prints", est.ratio(past, prints), f"{int(prints):,} prints", unless=none),), plot, facts)


def _crosses(parts: Sequence[Part], unless: str) -> Check:
    crosses = sum(p.crosses for p in parts)
    locks = sum(p.locks for p in parts)
    days = sum(p.key.covered_s for p in parts) / FULL_SESSION_S
    findings = (
        judged("S18.count", est.ratio(crosses, days), sample(parts), unless=unless),
        judged(
            "S18.depth",
            mean([est.ratio(sum(p.depth_sum for p in ps), sum(p.crosses for p in ps)) for ps in by_symbol(parts).values()]),
            f"{crosses:,} crosses",
            unless=unless or ("" if crosses else "there are no crosses"),
        ),
    )
    depths = np.sum([p.depths for p in parts], axis=0) if parts else np.zeros(DEPTHS)
    shown = np.append(depths[1:10], depths[10:].sum()) / max(float(depths.sum()), 1.0)
    names = (*map(str, range(1, 10)), "10+")
    plot = Plot(
        "Depth of crosses",
        "ticks",
        "share",
        (Series("crosses", tuple(map(float, range(10))), tuple(shown.tolist()), "bars"),),
        ticks=names,
        note="Real crosses are mostly one tick deep.",
    )
    deepest = {s: max(p.deepest for p in ps) for s, ps in by_symbol(parts).items()}
    worst = max(sorted(deepest), key=lambda s: deepest[s], default="")  # of several the first by name, whatever order they came in
    facts = (
        ("locks a symbol and day", f"{est.ratio(locks, days):,.0f}" if days else "-"),
        ("deepest", f"{deepest[worst]:.0f} ticks ({worst})" if worst else "-"),
    )
    return Check("S18", findings, plot, facts)
