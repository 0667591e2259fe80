"""Ctrl-C and errors anywhere in a run: the market goes on exactly where it was, or it refuses to go on and says why.

``python tests/test_interrupts.py`` interrupts every Python line of a small run, one at a time, each in a market of its own; with a number,
every so many lines, and each line of the source when it first runs.
"""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from helpers import scenario
from patience import takes_at_most
from scripted import BASE_NS, ScriptedMarket, Stroke

from simulator.errors import AgentError, MarketSimError, ScheduleError, SinkError
from simulator.gateway import watchdog
from simulator.inputs.config import AgentSpec, Refresh
from simulator.market import Market
from simulator.records import Batch, OrderType, Side
from simulator.simulation import simulate
from simulator.tape.sink import NullSink, RunInfo

MS = 1_000_000
A, B = ("AAPL", "NASDAQ"), ("AAPL", "NYSE")
OURS = str(Path(__file__).parent.parent / "simulator")
END_NS = BASE_NS + 4 * MS
STROKES = [
    *(Stroke(n * MS // 3, *book, side, 10_000 + (n % 3 + 1) * (-1 if side == Side.BUY else 1), 100)
      for n in range(11) for book in (A, B) for side in Side),
    *(Stroke(n * MS + 7, *A, Side.BUY, 0, 150, OrderType.MARKET) for n in range(1, 4)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _python_hears_ctrl_c() -> Iterator[None]:
    """As in a notebook, whatever runs the tests does with it."""
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, previous)


def trader(market: Any, orders: Any, rng: Any) -> Any:
    """Uses all that there is of waiting and sending."""
    while True:
        came = yield market.any_of(market.message(), market.quote("AAPL"), market.trade("AAPL"), limit_ns=MS)
        best = market.best(*A)
        if best.bid_ticks and len(market.own_orders()) < 4:
            ref = orders.buy(*A, best.bid_ticks, 100)
            orders.sell("AAPL", "BEST", best.bid_ticks, 50, type=OrderType.IOC)
            if came is None:
                orders.replace(ref, best.bid_ticks - 1, 50)
        elif market.own_orders():
            orders.cancel(market.own_orders()[0].ref)
        market.last_trades(*A, 3)
        yield market.wait(MS // 4)


class Rows(NullSink):
    """A writer with lines of its own."""

    def write(self, batch: Batch) -> None:
        super().write(batch)
        assert len(batch) > 0


def make() -> ScriptedMarket:
    agents = (AgentSpec(name="trader", make=trader), AgentSpec(name="other", make=trader))
    chosen = scenario(
        "2025-07-01T14:00:00Z", "2025-07-01T14:00:00.004Z", names=("AAPL",), agents=agents, extra_tables=("orders", "truth"), max_orders=300,
        price_window=1_024, history=64,
    )  # fmt: skip
    market = ScriptedMarket(chosen, STROKES)
    market._sink = Rows()
    market._sink.open(market.run_info)
    return market


def outcome(market: Market) -> tuple[Any, ...]:
    assert isinstance(market._sink, Rows)
    result = market.result()
    return result.digest_parts, result.rows, market._sink.rows, {name: a.commands for name, a in result.agents.items()}


class At:
    """Interrupts the ``n``-th line that Python runs in ``simulator/`` or in an agent or a writer of this file; -1: counts them only."""

    def __init__(self, n: int) -> None:
        self.n = n
        self.count = 0
        self.lines: list[tuple[str, int]] = []

    def __enter__(self) -> At:
        sys.settrace(self._enter)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _enter(self, frame: FrameType, event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        return self._line if file.startswith(OURS) or (file == __file__ and frame.f_code.co_name in ("trader", "write")) else None

    def _line(self, frame: FrameType, event: str, _argument: Any) -> Any:
        if event == "line":
            self.count += 1
            if self.n < 0:
                self.lines.append((frame.f_code.co_filename, frame.f_lineno))
            elif self.count == self.n:
                sys.settrace(None)
                self.lines.append((frame.f_code.co_filename, frame.f_lineno))
                raise KeyboardInterrupt
        return self._line


def interrupted_at(n: int, expected: tuple[Any, ...]) -> str:
    """What became of a market that was interrupted there: "goes on" or "refuses". Fails if its rows are others."""
    market = make()
    at = At(n)
    with pytest.raises(KeyboardInterrupt), at:
        market.run_until(END_NS)
    where = f"line {n}: {at.lines[-1]}"
    handler = signal.getsignal(signal.SIGINT)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        market.run_until(END_NS)
        result = "goes on"
    except MarketSimError as error:
        result = "refuses" if "Make a new Market" in str(error) else str(error)
    assert result == "refuses" or outcome(market) == expected, where
    assert handler in (signal.default_int_handler, market._interrupt._hear), where
    assert not [thread for thread in threading.enumerate() if thread.name == "agents' watchdog" and not thread.daemon], where
    return result


def uninterrupted() -> tuple[tuple[Any, ...], list[tuple[str, int]]]:
    make().run_until(END_NS)  # what is kept from then on
    market = make()
    with At(-1) as at:
        market.run_until(END_NS)
    return outcome(market), at.lines


def test_an_interrupt_at_any_line_leaves_nothing_half_done() -> None:
    """Each line of the run loop is interrupted when it first runs: a sample of them here, all by ``python tests/test_interrupts.py``."""
    expected, lines = uninterrupted()
    assert expected[1]["truth"] > 10
    firsts = [lines.index(line) + 1 for line in dict.fromkeys(lines)]
    assert len(firsts) > 300
    sample = [*firsts[:12], *firsts[12::20], len(lines) // 2, *range(len(lines) - 6, len(lines) + 1)]
    results = [interrupted_at(n, expected) for n in sample]
    assert results[0] == "goes on", "before anything has begun"
    assert results[-1] == "goes on", "after all is done"
    assert "refuses" in results


def test_the_injection_finds_a_market_that_goes_on_too_boldly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planted: no market refuses."""
    expected, lines = uninterrupted()
    monkeypatch.setattr(Market, "_check_whole", lambda self: None)
    points = iter(range(len(lines) // 3, len(lines), len(lines) // 40))

    def interrupt_each() -> None:
        for n in points:
            interrupted_at(n, expected)

    with pytest.raises((AssertionError, IndexError, KeyError, RuntimeError)):
        interrupt_each()


class Pressing(Rows):
    """Presses Ctrl-C while it writes its n-th batch."""

    def __init__(self, n: int) -> None:
        super().__init__()
        self.n = n

    def write(self, batch: Batch) -> None:
        super().write(batch)
        self.n -= 1
        if not self.n:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_ctrl_c_ends_a_run_between_two_events_and_it_goes_on_there(n: int) -> None:
    """The fault: 85,090 rows instead of 68,769 with the interrupt at the 8th write."""
    chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:02:00Z", names=("AAPL",), levels=40, extra_tables=("orders",))
    whole = Market(chosen, Rows())
    whole.run_until(chosen.end_ns)
    market = Market(chosen, Pressing(n))
    with pytest.raises(KeyboardInterrupt):
        market.run_until(chosen.end_ns)
    assert chosen.start_ns < market.now_ns <= chosen.end_ns
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    market.run_until(chosen.end_ns)
    assert outcome(market) == outcome(whole)


def presses(market: Any, orders: Any, rng: Any, times: int) -> Any:
    """Interrupts its own run again and again."""
    for _ in range(times):
        yield market.wait(MS)
        signal.raise_signal(signal.SIGINT)
    yield from trader(market, orders, rng)


def test_a_market_that_is_interrupted_at_each_wake_has_the_rows_of_one_that_is_not() -> None:
    def run(times: int) -> tuple[Any, int]:
        agents = (AgentSpec(name="presser", make=presses, arguments={"times": 9}), AgentSpec(name="trader", make=trader))
        market = ScriptedMarket(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:00.020Z", names=("AAPL",), agents=agents), STROKES)
        stops = []
        while market.now_ns < market.scenario.end_ns:
            try:
                market.run_until(market.scenario.end_ns)
            except KeyboardInterrupt:
                stops.append(market.now_ns)
                assert market.now_ns >= max(b.ts_ns[-1] for b in market.tape().values()) if market.tape() else True
        assert stops == sorted(stops)
        return market.result().digest_parts, len(stops)

    previous = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        unheard, none = run(9)
    finally:
        signal.signal(signal.SIGINT, previous)
    heard, nine = run(9)
    assert (none, nine) == (0, 9)
    assert heard == unheard


def sleeps(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(MS)
    signal.raise_signal(signal.SIGINT)
    time.sleep(60)


def loops(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(MS)
    signal.raise_signal(signal.SIGINT)
    while True:
        market.wait(1)


@pytest.mark.parametrize("make_agent", [sleeps, loops])
def test_the_first_ctrl_c_is_heard_by_an_agent_that_does_not_come_back(make_agent: Any) -> None:
    market = ScriptedMarket(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", agents=(AgentSpec(name="stuck", make=make_agent),)))
    with takes_at_most(2.0), pytest.raises(KeyboardInterrupt) as caught:
        market.run_until(market.scenario.end_ns)
    assert "Agent 'stuck' was interrupted in its own code" in "".join(caught.value.__notes__)
    with pytest.raises(MarketSimError, match=r"cannot go on.*10:00:00 New York time \(KeyboardInterrupt: Agent 'stuck' was.*Make a new"):
        market.run_until(market.scenario.end_ns)


def fails(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(MS)
    raise ValueError("of its own")


def test_after_an_agents_error_the_market_does_not_go_on_without_it() -> None:
    market = ScriptedMarket(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", agents=(AgentSpec(name="wrong", make=fails),)))
    with pytest.raises(AgentError, match="of its own"):
        market.run_until(market.scenario.end_ns)
    assert market.now_ns == BASE_NS + MS
    for go_on in (lambda: market.run_until(market.scenario.end_ns), lambda: market.refresh(Refresh(ts_ns=END_NS, over_ns=1, prices={}))):
        with pytest.raises(MarketSimError, match=r"cannot go on.*AgentError: Agent 'wrong' at 2025-07-01 10:00:00.001000000 New York time"):
            go_on()
    market.agents()


class Broken(NullSink):
    """Fails where it is told to."""

    def __init__(self, where: str) -> None:
        super().__init__()
        self.where, self.said = where, list[str]()

    def open(self, run: RunInfo) -> None:
        self._do("open")
        super().open(run)

    def write(self, batch: Batch) -> None:
        self._do("write")

    def close(self, complete: bool) -> None:
        self._do(f"close {complete}")
        if "and close" in self.where:
            raise SinkError("and the second error")

    def _do(self, what: str) -> None:
        self.said.append(what)
        if self.where.startswith(what):
            raise SinkError(f"broken in {what}")


@pytest.mark.parametrize("where", ["open", "write", "write and close", "close True"])
def test_simulate_closes_its_sink_whatever_breaks_and_the_first_reason_stays(where: str) -> None:
    sink = Broken(where)
    with pytest.raises(SinkError, match=f"broken in {where.removesuffix(' and close')}") as caught:
        simulate(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", names=("AAPL",)), sink)
    assert sink.said[-1] == ("close True" if where == "close True" else "close False")
    assert ("second error" in "".join(getattr(caught.value, "__notes__", ()))) == ("and close" in where)


def test_a_market_that_was_cut_off_is_never_closed_as_complete() -> None:
    sink = Broken("write")
    market = Market(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", names=("AAPL",)), sink)
    sink.open(market.run_info)
    with pytest.raises(SinkError):
        market.run_until(market.scenario.end_ns)
    market.close()
    assert sink.said[-1] == "close False"
    with pytest.raises(MarketSimError, match="its sink is closed"):
        market.run_until(market.scenario.end_ns)


def test_a_time_that_is_over_or_after_the_end_is_refused_and_harms_nothing() -> None:
    market = ScriptedMarket(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z"))
    end_ns = market.scenario.end_ns
    market.run_until(BASE_NS + MS)
    refuse: list[Callable[[], None]] = [
        lambda: market.run_until(end_ns + 1), lambda: market.run_until(BASE_NS), lambda: market.run_until(float(end_ns)),  # type: ignore[arg-type]
        lambda: market.refresh(Refresh(ts_ns=BASE_NS, over_ns=MS, prices={})),
    ]  # fmt: skip
    for ask in refuse:
        with pytest.raises(ScheduleError):
            ask()
    market.run_until(end_ns)
    market.run_until(end_ns)


def runs_on_the_spot(market: Any, orders: Any, rng: Any) -> None:
    while True:
        market.wait(1_000)


def test_an_agent_without_a_yield_is_stopped_while_it_is_made() -> None:
    with pytest.raises(AgentError, match=r"'endless' has been running for 0.3 s while it was made.*(market.wait\(1_000\)|while True:).*without any yield"):
        ScriptedMarket(
            scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", agents=(AgentSpec(name="endless", make=runs_on_the_spot, max_wake_s=0.3),))
        )


def swallows(market: Any, orders: Any, rng: Any) -> Any:
    began_s = time.monotonic()
    try:
        while time.monotonic() - began_s < 60:
            market.wait(1)
    except BaseException:
        pass
    yield market.wait(1)


def test_an_agent_that_swallows_its_end_is_stopped_all_the_same() -> None:
    market = ScriptedMarket(
        scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", agents=(AgentSpec(name="deaf", make=swallows, max_wake_s=0.3),))
    )
    with pytest.raises(AgentError, match=r"has been running for 0.3 s"):
        market.run_until(market.scenario.end_ns)


def just_in_time(market: Any, orders: Any, rng: Any, takes_s: float) -> Any:
    while True:
        until_s = time.monotonic() + takes_s
        while time.monotonic() < until_s:
            pass
        yield market.wait(MS)


def test_agent_stuck_lands_where_it_is_expected_or_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault: it could arrive after the ``try``, when the agent had just come back. Agents that take just as long as they may."""
    monkeypatch.setattr(watchdog, "LOOK_EVERY_S", 0.001)
    switch_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    try:
        ends = land_or_not()
    finally:
        sys.setswitchinterval(switch_s)
    assert ends["stopped"] > 2


def land_or_not() -> dict[str, int]:
    ends: dict[str, int] = {"stopped": 0, "in time": 0}
    for n in range(30):
        takes_s = 0.004 + 0.0003 * (n % 10)
        spec = AgentSpec(name="late", make=just_in_time, arguments={"takes_s": takes_s}, max_wake_s=0.004)
        chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:00.003Z", names=("AAPL",), agents=(spec,), max_orders=300, history=16)
        market = ScriptedMarket(chosen)
        try:
            market.run_until(market.scenario.end_ns)
            ends["in time"] += 1
        except AgentError:
            ends["stopped"] += 1
        assert not market._watchdog.is_aiming
    return ends


def _all(every: int) -> Iterator[str]:
    """Each line of the source when it first runs, and every so many lines that are run."""
    expected, lines = uninterrupted()
    points = sorted({lines.index(line) + 1 for line in dict.fromkeys(lines)} | {*range(1, len(lines) + 1, every)})
    sys.stdout.write(f"{len(points):,} of {len(lines):,} lines that are run, among them all {len(set(lines)):,} of the source\n")
    for done, n in enumerate(points, 1):
        yield interrupted_at(n, expected)
        if done % 500 == 0:
            sys.stdout.write(f"{done:,} of {len(points):,}\n")


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # in the background a shell has it ignored
    ends = list(_all(int(sys.argv[1]) if len(sys.argv) > 1 else 1))
    sys.stdout.write(f"{len(ends):,} interrupted: {ends.count('goes on'):,} go on exactly, {ends.count('refuses'):,} refuse\n")
