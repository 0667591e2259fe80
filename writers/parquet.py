"""Parquet: one dataset a table, partitioned by date and hour (UTC), one file a worker and hour.

    OUT/equities_market_data/date=2025-07-01/hour=13/part-0.parquet
    OUT/equities_trades/…                          OUT/manifest.json

An hour appears whole, with the parts of all workers, or not at all (``parquet_hours``).
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import InputError, SinkError, explain
from simulator.inputs.manifest import MANIFEST, Manifest
from simulator.inputs.run_record import RunRecord
from simulator.records import NS_PER_HOUR, Batch, slice_batch
from simulator.tape.arrow import to_table
from simulator.tape.sink import RunInfo
from writers.formats import FORMATS, is_file_of
from writers.parquet_hours import END, OUR_FILE, PREFIX, UNFINISHED, Hours, drop_other_hours, end_unfinished, hour_path, whole_hours

REPORT = "report.html"
"""The page about a run, which it may leave beside its rows."""
BARS = "bars.sql"
"""A query for DuckDB over them, which begins so:"""
BARS_FIRST_LINE = "-- equities-market-simulator: one-minute bars with the NBBO"
ROW_GROUP_ROWS = 65_536
OUR_RESULT = re.compile(r"[^/]+/\.?(orders|fills|positions|records)\.parquet(\.partial)?")


class _File:
    """The file of one table and hour that is being written."""

    def __init__(self, final: Path, schema: Any) -> None:
        self.final = final
        self.partial = final.with_name(f".{final.name}.partial")
        scalars = [field.name for field in schema if not pa.types.is_list(field.type)]
        try:
            # Statistics of the levels help no query, and cost a tenth of the time.
            self._writer = pq.ParquetWriter(self.partial, schema, compression="zstd", compression_level=1, write_statistics=scalars)
        except BaseException:
            self.partial.unlink(missing_ok=True)
            raise
        self._pending: list[Any] = []
        self._pending_rows = 0
        self._whole = True

    def write(self, table: Any) -> None:
        self._pending.append(table)
        self._pending_rows += len(table)
        if self._pending_rows >= ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            rows = pa.concat_tables(self._pending).combine_chunks()
            self._whole = False  # until the row group is out: a Ctrl-C may come in between
            self._writer.write_table(rows, row_group_size=len(rows))
            self._pending, self._pending_rows = [], 0
            self._whole = True

    def finish(self, name: str | None = None) -> None:
        """Close the file and give it its name, or another; drop it if a row group of it is not whole."""
        if not self._whole:
            self.abandon()
            return
        self._flush()
        self._writer.close()
        os.replace(self.partial, self.final if name is None else self.final.with_name(name))

    def abandon(self) -> None:
        """Leave nothing behind."""
        with contextlib.suppress(Exception):
            self._writer.close()
        self.partial.unlink(missing_ok=True)


def _as_it_is(rows: Any) -> Any:
    """A function with a name, because a sink is copied to each process of ``simulate``."""
    return rows


class ParquetSink:
    """Writes into an existing folder (see ``prepare_folder``)."""

    def __init__(self, folder: Path, present: Collection[tuple[str, int]] = (), shape: Callable[[Any], Any] = _as_it_is) -> None:
        """``present``: (dataset, hour since the epoch) of what is there already, whole, and is left as it is. ``shape``: gives a
        ``pyarrow.Table`` of rows the columns that the files are to have."""
        self._shape = shape
        self._folder = Path(folder)
        self._present = frozenset(present)
        self._run: RunInfo | None = None
        self._files: dict[str, tuple[int, _File]] = {}
        self._hours: dict[str, Hours] = {}
        self._complete: list[Path] = []
        self._broken = False

    def open(self, run: RunInfo) -> None:
        self._run = run
        self._hours = {
            table: Hours(self._folder, dataset_name(table, run.suffix), run.worker, run.workers) for table in run.tables
        }  # fmt: skip

    def write(self, batch: Batch) -> None:
        """Take rows; they reach the disk a row group at a time. Raises ``SinkError``, after which only ``close`` may follow."""
        assert not self._broken
        hours = batch.ts_ns // NS_PER_HOUR
        for hour in np.unique(hours).tolist():
            first, last = np.searchsorted(hours, [hour, hour + 1]).tolist()
            with self._disk_errors():
                self._write_hour(batch.table, hour, slice_batch(batch, first, last))

    def close(self, complete: bool) -> None:
        """Finish the files at hand. Of a run that ended early their rows are whole and their hours are not: their names say so."""
        assert self._run is not None
        if not self._broken:
            with self._disk_errors():
                for table in list(self._files):
                    self._finish(table, is_whole=complete)
                if complete:
                    for hours in self._hours.values():
                        hours.passed(END)
        if self._run.workers == 1 and (self._broken or not complete):  # else the parent does it when all have ended
            end_unfinished(self._folder)

    def _write_hour(self, table: str, hour: int, batch: Batch) -> None:
        assert self._run is not None
        open_hour, file = self._files.get(table, (None, None))
        if file is not None and open_hour != hour:
            self._finish(table)
            self._hours[table].passed(hour)
            file = None
        if (self._hours[table].shown.name, hour) in self._present:
            return
        rows = self._shape(to_table(batch, self._run))
        if file is None:
            file = _File(self._hours[table].part(hour), rows.schema)
            self._files[table] = (hour, file)
        file.write(rows)

    def _finish(self, table: str, *, is_whole: bool = True) -> None:
        hour, file = self._files[table]
        file.finish(None if is_whole else f"{file.final.stem}.unfinished.parquet")
        self._complete.append(self._hours[table].shown / hour_path(hour) / file.final.name)
        del self._files[table]

    @contextlib.contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Translate what the disk says; drop the files that cannot be finished."""
        try:
            yield
        except (OSError, pa.ArrowException) as error:
            self._broken = True
            for _, file in self._files.values():
                file.abandon()
            self._files.clear()
            done = f"{len(self._complete)}, the last {self._complete[-1]}" if self._complete else "none"
            raise SinkError(
                f"Writing Parquet to {self._folder} failed: {error}. The hour at hand was dropped. Files complete: {done}. "
                "Free some space, or choose another folder with --out."
            ) from error


