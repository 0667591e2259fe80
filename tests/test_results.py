"""What an agent came to: recomputed by DuckDB from the market's own tables, and from its fills."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import BEFORE_OPEN, LOW, run, scenario
from scripted import BASE_NS, Act, Stroke, actor, scripted_run
from test_agents import trade_much

from simulator.analysis.impact import with_and_without
from simulator.errors import InputError
from simulator.inputs.config import AgentSpec, Fees
from simulator.records import OrderType, Side
from simulator.simulation import simulate
from writers.parquet import ParquetSink
from writers.results import write_results

BUY, SELL = Side
A = ("AAPL", "NASDAQ")
MS = 1_000_000
FEES = Fees(maker_usd=-0.0017, taker_usd=0.0029, cross_usd=0.0011)


def crosser(market: Any, orders: Any, rng: Any, symbol: str) -> Any:
    """Takes part in the opening cross, then makes and takes."""
    orders.buy(symbol, None, 0, 700, type=OrderType.MARKET_ON_OPEN)
    yield from trade_much(market, orders, rng)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirteen seconds around the open, with three agents, as Parquet."""
    out = tmp_path_factory.mktemp("results")
    agents = (
        AgentSpec(name="one", make=crosser, arguments={"symbol": "XOM"}),
        AgentSpec(name="two o'clock", make=crosser, arguments={"symbol": "JPM"}, latency_ns={"NYSE": 1, "*": 3 * MS}),
        AgentSpec(name="watcher", make=lambda market, orders, rng: idle(market)),
    )
    chosen = scenario(BEFORE_OPEN, "2025-07-01T13:30:03Z", rates=LOW, agents=agents, extra_tables=("truth",), fees=FEES)
    result = simulate(chosen, ParquetSink(out))
    write_results(out, result.agents)
    return out


def idle(market: Any) -> Any:
    while True:
        yield market.wait(10**9)


ACCOUNTS = """
WITH sides AS (
  SELECT maker AS agent, symbol, CASE WHEN taker_order = 0 THEN 'cross' ELSE 'maker' END AS role,
         CASE resting_side WHEN 'B' THEN size ELSE -size END AS shares, price FROM truth
  UNION ALL
  SELECT taker, symbol, 'taker', CASE resting_side WHEN 'B' THEN -size ELSE size END, price FROM truth WHERE taker_order > 0)
SELECT agent, symbol, sum(shares)::BIGINT AS shares, sum(-shares * price) AS cash,
       sum(abs(shares)) FILTER (role = 'maker') AS maker, sum(abs(shares)) FILTER (role = 'taker') AS taker,
       sum(abs(shares)) FILTER (role = 'cross') AS crossed, count(*) AS fills
FROM sides WHERE agent NOT IN ('cross', 'maker', 'depth', 'taker', 'customer', 'institution', 'auction', '') GROUP BY ALL ORDER BY ALL
"""


def accounts(folder: Path) -> dict[tuple[str, str], tuple[Any, ...]]:
    duckdb.sql(f"CREATE OR REPLACE VIEW truth AS SELECT * FROM read_parquet('{folder}/equities_truth/**/*.parquet')")
    return {row[:2]: tuple(value or 0 for value in row[2:]) for row in duckdb.sql(ACCOUNTS).fetchall()}


