"""Rows kept in memory, as numpy, Arrow or pandas: for tests, notebooks and short runs."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from simulator.errors import SinkError
from simulator.records import BATCH_TYPES, Batch, columns
from simulator.tape import RunInfo

MEMORY_LIMIT_BYTES = 2_000_000_000
DTYPES = {"I32": np.int32, "I64": np.int64, "F64": np.float64}


def estimate_bytes(levels: int, rows: dict[str, int]) -> int:
    """Bytes that so many rows by table take as kept here; Arrow and pandas views come on top."""
    return sum(count * _row_bytes(table, levels) for table, count in rows.items())


class MemorySink:
    """Keeps copies of all batches, up to a limit. What is kept can be read at any time, and after ``close``."""

    def __init__(self, memory_limit_bytes: int = MEMORY_LIMIT_BYTES) -> None:
        self._limit = memory_limit_bytes
        self._bytes = 0
        self._run: RunInfo | None = None
        self._kept: dict[str, list[Batch]] = {}

    def open(self, run: RunInfo) -> None:
        self._run = run
        self._bytes = 0
        self._kept = {table: [] for table in run.tables}

    def write(self, batch: Batch) -> None:
        """Copy the rows. Raises ``SinkError`` when the limit would be passed; what is kept stays readable."""
        size = sum(column.nbytes for _, column in columns(batch))
        if self._bytes + size > self._limit:
            kept = ", ".join(f"{sum(map(len, batches)):,} of {table}" for table, batches in self._kept.items())
            raise SinkError(
                f"The rows do not fit in memory: they would take {self._bytes + size:,} bytes, the limit is {self._limit:,} "
                f"(rows kept: {kept}). Raise --memory_limit, shorten the run, or use --writer parquet."
            )
        self._bytes += size
        self._kept[batch.table].append(type(batch)(**{name: column.copy() for name, column in columns(batch)}))  # type: ignore[arg-type]

    def close(self, complete: bool) -> None:
        pass

    def numpy(self, table: str) -> Batch:
        """All rows of a table as one batch, which is the sink's own: copy it before you change it."""
        kept = self._kept[table]
        if len(kept) != 1:  # put together once, so that the rows are not held twice
            parts = kept or [_empty(table, self._told.levels)]
            joined = {name: np.concatenate([getattr(b, name) for b in parts]) for name, _ in columns(parts[0])}
            kept[:] = [BATCH_TYPES[table](**joined)]
        return kept[0]

    def arrow(self, table: str) -> Any:
        """All rows of a table as a ``pyarrow.Table``, as the Parquet files have them."""
        from writers.arrow import to_table

        return to_table(self.numpy(table), self._told)

    def tables(self) -> dict[str, Any]:
        """All rows as Arrow tables, by table."""
        return {table: self.arrow(table) for table in self._kept}

    def pandas(self, table: str) -> Any:
        """All rows of a table as a ``pandas.DataFrame``; each of ``bids`` and ``asks`` is float64[2, N], prices and sizes."""
        from writers.arrow import to_frame

        return to_frame(self.numpy(table), self._told)

    @property
    def _told(self) -> RunInfo:
        assert self._run is not None  # open comes first
        return self._run


def _row_bytes(table: str, levels: int) -> int:
    return sum(column.itemsize * int(np.prod(column.shape[1:])) for _, column in columns(_empty(table, levels)))


def _empty(table: str, levels: int) -> Batch:
    """A batch without rows."""
    kind = BATCH_TYPES[table]
    shapes = {"quotes": (0, 4, levels)}
    batch: Batch = kind(**{f.name: np.zeros(shapes.get(f.name, 0), DTYPES[str(f.type)]) for f in fields(kind)})
    return batch
