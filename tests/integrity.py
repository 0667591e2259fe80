"""What must be true of a finished run, asked of its Parquet files by DuckDB alone: none of our code is used.

Each check is one SQL statement that counts violations; ``violations`` runs them all. Tables: ``md`` (book rows), ``tr`` (prints),
``th`` (truth), ``sessions`` (open_ns, close_ns), ``listing`` (symbol, venue).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

# Per symbol and venue the actions that traded, each with the last book before it and the book right after it, if there is one.
ACTIONS = """
CREATE TEMP TABLE actions AS
WITH fills AS (
  SELECT symbol, venue, taker_order, resting_side, min(ts) AS first_ts, max(ts) AS last_ts
  FROM th WHERE taker_order > 0 GROUP BY ALL),
before AS (
  SELECT f.*, m.bids AS bids0, m.asks AS asks0
  FROM fills f ASOF LEFT JOIN md m ON f.symbol = m.symbol AND f.venue = m.venue AND f.first_ts > m.ts)
SELECT b.*, m.ts IS NOT NULL AS is_shown, m.bids AS bids1, m.asks AS asks1
FROM before b LEFT JOIN md m ON b.symbol = m.symbol AND b.venue = m.venue AND b.last_ts + 1 = m.ts
"""
# What each action traded at each price, and what the resting side showed there before and after.
PRICES = """
CREATE TEMP TABLE prices AS
WITH traded AS (
  SELECT symbol, venue, taker_order, price, sum(size) AS size, sum(size - hidden_size) AS shown, sum(refill_size) AS refilled
  FROM th WHERE taker_order > 0 GROUP BY ALL),
sides AS (
  SELECT t.*, a.is_shown,
    CASE WHEN a.resting_side = 'B' THEN a.bids0 ELSE a.asks0 END AS levels0,
    CASE WHEN a.resting_side = 'B' THEN a.bids1 ELSE a.asks1 END AS levels1,
    a.bids0[1][1] AS bid, a.asks0[1][1] AS ask
  FROM traded t JOIN actions a USING (symbol, venue, taker_order))
SELECT *, coalesce(levels0[2][list_position(levels0[1], price)], 0) AS before,
          coalesce(levels1[2][list_position(levels1[1], price)], 0) AS after
