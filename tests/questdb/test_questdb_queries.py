"""Every query of examples/sql, against a server after an open with a halt and a close: it answers, and DuckDB says the same of the files."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from scenarios.launcher.main import command_line
from scenarios.launcher.queries import Query, read_queries
from scenarios.launcher.query_load import rows_in
from simulator.records import EXTRA_TABLES
from tests.database import at, command, connect
from writers.questdb.server import EmbeddedServer

ROOT = Path(__file__).parent.parent.parent
DASHBOARDS = sorted((ROOT / "examples" / "grafana" / "dashboards").glob("*.json"))
SUFFIX = "_asked"
OPEN = """\
symbols: [AAPL, NVDA, JPM]
rates: {market_data_min_eps: 20, market_data_max_eps: 60, trades_min_eps: 4, trades_max_eps: 16}
start_ts: 2025-07-01T13:29:50Z
end_ts: 2025-07-01T13:36:10Z
shocks:
  - {at: 2025-07-01T13:30:15Z, symbol: NVDA, by: -0.08, over_s: 20}
"""
"""Opening crosses, and NVDA paused for five minutes."""
CLOSE = (
    "--symbols", "AAPL,NVDA,JPM", "--market_data_min_eps", "20", "--market_data_max_eps", "60", "--trades_min_eps", "4",
    "--trades_max_eps", "16", "--start_ts", "2025-07-01T19:59:20Z", "--end_ts", "2025-07-01T20:00:20Z",
)  # fmt: skip
COMMON = ("--prices", "builtin", "--extra_tables", ",".join(EXTRA_TABLES), "--processes", "1", "--report", "false")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The same rows twice."""

    pg: Any
    server: EmbeddedServer
    files: duckdb.DuckDBPyConnection
    folder: Path
    """Of the first run."""
    suffix: str


@pytest.fixture(scope="module")
def asked(server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Asked]:
    with written(server, tmp_path_factory.mktemp("asked"), OPEN, SUFFIX) as found:
        yield found


@contextmanager
def written(server: EmbeddedServer, home: Path, scenario: str, suffix: str) -> Iterator[Asked]:
    """The scenario and the close, into the server and into files."""
    (home / "open.yaml").write_text(scenario)
    for name, flags in (("open", ("--scenario", str(home / "open.yaml"))), ("close", CLOSE)):
        for where in (("--out", str(home / name)), (*at(server), "--suffix", suffix)):
            done = command(*flags, *COMMON, *where)
            assert done.returncode == 0, done.stderr[-2000:]
    with connect(server) as pg, duckdb.connect() as files:
        setup = "".join((ROOT / "examples" / "sql" / "duckdb" / f"{name}.sql").read_text() for name in ("setup", "setup_extra_tables"))
        both = rf"['{home}/open/\1/**/*.parquet', '{home}/close/\1/**/*.parquet']"
        for statement in re.sub(r"'out/(\w+)/\*\*/\*\.parquet'", both, setup).split(";\n"):
            files.execute(statement).fetchall() if statement.strip() else None
        yield Asked(pg=pg, server=server, files=files, folder=home / "open", suffix=suffix)


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
    check_every_query(asked)


@pytest.mark.hour
def test_every_query_and_panel_answers_after_an_hour(server: EmbeddedServer, tmp_path: Path) -> None:
    """The same after the session's first hour."""
    with written(server, tmp_path, OPEN.replace("T13:36:10Z", "T14:30:00Z"), "_hour") as asked:
        check_every_query(asked)
        for file in DASHBOARDS:
            assert panel_faults(asked, json.loads(file.read_text())) == [], file.name


def check_every_query(asked: Asked) -> None:
    queries, others = read_queries(), {query.name: query for query in read_queries(dialect="duckdb")}
    assert len(queries) == 40
    assert set(others) == {query.name for query in queries}
    found = []
    for query in queries:
        columns, rows = answer(asked.pg, query.text(asked.suffix))
        other = others[query.name]
        other_columns, other_rows = answer(asked.files, other.sql)
        found += faults(query, columns, rows, other_rows)
        if (tuple(other_columns), other.about, other.shape) != (query.columns, query.about, query.shape):
            found.append(f"{query.name}: DuckDB's file says something else")
        if query.views:  # from the tables alone they say the same
            found += faults(query, *answer(asked.pg, query.text(asked.suffix, views=False)), rows)
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


