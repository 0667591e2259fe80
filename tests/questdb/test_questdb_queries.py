"""Every query of examples/sql, against a server after an open with a halt and a close: it answers, and DuckDB says the same of the files."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest

from scenarios.launcher.queries import Query, read_queries
from simulator.records import EXTRA_TABLES
from tests.database import at, command, connect
from writers.questdb.server import EmbeddedServer

ROOT = Path(__file__).parent.parent.parent
SUFFIX = "_asked"
OPEN = """\
symbols: [AAPL, NVDA, JPM]
rates: {market_data_min_eps: 20, market_data_max_eps: 60, trades_min_eps: 4, trades_max_eps: 16}
start_ts: 2025-07-01T13:29:30Z
end_ts: 2025-07-01T13:37:00Z
shocks:
  - {at: 2025-07-01T13:30:15Z, symbol: NVDA, by: -0.08, over_s: 20}
"""
"""Opening crosses, and NVDA paused for five minutes."""
CLOSE = (
    "--symbols", "AAPL,NVDA,JPM", "--market_data_min_eps", "20", "--market_data_max_eps", "60", "--trades_min_eps", "4",
    "--trades_max_eps", "16", "--start_ts", "2025-07-01T19:58:30Z", "--end_ts", "2025-07-01T20:00:30Z",
)  # fmt: skip
COMMON = ("--prices", "builtin", "--extra_tables", ",".join(EXTRA_TABLES), "--processes", "1")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The same rows twice."""

    pg: Any
    server: EmbeddedServer
    files: duckdb.DuckDBPyConnection


@pytest.fixture(scope="module")
def asked(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    home = tmp_path_factory.mktemp("asked")
    (home / "open.yaml").write_text(OPEN)
    for name, flags in (("open", ("--scenario", str(home / "open.yaml"))), ("close", CLOSE)):
        for where in (("--out", str(home / name)), (*at(server), "--suffix", SUFFIX)):
            done = command(*flags, *COMMON, *where)
            assert done.returncode == 0, done.stderr[-2000:]
    with connect(server) as pg, duckdb.connect() as files:
        setup = (ROOT / "examples" / "sql" / "duckdb" / "setup.sql").read_text()
        both = rf"['{home}/open/\1/**/*.parquet', '{home}/close/\1/**/*.parquet']"
        for statement in re.sub(r"'out/(\w+)/\*\*/\*\.parquet'", both, setup).split(";\n"):
            files.execute(statement).fetchall() if statement.strip() else None
        yield Asked(pg=pg, server=server, files=files)


def answer(connection: Any, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    found = connection.execute(sql)
    return [column[0] for column in found.description], found.fetchall()


def is_same(one: Any, other: Any) -> bool:
    """Numbers to nine digits; times without their zone, which is UTC in both."""
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(is_same, one, other))
    if hasattr(one, "tzinfo") and hasattr(other, "tzinfo"):
        return bool(one.replace(tzinfo=None) == other.replace(tzinfo=None))
    if one is None or other is None or isinstance(one, str):
        return bool(one == other)
    return math.isclose(float(one), float(other), rel_tol=1e-9, abs_tol=1e-9)


def faults(query: Query, columns: Sequence[str], rows: Sequence[tuple[Any, ...]], other: Sequence[tuple[Any, ...]]) -> list[str]:
    """What is wrong with an answer; ``other``: that of DuckDB."""
    if tuple(columns) != query.columns:
        return [f"{query.name}: columns {columns}, it says {query.columns}"]
    if not rows:
        return [f"{query.name}: no rows"]
    if len(rows) != len(other):
        return [f"{query.name}: {len(rows)} rows, DuckDB {len(other)}"]
    return [f"{query.name}: {a}, DuckDB {b}" for a, b in zip(rows, other, strict=True) if not all(map(is_same, a, b))][:1]


def test_every_query_answers_as_duckdb_does(asked: Asked) -> None:
    queries, others = read_queries(), {query.name: query for query in read_queries(dialect="duckdb")}
    assert len(queries) == 40
    assert set(others) == {query.name for query in queries}
    found = []
    for query in queries:
        columns, rows = answer(asked.pg, query.text(SUFFIX))
        other = others[query.name]
        other_columns, other_rows = answer(asked.files, other.sql)
        found += faults(query, columns, rows, other_rows)
        if (tuple(other_columns), other.about, other.shape) != (query.columns, query.about, query.shape):
            found.append(f"{query.name}: DuckDB's file says something else")
        if query.views:  # from the tables alone they say the same
            found += faults(query, *answer(asked.pg, query.text(SUFFIX, views=False)), rows)
    assert found == []
    assert sum(bool(query.views) for query in queries) >= 5


def test_a_wrong_number_a_missing_row_and_another_column_would_be_seen(asked: Asked) -> None:
    """The planted faults of the comparison above."""
    sizes, other = (next(query for query in read_queries(dialect=dialect) if query.name == "33_trade_sizes") for dialect in ("questdb", "duckdb"))
    _, want = answer(asked.files, other.sql)
    text = sizes.text(SUFFIX)
    assert faults(sizes, *answer(asked.pg, text), want) == []
    for wrong, message in (
        (text.replace("sum(size) AS shares", "sum(size) + 1 AS shares"), "DuckDB ('block'"),
        (text.replace("ORDER BY kind", "ORDER BY kind LIMIT 2"), "2 rows, DuckDB 3"),
        (text.replace("mean_size", "average"), "columns"),
        (text.replace("cond = 'T'", "cond = 'X'"), "no rows"),
    ):
        assert wrong != text
        assert message in faults(sizes, *answer(asked.pg, wrong), want)[0]


def test_a_query_takes_another_symbol_and_time(asked: Asked) -> None:
    bars = next(query for query in read_queries() if query.name == "16_bars_of_time")
    _, rows = answer(asked.pg, bars.text(SUFFIX, {"symbol": "JPM", "from": "2025-07-01T13:31:00Z", "to": "2025-07-01T13:33:00Z"}))
    assert [row[0].minute for row in rows] == [31, 32]
    assert min(row[3] for row in rows) > 250  # JPM's price, not AAPL's
    assert answer(asked.pg, bars.text(SUFFIX, {"symbol": "it's"}))[1] == []
