"""No call waits without a limit, and while one waits Ctrl-C is heard: what blocks outside of Python runs beside it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

Result = TypeVar("Result")

STEP_S = 0.1
"""Between two looks whether to stop."""


class Stopped(Exception):
    """The run is to end: whoever waits for the database lets go."""


def never() -> bool:
    """Nobody asks to stop."""
    return False


def within(limit_s: float, call: Callable[[], Result], is_stopped: Callable[[], bool] = never) -> Result:
    """What ``call`` returns or raises; it runs in a thread, because a signal is heard only where Python code runs.

    Raises ``TimeoutError`` after ``limit_s`` seconds, ``Stopped`` as soon as ``is_stopped`` says so. A result that comes too
    late is closed.
    """
    work = _Work(call)
    thread = threading.Thread(target=work.run, name="within a limit", daemon=True)
    thread.start()
    until_s = time.monotonic() + limit_s
    try:
        while not work.is_done.wait(STEP_S):
            if is_stopped():
                raise Stopped
            if time.monotonic() > until_s:
                raise TimeoutError(f"it did not answer within {limit_s:.0f} s")
    except BaseException:
        work.abandon()
        raise
    thread.join()  # it has nothing left to do; a thread that lives on would forbid to fork
    if work.error is not None:
        raise work.error
    return work.result  # type: ignore[no-any-return]


class _Work:
    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self._lock = threading.Lock()
        self._is_abandoned = False
        self.is_done = threading.Event()
        self.result: Any = None
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self._call()
        except BaseException as error:
            self.error = error
        with self._lock:
            self.is_done.set()
            is_abandoned = self._is_abandoned
        if is_abandoned:
            self._close()

    def abandon(self) -> None:
        with self._lock:
            self._is_abandoned = True
            is_done = self.is_done.is_set()
        if is_done:
            self._close()

    def _close(self) -> None:
        with suppress(Exception):
            self.result.close()
