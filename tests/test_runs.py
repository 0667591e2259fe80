"""The command, end to end: workers, writers, manifests, Ctrl-C, a worker that dies."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest
from in_process import command

from scenarios.launcher.main import main
from simulator.records import EXTRA_TABLES, TABLES

WINDOW = ("--start_ts", "2025-07-01T13:29:58Z", "--end_ts", "2025-07-01T13:30:06Z", "--symbols", "AAPL,NVDA,JPM,XOM,GS")
RATES = ("--market_data_min_eps", "40", "--market_data_max_eps", "160", "--trades_min_eps", "8", "--trades_max_eps", "40")


def digest_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr[-2000:]
    found = re.search(r"Digest (\w+)", done.stdout)
    assert found is not None
    return found.group(1)


def rows_of(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, in order of time, symbol and venue."""
    tables = {}
    with duckdb.connect() as con:
        for dataset in sorted(folder.glob("equities_*")):
            sql = f"SELECT * EXCLUDE (date, hour) FROM read_parquet('{dataset}/*/*/*.parquet') ORDER BY ALL"
            tables[dataset.name] = con.execute(sql).fetchall()
    return tables


def test_processes_and_writers_move_no_row(tmp_path: Path) -> None:
    flags = (*WINDOW, *RATES, "--extra_tables", ",".join(EXTRA_TABLES))
    digests, rows = [], []
    for n in (1, 2, 3):
        out = tmp_path / str(n)
        digests.append(digest_of(command(*flags, "--processes", str(n), "--out", str(out))))
        rows.append(rows_of(out))
        assert len(list(out.rglob("part-*.parquet"))) == len(TABLES) * n
    for writer in ("memory", "null"):
        digests.append(digest_of(command(*flags, "--processes", "2", "--writer", writer)))
    assert len(set(digests)) == 1
    assert rows[0] == rows[1] == rows[2]
    assert len(rows[0]["equities_market_data"]) > 300


def test_a_run_by_number_of_rows_ends_after_the_last_whole_second_that_fits(tmp_path: Path) -> None:
    ends = set()
    for n in (1, 2, 3):
        out = tmp_path / str(n)
        done = command(*WINDOW, *RATES, "--total_market_data_events", "450", "--processes", str(n), "--out", str(out))
        ends.add((digest_of(done), json.loads((out / "manifest.json").read_text())["record"]["end_ts"]))
        with duckdb.connect() as con:
            sql = f"SELECT epoch_ns(timestamp_ns) // 1000000000 FROM read_parquet('{out}/equities_market_data/*/*/*.parquet')"
            seconds = [second for (second,) in con.execute(sql).fetchall()]
        assert 250 < len(seconds) <= 450
    assert len(ends) == 1


def test_a_manifest_repeats_its_run(tmp_path: Path) -> None:
    first = digest_of(command(*WINDOW, *RATES, "--seed", "99", "--out", str(tmp_path / "a")))
    again = digest_of(command("--repeat", str(tmp_path / "a" / "manifest.json"), "--out", str(tmp_path / "b")))
    other = digest_of(command(*WINDOW, *RATES, "--seed", "98", "--out", str(tmp_path / "c")))
    assert first == again != other
    assert rows_of(tmp_path / "a") == rows_of(tmp_path / "b")


def test_nothing_is_overwritten_unasked(tmp_path: Path) -> None:
    out = ("--out", str(tmp_path / "a"))
    digest_of(command(*WINDOW, *RATES, *out))
    refused = command(*WINDOW, *RATES, *out)
    assert refused.returncode == 2
    assert "--overwrite" in refused.stderr
    digest_of(command(*WINDOW, *RATES, *out, "--overwrite", "true"))


HOURS = ("--start_ts", "2025-07-01T13:59:57Z", "--end_ts", "2025-07-01T14:00:03Z", "--symbols", "NVDA,JPM,XOM", *RATES)


def told(folder: Path) -> dict[str, object]:
    """The manifest without what may differ between runs with equal rows."""
    found = json.loads((folder / "manifest.json").read_text())
    return {name: value for name, value in found.items() if name not in ("processes", "wall_seconds")}


