"""A run that is cut into shards has the rows, the digest and the files of one that is not, wherever it goes and whatever fails."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import duckdb
import polars as pl
import pyarrow.dataset as ds
import pytest
from in_process import command
from processes import Forked, load_kernels
from s3 import s3_server
from test_runs import digest_of, rows_of

from scenarios.launcher import cluster
from scenarios.launcher.main import command_line
from scenarios.launcher.shard_report import shard_rows
from scenarios.launcher.shards import Done, ShardPlan, cut, share
from simulator.errors import InputError
from simulator.inputs.config import AgentSpec, Shock
from simulator.inputs.day_parts import is_divisible_by_day
from simulator.inputs.dealing import expected_rows
from simulator.inputs.scenario_file import load_scenario
from writers.stores.scratch import Scratch
from writers.stores.store import open_store

SCENARIO = """\
universe: {generate: 62, seed: 1}
start_ts: 2025-07-02T07:59:58Z
end_ts: 2025-07-02T08:00:02Z
session_pacing: false
rates: {market_data_min_eps: 20, market_data_max_eps: 62, trades_min_eps: 2, trades_max_eps: 10}
"""
"""Two trading days, which meet at 04:00 New York time, and three groups."""
DAYS, GROUPS = ("2025-07-01", "2025-07-02"), ("g001", "g002", "g003")
NAMES = [f"{day}-{group}" for day in DAYS for group in GROUPS]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With ``mine.yaml``, the whole run in ``whole``, and two shares of it in ``two``."""
    home = tmp_path_factory.mktemp("shards")
    (home / "mine.yaml").write_text(SCENARIO)
    assert command(*flags(home, home / "whole"), "--processes", "1").returncode == 0
    for k in (1, 2):
        done = command(*flags(home, home / "two"), "--shard", f"{k}/2")
        assert done.returncode == 0, done.stderr
    load_kernels()
    return home


def flags(home: Path, out: Path | str) -> tuple[str, ...]:
    return ("--scenario", str(home / "mine.yaml"), "--out", str(out))


