"""Rows of a table as Arrow, whoever had them: a worker's hidden file, the Parquet files of a finished run; several of these as one stream.

Everything hangs on the schema that ``simulator.tape.arrow`` gives a table, so that a table that is added needs nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulator.records import I64
from simulator.tape.arrow import TIME_COLUMN, to_table
from simulator.tape.memory import empty_batch
from simulator.tape.sink import RunInfo
from writers import time_order

ROWS_AT_ONCE = 16_384
ORDERED_BY = ("symbol", "venue")
"""Rows of one instant stand in this order, each by its place in the universe, no venue first; those of one book as they came."""


def schema_of(table: str, run: RunInfo) -> Any:
    """An Arrow table without rows: names and types, and the words of each column of words."""
    return to_table(empty_batch(table, run.levels), run)


def times(rows: Any) -> I64:
    """int64 ns."""
    found: I64 = rows.column(TIME_COLUMN).combine_chunks().view(pa.int64()).to_numpy()
    return found


def codes(rows: Any, name: str) -> Any:
    """Of a column of words: the place of each in its dictionary."""
    return rows.column(name).combine_chunks().indices.to_numpy()


def conform(rows: Any, like: Any) -> Any:
    """The same rows with the dictionaries of ``like``: a file has only the words that occur in it."""
    columns = {}
    for field in like.schema:
        column = rows.column(field.name)
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if pa.types.is_dictionary(field.type):
            words = _words(like, field.name)
            plain = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
            places = pc.index_in(plain, value_set=words).cast(field.type.index_type)
            column = pa.DictionaryArray.from_arrays(places, words)
        columns[field.name] = column if column.type == field.type else column.cast(field.type)
    return pa.table(columns)


def _words(like: Any, name: str) -> Any:
    column = like.column(name)
    return (column.chunk(0) if column.num_chunks else column.combine_chunks()).dictionary


def parquet_rows(paths: Sequence[Path], like: Any) -> Iterator[Any]:
    """The rows of one worker's files, one after the other."""
    for path in paths:
        with pq.ParquetFile(path) as file:
            for rows in file.iter_batches(ROWS_AT_ONCE, columns=like.schema.names):
                yield conform(rows, like)


class PartFile:
    """One worker's rows of one table, in a hidden file until the merge."""

    def __init__(self, folder: Path, table: str, worker: int, schema: Any) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = (folder / f".part-{worker}-{table}.arrow.partial").open("wb")
        self._writer: Any = pa.ipc.new_stream(self._file, schema)

    def write(self, rows: Any) -> None:
        """Copy the rows to the disk."""
        self._writer.write_table(rows)

    def finish(self) -> None:
        """Close; the rows wait."""
        self._writer.close()
        self._file.close()


def part_paths(folder: Path, table: str) -> list[Path]:
    """What workers have left of a table."""
    return sorted(folder.glob(f".part-*-{table}.arrow.partial"))


def part_rows(path: Path) -> Iterator[Any]:
    """The rows of one worker as they came."""
    with path.open("rb") as file, pa.ipc.open_stream(file) as reader:
        for rows in reader:
            yield pa.Table.from_batches([rows])


def in_time_order(parts: Sequence[Iterator[Any]]) -> Iterator[Any]:
    """Streams of Arrow tables as one; see ``writers.time_order``."""
    return time_order.in_time_order(parts, ARROW)


def _sorted(pieces: Sequence[Any]) -> Any:
    rows = pa.concat_tables(pieces)
    keys = [times(rows), *(_order(rows, name) for name in ORDERED_BY if name in rows.schema.names)]
    order = np.lexsort(keys[::-1])
    return rows if (order[1:] > order[:-1]).all() else rows.take(pa.array(order))


def _order(rows: Any, name: str) -> Any:
    """As a market orders its rows: no word, the market as a whole, comes before all words."""
    places, words = codes(rows, name), _words(rows, name).to_pylist()
    return np.where(places == words.index(""), -1, places) if "" in words else places


def _cut(rows: Any, first: int, last: int) -> Any:
    return rows.slice(first, last - first)


ARROW: time_order.Handling[Any] = time_order.Handling(times, _cut, pa.concat_tables, _sorted)
