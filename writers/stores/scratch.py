"""Local folders for files on their way, each of one process: what a killed process has left is told by its number, and removed."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import uuid
from pathlib import Path

from writers.folders import make_folder

OWNER = re.compile(r"(?P<host>.+)~(?P<pid>\d+)~[0-9a-f]{12}")


class Scratch:
    """Below one home, which others may share."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def new(self) -> Path:
        """A folder that nobody else has or may read: while it is there its home is not empty, and stays. Raises ``OSError``."""
        folder = self._home / f"{_host()}~{os.getpid()}~{uuid.uuid4().hex[:12]}"
        make_folder(folder, 0o700)
        return folder

    def drop(self, path: Path) -> None:
        """Remove a folder, and the home if it was the last."""
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._home.rmdir()

    def sweep(self) -> None:
        """Remove what processes of this machine have left that are gone."""
        for path in list(self._home.iterdir()) if self._home.is_dir() else []:
            owner = OWNER.fullmatch(path.name)
            if owner is not None and owner["host"] == _host() and not _lives(int(owner["pid"])):
                self.drop(path)


def _host() -> str:
    return platform.node().replace("~", "-").replace("/", "-") or "here"


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # another user's
    return True
