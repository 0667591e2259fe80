"""A table has one owner, a run one end: who may write, what was changed meanwhile, which views have caught up."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from scenarios.launcher.flags import parse_flags
from scenarios.launcher.plan import make_plan
from scenarios.launcher.questdb_session import Database
from scenarios.launcher.recorded import connection_of
from scenarios.launcher.row_counts import Counts
from simulator.errors import InputError, SinkError
from tests.database import SMALL, at, command, read_back, start
from tests.questdb.test_questdb_resume import wait_for_rows
from writers.questdb import claims, existing, runs, schema, views
from writers.questdb.claims import Claim, ClaimLost, Owner, owner_of, this_process
from writers.questdb.connection import Connection
from writers.questdb.keeper import Keeper
from writers.questdb.schema import ViewDef
from writers.questdb.server import EmbeddedServer

PLAIN = ("--create_views", "false")


@pytest.fixture
def table(pg: Any, suffix: str) -> str:
    """The claims table of that suffix."""
    name = f"equities_claims{suffix}"
    schema.create(pg, [each for each in schema.ddl(suffix, views=False) if each.name == name])
    return name


def elsewhere(host: str = "far") -> Owner:
    """A process on another machine."""
    return Owner(f"{host}/boot/space", 77, "1", host)


def ended_process() -> Owner:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        born = claims._born(child.pid)
        child.communicate()
    return dataclasses.replace(this_process(), pid=child.pid, born=born)


def states(pg: Any, table: str) -> dict[str, str]:
    return dict(pg.execute(f"SELECT run_id, state FROM {table}").fetchall())


def test_a_second_run_is_refused_with_the_owner_and_the_remedy(pg: Any, suffix: str, table: str) -> None:
    first = Claim(pg, suffix, "one")
    first.take()
    for refused in (Claim(pg, suffix, "two").check_free, Claim(pg, suffix, "two").take):
        with pytest.raises(InputError, match=rf"equities_\*{suffix}.* process {os.getpid()} on .*--suffix"):
            refused()
    first.beat()
    first.release()
    existing.wait_applied(pg, [table])
    Claim(pg, suffix, "three").take()
    assert states(pg, table) == {"one": "ended", "two": "ended", "three": "running"}


def test_the_claim_of_a_dead_process_of_this_machine_ends_at_once(pg: Any, suffix: str, table: str) -> None:
    Claim(pg, suffix, "dead", ended_process()).take()
    reborn = dataclasses.replace(this_process(), born="17")  # another process with that number, since
    Claim(pg, suffix, "reborn", reborn).take()
    Claim(pg, suffix, "now").take()
    assert states(pg, table) == {"dead": "ended", "reborn": "ended", "now": "running"}


def test_a_claim_from_another_machine_is_watched(pg: Any, suffix: str, table: str, monkeypatch: pytest.MonkeyPatch, server: EmbeddedServer) -> None:
    monkeypatch.setattr(claims, "EXPIRES_S", 1.0)
    far = Claim(pg, suffix, "far", elsewhere())
    far.take()
    said: list[str] = []
    connection = Connection(pg_port=server.pg_port)
    keeper = Keeper(connection, far, beat_s=0.2)
    keeper.check()
    with pytest.raises(InputError, match="process 77 on far"):
        Claim(pg, suffix, "near").take(say=said.append)
    assert "A run on far has claimed these tables" in said[0]
    keeper.close()
    Claim(pg, suffix, "near").take()  # silent for long enough
    assert states(pg, table) == {"far": "ended", "near": "running"}
    with pytest.raises(ClaimLost, match="Another run has taken the tables"):
        far.beat()
    late = Keeper(connection, far, beat_s=0.05)
    with pytest.raises(ClaimLost):
        until_it_raises(late.check)
    late.close()


def until_it_raises(call: Callable[[], None]) -> None:
    for _ in range(100):
        call()
        time.sleep(0.05)


def test_of_two_that_come_at_once_one_goes_on(pg: Any, suffix: str, table: str) -> None:
    """Not both, whatever the order of their steps; here one stops between its claim and its look."""
    older = Claim(pg, suffix, "older")
    older._since_us = int(pg.execute("SELECT systimestamp()::long").fetchone()[0]) - 1_000
    older._write(claims.CLAIMING)
    with pytest.raises(InputError):
        Claim(pg, suffix, "younger").take()
    won: list[str] = []

    def race(name: str) -> None:
        try:
            Claim(pg, suffix, name, dataclasses.replace(this_process(), host=name)).take()
            won.append(name)
        except InputError:
            pass

    older.release()
    existing.wait_applied(pg, [table])
    threads = [threading.Thread(target=race, args=(name,)) for name in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert [name for name, state in states(pg, table).items() if state == "running"] == won


def test_an_owner_survives_its_row() -> None:
    assert owner_of(this_process().text) == this_process()
    assert this_process().is_gone(this_process()) is False
    assert elsewhere().is_gone(this_process()) is None


def test_two_generators_on_one_table(server: EmbeddedServer, pg: Any, suffix: str, plain: tuple[Path, str]) -> None:
    folder, digest = plain
    place = (*at(server), "--suffix", suffix, *PLAIN)
    running = start(*SMALL, *place, "--speed", "15", "--processes", "1")
    wait_for_rows(pg, suffix)
    refused = command(*SMALL, *place, "--seed", "2")
    assert refused.returncode == 2, refused.stderr
    assert f"process {running.pid} on" in refused.stderr
    assert "--suffix" in refused.stderr
    out, err = running.communicate(timeout=60)
    assert running.returncode == 0, err
    assert f"Digest {digest}" in out
    read_back(pg, folder, suffix)


@pytest.fixture
def opened(server: EmbeddedServer, suffix: str) -> Any:
    """A run's database, prepared, and its plan."""
    flags = parse_flags([*SMALL, *at(server), "--suffix", suffix])
    plan = make_plan(flags)
    found = Database(flags, connection_of(flags, flags.host))
    found.history()
    found.prepare(plan, found.console)
    yield found, plan
    found.close()


