"""The rate budgets: for each second and symbol a floor, a target and a ceiling of book rows and of prints.

Drawn once for the universe from a stream of their own, so that every worker knows all of them without asking. Floors sum to
at least the rate's minimum, ceilings to at most its maximum; the flow keeps each symbol between its own two, and so the total.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.flow.fundamental import SESSION_MINUTES, smooth_noise
from simulator.flow.profile import Profile
from simulator.inputs.config import OffsessionTrades, Rates
from simulator.inputs.sessions import TradingDay
from simulator.inputs.universe import Universe
from simulator.records import F64, I32, I64, NS_PER_S, Phase
from simulator.rng import stream

BOOK_FLOOR, BOOK_TARGET, BOOK_CEILING, PRINT_FLOOR, PRINT_TARGET, PRINT_CEILING = range(6)
WEIGHT_EXPONENT = 0.4
"""Rows grow more slowly than volume from symbol to symbol."""
PRE_OPEN_SCALE = 0.4
OFF_HOURS_SCALE = 0.2
TRICKLE_SCALE = 0.1
QUANTILE_LOW, QUANTILE_HIGH = 0.05, 0.93
"""Targets keep this distance from the ends of the band, so that a symbol can borrow a few rows from its next second."""
CLOSING_MINUTES = 10
TAPER_S = 600.0


class Bands(NamedTuple):
    """Per second: the least and most rows of each table, and the quantile of the band that is aimed at. [seconds] each."""

    book_low: I64
    book_high: I64
    print_low: I64
    print_high: I64
    quantile: F64


def symbol_weights(universe: Universe) -> F64:
    """Each symbol's part of all rows in the mean, by its daily volume."""
    weight = np.array([s.daily_volume for s in universe.symbols], np.float64) ** WEIGHT_EXPONENT
    return np.asarray(weight / weight.sum(), np.float64)


def activity_shape(minutes: F64) -> F64:
    """Intraday activity relative to its mean, by minutes since the open (recipe.md)."""
    t = np.clip(minutes, 0.0, SESSION_MINUTES)
    shape = 0.58 + 0.65 * np.exp(-t / 25) + 0.40 * np.exp(-t / 90) + 0.80 * np.exp(-(SESSION_MINUTES - t) / 40)
    return np.asarray(shape, np.float64)


def bands(
    rates: Rates, phases: I32, seconds_since_close: F64, minutes_left: F64, base_quantile: F64, offsession: OffsessionTrades
) -> Bands:
    """The band of each second: the rates, scaled by phase. ``base_quantile`` is the aim before the phase has its say."""
    continuous = phases == Phase.CONTINUOUS
    full = offsession == "full"
    scale = np.select(
        [continuous, phases == Phase.PRE_OPEN, phases == Phase.POST_CLOSE],
        [1.0, PRE_OPEN_SCALE, OFF_HOURS_SCALE + (1 - OFF_HOURS_SCALE) * np.exp(-np.maximum(seconds_since_close, 0) / TAPER_S)],
        OFF_HOURS_SCALE,
    )
    scale = np.where(full, 1.0, scale)
    outside = {"none": 0.0, "trickle": TRICKLE_SCALE, "full": 1.0}[offsession]
    print_scale = np.where(continuous, 1.0, outside)
    quantile = np.clip(base_quantile, QUANTILE_LOW, QUANTILE_HIGH)
    closing = continuous & (minutes_left <= CLOSING_MINUTES) & (minutes_left > 0)
    quantile = np.where(closing, 2 / 3 + quantile * (QUANTILE_HIGH - 2 / 3), quantile)

    def ends(low: int, high: int, by: F64) -> tuple[I64, I64]:
        top = np.floor(high * by + 1e-9).astype(np.int64)
        return np.minimum(np.ceil(low * by - 1e-9).astype(np.int64), top), top

    book_low, book_high = ends(rates.market_data_min_eps, rates.market_data_max_eps, scale)
    print_low, print_high = ends(rates.trades_min_eps, rates.trades_max_eps, print_scale)
    return Bands(book_low, book_high, np.minimum(print_low, book_low), np.minimum(print_high, book_high), quantile)


def share_out(totals: I64, shares: F64, offset: F64) -> I64:
    """[seconds, symbols]: whole numbers in proportion to ``shares`` that sum to ``totals``, by systematic rounding.

    ``shares``: [seconds, symbols], or [1, symbols] if they are always the same.
    """
    cumulative = np.cumsum(shares, axis=1)
    cumulative /= cumulative[:, -1:].copy()
    bounds = cumulative * totals[:, None]
    bounds += offset[:, None]  # in place: an hour's arrays are large, and every worker makes them
    edges = np.floor(bounds, out=bounds).astype(np.int64)
    edges[:, -1] = totals + np.floor(offset).astype(np.int64)
    dealt = np.empty_like(edges)
    dealt[:, 0] = edges[:, 0]
    np.subtract(edges[:, 1:], edges[:, :-1], out=dealt[:, 1:])
    return dealt


