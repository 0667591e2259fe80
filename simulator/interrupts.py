"""Ctrl-C while a market runs: heard between two events, where the run can go on later; after a second, wherever it is.

A notebook is interrupted daily, and Python raises ``KeyboardInterrupt`` between any two instructions: in the middle of an agent's
code, of a writer's batch, of the engine's own bookkeeping. So the first Ctrl-C is only noted, and the run looks for it between
events; an agent or a writer that does not come back within a second is interrupted where it is, and so is everything by a second one.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

HEARD_WITHIN_S = 1.0


class Interrupt:
    """Of one market."""

    def __init__(self) -> None:
        self.is_asked = False
        """Whether Ctrl-C was pressed and nobody has answered yet."""
        self._asked_s = 0.0

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """Within it the first Ctrl-C sets ``is_asked``, the second raises ``KeyboardInterrupt``.

        In the main thread only, where Python hears signals, and only if nobody else hears this one: another handler knows why.
        """
        self.is_asked = False
        is_main = threading.current_thread() is threading.main_thread()
        if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
            yield
            return
        try:
            signal.signal(signal.SIGINT, self._hear)
            yield
        finally:
            signal.signal(signal.SIGINT, signal.default_int_handler)

    def _hear(self, _number: int, _frame: FrameType | None) -> None:
        if self.is_asked:
            raise KeyboardInterrupt
        self._asked_s = time.monotonic()
        self.is_asked = True

    def insist(self) -> None:
        """For another thread: interrupt the main one where it is, if it has not answered in time."""
        if self.is_asked and time.monotonic() - self._asked_s > HEARD_WITHIN_S and hasattr(signal, "pthread_kill"):
            main = threading.main_thread().ident
            assert main is not None
            signal.pthread_kill(main, signal.SIGINT)
