"""Shards and sweeps on a Dask cluster: workers and schedulers that are lost, tasks that run twice, nodes that are not like ours."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from scenarios.launcher import cluster, dask_engine
from scenarios.launcher.flags import parse_flags
from scenarios.launcher.main import command_line
from scenarios.launcher.plan import make_plan, with_scenario
from scenarios.launcher.shard_run import run_shard
from scenarios.launcher.shards import Done, ShardPlan, plan_shards
from simulator import sweep
from simulator.errors import InputError, MarketSimError
from simulator.tape.sink import NullSink
from tests.in_process import command
from tests.nodes import Scheduler, free_port, in_thread, nodes, open_sockets
from tests.processes import is_alive, load_kernels
from writers.stores.store import open_store

SCENARIO = """\
universe: {generate: 62, seed: 1}
start_ts: 2025-07-02T07:59:59Z
end_ts: 2025-07-02T08:00:01Z
session_pacing: false
rates: {market_data_min_eps: 20, market_data_max_eps: 62, trades_min_eps: 2, trades_max_eps: 10}
"""
AGENTS = """\
symbols: [JPM, XOM, NVDA]
start_ts: 2025-07-01T14:00:00Z
end_ts: 2025-07-01T14:00:02Z
rates: {market_data_min_eps: 20, market_data_max_eps: 80, trades_min_eps: 5, trades_max_eps: 20}
agents:
  - {name: buyer, use: "cluster_buyer:buyer", with: {shares: 100}, symbols: [JPM]}
"""
BUYER = '''
def buyer(market, orders, rng, shares=100):
    """Takes the best offer, twice."""
    for _ in range(2):
        yield market.wait(500_000_000)
        _, ask = market.nbbo("JPM")
        if ask:
            orders.buy("JPM", "BEST", ask + 5, shares)

def spent(market):
    """Of a finished run."""
    return {"spent": -market.agents()["buyer"].cash_usd}
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With scenario files, and what plain shards are."""
    home = tmp_path_factory.mktemp("cluster")
    for name, text in (("mine.yaml", SCENARIO), ("agents.yaml", AGENTS), ("cluster_buyer.py", BUYER)):
        (home / name).write_text(text)
    for name in ("mine", "agents"):
        done = command(*flags(home, home / f"plain-{name}", name), "--shard", "1/1")
        assert done.returncode == 0, done.stderr
    load_kernels()
    return home


@pytest.fixture(autouse=True, scope="module")
def threads_end() -> Iterator[None]:
    """Dask keeps one for work beside its own, and one for a client that never came through: beside threads no later command could fork.
    Of nodes that were killed and clients that never came through it leaves sockets open, too."""
    before = open_sockets()
    yield
    from distributed import utils  # as late as the command itself

    utils._offload_executor.shutdown()
    utils._offload_executor = ThreadPoolExecutor(1, thread_name_prefix="Dask-Offload")
    for _, runner in list(utils.LoopRunner._all_loops.values()):
        if runner is not None:
            runner.stop()
    for each in open_sockets():
        if not any(each is other for other in before):
            each.close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_engine, "BACK_AFTER_S", 0.1)


def flags(home: Path, out: Path, name: str = "mine") -> tuple[str, ...]:
    return ("--scenario", str(home / f"{name}.yaml"), "--out", str(out))


def plan_of(home: Path, out: Path, name: str = "mine") -> ShardPlan:
    return plan_shards(make_plan(with_scenario(parse_flags([*flags(home, out, name), "--cluster", "local"]))[0]))


def run(address: str, home: Path, out: Path, name: str = "mine", workers: int = 2) -> int:
    return cluster.run_on_cluster(address, plan_of(home, out, name), open_store(str(out)), Console(stderr=True), workers)


def state(out: Path) -> dict[str, Any]:
    """Every file's bytes, but when and where a shard was made; nothing else may be left."""
    found: dict[str, Any] = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != "manifest.json"}
    for name, content in found.items():
        if name.startswith("_done/2"):
            found[name] = Done.model_validate_json(content).model_copy(update={"seconds": 0.0, "made_on": ""})
    return found


def wait_for_a_shard(out: Path, came: list[Any]) -> None:
    until_s = time.monotonic() + 200
    while not list((out / "_done").glob("2*.json")):
        assert not came, came
        assert time.monotonic() < until_s
        time.sleep(0.005)


