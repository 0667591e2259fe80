"""The rate budgets: for each second and symbol a floor, a target and a ceiling of book rows and of prints.

Drawn once for the universe from streams of their own, so that every worker knows all of them without asking. Floors sum to at least the
rate's minimum, ceilings to at most its maximum; the flow keeps each symbol between its own two, and so the total. A symbol's share of
each second is heavy-tailed and clusters: it is silent for seconds and then busy, while the universe keeps to its band.

A universe of more than ``GROUP_MOST`` symbols is dealt in two steps, each by the same rule: to its groups (``Universe.groups``), then
within a group to its symbols, from a stream of the group's own. So a worker draws what all groups get, and the symbols of its own
groups alone: the others cost it nothing.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.flow.fundamental import SESSION_MINUTES, smooth_noise
from simulator.flow.profile import Profile
from simulator.flow.skeleton import LEVEL_SD
from simulator.inputs.config import OffsessionTrades, Rates
from simulator.inputs.sessions import TradingDay
from simulator.inputs.universe import Symbol, Universe
from simulator.records import F64, I32, I64, NS_PER_S, Phase
from simulator.rng import stream

BOOK_FLOOR, BOOK_TARGET, BOOK_CEILING, PRINT_FLOOR, PRINT_TARGET, PRINT_CEILING = range(6)
PRE_OPEN_SCALE = 0.4
OFF_HOURS_SCALE = 0.2
TRICKLE_SCALE = 0.1
QUANTILE_LOW, QUANTILE_HIGH = 0.05, 0.85
"""Targets keep this distance from the ends of the band, so that a symbol can borrow a few rows from its next second."""
USUAL_QUANTILE = 0.30
CLOSING_FROM, CLOSING_FULL = 30.0, 10.0
"""Minutes before the close between which activity climbs into the top third of the band."""
CLOSING_QUANTILE = 0.77
TAPER_S = 600.0
RISE_S = 1800.0
"""The pre-open climbs towards the bell with this time constant, the post-close tapers with the other."""
VOLUME_BY_VOLATILITY, VOLUME_SD = 0.8, 0.15
"""Log volume of a day: so much of its log volatility, and noise of its own."""
PRINTS_EVENNESS = 0.5
"""Of the prints between target and ceiling: the part dealt by what is usual, against that by activity."""
FAST_TAU_S, FAST_SD = 3.0, 0.6
"""Of the shares: bursts of seconds, on top of those of the profile's ``share_tau_s``."""


class Bands(NamedTuple):
    """Per second: the least and most rows of each table, and how many are aimed at. [seconds] each."""

    book_low: I64
    book_high: I64
    book_target: I64
    print_low: I64
    print_high: I64
    print_target: I64


def activity_shape(minutes: F64) -> F64:
    """Intraday activity relative to its mean, by minutes since the open (docs/recipe.md)."""
    t = np.clip(minutes, 0.0, SESSION_MINUTES)
    shape = 0.37 + 0.75 * np.exp(-t / 25) + 0.50 * np.exp(-t / 90) + 0.90 * np.exp(-(SESSION_MINUTES - t) / 40)
    return np.asarray(shape / 0.624, np.float64)


def pre_open_scale(seconds_to_open: F64, length_s: float) -> F64:
    """Climbs towards the bell, never above 1, and is ``PRE_OPEN_SCALE`` in the mean of a pre-open of ``length_s``."""
    low = 0.3
    mean = (1.0 - np.exp(-length_s / RISE_S)) * RISE_S / length_s
    top = min(1.0, low + (PRE_OPEN_SCALE - low) / mean)
    return np.asarray(low + (top - low) * np.exp(-np.maximum(seconds_to_open, 0.0) / RISE_S), np.float64)


