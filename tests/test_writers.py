"""What the writers keep is what they were given: in Arrow, in Parquet as DuckDB reads it, in memory; and what is left after a failure."""

from __future__ import annotations

import json
import random
import resource
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from simulator.errors import InputError, SinkError
from simulator.inputs.manifest import FORMAT, Manifest, read_manifest
from simulator.inputs.run_record import record_run
from simulator.notices import StatusReason
from simulator.records import (
    BATCH_TYPES,
    NOT_GIVEN,
    NS_PER_HOUR,
    TABLES,
    Batch,
    Cond,
    CrossKind,
    EventKind,
    MarketDataBatch,
    OrderType,
    Phase,
    Side,
    columns,
    slice_batch,
)
from simulator.tape.arrow import PRICES_OR_NULL, to_table
from simulator.tape.sink import RunInfo
from tests.helpers import scenario
from writers.memory import MemorySink, estimate_bytes
from writers.null import NullSink
from writers.parquet import ParquetSink, continue_folder, prepare_folder, write_manifest
from writers.parquet_hours import end_unfinished, whole_hours

LEVELS = 4
NOON_NS = 1_751_371_200_000_000_000
"""2025-07-01 12:00 UTC."""
RUN = RunInfo(
    symbols=("AAPL", "JPM", "XOM"), venues=("NASDAQ", "NYSE"), levels=LEVELS, tables=TABLES, agents=dict(enumerate(("cross", "maker", "depth", "taker", "mine"))),
)  # fmt: skip
BOUNDS = {
    "order_type": 9, "cross_kind": 3, "symbol": 3, "venue": 2, "side": 2, "resting_side": 2, "cond": 4, "kind": 9, "maker": 5, "taker": 5,
    "phase": 6, "reason": 4, "imbalance_side": 2, "bid_venue": 2, "ask_venue": 2,
}  # fmt: skip
MAY_BE_NONE = ("order_type", "cross_kind", "phase", "imbalance_side", "bid_venue", "ask_venue")


def random_batch(table: str, rows: int, *, seed: int = 1, start_ns: int = NOON_NS, span_ns: int = NS_PER_HOUR, full: bool = False) -> Batch:
    """Rows in time order over ``span_ns``; all other columns are noise within their bounds."""
    rng = np.random.default_rng(seed)
    batch: dict[str, Any] = {"ts_ns": start_ns + np.sort(rng.integers(0, span_ns, rows))}
    if table == "market_data":
        counts = rng.integers(LEVELS if full else 0, LEVELS + 1, (rows, 2)).astype(np.int32)
        batch |= {"bid_count": counts[:, 0], "ask_count": counts[:, 1]}
        quotes = rng.integers(1, 2_000_000, (rows, 4, LEVELS)).astype(np.int32)
        quotes[:, 0:2] *= np.arange(LEVELS) < counts[:, :1, None]
        quotes[:, 2:4] *= np.arange(LEVELS) < counts[:, 1:, None]
        batch["quotes"] = quotes
    wide = {"size", "hidden_size", "refill_size", "action", "order_id", "display", "other_id", "imbalance", "taker_order", "maker_order", "parent"}
    wide |= {"paired_size", "imbalance_size", "bid_size", "ask_size"}
    for name in (field.name for field in fields(BATCH_TYPES[table])):
        if name == "efficient_price":
            batch[name] = rng.random(rows) * 100
        elif name not in batch:
            low = NOT_GIVEN if name in MAY_BE_NONE or (table, name) == ("status", "venue") else 0
            batch[name] = rng.integers(low, BOUNDS.get(name, 2_000_000), rows).astype(np.int64 if name in wide else np.int32)
            if name in PRICES_OR_NULL:
                batch[name][rng.random(rows) < 0.3] = 0
    made: Batch = BATCH_TYPES[table](**batch)
    return made


