"""A run outlives its standard streams: closed, full, gone with their reader, unable to spell; and a command that only prints says so."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from scenarios.launcher.lasting_streams import LastingStream, lasting_streams
from tests.processes import FIVE, RATES, Forked, load_kernels

SHORT = (*FIVE, *RATES, "--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:03Z")


def full(descriptor: int) -> None:
    os.dup2(os.open("/dev/full", os.O_WRONLY), descriptor)


def reader_gone(descriptor: int) -> None:
    reader, writer = os.pipe()
    os.dup2(writer, descriptor)
    os.close(writer)
    os.close(reader)


def closed(descriptor: int) -> None:
    os.close(descriptor)
    setattr(sys, {1: "stdout", 2: "stderr"}[descriptor], None)  # as Python has it then


def ascii_only(descriptor: int) -> None:
    {1: sys.stdout, 2: sys.stderr}[descriptor].reconfigure(encoding="ascii")  # type: ignore[attr-defined]


@pytest.mark.parametrize("processes", ["1", "2"])
@pytest.mark.parametrize("spoil", [full, reader_gone, closed, ascii_only])
def test_a_run_needs_neither_stream(tmp_path: Path, spoil: Callable[[int], None], processes: str) -> None:
    load_kernels()

    def before() -> None:
        spoil(1)
        spoil(2)

    running = Forked((*SHORT, "--out", str(tmp_path / "out"), "--processes", processes), tmp_path, before)
    assert running.wait() == 0, running.errors.read_text()
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["complete"] is True
    assert "Traceback" not in running.errors.read_text()
    if spoil is ascii_only:
        said = running.said.read_text(encoding="ascii")
        assert "New York time - seed 1" in said
        assert "?" not in said


def test_what_a_narrow_encoding_cannot_spell_is_spelled_otherwise() -> None:
    raw = io.BytesIO()
    stream = LastingStream(io.TextIOWrapper(raw, encoding="ascii"))
    stream.write("a · b … 2×3 日\n")
    stream.flush()
    assert raw.getvalue() == b"a - b ... 2x3 ?\n"
    assert stream.failure is None


def test_the_first_failure_is_kept_and_the_rest_goes_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    class Full(io.StringIO):
        tries = 0

        def write(self, text: str) -> int:
            self.tries += 1
            raise OSError(28, "No space left on device")

    there = sys.stdout
    for stream in (Full(), None):
        lasting = LastingStream(stream)
        print("one", file=lasting)
        print("two", file=lasting)
        assert (stream is None) == (lasting.failure is None)
        assert stream is None or stream.tries == 1
    with lasting_streams():
        sys.stdout.write("here\n")
    assert sys.stdout is there
    assert capsys.readouterr().out == "here\n"


def test_a_command_that_only_prints_says_that_it_could_not(tmp_path: Path) -> None:
    """Python's own last flush is in it: hence real processes."""
    line = [sys.executable, "-m", "scenarios", "ddl"]
    with Path("/dev/full").open("w") as nowhere:
        done = subprocess.run(line, stdout=nowhere, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Standard output took only a part of what was printed: [Errno 28] No space left on device.\n"
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(line, stdout=writer, stderr=subprocess.PIPE, text=True, check=False)  # as | head -0
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
    script = f"{sys.executable} -m scenarios --version >&- 2>&-"
    assert subprocess.run(["sh", "-c", script], check=False).returncode == 0
