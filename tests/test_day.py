"""A whole simulated day by the command, and DuckDB's word on it; and that each of its checks can fail."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
from helpers import FOUR, LOW, scenario
from integrity import violations

from simulator.inputs.sessions import parse_ts, trading_days
from simulator.inputs.universe import load_universe
from simulator.simulation import simulate
from writers.parquet import ParquetSink

START, END = "2025-07-01T13:29:55Z", "2025-07-01T13:30:20Z"


@pytest.mark.day
def test_a_whole_day_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "scenarios.full_day", "--out", str(out), "--extra_tables", "truth"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["complete"]
    assert manifest["digest"] in done.stdout
    assert manifest["rows"]["market_data"] > 8_000_000
    day = trading_days(parse_ts(START), parse_ts(END))[0]
    listing = {s.name: s.listing for s in load_universe().symbols}
    found = violations(out, levels=10, listing=listing, sessions=[(day.open_ns, day.close_ns)], rates=(150, 600, 30, 150), every_venue=True)
    assert found == dict.fromkeys(found, 0)
    with duckdb.connect() as con:
        crosses = con.execute(
            f"SELECT cond, count(*), count(DISTINCT symbol) FROM read_parquet('{out}/equities_trades/*/*/*.parquet') WHERE cond <> 'T' GROUP BY cond"
        ).fetchall()
    assert sorted(crosses) == [("C", 30, 30), ("O", 30, 30)]


# A fault for each check: the table, and what one row (or all) of it becomes. ``n`` numbers the rows in order of time.
FAULTS = {
    "levels sorted": ("market_data", "n = 300", "[list_reverse(bids[1]), bids[2]] AS bids"),
    "uncrossed": ("market_data", "n = 300", "asks AS bids"),
    "sizes positive": ("market_data", "n = 300", "[bids[1], list_transform(bids[2], lambda x: x * 0)] AS bids"),
    "equal N": ("market_data", "n = 300", "[bids[1], bids[2][1:9]] AS bids"),
    "five levels nearly always": ("market_data", "n BETWEEN 300 AND 400", "[bids[1][1:3], bids[2][1:3]] AS bids"),
    "on the tick grid": ("market_data", "n = 300", "[list_transform(bids[1], lambda x: x + 0.003), bids[2]] AS bids"),
    "keys unique": ("market_data", "n = 300", "(SELECT max(timestamp_ns) FROM plain WHERE symbol = p.symbol AND venue = p.venue) AS timestamp_ns"),
    "time order": ("market_data", "n = 300", "timestamp_ns + INTERVAL 5 SECOND AS timestamp_ns"),
    "partition holds its hour": ("market_data", "n = 300", "timestamp_ns + INTERVAL 1 HOUR AS timestamp_ns"),
    "trades in their phase": ("trades", "n = 40", "timestamp_ns - INTERVAL 30 MINUTE AS timestamp_ns"),
    "crosses where listed": ("trades", "cond = 'O'", "'IEX' AS venue"),
    "one cross each": ("trades", "n = (SELECT max(n) FROM plain)", "'O' AS cond"),
    "price and size positive": ("trades", "n = 40", "0 AS size"),
    "print at a displayed price": ("truth", "n = (SELECT min(n) FROM plain WHERE hidden_size = 0 AND taker_order > 0)", "price + 5 AS price"),
    "print within the quote": ("truth", "n = (SELECT min(n) FROM plain WHERE hidden_size = size AND taker_order > 0)", "price + 0.5 AS price"),
    "mass balance": ("truth", "n = (SELECT min(n) FROM plain WHERE hidden_size = 0 AND taker_order > 0)", "size + 1 AS size"),
    "no row without change": ("market_data", "n > 100", "timestamp_ns + INTERVAL 1 SECOND AS timestamp_ns"),
    "truth sums to the prints": ("trades", "n = 40", "size + 1 AS size"),
    "crosses balance": ("truth", "n = (SELECT min(n) FROM plain WHERE taker_order = 0)", "size + 1 AS size"),
    "side is the aggressor's": ("trades", "n = 40", "CASE side WHEN 'B' THEN 'S' ELSE 'B' END AS side"),
    "book rates": ("market_data", "second = (SELECT max(second) - 3 FROM plain)", "NULL AS dropped"),
    "print rates": ("trades", "second = (SELECT max(second) - 3 FROM plain)", "NULL AS dropped"),
    "every venue every second": ("market_data", "symbol = 'XOM' AND venue = 'IEX' AND second = (SELECT max(second) - 3 FROM plain)", "NULL AS dropped"),
}  # fmt: skip


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run of four symbols around the open."""
    folder = tmp_path_factory.mktemp("good")
    simulate(scenario(START, END, extra_tables=("truth",)), ParquetSink(folder))
    return folder


def check(folder: Path) -> dict[str, int]:
    listing = {s.name: s.listing for s in load_universe().symbols if s.name in FOUR}
    rates = (LOW.market_data_min_eps, LOW.market_data_max_eps, LOW.trades_min_eps, LOW.trades_max_eps)
    return violations(
        folder, levels=10, listing=listing, sessions=[(parse_ts("2025-07-01T13:30:00Z"), parse_ts(END))], rates=rates, every_venue=True
    )


def test_a_small_run_is_clean_and_every_check_has_a_fault(good: Path) -> None:
    found = check(good)
    assert found == dict.fromkeys(found, 0)
    assert found.keys() == FAULTS.keys()


@pytest.fixture
def broken(good: Path, tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """A copy of the good run with one fault in it."""
    table, where, change = FAULTS[request.param]
    with duckdb.connect() as con:
        for path in good.rglob("*.parquet"):
            copy = tmp_path / path.relative_to(good)
            copy.parent.mkdir(parents=True, exist_ok=True)
            con.execute(
                f"CREATE OR REPLACE TEMP TABLE plain AS SELECT *, file_row_number AS n, epoch_ns(timestamp_ns) // 1000000000 AS second "
                f"FROM read_parquet('{path}', file_row_number = true, hive_partitioning = false)"
            )
            if f"equities_{table}/" not in str(path):
                changed = "SELECT * FROM plain p"
            elif change == "NULL AS dropped":
                changed = f"SELECT * FROM plain p WHERE NOT ({where})"
            else:
                value, column = change.rsplit(" AS ", 1)
                changed = f"SELECT * REPLACE (CASE WHEN {where} THEN {value} ELSE {column} END AS {column}) FROM plain p"
            con.execute(f"COPY (SELECT * EXCLUDE (n, second, file_row_number) FROM ({changed}) ORDER BY n) TO '{copy}'")
    return tmp_path


@pytest.mark.parametrize("broken", FAULTS, indirect=True, ids=list(FAULTS))
def test_a_planted_fault_is_found(broken: Path, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id
    assert check(broken)[name] > 0
