"""``TableSink``: what CSV and Arrow share as writers. One file per table and trading day, all workers' rows in it in time order.

    OUT/csv/equities_trades-2025-07-01.csv

Rows come as batches from a run, or as Arrow from the Parquet files of one; either way the same code makes the same bytes. With several
workers each keeps its rows in hidden files, and the launcher calls ``merge`` when all have ended.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import numpy as np
import pyarrow as pa

from simulator.errors import InputError, SinkError, explain
from simulator.inputs.sessions import trading_days
from simulator.records import Batch
from simulator.tape.arrow import to_table
from simulator.tape.sink import RunInfo
from writers.parquet_hours import PREFIX
from writers.tables.rows import PartFile, codes, in_time_order, part_paths, part_rows, schema_of, times


class TableFile(Protocol):
    """The file of a table and a day."""

    def write(self, rows: Any) -> None:
        """Take some rows, as ``pyarrow.Table``."""

    def finish(self) -> None:
        """Give the file its name."""

    def abandon(self) -> None:
        """Leave nothing behind."""


class TableSink:
    """A writer of all tables. Subclasses say what a file is."""

    NAME: ClassVar[str]
    """Of the format, and of the folder in OUT that holds its files."""

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (), tables: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """``venues``, ``symbols`` and ``tables``: those to write, by default all."""
        self.folder = Path(folder) / self.NAME
        self.venues = (venues,) if isinstance(venues, str) else tuple(venues)
        self.symbols = (symbols,) if isinstance(symbols, str) else tuple(symbols)
        self._asked = (tables,) if isinstance(tables, str) else tuple(tables)
        self.run: RunInfo
        self.tables: tuple[str, ...] = ()
        self._parts: dict[str, PartFile] = {}
        self._files: dict[str, tuple[int, TableFile]] = {}
        """The day of each table that is at hand: its place among the run's days."""
        self._written: set[tuple[str, int]] = set()

    def open(self, run: RunInfo) -> None:
        """Raises ``InputError`` for names that the run does not have."""
        self.run = run
        for what, names, known in (
            ("venue", self.venues, run.venues), ("symbol", self.symbols, run.symbols), ("table", self._asked, run.tables),
        ):  # fmt: skip
            for name in names:
                if name not in known:
                    raise InputError(explain(f"--{what}", name, f"the run has {', '.join(known)}", f"Name a {what} of the run."))
        self.tables = tuple(table for table in run.tables if table in (self._asked or run.tables))
        self._like = {table: schema_of(table, run) for table in self.tables}
        self._days = trading_days(run.start_ns, run.end_ns)
        self._ends = np.array([day.end_ns for day in self._days], np.int64)
        self._written = set()
        if run.workers > 1:
            with self._disk_errors():
                self._parts = {
                    table: PartFile(self.folder, table, run.worker, like.schema) for table, like in self._like.items()
                }  # fmt: skip

    def start_file(self, path: Path, like: Any) -> TableFile:
        """Begin the file of a table and a day; ``path`` lacks the suffix, ``like`` is a table without rows."""
        raise NotImplementedError

    def write(self, batch: Batch) -> None:
        """Take rows. Raises ``SinkError``."""
        if batch.table in self.tables and len(batch):
            self._write_rows(batch.table, to_table(batch, self.run))

    def close(self, complete: bool) -> None:
        """Finish the days at hand; of a run that ended early they are dropped, and the days before stay. Raises ``SinkError``."""
        with self._disk_errors():
            if self.run.workers > 1:
                for part in self._parts.values():
                    part.finish()
                self._parts = {}
                return
            if not complete:
                self._abandon()
                return
            for table in self.tables:
                self._next_day(table, None)
            for day in sorted({day for _, day in self._written} or {0}):  # a table without rows has a file all the same
                for table in self.tables:
                    if (table, day) not in self._written:
                        self._next_day(table, day)
                        self._next_day(table, None)

    def merge(self, run: RunInfo, complete: bool) -> None:
        """Make the files of what the workers have kept, and drop that. ``run`` is any worker's. Raises ``SinkError``."""
        kept = {table: part_paths(self.folder, table) for table in run.tables}
        try:
            if complete and any(kept.values()):
                self.open(replace(run, worker=0, workers=1))
                self.write_all({table: in_time_order([part_rows(path) for path in kept[table]]) for table in self.tables})
        finally:
            for path in (path for paths in kept.values() for path in paths):
                path.unlink(missing_ok=True)

    def write_all(self, rows: Mapping[str, Iterable[Any]]) -> None:
        """Write all rows, as ``pyarrow.Table`` by table, and close. If that fails, nothing of the days at hand stays."""
        complete = False
        try:
            for table in self.tables:
                for part in rows[table]:
                    self._write_rows(table, part)
            complete = True
        finally:
            self.close(complete)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.close(kind is None)

    def _write_rows(self, table: str, rows: Any) -> None:
        rows = self._chosen(rows)
        if not len(rows):
            return
        with self._disk_errors():
            if self._parts:
                self._parts[table].write(rows)
                return
            days = np.searchsorted(self._ends, times(rows), side="right")
            for day in np.unique(days).tolist():
                first, last = np.searchsorted(days, [day, day + 1]).tolist()
                open_day, file = self._files.get(table, (None, None))
                if file is None or open_day != day:
                    file = self._next_day(table, day)
                assert file is not None
                file.write(rows.slice(first, last - first))

    def _chosen(self, rows: Any) -> Any:
        """The rows of the venues and symbols asked for; those of a table that has none are for all."""
        for name, asked in (("venue", self.venues), ("symbol", self.symbols)):
            if asked and len(rows) and name in rows.schema.names:
                words = rows.column(name).combine_chunks().dictionary.to_pylist()
                rows = rows.filter(pa.array(np.isin(codes(rows, name), [words.index(word) for word in asked])))
        return rows

    def _next_day(self, table: str, day: int | None) -> TableFile | None:
        """End the file at hand of a table and begin that of another day, if any."""
        if table in self._files:
            self._files[table][1].finish()
            del self._files[table]
        if day is None:
            return None
        path = self.folder / f"{PREFIX}{table}{self.run.suffix}-{self._days[day].date}"
        file = self.start_file(path, self._like[table])
        self._files[table] = (day, file)
        self._written.add((table, day))
        return file

    def _abandon(self) -> None:
        for _, file in self._files.values():
            file.abandon()
        self._files = {}

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Translate what the disk says; drop what cannot be finished."""
        try:
            yield
        except (OSError, SinkError, pa.ArrowException) as error:
            with contextlib.suppress(OSError):
                self._abandon()
            if isinstance(error, SinkError):
                raise
            raise SinkError(
                f"Writing {self.NAME} to {self.folder} failed: {error}. The days at hand were dropped. "
                "Free some space, or choose another folder with --out."
            ) from error