def test_the_page_about_queries_can_be_followed(
    asked: Asked, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").symlink_to(asked.folder)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "queries.md").read_text(), re.DOTALL)
    exec(compile(code, "queries.md", "exec"), {})
    assert "minute" in capsys.readouterr().out


KINDS = {16: "BOOL", 701: "FLOAT8", 1043: "VARCHAR", 1114: "TIMESTAMP"}
"""PostgreSQL's numbers of the types that Grafana's plugin converts, and of text."""


def as_sent(sql: str, suffix: str) -> str:
    """What Grafana and its plugin make of a panel's SQL: a window around the rows, AAPL, three venues."""
    start_us, end_us = 1751376570000000, 1751400060000000
    sql = re.sub(
        r"\$__timeFilter\(([\w.]+)\)", rf"\1 >= cast({start_us} as timestamp) AND \1 <= cast({end_us} as timestamp)", sql
    )
    for name, value in (
        ("$__sampleByInterval", "10s"), ("${suffix}", suffix), ("${symbol:sqlstring}", "'AAPL'"), ("${venue:sqlstring}", "'NASDAQ','NYSE','ARCA'"),
    ):  # fmt: skip
        sql = sql.replace(name, value)
    return sql


def panel_faults(asked: Asked, made: dict[str, Any]) -> list[str]:
    """What is wrong with a dashboard's panels and variables."""
    found = []
    asks = [(panel["title"], panel["targets"][0]["rawSql"], panel["targets"][0]["format"]) for panel in made["panels"]]
    asks += [(each["name"], each["query"], 1) for each in made["templating"]["list"] if each["type"] == "query"]
    for title, sql, form in asks:
        try:
            answered = asked.pg.execute(as_sent(sql, asked.suffix))
        except psycopg.DatabaseError as error:
            found.append(f"{title}: {error}")
            continue
        kinds = [(column.name, KINDS.get(column.type_code, str(column.type_code))) for column in answered.description]
        if not answered.fetchall():
            found.append(f"{title}: no rows")
        if [name for name, kind in kinds if kind.isdigit()] or (form == 0 and kinds[0] != ("time", "TIMESTAMP")):
            found.append(f"{title}: {kinds}")
    return found


def test_every_panel_and_variable_of_the_dashboards_answers(asked: Asked) -> None:
    for file in DASHBOARDS:
        assert panel_faults(asked, json.loads(file.read_text())) == [], file.name


def test_a_dashboard_with_a_column_or_table_that_is_not_there_is_found(asked: Asked) -> None:
    """The planted faults of the check above."""
    text = next(file.read_text() for file in DASHBOARDS if file.stem == "market")
    for old, new, said in (
        ("array_sum(bids[2])", "array_sum(bid_sizes)", "Shares displayed: Invalid column: bid_sizes"),
        ("FROM nbbo_1s$", "FROM nbbo_2s$", "Best bid and offer: table does not exist"),
        ("sum(size)::double AS shares FROM equities_trades${suffix} WHERE symbol", "sum(size) AS shares FROM equities_trades${suffix} WHERE symbol", "Shares traded: [('shares', '20')]"),
        ("AS time, last(best_bid)", "AS at, last(best_bid)", "Best bid and offer: [('at', 'TIMESTAMP')"),
        ("cond FROM equities_trades${suffix} WHERE", "cond FROM equities_trades${suffix} WHERE price < 0 AND", "Tape: no rows"),
    ):
        assert old in text
        found = panel_faults(asked, json.loads(text.replace(old, new)))
        assert [each for each in found if each.startswith(said)], (said, found)


def test_a_query_load_asks_everything_and_the_same_again(asked: Asked, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    common = ("query_load", *at(asked.server)[:-2], "--suffix", SUFFIX, "--clients", "2", "--rounds", "1")
    assert command_line((*common, "--html", str(page))) == 0, capsys.readouterr().err
    said, text = capsys.readouterr().out, page.read_text()
    for query in read_queries():
        assert said.count(f" {query.name} ") == text.count(f">{query.name}<br>") == (2 if query.views else 1), query.name
    assert "2 clients for" in said
    assert "Meanwhile no rows came in" in said
    some = (*common, "--queries", "16_bars_of_time,29_quotes_around_trades,12_nbbo_locked_or_crossed")
    counts = []
    for seed in ("7", "7", "8"):
        assert command_line((*some, "--seed", seed)) == 0
        counts.append(re.findall(r"answers, .* with ([\d,]+) rows", capsys.readouterr().out))
    assert counts[0] == counts[1] != counts[2]
    assert command_line((*common[:-4], "--suffix", "_nobody")) == 2
    assert "there is no table equities_trades_nobody" in " ".join(capsys.readouterr().err.split())


def test_a_query_load_beside_a_run_counts_what_comes_in(server: EmbeddedServer, pg: Any, suffix: str, capsys: pytest.CaptureFixture[str]) -> None:
    slow = ("--trades_min_eps", "5", "--trades_max_eps", "20")
    few = ("--symbols", "AAPL", "--prices", "builtin", "--processes", "1", "--market_data_min_eps", "50", "--market_data_max_eps", "100", *slow)
    past = ("--start_ts", "2025-07-01T13:30:00Z", "--end_ts", "2025-07-01T13:30:04Z", "--create_views", "false")
    assert command(*few, *past, *at(server), "--suffix", suffix).returncode == 0
    common = ("query_load", *at(server)[:-2], "--suffix", suffix, "--clients", "2", "--seconds", "1.5", "--queries", "16_bars_of_time")
    beside = " ".join((*few, "--mode", "real-time", "--create_views", "false", "--session_pacing", "false"))
    before = rows_in(pg, suffix)
    assert command_line((*common, "--ingest", beside)) == 0  # it begins when rows come in
    assert re.search(r"Meanwhile (no|[\d,]+) rows came in", capsys.readouterr().out)
    assert rows_in(pg, suffix) > before
    assert command_line((*common, "--ingest", "--bogus 1")) == 2
    assert "the run ended before its first row: " in " ".join(capsys.readouterr().err.split())
