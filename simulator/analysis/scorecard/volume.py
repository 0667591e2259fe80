"""S4 to S7: how much trades when, in the crosses, where, and in which sizes."""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from simulator.analysis.scorecard.bands import bands
from simulator.analysis.scorecard.card import Check, Plot, Series, judged
from simulator.analysis.scorecard.card import shown as as_text
from simulator.analysis.scorecard.estimators import mean, median, ratio
from simulator.analysis.scorecard.parts import Key, band_of, by_symbol, days_of, sample, series
from simulator.analysis.scorecard.symbol_day import CLOSE, FULL_SESSION_S, OPEN, SymbolDay
from simulator.records import F64, I64, NS_PER_S

FIVE_VENUES = ("NASDAQ", "NYSE", "ARCA", "BATS", "IEX")
ORDER = {"nasdaq": ("NASDAQ", "ARCA", "BATS", "IEX", "NYSE"), "nyse": ("NYSE", "NASDAQ", "ARCA", "BATS", "IEX")}
LISTED = {"nasdaq": "NASDAQ", "nyse": "NYSE"}
SIZES = 1_001
"""Sizes counted one by one, those above together."""
HIGH_PRICE_USD = 100.0


@dataclass(frozen=True, slots=True)
class Cross:
    kind: int
    ts: int
    shares: int
    distance: float
    """From the midpoint before it, over the spread; NaN without a quote."""
    collar: float
    """The same over the midpoint."""
    is_outside: bool
    """Outside of the quote before it."""


@dataclass(frozen=True, slots=True)
class Part:
    key: Key
    minutes: I64
    """Continuous shares per minute of the session."""
    total: int
    """All shares of the day."""
    crosses: tuple[Cross, ...]
    venues: Mapping[str, int]
    """Shares by venue, crosses included."""
    sizes: I64
    """Continuous prints by size, [SIZES + 1]."""
    shares: int
    round_lot: int
    price: float
    """USD, of the median print."""


