"""The sink that ``--writer`` names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from writers.questdb.connection import Connection  # with the client: only for those who use it

from simulator.errors import InputError, explain
from simulator.inputs.import_path import find
from simulator.records import I64
from simulator.tape.sink import NullSink, RunInfo, Sink
from writers.formats import FORMATS, make_sink


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkMaker:
    """Makes each worker's sink; can be pickled."""

    writer: str
    folder: Path
    memory_limit_bytes: int
    """Of one worker."""
    connection: Connection | None = None
    """QuestDB's."""
    newest: Mapping[str, I64] | None = None
    """What the database has of a run that is continued: [symbols] by table, in ns."""
    resend_ns: int = 0
    present: frozenset[tuple[str, int]] = frozenset()
    """What a folder has of a run that is continued: (dataset, hour since the epoch)."""
    lingers: bool = True
    """Whether rows may wait until there are enough of them for a request."""

    arguments: Mapping[str, Any] = field(default_factory=dict)
    """Of a format's or the user's own writer, besides folder and worker."""
    beside: Path | None = None
    """Folder of the file that names it."""

    @property
    def uses_folder(self) -> bool:
        """Whether the run leaves something in ``folder``: its rows, or at least its manifest."""
        return self.writer not in ("memory", "null", "questdb")

    def sweep(self) -> None:
        """End what workers that did not reach their end have left of hours that are not whole. All workers have ended."""
        if self.writer == "parquet":
            from writers.parquet_hours import end_unfinished

            end_unfinished(self.folder)
        elif self.writer in FORMATS:
            for partial in (self.folder / self.writer).rglob(".*.partial"):
                partial.unlink(missing_ok=True)

    def merge(self, run: RunInfo, complete: bool) -> None:
        """Let a writer with one file for all workers make it, if it has such a method. All workers have ended. Raises ``SinkError``."""
        if self.writer in FORMATS or (":" in self.writer and hasattr(resolve(self.writer, self.beside), "merge")):
            sink: Any = self(0)
            sink.merge(run, complete)

    def __call__(self, worker: int) -> Sink:
        if self.writer == "null":
            return NullSink()
        if self.writer == "memory":
            from writers.memory import MemorySink

            return MemorySink(self.memory_limit_bytes)
        if self.writer == "parquet":
            from writers.parquet import ParquetSink

            return ParquetSink(self.folder, self.present)
        if self.writer in FORMATS:
            made: Sink = make_sink(self.writer, self.folder, worker, **self.arguments)
            return made
        if self.writer == "questdb":
            from writers.questdb.resume import ResumeSink
            from writers.questdb.sink import QuestDBSink

            assert self.connection is not None
            rows = QuestDBSink(self.connection, lingers=self.lingers)
            return rows if self.newest is None else ResumeSink(rows, self.newest, self.resend_ns)
        sink: Sink = resolve(self.writer, self.beside)(self.folder, worker, **self.arguments)
        return sink


def resolve(name: str, beside: Path | None = None) -> Any:
    """What ``module:callable`` names. Raises ``InputError`` with what is there and the nearest name."""
    found = find(name, "--writer", beside)
    if not callable(found):
        raise InputError(explain("--writer", name, "it is not callable", "Name a class or function that takes (folder, worker)."))
    return found
