"""``--cluster``: one call a shard, or a run of a sweep, on a cluster.

A call is a name: the node reads the run from the store (``_done/plan.json``), makes the shard, publishes it and notes that it is done; what
comes back is a few numbers. So an engine needs nothing but to call ``make_shard(out, identity, name)`` once or more often for each name,
anywhere, and ``prepare_node()`` once a node before: Ray's ``ray.remote(make_shard)`` and Spark's ``sc.parallelize(names).map(...)`` would
do as well as Dask, which stands in ``dask_engine.py``, and a job array does it without any (docs/scale.md).
"""

from __future__ import annotations

import atexit
import contextlib
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from scenarios.launcher.dask_engine import Call, Engine
from scenarios.launcher.shard_check import end_if_whole
from scenarios.launcher.shard_run import is_done, run_shard, unfinished
from scenarios.launcher.shard_window import day_numbers, horizon
from scenarios.launcher.shards import ShardPlan, differences, enter, identity_of, read_plan
from simulator.errors import InputError, MarketSimError, explain
from simulator.inputs.config import Scenario
from simulator.inputs.versions import versions
from writers.stores.store import Store, is_address, open_store

if TYPE_CHECKING:
    from scenarios.launcher.shard_database import ShardRows  # with the client: only for those who use it
    from simulator.analysis.sweep import Planned


@dataclass(frozen=True, slots=True)
class Made:
    """What a task comes back with."""

    shard: str
    rows: int
    seconds: float
    node: str
    was_done: bool


def make_shard(out: str, identity: str, name: str) -> Made:
    """A task: make one shard of the run whose plan the store has, unless it is done. Raises ``MarketSimError``."""
    started_s = time.monotonic()
    store = open_store(out)
    plan, scenario = _run_of(out, identity)
    shard = next(piece for piece in plan.pieces() if piece.name == name)
    if is_done(plan, shard, store):
        return Made(name, 0, time.monotonic() - started_s, platform.node(), True)
    done = run_shard(scenario, plan, shard, store, database=_rows_of(out, identity) if plan.database is not None else None)
    return Made(name, sum(done.rows.values()), time.monotonic() - started_s, platform.node(), False)


@lru_cache(maxsize=4)
def _run_of(out: str, identity: str) -> tuple[ShardPlan, Scenario]:
    """The run, read once a process. Raises ``InputError`` if this node would make other rows of it."""
    store = open_store(out)
    store.scratch.sweep()  # what a worker of this machine that was killed has left
    plan = read_plan(store)
    if plan is None or plan.identity != identity:
        limit = "the folder's plan is gone, or is another run's now"
        raise InputError(explain("--out", out, limit, "Let one command at a time decide what is made there."))
    here = plan.model_copy(update={"record": plan.record.model_copy(update={"versions": versions()})})
    if identity_of(here.record) != identity:
        limit = f"it would make other rows: {differences(plan, here)}"
        raise InputError(explain("A node of the cluster", platform.node(), limit, "Install the same versions on all nodes."))
    return plan, plan.record.to_scenario()


@lru_cache(maxsize=1)
def _rows_of(out: str, identity: str) -> ShardRows:
    """The database of the run, opened once a process; it lets go of the tables when the process ends."""
    from scenarios.launcher.shard_database import ShardRows, connection_to

    plan, _ = _run_of(out, identity)
    assert plan.database is not None
    rows = ShardRows(connection_to(plan.database), plan, plan.database)
    rows.prepare()
    atexit.register(rows.close)
    return rows


def run_on_cluster(address: str, wanted: ShardPlan, store: Store, console: Console, workers: int) -> int:
    """Make all shards that are not done; returns the exit code. ``workers``: processes of a local cluster. Raises ``MarketSimError``."""

    def say(text: str) -> None:
        console.print(text, highlight=False, markup=False, soft_wrap=True)

    engine = Engine(address, workers, say)
    store.scratch.sweep()
    enter(store, wanted)
    with contextlib.ExitStack() as ends:
        database = _own_rows(wanted, ends) if wanted.database is not None else None
        try:
            code = _make_all(engine, wanted, store, say)
        except KeyboardInterrupt:
            say("Stopped: shards that are done stay; give the command again to go on.")
            return 130
        if code == 0 and database is not None:
            end_if_whole(store, database)
    return code


