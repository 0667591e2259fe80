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

from simulator.errors import SinkError
from simulator.inputs.sessions import format_ts
from simulator.records import I64

ROWS = 20_000
"""In a row group. Of each some 55 kB stay in memory until its file ends, for a depth's 66 columns: fewer rows would cost memory."""
HELD_MAX = 64 << 20
"""Bytes of rows in memory, of all files of a writer."""
TIMES = ["ts_event", "ts_init"]
SELDOM_REPEATED = frozenset((*TIMES, "sequence", "order_id", "trade_id"))


class Waiting:
    """What waits for its row group: in memory while there is little of it, then in a file without a name, however many books there are."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(prefix=".rows.", suffix=".partial", dir=folder, buffering=0)  # noqa: SIM115 (until its day ends)
        self._end = 0
        self._held = 0
        self.files: list[ClassFile] = []
        """Whose rows wait here."""

    def room(self, size: int) -> int:
        """The place of so many bytes of the file, which are the caller's from now on."""
        place = self._end
        self._end += size
        return place

    def hold(self, size: int) -> None:
        """So many bytes more, or less, are in memory."""
        self._held += size
        if self._held > HELD_MAX:
            for file in self.files:
                file.put_aside()
            self._held = 0

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

    def __init__(self, folder: Path, encode: Any, waiting: Waiting, parts: Sequence[tuple[int, Any]], span_ns: tuple[int, int]) -> None:
        """``parts``: width and dtype of each array that a row is made of. ``span_ns``: of the day. Raises ``SinkError``."""
        refuse_twice(folder, *span_ns)
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._encode = encode
        self._waiting = waiting
        self._parts = [(waiting.room(ROWS * width * np.dtype(dtype).itemsize), width, dtype) for width, dtype in parts]
        self._path = folder / ".rows.parquet.partial"
        self._writer: Any = None
        self._aside = 0
        """Of the rows that wait, those in the file; the others, which follow them, are in memory."""
        self._held: list[tuple[Any, ...]] = []
        self._count = 0
        """Of the rows that wait."""
        self._first_ns = self._last_ns = 0
        waiting.files.append(self)

    def write(self, rows: I64, *others: Any) -> None:
        """``rows`` [columns, n], the time last; ``others`` [n, width] besides. All are copied."""
        if not self._last_ns:
            self._first_ns = int(rows[-1, 0])
        self._last_ns = int(rows[-1, -1])
        first, count = 0, rows.shape[1]
        while first < count:
            last = min(count, first + ROWS - self._count)
            pieces = zip(self._parts, (rows.T, *others), strict=True)
            self._held.append(tuple(np.array(part[first:last], dtype, order="C") for (_, _, dtype), part in pieces))
            self._count += last - first
            first = last
            if self._count == ROWS:
                self._waiting.hold(-_size(self._held[:-1]))
                self._flush()
            else:
                self._waiting.hold(_size(self._held[-1:]))

    def put_aside(self) -> None:
        """From memory into the file."""
        for pieces in self._held:
            for (place, width, dtype), rows in zip(self._parts, pieces, strict=True):
                self._waiting.put(place + self._aside * width * np.dtype(dtype).itemsize, rows)
            self._aside += len(pieces[0])
        self._held = []

    def finish(self) -> None:
        if self._count:
            self._waiting.hold(-_size(self._held))
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
        aside = [tuple(self._waiting.get(place, self._aside, width, dtype) for place, width, dtype in self._parts)] if self._aside else []
        rows, *others = (np.concatenate(pieces) for pieces in zip(*aside, *self._held, strict=True))
        self._held, self._aside = [], 0
        table = self._encode(np.ascontiguousarray(rows.T), *others)
        if self._writer is None:
            # Its reader looks at the times only: statistics of others cost time, and a dictionary of what seldom repeats time and bytes.
            repeated = [name for name in table.schema.names if name not in SELDOM_REPEATED]
            self._writer = pq.ParquetWriter(self._path, table.schema, write_statistics=TIMES, use_dictionary=repeated)
        self._writer.write_table(table, row_group_size=self._count)
        self._count = 0


def refuse_twice(folder: Path, first_ns: int, end_ns: int) -> None:
    """Raise ``SinkError`` for a folder that has rows of these times: a catalog's reader would take them for two parts of one day."""
    for path in folder.glob("*.parquet"):
        first, _, last = path.stem.partition("_")
        if last >= stamp(first_ns) and first < stamp(end_ns):
            raise SinkError(f"{path} has rows of that day already. Name another folder, or add --overwrite true.")


def _size(held: Sequence[tuple[Any, ...]]) -> int:
    return sum(part.nbytes for pieces in held for part in pieces)


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
