"""Requests to stop from outside: Ctrl-C, the SIGTERM of ``timeout``, systemd or docker, the SIGHUP of a closing terminal."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

AGAIN_AFTER_S = 0.5
"""A second Ctrl-C that soon is the same one: ``timeout`` signals its child and then the group in which the child is."""
NAMES = {
    "SIGINT": "Ctrl-C (SIGINT)",
    "SIGTERM": "SIGTERM (a request to end, as timeout, systemd or docker stop send it)",
    "SIGHUP": "SIGHUP (its terminal or connection has closed)",
}


def stop_signals() -> list[signal.Signals]:
    """Those that mean "end, please" here. What is ignored already stays ignored if it is SIGHUP: that is ``nohup``."""
    found = [signal.Signals[name] for name in NAMES if hasattr(signal, name)]
    return [number for number in found if number.name != "SIGHUP" or signal.getsignal(number) != signal.SIG_IGN]


def describe(number: int) -> str:
    """The signal as a person knows it."""
    name = signal.Signals(number).name
    return NAMES.get(name, name)


class StopSignals:
    """Heard while it is entered; in the main thread only, elsewhere it hears nothing.

    Before and after a run the first signal raises ``KeyboardInterrupt``. Within ``as_requests`` it is only noted, so that what is complete
    can be closed. A later Ctrl-C raises in both, a later SIGTERM or SIGHUP only outside: a group is signalled more than once.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self.first: int | None = None
        """The first signal that came."""
        self.is_urgent = False
        """Whether Ctrl-C was pressed again."""
        self._clock_s = clock_s
        self._first_s = 0.0
        self._notes = False
        self._previous: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self.hear) for number in stop_signals()}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}

    @contextmanager
    def as_requests(self) -> Iterator[None]:
        """Within it the first signal is noted."""
        before, self._notes = self._notes, True
        try:
            yield
        finally:
            self._notes = before

    @contextmanager
    def as_interrupts(self) -> Iterator[None]:
        """Within it, inside ``as_requests``, the first signal raises all the same: around a wait that can be broken off."""
        before, self._notes = self._notes, False
        try:
            yield
        finally:
            self._notes = before

    def hear(self, number: int, _frame: FrameType | None) -> None:
        """The handler."""
        if self.first is None:
            self.first, self._first_s = number, self._clock_s()
            if not self._notes:
                raise KeyboardInterrupt
        elif (number == signal.SIGINT or not self._notes) and self._clock_s() - self._first_s > AGAIN_AFTER_S:
            self.is_urgent = self.is_urgent or number == signal.SIGINT
            raise KeyboardInterrupt
