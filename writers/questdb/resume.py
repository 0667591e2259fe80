"""Going on where a database ends: what it has, and a sink that leaves that out.

A worker sends each table in time order, so of each (symbol, table) the database has everything up to its newest row. Rows of
the last ``RESEND_NS`` before that are sent again, which DEDUP absorbs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.records import I64, NS_PER_S, Batch, columns, slice_batch
from simulator.tape.sink import RunInfo, Sends, Sink, Stoppable
from writers.questdb.limits import never
from writers.questdb.schema import table_name

RESEND_NS = 10 * NS_PER_S
NOTHING_NS = -1
"""Stands for the newest row of a symbol that has none."""


def newest_ns(connection: Any, suffix: str, tables: Sequence[str]) -> int:
    """Of the newest row over these tables; ``NOTHING_NS`` if they are empty."""
    newest = NOTHING_NS
    for table in tables:
        found = connection.execute(f"SELECT max(timestamp_ns)::long FROM {table_name(table, suffix)}").fetchone()
        if found is not None and found[0] is not None:  # an empty table gives no row
            newest = max(newest, found[0])
    return newest


def newest_by_symbol(connection: Any, suffix: str, table: str, symbols: Sequence[str], start_ns: int, end_ns: int) -> I64:
    """[symbols]: newest row in [start, end) of each, ``NOTHING_NS`` without one."""
    newest = np.full(len(symbols), NOTHING_NS, np.int64)
    query = f"SELECT symbol, max(timestamp_ns)::long FROM {table_name(table, suffix)} WHERE {_between(start_ns, end_ns)} GROUP BY symbol"
    for symbol, ts_ns in connection.execute(query).fetchall():
        if symbol in symbols and ts_ns is not None:
            newest[symbols.index(symbol)] = ts_ns
    return newest


def count_by_symbol(connection: Any, suffix: str, table: str, symbols: Sequence[str], start_ns: int, end_ns: int) -> I64:
    """[symbols]: rows in [start, end) of each."""
    counts = np.zeros(len(symbols), np.int64)
    query = f"SELECT symbol, count() FROM {table_name(table, suffix)} WHERE {_between(start_ns, end_ns)} GROUP BY symbol"
    for symbol, rows in connection.execute(query).fetchall():
        if symbol in symbols:
            counts[symbols.index(symbol)] = rows
    return counts


def count_from(connection: Any, table: str, start_ns: int) -> int:
    """Rows of a table, by its name in the database, from then on."""
    found = connection.execute(f"SELECT count() FROM {table} WHERE timestamp_ns >= {start_ns}::timestamp_ns").fetchone()
    return int(found[0])


def last_mids(connection: Any, suffix: str) -> dict[str, float]:
    """USD by symbol: the midpoint of the newest book row of each."""
    query = (
        f"SELECT symbol, (bids[1][1] + asks[1][1]) / 2 FROM {table_name('market_data', suffix)} LATEST ON timestamp_ns PARTITION BY symbol"
    )
    return {symbol: mid for symbol, mid in connection.execute(query).fetchall() if mid is not None and mid > 0}


def _between(start_ns: int, end_ns: int) -> str:
    return f"timestamp_ns >= {start_ns}::timestamp_ns AND timestamp_ns < {end_ns}::timestamp_ns"


class ResumeSink:
    """Passes on what comes after ``newest`` (by table, [symbols]) and the resend window before it."""

    def __init__(self, sink: Sink, newest: Mapping[str, I64], resend_ns: int = RESEND_NS) -> None:
        self.sink = sink
        self._cut = {table: np.where(ts_ns == NOTHING_NS, NOTHING_NS, ts_ns - resend_ns) for table, ts_ns in newest.items()}

    def open(self, run: RunInfo) -> None:
        self.sink.open(run)

    def write(self, batch: Batch) -> None:
        cut = self._cut[batch.table]
        if batch.ts_ns[-1] <= cut.min():
            return
        keep = batch.ts_ns > cut[batch.symbol]
        if keep.all():
            self.sink.write(batch)
        elif keep.any():
            self.sink.write(_select(batch, keep))

    def close(self, complete: bool) -> None:
        self.sink.close(complete)

    @property
    def stop_asked(self) -> Callable[[], bool]:
        return self.sink.stop_asked if isinstance(self.sink, Stoppable) else never

    @stop_asked.setter
    def stop_asked(self, stop_asked: Callable[[], bool]) -> None:
        if isinstance(self.sink, Stoppable):
            self.sink.stop_asked = stop_asked

    @property
    def in_flight(self) -> int:
        return self.sink.in_flight if isinstance(self.sink, Sends) else 0

    @property
    def acknowledged(self) -> int:
        return self.sink.acknowledged if isinstance(self.sink, Sends) else 0


def _select(batch: Batch, keep: NDArray[np.bool_]) -> Batch:
    first = int(keep.argmax())
    if keep[first:].all():
        return slice_batch(batch, first, len(batch))
    return type(batch)(**{name: column[keep] for name, column in columns(batch)})  # type: ignore[arg-type]
