"""How fast simulated time may go: as the wall clock does, at a multiple of it, or freely."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from simulator.records import NS_PER_MS, NS_PER_S

SLICE_NS = 50 * NS_PER_MS
"""Wall time between two looks at the clock: rows come out at most that much after their time."""
JUMP_NS = 5 * NS_PER_S
"""The wall clock and the monotonic one may part by so much before the user hears that the clock was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """``speed`` simulated seconds a second, counted from ``start_ns`` at wall time ``wall_ns``; can be pickled.

    Real time is ``speed`` 1 with both starts equal: then simulated time is the wall clock's.
    """

    start_ns: int
    wall_ns: int
    speed: float = 1.0

    @property
    def is_real_time(self) -> bool:
        return self.speed == 1.0 and self.start_ns == self.wall_ns

    def due_ns(self, wall_ns: int) -> int:
        """Simulated time at that wall time."""
        if self.is_real_time:
            return wall_ns
        return self.start_ns + int((wall_ns - self.wall_ns) * self.speed)


class Pacer:
    """One worker's look at the clock."""

    def __init__(
        self,
        pace: Pace,
        *,
        wall_ns: Callable[[], int] = time.time_ns,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.pace = pace
        self._wall_ns = wall_ns
        self._monotonic_ns = monotonic_ns
        self._sleep = sleep
        self._offset_ns = wall_ns() - monotonic_ns()
        self.jumped_ns = 0
        """By how much the wall clock was set while the run went on: forwards is positive. Small corrections are none."""

    def wait(self, now_ns: int) -> int:
        """Sleep until a slice after ``now_ns`` is due, at most a slice; returns up to where simulated time may go, ``now_ns`` at least.

        A wall clock that is set back makes it wait: simulated time never goes back. Set forwards, the run catches up.
        """
        if self._due_ns() < now_ns + int(SLICE_NS * self.pace.speed):
            self._sleep(SLICE_NS / NS_PER_S)
        return max(self._due_ns(), now_ns)

    def wait_for(self, ts_ns: int) -> bool:
        """Sleep until ``ts_ns`` is due, at most a slice; returns whether it is."""
        left_ns = ts_ns - self._due_ns()
        if left_ns > 0:
            # Never too short a sleep, however the division rounds: the last nanosecond is waited for, too.
            self._sleep(min(left_ns / self.pace.speed + 1, SLICE_NS) / NS_PER_S)
        return self._due_ns() >= ts_ns

    def behind_ns(self, now_ns: int) -> int:
        """Wall time by which the run is late at simulated time ``now_ns``; 0 if it is not."""
        return max(int((self._due_ns() - now_ns) / self.pace.speed), 0)

    def _due_ns(self) -> int:
        wall_ns = self._wall_ns()
        offset_ns = wall_ns - self._monotonic_ns()
        if abs(offset_ns - self._offset_ns) > JUMP_NS:
            self.jumped_ns += offset_ns - self._offset_ns
            self._offset_ns = offset_ns
        return self.pace.due_ns(wall_ns)
