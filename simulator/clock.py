"""The simulated clock: a SimPy environment on integer nanoseconds, with the background flow inside its steps.

Before the next Python event, at time t, is processed, the flow runs all its events before t. It stops early where Python must
hear of something; then an earlier Python event may have come up, and the clock looks again.

Ties at one instant are decided by rule, through SimPy's priorities: phase changes, then crosses, then messages to venues (each
venue sorts its own by agent name and sequence), then what venues tell of their crosses, then the agents wake in order of name, and
the background is last.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import simpy
from simpy.core import EmptySchedule
from simpy.events import NORMAL, Event

from simulator.errors import ScheduleError
from simulator.flow import FULL, NOTIFICATION, Flow
from simulator.interrupts import Interrupt

DAY, PHASE, CROSS, MESSAGE = -4, -3, -2, -1
"""Priorities; SimPy's own URGENT and NORMAL, 0 and 1, come after them."""
NOTICE = 2
"""What venues tell of their crosses."""
AGENT = 16
"""The first agent, by name, wakes with this priority, the next one with one more."""
CANCELLED_MIN = 64
"""Alarms that may lie cancelled in the queue before it is tidied, however short it is."""


def check_ns(what: str, value: object) -> int:
    """``value`` if it is a plain integer. Raises ``ScheduleError``."""
    if type(value) is not int:
        raise ScheduleError(
            f"{what} must be a whole number of nanoseconds (int), got {value!r} of type {type(value).__name__}. "
            "A float cannot hold nanoseconds since 1970: use int(...) or the constants in simulator.records."
        )
    return value


class Bell:
    """What rings at an alarm. It stands in SimPy's queue, but is no event of SimPy's: one rings at every wake-up of an agent."""

    __slots__ = ("priority", "ring")

    def __init__(self, priority: int, ring: Callable[[int], None]) -> None:
        """``ring`` is called with the time, among the others of that instant by ``priority``."""
        self.priority = priority
        self.ring = ring


Alarm = tuple[int, int, int, Bell]
"""(time, priority, number, bell), as in the queue."""


class Clock(simpy.Environment):
    """Time is ``now``: int nanoseconds since the epoch, UTC."""

    def __init__(self, start_ns: int, flow: Flow, *, slice_ns: int | None = None) -> None:
        super().__init__(check_ns("The clock's start", start_ns))
        self._flow = flow
        self._slice_ns = slice_ns
        self._cancelled: set[int] = set()
        """The numbers of alarms in the queue that do not ring."""
        self.on_notification: Callable[[], None] = lambda: None
        """Called when the flow has left notifications for Python."""
        self.on_full: Callable[[], None] = lambda: None
        """Called when the columns need draining."""
        self.interrupt = Interrupt()
        """``run_until`` looks between two events whether the run is to stop there."""

    def schedule(self, event: Event, priority: Any = NORMAL, delay: Any = 0) -> None:
        """As SimPy's, for whole nanoseconds only."""
        if type(delay) is not int:
            check_ns("A delay", delay)
        super().schedule(event, priority, delay)

    def at(self, ts_ns: int, priority: int = NORMAL) -> Event:
        """An event that happens at ``ts_ns``, among the others of that instant by ``priority``."""
        if check_ns("A time", ts_ns) < self._now:
            raise ScheduleError(f"Time {ts_ns} is over: it is {self._now} ns. Ask for a later one.")
        event = Event(self)
        event._ok = True
        event._value = None
        self.schedule(event, priority, ts_ns - self.now)
        return event

    def alarm(self, ts_ns: int, bell: Bell) -> Alarm:
        """Rings ``bell`` at ``ts_ns``, now or later, unless it is cancelled. ``ts_ns`` is an int: whoever asks has looked."""
        alarm = (ts_ns, bell.priority, next(self._eid), bell)
        heapq.heappush(self._queue, alarm)  # type: ignore[misc]
        return alarm

    def cancel(self, alarm: Alarm) -> None:
        """It will not ring. At most half of the queue, and ``CANCELLED_MIN``, are ever cancelled alarms."""
        cancelled = self._cancelled
        cancelled.add(alarm[2])
        if len(cancelled) > max(CANCELLED_MIN, len(self._queue) // 2):
            self._queue[:] = [item for item in self._queue if item[2] not in cancelled]
            heapq.heapify(self._queue)  # equal times keep their order: it is in the items
            cancelled.clear()

    @property
    def now(self) -> int:
        return self._now  # type: ignore[return-value]

    def step(self) -> None:
        """The next Python event, after all background events before it."""
        if not self._queue:
            raise EmptySchedule
        while self._flow.next_ns < self._queue[0][0] and not self.interrupt.is_asked:
            self._advance(self._queue[0][0])  # type: ignore[arg-type]
        self._step()

    def run_until(self, ts_ns: int) -> bool:
        """Process every event before ``ts_ns``, Python's and the background's; then it is ``ts_ns``, and this is true.

        Interrupted, it is the time up to which all has been processed, and a later call goes on from there.
        """
        if check_ns("The time to run to", ts_ns) < self._now:
            raise ScheduleError(f"Cannot run to {ts_ns}: it is {self._now} ns already. Ask for a later time.")
        flow, queue, interrupt = self._flow, self._queue, self.interrupt
        while not interrupt.is_asked:
            horizon: Any = queue[0][0] if queue and queue[0][0] < ts_ns else ts_ns
            if flow.next_ns < horizon:
                self._advance(horizon)
            elif horizon < ts_ns:
                self._step()
            else:
                self._now = ts_ns
                return True
        next_event = self._queue[0][0] if self._queue else ts_ns
        self._now = max(self._now, min(ts_ns, self._flow.next_ns, next_event))
        return False

    def run(self, until: Any = None) -> Any:
        """As SimPy's; a time is an int, and events at that very time are not processed any more."""
        if until is not None and not isinstance(until, Event):
            if not self.run_until(check_ns("run(until=)", until)):
                raise KeyboardInterrupt
            return None
        return super().run(until)

    def _step(self) -> None:
        """The next Python event."""
        item: Any = self._queue[0]
        if type(item[3]) is not Bell:
            super().step()
            return
        heapq.heappop(self._queue)
        now, _, number, bell = item
        self._now = now
        if number in self._cancelled:
            self._cancelled.remove(number)
        else:
            bell.ring(now)

    def _advance(self, horizon_ns: int) -> None:
        """Let the flow run up to ``horizon_ns``, or to where somebody else must look first."""
        flow = self._flow
        if self._slice_ns is not None:
            horizon_ns = min(horizon_ns, flow.next_ns + self._slice_ns)
        status = flow.advance(horizon_ns)
        if status == FULL:
            self.on_full()
        elif status == NOTIFICATION:
            self.on_notification()