NO_ROWS = {table: np.zeros(5, np.int64) for table in ("market_data", "trades")}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("ALTER TABLE equities_trades{0} DROP COLUMN cond", "equities_trades{0} exists and is another"),
        ("ALTER TABLE equities_trades{0} RENAME COLUMN price TO paid", "paid DOUBLE"),
        ("DROP MATERIALIZED VIEW nbbo_1m{0}", "nbbo_1m{0} is not there any more"),
        ("DROP TABLE equities_runs{0}", "equities_runs{0} is not there any more"),
    ],
)
def test_what_was_changed_while_the_run_went_on_is_told_at_its_end(pg: Any, suffix: str, opened: Any, statement: str, said: str) -> None:
    database, plan = opened
    database.check_counts(plan, Counts(by_symbol=NO_ROWS), plan.scenario.end_ns)
    pg.execute(statement.format(suffix))
    existing.wait_applied(pg, [f"equities_trades{suffix}"])
    with pytest.raises(SinkError) as told:
        database.check_counts(plan, Counts(by_symbol=NO_ROWS), plan.scenario.end_ns)
    assert "The tables were changed while the run went on" in str(told.value)
    assert said.format(suffix) in str(told.value)


def test_a_table_dropped_and_made_again_by_the_protocol_is_another(pg: Any, suffix: str, opened: Any, capsys: pytest.CaptureFixture[str]) -> None:
    database, plan = opened
    pg.execute(f"ALTER TABLE equities_trades{suffix} DEDUP DISABLE")
    existing.wait_applied(pg, [f"equities_trades{suffix}"])
    database.check_counts(plan, Counts(by_symbol=NO_ROWS), plan.scenario.end_ns)
    assert "DEDUP ENABLE" in capsys.readouterr().err
    pg.execute(f"DROP TABLE equities_trades{suffix}")
    pg.execute(f"CREATE TABLE equities_trades{suffix} (symbol SYMBOL, venue SYMBOL, price DOUBLE, timestamp_ns TIMESTAMP) timestamp(timestamp_ns) PARTITION BY DAY WAL")
    with pytest.raises(SinkError, match="is another"):
        database.check_counts(plan, Counts(by_symbol=NO_ROWS), plan.scenario.end_ns)


def test_too_many_rows_get_a_remedy_that_fits(pg: Any, suffix: str, opened: Any) -> None:
    database, plan = opened
    pg.execute(f"INSERT INTO equities_trades{suffix} VALUES ('2025-07-01T13:30:00Z', 'JPM', 'IEX', 1.0, 1, 'B', 'T')")
    with pytest.raises(SinkError) as told:
        database.check_counts(plan, Counts(by_symbol=NO_ROWS), plan.scenario.end_ns)
    assert f"equities_trades{suffix} JPM: 1 of 0 rows" in str(told.value)
    assert "--suffix" in str(told.value)
    assert "--resend all" not in str(told.value)


