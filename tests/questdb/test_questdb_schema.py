"""What is made in the server, read back from it; and what is said of objects that are there already."""

from __future__ import annotations

import time
from typing import Any

import pytest

from simulator.errors import InputError
from simulator.inputs.sessions import parse_ts
from simulator.records import EXTRA_TABLES, NS_PER_HOUR
from tests.database import SMALL, at, command
from writers.questdb import existing, schema
from writers.questdb.schema import ORDINAL, TableDef, ViewDef
from writers.questdb.server import EmbeddedServer

BOOK = [("timestamp_ns", "TIMESTAMP_NS", True), ("symbol", "SYMBOL", True), ("venue", "SYMBOL", True)]
TYPES = {
    "equities_market_data": [*BOOK, ("bids", "DOUBLE[][]", False), ("asks", "DOUBLE[][]", False)],
    "equities_trades": [
        *BOOK, ("price", "DOUBLE", False), ("size", "LONG", False), ("side", "SYMBOL", False), ("cond", "SYMBOL", False),
    ],
}  # fmt: skip
PARTITIONS = {
    "equities_market_data": "HOUR", "equities_trades": "DAY", "equities_orders": "HOUR", "equities_truth": "DAY",
    "equities_status": "DAY", "equities_imbalances": "DAY", "equities_sip": "HOUR",
    "top_of_book_1s": "HOUR", "nbbo_1s": "HOUR", "trades_ohlcv_1s": "HOUR", "nbbo_1m": "DAY", "trades_ohlcv_1m": "DAY",
}  # fmt: skip


@pytest.mark.parametrize("short_ttl", [False, True])
def test_everything_is_as_the_specification_has_it(pg: Any, suffix: str, short_ttl: bool) -> None:
    schema.create(pg, schema.ddl(suffix, short_ttl, EXTRA_TABLES))
    for name, columns in TYPES.items():
        found = pg.execute(f"SELECT \"column\", type, upsertKey FROM table_columns('{name}{suffix}')").fetchall()
        assert found == columns
    for table in EXTRA_TABLES:
        name = f"equities_{table}"
        keys = pg.execute(f"SELECT \"column\" FROM table_columns('{name}{suffix}') WHERE upsertKey").fetchall()
        assert {key for (key,) in keys} == {"timestamp_ns", "symbol", "venue", ORDINAL} - ({"venue"} if table == "sip" else set())
    capacities = pg.execute(f"SELECT symbolCapacity FROM table_columns('equities_trades{suffix}') WHERE type = 'SYMBOL'").fetchall()
    assert [capacity for (capacity,) in capacities[:2]] == [256, 32]
    for name, partition in PARTITIONS.items():
        query = "SELECT partitionBy, ttlValue, ttlUnit, designatedTimestamp, walEnabled, dedup FROM tables() WHERE table_name = %s"
        found_by, value, unit, designated, is_wal, has_dedup = pg.execute(query, (name + suffix,)).fetchone()
        assert (found_by, designated, is_wal) == (partition, "timestamp_ns", True)
        assert has_dedup or not name.startswith("equities_")
        wanted = ((3, "DAY") if partition == "HOUR" else (1, "MONTH")) if short_ttl else (0, unit)
        assert (value, unit) == wanted, name
    query = f"SELECT view_name, refresh_type, timer_interval, timer_interval_unit, view_status FROM materialized_views() WHERE view_name LIKE '%{suffix}'"
    views = {name: (kind, every, str(unit)) for name, kind, every, unit, status in pg.execute(query).fetchall() if status == "valid"}
    assert {name for name, (kind, *_) in views.items() if kind == "immediate"} == {f"{n}{suffix}" for n in ("top_of_book_1s", "nbbo_1s", "trades_ohlcv_1s")}
    assert {(name, every, unit) for name, (kind, every, unit) in views.items() if kind == "timer"} == {(f"{n}{suffix}", 1, "MINUTE") for n in ("nbbo_1m", "trades_ohlcv_1m")}
    assert existing.compare(pg, schema.ddl(suffix, short_ttl, EXTRA_TABLES)) == []


