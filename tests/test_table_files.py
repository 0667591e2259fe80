"""CSV and Arrow files of all tables, in the hands of DuckDB, polars and pyarrow; and who gives what bytes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.csv as pcsv
import pytest
from formats import Made, contents, opening

from scenarios.launcher.main import command_line
from simulator import InputError
from simulator.records import BATCH_TYPES, TABLES, MarketDataBatch
from simulator.tape.arrow import to_table
from simulator.tape.memory import empty_batch
from writers.tables.arrow_files import ArrowSink
from writers.tables.csv_files import CsvSink, flat
from writers.tables.sink import TableSink

SINKS = {"arrow": ArrowSink, "csv": CsvSink}


@pytest.fixture(scope="module", name="opening")
def made_opening() -> Made:
    return opening()


@pytest.fixture(scope="module")
def written(opening: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tables")
    for sink in SINKS.values():
        opening.write_tables(lambda worker, sink=sink: sink(folder, worker))  # type: ignore[misc]
    return folder


def file(folder: Path, form: str, table: str) -> Path:
    return folder / form / f"equities_{table}-2025-07-01.{form}"


@pytest.mark.parametrize("table", TABLES)
def test_arrow_files_are_the_tables_of_the_tape(table: str, opening: Made, written: Path) -> None:
    """Bit for bit with pyarrow; DuckDB and polars count and add the same."""
    want = to_table(opening.tape[table], opening.info)
    path = file(written, "arrow", table)
    with pa.ipc.open_file(path) as reader:
        have = reader.read_all()
    assert have.schema == want.schema
    assert have.combine_chunks().equals(want.combine_chunks())
    frame = pl.read_ipc(path)
    assert frame.columns == want.schema.names
    assert frame["timestamp_ns"].to_physical().to_list() == opening.tape[table].ts_ns.tolist()
    assert frame["symbol"].cast(pl.String).to_list() == want.column("symbol").to_pylist()
    venue = "bid_venue" if table == "sip" else "venue"
    found = duckdb.sql(f"SELECT count(*), min(epoch_ns(timestamp_ns)), count(DISTINCT {venue}) FROM have").fetchall()
    assert found[0] == (len(want), int(opening.tape[table].ts_ns[0]), len(np.unique(getattr(opening.tape[table], venue))))


def test_the_levels_in_arrow_are_lists_of_two_lists_for_every_reader(opening: Made, written: Path) -> None:
    path = file(written, "arrow", "market_data")
    bids = pl.read_ipc(path)["bids"]
    books = opening.books
    for row in (0, len(books) // 2, len(books) - 1):
        prices, sizes = bids[row].to_list()
        n = books.bid_count[row]
        assert [round(price * 10_000) for price in prices] == books.bid_price[row, :n].tolist()
        assert [int(size) for size in sizes] == books.bid_size[row, :n].tolist()
    rows = pa.ipc.open_file(path).read_all()
    assert rows is not None
    best = duckdb.sql("SELECT bids[1][1], bids[2][1] FROM rows WHERE len(bids[1]) > 0 LIMIT 1").fetchall()[0]
    first = int(np.flatnonzero(books.bid_count)[0])
    assert best == (books.bid_price[first, 0] / 10_000, float(books.bid_size[first, 0]))


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("reader", ["duckdb", "polars", "pyarrow"])
def test_csv_files_read_without_options_are_the_tape(table: str, reader: str, opening: Made, written: Path) -> None:
    want = flat(to_table(opening.tape[table], opening.info), opening.info.levels)
    path = str(file(written, "csv", table))
    if reader == "duckdb":
        have = duckdb.sql(f"SELECT * FROM read_csv('{path}', sample_size = -1)").to_arrow_table()
    elif reader == "polars":
        have = pl.read_csv(path, infer_schema_length=None).to_arrow()
    else:
        have = pcsv.read_csv(path)
    assert have.schema.names == want.schema.names
    for name in want.schema.names:
        ours, theirs = want.column(name).to_pylist(), have.column(name).to_pylist()
        assert theirs == ours or [word or "" for word in theirs] == [word or "" for word in ours], name  # CSV's empty word


def test_a_book_in_csv_is_a_column_per_level_and_empty_beyond_the_last(opening: Made, written: Path) -> None:
    have = pcsv.read_csv(file(written, "csv", "market_data"))
    levels = opening.info.levels
    places = [f"{side}_{what}_{n}" for side in ("bid", "ask") for n in range(1, levels + 1) for what in ("price", "size")]
    assert have.schema.names == ["timestamp_ns", "symbol", "venue", *places]
    books = opening.books
    assert isinstance(books, MarketDataBatch)
    for side, count, price, size in (("bid", books.bid_count, books.bid_price, books.bid_size), ("ask", books.ask_count, books.ask_price, books.ask_size)):
        for level in (1, 2, levels):
            assert have.column(f"{side}_price_{level}").is_valid().to_pylist() == (count >= level).tolist()
            prices = have.column(f"{side}_price_{level}").fill_null(0).to_numpy()
            np.testing.assert_array_equal(np.rint(prices * 10_000).astype(int), price[:, level - 1])
            np.testing.assert_array_equal(have.column(f"{side}_size_{level}").fill_null(0).to_numpy(), size[:, level - 1])


@pytest.mark.parametrize("form", SINKS)
def test_conversion_and_several_processes_give_the_same_bytes(form: str, opening: Made, written: Path, tmp_path: Path) -> None:
    opening.parquet_tables(tmp_path)
    assert command_line(["convert", str(tmp_path), "--to", form]) == 0
    assert contents(tmp_path / form) == contents(written / form)
    opening.write_tables(lambda worker: SINKS[form](tmp_path / "parts", worker), workers=3)
    assert contents(tmp_path / "parts" / form) == contents(written / form)


def test_some_venues_symbols_and_tables(opening: Made, written: Path, tmp_path: Path) -> None:
    opening.parquet_tables(tmp_path)
    words = ["convert", str(tmp_path), "--to", "arrow", "--venue", "NYSE,IEX", "--symbols", "JPM", "--tables", "trades", "--compression", "none"]
    assert command_line(words) == 0
    assert list(contents(tmp_path / "arrow")) == ["equities_trades-2025-07-01.arrow"]
    have = pa.ipc.open_file(pa.memory_map(str(file(tmp_path, "arrow", "trades")))).read_all()
    mine = np.isin(opening.trades.venue, [opening.info.venues.index(name) for name in ("NYSE", "IEX")])
    mine &= opening.trades.symbol == opening.info.symbols.index("JPM")
    assert have.column("size").to_pylist() == opening.trades.size[mine].tolist()
    assert command_line(["convert", str(tmp_path), "--to", "csv", "--gzip", "true", "--tables", "trades"]) == 0
    assert pcsv.read_csv(tmp_path / "csv" / "equities_trades-2025-07-01.csv.gz").equals(pcsv.read_csv(file(written, "csv", "trades")))


@pytest.mark.parametrize("form", SINKS)
def test_a_table_without_rows_has_a_file_and_a_run_that_ends_early_none(form: str, opening: Made, tmp_path: Path) -> None:
    sink: TableSink = SINKS[form](tmp_path)
    sink.open(opening.info)
    sink.write(opening.books)
    assert list((tmp_path / form).glob(".*.partial"))
    sink.close(False)
    assert contents(tmp_path) == {}
    opening.write_tables(lambda worker: SINKS[form](tmp_path / "parts", worker), workers=1)
    with SINKS[form](tmp_path / "empty") as sink:
        sink.open(opening.info)
        sink.write(opening.books)
    assert set(contents(tmp_path / "empty")) == set(contents(tmp_path / "parts"))
    part: TableSink = SINKS[form](tmp_path / "early", 1)
    part.open(replace(opening.info, workers=2, worker=1))
    part.write(opening.books)
    part.close(False)
    SINKS[form](tmp_path / "early").merge(replace(opening.info, workers=2), False)
    assert contents(tmp_path / "early") == {}


def test_days_have_files_of_their_own(opening: Made, tmp_path: Path) -> None:
    info = replace(opening.info, end_ns=opening.info.end_ns + 86_400 * 10**9)
    later: Any = {**{name: getattr(opening.trades, name) for name in opening.trades.__dataclass_fields__}}
    later["ts_ns"] = later["ts_ns"] + 86_400 * 10**9
    with CsvSink(tmp_path, tables=("trades",)) as sink:
        sink.open(info)
        sink.write(opening.trades)
        sink.write(BATCH_TYPES["trades"](**later))
    first, second = (tmp_path / "csv" / f"equities_trades-2025-07-0{day}.csv" for day in (1, 2))
    assert len(first.read_text().splitlines()) == len(second.read_text().splitlines()) == len(opening.trades) + 1


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_a_place_in_csv(table: str, opening: Made) -> None:
    """Also those that are added: a column of lists would be refused at run time."""
    rows = flat(to_table(empty_batch(table, 3), opening.info), 3)
    assert not any(pa.types.is_nested(field.type) or pa.types.is_timestamp(field.type) for field in rows.schema)


def test_what_cannot_be_written_is_refused_before_anything_is(opening: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the run has NASDAQ"):
        CsvSink(tmp_path, venues="LSE").open(opening.info)
    with pytest.raises(InputError, match="the run has market_data"):
        ArrowSink(tmp_path, tables=("quotes",)).open(opening.info)
    with pytest.raises(InputError, match="must be zstd, lz4, none"):
        ArrowSink(tmp_path, compression="brotli")  # type: ignore[arg-type]
    assert contents(tmp_path) == {}


def test_a_run_of_two_processes_in_csv_is_its_conversion(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the command, which needs no orders for it."""
    monkeypatch.chdir(tmp_path)
    common = ["run", "--start_ts", "2025-07-01T13:29:59Z", "--end_ts", "2025-07-01T13:30:01Z", "--symbols", "AAPL,JPM",
              "--market_data_min_eps", "40", "--market_data_max_eps", "100", "--trades_min_eps", "8", "--trades_max_eps", "20"]  # fmt: skip
    assert command_line([*common, "--out", "run", "--processes", "1"]) == 0
    assert command_line([*common, "--out", "direct", "--processes", "2", "--writer", "csv"]) == 0
    assert command_line(["convert", "run", "--to", "csv"]) == 0
    assert contents(tmp_path / "direct" / "csv") == contents(tmp_path / "run" / "csv")
    assert len(contents(tmp_path / "direct")) == 3  # with the manifest: no parts are left
