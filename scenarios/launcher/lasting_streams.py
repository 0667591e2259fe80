"""Standard output and error that a run outlives: closed, full, gone with their reader, or unable to spell what is printed.

A program that simulates for an hour must not end because ``head`` has read enough. What cannot be written is dropped, and the first
reason is kept for whoever wants to say it.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TextIO

from simulator.errors import SinkError

SPELLED = str.maketrans({"·": "-", "…": "...", "×": "x", "–": "-", "—": "-", "→": "->", "’": "'", "“": '"', "”": '"'})
"""How a narrow encoding such as ASCII spells what we print; anything else becomes a question mark."""


class LastingStream(io.TextIOBase):
    """Writes to ``stream`` as long as that is possible, and then nowhere."""

    def __init__(self, stream: TextIO | None) -> None:
        """``stream``: None if the process has none, as Python has it for a closed descriptor."""
        self._stream = stream
        self.failure: Exception | None = None
        """Why nothing is written any more."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return getattr(self._stream, "encoding", None) or "utf-8"

    @property
    def errors(self) -> str | None:  # type: ignore[override]
        return getattr(self._stream, "errors", None)

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        with suppress(OSError, ValueError):
            return self._stream is not None and self.failure is None and self._stream.isatty()
        return False

    def fileno(self) -> int:
        if self._stream is None:
            raise io.UnsupportedOperation("there is no such stream")
        return self._stream.fileno()

    def write(self, text: str) -> int:
        if self._stream is not None and self.failure is None:
            try:
                self._write(self._stream, text)
            except (OSError, ValueError) as error:
                self._give_up(error)
        return len(text)

    def flush(self) -> None:
        if self._stream is not None and self.failure is None:
            try:
                self._stream.flush()
            except (OSError, ValueError) as error:
                self._give_up(error)

    def _write(self, stream: TextIO, text: str) -> None:
        try:
            stream.write(text)
        except UnicodeEncodeError:
            plain = text.translate(SPELLED).encode(self.encoding, "replace")
            stream.write(plain.decode(self.encoding))

    def _give_up(self, error: Exception) -> None:
        self.failure = error
        # What is left in the buffer would fail again when Python ends, loudly: it goes nowhere, too.
        with suppress(OSError, ValueError):
            descriptor = self.fileno()
            if descriptor in (1, 2):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, descriptor)
                os.close(nowhere)


@contextmanager
def lasting_streams() -> Iterator[tuple[LastingStream, LastingStream]]:
    """``sys.stdout`` and ``sys.stderr`` last meanwhile, for everything that prints: a library and a user's agent, too."""
    before = sys.stdout, sys.stderr
    out, err = LastingStream(sys.stdout), LastingStream(sys.stderr)
    sys.stdout, sys.stderr = out, err
    try:
        yield out, err
    finally:
        out.flush()
        err.flush()
        sys.stdout, sys.stderr = before


def check_printed() -> None:
    """For a command whose output is all it does. Raises ``SinkError`` if not all was printed; a reader that has read enough is none."""
    sys.stdout.flush()
    failure = getattr(sys.stdout, "failure", None)
    if failure is not None and not isinstance(failure, BrokenPipeError):
        raise SinkError(f"Standard output took only a part of what was printed: {failure}.")


def fill_closed_descriptors() -> None:
    """A process may be started without standard streams: then the first files it opens would get their numbers, and what is written to
    "standard error" would land in them. Once, before anything is opened."""
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free: this one
