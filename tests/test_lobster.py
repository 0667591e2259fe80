"""LOBSTER's files: a reader that knows only LOBSTER's page rebuilds our books from the messages; and who gives what bytes."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats import Levels, Made, contents, differences, hour, is_noticed, opening
from peers import in_venv

from scenarios.launcher.main import command_line
from simulator import InputError
from simulator.errors import SinkError
from simulator.inputs.sessions import parse_ts
from simulator.records import EventKind, OrderBatch
from writers.lobster import LobsterSink

MIDNIGHT_NS = parse_ts("2025-07-01T04:00:00Z")
WHOLE_DAY = {"start_ms": 0, "end_ms": 86_400_000}


@pytest.fixture(scope="module", name="opening")
def made_opening() -> Made:
    return opening()


@pytest.fixture(scope="module")
def written(opening: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lobster")
    opening.write(LobsterSink(folder, levels=10, **WHOLE_DAY))
    return folder / "lobster"


class Reader:
    """A book by LOBSTER's own description: orders by number; executions, cancellations and deletions name one."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.sides: tuple[defaultdict[int, int], defaultdict[int, int]] = (defaultdict(int), defaultdict(int))

    def apply(self, type: int, number: int, size: int, price: int, direction: int) -> None:
        if type == 1:
            assert number not in self.orders
            self.orders[number] = (size, price, direction)
            self._change(price, direction, size)
        elif type in (2, 3, 4):
            left, at, way = self.orders.pop(number)
            assert (at, way) == (price, direction)
            assert left == size if type == 3 else left >= size
            if left > size:
                self.orders[number] = (left - size, at, way)
            self._change(at, way, -size)

    def _change(self, price: int, direction: int, size: int) -> None:
        side = self.sides[direction < 0]
        side[price] += size
        assert side[price] >= 0
        if not side[price]:
            del side[price]

    def levels(self) -> Levels:
        bids, asks = self.sides
        return sorted(bids.items(), reverse=True), sorted(asks.items())


def messages(path: Path) -> list[tuple[int, int, int, int, int, int]]:
    """Time in ns since the epoch, and the rest."""
    with path.open() as file:
        return [(MIDNIGHT_NS + int(Decimal(row[0]) * 10**9), *map(int, row[1:])) for row in csv.reader(file)]  # type: ignore[misc]


def file(folder: Path, symbol: str, venue: str, kind: str, levels: int = 10, hours: str = "0_86400000") -> Path:
    return folder / venue / f"{symbol}_2025-07-01_{hours}_{kind}_{levels}.csv"


@pytest.mark.parametrize("symbol", ["AAPL", "JPM"])
def test_a_reader_of_the_messages_sees_our_book_at_every_row(symbol: str, opening: Made, tmp_path: Path) -> None:
    """From all messages, those of prices beyond the levels too; the agent's symbol and another."""
    opening.write(LobsterSink(tmp_path, levels=1, symbols=(symbol,), all_messages=True, **WHOLE_DAY))
    for venue in opening.info.venues:
        books, trades = opening.of(symbol, venue)
        path = file(tmp_path / "lobster", symbol, venue, "message", 1)
        reader = Reader()
        said = [(ts_ns, partial(reader.apply, *message)) for ts_ns, *message in messages(path)]
        assert len(books) > 20
        assert differences(books, said, reader.levels) == 0
        printed = [(ts, size, price) for ts, type, _, size, price, _ in messages(path) if type in (4, 5, 6)]
        assert printed == list(zip(trades.ts_ns.tolist(), trades.size.tolist(), trades.price.tolist(), strict=True))


