"""Flat frames of quotes and of the NBBO: recomputed by DuckDB from the book rows, in Arrow, pandas, polars and Parquet alike."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from helpers import LOW, scenario

from simulator import InputError, Market
from simulator.records import MarketDataBatch
from simulator.tape.quotes import nbbo_of


@pytest.fixture(scope="module")
def market() -> Market:
    """Around the open, where books are empty at first and cross."""
    chosen = scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:03Z", names=("AAPL", "JPM"), rates=LOW)
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    return market


NBBO = """
WITH instants AS (SELECT DISTINCT timestamp_ns, symbol FROM quotes),
     venues AS (SELECT DISTINCT symbol, venue FROM quotes),
     held AS (
       SELECT i.timestamp_ns, i.symbol, q.bid, q.bid_size, q.ask, q.ask_size
       FROM instants i JOIN venues USING (symbol)
       ASOF JOIN quotes q ON q.symbol = i.symbol AND q.venue = venues.venue AND q.timestamp_ns <= i.timestamp_ns),
     best AS (SELECT timestamp_ns, symbol, max(bid) AS bid, min(ask) AS ask FROM held GROUP BY ALL),
     sized AS (
       SELECT b.timestamp_ns, b.symbol, b.bid, sum(h.bid_size) FILTER (h.bid = b.bid) AS bid_size, b.ask,
              sum(h.ask_size) FILTER (h.ask = b.ask) AS ask_size
       FROM best b JOIN held h USING (timestamp_ns, symbol) GROUP BY ALL),
     told AS (
       SELECT *, lag([bid, bid_size, ask, ask_size]) OVER (PARTITION BY symbol ORDER BY timestamp_ns) AS before,
              row_number() OVER (PARTITION BY symbol ORDER BY timestamp_ns) AS n FROM sized)
SELECT timestamp_ns, symbol::VARCHAR AS symbol, bid, bid_size::BIGINT AS bid_size, ask, ask_size::BIGINT AS ask_size, (bid + ask) / 2 AS mid
FROM told WHERE n = 1 OR before IS DISTINCT FROM [bid, bid_size, ask, ask_size] ORDER BY timestamp_ns, symbol
"""


def test_the_nbbo_is_that_of_the_book_rows(market: Market) -> None:
    quotes, nbbo = market.arrow("quotes"), market.arrow("nbbo")
    assert len(quotes) > len(nbbo) > 100
    assert nbbo.column_names == ["timestamp_ns", "symbol", "bid", "bid_size", "ask", "ask_size", "mid"]
    expected = duckdb.sql(f"SELECT epoch_ns(timestamp_ns), * EXCLUDE timestamp_ns FROM ({NBBO})").fetchall()
    found = duckdb.sql("SELECT epoch_ns(timestamp_ns), symbol::VARCHAR, * EXCLUDE (timestamp_ns, symbol) FROM nbbo").fetchall()
    for one, other in zip(found, expected, strict=True):
        assert one[:-1] == other[:-1]
        assert one[-1] == (None if other[-1] is None else pytest.approx(other[-1], abs=1e-9))


def test_quotes_are_the_first_levels_of_the_rows(market: Market) -> None:
    rows, quotes = market.tape()["market_data"], market.quotes()
    assert isinstance(rows, MarketDataBatch)
    there = rows.quotes[:, 0, 0] > 0
    np.testing.assert_array_equal(quotes["bid"][there], rows.quotes[there, 0, 0] / 10_000)
    assert quotes["bid"][~there].isna().all()
    flat = market.pandas("market_data")
    assert {str(flat[name].dtype) for name in flat if name.startswith(("bid_price", "ask_price"))} == {"float64"}
    np.testing.assert_array_equal(flat["ask_price_1"], quotes["ask"])
    np.testing.assert_array_equal(flat["bid_size_2"], np.where(rows.bid_count > 1, rows.quotes[:, 1, 1], 0))
    assert market.pandas("market_data", arrays=True)["bids"].iloc[-1].shape == (2, rows.bid_count[-1])


def test_every_form_has_the_same_times_and_columns(market: Market, tmp_path: Any) -> None:
    for table in ("trades", "quotes", "nbbo"):
        arrow, frame, polars = market.arrow(table), market.pandas(table), market.polars(table)
        pq.write_table(arrow, tmp_path / "table.parquet")
        again = pq.read_table(tmp_path / "table.parquet")
        assert arrow.column_names == list(frame.columns) == polars.columns == again.column_names
        assert {str(t) for t in (arrow.schema[0].type, again.schema[0].type, frame.dtypes.iloc[0])} == {
            "timestamp[ns, tz=UTC]", "datetime64[ns, UTC]",
        }  # fmt: skip
        assert str(polars.dtypes[0]) == "Datetime(time_unit='ns', time_zone='UTC')"
        assert frame["timestamp_ns"].astype("int64").tolist() == polars["timestamp_ns"].to_physical().to_list()
    with pytest.raises(InputError, match="quotes and nbbo are made"):
        market.arrow("nothing")


def test_a_market_without_rows_has_empty_frames() -> None:
    chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", names=("AAPL",))
    early = Market(chosen)
    assert len(early.nbbo()) == len(early.quotes()) == 0
    empty = MarketDataBatch(**{name: np.zeros((0, 4, 1) if name == "quotes" else 0, np.int64) for name in MarketDataBatch.__dataclass_fields__})
    assert len(nbbo_of(empty, 5).ts_ns) == 0


def test_sides_that_are_empty_and_rows_of_one_instant_count_as_they_should() -> None:
    """Random rows, against a loop that can be read."""
    rng = np.random.default_rng(4)
    n = 400
    quotes = np.zeros((n, 4, 1), np.int32)
    quotes[:, 0, 0], quotes[:, 2, 0] = rng.choice([0, 99, 100], n), rng.choice([0, 101, 102], n)
    quotes[:, 1, 0], quotes[:, 3, 0] = rng.integers(1, 3, n), rng.integers(1, 3, n)
    batch = MarketDataBatch(
        ts_ns=np.sort(rng.integers(0, n // 2, n)), symbol=rng.integers(0, 2, n).astype(np.int32), venue=rng.integers(0, 3, n).astype(np.int32),
        bid_count=np.ones(n, np.int32), ask_count=np.ones(n, np.int32), quotes=quotes,
    )  # fmt: skip
    expected: list[tuple[int, ...]] = []
    books: dict[tuple[int, int], list[int]] = {}
    last: dict[int, tuple[int, ...]] = {}
    rows = zip(batch.ts_ns.tolist(), batch.symbol.tolist(), batch.venue.tolist(), quotes[:, :, 0].tolist(), strict=True)
    waiting: dict[tuple[int, int], tuple[int, ...]] = {}
    for ts_ns, symbol, venue, row in rows:
        books[symbol, venue] = row
        mine = [book for (k, _), book in books.items() if k == symbol]
        bid = max(book[0] for book in mine)
        ask = min((book[2] for book in mine if book[2]), default=0)
        sizes = [sum(book[side + 1] for book in mine if book[side] == price and price) for side, price in ((0, bid), (2, ask))]
        waiting[ts_ns, symbol] = (bid, sizes[0], ask, sizes[1])
    for (ts_ns, symbol), best in sorted(waiting.items()):
        if last.get(symbol) != best:
            expected.append((ts_ns, symbol, *best))
            last[symbol] = best
    found = list(zip(*(column.tolist() for column in nbbo_of(batch, 3)), strict=True))
    assert found == expected
    assert any(row[2] == 0 for row in found)
    assert any(row[4] == 0 for row in found)
