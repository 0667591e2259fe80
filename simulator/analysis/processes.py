"""The same work done many times in some processes: each is started once, asks for one task after the other, and ends with its parent."""

from __future__ import annotations

import multiprocessing
import pickle
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from typing import Any

from simulator.errors import InputError, MarketSimError, explain

PROCESSES_MAX = 1_024
Elsewhere = Callable[[Callable[[Any], Any], Sequence[Any], Callable[[int, Any], None]], None]
"""Has ``done(n, work(tasks[n]))`` happen for each task by other means: a cluster, say."""
ENDS_WITHIN_S = 5.0
"""After it was told to; then it is killed."""


def check_processes(processes: object) -> int:
    """Raises ``InputError``."""
    if type(processes) is not int or not 1 <= processes <= PROCESSES_MAX:
        limit = f"must be a whole number from 1 to {PROCESSES_MAX:,}"
        raise InputError(explain("processes", processes, limit, "One for each core is usual."))
    return processes


def run_tasks(
    work: Callable[[Any], Any], tasks: Sequence[Any], processes: int | Elsewhere, done: Callable[[int, Any], None]
) -> None:
    """``done(n, work(tasks[n]))`` for each task, as they end; with one process here, with more in children of this one.

    What ``work`` raises ends it, as Ctrl-C does: what is under way is lost, what was handed to ``done`` is not. Raises
    ``MarketSimError`` if a process ends without a word.
    """
    if callable(processes):
        processes(work, tasks, done)
        return
    count = min(check_processes(processes), len(tasks))
    if count <= 1:
        for n, task in enumerate(tasks):
            done(n, work(task))
        return
    context = _context(work, tasks)
    children: dict[Connection, Any] = {}
    waiting = iter(range(len(tasks)))
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            child = context.Process(target=_child, args=(work, tasks, theirs), daemon=True)  # type: ignore[attr-defined]
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of a fork beside a thread: see _context
                child.start()
            theirs.close()
            children[ours] = child
            ours.send(next(waiting))
        busy = set(children)
        while busy:
            for ours in [one for one in wait(list(busy)) if isinstance(one, Connection)]:
                n, value, error = _answer(ours, children[ours])
                if error is not None:
                    raise error
                following = next(waiting, None)
                ours.send(following)
                if following is None:
                    busy.discard(ours)
                done(n, value)
    finally:
        _end(children)


def _answer(ours: Connection, child: Any) -> tuple[int, Any, BaseException | None]:
    try:
        answer: tuple[int, Any, BaseException | None] = ours.recv()
    except (EOFError, OSError):
        child.join(ENDS_WITHIN_S)
        why = "" if child.exitcode is None else f" (exit code {child.exitcode}; -9 is often a lack of memory)"
        raise MarketSimError(
            f"A process ended in the middle of its work{why}. Ask for fewer processes; in a script, call this under "
            "if __name__ == '__main__'."
        ) from None
    return answer


def _end(children: dict[Connection, Any]) -> None:
    for ours, child in children.items():
        ours.close()
        child.terminate()
    for child in children.values():
        child.join(ENDS_WITHIN_S)
        if child.is_alive():
            child.kill()
            child.join()


def _context(work: Callable[[Any], Any], tasks: Sequence[Any]) -> BaseContext:
    """Fork where no thread may hold a lock, or where the work was typed into a notebook and no other process finds it."""
    if sys.platform == "linux" and threading.active_count() == 1:
        return multiprocessing.get_context("fork")
    problem = "" if hasattr(sys.modules["__main__"], "__file__") else "it may be a notebook's"
    try:
        pickle.dumps((work, tasks))
    except Exception as error:  # whatever a user's object says to it
        problem = str(error)
    if not problem:
        return multiprocessing.get_context("spawn")
    if "fork" in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("fork")
    limit = f"another process cannot get this scenario or what is measured ({problem})"
    raise InputError(explain("processes", len(tasks), limit, "Put agents and measures into a file of their own, or give processes=1."))


def _child(work: Callable[[Any], Any], tasks: Sequence[Any], theirs: Connection) -> None:
    """Until it is told None, or nobody is there to tell it anything."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is the parent's business
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    parent = multiprocessing.parent_process()
    assert parent is not None
    while theirs in wait([theirs, parent.sentinel]):
        try:
            n = theirs.recv()
        except (EOFError, OSError):
            return
        if n is None:
            return
        try:
            answer: tuple[int, Any, BaseException | None] = (n, work(tasks[n]), None)
        except BaseException as error:
            answer = (n, None, _portable(error))
        theirs.send(answer)


def _portable(error: BaseException) -> BaseException:
    """As it is if it can be sent, else what it says."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return MarketSimError(f"{type(error).__name__}: {error}")
    return error
