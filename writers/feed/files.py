"""A file that appears complete or not at all."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any, BinaryIO

from simulator.errors import InputError, SinkError, explain

FILES_BESIDE = 128
"""Open at once besides a format's own: libraries, pipes, the terminal."""


def allow_open_files(format: str, count: int) -> None:
    """Let this process have so many files open at once, besides those that it has. Raises ``InputError`` if it may not."""
    try:
        import resource
    except ImportError:  # not on Windows, which knows no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + FILES_BESIDE
    if soft == resource.RLIM_INFINITY or needed <= soft:
        return
    if hard != resource.RLIM_INFINITY and needed > hard:
        limit = f"this process may have {hard:,} files open at once, and it would need {needed:,}"
        raise InputError(explain("--writer", format, limit, "Write fewer symbols or venues at a time, or raise the limit (ulimit -n)."))
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class WholeFile:
    """Grows under a hidden name, and gets its own when it is finished."""

    def __init__(self, final: Path, compressed: bool = False) -> None:
        """``compressed``: by gzip, without the time in it, so that same rows give same bytes. Raises ``SinkError`` or ``OSError``."""
        if final.exists():
            raise SinkError(f"{final} exists already, and a file is never overwritten. Name another folder, or add --overwrite true.")
        final.parent.mkdir(parents=True, exist_ok=True)
        self.final = final
        self.partial = final.with_name(f".{final.name}.partial")
        self._raw: BinaryIO = self.partial.open("wb")
        self.file: Any = gzip.GzipFile("", "wb", 6, self._raw, mtime=0) if compressed else self._raw

    def write(self, content: Any) -> None:
        """Bytes, or anything with a buffer."""
        self.file.write(content)

    def finish(self) -> None:
        """Give the file its name."""
        if self.file is not self._raw:
            self.file.close()
        self._raw.close()
        os.replace(self.partial, self.final)

    def abandon(self) -> None:
        """Leave nothing behind."""
        self._raw.close()
        self.partial.unlink(missing_ok=True)
