"""One worker: it simulates its symbols stretch by stretch, reports, and does what the parent says in between."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scenarios.launcher.pacing import Pace, Pacer
from scenarios.launcher.reporting import Sketching
from scenarios.launcher.row_counts import RowCounter
from scenarios.launcher.row_limit import Gate, day_starts
from scenarios.launcher.worker_messages import Control, Done, Failed, Link, Progress, Seen, SeenCrosses, Waiting
from simulator.errors import AgentError, MarketSimError, SinkError
from simulator.flow import NEVER_NS
from simulator.inputs.config import Scenario
from simulator.records import NS_PER_MINUTE, NS_PER_S
from simulator.tape.sink import RunInfo, Sends, Sink, Stoppable

STRETCH_WALL_S = 0.25
"""Wall time aimed at between two reports."""
STRETCH_MAX_NS = 10 * NS_PER_MINUTE
SEEN_EVERY_S = 0.05
"""A viewer gets twenty frames a second at most."""
HELD_LOOK_S = 0.02
"""A worker that is to wait looks so often whether it may go on."""
HELD_ROWS = 200_000
"""Book rows that a stretch of a run limited by their number may hold, over all workers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one worker does; everything in it can be pickled, for where processes are not forked."""

    scenario: Scenario
    make_market: Callable[..., Any]
    """``simulator.market.Market``, or a stand-in of the tests."""
    make_sink: Callable[[int], Sink]
    """From the worker's index."""
    symbols: tuple[str, ...]
    worker: int
    workers: int
    suffix: str = ""
    gated: bool = False
    """Whether the run ends by a count over all workers: rows wait for their release."""
    pace: Pace | None = None
    """None: as fast as the machine allows."""
    sketches: bool = False
    """Whether a report's numbers are gathered while rows are written."""
    viewed: bool = False
    """Whether somebody may look at the market, and choose its pace."""


@dataclass(slots=True)
class _State:
    """Where a worker is, for the report of an error."""

    until_ns: int
    sink: Sink | None = None
    is_closed: bool = field(default=False)


def work(job: Job, link: Link) -> None:
    """Do the job; the last message is ``Done`` or ``Failed``. Raises nothing but ``KeyboardInterrupt``."""
    state = _State(job.scenario.start_ns)
    try:
        link.tell(_simulate(job, link, state))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # also what a user's writer or agent raises, SystemExit say: the parent must hear the reason
        trace = "" if isinstance(error, MarketSimError | OSError) else traceback.format_exc()
        message = _close_after(error, state)
        link.tell(Failed(job.worker, message, error.exit_code if isinstance(error, MarketSimError) else 1, state.until_ns, trace))


