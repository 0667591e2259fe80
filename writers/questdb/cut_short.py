"""What a server left half made that was killed in the middle of CREATE: listed, and never to be written.

QuestDB (9.3.4) enters a table or view in its list before the files of its transaction log are whole. Killed in between, it starts
again with a name that ``tables()`` calls suspended and ``wal_tables()`` does not, or does not know. DROP answers with an error, and
drops it all the same; then it can be made again. Of a view that went so, ``materialized_views()`` has a second row until the next start.
A table whose own state (``_txn``) is still zeros is in both lists, and whatever reads it or asks for its columns fails (``UNREADABLE``).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from simulator.errors import InputError, explain
from writers.questdb.existing import exists, named
from writers.questdb.schema import ViewDef, Wanted

LASTS_S = 2.0
"""So long it must have been so: one that another connection is making just now looks the same for a moment."""
LOOK_S = 0.25
UNREADABLE = "index 0 out of bounds for list size 0"


def drop_cut_short(pg: Any, wanted: Sequence[Wanted]) -> list[str]:
    """Drop the tables and views among ``wanted`` that can never be written, and hold no row; returns what to say of each.

    Whoever creates what is missing afterwards makes them again. Raises ``InputError`` for one that cannot be dropped.
    """
    until_s = time.monotonic() + LASTS_S
    while (found := [each for each in wanted if _is_cut_short(pg, each.name)]) and time.monotonic() < until_s:
        time.sleep(LOOK_S)
    said = "was being made when its server was killed, and nothing can write into it: it has no rows, and is made anew."
    dropped = [each.name for each in found if _is_cut_short(pg, each.name) and _drop(pg, each)]  # another machine may have mended it
    return [f"{name} {said}" for name in dropped]


def _is_cut_short(pg: Any, name: str) -> bool:
    listed = named(pg, "SELECT table_suspended FROM tables() WHERE table_name = %s", name)
    if not listed:
        return False
    known = named(pg, "SELECT suspended, sequencerTxn FROM wal_tables() WHERE name = %s", name)
    if known and known[0]["suspended"]:  # by somebody, or for a reason: its rows wait in its log
        return False
    if known and known[0]["sequencerTxn"] == 0 and _is_unreadable(pg, name):
        return True
    return bool(listed[0]["table_suspended"]) and exists(pg, name) and pg.execute(f'SELECT count() FROM "{name}"').fetchone()[0] == 0


def _is_unreadable(pg: Any, name: str) -> bool:
    import psycopg

    from writers.questdb.sql import QueryError

    try:
        pg.execute(f'SELECT * FROM "{name}" LIMIT 0')
    except (psycopg.DatabaseError, QueryError) as error:
        return UNREADABLE in str(error)
    return False


def _drop(pg: Any, each: Wanted) -> bool:
    import psycopg

    from writers.questdb.sql import QueryError

    statement = f"DROP {'MATERIALIZED VIEW' if isinstance(each, ViewDef) else 'TABLE'} {each.name}"
    said = "it is still there"
    try:
        pg.execute(statement)
    except (psycopg.Error, QueryError, InputError) as error:
        said = " ".join(str(error).split())
    if exists(pg, each.name):
        limit = f"the server was killed while it made it, and {statement} does not help: {said}"
        raise InputError(explain("Cannot write into", each.name, limit, "Write to other names with --suffix."))
    return True
