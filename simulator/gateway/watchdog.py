"""Stops an agent that does not come back: a loop without a yield would hang the run for ever and say nothing.

A thread looks now and then whether the same agent is still awake, and if so for too long raises ``AgentStuck`` inside it. It cannot
reach an agent that waits in compiled code, such as ``time.sleep``: that is stopped when it comes back to Python.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

LOOK_EVERY_S = 0.2


class AgentStuck(BaseException):
    """Raised in the middle of an agent's code; not an ``Exception``, so that the agent does not catch it by accident."""


class Watchdog:
    """Of one market. The runners say who is awake by setting the two attributes."""

    def __init__(self) -> None:
        self.wakes = 0
        """Counts: each agent's each stretch between two yields has its number."""
        self.max_s = 0.0
        """Wall time that the agent awake may take; 0 while none is."""

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look after the calling thread meanwhile."""
        is_over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(threading.get_ident(), is_over), name="agents' watchdog", daemon=True)
        watch.start()
        try:
            yield
        finally:
            is_over.set()
            watch.join()

    def _watch(self, thread: int, is_over: threading.Event) -> None:
        seen, since_s = -1, 0.0
        while not is_over.wait(LOOK_EVERY_S):
            now_s = time.monotonic()
            if self.wakes != seen or not self.max_s:
                seen, since_s = self.wakes, now_s
            elif now_s - since_s > self.max_s:
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(AgentStuck))
                since_s = now_s
