"""Tables that version 0.1 made on a server: refused with statements that work there, and its record continued."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import duckdb

from simulator.records import CrossKind, OrderType
from tests.database import at, command, digest_of
from writers.questdb import existing, schema
from writers.questdb.server import EmbeddedServer

OLD = Path(__file__).parent.parent / "data" / "version_0_1"
PLAIN = ("--create_views", "false")
BASE = "timestamp_ns TIMESTAMP_NS, symbol SYMBOL CAPACITY 256, venue SYMBOL CAPACITY 32"
TABLES_OF_0_1 = {
    "market_data": f"({BASE}, bids DOUBLE[][], asks DOUBLE[][]) timestamp(timestamp_ns) PARTITION BY HOUR DEDUP UPSERT KEYS(timestamp_ns, symbol, venue)",
    "trades": f"({BASE}, price DOUBLE, size LONG, side SYMBOL, cond SYMBOL) timestamp(timestamp_ns) PARTITION BY DAY DEDUP UPSERT KEYS(timestamp_ns, symbol, venue)",
    "runs": "(ts TIMESTAMP, run_id VARCHAR, event SYMBOL, manifest VARCHAR) timestamp(ts) PARTITION BY MONTH",
    "orders": f"({BASE}, action LONG, kind SYMBOL, order_id LONG, side SYMBOL, price DOUBLE, size LONG, a LONG, b LONG, ordinal LONG) "
    "timestamp(timestamp_ns) PARTITION BY HOUR DEDUP UPSERT KEYS(timestamp_ns, symbol, venue, ordinal)",
}
"""As its own SQL had them."""
CROSS = (1_751_400_000_000_000_000, "JPM", "NYSE", 9_000, "CROSS", 0, "S", 289.5, 300, 500, int(CrossKind.CLOSE))
"""Two seconds in the morning have none."""


def create(pg: Any, suffix: str, *tables: str) -> None:
    for table in tables:
        pg.execute(f"CREATE TABLE equities_{table}{suffix} {TABLES_OF_0_1[table]}")


def rows_of_0_1() -> list[tuple[Any, ...]]:
    """Rows of ``orders`` of each kind that the committed output of 0.1 has, and a cross."""
    columns = "epoch_ns(timestamp_ns), symbol, venue, action, kind, order_id, side, price, size, a, b"
    with duckdb.connect() as con:
        files = f"read_parquet('{OLD}/equities_orders/*/*/*.parquet')"
        found = con.execute(f"SELECT {columns} FROM {files} QUALIFY row_number() OVER (PARTITION BY kind, b ORDER BY timestamp_ns, action) <= 8").fetchall()
    return [*found, CROSS]


def meant(kind: str, a: int, b: int) -> tuple[Any, ...]:
    """display, hidden_size, other_id, order_type, imbalance, cross_kind: what ``a`` and ``b`` of 0.1 held."""
    return (
        a if kind in ("ADD", "REPLACE") else None, a if kind in ("EXECUTE", "REFILL", "REST", "CANCEL", "REDUCE") else None,
        b if kind in ("EXECUTE", "REPLACE") else None, OrderType(b).name if kind == "ADD" else None,
        a if kind == "CROSS" else None, CrossKind(b).name if kind == "CROSS" else None,
    )  # fmt: skip


def test_an_orders_table_of_0_1_is_brought_to_todays_columns_by_the_statements_it_is_refused_with(server: EmbeddedServer, pg: Any, suffix: str) -> None:
    create(pg, suffix, "market_data", "trades", "runs", "orders")
    before = rows_of_0_1()
    assert {row[4] for row in before} >= {"ADD", "EXECUTE", "CANCEL", "REST", "CROSS"}
    values = ", ".join(f"({ns}::timestamp_ns, {', '.join(map(repr, rest))}, {n})" for n, (ns, *rest) in enumerate(before))
    pg.execute(f"INSERT INTO equities_orders{suffix} VALUES {values}")
    existing.wait_applied(pg, [f"equities_orders{suffix}"])
    short = ("--symbols", "JPM,XOM", "--prices", "builtin", "--extra_tables", "orders", "--suffix", suffix, *at(server), *PLAIN)
    window = ("--start_ts", "2025-07-02T14:00:00Z", "--end_ts", "2025-07-02T14:00:01Z")
    refused = command(*short, *window)
    assert refused.returncode == 2
    assert "it is a table of version 0.1" in refused.stderr
    statements = re.findall(r"(?:ALTER TABLE|UPDATE) equities_orders[^;]+;", refused.stderr)
    assert len(statements) == 14
    for statement in statements:
        pg.execute(statement)
        existing.wait_applied(pg, [f"equities_orders{suffix}"])
    kept = pg.execute(
        "SELECT timestamp_ns::long, symbol, venue, action, kind, order_id, side, price, size, display, hidden_size, other_id, order_type, imbalance, cross_kind "
        f"FROM equities_orders{suffix} ORDER BY ordinal"
    ).fetchall()
    assert [tuple(row) for row in kept] == [(*row[:9], *meant(row[4], row[9], row[10])) for row in before]
    done = command(*short, *window)
    assert done.returncode == 0, done.stderr
    assert pg.execute(f"SELECT count() FROM equities_orders{suffix}").fetchone()[0] > len(before)


def test_the_record_of_0_1_in_a_runs_table_is_continued(server: EmbeddedServer, pg: Any, suffix: str) -> None:
    create(pg, suffix, "market_data", "trades", "runs")
    text = (OLD / "manifest.json").read_text().replace('"complete": true', '"complete": false').replace('"suffix": ""', f'"suffix": "{suffix}"')
    pg.execute(f"INSERT INTO equities_runs{suffix} VALUES (1751378400000000::timestamp, 'old', 'started', '{text}')")
    existing.wait_applied(pg, [f"equities_runs{suffix}"])
    done = command(*at(server), "--suffix", suffix, *PLAIN, "--incremental", "true")
    assert digest_of(done) == digest_of(command("--repeat", str(OLD), "--writer", "null"))
    assert "The recorded run was made with sources of 0.1" in " ".join(f"{done.stdout} {done.stderr}".split())
    (statement,) = re.findall(rf"ALTER TABLE equities_runs{suffix} DEDUP ENABLE UPSERT KEYS[^;]+;", done.stderr)
    pg.execute(statement)
    existing.wait_applied(pg, [f"equities_runs{suffix}"])
    assert existing.compare(pg, schema.ddl(suffix, extra_tables=("orders",), views=False), needs_dedup=True) == []
