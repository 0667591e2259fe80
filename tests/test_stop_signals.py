"""Whoever signals whom, a run ends in order: the reason first and rightly named, what is complete closed, a manifest, no worker left."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from scenarios.launcher import worker_process
from scenarios.launcher.stop_signals import StopSignals
from tests.patience import MACHINE_S
from tests.processes import SLOW, Forked, is_alive, load_kernels

NAMED = {signal.SIGINT: "Ctrl-C (SIGINT)", signal.SIGTERM: "SIGTERM", signal.SIGHUP: "SIGHUP"}


@pytest.fixture(scope="module", autouse=True)
def _kernels() -> None:
    load_kernels()


def started(tmp_path: Path, processes: int, **more: object) -> Forked:
    """A run that has rows of every worker on the disk."""
    running = Forked((*SLOW, "--processes", str(processes), "--out", str(tmp_path / "out")), tmp_path, **more)  # type: ignore[arg-type]
    running.wait_for(lambda: len(list((tmp_path / "out").rglob(".part-*.partial"))) == 2 * processes)
    return running


@pytest.mark.parametrize("number", NAMED, ids=lambda number: number.name)
@pytest.mark.parametrize("whom", ["parent", "worker", "group", "alone"])
def test_a_signal_closes_what_is_complete_and_is_named(tmp_path: Path, number: signal.Signals, whom: str) -> None:
    running = started(tmp_path, 1 if whom == "alone" else 2)
    workers = running.children()
    if whom == "group":
        os.kill(running.pid, number)  # as timeout does: the child, and then the group in which it is
        os.killpg(running.pid, number)
    else:
        os.kill(workers[1] if whom == "worker" else running.pid, number)
    code = running.wait()
    errors = running.errors.read_text()
    assert code == 128 + number, errors
    assert "Traceback" not in errors + running.said.read_text()
    reason = next(line for line in errors.splitlines() if not re.search(r"rows/s", line))
    assert reason.startswith(f"Stopped by {NAMED[number]}")
    assert bool(re.search(r"worker \d was sent it", reason)) == (whom == "worker")
    assert [name for other, name in NAMED.items() if other != number and name in errors] == []
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["complete"] is False
    assert manifest["reason"].startswith(reason)
    assert not [path for path in (tmp_path / "out").rglob(".*")]
    assert all(pq.ParquetFile(path).metadata.num_rows for path in (tmp_path / "out").rglob("part-*.parquet"))
    assert not any(map(is_alive, workers))


@pytest.mark.parametrize("how", ["kernel", "pipe"])
def test_workers_end_with_a_parent_that_is_killed_and_finish_no_file(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the two ways each suffices: what Linux does, and the pipe that closes everywhere."""
    if how == "pipe":
        monkeypatch.setattr(worker_process, "_ask_the_kernel", lambda: None)
    else:
        monkeypatch.setattr(worker_process, "_wait_for_the_parents_end", lambda: None)
    running = started(tmp_path, 3)
    workers = running.children()
    assert len(workers) == 3
    os.kill(running.pid, signal.SIGKILL)
    assert running.wait() == -signal.SIGKILL
    until_s = time.monotonic() + 5 + MACHINE_S
    while any(map(is_alive, workers)):
        assert time.monotonic() < until_s, "a worker goes on without its parent"
        time.sleep(0.02)
    assert list((tmp_path / "out").rglob("part-*.parquet")) == []


def test_a_worker_that_is_killed_is_said_to_be(tmp_path: Path) -> None:
    running = started(tmp_path, 2)
    os.kill(running.children()[0], signal.SIGKILL)
    assert running.wait() == 1
    errors = running.errors.read_text()
    assert re.search(r"Worker \d \(", errors)
    assert "SIGKILL" in errors
    assert "lack of memory" in errors


def test_nohup_stays_nohup(tmp_path: Path) -> None:
    running = started(tmp_path, 2, before=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    os.killpg(running.pid, signal.SIGHUP)
    time.sleep(0.5)
    assert is_alive(running.pid)
    assert len(running.children()) == 2
    os.kill(running.pid, signal.SIGTERM)
    assert running.wait() == 128 + signal.SIGTERM


def test_only_a_later_ctrl_c_ends_at_once() -> None:
    now_s = [0.0]
    signals = StopSignals(clock_s=lambda: now_s[0])
    with signals.as_requests():
        signals.hear(signal.SIGTERM, None)
        for now_s[0], again in ((0.1, signal.SIGINT), (5.0, signal.SIGTERM), (6.0, signal.SIGHUP)):
            signals.hear(again, None)
        assert (signals.first, signals.is_urgent) == (signal.SIGTERM, False)
        with pytest.raises(KeyboardInterrupt):
            signals.hear(signal.SIGINT, None)
    assert signals.is_urgent
    with pytest.raises(KeyboardInterrupt):  # after the run, where a server may be kept up until a signal
        signals.hear(signal.SIGTERM, None)
    with pytest.raises(KeyboardInterrupt):
        StopSignals().hear(signal.SIGTERM, None)
