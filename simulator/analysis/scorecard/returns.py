"""S8 to S10: returns of the consolidated midpoint, within regular hours, sampled on a grid by the last quote before.

Sizes of returns are taken over their mean at that time of day before anything is said about tails or clustering: without that an
iid series with a curve over the day passes as clustered.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

import simulator.analysis.scorecard.estimators as est
from simulator.analysis.scorecard.bands import bands
from simulator.analysis.scorecard.card import Check, Plot, judged, shown
from simulator.analysis.scorecard.estimators import Numbers, mean, median
from simulator.analysis.scorecard.parts import Key, band_of, by_symbol, days_of, long_enough, sample, series, stack
from simulator.analysis.scorecard.symbol_day import SymbolDay
from simulator.records import F64, I64

STEP_S = 10
BLOCK_DAYS = 5
"""Kurtosis grows with the sample, so samples are of one length."""
DAYS_FOR_ACF5 = 20
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Part:
    key: Key
    logs: F64
    """Of the midpoint every ten seconds, [session / 10 s + 1]; NaN where not covered."""
    prints: I64
    """Continuous prints per minute of the session."""
    trade_acf: tuple[float, float, int]
    """Sums of products of neighbouring changes of parent trades' prices, of squares, and their number."""


def measure(day: SymbolDay) -> Part:
    steps = np.diff(day.parents.price.astype(np.float64))
    products, squares = float((steps[1:] * steps[:-1]).sum()), float((steps**2).sum())
    with np.errstate(divide="ignore"):
        logs = np.log(day.mids(STEP_S))
    return Part(Key.of(day), logs, day.counts(day.continuous.ts, 60), (products, squares, max(len(steps) - 1, 0)))


class Returns:
    """Deseasonalised returns of all symbols at one horizon: ``of[symbol]`` is [days, n]."""

    def __init__(self, groups: Mapping[str, Sequence[Part]], horizon_s: int) -> None:
        step = horizon_s // STEP_S
        raw = {s: np.diff(stack([p.logs[::step] for p in ps]), axis=1) for s, ps in groups.items()}
        raw = {s: r for s, r in raw.items() if np.isfinite(r).any() and np.nanmax(np.abs(r)) > 0}
        self.season = season([np.abs(r) for r in raw.values()])
        self.of: dict[str, Numbers] = {s: est.deseasonalise(r, self.season[: r.shape[1]]) for s, r in raw.items()}


def season(tables: Sequence[Numbers]) -> Numbers:
    """Mean size by time of day over symbols and days, each symbol over its own mean: [n], 1 on average."""
    width = max((t.shape[1] for t in tables), default=0)
    rows = [row for t in tables if (level := mean(t.ravel())) > 0 for row in t / level]
    table = stack([np.pad(row, (0, width - len(row)), constant_values=np.nan) for row in rows])
    known = np.isfinite(table).sum(axis=0) if len(rows) else np.zeros(width)
    return np.divide(np.nansum(table, axis=0), known, out=np.full(width, np.nan), where=known > 0) if len(rows) else np.full(width, np.nan)


def judge(parts: Sequence[Part]) -> list[Check]:
    usable = [p for p in long_enough(parts, HOUR_S) if np.isfinite(p.logs).any()]
    groups = by_symbol(usable)
    minutes, fives, halves = (Returns(groups, horizon) for horizon in (60, 300, 1_800))
    return [_tails(usable, minutes, fives, halves), _white(usable, groups, minutes, fives), _clusters(usable, groups, minutes)]


