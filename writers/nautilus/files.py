"""The files of a catalog, one per class and instrument, and where rows wait until there are enough for a row group."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from simulator.inputs.sessions import format_ts
from simulator.records import I64

ROWS = 5_000
"""In a row group, as its own writer has; fewer would cost time, and more bytes."""
TIMES = ["ts_event", "ts_init"]
SELDOM_REPEATED = frozenset((*TIMES, "sequence", "order_id", "trade_id"))


class Waiting:
    """Rows of all files of a writer, in one file without a name: what waits for its row group costs no memory, however many books."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(prefix=".rows.", suffix=".partial", dir=folder, buffering=0)  # noqa: SIM115 (the writer's, until its day ends)
        self._end = 0

    def room(self, size: int) -> int:
        """The place of so many bytes, which are the caller's from now on."""
        place = self._end
        self._end += size
        return place

    def put(self, place: int, rows: Any) -> None:
        content = np.ascontiguousarray(rows).data.cast("B")
        self._file.seek(place)
        while content:
            content = content[self._file.write(content) :]

    def get(self, place: int, count: int, width: int, dtype: Any) -> Any:
        """[count, width]"""
        rows = np.empty((count, width), dtype)
        self._file.seek(place)
        content = rows.data.cast("B")
        while content:
            content = content[self._file.readinto(content) :]
        return rows

    def close(self) -> None:
        self._file.close()


class ClassFile:
    """The rows of one class and instrument."""

    def __init__(self, folder: Path, encode: Any, waiting: Waiting, parts: Sequence[tuple[int, Any]]) -> None:
        """``parts``: width and dtype of each array that a row is made of."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._encode = encode
        self._waiting = waiting
        self._parts = [(waiting.room(ROWS * width * np.dtype(dtype).itemsize), width, dtype) for width, dtype in parts]
        self._path = folder / ".rows.parquet.partial"
        self._writer: Any = None
        self._count = 0
        """Of the rows that wait."""
        self._first_ns = self._last_ns = 0

    def write(self, rows: I64, *others: Any) -> None:
        """``rows`` [columns, n], the time last; ``others`` [n, width] besides."""
        if not self._last_ns:
            self._first_ns = int(rows[-1, 0])
        self._last_ns = int(rows[-1, -1])
        first, count = 0, rows.shape[1]
        while first < count:
            last = min(count, first + ROWS - self._count)
            for (place, width, dtype), part in zip(self._parts, (rows.T, *others), strict=True):
                start = place + self._count * width * np.dtype(dtype).itemsize
                self._waiting.put(start, part[first:last].astype(dtype, copy=False))
            self._count += last - first
            first = last
            if self._count == ROWS:
                self._flush()

    def finish(self) -> None:
        if self._count:
            self._flush()
        self._writer.close()
        first, last = stamp(self._first_ns), stamp(self._last_ns)
        os.replace(self._path, self._folder / f"{first}_{last}.parquet")

    def abandon(self) -> None:
        if self._writer is not None:
            with contextlib.suppress(Exception):
                self._writer.close()
        self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        rows, *others = (self._waiting.get(place, self._count, width, dtype) for place, width, dtype in self._parts)
        table = self._encode(np.ascontiguousarray(rows.T), *others)
        if self._writer is None:
            # Its reader looks at the times only: statistics of others cost time, and a dictionary of what seldom repeats time and bytes.
            repeated = [name for name in table.schema.names if name not in SELDOM_REPEATED]
            self._writer = pq.ParquetWriter(self._path, table.schema, write_statistics=TIMES, use_dictionary=repeated)
        self._writer.write_table(table, row_group_size=self._count)
        self._count = 0


def write_small(folder: Path, table: Any, first_ns: int, last_ns: int) -> None:
    """A file of a few rows, at once."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / ".rows.parquet.partial"
    try:
        pq.write_table(table, partial)
        os.replace(partial, folder / f"{stamp(first_ns)}_{stamp(last_ns)}.parquet")
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def stamp(ts_ns: int) -> str:
    """A time in the names of files."""
    return format_ts(ts_ns).translate(str.maketrans(":.", "--"))
