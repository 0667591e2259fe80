"""Where each day of each symbol begins, opens, closes and ends: a path over the days, known before any flow.

Any day can be had alone. The path sums daily returns from the date of the reference price on; each year's draws come from one
stream, keyed by (seed, name, year), so that a sum over years costs a few streams. Each weekday counts as a session here: what a
holiday would have brought is part of the gap after it.

A third of the variance lies between close and open ("about 2/3 of risk is intraday": docs/realism.md), and a gap knows nothing of
the day before. The path leans back to its reference with a time constant of three years, far below what a year can show.
"""

from __future__ import annotations

import datetime as dt
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.flow.profile import Profile
from simulator.inputs.reference_prices import Bracket
from simulator.inputs.universe import Symbol
from simulator.records import F64
from simulator.rng import of_symbol, stream

OVERNIGHT_RATIO = 0.5
"""Variance from close to open against that from open to close: a third of the whole."""
EVENING, MORNING = 0.12, 0.25
"""Parts of the overnight variance that fall into the post-close and the pre-open."""
REVERSION_DAYS = 750.0
LEVEL_MEMORY, LEVEL_SD, LEVEL_DAYS = 0.9, 0.3, 40
"""Log volatility of a day: a moving average over so many days, half of its variance common to all symbols (docs/recipe.md)."""
TAIL = 0.35
"""Log standard deviation of a gap's own size: earnings and news come while the market is closed."""
INTRADAY, OVERNIGHT, LEVEL, SIZE, EVE, MORN = range(6)
"""What is drawn for each day and name."""


class Skeleton(NamedTuple):
    """One trading day of some symbols; float64[n] each, prices in USD."""

    start: F64
    """At 04:00 New York time."""
    open: F64
    close: F64
    end: F64
    """At the end of the post-close."""
    next_start: F64
    """At 04:00 of the next day."""
    volatility: F64
    """Standard deviation of the log return from open to close."""


def skeleton(seed: int, date: dt.date, symbols: Sequence[Symbol], brackets: Mapping[str, Bracket], profile: Profile) -> Skeleton:
    """``brackets``: with the dates of their closes, through which the path leads. ``date``: of a trading day; one without a session only
    goes on overnight."""
    days = [_symbol_day(seed, date, symbol, brackets[symbol.name], profile) for symbol in symbols]
    return Skeleton(*np.array(days).reshape(-1, 6).T)


def volatility_levels(seed: int, date: dt.date, symbols: Sequence[Symbol]) -> F64:
    """[n]: each symbol's log volatility of the day against its usual one, of standard deviation ``LEVEL_SD``; of a weekend's day that of
    the session after it."""
    session = date if date.weekday() < 5 else _weekday_after(date)
    days = _by_year(weekdays(session - dt.timedelta(days=2 * LEVEL_DAYS), session))
    market, kernel = _draws(seed, ("market",), days)[:, LEVEL], _level_kernel()
    return np.array([_moving_level(market, _draws(seed, (of_symbol(symbol.name),), days)[:, LEVEL], kernel)[-1] for symbol in symbols])


def against_usual(levels: F64) -> F64:
    """A day's volatility over its usual one, whose square is 1 in the mean over days."""
    return np.asarray(np.exp(levels - LEVEL_SD**2), np.float64)


class MarketDraws(NamedTuple):
    """What one weekday brings to all symbols alike."""

    overnight: float
    """Standard normals."""
    intraday: float
    level: float
    """The part of a day's log volatility that all share."""


def market_draws(seed: int, date: dt.date) -> MarketDraws:
    """For whoever follows the market as a whole; ``date``: a weekday."""
    market = _draws(seed, ("market",), _by_year(weekdays(date - dt.timedelta(days=2 * LEVEL_DAYS), date)))
    level = float(_moving_level(market[:, LEVEL], np.zeros(len(market)), _level_kernel())[-1]) - LEVEL_SD**2 / 2
    return MarketDraws(float(market[-1, OVERNIGHT]), float(market[-1, INTRADAY]), level)