def test_a_cluster_that_loses_a_worker_makes_the_same_files(home: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with nodes(2, tmp_path) as there:
        scheduler = Scheduler(free_port())
        for node in there:
            node.join(scheduler.address)
        thread, came = in_thread(lambda: run(scheduler.address, home, out))
        wait_for_a_shard(out, came)
        there[0].kill()
        thread.join(300)
        scheduler.end()
    assert came == [0]
    assert state(out) == state(home / "plain-mine")


def test_a_cluster_of_our_own_starts_a_lost_worker_again(home: Path, tmp_path: Path) -> None:
    """However long that takes: Dask's own time for it is one that no machine keeps to here. And beside somebody else's cluster."""
    import dask
    import psutil

    out = tmp_path / "out"
    before = {child.pid for child in psutil.Process().children(recursive=True)}
    with dask.config.set({"distributed.deploy.lost-worker-timeout": "10ms"}), socket.socket() as port_of_dask:
        with contextlib.suppress(OSError):
            port_of_dask.bind(("127.0.0.1", 8787))
        thread, came = in_thread(lambda: run("local", home, out, workers=1))
        wait_for_a_shard(out, came)
        workers = [child for child in psutil.Process().children(recursive=True) if child.pid not in before and "spawn_main" in " ".join(child.cmdline())]
        assert len(workers) == 1
        workers[0].kill()
        thread.join(300)
    assert came == [0]
    assert state(out) == state(home / "plain-mine")


def test_a_scheduler_that_is_lost_is_looked_for_and_what_is_not_done_is_handed_out_again(home: Path, tmp_path: Path) -> None:
    out, port = tmp_path / "out", free_port()
    with nodes(2, tmp_path) as there:
        scheduler = Scheduler(port)
        there[0].join(scheduler.address)
        thread, came = in_thread(lambda: run(scheduler.address, home, out))
        wait_for_a_shard(out, came)
        scheduler.end()
        there[0].kill()
        scheduler = Scheduler(port)
        there[1].join(scheduler.address)
        thread.join(300)
        scheduler.end()
    assert came == [0]
    assert state(out) == state(home / "plain-mine")


def test_agents_and_sweeps_go_the_same_way(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A node finds the agents' Python beside the scenario file; what is in it stands in the shard's folder, the sweep's numbers in its."""
    vary, words = {"agents.buyer.with.shares": [100, 300]}, ("--seeds", "1..2", "--vary", "agents.buyer.with.shares=100,300")
    monkeypatch.setattr(sys, "path", list(sys.path))
    out, swept = tmp_path / "out", tmp_path / "sweep"
    with nodes(1, tmp_path) as (node,):
        scheduler = Scheduler(free_port())
        node.join(scheduler.address)
        assert run(scheduler.address, home, out, "agents") == 0
        line = ["sweep", str(home / "agents.yaml"), *words, "--measure", "cluster_buyer:spent", "--out", str(swept), "--cluster", scheduler.address]
        code = command_line(line)
        assert code == 0, capsys.readouterr().err
        capsys.readouterr()
        assert command_line(line) == 0
        assert "4 runs, 0 of them simulated now" in capsys.readouterr().out
        scheduler.end()
    assert state(out) == state(home / "plain-agents")
    assert list(out.glob("agents/*"))
    from cluster_buyer import spent  # type: ignore[import-not-found]

    here = sweep(home / "agents.yaml", seeds="1..2", vary=vary, measure=spent, folder=swept)
    assert here.simulated == 0, "a cluster's runs have the names of those made here"
    alone = sweep(home / "agents.yaml", seeds="1..2", vary=vary, measure=spent)
    assert here.runs == alone.runs


def test_a_node_that_would_make_another_run_of_a_sweep_refuses(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    what = cluster.Swept(str(home / "agents.yaml"), (), None)
    with pytest.raises(InputError, match="it would make another run: its scenario, agents, measure or versions"):
        cluster.make_run(what, {}, 1, "of another version")


def test_a_sweeps_fault_is_said_with_its_seed(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Engine:
        def __init__(self, *_: Any) -> None: ...

        def run(self, left: Any, heard: Any) -> list[str]:
            call, *_ = left()
            heard(call, {"value": 1.0}, "1 of 2")
            return [f"{left()[0].name}: Seed 2: on purpose."]

    monkeypatch.setattr(cluster, "Engine", Engine)
    with pytest.raises(MarketSimError, match=r"Run 1: Seed 2: on purpose\. Give the command again"):
        sweep(home / "agents.yaml", seeds="1..2", processes=cluster.sweep_on_cluster("local", 1, cluster.Swept("x", (), None), print))


SBATCH = f"""#!{sys.executable}
import os, subprocess, sys
home = os.path.dirname(__file__)
if "--test-only" in sys.argv:
    if "no-such" in open(sys.argv[-1]).read():
        sys.exit("sbatch: error: invalid partition specified: no-such")
    sys.exit(0)
script = os.path.join(home, "script")
with open(script, "w") as file:
    file.write(open(sys.argv[-1]).read())
process = subprocess.Popen(["bash", script], stdout=open(os.path.join(home, "job.out"), "a"), stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True)
open(os.path.join(home, "jobs"), "a").write(f"{{process.pid}}\\n")
print("Submitted batch job", process.pid)
"""
SCANCEL = f"""#!{sys.executable}
import contextlib, os, signal, sys
with contextlib.suppress(ProcessLookupError):
    os.killpg(int(sys.argv[-1]), signal.SIGKILL)
"""


def test_slurm_jobs_make_the_shards(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in for ``sbatch`` runs the job's script here; the partition comes from Dask's configuration."""
    import dask

    bin_, out = tmp_path / "bin", tmp_path / "out"
    bin_.mkdir()
    path = os.environ["PATH"]
    monkeypatch.setenv("PATH", str(bin_))
    with pytest.raises(InputError, match="--cluster: got 'slurm'; jobs cannot be submitted here: there is no sbatch"):
        run("slurm", home, out, "agents")
    for name, text in (("sbatch", SBATCH), ("scancel", SCANCEL)):
        (bin_ / name).write_text(text)
        (bin_ / name).chmod((bin_ / name).stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{bin_}:{path}")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parent.parent))
    with dask.config.set({"jobqueue.slurm.queue": "no-such"}), pytest.raises(InputError, match="invalid partition specified: no-such"):
        run("slurm", home, out, "agents")
    with dask.config.set({"jobqueue.slurm.queue": "short", "jobqueue.slurm.scheduler-options": {"host": "127.0.0.1"}}):
        assert run("slurm", home, out, "agents", workers=1) == 0, (bin_ / "job.out").read_text()
    assert state(out) == state(home / "plain-agents")
    assert "#SBATCH -p short" in (bin_ / "script").read_text()
    assert "tcp://127.0.0.1:" in (bin_ / "script").read_text(), "the scheduler listens where Dask's configuration says"
    until_s = time.monotonic() + 60
    while any(is_alive(pid) for pid in map(int, (bin_ / "jobs").read_text().split())):
        assert time.monotonic() < until_s, "a job outlives the command"
        time.sleep(0.05)


def test_a_node_without_the_program_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dask cannot unpickle a call there: that is an ``ImportError``, which comes back."""

    class Future:
        def exception(self) -> Exception:
            return ModuleNotFoundError("No module named 'scenarios'")

    class Client:
        def scheduler_info(self, n_workers: int) -> Any:
            return {"workers": {"tcp://far:1": {"host": "far"}}}

        def submit(self, *_: Any, **__: Any) -> Future:
            return Future()

    engine = dask_engine.Engine("local", 1, print)
    with pytest.raises(InputError, match="A node of the cluster: got 'far'; the program cannot be loaded there: No module named 'scenarios'"):
        engine._prepare(Client())


def test_an_address_where_nobody_listens_is_said(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_engine, "PATIENCE_S", 1.0)
    with pytest.raises(InputError, match="there is no scheduler that answers"):
        run(f"tcp://127.0.0.1:{free_port()}", home, tmp_path / "out")
    plan = json.loads((tmp_path / "out" / "_done" / "plan.json").read_text())
    assert plan["identity"] == plan_of(home, tmp_path / "out").identity


def test_what_agents_came_to_is_kept_beside_rows_that_go_into_a_database(home: Path, tmp_path: Path) -> None:
    class Sink(NullSink):
        in_flight = 0

    class Database:
        """Takes everything."""

        asked = 0

        def sink(self) -> Sink:
            return Sink()

        def wait(self, in_flight: int, stop: Any) -> None:
            self.asked += 1

        def check(self, shard: Any, counts: Any) -> None:
            assert counts.rows["market_data"] > 0

    plan = plan_of(home, tmp_path / "out", "agents")
    (shard,), database, there = plan.pieces(), Database(), open_store(str(tmp_path / "out"))
    done = run_shard(plan.record.to_scenario(), plan, shard, there, database=database)  # type: ignore[arg-type]
    plain = Done.model_validate_json((home / "plain-agents" / "_done" / f"{shard.name}.json").read_bytes())
    assert (done.digest, done.rows) == (plain.digest, plain.rows)
    assert done.files == tuple(file for file in plain.files if file.path.startswith("agents/"))
    assert database.asked > 0
