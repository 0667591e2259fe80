"""One shard: simulated into a folder of its own, published file by file, and noted as done last.

Whatever ends it before leaves no note, and the next run of the shard makes the same files under the same names. So a shard may be run
twice, also at the same time, and nothing is lost or mixed.
"""

from __future__ import annotations

import hashlib
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from scenarios.launcher.row_counts import Counts, RowCounter
from scenarios.launcher.shard_tables import Commits, not_committed
from scenarios.launcher.shards import DONE, FORMAT, Done, File, Shard, ShardPlan, faults_of, read_done, scenario_of
from simulator.inputs.config import Scenario
from simulator.inputs.leftovers import cleared
from simulator.records import NS_PER_MINUTE
from simulator.tape.digest import combine
from simulator.tape.sink import RunInfo, Sink
from writers.stores.delta import delta_rows
from writers.stores.store import Store

if TYPE_CHECKING:
    from scenarios.launcher.shard_database import ShardRows  # with the client: only for those who use it

STRETCH_NS = NS_PER_MINUTE
"""Simulated between two looks at whether to stop: always the same, so that files are the same to the byte."""


class Stopped(Exception):
    """A shard was given up because the user asked."""


def run_shard(
    scenario: Scenario, wanted: ShardPlan, shard: Shard, store: Store, stop: Callable[[], bool] = lambda: False,
    database: ShardRows | None = None,
) -> Done:  # fmt: skip
    """Simulate a shard of the run of this scenario, and publish it. ``database``: where its rows go, if not into files.

    Raises ``Stopped``, and ``MarketSimError`` for what goes wrong; then the shard is as not begun.
    """
    started_s = time.monotonic()
    if database is not None:
        return _into_database(scenario, wanted, shard, store, stop, database)
    scratch = store.scratch.new()
    try:
        with cleared():
            counts, parts = _simulate(scenario_of(scenario, shard), wanted.suffix, shard, _files_sink(scratch, wanted), scratch, stop)
        tables = Commits(wanted, shard, store)
        files = _publish(scratch, shard, store, stop, tables)
        tables.commit()
        return _note(wanted, shard, store, counts, parts, files, started_s)
    finally:
        store.scratch.drop(scratch)


def _into_database(
    scenario: Scenario, wanted: ShardPlan, shard: Shard, store: Store, stop: Callable[[], bool], database: ShardRows
) -> Done:  # fmt: skip
    """It has all rows of the shard before the note says so; what it had of them already stands there once."""
    started_s = time.monotonic()
    sink = database.sink()
    sink.stop_asked = stop
    scratch = store.scratch.new()  # for what agents came to
    try:
        with cleared():
            counts, parts = _simulate(
                scenario_of(scenario, shard), wanted.suffix, shard, sink, scratch, stop, lambda: database.wait(sink.in_flight, stop)
            )
        database.check(shard, counts)
        files = _publish(scratch, shard, store, stop, Commits(wanted, shard, store))
        return _note(wanted, shard, store, counts, parts, files, started_s)
    finally:
        store.scratch.drop(scratch)


def _publish(scratch: Path, shard: Shard, store: Store, stop: Callable[[], bool], tables: Commits) -> list[File]:
    """Each file appears whole under its own name; ``tables`` hears of those that are theirs."""
    files = []
    for path in sorted(path for path in scratch.rglob("*") if path.is_file()):
        key = published_name(path.relative_to(scratch).as_posix(), shard)
        files.append(File(path=key, bytes=path.stat().st_size, rows=_rows_in(path), sha256=sha256_of(path)))
        if stop():
            raise Stopped
        tables.note(path, key)
        store.put_file(path, key)
    return files


def _note(
    wanted: ShardPlan, shard: Shard, store: Store, counts: Counts, parts: Mapping[tuple[str, str, str], str], files: Sequence[File],
    started_s: float,
) -> Done:  # fmt: skip
    done = Done(
        format=FORMAT, shard=shard.name, identity=wanted.identity, digest=combine(dict(parts), wanted.symbols, wanted.tables),
        digest_parts={"/".join(key): part for key, part in sorted(parts.items())}, rows=dict(counts.rows), files=tuple(files),
        seconds=round(time.monotonic() - started_s, 3), made_on=platform.node(),
    )  # fmt: skip
    store.put((done.model_dump_json(indent=1) + "\n").encode(), f"{DONE}/{shard.name}.json")
    return done


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


def _files_sink(folder: Path, wanted: ShardPlan) -> Sink:
    from writers.parquet import ParquetSink

    return ParquetSink(folder, shape=delta_rows) if wanted.table_format == "delta" else ParquetSink(folder)


def _simulate(
    scenario: Scenario, suffix: str, shard: Shard, sink: Sink, results: Path, stop: Callable[[], bool],
    wait: Callable[[], None] = lambda: None,
) -> tuple[Counts, dict[tuple[str, str, str], str]]:  # fmt: skip
    """``wait`` is called between two stretches. ``results``: a folder for what agents came to."""
    from simulator.market import Market  # loads numba
    from writers.results import write_results

    counter = RowCounter(sink)
    counter.open(RunInfo.of(scenario, suffix=suffix))
    is_closed = False
    try:
        market = Market(scenario, counter, worker_symbols=shard.symbols)
        while market.now_ns < scenario.end_ns:
            wait()
            if stop():
                raise Stopped
            market.run_until(min(market.now_ns + STRETCH_NS, scenario.end_ns))
        is_closed = True
        result = market.close(True)
    finally:
        if not is_closed:
            counter.close(False)
    if scenario.agents:
        write_results(results, result.agents)
    return counter.counts, result.digest_parts


def _rows_in(path: Path) -> int:
    import pyarrow.parquet as pq

    return int(pq.read_metadata(path).num_rows)


def sha256_of(path: Path) -> str:
    """Of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