def verify(out: Path | str, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = command_line(["verify", str(out), *words])
    return code, capsys.readouterr().out


def whole_digest(home: Path) -> str:
    return str(json.loads((home / "whole" / "manifest.json").read_text())["digest"])


def files(out: Path) -> list[str]:
    """But the manifest, which ``verify`` writes."""
    return sorted(path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file() and path != out / "manifest.json")


def sums(out: str | Path) -> dict[str, list[tuple[str, str]]]:
    """By shard: its files with their hashes."""
    store = open_store(str(out))
    notes = {name: Done.model_validate_json(store.get(f"_done/{name}.json") or b"") for name in NAMES}
    return {name: [(file.path, file.sha256) for file in done.files] for name, done in notes.items()}


def test_shards_add_up_to_the_whole(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = verify(home / "two", capsys)
    assert code == 0
    assert f"Digest {whole_digest(home)}\n" in said
    assert "6 of 6 shards are done" in said
    assert rows_of(home / "two") == rows_of(home / "whole")
    there = files(home / "two")
    assert [name for name in there if name.startswith("_done/")] == [*(f"_done/{name}.json" for name in NAMES), "_done/plan.json"]
    pattern = r"equities_(market_data|trades)/date=2025-07-02/hour=0[78]/part-2025-07-0[12]-g00[123]\.parquet"
    assert all(re.fullmatch(pattern, name) for name in there if name.startswith("equities"))
    whole, merged = (json.loads((home / name / "manifest.json").read_text()) for name in ("whole", "two"))
    for key in ("record", "rows", "digest", "digest_parts", "complete"):
        assert merged[key] == whole[key]
    repeated = command("--repeat", str(home / "two"), "--writer", "null", "--processes", "1")
    assert digest_of(repeated) == whole_digest(home)


def test_seven_shares_in_memory_and_one_in_a_bucket_that_fails_every_tenth_request(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(1, 8):
        assert command(*flags(home, "memory://seven/run"), "--shard", f"{k}/7").returncode == 0
    code, said = verify("memory://seven/run", capsys)
    assert (code, said.splitlines()[-1]) == (0, f"Digest {whole_digest(home)}")
    assert sums("memory://seven/run") == sums(home / "two")
    with s3_server() as server:
        server.fail_every(10, monkeypatch)
        done = command(*flags(home, "s3://bucket/some/run"), "--shard", "1/1", **server.environment)
        assert done.returncode == 0, done.stderr
        assert server.door.failed >= 5
        code, said = verify("s3://bucket/some/run", capsys)
        assert (code, said.splitlines()[-1]) == (0, f"Digest {whole_digest(home)}")
        assert sums("s3://bucket/some/run") == sums(home / "two")
        assert server.half_done() == []
        # Nothing was left to do; then a store that refuses says so, at once.
        assert "6 of 6 shards, 6 of them done already" in command(*flags(home, "s3://bucket/some/run"), "--shard", "1/1", **server.environment).stderr
        server.door.denies = True
        refused = command(*flags(home, "s3://bucket/other"), "--shard", "1/1", **server.environment)
        assert refused.returncode == 1
        assert "the store refuses" in refused.stderr
        assert "Traceback" not in refused.stderr


@pytest.fixture
def out(home: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, for what happens to it."""
    shutil.copytree(home / "two", tmp_path / "out")
    (tmp_path / "out" / "manifest.json").unlink(missing_ok=True)
    return tmp_path / "out"


def test_whatever_happens_to_a_folder_is_named_and_made_again(home: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sums(out)
    half, gone, altered, cut_short = (out / "_done" / f"{NAMES[0]}.json", out / before[NAMES[1]][0][0], out / before[NAMES[2]][0][0], out / before[NAMES[3]][0][0])
    half.write_text(half.read_text()[:100])
    gone.unlink()
    content = bytearray(altered.read_bytes())
    content[len(content) // 2] ^= 1
    altered.write_bytes(content)
    cut_short.write_bytes(cut_short.read_bytes()[:-1])
    twice = out / "equities_trades" / "date=2025-07-02" / "hour=07" / "part-0.parquet"
    shutil.copy(out / before[NAMES[5]][-1][0], twice)
    lines = [
        f"shard {NAMES[0]}: it is not done", f"shard {NAMES[1]}: {before[NAMES[1]][0][0]} is missing", f"shard {NAMES[2]}: {before[NAMES[2]][0][0]} was altered",
        f"shard {NAMES[3]}: {before[NAMES[3]][0][0]} has ", f"{twice.relative_to(out).as_posix()}: no shard that is done lists it",
    ]
    code, said = verify(out, capsys)
    assert code == 1
    for line in lines:
        assert line in said
    assert "Digest" not in said
    assert not (out / "manifest.json").exists()
    assert "was altered" not in verify(out, capsys, "--quick")[1]
    (out / "_done" / f"{NAMES[2]}.json").unlink()  # what only a look at its bytes can tell
    twice.unlink()
    done = command(*flags(home, out), "--shard", "1/1")
    assert "6 of 6 shards, 2 of them done already" in done.stderr
    assert sums(out) == before
    code, said = verify(out, capsys)
    assert (code, said.splitlines()[-1]) == (0, f"Digest {whole_digest(home)}")
    assert not (out / ".shards").exists()


def test_another_number_of_machines_changes_nothing_and_another_run_is_refused(home: Path, out: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")}
    for which, count in (("3/4", 1), ("1/1", 6), ("4/9", 0)):
        assert f"{count} of 6 shards, {count} of them done already" in command(*flags(home, out), "--shard", which).stderr
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet")} == before
    other = command(*flags(home, out), "--shard", "1/1", "--seed", "2", "--levels", "5")
    assert other.returncode == 2
    assert "its shards are of another run: seed 1 there, 2 here; levels 10 there, 5 here" in other.stderr
    plan = out / "_done" / "plan.json"
    content = json.loads(plan.read_text())
    content["record"]["versions"]["numpy"] = "1.0"
    content["identity"] = "of another version"
    plan.write_text(json.dumps(content))
    assert "versions.numpy '1.0' there" in command(*flags(home, out), "--shard", "1/1").stderr
    with pytest.raises(InputError, match=r"it would make other rows: versions\.numpy '1\.0' there"):
        cluster._run_of(str(out), "of another version")
    plan.write_text("{")
    assert "missing or damaged" in command(*flags(home, out), "--shard", "1/1").stderr
    rows = command(*flags(home, home / "whole"), "--shard", "1/1")
    assert "it has rows that no shard of this run wrote" in rows.stderr


def test_a_task_that_runs_twice_is_done_once(home: Path, out: Path) -> None:
    """What an engine calls, anywhere and any number of times."""
    identity = json.loads((out / "_done" / "plan.json").read_text())["identity"]
    assert cluster.make_shard(str(out), identity, NAMES[4]).was_done
    before = sums(out)
    (out / "_done" / f"{NAMES[4]}.json").unlink()
    made = cluster.make_shard(str(out), identity, NAMES[4])
    assert not made.was_done
    assert made.rows > 0
    assert sums(out) == before


def test_kill_9_loses_the_shard_at_hand_alone(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    process = Forked([*flags(home, out), "--shard", "1/1"], tmp_path / "said")
    process.wait_for(lambda: (out / "_done" / f"{NAMES[0]}.json").exists() and (out / ".shards").exists(), 200)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert verify(out, capsys)[0] == 1
    done = command(*flags(home, out), "--shard", "1/1")
    assert re.search(r"6 of 6 shards, [1-5] of them done already", done.stderr)
    code, said = verify(out, capsys)
    assert (code, said.splitlines()[-1]) == (0, f"Digest {whole_digest(home)}")
    assert files(out) == files(home / "two")


def test_two_commands_at_once_make_one_folder(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither knows of the other, and what both make is the same."""
    out = tmp_path / "out"
    running = [Forked([*flags(home, out), "--shard", "1/1"], tmp_path / f"said{n}") for n in range(2)]
    for process in running:
        assert process.wait(200) == 0, process.errors.read_text()
    code, said = verify(out, capsys)
    assert (code, said.splitlines()[-1]) == (0, f"Digest {whole_digest(home)}")
    assert sums(out) == sums(home / "two")
    assert files(out) == files(home / "two")


def test_what_a_process_has_on_its_way_stays_when_another_has_put_its_last(tmp_path: Path) -> None:
    mine, others = Scratch(tmp_path / "home"), Scratch(tmp_path / "home")
    folder = mine.new()
    others.drop(others.new())
    (folder / "part").write_text("rows")
    mine.drop(folder)
    assert not (tmp_path / "home").exists()


def test_no_clock_decides_anything(home: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files and notes of a machine whose clock is a year behind or ahead are what they are."""
    before = sums(out)
    for n, path in enumerate(path for path in out.rglob("*") if path.is_file()):
        os.utime(path, (1e9, 1e9) if n % 2 else (4e9, 4e9))
    assert "6 of 6 shards, 6 of them done already" in command(*flags(home, out), "--shard", "1/1").stderr
    assert (verify(out, capsys)[0], sums(out)) == (0, before)


def test_a_folder_without_rights_is_said_and_nothing_of_it_is_touched(home: Path, tmp_path: Path) -> None:
    """Root may write everywhere, so the folder is one that nobody may write to, or none at all."""
    (tmp_path / "file").write_text("of the user")
    for out in ("/proc/no-such-place", str(tmp_path / "file")):
        done = command(*flags(home, out), "--shard", "1/1")
        assert done.returncode in (1, 2), done.stderr
        assert out in done.stderr
        assert "Traceback" not in done.stderr
    assert (tmp_path / "file").read_text() == "of the user"


def test_days_that_know_of_each_other_stay_together(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenario = load_scenario(home / "mine.yaml")
    assert is_divisible_by_day(scenario)
    names = [symbol.name for symbol in scenario.universe.symbols]
    agent = AgentSpec(name="pair", make=lambda *_: iter(()), symbols=(names[0], names[-1]))
    exact = replace(scenario.prices[names[0]], low=10.0, high=10.0, close=10.0)
    shock = Shock(ts_ns=scenario.start_ns, symbol=names[0], log_return=0.01)
    for other in (replace(scenario, agents=(agent,)), replace(scenario, shocks=(shock,)), replace(scenario, prices={**scenario.prices, names[0]: exact})):
        groups, pieces = cut(other)
        assert list(pieces) == [f"2025-07-01_2025-07-02-{group}" for group in groups]
    groups, _ = cut(replace(scenario, agents=(agent,)))
    assert len(groups) == 2
    assert {names[0], names[-1]} <= set(groups["g001"])
    (tmp_path / "mine.yaml").write_text(SCENARIO.replace("generate: 62", "generate: 4") + "shocks: [{at: 2025-07-02T07:59:59Z, by: 0.02}]\n")
    whole = digest_of(command(*flags(tmp_path, tmp_path / "whole"), "--processes", "1"))
    assert command(*flags(tmp_path, tmp_path / "cut"), "--shard", "1/1").returncode == 0
    assert verify(tmp_path / "cut", capsys)[1].splitlines()[-1] == f"Digest {whole}"


def test_what_would_run_where_is_said(home: Path) -> None:
    done = command(*flags(home, "s3://nowhere/at/all"), "--plan_shards", "4")
    assert done.returncode == 0
    for part in ("6 shards: 3 groups of symbols", "1/4", "4/4", "core-hours", "Nothing was run"):
        assert part in done.stdout
    scenario = load_scenario("us100", start_ns=load_scenario("us100").start_ns)
    rows_s = expected_rows(scenario)
    groups, pieces = cut(scenario)
    assert len(pieces) == 4
    assert sum(len(group) for group in groups.values()) == 100
    books = sum(shard_rows(scenario, shard_of(name, piece, groups), rows_s)[0] for name, piece in pieces.items())
    assert books == pytest.approx(sum(rows_s.values()) * (6.5 + 5.5 * 0.4 + 4 * 0.24) * 3600, rel=0.01)


def test_machines_share_the_groups_of_all_days() -> None:
    """Each shard is one machine's; nobody has many more than another, nor the same groups every day."""
    base = load_scenario("us100")
    days = 40
    scenario = replace(base, end_ns=base.start_ns + days * 86_400 * 10**9, session_pacing=False)
    groups, pieces = cut(scenario)
    plan = ShardPlan.model_construct(groups=groups, shards=pieces)
    assert len(pieces) == days * 4
    for n in (1, 2, 3, 4, 5, 7, 8, 12, 30):
        shares = [[shard.name for shard in share(plan, k, n)] for k in range(1, n + 1)]
        assert sorted(name for one in shares for name in one) == sorted(pieces)
        assert max(map(len, shares)) - min(map(len, shares)) <= 4
        assert all(one == sorted(one) for one in shares), "in order of time"
        if n <= 8:
            assert all(len({name[-4:] for name in one}) == 4 for one in shares)


def shard_of(name: str, piece: object, groups: dict[str, tuple[str, ...]]) -> object:
    from scenarios.launcher.shards import Piece, Shard

    assert isinstance(piece, Piece)
    return Shard(name=name, start_ns=piece.start_ns, end_ns=piece.end_ns, symbols=groups[piece.group])


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--shard", "0/3"), "--shard: got '0/3'; must be K/N, two whole numbers with K from 1 to N"),
        (("--shard", "4/3"), "must be K/N"),
        (("--shard", "1/2", "--cluster", "local"), "--cluster makes all shards"),
        (("--shard", "1/2", "--writer", "csv"), "shards are written as Parquet"),
        (("--shard", "1/2", "--incremental", "true"), "give the same command again"),
        (("--shard", "1/2", "--total_market_data_events", "9"), "the count is over all shards"),
        (("--out", "s3://bucket/x"), "a store takes whole shards"),
        (("--out", "nothing://x", "--shard", "1/1"), "it is no address of a store"),
        (("--cluster", "here"), "must be local, slurm, or a scheduler's address"),
    ],
)
def test_wrong_words_say_what_is_allowed(home: Path, tmp_path: Path, words: tuple[str, ...], says: str) -> None:
    done = command("--scenario", str(home / "mine.yaml"), "--out", str(tmp_path / "out"), *words)
    assert done.returncode == 2
    assert says in done.stderr


def test_duckdb_polars_and_pyarrow_read_shards_as_they_are(home: Path) -> None:
    glob = f"{home}/two/equities_market_data/*/*/*.parquet"
    with duckdb.connect() as con:
        of_duckdb = con.execute(f"SELECT count(*), count(DISTINCT symbol), count(DISTINCT hour) FROM read_parquet('{glob}', hive_partitioning=true)").fetchone()
    of_polars = pl.scan_parquet(glob, hive_partitioning=True).select(pl.len(), pl.col("symbol", "hour").n_unique()).collect().row(0)
    found = ds.dataset(home / "two" / "equities_market_data", partitioning="hive").to_table(columns=["symbol", "hour"])
    of_pyarrow = (found.num_rows, len(found["symbol"].unique()), len(found["hour"].unique()))
    assert of_duckdb == of_polars == of_pyarrow == (json.loads((home / "whole" / "manifest.json").read_text())["rows"]["market_data"], 62, 2)
