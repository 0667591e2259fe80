"""In which order shards go into a database: by time, within a window that all machines share, so that it sees nearly sorted time."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from scenarios.launcher.shards import DONE, Shard, ShardPlan
from writers.stores.store import Store

DAYS_AHEAD = 2
"""Days of which shards are made at once."""
LOOK_EVERY_S = 0.5
PATIENCE_LEAST_S = 2.0


def day_numbers(wanted: ShardPlan) -> dict[str, int]:
    """By shard: which of the run's days it is."""
    starts = {start_ns: n for n, start_ns in enumerate(sorted({piece.start_ns for piece in wanted.shards.values()}))}
    return {name: starts[piece.start_ns] for name, piece in wanted.shards.items()}


def horizon(wanted: ShardPlan, done: Collection[str]) -> int:
    """The first day whose shards must wait: days from the first that is not done on fit into the window."""
    left = [day for name, day in day_numbers(wanted).items() if name not in done]
    return min(left, default=0) + DAYS_AHEAD


def wait_for_the_others(wanted: ShardPlan, shard: Shard, store: Store, last_s: float, stop: Callable[[], bool]) -> None:
    """Until the shard's day fits into the window; not for longer than two shards take, ``last_s`` each: of a job array nobody knows which
    machines have been started, and the window is for speed, not for the rows."""
    day = day_numbers(wanted)[shard.name]
    until_s = time.monotonic() + max(2 * last_s, PATIENCE_LEAST_S)
    while not stop() and day >= horizon(wanted, done_names(store)) and time.monotonic() < until_s:
        time.sleep(LOOK_EVERY_S)


def done_names(store: Store) -> set[str]:
    """Of the shards that have a note."""
    return {key.removeprefix(f"{DONE}/").removesuffix(".json") for key in store.sizes(DONE)}
