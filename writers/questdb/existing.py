"""Tables and views that a QuestDB has already: how they compare with what a run wants, and what the server says of them.

Nothing is ever dropped or altered; but see ``cut_short``.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from typing import Any

from simulator.errors import InputError, SinkError, explain
from simulator.inputs.sessions import format_ts
from simulator.records import NS_PER_HOUR, NS_PER_S
from writers.questdb.schema import KEYS, TableDef, ViewDef, Wanted, ttl_clause
from writers.questdb.upgrade import upgrade_statements

TTL_HOURS = {"HOUR": 1, "DAY": 24, "WEEK": 7 * 24, "MONTH": 28 * 24, "YEAR": 365 * 24}
"""Of a unit, at least."""
LISTED_WITHIN_S = 2.0


def exists(pg: Any, name: str) -> bool:
    """Whether a table or view of that name is there and can be read: ``tables()`` lists one being created a moment before that."""
    import psycopg

    from writers.questdb.sql import QueryError

    if not pg.execute("SELECT count() FROM tables() WHERE table_name = %s", (name,)).fetchone()[0]:
        return False
    try:
        pg.execute(f'SELECT * FROM "{name}" LIMIT 0')
    except (psycopg.DatabaseError, QueryError) as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def compare(pg: Any, wanted: Sequence[Wanted], *, needs_dedup: bool = False, must_exist: bool = False) -> list[str]:
    """Warnings about what is there and is not quite as wanted, each with the statement that mends it.

    Raises ``InputError`` where it cannot be used: other columns, types, partitions or view text; without DEDUP if the run needs it;
    what is missing, if it ``must_exist``.
    """
    warnings = []
    for each in wanted:
        found = table_facts(pg, each.name)
        if not found:
            if must_exist:
                raise InputError(f"{each.name} is not there any more. What it had is lost; repeat the run into other tables with --suffix.")
            continue
        view = _listed_view(pg, each.name) if isinstance(each, ViewDef) else view_facts(pg, each.name)
        if bool(view) != isinstance(each, ViewDef):
            kinds = ("a materialized view", "a table") if view else ("a table", "a materialized view")
            raise InputError(_other(each, f"it is {kinds[0]}", f"{kinds[1]} is wanted"))
        warnings += _compare_view(each, view[0]) if isinstance(each, ViewDef) else _compare_table(pg, each, needs_dedup)
        if found[0]["partitionBy"] != each.partition_by:
            raise InputError(_other(each, f"PARTITION BY {found[0]['partitionBy']}", f"PARTITION BY {each.partition_by}"))
        value, unit = int(found[0]["ttlValue"] or 0), str(found[0]["ttlUnit"])
        has = (value, unit) if value else None
        if has != each.ttl:
            what = "MATERIALIZED VIEW" if isinstance(each, ViewDef) else "TABLE"
            clause = ttl_clause(each.ttl).strip() or "TTL 0 HOURS"
            is_now = ttl_clause(has).strip() or "no TTL"
            warnings.append(f"{each.name} has {is_now}; to change that: ALTER {what} {each.name} SET {clause};")
    return warnings


def _compare_table(pg: Any, wanted: TableDef, needs_dedup: bool) -> list[str]:
    rows = named(pg, f"SELECT \"column\", type, designated, upsertKey FROM table_columns('{wanted.name}')")
    has = [(row["column"], row["type"]) for row in rows]
    want = [(name, kind.split()[0]) for name, kind in wanted.columns]
    compare_columns(wanted, has)
    designated = [row["column"] for row in rows if row["designated"]]
    if designated != [want[0][0]]:
        raise InputError(_other(wanted, f"designated timestamp {designated}", f"designated timestamp {want[0][0]}"))
    keys = {row["column"] for row in rows if row["upsertKey"]}
    if keys == set(wanted.keys):
        return []
    statement = f"ALTER TABLE {wanted.name} DEDUP ENABLE UPSERT KEYS({', '.join(wanted.keys)});"
    is_now = f"DEDUP by {', '.join(sorted(keys))}" if keys else "no DEDUP"
    if needs_dedup and set(KEYS[:2]) <= set(wanted.keys):
        limit = f"it has {is_now}, and rows that are sent again would stand there twice"
        raise InputError(explain("--incremental true with", wanted.name, limit, f"Run first: {statement}"))
    return [f"{wanted.name} has {is_now}: rows that are sent again would stand there twice. To mend that: {statement}"]


def compare_columns(wanted: TableDef, has: Sequence[tuple[str, str]]) -> None:
    """That a table has the columns that are wanted, in any order: rows are sent by name. Raises ``InputError``."""
    want = [(name, kind.split()[0]) for name, kind in wanted.columns]
    if dict(has) == dict(want):
        return
    statements = upgrade_statements(wanted.name, dict(has), dict(want))
    if statements:
        limit = "it is a table of version 0.1, whose columns a and b have names of their own now"
        raise InputError(explain(wanted.name, _columns(has), limit, f"To keep its rows, run: {' '.join(statements)}"))
    raise InputError(_other(wanted, _columns(has), _columns(want)))


def _listed_view(pg: Any, name: str) -> list[dict[str, Any]]:
    """``view_facts`` of what should be a view: the server's list leaves one out for a moment while it is made or refreshed."""
    until = time.monotonic() + LISTED_WITHIN_S
    while not (found := view_facts(pg, name)) and time.monotonic() < until:
        time.sleep(0.05)
    return found


