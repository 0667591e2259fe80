"""Streams: what reaches an agent, kept until it drains them. Each knows the books that it is of, and how late they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, NoReturn, Protocol

import numpy as np

from simulator.agents.columns import Quotes, Trades
from simulator.agents.interface import Wait
from simulator.exchange.book_log import ROW_ASK, ROW_ASK_SIZE, ROW_BID, ROW_BID_SIZE, ROW_TS, BookLog
from simulator.gateway.past_trades import join_books, trade_columns
from simulator.gateway.reach import Reach
from simulator.gateway.subscriptions import Subscriptions
from simulator.records import I64


class StreamPort:
    """What the agent gets: two methods, and nothing else."""

    __slots__ = ("drain", "next")

    drain: Callable[[], Any]
    next: Callable[..., Wait]

    def __init__(self, drain: Callable[[], Any], wait: Callable[..., Wait]) -> None:
        object.__setattr__(self, "drain", drain)
        object.__setattr__(self, "next", wait)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name!r} cannot be set here: keep it in a variable of the agent's own")


class Source(Protocol):
    """A stream, as the agent's process knows it."""

    books: tuple[int, ...]

    def drain(self) -> Any:
        """What has arrived and was not drained, with a length; cheap where there is nothing."""


class RowStream:
    """Of prints or of book rows: reads the books' logs where it has stopped reading, so that it costs nothing while nobody asks."""

    def __init__(self, reach: Reach, books: Sequence[int], log: Callable[[int], BookLog], are_trades: bool) -> None:
        """From now on: what has reached the agent is over."""
        self.books = tuple(books)
        self._reach = reach
        self._log = log
        self._are_trades = are_trades
        self._next = [log(b).until(reach.seen_ns(b)) for b in books]
        nothing: I64 = np.zeros((0, 4 if are_trades else 5), np.int64)
        no_rows = [nothing] * len(books)
        order = np.zeros(0, np.int64)
        self._none = trade_columns(reach, self.books, no_rows, order) if are_trades else self._quotes(self.books, no_rows, order)

    def has_some(self) -> bool:
        now, latency_ns, venues = self._reach.now_ns, self._reach.latency_ns, len(self._reach.venues)
        for i, b in enumerate(self.books):
            log, first = self._log(b), self._next[i]
            if log.end > first and log.until(now - latency_ns[b % venues]) > first:
                return True
        return False

    def drain(self) -> Trades | Quotes:
        if not self.has_some():
            return self._none
        books, parts, arrivals = [], [], []
        for i, b in enumerate(self.books):
            log, first = self._log(b), self._next[i]
            end = log.until(self._reach.seen_ns(b))
            if end > first:
                rows = log.rows(first, end)
                self._next[i] = end
                books.append(b)
                parts.append(rows)
                arrivals.append(rows[:, 0] + self._reach.latency_ns[b % len(self._reach.venues)])
        if len(parts) == 1:
            parts[0], order = parts[0].copy(), None
        else:
            order = np.argsort(np.concatenate(arrivals), kind="stable")
        return trade_columns(self._reach, books, parts, order) if self._are_trades else self._quotes(books, parts, order)

    def _quotes(self, books: Sequence[int], parts: Sequence[I64], order: I64 | None) -> Quotes:
        rows, book = join_books(books, parts, order)
        columns = np.ascontiguousarray(rows.T)
        k, v = np.divmod(book, len(self._reach.venues))
        return Quotes(
            ts_ns=columns[ROW_TS], symbol=self._reach.places[k], venue=v, bid_ticks=columns[ROW_BID], bid_size=columns[ROW_BID_SIZE],
            ask_ticks=columns[ROW_ASK], ask_size=columns[ROW_ASK_SIZE],
        )  # fmt: skip


class Coming(NamedTuple):
    """A notice on its way."""

    arrival_ns: int
    notice: Any


class NoticeStream:
    """Of statuses or imbalances: takes down each as it is told."""

    def __init__(self, reach: Reach, books: Sequence[int], subscriptions: Subscriptions, kind: int, last: Callable[[int], Any]) -> None:
        """``last``: the newest notice of a book, as the agent will get it."""
        self.books = tuple(books)
        self._reach = reach
        self._last = last
        self._coming: list[Coming] = []
        for b in books:
            subscriptions.keep(kind, b, self._on_notice)

    def take_down(self, notices: Sequence[Coming]) -> None:
        """What was told before the stream was made, and is on its way."""
        self._coming += notices

    def drain(self) -> list[Any]:
        if not self._coming:
            return []
        now = self._reach.now_ns
        arrived = sorted((coming for coming in self._coming if coming.arrival_ns <= now), key=itemgetter(0))
        self._coming = [coming for coming in self._coming if coming.arrival_ns > now]
        return [coming.notice for coming in arrived]

    def _on_notice(self, book: int, ts_ns: int) -> None:
        self._coming.append(Coming(ts_ns + self._reach.latency_ns[book % len(self._reach.venues)], self._last(book)))
