"""Rows kept in memory up to a limit, as numpy, Arrow or pandas: for tests, notebooks and short runs."""

from __future__ import annotations

import numpy as np

from simulator.errors import SinkError
from simulator.records import Batch, columns
from simulator.tape.memory import MemoryRows, empty_batch
from simulator.tape.sink import RunInfo

MEMORY_LIMIT_BYTES = 2_000_000_000


def estimate_bytes(levels: int, rows: dict[str, int]) -> int:
    """Bytes that so many rows by table take as kept here; Arrow and pandas views come on top."""
    return sum(count * _row_bytes(table, levels) for table, count in rows.items())


class MemorySink(MemoryRows):
    """Keeps copies of all batches, up to a limit. What is kept can be read at any time, and after ``close``."""

    def __init__(self, memory_limit_bytes: int = MEMORY_LIMIT_BYTES) -> None:
        super().__init__()
        self._limit = memory_limit_bytes
        self._bytes = 0

    def open(self, run: RunInfo) -> None:
        super().open(run)
        self._bytes = 0

    def write(self, batch: Batch) -> None:
        """Copy the rows. Raises ``SinkError`` when the limit would be passed; what is kept stays readable."""
        size = sum(column.nbytes for _, column in columns(batch))
        if self._bytes + size > self._limit:
            kept = ", ".join(f"{count:,} of {table}" for table, count in self.rows().items())
            raise SinkError(
                f"The rows do not fit in memory: they would take {self._bytes + size:,} bytes, the limit is {self._limit:,} "
                f"(rows kept: {kept}). Raise --memory_limit, shorten the run, or use --writer parquet."
            )
        self._bytes += size
        super().write(batch)


def _row_bytes(table: str, levels: int) -> int:
    return sum(column.itemsize * int(np.prod(column.shape[1:])) for _, column in columns(empty_batch(table, levels)))
