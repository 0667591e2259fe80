"""Times of the present trading day, as people say them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from typing import Any

from simulator.clock import Clock
from simulator.errors import AgentError
from simulator.exchange.band_limits import FOR_A_CROSS
from simulator.exchange.venue import AT_MARKET, ON_OPEN
from simulator.gateway.reach import member
from simulator.inputs.auction_rules import ALWAYS_S, auction
from simulator.inputs.sessions import DAY_STARTS, TradingDay, local_ns
from simulator.records import NS_PER_MINUTE, NS_PER_S, CrossKind, OrderType

_TIME = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?", re.ASCII)


def nanoseconds(seconds: Any = 0, minutes: Any = 0) -> int:
    """Whole ns of so many seconds and minutes. Raises ``AgentError`` for what is no number of them."""
    total = 0
    for what, value, unit in (("seconds", seconds, NS_PER_S), ("minutes", minutes, NS_PER_MINUTE)):
        if isinstance(value, bool) or not hasattr(value, "__float__") or not 0 <= float(value) < 1e9:
            raise AgentError(f"gave {what} = {value!r}; it must be a number from 0 to below 1,000,000,000")
        total += int(value) * unit + round((value - int(value)) * unit)
    return total


class DayTimes:
    """A worker's."""

    def __init__(self, clock: Clock, days: Sequence[TradingDay]) -> None:
        self._clock = clock
        self._days = days
        self._today = 0

    def day(self) -> TradingDay:
        while self._today + 1 < len(self._days) and self._days[self._today + 1].start_ns <= self._clock.now:
            self._today += 1
        return self._days[self._today]

    def day_start_ns(self) -> int:
        """Of the present trading day."""
        return self.day().start_ns

    def at(self, time: str) -> int:
        found = _TIME.fullmatch(time) if isinstance(time, str) else None
        hour, minute, second, part = found.groups() if found else ("99", "0", "0", "0")
        if int(hour) > 23 or int(minute) > 59 or int(second or 0) > 59:
            raise AgentError(f'gave time = {time!r}; it must be a time of day in New York, as "15:45" or "09:30:05.25"')
        clock_time = dt.time(int(hour), int(minute), int(second or 0))
        date = self.day().date + dt.timedelta(days=int(clock_time < DAY_STARTS))
        return local_ns(date, clock_time) + int((part or "").ljust(9, "0"))

    def bell_ns(self, kind: CrossKind) -> int | None:
        day = self.day()
        return (day.open_ns if kind == CrossKind.OPEN else day.close_ns) if day.is_session else None

    def cut_off_ns(self, venue: str, type: OrderType) -> int | None:
        """``venue``: where the symbol is listed. Where orders are taken until the cross, the bell: nobody knows how long after it."""
        type = member("type", type, OrderType)
        if type not in FOR_A_CROSS:
            raise AgentError(f"asked for the cut-off of {type.name}; only on-open and on-close orders have one")
        kind = CrossKind.OPEN if type in ON_OPEN else CrossKind.CLOSE
        bell_ns = self.bell_ns(kind)
        if bell_ns is None:
            return None
        rules = auction(venue, kind)
        until_s = rules.at_market_until_s if type in AT_MARKET else rules.limit_until_s
        return bell_ns if until_s == ALWAYS_S else bell_ns + until_s * NS_PER_S
