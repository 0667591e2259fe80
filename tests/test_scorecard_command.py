"""``python -m scenarios scorecard``: what it reads, prints and writes, its exit codes, and what it says of bad input."""

from __future__ import annotations

import json
import re
import struct
from html.parser import HTMLParser
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from scenarios.launcher.main import command_line
from simulator.analysis.scorecard import ArrowTables, ParquetTables, Verdict, score
from simulator.analysis.scorecard.bands import CHECKS, bands
from simulator.analysis.scorecard.card import number
from simulator.errors import InputError
from tests.made_market import OPEN_NS, Made, S, books, make, trades
from writers.questdb.tables import _lists

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def made() -> Made:
    return make(5, ("AAPL", "JPM"), seconds=1_200, rate=0.5)


@pytest.fixture(scope="module")
def folder(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As a run leaves it: a folder per table, date and hour; here three files of each, which joins must not show."""
    home = tmp_path_factory.mktemp("rows")
    source = made.source()
    for name, table in (("equities_market_data", source._books), ("equities_trades", source._trades)):
        for part in range(3):
            path = home / name / "date=2025-07-01" / f"hour={13 + part}" / "part-0.parquet"
            path.parent.mkdir(parents=True)
            pq.write_table(table.slice(part * len(table) // 3, (part + 1) * len(table) // 3 - part * len(table) // 3), path)
    return home


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = command_line(("scorecard", *words))
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return code, out, err


def test_parquet_in_pieces_scores_as_the_tables_in_memory(made: Made, folder: Path) -> None:
    pieces, whole = score(ParquetTables(folder)).to_json(), score(made.source()).to_json()
    assert {k: v for k, v in pieces.items() if k != "source"} == {k: v for k, v in whole.items() if k != "source"}


def test_table_json_page_and_exit_code(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    page = tmp_path / "card.html"
    code, out, _ = run(capsys, str(folder), "--html", str(page))
    assert code == 1
    assert max(map(len, out.splitlines())) <= 80
    code, out, _ = run(capsys, str(folder), "--json")
    card = json.loads(out)
    assert code == 1
    assert [check["check"] for check in card["checks"]] == list(CHECKS)
    assert any(check["verdict"] == "fail" for check in card["checks"])
    for check in card["checks"]:
        for part in check["parts"]:
            assert part["verdict"] in set(map(str, Verdict))
            assert part["reason"] or part["verdict"] != "not judged", part
            assert part["key"] in bands()
    text = page.read_text()
    assert len(text) < 1_000_000
    assert not re.search(r"https?:|<script|src=|@import|url\(", text)
    assert text.count("<svg") == len(CHECKS)
    assert not re.search(r"\bnan\b|\binf\b", text.lower())
    _Balanced().feed(text)


class _Balanced(HTMLParser):
    """Raises ``AssertionError`` at an end tag that closes nothing."""

    ALONE = ("meta", "br", "path", "circle", "rect")

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in self.ALONE:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        assert tag in self.ALONE

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_nothing_fails_is_exit_code_0(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = [(OPEN_NS + k * S, "AAPL", "NASDAQ", [(100.0, 300.0 + k)], [(100.02, 300.0)]) for k in range(3)]
    pq.write_table(books(rows), tmp_path / "equities_market_data.parquet")
    pq.write_table(trades([]), tmp_path / "equities_trades.parquet")
    code, out, _ = run(capsys, str(tmp_path))
    assert code == 0
    assert "There are no prints" in out


def test_bands_are_whole() -> None:
    assert {band.check for band in bands().values()} == set(CHECKS)
    for band in bands().values():
        assert band.what
        assert band.source
        assert band.low is not None or band.high is not None
        assert len(band.label) <= 40


@pytest.mark.parametrize(
    ("books_too", "notes", "judged"), [(True, "There are no prints", "S2.min_ticks"), (False, "There are no book rows", "S7.odd")]
)
def test_one_table_empty(made: Made, books_too: bool, notes: str, judged: str) -> None:
    source = made.source()
    card = score(ArrowTables(source._books, None) if books_too else ArrowTables(None, source._trades))
    assert any(note.startswith(notes) for note in card.notes)
    assert card.finding(judged).verdict is not Verdict.NOT_JUDGED
    for key in ("S12.c10", "S14.r2", "S17.prints") if books_too else ("S1.rows", "S2.median_bps", "S15.locked", "S19.repeats"):
        assert card.finding(key).verdict is Verdict.NOT_JUDGED, key
        assert card.finding(key).reason


def test_half_a_day_and_one_symbol_say_what_is_missing(made: Made) -> None:
    source = made.source()
    card = score(source)
    for key, why in (
        ("S4.first30", "full session"),
        ("S8.k1", "five days"),
        ("S16.rho", "five symbols"),
        ("S3.open", "midday"),
        ("S10.lag60", "two hours"),
    ):
        assert card.finding(key).verdict is Verdict.NOT_JUDGED
        assert why in card.finding(key).reason, card.finding(key).reason
    only = [table.filter(pa.compute.equal(table["symbol"].cast(pa.string()), "JPM")) for table in (source._books, source._trades)]
    alone = score(ArrowTables(*only))
    assert alone.symbols == ("JPM",)
    assert alone.finding("S2.spearman").reason == "it needs five symbols, there are 1"
    assert alone.finding("S17.prints").verdict is Verdict.PASS


def test_other_shapes_are_refused_with_the_column(made: Made, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    source = made.source()
    with pytest.raises(InputError, match=r"it needs timestamp_ns, symbol, venue, bids, asks"):
        ArrowTables(source._books.drop_columns(["bids"]), source._trades)
    flat = source._books.set_column(3, "bids", pa.array([[1.0, 2.0]] * len(source._books)))
    with pytest.raises(InputError, match="bids and asks are lists of two lists"):
        ArrowTables(flat, source._trades)
    uneven = books([(OPEN_NS, "AAPL", "NASDAQ", [(100.0, 1.0)], [(100.1, 1.0)])])
    uneven = uneven.set_column(3, "bids", pa.array([[[100.0, 99.0], [1.0]]], uneven.schema.field("bids").type))
    with pytest.raises(InputError, match="equally long"):
        score(ArrowTables(uneven, None))
    with pytest.raises(InputError, match="both tables are empty"):
        score(ArrowTables(None, None))
    sunday = books([(OPEN_NS + 5 * 86_400 * S, "AAPL", "NASDAQ", [(100.0, 1.0)], [(100.1, 1.0)])])
    with pytest.raises(InputError, match="no row lies within a session"):
        score(ArrowTables(sunday, None))
    pq.write_table(source._books.drop_columns(["asks"]), tmp_path / "equities_market_data.parquet")
    pq.write_table(source._trades, tmp_path / "equities_trades.parquet")
    code, out, err = run(capsys, str(tmp_path))
    assert (code, out) == (2, "")
    assert "it needs timestamp_ns, symbol, venue, bids, asks" in " ".join(err.split())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "it is not a folder"),
        ((".",), "it needs equities_market_data"),
        (("questdb://:99",), "questdb://[user@]host[:port]"),
        (("questdb://127.0.0.1:1",), "nothing answers at 127.0.0.1:1"),
        ((), "--help lists what there is"),
    ],
)
def test_what_is_not_there(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert said in " ".join(err.split())


def test_a_broken_file_is_named(capsys: pytest.CaptureFixture[str], folder: Path, tmp_path: Path) -> None:
    (tmp_path / "equities_market_data.parquet").write_bytes(b"PAR1 and no more")
    code, _, err = run(capsys, str(tmp_path))
    assert code == 2
    assert "equities_market_data.parquet" in "".join(err.split())


def test_the_committed_cards_have_todays_checks() -> None:
    cards = sorted((ROOT / "docs" / "realism").glob("*_day*.json"))
    assert cards
    for path in cards:
        card = json.loads(path.read_text())
        assert [part["key"] for check in card["checks"] for part in check["parts"]] == list(bands()), path


def test_the_page_has_every_band_and_the_values_of_the_cards() -> None:
    lines = {line.split("`")[1]: line for line in (ROOT / "docs" / "realism.md").read_text().splitlines() if line.startswith("| `S")}
    assert list(lines) == list(bands())
    for path in sorted((ROOT / "docs" / "realism").glob("*_9101.json")):
        for check in json.loads(path.read_text())["checks"]:
            for part in check["parts"]:
                line = lines[part["key"]]
                assert f"| {bands()[part['key']].range_text}" in line
                if part["value"] is not None:
                    assert number(part["value"]) in line, part


def test_arrays_of_a_database_are_read_from_their_bytes() -> None:
    def as_bytes(rows: list[list[float]]) -> bytes:
        count = len(rows[0])
        head = struct.pack(">iii", 2, 0, 701) + struct.pack(">iiii", 2, 1, count, 1)
        return head + b"".join(struct.pack(">id", 8, value) for row in rows for value in row)

    sides = [[[100.01, 100.0], [300.0, 40.0]], [[99.5], [7.0]], [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]
    empty = struct.pack(">iii", 0, 0, 701)
    read = _lists((as_bytes(sides[0]), None, as_bytes(sides[1]), empty, as_bytes(sides[2])))
    assert read.to_pylist() == [sides[0], [], sides[1], [], sides[2]]
