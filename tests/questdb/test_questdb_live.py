"""Real time, the specification's two commands, and a database that is behind."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from scenarios.launcher import questdb_session as database
from scenarios.launcher.flags import parse_flags
from scenarios.launcher.plan import make_plan
from scenarios.launcher.questdb_session import Database
from scenarios.launcher.recorded import connection_of
from simulator.errors import SinkError
from simulator.records import NS_PER_S
from tests.database import SMALL, at, command, connect, console_command, digest_of, read_back, start, wait_until
from writers.questdb import existing, schema
from writers.questdb.server import EmbeddedServer

SPEC_LIVE = (
    "--protocol", "http", "--mode", "real-time", "--processes", "1", "--market_data_min_eps", "800", "--market_data_max_eps", "2000",
    "--trades_min_eps", "300", "--trades_max_eps", "800", "--session_pacing", "true", "--offsession_trades", "trickle",
)  # fmt: skip
SPEC_BACKFILL = (
    "--protocol", "tcp", "--mode", "faster-than-life", "--processes", "6", "--market_data_min_eps", "6000", "--market_data_max_eps",
    "10000", "--trades_min_eps", "2000", "--trades_max_eps", "4000", "--total_market_data_events", "100_000_000", "--start_ts",
    "2025-07-01T13:29:00Z", "--end_ts", "2025-07-01T13:31:00Z", "--session_pacing", "true", "--offsession_trades", "none",
)  # fmt: skip


def test_sixty_seconds_of_the_specifications_live_command(server: EmbeddedServer, suffix: str, tmp_path: Path) -> None:
    """By the command that pip installs. Rows carry the wall clock's time and are queryable within a second of it (p99)."""
    began_ns = time.time_ns()
    running = start(*at(server), *SPEC_LIVE, "--suffix", suffix, "--prices", "builtin", program=console_command(tmp_path))
    ages, counts = [], []
    with connect(server) as pg:
        wait_until(lambda: existing.exists(pg, f"equities_trades{suffix}") and newest(pg, suffix) > 0)
        until_s = time.monotonic() + 60
        while time.monotonic() < until_s:
            now_ns = time.time_ns()
            ages.append((now_ns - newest(pg, suffix)) / NS_PER_S)  # everything older than the newest row is there too
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        ended_ns = time.time_ns()
        assert running.returncode == 0, err
        counts = pg.execute(f"SELECT timestamp_ns::long / 1000000000, count() FROM equities_market_data{suffix}").fetchall()
        first, last = pg.execute(f"SELECT min(timestamp_ns)::long, max(timestamp_ns)::long FROM equities_market_data{suffix}").fetchone()
        with_views = pg.execute(f"SELECT count() FROM top_of_book_1s{suffix}").fetchone()[0]
    assert float(np.quantile(ages, 0.99)) < 1.0, f"p99 of the newest row's age is {np.quantile(ages, 0.99):.3f} s"
    assert began_ns < first < last < ended_ns
    assert with_views > 0
    assert len(counts) >= 58
    assert "Late by" in out


def newest(pg: Any, suffix: str) -> int:
    found = pg.execute(f"SELECT max(timestamp_ns)::long FROM equities_market_data{suffix}").fetchone()
    return int(found[0]) if found and found[0] else 0


def test_two_minutes_of_the_specifications_backfill(server: EmbeddedServer, pg: Any, suffix: str, tmp_path: Path) -> None:
    flags = (*at(server), *SPEC_BACKFILL, "--suffix", suffix, "--prices", "builtin")
    done = command(*flags, "--user", "admin", "--password", "quest", program=console_command(tmp_path))
    digest = digest_of(done)
    assert digest_of(command(*SPEC_BACKFILL[6:], "--writer", "null", "--prices", "builtin")) == digest
    books, trades = (pg.execute(f"SELECT count() FROM equities_{t}{suffix}").fetchone()[0] for t in ("market_data", "trades"))
    per_second = pg.execute(
        f"SELECT count() FROM equities_market_data{suffix} WHERE timestamp_ns >= '2025-07-01T13:30:00Z' SAMPLE BY 1s"
    ).fetchall()
    assert len(per_second) == 60
    assert all(6000 <= count <= 10_000 + 150 for (count,) in per_second)  # a cross adds a row or two a symbol
    assert f"{books + trades:,} rows in" in done.stdout


class Outcome(NamedTuple):
    in_flight: int
    acknowledged: int


HALF_A_MINUTE = tuple("2025-07-01T13:30:30Z" if word == "2025-07-01T13:31:00Z" else word for word in SPEC_BACKFILL[4:])
FORTY_LEVELS = (*HALF_A_MINUTE, "--processes", "2", "--levels", "40", "--prices", "builtin")
"""A quarter of a million books: ten times what is let wait."""


@pytest.fixture(scope="module")
def digest_of_forty_levels() -> str:
    return digest_of(command(*FORTY_LEVELS, "--writer", "null"))


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_a_slow_database_makes_the_run_pause_and_loses_nothing(server: EmbeddedServer, suffix: str, protocol: str, digest_of_forty_levels: str) -> None:
    """40 levels and five views are more than the server can apply at once; the limits are low."""
    limits = ("--suffix", suffix, "--pause_rows", "20_000", "--resume_rows", "5_000", "--protocol", protocol)
    done = command(*at(server), *FORTY_LEVELS, *limits)
    assert digest_of(done) == digest_of_forty_levels
    pauses = int(done.stdout.split("Pauses for the database: ")[1].split(",")[0])
    assert pauses >= 1


