"""Runs that are killed, servers that are killed, connections that are cut: afterwards the tables equal an uninterrupted run's."""

from __future__ import annotations

import random
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from simulator.records import EXTRA_TABLES, TABLES
from tests.database import FIVE, RATES, SMALL, at, command, connect, digest_of, read_back, rows, small_server, start
from tests.processes import Forked, load_kernels
from writers.questdb import existing, schema
from writers.questdb.cut_short import drop_cut_short
from writers.questdb.server import EmbeddedServer

PLAIN = ("--create_views", "false")
SLOWLY = ("--speed", "30")
"""The small run takes three seconds."""


def test_killed_at_ten_random_moments_and_continued_each_time(
    server: EmbeddedServer, pg: Any, suffix: str, small: tuple[Path, str], tmp_path: Path
) -> None:
    """All tables, the extra ones too."""
    folder, digest = small
    run = (*SMALL, "--extra_tables", ",".join(EXTRA_TABLES))
    place = (*at(server), "--suffix", suffix, *PLAIN, "--processes", "2", "--speed", "8")
    moments = random.Random(20251123)
    seen = {0}
    load_kernels()
    for n in range(10):
        flags = (*run, *place) if n == 0 else (*place, "--incremental", "true")
        running = Forked(flags, tmp_path / str(n))
        wait_for_rows(pg, suffix, more_than=max(seen))
        time.sleep(moments.uniform(0.0, 0.8))
        running.kill()
        existing.wait_applied(pg, [f"equities_{table}{suffix}" for table in TABLES])
        seen.add(count(pg, suffix))
    assert len(seen) == 11, "the moments were not all in the middle of the run"
    done = command(*run, *at(server), "--suffix", suffix, *PLAIN, "--incremental", "true", "--processes", "3")
    assert digest_of(done) == digest
    assert "Continues the run" in done.stdout
    read_back(pg, folder, suffix, TABLES)


@contextmanager
def own_server(folder: Path) -> Iterator[EmbeddedServer]:
    with small_server(folder) as running:
        yield running


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_a_server_killed_and_started_again_in_the_middle(tmp_path: Path, plain: tuple[Path, str], protocol: str) -> None:
    """Over http the client tries again until the server is back; over tcp the run ends, says so and is continued."""
    folder, digest = plain
    with own_server(tmp_path / "server") as server:
        running = start(*SMALL, *at(server), *PLAIN, *SLOWLY, "--protocol", protocol)
        with connect(server) as pg:
            wait_for_rows(pg, "")
        server.kill()
        time.sleep(0.5)
        server.start()
        out, err = running.communicate(timeout=120)
        if protocol == "http":
            assert running.returncode == 0, err
            assert f"Digest {digest}" in out
        else:
            assert running.returncode == 1, err
            assert "--incremental true" in err
            assert digest_of(command(*at(server), *PLAIN, "--incremental", "true", "--protocol", protocol)) == digest
        with connect(server) as pg:
            read_back(pg, folder, "")


def test_what_a_server_left_half_made_is_made_again(tmp_path: Path, plain: tuple[Path, str]) -> None:
    """As servers left it that were killed in CREATE: a name in the list without a whole log of transactions, or with a state of zeros that
    nothing can read. What has rows is let be."""
    folder, digest = plain
    with own_server(tmp_path / "server") as server:
        with connect(server) as pg:
            schema.create(pg, [*schema.ddl(), *schema.ddl("_of_shards", views=False)])
            pg.execute("CREATE TABLE others (ts TIMESTAMP, x INT) TIMESTAMP(ts) PARTITION BY DAY WAL")
            pg.execute("CREATE TABLE zeros (ts TIMESTAMP, x INT) TIMESTAMP(ts) PARTITION BY DAY WAL")
            for name in ("others", "zeros"):
                pg.execute(f"INSERT INTO {name} VALUES (0, 1)")
            existing.wait_applied(pg, ["others", "zeros"])
        server.kill()
        half_made, of_shards = ("equities_market_data", "equities_trades", "equities_runs", "nbbo_1s"), "equities_trades_of_shards"
        logs = {name: next((tmp_path / "server" / "db").glob(f"{name}~*")) / "txn_seq" for name in (*half_made, of_shards, "others", "zeros")}
        shutil.rmtree(logs["equities_runs"])
        for name in ("equities_trades", "nbbo_1s", of_shards, "others"):
            (logs[name] / "_txnlog").write_bytes(b"")
        for name in ("equities_market_data", "zeros"):
            state = logs[name].parent / "_txn"
            state.write_bytes(bytes(state.stat().st_size))
        server.start()
        with connect(server) as pg:
            both = [schema.TableDef(name=name, columns=(("ts", "TIMESTAMP"), ("x", "INT")), partition_by="DAY") for name in ("others", "zeros")]
            assert drop_cut_short(pg, both) == []
        done = command(*SMALL, *at(server))
        assert digest_of(done) == digest
        assert [name for name in half_made if f"{name} was being made when its server was killed" in done.stderr] == list(half_made)
        with connect(server) as pg:
            read_back(pg, folder, "")
            assert pg.execute("SELECT count() FROM nbbo_1s").fetchone()[0] > 100
            assert pg.execute("SELECT x FROM others").fetchall() == [(1,)]
        shards = command(*SMALL, *at(server), *PLAIN, "--suffix", "_of_shards", "--out", str(tmp_path / "notes"), "--shard", "1/1")
        assert shards.returncode == 0, shards.stderr
        assert f"{of_shards} was being made when its server was killed" in shards.stderr
        with connect(server) as pg:
            read_back(pg, folder, "_of_shards")


