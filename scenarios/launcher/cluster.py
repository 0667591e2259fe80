"""``--cluster``: one task a shard on a Dask cluster. Everything that is Dask's stands in this file.

A task is a name: the node reads the run from the store (``_done/plan.json``), makes the shard, publishes it and notes that it is done; what
comes back is a few numbers. So an engine needs nothing but to call ``make_shard(out, name)`` once or more often for each name, anywhere,
and ``prepare_node()`` once a node before: Ray's ``ray.remote(make_shard)`` and Spark's ``sc.parallelize(names, len(names)).map(...)``
would do as well, and a job array does it without any (docs/scale.md).
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import platform
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rich.console import Console

from scenarios.launcher.kernels import load_kernels
from scenarios.launcher.shard_check import end_if_whole
from scenarios.launcher.shard_run import is_done, run_shard, unfinished
from scenarios.launcher.shard_window import day_numbers, horizon
from scenarios.launcher.shards import Shard, ShardPlan, differences, enter, identity_of, read_plan
from simulator.errors import InputError, MarketSimError, explain
from simulator.inputs.config import Scenario
from simulator.inputs.versions import versions
from writers.stores.store import Store, open_store

if TYPE_CHECKING:
    from scenarios.launcher.shard_database import ShardRows  # with the client: only for those who use it

RETRIES = 5
"""Of a task that fails with an error of the store, say; a node that is lost with its worker is another matter."""
LOSSES = 100
"""Workers that may be lost over one shard, in a cluster of our own, before the shard counts as their murderer."""
ROUNDS = 20
"""How often the cluster itself may be lost, its scheduler killed, while we wait for it to come back."""
PATIENCE_S = 60.0
BACK_AFTER_S = 1.0
EXTRA = "pip install '.[cluster]'"


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


def prepare_node() -> str:
    """Once a node before its shards: compile the kernels, if they are not there, so that no two processes do it at once."""
    load_kernels(Console(stderr=True))
    return platform.node()


def run_on_cluster(address: str, wanted: ShardPlan, store: Store, console: Console, workers: int) -> int:
    """Make all shards that are not done; returns the exit code. ``workers``: processes of a local cluster. Raises ``MarketSimError``."""
    try:
        import distributed
    except ImportError as error:
        raise InputError(explain("--cluster", address, f"a library is missing: {error}", f"{EXTRA} has it.")) from error
    if address != "local" and "://" not in address:
        raise InputError(explain("--cluster", address, "must be local, or a scheduler's address", "For example tcp://10.0.0.5:8786."))
    store.scratch.sweep()
    enter(store, wanted)
    with contextlib.ExitStack() as ends:
        database = _own_rows(wanted, ends) if wanted.database is not None else None
        code = _all_rounds(distributed, address, wanted, store, console, workers)
        if code == 0 and database is not None:
            end_if_whole(store, database)
    return code


def _own_rows(wanted: ShardPlan, ends: contextlib.ExitStack) -> ShardRows:
    """The database, from here: what is wrong with it is said before anybody works."""
    from scenarios.launcher.shard_database import ShardRows, connection_to

    assert wanted.database is not None
    rows = ShardRows(connection_to(wanted.database), wanted, wanted.database)
    ends.callback(rows.close)
    rows.prepare()
    return rows


def _all_rounds(distributed: Any, address: str, wanted: ShardPlan, store: Store, console: Console, workers: int) -> int:
    started_s, rows = time.monotonic(), 0
    for round_ in range(ROUNDS):
        todo = unfinished(wanted, wanted.pieces(), store)
        if not todo:
            break
        _say(console, f"{len(wanted.shards) - len(todo)} of {len(wanted.shards)} shards are done.")
        try:
            with _client(distributed, address, min(workers, len(todo))) as client:
                made, faults = _round(distributed, client, store.where, wanted, todo, console)
        except KeyboardInterrupt:
            _say(console, "Stopped: shards that are done stay; give the command again to go on.")
            return 130
        except _lost(distributed) as error:
            if round_ == 0 and address != "local" and not isinstance(error, _lost(distributed)[0]):
                limit = f"there is no scheduler that answers: {error}"
                remedy = "Start one with `dask scheduler`, or use --cluster local."
                raise InputError(explain("--cluster", address, limit, remedy)) from error
            _say(console, f"The cluster was lost ({type(error).__name__}); looking for it again.")
            time.sleep(BACK_AFTER_S)
            continue
        rows += made
        for fault in faults:
            _say(console, fault)
        if faults:
            _say(console, f"{len(faults)} shards were not made. Give the command again when that is mended: what is done stays.")
            return 1
    store.scratch.sweep()
    left = unfinished(wanted, wanted.pieces(), store)
    if left:
        _say(console, f"The cluster was lost {ROUNDS} times; {len(left)} shards are left. Give the command again.")
        return 1
    took_s = time.monotonic() - started_s
    what = f"All {len(wanted.shards)} shards are done, {rows:,} rows in {took_s:.1f} s"
    _say(console, f"{what}. Now: python -m scenarios verify {store.where}")
    return 0


def _round(
    distributed: Any, client: Any, out: str, wanted: ShardPlan, todo: Sequence[Shard], console: Console
) -> tuple[int, list[str]]:
    """Rows made, and what went wrong, until all tasks have ended."""
    client.wait_for_workers(1, timeout=PATIENCE_S)
    by_host: dict[str, str] = {}
    for name, worker in client.scheduler_info(n_workers=-1)["workers"].items():
        by_host.setdefault(worker["host"], name)
    prepared = {host: client.submit(prepare_node, workers=[name], allow_other_workers=True, pure=False) for host, name in by_host.items()}
    for host, future in prepared.items():
        error = future.exception()
        if isinstance(error, ImportError | AttributeError):
            limit = f"the program cannot be loaded there: {error}"
            raise InputError(explain("A node of the cluster", host, limit, "Install it there, the same version as here."))
        if error is not None:
            raise error
    futures: dict[Any, Shard] = {}
    rows, count, faults = 0, 0, []
    waiting, running = list(todo), distributed.as_completed()
    done = wanted.shards.keys() - {shard.name for shard in todo}

    def submit() -> None:
        """All, or those of the days that a database is to see now."""
        end = horizon(wanted, done) if wanted.database is not None else len(wanted.shards)
        while waiting and days[waiting[0].name] < end:
            shard = waiting.pop(0)
            future = client.submit(make_shard, out, wanted.identity, shard.name, pure=False, retries=RETRIES)
            futures[future] = shard
            running.add(future)

    days = day_numbers(wanted)
    submit()
    for future in running:
        count += 1
        shard = futures[future]
        if future.status == "cancelled":
            raise distributed.client.FutureCancelledError(shard.name, "the scheduler is gone")
        error = future.exception()
        if error is not None:
            known = isinstance(error, MarketSimError)
            faults.append(f"shard {shard.name}: {error if known else f'{type(error).__name__}: {error}'}")
            continue
        made = future.result()
        done |= {shard.name}
        submit()
        rows += made.rows
        what = "done by another" if made.was_done else f"{made.rows:,} rows in {made.seconds:.1f} s"
        _say(console, f"{shard.name}: {what} on {made.node} ({count} of {len(todo)})")
    return rows, faults


@contextlib.contextmanager
def _client(distributed: Any, address: str, workers: int) -> Iterator[Any]:
    """A cluster of our own, one process a core, or somebody's."""
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": LOSSES, "distributed.comm.timeouts.connect": f"{PATIENCE_S:.0f}s"}):
        if address != "local":
            with distributed.Client(address, timeout=PATIENCE_S) as client:
                yield client
            return
        one_a_core = {"n_workers": workers, "threads_per_worker": 1, "memory_limit": 0, "silence_logs": logging.ERROR}
        with tempfile.TemporaryDirectory(prefix="shards-dask-", ignore_cleanup_errors=True) as folder:
            settings = {**one_a_core, "dashboard_address": _dashboard(), "host": "127.0.0.1", "local_directory": folder}
            try:
                cluster = distributed.LocalCluster(**settings)
            except RuntimeError as error:  # a worker was killed before it had begun
                raise TimeoutError(str(error)) from error
            with cluster, distributed.Client(cluster) as client:
                yield client


def _dashboard() -> str | None:
    """Of a local cluster: where the environment says, or none."""
    return os.environ.get("DASK_DASHBOARD_ADDRESS")


def _lost(distributed: Any) -> tuple[type[BaseException], ...]:
    """What says that the scheduler is gone, or not there yet."""
    from concurrent.futures import CancelledError

    return (distributed.client.FutureCancelledError, CancelledError, distributed.comm.CommClosedError, OSError, TimeoutError)


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