def test_rows_lost_over_tcp_are_noticed_at_a_pause(server: EmbeddedServer, pg: Any, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ("--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:05Z", "--prices", "builtin", "--create_views", "false")
    done = command(*at(server), *small, "--suffix", suffix, "--protocol", "tcp")
    rows = int(done.stdout.split(" rows in")[0].split()[-1].replace(",", ""))
    flags = parse_flags([*at(server), *small, "--suffix", suffix, "--protocol", "tcp"])
    plan = make_plan(flags)
    found = Database(flags, connection_of(flags, flags.host))
    valve = found.valve(plan)
    assert valve.check_sent is not None
    monkeypatch.setattr(database, "TCP_COMMITS_WITHIN_S", 0.5)
    seen: list[int] = []
    monkeypatch.setattr(valve, "check_sent", lambda rows, stop_asked: (seen.append(rows), found.check_sent(plan, rows, stop_asked)))
    valve.monitor.is_paused = True
    assert not valve.paused(Outcome(in_flight=0, acknowledged=rows))
    valve.monitor.is_paused = True
    with pytest.raises(SinkError, match=f"{rows:,} of the {rows + 7:,} rows that went over tcp: 7 are lost"):
        valve.paused(Outcome(in_flight=0, acknowledged=rows + 7))
    valve.monitor.is_paused = True
    assert not valve.paused(Outcome(in_flight=0, acknowledged=rows + 7), lambda: True)  # a run that is to end does not wait
    assert seen == [rows, rows + 7, rows + 7]
    assert not valve.paused(Outcome(in_flight=0, acknowledged=rows + 7))  # no pause has ended: nothing is counted
    valve.monitor.close()
    found.pg.close()


def test_a_suspended_table_ends_the_run_with_the_command_that_mends_it(server: EmbeddedServer, pg: Any, suffix: str, plain: tuple[Path, str]) -> None:
    folder, digest = plain
    place = (*at(server), "--suffix", suffix, "--create_views", "false")
    running = start(*SMALL, *place, "--speed", "10", "--processes", "2")
    wait_until(lambda: existing.exists(pg, f"equities_trades{suffix}") and newest(pg, suffix) > 0)
    pg.execute(f"ALTER TABLE equities_trades{suffix} SUSPEND WAL")
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1
    assert f"ALTER TABLE equities_trades{suffix} RESUME WAL" in err
    assert "Traceback" not in err
    pg.execute(f"ALTER TABLE equities_trades{suffix} RESUME WAL")
    assert digest_of(command(*place, "--incremental", "true")) == digest
    read_back(pg, folder, suffix)


def test_a_worker_that_is_killed_ends_the_run_and_leaves_what_can_be_continued(server: EmbeddedServer, pg: Any, suffix: str, plain: tuple[Path, str]) -> None:
    folder, digest = plain
    place = (*at(server), "--suffix", suffix, "--create_views", "false")
    running = start(*SMALL, *place, "--speed", "10", "--processes", "2")
    wait_until(lambda: existing.exists(pg, f"equities_trades{suffix}") and newest(pg, suffix) > 0)
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    os.kill(int(children[0]), signal.SIGKILL)
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1
    assert "SIGKILL" in err
    assert digest_of(command(*place, "--incremental", "true")) == digest
    read_back(pg, folder, suffix)


def test_real_time_refuses_what_it_cannot_mean(server: EmbeddedServer) -> None:
    for flags, said in (
        (("--start_ts", "2025-07-01T13:30:00Z"), "--start_ts"),
        (("--end_ts", "2025-07-01T13:30:00Z"), "--end_ts"),
        (("--incremental", "true"), "--incremental"),
        (("--speed", "3"), "--speed"),
    ):
        refused = command(*at(server), "--mode", "real-time", *flags)
        assert refused.returncode == 2
        assert said in refused.stderr
    refused = command("--yahoo_refresh_secs", "60")
    assert refused.returncode == 2
    assert "real-time" in refused.stderr


def test_real_time_goes_on_from_the_last_prices(server: EmbeddedServer, pg: Any, suffix: str) -> None:
    schema.create(pg, schema.ddl(suffix, views=False))
    table = f"equities_market_data{suffix}"
    pg.execute(f"INSERT INTO {table} VALUES ('2025-07-01T14:00:00Z', 'JPM', 'IEX', ARRAY[[76.99], [100.0]], ARRAY[[77.01], [100.0]])")
    existing.wait_applied(pg, [table])
    running = start(*at(server), *SPEC_LIVE, "--suffix", suffix, "--create_views", "false", "--symbols", "AAPL,JPM")
    history_ns = newest(pg, suffix)
    wait_until(lambda: newest(pg, suffix) > history_ns + NS_PER_S)
    time.sleep(1.0)
    running.send_signal(signal.SIGTERM)
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert "last mid prices" in out
    query = f"SELECT (bids[1][1] + asks[1][1]) / 2 FROM {table} WHERE symbol = 'JPM' AND timestamp_ns > '2025-07-02' LIMIT 1"
    assert abs(pg.execute(query).fetchone()[0] / 77.0 - 1) < 0.002
