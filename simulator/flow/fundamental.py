"""What moves the efficient price besides orders: volatility by the second, the factors that symbols share, news, and the way to the
day's next fixed point.

Everything is drawn from streams keyed by (seed, day, kind, name), so a day or a symbol can be had without the others.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from simulator.book.jit import entry
from simulator.flow.profile import Profile
from simulator.flow.skeleton import EVENING, MORNING, OVERNIGHT_RATIO, Skeleton
from simulator.inputs.sessions import TradingDay
from simulator.inputs.universe import Symbol
from simulator.records import F64, I32, I64, NS_PER_S, Phase
from simulator.rng import of_symbol, stream

SESSION_MINUTES = 390.0
SECONDS_A_SESSION = 23_400
STEP_S = 10
"""The day's volatility path is drawn in steps of so many seconds."""
SLOW_TAU_S, SLOW_SD = 6000.0, 0.8
FAST_TAU_S, FAST_SD = 200.0, 0.35
"""Log volatility within the day: two Ornstein-Uhlenbeck paths; half of the slow one's variance is common (docs/recipe.md)."""
TAIL_DEGREES = 5.0
"""Of a symbol's own returns: Student's t."""
JUMPS_A_SESSION, JUMP_MINUTES = 1.5, 4.0
"""News: so many jumps a session, of a standard deviation of so many times that of a usual minute (docs/recipe.md)."""
JUMP_PART_MOST = 0.5
"""Of the symbol's own variance, what jumps make of it at most."""
UNPACED_SHAPE = 0.75


class DayPath(NamedTuple):
    """A trading day by the second, for some symbols."""

    volatility: F64
    """[steps of 10 s, symbols]: standard deviation of the log price over one second."""
    pull: F64
    """[steps, symbols]: part of the way to ``target`` that is gone in one second."""
    target: F64
    """[steps, symbols]: log price that the path leads to."""


def volatility_shape(minutes: F64) -> F64:
    """Intraday volatility relative to its mean over the session, by minutes since the open (docs/recipe.md; Ozenbas 2008 for the shape)."""
    t = np.clip(minutes, 0.0, SESSION_MINUTES)
    return np.asarray(0.72 + 2.3 * np.exp(-t / 12) + 0.55 * np.exp(-t / 70) + 0.75 * np.exp(-(SESSION_MINUTES - t) / 18), np.float64)


def column_sums(values: F64) -> F64:
    """[n]: the sum of each column, row after row: numpy's own sum goes another way, and rounds otherwise, for a single column than for
    several, and a symbol's numbers must not hang on which others the worker has."""
    return np.asarray(np.cumsum(values, axis=0)[-1], np.float64)


def smooth_noise(shocks: F64, tau: float) -> F64:
    """Ornstein-Uhlenbeck paths of unit variance, one a column, from standard normals of the same shape; ``tau`` in rows."""
    decay = math.exp(-1.0 / tau)
    path = shocks.copy()
    path[1:] *= math.sqrt(1 - decay * decay)
    _decay_along(path, decay)
    return path


@entry
def _decay_along(path: F64, decay: float) -> None:
    """Add to each row ``decay`` times the one before, down the columns of float64[n, m]."""
    for k in range(1, path.shape[0]):
        for i in range(path.shape[1]):
            path[k, i] += decay * path[k - 1, i]


def log_volatility(seed: int, date: dt.date, steps: int, symbols: Sequence[Symbol]) -> F64:
    """[steps, symbols]: around 0, of standard deviation 0.87."""
    day = date.isoformat()
    common = stream(seed, day, "market", "volatility").standard_normal((steps, 1))
    own = np.stack([stream(seed, day, of_symbol(s.name), "volatility").standard_normal((2, steps)) for s in symbols], axis=2)
    slow = SLOW_SD * math.sqrt(0.5) * smooth_noise(np.hstack((common, own[0])), SLOW_TAU_S / STEP_S)
    return np.asarray(slow[:, :1] + slow[:, 1:] + FAST_SD * smooth_noise(own[1], FAST_TAU_S / STEP_S), np.float64)


