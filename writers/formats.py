"""The formats of others that a run can be written in: by name, where the writer is, and which files in OUT are its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from writers.feed.sink import FeedSink

DATE = r"\d{4}-\d\d-\d\d"
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]*"


@dataclass(frozen=True, slots=True)
class Format:
    """One format."""

    module: str
    sink: str
    files: str
    """Pattern of the paths of its finished files below its folder."""
    has_levels: bool = False
    """Whether its sink is told how many levels to show."""


FORMATS: Mapping[str, Format] = {
    "databento": Format("writers.databento.sink", "DatabentoSink", r"[a-z]+-[a-z]+-\d{8}\.(mbo|mbp-10|mbp-1|trades)\.dbn\.zst"),
    "itch": Format("writers.itch.sink", "ItchSink", rf"\d{{8}}\.{NAME}_ITCH50(\.gz)?"),
    "lobster": Format("writers.lobster", "LobsterSink", rf"{NAME}/{NAME}_{DATE}_\d+_\d+_(message|orderbook)_\d+\.csv", True),
}


def make_sink(name: str, folder: Path, worker: int = 0, **arguments: Any) -> FeedSink:
    """The writer of a format. Raises ``InputError`` for arguments that it cannot have."""
    chosen = FORMATS[name]
    sink: FeedSink = getattr(import_module(chosen.module), chosen.sink)(folder, worker, **arguments)
    return sink


def is_file_of(name: str, path: str) -> bool:
    """Whether a path below the folder of that format is a file that its writer makes, finished or not."""
    folder, _, file = path.rpartition("/")
    file = re.sub(r"^\.(.*)\.partial$", r"\1", file)
    if re.fullmatch(r"part-\d+\.arrow", file):
        return not folder
    return re.fullmatch(FORMATS[name].files, f"{folder}/{file}" if folder else file) is not None
