"""What must be true of a finished run, asked of its Parquet files by DuckDB alone: none of our code is used.

Tables: ``md`` (book rows), ``tr`` (prints), ``th`` (truth), ``od`` (orders), ``sessions`` (open_ns, close_ns: the continuous
session), ``listing`` (symbol, venue). Times are integers: ``ts`` is nanoseconds since the epoch. A check's SQL gives the number of
its violations; checks of one book row at a time are predicates, all counted in one pass. A whole day of 10 M book rows takes
about 20 s, with its 40 M orders about 40 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

MACROS = """
CREATE MACRO second(ts) AS ts // 1000000000;
CREATE MACRO trading_day(ts) AS {trading_day};
CREATE MACRO in_session(ts) AS {in_session};
CREATE MACRO on_grid(price, symbol) AS {on_grid};
CREATE MACRO sign(side) AS CASE side WHEN 'S' THEN 1 ELSE -1 END;            -- price * sign: the lower, the sooner it trades
"""
NEW_YORK_DATE = "(ts - 5 * 3600000000000) // 86400000000000"
"""Between 04:00 and 20:00."""
# One row per aggressive order that traded on a venue.
ACTIONS = """
CREATE TEMP TABLE actions AS
SELECT row_number() OVER () AS id, symbol, venue, taker_order, any_value(resting_side) AS side, min(ts) AS first_ts, max(ts) AS last_ts,
       count(*) AS prints
FROM th WHERE taker_order > 0 GROUP BY symbol, venue, taker_order, trading_day(ts)
"""
# The side that an action hit, in the last book before its first print and in the book 1 ns after its last, if there is one. Keys
# first and arrays after: an ASOF join that carries the arrays takes ten times as long. Places are prices times sign; ``reach`` is
# the last place of which the row tells, ``best`` and ``opposite`` are the best of this and of the other side.
SHOWN = """
CREATE TEMP TABLE shown AS
WITH last_before AS (
  SELECT a.id, m.ts FROM actions a ASOF JOIN (SELECT symbol, venue, ts FROM md) m
  ON a.symbol = m.symbol AND a.venue = m.venue AND a.first_ts > m.ts),
wanted AS (
  SELECT a.id, false AS is_after, symbol, venue, side, b.ts FROM actions a JOIN last_before b USING (id)
  UNION ALL SELECT id, true, symbol, venue, side, last_ts + 1 FROM actions),
found AS (
  SELECT w.id, w.is_after, sign(w.side) AS sign, CASE w.side WHEN 'B' THEN m.bids ELSE m.asks END AS levels,
         CASE w.side WHEN 'B' THEN -m.asks[1][1] ELSE m.bids[1][1] END AS opposite
  FROM md m JOIN wanted w USING (symbol, venue, ts))
SELECT *, levels[1][1] * sign AS best,
       CASE WHEN len(levels[1]) < {levels} THEN 'infinity'::DOUBLE ELSE levels[1][{levels}] * sign END AS reach
FROM found
"""
# Per action and price: shares shown before and after, shares traded of what was displayed, shares that refills showed anew.
# ``best_left`` is the best place when it was over.
PRICES = """
CREATE TEMP TABLE prices AS
WITH entries AS (SELECT id, is_after, unnest(levels[1]) AS price, unnest(levels[2]) AS size FROM shown),
parts AS (
  SELECT id, price, CASE WHEN is_after THEN 0 ELSE size END AS before, CASE WHEN is_after THEN size ELSE 0 END AS after,
         0 AS displayed, 0 AS refilled, false AS is_traded FROM entries
  UNION ALL
  SELECT a.id, t.price, 0, 0, t.size - t.hidden_size, t.refill_size, true FROM th t JOIN actions a
  ON t.symbol = a.symbol AND t.venue = a.venue AND t.taker_order = a.taker_order AND t.ts BETWEEN a.first_ts AND a.last_ts),
sums AS (
  SELECT id, price, sum(before) AS before, sum(after) AS after, sum(displayed) AS displayed, sum(refilled) AS refilled,
         bool_or(is_traded) AS is_traded FROM parts GROUP BY id, price)
