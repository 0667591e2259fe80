"""Stops an agent that does not come back: a loop without a yield would hang the run for ever and say nothing.

A thread looks now and then whether the same agent is still awake, and if so for too long raises ``AgentStuck`` inside it. It cannot
reach an agent that waits in compiled code, such as ``time.sleep``: that is stopped when it comes back to Python.

Python delivers such an exception a little after it was asked for, when the agent may just have come back. So the thread says that it
aims before it looks a last time, and the agent's process looks for that after it has said that its agent is back: one of the two sees
the other, and the exception lands where it is expected or is never sent.
"""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from simulator.interrupts import Interrupt

LOOK_EVERY_S = 0.2
LANDS_WITHIN_S = 0.5
"""An exception that is on its way reaches a thread as soon as that runs Python's code."""


class AgentStuck(BaseException):
    """Raised in the middle of an agent's code; not an ``Exception``, so that the agent does not catch it by accident."""


class Watchdog:
    """Of one market. Whoever runs an agent's code says so by the first two attributes: attributes for speed, once a wake-up."""

    def __init__(self, interrupt: Interrupt) -> None:
        self.stretches = 0
        """Counts: each agent's each stretch between two yields has its number."""
        self.max_s = 0.0
        """Wall time that the agent awake may take; 0 while none is."""
        self.is_aiming = False
        """Whether ``AgentStuck`` is, or may be, on its way; whoever has just set ``max_s`` to 0 calls ``let_it_land`` then."""
        self._interrupt = interrupt
        self._is_fired = False

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look after the calling thread meanwhile."""
        is_over = threading.Event()
        watch = threading.Thread(target=self._watch, args=(threading.get_ident(), is_over), name="agents' watchdog", daemon=True)
        try:
            watch.start()
            yield
        finally:
            is_over.set()
            if watch.ident is not None:
                watch.join()

    def let_it_land(self) -> None:
        """Raises ``AgentStuck`` if it is on its way, or was swallowed by the agent: to be called where it is expected."""
        until_s = time.monotonic() + LANDS_WITHIN_S
        while self.is_aiming and time.monotonic() < until_s:
            time.sleep(0.001)  # the thread makes up its mind, or the exception arrives here
        if self._is_fired:
            self.forget()
            raise AgentStuck

    def forget(self) -> None:
        """``AgentStuck`` has landed."""
        self.max_s = 0.0
        self.is_aiming = self._is_fired = False

    def _watch(self, thread: int, is_over: threading.Event) -> None:
        seen, since_s = -1, 0.0
        while not is_over.wait(LOOK_EVERY_S):
            self._interrupt.insist()
            now_s = time.monotonic()
            if self.stretches != seen or not self.max_s:
                seen, since_s = self.stretches, now_s
            elif now_s - since_s > self.max_s:
                since_s = now_s
                self.is_aiming = True
                if self.stretches == seen and self.max_s:
                    self._is_fired = True
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(AgentStuck))
                else:
                    self.is_aiming = False