def test_rows_that_came_while_the_run_was_planned_are_noticed(pg: Any, suffix: str, server: EmbeddedServer) -> None:
    flags = parse_flags([*SMALL, *at(server), "--suffix", suffix])
    with closing(Database(flags, connection_of(flags, flags.host))) as database:
        database.history()
        schema.create(pg, schema.ddl(suffix))
        pg.execute(f"INSERT INTO equities_trades{suffix} VALUES ('2025-07-01T13:30:00Z', 'JPM', 'IEX', 1.0, 1, 'B', 'T')")
        with pytest.raises(InputError, match=r"another run has written since\. Repeat the command"):
            database.prepare(make_plan(flags), database.console)


@pytest.mark.parametrize("name", ["runs", "claims"])
def test_a_suspended_table_of_the_runs_own_is_noticed(pg: Any, suffix: str, server: EmbeddedServer, name: str) -> None:
    schema.create(pg, schema.ddl(suffix, views=False))
    pg.execute(f"ALTER TABLE equities_{name}{suffix} SUSPEND WAL")
    refused = command(*SMALL, *at(server), "--suffix", suffix, *PLAIN)
    assert refused.returncode == 1
    assert f"ALTER TABLE equities_{name}{suffix} RESUME WAL" in refused.stderr
    assert "Traceback" not in refused.stderr


@pytest.fixture
def never_refreshed(pg: Any, suffix: str) -> ViewDef:
    """As a server leaves a view that was killed before its first refresh: valid, and empty."""
    schema.create(pg, schema.ddl(suffix, views=False))
    pg.execute(f"INSERT INTO equities_trades{suffix} VALUES ('2025-07-01T13:30:00Z', 'JPM', 'IEX', 1.0, 1, 'B', 'T')")
    existing.wait_applied(pg, [f"equities_trades{suffix}"])
    view = next(each for each in schema.ddl(suffix) if each.name == f"trades_ohlcv_1s{suffix}")
    assert isinstance(view, ViewDef)
    pg.execute(view.sql.replace("AS (", "REFRESH MANUAL DEFERRED AS (", 1))
    row = existing.view_facts(pg, view.name)[0]
    assert (row["view_status"], row["refresh_base_table_txn"]) == ("valid", -1)
    return view


def test_a_view_that_was_never_refreshed_is_asked(pg: Any, never_refreshed: ViewDef) -> None:
    assert views.catch_up(pg, [never_refreshed]) == [never_refreshed.name]
    assert pg.execute(f"SELECT count() FROM {never_refreshed.name}").fetchone() == (1,)
    assert views.catch_up(pg, [never_refreshed]) == []


def test_a_view_that_is_listed_late_is_waited_for(pg: Any, never_refreshed: ViewDef, monkeypatch: pytest.MonkeyPatch) -> None:
    left = [[], []]  # type: list[list[dict[str, Any]]]
    monkeypatch.setattr(views, "view_facts", lambda pg, name: left.pop() if left else existing.view_facts(pg, name))
    assert views.catch_up(pg, [never_refreshed]) == [never_refreshed.name]
    assert not left


def test_a_view_that_cannot_catch_up_is_told_with_the_statement_to_type(
    pg: Any, never_refreshed: ViewDef, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "GRACE_S", 0.1)
    monkeypatch.setattr(views, "STUCK_S", 1.0)
    monkeypatch.setattr(views, "APPEARS_WITHIN_S", 0.1)
    pg.execute(f"ALTER TABLE {never_refreshed.base} RENAME COLUMN price TO paid")
    existing.wait_applied(pg, [never_refreshed.base])
    with pytest.raises(SinkError, match=f"does not refresh.* DROP MATERIALIZED VIEW {never_refreshed.name};.*--incremental true"):
        views.catch_up(pg, [never_refreshed])
    pg.execute(f"DROP MATERIALIZED VIEW {never_refreshed.name}")
    with pytest.raises(SinkError, match="is not there any more"):
        views.catch_up(pg, [never_refreshed], timeout_s=1.0)


def test_an_event_whose_statement_is_sent_again_is_recorded_once(pg: Any, suffix: str) -> None:
    """The fault: a connection that was lost after the commit, and the time of the event was asked for anew."""

    class SendsTwice:
        def execute(self, query: str, arguments: Any = None) -> Any:
            done = pg.execute(query, arguments)
            return pg.execute(query, arguments) if query.startswith("INSERT") else done

    table = next(each for each in schema.ddl(suffix, views=False) if each.name == f"equities_runs{suffix}")
    schema.create(pg, [table])
    for event in (runs.STARTED, runs.ENDED):
        runs.record(SendsTwice(), suffix, "one", event, SimpleNamespace(to_json=lambda: "{}"))  # type: ignore[arg-type]
    existing.wait_applied(pg, [table.name])
    assert pg.execute(f"SELECT event FROM {table.name} ORDER BY ts").fetchall() == [(runs.STARTED,), (runs.ENDED,)]