def kept(folder: Path, agent: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(folder / "agents" / agent / "positions.parquet").to_pylist()
    return rows


def mid_usd(folder: Path, symbol: str) -> float:
    """Of each venue's last book row."""
    bid, ask = duckdb.sql(f"""
        SELECT max(bid), min(ask) FROM (
          SELECT venue, last(bids[1][1] ORDER BY timestamp_ns) AS bid, last(asks[1][1] ORDER BY timestamp_ns) AS ask
          FROM read_parquet('{folder}/equities_market_data/**/*.parquet') WHERE symbol = '{symbol}' GROUP BY venue)""").fetchall()[0]
    return float(bid + ask) / 2


def test_positions_cash_fees_and_profit_are_those_of_the_tables(folder: Path) -> None:
    expected = accounts(folder)
    assert len(expected) >= 4
    assert {name for name, _ in expected} == {"one", "two o'clock"}
    found = 0
    for name, path in (("one", "one"), ("two o'clock", "two o%27clock")):
        for row in kept(folder, path):
            shares, cash, maker, taker, crossed, fills = expected[name, row["symbol"]]
            assert (row["shares"], row["shares_maker"], row["shares_taker"], row["shares_cross"], row["fills"]) == (
                shares, maker, taker, crossed, fills,
            )  # fmt: skip
            fees = maker * FEES.maker_usd + taker * FEES.taker_usd + crossed * FEES.cross_usd
            assert math.isclose(row["cash_usd"], cash, abs_tol=1e-6)
            assert math.isclose(row["fees_usd"], fees, abs_tol=1e-9)
            assert math.isclose(row["mark_usd"], mid_usd(folder, row["symbol"]), abs_tol=1e-9)
            assert math.isclose(row["pnl_usd"], cash - fees + shares * mid_usd(folder, row["symbol"]), abs_tol=1e-5)
            found += 1
    assert found == len(expected)
    assert sum(row[4] for row in expected.values()) == 1_400
    assert kept(folder, "watcher") == []


def test_a_share_too_many_in_the_tables_is_noticed(folder: Path, tmp_path: Path) -> None:
    """The check above compares two things, not one with itself."""
    (tmp_path / "equities_truth").mkdir()
    wrong = "CASE WHEN row_number() OVER () = 1 THEN size + 1 ELSE size END"
    rows = f"SELECT * REPLACE ({wrong} AS size) FROM read_parquet('{folder}/equities_truth/**/*.parquet') WHERE maker = 'one' AND taker = 'cross'"
    changed = {}
    for name, query in (("wrong", rows), ("right", rows.replace("size + 1", "size"))):
        duckdb.sql(f"COPY ({query}) TO '{tmp_path}/equities_truth/part-0.parquet'")
        changed[name] = sum(sum(row[2:5]) for row in accounts(tmp_path).values())
    assert changed["wrong"] == changed["right"] + 1


def test_orders_and_fills_come_to_the_positions(folder: Path) -> None:
    for path in ("one", "two o%27clock"):
        home = folder / "agents" / path
        orders, fills = pq.read_table(home / "orders.parquet").to_pandas(), pq.read_table(home / "fills.parquet").to_pandas()
        assert (orders["ref"] == np.arange(1, len(orders) + 1)).all()
        assert fills["timestamp_ns"].is_monotonic_increasing
        by_ref = fills.groupby("ref")["size"].sum()
        assert (orders.set_index("ref")["filled"][by_ref.index] == by_ref).all()
        assert orders["filled"].sum() == fills["size"].sum()
        refused = orders["reason"] != ""
        assert not orders.loc[refused, "filled"].any()
        gone = ~refused & orders["closed_ns"].notna()
        replaced = set(orders["replaces"])
        whole = orders[gone & ~orders["ref"].isin(replaced)]
        assert (whole["filled"] + whole["cancelled"] + whole["expired"] == whole["size"]).all()
        open_orders = orders[~refused & orders["closed_ns"].isna() & orders["answered_ns"].notna()]
        assert (open_orders["filled"] + open_orders["cancelled"] < open_orders["size"]).all()
        for row in kept(folder, path):
            mine = fills[fills["symbol"] == row["symbol"]]
            assert math.isclose(mine["fee"].sum(), row["fees_usd"], abs_tol=1e-9)
            signed = mine["size"] * mine["side"].map({"B": 1, "S": -1}).astype(int)
            assert signed.sum() == row["shares"]
            assert math.isclose(-(signed * mine["price"]).sum(), row["cash_usd"], abs_tol=1e-6)


def test_every_fill_is_a_print_or_part_of_a_cross(folder: Path) -> None:
    missing = duckdb.sql(f"""
        SELECT count(*) FROM read_parquet('{folder}/agents/*/fills.parquet') f
        ANTI JOIN read_parquet('{folder}/equities_trades/**/*.parquet') t
        ON f.timestamp_ns = t.timestamp_ns AND f.symbol = t.symbol AND f.venue = t.venue AND f.price = t.price
           AND (f.size = t.size OR (f.size <= t.size AND f.liquidity = 'cross' AND t.cond = 'O'))""").fetchall()
    assert missing == [(0,)]


def test_frames_of_agents_market_and_comparison_merge_as_they_stand() -> None:
    """The fault: one was UTC with its zone, the other naive, the columns had two names, and the symbols' categories differed."""
    strokes = [Stroke(n * 5 * MS, *A, SELL, 9_990, 40) for n in range(1, 4)]
    market = scripted_run(strokes, actor([Act(MS, "buy", (*A, 9_990, 100))], []), only=("AAPL",), names=("NVDA", "AAPL"))
    result = market.agents()["actor"]
    fills, trades = result.pandas("fills"), market.pandas("trades")
    merged = pd.merge_asof(fills, trades, on="timestamp_ns", by=["symbol", "venue"], suffixes=("", "_trade"))
    assert merged["size"].tolist() == merged["size_trade"].tolist() == [40, 40, 20]
    for table in (market.arrow("trades"), market.arrow("market_data"), *(result.arrow(name) for name in ("fills", "orders", "records"))):
        assert table.column_names[0] == "timestamp_ns"
        times = [field.type for field in table.schema if pa.types.is_timestamp(field.type)]
        assert set(times) == {pa.timestamp("ns", "UTC")}
    kept = result.polars("fills")
    assert kept.columns == list(fills.columns)
    assert str(kept.schema["timestamp_ns"]) == "Datetime(time_unit='ns', time_zone='UTC')"
    assert kept["size"].to_list() == fills["size"].tolist()


def test_sums_are_kept_where_orders_are_not() -> None:
    strokes = [Stroke(5 * MS, *A, SELL, 9_990, 40)]
    acts = [Act(MS, "buy", (*A, 9_990, 100)), Act(8 * MS, "cancel", (1,))]
    full, short = (
        scripted_run(strokes, replace(actor(acts, []), keep_orders=keep)).agents()["actor"] for keep in (True, False)
    )  # fmt: skip
    assert short.positions == full.positions
    assert (short.commands, short.refused) == (full.commands, full.refused) == (2, 0)
    assert (full.arrow("orders").num_rows, full.arrow("fills").num_rows) == (1, 1)
    assert (short.arrow("orders").num_rows, short.arrow("fills").num_rows) == (0, 0)
    (row,) = full.arrow("orders").to_pylist()
    assert (row["symbol"], row["venue"], row["side"], row["type"], row["filled"], row["cancelled"]) == (*A, "B", "LIMIT", 40, 60)
    assert row["closed_ns"].value == BASE_NS + 8 * MS + 100_000
    with pytest.raises(KeyError, match="orders, fills, positions"):
        full.arrow("trades")


def test_fees_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="taker_usd: got 3"):
        Fees(taker_usd=3)


