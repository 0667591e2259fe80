"""``--writer module:callable`` and ``--overwrite true``: an earlier run of it goes, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from scenarios.launcher.main import main
from scenarios.launcher.own_writer import LIST, list_written, written
from simulator.records import Batch
from simulator.tape.sink import RunInfo

FLAGS = (
    "--writer", "tests.test_own_writer:Lines", "--symbols", "AAPL", "--processes", "1",
    "--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:01Z",
)  # fmt: skip


class Lines:
    """A file of row counts, and one in a folder."""

    def __init__(self, folder: Path, worker: int, **_: Any) -> None:
        self.path = folder / f"rows-{worker}.txt"
        self.other = folder / "equities_notes" / "deep" / "names.txt"

    def open(self, run: RunInfo) -> None:
        self.path.write_text("")
        self.other.parent.mkdir(parents=True)
        self.other.write_text(" ".join(run.symbols))

    def write(self, batch: Batch) -> None:
        with self.path.open("a") as file:
            file.write(f"{batch.table} {len(batch)}\n")

    def close(self, complete: bool) -> None:
        pass


def test_a_run_of_it_can_be_overwritten_and_what_is_not_its_own_cannot(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = (*FLAGS, "--out", str(tmp_path))
    assert main(words) == 0
    assert main(words) == 2
    assert "--overwrite true" in capsys.readouterr().err
    (tmp_path / "rows-7.txt").touch()
    list_written(tmp_path)  # as of a run with more workers
    assert main((*words, "--overwrite", "true")) == 0
    assert json.loads((tmp_path / LIST).read_text()) == ["equities_notes/deep/names.txt", "rows-0.txt"]
    mine = tmp_path / "equities_notes" / "mine.txt"
    mine.write_text("mine")
    assert main((*words, "--overwrite", "true")) == 2
    assert "equities_notes" in capsys.readouterr().err
    assert mine.read_text() == "mine"
    assert (tmp_path / "rows-0.txt").exists()


@pytest.mark.parametrize("text", ["", "{", "{}", "[1, null]", '["/etc/passwd", "../x"]'])
def test_a_list_that_says_something_else_takes_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / LIST).write_text(text)
    (tmp_path / "x").touch()
    assert "x" not in written(tmp_path)


class MergeFails(Lines):
    def merge(self, run: RunInfo, complete: bool) -> None:
        raise ZeroDivisionError("nothing to divide by")


def test_one_that_fails_after_its_workers_is_a_run_that_is_not_complete(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main((*FLAGS, "--writer", "tests.test_own_writer:MergeFails", "--out", str(tmp_path))) == 1
    err = capsys.readouterr().err
    assert "ZeroDivisionError: nothing to divide by" in err
    assert "Traceback" not in err
    assert json.loads((tmp_path / "manifest.json").read_text())["complete"] is False
