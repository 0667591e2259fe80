"""What the clock allows in each second: the day's phases, which venues have a book, when interest for the crosses gathers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.flow.state import (
    MODE_CLOSE_INTEREST,
    MODE_GATHERS,
    MODE_LATE_INTEREST,
    MODE_OFFSETS,
    MODE_OPEN_INTEREST,
    MODE_SESSION,
    MODE_TRADES,
)
from simulator.inputs.auction_rules import auction
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import TradingDay
from simulator.records import I8, I32, I64, NS_PER_MINUTE, NS_PER_S, CrossKind, Phase

OPEN_INTEREST_NS = 30 * NS_PER_MINUTE
CLOSE_INTEREST_NS = 10 * NS_PER_MINUTE
LATE_INTEREST_NS = 4 * NS_PER_S
"""Before the cut-off at market so long; before the bell with limits, or against the imbalance, so long."""
DAY_STARTS_MINUTE, USUAL_CLOSE_MINUTE = 240, 960
"""After midnight: 04:00 and 16:00."""
CROSSES_WITHIN_NS = 30 * NS_PER_S
"""A venue whose day ends with the session keeps its books so much longer, for the closing cross."""


def phases_of(day: TradingDay, first_ns: int, seconds: int) -> I32:
    """int32[seconds]: the phase of each second."""
    phases = np.full(seconds, int(Phase.CLOSED), np.int32)
    for segment in day.segments:
        first, last = (int(np.clip((t - first_ns) // NS_PER_S, 0, seconds)) for t in (segment.start_ns, segment.end_ns))
        phases[first:last] = int(segment.phase)
    return phases


def venues_open(scenario: Scenario, day: TradingDay, symbols: Sequence[int], first_ns: int, seconds: int) -> I64:
    """int64[symbols, seconds]: a bit for each venue that has a book of the symbol then. All of them on a day without phases.

    ``symbols``: places in the universe.
    """
    out = np.zeros((len(symbols), seconds), np.int64)
    clock_ns = first_ns + np.arange(seconds) * NS_PER_S
    evening_ns = next((s.end_ns for s in day.segments if s.phase == Phase.POST_CLOSE), day.end_ns)
    for k, i in enumerate(symbols):
        for v in range(len(scenario.universe.venues)):
            hours = book_hours(scenario, day, i, v)
            is_open = True if hours is None else (clock_ns >= hours[0]) & (clock_ns < hours[1]) | (clock_ns >= evening_ns)
            out[k] |= np.where(is_open, 1 << v, 0)
    return out


def book_hours(scenario: Scenario, day: TradingDay, symbol: int, venue: int) -> tuple[int, int] | None:
    """From and to, ns: when the venue has a book of the symbol (places in the universe) that day, up to the evening's end.

    None: as long as anything is open, as on a day without phases.
    """
    if not (day.is_session and scenario.session_pacing and scenario.offsession_trades != "full"):
        return None
    first, last = scenario.universe.hours(symbol, venue)
    sooner = (day.close_ns - day.start_ns) // NS_PER_MINUTE + DAY_STARTS_MINUTE - USUAL_CLOSE_MINUTE
    linger_ns = CROSSES_WITHIN_NS if last == USUAL_CLOSE_MINUTE else 0
    first_ns, last_ns = (day.start_ns + (minute - DAY_STARTS_MINUTE) * NS_PER_MINUTE for minute in (first, last + sooner))
    return first_ns, last_ns + linger_ns


def modes_of(scenario: Scenario, day: TradingDay, symbols: Sequence[int], first_ns: int, phases: I32) -> I8:
    """int8[symbols, seconds]: what the flow may do in each of the seconds whose ``phases`` are given; ``symbols``: places in the universe.

    Interest for a cross keeps to its listing venue's cut-offs, as agents' orders do: at market before the cut-off; with limits on both
    sides just before the cross where they are taken to the end, else, for the open, just before their own cut-off, and for the close
    against the imbalance alone.
    """
    trades = (phases == Phase.CONTINUOUS) | (scenario.offsession_trades != "none")
    modes = np.where(trades, MODE_TRADES, 0) | np.where(phases == Phase.CONTINUOUS, MODE_SESSION, 0)
    out = np.repeat(modes[None], len(symbols), axis=0)
    if day.is_session and scenario.session_pacing:
        seconds_ns = first_ns + np.arange(len(phases)) * NS_PER_S
        venues: dict[str, I64] = {}
        for k, i in enumerate(symbols):
            listing = scenario.universe.symbols[i].listing
            if listing not in venues:
                venues[listing] = _interest(listing, day, seconds_ns)
            out[k] |= venues[listing]
    return out.astype(np.int8)


def _at_market_until_s(listing: str, kind: CrossKind) -> int:
    """Against the bell."""
    return min(0, auction(listing, kind).at_market_until_s)


def gathered_part(listing: str, day: TradingDay, ts_ns: int) -> float:
    """Of the interest at market for a cross at a venue: what has come by then; 0 before it begins to gather, and after the bell."""
    for kind, bell_ns, length_ns in ((CrossKind.OPEN, day.open_ns, OPEN_INTEREST_NS), (CrossKind.CLOSE, day.close_ns, CLOSE_INTEREST_NS)):
        from_ns = bell_ns + _at_market_until_s(listing, kind) * NS_PER_S - length_ns
        if from_ns < ts_ns < bell_ns:
            return min(1.0, (ts_ns - from_ns) / length_ns)
    return 0.0


def _interest(listing: str, day: TradingDay, seconds_ns: I64) -> I64:
    """int64[seconds]: the modes that are of a venue's crosses."""
    modes = np.zeros(len(seconds_ns), np.int64)

    def during(from_ns: int, until_ns: int, mode: int) -> None:
        modes[(seconds_ns >= from_ns) & (seconds_ns < until_ns)] |= mode

    for kind, bell_ns, length_ns, mode in (
        (CrossKind.OPEN, day.open_ns, OPEN_INTEREST_NS, MODE_OPEN_INTEREST),
        (CrossKind.CLOSE, day.close_ns, CLOSE_INTEREST_NS, MODE_CLOSE_INTEREST),
    ):
        rules = auction(listing, kind)
        until_ns = bell_ns + _at_market_until_s(listing, kind) * NS_PER_S
        during(until_ns - length_ns, until_ns, mode)
        during(until_ns - length_ns, bell_ns, MODE_GATHERS)
        limits_ns = bell_ns + min(rules.limit_until_s, rules.is_late_from_s, 0) * NS_PER_S
        if limits_ns == bell_ns:
            during(bell_ns - LATE_INTEREST_NS, bell_ns, MODE_LATE_INTEREST)
        elif kind == CrossKind.OPEN:
            during(limits_ns - LATE_INTEREST_NS, limits_ns, MODE_LATE_INTEREST | MODE_OFFSETS)
        else:
            during(bell_ns - LATE_INTEREST_NS, bell_ns, MODE_OFFSETS)
    return modes
