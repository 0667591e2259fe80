"""What a writer of one's own has left in ``--out``: listed at a run's end, so that ``--overwrite true`` takes that and nothing else."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path

LIST = ".written.json"
"""Beside the manifest; its paths are relative to the folder."""
NOT_THE_WRITERS = ("manifest.json", LIST, "agents")


def list_written(folder: Path) -> None:
    """List the files that are there now. ``folder`` was empty when the run began. Raises ``OSError``."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    names = sorted(path.as_posix() for path in found if path.parts[0] not in NOT_THE_WRITERS)
    partial = folder / f"{LIST}.partial"
    partial.write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
    os.replace(partial, folder / LIST)


def written(folder: Path) -> frozenset[str]:
    """What an earlier run's writer left there, with the list itself; nothing if there is no list that can be read."""
    with suppress(OSError, ValueError):
        names = json.loads((folder / LIST).read_text(encoding="utf-8"))
        if isinstance(names, list):
            return frozenset((LIST, *(name for name in names if isinstance(name, str))))
    return frozenset()