def test_a_view_that_the_list_of_views_leaves_out_for_a_moment_is_looked_for_again(
    pg: Any, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = schema.ddl(suffix)
    schema.create(pg, wanted)
    known, name = existing.view_facts, f"trades_ohlcv_1s{suffix}"
    left = 2

    def facts(pg: Any, asked: str) -> list[dict[str, Any]]:
        nonlocal left
        if asked == name and left:
            left -= 1
            return []
        return known(pg, asked)

    monkeypatch.setattr(existing, "view_facts", facts)
    assert existing.compare(pg, wanted) == []
    assert left == 0


def test_the_specifications_own_text_makes_the_same_objects(pg: Any, suffix: str) -> None:
    """The DDL of spec.md, typed off it, is equal to ours but for DEDUP: that is a warning with the statement that mends it."""
    pg.execute(f"""CREATE TABLE IF NOT EXISTS equities_trades{suffix} (
  timestamp_ns TIMESTAMP_NS, symbol SYMBOL CAPACITY 256, venue SYMBOL CAPACITY 32, price DOUBLE, size LONG, side SYMBOL, cond SYMBOL
) timestamp(timestamp_ns) PARTITION BY DAY""")
    pg.execute(f"""CREATE MATERIALIZED VIEW IF NOT EXISTS trades_ohlcv_1s{suffix} AS (
  SELECT timestamp_ns, symbol, first(price) AS open, max(price)   AS high, min(price)   AS low, last(price)  AS close,
    sum(size)    AS volume, sum(price * size) / nullif(sum(size), 0) AS vwap
  FROM equities_trades{suffix} SAMPLE BY 1s ) PARTITION BY HOUR""")
    wanted = schema.ddl(suffix)
    (warning,) = existing.compare(pg, wanted)
    statement = f"ALTER TABLE equities_trades{suffix} DEDUP ENABLE UPSERT KEYS(timestamp_ns, symbol, venue)"
    assert statement in warning
    with pytest.raises(InputError, match="DEDUP ENABLE"):
        existing.compare(pg, wanted, needs_dedup=True)
    pg.execute(statement)
    existing.wait_applied(pg, [f"equities_trades{suffix}"])
    assert existing.compare(pg, wanted, needs_dedup=True) == []
    (ttl,) = existing.compare(pg, [each for each in schema.ddl(suffix, True) if each.name == f"equities_trades{suffix}"])
    assert f"ALTER TABLE equities_trades{suffix} SET TTL 1 MONTH;" in ttl


@pytest.mark.parametrize(
    ("name", "sql", "said"),
    [
        ("equities_trades", "CREATE TABLE {} (timestamp_ns TIMESTAMP, symbol SYMBOL) timestamp(timestamp_ns) PARTITION BY DAY", "TIMESTAMP_NS"),
        ("equities_market_data", "CREATE TABLE {} (timestamp_ns TIMESTAMP_NS, symbol SYMBOL, venue SYMBOL, bids DOUBLE[][], asks DOUBLE[][]) timestamp(timestamp_ns) PARTITION BY DAY", "PARTITION BY HOUR"),
        ("nbbo_1s", "CREATE TABLE {} (timestamp_ns TIMESTAMP_NS) timestamp(timestamp_ns) PARTITION BY DAY", "a materialized view is wanted"),
    ],
)  # fmt: skip
def test_another_object_of_that_name_is_refused_and_left_alone(server: EmbeddedServer, pg: Any, suffix: str, name: str, sql: str, said: str) -> None:
    pg.execute(sql.format(name + suffix))
    with pytest.raises(InputError, match=said):
        existing.compare(pg, schema.ddl(suffix))
    refused = command(*SMALL, *at(server), "--suffix", suffix)
    assert refused.returncode == 2
    assert said in refused.stderr
    assert "--suffix" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert pg.execute("SELECT count() FROM tables() WHERE table_name LIKE %s", (f"%{suffix}",)).fetchone()[0] == 1, "something was created"


def test_another_text_of_a_view_is_refused_with_both(pg: Any, suffix: str) -> None:
    wanted = schema.ddl(suffix)
    schema.create(pg, [each for each in wanted if isinstance(each, TableDef)])
    view = next(each for each in wanted if isinstance(each, ViewDef))
    pg.execute(view.sql.replace("last(bids[2][1])", "first(bids[2][1])"))
    with pytest.raises(InputError) as told:
        existing.compare(pg, wanted)
    assert "first(bids[2][1]) AS bid_size" in str(told.value)
    assert "last(bids[2][1]) AS bid_size" in str(told.value)


def test_a_ttl_that_would_lose_rows_is_refused_with_the_arithmetic(pg: Any, suffix: str) -> None:
    wanted = schema.ddl(suffix, True, views=False)
    start_ns = parse_ts("2025-07-01T08:00:00Z")
    existing.check_ttl(pg, wanted, start_ns, start_ns + 72 * NS_PER_HOUR)
    with pytest.raises(InputError, match="3 days, 1:00:00, and that TTL keeps 3 days, 0:00:00"):
        existing.check_ttl(pg, wanted, start_ns, start_ns + 73 * NS_PER_HOUR)
    existing.check_ttl(pg, schema.ddl(suffix, False), start_ns, start_ns + 9999 * NS_PER_HOUR)  # without TTL nothing is lost
    schema.create(pg, wanted)
    table = f"equities_market_data{suffix}"
    pg.execute(f"INSERT INTO {table} VALUES ('2025-07-01T08:30:00Z', 'AAPL', 'IEX', ARRAY[[1.0],[1.0]], ARRAY[[2.0],[1.0]])")
    existing.wait_applied(pg, [table])
    later = parse_ts("2025-07-20T08:00:00Z")
    with pytest.raises(InputError, match="the first commit would drop it"):
        existing.check_ttl(pg, wanted, later, later + NS_PER_HOUR)
    existing.check_ttl(pg, wanted, start_ns + 24 * NS_PER_HOUR, start_ns + 25 * NS_PER_HOUR)
    with pytest.raises(InputError, match="the first commit would drop it"):
        existing.check_ttl(pg, wanted, time.time_ns(), time.time_ns())  # today's data into last year's table


def test_the_server_does_drop_what_the_check_refuses(pg: Any, suffix: str) -> None:
    """The arithmetic above is the server's."""
    schema.create(pg, schema.ddl(suffix, True, views=False))
    table = f"equities_market_data{suffix}"
    for day in ("01", "20"):
        pg.execute(f"INSERT INTO {table} VALUES ('2025-07-{day}T08:30:00Z', 'AAPL', 'IEX', ARRAY[[1.0],[1.0]], ARRAY[[2.0],[1.0]])")
        existing.wait_applied(pg, [table])
    assert pg.execute(f"SELECT count() FROM {table}").fetchone()[0] == 1


def test_print_ddl_prints_what_can_be_pasted(pg: Any, suffix: str) -> None:
    done = command("--print_ddl", "true", "--suffix", suffix, "--short_ttl", "true", "--extra_tables", "orders")
    assert done.returncode == 0
    statements = [part.strip() for part in done.stdout.split(";") if part.strip()]
    assert len(statements) == 2 + 2 + 1 + 5
    for statement in statements:
        pg.execute(statement)
    assert existing.compare(pg, schema.ddl(suffix, True, ("orders",)), needs_dedup=True) == []


@pytest.mark.parametrize("bad", ["a;b", "a b", "é", "x'", "a-b"])
def test_a_suffix_that_is_not_letters_digits_and_underscores_is_refused(bad: str) -> None:
    refused = command("--print_ddl", "true", "--suffix", bad)
    assert refused.returncode == 2
    assert "letters, digits and underscores" in refused.stderr
