"""Who waits for the next row, print, status or imbalance of which book, or for the next phase of which venue; and who hears of each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simulator.exchange.order_books import Exchange
from simulator.tape.columns import WATCH_QUOTES, WATCH_TRADES

PHASES, STATUSES, IMBALANCES, TRADES, QUOTES = range(5)
"""What can be waited for, in the order in which an agent gets them at one instant."""
FLAGS = {QUOTES: WATCH_QUOTES, TRADES: WATCH_TRADES}
Listener = Callable[[int, int], None]
"""Called with (book or venue, ts_ns)."""


class Waiter(Protocol):
    """Whoever waits."""

    def on_event(self, kind: int, index: int, ts_ns: int) -> None:
        """The next one has happened: at a venue (PHASES), or of a book (all others)."""


class Subscriptions:
    """By (kind, book or venue). A book is watched, and stops the flow, until its next row; most often somebody still waits for that."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: dict[tuple[int, int], dict[int, Waiter]] = {}
        self._listening: dict[tuple[int, int], list[Listener]] = {}

    def begin(self, kind: int, index: int, waiter: Waiter) -> None:
        """``waiter`` is told of the next one, once, whether or not it still waits: an agent mostly waits for the same things again."""
        waiting = self._waiting.get((kind, index))
        if waiting is not None:
            waiting[id(waiter)] = waiter
            return
        self._waiting[kind, index] = {id(waiter): waiter}
        if kind in FLAGS:
            self._exchange.watch(index, FLAGS[kind], True)

    def keep(self, kind: int, index: int, listener: Listener) -> None:
        """``listener`` is told of each one, before those who wait, until ``release``."""
        self._listening.setdefault((kind, index), []).append(listener)
        if kind in FLAGS:
            self._exchange.watch(index, FLAGS[kind], True)

    def release(self, kind: int, index: int, listener: Listener) -> None:
        listening = self._listening[kind, index]
        listening.remove(listener)
        if not listening:
            del self._listening[kind, index]
            if kind in FLAGS and (kind, index) not in self._waiting:
                self._exchange.watch(index, FLAGS[kind], False)

    def notify(self, kind: int, index: int, ts_ns: int) -> None:
        """Tell all who wait for it."""
        if self._listening:
            for listener in tuple(self._listening.get((kind, index), ())):
                listener(index, ts_ns)
        waiting = self._waiting.get((kind, index))
        if waiting:
            self._forget(kind, index)
            for waiter in waiting.values():
                waiter.on_event(kind, index, ts_ns)

    def _forget(self, kind: int, index: int) -> None:
        del self._waiting[kind, index]
        if kind in FLAGS and (kind, index) not in self._listening:
            self._exchange.watch(index, FLAGS[kind], False)
