"""``docs/tables.md``, the SQL that makes the tables, and the Arrow tables that the writers write: the same columns and types, in order."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from helpers import run, scenario
from made_rows import RUN

from simulator.book.reports import EVENT_FIELDS, Event
from simulator.inputs.config import AgentSpec
from simulator.records import EXTRA_TABLES, TABLES, EventKind, OrderBatch, columns
from simulator.tape.arrow import to_table
from simulator.tape.memory import empty_batch
from writers.questdb.schema import ORDINAL, TableDef, ddl

PAGE = (Path(__file__).parent.parent / "docs" / "tables.md").read_text()
ARROW = {
    "timestamp[ns, UTC]": pa.timestamp("ns", "UTC"),
    "double": pa.float64(),
    "int64": pa.int64(),
    "string": pa.string(),
    "dictionary of string": pa.dictionary(pa.int16(), pa.string()),
    "list of list of double": pa.list_(pa.list_(pa.float64())),
}


def documented(table: str) -> list[dict[str, str]]:
    """The rows of the page's table under that heading, by its header's words."""
    part = re.search(rf"^## {table}\n(.*?)(?=^#|\Z)", PAGE, re.DOTALL | re.MULTILINE)
    assert part is not None, f"docs/tables.md has no {table}"
    lines = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in part[1].splitlines() if line.startswith("|")]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[2:]]


def made(table: str) -> list[tuple[str, str]]:
    found = next(each for each in ddl(extra_tables=EXTRA_TABLES, views=False) if each.name == f"equities_{table}")
    assert isinstance(found, TableDef)
    return [(name, kind.split(" CAPACITY")[0]) for name, kind in found.columns]


@pytest.mark.parametrize("table", [*TABLES, "runs"])
def test_the_page_has_what_questdb_gets(table: str) -> None:
    assert [(row["column"], row["QuestDB"]) for row in documented(table)] == made(table)
    assert all(row["what it holds"] for row in documented(table))


@pytest.mark.parametrize("table", TABLES)
def test_the_page_has_what_arrow_and_parquet_get(table: str) -> None:
    schema = to_table(empty_batch(table, 4), RUN).schema
    rows = [row for row in documented(table) if row["column"] != ORDINAL]
    assert [(row["column"], ARROW[row["Arrow, Parquet"]]) for row in rows] == [(field.name, field.type) for field in schema]


def bystander(market: Any, orders: Any, rng: Any) -> Any:
    orders.buy("AAPL", "NASDAQ", 1, 100)
    yield market.wait(1)


@pytest.mark.parametrize("table", ["orders", "fills", "positions"])
def test_the_page_has_what_an_agents_results_have(table: str) -> None:
    market = run(scenario(names=("AAPL",), background=False, agents=(AgentSpec(name="bystander", make=bystander),)))
    schema = market.agents()["bystander"].arrow(table).schema
    rows = documented(f"agent {table}")
    words = [field.type for field in schema if pa.types.is_dictionary(field.type)]
    assert all(pa.types.is_string(word.value_type) for word in words)
    plain = [pa.dictionary(pa.int16(), pa.string()) if pa.types.is_dictionary(field.type) else field.type for field in schema]
    found = [(row["column"], ARROW[row["Arrow, Parquet"]]) for row in rows]
    if table == "positions":  # empty here: it has a row per symbol traded
        assert [name for name, _ in found] == schema.names
    else:
        assert found == list(zip(schema.names, plain, strict=True))


def test_no_column_is_one_letter_and_each_field_of_an_event_is_a_column() -> None:
    names = [name for name, _ in columns(empty_batch("orders", 4))]
    assert min(map(len, names)) > 3
    own = {name for fields in EVENT_FIELDS.values() for name in fields if name}
    assert own - {"reason"} <= set(names)
    assert own == set(Event._fields[5:])


def test_the_orders_table_has_in_each_kinds_own_columns_what_the_book_said() -> None:
    market = run(scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:03Z", names=("AAPL",), extra_tables=("orders",)))
    batch = market.tape()["orders"]
    assert isinstance(batch, OrderBatch)
    rows = market.pandas("orders")
    for kind in EventKind:
        for name in set(Event._fields[5:]) - {"reason"} - set(EVENT_FIELDS[kind]):
            assert set(rows.loc[rows.kind == kind.name, name]) <= {0, ""}, (kind, name)
    assert set(rows.loc[rows.kind == "ADD", "order_type"]) >= {"LIMIT", "IOC"}
    assert set(rows.loc[rows.kind == "CROSS", "cross_kind"]) == {"OPEN"}
    executed = rows[(rows.kind == "EXECUTE") & (rows.other_id > 0)]
    assert set(executed.other_id) <= set(rows.loc[rows.kind == "ADD", "order_id"])
