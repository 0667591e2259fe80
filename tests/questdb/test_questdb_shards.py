"""Shards into one QuestDB from several processes: the rows of the files, once, whoever sends them and however often."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from scenarios.launcher import cluster
from scenarios.launcher.main import command_line
from scenarios.launcher.shard_database import ShardRows, connection_to
from scenarios.launcher.shard_window import DAYS_AHEAD, day_numbers, horizon, wait_for_the_others
from scenarios.launcher.shards import ShardPlan, read_plan
from simulator.errors import InputError, SinkError
from tests.database import at, command, read_back
from tests.processes import Forked, load_kernels
from writers.questdb.server import EmbeddedServer
from writers.stores.store import open_store

SCENARIO = """\
universe: {generate: 32, seed: 1}
start_ts: 2025-07-02T07:59:58Z
end_ts: 2025-07-02T08:00:02Z
session_pacing: false
rates: {market_data_min_eps: 20, market_data_max_eps: 62, trades_min_eps: 2, trades_max_eps: 10}
"""
NAMES = [f"{day}-{group}" for day in ("2025-07-01", "2025-07-02") for group in ("g001", "g002")]
PLAIN = ("--create_views", "false")


def verify(out: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str]:
    capsys.readouterr()
    code = command_line(["verify", str(out)])
    return code, capsys.readouterr().out


def test_two_processes_into_one_server_and_a_shard_twice(
    server: EmbeddedServer, pg: Any, suffix: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.yaml").write_text(SCENARIO)
    files, notes = tmp_path / "files", tmp_path / "notes"
    scenario = ("--scenario", str(tmp_path / "mine.yaml"))
    assert command(*scenario, "--out", str(files), "--shard", "1/1").returncode == 0
    digest = verify(files, capsys)[1].splitlines()[-1]
    line = (*scenario, "--out", str(notes), *at(server), "--suffix", suffix, *PLAIN)
    load_kernels()
    running = [Forked([*line, "--shard", f"{k}/2"], tmp_path / str(k)) for k in (1, 2)]
    for each in running:
        assert each.wait(200) == 0, each.errors.read_text()
    read_back(pg, files, suffix)
    code, said = verify(notes, capsys)
    assert (code, said.splitlines()[-1]) == (0, digest)
    runs = pg.execute(f"SELECT DISTINCT run_id, event FROM equities_runs{suffix} ORDER BY event").fetchall()
    assert len({run_id for run_id, _ in runs}) == 1, "one run, whoever makes it"
    assert [event for _, event in runs] == ["ended", "started"]
    # Again, as a machine that was lost after its rows had come and before its note: nothing is there twice.
    (notes / "_done" / f"{NAMES[1]}.json").unlink()
    plan = read_plan(open_store(str(notes)))
    assert plan is not None
    assert not cluster.make_shard(str(notes), plan.identity, NAMES[1]).was_done
    assert cluster.make_shard(str(notes), plan.identity, NAMES[1]).was_done
    read_back(pg, files, suffix)
    assert verify(notes, capsys)[0] == 0
    # What others do there is named: rows beside ours, and a run of another's into our tables.
    pg.execute(f"INSERT INTO equities_trades{suffix} (timestamp_ns, symbol, venue, price, size, side, cond) SELECT dateadd('s', 1, max(timestamp_ns)), 'SIM0001', 'NASDAQ', 1.0, 1, 'B', 'T' FROM equities_trades{suffix} WHERE timestamp_ns < '2025-07-02T08:00:00Z'")
    code, said = verify(notes, capsys)
    assert code == 1
    assert "trades" in said
    cluster._rows_of(str(notes), plan.identity).close()
    cluster._rows_of.cache_clear()
    other = command(*line[:2], "--out", str(tmp_path / "other"), *line[4:], "--shard", "1/1", "--seed", "2")
    assert other.returncode == 2
    assert "they have rows that no shard of this run has sent" in other.stderr
    for words, says in (
        (("--host", "embedded", "--shard", "1/1"), "an embedded server is one run's"), (("--protocol", "tcp", "--shard", "1/1"), "tcp does not say what has arrived"),
        (("--shard", "1/1", "--table_format", "delta"), "a database has no files"), (("--shard", "1/1", "--levels", "5"), "its shards are of another run: levels 10 there, 5 here"),
    ):
        done = command(*line, *words)
        assert (done.returncode, says in done.stderr) == (2, True), done.stderr


def test_shards_go_by_days_within_a_window() -> None:
    class Piece:
        def __init__(self, start_ns: int) -> None:
            self.start_ns = start_ns

    pieces = {f"d{day}-g{group}": Piece(day) for day in range(5) for group in range(2)}
    plan = ShardPlan.model_construct(shards=pieces)
    assert day_numbers(plan) == {name: piece.start_ns for name, piece in pieces.items()}
    assert horizon(plan, set()) == DAYS_AHEAD
    assert horizon(plan, {"d0-g0", "d1-g0", "d1-g1"}) == DAYS_AHEAD
    assert horizon(plan, {"d0-g0", "d0-g1"}) == 1 + DAYS_AHEAD
    assert horizon(plan, set(pieces)) == DAYS_AHEAD


def test_a_machine_waits_for_the_others_and_not_for_those_that_never_begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Piece:
        def __init__(self, name: str, start_ns: int) -> None:
            self.name, self.start_ns = name, start_ns

    plan: Any = ShardPlan.model_construct(shards={f"d{day}": Piece(f"d{day}", day) for day in range(4)})
    store = open_store(str(tmp_path))
    clock = [0.0]
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds
        if clock[0] >= 3.0 and os.environ.get("COMES"):
            store.put(b"", "_done/d0.json")

    monkeypatch.setattr("scenarios.launcher.shard_window.time.sleep", sleep)
    monkeypatch.setattr("scenarios.launcher.shard_window.time.monotonic", lambda: clock[0])
    wait_for_the_others(plan, plan.shards["d1"], store, 100.0, lambda: False)
    assert not slept, "it is in the window"
    wait_for_the_others(plan, plan.shards["d2"], store, 5.0, lambda: False)
    assert sum(slept) == 10.0, "as long as two of its own take"
    wait_for_the_others(plan, plan.shards["d2"], store, 5.0, lambda: True)
    assert sum(slept) == 10.0
    clock[0] = 0.0
    monkeypatch.setenv("COMES", "1")
    wait_for_the_others(plan, plan.shards["d2"], store, 100.0, lambda: False)
    assert clock[0] == 3.0


def test_the_pace_is_the_servers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever sent what it has not applied yet: each machine asks, and pauses above the same number."""
    pending = [0, 9_000_000, 9_000_000, 100]
    monkeypatch.setattr("scenarios.launcher.shard_database.time.sleep", lambda seconds: None)

    class Keeper:
        lost = False

        def check(self) -> None:
            if self.lost:
                raise SinkError("Another run has taken the tables")

    from writers.questdb.connection import Connection
    from writers.questdb.monitor import Lag, Monitor

    rows = ShardRows(Connection(), ShardPlan.model_construct(), place=None)  # type: ignore[arg-type]
    keeper: Any = Keeper()
    rows._keeper, rows._monitor = keeper, Monitor(Connection(), ["t"], pause_rows=2_000_000, resume_rows=500_000)
    monkeypatch.setattr(Monitor, "look", lambda self, stop: Lag(pending.pop(0), 0, 0))
    rows.wait(0, lambda: False)
    assert len(pending) == 3
    rows._looked_s = 0.0
    rows.wait(0, lambda: False)
    assert pending == [], "it waited until the server had caught up"
    keeper.lost = True
    with pytest.raises(SinkError, match="Another run"):
        rows.wait(0, lambda: False)


def test_a_plan_holds_no_secret(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from scenarios.launcher.flags import parse_flags
    from scenarios.launcher.plan import make_plan, with_scenario
    from scenarios.launcher.shards import plan_shards

    (tmp_path / "mine.yaml").write_text(SCENARIO)
    monkeypatch.setenv("QUESTDB_PASSWORD", "s3cret-of-the-node")
    flags = parse_flags(["--scenario", str(tmp_path / "mine.yaml"), "--host", "db", "--user", "me", "--password", "s3cret-of-a-flag", "--shard", "1/1"])
    plan = plan_shards(make_plan(with_scenario(flags)[0]))
    assert "s3cret" not in plan.model_dump_json()
    assert plan.database is not None
    assert connection_to(plan.database).password == "s3cret-of-the-node"
    assert plan.record.prices_source == "generated" or json.loads(plan.record.model_dump_json())["prices_source"] != "yahoo"
    with pytest.raises(InputError, match="tcp does not say"):
        plan_shards(make_plan(with_scenario(flags.model_copy(update={"protocol": "tcp"}))[0]))
