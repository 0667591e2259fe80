"""CSV files: ``OUT/csv/equities_trades-2025-07-01.csv``, with a header.

Times are whole numbers of ns since 1970, UTC: text would lose its last digits in readers that know microseconds only. A side of a book
(``bids``) is a column per level: ``bid_price_1``, ``bid_size_1``, ``bid_price_2`` …, best first, empty beyond the last level.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv

from simulator.errors import SinkError
from writers.feed.files import WholeFile
from writers.tables.sink import TableSink

LEVELS = pa.list_(pa.list_(pa.float64()))


class _CsvFile:
    def __init__(self, path: Path, like: Any, levels: int, compressed: bool) -> None:
        self._levels = levels
        self._file = WholeFile(path, compressed)
        self._writer: Any = pcsv.CSVWriter(self._file.file, flat(like, levels).schema)

    def write(self, rows: Any) -> None:
        self._writer.write_table(flat(rows, self._levels))

    def finish(self) -> None:
        self._writer.close()
        self._file.finish()

    def abandon(self) -> None:
        self._file.abandon()


class CsvSink(TableSink):
    """Writes CSV files into ``folder/csv``."""

    NAME = "csv"

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (), tables: Sequence[str] = (),
        compressed: bool = False,
    ) -> None:  # fmt: skip
        """``compressed``: by gzip."""
        super().__init__(folder, worker, venues=venues, symbols=symbols, tables=tables)
        self._compressed = compressed

    def start_file(self, path: Path, like: Any) -> _CsvFile:
        name = f"{path.name}.csv.gz" if self._compressed else f"{path.name}.csv"
        return _CsvFile(path.with_name(name), like, self.run.levels, self._compressed)


def flat(rows: Any, levels: int) -> Any:
    """The rows with nothing but numbers and words. Raises ``SinkError`` for a column that CSV has no place for."""
    columns: dict[str, Any] = {}
    for field in rows.schema:
        column = rows.column(field.name).combine_chunks()
        if field.type == LEVELS:
            columns |= _by_level(field.name.removesuffix("s"), column, levels)
        elif pa.types.is_timestamp(field.type):
            columns[field.name] = column.view(pa.int64())
        elif pa.types.is_dictionary(field.type):
            columns[field.name] = column.cast(pa.string())
        elif pa.types.is_nested(field.type):
            raise SinkError(f"The column {field.name} is of type {field.type}, and CSV has no place for it. Choose --writer arrow.")
        else:
            columns[field.name] = column
    return pa.table(columns)


def _by_level(name: str, column: Any, levels: int) -> dict[str, Any]:
    """Columns of each level's price and size, from rows of two lists, prices and sizes."""
    inner = column.flatten()
    counts = np.diff(inner.offsets.to_numpy())[::2] if len(inner) else np.zeros(0, np.int32)
    there = np.broadcast_to((np.arange(levels) < counts[:, None])[:, None], (len(column), 2, levels))
    values = np.zeros((len(column), 2, levels))
    values[there] = inner.flatten().to_numpy()
    made = {}
    for level in range(levels):
        absent = counts <= level
        made[f"{name}_price_{level + 1}"] = pa.array(values[:, 0, level], mask=absent)
        made[f"{name}_size_{level + 1}"] = pa.array(values[:, 1, level].astype(np.int64), mask=absent)
    return made
