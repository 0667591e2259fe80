"""The index that market-wide breakers watch: what all symbols share of a day, and nothing else.

It is the path of a share of the universe's mean exposure to the market factor, without sector and own parts: the overnight moves, the
session's and its volatility come from the very draws that the symbols' prices have of the market, and a scenario's shocks are added. All
of it is known by seed, day and scenario alone, so that every worker has the same index and asks no other.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.flow.fundamental import SLOW_SD, SLOW_TAU_S, STEP_S, smooth_noise, volatility_shape
from simulator.flow.profile import load_profile
from simulator.flow.skeleton import OVERNIGHT_RATIO, market_draws
from simulator.inputs.config import EVERY_SYMBOL, Scenario, Shock
from simulator.inputs.sessions import TradingDay, trading_days
from simulator.notices import BREAKER_DECLINES
from simulator.records import F64, NS_PER_MINUTE, NS_PER_S
from simulator.rng import stream

HOUR_S = 3600
MEMBERS = 500
"""Of the index: the universe stands for them."""
BEFORE_DAYS = 14
"""The session before lies within so many days."""


def index_path(scenario: Scenario, day: TradingDay) -> F64:
    """[seconds of the session]: log of the index over its close of the session before, at the end of each second; shocks included."""
    before = _session_before(day)
    opened, closed = _market_moves(scenario, before.date, day.date)
    seconds = (day.close_ns - day.open_ns) // NS_PER_S
    own = stream(scenario.seed, day.date.isoformat(), "market", "volatility")
    steps = -(-(day.end_ns - day.start_ns) // (STEP_S * NS_PER_S))
    level = math.sqrt(0.5) * SLOW_SD * smooth_noise(own.standard_normal((steps, 1)), SLOW_TAU_S / STEP_S)[:, 0]
    first_s = (day.open_ns - day.start_ns) // NS_PER_S
    minutes = (np.arange(seconds) + 0.5) * 390.0 / seconds
    sigma = volatility_shape(minutes) * np.exp(level[(first_s + np.arange(seconds)) // STEP_S])
    sigma *= _session_deviation(scenario, day.date) / math.sqrt(float((sigma**2).sum()))
    walk = np.cumsum(sigma * _factor(scenario.seed, day.date, first_s, int(seconds)))
    gone = np.cumsum(sigma**2) / float((sigma**2).sum())
    path = opened + walk + gone * (closed - opened - walk[-1])  # a random walk whose end is known
    return np.asarray(path + _shocks(scenario, before.close_ns, day.open_ns, int(seconds)), np.float64)


def _market_moves(scenario: Scenario, before: dt.date, date: dt.date) -> tuple[float, float]:
    """Log of the index at the open and at the close, over the close of ``before``. What a weekday without a session had brought is part
    of the gap, as it is of the symbols' (``skeleton``)."""
    opened = 0.0
    for n in range(1, (date - before).days + 1):
        each = before + dt.timedelta(days=n)
        if each.weekday() < 5:
            draws = market_draws(scenario.seed, each)
            deviation = _session_deviation(scenario, each)
            opened += deviation * math.sqrt(OVERNIGHT_RATIO) * draws.overnight
            if each == date:
                return opened, opened + deviation * draws.intraday
            opened += deviation * draws.intraday
    raise ValueError(f"{date} is no weekday after {before}")


def _session_deviation(scenario: Scenario, date: dt.date) -> float:
    """Standard deviation of the index's log return from open to close: the symbols' mean."""
    profile = load_profile(scenario.profile, scenario.populations)
    mean = float(np.mean([symbol.beta * symbol.daily_volatility for symbol in scenario.universe.symbols]))
    usual = mean * profile.volatility_scale * math.sqrt(profile.variance_market)
    return max(usual, 1e-12) * math.exp(market_draws(scenario.seed, date).level)


def _factor(seed: int, date: dt.date, first_s: int, seconds: int) -> F64:
    """[seconds]: the market factor's draws, which the symbols get hour by hour of the day."""
    hours = range(first_s // HOUR_S, (first_s + seconds - 1) // HOUR_S + 1)
    draws = [stream(seed, date.isoformat(), "market", "factor", hour).standard_normal(HOUR_S) for hour in hours]
    skipped = first_s - hours[0] * HOUR_S
    return np.asarray(np.concatenate(draws)[skipped : skipped + seconds], np.float64)


def _shocks(scenario: Scenario, since_ns: int, open_ns: int, seconds: int) -> F64:
    """[seconds]: what the scenario's shocks have come to since the close before; one symbol's counts as that of one of five hundred."""
    total = np.zeros(seconds)
    ends_s = open_ns // NS_PER_S + 1 + np.arange(seconds)
    for shock in scenario.shocks:
        if shock.ts_ns >= scenario.start_ns:
            total += _weight(shock) * (_gone(shock, ends_s) - float(_gone(shock, np.array([since_ns // NS_PER_S]))[0]))
    return total


def _weight(shock: Shock) -> float:
    return shock.log_return / (1 if shock.symbol == EVERY_SYMBOL else MEMBERS)


def _gone(shock: Shock, ends_s: np.ndarray[tuple[int], np.dtype[np.int64]]) -> F64:
    """Parts of the shock that have come by the ends of these seconds: as the flow spreads it over whole seconds."""
    length = max(shock.over_ns // NS_PER_S, 1)
    return np.asarray(np.clip((ends_s - 1 - shock.ts_ns // NS_PER_S) / length, 0.0, 1.0), np.float64)


def _session_before(day: TradingDay) -> TradingDay:
    days = trading_days(day.start_ns - BEFORE_DAYS * 1440 * NS_PER_MINUTE, day.start_ns)
    return [each for each in days if each.is_session][-1]


class Decline(NamedTuple):
    """One that halts the market."""

    second: int
    """Of the session: after it the index stands at the level or below."""
    level: int
    """1 to 3."""


LEVELS = tuple(math.log(1 - decline) for decline in BREAKER_DECLINES)
"""Of the index, log over its close of the session before: level 1 to 3 (NYSE rule 7.12)."""
HALT_S = 900
LATEST_S = 35 * 60
"""Before the close: levels 1 and 2 halt nothing from then on."""
REOPENED_S = 1
"""All symbols trade again by then after a halt's end, and there is an index."""


def declines(path: Sequence[float] | F64) -> list[Decline]:
    """The halts of a session, in order: level 1 and level 2 once each, the lower not after the higher; level 3 ends the day."""
    values = np.asarray(path, np.float64)
    found: list[Decline] = []
    free, most = 0, 0
    for second in np.flatnonzero(values <= LEVELS[0]).tolist():
        level = int(np.searchsorted(-np.array(LEVELS), -values[second], side="right"))
        if second < free or level <= most or (level < 3 and second >= len(values) - LATEST_S):
            continue
        found.append(Decline(second, level))
        if level == 3:
            break
        free, most = second + HALT_S + REOPENED_S, level
    return found
