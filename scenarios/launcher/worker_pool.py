"""The parent of the workers: starts them, hears them, stops them all when one fails or the user asks."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Protocol

from scenarios.launcher.backpressure import Backpressure
from scenarios.launcher.price_refresh import AHEAD_NS, Refresher
from scenarios.launcher.row_limit import RowLimit
from scenarios.launcher.stop_signals import StopSignals, describe
from scenarios.launcher.worker import Job, work
from scenarios.launcher.worker_messages import (
    Control,
    Done,
    End,
    Failed,
    Horizon,
    Message,
    Progress,
    Release,
    Seen,
    SeenCrosses,
    Signalled,
    Waiting,
)
from scenarios.launcher.worker_process import start_worker, tell
from simulator.errors import LimitError, MarketSimError
from simulator.inputs.config import Refresh

POLL_S = 0.2
"""Longest wait before the parent looks again whether the user has asked to stop."""
PATIENCE_S = 30.0
"""A worker that was told to stop and has not closed its files after that is ended."""

END_AHEAD_NS = 300_000_000
"""A run of real time that is asked to end does so that much later, at one instant in all workers."""


class Viewer(Protocol):
    """Whoever looks at the run while it goes on; called from the parent's thread."""

    def start(self) -> None:
        """The workers are there."""

    def put(self, symbol: str, frame: dict[str, Any]) -> None:
        """The newest of a symbol."""

    def put_crosses(self, lines: dict[str, dict[str, Any] | None]) -> None:
        """What is new of symbols' coming crosses."""

    def control(self, outcome: Outcome) -> Control:
        """What is looked at, and how fast the run is to go; the same object of its pace as long as that is the same."""


@dataclass(slots=True)
class Outcome:
    """How the workers ended."""

    done: dict[int, Done] = field(default_factory=dict)
    failed: dict[int, Failed] = field(default_factory=dict)
    """By worker."""
    now_ns: dict[int, int] = field(default_factory=dict)
    """By worker: simulated up to here."""
    rows: dict[int, dict[str, int]] = field(default_factory=dict)
    """By worker and table: written so far."""
    latest: dict[int, Progress] = field(default_factory=dict)
    """By worker."""
    refreshes: list[Refresh] = field(default_factory=list)
    halted: str | None = None
    """Why the parent ended the run, if it did."""
    causes: list[str | int] = field(default_factory=list)
    """What ended the run early, in order: "signal", "halted", or the number of a worker that failed. What follows may be a consequence."""
    behind_max_ns: int = 0
    """Wall time by which a paced run was late at most."""
    end_ns: int | None = None
    """Where the count of book rows ended the run, if it did."""
    signal: int | None = None
    """The signal that asked for an end, if one did: the parent's, or else a worker's."""
    signalled: int | None = None
    """The worker that was sent it, if the parent was not."""

    backpressure: Backpressure = field(default_factory=Backpressure)

    @property
    def in_flight(self) -> int:
        """Rows that the writers have taken and the database has not."""
        return sum(progress.in_flight for progress in self.latest.values())

    @property
    def acknowledged(self) -> int:
        """Rows that the database has taken."""
        return sum(progress.acknowledged for progress in self.latest.values())

    def halt(self, why: str) -> None:
        """Note that the parent ends the run; the first reason stays."""
        if self.halted is None:
            self.halted = why
            self.causes.append("halted")

    @property
    def interrupted(self) -> bool:
        return self.signal is not None

    @property
    def stopped_by(self) -> str | None:
        """Which signal to whom, in words."""
        if self.signal is None:
            return None
        whom = "" if self.signalled is None else f": worker {self.signalled} was sent it"
        return f"Stopped by {describe(self.signal)}{whom}."

    @property
    def complete(self) -> bool:
        """A signal that came when all was written changes nothing."""
        return not self.failed and self.halted is None and bool(self.done) and all(done.complete for done in self.done.values())


def run_jobs(
    jobs: Sequence[Job],
    limit: RowLimit | None,
    show: Callable[[Outcome], None],
    backpressure: Backpressure | None = None,
    refresher: Refresher | None = None,
    signals: StopSignals | None = None,
    viewer: Viewer | None = None,
) -> Outcome:
    """Run all jobs, one in this process, several in one each; ``show`` is called about every quarter of a second.

    ``signals``: those of the caller, if it hears any. Raises ``KeyboardInterrupt`` at the second Ctrl-C, when the workers are ended, and
    ``LimitError`` if the workers cannot all be started.
    """
    with refresher or Refresher(0, ()) as asking:
        pool = _Pool(jobs, limit, show, backpressure or Backpressure(), asking)
        pool.viewer = viewer
        if signals is not None:
            pool.run(signals)
        else:
            with StopSignals() as signals:
                pool.run(signals)
    return pool.outcome


