"""Folders that several processes make and remove at the same time."""

from __future__ import annotations

import contextlib
from pathlib import Path

TRIES = 100


def make_folder(folder: Path, mode: int = 0o777) -> None:
    """With all above it: another process may remove an empty one of those at this moment. Raises ``OSError``."""
    for _ in range(TRIES):
        with contextlib.suppress(FileNotFoundError):
            folder.mkdir(mode, parents=True, exist_ok=True)
            return
    folder.mkdir(mode, parents=True, exist_ok=True)
