"""The panels of the three dashboards: a title, what it shows, where it stands, and its SQL with Grafana's macros and variables.

Numbers are cast to double: the plugin's converters know no whole numbers of eight bytes, and would pass them on as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

TIME = "$__timeFilter(timestamp_ns)"
SYMBOL = "symbol = ${symbol:sqlstring}"
VENUES = "venue IN (${venue:sqlstring})"
EACH = "SAMPLE BY $__sampleByInterval"

Kind = Literal["lines", "bars", "stat", "table", "candles", "columns"]


@dataclass(frozen=True, kw_only=True)
class Panel:
    """``bars`` are over time, ``columns`` over the first column of the answer."""

    title: str
    about: str
    kind: Kind
    sql: str
    width: int = 12
    """Of 24."""
    height: int = 8
    unit: str = "none"


MARKET = (
    Panel(
        title="Last price", about="Of the newest trade.", kind="stat", width=6, height=4, unit="currencyUSD",
        sql=f"SELECT last(price) AS price FROM equities_trades${{suffix}} WHERE {SYMBOL} AND {TIME}",
    ),
    Panel(
        title="Quoted spread", about="Mean over the venues' books, in basis points.", kind="stat", width=6, height=4,
        sql="SELECT avg(spread_bps(bids[1][1], asks[1][1])) AS bps FROM equities_market_data${suffix} "
        f"WHERE {SYMBOL} AND {VENUES} AND {TIME}",
    ),
    Panel(
        title="Shares traded", about="All venues that are chosen.", kind="stat", width=6, height=4, unit="short",
        sql=f"SELECT sum(size)::double AS shares FROM equities_trades${{suffix}} WHERE {SYMBOL} AND {VENUES} AND {TIME}",
    ),
    Panel(
        title="Trades", about="All venues that are chosen.", kind="stat", width=6, height=4, unit="short",
        sql=f"SELECT count()::double AS trades FROM equities_trades${{suffix}} WHERE {SYMBOL} AND {VENUES} AND {TIME}",
    ),
    Panel(
        title="Candles with VWAP and bands", about="Bands: two standard deviations around the mean of 20 closes.", kind="candles", width=16,
        height=12, unit="currencyUSD",
        sql=f"""\
WITH bars AS (
  SELECT timestamp_ns AS time, first(price) AS open, max(price) AS high, min(price) AS low, last(price) AS close,
         sum(size)::double AS volume, vwap(price, size) AS vwap
  FROM equities_trades${{suffix}} WHERE {SYMBOL} AND {TIME} {EACH}),
moved AS (SELECT time, open, high, low, close, volume, vwap, close - first_value(close) OVER (ORDER BY time) AS move FROM bars),
means AS (
  SELECT time, open, high, low, close, volume, vwap, close - move AS base, avg(move) OVER w AS mean, avg(move * move) OVER w AS square
  FROM moved WINDOW w AS (ORDER BY time ROWS BETWEEN 19 PRECEDING AND CURRENT ROW))
SELECT time, open, high, low, close, volume, vwap, base + mean + 2 * sqrt(greatest(square - mean * mean, 0.0)) AS upper,
       base + mean - 2 * sqrt(greatest(square - mean * mean, 0.0)) AS lower
FROM means""",
    ),
    Panel(
        title="Depth", about="Shares displayed at each price in the newest books of the venues that are chosen.", kind="columns", width=8,
        height=12, unit="short",
        sql=f"""\
WITH books AS (
  SELECT venue, bids, asks FROM equities_market_data${{suffix}} WHERE {SYMBOL} AND {VENUES} AND {TIME}
  LATEST ON timestamp_ns PARTITION BY venue),
levels AS (SELECT x::int AS level FROM long_sequence(10)),
sides AS (
  SELECT bids[1][level] AS price, bids[2][level] AS bid, 0.0 AS ask FROM books CROSS JOIN levels
  UNION ALL
  SELECT asks[1][level] AS price, 0.0 AS bid, asks[2][level] AS ask FROM books CROSS JOIN levels),
