"""Streams: what reaches an agent, kept until it drains them. Each knows the books that it is of, and how late they are seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any, NamedTuple, NoReturn, Protocol

import numpy as np

from simulator.agents.columns import Quotes, Trades
from simulator.agents.interface import Wait
from simulator.exchange.book_log import ROW_ASK, ROW_ASK_SIZE, ROW_BID, ROW_BID_SIZE, ROW_TS, Prints, QuoteRows
from simulator.gateway.past_trades import join_books, trade_columns
from simulator.gateway.reach import Reach
from simulator.gateway.subscriptions import Subscriptions
from simulator.records import I64
from simulator.tape.columns import ALL_PRINTS, ALL_ROWS


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

    def __init__(self, reach: Reach, books: Sequence[int], kept: Prints | QuoteRows, facts: I64) -> None:
        """From now on: what has reached the agent is over. ``facts``: of the columns."""
        self.books = tuple(books)
        self._reach = reach
        self._clock = reach.clock
        self._recent = kept.recent
        self._log = log = kept.log
        self._are_trades = are_trades = isinstance(kept, Prints)
        self._facts = facts.data
        self._all = ALL_PRINTS if are_trades else ALL_ROWS
        self._late_ns = [reach.latency_ns[b % len(reach.venues)] for b in books]
        self._places = [(int(reach.places[b // len(reach.venues)]), b % len(reach.venues)) for b in books]
        self._next = [log(b).until(reach.seen_ns(b)) for b in books]
        nothing: I64 = np.zeros((0, 4 if are_trades else 5), np.int64)
        no_rows = [nothing] * len(books)
        order = np.zeros(0, np.int64)
        self._none = trade_columns(reach, self.books, no_rows, order) if are_trades else self._quotes(self.books, no_rows, order)

    def drain(self) -> Trades | Quotes:
        # NOTE: mostly there is nothing, or a row or two: those are read from the rings, without the logs; for speed
        # (tests/bench/agents.py).
        facts, column, now = self._facts, self._all, self._clock.now
        found: list[tuple[int, ...]] = []
        ends: list[tuple[int, int]] = []
        for i, b in enumerate(self.books):
            first = self._next[i]
            if facts[b, column] == first:
                continue
            late_ns = self._late_ns[i]
            rows = self._recent(b, first, now - late_ns)
            if rows is None:
                return self._drain_logs()
            if rows:
                ends.append((i, first + len(rows)))
                found += [(row[0] + late_ns, row[0], *self._places[i], *row[1:]) for row in rows]
        if not found:
            return self._none
        for i, end in ends:
            self._next[i] = end
        if len(ends) > 1:
            found.sort(key=itemgetter(0))  # which leaves those of one instant in order of the books
        columns = np.array(list(zip(*found, strict=True)), np.int64)[1:]
        return Trades(*columns) if self._are_trades else Quotes(*columns)

    def _drain_logs(self) -> Trades | Quotes:
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
        if not parts:
            return self._none
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
