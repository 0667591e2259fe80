"""Shards as Delta tables: one commit a shard, however often and wherever it is made, and the rows of the plain files in every reader."""

from __future__ import annotations

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from deltalake import DeltaTable, QueryBuilder
from in_process import command
from s3 import s3_server

from scenarios.launcher import cluster
from scenarios.launcher.main import command_line
from simulator.errors import InputError
from simulator.records import EXTRA_TABLES
from writers.stores import delta

SCENARIO = """\
universe: {generate: 3, seed: 1}
start_ts: 2025-07-02T07:59:59Z
end_ts: 2025-07-02T08:00:01Z
session_pacing: false
rates: {market_data_min_eps: 20, market_data_max_eps: 62, trades_min_eps: 2, trades_max_eps: 10}
"""
NAMES = ["2025-07-01-g001", "2025-07-02-g001"]
EXTRA = ("--extra_tables", ",".join(EXTRA_TABLES))
TABLES = ("market_data", "trades", *EXTRA_TABLES)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With the same run as plain files in ``plain``, and as Delta tables in ``delta``, with all extra tables."""
    home = tmp_path_factory.mktemp("tables")
    (home / "mine.yaml").write_text(SCENARIO)
    for out, words in (("plain", ()), ("delta", ("--table_format", "delta"))):
        done = command(*flags(home, home / out), *EXTRA, *words)
        assert done.returncode == 0, done.stderr
    return home


def flags(home: Path, out: Path | str) -> tuple[str, ...]:
    return ("--scenario", str(home / "mine.yaml"), "--out", str(out), "--shard", "1/1")


@pytest.fixture
def out(home: Path, tmp_path: Path) -> Path:
    """A copy, for what happens to it."""
    shutil.copytree(home / "delta", tmp_path / "out")
    return tmp_path / "out"


def identity(out: Path | str) -> str:
    return str(json.loads((Path(out) / "_done" / "plan.json").read_text())["identity"])


def verify(out: Path | str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    code = command_line(["verify", str(out)])
    return code, capsys.readouterr().out


def versions(out: Path) -> dict[str, int]:
    """By table: the number of commits."""
    return {home.name: DeltaTable(home).version() for home in sorted(out.glob("equities_*"))}


def plain_rows(out: Path, table: str) -> list[dict[str, Any]]:
    """Times as whole ns, in order of all columns."""
    return in_order(delta.delta_rows(ds.dataset(out / f"equities_{table}", partitioning="hive").to_table()))


def in_order(rows: pa.Table) -> list[dict[str, Any]]:
    """As plain values: 0 and None of lists, dates and text alike in every reader."""
    return sorted(({name: str(int(value) if name == "hour" else value) for name, value in row.items()} for row in rows.to_pylist()), key=lambda row: sorted(row.items()))


def test_every_reader_finds_the_rows_of_the_plain_files(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plain, said = verify(home / "plain", capsys), verify(home / "delta", capsys)
    assert (plain[0], said[0]) == (0, 0)
    assert plain[1].splitlines()[-1] == said[1].splitlines()[-1]
    written = [table for table in TABLES if (home / "plain" / f"equities_{table}").is_dir()]
    assert len(written) >= 5
    for table in written:
        wanted = plain_rows(home / "plain", table)
        found = DeltaTable(home / "delta" / f"equities_{table}")
        assert found.version() == len({path.split("part-")[1] for path in found.file_uris()}), "a commit a shard, after the first one, which makes the table"
        assert in_order(found.to_pyarrow_table()) == wanted
        assert in_order(pl.read_delta(str(home / "delta" / f"equities_{table}")).to_arrow()) == wanted
        assert in_order(pa.table(QueryBuilder().register("t", found).execute("SELECT * FROM t").read_all())) == wanted
        dataset = found.to_pyarrow_dataset()  # by which DuckDB reads it without its extension
        with duckdb.connect() as con:
            con.register("t", dataset)
            assert in_order(con.sql("SELECT * FROM t").to_arrow_table()) == wanted
            # Rows go by time, to the nanosecond, which Delta's own times do not have.
            spread = con.execute("SELECT count(DISTINCT timestamp_ns), min(make_timestamp_ns(timestamp_ns))::VARCHAR FROM t").fetchone()
            assert spread is not None
            assert spread[1][:11] == "2025-07-02 "


def test_a_shard_that_is_made_twice_is_in_the_table_once(out: Path) -> None:
    """After it, beside it, and where its note was lost between the commit and it."""
    before = versions(out)
    (out / "_done" / f"{NAMES[0]}.json").unlink()
    assert not cluster.make_shard(str(out), identity(out), NAMES[0]).was_done
    assert versions(out) == before
    # Two at once, of a table that there is not yet: both end well, one commits.
    rows = pa.table({"timestamp_ns": pa.array([1, 2])})
    tables = [delta.DeltaTable(str(out), "equities_new") for _ in range(4)]
    path = delta.Added("date=2025-07-02/hour=07/part-x.parquet", 9, 2, 1, 2)
    did: list[bool] = []
    threads = [threading.Thread(target=lambda table=table: did.append(table.commit("x", [path], rows.schema))) for table in tables]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(did) == [False, False, False, True]
    assert tables[0].paths() == [path.path]


def test_a_table_that_lacks_a_shard_or_has_another_file_is_named_and_mended(home: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = out / "equities_trades" / "_delta_log"
    last = max(log.glob("*.json"))
    last.unlink()  # as if the note had come before the commit
    code, said = verify(out, capsys)
    assert code == 1
    assert "is not in the Delta table" in said
    done = command(*flags(home, out), *EXTRA, "--table_format", "delta")
    assert "2 shards, 1 of them done already" in done.stderr
    assert verify(out, capsys)[0] == 0
    stranger = delta.Added("date=2025-07-02/hour=07/part-stranger.parquet", 9, 2, 1, 2)
    delta.DeltaTable(str(out), "equities_trades").commit("stranger", [stranger], None)
    code, said = verify(out, capsys)
    assert code == 1
    assert "part-stranger.parquet is in the Delta table, and no shard that is done lists it" in said


def test_a_table_in_a_bucket_that_fails_every_tenth_request(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with s3_server() as server:
        server.fail_every(10, monkeypatch)
        done = command(*flags(home, "s3://bucket/some/run"), "--table_format", "delta", **server.environment)
        assert done.returncode == 0, done.stderr
        assert server.door.failed > 2
        server.door.every = 0
        code, said = verify("s3://bucket/some/run", capsys)
        assert code == 0, said
        table = delta.DeltaTable("s3://bucket/some/run", "equities_trades")
        assert table.paths() == delta.DeltaTable(str(home / "delta"), "equities_trades").paths()


def test_wrong_words_say_what_is_allowed(home: Path, out: Path) -> None:
    for words, says in (
        ((*flags(home, "memory://x/y"), "--table_format", "delta"), "must be a folder or one of s3://"),
        (("--table_format", "delta"), "it is for shards"),
        ((*flags(home, out), *EXTRA), "its shards are of another run: table_format 'delta' there, 'none' here"),
    ):
        done = command(*words)
        assert done.returncode == 2, done.stderr
        assert says in done.stderr
        assert "Traceback" not in done.stderr
    with pytest.raises(InputError, match="memory://"):
        delta.options("memory://x")
    assert delta.options("s3://x", {"AWS_ENDPOINT_URL": "https://here"}) == {"AWS_ENDPOINT_URL": "https://here"}
    azure = {"AZURE_STORAGE_CONNECTION_STRING": "AccountName=me;AccountKey=a+b==;BlobEndpoint=http://here/me;"}
    assert delta.options("abfs://x/y", azure) == {
        "AZURE_STORAGE_ACCOUNT_NAME": "me", "AZURE_STORAGE_ACCOUNT_KEY": "a+b==", "AZURE_STORAGE_ENDPOINT": "http://here/me", "AZURE_ALLOW_HTTP": "true",
    }  # fmt: skip