prices AS (SELECT price, sum(bid) AS bid_shares, sum(ask) AS ask_shares FROM sides WHERE price IS NOT NULL ORDER BY price)
SELECT price::string AS at_price, bid_shares, ask_shares FROM prices""",
    ),
    Panel(
        title="Best bid and offer", about="From nbbo_1s: each venue's last quote of a second.", kind="lines", unit="currencyUSD",
        sql=f"SELECT timestamp_ns AS time, last(best_bid) AS best_bid, last(best_ask) AS best_ask FROM nbbo_1s${{suffix}} "
        f"WHERE {SYMBOL} AND {TIME} {EACH}",
    ),
    Panel(
        title="Spread by venue", about="In basis points.", kind="lines",
        sql=f"SELECT timestamp_ns AS time, venue, avg(spread_bps(bids[1][1], asks[1][1])) AS bps FROM equities_market_data${{suffix}} "
        f"WHERE {SYMBOL} AND {VENUES} AND {TIME} {EACH}",
    ),
    Panel(
        title="Volume by venue", about="Shares.", kind="bars", unit="short",
        sql=f"SELECT timestamp_ns AS time, venue, sum(size)::double AS shares FROM equities_trades${{suffix}} "
        f"WHERE {SYMBOL} AND {VENUES} AND {TIME} {EACH}",
    ),
    Panel(
        title="Shares displayed", about="All levels, mean of the books of the venues that are chosen.", kind="lines", unit="short",
        sql=f"SELECT timestamp_ns AS time, avg(array_sum(bids[2])) AS bids, avg(array_sum(asks[2])) AS asks "
        f"FROM equities_market_data${{suffix}} WHERE {SYMBOL} AND {VENUES} AND {TIME} {EACH}",
    ),
    Panel(
        title="Tape", about="The newest hundred trades; side B lifted the ask, S hit the bid.", kind="table", width=24,
        sql=f"SELECT timestamp_ns AS time, venue, price, size::double AS size, side, cond FROM equities_trades${{suffix}} "
        f"WHERE {SYMBOL} AND {VENUES} AND {TIME} ORDER BY timestamp_ns DESC LIMIT 100",
    ),
)

VENUE = (
    Panel(
        title="Share of the volume", about="In continuous trading.", kind="columns", width=8, unit="percentunit",
        sql=f"""\
WITH volumes AS (
  SELECT venue, sum(size) AS shares FROM equities_trades${{suffix}} WHERE {SYMBOL} AND cond = 'T' AND {TIME})
SELECT a.venue AS venue, a.shares::double / sum(b.shares) AS of_volume FROM volumes a CROSS JOIN volumes b ORDER BY venue""",
    ),
    Panel(
        title="At the best price", about="Share of the seconds in which a venue's last quote was the market's best.", kind="columns",
        width=8, unit="percentunit",
        sql=f"""\
WITH quotes AS (SELECT timestamp_ns, venue, bid_price, ask_price FROM top_of_book_1s${{suffix}} WHERE {SYMBOL} AND {TIME}),
best AS (SELECT timestamp_ns, best_bid, best_ask FROM nbbo_1s${{suffix}} WHERE {SYMBOL} AND {TIME})
SELECT q.venue AS venue, avg(CASE WHEN q.bid_price = b.best_bid THEN 1.0 ELSE 0.0 END) AS bid,
       avg(CASE WHEN q.ask_price = b.best_ask THEN 1.0 ELSE 0.0 END) AS ask
FROM quotes q JOIN best b ON q.timestamp_ns = b.timestamp_ns ORDER BY venue""",
    ),
    Panel(
        title="Who leads", about="New best prices of the consolidated quote, by the venue named in it (--extra_tables sip).",
        kind="columns", width=8,
        sql=f"""\
WITH quotes AS (
  SELECT bid_price, bid_venue, ask_price, ask_venue, lag(bid_price) OVER (ORDER BY timestamp_ns) AS bid_before,
         lag(ask_price) OVER (ORDER BY timestamp_ns) AS ask_before
  FROM equities_sip${{suffix}} WHERE {SYMBOL} AND {TIME}),
