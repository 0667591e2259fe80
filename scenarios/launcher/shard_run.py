"""One shard: simulated into a folder of its own, published file by file, and noted as done last.

Whatever ends it before leaves no note, and the next run of the shard makes the same files under the same names. So a shard may be run
twice, also at the same time, and nothing is lost or mixed.
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from scenarios.launcher.row_counts import RowCounter
from scenarios.launcher.shard_tables import Commits, not_committed
from scenarios.launcher.shards import DONE, FORMAT, Done, File, Shard, ShardPlan, faults_of, read_done, scenario_of
from simulator.inputs.config import Scenario
from simulator.inputs.leftovers import cleared
from simulator.records import NS_PER_MINUTE
from simulator.tape.digest import combine
from simulator.tape.sink import RunInfo
from writers.stores.delta import delta_rows
from writers.stores.store import Store

STRETCH_NS = NS_PER_MINUTE
"""Simulated between two looks at whether to stop: always the same, so that files are the same to the byte."""


class Stopped(Exception):
    """A shard was given up because the user asked."""


def run_shard(scenario: Scenario, wanted: ShardPlan, shard: Shard, store: Store, stop: Callable[[], bool] = lambda: False) -> Done:
    """Simulate a shard of the run of this scenario, and publish it.

    Raises ``Stopped``, and ``MarketSimError`` for what goes wrong; then the shard is as not begun.
    """
    started_s = time.monotonic()
    scratch = store.scratch.new()
    scratch.mkdir()
    try:
        with cleared():
            rows, parts = _simulate(scenario_of(scenario, shard), wanted, shard, scratch, stop)
        tables = Commits(wanted, shard, store)
        files = []
        for path in sorted(path for path in scratch.rglob("*") if path.is_file()):
            key = published_name(path.relative_to(scratch).as_posix(), shard)
            files.append(File(path=key, bytes=path.stat().st_size, rows=_rows_in(path), sha256=sha256_of(path)))
            if stop():
                raise Stopped
            tables.note(path, key)
            store.put_file(path, key)
        tables.commit()
        done = Done(
            format=FORMAT, shard=shard.name, identity=wanted.identity, digest=combine(parts, wanted.symbols, wanted.tables),
            digest_parts={"/".join(key): part for key, part in sorted(parts.items())}, rows=rows, files=tuple(files),
            seconds=round(time.monotonic() - started_s, 3), made_on=platform.node(),
        )  # fmt: skip
        store.put((done.model_dump_json(indent=1) + "\n").encode(), f"{DONE}/{shard.name}.json")
        return done
    finally:
        store.scratch.drop(scratch)


def unfinished(wanted: ShardPlan, shards: Sequence[Shard], store: Store) -> list[Shard]:
    """Those that are not done, or whose files are not there as they were written."""
    there = store.sizes(DONE)
    if not any(f"{DONE}/{shard.name}.json" in there for shard in shards):
        return list(shards)  # a store of a hundred thousand objects is not listed by every machine as it starts
    sizes: dict[str, int] = {}
    for table in wanted.tables:
        sizes |= store.sizes(f"equities_{table}{wanted.suffix}")
    sizes |= store.sizes("agents")
    todo, notes = [], {}
    for shard in shards:
        done = read_done(store, shard.name) if f"{DONE}/{shard.name}.json" in there else None
        if faults_of(done, wanted.identity, sizes):
            todo.append(shard)
        elif done is not None:
            notes[shard.name] = done
    lost = not_committed(wanted, notes, store)
    return [shard for shard in shards if shard in todo or shard.name in lost]


def is_done(wanted: ShardPlan, shard: Shard, store: Store) -> bool:
    """The same of one shard, by asking for its objects alone."""
    done = read_done(store, shard.name)
    sizes = {file.path: store.size(file.path) for file in done.files} if done is not None else {}
    faults = faults_of(done, wanted.identity, {path: size for path, size in sizes.items() if size is not None})
    return not faults and done is not None and not not_committed(wanted, {shard.name: done}, store)


def published_name(path: str, shard: Shard) -> str:
    """Where a file of a shard's own folder goes: ``…/date=2025-07-01/hour=13/part-2025-07-01-g003.parquet``."""
    folder, _, name = path.rpartition("/")
    return f"{folder}/part-{shard.name}.parquet" if name == "part-0.parquet" else path


def _simulate(
    scenario: Scenario, wanted: ShardPlan, shard: Shard, scratch: Path, stop: Callable[[], bool]
) -> tuple[dict[str, int], dict[tuple[str, str, str], str]]:
    from simulator.market import Market  # loads numba
    from writers.parquet import ParquetSink
    from writers.results import write_results

    counter = RowCounter(ParquetSink(scratch, shape=delta_rows) if wanted.table_format == "delta" else ParquetSink(scratch))
    counter.open(RunInfo.of(scenario, suffix=wanted.suffix))
    is_closed = False
    try:
        market = Market(scenario, counter, worker_symbols=shard.symbols)
        while market.now_ns < scenario.end_ns:
            if stop():
                raise Stopped
            market.run_until(min(market.now_ns + STRETCH_NS, scenario.end_ns))
        is_closed = True
        result = market.close(True)
    finally:
        if not is_closed:
            counter.close(False)
    if scenario.agents:
        write_results(scratch, result.agents)
    return dict(counter.counts.rows), result.digest_parts


def _rows_in(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def sha256_of(path: Path) -> str:
    """Of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
