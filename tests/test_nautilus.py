"""A catalog for nautilus_trader by its description: Arrow files whose deltas, trades, quotes and depths are the tape's.

The package itself, which pins pandas, has a venv of its own: ``pytest -m hour tests/test_nautilus.py`` makes it.
"""

from __future__ import annotations

import re
import resource
from collections import defaultdict
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from formats import Levels, Made, closing, contents, differences, hour, is_noticed, opening
from peers import in_venv, python

from scenarios.launcher.main import command_line
from simulator import InputError
from simulator.inputs.sessions import parse_ts
from simulator.records import Phase
from writers.nautilus.kernel import fixed
from writers.nautilus.sink import NautilusSink

ADD, UPDATE, DELETE, CLEAR = 1, 2, 3, 4
LAST, SNAPSHOT = 128, 32
UNIT = 10**12
"""0.0001 USD in 1e-16."""
SHARE = 10**16


@pytest.fixture(scope="module", name="opening")
def made_opening() -> Made:
    return opening()


@pytest.fixture(scope="module")
def written(opening: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("nautilus")
    opening.write(NautilusSink(folder))
    return folder / "nautilus"


def table(folder: Path, kind: str, symbol: str, venue: str) -> Any:
    (path,) = (folder / "data" / kind / f"{symbol}.{venue}").glob("*.parquet")
    with pq.ParquetFile(path) as file:
        return file.read()


def numbers(column: Any) -> list[int]:
    return [int.from_bytes(value, "little", signed=True) for value in column.to_pylist()]


def whole(value: int, unit: int) -> int:
    assert value % unit == 0
    return value // unit


class Book:
    """By order number; looked at after the flag LAST."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}
        self.seen: Levels = ([], [])

    def apply(self, action: int, side: int, price: int, size: int, number: int, flags: int) -> None:
        if action == CLEAR:
            self.orders = {}
        elif action == ADD:
            assert number not in self.orders
            assert size > 0
            self.orders[number] = (side, whole(price, UNIT), whole(size, SHARE))
        else:
            assert self.orders[number][:2] == (side, whole(price, UNIT))
            if action == UPDATE:
                assert 0 < whole(size, SHARE) < self.orders[number][2]
                self.orders[number] = (side, whole(price, UNIT), whole(size, SHARE))
            else:
                assert action == DELETE
                del self.orders[number]
        if flags & LAST:
            self.seen = self.levels()

    def levels(self) -> Levels:
        sides: tuple[defaultdict[int, int], defaultdict[int, int]] = (defaultdict(int), defaultdict(int))
        for side, price, size in self.orders.values():
            sides[side - 1][price] += size
        return sorted(sides[0].items(), reverse=True), sorted(sides[1].items())


def deltas(rows: Any) -> list[tuple[int, ...]]:
    columns = [rows.column(name).to_pylist() for name in ("action", "side")]
    columns += [numbers(rows.column(name)) for name in ("price", "size")]
    columns += [rows.column(name).to_pylist() for name in ("order_id", "flags")]
    return list(zip(*columns, strict=True))


def wrong_rows(made: Made, rows: Any, symbol: str, venue: str) -> int:
    book = Book()
    said = [(ts, partial(book.apply, *delta)) for ts, delta in zip(rows.column("ts_init").to_pylist(), deltas(rows), strict=True)]
    return differences(made.of(symbol, venue)[0], said, lambda: book.seen)


@pytest.mark.parametrize("made", [opening, closing], ids=["opening", "closing"])
def test_a_book_of_the_deltas_is_ours_at_every_row_and_the_trades_are_our_prints(made: Any, tmp_path: Path) -> None:
    market: Made = made()
    market.write(NautilusSink(tmp_path, symbols=("AAPL", "JPM")))
    for venue in market.info.venues:
        for symbol in ("AAPL", "JPM"):
            folder = tmp_path / "nautilus"
            rows = table(folder, "order_book_deltas", symbol, venue)
            assert wrong_rows(market, rows, symbol, venue) == 0
            times, flags = rows.column("ts_event").to_numpy(), rows.column("flags").to_numpy()
            np.testing.assert_array_equal(flags & LAST > 0, np.append(times[1:] != times[:-1], True))  # every group ends with it, once
            _, trades = market.of(symbol, venue)
            printed = table(folder, "trade_tick", symbol, venue) if len(trades) else None
            if printed is not None:
                assert printed.column("ts_event").to_pylist() == trades.ts_ns.tolist()
                assert [whole(price, UNIT) for price in numbers(printed.column("price"))] == trades.price.tolist()
                assert [whole(size, SHARE) for size in numbers(printed.column("size"))] == trades.size.tolist()
                sides = [0 if cond else 1 + side for side, cond in zip(trades.side.tolist(), trades.cond.tolist(), strict=True)]
                assert printed.column("aggressor_side").to_pylist() == sides
                assert len(set(printed.column("trade_id").to_pylist())) == len(trades)


def test_depths_and_quotes_are_the_rows_of_the_book(written: Path, opening: Made) -> None:
    """Whenever the ten levels, or the best, have changed; with counts of orders where there are shares."""
    for symbol, venue in (("AAPL", "NASDAQ"), ("NVDA", "ARCA")):
        books, _ = opening.of(symbol, venue)
        rows = table(written, "order_book_depths", symbol, venue)
        names = [f"{side}_{what}_{level}" for side in ("bid", "ask") for what in ("price", "size") for level in range(10)]
        have = np.array([[n // (UNIT if "price" in name else SHARE) for n in numbers(rows.column(name))] for name in names]).T
        times = rows.column("ts_init").to_numpy().astype(np.int64)
        at = np.searchsorted(times, books.ts_ns, side="right") - 1
        np.testing.assert_array_equal(have[at].reshape(len(books), 4, 10), books.quotes)
        assert set(times.tolist()) <= set(opening.orders.ts_ns.tolist())
        for side in ("bid", "ask"):
            for level in range(10):
                shown = np.array(numbers(rows.column(f"{side}_size_{level}"))) > 0
                np.testing.assert_array_equal(rows.column(f"{side}_count_{level}").to_numpy() > 0, shown)
        quotes = table(written, "quote_tick", symbol, venue)
        both = (books.bid_count > 0) & (books.ask_count > 0)
        best = np.stack([books.bid_price[:, 0], books.ask_price[:, 0], books.bid_size[:, 0], books.ask_size[:, 0]], axis=1)
        have = np.array([numbers(quotes.column(name)) for name in ("bid_price", "ask_price", "bid_size", "ask_size")]).T
        have = have // [UNIT, UNIT, SHARE, SHARE]
        at = np.searchsorted(quotes.column("ts_init").to_numpy().astype(np.int64), books.ts_ns[both], side="right") - 1
        np.testing.assert_array_equal(have[at], best[both])


def test_names_types_and_metadata_are_those_of_the_catalog(written: Path, opening: Made) -> None:
    assert {path.name for path in (written / "data").iterdir()} == {"order_book_deltas", "trade_tick", "quote_tick", "order_book_depths", "instrument_status", "equity"}
    for path in written.rglob("*.parquet"):
        first, last = re.findall(r"(\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{9}Z)", path.name)
        with pq.ParquetFile(path) as file:
            rows, metadata = file.read(), file.schema_arrow.metadata
        times = rows.column("ts_init").to_pylist()
        stamps = [parse_ts(re.sub(r"T(\d\d)-(\d\d)-(\d\d)-", r"T\1:\2:\3.", text)) for text in (first, last)]
        assert stamps == [min(times), max(times)]
        assert times == sorted(times)
        if path.parent.parent.name == "equity":
            assert metadata[b"class"] == b"Equity"
            assert rows.column("price_increment").to_pylist() == ["0.01"]
            assert rows.column("id").to_pylist() == [path.parent.name]
        elif path.parent.parent.name == "instrument_status":
            assert metadata[b"type"] == b"InstrumentStatus"
            assert set(rows.column("instrument_id").to_pylist()) == {path.parent.name}
        else:
            assert metadata == {b"instrument_id": path.parent.name.encode(), b"price_precision": b"2", b"size_precision": b"0"}
            assert not any(field.nullable for field in rows.schema)


def test_versions_before_1_222_have_other_folders_and_windows_other_numbers(opening: Made, written: Path, tmp_path: Path) -> None:
    opening.write(NautilusSink(tmp_path, layout="1.221.0", precision="standard", symbols="AAPL", venues="IEX"))
    old = tmp_path / "nautilus"
    assert {path.name for path in (old / "data").iterdir()} == {"order_book_delta", "trade_tick", "quote_tick", "order_book_depth10", "instrument_status", "equity"}
    rows = table(old, "order_book_delta", "AAPL", "IEX")
    assert rows.schema.field("price").type.byte_width == 8
    new = table(written, "order_book_deltas", "AAPL", "IEX")
    assert [price * 10**7 for price in numbers(rows.column("price"))] == numbers(new.column("price"))
    assert "max_quantity" not in table(old, "equity", "AAPL", "IEX").schema.names
    assert "max_quantity" in table(written, "equity", "AAPL", "IEX").schema.names


def test_a_tick_below_a_cent_has_four_decimals(opening: Made, tmp_path: Path) -> None:
    sink = NautilusSink(tmp_path, symbols="AAPL", venues="IEX")
    sink.open(replace(opening.info, tick_units=(1, 100, 100, 100)))
    sink.write_all([opening.orders])
    assert table(tmp_path / "nautilus", "equity", "AAPL", "IEX").column("price_increment").to_pylist() == ["0.0001"]
    (path,) = (tmp_path / "nautilus" / "data" / "quote_tick" / "AAPL.IEX").glob("*.parquet")
    assert pq.read_schema(path).metadata[b"price_precision"] == b"4"


def test_products_of_128_bits_are_exact() -> None:
    values = np.array([0, 1, 9_999, 2_073_800, 2**31 - 1, 2**32, 7_000_000_000, 2**40], np.int64)
    for factor in (10**12, 10**16, 10**5, 10**9):
        words, low_words = np.empty((len(values), 2), np.uint64), np.empty((len(values), 1), np.uint64)
        fixed(values, factor, words)
        fixed(values, factor, low_words)
        assert [int(low) + (int(high) << 64) for low, high in words] == [int(value) * factor for value in values]
        assert low_words[:, 0].tolist() == words[:, 0].tolist()


@pytest.mark.parametrize("fault", ["an update as a delete", "a reused number", "a wrong endian", "a flag missing"])
def test_a_wrong_catalog_is_noticed(fault: str, opening: Made, written: Path) -> None:
    rows = table(written, "order_book_deltas", "AAPL", "ARCA").to_pydict()
    later = [n for n in range(len(rows["action"])) if n > len(rows["action"]) // 3]
    adds = [n for n in range(len(rows["action"])) if rows["action"][n] == ADD]
    if fault == "an update as a delete":
        rows["action"][next(n for n in later if rows["action"][n] == UPDATE)] = DELETE
    elif fault == "a reused number":
        rows["order_id"][adds[len(adds) // 2]] = rows["order_id"][adds[len(adds) // 2 - 1]]
    elif fault == "a wrong endian":
        n = next(n for n in later if rows["action"][n] == ADD)
        rows["size"][n] = rows["size"][n][::-1]
    else:
        for n in later:
            rows["flags"][n] = 0
    assert is_noticed(lambda: wrong_rows(opening, pa.table(rows), "AAPL", "ARCA"))


def test_conversion_and_several_processes_give_the_same_bytes(opening: Made, written: Path, tmp_path: Path) -> None:
    opening.parquet(tmp_path)
    assert command_line(["convert", str(tmp_path), "--to", "nautilus"]) == 0
    assert contents(tmp_path / "nautilus") == contents(written)
    opening.write_parts(lambda worker: NautilusSink(tmp_path / "parts", worker))
    assert contents(tmp_path / "parts" / "nautilus") == contents(written)
    words = ["convert", str(tmp_path), "--to", "nautilus", "--overwrite", "true", "--layout", "1.221", "--venue", "IEX", "--symbols", "JPM"]
    assert command_line(words) == 0


def test_what_waits_for_a_row_group_is_put_aside_and_the_bytes_are_the_same(
    opening: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With groups of fewer rows, so that there are several; nothing in memory, a little, all."""
    monkeypatch.setattr("writers.nautilus.files.ROWS", 100)
    found = []
    for held in (0, 40_000, 10**9):
        monkeypatch.setattr("writers.nautilus.files.HELD_MAX", held)
        opening.write(NautilusSink(tmp_path / str(held), symbols=("AAPL", "JPM"), venues="NASDAQ"))
        found.append(contents(tmp_path / str(held)))
    assert found[0] == found[1] == found[2]
    (path,) = (tmp_path / "0" / "nautilus" / "data" / "order_book_depths" / "AAPL.NASDAQ").glob("*.parquet")
    assert pq.read_metadata(path).num_row_groups > 2
    assert [p.name for p in (tmp_path / "0" / "nautilus").iterdir()] == ["data"], "nothing else is left"


def test_a_run_that_ends_early_leaves_nothing(opening: Made, tmp_path: Path) -> None:
    sink = NautilusSink(tmp_path)
    sink.open(opening.info)
    sink.write(opening.orders)
    sink.close(False)
    assert contents(tmp_path) == {}


def test_what_cannot_be_written_is_refused(opening: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="must be a version of nautilus_trader"):
        NautilusSink(tmp_path, layout="newest")
    with pytest.raises(InputError, match="must be high or standard"):
        NautilusSink(tmp_path, precision="low")
    with pytest.raises(InputError, match="the run has AAPL"):
        NautilusSink(tmp_path, symbols="MSFT").open(opening.info)
    assert contents(tmp_path) == {}


def test_more_files_than_a_process_may_have_open_are_refused_and_what_it_may_have_is_taken(
    opening: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (150, before[1]))
        NautilusSink(tmp_path).open(opening.info)
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 4 * len(opening.info.symbols) * 5 + 64
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (150, 200))
    with pytest.raises(InputError, match="may have 200 files open at once, and it would need 208"):
        NautilusSink(tmp_path).open(opening.info)
    assert contents(tmp_path) == {}