@pytest.mark.parametrize("fault", ["a fill without its shares", "a reused number", "a float's time", "none"])
def test_a_wrong_file_is_noticed(fault: str, opening: Made, tmp_path: Path) -> None:
    opening.write(LobsterSink(tmp_path, levels=1, symbols="AAPL", venues="ARCA", all_messages=True, **WHOLE_DAY))
    rows = messages(file(tmp_path / "lobster", "AAPL", "ARCA", "message", 1))
    shown = [n for n, row in enumerate(rows) if row[1] == 1]
    if fault == "a fill without its shares":
        rows.remove(next(row for row in rows[len(rows) // 3 :] if row[1] == 4))
    elif fault == "a reused number":
        ts, type, _, *rest = rows[shown[len(shown) // 2]]
        rows[shown[len(shown) // 2]] = (ts, type, rows[shown[len(shown) // 2 - 1]][2], *rest)  # type: ignore[assignment]
    elif fault == "a float's time":
        rows = [(int(float(ts)), *rest) for ts, *rest in rows]  # type: ignore[misc]
    reader = Reader()
    said = [(ts, partial(reader.apply, *message)) for ts, *message in rows]
    assert is_noticed(lambda: differences(opening.of("AAPL", "ARCA")[0], said, reader.levels)) == (fault != "none")


def test_each_row_of_the_book_is_the_state_after_its_message(written: Path) -> None:
    """The reader's best ten after each message; the messages of all prices are needed for that, so only rows up to a first hole."""
    reader = Reader()
    book = file(written, "AAPL", "NASDAQ", "orderbook").read_text().splitlines()
    rows = [list(map(int, row.split(","))) for row in book]
    said = messages(file(written, "AAPL", "NASDAQ", "message"))
    assert len(rows) == len(said) > 300
    types = {message[1] for message in said}
    assert types == {1, 2, 3, 4, 5, 6}
    for n, (_, *message) in enumerate(said[:20]):
        reader.apply(*message)
        bids, asks = reader.levels()
        want = []
        for i in range(10):
            want += [*(asks[i] if i < len(asks) else (9_999_999_999, 0)), *(bids[i] if i < len(bids) else (-9_999_999_999, 0))]
        assert rows[n] == want, n


def test_times_have_nine_decimals_and_never_saw_a_float(written: Path, opening: Made) -> None:
    texts = [line.split(",", 1)[0] for line in file(written, "AAPL", "NASDAQ", "message").read_text().splitlines()]
    assert all(len(text.partition(".")[2]) == 9 for text in texts)
    stamps = {MIDNIGHT_NS + int(text.replace(".", "")) for text in texts}
    assert stamps <= set(opening.orders.ts_ns.tolist())
    assert any(text.endswith(tuple("123456789")) for text in texts)


def test_the_directions_of_executions_are_the_resting_orders(written: Path, opening: Made) -> None:
    _, trades = opening.of("AAPL", "ARCA")
    said = [row for row in messages(file(written, "AAPL", "ARCA", "message")) if row[1] in (4, 5)]
    assert [row[5] for row in said] == [(-1, 1)[side] for side in trades.side.tolist()]  # a buyer trades with a sell order
    assert {row[1] for row in said} == {4, 5}


def test_fewer_levels_leave_out_the_messages_beyond_them(opening: Made, written: Path, tmp_path: Path) -> None:
    opening.write(LobsterSink(tmp_path, levels=1, venues=("IEX",), symbols=("XOM",), **WHOLE_DAY))
    few, many = messages(file(tmp_path / "lobster", "XOM", "IEX", "message", 1)), messages(file(written, "XOM", "IEX", "message"))
    assert 0 < len(few) < len(many)
    assert [m for m in few if m[1] in (4, 5, 6)] == [m for m in many if m[1] in (4, 5, 6)]


def test_their_hours_and_names_are_the_default(opening: Made, tmp_path: Path) -> None:
    opening.write(LobsterSink(tmp_path, symbols=("AAPL",), venues=("NASDAQ",)))
    said = messages(file(tmp_path / "lobster", "AAPL", "NASDAQ", "message", hours="34200000_57600000"))
    assert said[0][1] == 6  # the opening cross, at 09:30 sharp
    assert said[0][0] >= MIDNIGHT_NS + 34_200 * 10**9
    assert all(number == 0 or number < 2**31 for _, _, number, *_ in said)


def test_conversion_and_several_processes_give_the_same_bytes(opening: Made, written: Path, tmp_path: Path) -> None:
    opening.parquet(tmp_path)
    assert command_line(["convert", str(tmp_path), "--to", "lobster", "--hours", "0-86400000"]) == 0
    assert contents(tmp_path / "lobster") == contents(written)
    opening.write_parts(lambda worker: LobsterSink(tmp_path / "parts", worker, levels=10, **WHOLE_DAY))
    assert contents(tmp_path / "parts" / "lobster") == contents(written)


def test_a_run_that_ends_early_leaves_nothing_half_written(opening: Made, tmp_path: Path) -> None:
    sink = LobsterSink(tmp_path, **WHOLE_DAY)
    sink.open(opening.info)
    sink.write(opening.orders)
    assert list((tmp_path / "lobster").rglob("*.partial"))
    sink.close(False)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("fault", ["a fill missing", "an order missing"])
def test_orders_that_do_not_follow_from_each_other_are_refused(fault: str, opening: Made, tmp_path: Path) -> None:
    orders = opening.orders
    kinds = (EventKind.EXECUTE,) if fault == "a fill missing" else (EventKind.REST,)
    mine = (orders.kind == kinds[0]) & (orders.size > 0) & (orders.venue == 1)
    filled = set(orders.order_id[(orders.kind == EventKind.EXECUTE) & (orders.venue == 1) & (orders.symbol == 0)].tolist())
    candidates = [n for n in np.flatnonzero(mine & (orders.symbol == 0)) if orders.order_id[n] in filled]
    later = np.flatnonzero((orders.kind == EventKind.CANCEL) & (orders.venue == 1) & (orders.symbol == 0))
    cancelled = set(orders.order_id[later].tolist())
    if fault == "a fill missing":
        candidates = [n for n in candidates if orders.order_id[n] in cancelled]
    kept = np.delete(np.arange(len(orders)), candidates[0])
    broken = OrderBatch(**{name: getattr(orders, name)[kept] for name in orders.__dataclass_fields__})
    with pytest.raises(SinkError, match="does not fit what the rows before it show"):
        opening.write(LobsterSink(tmp_path, **WHOLE_DAY), broken)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"levels": 0}, "must be 1 to 40"),
        ({"levels": 41}, "must be 1 to 40"),
        ({"venues": ("LSE",)}, "the run has NASDAQ"),
        ({"symbols": ("MSFT",)}, "the run has AAPL"),
        ({"start_ms": 57_600_000}, "must be two times"),
        ({"start_ms": 40_000_000}, "no time of day between these"),
    ],
)
def test_what_cannot_be_written_is_refused_before_anything_is(options: dict[str, object], said: str, opening: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        LobsterSink(tmp_path, **options).open(opening.info)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="needs the table orders"):
        LobsterSink(tmp_path).open(replace(opening.info, tables=("market_data", "trades")))
    assert contents(tmp_path) == {}


def test_the_numbers_of_orders_stay_below_two_to_the_31(opening: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(LobsterSink, "REF_MAX", 100)
    with pytest.raises(SinkError, match="the limit is 100"):
        opening.write(LobsterSink(tmp_path))
    assert contents(tmp_path) == {}


def test_a_conversion_says_what_is_wrong(opening: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    opening.parquet(tmp_path)
    run = str(tmp_path)
    manifest = (tmp_path / "manifest.json").read_text()
    for words, wanted in (
        ([run, "--to", "xlsx"], "invalid choice"),
        ([run, "--to", "lobster", "--venue", "LSE"], "the run has NASDAQ"),
        ([run, "--to", "lobster", "--hours", "9:30"], "two numbers of ms"),
        ([str(tmp_path / "no"), "--to", "lobster"], "cannot be read"),
    ):
        assert command_line(["convert", *words]) == 2
        assert wanted in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text(manifest.replace('"orders"', '"truth"'))
    assert command_line(["convert", run, "--to", "lobster"]) == 2
    assert "--extra_tables orders" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text(manifest.replace('"complete": true', '"complete": false'))
    assert command_line(["convert", run, "--to", "lobster"]) == 2
    assert "not complete" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text(manifest.replace('"rows": {}', '"rows": {"orders": 1000000000}'))
    assert command_line(["convert", run, "--to", "lobster"]) == 2
    assert "its manifest says 1,000,000,000 rows of orders, and its files have" in capsys.readouterr().err
    (tmp_path / "manifest.json").write_text(manifest)
    assert not (tmp_path / "lobster").exists()
    assert command_line(["convert", run, "--to", "lobster"]) == 0
    assert command_line(["convert", run, "--to", "lobster"]) == 2
    assert "--overwrite true" in capsys.readouterr().err
    (tmp_path / "lobster" / "notes.txt").write_text("mine")
    assert command_line(["convert", run, "--to", "lobster", "--overwrite", "true"]) == 2
    (tmp_path / "lobster" / "notes.txt").unlink()
    assert command_line(["convert", run, "--to", "lobster", "--overwrite", "true"]) == 0


@pytest.mark.hour
def test_an_hour_of_four_symbols(tmp_path: Path) -> None:
    """``pytest -m hour tests/test_lobster.py``: 09:00 to 10:00 New York time with the agent; the reader above, all rows, all venues."""
    made = hour()
    made.write(LobsterSink(tmp_path, levels=1, all_messages=True, **WHOLE_DAY))
    compared = 0
    for venue in made.info.venues:
        for symbol in made.info.symbols:
            books, trades = made.of(symbol, venue)
            reader = Reader()
            said = messages(file(tmp_path / "lobster", symbol, venue, "message", 1))
            assert differences(books, [(ts, partial(reader.apply, *message)) for ts, *message in said], reader.levels) == 0
            printed = [(ts, size, price) for ts, type, _, size, price, _ in said if type in (4, 5, 6)]
            assert printed == list(zip(trades.ts_ns.tolist(), trades.size.tolist(), trades.price.tolist(), strict=True))
            compared += len(books)
    assert compared == len(made.books) > 100_000


@pytest.mark.hour
@pytest.mark.parametrize(("made", "books"), [(opening, ({}, 20)), (hour, ({"symbols": "NVDA", "venues": "ARCA"}, 1))])
def test_lobster_reconstructor_sees_our_books_after_every_message(made: Any, books: tuple[dict[str, Any], int], tmp_path: Path) -> None:
    """``pytest -m hour tests/test_lobster.py``: all ten levels after each message, of all books over the open, of one that pauses in the hour."""
    market: Made = made()
    chosen, count = books
    market.write(LobsterSink(tmp_path, levels=10, all_messages=True, **chosen, **WHOLE_DAY))
    said = in_venv("lobster", ["lobster-reconstructor"], "lobster_books.py", str(tmp_path)).splitlines()
    assert len(said) == 1 + count
    assert said[-1] == "0 differences"
