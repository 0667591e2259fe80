"""A worker in a process of its own: how it is started, hears its parent and the operating system, and ends with its parent."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from types import FrameType

from scenarios.launcher.lasting_streams import lasting_streams
from scenarios.launcher.stop_signals import stop_signals
from scenarios.launcher.worker import Job, work
from scenarios.launcher.worker_messages import Control, End, Horizon, Message, Release, Signalled, Waiting
from simulator.inputs.config import Refresh

LOOK_EVERY_S = 0.2
"""A worker that waits for its parent looks so often whether it was signalled."""
PR_SET_PDEATHSIG = 1


def start_worker(job: Job) -> tuple[BaseProcess, Connection]:
    """Its process, and the parent's end of the line to it. Raises ``OSError`` if there is no room for another process."""
    context = _context()
    ours, theirs = context.Pipe()
    try:
        process = context.Process(target=_child, args=(job, theirs, os.getpid()), name=f"worker {job.worker}")  # type: ignore[attr-defined]
        with warnings.catch_warnings(), _signals_wait(context):
            # From Python 3.12 on every fork beside a thread warns, and numpy's linear algebra keeps idle ones.
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours


def tell(connection: Connection, answer: Release | Horizon | End | Refresh | Control | None) -> None:
    """Send; None means stop. A worker that has just ended hears nothing: its connection says how it ended."""
    with suppress(OSError):
        connection.send(answer)


def end_with_parent(parent: int) -> None:
    """This process ends at once when ``parent`` is gone, even by kill -9: nobody is left who could say that its files are not whole.

    Linux sends a signal then. Everywhere a thread waits for a pipe whose other end only older processes of the run hold.
    """
    _ask_the_kernel()
    threading.Thread(target=_wait_for_the_parents_end, name="parent's end", daemon=True).start()
    if os.getppid() != parent:  # it was gone before we asked
        os._exit(1)


def _ask_the_kernel() -> None:
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _wait_for_the_parents_end() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _signals_wait(context: BaseContext) -> Iterator[None]:
    """What signals a group meanwhile finds the new process's handlers in place: it inherits that they wait, and lets them in itself."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    if context.get_start_method() != "fork":
        resource_tracker.ensure_running()  # whoever starts that process lets two signals in
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _context() -> BaseContext:
    """Fork where that is safe: the kernels are loaded in the parent, so workers start at once. A thread that may hold a lock forbids it."""
    is_safe = sys.platform == "linux" and threading.active_count() == 1
    return multiprocessing.get_context("fork" if is_safe else "spawn")


def _child(job: Job, connection: Connection, parent: int) -> None:
    """A worker's process."""
    link = _Pipe(job.worker, connection)
    for number in stop_signals():
        signal.signal(number, link.hear_signal)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals())
    end_with_parent(parent)
    with lasting_streams():
        work(job, link)
    connection.close()


class _Pipe:
    """The worker's end of the line. The parent sends a ``Release``, a ``Horizon``, a ``Refresh``, or None to stop."""

    def __init__(self, worker: int, connection: Connection) -> None:
        self.worker = worker
        self.connection = connection
        self._stop = False
        self._horizon_ns = -1
        self._end_ns: int | None = None
        self._refreshes: list[Refresh] = []
        self._control = Control()
        self._signal: int | None = None

    def hear_signal(self, number: int, _frame: FrameType | None) -> None:
        """The parent decides: it stops the whole run, and knows whether all were signalled. Sent later: a handler may interrupt a send."""
        self._signal = number

    def tell(self, message: Message) -> None:
        try:
            self.connection.send(message)
        except OSError:
            self._stop = True

    def horizon(self, now_ns: int) -> int | None:
        while self._horizon_ns <= now_ns and not self._stop:
            self._receive()
        return None if self.stop_asked() else self._horizon_ns

    def control(self) -> Control:
        self.stop_asked()  # hears what there is
        return self._control

    def refreshes(self) -> list[Refresh]:
        found, self._refreshes = self._refreshes, []
        return found

    def end_ns(self, now_ns: int) -> int | None:
        self.stop_asked()  # hears what there is
        return self._end_ns

    def stop_asked(self) -> bool:
        self._pass_on_signal()
        while not self._stop and self.connection.poll():
            self._receive()
        return self._stop

    def ask(self, message: Waiting) -> Release | None:
        self.tell(message)
        release = None
        while release is None and not self._stop:
            release = self._receive()
        return release

    def _pass_on_signal(self) -> None:
        number, self._signal = self._signal, None
        if number is not None:
            self.tell(Signalled(self.worker, number))

    def _receive(self) -> Release | None:
        """The next word of the parent, if it is an answer to ``ask``."""
        try:
            while not self.connection.poll(LOOK_EVERY_S):
                self._pass_on_signal()
            answer: Release | Horizon | End | Refresh | Control | None = self.connection.recv()
        except (EOFError, OSError):
            answer = None
        if isinstance(answer, Refresh):
            self._refreshes.append(answer)
            return None
        if isinstance(answer, Control):
            self._control = answer
            return None
        if isinstance(answer, End):
            self._end_ns = answer.until_ns
            return None
        if isinstance(answer, Horizon):
            self._horizon_ns = answer.until_ns
            return None
        self._stop = answer is None
        return answer
