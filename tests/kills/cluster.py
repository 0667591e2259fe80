"""Kill a Dask cluster's workers at random moments, then its scheduler: ``python tests/kills/cluster.py --kills 30 --seed 1 [--forked]``.

A run of shards is started by ``--cluster local`` as often as it takes, and random worker processes of it are killed by SIGKILL, until
there were so many kills. Then one by ``--cluster tcp://…``, whose scheduler is killed and started again. Each must end with the digest,
files, bytes and counts of plain shards in one process, and leave nothing else. Exit code 1 if one does not.

``--forked``: the workers are forked from this process instead, kernels and all, and another joins the scheduler for each that is killed.
None is killed before it works, and it takes a tenth of the time.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
SCENARIO = """\
universe: {generate: 180, seed: 1}
start_ts: 2025-07-02T07:59:50Z
end_ts: 2025-07-02T08:00:10Z
session_pacing: false
rates: {for_symbols: 30}
"""
FORKED_LIFE_S = (0.0, 1.2)
LIFE_S = (0.0, 8.0)
"""Of a worker that is killed, at random, in its processor time: some half of them fall while it starts, on a machine that is busy, too."""


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--kills", type=int, default=30)
    asked.add_argument("--seed", type=int, default=1)
    asked.add_argument("--forked", action="store_true")
    flags = asked.parse_args()
    rng = random.Random(flags.seed)
    os.environ["PYTHONPATH"] = str(ROOT)
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "mine.yaml").write_text(SCENARIO)
        run(home, "one", "--shard", "1/1").wait()
        wanted = state(home / "one")
        kills, runs, wrong = 0, 0, 0
        while kills < flags.kills:
            runs += 1
            started_s = time.monotonic()
            here = (forked_run if flags.forked else killed_run)(home, f"run{runs}", rng, flags.kills - kills)
            kills += here
            wrong += not same(home / f"run{runs}", wanted)
            print(f"run {runs}: {here} workers killed in {time.monotonic() - started_s:.0f} s; {verdict(wrong)}", flush=True)
        restarts = scheduler_restarted(home, "restarted")
        wrong += not same(home / "restarted", wanted)
        print(f"the scheduler killed and started again: {restarts} time; {verdict(wrong)}")
        print(f"{kills} workers killed in {runs} runs of {len(wanted)} objects each, seed {flags.seed}: {wrong} of {runs + 1} runs ended otherwise")
    return 1 if wrong else 0


def verdict(wrong: int) -> str:
    return f"{wrong} wrong so far" if wrong else "all as in one process"


def run(home: Path, out: str, *words: str) -> subprocess.Popen[bytes]:
    line = [sys.executable, "-m", "scenarios.full_day", "--scenario", str(home / "mine.yaml"), "--out", str(home / out), *words]
    return subprocess.Popen(line, stdout=subprocess.DEVNULL, stderr=(home / f"{out}.err").open("wb"), cwd=ROOT)


def killed_run(home: Path, out: str, rng: random.Random, most: int) -> int:
    """Kills of one run of the command."""
    process = run(home, out, "--cluster", "local", "--processes", "2")
    lives: dict[int, float] = {}
    kills = 0
    while process.poll() is None and kills < most:
        time.sleep(0.02)
        for worker in workers_of(process.pid):
            with contextlib.suppress(psutil.Error):
                times = worker.cpu_times()
                if times.user + times.system >= lives.setdefault(worker.pid, rng.uniform(*LIFE_S)):
                    worker.kill()
                    worker.wait(60)
                    kills += 1
    assert process.wait() == 0, (home / f"{out}.err").read_text()
    return kills


def forked_run(home: Path, out: str, rng: random.Random, most: int) -> int:
    """The same of workers that are forked, and of a scheduler in a thread of this process."""
    os.environ |= {"DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "100", "DASK_LOGGING__DISTRIBUTED": "error"}  # read when Dask is loaded
    from rich.console import Console

    from scenarios.launcher.cluster import run_on_cluster
    from scenarios.launcher.flags import parse_flags
    from scenarios.launcher.plan import make_plan, with_scenario
    from scenarios.launcher.shards import plan_shards
    from tests.nodes import Scheduler, free_port, in_thread, nodes
    from tests.processes import load_kernels
    from writers.stores.store import open_store

    load_kernels()
    flags = parse_flags(["--scenario", str(home / "mine.yaml"), "--out", str(home / out), "--cluster", "local"])
    plan, store = plan_shards(make_plan(with_scenario(flags)[0])), open_store(str(home / out))
    kills = 0
    with nodes(most + 2, home / f"{out}-nodes") as there:
        scheduler = Scheduler(free_port())
        waiting, working = list(there), []
        with (home / f"{out}.err").open("w") as said:
            thread, came = in_thread(lambda: run_on_cluster(scheduler.address, plan, store, Console(file=said), 2))
            while thread.is_alive():
                while len(working) < 2 and waiting:
                    node = waiting.pop(0)
                    node.join(scheduler.address)
                    working.append((node, psutil.Process(node.pid), rng.uniform(*FORKED_LIFE_S)))
                time.sleep(0.01)
                for node, process, life_s in list(working):
                    times = process.cpu_times()
                    if kills < most and times.user + times.system >= life_s:
                        node.kill()
                        working.remove((node, process, life_s))
                        kills += 1
            thread.join()
            scheduler.end()
    assert came == [0], (came, (home / f"{out}.err").read_text())
    return kills


def workers_of(pid: int) -> list[psutil.Process]:
    try:
        children = psutil.Process(pid).children()
        return sorted((child for child in children if any("spawn_main" in word for word in child.cmdline())), key=lambda child: child.pid)
    except psutil.Error:
        return []


def scheduler_restarted(home: Path, out: str) -> int:
    """A scheduler and two workers of our own; the scheduler is lost in the middle, and comes back at the same address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = start_cluster(port)
    try:
        process = run(home, out, "--cluster", f"tcp://127.0.0.1:{port}")
        while len(list((home / out / "_done").glob("2*.json"))) < 3:
            assert process.poll() is None, (home / f"{out}.err").read_text()
            time.sleep(0.02)
        running[0].kill()
        end(running)
        running = start_cluster(port)
        assert process.wait() == 0, (home / f"{out}.err").read_text()
    finally:
        end(running)
    return 1


def start_cluster(port: int) -> list[subprocess.Popen[bytes]]:
    base = [sys.executable, "-m"]
    scheduler = [*base, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = [*base, "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}", "--nthreads", "1", "--no-nanny", "--memory-limit", "0", "--no-dashboard"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": ROOT}
    return [subprocess.Popen(line, **quiet) for line in (scheduler, worker, worker)]  # type: ignore[call-overload]


def end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
        process.wait()


def state(out: Path) -> dict[str, bytes]:
    """Every object, but what says when and where a shard was made; and what ``verify`` says."""
    said = subprocess.run([sys.executable, "-m", "scenarios", "verify", str(out)], capture_output=True, cwd=ROOT)
    found = {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file() and path.name != "manifest.json"}
    return {name: b"" if name.startswith("_done/2") else content for name, content in found.items()} | {"said": said.stdout}


def same(out: Path, wanted: dict[str, bytes]) -> bool:
    there = state(out)
    for name in sorted({name for name in {*there, *wanted} if there.get(name) != wanted.get(name)})[:5]:
        print(f"  {out.name}: {name} is not as in one process", flush=True)
    return there == wanted


if __name__ == "__main__":
    raise SystemExit(main())