def bands(rates: Rates, phases: I32, clock: tuple[F64, F64, F64], activity: F64, offsession: OffsessionTrades) -> Bands:
    """The band of each second: the rates, scaled by phase. ``activity``: [seconds], against the usual second's.

    ``clock``: seconds to the open, seconds since the close, minutes to the close, each [seconds].
    """
    to_open, since_close, minutes_left = clock
    continuous = phases == Phase.CONTINUOUS
    scale = np.select(
        [continuous, phases == Phase.PRE_OPEN, phases == Phase.POST_CLOSE],
        [
            1.0,
            pre_open_scale(to_open, 19_800.0),
            OFF_HOURS_SCALE + (1 - OFF_HOURS_SCALE) * np.exp(-np.maximum(since_close, 0) / TAPER_S),
        ],
        OFF_HOURS_SCALE,
    )
    scale = np.where(offsession == "full", 1.0, scale)
    print_scale = np.where(continuous, 1.0, {"none": 0.0, "trickle": TRICKLE_SCALE, "full": 1.0}[offsession])
    part = np.clip((CLOSING_FROM - minutes_left) / (CLOSING_FROM - CLOSING_FULL), 0.0, 1.0)
    closing = np.where(continuous & (minutes_left > 0), part * part * (3 - 2 * part), 0.0)

    def ends(low: int, high: int, by: F64) -> tuple[I64, I64]:
        top = np.floor(high * by + 1e-9).astype(np.int64)
        return np.minimum(np.ceil(low * by - 1e-9).astype(np.int64), top), top

    def aims(low: I64, high: I64) -> I64:
        span = high - low
        usual = low + USUAL_QUANTILE * span
        inside = np.clip(usual * activity, low + QUANTILE_LOW * span, low + QUANTILE_HIGH * span)
        late = low + span * (CLOSING_QUANTILE + 0.1 * np.clip(np.log(np.maximum(activity, 0.1)), -0.8, 0.8))
        return np.asarray(np.rint((1 - closing) * inside + closing * late), np.int64)

    book_low, book_high = ends(rates.market_data_min_eps, rates.market_data_max_eps, scale)
    print_low, print_high = ends(rates.trades_min_eps, rates.trades_max_eps, print_scale)
    print_low, print_high = np.minimum(print_low, book_low), np.minimum(print_high, book_high)
    return Bands(book_low, book_high, aims(book_low, book_high), print_low, print_high, aims(print_low, print_high))


def share_out(totals: I64, shares: F64, offset: F64) -> I64:
    """[seconds, symbols]: whole numbers in proportion to ``shares`` that sum to ``totals``, by systematic rounding."""
    cumulative = np.cumsum(shares, axis=1)
    cumulative /= cumulative[:, -1:]
    edges = np.floor(cumulative * totals[:, None] + offset[:, None]).astype(np.int64)
    edges[:, -1] = totals + np.floor(offset).astype(np.int64)
    return np.diff(edges, axis=1, prepend=0)


def share_within(totals: I64, shares: F64, room: I64, offset: F64) -> I64:
    """The same with at most ``room`` for each; totals beyond all room are cut to it."""
    totals = np.minimum(totals, room.sum(axis=1))
    out = np.minimum(share_out(totals, shares, offset), room)
    for _ in range(3):
        left = totals - out.sum(axis=1)
        if not left.any():
            return out
        free = room - out
        out += np.minimum(share_out(left, shares * (free > 0) + 1e-12 * free + 1e-300, offset), free)
    left, free = totals - out.sum(axis=1), room - out
    edges = np.cumsum(free, axis=1) * left[:, None] // np.maximum(free.sum(axis=1), 1)[:, None]  # exact: nobody gets more than is free
    return out + np.diff(edges, axis=1, prepend=0)


def symbol_shares(rng: np.random.Generator, seconds: int, symbols: Sequence[Symbol], profile: Profile) -> F64:
    """[seconds, symbols]: each symbol's part of a second's activity, up to a factor a second."""
    weight = _weights(symbols, profile)
    return weight / weight.sum() * _noise(rng, seconds, np.full(len(symbols), profile.share_sd), np.full(len(symbols), FAST_SD), profile)


