"""Who waits for the next row, print, status or imbalance of which book, or for the next phase of which venue; and who hears of each."""

from __future__ import annotations

from collections.abc import Callable
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


class Subscriptions:
    """By (kind, book or venue). A book is watched, and stops the flow, until a row comes that nobody waits for any more."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: list[dict[int, dict[int, Waiter]]] = [{} for _ in range(KINDS)]
        """By kind and book or venue; no line is empty."""
        self._listening: dict[tuple[int, int], list[Listener]] = {}
        self._users: dict[tuple[int, int], int] = {}
        """By (flag, book): how many lines of the two above need it watched."""

    def begin(self, kind: int, index: int, waiter: Waiter) -> None:
        """``waiter`` is told of each one until it says that it does not want the next: an agent mostly waits for the same things again."""
        waiting = self._waiting[kind].get(index)
        if waiting is not None:
            waiting[id(waiter)] = waiter
            return
        self._waiting[kind][index] = {id(waiter): waiter}
        self._use(kind, index, 1)

    def keep(self, kind: int, index: int, listener: Listener) -> None:
        """``listener`` is told of each one, before those who wait, until ``release``."""
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

    @property
    def hears_sips(self) -> bool:
        """Whether anybody is to be told of SIPS."""
        return bool(self._waiting[SIPS])

    def notify(self, kind: int, index: int, ts_ns: int) -> None:
        """Tell all who wait for it."""
        if self._listening:
            for listener in tuple(self._listening.get((kind, index), ())):
                listener(index, ts_ns)
        waiting = self._waiting[kind].get(index)
        if waiting is None:
            return
        gone = [key for key, waiter in waiting.items() if not waiter.on_event(kind, index, ts_ns)]
        for key in gone:
            del waiting[key]
        if not waiting:
            del self._waiting[kind][index]
            self._use(kind, index, -1)

    def _use(self, kind: int, index: int, more: int) -> None:
        """One line more, or one less, needs the book watched."""
        flag = FLAGS.get(kind)
        if flag is not None:
            users = self._users[flag, index] = self._users.get((flag, index), 0) + more
            if users == max(more, 0):  # the first, or none any more
                self._exchange.watch(index, flag, more > 0)
