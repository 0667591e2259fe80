"""Clients that ask a database the queries of examples/sql at the same time, beside whatever writes there, and how long they wait.

What each client asks, in which order, of which symbol and time, comes from the seed alone and from what is in the tables when they begin.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import psycopg

from scenarios.launcher.queries import Query
from simulator.errors import InputError, MarketSimError, SinkError, explain
from simulator.inputs.sessions import format_ts
from simulator.records import NS_PER_MINUTE
from simulator.rng import stream
from writers.questdb.connection import Connection
from writers.questdb.limits import Stopped
from writers.questdb.schema import table_name
from writers.questdb.sql import Pg, connect_pg

Views = Literal["both", "true", "false"]
WINDOWS_NS = (5 * NS_PER_MINUTE, 60 * NS_PER_MINUTE, None)
"""A query is about so much time from a minute with trades, or about all that there is: a third of them each."""
ENDS_WITHIN_S = 90.0
"""A client whose query is running when time is up waits for its answer; the server itself gives up before that."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """A query, as it is or from the tables of which its views are made."""

    query: Query
    views: bool

    @property
    def reads(self) -> str:
        """Views or tables; empty: it has no views."""
        return ("views" if self.views else "tables") if self.query.views else ""


@dataclass(frozen=True, kw_only=True)
class Topics:
    """What there is to ask about."""

    symbols: tuple[str, ...]
    minutes_ns: tuple[int, ...]
    """Starts of those in which something was traded, in order."""


@dataclass(slots=True)
class Waits:
    """Of one ask, over all clients."""

    seconds: list[float] = field(default_factory=list)
    """Each answer's, in the order in which they came."""
    rows: int = 0
    refused: int = 0
    why: str = ""
    """What the server said when it refused one."""

    def percentile_ms(self, share: float) -> float:
        """By nearest rank; nan without an answer."""
        ordered = sorted(self.seconds)
        return 1000 * ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else math.nan

    @property
    def rows_per_s(self) -> float:
        """Rows of answers by seconds waited for them."""
        return self.rows / max(sum(self.seconds), 1e-9)


@dataclass(frozen=True, kw_only=True)
class Load:
    """What was measured."""

    asks: Sequence[Ask]
    waits: Sequence[Waits]
    took_s: float
    ended_early: bool


def read_topics(pg: Pg, suffix: str) -> Topics:
    """Raises ``InputError`` if there are no trades to ask about."""
    trades = table_name("trades", suffix)
    if trades not in present(pg):
        raise InputError(explain("--suffix", suffix, f"there is no table {trades}", "Run something into the database first."))
    minutes = f"SELECT timestamp_ns::long FROM (SELECT timestamp_ns, count() FROM {trades} SAMPLE BY 1m)"
    minutes_ns = tuple(int(row[0]) for row in pg.execute(minutes).fetchall())
    if not minutes_ns:
        raise InputError(explain("--suffix", suffix, f"the table {trades} has no rows", "Run something into the database first."))
    symbols = tuple(sorted(str(row[0]) for row in pg.execute(f"SELECT DISTINCT symbol FROM {trades}").fetchall()))
    return Topics(symbols=symbols, minutes_ns=minutes_ns)


def present(pg: Pg) -> set[str]:
    """Names of tables and views."""
    return {str(row[0]) for row in pg.execute("SELECT table_name FROM tables()").fetchall()}


def choose(queries: Sequence[Query], names: set[str], suffix: str, views: Views) -> tuple[list[Ask], list[str]]:
    """What can be asked of tables and views with these names, and a line for each query that cannot.

    Raises ``InputError`` if nothing is left.
    """
    asks, said = [], []
    for query in queries:
        missing = [f"{name}{suffix}" for name in query.tables if f"{name}{suffix}" not in names]
        without_views = [name for name in missing if name not in {f"{view}{suffix}" for view in query.views}]
        if without_views or (missing and views == "true"):
            said.append(f"Left out: {query.name}, which reads {', '.join(missing)}.")
            continue
        if missing and views == "both":
            said.append(f"{query.name} is asked of the tables alone: there is no {', '.join(missing)}.")
        if not query.views or (views != "false" and not missing):
            asks.append(Ask(query=query, views=True))
        if query.views and views != "true":
            asks.append(Ask(query=query, views=False))
    if not asks:
        remedy = "Run something into the database with --extra_tables, or use other --views."
        raise InputError(f"There is nothing to ask. {' '.join(said)} {remedy}")
    return asks, said


