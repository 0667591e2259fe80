"""Arrow IPC files: ``OUT/arrow/equities_trades-2025-07-01.arrow``, columns and types as in Parquet (``docs/tables.md``).

Batches of 65,536 rows, compressed by zstd or lz4, or not at all, so that a file can be mapped into memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

from simulator.errors import InputError, explain
from writers.feed.files import WholeFile
from writers.tables.sink import TableSink

ROWS = 65_536
COMPRESSIONS = ("zstd", "lz4", "none")


class _ArrowFile:
    """Keeps rows until there are enough for a batch: the same batches whatever pieces they came in."""

    def __init__(self, path: Path, schema: Any, compression: str) -> None:
        self._file = WholeFile(path)
        options = pa.ipc.IpcWriteOptions(compression=None if compression == "none" else compression)
        self._writer: Any = pa.ipc.new_file(self._file.file, schema, options=options)
        self._pending: list[Any] = []
        self._count = 0

    def write(self, rows: Any) -> None:
        self._pending.append(rows)
        self._count += len(rows)
        while self._count >= ROWS:
            self._flush(ROWS)

    def finish(self) -> None:
        if self._count:
            self._flush(self._count)
        self._writer.close()
        self._file.finish()

    def abandon(self) -> None:
        self._file.abandon()

    def _flush(self, count: int) -> None:
        rows = pa.concat_tables(self._pending).combine_chunks()
        (batch,) = rows.slice(0, count).to_batches()
        self._writer.write_batch(batch)
        self._pending, self._count = [rows.slice(count)], self._count - count


class ArrowSink(TableSink):
    """Writes Arrow IPC files into ``folder/arrow``."""

    NAME = "arrow"

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (), tables: Sequence[str] = (),
        compression: Literal["zstd", "lz4", "none"] = "zstd",
    ) -> None:  # fmt: skip
        """``compression``: zstd, lz4 or none. Raises ``InputError``."""
        super().__init__(folder, worker, venues=venues, symbols=symbols, tables=tables)
        if compression not in COMPRESSIONS:
            raise InputError(explain("--compression", compression, f"must be {', '.join(COMPRESSIONS)}", "zstd is the default."))
        self._compression = compression

    def start_file(self, path: Path, like: Any) -> _ArrowFile:
        return _ArrowFile(path.with_name(f"{path.name}.arrow"), like.schema, self._compression)