def _compare_view(wanted: ViewDef, found: Mapping[str, Any]) -> list[str]:
    if _plain(found["view_sql"]) != _plain(wanted.query):
        raise InputError(_other(wanted, _plain(found["view_sql"]), _plain(wanted.query)))
    has = str(found["refresh_type"])
    want = "timer" if wanted.timer else "immediate"
    if has != want:
        raise InputError(_other(wanted, f"REFRESH {has}", f"REFRESH {want}"))
    if wanted.timer:
        every = f"{found['timer_interval']}{str(found['timer_interval_unit'])[:1].lower()}"
        if every != wanted.timer[0]:
            raise InputError(_other(wanted, f"REFRESH EVERY {every}", f"REFRESH EVERY {wanted.timer[0]}"))
    return []


def check_ttl(pg: Any, wanted: Sequence[Wanted], start_ns: int, end_ns: int, now_ns: int | None = None) -> None:
    """Raises ``InputError`` if a TTL, wanted or there already, would drop rows of the run or rows that are there.

    At each commit QuestDB drops whole partitions older than min(wall clock, newest row) - TTL.
    """
    now_ns = time.time_ns() if now_ns is None else now_ns
    for each in wanted:
        ttl, oldest_ns, newest_ns = each.ttl, None, None
        if exists(pg, each.name):
            row = table_facts(pg, each.name)[0]
            ttl = (int(row["ttlValue"]), str(row["ttlUnit"])) if row["ttlValue"] else None
            column = each.columns[0][0] if isinstance(each, TableDef) else "timestamp_ns"
            if ttl is not None:
                found = pg.execute(f"SELECT min({column})::long, max({column})::long FROM {each.name}").fetchone()
                oldest_ns, newest_ns = found or (None, None)
        if ttl is None:
            continue
        ttl_ns = ttl[0] * TTL_HOURS[ttl[1].rstrip("S")] * NS_PER_HOUR
        said = ttl_clause(ttl).strip()
        last_ns = min(now_ns, end_ns)
        if last_ns - start_ns > ttl_ns:
            limit = (
                f"the run goes from {format_ts(start_ns)} to {format_ts(last_ns)}, {_hours(last_ns - start_ns)}, "
                f"and that TTL keeps {_hours(ttl_ns)}"
            )
            remedy = "Leave out --short_ttl, or shorten the run."
            raise InputError(explain(f"{each.name} with {said} would lose rows of this run", said, limit, remedy))
        if oldest_ns is not None and newest_ns is not None:
            first_ns = min(now_ns, max(newest_ns, start_ns))
            partition_ns = TTL_HOURS[each.partition_by] * NS_PER_HOUR
            if first_ns - (oldest_ns // partition_ns + 1) * partition_ns > ttl_ns:
                limit = (
                    f"its oldest row is of {format_ts(oldest_ns)}, {_hours(first_ns - oldest_ns)} before {format_ts(first_ns)}, "
                    f"and that TTL keeps {_hours(ttl_ns)}: the first commit would drop it"
                )
                remedy = "Write to other tables with --suffix, or take the TTL off (ALTER TABLE … SET TTL 0 HOURS)."
                raise InputError(explain(f"{each.name} with {said} would lose rows that are there", said, limit, remedy))


def wait_applied(pg: Any, tables: Sequence[str], timeout_s: float = 600.0) -> None:
    """Until the server has applied all that it has taken into these tables. Raises ``SinkError``."""
    until_s = time.monotonic() + timeout_s
    while True:
        rows = [
            row
            for row in named(pg, "SELECT name, suspended, writerTxn, sequencerTxn, errorTag, errorMessage FROM wal_tables()")
            if row["name"] in tables
        ]
        check_suspended(rows)
        behind = [row["name"] for row in rows if row["writerTxn"] < row["sequencerTxn"]]
        if not behind:
            return
        if time.monotonic() > until_s:
            raise SinkError(f"The server has not applied what it has of {', '.join(behind)} in {timeout_s:.0f} s. Look at its log.")
        time.sleep(0.05)


def check_suspended(rows: Sequence[dict[str, Any]]) -> None:
    """``rows`` of ``wal_tables()``. Raises ``SinkError`` for a table that takes rows and never applies them."""
    for row in rows:
        if row["suspended"]:
            tag, message = row["errorTag"] or "no tag", row["errorMessage"] or "no message"
            raise SinkError(
                f"The table {row['name']} is suspended: it takes rows and does not apply them ({tag}: {message}). "
                f"Mend the cause, run ALTER TABLE {row['name']} RESUME WAL; and go on with --incremental true."
            )


def table_facts(pg: Any, name: str) -> list[dict[str, Any]]:
    """One row, or none. Not all columns: some are times that no datetime can hold."""
    return named(pg, "SELECT partitionBy, ttlValue, ttlUnit FROM tables() WHERE table_name = %s", name)


def view_facts(pg: Any, name: str) -> list[dict[str, Any]]:
    """One row, or none: a view that was dropped with an error (``cut_short``) may still have one, of another folder."""
    columns = (
        "view_sql, refresh_type, timer_interval, timer_interval_unit, view_status, invalidation_reason, refresh_base_table_txn, "
        "base_table_txn, view_table_dir_name"
    )
    folders = [row["directoryName"] for row in named(pg, "SELECT directoryName FROM tables() WHERE table_name = %s", name)]
    rows = named(pg, f"SELECT {columns} FROM materialized_views() WHERE view_name = %s", name)
    return [row for row in rows if row["view_table_dir_name"] in folders]


def named(pg: Any, query: str, *arguments: str) -> list[dict[str, Any]]:
    """Rows with their columns by name: QuestDB's functions gain columns from release to release."""
    found = pg.execute(query, arguments or None)
    names = [column.name for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _plain(query: str) -> str:
    return " ".join(query.split())


def _columns(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{name} {kind}" for name, kind in columns)


def _hours(ns: int) -> str:
    return str(dt.timedelta(seconds=ns // NS_PER_S))


def _other(wanted: Wanted, has: str, want: str) -> str:
    rename = f"RENAME TABLE '{wanted.name}' TO '{wanted.name}_old';"
    remedy = f"It is left as it is: use other names with --suffix, or give it another: {rename}"
    return explain(f"{wanted.name} exists and is another", has, f"this run needs: {want}", remedy)