@pytest.mark.hour
def test_nautilus_itself_sees_our_books_in_an_hour(tmp_path: Path) -> None:
    """``pytest -m hour tests/test_nautilus.py``: its ParquetDataCatalog and OrderBook at every book row, in the layout of what installs.

    ``PEERS_PYTHON=python3.12 pytest -m hour tests/test_nautilus.py`` has the newest version, and the newer layout.
    """
    made = hour()
    made.write(NautilusSink(tmp_path, layout="1.222" if python()[1] >= (3, 12) else "1.221"))
    for symbol, venue in (("AAPL", "NASDAQ"), ("JPM", "NYSE"), ("NVDA", "ARCA")):
        books, trades = made.of(symbol, venue)
        rows: Any = made.tape["status"]
        mine = (rows.symbol == made.info.symbols.index(symbol)) & (rows.venue == made.info.venues.index(venue))
        np.savez(
            tmp_path / f"{symbol}_{venue}.npz", ts=books.ts_ns, quotes=books.quotes, trades=trades.ts_ns, prices=trades.price, sizes=trades.size,
            statuses=rows.ts_ns[mine], halted=rows.phase[mine] == Phase.HALTED,
        )  # fmt: skip
    said = in_venv("nautilus_trader", ["nautilus_trader"], "nautilus_books.py", str(tmp_path))
    assert said.splitlines()[-1] == "0 differences"
