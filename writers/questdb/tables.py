"""The two tables of a database as Arrow, a stretch of time at a time: what the scorecard reads."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from psycopg.adapt import Loader

from simulator.analysis.scorecard.sources import BATCH_ROWS, BOOK_COLUMNS, BOOK_TABLE, EMPTY_TRADES, TRADE_COLUMNS, TRADE_TABLE
from simulator.errors import InputError, SinkError, explain
from simulator.inputs.manifest import Manifest
from simulator.records import NS_PER_S
from simulator.tape.sink import RunInfo
from writers.questdb.connection import Connection
from writers.questdb.runs import newest_run
from writers.questdb.sql import connect_pg

ARRAY_HEAD_BYTES = 12
"""Of an array in PostgreSQL's binary form: dimensions, flag of nulls, type; then 8 bytes a dimension, then 4 + 8 bytes a number."""
FLOAT8_ARRAY = 1022
"""PostgreSQL's number for an array of doubles."""
SLICE_NS = 60 * NS_PER_S
"""Rows of so long are asked for at once: a server answers a query whole."""


class _Bytes(Loader):
    """Leaves an array as it came: psycopg's own lists of lists take a hundred times as long."""

    format = 1  # type: ignore[assignment]

    def load(self, data: Any) -> bytes:
        return bytes(data)


def open_tables(address: str, suffix: str) -> QuestDBTables:
    """``[user@]host[:port]``, the port that SQL is spoken at; the password comes from QUESTDB_PASSWORD. Raises ``InputError``."""
    return QuestDBTables(_connection(address), suffix)


def open_run(address: str, suffix: str) -> QuestDBRun:
    """The same, with the record of the run that started last."""
    return QuestDBRun(_connection(address), suffix)


ADDRESS = re.compile(r"(?:(?P<user>.*)@)?(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<host>[^@:\[\]]+))(?::(?P<port>[0-9]{1,5}))?/?")


def _connection(address: str) -> Connection:
    found = ADDRESS.fullmatch(address)
    if not found or not 1 <= int(found["port"] or 8812) <= 65_535:
        limit = "must be questdb://[user@]host[:port], an IPv6 address in brackets, the port from 1 to 65,535"
        raise InputError(explain("A database", f"questdb://{address}", limit, "For example questdb://127.0.0.1:8812."))
    password = os.environ.get("QUESTDB_PASSWORD", "")
    return Connection(host=found["six"] or found["host"], pg_port=int(found["port"] or 8812), user=found["user"] or "", password=password)


class QuestDBTables:
    """``equities_market_data`` and ``equities_trades``, read over PostgreSQL's protocol.

    Raises ``InputError`` if there is no such table.
    """

    def __init__(self, connection: Connection, suffix: str = "") -> None:
        self.name = f"questdb://{connection.url_host}:{connection.pg_port}"
        self._pg = connect_pg(connection)
        self._pg.adapters.register_loader(FLOAT8_ARRAY, _Bytes)
        self._tables = {table: table + suffix for table in (BOOK_TABLE, TRADE_TABLE)}
        try:
            for table, columns in ((BOOK_TABLE, BOOK_COLUMNS), (TRADE_TABLE, TRADE_COLUMNS)):
                self._check(self._tables[table], columns)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._pg.close()

    def _check(self, table: str, columns: tuple[str, ...]) -> None:
        found = [str(row[0]) for row in self._ask("SELECT table_name FROM tables()")]
        if table not in found:
            others = [name for name in found if name.startswith("equities_")]
            remedy = f"It has {', '.join(others)}: --suffix names another." if others else "Run something into it first."
            raise InputError(explain("scorecard", self.name, f"it has no table {table}", remedy))
        present = [str(row[0]) for row in self._ask(f"SELECT \"column\" FROM table_columns('{table}')")]
        missing = [column for column in columns if column not in present]
        if missing:
            raise InputError(explain(f"Columns of {table}", present, f"it needs {', '.join(columns)}", f"Add {', '.join(missing)}."))

    def _ask(self, query: str, *, binary: bool = False) -> list[Any]:
        import psycopg

        try:
            with self._pg.cursor(binary=binary) as cursor:
                return list(cursor.execute(query).fetchall())
        except psycopg.Error as error:
            raise SinkError(
                f"{self.name} did not answer {query[:60]!r}: {' '.join(str(error).split())}. Ask it there, then try again."
            ) from error

    def span(self) -> tuple[int, int] | None:
        ends = []
        for table in self._tables.values():
            for first, last in self._ask(f"SELECT min(timestamp_ns)::long, max(timestamp_ns)::long FROM {table}"):
                if first is not None:
                    ends.append((int(first), int(last)))
        return (min(first for first, _ in ends), max(last for _, last in ends)) if ends else None

    def books(self, start_ns: int, end_ns: int, symbol: str | None = None) -> Iterator[pa.RecordBatch]:
        """A minute at a time, of all symbols or one; minutes without rows are found by a question for the next row."""
        at = start_ns
        while (next_ns := self._next(at, end_ns)) is not None:
            at = next_ns
            rows = self._ask(self._select(BOOK_TABLE, BOOK_COLUMNS, at, min(at + SLICE_NS, end_ns), symbol), binary=True)
            for first in range(0, len(rows), BATCH_ROWS):
                yield _book_batch(rows[first : first + BATCH_ROWS])
            at += SLICE_NS

    def _next(self, start_ns: int, end_ns: int) -> int | None:
        query = f"SELECT min(timestamp_ns)::long FROM {self._tables[BOOK_TABLE]} WHERE {_between(start_ns, end_ns)}"
        rows = self._ask(query) if start_ns < end_ns else []
        return int(rows[0][0]) if rows and rows[0][0] is not None else None  # of no rows QuestDB tells nothing, or NULL

    def trades(self, start_ns: int, end_ns: int) -> pa.Table:
        rows = self._ask(self._select(TRADE_TABLE, TRADE_COLUMNS, start_ns, end_ns), binary=True)
        if not rows:
            return EMPTY_TRADES.empty_table()
        columns = dict(zip(TRADE_COLUMNS, zip(*rows, strict=True), strict=True))
        return pa.table({name: pa.array(values) for name, values in columns.items()})

    def _select(self, table: str, columns: tuple[str, ...], start_ns: int, end_ns: int, symbol: str | None = None) -> str:
        one = "" if symbol is None else f" AND symbol = '{symbol.replace(chr(39), 2 * chr(39))}'"
        chosen = ", ".join(f"{name}::long AS {name}" if name == "timestamp_ns" else name for name in columns)
        return f"SELECT {chosen} FROM {self._tables[table]} WHERE {_between(start_ns, end_ns)}{one}"