SELECT s.*, s.price * sign(a.side) AS place, b.opposite, b.reach AS reach_before, c.reach AS reach_after,
       CASE WHEN c.id IS NULL OR NOT bool_or(displayed <> refilled) OVER (PARTITION BY s.id) THEN b.best ELSE c.best END AS best_left
FROM sums s JOIN actions a USING (id)
LEFT JOIN shown b ON b.id = s.id AND NOT b.is_after LEFT JOIN shown c ON c.id = s.id AND c.is_after
"""
# Book rows and prints per second of the continuous session, without the crosses and the book rows that show them.
SECONDS = """
CREATE TEMP TABLE seconds AS
WITH crosses AS (SELECT symbol, venue, ts + 1 AS ts FROM tr WHERE cond <> 'T'),
counted AS (
  SELECT second(ts) AS second, 1 AS book, 0 AS print FROM md ANTI JOIN crosses USING (symbol, venue, ts)
  UNION ALL SELECT second(ts), 0, 1 FROM tr WHERE cond = 'T'),
wanted AS (SELECT unnest(range(greatest(second(open_ns), {rates_from_s}), second(close_ns))) AS second FROM sessions)
SELECT second, coalesce(sum(book), 0) AS books, coalesce(sum(print), 0) AS prints
FROM wanted LEFT JOIN counted USING (second) GROUP BY second
"""
# The crosses that the rows on both sides of an open or close require: interest for them takes a minute to gather, and some come late.
DUE = """
CREATE TEMP TABLE due AS
WITH instants AS (SELECT open_ns AS ts, 'O' AS cond FROM sessions UNION ALL SELECT close_ns, 'C' FROM sessions),
span AS (SELECT min(ts) AS first_ts, max(ts) AS last_ts FROM md)
SELECT * FROM instants, (SELECT symbol FROM listing), span WHERE ts > first_ts + 60000000000 AND ts < last_ts - 10000000000
"""


APART = "SELECT *, bids[1] AS bid_prices, bids[2] AS bid_sizes, asks[1] AS ask_prices, asks[2] AS ask_sizes FROM md"


def book_row_checks(levels: int, least: int = 1) -> dict[str, str]:
    """Check name to the predicate that a bad book row fulfils. ``least``: levels that a side must show."""
    sorted_sides = [f"bid_prices[{k}] <= bid_prices[{k + 1}] OR ask_prices[{k}] >= ask_prices[{k + 1}]" for k in range(1, levels)]
    prices = [f"{side}_prices[{k}]" for side in ("bid", "ask") for k in range(1, levels + 1)]
    off_grid = [f"NOT on_grid({price}, symbol)" for price in prices]
    whole_lists = [
        f"len({side}s) = 2 AND len({side}_prices) BETWEEN {least} AND {levels} AND len({side}_sizes) = len({side}_prices)"
        f" AND list_count({side}_prices) = len({side}_prices) AND list_count({side}_sizes) = len({side}_sizes)"
        for side in ("bid", "ask")
    ]
    return {
        # The best is first, and no price comes twice.
        "levels sorted": " OR ".join(sorted_sides) or "false",
        "uncrossed": "bid_prices[1] >= ask_prices[1]",
        # And whole shares.
        "sizes positive": "list_min(bid_sizes) <= 0 OR list_min(ask_sizes) <= 0 OR (list_sum(bid_sizes) + list_sum(ask_sizes)) % 1 <> 0",
        # Two lists of 1 to L numbers (in an empty market of 0 to L), no NULL among them; outside the session a venue that closes shows none at all.
        "equal N": f"({' AND '.join(whole_lists)} OR len(bid_prices) = 0 AND len(ask_prices) = 0 AND NOT in_session(ts)) IS NOT TRUE",
        # Exactly the double nearest to the decimal: a multiplication by 0.01 would miss it.
        "on the tick grid": f"{' OR '.join(off_grid)} OR NOT isfinite(list_sum(bid_prices) + list_sum(ask_prices))",
    }


# Whatever tables there are.
BASIC = {
    # Whole, and across both tables: a print and a book row never share a stamp.
    "keys unique": """
        SELECT count(*) FROM (SELECT 1 FROM (SELECT ts, symbol, venue FROM md UNION ALL SELECT ts, symbol, venue FROM tr)
                              GROUP BY ts, symbol, venue HAVING count(*) > 1 OR (ts + length(symbol) + length(venue)) IS NULL)""",
    # In these two of every table, truth and orders too. Rows are taken as they are read, without a sort; that they came in the file's
    # order is part of the question.
    "time order": """
        SELECT count(*) FROM (SELECT ts, filename, file_row_number AS n, lag(ts) OVER () AS last_ts, lag(filename) OVER () AS last_file,
                                     lag(file_row_number) OVER () AS last_n FROM places)
        WHERE CASE WHEN filename = last_file THEN ts < last_ts OR n <> last_n + 1 ELSE n <> 0 END""",
    "partition holds its hour": """
        SELECT count(*) FROM places WHERE (ts // 3600000000000 = epoch(date::TIMESTAMP)::BIGINT // 3600 + hour::BIGINT) IS NOT TRUE""",
    "price and size positive": """
        SELECT count(*) FROM tr WHERE (price > 0 AND on_grid(price, symbol) AND size > 0
                                       AND side IN ('B', 'S') AND cond IN ('T', 'O', 'C', 'H')) IS NOT TRUE""",
    "crosses where listed": """
        SELECT count(*) FROM (SELECT symbol, venue FROM tr WHERE cond IN ('O', 'C')) ANTI JOIN listing USING (symbol, venue)""",
    # One for each symbol in the ten seconds that an open or close begins, and none at another time.
    "one cross each": """
        SELECT (SELECT count(*) FROM (SELECT 1 FROM due LEFT JOIN tr ON tr.symbol = due.symbol AND tr.cond = due.cond
                                      AND tr.ts - due.ts BETWEEN 0 AND 9999999999 GROUP BY due.symbol, due.ts HAVING count(tr.ts) <> 1))
             + (SELECT count(*) FROM tr WHERE cond IN ('O', 'C') AND NOT EXISTS (
                  FROM sessions WHERE tr.ts - CASE tr.cond WHEN 'O' THEN open_ns ELSE close_ns END BETWEEN 0 AND 9999999999))""",
}
# Where --offsession_trades is none. A listing venue trades only after its opening cross.
PHASE = {
    "trades in their phase": """
        SELECT count(*) FROM tr WHERE cond NOT IN ('O', 'C') AND NOT EXISTS (FROM sessions WHERE tr.ts >= open_ns AND tr.ts < close_ns)
            OR cond = 'T' AND EXISTS (FROM sessions JOIN tr AS o ON o.cond = 'O' AND o.ts BETWEEN open_ns AND close_ns
                                      WHERE o.symbol = tr.symbol AND o.venue = tr.venue AND tr.ts BETWEEN open_ns AND o.ts)""",
}
# Prints against the books around them, with ``truth`` to tell what was hidden. Of places beyond its last level a full row tells nothing.
TRUTH = {
    # What was displayed stood in the last book, or a refill showed it meanwhile.
    "print at a displayed price": """
        SELECT (SELECT count(*) FROM prices WHERE displayed > 0 AND (displayed > before + refilled OR before = 0)
                AND (place <= reach_before OR place > best_left))
             + {seeded} * (SELECT count(*) FROM actions ANTI JOIN (SELECT id FROM shown WHERE NOT is_after) USING (id))""",
    # Neither at the other side's prices nor past a better price that is left, displayed or hidden.
    "print within the quote": "SELECT count(*) FROM prices WHERE is_traded AND (place <= opposite OR place > best_left)",
    # At every price of which both rows tell, traded or not; the fills of an action take consecutive nanoseconds. Of hidden shares alone, and
    # of displayed ones that were all refilled, no row tells: one in the next nanosecond is another action's, and may show more at the price,
    # but hardly less.
    "mass balance": """
        SELECT (SELECT count(*) FROM prices WHERE before - after <> displayed - refilled AND place <= least(reach_before, reach_after)
                AND reach_after IS NOT NULL AND (id IN (SELECT id FROM prices WHERE displayed <> refilled) OR before > after AND is_traded))
             + (SELECT count(*) FROM actions WHERE last_ts - first_ts + 1 <> prints)""",
    # An action without a book row after it has changed nothing.
    "no row without change": "SELECT count(*) FROM prices WHERE reach_after IS NULL AND displayed <> refilled",
    # And each row's parts are parts of it: a sum would pass over a NULL.
    "truth sums to the prints": """
        SELECT (SELECT count(*) FROM (SELECT ts, symbol, venue, sum(size) AS size, min(price) AS low, max(price) AS high
                                      FROM th WHERE taker_order > 0 GROUP BY ALL) t
                FULL JOIN (FROM tr WHERE cond = 'T') p USING (ts, symbol, venue)
                WHERE (t.size = p.size AND low = p.price AND high = p.price) IS NOT TRUE)
             + (SELECT count(*) FROM th WHERE (size > 0 AND hidden_size BETWEEN 0 AND size AND refill_size >= 0
                                               AND resting_side IN ('B', 'S') AND taker_order >= 0) IS NOT TRUE)""",
    "crosses balance": """
        SELECT count(*) FROM (SELECT ts, symbol, venue, sum(size) FILTER (resting_side = 'B') AS bought,
                                     sum(size) FILTER (resting_side = 'S') AS sold FROM th WHERE taker_order = 0 GROUP BY ALL) t
        FULL JOIN (FROM tr WHERE cond <> 'T') p USING (ts, symbol, venue) WHERE (t.bought = p.size AND t.sold = p.size) IS NOT TRUE""",
    "side is the aggressor's": """
        SELECT count(*) FROM tr JOIN th USING (ts, symbol, venue) WHERE cond = 'T' AND side = resting_side""",
}
ORDERS = {
    # A kind that the other checks do not know would pass them by. A cross that pairs nothing is a row too: it ends what waited for it.
    "order rows sound": """
        SELECT count(*) FROM od WHERE (
          kind IN ('ADD', 'EXECUTE', 'REFILL', 'REST', 'EXPIRE', 'CANCEL', 'REDUCE', 'REPLACE', 'CROSS') AND side IN ('B', 'S')
          AND price >= 0 AND size >= CASE WHEN kind IN ('REST', 'CROSS') THEN 0 ELSE 1 END AND order_id >= CASE kind WHEN 'CROSS' THEN 0 ELSE 1 END
          AND length(symbol) > 0 AND length(venue) > 0) IS NOT TRUE""",
    "order ids unique": """
        SELECT count(*) FROM (SELECT 1 FROM od WHERE kind IN ('ADD', 'REPLACE')
          GROUP BY symbol, venue, trading_day(ts), CASE kind WHEN 'ADD' THEN order_id ELSE other_id END HAVING count(*) > 1)""",
    # What leaves an order was in it and leaves it while it is there, and all has left when it ends. (Of a replaced order's rest
    # nothing is said.)
    "orders end as they began": """
        WITH moves AS (
          SELECT symbol, venue, trading_day(ts) AS day, order_id, ts, CASE kind WHEN 'ADD' THEN size ELSE 0 END AS entered,
                 CASE kind WHEN 'ADD' THEN 0 ELSE size END AS gone, kind IN ('CANCEL', 'EXPIRE') AS is_end
          FROM od WHERE kind IN ('ADD', 'EXECUTE', 'CANCEL', 'REDUCE', 'EXPIRE')
          UNION ALL SELECT symbol, venue, trading_day(ts), other_id, ts, 0, size, false FROM od WHERE kind = 'EXECUTE' AND other_id > 0
          UNION ALL SELECT symbol, venue, trading_day(ts), other_id, ts, size, 0, false FROM od WHERE kind = 'REPLACE')
        SELECT count(*) FROM (SELECT 1 FROM moves GROUP BY symbol, venue, day, order_id
                              HAVING sum(entered) < sum(gone) OR (bool_or(is_end) AND sum(entered) <> sum(gone))
                                  OR min(ts) < min(ts) FILTER (entered > 0) OR max(ts) > max(ts) FILTER (is_end))""",
    # A cross executes each share twice, for its buyer and its seller; elsewhere the resting order is opposite to the print.
    "executions are the prints": """
        SELECT count(*) FROM (SELECT ts, symbol, venue, sum(size) AS size, min(price) AS low, max(price) AS high,
                                     string_agg(DISTINCT side) AS sides FROM od WHERE kind = 'EXECUTE' GROUP BY ALL) e
        FULL JOIN tr p USING (ts, symbol, venue)
        WHERE (e.size = p.size * CASE p.cond WHEN 'T' THEN 1 ELSE 2 END AND low = p.price AND high = p.price
               AND (p.cond <> 'T' OR sides = CASE p.side WHEN 'B' THEN 'S' ELSE 'B' END)) IS NOT TRUE""",
}
ORDERS_AND_TRUTH = {
    # Order by order: who was filled by whom, and how much of it was hidden.
    "executions are the truth": """
        SELECT count(*) FROM (SELECT ts, symbol, venue, order_id, other_id AS taker, sum(size) AS size, sum(hidden_size) AS hidden
                              FROM od WHERE kind = 'EXECUTE' GROUP BY ALL) e
        FULL JOIN (SELECT ts, symbol, venue, maker_order AS order_id, taker_order AS taker, sum(size) AS size, sum(hidden_size) AS hidden
                   FROM th GROUP BY ALL) t USING (ts, symbol, venue, order_id, taker)
        WHERE (e.size = t.size AND e.hidden = t.hidden) IS NOT TRUE""",
}
RATES = {
    "book rates": "SELECT count(*) FROM seconds WHERE books NOT BETWEEN {book_min} AND {book_max}",
    "print rates": "SELECT count(*) FROM seconds WHERE prints NOT BETWEEN {print_min} AND {print_max}",
}
EVERY_VENUE = {
    # Each listed symbol at each venue that shows any; counted one by one, for a key too many must not hide one that lacks.
    "every venue every second": """
        SELECT count(*) FROM (
          SELECT symbol, venue, unnest(range(second(open_ns), second(close_ns))) AS second
          FROM sessions, (SELECT symbol FROM listing), (SELECT DISTINCT venue FROM md WHERE venue IS NOT NULL))
        ANTI JOIN (SELECT DISTINCT symbol, venue, second(ts) AS second FROM md) USING (symbol, venue, second)""",
}


