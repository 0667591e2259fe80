"""The formats of others that a run can be written in: by name, where the writer is, and which files in OUT are its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from simulator.tape.sink import RunInfo

DATE = r"\d{4}-\d\d-\d\d"
TIME = r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{9}Z"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"
TABLE = r"equities_\w+"


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    module: str
    sink: str
    files: str
    """Pattern of the paths of its finished files below its folder."""
    options: tuple[str, ...] = ()
    """Of the conversion's flags, those that it takes."""
    has_levels: bool = False
    """Whether its sink is told how many levels to show."""
    after: str = ""
    """What is called with (folder, the run's folder, ``RunInfo``) when the results of the run's agents are there."""
    tables: tuple[str, ...] = ("orders",)
    """That it is made of: ``orders``, and what it tells beside them if the run has it; none: all tables, as they are."""

    @property
    def needs_orders(self) -> bool:
        """Whether it is made order by order."""
        return bool(self.tables)


FORMATS: Mapping[str, Format] = {
    "arrow": Format(
        "writers.tables.arrow_files", "ArrowSink", rf"{TABLE}-{DATE}\.arrow", ("tables", "compression"), tables=(),
    ),
    "csv": Format("writers.tables.csv_files", "CsvSink", rf"{TABLE}-{DATE}\.csv(\.gz)?", ("tables", "gzip"), tables=()),
    "databento": Format(
        "writers.databento.sink", "DatabentoSink",
        r"[a-z]+-[a-z]+-\d{8}\.(mbo|mbp-10|mbp-1|trades|definition|status|statistics|imbalance)\.dbn\.zst", ("schemas",),
        tables=("orders", "status", "imbalances"),
    ),
    "hftbacktest": Format(
        "writers.hftbacktest.sink", "HftBacktestSink", rf"{NAME}/({NAME}_\d{{8}}\.l[23]|latency_[^/]+)\.npz(\.rows)?",
        ("feeds", "agent", "feed_latency_ns", "trade_delay_ns"), after="writers.hftbacktest.latency:write_order_latencies",
    ),
    "itch": Format(
        "writers.itch.sink", "ItchSink", rf"\d{{8}}\.{NAME}_ITCH50(\.gz)?", ("gzip",), tables=("orders", "status", "imbalances"),
    ),
    "lobster": Format(
        "writers.lobster", "LobsterSink", rf"{NAME}/{NAME}_{DATE}_\d+_\d+_(message|orderbook)_\d+\.csv", ("hours", "all_messages"),
        has_levels=True, tables=("orders", "status"),
    ),
    "nautilus": Format(
        "writers.nautilus.sink", "NautilusSink",
        rf"data/[a-z_0-9]+/{NAME}/({TIME}_{TIME}|rows|equity)\.parquet", ("layout", "precision"),
        tables=("orders", "status"),
    ),
}  # fmt: skip


def make_sink(name: str, folder: Path, worker: int = 0, **arguments: Any) -> Any:
    """The writer of a format: a ``FeedSink`` or a ``TableSink``. Raises ``InputError`` for arguments that it cannot have."""
    chosen = FORMATS[name]
    return getattr(import_module(chosen.module), chosen.sink)(folder, worker, **arguments)


def format_of(writer: str) -> str | None:
    """The format that a writer's name means: its own, or ``module:callable`` of its sink."""
    return next((name for name, each in FORMATS.items() if writer in (name, f"{each.module}:{each.sink}")), None)


def after_run(name: str, folder: Path, results: Path, run: RunInfo) -> None:
    """What a format makes of a run's agents, whose results are below ``results``. Raises ``SinkError``."""
    module, _, function = FORMATS[name].after.partition(":")
    if module:
        getattr(import_module(module), function)(folder, results, run)


def is_file_of(name: str, path: str) -> bool:
    """Whether a path below the folder of that format is a file that its writer makes, finished or not."""
    folder, _, file = path.rpartition("/")
    file = re.sub(r"^\.(.*)\.partial$", r"\1", file)
    if re.fullmatch(r"part-\d+(-\w+)?\.arrow", file):
        return not folder
    return re.fullmatch(FORMATS[name].files, f"{folder}/{file}" if folder else file) is not None
