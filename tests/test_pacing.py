"""How fast simulated time goes, with clocks of the test's own: late, set back, set forwards."""

from __future__ import annotations

from scenarios.launcher.backpressure import Backpressure
from scenarios.launcher.pacing import Pace, Pacer
from simulator.flow import NEVER_NS
from simulator.records import NS_PER_HOUR, NS_PER_S

WALL = 1_750_000_000 * NS_PER_S


class Clocks:
    def __init__(self) -> None:
        self.monotonic = 5 * NS_PER_S
        self.set_by = 0
        self.slept_s = 0.0

    def wall_ns(self) -> int:
        return WALL + self.monotonic + self.set_by

    def sleep(self, seconds: float) -> None:
        self.slept_s += seconds
        self.monotonic += int(seconds * NS_PER_S)

    def pacer(self, pace: Pace) -> Pacer:
        return Pacer(pace, wall_ns=self.wall_ns, monotonic_ns=lambda: self.monotonic, sleep=self.sleep)


def live(clocks: Clocks) -> tuple[Pacer, int]:
    start_ns = clocks.wall_ns()
    return clocks.pacer(Pace(start_ns=start_ns, wall_ns=start_ns)), start_ns


def test_real_time_never_passes_the_wall_clock_and_comes_in_slices_of_50_ms() -> None:
    clocks = Clocks()
    pacer, now_ns = live(clocks)
    for _ in range(100):
        until_ns = pacer.wait(now_ns)
        assert now_ns < until_ns <= clocks.wall_ns()
        assert until_ns - now_ns <= 51_000_000
        now_ns = until_ns
    assert abs(clocks.slept_s - 5.0) < 0.01


def test_a_late_run_does_not_sleep_and_says_how_late_it_is() -> None:
    clocks = Clocks()
    pacer, now_ns = live(clocks)
    clocks.monotonic += 3 * NS_PER_S
    assert pacer.behind_ns(now_ns) == 3 * NS_PER_S
    assert pacer.wait(now_ns) == now_ns + 3 * NS_PER_S
    assert clocks.slept_s == 0.0


def test_a_clock_that_is_set_back_makes_it_wait_and_one_set_forwards_makes_it_catch_up() -> None:
    clocks = Clocks()
    pacer, now_ns = live(clocks)
    clocks.set_by = -NS_PER_HOUR
    assert pacer.wait(now_ns) == now_ns  # simulated time stands still
    assert pacer.behind_ns(now_ns) == 0
    assert pacer.jumped_ns == -NS_PER_HOUR
    clocks.set_by = 2 * NS_PER_HOUR
    assert pacer.wait(now_ns) > now_ns + 2 * NS_PER_HOUR - NS_PER_S
    assert pacer.jumped_ns == 2 * NS_PER_HOUR


def test_speed_counts_from_the_start() -> None:
    clocks = Clocks()
    pacer = clocks.pacer(Pace(start_ns=1_000 * NS_PER_S, wall_ns=clocks.wall_ns(), speed=60))
    clocks.monotonic += 2 * NS_PER_S
    assert pacer.wait(1_000 * NS_PER_S) == 1_120 * NS_PER_S
    assert pacer.behind_ns(1_000 * NS_PER_S) == 2 * NS_PER_S


class Valve:
    def __init__(self) -> None:
        self.says = False

    def paused(self, sent: object, stop_asked: object) -> bool:
        return self.says


def test_workers_stay_within_a_window_and_stand_while_the_database_is_behind() -> None:
    seconds = [0.0]
    valve = Valve()
    backpressure = Backpressure(valve=valve, window_ns=100, clock_s=lambda: seconds[0])
    assert backpressure.horizon_ns({0: 1_000, 1: 1_050}) == 1_100
    assert Backpressure().horizon_ns({0: 1_000, 1: 5_000}) == NEVER_NS
    valve.says = True
    for seconds[0] in (1.0, 2.0, 3.5):
        backpressure.look(None)  # type: ignore[arg-type]
        assert backpressure.horizon_ns({0: 1_000}) is None
    valve.says = False
    seconds[0] = 4.0
    backpressure.look(None)  # type: ignore[arg-type]
    assert backpressure.horizon_ns({0: 1_000}) == 1_100
    assert (backpressure.pauses, backpressure.paused_s) == (1, 3.0)