def violations(folder: Path, *, has_truth: bool = True, has_orders: bool = False, suffix: str = "", **asked: Any) -> dict[str, int]:
    """Check name to the number of violations in a run's Parquet files; all 0 on a good run. ``asked``: see ``Asked``."""
    with duckdb.connect() as con:
        for name, table in table_names(has_truth, has_orders).items():
            _view(con, name, folder / f"equities_{table}{suffix}")
        return ask(con, Asked(has_truth=has_truth, has_orders=has_orders, **asked))


def table_names(has_truth: bool, has_orders: bool) -> dict[str, str]:
    """Short name to table."""
    return {"md": "market_data", "tr": "trades"} | ({"th": "truth"} if has_truth else {}) | ({"od": "orders"} if has_orders else {})


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the questions need to know of a run."""

    levels: int
    listing: Mapping[str, str]
    """Symbol to venue: every symbol of the run and no other."""
    sessions: Sequence[tuple[int, int]]
    """Open and close of the continuous sessions in the run, in ns and whole seconds; where the run starts or ends inside one, the part
    that it covers."""
    has_truth: bool
    has_orders: bool
    rates: tuple[int, int, int, int] | None = None
    """Least and most book rows a second, least and most prints, from ``rates_from_ns`` on."""
    rates_from_ns: int = 0
    every_venue: bool = False
    """Each symbol has a book row at each venue in each second (with 150 book rows a second and more)."""
    offsession: bool = False
    """Trades outside the sessions are allowed."""
    tick_units: int | Mapping[str, int] = 100
    """In 0.0001 USD, of all symbols or by symbol."""
    day_starts: Sequence[int] = ()
    """When trading days begin, in ns; needed where there are rows of the night."""
    starts_empty: bool = False
    """No background has filled the books, so that a side may show nothing, and hidden orders may trade before a book has its first row."""


def ask(con: duckdb.DuckDBPyConnection, asked: Asked) -> dict[str, int]:
    """The same of tables that ``con`` has, by their short names."""
    levels, has_truth, has_orders, rates = asked.levels, asked.has_truth, asked.has_orders, asked.rates
    numbers = {"levels": levels, "seeded": int(not asked.starts_empty), "rates_from_s": asked.rates_from_ns // 1_000_000_000}
    if rates is not None:
        numbers |= dict(zip(("book_min", "book_max", "print_min", "print_max"), rates, strict=True))
    parts = (
        (BASIC, True), (PHASE, not asked.offsession), (TRUTH, has_truth), (ORDERS, has_orders), (ORDERS_AND_TRUTH, has_orders and has_truth),
        (RATES, rates), (EVERY_VENUE, asked.every_venue),
    )  # fmt: skip
    trading_day = " + ".join(f"(ts >= {start})::BIGINT" for start in asked.day_starts) or NEW_YORK_DATE
    in_session = " OR ".join(f"ts >= {start} AND ts < {end}" for start, end in asked.sessions) or "false"
    con.execute(MACROS.format(trading_day=trading_day, in_session=in_session, on_grid=_on_grid(asked.tick_units)))
    places = " UNION ALL ".join(f"SELECT ts, filename, file_row_number, date, hour FROM {name}" for name in table_names(has_truth, has_orders))
    con.execute(f"CREATE VIEW places AS {places}")
    con.execute("CREATE TABLE sessions (open_ns BIGINT, close_ns BIGINT)")
    con.execute("CREATE TABLE listing (symbol VARCHAR, venue VARCHAR)")
    for table, rows in (("sessions", asked.sessions), ("listing", asked.listing.items())):
        if rows:
            con.execute(f"INSERT INTO {table} VALUES {', '.join(['(?, ?)'] * len(rows))}", [value for row in rows for value in row])
    for setup, wanted in ((DUE, True), (ACTIONS, has_truth), (SHOWN, has_truth), (PRICES, has_truth), (SECONDS, rates)):
        if wanted:
            con.execute(setup.format(**numbers))
    found = _book_rows(con, book_row_checks(levels, 0 if asked.starts_empty else 1), levels)
    for checks, wanted in parts:
        for name, sql in checks.items() if wanted else ():
            ((found[name],),) = con.execute(sql.format(**numbers)).fetchall()
    return found


def _on_grid(tick_units: int | Mapping[str, int]) -> str:
    """SQL: exactly the double nearest to a whole number of ticks."""
    if isinstance(tick_units, int) and 10_000 % tick_units == 0:
        ticks_per_usd = 10_000 // tick_units
        return f"price = round(price * {ticks_per_usd}) / {ticks_per_usd}"
    cases = "".join(f" WHEN '{symbol}' THEN {units}" for symbol, units in tick_units.items()) if isinstance(tick_units, Mapping) else ""
    units = f"CASE symbol{cases} END" if cases else str(tick_units)
    return f"price = round(price * 10000) / 10000 AND round(price * 10000)::BIGINT % {units} = 0"


def _view(con: duckdb.DuckDBPyConnection, name: str, dataset: Path) -> None:
    """The files of a dataset, with each row's file and place in it, and the hour that its folder says."""
    con.execute(
        f"CREATE VIEW {name} AS SELECT epoch_ns(timestamp_ns) AS ts, * FROM read_parquet('{dataset}/*/*/*.parquet', "
        "hive_partitioning = true, hive_types_autocast = false, filename = true, file_row_number = true)"
    )


def _book_rows(con: duckdb.DuckDBPyConnection, checks: Mapping[str, str], levels: int) -> dict[str, int]:
    """All predicates in one pass, with the lists taken apart once."""
    counts = {name: f"count(*) FILTER ({predicate})" for name, predicate in checks.items()} | {
        # In 99.9 % of the rows of the continuous session.
        "five levels nearly always": f"greatest(0, count(*) FILTER (in_session(ts) AND least(len(bid_prices), len(ask_prices)) < {min(5, levels)}) "
        "- count(*) FILTER (in_session(ts)) // 1000)",
    }
    (row,) = con.execute(f"SELECT {', '.join(counts.values())} FROM ({APART})").fetchall()
    return dict(zip(counts, row, strict=True))