def budgets(
    seed: int, day: TradingDay, hour: int, start_ns: int, seconds: int, phases: I32, universe: Universe, rates: Rates, profile: Profile,
    offsession: OffsessionTrades, pacing: bool,
) -> tuple[I32, F64]:  # fmt: skip
    """Budgets int32[seconds, symbols, 6] and how busy each symbol is, float64[seconds, symbols]: ln(target / usual)."""
    rng = stream(seed, day.date.isoformat(), "rates", hour)
    count = len(universe.symbols)
    since_day = (start_ns - day.start_ns) // NS_PER_S
    clock_s = since_day + np.arange(seconds) + day.start_ns // NS_PER_S
    minutes = (clock_s - day.open_ns // NS_PER_S) / 60.0
    session_minutes = (day.close_ns - day.open_ns) / NS_PER_S / 60.0
    paced = pacing and day.is_session
    activity = activity_shape(minutes * SESSION_MINUTES / session_minutes) if paced else np.ones(seconds)
    burst = np.exp(profile.total_sd * smooth_noise(rng, seconds, 1, profile.total_tau_s)[:, 0])
    minutes_left = session_minutes - minutes if paced else np.full(seconds, 1e9)
    since_close = clock_s - day.close_ns // NS_PER_S if paced else np.zeros(seconds)
    band = bands(rates, phases, since_close.astype(np.float64), minutes_left, 0.30 * activity * burst, offsession)

    weight = symbol_weights(universe)
    noise = profile.share_sd * smooth_noise(rng, seconds, count, profile.share_tau_s)
    share = weight * np.exp(noise)
    offset = rng.random(seconds)
    out = np.empty((seconds, count, 6), np.int32)
    each = np.minimum(len(universe.venues), band.book_low // count)
    book_target = np.rint(band.book_low + band.quantile * (band.book_high - band.book_low)).astype(np.int64)
    out[..., BOOK_FLOOR] = each[:, None] + share_out(band.book_low - each * count, share, offset)
    out[..., BOOK_TARGET] = out[..., BOOK_FLOOR] + share_out(book_target - band.book_low, share, offset)
    out[..., BOOK_CEILING] = out[..., BOOK_TARGET] + share_out(band.book_high - book_target, np.ones((1, count)), offset)
    print_target = np.rint(band.print_low + band.quantile * (band.print_high - band.print_low)).astype(np.int64)
    # By book rows, so that no symbol owes more prints than it may write rows.
    floors, targets, ceilings = (out[..., k].astype(np.float64) + 1e-9 for k in (BOOK_FLOOR, BOOK_TARGET, BOOK_CEILING))
    out[..., PRINT_FLOOR] = share_out(band.print_low, floors, 1 - offset)
    out[..., PRINT_TARGET] = out[..., PRINT_FLOOR] + share_out(print_target - band.print_low, targets, 1 - offset)
    out[..., PRINT_CEILING] = out[..., PRINT_TARGET] + share_out(band.print_high - print_target, ceilings, 1 - offset)
    usual = np.maximum(each + (band.book_low + 0.3 * (band.book_high - band.book_low) - each * count) * weight.mean(), 1.0)
    busy = np.log(np.maximum(out[..., BOOK_TARGET], 1) / (usual[:, None] * (weight / weight.mean())))
    return out, np.asarray(busy, np.float64)


def leave_room_for_seeds(second: I32, venues: int) -> None:
    """Deal the prints of the second that seeds the books anew, in place, if they would not fit beside a first row of every book.

    ``second``: int32[symbols, 6], the budget of that second. Every print brings a book row, and the first rows come on top.
    """
    room = np.maximum(second[:, BOOK_CEILING] - venues, 0).astype(np.int64)
    if (second[:, PRINT_FLOOR] <= room).all():
        return
    dealt = np.zeros(len(room), np.int64)
    total = 0
    for kind in (PRINT_FLOOR, PRINT_TARGET, PRINT_CEILING):
        wanted = min(int(second[:, kind].sum()), int(room.sum()))
        left = (room - dealt).astype(np.float64)[None] + 1e-9
        dealt = dealt + share_out(np.array([wanted - total]), left, np.zeros(1))[0]
        total = wanted
        second[:, kind] = dealt