def deck(seed: int, client: int, asks: int, topics: Topics) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Without end: which ask, and what it is about; all asks once, in another order each time."""
    rng = stream(seed, "query load", client)
    first_ns, end_ns = topics.minutes_ns[0], topics.minutes_ns[-1] + NS_PER_MINUTE
    while True:
        for ask in rng.permutation(asks):
            start_ns, length_ns = topics.minutes_ns[rng.integers(len(topics.minutes_ns))], WINDOWS_NS[rng.integers(len(WINDOWS_NS))]
            window = (first_ns, end_ns) if length_ns is None else (start_ns, min(start_ns + length_ns, end_ns))
            symbol = topics.symbols[rng.integers(len(topics.symbols))]
            values = {"symbol": symbol, "from": format_ts(window[0]), "to": format_ts(window[1])}
            yield int(ask), values


class Clients:
    """Threads: they wait for the server, and what they are sent they do not read further than counting its rows."""

    def __init__(self, connection: Connection, suffix: str, asks: Sequence[Ask], topics: Topics, *, clients: int, seed: int) -> None:
        self._connection, self._suffix, self._asks = connection, suffix, asks
        self._decks = [deck(seed, client, len(asks), topics) for client in range(clients)]
        self._waits = [Waits() for _ in asks]
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._errors: list[Exception] = []

    def run(self, seconds: float, rounds: int | None, stop_asked: Callable[[], bool]) -> Load:
        """For so many seconds, or until each client has asked everything ``rounds`` times. Raises ``MarketSimError``."""
        count = None if rounds is None else rounds * len(self._asks)
        with_lines = [connect_pg(self._connection) for _ in self._decks]
        began_s = time.perf_counter()
        threads = [
            threading.Thread(target=self._ask, args=(pg, cards, count), name=f"client {n}", daemon=True)
            for n, (pg, cards) in enumerate(zip(with_lines, self._decks, strict=True))
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and not self._errors and not stop_asked():
            if rounds is None and time.perf_counter() - began_s >= seconds:
                break
            threads[0].join(0.05)
            time.sleep(0.01)
        ended_early = any(thread.is_alive() for thread in threads) and stop_asked()
        self._stop.set()
        until_s = time.monotonic() + ENDS_WITHIN_S
        for thread in threads:
            thread.join(max(until_s - time.monotonic(), 0.0))
        took_s = time.perf_counter() - began_s
        if self._errors:
            raise self._errors[0]
        return Load(asks=self._asks, waits=self._waits, took_s=took_s, ended_early=ended_early)

    def _ask(self, pg: Pg, cards: Iterator[tuple[int, Mapping[str, str]]], count: int | None) -> None:
        with pg:
            for n, (at, values) in enumerate(cards):
                if self._stop.is_set() or n == count:
                    return
                ask = self._asks[at]
                sql = ask.query.text(self._suffix, values, views=ask.views)
                began_s = time.perf_counter()
                try:
                    rows, said = self._rows(pg, sql), ""
                except (MarketSimError, Stopped) as error:
                    self._errors.append(error)
                    return
                except psycopg.Error as error:
                    rows, said = 0, " ".join(str(error).split())
                with self._lock:
                    waits = self._waits[at]
                    if said:
                        waits.refused, waits.why = waits.refused + 1, said
                    else:
                        waits.seconds.append(time.perf_counter() - began_s)
                        waits.rows += rows

    def _rows(self, pg: Pg, sql: str) -> int:
        try:
            return int(pg.execute(sql).rowcount)
        except psycopg.Error as error:
            if not pg.closed:
                raise
            said = self._connection.hide(" ".join(str(error).split()).rstrip("."))
            what = self._connection.what
            raise SinkError(f"{what} does not answer any more: {said}. Its log says why; then repeat the command.") from None


def rows_in(pg: Pg, suffix: str) -> int:
    """Rows of a run's tables, for how many come in meanwhile."""
    names = present(pg) & {table_name(table, suffix) for table in ("market_data", "trades", "orders", "truth", "sip")}
    return sum(int(pg.execute(f"SELECT count() FROM {name}").fetchall()[0][0]) for name in sorted(names))
