"""Who waits for the next row or print of which book, or for the next phase of which venue."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.exchange.order_books import Exchange
from simulator.tape.columns import WATCH_QUOTES, WATCH_TRADES

if TYPE_CHECKING:
    from simulator.gateway.agent_process import Runner

PHASE, TRADE, QUOTE = range(3)
"""What can be watched, in the order in which an agent gets them at one instant."""
FLAGS = {QUOTE: WATCH_QUOTES, TRADE: WATCH_TRADES}


class Watches:
    """By (kind, book or venue). A book is watched, and stops the flow, until its next row; most often somebody still waits for that."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._waiting: dict[tuple[int, int], dict[int, Runner]] = {}

    def begin(self, kind: int, index: int, runner: Runner) -> None:
        """``runner`` is told of the next one, once, whether or not it still waits: an agent mostly waits for the same things again."""
        waiting = self._waiting.get((kind, index))
        if waiting is not None:
            waiting[id(runner)] = runner
            return
        self._waiting[kind, index] = {id(runner): runner}
        if kind in FLAGS:
            self._exchange.watch(index, FLAGS[kind], True)

    def happened(self, kind: int, index: int, ts_ns: int) -> None:
        """Tell all who wait for it."""
        waiting = self._waiting.get((kind, index))
        if waiting:
            self._forget(kind, index)
            for runner in waiting.values():
                runner.happened(kind, index, ts_ns)

    def _forget(self, kind: int, index: int) -> None:
        del self._waiting[kind, index]
        if kind in FLAGS:
            self._exchange.watch(index, FLAGS[kind], False)
