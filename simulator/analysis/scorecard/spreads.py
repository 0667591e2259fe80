"""S2 and S3: the consolidated spread, over symbols and over the day.

It is weighted by time; moments of a cross count with their negative spread.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.analysis.scorecard.bands import bands
from simulator.analysis.scorecard.card import Check, Plot, Series, judged
from simulator.analysis.scorecard.estimators import mean, median, ratio, spearman
from simulator.analysis.scorecard.parts import Key, band_of, by_symbol, sample, series
from simulator.analysis.scorecard.symbol_day import SymbolDay
from simulator.records import F64, NS_PER_MINUTE, PRICE_UNITS_PER_USD

LARGE_TICK, SMALL_TICK = 1.5, 3.0
"""Ticks of mean spread: at most the first, more than the second; in between a symbol is of the medium class."""
CURVE_MINUTES = 5


@dataclass(frozen=True, slots=True)
class Part:
    key: Key
    ticks: float
    bps: float
    price: float
    """USD, mean midpoint."""
    shares: int
    """Printed in the continuous session."""
    at_open: float
    """Ticks, over the first five minutes; NaN if they are not covered."""
    at_midday: float
    at_close: float
    """Over the last fifteen minutes."""
    curve: F64
    """Ticks per five minutes of the session."""


def measure(day: SymbolDay) -> Part:
    quotes = day.quotes
    weights = quotes.lasts_ns.astype(np.float64)
    total = float(weights.sum())
    mid, spread = quotes.mid, quotes.spread / day.tick
    mean_mid = ratio(float((mid * weights).sum()), total)
    ticks = ratio(float((spread * weights).sum()), total)
    open_ns, close_ns = day.day.open_ns, day.day.close_ns
    edges = np.arange(open_ns, close_ns + 1, CURVE_MINUTES * NS_PER_MINUTE)
    curve = np.array([_between(day, int(a), int(b)) for a, b in itertools.pairwise(edges)])
    return Part(
        Key.of(day),
        ticks,
        ticks * day.tick / mean_mid * 1e4 if total else math.nan,
        mean_mid / PRICE_UNITS_PER_USD,
        int(day.continuous.size.sum()),
        _between(day, open_ns, open_ns + 5 * NS_PER_MINUTE),
        _between(day, *day.midday),
        _between(day, close_ns - 15 * NS_PER_MINUTE, close_ns),
        curve,
    )


def _between(day: SymbolDay, start_ns: int, end_ns: int) -> float:
    """Mean spread in ticks; NaN unless the span is covered, but for a minute at the ends of the session."""
    if not day.covers(max(start_ns, min(day.start_ns, start_ns + NS_PER_MINUTE)), min(end_ns, max(day.end_ns, end_ns - NS_PER_MINUTE))):
        return math.nan
    quotes = day.quotes
    first, last = np.searchsorted(quotes.ts + quotes.lasts_ns, start_ns, side="right"), np.searchsorted(quotes.ts, end_ns)
    start = np.maximum(quotes.ts[first:last], start_ns)
    stop = np.minimum(quotes.ts[first:last] + quotes.lasts_ns[first:last], end_ns)
    lasts = (stop - start).astype(np.float64)
    return ratio(float((quotes.spread[first:last] * lasts).sum()), float(lasts.sum())) / day.tick


def judge(parts: Sequence[Part]) -> list[Check]:
    groups = by_symbol([part for part in parts if math.isfinite(part.ticks)])
    ticks = {s: mean([p.ticks for p in ps]) for s, ps in groups.items()}
    return [_levels(groups, ticks, parts), _day(groups, ticks, parts)]


def _levels(groups: dict[str, list[Part]], ticks: dict[str, float], parts: Sequence[Part]) -> Check:
    bps = {s: mean([p.bps for p in ps]) for s, ps in groups.items()}
    price = {s: mean([p.price for p in ps]) for s, ps in groups.items()}
    shares = {s: sum(p.shares for p in ps) for s, ps in groups.items()}
    n = sample(parts)
    no_quotes = "" if groups else "there is no consolidated quote within regular hours"
    names = list(groups)
    cheap = {s: ticks[s] for s in names if price[s] < 60 and shares[s] and shares[s] >= 0.5 * median(list(shares.values()))}
    few = no_quotes or ("" if len(names) >= 5 else f"it needs five symbols, there are {len(names)}")
    rank = spearman(np.array([ticks[s] for s in names]), np.array([price[s] for s in names])) if not few else math.nan
    no_cheap = no_quotes or ("" if cheap else "no symbol below $60 has half of the median symbol's volume")
    findings = (
        judged("S2.median_bps", median(list(bps.values())), n, unless=no_quotes),
        judged("S2.max_bps", max(bps.values(), default=math.nan), n, unless=no_quotes),
        judged("S2.min_ticks", min(ticks.values(), default=math.nan), n, unless=no_quotes),
        judged("S2.spearman", rank, n, unless=few),
        judged("S2.cheap", max(cheap.values(), default=math.nan), f"{len(cheap)} symbols", unless=no_cheap),
    )
    x = sorted(price[s] for s in names) or [1.0]
    plot = Plot(
        "Spread and price",
        "price, USD",
        "spread, ticks",
        (
            _diagonal(x[0], x[-1]),
            series("symbols", [price[s] for s in names], [max(ticks[s], 0.01) for s in names], "dots"),
        ),
        log_x=True,
        log_y=True,
        note="Shaded: .6 to 4 bps, at least a tick. Real spreads follow it upwards.",
    )
    facts = tuple(
        (f"tightest and widest, {unit}", f"{min(v.values()):.2f}, {max(v.values()):.2f}")
        for unit, v in (("ticks", ticks), ("bps", bps))
        if v
    )
    return Check("S2", findings, plot, facts)


def _diagonal(low: float, high: float) -> Series:
    x = tuple(np.geomspace(low * 0.9, high * 1.1, 24).tolist())
    return Series("band", x, tuple(max(1.0, v * 0.006) for v in x), "band", tuple(max(1.3, v * 0.04) for v in x), reference=True)


def _day(groups: dict[str, list[Part]], ticks: dict[str, float], parts: Sequence[Part]) -> Check:
    wide = {s: ps for s, ps in groups.items() if ticks[s] > LARGE_TICK}
    opens = [ratio(mean([p.at_open for p in ps]), mean([p.at_midday for p in ps])) for ps in wide.values()]
    closes = [ratio(mean([p.at_close for p in ps]), mean([p.at_midday for p in ps])) for ps in wide.values()]
    n = f"{len(wide)} symbols of more than {LARGE_TICK} ticks"
    findings = (judged("S3.open", median(opens), n), judged("S3.close", median(closes), n))
    curves = [
        np.nanmean(np.stack([p.curve for p in ps]), axis=0) / m
        for ps in wide.values()
        if (m := mean([p.at_midday for p in ps])) > 0
        and len({len(p.curve) for p in ps}) == 1
        and not np.isnan(np.stack([p.curve for p in ps])).all(axis=0).any()
    ]
    shown = [c for c in curves if len(c) == len(curves[0])]
    middle = np.median(np.stack(shown), axis=0) if shown else np.zeros(0)
    minutes = (np.arange(len(middle)) + 0.5) * CURVE_MINUTES
    end = float(len(middle) * CURVE_MINUTES or 390)
    low, high = bands()["S3.open"].low, bands()["S3.open"].high
    plot = Plot(
        "Spread over the day, midday = 1",
        "minutes since the open",
        "spread over midday's",
        (
            band_of("first five minutes", low, high, (0.0, 5.0)),
            band_of("last quarter", 0.5, bands()["S3.close"].high, (end - 15, end)),
            series("median symbol", minutes, middle),
        ),
        note="Shaded: where the first five minutes and the last fifteen should lie.",
    )
    return Check("S3", findings, plot)
