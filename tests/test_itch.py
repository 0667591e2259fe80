"""ITCH files in the hands of two readers that others wrote: itch-book and meatpy see our books at every row, and our prints."""

from __future__ import annotations

import datetime as dt
import gzip
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import itch_book
import numpy as np
import pytest
from formats import Levels, Made, closing, contents, differences, hour, opening
from itch_book import lobster
from meatpy.itch50 import ITCH50MarketProcessor, ITCH50MessageReader

from scenarios.launcher.main import command_line, main
from simulator import InputError
from simulator.errors import SinkError
from simulator.inputs.sessions import parse_ts
from simulator.records import EventKind, MarketDataBatch, OrderBatch
from writers.itch.layout import DTYPES
from writers.itch.sink import ItchSink
from writers.lobster import LobsterSink

DATE = dt.date(2025, 7, 1)
MIDNIGHT_NS = parse_ts("2025-07-01T04:00:00Z")


@pytest.fixture(scope="module", name="opening")
def made_opening() -> Made:
    return opening()


@pytest.fixture(scope="module")
def written(opening: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("itch")
    opening.write(ItchSink(folder))
    return folder / "itch"


def file(folder: Path, venue: str) -> Path:
    return folder / f"07012025.{venue}_ITCH50"


def read(path: Path, made: Made, *tables: str) -> dict[str, dict[str, Any]]:
    """All of itch-book's tables."""
    found: dict[str, list[Any]] = {table: [] for table in tables}
    for batch in itch_book.Feed(str(path), date=DATE, price_type="fixed").batches(tables=tables, depth=10, symbols=made.info.symbols):
        for table in tables:
            found[table].append(getattr(batch, table))
    return {table: {name: np.concatenate([np.asarray(part[name]) for part in parts]) for name in parts[0]} for table, parts in found.items()}


def itch_books_wrong_rows(made: Made, path: Path, venue: str) -> tuple[int, int]:
    """Rows of all symbols at which itch-book shows other levels than the tape; and rows compared."""
    depth = read(path, made, "depth")["depth"]
    wrong = compared = 0
    for symbol in made.info.symbols:
        books, _ = made.of(symbol, venue)
        mine = np.flatnonzero(depth["locate"] == made.info.symbols.index(symbol) + 1)
        at = mine[np.searchsorted(depth["ts_event"][mine], books.ts_ns, side="right") - 1]
        names = [[f"{what}_{level:02d}" for level in range(10)] for what in ("bid_px", "bid_sz", "ask_px", "ask_sz")]
        have = np.stack([np.stack([depth[name][at] for name in row], axis=1) for row in names], axis=1)
        wrong += int((have.astype(np.int64) != books.quotes).any(axis=(1, 2)).sum())
        compared += len(books)
    return wrong, compared


@pytest.mark.parametrize("made", [opening, closing], ids=["opening", "closing"])
def test_itch_book_sees_our_books_and_prints(made: Any, tmp_path: Path) -> None:
    market: Made = made()
    market.write(ItchSink(tmp_path))
    for venue in market.info.venues:
        path = file(tmp_path / "itch", venue)
        wrong, compared = itch_books_wrong_rows(market, path, venue)
        assert wrong == 0
        assert compared > 100
        itch_books_prints_are_ours(market, path, venue)


def itch_books_prints_are_ours(made: Made, path: Path, venue: str) -> None:
    trades = read(path, made, "trades")["trades"]
    counted = (trades["size"] > 0) & (trades["kind"] != b"C")  # C: filled in a cross, not printable
    mine = made.trades.venue == made.info.venues.index(venue)
    for name, ours in (
        ("ts_event", made.trades.ts_ns), ("price", made.trades.price), ("size", made.trades.size), ("locate", made.trades.symbol + 1),
    ):  # fmt: skip
        np.testing.assert_array_equal(trades[name][counted].astype(np.int64), ours[mine], err_msg=f"{venue} {name}")


def test_meatpy_sees_our_books(opening: Made, written: Path) -> None:
    """Of two symbols at their listing venues, with the crosses; its book is in Python, and slow."""
    for symbol, venue in (("AAPL", "NASDAQ"), ("JPM", "NYSE")):
        assert meatpys_wrong_rows(opening, file(written, venue), symbol, venue) == 0


def meatpys_wrong_rows(made: Made, path: Path, symbol: str, venue: str) -> int:
    processor = ITCH50MarketProcessor(symbol, dt.datetime(2025, 7, 1))  # noqa: DTZ001
    locate = made.info.symbols.index(symbol) + 1

    def messages() -> Iterator[tuple[int, Callable[[], object]]]:
        with ITCH50MessageReader(path) as reader:
            for message in reader:
                if getattr(message, "stock_locate", locate) in (0, locate):
                    yield MIDNIGHT_NS + message.timestamp, partial(processor.process_message, message)

    def levels() -> Levels:
        book = processor.current_lob
        bids, asks = (book.bid_levels, book.ask_levels) if book is not None else ([], [])
        return [(x.price, x.volume) for x in bids], [(x.price, x.volume) for x in asks]

    return differences(made.of(symbol, venue)[0], messages(), levels)


def test_meatpy_writes_the_same_bytes_again(written: Path, tmp_path: Path) -> None:
    closing().write(ItchSink(tmp_path))
    types: set[str] = set()
    for path in (file(written, "NASDAQ"), file(tmp_path / "itch", "NASDAQ"), file(tmp_path / "itch", "NYSE")):
        with ITCH50MessageReader(path) as reader:
            bodies = [message.to_bytes() for message in reader]
        assert b"".join(len(body).to_bytes(2, "big") + body for body in bodies) == path.read_bytes()
        types |= {chr(body[0]) for body in bodies}
    assert types == set("SRHYVAECXDUPQI")  # and J and W: tests/test_notices_in_formats.py


def test_every_layout_has_the_length_of_the_specification() -> None:
    sizes = {
        "S": 12, "R": 39, "H": 25, "Y": 20, "L": 26, "V": 35, "W": 12, "K": 28, "J": 35, "h": 21, "A": 36, "F": 40, "E": 31, "C": 36, "X": 23,
        "D": 19, "U": 35, "P": 44, "Q": 40, "B": 19, "I": 50, "N": 20, "O": 48,
    }  # fmt: skip
    assert {type: dtype.itemsize - 2 for type, dtype in DTYPES.items()} == sizes


def test_system_events_frame_the_day_and_the_directory_lists_what_trades(tmp_path: Path, opening: Made) -> None:
    """A run over the close to the end of the post-close's first minutes: O S Q M E C, in time order, and each share once."""
    day = closing()
    day.write(ItchSink(tmp_path))
    tables = read(file(tmp_path / "itch", "NASDAQ"), day, "system_events", "symbols", "halts", "reg_sho", "messages")
    events = tables["system_events"]
    assert [event.decode() for event in events["event"]] == list("OSQMEC")
    seconds = ((events["ts_event"].astype(np.int64) - MIDNIGHT_NS) // 10**9).tolist()
    assert seconds == [57_596, 57_596, 57_596, 57_600, 72_000, 72_000]
    assert tables["symbols"]["symbol"].tolist() == ["AAPL", "NVDA", "JPM", "XOM"]
    assert tables["symbols"]["market_category"].tolist() == [b"Q", b"Q", b"N", b"N"] or tables["symbols"]["market_category"].tolist() == list("QQNN")
    assert tables["halts"]["state"].tolist() == [b"T"] * 4
    refs = tables["messages"]["order_id"]
    shown = refs[np.isin(tables["messages"]["type"], [b"A", b"U"])]
    assert shown.tolist() == list(range(1, len(shown) + 1))  # dense over all symbols


def test_itch_books_own_lobster_export_of_our_itch_is_our_lobster(opening: Made, written: Path, tmp_path: Path) -> None:
    """An oracle: two ways from ITCH to LOBSTER. It counts orders over all symbols and fills a cross by executions; the rest is alike."""
    hours = {"start_ms": 34_200_000, "end_ms": 57_600_000}
    opening.write(LobsterSink(tmp_path / "ours", levels=10, all_messages=True, venues=("NASDAQ",), **hours))
    lobster.export(str(file(written, "NASDAQ")), str(tmp_path), symbols=("AAPL", "XOM"), levels=10, date=DATE)
    for symbol in ("AAPL", "XOM"):
        stem = f"{symbol}_2025-07-01_34200000_57600000"
        theirs, ours = ([row.split(",") for row in (folder / f"{stem}_message_10.csv").read_text().splitlines()]
                        for folder in (tmp_path, tmp_path / "ours" / "lobster" / "NASDAQ"))  # fmt: skip
        assert len(theirs) == len(ours) > 50
        crosses = {row[0] for row in ours if row[1] == "6"}
        numbers: dict[str, str] = {}
        for mine, their in zip(ours, theirs, strict=True):
            assert int(mine[0].replace(".", "")) == round(float(their[0]) * 1e9)
            assert numbers.setdefault(their[2], mine[2]) == mine[2]
            if mine[1] in ("2", "3") and mine[0] in crosses:
                assert (their[1], mine[3], mine[5]) == ("4", their[3], their[5])
            elif mine[1] == "5":
                assert mine[3:5] == their[3:5]  # ITCH hides the side of a hidden order
            else:
                assert [mine[1], *mine[3:]] == [their[1], *their[3:]]
        books = [[row for row in (folder / f"{stem}_orderbook_10.csv").read_text().splitlines()]
                 for folder in (tmp_path, tmp_path / "ours" / "lobster" / "NASDAQ")]  # fmt: skip
        replaced = [n for n in range(len(ours) - 1) if ours[n][1] == "3" and ours[n + 1][1] == "1" and ours[n][0] == ours[n + 1][0]]
        differ = [n for n, (mine, their) in enumerate(zip(books[1], books[0], strict=True)) if mine != their]
        assert set(differ) <= set(replaced)  # between deletion and submission it shows the book after both


def test_conversion_several_processes_and_gzip_give_the_same_bytes(opening: Made, written: Path, tmp_path: Path) -> None:
    opening.parquet(tmp_path)
    assert command_line(["convert", str(tmp_path), "--to", "itch"]) == 0
    assert contents(tmp_path / "itch") == contents(written)
    opening.write_parts(lambda worker: ItchSink(tmp_path / "parts", worker))
    assert contents(tmp_path / "parts" / "itch") == contents(written)
    assert command_line(["convert", str(tmp_path), "--to", "itch", "--out", str(tmp_path / "gz"), "--gzip", "true", "--venue", "IEX"]) == 0
    packed = contents(tmp_path / "gz" / "itch")
    assert {name: gzip.decompress(content) for name, content in packed.items()} == {
        "07012025.IEX_ITCH50.gz": file(written, "IEX").read_bytes()
    }


def test_where_rows_are_cut_changes_no_byte(opening: Made, written: Path, tmp_path: Path) -> None:
    """A replaced order at the end of a batch was told in two messages instead of one."""
    replaced = int(np.flatnonzero(opening.orders.kind == EventKind.REPLACE)[-1])
    for name, step in (("each", 1), ("after a replaced one", replaced + 1)):
        opening.write(ItchSink(tmp_path / name), step=step)
        assert contents(tmp_path / name / "itch") == contents(written), name


def test_a_run_that_ends_early_leaves_nothing(opening: Made, tmp_path: Path) -> None:
    sink = ItchSink(tmp_path)
    sink.open(opening.info)
    sink.write(opening.orders)
    sink.close(False)
    part = ItchSink(tmp_path, 1)
    part.open(replace(opening.info, workers=2, worker=1))
    part.write(opening.orders)
    part.close(False)
    ItchSink(tmp_path).merge(replace(opening.info, workers=2), False)
    assert contents(tmp_path) == {}


PLANTED = 30
"""Orders that are made wrong: one alone may stand too far from the market to be seen."""


def damaged(path: Path, fault: str) -> bytes:
    """The file with a message of a kind missing, or some changed."""
    content = bytearray(path.read_bytes())
    place = 0
    executions = planted = 0
    last_ref = b""
    while place < len(content):
        size = int.from_bytes(content[place : place + 2], "big") + 2
        kind = chr(content[place + 2])
        if kind == "E":
            executions += 1
            if executions == 20 and fault == "an execution missing":
                del content[place : place + size]
                break
        if kind == "A":
            if fault == "a reused reference" and last_ref and place > len(content) // 3:
                content[place + 13 : place + 21] = last_ref
                planted += 1
            last_ref = bytes(content[place + 13 : place + 21])
        if kind == "A" and fault == "a wrong endian" and place > len(content) // 3:
            content[place + 22 : place + 26] = content[place + 22 : place + 26][::-1]
            planted += 1
        if planted == PLANTED:
            break
        place += size
    return bytes(content)


@pytest.mark.parametrize("fault", ["an execution missing", "a reused reference", "a wrong endian"])
def test_a_wrong_file_is_noticed(fault: str, opening: Made, written: Path, tmp_path: Path) -> None:
    path = file(tmp_path, "ARCA")
    path.write_bytes(damaged(file(written, "ARCA"), fault))
    assert path.read_bytes() != file(written, "ARCA").read_bytes()
    assert itch_books_wrong_rows(opening, path, "ARCA")[0] > 0


def test_what_does_not_fit_is_refused(opening: Made, tmp_path: Path) -> None:
    long = replace(opening.info, symbols=("AAPL", "NVDA", "JPM", "LONGERNAME"))
    with pytest.raises(InputError, match="at most 8 characters"):
        ItchSink(tmp_path).open(long)
    dear_one = replace(opening.info, closes_usd=(200.0, 700_000.0, 200.0, 100.0))
    with pytest.raises(InputError, match=r"price of NVDA: got 700000.0; ITCH's prices have four bytes: at most 429,496.7295 USD"):
        ItchSink(tmp_path).open(dear_one)
    ItchSink(tmp_path, symbols=("AAPL",)).open(dear_one)
    columns = {name: getattr(opening.orders, name) for name in opening.orders.__dataclass_fields__}
    dear = OrderBatch(**{**columns, "price": columns["price"].astype(np.int64) * 20_000})
    with pytest.raises(SinkError, match="does not fit ITCH's four bytes"):
        opening.write(ItchSink(tmp_path), dear)
    assert contents(tmp_path) == {}


@pytest.mark.hour
def test_an_hour_of_four_symbols(tmp_path: Path) -> None:
    """``pytest -m hour tests/test_itch.py``: 09:00 to 10:00 New York time with the agent; itch-book, all rows and prints, all venues.

    meatpy, which is in Python, sees three of the books, and writes the bytes of one file again.
    """
    made = hour()
    made.write(ItchSink(tmp_path))
    found = [itch_books_wrong_rows(made, file(tmp_path / "itch", venue), venue) for venue in made.info.venues]
    assert [wrong for wrong, _ in found] == [0] * len(found)
    assert isinstance(made.books, MarketDataBatch)
    assert sum(compared for _, compared in found) == len(made.books) > 100_000
    for venue in made.info.venues:
        itch_books_prints_are_ours(made, file(tmp_path / "itch", venue), venue)
    for symbol, venue in (("AAPL", "NASDAQ"), ("JPM", "NYSE"), ("NVDA", "ARCA")):
        assert meatpys_wrong_rows(made, file(tmp_path / "itch", venue), symbol, venue) == 0
    with ITCH50MessageReader(file(tmp_path / "itch", "NASDAQ")) as reader:
        bodies = [message.to_bytes() for message in reader]
    assert b"".join(len(body).to_bytes(2, "big") + body for body in bodies) == file(tmp_path / "itch", "NASDAQ").read_bytes()
    assert {chr(body[0]) for body in bodies} >= set("SRHYVAEXDUPQI")


def test_a_run_of_two_processes_writes_what_a_conversion_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the command: each worker keeps its rows, and the launcher lets them be merged."""
    monkeypatch.chdir(tmp_path)
    common = ["--start_ts", "2025-07-01T13:29:58Z", "--end_ts", "2025-07-01T13:30:02Z", "--symbols", "AAPL,JPM",
              "--market_data_min_eps", "40", "--market_data_max_eps", "100", "--trades_min_eps", "8", "--trades_max_eps", "20"]  # fmt: skip
    assert main([*common, "--out", "run", "--processes", "1", "--extra_tables", "orders,status,imbalances"]) == 0
    assert main([*common, "--out", "direct", "--processes", "2", "--writer", "itch", "--venue", "NASDAQ,IEX"]) == 0
    assert command_line(["convert", "run", "--to", "itch", "--venue", "NASDAQ,IEX"]) == 0
    assert contents(tmp_path / "direct" / "itch") == contents(tmp_path / "run" / "itch")
    assert len(contents(tmp_path / "direct")) == 3  # with the manifest: no parts are left
