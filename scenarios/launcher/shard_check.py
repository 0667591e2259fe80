"""Whether all shards of a folder are there, each once and as it was written, and the digest that they add up to."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scenarios.launcher.shard_tables import table_faults
from scenarios.launcher.shards import DONE, PLAN, DatabasePlace, Done, ShardPlan, faults_of, read_done, read_plan
from simulator.errors import InputError, explain
from simulator.inputs.manifest import FORMAT, MANIFEST, Manifest
from simulator.tape.digest import combine
from writers.stores.delta import LOG
from writers.stores.store import Store

if TYPE_CHECKING:
    from scenarios.launcher.shard_database import ShardRows  # with the client: only for those who use it


@dataclass(slots=True)
class Verdict:
    """What was found."""

    plan: ShardPlan
    faults: list[str] = field(default_factory=list)
    """One line each: which shard or file, and what is wrong with it."""
    done: int = 0
    rows: Counter[str] = field(default_factory=Counter)
    files: int = 0
    bytes: int = 0
    seconds: float = 0.0
    """Of all shards, one after another."""
    parts: dict[tuple[str, str, str], str] = field(default_factory=dict)

    @property
    def digest(self) -> str | None:
        """What one process would print; None if anything is wrong."""
        return None if self.faults else combine(self.parts, self.plan.symbols, self.plan.tables)


def verify(store: Store, *, reads_files: bool = True) -> Verdict:
    """``reads_files``: compare contents too, not only names and sizes; rows that are in a database are counted.

    Raises ``InputError`` for a folder without shards.
    """
    plan = read_plan(store)
    if plan is None:
        remedy = "Name a folder that --shard or --cluster has written."
        raise InputError(explain("verify", store.where, f"{PLAN} is not there or cannot be read", remedy))
    verdict = Verdict(plan)
    folders = [f"equities_{table}{plan.suffix}" for table in plan.tables]
    sizes = {key: size for folder in (*folders, "agents") for key, size in store.sizes(folder).items() if f"/{LOG}/" not in key}
    expected: set[str] = set()
    notes: dict[str, Done] = {}
    for shard in plan.pieces():
        done = read_done(store, shard.name)
        faults = faults_of(done, plan.identity, sizes)
        if done is not None and not faults:
            parts = {(day, symbol, table): part for (day, symbol, table), part in _split(done.digest_parts)}
            if combine(parts, plan.symbols, plan.tables) != done.digest or {symbol for _, symbol, _ in parts} - set(shard.symbols):
                faults = ["its note was altered: its digest is not that of its parts"]
            elif reads_files:
                faults = [f"{file.path} was altered" for file in done.files if _hash(store, file.path) != file.sha256]
            verdict.parts |= parts
        expected |= {file.path for file in done.files} if done is not None else set()
        verdict.faults += [f"shard {shard.name}: {fault}" for fault in faults]
        if done is not None and not faults:
            verdict.done += 1
            notes[shard.name] = done
            verdict.rows.update(done.rows)
            verdict.files += len(done.files)
            verdict.bytes += sum(file.bytes for file in done.files)
            verdict.seconds += done.seconds
    others = sorted(sizes.keys() - expected)
    verdict.faults += [f"{path}: no shard that is done lists it, and its rows would be read too" for path in others]
    verdict.faults += table_faults(plan, notes, store)
    if plan.database is not None and reads_files:
        verdict.faults += _database_faults(plan, plan.database, notes)
    known = {PLAN, *(f"{DONE}/{name}.json" for name in plan.shards)}
    verdict.faults += [f"{key}: it is no note of a shard of this run" for key in sorted(store.sizes(DONE).keys() - known)]
    return verdict


def _database_faults(plan: ShardPlan, place: DatabasePlace, notes: dict[str, Done]) -> list[str]:
    from scenarios.launcher.shard_database import ShardRows, connection_to  # with the client

    rows = ShardRows(connection_to(place), plan, place)
    try:
        return rows.faults(notes)
    finally:
        rows.close()


def end_if_whole(store: Store, database: ShardRows) -> None:
    """Whoever makes the last shard records the end, and lets the views catch up. Raises ``MarketSimError``."""
    verdict = verify(store, reads_files=False)
    if not verdict.faults:
        database.finish(whole_manifest(verdict))


def write_whole_manifest(store: Store, verdict: Verdict) -> None:
    """For whatever reads or repeats finished runs."""
    store.put((whole_manifest(verdict).to_json(indent=1) + "\n").encode(), MANIFEST)


def whole_manifest(verdict: Verdict) -> Manifest:
    """The manifest that one process would have left."""
    record = verdict.plan.record
    return Manifest(
        format=FORMAT, complete=True, reason=None, asked_start_ts=record.start_ts, replayed_from_ts=None, suffix=verdict.plan.suffix,
        record=record, rows={table: verdict.rows[table] for table in verdict.plan.tables}, digest=verdict.digest,
        digest_parts={"/".join(key): part for key, part in sorted(verdict.parts.items())}, processes=1,
        wall_seconds=round(verdict.seconds, 3),
    )  # fmt: skip


def _split(parts: dict[str, str]) -> list[tuple[tuple[str, str, str], str]]:
    found = []
    for key, part in parts.items():
        day, symbol, table = [*key.split("/"), "", ""][:3]
        found.append(((day, symbol, table), part))
    return found


def _hash(store: Store, key: str) -> str:
    total = hashlib.sha256()
    for piece in store.chunks(key):
        total.update(piece)
    return total.hexdigest()
