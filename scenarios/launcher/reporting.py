"""The report at the end of a run: the numbers that its workers have gathered, and some minutes read from its files; or all of it read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from simulator.errors import SinkError, explain
from simulator.records import Batch
from simulator.tape.sink import RunInfo, Sink

if TYPE_CHECKING:
    from simulator.analysis.report.rows import RunRows
    from simulator.analysis.report.sketch import Sketched
    from simulator.inputs.manifest import Manifest
    from writers.questdb.connection import Connection


class Sketching:
    """A sink before another that gathers the report's numbers of the rows that pass."""

    def __init__(self, sink: Sink, symbols: Sequence[str]) -> None:
        self._sink = sink
        self._symbols = symbols
        self._sketch: Any = None
        self._run: RunInfo | None = None

    def open(self, run: RunInfo) -> None:
        from simulator.analysis.report.sketch import Sketch

        self._run = run
        self._sketch = Sketch(run, self._symbols)
        self._sink.open(run)

    def write(self, batch: Batch) -> None:
        self._sketch.write(batch)
        self._sink.write(batch)

    def close(self, complete: bool) -> None:
        self._sink.close(complete)

    def result(self) -> Sketched:
        """What has been gathered."""
        from simulator.analysis.report.build import day_starts

        assert self._run is not None
        found: Sketched = self._sketch.result(day_starts(self._run))
        return found


def write_report(folder: Path, manifest: Manifest, sketched: Sequence[Sketched], run: RunInfo) -> Path:
    """``report.html`` beside the rows of a run that is whole; its path. Raises ``SinkError``, ``InputError``."""
    from simulator.analysis.report.agents import read_tables
    from simulator.analysis.report.build import Parts, gathered, report_of
    from simulator.analysis.report.rows import RunFolder
    from simulator.analysis.report.sketch import cut, join
    from writers.parquet import REPORT

    rows, agents = RunFolder(folder), read_tables(folder)
    if manifest.record.end_ns - run.start_ns < (run.end_ns - run.start_ns) // 3:  # a count ended it: its points are too far apart
        parts = gathered(rows, agents, rows.span())
    else:
        whole = cut(join(sketched, run.symbols), manifest.record.end_ns)
        parts = Parts(name=str(folder), manifest=manifest, run=run, sketched=whole, rows=rows, agents=agents)
    path = folder / REPORT
    write_page(path, report_of(parts))
    return path


def write_report_of_files(folder: Path) -> Path:
    """``report.html`` beside the rows of a run, of which nothing was gathered: all are read again. Raises ``SinkError``, ``InputError``."""
    from simulator.analysis.report.rows import RunFolder
    from writers.parquet import REPORT

    return _write_report_of(RunFolder(folder), folder, folder / REPORT)


def write_report_of_database(connection: Connection, suffix: str, folder: Path) -> Path:
    """The same of the newest run in a database, into a folder that has its agents' results. Raises ``SinkError``, ``InputError``."""
    from writers.parquet import REPORT
    from writers.questdb.tables import QuestDBRun

    folder.mkdir(parents=True, exist_ok=True)
    with closing(QuestDBRun(connection, suffix)) as rows:
        return _write_report_of(rows, folder, folder / REPORT)


def _write_report_of(rows: RunRows, folder: Path, path: Path) -> Path:
    from simulator.analysis.report.agents import read_tables
    from simulator.analysis.report.build import gathered, report_of

    write_page(path, report_of(gathered(rows, read_tables(folder), rows.span())))
    return path


def write_page(path: Path, page: str) -> int:
    """Whole or not at all; returns its bytes. Raises ``SinkError``."""
    data = page.encode()
    partial_path = path.with_name(f".{path.name}.partial")
    try:
        partial_path.write_bytes(data)
        os.replace(partial_path, path)
    except OSError as error:
        limit = f"it cannot be written: {error.strerror or error}"
        raise SinkError(explain("report", str(path), limit, "Name a file in a folder that you may write to, with --html.")) from error
    return len(data)