def _symbol_day(seed: int, date: dt.date, symbol: Symbol, bracket: Bracket, profile: Profile) -> tuple[float, ...]:
    close, anchor = bracket.close, bracket.date
    assert anchor is not None
    session = date if date.weekday() < 5 else _weekday_after(date)
    first, last = min(anchor, session), max(anchor, _weekday_after(session))
    days = weekdays(first - dt.timedelta(days=2 * LEVEL_DAYS), last)
    places = _by_year(days)
    market, sector, own = (
        _draws(seed, key, places) for key in (("market",), ("sector", symbol.sector), (of_symbol(symbol.name),))
    )
    begin = max(n for n, day in enumerate(days) if day <= anchor)
    level = _moving_level(market[:, LEVEL], own[:, LEVEL], _level_kernel())
    sigma = symbol.daily_volatility * profile.volatility_scale * against_usual(level)
    parts = (math.sqrt(profile.variance_market) * symbol.beta, math.sqrt(profile.variance_sector))
    rest = math.sqrt(max(0.0, 1.0 - parts[0] ** 2 - parts[1] ** 2))

    def mix(kind: int) -> F64:
        return np.asarray(parts[0] * market[:, kind] + parts[1] * sector[:, kind] + rest * own[:, kind], np.float64)

    intraday = sigma * mix(INTRADAY)
    gap = sigma * math.sqrt(OVERNIGHT_RATIO) * mix(OVERNIGHT) * np.exp(TAIL * own[:, SIZE] - TAIL**2)
    place = {day: n for n, day in enumerate(days)}
    n, at = place[session], place[days[begin]]
    before, log_close, after = (math.log(close) + _path(gap + intraday, at, k) for k in (n - 1, n, n + 1))
    opened = log_close - intraday[n]
    spread = sigma * math.sqrt(OVERNIGHT_RATIO)
    start = _overnight(before, opened, float(spread[n]), own[n])[1]
    end, next_start = _overnight(log_close, float(after - intraday[n + 1]), float(spread[n + 1]), own[n + 1])
    if session != date:  # a weekend's days stand where the night has come to: at its end, for all that matters
        opened = log_close = end = next_start = start
    return (*(math.exp(x) for x in (start, opened, log_close, end, next_start)), float(sigma[n]))


def _overnight(close: float, opened: float, spread: float, draws: F64) -> tuple[float, float]:
    """Log prices at the end of the post-close and at 04:00: two points of the random walk that leads from ``close`` to ``opened``."""
    end = close + EVENING * (opened - close) + spread * math.sqrt(EVENING * (1 - EVENING)) * draws[EVE]
    left = 1.0 - EVENING
    start = end + (left - MORNING) / left * (opened - end) + spread * math.sqrt((left - MORNING) * MORNING / left) * draws[MORN]
    return float(end), float(start)


def _path(returns: F64, anchor: int, n: int) -> float:
    """Log price at the close of day ``n`` against that of day ``anchor``, later or earlier."""
    if n == anchor:
        return 0.0
    steps = returns[anchor + 1 : n + 1] if n > anchor else -returns[n + 1 : anchor + 1][::-1]
    decay = math.exp(-1.0 / REVERSION_DAYS)
    return float(np.dot(steps, decay ** np.arange(len(steps) - 1, -1, -1)))


def _level_kernel() -> F64:
    """[LEVEL_DAYS]: weights of the days before, newest first."""
    kernel = LEVEL_MEMORY ** np.arange(LEVEL_DAYS)
    kernel *= LEVEL_SD / math.sqrt(2.0 * float((kernel**2).sum()))
    return np.asarray(kernel, np.float64)


def _moving_level(common: F64, own: F64, kernel: F64) -> F64:
    """[n]: log volatility by day; before ``LEVEL_DAYS`` days have passed it is smaller than it should be."""
    return np.asarray(np.convolve(common + own, kernel)[: len(own)], np.float64)


def _by_year(days: Sequence[dt.date]) -> list[tuple[int, NDArray[np.intp]]]:
    """Days in order as (year, numbers of its days from 0 on), which is found once for all symbols of a universe."""
    return [
        (year, np.array([day.timetuple().tm_yday - 1 for day in group])) for year, group in itertools.groupby(days, lambda day: day.year)
    ]


def _draws(seed: int, key: tuple[str, ...], days: Sequence[tuple[int, NDArray[np.intp]]]) -> F64:
    """[days, 6] standard normals, each day's the same whatever the others are: a year's are drawn as far as the last of its days."""
    years = [stream(seed, "skeleton", *key, year).standard_normal((int(places[-1]) + 1, 6))[places] for year, places in days]
    return np.concatenate(years)


def weekdays(first: dt.date, last: dt.date) -> list[dt.date]:
    """Monday to Friday from ``first`` to ``last``, both included."""
    days = (first + dt.timedelta(days=n) for n in range((last - first).days + 1))
    return [day for day in days if day.weekday() < 5]


def _weekday_after(date: dt.date) -> dt.date:
    return date + dt.timedelta(days={4: 3, 5: 2}.get(date.weekday(), 1))
