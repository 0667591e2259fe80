"""Golden files: same seed, same files; both of our books answer as they say; a wrong book and a changed file are noticed."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from simulator import Event, EventKind, LimitOrderBook, OrderType, Side
from simulator.testing import TwinBook, golden


class LastInFirstOut(TwinBook):
    """A book with a fault: whoever comes last at a price trades first there."""

    def add(self, side: Side, price_ticks: int, size: int, **options: Any) -> list[Event]:
        events = super().add(side, price_ticks, size, **options)
        for level in self._resting[side].values():
            level.displayed.reverse()
        return events


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("golden") / "files"
    golden.write(made, 7, 1_500)
    return made


def test_all_of_a_book_occurs(folder: Path) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    assert set(summary["commands"]) == {"add", "cancel", "reduce", "replace", "cross", "trading"}
    assert set(summary["types"]) == {kind.name for kind in OrderType}
    assert set(summary["events"]) == {kind.name for kind in EventKind}
    assert len(summary["rejects"]) >= 7
    assert sum(summary["commands"].values()) == 1_500


@pytest.mark.parametrize("make", [LimitOrderBook, TwinBook])
def test_our_books_answer_as_the_files_say(make: Any, folder: Path) -> None:
    assert golden.check(folder, make) == json.loads((folder / "summary.json").read_text())["sha256"]


def test_same_seed_same_files(folder: Path, tmp_path: Path) -> None:
    golden.write(tmp_path / "again", 7, 1_500)
    golden.write(tmp_path / "other", 8, 1_500)
    for path in folder.iterdir():
        assert (tmp_path / "again" / path.name).read_bytes() == path.read_bytes()
        assert (tmp_path / "other" / path.name).read_bytes() != path.read_bytes()


def test_both_kinds_of_file_say_the_same(folder: Path) -> None:
    for table in golden.TABLES:
        with (folder / f"{table}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        for row, line in zip(rows, (folder / f"{table}.jsonl").read_text().splitlines(), strict=True):
            assert golden.csv_line(table, json.loads(line)) == ",".join(row.values()) + "\n"


def test_a_wrong_book_is_told_with_the_command(folder: Path) -> None:
    with pytest.raises(golden.GoldenMismatch, match=r"After command \d+ \(\d+,"):
        golden.check(folder, LastInFirstOut)


@pytest.mark.parametrize("table", ["events", "levels", "commands"])
def test_a_changed_file_is_noticed(table: str, folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    lines = (tmp_path / f"{table}.csv").read_text().splitlines()
    n = next(n for n in range(700, 1_500) if ",BUY," in lines[n] or ":" in lines[n] or ",EXECUTE," in lines[n])
    lines[n] = lines[n].replace(",BUY,", ",SELL,").replace(":", ":1").replace(",EXECUTE,", ",REST,")
    (tmp_path / f"{table}.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(golden.GoldenMismatch):
        golden.check(tmp_path, LimitOrderBook)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "files")
    assert golden.main(["--out", out, "--seed", "3", "--count", "300"]) == 0
    said = capsys.readouterr().out
    assert golden.main(["--check", out]) == 0
    assert said.splitlines()[-1] == capsys.readouterr().out.splitlines()[-1]
    assert golden.main(["--check", out, "--book", "simulator.testing.twin:TwinBook", "--events", "false"]) == 0
    assert golden.main(["--bench", out]) == 0
    assert "add LIMIT" in capsys.readouterr().out
    for words, wanted in (
        (["--out", out], "has files already"),
        (["--out", str(tmp_path / "none"), "--count", "0"], "must be 1 to"),
        (["--check", str(tmp_path / "none")], "cannot be read"),
        (["--check", out, "--book", "simulator.testing.twin:Book2"], "Did you mean"),
        ([], "One of the arguments"),
    ):
        assert golden.main(words) == 2
        assert wanted in capsys.readouterr().err