led AS (
  SELECT bid_venue AS venue, 1.0 AS raised, 0.0 AS lowered FROM quotes WHERE bid_price > bid_before
  UNION ALL
  SELECT ask_venue AS venue, 0.0 AS raised, 1.0 AS lowered FROM quotes WHERE ask_price < ask_before)
SELECT venue, sum(raised) AS bid_raised, sum(lowered) AS ask_lowered FROM led ORDER BY venue""",
    ),
    Panel(
        title="Effective spread", about="Twice the distance of trades from the mid price of that venue just before, in basis points.",
        kind="columns", width=8,
        sql=f"""\
WITH met AS (
  SELECT t.venue AS venue, t.price AS price, t.size AS size, mid(q.bids[1][1], q.asks[1][1]) AS mid
  FROM equities_trades${{suffix}} t ASOF JOIN equities_market_data${{suffix}} q ON (symbol, venue)
  WHERE t.{SYMBOL} AND t.cond = 'T' AND $__timeFilter(t.timestamp_ns))
SELECT venue, sum(20000 * abs(price - mid) / mid * size) / sum(size) AS bps FROM met WHERE mid IS NOT NULL ORDER BY venue""",
    ),
    Panel(
        title="Markouts", about="What a trade was worth to its taker a moment later, basis points of the consolidated mid price.",
        kind="columns", width=8,
        sql=f"""\
WITH curve AS (
  SELECT h.offset / 1000000 AS ms, avg((CASE WHEN t.side = 'B' THEN 10000.0 ELSE -10000.0 END)
         * ((q.bid_price + q.ask_price) / 2 / t.price - 1)) AS bps
  FROM equities_trades${{suffix}} t HORIZON JOIN equities_sip${{suffix}} q ON (symbol) LIST (0, 100T, 1s, 5s, 30s) AS h
  WHERE t.{SYMBOL} AND t.{VENUES} AND t.cond = 'T' AND $__timeFilter(t.timestamp_ns))
SELECT concat(ms, ' ms') AS later, bps FROM curve ORDER BY ms""",
    ),
    Panel(
        title="Trade-throughs", about="Trades outside of the consolidated quote of their moment.", kind="table", width=8,
        sql=f"""\
WITH seen AS (
  SELECT t.venue AS venue, CASE WHEN t.price > q.ask_price OR t.price < q.bid_price THEN 1.0 ELSE 0.0 END AS through
  FROM equities_trades${{suffix}} t ASOF JOIN equities_sip${{suffix}} q ON (symbol)
  WHERE t.{SYMBOL} AND t.cond = 'T' AND $__timeFilter(t.timestamp_ns))
SELECT venue, count()::double AS trades, sum(through) AS through, avg(through) AS part FROM seen ORDER BY venue""",
    ),
    Panel(
        title="Consolidated spread", about="In USD, and where it is not above zero: locked or crossed.", kind="lines", unit="currencyUSD",
        sql=f"SELECT timestamp_ns AS time, avg(ask_price - bid_price) AS mean, min(ask_price - bid_price) AS least "
        f"FROM equities_sip${{suffix}} WHERE {SYMBOL} AND {TIME} {EACH}",
    ),
    Panel(
        title="Order flow", about="Shares bought less shares sold by takers.", kind="bars", unit="short",
        sql=f"SELECT timestamp_ns AS time, sum(CASE WHEN side = 'B' THEN size ELSE -size END)::double AS bought_less_sold "
        f"FROM equities_trades${{suffix}} WHERE {SYMBOL} AND {VENUES} AND cond = 'T' AND {TIME} {EACH}",
    ),
    Panel(
        title="Imbalances before crosses", about="What the listing venue told (--extra_tables imbalances).", kind="lines", unit="short",
        sql=f"SELECT timestamp_ns AS time, last(paired_size)::double AS paired, last(imbalance_size)::double AS left_over "
        f"FROM equities_imbalances${{suffix}} WHERE {SYMBOL} AND {TIME} {EACH}",
    ),
    Panel(
        title="Crosses", about="Opening O, closing C, after a halt H; all symbols.", kind="table",
        sql=f"SELECT timestamp_ns AS time, symbol, venue, cond, price, size::double AS size FROM equities_trades${{suffix}} "
        f"WHERE cond IN ('O', 'C', 'H') AND {TIME} ORDER BY timestamp_ns DESC",
    ),
    Panel(
        title="Halts and bands", about="All symbols (--extra_tables status).", kind="table", width=24,
        sql=f"SELECT timestamp_ns AS time, symbol, venue, phase, reason, reference_price, lower_band, upper_band "
        f"FROM equities_status${{suffix}} WHERE reason <> 'SESSION' AND {TIME} ORDER BY timestamp_ns DESC LIMIT 200",
    ),
)

LIKE = "'^(equities_(market_data|trades|orders|truth|status|imbalances|sip)|top_of_book_1s|nbbo_1[sm]|trades_ohlcv_1[sm])${suffix}$'"
"""Names of a run's tables and views, as a pattern."""