# --- with and without ----------------------------------------------------------------------------------------------------


def late_buyer(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(4 * 10**9)
    for _ in range(20):
        orders.buy("AAPL", None, 0, 500, type=OrderType.MARKET)
        yield market.wait(50 * MS)


def test_with_and_without_an_agent_differ_only_after_its_first_order_and_only_where_it_trades() -> None:
    spec = AgentSpec(name="buyer", make=late_buyer, symbols=("AAPL",))
    other = AgentSpec(name="other", make=lambda market, orders, rng: idle(market))
    chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:08Z", agents=(other,))
    impact = with_and_without(chosen, spec, every_ns=500 * MS)
    k, seconds = impact.symbols.index("AAPL"), (impact.ts_ns - BASE_NS) / 1e9
    assert seconds[-1] == 8
    np.testing.assert_array_equal(impact.bps[seconds <= 4], 0)
    np.testing.assert_array_equal(np.delete(impact.bps, k, axis=1), 0)
    np.testing.assert_array_equal(np.delete(impact.shares_with, k, axis=1), np.delete(impact.shares_without, k, axis=1))
    assert impact.bps[seconds > 4, k].max() > 0
    assert impact.agent.shares > 5_000
    assert set(impact.with_agent.agents) == {"buyer", "other"}
    assert set(impact.without.agents) == {"other"}
    frame = impact.pandas()
    assert list(frame.columns) == ["timestamp_ns", "symbol", "mid_with", "mid_without", "impact_bps", "shares_with", "shares_without"]
    assert len(frame) == len(impact.ts_ns) * 4
    assert frame["shares_with"].sum() == impact.shares_with.sum()
    named = with_and_without(replace(chosen, agents=(other, spec)), "buyer", every_ns=500 * MS)
    np.testing.assert_array_equal(named.mid_with_usd, impact.mid_with_usd)
    with pytest.raises(InputError, match="the scenario has other"):
        with_and_without(chosen, "buyer")


def test_the_path_is_that_of_the_tape() -> None:
    """The sink's grid, a thousandth of a second apart, against the books row by row."""
    chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:02Z", names=("AAPL",))
    impact = with_and_without(chosen, AgentSpec(name="idle", make=lambda market, orders, rng: idle(market)), every_ns=MS)
    tape = run(chosen).tape()
    rows, trades = tape["market_data"], tape["trades"]
    for n in range(0, len(impact.ts_ns), 97):
        bids, asks = [], []
        for venue in range(5):
            mine = np.flatnonzero((rows.venue == venue) & (rows.ts_ns <= impact.ts_ns[n]))  # type: ignore[union-attr]
            if len(mine):
                bids.append(rows.quotes[mine[-1], 0, 0])  # type: ignore[union-attr]
                asks.append(rows.quotes[mine[-1], 2, 0])  # type: ignore[union-attr]
        assert impact.mid_with_usd[n, 0] == (max(bids) + min(asks)) / 20_000
    assert impact.shares_with.sum() == trades.size.sum()  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["..", ".", "a/b", "../up", "~", "a\nb", "NUL", "über"])
def test_an_agents_files_stay_in_the_runs_folder_whatever_its_name(tmp_path: Path, name: str) -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(1)

    market = scripted_run([], AgentSpec(name=name, make=make))
    write_results(tmp_path / "out", market.agents())
    assert [path.parent.parent for path in tmp_path.rglob("positions.parquet")] == [tmp_path / "out" / "agents"]


@pytest.mark.parametrize(("display", "shows"), [(None, (300, 200, 20)), (300, (300, 200, 20)), (50, (50, 50, 20)), (0, (0, 0, 0))])
def test_a_replacement_is_recorded_with_what_it_shows_in_the_book(display: int | None, shows: tuple[int, ...]) -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        ref = orders.buy(*A, 9_990, 300, display=display)
        for size in (200, 20):
            yield market.wait(MS)
            ref = orders.replace(ref, 9_991, size)

    market = scripted_run([], AgentSpec(name="lone", make=make))
    assert tuple(market.agents()["lone"].arrow("orders")["display"].to_pylist()) == shows
    assert market.book(*A).levels(BUY) == ([(9_991, shows[-1])] if shows[-1] else [])
