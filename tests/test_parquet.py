"""Parquet: the rows that were given as DuckDB reads them, by hour and worker; what is left after a failure; whose folder is touched."""

from __future__ import annotations

import json
import os
import random
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from helpers import scenario
from made_rows import NOON_NS, RUN, expected_rows, random_batch, run_through, with_ns

from simulator.errors import InputError, SinkError
from simulator.inputs.manifest import FORMAT, Manifest, read_manifest
from simulator.inputs.run_record import record_run
from simulator.records import NS_PER_HOUR, TABLES, slice_batch
from writers import parquet_hours
from writers.folders import make_folder
from writers.parquet import ParquetSink, continue_folder, prepare_folder, write_manifest
from writers.parquet_hours import END, UNFINISHED, end_unfinished, whole_hours


def files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


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


def test_a_folder_that_is_gone_is_not_called_complete(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match="There are no rows beside it"):
        write_manifest(tmp_path / "gone", manifest())
    hour = tmp_path / "equities_trades" / "part-0.parquet"
    hour.parent.mkdir()
    hour.touch()
    (tmp_path / "manifest.json").mkdir()
    with pytest.raises(SinkError, match="The rows beside it stay"):
        write_manifest(tmp_path, manifest())


def test_a_folder_is_made_though_another_worker_removes_the_empty_one_above(tmp_path: Path) -> None:
    """As a worker does that has ended a table while this one begins another's hour."""
    home, wanted = tmp_path / UNFINISHED, tmp_path / UNFINISHED / "equities_trades" / "date=2025-07-01"
    made, over = Path.mkdir, 3

    def mkdir(path: Path, mode: int = 0o777, parents: bool = False, exist_ok: bool = False) -> None:
        nonlocal over
        if path == wanted.parent and over and home.exists():
            over -= 1
            home.rmdir()
        made(path, mode, parents, exist_ok)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "mkdir", mkdir)
        make_folder(wanted)
    assert wanted.is_dir()
    assert over == 0


def test_hours_that_another_worker_shows_and_removes_while_they_are_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (parquet_hours.Hours(tmp_path, "equities_trades", worker, 2) for worker in (0, 1))
    hour = NOON_NS // NS_PER_HOUR
    for hours in (one, other):
        hours.part(hour).write_text("rows")
    one.passed(END)
    listed = parquet_hours.hours_in

    def removed_meanwhile(dataset: Path) -> Any:
        monkeypatch.setattr(parquet_hours, "hours_in", listed)
        days = list(dataset.glob("date=*"))
        one.passed(END)
        return [list(os.scandir(day)) for day in days]  # as a glob does that has come so far

    monkeypatch.setattr(parquet_hours, "hours_in", removed_meanwhile)
    other.passed(END)
    assert sorted(path.name for path in tmp_path.rglob("*.parquet")) == ["part-0.parquet", "part-1.parquet"]
    assert not (tmp_path / UNFINISHED).exists()
