"""DBN files in the hands of databento-dbn: a book by its documentation's rules sees ours at every row, and so do the levels of MBP."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import numpy as np
import pyarrow as pa
import pytest
from formats import Levels, Made, closing, contents, differences, hour, is_noticed, opening

from scenarios.launcher.main import command_line
from simulator import InputError
from writers.databento.records import DTYPES
from writers.databento.sink import PUBLISHERS, DatabentoSink

STRUCTS = {"mbo": dbn.MBOMsg, "mbp-10": dbn.MBP10Msg, "mbp-1": dbn.MBP1Msg, "trades": dbn.TradeMsg}


@pytest.fixture(scope="module", name="opening")
def made_opening() -> Made:
    return opening()


@pytest.fixture(scope="module")
def written(opening: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dbn")
    opening.write(DatabentoSink(folder))
    return folder / "databento"


def file(folder: Path, venue: str, schema: str) -> Path:
    return folder / f"{PUBLISHERS[venue][0].lower().replace('.', '-')}-20250701.{schema}.dbn.zst"


def decode(path: Path) -> list[Any]:
    """Metadata, then the records."""
    decoder = dbn.DBNDecoder(compression=dbn.Compression.ZSTD)
    decoder.write(path.read_bytes())
    return decoder.decode()


class Book:
    """Of one instrument, by the documentation: add, cancel (a part or all), clear; trades and fills change nothing."""

    def __init__(self) -> None:
        self.orders: dict[int, list[Any]] = {}
        self.filled: defaultdict[int, int] = defaultdict(int)
        self.seen: Levels = ([], [])

    def apply(self, record: Any) -> None:
        action = str(record.action)
        if action == "A":
            assert record.order_id not in self.orders
            self.orders[record.order_id] = [str(record.side), record.price, record.size]
        elif action == "C":
            order = self.orders[record.order_id]
            assert order[:2] == [str(record.side), record.price]
            order[2] -= record.size
            assert order[2] >= 0
            if not order[2]:
                del self.orders[record.order_id]
        elif action == "R":
            self.orders = {}
        if record.flags & 128:
            self.seen = self.levels()

    def levels(self) -> Levels:
        sides: dict[str, defaultdict[int, int]] = {"B": defaultdict(int), "A": defaultdict(int)}
        for side, price, size in self.orders.values():
            assert price % 100_000 == 0
            sides[side][price // 100_000] += size
        return sorted(sides["B"].items(), reverse=True), sorted(sides["A"].items())


def wrong_rows(made: Made, records: list[Any], symbol: str, venue: str) -> int:
    book = Book()
    number = made.info.symbols.index(symbol) + 1
    said = [(r.ts_event, partial(book.apply, r)) for r in records if r.instrument_id == number]
    return differences(made.of(symbol, venue)[0], said, lambda: book.seen)


@pytest.mark.parametrize("made", [opening, closing], ids=["opening", "closing"])
def test_a_book_of_mbo_is_ours_at_every_row(made: Any, tmp_path: Path) -> None:
    market: Made = made()
    market.write(DatabentoSink(tmp_path, schemas=("mbo",)))
    for venue in market.info.venues:
        _, *records = decode(file(tmp_path / "databento", venue, "mbo"))
        for symbol in ("AAPL", "JPM"):
            assert wrong_rows(market, records, symbol, venue) == 0
        trades = [r for r in records if str(r.action) == "T"]
        mine = market.trades.venue == market.info.venues.index(venue)
        assert [r.ts_event for r in trades] == market.trades.ts_ns[mine].tolist()
        assert [(r.price // 100_000, r.size) for r in trades] == list(
            zip(market.trades.price[mine].tolist(), market.trades.size[mine].tolist(), strict=True)
        )
        crossed = market.trades.cond[mine] != 0
        sides = ["N" if cross else "BA"[side] for cross, side in zip(crossed, market.trades.side[mine], strict=True)]
        assert [str(r.side) for r in trades] == sides


def test_the_file_begins_with_what_it_is_and_an_empty_book(written: Path, opening: Made) -> None:
    head, *records = decode(file(written, "NASDAQ", "mbo"))
    assert (head.dataset, str(head.schema), head.version) == ("XNAS.ITCH", "mbo", 3)
    assert list(head.symbols) == list(opening.info.symbols)
    assert {name: [i["symbol"] for i in intervals] for name, intervals in head.mappings.items()} == {
        name: [str(n + 1)] for n, name in enumerate(opening.info.symbols)
    }
    first = records[: len(opening.info.symbols)]
    assert [str(r.action) for r in first] == ["R"] * 4
    assert all(r.price == dbn.UNDEF_PRICE and r.flags == 128 | 32 | 8 and r.publisher_id == 2 for r in first)
    assert {str(r.action) for r in records} == set("RATFC")


def test_every_fill_is_followed_by_its_cancel(written: Path) -> None:
    _, *records = decode(file(written, "ARCA", "mbo"))
    fills = [n for n, r in enumerate(records) if str(r.action) == "F"]
    assert len(fills) > 20
    for n in fills:
        fill, gone = records[n], records[n + 1]
        assert (str(gone.action), gone.order_id, gone.size, gone.ts_event) == ("C", fill.order_id, fill.size, fill.ts_event)
        assert gone.flags & 128 or records[n + 2].ts_event == gone.ts_event


@pytest.mark.parametrize(("schema", "count"), [("mbp-10", 10), ("mbp-1", 1)])
def test_the_levels_of_mbp_are_ours_at_every_row(schema: str, count: int, written: Path, opening: Made) -> None:
    """After the last record of an instant; and the counts are those of a book of MBO."""
    for symbol, venue in (("AAPL", "NASDAQ"), ("XOM", "IEX")):
        number = opening.info.symbols.index(symbol) + 1
        _, *records = decode(file(written, venue, schema))
        mine = [r for r in records if r.instrument_id == number]
        books, _ = opening.of(symbol, venue)
        shown = [r for r in mine if r.flags & 128]
        at = np.searchsorted([r.ts_event for r in shown], books.ts_ns, side="right") - 1
        wrong = 0
        for row, place in enumerate(at.tolist()):
            levels = shown[place].levels
            have = [[0 if v == dbn.UNDEF_PRICE else v // scale for v in values] for values, scale in (
                ([x.bid_px for x in levels], 100_000), ([x.bid_sz for x in levels], 1),
                ([x.ask_px for x in levels], 100_000), ([x.ask_sz for x in levels], 1),
            )]  # fmt: skip
            wrong += have != books.quotes[row, :, :count].tolist()
        assert wrong == 0
        assert all((x.bid_ct > 0) == (x.bid_sz > 0) and (x.ask_ct > 0) == (x.ask_sz > 0) for r in mine for x in r.levels)
        added = [r for r in mine if str(r.action) == "A"]
        assert all((r.levels[r.depth].bid_px if str(r.side) == "B" else r.levels[r.depth].ask_px) == r.price for r in added)


def test_trades_are_our_prints(written: Path, opening: Made) -> None:
    for venue in opening.info.venues:
        _, *records = decode(file(written, venue, "trades"))
        mine = opening.trades.venue == opening.info.venues.index(venue)
        assert [(r.ts_event, r.price // 100_000, r.size, r.instrument_id - 1) for r in records] == list(zip(*(
            getattr(opening.trades, name)[mine].tolist() for name in ("ts_ns", "price", "size", "symbol")), strict=True))  # fmt: skip


def test_definitions_name_each_instrument_and_its_tick(written: Path, opening: Made) -> None:
    head, *records = decode(file(written, "IEX", "definition"))
    assert str(head.schema) == "definition"
    assert [(r.raw_symbol, r.instrument_id, r.min_price_increment, r.exchange, r.currency) for r in records] == [
        (name, n + 1, 10_000_000, "IEXG", "USD") for n, name in enumerate(opening.info.symbols)
    ]
    assert {(r.publisher_id, r.record_size(), str(r.instrument_class)) for r in records} == {(38, 520, "K")}


@pytest.mark.parametrize(("made", "actions", "kind"), [
    (opening, [dbn.StatusAction.PRE_OPEN, dbn.StatusAction.TRADING], dbn.StatType.OPENING_PRICE),
    (closing, [dbn.StatusAction.TRADING, dbn.StatusAction.POST_CLOSE], dbn.StatType.CLOSE_PRICE),
])  # fmt: skip
def test_status_follows_the_phases_and_statistics_the_crosses(made: Any, actions: list[Any], kind: Any, tmp_path: Path) -> None:
    market: Made = made()
    market.write(DatabentoSink(tmp_path, schemas=("status", "statistics")))
    symbols = len(market.info.symbols)
    crossed = 0
    for v, venue in enumerate(market.info.venues):
        _, *statuses = decode(file(tmp_path / "databento", venue, "status"))
        rows: Any = market.tape["status"]
        told = (rows.venue == v) & (rows.phase >= 0)
        assert [(r.ts_event, r.instrument_id - 1) for r in statuses] == list(zip(rows.ts_ns[told].tolist(), rows.symbol[told].tolist(), strict=True))
        assert [r.action for r in statuses if r.instrument_id == 1] == actions
        _, *records = decode(file(tmp_path / "databento", venue, "statistics"))
        trades = market.trades
        mine = np.flatnonzero((trades.venue == v) & (trades.cond > 0))
        prices = [(int(trades.ts_ns[n]), int(trades.symbol[n]) + 1, int(trades.price[n]) * 100_000) for n in mine]
        for stat, quantities in ((kind, [2**63 - 1] * len(mine)), (dbn.StatType.UNCROSSING_PRICE, trades.size[mine].tolist())):
            found = [r for r in records if r.stat_type == stat]
            assert [(r.ts_event, r.instrument_id, r.price) for r in found] == prices
            assert [r.quantity for r in found] == quantities
        assert len(records) == 2 * len(mine)
        crossed += len(mine)
    assert crossed == symbols


@pytest.mark.parametrize("schema", DTYPES)
def test_the_layouts_have_the_sizes_of_their_structs(schema: str) -> None:
    assert DTYPES[schema].itemsize == STRUCTS[schema].size_hint


def test_conversion_and_several_processes_give_the_same_bytes(opening: Made, written: Path, tmp_path: Path) -> None:
    opening.parquet(tmp_path)
    assert command_line(["convert", str(tmp_path), "--to", "databento"]) == 0
    assert contents(tmp_path / "databento") == contents(written)
    opening.write_parts(lambda worker: DatabentoSink(tmp_path / "parts", worker))
    assert contents(tmp_path / "parts" / "databento") == contents(written)


def test_a_run_that_ends_early_leaves_nothing(opening: Made, tmp_path: Path) -> None:
    sink = DatabentoSink(tmp_path)
    sink.open(opening.info)
    sink.write(opening.orders)
    sink.close(False)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize("fault", ["a fill without its cancel", "a reused number", "a wrong endian"])
def test_a_wrong_file_is_noticed(fault: str, opening: Made, written: Path, tmp_path: Path) -> None:
    path = file(written, "ARCA", "mbo")
    plain = pa.input_stream(str(path), compression="zstd").read()
    records = np.frombuffer(plain[metadata_size(plain) :], DTYPES["mbo"]).copy()
    mine = np.flatnonzero(records["instrument_id"] == 1)
    later = mine[len(mine) // 2 :]
    if fault == "a fill without its cancel":
        fill = later[records["action"][later] == b"F"][0]
        records = np.delete(records, fill + 1)
    else:
        ends = records["order_id"][later[records["action"][later] == b"C"]]
        add = later[(records["action"][later] == b"A") & np.isin(records["order_id"][later], ends)][0]  # of which more is said
        if fault == "a reused number":
            records["order_id"][add] = records["order_id"][mine[records["action"][mine] == b"A"][0]]
        else:
            records["size"][later] = records["size"][later].byteswap()
    out = tmp_path / path.name
    with pa.CompressedOutputStream(str(out), "zstd") as stream:
        stream.write(plain[: metadata_size(plain)] + records.tobytes())
    _, *decoded = decode(out)
    assert is_noticed(lambda: wrong_rows(opening, decoded, "AAPL", "ARCA"))


def metadata_size(plain: bytes) -> int:
    """DBN, version, then the length of what follows."""
    return 8 + int.from_bytes(plain[4:8], "little")


def test_what_cannot_be_written_is_refused(opening: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="Databento has NASDAQ"):
        DatabentoSink(tmp_path).open(replace(opening.info, venues=("NASDAQ", "LSE", "ARCA", "BATS", "IEX")))
    with pytest.raises(InputError, match="must be some of mbo"):
        DatabentoSink(tmp_path, schemas=("ohlcv-1s",))
    assert contents(tmp_path) == {}


@pytest.mark.hour
def test_an_hour_of_four_symbols(tmp_path: Path) -> None:
    """``pytest -m hour tests/test_databento.py``: 09:00 to 10:00 New York time with the agent; a book of mbo, all rows, all venues."""
    made = hour()
    made.write(DatabentoSink(tmp_path, schemas=("mbo", "trades")))
    compared = 0
    for v, venue in enumerate(made.info.venues):
        _, *records = decode(file(tmp_path / "databento", venue, "mbo"))
        for symbol in made.info.symbols:
            assert wrong_rows(made, records, symbol, venue) == 0
        _, *trades = decode(file(tmp_path / "databento", venue, "trades"))
        mine = made.trades.venue == v
        assert [(r.ts_event, r.price // 100_000, r.size) for r in trades] == list(zip(*(
            getattr(made.trades, name)[mine].tolist() for name in ("ts_ns", "price", "size")), strict=True))  # fmt: skip
        compared += int((made.books.venue == v).sum())
    assert compared == len(made.books) > 100_000
