"""The runs table: what each run would need to be repeated or continued, as the database keeps it beside the rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from simulator.errors import InputError, explain
from simulator.inputs.manifest import Manifest, parse_manifest
from writers.questdb.existing import exists
from writers.questdb.schema import table_name

STARTED, REFRESHED, ENDED = "started", "refreshed", "ended"
"""Events of a run."""


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the database knows it."""

    run_id: str
    started: Manifest
    """With the refreshed prices of a run in real time that it has recorded so far."""
    ended: Manifest | None
    """None while it goes on, and after it was killed."""

    @property
    def is_complete(self) -> bool:
        """Whether it ended as it was to end."""
        return self.ended is not None and self.ended.complete


def record(connection: Any, suffix: str, run_id: str, event: str, manifest: Manifest) -> None:
    """Append one event. Its time is asked for first, so that a statement that is sent again finds its row there (DEDUP by all keys)."""
    ts_us = int(connection.execute("SELECT systimestamp()::long").fetchone()[0])
    query = f"INSERT INTO {table_name('runs', suffix)} (ts, run_id, event, manifest) VALUES ({ts_us}::timestamp, %s, %s, %s)"
    connection.execute(query, (run_id, event, manifest.to_json()))


def newest_run(connection: Any, suffix: str) -> Run | None:
    """The run that started last; None if no run is recorded. Raises ``InputError`` for a record that cannot be read."""
    name = table_name("runs", suffix)
    if not exists(connection, name):
        return None
    query = f"SELECT run_id, manifest FROM {name} WHERE event = '{STARTED}' ORDER BY ts DESC LIMIT 1"
    found = connection.execute(query).fetchone()
    return None if found is None else _run(connection, name, *found)


def run_by_id(connection: Any, suffix: str, run_id: str) -> Run:
    """That run, the newest one if it is empty. Raises ``InputError`` if there is none."""
    if not run_id:
        run = newest_run(connection, suffix)
    else:
        name = table_name("runs", suffix)
        query = f"SELECT run_id, manifest FROM {name} WHERE event = '{STARTED}' AND run_id = %s LIMIT 1"
        found = connection.execute(query, (run_id,)).fetchone() if exists(connection, name) else None
        run = None if found is None else _run(connection, name, *found)
    if run is None:
        what = f"database:{run_id}" if run_id else "database"
        limit = f"{table_name('runs', suffix)} records no such run"
        raise InputError(explain("--repeat", what, limit, f"SELECT ts, run_id, event FROM {table_name('runs', suffix)}; shows its runs."))
    return run


def _run(connection: Any, name: str, run_id: str, started: str) -> Run:
    where = f"run {run_id} in {name}"
    later = {}
    for event in (REFRESHED, ENDED):
        query = f"SELECT manifest FROM {name} WHERE event = '{event}' AND run_id = %s ORDER BY ts DESC LIMIT 1"
        found = connection.execute(query, (run_id,)).fetchone()
        later[event] = parse_manifest(found[0], where) if found is not None else None
    return Run(run_id, later[REFRESHED] or parse_manifest(started, where), later[ENDED])