def measure(day: SymbolDay) -> Part:
    prints = day.prints
    continuous = day.continuous
    minute = (continuous.ts - day.day.open_ns) // (60 * NS_PER_S)
    minutes = np.bincount(minute, weights=continuous.size, minlength=day.session_s // 60).astype(np.int64)
    by_venue = np.bincount(prints.venue, weights=prints.size, minlength=len(day.venues))
    return Part(
        Key.of(day),
        minutes,
        int(prints.size.sum()),
        _crosses(day),
        {venue: int(shares) for venue, shares in zip(day.venues, by_venue.tolist(), strict=True)},
        np.bincount(np.minimum(continuous.size, SIZES), minlength=SIZES + 1),
        int(continuous.size.sum()),
        day.round_lot,
        float(np.median(prints.price)) / 1e4 if len(prints) else math.nan,
    )


def _crosses(day: SymbolDay) -> tuple[Cross, ...]:
    """Each cross against the consolidated quote before it, whatever its hour."""
    prints = day.prints.take((day.prints.kind == OPEN) | (day.prints.kind == CLOSE))
    found = []
    for i in range(len(prints)):
        row = np.array([np.searchsorted(day.rows.ts, prints.ts[i], side="left") - 1])
        bid, ask = (
            int(day.bids[:, row].max(initial=0)) if row[0] >= 0 else 0,
            int(day.asks[:, row].min(initial=2**30)) if row[0] >= 0 else 2**30,
        )
        price, mid, spread = int(prints.price[i]), (bid + ask) / 2, max(ask - bid, day.tick)
        known = bid > 0 and ask < 2**30
        found.append(
            Cross(
                int(prints.kind[i]),
                int(prints.ts[i]),
                int(prints.size[i]),
                abs(price - mid) / spread if known else math.nan,
                abs(price / mid - 1) if known else math.nan,
                known and not min(bid, ask) <= price <= max(bid, ask),
            )
        )
    return tuple(found)


def judge(parts: Sequence[Part]) -> list[Check]:
    return [_curve(parts), _auctions(parts), _split(parts), _sizes(parts)]


def _curve(parts: Sequence[Part]) -> Check:
    whole = [p for p in parts if p.key.is_whole and len(p.minutes) == FULL_SESSION_S // 60 and p.minutes.sum() > 0]
    groups = by_symbol(whole)
    curves: dict[str, F64] = {s: np.sum([p.minutes for p in ps], axis=0) / sum(p.minutes.sum() for p in ps) for s, ps in groups.items()}
    n = sample(whole)
    unless = "" if whole else "no full session from open to close with prints is covered"
    traded = {s: [float(p.minutes.sum()) for p in ps] for s, ps in groups.items() if len(ps) >= 5}
    cv = median([float(np.std(v, ddof=1) / np.mean(v)) for v in traded.values()])
    few_days = "" if traded else f"it needs five whole days, there are {days_of(whole)}"
    findings = (
        judged("S4.first30", median([float(c[:30].sum()) for c in curves.values()]), n, unless=unless),
        judged("S4.midday", median([float(c[150:240].mean() / c.mean()) for c in curves.values()]), n, unless=unless),
        judged("S4.last30", median([float(c[-30:].sum()) for c in curves.values()]), n, unless=unless),
        judged("S4.days", cv, n, unless=few_days),
    )
    middle = np.mean(list(curves.values()), axis=0) if curves else np.zeros(0)
    five = middle.reshape(-1, 5).sum(axis=1) if len(middle) else middle
    ranges = [
        band_of(name, (b.low or 0) * scale, (b.high or 0) * scale, x)
        for name, b, scale, x in (
            ("first 30 minutes", bands()["S4.first30"], 1 / 6, (0.0, 30.0)),
            ("12:00 to 13:30", bands()["S4.midday"], 1 / 78, (150.0, 240.0)),
            ("last 30 minutes", bands()["S4.last30"], 1 / 6, (360.0, 390.0)),
        )
    ]
    plot = Plot(
        "Volume over the day",
        "minutes since the open",
        "share per five minutes",
        (*ranges, series("mean symbol", np.arange(len(five)) * 5 + 2.5, five)),
    )
    jumps = [ratio(float(b), float(a)) for a, b in pairwise(middle[-29:])] if len(middle) else []
    jump = max((j for j in jumps if math.isfinite(j)), default=math.nan)
    totals = [float(sum(p.total for p in ps)) for ps in groups.values()]
    facts = (
        ("largest step up from a minute to the next, last 28 minutes, times", as_text(jump, ".2f")),
        ("largest over smallest symbol's volume", as_text(ratio(max(totals, default=0.0), min(totals, default=0.0)), ".1f")),
    )
    return Check("S4", findings, plot, facts)


def _auctions(parts: Sequence[Part]) -> Check:
    closes = [(p, c) for p in parts for c in p.crosses if c.kind == CLOSE]
    pairs = [(o.shares, c.shares) for p in parts for o in p.crosses if o.kind == OPEN for c in p.crosses if c.kind == CLOSE and c.shares]
    crosses = [c for p in parts for c in p.crosses]
    shares = [ratio(c.shares, p.total) for p, c in closes if p.key.is_whole]
    quoted = [c for c in crosses if math.isfinite(c.distance)]
    none = "" if crosses else "there are no crosses (cond O and C)"
    n = f"{len(crosses)} crosses"
    expiry = {
        True: [float(c.shares) for p, c in closes if _is_expiry(p.key.date)],
        False: [float(c.shares) for p, c in closes if not _is_expiry(p.key.date)],
    }
    no_expiry = none or ("" if expiry[True] and expiry[False] else "no day of quarterly expiry beside another day")
    findings = (
        judged(
            "S5.close_share",
            median(shares),
            f"{len(shares)} closes",
            unless=none or ("" if shares else "no whole session with a closing cross"),
        ),
        judged("S5.open_close", median([ratio(o, c) for o, c in pairs]), f"{len(pairs)} symbol-days", unless=none),
        judged("S5.collar", max((c.collar for c in quoted), default=math.nan), n, unless=none),
        judged("S5.distance", median([c.distance for c in quoted]), n, unless=none),
        judged("S5.whole_second", mean([float(c.ts % NS_PER_S == 0) for c in crosses]), n, unless=none),
        judged("S5.expiry", ratio(mean(expiry[True]), mean(expiry[False])), n, unless=no_expiry),
    )
    by_name = {s: mean([ratio(c.shares, p.total) for p, c in closes if p.key.symbol == s]) for s in by_symbol(parts)}
    band = bands()["S5.close_share"]
    plot = Plot(
        "Closing cross by symbol",
        "",
        "share of the day's volume",
        (
            band_of("band", band.low, band.high, (-0.5, len(by_name) - 0.5)),
            series("closing cross", range(len(by_name)), list(by_name.values()), "bars"),
        ),
        ticks=tuple(by_name),
    )
    outside = mean([float(c.is_outside) for _, c in closes])
    return Check("S5", findings, plot, (("closes outside the last quote", f"{outside:.0%}" if closes else "-"),))


def _is_expiry(date: str) -> bool:
    """The third Friday of a quarter's last month."""
    day = dt.date.fromisoformat(date)
    return day.month % 3 == 0 and day.weekday() == 4 and 15 <= day.day <= 21


def _split(parts: Sequence[Part]) -> Check:
    findings, shown, references = [], [], []
    for group, home in LISTED.items():
        mine = [p for p in parts if p.key.listing == home and p.total]
        totals = {v: sum(p.venues.get(v, 0) for p in mine) for v in FIVE_VENUES}
        absent = [v for v in FIVE_VENUES if not totals[v]]
        unless = f"no prints of symbols listed at {home}" if not mine else f"no prints at {', '.join(absent)}" if absent else ""
        share = {v: ratio(totals[v], sum(totals.values())) for v in FIVE_VENUES}
        ordered = [share[v] for v in ORDER[group]]
        swaps = float(sum(a < b for a, b in itertools.pairwise(ordered)))
        n = sample(mine)
        findings += [judged(f"S6.{group}.{v}", share[v], n, unless=unless) for v in ORDER[group]]
        findings.append(judged(f"S6.{group}.order", swaps, n, unless=unless))
        shown += [share[v] if not unless else math.nan for v in ORDER[group]]
        references += [bands()[f"S6.{group}.{v}"] for v in ORDER[group]]
    ranges = [band_of("band", b.low, b.high, (i - 0.45, i + 0.45)) for i, b in enumerate(references)]
    names = tuple(f"{'Q' if group == 'tech' else 'N'}: {v}" for group in ORDER for v in ORDER[group])
    plot = Plot(
        "Volume by venue",
        "",
        "share",
        (*ranges, series("share", range(len(shown)), shown, "bars")),
        ticks=names,
        note="Q: symbols listed at Nasdaq, N: at NYSE.",
    )
    return Check("S6", tuple(findings), plot)


def _sizes(parts: Sequence[Part]) -> Check:
    groups = by_symbol([p for p in parts if p.shares])
    unless = "" if groups else "no continuous prints within regular hours"
    counts = {s: np.sum([p.sizes for p in ps], axis=0) for s, ps in groups.items()}
    prints = {s: int(c.sum()) for s, c in counts.items()}
    odd = {s: sum(int(p.sizes[: p.round_lot].sum()) for p in groups[s]) / prints[s] for s in groups}
    dear = [s for s in groups if mean([p.price for p in groups[s]]) >= HIGH_PRICE_USD]
    around = [*range(95, 100), *range(101, 106)]
    n = sample([p for ps in groups.values() for p in ps], f"{sum(prints.values()):,} prints")
    # A size that does not occur counts as one, or a spike without neighbours would have no number.
    spikes = [float(c[100] / max(c[around].mean(), 0.1)) for c in counts.values()]
    findings = (
        judged("S7.odd", median(list(odd.values())), n, unless=unless),
        judged(
            "S7.odd_100",
            median([odd[s] for s in dear]),
            f"{len(dear)} symbols",
            unless=unless or ("" if dear else "no symbol of $100 and more"),
        ),
        judged("S7.mean", median([sum(p.shares for p in groups[s]) / prints[s] for s in groups]), n, unless=unless),
        judged("S7.one", median([float(c[1] / prints[s]) for s, c in counts.items()]), n, unless=unless),
        judged("S7.spike", median(spikes), n, unless=unless),
    )
    edges = [1, 2, 10, 50, 100, 101, 200, 201, 500, 1_000, SIZES + 1]
    all_prints = np.sum(list(counts.values()), axis=0) if counts else np.zeros(SIZES + 1)
    bars = [float(all_prints[a:b].sum()) / max(float(all_prints.sum()), 1.0) for a, b in itertools.pairwise(edges)]
    names = ("1", "2-9", "10-49", "50-99", "100", "101-199", "200", "201-499", "500-999", "1000+")
    return Check(
        "S7",
        findings,
        Plot(
            "Sizes of prints",
            "shares",
            "share of prints",
            (Series("prints", tuple(map(float, range(10))), tuple(bars), "bars"),),
            ticks=names,
            note="Real: odd lots .45 to .80 in all, one share .01 to .12, a spike at 100.",
        ),
    )