def group_shares(rng: np.random.Generator, seconds: int, wanted: DayRates) -> F64:
    """[seconds, groups]: each group's part, in the mean the sum of its symbols', with what is left of their bursts in a sum.

    A sum of log-normals is nearly one itself (Fenton 1960): its variance is that of the sum.
    """
    universe, profile = wanted.universe, wanted.profile
    weight = _weights(universe.symbols, profile)
    part = weight / weight.sum() * wanted.volumes
    total = np.array([part[list(group)].sum() for group in universe.groups])
    square = np.array([(part[list(group)] ** 2).sum() for group in universe.groups])
    both = profile.share_sd**2 + FAST_SD**2
    sd = np.sqrt(np.log1p(np.expm1(both) * square / total**2))
    slow, fast = profile.share_sd / math.sqrt(both), FAST_SD / math.sqrt(both)
    return total * _noise(rng, seconds, slow * sd, fast * sd, profile)


def _weights(symbols: Sequence[Symbol], profile: Profile) -> F64:
    return np.asarray(np.array([s.daily_volume for s in symbols], np.float64) ** profile.volume_exponent, np.float64)


def _noise(rng: np.random.Generator, seconds: int, slow: F64, fast: F64, profile: Profile) -> F64:
    """[seconds, n]: around 1, of these log standard deviations, [n] each, over the profile's time and over ``FAST_TAU_S``."""
    noise = slow * smooth_noise(rng.standard_normal((seconds, len(slow))), profile.share_tau_s)
    noise += fast * smooth_noise(rng.standard_normal((seconds, len(slow))), FAST_TAU_S)
    return np.asarray(np.exp(noise - 0.5 * (slow**2 + fast**2)), np.float64)


