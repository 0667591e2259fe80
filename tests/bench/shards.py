"""What a shard costs: a group of a universe of 30, 100, 500 and 2,000 symbols, at the same total rate and at the same rate per symbol.

    python tests/bench/shards.py [MINUTES]          # of the session, one group each, as Parquet into a folder; a process each
    python tests/bench/shards.py processes [MINUTES]         # four shards by one process and by two, in processor time and on the clock
    python tests/bench/shards.py overhead [SHARDS [PAIRS]]   # what a local Dask cluster costs beside two plain processes

Processor time of the simulation and of writing, without the start; the most memory is the process's.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[2]


def one(count: int, per_symbol: bool, minutes: float) -> dict[str, float]:
    """The middle group of a generated universe."""
    from scenarios.launcher.kernels import warm_up
    from scenarios.launcher.shard_run import run_shard
    from scenarios.launcher.shards import Shard, ShardPlan, cut, identity_of
    from simulator.inputs.config import Rates, Scenario
    from simulator.inputs.generated_universe import GenerateKeys, generate_universe
    from simulator.inputs.run_record import record_run
    from simulator.inputs.sessions import parse_ts
    from writers.stores.store import FolderStore

    universe, prices = generate_universe(GenerateKeys(generate=count))
    by = count / 30 if per_symbol else 1.0
    rates = Rates(market_data_min_eps=round(150 * by), market_data_max_eps=round(600 * by), trades_min_eps=round(30 * by), trades_max_eps=round(150 * by))
    start_ns = parse_ts("2025-07-01T15:00:00Z")
    scenario = Scenario(universe=universe, prices=prices, rates=rates, start_ns=start_ns, end_ns=start_ns + int(minutes * 60e9))
    record = record_run(scenario)
    groups, pieces = cut(scenario)
    plan = ShardPlan(
        format="equities-market-simulator/shards/1", identity=identity_of(record), suffix="", tables=scenario.tables,
        symbols=tuple(s.name for s in universe.symbols), groups=groups, shards=pieces, record=record,
    )
    name, piece = list(pieces.items())[len(pieces) // 2]
    shard = Shard(name=name, start_ns=piece.start_ns, end_ns=piece.end_ns, symbols=groups[piece.group])
    warm_up()
    with tempfile.TemporaryDirectory() as folder:
        before_s = time.process_time()
        done = run_shard(scenario, plan, shard, FolderStore(Path(folder)))
        cpu_s = time.process_time() - before_s
    rows = sum(done.rows.values())
    return {
        "symbols of the group": len(shard.symbols), "rows": rows, "cpu s": cpu_s, "rows a cpu s": rows / cpu_s,
        "bytes a row": sum(file.bytes for file in done.files) / rows, "peak MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def costs(minutes: str) -> None:
    for per_symbol in (True, False):
        print("the same rate per symbol" if per_symbol else "the same total rate")
        for count in (30, 100, 500, 2_000):
            line = [sys.executable, __file__, "one", str(count), str(int(per_symbol)), minutes]
            found = json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
            print(f"  {count:>5}: " + "  ".join(f"{name} {value:,.2f}" if value < 100 else f"{name} {value:,.0f}" for name, value in found.items()), flush=True)


def processes(minutes: float) -> None:
    """Rows a second of the command, without its start: what the same command takes when nothing is left to do is taken off."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        end = f"2025-07-01T15:{int(minutes):02}:{int(minutes % 1 * 60):02}Z"
        (home / "mine.yaml").write_text(
            f"universe: {{generate: 120, seed: 1}}\nstart_ts: 2025-07-01T15:00:00Z\nend_ts: {end}\nrates: {{for_symbols: 30}}\n"
        )
        for count in (1, 2):
            base = [sys.executable, "-m", "scenarios.full_day", "--scenario", str(home / "mine.yaml"), "--out", str(home / f"by{count}"), "--shard"]
            lines = [[*base, f"{k}/{count}"] for k in range(1, count + 1)]
            took = []
            for _ in range(2):
                wall_s = time.perf_counter()
                took.append((cpu_s(lines), time.perf_counter() - wall_s))
            rows = sum(sum(json.loads(path.read_text())["rows"].values()) for path in (home / f"by{count}" / "_done").glob("2*.json"))
            of_cpu_s, of_wall_s = (done - nothing for done, nothing in zip(*took, strict=True))
            print(
                f"{count} process{'es' if count > 1 else ''}: {rows:,} rows; {of_cpu_s:.2f} CPU s, {rows / of_cpu_s:,.0f} rows a CPU s; "
                f"{of_wall_s:.2f} s on the clock, {rows / of_wall_s:,.0f} rows a second", flush=True,
            )  # fmt: skip


def overhead(shards: int, pairs: int) -> None:
    """What Dask's start, scheduler and messages take beside the shards: differences of processor time, pair by pair, of commands whose
    shards do next to nothing, with a 95 % interval of their mean (Student's t); and what part that is of shards of a minute each."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "mine.yaml").write_text(
            f"universe: {{generate: {30 * shards}, seed: 1}}\nstart_ts: 2025-07-01T15:00:00Z\nend_ts: 2025-07-01T15:00:01Z\nrates: {{for_symbols: 30}}\n"
        )
        base = [sys.executable, "-m", "scenarios.full_day", "--scenario", str(home / "mine.yaml"), "--out"]
        more = []
        for pair in range(pairs):
            plain_s = cpu_s([[*base, str(home / f"p{pair}"), "--shard", f"{k}/2"] for k in (1, 2)])
            dask_s = cpu_s([[*base, str(home / f"d{pair}"), "--cluster", "local", "--processes", "2"]])
            more.append(dask_s - plain_s)
            print(f"{plain_s:.1f} CPU s by two processes, {dask_s:.1f} CPU s by Dask", flush=True)
    from simulator.analysis.estimates import estimate

    found = estimate(more)
    low, mean, high = (100 * each / (60 * shards) for each in (found.low, found.mean, found.high))
    print(f"Dask takes {found.mean:.1f} CPU s more (95 %: {found.low:.1f} to {found.high:.1f}) for {shards} shards.")
    print(f"If each of them takes a minute, that is {mean:.1f} % (95 %: {low:.1f} to {high:.1f} %).")


def cpu_s(lines: list[list[str]]) -> float:
    """Processor time of the commands, running at once, and of all that they start."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    running = [subprocess.Popen(line, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL, cwd=ROOT) for line in lines]
    assert all([process.wait() == 0 for process in running])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    os.environ["PYTHONPATH"] = str(ROOT)
    words = sys.argv[1:]
    if words[:1] == ["one"]:
        sys.path.insert(0, str(ROOT))
        print(json.dumps(one(int(words[1]), words[2] == "1", float(words[3]))))
    elif words[:1] == ["processes"]:
        sys.path.insert(0, str(ROOT))
        processes(float(words[1]) if len(words) > 1 else 20.0)
    elif words[:1] == ["overhead"]:
        sys.path.insert(0, str(ROOT))
        overhead(*[int(word) for word in (*words[1:], *("12", "5")[len(words) - 1 :])])
    else:
        costs(words[0] if words else "10")