def run_through(sink: Any, batches: list[Batch], complete: bool = True, run: RunInfo = RUN) -> None:
    """Give the sink views of one buffer that is used again and again, as the engine does."""
    sink.open(run)
    for batch in batches:
        lent: Batch = BATCH_TYPES[batch.table](**{name: column.copy() for name, column in columns(batch)})
        sink.write(lent)
        for _, column in columns(lent):
            column[...] = 0
    sink.close(complete)


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def expected_rows(batch: Batch, run: RunInfo) -> list[dict[str, Any]]:
    """The rows as a database has them, value by value in plain Python."""
    names = {"symbol": run.symbols, "venue": run.venues, "side": "BS", "resting_side": "BS", "cond": "TOCH", "maker": run.agents}
    names |= {"taker": run.agents, "kind": [kind.name for kind in EventKind]}
    names |= {"order_type": [*(kind.name for kind in OrderType), ""], "cross_kind": [*(kind.name for kind in CrossKind), ""]}
    names |= {"phase": [*(phase.name for phase in Phase), ""], "reason": [reason.name for reason in StatusReason]}
    names |= {"imbalance_side": ["B", "S", ""], "bid_venue": [*run.venues, ""], "ask_venue": [*run.venues, ""]}
    if batch.table == "status":
        names["venue"] = [*run.venues, ""]
    rows = []
    for i in range(len(batch)):
        if isinstance(batch, MarketDataBatch):
            row: dict[str, Any] = {"timestamp_ns": int(batch.ts_ns[i])}
            row |= {"symbol": run.symbols[batch.symbol[i]], "venue": run.venues[batch.venue[i]]}
            for side, price, size, count in (
                ("bids", batch.bid_price, batch.bid_size, batch.bid_count), ("asks", batch.ask_price, batch.ask_size, batch.ask_count),
            ):  # fmt: skip
                used = range(count[i])
                row[side] = [[int(price[i, k]) / 10_000 for k in used], [float(size[i, k]) for k in used]]
        else:
            row = {}
            for name, column in columns(batch):
                value: Any = column[i].item()
                if name in names:
                    value = names[name][value]
                elif name in PRICES_OR_NULL:
                    value = value / 10_000 if value else None
                elif name == "price":
                    value = value / 10_000
                row["timestamp_ns" if name == "ts_ns" else name] = value
        rows.append(row)
    return rows


def with_ns(table: Any) -> list[dict[str, Any]]:
    """An Arrow table's rows, its times as integers."""
    rows: list[dict[str, Any]] = table.set_column(0, "timestamp_ns", table["timestamp_ns"].cast(pa.int64())).to_pylist()
    return rows


@pytest.mark.parametrize("full", [False, True], ids=["sides-of-any-length", "all-levels"])
@pytest.mark.parametrize("table", TABLES)
def test_arrow_has_every_value(table: str, full: bool) -> None:
    batch = random_batch(table, 300, full=full)
    assert with_ns(to_table(batch, RUN)) == expected_rows(batch, RUN)
    assert with_ns(to_table(slice_batch(batch, 100, 200), RUN)) == expected_rows(batch, RUN)[100:200]
    assert len(to_table(slice_batch(batch, 0, 0), RUN)) == 0


def test_arrow_types_are_those_of_the_database() -> None:
    levels = pa.list_(pa.list_(pa.float64()))
    words = pa.dictionary(pa.int16(), pa.string())
    book = {"timestamp_ns": pa.timestamp("ns", "UTC"), "symbol": words, "venue": words, "bids": levels, "asks": levels}
    trades = {"timestamp_ns": pa.timestamp("ns", "UTC"), "symbol": words, "venue": words, "price": pa.float64(), "size": pa.int64()}
    assert dict(_types(random_batch("market_data", 3))) == book
    assert dict(_types(random_batch("trades", 3))) == {**trades, "side": words, "cond": words}
    assert [side.code for side in Side] + [cond.code for cond in Cond] == list("BSTOCH")


def _types(batch: Batch) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in to_table(batch, RUN).schema]


