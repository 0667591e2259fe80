"""New reference prices from Yahoo while a run in real time goes on: asked for in the parent alone, told to every worker."""

from __future__ import annotations

import datetime as dt
import queue
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from simulator.inputs.config import Refresh
from simulator.inputs.reference_prices import Bracket, PriceTable, reference_prices
from simulator.records import NS_PER_S

AHEAD_NS = NS_PER_S
"""While prices are asked for, no worker is let farther than so much ahead of the first one's last word, and a refresh holds from so
much later than all have been let: none has been there, and each hears of it before it goes there. No less than a worker's stretch."""


def ask_yahoo(symbols: Sequence[str]) -> PriceTable:
    """Of today."""
    today = dt.datetime.now(dt.UTC).date()
    return reference_prices("yahoo", symbols, (today, today))


class Refresher:
    """Asks every ``every_s`` seconds while it is entered; ``news`` gives what has come. 0 never asks."""

    def __init__(
        self, every_s: int, symbols: Sequence[str], ask: Callable[[Sequence[str]], PriceTable] = ask_yahoo,
        keep: Callable[[Sequence[Refresh]], None] = lambda _: None,
    ) -> None:  # fmt: skip
        """``keep`` is told all refreshes of the run whenever there is a new one; it may raise ``MarketSimError``, which ends the run."""
        self.keep = keep
        self._every_s = every_s
        self._symbols = tuple(symbols)
        self._ask = ask
        self._answers: queue.SimpleQueue[dict[str, Bracket]] = queue.SimpleQueue()
        self._ended = threading.Event()
        self.unanswered = 0
        """Questions without a sound price of any symbol."""

    def __enter__(self) -> Self:
        return self

    @property
    def asks(self) -> bool:
        """Whether there will be news."""
        return self._every_s > 0

    def start(self) -> None:
        """Begin to ask; after the workers are forked, because a thread may hold a lock."""
        if self._every_s:
            threading.Thread(target=self._run, name="refresh", daemon=True).start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()

    def news(self, granted_ns: int) -> list[Refresh]:
        """What Yahoo has said since the last call, for workers none of which has been let farther than ``granted_ns``."""
        found = []
        while not self._answers.empty():
            prices = self._answers.get()
            found.append(Refresh(ts_ns=granted_ns + AHEAD_NS, over_ns=self._every_s * NS_PER_S, prices=prices))
        return found[-1:]

    def _run(self) -> None:
        while not self._ended.wait(self._every_s):
            table = self._ask(self._symbols)
            sound = {symbol: bracket for symbol, bracket in table.brackets.items() if bracket.source == "yahoo"}
            if sound:
                self._answers.put(sound)
            else:
                self.unanswered += 1
