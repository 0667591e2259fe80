"""Rows kept in memory, as numpy, Arrow or pandas: for tests, notebooks and short runs."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.errors import SinkError
from simulator.records import BATCH_TYPES, Batch, columns
from simulator.tape import RunInfo

MEMORY_LIMIT_BYTES = 2_000_000_000
ROW_BYTES = {"trades": 32, "orders": 72, "truth": 96}


def estimate_bytes(levels: int, rows: dict[str, int]) -> int:
    """Bytes that so many rows take as numpy arrays."""
    per_row = {**ROW_BYTES, "market_data": 24 + 16 * levels}
    return sum(per_row[table] * count for table, count in rows.items())


class MemorySink:
    """Keeps copies of all batches, up to a limit."""

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
            raise SinkError(
                f"The rows do not fit in memory: {self._bytes + size:,} bytes, the limit is {self._limit:,}. "
                "Raise --memory_limit, shorten the run, or use --writer parquet."
            )
        self._bytes += size
        self._kept[batch.table].append(type(batch)(**{name: column.copy() for name, column in columns(batch)}))  # type: ignore[arg-type]

    def close(self, complete: bool) -> None:
        pass

    def numpy(self, table: str) -> Batch | None:
        """All rows of a table as one batch; None if there are none."""
        kept = self._kept[table]
        if not kept:
            return None
        joined = {name: np.concatenate([getattr(b, name) for b in kept]) for name, _ in columns(kept[0])}
        batch: Batch = BATCH_TYPES[table](**joined)
        return batch

    def arrow(self, table: str) -> Any:
        """All rows of a table as a ``pyarrow.Table``; None if there are none."""
        from writers.arrow import to_table

        assert self._run is not None
        batch = self.numpy(table)
        return None if batch is None else to_table(batch, self._run)

    def pandas(self, table: str) -> Any:
        """All rows of a table as a ``pandas.DataFrame``; bids and asks are arrays of two arrays, prices and sizes."""
        rows = self.arrow(table)
        return None if rows is None else rows.to_pandas()
