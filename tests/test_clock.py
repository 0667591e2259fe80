"""The clock: whole nanoseconds only, ties by rule, errors that survive SimPy, the flow inside the steps."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
import pytest

from simulator.clock import CROSS, DAY, MESSAGE, PHASE, Clock
from simulator.errors import AgentError, InputError, LimitError, MarketSimError, ScheduleError, SinkError
from simulator.flow import FULL, HORIZON, NEVER_NS, NOTIFICATION, NoFlow

START_NS = 1_751_378_400_000_000_000
NOT_TIMES = [1.0, float(START_NS + 1), True, np.int64(START_NS + 1), np.float64(1.0)]
"""``np.int64`` too: its sums wrap around or turn into floats without a word."""


class Ticking:
    """A flow with events at given times; a log entry for each. ``statuses``: what ``advance`` says right after an event."""

    def __init__(self, times: list[int], log: list[Any], statuses: dict[int, int] | None = None) -> None:
        self._times = sorted(times)
        self._log = log
        self._statuses = statuses or {}
        self.horizons: list[int] = []

    @property
    def next_ns(self) -> int:
        return self._times[0] if self._times else NEVER_NS

    def start_day(self, day: Any, start_ns: int) -> None: ...

    def advance(self, horizon_ns: int) -> int:
        self.horizons.append(horizon_ns)
        while self._times and self._times[0] < horizon_ns:
            ts_ns = self._times.pop(0)
            self._log.append(("flow", ts_ns))
            if ts_ns in self._statuses:
                return self._statuses[ts_ns]
        return HORIZON

    def on_cross(self, book: int, ts_ns: int) -> None: ...

    def on_agent_trade(self, book: int, ts_ns: int, side: int, shares: int, owner: int) -> None: ...

    def efficient_price(self, symbol: int) -> float:
        return 0.0


@pytest.mark.parametrize("value", NOT_TIMES, ids=repr)
@pytest.mark.parametrize(
    "use",
    [
        lambda clock, value: clock.run(until=value),
        lambda clock, value: clock.run_until(value),
        lambda clock, value: clock.timeout(value),
        lambda clock, value: clock.at(value),
        lambda clock, value: Clock(value, NoFlow()),
    ],
    ids=["run", "run_until", "timeout", "at", "start"],
)
def test_only_whole_nanoseconds_are_times(use: Callable[[Clock, Any], Any], value: Any) -> None:
    """A float that slipped in would round every later time to 256 ns."""
    clock = Clock(START_NS, NoFlow())
    clock.timeout(10)
    with pytest.raises(ScheduleError, match="nanoseconds"):
        use(clock, value)
    assert type(clock.now) is int


def test_a_time_that_is_over_is_refused() -> None:
    clock = Clock(START_NS, NoFlow())
    with pytest.raises(ScheduleError, match="is over"):
        clock.at(START_NS - 1)
    with pytest.raises(ScheduleError, match="later time"):
        clock.run_until(START_NS - 1)
    assert clock.now == START_NS


@pytest.mark.parametrize("kind", [MarketSimError, InputError, SinkError, ScheduleError, AgentError, LimitError])
def test_errors_keep_type_and_message_through_a_process(kind: type[MarketSimError]) -> None:
    """SimPy raises them anew from their args: a class with a second argument would lose it, or fail to be built."""
    clock = Clock(START_NS, NoFlow())

    def fail() -> Generator[Any, Any, None]:
        yield clock.timeout(5)
        raise kind("what, value, limit, remedy")

    clock.process(fail())
    with pytest.raises(kind, match=r"^what, value, limit, remedy$") as caught:
        clock.run_until(START_NS + 10)
    assert type(caught.value) is kind
    assert clock.now == START_NS + 5


@pytest.mark.parametrize("order", [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]])
def test_ties_are_decided_by_priority_and_the_background_is_last(order: list[int]) -> None:
    """Without priorities SimPy takes them in the order in which they were asked for."""
    log: list[Any] = []
    clock = Clock(START_NS, Ticking([START_NS + 9, START_NS + 10, START_NS + 11], log))
    names = [("day", DAY), ("phase", PHASE), ("cross", CROSS), ("message", MESSAGE), ("agent", 1)]
    for k in order:
        name, priority = names[k]
        event = clock.at(START_NS + 10, priority)
        assert event.callbacks is not None
        event.callbacks.append(lambda _, name=name: log.append((name, clock.now)))
    clock.run_until(START_NS + 12)
    at = START_NS + 10
    expected = [("day", at), ("phase", at), ("cross", at), ("message", at), ("agent", at), ("flow", at)]
    assert log == [("flow", at - 1), *expected, ("flow", at + 1)]


def test_an_event_that_the_flow_causes_comes_before_the_flow_goes_on() -> None:
    """The hole: a flow that ran to the old horizon after a notification would pass the time of the answer."""
    log: list[Any] = []
    clock = Clock(START_NS, Ticking([START_NS + k for k in (10, 20, 21, 30)], log, {START_NS + 10: NOTIFICATION}))

    def answer() -> None:
        event = clock.at(START_NS + 20)
        assert event.callbacks is not None
        event.callbacks.append(lambda _: log.append(("answer", clock.now)))

    clock.on_notification = answer
    clock.timeout(100)
    clock.run_until(START_NS + 200)
    assert log == [("flow", START_NS + 10), ("answer", START_NS + 20), *(("flow", START_NS + k) for k in (20, 21, 30))]


@pytest.mark.parametrize("slice_ns", [None, 1, 7, 1000])
def test_the_flow_stops_at_the_next_python_event_and_goes_on_after_full(slice_ns: int | None) -> None:
    log: list[Any] = []
    flow = Ticking([START_NS + k for k in (1, 2, 50, 99)], log, {START_NS + 2: FULL})
    clock = Clock(START_NS, flow, slice_ns=slice_ns)
    drained: list[int] = []
    clock.on_full = lambda: drained.append(flow.next_ns)

    def wake() -> Generator[Any, Any, None]:
        for _ in range(2):
            yield clock.timeout(40)
            log.append(("wake", clock.now))

    clock.process(wake())
    clock.run_until(START_NS + 99)
    assert [(name, ts_ns - START_NS) for name, ts_ns in log] == [("flow", 1), ("flow", 2), ("wake", 40), ("flow", 50), ("wake", 80)]
    assert drained == [START_NS + 50]
    assert flow.next_ns == START_NS + 99  # at the horizon, not before it
    assert clock.now == START_NS + 99
    if slice_ns == 1:
        assert max(b - a for a, b in zip([START_NS, *flow.horizons], flow.horizons, strict=False)) <= 50


def test_running_to_an_event_and_step_by_step_are_as_in_simpy() -> None:
    log: list[Any] = []
    clock = Clock(START_NS, Ticking([START_NS + 3], log))
    assert clock.run(until=clock.timeout(5, "came")) == "came"
    assert log == [("flow", START_NS + 3)]
    clock.run(until=START_NS + 6)
    clock.timeout(7)
    clock.step()
    assert clock.now == START_NS + 13
    clock.run(until=START_NS + 13)