def day_volumes(seed: int, date: dt.date, levels: F64) -> F64:
    """[symbols]: the day's volume of each against its usual one: it goes with the day's volatility (docs/realism.md, S4).

    ``levels``: ``skeleton.volatility_levels``.
    """
    noise = stream(seed, date.isoformat(), "rates", "day").standard_normal(len(levels))
    sd = math.hypot(VOLUME_BY_VOLATILITY * LEVEL_SD, VOLUME_SD)
    return np.asarray(np.exp(VOLUME_BY_VOLATILITY * levels + VOLUME_SD * noise - 0.5 * sd**2), np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class DayRates:
    """What the budgets of a trading day hang on."""

    seed: int
    day: TradingDay
    universe: Universe
    rates: Rates
    profile: Profile
    offsession: OffsessionTrades
    pacing: bool
    tick_moves: F64
    """[symbols]: how many ticks each symbol's price moves in a second of this day: the more, the more often its quotes change."""
    volumes: F64
    """[symbols]: ``day_volumes``."""


def budgets(
    wanted: DayRates, hour: int, start_ns: int, phases: I32, symbols: Sequence[int] | None = None, seeds_at: int | None = None
) -> tuple[I32, F64, F64]:
    """Budgets int32[seconds, symbols, 6]; how busy each symbol is, float64[seconds, symbols]: ln(share / usual share); usual prints.

    ``phases``: int32[seconds], from ``start_ns`` on, the day's hour number ``hour``. ``symbols``: indices into the universe (none: all).
    ``seeds_at``: the second that seeds the books anew, if one does: it leaves room for their first rows.
    """
    universe, rates, profile = wanted.universe, wanted.rates, wanted.profile
    rng = stream(wanted.seed, wanted.day.date.isoformat(), "rates", hour)
    seconds, count, venues = len(phases), len(universe.symbols), len(universe.venues)
    clock, activity = _clock(wanted, start_ns, seconds)
    burst = np.exp(profile.total_sd * smooth_noise(rng.standard_normal((seconds, 1)), profile.total_tau_s)[:, 0])
    quoting = quoting_of(wanted.tick_moves, profile)
    groups = universe.groups
    if len(groups) == 1:
        share = symbol_shares(rng, seconds, universe.symbols, profile) * wanted.volumes
    else:
        share = group_shares(rng, seconds, wanted)
    usual = share.mean(axis=0).sum()
    band = bands(rates, phases, clock, activity * burst * usual, wanted.offsession)
    offset = rng.random(seconds)
    each = np.minimum(profile.rows_a_venue * venues, band.book_low // count)
    calm = (band.print_low + USUAL_QUANTILE * (band.print_high - band.print_low)) * activity
    calm = np.clip(calm, band.print_low, band.print_high)
    chosen = range(count) if symbols is None else symbols
    parts = []
    if len(groups) == 1:
        rows = _deal(band, share, quoting, each[:, None] * np.ones(count, np.int64), offset, profile)
        _fit_venues_rows(rows, band, share, offset, venues, profile)
        parts.append((groups[0], rows, share))
    else:
        weight = _weights(universe.symbols, profile) * wanted.volumes
        quoted = np.array([np.average(quoting[list(group)], weights=weight[list(group)]) for group in groups])
        sizes = np.array([len(group) for group in groups])
        by_group = _deal(band, share, quoted, each[:, None] * sizes, offset, profile)
        for g, group in enumerate(groups):
            if any(i in group for i in chosen):
                own = stream(wanted.seed, wanted.day.date.isoformat(), "rates", hour, g)
                inside = symbol_shares(own, seconds, [universe.symbols[i] for i in group], profile) * wanted.volumes[list(group)]
                inside *= (share[:, g] / inside.sum(axis=1))[:, None]
                columns = (BOOK_FLOOR, BOOK_CEILING, BOOK_TARGET, PRINT_FLOOR, PRINT_CEILING, PRINT_TARGET)
                limits = Bands(*(by_group[:, g, column].astype(np.int64) for column in columns))
                floor = each[:, None] * np.ones(len(group), np.int64)
                drawn = own.random(seconds)
                rows = _deal(limits, inside, quoting[list(group)], floor, drawn, profile)
                _fit_venues_rows(rows, limits, inside, drawn, venues, profile)
                parts.append((group, rows, inside))
    found: list[tuple[I32, F64, F64]] = []
    for group, rows, inside in parts:
        if seeds_at is not None:
            leave_room_for_seeds(rows[seeds_at], venues)
        mean = inside.mean(axis=0)
        mine = [i - group.start for i in chosen if i in group]
        found.append((rows[:, mine], np.log(inside / mean)[:, mine], (calm[:, None] * mean / usual)[:, mine]))
    rows, busy, prints_s = (np.concatenate(each_part, axis=1) for each_part in zip(*found, strict=True))
    return rows, np.asarray(busy, np.float64), np.asarray(prints_s, np.float64)


def _clock(wanted: DayRates, start_ns: int, seconds: int) -> tuple[tuple[F64, F64, F64], F64]:
    """What ``bands`` wants: seconds to the open, since the close, minutes to the close; and how active each second usually is."""
    day = wanted.day
    clock_s = start_ns // NS_PER_S + np.arange(seconds)
    session_minutes = max(day.close_ns - day.open_ns, 1) / NS_PER_S / 60.0
    minutes = (clock_s - day.open_ns // NS_PER_S) / 60.0
    activity = np.ones(seconds)
    if not (wanted.pacing and day.is_session):
        return (np.zeros(seconds), np.zeros(seconds), np.full(seconds, 1e9)), activity
    inside = (minutes >= 0) & (minutes < session_minutes)
    activity[inside] = activity_shape(minutes[inside] * SESSION_MINUTES / session_minutes)
    return (-60.0 * minutes, (minutes - session_minutes) * 60.0, session_minutes - minutes), activity


def quoting_of(tick_moves: F64, profile: Profile) -> F64:
    """[symbols]: how many book rows each has for a print, against others, where its price moves so many ticks in a second."""
    return np.asarray(np.maximum(profile.moves_least, 1.0 + tick_moves) ** profile.rows_by_moves, np.float64)


def answering_of(quoting: F64, profile: Profile) -> F64:
    """[symbols]: each one's part of the rows for makers' answers: the larger, the more often its price moves, but none below the usual."""
    return np.asarray(np.maximum(1.0, quoting / np.median(quoting)) ** profile.answers_by_moves, np.float64)


def _deal(band: Bands, share: F64, quoting: F64, each: I64, offset: F64, profile: Profile) -> I32:
    """int32[seconds, n, 6]: the band's rows and prints, dealt to those whose shares these are.

    ``share``: float64[seconds, n], parts of the prints; with ``quoting``, float64[n], of the book rows. ``each``: int64[seconds, n],
    rows that each has in any case.
    """
    quotes = share * quoting
    answers = answering_of(quoting, profile)
    out = np.empty((*share.shape, 6), np.int32)
    # What answers a move of the price takes is one row a venue, in a quiet symbol as in a busy one.
    even: F64 = quotes / quotes.sum(axis=1, keepdims=True) + profile.ceiling_evenness * answers / answers.sum()
    out[..., BOOK_FLOOR] = each + share_out(band.book_low - each.sum(axis=1), quotes, offset)
    out[..., BOOK_TARGET] = out[..., BOOK_FLOOR] + share_out(band.book_target - band.book_low, quotes, offset)
    out[..., BOOK_CEILING] = out[..., BOOK_TARGET] + share_out(band.book_high - band.book_target, even, offset)
    # A print brings a book row, and in profile spec each venue has a row of its own besides, where the least prints leave room for them.
    room = np.maximum(out[..., BOOK_CEILING] - each, 0).astype(np.int64)
    room = np.where((room.sum(axis=1) < band.print_low)[:, None], out[..., BOOK_CEILING], room)
    usual: F64 = quotes.mean(axis=0) / quotes.mean(axis=0).sum()
    _deal_prints(out, band, share, quotes / quotes.sum(axis=1, keepdims=True) + PRINTS_EVENNESS * usual, room, offset)
    return out


def _deal_prints(out: I32, band: Bands, share: F64, usual: F64, room: I64, offset: F64) -> None:
    """Into ``out``: at most ``room`` for each. ``share`` and ``usual``: by whose parts the aims, and what is above them."""
    dealt = np.zeros(share.shape, np.int64)
    total = np.zeros(len(share), np.int64)
    for kind, goal, by in (
        (PRINT_FLOOR, band.print_low, share), (PRINT_TARGET, band.print_target, share), (PRINT_CEILING, band.print_high, usual),
    ):  # fmt: skip
        dealt = dealt + share_within(goal - total, by, room - dealt, 1 - offset)
        total = dealt.sum(axis=1)
        out[..., kind] = dealt


def _fit_venues_rows(rows: I32, band: Bands, share: F64, offset: F64, venues: int, profile: Profile) -> None:
    """Deal anew, in place, the prints of seconds in which a symbol has to print and has no row for it besides those of its venues.

    A symbol with a row for each venue shows one at each (``allowance.unserved``), also where the least rows do not do for all symbols.
    """
    if not profile.rows_a_venue:
        return
    kept = venues * (rows[..., BOOK_FLOOR] >= venues)
    room = np.maximum(rows[..., BOOK_CEILING] - kept, 0).astype(np.int64)
    lacks = (rows[..., PRINT_FLOOR] > room).any(axis=1) & (room.sum(axis=1) >= band.print_low)
    if lacks.any():
        again = rows[lacks]
        _deal_prints(again, Bands(*(each[lacks] for each in band)), share[lacks], share[lacks], room[lacks], offset[lacks])
        rows[lacks] = again


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