def test_a_parquet_run_is_continued_wherever_it_was_killed(tmp_path: Path) -> None:
    """Whole hours stay as they are, byte for byte; digest and manifest are those of a run that was left alone."""
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert main([*HOURS, "--out", str(whole), "--processes", "1"]) == 0
    place = ("--out", str(out), "--incremental", "true", "--processes", "1")
    assert main([*HOURS, *place]) == 0  # nothing is there: a fresh run
    assert told(out) == told(whole)
    for lost in ([out / "equities_trades" / "date=2025-07-01" / "hour=14"], list(out.glob("*/*/hour=13")), list(out.glob("equities_*"))):
        kept = {path: path.stat().st_mtime_ns for path in out.rglob("*.parquet") if not any(path.is_relative_to(folder) for folder in lost)}
        for folder in lost:
            shutil.rmtree(folder)
        killed = json.loads((out / "manifest.json").read_text()) | {"complete": False, "reason": "killed", "rows": {}, "digest": None, "digest_parts": {}}
        (out / "manifest.json").write_text(json.dumps(killed))
        assert main(list(place)) == 0
        assert {path: path.stat().st_mtime_ns for path in kept} == kept
        assert told(out) == told(whole)
        assert rows_of(out) == rows_of(whole)


def test_a_parquet_run_goes_on_beyond_its_end_and_other_runs_are_not_mixed_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    assert main([*HOURS, "--out", str(whole), "--processes", "1"]) == 0
    place = ("--out", str(out), "--incremental", "true", "--processes", "1")
    for end in ("2025-07-01T13:59:59Z", "2025-07-01T14:00:01.5Z", "2025-07-01T14:00:03Z"):
        assert main([*HOURS, *place, "--end_ts", end]) == 0
    assert told(out) == told(whole)
    assert rows_of(out) == rows_of(whole)
    capsys.readouterr()
    for wrong, says in ((("--seed", "9"), "--seed: got 9"), (("--suffix", "_x"), "--suffix"), (("--symbols", "NVDA"), "--symbols"), (("--writer", "null"), "--incremental")):
        assert main([*place, *wrong]) == 2
        assert says in capsys.readouterr().err
    assert told(out) == told(whole)


def test_kill_9_of_a_group_leaves_whole_hours_and_a_run_that_can_be_continued(tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    digest = digest_of(command(*HOURS, "--out", str(whole), "--processes", "1"))
    line = [sys.executable, "-m", "scenarios.full_day", *HOURS, "--out", str(out), "--processes", "2", "--speed", "2", "--incremental", "true"]
    process = subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True)
    limit_s = time.monotonic() + 100
    while not list(out.glob("equities_market_data/*/hour=13")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit_s
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert all(re.fullmatch(r"part-[01]\.parquet", path.name) for path in out.glob("equities_*/*/*/*"))
    assert json.loads((out / "manifest.json").read_text())["complete"] is False
    assert digest_of(command(*HOURS, "--out", str(out), "--incremental", "true", "--processes", "1")) == digest
    assert rows_of(out) == rows_of(whole)
    assert told(out) == told(whole)


def start_long_run(out: Path) -> subprocess.Popen[str]:
    """A run of fifteen hours on two workers, as soon as rows are on the disk: those before the first full hour."""
    flags = [
        "--out", str(out), "--processes", "2", "--market_data_min_eps", "6000", "--market_data_max_eps", "10000",
        "--start_ts", "2025-07-01T08:59:40Z", "--end_ts", "2025-07-02T00:00:00Z",
    ]  # fmt: skip
    line = [sys.executable, "-m", "scenarios.full_day", *flags]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    limit_s = time.monotonic() + 240
    while not list(out.glob("equities_*/*/*/part-0.parquet")):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit_s
        time.sleep(0.1)
    return process


def assert_whole(out: Path) -> None:
    """Every file that is there can be read, nothing half-written is, and the manifest says that the run is not complete."""
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
    with duckdb.connect() as con:
        count = con.execute(f"SELECT count(*) FROM read_parquet('{out}/equities_market_data/*/*/*.parquet')").fetchone()
    assert count is not None
    assert count[0] > 0
    assert json.loads((out / "manifest.json").read_text())["complete"] is False


@pytest.mark.day
def test_ctrl_c_closes_what_is_complete(tmp_path: Path) -> None:
    process = start_long_run(tmp_path / "out")
    os.killpg(process.pid, signal.SIGINT)
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Ctrl-C" in errors
    assert "Traceback" not in said + errors
    assert_whole(tmp_path / "out")


@pytest.mark.day
def test_a_worker_that_is_killed_ends_the_run(tmp_path: Path) -> None:
    process = start_long_run(tmp_path / "out")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    os.kill(int(children[-1]), signal.SIGKILL)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1, errors
    assert "Worker" in errors
    assert "Traceback" not in errors
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["complete"] is False