FROM sides
"""
# Book rows and prints per second of the continuous session, without the crosses and the book rows that show them.
SECONDS = """
CREATE TEMP TABLE seconds AS
WITH crosses AS (SELECT symbol, venue, ts FROM tr WHERE cond IN ('O', 'C')),
rows AS (
  SELECT m.ts // 1000000000 AS second, 1 AS book, 0 AS print FROM md m
  WHERE NOT EXISTS (SELECT 1 FROM crosses c WHERE c.symbol = m.symbol AND c.venue = m.venue AND c.ts + 1 = m.ts)
  UNION ALL SELECT ts // 1000000000, 0, 1 FROM tr WHERE cond = 'T'),
wanted AS (SELECT unnest(range(open_ns // 1000000000, close_ns // 1000000000)) AS second FROM sessions)
SELECT second, coalesce(sum(book), 0) AS books, coalesce(sum(print), 0) AS prints
FROM wanted LEFT JOIN rows USING (second) GROUP BY second
"""


def checks(levels: int, has_truth: bool, rates: tuple[int, int, int, int] | None, every_venue: bool) -> dict[str, str]:
    """Check name to SQL that gives the number of violations."""
    pairs = range(1, levels)
    unsorted = " OR ".join(f"bids[1][{k}] <= bids[1][{k + 1}] OR asks[1][{k}] >= asks[1][{k + 1}]" for k in pairs)
    off_grid = " OR ".join(f"abs({side}[1][{k}] * 100 - round({side}[1][{k}] * 100)) > 1e-6" for side in ("bids", "asks") for k in (1, levels))
    found = {
        "levels sorted": f"SELECT count(*) FROM md WHERE {unsorted}",
        "uncrossed": "SELECT count(*) FROM md WHERE bids[1][1] >= asks[1][1]",
        "sizes positive": "SELECT count(*) FROM md WHERE list_min(bids[2]) <= 0 OR list_min(asks[2]) <= 0",
        "equal N": "SELECT count(*) FROM md WHERE len(bids[1]) <> len(bids[2]) OR len(asks[1]) <> len(asks[2])"
        f" OR len(bids) <> 2 OR len(asks) <> 2 OR greatest(len(bids[1]), len(asks[1])) > {levels}",
        "five levels nearly always": "SELECT greatest(0, count(*) FILTER (len(bids[1]) < 5 OR len(asks[1]) < 5) - count(*) // 1000)"
        " FROM md JOIN sessions ON ts >= open_ns AND ts < close_ns",
        "on the tick grid": f"SELECT count(*) FROM md WHERE {off_grid}",
        "keys unique": "SELECT count(*) FROM (SELECT 1 FROM (SELECT ts, symbol, venue FROM md UNION ALL SELECT ts, symbol, venue FROM tr)"
        " GROUP BY ts, symbol, venue HAVING count(*) > 1)",
        "time order": "SELECT count(*) FROM (SELECT ts < lag(ts) OVER (PARTITION BY filename ORDER BY file_row_number) AS back FROM md"
        " UNION ALL SELECT ts < lag(ts) OVER (PARTITION BY filename ORDER BY file_row_number) FROM tr) WHERE back",
        "partition holds its hour": "SELECT count(*) FROM (SELECT ts, date, hour FROM md UNION ALL SELECT ts, date, hour FROM tr)"
        " WHERE ts // 3600000000000 <> epoch_ns(date::TIMESTAMP) // 3600000000000 + hour::INT",
        "trades in their phase": "SELECT count(*) FROM tr WHERE cond = 'T'"
        " AND NOT EXISTS (SELECT 1 FROM sessions WHERE ts >= open_ns AND ts < close_ns)",
        "crosses where listed": "SELECT count(*) FROM tr LEFT JOIN listing l ON tr.symbol = l.symbol AND tr.venue = l.venue"
        " WHERE cond IN ('O', 'C') AND l.venue IS NULL",
        "one cross each": "SELECT count(*) FROM (SELECT 1 FROM tr JOIN sessions ON ts // 10000000000 IN (open_ns // 10000000000, close_ns // 10000000000)"
        " WHERE cond IN ('O', 'C') GROUP BY symbol, cond, open_ns HAVING count(*) > 1)",
        "price and size positive": "SELECT count(*) FROM tr WHERE price <= 0 OR size <= 0",
    }
    if has_truth:
        found |= {
            "print at a displayed price": "SELECT count(*) FROM prices WHERE shown > 0 AND before = 0",
            "print within the quote": "SELECT count(*) FROM prices p WHERE shown = 0 AND before = 0 AND NOT (price > bid AND price < ask)"
            " AND NOT EXISTS (SELECT 1 FROM prices q WHERE (q.symbol, q.venue, q.taker_order) = (p.symbol, p.venue, p.taker_order) AND q.shown > 0)",
            "mass balance": "SELECT count(*) FROM prices WHERE is_shown AND before - after <> shown - refilled",
            "no row without change": "SELECT count(*) FROM prices WHERE NOT is_shown AND shown <> refilled",
            "truth sums to the prints": "SELECT count(*) FROM (SELECT ts, symbol, venue, sum(size) AS size FROM th WHERE taker_order > 0 GROUP BY ALL) t"
            " FULL JOIN (SELECT * FROM tr WHERE cond = 'T') p USING (ts, symbol, venue) WHERE t.size IS DISTINCT FROM p.size",
            "crosses balance": "SELECT count(*) FROM (SELECT ts, symbol, venue, sum(size) FILTER (resting_side = 'B') AS bought,"
            " sum(size) FILTER (resting_side = 'S') AS sold FROM th WHERE taker_order = 0 GROUP BY ALL) t"
            " FULL JOIN (SELECT * FROM tr WHERE cond <> 'T') p USING (ts, symbol, venue)"
            " WHERE t.bought IS DISTINCT FROM p.size OR t.sold IS DISTINCT FROM p.size",
            "side is the aggressor's": "SELECT count(*) FROM tr JOIN th USING (ts, symbol, venue) WHERE cond = 'T' AND side = resting_side",
        }
    if rates is not None:
        low, high, prints_low, prints_high = rates
        found["book rates"] = f"SELECT count(*) FROM seconds WHERE books NOT BETWEEN {low} AND {high}"
        found["print rates"] = f"SELECT count(*) FROM seconds WHERE prints NOT BETWEEN {prints_low} AND {prints_high}"
    if every_venue:
        found["every venue every second"] = (
            "SELECT (SELECT sum((close_ns - open_ns) // 1000000000) FROM sessions) * (SELECT count(DISTINCT (symbol, venue)) FROM md)"
            " - count(DISTINCT (symbol, venue, ts // 1000000000)) FROM md JOIN sessions ON ts >= open_ns AND ts < close_ns"
        )
    return found


def violations(
    folder: Path, *, levels: int, listing: Mapping[str, str], sessions: Sequence[tuple[int, int]], has_truth: bool = True,
    rates: tuple[int, int, int, int] | None = None, every_venue: bool = False, suffix: str = "",
) -> dict[str, int]:  # fmt: skip
    """Check name to the number of violations; all 0 on a good run."""
    with duckdb.connect() as con:
        for name, table in (("md", "market_data"), ("tr", "trades"), ("th", "truth")):
            if name != "th" or has_truth:
                files = folder / f"equities_{table}{suffix}" / "*" / "*" / "*.parquet"
                con.execute(
                    f"CREATE VIEW {name} AS SELECT epoch_ns(timestamp_ns) AS ts, * FROM read_parquet('{files}', "
                    "hive_partitioning = true, hive_types_autocast = false, filename = true, file_row_number = true)"
                )
        con.execute("CREATE TABLE sessions (open_ns BIGINT, close_ns BIGINT)")
        con.executemany("INSERT INTO sessions VALUES (?, ?)", [list(s) for s in sessions])
        con.execute("CREATE TABLE listing (symbol VARCHAR, venue VARCHAR)")
        con.executemany("INSERT INTO listing VALUES (?, ?)", [list(item) for item in listing.items()])
        if has_truth:
            con.execute(ACTIONS)
            con.execute(PRICES)
        if rates is not None:
            con.execute(SECONDS)
        found = {}
        for name, sql in checks(levels, has_truth, rates, every_venue).items():
            row = con.execute(sql).fetchone()
            assert row is not None
            found[name] = int(row[0] or 0)
        return found
