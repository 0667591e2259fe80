"""Who waits for the next row, print, status or imbalance of which book, or for the next phase of which venue; and who hears of each."""

from __future__ import annotations

from collections.abc import Callable, Sized
from typing import Protocol

from simulator.exchange.order_books import Exchange
from simulator.tape.columns import WATCH_QUOTES, WATCH_TRADES

KINDS = 6
PHASES, STATUSES, IMBALANCES, TRADES, QUOTES, SIPS = range(KINDS)
"""What can be waited for, in the order in which an agent gets them at one instant. SIPS: book rows, as the consolidated quote has them."""
FLAGS = {QUOTES: WATCH_QUOTES, TRADES: WATCH_TRADES, SIPS: WATCH_QUOTES}
Listener = Callable[[int, int], None]
"""Called with (book or venue, ts_ns)."""


class Waiter(Protocol):
    """Whoever waits."""

    def on_event(self, kind: int, index: int, ts_ns: int) -> bool:
        """One has happened: at a venue (PHASES), or of a book (all others). Returns whether it wants to hear of the next one too."""

    def distance_ns(self, kind: int, index: int) -> int:
        """How long after it has happened it reaches the waiter, who need not be told before; at least 1."""


class Subscriptions:
    """By (kind, book or venue). A book is watched, and stops the flow, until a row comes that nobody waits for any more.

    The flow stops when the first of what has happened is about to reach the first waiter; at once where somebody listens.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: list[dict[int, dict[int, Waiter]]] = [{} for _ in range(KINDS)]
        """By kind and book or venue; no line is empty."""
        self.sips: Sized = self._waiting[SIPS]
        """Empty where nobody is to be told of SIPS."""
        self._listening: dict[tuple[int, int], list[Listener]] = {}
        self._users: dict[tuple[int, int], int] = {}
        """By (flag, book): how many lines of the two above need it watched."""

    def begin(self, kind: int, index: int, waiter: Waiter) -> None:
        """``waiter`` is told of each one until it says that it does not want the next: an agent mostly waits for the same things again."""
        if kind in FLAGS:
            self._exchange.come_nearer(index, waiter.distance_ns(kind, index))
        waiting = self._waiting[kind].get(index)
        if waiting is not None:
            waiting[id(waiter)] = waiter
            return
        self._waiting[kind][index] = {id(waiter): waiter}
        self._use(kind, index, 1)

    def keep(self, kind: int, index: int, listener: Listener) -> None:
        """``listener`` is told of each one at once, before those who wait, until ``release``."""
        if kind in FLAGS:
            self._exchange.come_nearer(index, 0)
        listening = self._listening.setdefault((kind, index), [])
        listening.append(listener)
        if len(listening) == 1:
            self._use(kind, index, 1)

    def release(self, kind: int, index: int, listener: Listener) -> None:
        listening = self._listening[kind, index]
        listening.remove(listener)
        if not listening:
            del self._listening[kind, index]
            self._use(kind, index, -1)
            if kind in FLAGS:
                self._measure(index)

    def notify(self, kind: int, index: int, ts_ns: int) -> None:
        """Tell all who wait for it."""
        if self._listening:
            for listener in tuple(self._listening.get((kind, index), ())):
                listener(index, ts_ns)
        waiting = self._waiting[kind].get(index)
        if waiting is None:
            return
        gone = None
        for key, waiter in waiting.items():
            if not waiter.on_event(kind, index, ts_ns):
                gone = [*(gone or ()), key]
        if gone is None:
            return
        for key in gone:
            del waiting[key]
        if not waiting:
            del self._waiting[kind][index]
            self._use(kind, index, -1)

    def _measure(self, book: int) -> None:
        """Nobody listens any more to something of a book: how far away are those who are left?"""
        if not any((kind, book) in self._listening for kind in FLAGS):
            waiting = [(kind, waiter) for kind in FLAGS for waiter in self._waiting[kind].get(book, {}).values()]
            self._exchange.watch_from(book, min((waiter.distance_ns(kind, book) for kind, waiter in waiting), default=0))

    def _use(self, kind: int, index: int, more: int) -> None:
        """One line more, or one less, needs the book watched."""
        flag = FLAGS.get(kind)
        if flag is not None:
            users = self._users[flag, index] = self._users.get((flag, index), 0) + more
            if users == max(more, 0):  # the first, or none any more
                self._exchange.watch(index, flag, more > 0)
