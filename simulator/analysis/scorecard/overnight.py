"""S20: how days join.

Opening and closing prices are those of the crosses; without a cross, the first and the last midpoint of a whole session.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simulator.analysis.scorecard.card import Check, Plot, judged, shown
from simulator.analysis.scorecard.estimators import mean, median, standard_error
from simulator.analysis.scorecard.parts import Key, by_symbol, days_of, sample, series
from simulator.analysis.scorecard.symbol_day import CLOSE, OPEN, SymbolDay
from simulator.records import F64

NIGHTS_FOR_SHARE = 20
DAYS_FOR_CORRELATION = 250
DOTS_MAX = 1_500


@dataclass(frozen=True, slots=True)
class Part:
    key: Key
    session: int
    """Its number among the sessions of the calendar."""
    open: float
    """Log of the price; NaN where unknown."""
    close: float


def measure(day: SymbolDay, session: int) -> Part:
    quotes = day.quotes
    first = float(quotes.mid[0]) if len(quotes.ts) and day.is_whole else math.nan
    last = float(quotes.mid[-1]) if len(quotes.ts) and day.is_whole else math.nan
    opens, closes = (day.prints.price[day.prints.kind == kind] for kind in (OPEN, CLOSE))
    return Part(
        Key.of(day), session, math.log(float(opens[0]) if len(opens) else first), math.log(float(closes[-1]) if len(closes) else last)
    )


def judge(parts: Sequence[Part]) -> Check:
    nights: dict[str, F64] = {}
    for symbol, days in by_symbol(parts).items():
        # Overnight return, the open-to-close return after it, and the one before it.
        rows = [(b.open - a.close, b.close - b.open, a.close - a.open) for a, b in itertools.pairwise(days) if b.session == a.session + 1]
        table = np.array(rows, np.float64).reshape(-1, 3)
        nights[symbol] = table[np.isfinite(table).all(axis=1)]
    nights = {symbol: table for symbol, table in nights.items() if len(table)}
    count = max((len(table) for table in nights.values()), default=0)
    shares = [float((t[:, 0] ** 2).sum() / (t[:, :2] ** 2).sum()) for t in nights.values() if t[:, :2].any()]
    pulls = [float(np.corrcoef(t[:, 0], t[:, 2])[0, 1]) for t in nights.values() if len(t) > 2 and t[:, 0].std() > 0 and t[:, 2].std() > 0]
    total = days_of(parts)
    n = sample(parts, f"{count} nights")
    findings = (
        judged(
            "S20.share",
            median(shares),
            n,
            unless=f"it needs {NIGHTS_FOR_SHARE} nights, there are {count}" if count < NIGHTS_FOR_SHARE else "",
        ),
        judged(
            "S20.corr",
            mean(pulls),
            n,
            unless=f"it needs {DAYS_FOR_CORRELATION} days, there are {total}" if total < DAYS_FOR_CORRELATION else "",
        ),
    )
    every = np.concatenate(list(nights.values())) if nights else np.zeros((0, 3))
    every = every[:: max(1, len(every) // DOTS_MAX)]
    plot = Plot(
        "Overnight return after the day before",
        "open to close of the day before, %",
        "overnight, %",
        (series("symbol and night", every[:, 2] * 100, every[:, 0] * 100, "dots"),),
        note="Wanted: no slope.",
    )
    pooled = (
        float(np.corrcoef(every[:, 0], every[:, 2])[0, 1])
        if len(every) > 2 and every[:, 0].std() > 0 and every[:, 2].std() > 0
        else math.nan
    )
    facts = (
        ("correlation of all symbols' nights together", shown(pooled, "+.2f")),
        ("its standard error over symbols", shown(standard_error(pulls), ".2f")),
    )
    return Check("S20", findings, plot, facts if nights else ())
