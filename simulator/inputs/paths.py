"""Names that a user gives, asked whether they are files: a name that no file could have is none, and no error."""

from __future__ import annotations

from pathlib import Path


def is_file(path: Path | str) -> bool:
    """Whether there is such a file; False for names too long, with a NUL in them, or in folders that may not be read."""
    try:
        return Path(path).is_file()
    except (OSError, ValueError):
        return False


def exists(path: Path | str) -> bool:
    """Whether there is such a file or folder."""
    try:
        return Path(path).exists()
    except (OSError, ValueError):
        return False
