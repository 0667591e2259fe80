"""``--shard``, ``--plan_shards`` and ``--cluster``: a large run, cut into shards."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.console import Console

from scenarios.launcher.kernels import load_kernels
from scenarios.launcher.plan import Plan
from scenarios.launcher.shard_report import print_shards
from scenarios.launcher.shard_run import Stopped, run_shard, unfinished
from scenarios.launcher.shards import enter, parse_share, plan_shards, share
from scenarios.launcher.stop_signals import StopSignals, describe
from scenarios.launcher.tables import summary_console
from writers.stores.store import open_store


def run_shards(plan: Plan, console: Console, signals: StopSignals) -> int:
    """Returns the exit code. Raises ``MarketSimError``."""
    flags = plan.flags
    wanted = plan_shards(plan)
    if flags.plan_shards is not None:
        print_shards(summary_console(), plan, wanted, flags.plan_shards)
        return 0
    store = open_store(flags.out)
    if flags.cluster is not None:
        from scenarios.launcher.cluster import run_on_cluster

        return run_on_cluster(flags.cluster, wanted, store, console, flags.processes)
    assert flags.shard is not None
    k, n = parse_share(flags.shard)
    mine = share(wanted, k, n)
    store.scratch.sweep()
    enter(store, wanted)
    todo = unfinished(wanted, mine, store)
    say(console, f"Share {k} of {n}: {len(mine)} of {len(wanted.shards)} shards, {len(mine) - len(todo)} of them done already.")
    for note in plan.notes:
        say(console, note)
    if todo:
        load_kernels(console)
    started_s, rows = time.monotonic(), 0
    with signals.as_requests():
        for n_done, shard in enumerate(todo, 1):
            try:
                done = run_shard(plan.scenario, wanted, shard, store, stop=lambda: signals.first is not None)
            except Stopped:
                number = signals.first
                assert number is not None
                kept = f"which is as not begun; the {n_done - 1} before it are done"
                say(console, f"Stopped by {describe(number)} in shard {shard.name}, {kept}.")
                return 128 + number
            here = sum(done.rows.values())
            rows += here
            say(console, f"{shard.name}: {here:,} rows in {done.seconds:.1f} s, digest {done.digest} ({n_done} of {len(todo)})")
    _summary(console, rows, time.monotonic() - started_s, flags.out)
    return 0


def say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _summary(console: Console, rows: int, took_s: float, out: str) -> None:
    pace = f" in {took_s:.1f} s, {rows / max(took_s, 1e-9):,.0f} rows/s" if rows else ""
    say(console, f"{rows:,} rows{pace}. When all shares have run: python -m scenarios verify {out}")


def lines_of(faults: Sequence[str], most: int = 20) -> list[str]:
    """The first faults, and how many more there are."""
    return [*faults[:most], *([f"… and {len(faults) - most:,} more"] if len(faults) > most else [])]
