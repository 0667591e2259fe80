"""The parent of the workers: starts them, hears them, stops them all when one fails or the user asks."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType, TracebackType
from typing import Any, Self

from scenarios.launcher.backpressure import Backpressure
from scenarios.launcher.price_refresh import Refresher
from scenarios.launcher.row_limit import RowLimit
from scenarios.launcher.worker import Job, is_orphan, work
from scenarios.launcher.worker_messages import Done, Failed, Horizon, Message, Progress, Release, Waiting
from simulator.errors import MarketSimError
from simulator.inputs.config import Refresh

POLL_S = 0.2
"""Longest wait before the parent looks again whether the user has asked to stop."""
PATIENCE_S = 30.0
"""A worker that was told to stop and has not closed its files after that is ended."""


@dataclass(slots=True)
class Outcome:
    """How the workers ended."""

    done: dict[int, Done] = field(default_factory=dict)
    failed: dict[int, Failed] = field(default_factory=dict)
    now_ns: dict[int, int] = field(default_factory=dict)
    """By worker: simulated up to here."""
    rows: dict[int, dict[str, int]] = field(default_factory=dict)
    """By worker and table: written so far."""
    latest: dict[int, Progress] = field(default_factory=dict)
    """By worker."""
    refreshes: list[Refresh] = field(default_factory=list)
    halted: str | None = None
    """Why the parent ended the run, if it did."""
    behind_max_ns: int = 0
    """Wall time by which a paced run was late at most."""
    end_ns: int | None = None
    """Where the count of book rows ended the run, if it did."""
    interrupted: bool = False

    backpressure: Backpressure = field(default_factory=Backpressure)

    @property
    def in_flight(self) -> int:
        """Rows that the writers have taken and the database has not."""
        return sum(progress.in_flight for progress in self.latest.values())

    @property
    def acknowledged(self) -> int:
        """Rows that the database has taken."""
        return sum(progress.acknowledged for progress in self.latest.values())

    @property
    def complete(self) -> bool:
        """A Ctrl-C that came when all was written changes nothing."""
        return not self.failed and self.halted is None and bool(self.done) and all(done.complete for done in self.done.values())


class Interrupts:
    """Counts Ctrl-C and SIGTERM while it is entered: the first is a request, the second raises ``KeyboardInterrupt``."""

    def __init__(self) -> None:
        self.count = 0
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._hear) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
        if self.count > 1:
            raise KeyboardInterrupt


def run_jobs(
    jobs: Sequence[Job],
    limit: RowLimit | None,
    show: Callable[[Outcome], None],
    backpressure: Backpressure | None = None,
    refresher: Refresher | None = None,
) -> Outcome:
    """Run all jobs, one in this process, several in one each; ``show`` is called about every quarter of a second.

    Raises ``KeyboardInterrupt`` at the second Ctrl-C, when the workers are ended.
    """
    with refresher or Refresher(0, ()) as asking:
        pool = _Pool(jobs, limit, show, backpressure or Backpressure(), asking)
        if len(jobs) == 1:
            asking.start()
            with Interrupts() as pool.interrupts:
                work(jobs[0], _Here(pool))
        else:
            pool.run()
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
        self.interrupts = Interrupts()
        self.refresher = refresher
        self._granted_ns = -1
        self._held: Release | None = None

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
        return None

    def stop_asked(self) -> bool:
        if self.interrupts.count:
            self.outcome.interrupted = True
        return self.outcome.interrupted or bool(self.outcome.failed) or self.outcome.halted is not None

    def horizon_ns(self) -> int | None:
        """Up to where the workers may go, by what the database says now; None while the run pauses."""
        try:
            self.backpressure.look(self.outcome)
        except MarketSimError as error:
            self.outcome.halted = str(error)
            return None
        running = {w: now_ns for w, now_ns in self.outcome.now_ns.items() if w not in self.outcome.done and w not in self.outcome.failed}
        return self.backpressure.horizon_ns(running)

    def news(self) -> list[Refresh]:
        """New reference prices, noted for the manifest."""
        found = self.refresher.news(self.outcome.now_ns)
        self.outcome.refreshes += found
        return found

    def run(self) -> None:
        """Workers in processes of their own, until each has ended."""
        processes, connections = self._start()
        self.refresher.start()
        told = False
        try:
            with Interrupts() as self.interrupts:
                while connections:
                    told = self._step(processes, connections, told)
                    self.show(self.outcome)
        finally:
            for process in processes.values():
                if process.is_alive():
                    process.join(0 if self.interrupts.count > 1 else PATIENCE_S)
                if process.is_alive():
                    process.kill()
                process.join()

    def _start(self) -> tuple[dict[int, BaseProcess], dict[int, Connection]]:
        context = _context()
        processes: dict[int, BaseProcess] = {}
        connections: dict[int, Connection] = {}
        # Ctrl-C goes to every process of the terminal. Workers inherit that they ignore it: the parent tells them.
        previous = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            for job in self.jobs:
                ours, theirs = context.Pipe()
                process = context.Process(target=_child, args=(job, theirs, os.getpid()), name=f"worker {job.worker}")  # type: ignore[attr-defined]
                with warnings.catch_warnings():
                    # From Python 3.12 on every fork beside a thread warns, and numpy's linear algebra keeps idle ones.
                    warnings.simplefilter("ignore", DeprecationWarning)
                    process.start()
                theirs.close()
                processes[job.worker], connections[job.worker] = process, ours
        finally:
            signal.signal(signal.SIGINT, previous)
        return processes, connections

    def _step(self, processes: dict[int, BaseProcess], connections: dict[int, Connection], told: bool) -> bool:
        """Hear what there is; tell all to stop as soon as there is a reason. Returns whether they were told."""
        by_connection = {connection: worker for worker, connection in connections.items()}
        for ready in wait(list(by_connection), POLL_S):
            worker = by_connection[ready]  # type: ignore[index]
            try:
                message = connections[worker].recv()
            except (EOFError, OSError):
                processes[worker].join(PATIENCE_S)
                self.outcome.failed[worker] = self._death(worker, processes[worker].exitcode)
                del connections[worker]
                continue
            release = self.hear(message)
            if isinstance(message, Done | Failed):
                del connections[worker]
            if release is not None:
                self._held = release
        for refresh in self.news():
            _tell(connections, refresh)
        horizon_ns = self.horizon_ns()
        if horizon_ns is not None:
            if self._held is not None:
                _tell(connections, self._held)
                self._held = None
            if horizon_ns > self._granted_ns:
                self._granted_ns = horizon_ns
                _tell(connections, Horizon(horizon_ns))
        if self.stop_asked() and not told:
            _tell(connections, None)
            return True
        return told

    def _death(self, worker: int, exit_code: int | None) -> Failed:
        if exit_code is not None and exit_code < 0:
            name = signal.Signals(-exit_code).name
            how = f"was ended from outside by signal {-exit_code} ({name}); often that is a lack of memory"
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
            if horizon_ns is not None and horizon_ns > now_ns:
                return horizon_ns
            self.pool.show(self.pool.outcome)
            time.sleep(POLL_S)
        return None

    def refreshes(self) -> list[Refresh]:
        return self.pool.news()

    def stop_asked(self) -> bool:
        return self.pool.stop_asked()

    def ask(self, message: Waiting) -> Release | None:
        return None if self.stop_asked() else self.pool.hear(message)


class _Pipe:
    """The link of a worker in a process of its own. The parent sends a ``Release``, or None to stop."""

    def __init__(self, connection: Connection, parent: int) -> None:
        self.connection = connection
        self.parent = parent
        self._stop = False
        self._horizon_ns = -1
        self._refreshes: list[Refresh] = []

    def tell(self, message: Message) -> None:
        try:
            self.connection.send(message)
        except BrokenPipeError:
            self._stop = True

    def horizon(self, now_ns: int) -> int | None:
        while self._horizon_ns <= now_ns and not self._stop:
            self._receive()
        return None if self.stop_asked() else self._horizon_ns

    def refreshes(self) -> list[Refresh]:
        found, self._refreshes = self._refreshes, []
        return found

    def stop_asked(self) -> bool:
        while not self._stop and self.connection.poll():
            self._receive()
        return self._stop or is_orphan(self.parent)

    def ask(self, message: Waiting) -> Release | None:
        self.tell(message)
        release = None
        while release is None and not self._stop:
            release = self._receive()
        return release

    def _receive(self) -> Release | None:
        """The next word of the parent, if it is an answer to ``ask``."""
        try:
            while not self.connection.poll(1.0):
                if is_orphan(self.parent):
                    raise EOFError
            answer: Release | Horizon | Refresh | None = self.connection.recv()
        except (EOFError, OSError):
            answer = None
        if isinstance(answer, Refresh):
            self._refreshes.append(answer)
            return None
        if isinstance(answer, Horizon):
            self._horizon_ns = answer.until_ns
            return None
        self._stop = answer is None
        return answer


def _child(job: Job, connection: Connection, parent: int) -> None:
    """A worker's process."""
    work(job, _Pipe(connection, parent))
    connection.close()


def _tell(connections: dict[int, Connection], answer: Release | Horizon | Refresh | None) -> None:
    for connection in connections.values():
        with suppress(OSError):  # it has just ended: the next wait says how
            connection.send(answer)


def _context() -> multiprocessing.context.BaseContext:
    """Fork where that is safe: the kernels are loaded in the parent, so workers start at once. A thread that may hold a lock forbids it."""
    is_safe = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if is_safe else "spawn")