def test_prices_are_the_nearest_doubles_to_their_decimals() -> None:
    """Multiplying by 0.0001 or 0.01 misses them for every seventh price."""
    batch = random_batch("market_data", 5_000, full=True)
    units = np.arange(20_000, dtype=np.int32).reshape(5_000, 4) * 100 + 100
    batch.quotes[:, 0] = units  # type: ignore[union-attr]
    prices = [row[0] for row in to_table(batch, RUN)["bids"].to_pylist()]
    assert prices == [[float(f"{u / 100:.2f}") for u in row] for row in (units // 100).tolist()]


def test_parquet_lies_by_date_and_hour_and_worker(tmp_path: Path) -> None:
    two_hours = {table: random_batch(table, 200, start_ns=NOON_NS + 11 * NS_PER_HOUR, span_ns=2 * NS_PER_HOUR) for table in TABLES}
    for worker in (0, 1):
        run_through(ParquetSink(tmp_path), list(two_hours.values()), run=replace(RUN, suffix="_x", worker=worker, workers=2))
    places = [
        f"equities_{table}_x/{hour}/part-{worker}.parquet"
        for table in TABLES
        for hour in ("date=2025-07-01/hour=23", "date=2025-07-02/hour=00")
        for worker in (0, 1)
    ]
    assert files(tmp_path) == sorted(places)
    for table, batch in two_hours.items():
        first = tmp_path / f"equities_{table}_x/date=2025-07-01/hour=23/part-1.parquet"
        second = tmp_path / f"equities_{table}_x/date=2025-07-02/hour=00/part-1.parquet"
        read = [row for path in (first, second) for row in with_ns(pq.ParquetFile(path).read())]
        assert read == expected_rows(batch, RUN)


def test_duckdb_reads_nanoseconds_and_arrays(tmp_path: Path) -> None:
    batch = random_batch("market_data", 50)
    run_through(ParquetSink(tmp_path), [batch])
    rows = duckdb.sql(f"FROM read_parquet('{tmp_path}/equities_market_data/**/*.parquet', hive_partitioning = true)")
    assert dict(zip(rows.columns, map(str, rows.types), strict=True)) == {
        "timestamp_ns": "TIMESTAMPTZ_NS", "symbol": "VARCHAR", "venue": "VARCHAR", "bids": "DOUBLE[][]", "asks": "DOUBLE[][]",
        "date": "DATE", "hour": "BIGINT",
    }  # fmt: skip
    assert [ns for (ns,) in rows.project("epoch_ns(timestamp_ns)").fetchall()] == batch.ts_ns.tolist()


def test_cuts_into_batches_leave_no_trace_but_row_groups_are_large(tmp_path: Path) -> None:
    whole = random_batch("trades", 150_000)
    run_through(ParquetSink(tmp_path), [slice_batch(whole, i, i + 10_000) for i in range(0, 150_000, 10_000)])
    (path,) = (tmp_path / name for name in files(tmp_path))
    read = pq.ParquetFile(path)
    assert [read.metadata.row_group(i).num_rows for i in range(read.num_row_groups)] == [70_000, 70_000, 10_000]
    assert read.read()["size"].to_numpy().tolist() == whole.size.tolist()  # type: ignore[union-attr]


def test_a_file_appears_when_its_hour_is_over(tmp_path: Path) -> None:
    sink = ParquetSink(tmp_path)
    sink.open(RUN)
    sink.write(random_batch("trades", 70_000))
    assert files(tmp_path) == [".unfinished/equities_trades/date=2025-07-01/hour=12/.part-0.parquet.partial"]
    sink.write(random_batch("trades", 10, start_ns=NOON_NS + NS_PER_HOUR))
    assert shown(tmp_path) == ["equities_trades/date=2025-07-01/hour=12/part-0.parquet"]
    sink.close(False)
    assert sum(pq.ParquetFile(tmp_path / name).metadata.num_rows for name in files(tmp_path)) == 70_010
    assert [name.rpartition("/")[2] for name in files(tmp_path)] == ["part-0.parquet", "part-0.unfinished.parquet"]


def shown(folder: Path) -> list[str]:
    """What a glob over the tables finds."""
    return [name for name in files(folder) if not name.startswith(".")]


def test_an_hour_appears_with_the_parts_of_all_workers_or_not_at_all(tmp_path: Path) -> None:
    """Whatever is killed, and whenever: at each step the tables hold whole hours alone, and a second run makes up the rest."""
    two = [(worker, replace(RUN, worker=worker, workers=2, tables=("trades", "truth"))) for worker in (0, 1)]
    hours = {(table, h): random_batch(table, 20, start_ns=NOON_NS + h * NS_PER_HOUR, seed=h) for table in ("trades", "truth") for h in range(3)}
    steps = [(worker, table, h) for h in range(3) for table in ("trades", "truth") for worker in (0, 1)]
    places = {(table, h): f"equities_{table}/date=2025-07-01/hour={12 + h}" for table, h in hours}
    order = random.Random(5)
    seen = set()
    for killed_at in range(len(steps) + 3):
        folder = tmp_path / str(killed_at)
        sinks = [ParquetSink(folder) for _ in two]
        for sink, (_, run) in zip(sinks, two, strict=True):
            sink.open(run)
        lag = order.uniform(0, 3)
        ahead = sorted(steps, key=lambda step, lag=lag: (step[2] + lag * step[0], step))  # worker 1 lags
        for worker in (0, 1):
            ahead = [*ahead, (worker, "", 3)]
        for worker, table, h in ahead[:killed_at]:
            sinks[worker].close(True) if h == 3 else sinks[worker].write(hours[table, h])
        there = shown(folder)
        seen.add(len(there))
        for (table, h), place in places.items():
            assert [name for name in there if name.startswith(place)] in ([], [f"{place}/part-{w}.parquet" for w in (0, 1)]), (killed_at, table, h)
        again = continue_folder(folder, manifest(tables=("truth",)), manifest(tables=("truth",)).record)
        assert len(again) == len(there) / 2
        for _, run in two:
            run_through(ParquetSink(folder, again), list(hours.values()), run=run)
        assert files(folder) == sorted(f"{place}/part-{w}.parquet" for place in places.values() for w in (0, 1))
    assert {0, 12} < seen


def test_what_a_run_with_several_workers_leaves_when_it_ends_early_says_that_it_is_unfinished(tmp_path: Path) -> None:
    runs = [replace(RUN, worker=worker, workers=2) for worker in (0, 1)]
    sinks = [ParquetSink(tmp_path) for _ in runs]
    for sink, run in zip(sinks, runs, strict=True):
        sink.open(run)
        sink.write(random_batch("trades", 10))
        sink.write(random_batch("trades", 10, start_ns=NOON_NS + NS_PER_HOUR))
    sinks[0].write(random_batch("trades", 10, start_ns=NOON_NS + 2 * NS_PER_HOUR))
    sinks[0].close(False)  # worker 1 was killed
    end_unfinished(tmp_path)
    hours = [f"equities_trades/date=2025-07-01/hour={h}" for h in (12, 13, 14)]
    assert files(tmp_path) == [
        f"{hours[0]}/part-0.parquet", f"{hours[0]}/part-1.parquet", f"{hours[1]}/part-0.unfinished.parquet", f"{hours[2]}/part-0.unfinished.parquet",
    ]  # fmt: skip
    assert whole_hours(tmp_path, ["equities_trades"]) == {("equities_trades", NOON_NS // NS_PER_HOUR)}
    prepare_folder(tmp_path, True)
    assert files(tmp_path) == []


@pytest.fixture
def small_files() -> Any:
    """The disk refuses what would make a file longer than 20 kB."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_full_disk_leaves_whole_files_only_and_says_which(tmp_path: Path, small_files: None) -> None:
    sink = ParquetSink(tmp_path)
    sink.open(RUN)
    sink.write(random_batch("trades", 100))
    sink.write(random_batch("truth", 100))
    with pytest.raises(SinkError, match=r"failed: .*File too large.* Files complete: 1, the last .*hour=12/part-0\.parquet"):
        sink.write(random_batch("trades", 200_000, start_ns=NOON_NS + NS_PER_HOUR))
    sink.close(False)
    assert files(tmp_path) == ["equities_trades/date=2025-07-01/hour=12/part-0.parquet"]


def test_a_full_disk_at_the_end_is_said_by_close(tmp_path: Path, small_files: None) -> None:
    sink = ParquetSink(tmp_path)
    sink.open(RUN)
    sink.write(random_batch("trades", 5_000))
    with pytest.raises(SinkError, match="Files complete: none"):
        sink.close(True)
    assert files(tmp_path) == []


def test_a_ctrl_c_within_a_row_group_drops_that_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    sink = ParquetSink(tmp_path)
    sink.open(RUN)
    sink.write(random_batch("truth", 100))
    with monkeypatch.context() as patch:
        patch.setattr(pq.ParquetWriter, "write_table", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sink.write(random_batch("trades", 70_000))
    sink.close(False)
    assert files(tmp_path) == ["equities_truth/date=2025-07-01/hour=12/part-0.unfinished.parquet"]


def test_an_hour_is_never_written_twice(tmp_path: Path) -> None:
    run_through(ParquetSink(tmp_path), [random_batch("trades", 10)])
    with pytest.raises(SinkError, match="exists already"):
        run_through(ParquetSink(tmp_path), [random_batch("trades", 20)])
    assert pq.ParquetFile(tmp_path / files(tmp_path)[0]).metadata.num_rows == 10


def manifest(tables: tuple[str, ...] = ()) -> Manifest:
    """Of a run that is over."""
    record = record_run(scenario(extra_tables=tables))
    return Manifest(
        format=FORMAT, complete=True, reason=None, asked_start_ts=record.start_ts, replayed_from_ts=None, suffix="", record=record, rows={},
        digest=None, digest_parts={}, processes=1, wall_seconds=0.5,
    )  # fmt: skip


def leave_a_run(folder: Path) -> None:
    run_through(ParquetSink(folder), [random_batch(table, 10) for table in TABLES])
    write_manifest(folder, manifest())


def test_a_folder_in_use_is_never_touched_unasked(tmp_path: Path) -> None:
    prepare_folder(tmp_path / "new" / "folder", False)
    prepare_folder(tmp_path / "new" / "folder", False)
    assert files(tmp_path) == []
    leave_a_run(tmp_path / "old")
    before = files(tmp_path)
    with pytest.raises(InputError, match=r"not empty.*--overwrite true"):
        prepare_folder(tmp_path / "old", False)
    assert files(tmp_path) == before
    prepare_folder(tmp_path / "old", True)
    assert files(tmp_path) == []


@pytest.mark.parametrize("foreign", ["notes.txt", "equities_notes/thesis.txt", "equities_trades/date=2025-07-01/hour=12/mine.csv", "x/y"])
@pytest.mark.parametrize("finished", [True, False])
def test_overwriting_removes_nothing_that_no_run_wrote(tmp_path: Path, foreign: str, finished: bool) -> None:
    if finished:
        leave_a_run(tmp_path)
    path = tmp_path / foreign
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")
    before = files(tmp_path)
    with pytest.raises(InputError, match=foreign.partition("/")[0]):
        prepare_folder(tmp_path, True)
    assert files(tmp_path) == before


def test_overwriting_spares_a_foreign_manifest_and_links(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "manifest.json").write_text('{"name": "a web page"}')
    leave_a_run(tmp_path / "target")
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "equities_trades").symlink_to(tmp_path / "target" / "equities_trades")
    for folder in ("one", "two"):
        with pytest.raises(InputError, match="no run wrote"):
            prepare_folder(tmp_path / folder, True)


def test_overwriting_takes_what_a_killed_run_left(tmp_path: Path) -> None:
    leave_a_run(tmp_path)
    (tmp_path / "manifest.json").unlink()
    (tmp_path / "equities_trades/date=2025-07-01/hour=12/.part-1.parquet.partial").touch()
    prepare_folder(tmp_path, True)
    assert files(tmp_path) == []


@pytest.mark.parametrize("name", ["file", "file/below", "/proc/nowhere"])
def test_an_unwritable_folder_is_the_users_mistake(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"--out.*cannot be written"):
        prepare_folder(tmp_path / name, False)


def test_a_manifest_is_read_back(tmp_path: Path) -> None:
    write_manifest(tmp_path, manifest())
    assert read_manifest(tmp_path) == read_manifest(tmp_path / "manifest.json") == manifest()
    assert files(tmp_path) == ["manifest.json"]


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"format": "equities-market-simulator/0"}), "\ud800", "[" * 100_000])
def test_a_bad_manifest_is_the_users_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_bytes(text.encode("utf-16", "surrogatepass") if text == "\ud800" else text.encode())
    with pytest.raises(InputError, match="manifest"):
        read_manifest(tmp_path)
    with pytest.raises(InputError, match="manifest"):
        read_manifest(tmp_path / "none.json")


def test_memory_gives_back_all_rows_in_every_form() -> None:
    whole = {table: random_batch(table, 300) for table in TABLES}
    sink = MemorySink()
    run_through(sink, [slice_batch(batch, i, i + 100) for batch in whole.values() for i in (0, 100, 200)])
    assert list(sink.tables()) == list(TABLES)
    for table, batch in whole.items():
        for name, column in columns(batch):
            np.testing.assert_array_equal(getattr(sink.numpy(table), name), column)
        assert sink.arrow(table) == to_table(batch, RUN)
        frame = sink.pandas(table, arrays=True)
        assert list(frame.columns) == sink.arrow(table).column_names
        frame["timestamp_ns"] = frame["timestamp_ns"].astype("int64")
        for side in {"bids", "asks"} & set(frame.columns):
            assert all(levels.ndim == 2 and levels.dtype == np.float64 for levels in frame[side])
            frame[side] = [levels.tolist() for levels in frame[side]]
        rows = [{name: None if value != value else value for name, value in row.items()} for row in frame.to_dict("records")]  # NaN is null
        assert rows == expected_rows(batch, RUN)


def test_memory_has_empty_tables_of_the_same_schema() -> None:
    sink = MemorySink()
    run_through(sink, [])
    for table in TABLES:
        one = random_batch(table, 1)
        assert sink.arrow(table).schema == to_table(one, RUN).schema
        assert len(sink.pandas(table)) == 0
        for name, column in columns(one):
            empty = getattr(sink.numpy(table), name)
            assert (empty.dtype, empty.shape[1:]) == (column.dtype, column.shape[1:])


def test_memory_is_estimated_to_the_byte_and_refused_beyond_the_limit() -> None:
    batches = [random_batch(table, 100) for table in TABLES]
    needed = sum(column.nbytes for batch in batches for _, column in columns(batch))
    assert estimate_bytes(LEVELS, {table: 100 for table in TABLES}) == needed
    run_through(MemorySink(needed), batches)
    sink = MemorySink(needed - 1)
    with pytest.raises(SinkError, match=rf"{needed:,} bytes, the limit is {needed - 1:,} .*--memory_limit.*parquet"):
        run_through(sink, batches)
    assert len(sink.numpy("market_data")) == 100


def test_null_counts() -> None:
    sink = NullSink()
    run_through(sink, [random_batch("trades", 5), random_batch("trades", 6)])
    assert sink.rows == dict.fromkeys(TABLES, 0) | {"trades": 11}


def test_a_folder_that_is_gone_is_not_called_complete(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="There are no rows beside it"):
        write_manifest(tmp_path / "gone", manifest())
    hour = tmp_path / "equities_trades" / "part-0.parquet"
    hour.parent.mkdir()
    hour.touch()
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(SinkError, match="The rows beside it stay"):
        write_manifest(tmp_path, manifest())
