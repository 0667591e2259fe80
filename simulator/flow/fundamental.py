"""What the symbols share and what they start from: drawn per day and hour from streams of their own, before any flow.

Everything here is keyed by (seed, day, ...), so a day, an hour or a symbol can be had without the others.
"""

from __future__ import annotations

import datetime as dt
import math
from itertools import accumulate

import numpy as np

from simulator.flow.profile import Profile
from simulator.inputs.reference_prices import Bracket
from simulator.inputs.universe import Universe
from simulator.records import F64
from simulator.rng import of_symbol, stream

SESSION_MINUTES = 390.0
SECONDS_A_SESSION = 23_400


def opening_price(seed: int, day: dt.date, symbol: str, bracket: Bracket, daily_volatility: float) -> float:
    """USD at which the day's fundamental opens: around the bracket's close, inside the bracket."""
    shock = stream(seed, day.isoformat(), of_symbol(symbol), "open").standard_normal()
    return float(np.clip(bracket.close * math.exp(0.5 * daily_volatility * shock), bracket.low, bracket.high))


def volatility_shape(minutes: F64) -> F64:
    """Intraday volatility relative to its mean over the session, by minutes since the open (recipe.md; Ozenbas 2008 for the shape)."""
    t = np.clip(minutes, 0.0, SESSION_MINUTES)
    shape = 0.72 + 2.3 * np.exp(-t / 12) + 0.55 * np.exp(-t / 70) + 0.75 * np.exp(-(SESSION_MINUTES - t) / 18)
    outside = (minutes < 0) | (minutes > SESSION_MINUTES)
    return np.asarray(np.where(outside, 0.45, shape), np.float64)


def smooth_noise(rng: np.random.Generator, seconds: int, columns: int, tau_s: float, every_s: int = 1) -> F64:
    """[seconds, columns]: independent Ornstein-Uhlenbeck paths of unit variance, constant over ``every_s`` seconds."""
    return _smooth(rng.standard_normal((-(-seconds // every_s), columns)), seconds, tau_s, every_s)


def _smooth(shocks: F64, seconds: int, tau_s: float, every_s: int) -> F64:
    """[seconds, columns] of independent normal ``shocks`` [steps, columns], in place. Every worker does this for every symbol and hour,
    so its time is what limits many workers: all columns go in one pass."""
    decay = math.exp(-every_s / tau_s)
    shocks[1:] *= math.sqrt(1 - decay * decay)
    if shocks.shape[1] == 1:
        shocks[:, 0] = list(accumulate(shocks[:, 0].tolist(), lambda before, shock: decay * before + shock))
    else:
        before = shocks[0]
        for step in shocks[1:]:
            step += decay * before
            before = step
    return np.repeat(shocks, every_s, axis=0)[:seconds]


def volatility_path(seed: int, day: dt.date, hour: int, seconds: int, minutes: F64, universe: Universe, profile: Profile) -> F64:
    """[seconds, symbols]: standard deviation of the log price over one second. ``minutes`` since the open, per second."""
    common = stream(seed, day.isoformat(), "market", "volatility", hour)
    day_level = stream(seed, day.isoformat(), "market", "day-volatility").standard_normal()
    log_common = 0.25 * smooth_noise(common, seconds, 1, 5000.0, 10) + 0.2 * day_level
    streams = [stream(seed, day.isoformat(), of_symbol(symbol.name), "volatility", hour) for symbol in universe.symbols]
    log_own = _smooth(np.stack([own.standard_normal(-(-seconds // 10)) for own in streams], axis=1), seconds, 200.0, 10)
    log_path = log_common + 0.3 * log_own - 0.12
    daily = np.array([s.daily_volatility for s in universe.symbols]) * profile.volatility_scale
    return np.asarray(daily / math.sqrt(SECONDS_A_SESSION) * volatility_shape(minutes)[:, None] * np.exp(log_path), np.float64)


def factor_returns(seed: int, day: dt.date, hour: int, volatility: F64, universe: Universe, profile: Profile) -> F64:
    """[seconds, symbols]: the log return that market and sector give each symbol in each second."""
    seconds = len(volatility)
    market = stream(seed, day.isoformat(), "market", "factor", hour).standard_normal(seconds)
    sectors = sorted({s.sector for s in universe.symbols})
    sector = {name: stream(seed, day.isoformat(), "sector", name, hour).standard_normal(seconds) for name in sectors}
    beta = np.array([s.beta for s in universe.symbols])
    by_symbol = np.stack([sector[s.sector] for s in universe.symbols], axis=1)
    shared = math.sqrt(profile.variance_market) * beta * market[:, None] + math.sqrt(profile.variance_sector) * by_symbol
    return np.asarray(volatility * shared, np.float64)