def day_path(
    seed: int, day: TradingDay, symbols: Sequence[Symbol], skeleton: Skeleton, paced: bool, jumps: Sequence[Jumps] = ()
) -> DayPath:
    """``paced``: whether the day has its phases. Between two fixed points of the skeleton the variance adds up to what lies between them,
    so that the pull towards the later one is that of a random walk seen by somebody who knows its end: no drift can be seen without.
    It leads to where the price will be without the ``jumps`` that are still to come.
    """
    steps = -(-(day.end_ns - day.start_ns) // (STEP_S * NS_PER_S))
    clock_ns = day.start_ns + np.arange(steps) * STEP_S * NS_PER_S
    level = np.exp(log_volatility(seed, day.date, steps, symbols))
    if day.is_session and paced:
        minutes = (clock_ns - day.open_ns) / (60 * NS_PER_S) * SESSION_MINUTES / ((day.close_ns - day.open_ns) / (60 * NS_PER_S))
        evening_ns = next(s.end_ns for s in day.segments if s.phase == Phase.POST_CLOSE)
        night = 1.0 - MORNING - EVENING
        after = minutes - SESSION_MINUTES
        parts: tuple[tuple[int, int, float, F64, F64], ...] = (
            (day.start_ns, day.open_ns, OVERNIGHT_RATIO * MORNING, skeleton.open, 0.4 + np.exp(np.minimum(minutes, 0.0) / 60.0)),
            (day.open_ns, day.close_ns, 1.0, skeleton.close, volatility_shape(minutes)),
            (day.close_ns, evening_ns, OVERNIGHT_RATIO * EVENING, skeleton.end, 0.3 + np.exp(-np.maximum(after, 0.0) / 40.0)),
            (evening_ns, day.end_ns, OVERNIGHT_RATIO * night, skeleton.next_start, np.ones(steps)),
        )  # fmt: skip
    else:
        share = (day.end_ns - day.start_ns) / NS_PER_S / SECONDS_A_SESSION * UNPACED_SHAPE**2
        parts = ((day.start_ns, day.end_ns, share, skeleton.next_start, np.ones(steps)),)
    out = DayPath(*(np.zeros((steps, len(symbols))) for _ in range(3)))
    for start_ns, end_ns, variance, target, shape in parts:
        here = (clock_ns >= start_ns) & (clock_ns < end_ns)
        square = (shape[here, None] * level[here]) ** 2
        square *= variance * skeleton.volatility**2 / (column_sums(square) * STEP_S)
        left = np.cumsum(square[::-1], axis=0)[::-1]
        out.volatility[here] = np.sqrt(square)
        out.pull[here] = square / left / STEP_S
        out.target[here] = np.log(target)
        for i, news in enumerate(jumps):
            to_come = news.second[None] >= clock_ns[here, None] // NS_PER_S
            inside = (news.second * NS_PER_S >= start_ns) & (news.second * NS_PER_S < end_ns)
            out.target[here, i] -= (to_come * inside * news.log_return).sum(axis=1)
    return out


class Jumps(NamedTuple):
    """News of one symbol on one day, in order of time. [n] each."""

    second: I64
    """Since the epoch."""
    log_return: F64


def day_jumps(seed: int, day: TradingDay, symbols: Sequence[Symbol], skeleton: Skeleton, profile: Profile, paced: bool) -> list[Jumps]:
    """When news comes to each symbol in the session, and what it is worth for good.

    The day's close is known before (``skeleton``), so jumps are drawn as they are on days that end there (Matheron's rule: what was
    drawn freely, and for each the part of its variance in what then is missing to the day's return). Jumps drawn without would all
    have come back by the close.
    """
    start_ns, end_ns = (day.open_ns, day.close_ns) if day.is_session and paced else (day.start_ns, day.end_ns)
    opened, closed = (skeleton.open, skeleton.close) if day.is_session and paced else (skeleton.start, skeleton.next_start)
    seconds = (end_ns - start_ns) // NS_PER_S
    part = jump_part(profile) / JUMPS_A_SESSION
    found = []
    for i, symbol in enumerate(symbols):
        rng = stream(seed, day.date.isoformat(), of_symbol(symbol.name), "jumps")
        count = int(rng.poisson(JUMPS_A_SESSION)) if part > 0.0 else 0
        at = np.sort(rng.integers(0, seconds, count)) + start_ns // NS_PER_S
        sd = float(skeleton.volatility[i])
        free = sd * math.sqrt(part) * rng.standard_normal(count)
        rest = sd * math.sqrt(max(0.0, 1.0 - count * part)) * float(rng.standard_normal())
        missing = math.log(float(closed[i] / opened[i])) - float(free.sum()) - rest
        share = part / max(1.0, count * part)
        found.append(Jumps(np.asarray(at, np.int64), np.asarray(free + share * missing, np.float64)))
    return found


def jump_part(profile: Profile) -> float:
    """Of a day's variance, what jumps make of it in the mean."""
    rest = max(0.0, 1.0 - profile.variance_flow - profile.variance_market - profile.variance_sector)
    return min(JUMP_PART_MOST * rest, JUMPS_A_SESSION * JUMP_MINUTES**2 * 60.0 / SECONDS_A_SESSION)


def shared_returns(seed: int, date: dt.date, hour: int, volatility: F64, symbols: Sequence[Symbol], profile: Profile) -> F64:
    """[seconds, symbols]: the log return that market and sector give each symbol in each second."""
    day, seconds = date.isoformat(), len(volatility)
    market = stream(seed, day, "market", "factor", hour).standard_normal(seconds)
    names = sorted({s.sector for s in symbols})
    sector = {name: stream(seed, day, "sector", name, hour).standard_normal(seconds) for name in names}
    beta = np.array([s.beta for s in symbols])
    by_symbol = np.stack([sector[s.sector] for s in symbols], axis=1)
    shared = math.sqrt(profile.variance_market) * beta * market[:, None] + math.sqrt(profile.variance_sector) * by_symbol
    return np.asarray(volatility * shared, np.float64)


def own_returns(seed: int, date: dt.date, hour: int, volatility: F64, symbols: Sequence[Symbol], profile: Profile) -> F64:
    """[seconds, symbols]: the log return of each symbol alone in each second, heavy-tailed, without its jumps."""
    seconds = len(volatility)
    rest = max(0.0, 1.0 - profile.variance_flow - profile.variance_market - profile.variance_sector)
    scale = math.sqrt((rest - jump_part(profile)) * (TAIL_DEGREES - 2) / TAIL_DEGREES)
    out = np.empty_like(volatility)
    for i, symbol in enumerate(symbols):
        rng = stream(seed, date.isoformat(), of_symbol(symbol.name), "own", hour)
        out[:, i] = volatility[:, i] * scale * rng.standard_t(TAIL_DEGREES, seconds)
    return out


def spread_shape(minutes: F64, phases: I32, opening: float) -> F64:
    """[seconds]: what multiplies the usual half-spread: wide before the open, narrowing all day (Krause and others 2018), widening after.

    ``opening``: at the bell, against midday. ``minutes`` since the open, of 390.
    """
    t = np.clip(minutes, 0.0, SESSION_MINUTES)
    power = ((1.0 + t / 4.0) ** -0.42 - (1.0 + 180.0 / 4.0) ** -0.42) / (1.0 - (1.0 + 180.0 / 4.0) ** -0.42)
    inside = 1.0 + (opening - 1.0) * power
    before = opening + opening * np.clip(-minutes / 330.0, 0.0, 1.0)
    after = inside[-1:] + 1.5 * (1.0 - np.exp(-np.maximum(minutes - SESSION_MINUTES, 0.0) / 60.0))
    return np.asarray(np.where(phases == Phase.PRE_OPEN, before, np.where(phases == Phase.CONTINUOUS, inside, after)), np.float64)
