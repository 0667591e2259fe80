"""How far the workers may go: within a window of each other, and not while the database is behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from simulator.flow import NEVER_NS

LOOK_EVERY_S = 0.25


class Sent(Protocol):
    """What the workers' writers have reported, all together."""

    @property
    def in_flight(self) -> int: ...

    @property
    def acknowledged(self) -> int: ...


class Valve(Protocol):
    """Decides whether the run pauses, from what the database says."""

    def paused(self, sent: Sent, stop_asked: Callable[[], bool]) -> bool:
        """Look, and say so; no longer than until ``stop_asked``. Raises ``SinkError`` when there is no going on."""


@runtime_checkable
class TellsLag(Protocol):
    """A valve that knows how far the database is behind."""

    @property
    def pending_rows(self) -> int:
        """That it has taken and not applied, when it was last asked."""


@dataclass(slots=True)
class Backpressure:
    """The parent's: asked after every message of a worker and a few times a second."""

    valve: Valve | None = None
    window_ns: int | None = None
    """Simulated time that a worker may be ahead of the last one; None: any."""
    clock_s: Callable[[], float] = time.monotonic
    pauses: int = 0
    paused_s: float = 0.0
    is_paused: bool = False
    _looked_s: float = 0.0
    _since_s: float = 0.0

    def look(self, sent: Sent, stop_asked: Callable[[], bool] = lambda: False) -> None:
        """Ask the valve, if the last answer is old enough; ``stop_asked``: whether the run is to end, which nobody waits for then."""
        now_s = self.clock_s()
        if self.valve is None or now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        was_paused, self.is_paused = self.is_paused, self.valve.paused(sent, stop_asked)
        if was_paused:
            self.paused_s += now_s - self._since_s
        elif self.is_paused:
            self.pauses += 1
        self._since_s = now_s

    def horizon_ns(self, now_ns: Mapping[int, int]) -> int | None:
        """Up to where every worker may go; None while the run pauses. ``now_ns``: of each worker that still runs."""
        if self.is_paused:
            return None
        if self.window_ns is None or not now_ns:
            return NEVER_NS
        return min(now_ns.values()) + self.window_ns
