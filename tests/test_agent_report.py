"""What trading cost and came to: recomputed by DuckDB from the market's tables and the agent's fills."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers import LOW, scenario

from simulator import AgentReport, AgentSpec, InputError, Market, OrderType, agent_report
from simulator.inputs.config import Fees
from simulator.records import NS_PER_S

MS = 1_000_000
FEES = Fees(maker_usd=-0.0017, taker_usd=0.0029, cross_usd=0.0011)


def trader(market: Any, orders: Any, rng: Any) -> Any:
    """Joins, takes and waits for the close, in two symbols."""
    for symbol in ("AAPL", "JPM"):
        orders.buy(symbol, None, 0, 300, type=OrderType.MARKET_ON_CLOSE)
    for n in range(12):
        yield market.wait(300 * MS)
        symbol = ("AAPL", "JPM")[n % 2]
        bid, ask = market.nbbo(symbol)
        if bid and ask:
            orders.buy(symbol, "NASDAQ", bid, 200)
            orders.sell(symbol, "BEST", bid, 250, type=OrderType.IOC)
            orders.buy(symbol, "BEST", ask + 1, 120)
    orders.buy("AAPL", "NASDAQ", 0, 1)  # refused


@pytest.fixture(scope="module")
def market() -> Market:
    """Ten seconds around the close."""
    spec = AgentSpec(name="trader", make=trader, symbols=("AAPL", "JPM"), latency_ns=7 * MS)
    idle = AgentSpec(name="idle", make=lambda market, orders, rng: (yield market.wait(1)))
    chosen = scenario("2025-07-01T19:54:55Z", "2025-07-01T20:00:05Z", names=("AAPL", "JPM"), rates=LOW, agents=(spec, idle), fees=FEES)
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    return market


@pytest.fixture(scope="module")
def report(market: Market) -> AgentReport:
    return agent_report(market, "trader")


QUOTES_AT = """
(SELECT k.id, max(q.bid) AS bid, min(q.ask) AS ask
 FROM asked k JOIN (SELECT DISTINCT symbol, venue FROM quotes) v USING (symbol)
 ASOF JOIN (SELECT symbol, venue, bid, ask, epoch_ns(timestamp_ns) AS ns FROM quotes) q
 ON q.symbol = k.symbol AND q.venue = v.venue AND q.ns {} k.ns GROUP BY k.id)
"""


def quotes_at(market: Market, times: Any, symbols: Any, *, before: bool) -> dict[str, Any]:
    """The best over each venue's last row."""
    quotes = market.arrow("quotes")
    asked = pa.table({"id": np.arange(len(times)), "symbol": list(symbols), "ns": times})
    assert len(quotes)
    assert len(asked)
    query = f"SELECT bid, ask, (bid + ask) / 2 AS mid FROM asked k LEFT JOIN {QUOTES_AT.format('<' if before else '<=')} USING (id) ORDER BY id"
    found: dict[str, Any] = duckdb.sql(query).fetchnumpy()
    return {name: np.ma.filled(values, np.nan) for name, values in found.items()}


def close_to(one: Any, other: Any) -> None:
    np.testing.assert_allclose(np.asarray(one, np.float64), np.asarray(other, np.float64), rtol=1e-9, atol=1e-7)


def test_fills_have_the_quotes_spreads_and_markouts_of_the_tables(market: Market, report: AgentReport) -> None:
    fills = report.pandas("fills")
    times = fills["timestamp_ns"].astype("int64").to_numpy()
    assert (np.diff(times) >= 0).all(), "orders that reach several venues at one instant are told venue by venue"
    assert set(fills["liquidity"]) == {"maker", "taker", "cross"}
    now = quotes_at(market, times, fills["symbol"], before=True)
    for name in ("bid", "ask", "mid"):
        close_to(fills[name], now[name])
    wrong = quotes_at(market, times + 100, fills["symbol"], before=False)
    assert not np.allclose(fills["bid"], wrong["bid"], equal_nan=True), "the quotes after the fill would do as well: the case is not tested"
    sign = fills["side"].map({"B": 1, "S": -1}).astype(int).to_numpy()
    close_to(fills["effective_spread_bps"], 2 * sign * (fills["price"] - now["mid"]) / now["mid"] * 1e4)
    for seconds in (1, 10, 60):
        then = times + seconds * NS_PER_S
        later = np.where(then <= market.now_ns, quotes_at(market, then, fills["symbol"], before=False)["mid"], np.nan)
        close_to(fills[f"markout_{seconds}s_bps"], sign * (later / fills["price"] - 1) * 1e4)
        close_to(fills[f"realised_spread_{seconds}s_bps"], 2 * sign * (fills["price"] - later) / now["mid"] * 1e4)
    assert fills["markout_60s_bps"].notna().any()
    assert fills["markout_10s_bps"].isna().any()


