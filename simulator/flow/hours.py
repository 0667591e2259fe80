"""What the clock allows in each second: the day's phases, which venues have a book, when interest for the crosses gathers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.flow.state import MODE_CLOSE_INTEREST, MODE_LATE_INTEREST, MODE_OPEN_INTEREST, MODE_SESSION, MODE_TRADES
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import TradingDay
from simulator.records import I8, I32, I64, NS_PER_MINUTE, NS_PER_S, Phase

OPEN_INTEREST_NS = 30 * NS_PER_MINUTE
CLOSE_INTEREST_NS = 10 * NS_PER_MINUTE
LATE_INTEREST_NS = 4 * NS_PER_S
"""Before its cross: at market so long, with limits so long."""
DAY_STARTS_MINUTE, USUAL_CLOSE_MINUTE = 240, 960
"""After midnight: 04:00 and 16:00."""
CROSSES_WITHIN_MINUTES = 0.5
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
    universe = scenario.universe
    out = np.zeros((len(symbols), seconds), np.int64)
    has_hours = day.is_session and scenario.session_pacing and scenario.offsession_trades != "full"
    minutes = DAY_STARTS_MINUTE + (first_ns - day.start_ns) / NS_PER_MINUTE + np.arange(seconds) / 60
    sooner = (day.close_ns - day.start_ns) // NS_PER_MINUTE + DAY_STARTS_MINUTE - USUAL_CLOSE_MINUTE
    evening_ns = next((s.end_ns for s in day.segments if s.phase == Phase.POST_CLOSE), day.end_ns)
    is_day = minutes < DAY_STARTS_MINUTE + (evening_ns - day.start_ns) / NS_PER_MINUTE
    for k, i in enumerate(symbols):
        for v in range(len(universe.venues)):
            first, last = universe.hours(i, v)
            linger = CROSSES_WITHIN_MINUTES if last == USUAL_CLOSE_MINUTE else 0.0
            is_open = (minutes >= first) & (minutes < last + sooner + linger)
            out[k] |= np.where(is_open | ~is_day if has_hours else True, 1 << v, 0)
    return out


def modes_of(scenario: Scenario, day: TradingDay, first_ns: int, phases: I32) -> I8:
    """int8[seconds]: what the flow may do in each of the seconds whose ``phases`` are given."""
    trades = (phases == Phase.CONTINUOUS) | (scenario.offsession_trades != "none")
    modes = np.where(trades, MODE_TRADES, 0) | np.where(phases == Phase.CONTINUOUS, MODE_SESSION, 0)
    if day.is_session and scenario.session_pacing:
        seconds_ns = first_ns + np.arange(len(phases)) * NS_PER_S
        modes |= np.where((seconds_ns >= day.open_ns - OPEN_INTEREST_NS) & (seconds_ns < day.open_ns), MODE_OPEN_INTEREST, 0)
        modes |= np.where((seconds_ns >= day.close_ns - CLOSE_INTEREST_NS) & (seconds_ns < day.close_ns), MODE_CLOSE_INTEREST, 0)
        for cross_ns in (day.open_ns, day.close_ns):
            late = (seconds_ns >= cross_ns - LATE_INTEREST_NS) & (seconds_ns < cross_ns)
            modes |= np.where(late, MODE_LATE_INTEREST, 0)
    return modes.astype(np.int8)
