"""``--shard``, ``--plan_shards`` and ``--cluster``: a large run, cut into shards."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Console

from scenarios.launcher.kernels import load_kernels
from scenarios.launcher.plan import Plan
from scenarios.launcher.shard_check import end_if_whole
from scenarios.launcher.shard_report import print_shards
from scenarios.launcher.shard_run import Stopped, run_shard, unfinished
from scenarios.launcher.shard_window import wait_for_the_others
from scenarios.launcher.shards import Shard, ShardPlan, enter, parse_share, plan_shards, share
from scenarios.launcher.stop_signals import StopSignals, describe
from scenarios.launcher.tables import summary_console
from writers.stores.store import Store, open_store

if TYPE_CHECKING:
    from scenarios.launcher.shard_database import ShardRows  # with the client: only for those who use it


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
    with contextlib.ExitStack() as ends:
        database = _database(plan, wanted, console, ends) if todo and wanted.database is not None else None
        code = _make(plan, wanted, todo, store, Here(console, signals, database))
    return code


@dataclass(frozen=True, slots=True)
class Here:
    """What a share is made with besides its run and store."""

    console: Console
    signals: StopSignals
    database: ShardRows | None


def _make(plan: Plan, wanted: ShardPlan, todo: Sequence[Shard], store: Store, here: Here) -> int:
    console, signals, database = here.console, here.signals, here.database

    def stop() -> bool:
        return signals.first is not None

    started_s, rows, last_s = time.monotonic(), 0, 0.0
    with signals.as_requests():
        for n_done, shard in enumerate(todo, 1):
            try:
                if database is not None:
                    wait_for_the_others(wanted, shard, store, last_s, stop)
                done = run_shard(plan.scenario, wanted, shard, store, stop, database)
            except Stopped:
                number = signals.first
                assert number is not None
                kept = f"which is as not begun; the {n_done - 1} before it are done"
                say(console, f"Stopped by {describe(number)} in shard {shard.name}, {kept}.")
                return 128 + number
            made, last_s = sum(done.rows.values()), done.seconds
            rows += made
            say(console, f"{shard.name}: {made:,} rows in {done.seconds:.1f} s, digest {done.digest} ({n_done} of {len(todo)})")
        if database is not None:
            end_if_whole(store, database)
    _summary(console, rows, time.monotonic() - started_s, store.where)
    return 0


def _database(plan: Plan, wanted: ShardPlan, console: Console, ends: contextlib.ExitStack) -> ShardRows:
    from scenarios.launcher.recorded import connection_of
    from scenarios.launcher.shard_database import ShardRows

    assert wanted.database is not None
    database = ShardRows(connection_of(plan.flags, plan.flags.host), wanted, wanted.database, lambda text: say(console, text))
    ends.callback(database.close)
    database.prepare()
    return database


def say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _summary(console: Console, rows: int, took_s: float, out: str) -> None:
    pace = f" in {took_s:.1f} s, {rows / max(took_s, 1e-9):,.0f} rows/s" if rows else ""
    say(console, f"{rows:,} rows{pace}. When all shares have run: python -m scenarios verify {out}")


def lines_of(faults: Sequence[str], most: int = 20) -> list[str]:
    """The first faults, and how many more there are."""
    return [*faults[:most], *([f"… and {len(faults) - most:,} more"] if len(faults) > most else [])]