LOAD = (
    Panel(
        title="Book rows a second", about="By the rows' own time.", kind="lines", unit="rowsps",
        sql=f"WITH seconds AS (SELECT timestamp_ns, count()::double AS n FROM equities_market_data${{suffix}} WHERE {TIME} SAMPLE BY 1s) "
        f"SELECT timestamp_ns AS time, avg(n) AS mean, max(n) AS most FROM seconds {EACH}",
    ),
    Panel(
        title="Trades a second", about="By the rows' own time.", kind="lines", unit="rowsps",
        sql=f"WITH seconds AS (SELECT timestamp_ns, count()::double AS n FROM equities_trades${{suffix}} WHERE {TIME} SAMPLE BY 1s) "
        f"SELECT timestamp_ns AS time, avg(n) AS mean, max(n) AS most FROM seconds {EACH}",
    ),
    Panel(
        title="Tables: rows, and rows that wait", about="Pressure 0, 1 or 2; values are since the server started.", kind="table", width=24,
        sql=f"SELECT table_name, table_row_count::double AS row_count, wal_pending_row_count::double AS waiting, "
        f"wal_dedup_row_count_since_start::double AS rows_sent_twice, table_memory_pressure_level::double AS memory_pressure, "
        f"table_suspended::string AS suspended FROM tables() WHERE table_name ~ {LIKE} ORDER BY table_name",
    ),
    Panel(
        title="Lag", about="Transactions taken and not yet applied.", kind="columns",
        sql=f"SELECT name, (sequencerTxn - writerTxn)::double AS behind FROM wal_tables() WHERE name ~ {LIKE} ORDER BY name",
    ),
    Panel(
        title="Views", about="Behind their tables: transactions.", kind="table",
        sql=f"SELECT view_name, base_table_name, view_status, (base_table_txn - refresh_base_table_txn)::double AS behind "
        f"FROM materialized_views() WHERE view_name ~ {LIKE} ORDER BY view_name",
    ),
    Panel(
        title="Partitions of the book table", about="An hour each.", kind="table",
        sql="SELECT name, numRows::double AS row_count, diskSize::double AS bytes FROM table_partitions('equities_market_data${suffix}') "
        "ORDER BY name DESC",
    ),
    Panel(
        title="Memory of the server", about="Its largest uses, bytes.", kind="columns", unit="bytes",
        sql="SELECT memory_tag, bytes::double AS bytes FROM memory_metrics() ORDER BY bytes DESC LIMIT 12",
    ),
    Panel(
        title="Runs", about="What has written here.", kind="table",
        sql="SELECT ts AS time, event, run_id FROM equities_runs${suffix} ORDER BY ts DESC LIMIT 20",
    ),
    Panel(
        title="Queries that run now", about="Of everybody.", kind="table",
        sql="SELECT query_start AS time, username, state, query FROM query_activity() ORDER BY query_start",
    ),
)

VARIABLES = {
    "symbol": "SELECT DISTINCT symbol FROM equities_trades${suffix} ORDER BY symbol",
    "venue": "SELECT DISTINCT venue FROM equities_trades${suffix} ORDER BY venue",
}
"""What can be chosen at the top of a dashboard, besides the suffix."""