def test_orders_have_what_they_cost_against_each_price(market: Market, report: AgentReport) -> None:
    orders, fills, trades = report.arrow("orders"), report.result.arrow("fills"), market.arrow("trades")
    assert len(trades) > 100
    frame = report.pandas("orders")
    for name, column in (("decision", "timestamp_ns"), ("arrival", "answered_ns"), ("fill", "first_fill_ns")):
        there = frame[column].notna()
        found = quotes_at(market, frame.loc[there, column].astype("int64").to_numpy(), frame.loc[there, "symbol"], before=True)
        for what in ("bid", "ask", "mid"):
            close_to(frame.loc[there, f"{what}_{name}"], found[what])
            assert frame.loc[~there, f"{what}_{name}"].isna().all()
    rows = duckdb.sql("""
        WITH mine AS (SELECT ref, sum(size * price) / sum(size) AS mean, sum(fee) AS fee, min(timestamp_ns) AS first, max(timestamp_ns) AS last
                      FROM fills GROUP BY ref),
             closes AS (SELECT symbol, max(price) FILTER (cond = 'C') AS close FROM trades GROUP BY symbol)
        SELECT o.ref, m.mean, coalesce(m.fee, 0) AS fee, c.close,
               (SELECT sum(t.price * t.size) / sum(t.size) FROM trades t
                WHERE t.symbol = o.symbol AND t.timestamp_ns BETWEEN o.answered_ns AND m.last) AS vwap,
               (CASE o.side WHEN 'B' THEN 1 ELSE -1 END) AS sign
        FROM orders o LEFT JOIN mine m USING (ref) JOIN closes c ON c.symbol = o.symbol ORDER BY o.ref""").fetchnumpy()
    expected = {name: np.ma.filled(np.ma.asarray(values, np.float64), np.nan) for name, values in rows.items()}
    assert len(orders) == len(frame) > 30
    assert len(fills) > 20
    for mine, theirs in (("mean_price", "mean"), ("fee", "fee"), ("close", "close"), ("vwap", "vwap")):
        close_to(frame[mine], expected[theirs])
    for against in ("mid_decision", "mid_arrival", "vwap", "close"):
        close_to(frame[f"slippage_{against.removeprefix('mid_')}_bps"], expected["sign"] * (expected["mean"] / frame[against] - 1) * 1e4)
    assert frame["slippage_vwap_bps"].isna().any()


def test_equity_and_inventory_are_those_of_fills_and_quotes(market: Market, report: AgentReport) -> None:
    equity, inventory, fills = report.pandas("equity"), report.pandas("inventory"), report.result.pandas("fills")
    grid = equity["timestamp_ns"].astype("int64").to_numpy()
    assert grid[-1] == market.now_ns
    assert (np.diff(grid) == NS_PER_S).all()
    signed = fills["size"] * fills["side"].map({"B": 1, "S": -1}).astype(int)
    expected = np.zeros(len(grid))
    for symbol in ("AAPL", "JPM"):
        mine = fills[fills["symbol"] == symbol].index
        times = fills.loc[mine, "timestamp_ns"].astype("int64").to_numpy()
        shares = np.array([signed[mine][times <= ns].sum() for ns in grid])
        mids = quotes_at(market, grid, [symbol] * len(grid), before=False)["mid"]
        part = inventory[inventory["symbol"] == symbol]
        close_to(part["shares"], shares)
        close_to(part["mid"], mids)
        paid = np.array([(signed * fills["price"] + fills["fee"])[mine][times <= ns].sum() for ns in grid])
        expected += shares * mids - paid
    close_to(equity["equity_usd"], expected)
    peak = np.maximum.accumulate(np.maximum(expected, 0))
    close_to(equity["drawdown_usd"], peak - expected)
    assert math.isclose(equity["equity_usd"].iloc[-1], report.result.pnl_usd, abs_tol=1e-6)
    (day,) = report.pandas("daily").to_dict("records")
    assert day["date"] == "2025-07-01"
    assert math.isclose(day["pnl_usd"], report.result.pnl_usd, abs_tol=1e-6)
    assert math.isclose(day["max_drawdown_usd"], (peak - expected).max(), abs_tol=1e-6)
    (row,) = report.pandas("summary").to_dict("records")
    minutes = np.diff(np.append(0, expected[59::60]))
    assert row["minutes"] == len(minutes) == 5
    assert math.isclose(row["sharpe_minute"], minutes.mean() / minutes.std(ddof=1))


def test_a_report_is_the_same_in_every_form_and_merges_with_the_market(market: Market, report: AgentReport, tmp_path: Path) -> None:
    for path in report.write(tmp_path):
        table = report.arrow(path.stem)
        assert pq.read_table(path).equals(table) or path.stem == "summary"
        assert report.polars(path.stem).shape == table.shape == report.pandas(path.stem).shape
        if path.stem != "summary":
            assert table.schema.field(0).name == "timestamp_ns"
        assert {f.type for f in table.schema if pa.types.is_timestamp(f.type)} <= {pa.timestamp("ns", "UTC")}
    import pandas as pd

    merged = pd.merge_asof(report.pandas("fills"), market.nbbo(), on="timestamp_ns", by="symbol", suffixes=("", "_then"), allow_exact_matches=False)
    close_to(merged["mid"], merged["mid_then"])
    assert "sharpe_minute" in report._repr_html_()
    assert len(repr(report)) < 160


def test_who_never_trades_has_an_empty_report_and_mistakes_are_named(market: Market) -> None:
    idle = agent_report(market, "idle")
    assert [len(idle.arrow(table)) for table in ("orders", "fills", "inventory")] == [0, 0, 0]
    assert (idle.pandas("equity")[["equity_usd", "drawdown_usd"]] == 0).all().all()
    assert math.isnan(idle.pandas("summary")["markout_1s_bps"].iloc[0] or math.nan)
    for message, call in (
        ("the market has idle, trader", lambda: agent_report(market, "trador")), ("every_ns: got 0", lambda: agent_report(market, "idle", every_ns=0)),
        ("horizons_s: got 0", lambda: agent_report(market, "idle", horizons_s=(0,))), ("a report has orders", lambda: idle.arrow("order")),
        ("period_ns", lambda: idle.sharpe(1)),
    ):  # fmt: skip
        with pytest.raises(InputError, match=message):
            call()