class _Stretches:
    """Where each of the market's runs ends: by the parent's horizon, by the clock if the run is paced, by what a stretch has cost."""

    def __init__(self, job: Job, link: Link, show: Callable[[], None]) -> None:
        """``show``: lets viewers see the market as it stands."""
        self.job = job
        self.link = link
        self._show = show
        self._control = Control()
        self.pacer = Pacer(job.pace) if job.pace else None
        self.stretch_ns = gated_stretch_ns(job.scenario) if job.gated and not job.pace else NS_PER_S
        self._started_s = time.monotonic()

    def next_end_ns(self, now_ns: int, end_ns: int) -> int | None:
        """Simulate up to here next; None means stop."""
        horizon_ns = self.link.horizon(now_ns)
        if horizon_ns is None:
            return None
        if self.job.viewed:
            held_ns = self._heed(now_ns)
            if held_ns is None:
                return None
            end_ns, horizon_ns = (end_ns, horizon_ns) if self.job.gated else (min(end_ns, held_ns), min(horizon_ns, held_ns))
        self._started_s = time.monotonic()
        whole_ns = min((now_ns // NS_PER_S) * NS_PER_S + self.stretch_ns, end_ns)
        if self.job.gated:  # the same stretches in every worker
            while self.pacer and not self.pacer.wait_for(whole_ns):
                if self.link.stop_asked():
                    return None
            return whole_ns
        if self.pacer:
            return min(self.pacer.wait(now_ns), now_ns + NS_PER_S, end_ns, horizon_ns)  # a late run stays open to a request to stop
        return min(whole_ns, horizon_ns)

    def _heed(self, now_ns: int) -> int | None:
        """Wait while viewers have the run pause; up to where it may go then. None means stop."""
        while True:
            control = self.link.control()
            if control.sets_pace and control.pace is not self._control.pace:
                self.pacer = Pacer(control.pace) if control.pace is not None else None
            elif control.sets_pace and control.pace is None:
                self.pacer = None
            self._control = control
            if control.hold_ns is None or now_ns < control.hold_ns:
                return NEVER_NS if control.hold_ns is None else control.hold_ns
            if self.link.stop_asked():
                return None
            self._show()
            time.sleep(HELD_LOOK_S)

    @property
    def wall_s(self) -> float:
        """Wall time aimed at between two reports: shorter while somebody looks."""
        return SEEN_EVERY_S if self._control.symbols else STRETCH_WALL_S

    def progress(self, now_ns: int, counter: RowCounter) -> Progress:
        """What to report; the next stretch is as long as this one's cost suggests."""
        if not self.job.gated and not self.pacer:
            self.stretch_ns = next_stretch_ns(self.stretch_ns, time.monotonic() - self._started_s, self.wall_s)
        sink = counter.sink
        in_flight, acknowledged = (sink.in_flight, sink.acknowledged) if isinstance(sink, Sends) else (0, 0)
        behind_ns, jumped_ns = (self.pacer.behind_ns(now_ns), self.pacer.jumped_ns) if self.pacer else (0, 0)
        return Progress(self.job.worker, now_ns, dict(counter.counts.rows), in_flight, acknowledged, behind_ns, jumped_ns)


def _simulate(job: Job, link: Link, state: _State) -> Done:
    scenario = job.scenario
    writer = job.make_sink(job.worker)
    if isinstance(writer, Stoppable):
        writer.stop_asked = link.stop_asked
    sketching = Sketching(writer, job.symbols) if job.sketches else None
    counter = RowCounter(sketching or writer)
    gate = Gate(counter, day_starts(scenario)) if job.gated else None
    sink: Sink = gate or counter
    state.sink = sink
    sink.open(run_info(job))
    market = job.make_market(scenario, sink, worker_symbols=job.symbols, worker=job.worker, workers=job.workers)
    end_ns = scenario.end_ns
    show = _shower(job, link, market)
    stretches = _Stretches(job, link, show)
    stopped = False
    while state.until_ns < end_ns and not stopped:
        until_ns = stretches.next_end_ns(state.until_ns, end_ns)
        if until_ns is None:
            stopped = link.end_ns(state.until_ns) != state.until_ns
            break
        for refresh in link.refreshes():
            market.refresh(refresh)
        try:
            market.run_until(until_ns)
        except AgentError:
            state.until_ns = market.now_ns
            raise
        if gate:
            answer = link.ask(Waiting(job.worker, until_ns, gate.book_rows(until_ns)))
            if answer is None:
                stopped = True
                break
            gate.release(answer.until_ns)
            until_ns = answer.until_ns
            end_ns = until_ns if answer.is_end else end_ns
        state.until_ns = until_ns
        link.tell(stretches.progress(until_ns, counter))
        show()
        asked_ns = link.end_ns(until_ns)
        end_ns = end_ns if asked_ns is None else min(end_ns, asked_ns)
        stopped = link.stop_asked() and until_ns < end_ns
    state.is_closed = True  # a sink is closed once, also if that fails
    result = market.close(not stopped)
    digests = gate.digest.parts() if gate else result.digest_parts
    sketched = sketching.result() if sketching is not None and not stopped else None
    return Done(job.worker, not stopped, state.until_ns, counter.counts, digests, result.agents, sketched)


def _shower(job: Job, link: Link, market: Any) -> Callable[[], None]:
    """Called between two stretches: tells the parent what viewers are to see, no oftener than they can."""
    if not job.viewed:
        return lambda: None
    from simulator.live.camera import Camera

    camera = Camera(market)
    last_s = -SEEN_EVERY_S

    def show() -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s < SEEN_EVERY_S * 0.9:
            return
        last_s = now_s
        control = link.control()
        for symbol in control.symbols:
            if symbol in job.symbols:
                link.tell(Seen(job.worker, symbol, camera.look(symbol)))
        if control.crosses and (lines := camera.crosses()):
            link.tell(SeenCrosses(job.worker, lines))

    return show


def run_info(job: Job) -> RunInfo:
    """The schema that the worker's sink is told."""
    return RunInfo.of(job.scenario, suffix=job.suffix, worker=job.worker, workers=job.workers)


def next_stretch_ns(stretch_ns: int, took_s: float, wall_s: float = STRETCH_WALL_S) -> int:
    """Simulated time of the next stretch, in whole seconds, so that it takes about ``wall_s``."""
    factor = min(max(wall_s / max(took_s, 1e-3), 0.5), 4.0)
    return min(max(round(stretch_ns * factor / NS_PER_S), 1) * NS_PER_S, STRETCH_MAX_NS)


def gated_stretch_ns(scenario: Scenario) -> int:
    """Simulated time between two releases: the same in every worker, so it hangs on the rates alone."""
    seconds = HELD_ROWS // max(scenario.rates.market_data_max_eps, 1)
    return min(max(seconds, 1) * NS_PER_S, STRETCH_MAX_NS)


def _close_after(error: BaseException, state: _State) -> str:
    """Close the sink as incomplete and say what went wrong; a second error of a sink that has failed adds nothing."""
    if state.sink is not None and not state.is_closed:
        try:
            state.sink.close(False)
        except KeyboardInterrupt:
            raise
        except BaseException as second:
            if not isinstance(error, SinkError):
                return f"{_said(error)} Then its files could not be closed: {_said(second)}"
    return _said(error)


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, MarketSimError) else f"{type(error).__name__}: {error}"
