"""``--view``: what viewers wish of a run, and what they see of it: on a page of this machine, or in the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console

from scenarios.launcher.backpressure import TellsLag
from scenarios.launcher.flags import Flags
from scenarios.launcher.pacing import Pace
from scenarios.launcher.worker_messages import Control
from scenarios.launcher.worker_pool import Outcome
from simulator.records import NS_PER_S

if TYPE_CHECKING:
    from simulator.live.server import LiveServer, Wishes

FIXED = "In real time rows carry the wall clock's time: the run cannot pause."


class RunFacts:
    """What is told of the whole run beside a symbol's frame."""

    def __init__(self) -> None:
        self._past: tuple[float, int] = (time.monotonic(), 0)
        self._speed = ""

    def of(self, outcome: Outcome) -> dict[str, Any]:
        now_s, now_ns = time.monotonic(), min(outcome.now_ns.values(), default=0)
        then_s, then_ns = self._past
        if now_s - then_s > 1.0:
            self._speed = f"{(now_ns - then_ns) / NS_PER_S / (now_s - then_s):,.0f}" if then_ns else ""
            self._past = now_s, now_ns
        found: dict[str, Any] = {"rows": sum(sum(tables.values()) for tables in outcome.rows.values()), "speed_now": self._speed}
        pressure = outcome.backpressure
        if pressure.valve is not None:
            found |= {"lag": outcome.in_flight, "waits": pressure.is_paused}
            found |= {"pauses": pressure.pauses, "paused_s": round(pressure.paused_s, 1)}
        if isinstance(pressure.valve, TellsLag):
            found["pending"] = pressure.valve.pending_rows
        late_ns = max((progress.behind_ns for progress in outcome.latest.values()), default=0)
        if late_ns > NS_PER_S:
            found["late"] = late_ns / NS_PER_S
        return found


def why_over(outcome: Outcome | None) -> str:
    """Why there is nothing more to see, in the words that the terminal has."""
    said = None
    if outcome is not None:
        first = next((failed.message for failed in outcome.failed.values()), None)
        said = outcome.halted or first or outcome.stopped_by
    return "The run has ended." if said is None else f"The run has ended: {said}"


class PageView:
    """The page. Used with ``with``; it is the parent's ``Viewer``."""

    def __init__(self, flags: Flags, names: list[str], console: Console) -> None:
        from simulator.live.past import step_for
        from simulator.live.server import LiveServer

        self.console = console
        is_live = flags.mode == "real-time"
        speed = 1.0 if is_live else flags.speed
        self.server: LiveServer = LiveServer(names, port=flags.view_port, paced=FIXED if is_live else "", step_s=step_for(speed))
        self._speed = flags.speed
        self._wishes: Wishes = self.server.wishes
        self._hold_ns: int | None = None
        self._pace: Pace | None = None
        self._sets_pace = False
        self._facts = RunFacts()
        self._outcome: Outcome | None = None

    def __enter__(self) -> Self:
        text = f"The market as it moves: {self.server.address}"
        self.console.print(text, highlight=False, markup=False, soft_wrap=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.close(why_over(self._outcome))

    def start(self) -> None:
        self.server.start()

    def put(self, symbol: str, frame: dict[str, Any]) -> None:
        self.server.put(symbol, frame)

    def put_crosses(self, lines: dict[str, dict[str, Any] | None]) -> None:
        self.server.put_crosses(lines)

    def control(self, outcome: Outcome) -> Control:
        self._outcome = outcome
        wishes = self.server.wishes
        if wishes.number != self._wishes.number:
            self._heed(wishes, outcome)
        watched = self.server.watched
        return Control(watched, bool(watched), self._hold_ns, self._pace, self._sets_pace)

    def _heed(self, wishes: Wishes, outcome: Outcome) -> None:
        """A pause is where the first worker is, so that all come to one instant; a pace counts from now on."""
        before, self._wishes = self._wishes, wishes
        now_ns = [ns for worker, ns in outcome.now_ns.items() if worker not in outcome.done]
        first_ns = max(now_ns, default=0)
        if wishes.paused:
            if self._hold_ns is None:
                self._hold_ns = first_ns
            self._hold_ns += (wishes.steps - before.steps) * NS_PER_S
            return
        self._hold_ns = None
        speed = self._speed if wishes.speed is None else wishes.speed or None
        self._sets_pace = True
        self._pace = None if speed is None else Pace(start_ns=first_ns, wall_ns=time.time_ns(), speed=speed)

    def beside(self, show: Callable[[Outcome], None]) -> Callable[[Outcome], None]:
        """What is shown of the whole run, for the page too."""

        def both(outcome: Outcome) -> None:
            facts = self._facts.of(outcome)
            if self._wishes.paused:
                facts.pop("late", None)
            self.server.facts = facts
            show(outcome)

        return both
