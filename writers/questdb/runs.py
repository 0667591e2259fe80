"""The runs table: what each run would need to be repeated or continued, as the database keeps it beside the rows."""

from __future__ import annotations

import json
from typing import Any

from writers.questdb.schema import exists, table_name

STARTED, REFRESHED, ENDED = "started", "refreshed", "ended"
"""Events of a run."""


def record(connection: Any, suffix: str, run_id: str, event: str, manifest: str) -> None:
    """Append one event; ``manifest`` is JSON."""
    query = f"INSERT INTO {table_name('runs', suffix)} (ts, run_id, event, manifest) VALUES (systimestamp(), %s, %s, %s)"
    connection.execute(query, (run_id, event, manifest))


def newest_manifest(connection: Any, suffix: str) -> dict[str, Any] | None:
    """What the newest run recorded when it started; None if no run did."""
    name = table_name("runs", suffix)
    if not exists(connection, name):
        return None
    found = connection.execute(f"SELECT manifest FROM {name} WHERE event = '{STARTED}' ORDER BY ts DESC LIMIT 1").fetchone()
    if found is None:
        return None
    manifest: dict[str, Any] = json.loads(found[0])
    return manifest
