"""What a worker keeps for a format with one file for all: its rows of the tables needed, each as Arrow IPC in a hidden file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from simulator.records import BATCH_TYPES, Batch, columns


class PartFile:
    """Grows in the folder of the format until ``finish``."""

    def __init__(self, folder: Path, worker: int, table: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f".part-{worker}-{table}.arrow.partial"
        self._file = self._path.open("wb")
        self._writer: Any = None

    def write(self, batch: Batch) -> None:
        """Copy the rows to the disk."""
        rows = pa.record_batch({name: pa.array(column) for name, column in columns(batch)})
        if self._writer is None:
            self._writer = pa.ipc.new_stream(self._file, rows.schema)
        self._writer.write_batch(rows)

    def finish(self) -> None:
        """Close; the rows wait for the merge."""
        if self._writer is not None:
            self._writer.close()
        self._file.close()


def part_paths(folder: Path, table: str) -> list[Path]:
    """What workers have left there of a table."""
    return sorted(folder.glob(f".part-*-{table}.arrow.partial"))


def read_part(path: Path, table: str) -> Iterator[Any]:
    """The rows of one worker, batch by batch as they came."""
    if path.stat().st_size == 0:
        return
    with path.open("rb") as file:
        for rows in pa.ipc.open_stream(file):
            yield BATCH_TYPES[table](**{name: rows.column(name).to_numpy() for name in rows.schema.names})