def _tails(parts: Sequence[Part], minutes: Returns, fives: Returns, halves: Returns) -> Check:
    days = days_of(parts)
    short = f"it needs five days, there {'is' if days == 1 else 'are'} {days}" if days < BLOCK_DAYS else ""
    few = short if parts else "it needs five days with an hour of quotes at least"
    k1, k5, k30 = (_by_block(r, est.excess_kurtosis) for r in (minutes, fives, halves))
    tail = _by_block(fives, lambda block: est.hill(block, 0.05))
    n = sample(parts)
    findings = (
        judged("S8.k1", k1, n, unless=few),
        judged("S8.order", min(k1 - k5, k5 - k30), n, unless=few),
        judged("S8.hill", tail, n, unless=few),
    )
    pooled = np.concatenate([np.abs(r[np.isfinite(r)]) / np.sqrt(np.nanmean(r**2)) for r in fives.of.values()] or [np.zeros(0)])
    x = np.geomspace(0.5, 12, 30)
    share = np.array([np.mean(pooled > v) for v in x]) if len(pooled) else np.zeros(30)
    gauss = np.array([math.erfc(v / math.sqrt(2)) for v in x])
    cubic = 0.05 * (x / 2.0) ** -3
    keep = share > 0
    plot = Plot(
        "Five-minute returns: share above x standard deviations",
        "standard deviations",
        "share",
        (
            series("Gaussian", x[gauss > 1e-5], gauss[gauss > 1e-5], reference=True),
            series("x^-3", x[x >= 2], cubic[x >= 2], reference=True),
            series("all symbols", x[keep], share[keep]),
        ),
        log_x=True,
        log_y=True,
        note="A tail exponent of 3 runs beside the straight line.",
    )
    facts = tuple((f"excess kurtosis, {name}", shown(k, ".2f")) for name, k in (("1 min", k1), ("5 min", k5), ("30 min", k30)))
    return Check("S8", findings, plot, facts)