def _make_all(engine: Engine, wanted: ShardPlan, store: Store, say: Callable[[str], None]) -> int:
    started_s, rows = time.monotonic(), 0
    days, done = day_numbers(wanted), set[str]()
    out = store.where if is_address(store.where) else str(Path(store.where).resolve())  # a node may be in another folder

    def left() -> list[Call]:
        nonlocal done
        todo = unfinished(wanted, wanted.pieces(), store)
        done = wanted.shards.keys() - {shard.name for shard in todo}
        if todo:
            say(f"{len(done)} of {len(wanted.shards)} shards are done.")
        turns = days if wanted.database is not None else dict.fromkeys(days, 0)
        return [Call(shard.name, make_shard, (out, wanted.identity, shard.name), turns[shard.name]) for shard in todo]

    def heard(call: Call, made: Made, count: str) -> None:
        nonlocal rows
        rows += made.rows
        what = "done by another" if made.was_done else f"{made.rows:,} rows in {made.seconds:.1f} s"
        say(f"{call.name}: {what} on {made.node} ({count})")

    faults = engine.run(left, heard, lambda here: horizon(wanted, done | set(here)))
    store.scratch.sweep()
    if faults:
        for fault in faults:
            say(f"shard {fault}")
        say("Give the command again when that is mended: what is done stays.")
        return 1
    took_s = time.monotonic() - started_s
    what = f"All {len(wanted.shards)} shards are done, {rows:,} rows in {took_s:.1f} s"
    say(f"{what}. Now: python -m scenarios verify {store.where}")
    return 0


def _own_rows(wanted: ShardPlan, ends: contextlib.ExitStack) -> ShardRows:
    """The database, from here: what is wrong with it is said before anybody works."""
    from scenarios.launcher.shard_database import ShardRows, connection_to

    assert wanted.database is not None
    rows = ShardRows(connection_to(wanted.database), wanted, wanted.database)
    ends.callback(rows.close)
    rows.prepare()
    return rows


@dataclass(frozen=True, slots=True)
class Swept:
    """What all runs of a sweep have in common, by name: every node reads the files itself."""

    scenario: str
    times: tuple[tuple[str, int], ...]
    measure: str | None


def make_run(swept: Swept, setting: dict[str, Any], seed: int, key: str) -> dict[str, float]:
    """A call: one run of a sweep, and what was measured. Raises ``MarketSimError``, also if this node would make another run."""
    from simulator.analysis.sweep import measured, planned_run
    from simulator.inputs.import_path import find
    from simulator.inputs.scenario_file import load_scenario

    path = Path(swept.scenario)
    measure = None if swept.measure is None else find(swept.measure, "--measure", path.parent)
    run = planned_run(load_scenario(path, **dict(swept.times)), setting, seed, measure)
    if run.key != key:
        limit = "it would make another run: its scenario, agents, measure or versions are not those of where the sweep was started"
        raise InputError(explain("A node of the cluster", platform.node(), limit, "Install the same there, and let it see the same files."))
    return measured(run)


def sweep_on_cluster(address: str, workers: int, swept: Swept, say: Callable[[str], None]) -> Callable[..., None]:
    """What ``sweep`` takes for ``processes``: it has its runs made by a cluster. Raises ``InputError``."""
    engine = Engine(address, workers, say)

    def run_tasks(work: object, tasks: Sequence[Planned], done: Callable[[int, Any], None]) -> None:
        left = set(range(len(tasks)))

        def calls() -> list[Call]:
            return [
                Call(str(n), make_run, (swept, dict(tasks[n].setting), tasks[n].scenario.seed, tasks[n].key)) for n in sorted(left)
            ]

        def heard(call: Call, found: dict[str, float], count: str) -> None:
            left.discard(int(call.name))
            done(int(call.name), found)

        faults = engine.run(calls, heard)
        if faults:
            more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
            raise MarketSimError(f"Run {faults[0].rstrip('.')}{more}. Give the command again when that is mended: finished runs stay.")

    return run_tasks