class _Pool:
    """The state of the parent."""

    def __init__(
        self, jobs: Sequence[Job], limit: RowLimit | None, show: Callable[[Outcome], None], backpressure: Backpressure, refresher: Refresher
    ) -> None:
        self.jobs = jobs
        self.limit = limit
        self.show = show
        self.backpressure = backpressure
        self.outcome = Outcome(backpressure=backpressure, now_ns={job.worker: job.scenario.start_ns for job in jobs})
        self.refresher = refresher
        self.signals = StopSignals()
        self._processes: dict[int, BaseProcess] = {}
        self._connections: dict[int, Connection] = {}
        """Of the workers that have not ended."""
        self._granted_ns = -1
        """No worker was let farther."""
        self._held: Release | None = None
        self.viewer: Viewer | None = None
        self._told = Control()
        self._ends = False
        """Whether a run of real time has been told where it ends."""

    def run(self, signals: StopSignals) -> None:
        """All jobs, until each has ended."""
        self.signals = signals
        with signals.as_requests():
            if len(self.jobs) == 1:
                self._open_viewer()
                self.refresher.start()
                work(self.jobs[0], _Here(self))
            else:
                self._run_processes()

    def hear(self, message: Message) -> Release | None:
        """Take a worker's message; the answer, if this one gave all that it needs, is for every worker."""
        outcome = self.outcome
        match message:
            case Progress(worker, now_ns, rows):
                outcome.now_ns[worker], outcome.rows[worker] = now_ns, rows
                outcome.latest[worker] = message
                outcome.behind_max_ns = max(outcome.behind_max_ns, message.behind_ns)
            case Waiting(worker, until_ns, counts):
                assert self.limit is not None
                answer = self.limit.report(worker, until_ns, counts)
                if answer is not None:
                    release = Release(*answer)
                    outcome.end_ns = release.until_ns if release.is_end else None
                    return release
            case Done(worker):
                outcome.done[worker] = message
                outcome.now_ns[worker], outcome.rows[worker] = message.until_ns, message.counts.rows
            case Failed(worker):
                outcome.failed[worker] = message
                outcome.causes.append(worker)
            case Seen(_, symbol, frame):
                if self.viewer is not None:
                    self.viewer.put(symbol, frame)
            case SeenCrosses(_, lines):
                if self.viewer is not None:
                    self.viewer.put_crosses(lines)
            case Signalled(worker, number):
                self._note_signal(number, worker)
        return None

    def _open_viewer(self) -> None:
        """When the workers are forked: then there may be threads."""
        if self.viewer is not None:
            self.viewer.start()

    def control(self) -> Control:
        """What viewers wish."""
        return Control() if self.viewer is None else self.viewer.control(self.outcome)

    def stop_asked(self) -> bool:
        if self.signals.first is not None:
            self._note_signal(self.signals.first, None)
        return self.outcome.interrupted or bool(self.outcome.failed) or self.outcome.halted is not None

    def _note_signal(self, number: int, worker: int | None) -> None:
        """The parent's own signal names the end also if a worker of the same group was quicker to hear it."""
        outcome = self.outcome
        if outcome.signal is None:
            outcome.causes.append("signal")
        if outcome.signal is None or worker is None:
            outcome.signal, outcome.signalled = number, worker

    def horizon_ns(self) -> int | None:
        """Up to where the workers may go, by what the database says now; None while the run pauses."""
        try:
            self.backpressure.look(self.outcome, self.stop_asked)
        except MarketSimError as error:
            self.outcome.halt(str(error))
            return None
        running = {w: now_ns for w, now_ns in self.outcome.now_ns.items() if w not in self.outcome.done and w not in self.outcome.failed}
        return self.backpressure.horizon_ns(running)

    def grant_ns(self, horizon_ns: int) -> int:
        """How far the workers are let, now that the database lets them up to ``horizon_ns``: where prices are asked for, only a step."""
        if self.refresher.asks:
            horizon_ns = min(horizon_ns, max(self.outcome.now_ns.values()) + AHEAD_NS)
        self._granted_ns = max(horizon_ns, self._granted_ns)
        return horizon_ns

    def news(self) -> list[Refresh]:
        """New reference prices, noted for the manifest."""
        found = self.refresher.news(max(self._granted_ns, *self.outcome.now_ns.values()))
        if found:
            self.outcome.refreshes += found
            try:
                self.refresher.keep(self.outcome.refreshes)
            except MarketSimError as error:
                self.outcome.halt(str(error))
        return found

    def _run_processes(self) -> None:
        """Workers in processes of their own. Whatever happens here, they are told to stop, and none outlives this."""
        try:
            self._start()
            self._open_viewer()
            self.refresher.start()
            told = False
            while self._connections:
                told = self._step(told)
                self.show(self.outcome)
        finally:
            self._tell_all(None)
            until_s = time.monotonic() + (0 if self.signals.is_urgent else PATIENCE_S)
            for process in self._processes.values():
                process.join(max(until_s - time.monotonic(), 0))
                if process.is_alive():
                    process.kill()
                process.join()

    def _start(self) -> None:
        for job in self.jobs:
            try:
                self._processes[job.worker], self._connections[job.worker] = start_worker(job)
            except OSError as error:
                raise LimitError(
                    f"Only {len(self._processes)} of {len(self.jobs)} worker processes could be started: {error}. Use fewer --processes."
                ) from error

    def _step(self, told: bool) -> bool:
        """Hear what there is; tell all to stop as soon as there is a reason. Returns whether they were told."""
        by_connection = {connection: worker for worker, connection in self._connections.items()}
        for ready in wait(list(by_connection), POLL_S):
            worker = by_connection[ready]  # type: ignore[index]
            try:
                message = self._connections[worker].recv()
            except (EOFError, OSError):
                self._processes[worker].join(PATIENCE_S)
                self.hear(self._death(worker, self._processes[worker].exitcode))
                del self._connections[worker]
                continue
            release = self.hear(message)
            if isinstance(message, Done | Failed):
                del self._connections[worker]
            if release is not None:
                self._held = release
        control = self.control()
        if control != self._told:
            self._told = control
            self._tell_all(control)
        for refresh in self.news():
            self._tell_all(refresh)
        horizon_ns = self.horizon_ns()
        if horizon_ns is not None:
            if self._held is not None:
                self._tell_all(self._held)
                self._held = None
            before_ns = self._granted_ns
            if self.grant_ns(horizon_ns) > before_ns:
                self._tell_all(Horizon(self._granted_ns))
        if self.stop_asked() and not told:
            if self.ends_in_real_time() and (self._ends or self._end_together(horizon_ns)):
                return False
            self._tell_all(None)
            return True
        return told

    def ends_in_real_time(self) -> bool:
        """Whether the run is one of real time and the user's signal, its usual end, is all that ends it."""
        pace = self.jobs[0].pace
        by_signal = self.outcome.interrupted and not self.outcome.failed and self.outcome.halted is None
        return by_signal and pace is not None and pace.is_real_time

    def _end_together(self, horizon_ns: int | None) -> bool:
        """Let all workers go on to one instant, if the database lets them."""
        end_ns = max(time.time_ns(), *self.outcome.now_ns.values()) + END_AHEAD_NS
        self._ends = horizon_ns is not None and horizon_ns >= end_ns
        if self._ends:
            self._tell_all(End(end_ns))
        return self._ends

    def _tell_all(self, answer: Release | Horizon | End | Refresh | Control | None) -> None:
        for connection in self._connections.values():
            tell(connection, answer)

    def _death(self, worker: int, exit_code: int | None) -> Failed:
        if exit_code is not None and exit_code < 0:
            number = signal.Signals(-exit_code)
            hint = "; often that is a lack of memory" if number.name == "SIGKILL" else ""
            how = f"was ended from outside by signal {int(number)} ({number.name}){hint}"
        else:
            how = f"ended without a word, exit code {exit_code}"
        return Failed(worker, f"The process {how}.", 1, self.outcome.now_ns.get(worker, self.jobs[worker].scenario.start_ns))


class _Here:
    """The link of a worker in the parent's own process."""

    def __init__(self, pool: _Pool) -> None:
        self.pool = pool

    def tell(self, message: Message) -> None:
        self.pool.hear(message)
        self.pool.show(self.pool.outcome)

    def horizon(self, now_ns: int) -> int | None:
        while not self.stop_asked():
            horizon_ns = self.pool.horizon_ns()
            granted_ns = None if horizon_ns is None else self.pool.grant_ns(horizon_ns)
            if granted_ns is not None and granted_ns > now_ns:
                return granted_ns
            self.pool.show(self.pool.outcome)
            time.sleep(POLL_S)
        return None

    def control(self) -> Control:
        return self.pool.control()

    def refreshes(self) -> list[Refresh]:
        return self.pool.news()

    def end_ns(self, now_ns: int) -> int | None:
        return now_ns if self.pool.stop_asked() and self.pool.ends_in_real_time() else None

    def stop_asked(self) -> bool:
        self.pool.horizon_ns()  # a sink that waits for the database asks here, too: only the database's monitor knows that it is gone
        return self.pool.stop_asked()

    def ask(self, message: Waiting) -> Release | None:
        return None if self.stop_asked() else self.pool.hear(message)