class QuestDBRun(QuestDBTables):
    """A run as a database keeps it: what a report reads."""

    def __init__(self, connection: Connection, suffix: str = "") -> None:
        super().__init__(connection, suffix)
        run = newest_run(self._pg, suffix)
        self.manifest: Manifest | None = None if run is None else run.ended or run.started

    def notices(self, run: RunInfo) -> Iterator[Any]:
        """None: the report of a database is made of its two tables."""
        yield from ()


def _between(start_ns: int, end_ns: int) -> str:
    return f"timestamp_ns >= cast({start_ns} AS TIMESTAMP_NS) AND timestamp_ns < cast({end_ns} AS TIMESTAMP_NS)"


def _book_batch(rows: list[Any]) -> pa.RecordBatch:
    ts, symbol, venue, bids, asks = zip(*rows, strict=True)
    return pa.record_batch(
        {
            "timestamp_ns": pa.array(ts, pa.int64()),
            "symbol": pa.array(symbol),
            "venue": pa.array(venue),
            "bids": _lists(bids),
            "asks": _lists(asks),
        }
    )


def _lists(values: tuple[bytes | None, ...]) -> pa.Array:
    """``list<list<double>>`` of prices and sizes; an array that is null or has no numbers is an empty list."""
    data = b"".join(value for value in values if value is not None)
    words = np.frombuffer(data, ">i4")
    sizes = np.array([0 if value is None else len(value) // 4 for value in values])
    starts = np.concatenate(([0], np.cumsum(sizes)[:-1]))
    full = np.flatnonzero(sizes > ARRAY_HEAD_BYTES // 4 + 4)
    counts = np.zeros(len(values), np.int64)
    counts[full] = words[starts[full] + 5]  # head of 3 words, then (length, lower bound) twice: 2 x N
    heads = ARRAY_HEAD_BYTES // 4 + 4
    # Of each number the word with its length falls out; what is left are the doubles, 2 x N a row.
    place = np.repeat(starts[full] + heads, 2 * counts[full])
    step = np.arange(len(place)) - np.repeat(np.cumsum(2 * counts[full]) - 2 * counts[full], 2 * counts[full])
    at = (place + 3 * step + 1)[:, None] + np.arange(2)
    numbers = words[at].astype(">i4").view(">f8").ravel().astype(np.float64)
    inner_lengths = np.repeat(counts[full], 2)
    inner = pa.ListArray.from_arrays(pa.array(np.concatenate(([0], np.cumsum(inner_lengths))), pa.int32()), pa.array(numbers))
    outer = np.concatenate(([0], np.cumsum(np.where(counts > 0, 2, 0))))
    return pa.ListArray.from_arrays(pa.array(outer, pa.int32()), inner)