def _by_block(returns: Returns, estimate: Callable[[Numbers], float]) -> float:
    """Of each symbol in each block of five days (one shorter block, if that is all), median over symbols, mean over blocks."""
    days = max((len(r) for r in returns.of.values()), default=0)
    blocks = max(days // BLOCK_DAYS, 1)
    return mean([median([estimate(r[b * BLOCK_DAYS : (b + 1) * BLOCK_DAYS]) for r in returns.of.values()]) for b in range(blocks)])


def _white(parts: Sequence[Part], groups: Mapping[str, Sequence[Part]], minutes: Returns, fives: Returns) -> Check:
    unless = "" if parts else "no symbol has an hour of quotes"
    n = sample(parts)
    first = [est.autocorrelation(r, 1) for r in minutes.of.values()]
    long = [p for p in parts if p.key.covered_s >= 2 * HOUR_S]
    fifth = [est.autocorrelation(r, 1) for r in fives.of.values()]
    # Below 20 days a perfect martingale exceeds the bound by chance: the mean over symbols is asked, with its standard error.
    rich = days_of(parts) >= DAYS_FOR_ACF5
    acf5 = median(np.abs(fifth)) if rich else abs(mean(fifth))
    spare = 0.0 if rich else max(0.0, 3 * _error_of_mean(fives, fifth) - 0.06)
    ratios = [est.variance_ratio(stack([p.logs for p in ps]), 300 // STEP_S) for ps in groups.values()]
    trades = [
        est.ratio(sum(p.trade_acf[0] for p in ps), sum(p.trade_acf[1] for p in ps))
        for ps in groups.values()
        if sum(p.trade_acf[2] for p in ps) >= 100
    ]
    findings = (
        judged("S9.acf1", median(np.abs(first)), n, unless=unless),
        judged("S9.acf5", acf5, n, unless=unless or ("" if long else "it needs two hours"), spare=spare if math.isfinite(spare) else 0.0),
        judged("S9.vr", median(ratios), n, unless=unless),
        judged("S9.trade_acf", median(trades), n, unless=unless or ("" if trades else "no symbol has 100 parent trades")),
    )
    lags = np.arange(1, 16)
    curve = [median([est.autocorrelation(r, int(lag)) for r in minutes.of.values()]) for lag in lags]
    plot = Plot(
        "Autocorrelation of one-minute returns",
        "lag, minutes",
        "",
        (band_of("band", -0.06, 0.06, (0.5, 15.5)), series("median symbol", lags, curve, "bars")),
    )
    short = median([est.variance_ratio(stack([p.logs for p in ps]), 60 // STEP_S) for ps in groups.values()])
    return Check(
        "S9",
        findings,
        plot,
        (("variance ratio 10 s : 60 s", shown(short, ".3f")), ("ACF, 1 minute, mean over symbols", shown(mean(first), "+.3f"))),
    )


def _error_of_mean(returns: Returns, values: Sequence[float]) -> float:
    """Of the mean over symbols of autocorrelations: symbols of correlation r count as correlated by r^2."""
    tables = [r.ravel() for r in returns.of.values()]
    width = min((len(t) for t in tables), default=0)
    if len(tables) < 2 or width < 10:
        return 1 / math.sqrt(width) if width else math.nan
    table = np.nan_to_num(np.stack([t[:width] for t in tables]))
    squares = np.corrcoef(table) ** 2
    count = len(tables)
    shared = (float(squares.sum()) - count) / (count * (count - 1))
    single = max(float(np.nanstd(values, ddof=1)), 1 / math.sqrt(width))
    return single * math.sqrt((1 + (count - 1) * shared) / count)


def _clusters(parts: Sequence[Part], groups: Mapping[str, Sequence[Part]], minutes: Returns) -> Check:
    sizes = {s: np.abs(r) for s, r in minutes.of.items()}
    long = [p for p in parts if p.key.covered_s >= 2 * HOUR_S]
    unless = "" if long else "it needs two hours of quotes"
    full = [p for p in parts if p.key.is_whole]
    no_day = "" if full else "no whole session is covered"
    n = sample(parts)
    at = {lag: median([est.autocorrelation(v, lag) for v in sizes.values()]) for lag in (1, 10, 60)}
    hours = [est.autocorrelation(v[[d]], 60) if len(v) == 1 else _day_lag(v, d, 60) for v in sizes.values() for d in range(len(v))]
    hours = [h for h in hours if math.isfinite(h)]
    few = no_day or ("" if len(hours) >= 8 else f"it needs eight symbol-days, there are {len(hours)}")
    prints = {s: stack([p.prints.astype(np.float64) for p in groups[s]]) for s in sizes}
    level = season(list(prints.values()))
    together = [_correlation(est.deseasonalise(prints[s], level[: prints[s].shape[1]]), v) for s, v in sizes.items()]
    findings = (
        judged("S10.lag1", at[1], n, unless=unless),
        judged("S10.lag10", at[10], n, unless=unless),
        judged("S10.lag60", at[60], n, unless=unless or no_day),
        judged("S10.t60", est.ratio(mean(hours), est.standard_error(hours)), f"{len(hours)} symbol-days", unless=unless or few),
        judged("S10.activity", median(together), n, unless=unless),
    )
    lags = np.array([1, 2, 3, 5, 7, 10, 15, 20, 30, 45, 60, 90, 120])
    curve = np.array([median([est.autocorrelation(v, int(lag)) for v in sizes.values()]) for lag in lags])
    ranges = [
        band_of(f"lag {lag}", bands()[f"S10.lag{lag}"].low, bands()[f"S10.lag{lag}"].high or 0.3, (lag * 0.85, lag * 1.18))
        for lag in (1, 10, 60)
    ]
    plot = Plot("Autocorrelation of |one-minute return|", "lag, minutes", "", (*ranges, series("median symbol", lags, curve)), log_x=True)
    return Check("S10", findings, plot)


def _day_lag(days: Numbers, day: int, lag: int) -> float:
    """One day's share of the autocorrelation over all days: centred and scaled by all of them."""
    known = days[np.isfinite(days)]
    products, pairs = est.lag_products(days[[day]], lag, float(known.mean()))
    return products / pairs / float(known.var()) if pairs and known.var() > 0 else math.nan


def _correlation(x: Numbers, y: Numbers) -> float:
    width = min(x.shape[1], y.shape[1])
    x, y = x[:, :width].ravel(), y[:, :width].ravel()
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    return float(np.corrcoef(x, y)[0, 1]) if len(x) > 30 and x.std() > 0 and y.std() > 0 else math.nan