def dataset_name(table: str, suffix: str) -> str:
    """The folder of a table."""
    return f"{PREFIX}{table}{suffix}"


def prepare_folder(folder: Path, overwrite: bool, written: Collection[str] = ()) -> None:
    """Make ``folder`` ready for a run: new, empty, or (``overwrite``) cleared of an earlier run of ours. Raises ``InputError``.

    ``written``: more files that the earlier run is known to have left, by their paths in the folder.
    """
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        entries = list(folder.iterdir())
        if entries and not overwrite:
            raise InputError(
                explain(
                    "--out", str(folder), "the folder is not empty, and a run never overwrites", "Add --overwrite true, or name another."
                )
            )
        if entries:
            _clear(folder, entries, written)
        probe = folder / ".probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        remedy = "Choose a folder that you may write to."
        raise InputError(explain("--out", str(folder), f"it cannot be written: {error.strerror or error}", remedy)) from error


def continue_folder(folder: Path, before: Manifest, record: RunRecord) -> frozenset[tuple[str, int]]:
    """Make the folder of a run ready to be continued: whole hours stay and are returned, as ``ParquetSink`` wants them.

    ``before``: what is there; ``record``: of the run as it is to become, perhaps with a later end. Raises ``InputError``.
    """
    datasets = [dataset_name(table, before.suffix) for table in before.record.tables]
    try:
        kept = whole_hours(folder, datasets)
        if record.end_ns > before.record.end_ns:  # the hour of the end of before goes on
            kept = {(dataset, hour) for dataset, hour in kept if (hour + 1) * NS_PER_HOUR <= before.record.end_ns}
        if record.total_market_data_events != before.record.total_market_data_events and not before.complete:
            newest = max((hour for _, hour in kept), default=0)  # the count may have ended the run in it
            kept = {(dataset, hour) for dataset, hour in kept if hour < newest}
        drop_other_hours(folder, datasets, kept)
    except OSError as error:
        remedy = "Choose a folder that you may write to."
        raise InputError(explain("--out", str(folder), f"it cannot be continued: {error.strerror or error}", remedy)) from error
    return frozenset(kept)


def _clear(folder: Path, entries: list[Path], written: Collection[str]) -> None:
    """Remove an earlier run, finished or not, if that is all there is."""
    ours = [entry for entry in entries if _is_ours(entry) or _is_written(folder, entry, written)]
    foreign = sorted(entry.name for entry in entries if entry not in ours)
    if foreign:
        raise InputError(
            explain(
                "--out", str(folder), f"it holds things that no run wrote ({', '.join(foreign[:3])})", "Move them, or name another folder."
            )
        )
    for entry in ours:
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _is_ours(entry: Path) -> bool:
    """Whether a run left it: a manifest, or a folder that holds nothing but a dataset's files."""
    if entry.is_symlink():
        return False
    if entry.is_file():
        if entry.name == REPORT:
            return _has(entry, b'content="equities-market-simulator report"', 400)
        if entry.name == BARS:
            return _has(entry, BARS_FIRST_LINE.encode(), 100)
        return entry.name in (f".{MANIFEST}.partial", f".{REPORT}.partial") or (entry.name == MANIFEST and _is_manifest(entry))
    paths = [path.relative_to(entry).as_posix() for path in entry.rglob("*") if path.is_symlink() or not path.is_dir()]
    if entry.name in FORMATS:
        return all(is_file_of(entry.name, path) for path in paths)
    if entry.name == UNFINISHED:
        return all(part.name.startswith(PREFIX) and _is_ours(part) for part in entry.iterdir())
    pattern = OUR_RESULT if entry.name == "agents" else OUR_FILE
    return (entry.name == "agents" or entry.name.startswith(PREFIX)) and all(pattern.fullmatch(path) for path in paths)


def _is_written(folder: Path, entry: Path, written: Collection[str]) -> bool:
    """Whether it is such a file, or a folder that holds nothing else."""
    there = [path for path in (entry, *entry.rglob("*")) if path.is_symlink() or not path.is_dir()]
    names = [path.relative_to(folder).as_posix() for path in there]
    return bool(names) and all(name in written for name in names) and not any(path.is_symlink() for path in there)


def _is_manifest(path: Path) -> bool:
    """Whether it says so; of another version, or damaged, it is a run's all the same."""
    return _has(path, b'"format": "equities-market-simulator/', 200)


def _has(path: Path, words: bytes, first: int) -> bool:
    """Whether they stand among the file's first bytes."""
    with contextlib.suppress(OSError), path.open("rb") as file:
        return words in file.read(first)
    return False


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest beside the rows, whole or not at all. Raises ``SinkError``."""
    path = Path(folder) / MANIFEST
    partial = path.with_name(f".{MANIFEST}.partial")
    try:
        partial.write_text(manifest.to_json(indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        has_rows = next(Path(folder).rglob("part-*.parquet"), None) is not None
        rows = "The rows beside it stay." if has_rows else "There are no rows beside it: the folder was removed or emptied meanwhile."
        raise SinkError(f"The manifest {path} could not be written: {error}. {rows}") from error