class Cutter:
    """A proxy that hangs up on both sides once, after so many bytes of one connection, in the middle of whatever it is."""

    def __init__(self, port: int, after_bytes: int) -> None:
        self.target = port
        self.after_bytes = after_bytes
        self.cuts = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self.listener.accept()
                theirs = socket.create_connection(("127.0.0.1", self.target))
                for pair, is_up in (((ours, theirs), True), ((theirs, ours), False)):
                    threading.Thread(target=self._pump, args=(*pair, is_up), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, is_up: bool) -> None:
        passed = 0
        with suppress(OSError):
            while data := source.recv(65_536):
                passed += len(data)
                if is_up and not self.cuts and passed > self.after_bytes:
                    self.cuts += 1
                    sink.sendall(data[: len(data) // 2])
                    break
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)  # a thread that still waited would forbid every later run to fork
        self.listener.close()


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_a_connection_cut_in_the_middle_of_a_batch(
    server: EmbeddedServer, pg: Any, suffix: str, plain: tuple[Path, str], protocol: str
) -> None:
    folder, digest = plain
    port = server.http_port if protocol == "http" else server.tcp_port
    cutter = Cutter(port, 1_000_000)
    place = (*at(server), f"--{protocol}_port", str(cutter.port), "--protocol", protocol, "--suffix", suffix, *PLAIN)
    done = command(*SMALL, *place, "--processes", "1")
    cutter.close()
    assert cutter.cuts == 1
    if protocol == "tcp":  # silent loss, noticed by the counts at the latest
        assert done.returncode == 1, done.stderr
        assert "--incremental true" in done.stderr
        done = command(*at(server), "--suffix", suffix, *PLAIN, "--incremental", "true")
    assert digest_of(done) == digest
    read_back(pg, folder, suffix)


def test_a_hole_is_found_and_mended(server: EmbeddedServer, pg: Any, suffix: str, tmp_path: Path) -> None:
    over_an_hour = (*FIVE, *RATES, "--start_ts", "2025-07-01T13:59:40Z", "--end_ts", "2025-07-01T14:00:20Z")
    place = (*at(server), "--suffix", suffix, *PLAIN)
    digest = digest_of(command(*over_an_hour, "--out", str(tmp_path / "out")))
    assert digest_of(command(*over_an_hour, *place)) == digest
    assert digest_of(command(*place, "--incremental", "true")) == digest  # nothing is missing
    pg.execute(f"ALTER TABLE equities_market_data{suffix} DROP PARTITION LIST '2025-07-01T13'")
    existing.wait_applied(pg, [f"equities_market_data{suffix}"])
    found = command(*place, "--incremental", "true")
    assert found.returncode == 1
    assert "does not have what was sent" in found.stderr
    assert f"equities_market_data{suffix} AAPL" in found.stderr
    assert "--resend all" in found.stderr
    assert digest_of(command(*place, "--incremental", "true", "--resend", "all")) == digest
    read_back(pg, tmp_path / "out", suffix)


def test_another_seed_cannot_continue_the_run(server: EmbeddedServer, suffix: str) -> None:
    place = (*at(server), "--suffix", suffix, *PLAIN)
    assert command(*SMALL, *place).returncode == 0
    refused = command(*SMALL, *place, "--incremental", "true", "--seed", "8")
    assert refused.returncode == 2
    assert "--seed" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_recorded_run_is_repeated_as_parquet(server: EmbeddedServer, pg: Any, suffix: str, plain: tuple[Path, str], tmp_path: Path) -> None:
    _, digest = plain
    place = (*at(server), "--suffix", suffix)
    assert digest_of(command(*SMALL, *place, *PLAIN)) == digest
    (run_id,) = {row[0] for row in pg.execute(f"SELECT run_id FROM equities_runs{suffix}").fetchall()}
    for n, source in enumerate(("database", f"database:{run_id}")):
        assert digest_of(command("--repeat", source, *place, "--out", str(tmp_path / str(n)))) == digest
    for source, says in (("database:nobody", "records no such run"), ("database", "it would write into the tables that it reads from")):
        refused = command("--repeat", source, *place, "--out", str(tmp_path / "no"), *(("--writer", "questdb") if source == "database" else ()))
        assert refused.returncode == 2
        assert says in refused.stderr
    assert list(tmp_path.glob(f"0/equities_trades{suffix}/*/*/part-0.parquet"))


def test_a_run_can_be_continued_beyond_its_end(server: EmbeddedServer, pg: Any, suffix: str, plain: tuple[Path, str]) -> None:
    folder, digest = plain
    place = (*at(server), "--suffix", suffix, *PLAIN)
    half = ("--start_ts", "2025-07-01T13:29:40Z", "--end_ts", "2025-07-01T13:30:20.5Z")
    assert command(*FIVE, *RATES, *half, *place).returncode == 0
    longer = command(*place, "--incremental", "true", "--end_ts", "2025-07-01T13:31:10Z")
    assert digest_of(longer) == digest
    read_back(pg, folder, suffix)


def test_a_fresh_run_starts_after_the_newest_row(server: EmbeddedServer, pg: Any, suffix: str) -> None:
    place = (*at(server), "--suffix", suffix, *PLAIN)
    assert command(*FIVE, *RATES, "--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:20Z", *place).returncode == 0
    before = {table: rows(pg, table, suffix) for table in ("market_data", "trades")}
    newest = max(found[-1][0] for found in before.values())
    done = command(*FIVE, *RATES, "--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:40Z", "--seed", "9", *place)
    assert done.returncode == 0, done.stderr
    assert "Starts after the newest row" in done.stdout
    for table, old in before.items():
        now = rows(pg, table, suffix)
        assert now[: len(old)] == old
        assert min(row[0] for row in now[len(old) :]) > newest
    over = command(*FIVE, *RATES, "--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:10Z", *place)
    assert over.returncode == 2
    assert "newest row" in over.stderr


def test_a_database_that_something_else_filled_is_continued_from_its_last_mids(server: EmbeddedServer, pg: Any, suffix: str) -> None:
    schema.create(pg, schema.ddl(suffix, views=False))
    table = f"equities_market_data{suffix}"
    for symbol, mid in (("AAPL", 111.0), ("JPM", 55.0)):
        quote = f"ARRAY[[{mid - 0.01}], [100.0]], ARRAY[[{mid + 0.01}], [100.0]]"
        pg.execute(f"INSERT INTO {table} VALUES ('2025-07-01T14:00:00Z', '{symbol}', 'IEX', {quote})")
    existing.wait_applied(pg, [table])
    window = ("--start_ts", "2025-07-01T13:00:00Z", "--end_ts", "2025-07-01T14:00:05Z", "--symbols", "AAPL,JPM", *RATES)
    done = command(*window, *at(server), "--suffix", suffix, *PLAIN, "--incremental", "true")
    assert done.returncode == 0, done.stderr
    assert "No run is recorded" in done.stdout
    for symbol, mid in (("AAPL", 111.0), ("JPM", 55.0)):
        first = next(row for row in rows(pg, "market_data", suffix) if row[1] == symbol and len(row[3][0]) > 3)
        assert (first[3][0][0] + first[4][0][0]) / 2 == pytest.approx(mid, rel=0.002)


def count(pg: Any, suffix: str) -> int:
    """Book rows; 0 as long as there is no table."""
    if not existing.exists(pg, f"equities_market_data{suffix}"):
        return 0
    found = pg.execute(f"SELECT count() FROM equities_market_data{suffix}").fetchone()
    return int(found[0])


def wait_for_rows(pg: Any, suffix: str, more_than: int = 0) -> None:
    until_s = time.monotonic() + 60
    while count(pg, suffix) <= more_than:
        assert time.monotonic() < until_s, "no rows came"
        time.sleep(0.05)
