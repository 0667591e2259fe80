"""The auction crosser: the agent that calls for the opening and the closing cross at each symbol's listing venue."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

from simulator.inputs.sessions import TradingDay
from simulator.records import CrossKind


def auction_crosser(
    days: Sequence[TradingDay], start_ns: int, at_cross: Callable[[int], Any], call_cross: Callable[[CrossKind], None]
) -> Generator[Any, Any, None]:
    """Wait for each session's open and close, right after the change of phase, and call for the cross.

    ``at_cross(ts_ns)`` is an event at that time; ``call_cross(kind)`` crosses every symbol where it is listed.
    """
    for day in days:
        if not day.is_session:
            continue
        for ts_ns, kind in ((day.open_ns, CrossKind.OPEN), (day.close_ns, CrossKind.CLOSE)):
            if ts_ns >= start_ns:
                yield at_cross(ts_ns)
                call_cross(kind)
