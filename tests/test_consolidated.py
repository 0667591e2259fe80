"""The consolidated quote against an independent one (DuckDB over the book rows), and its round lots."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from helpers import LOW, run, scenario

from simulator.inputs.config import Scenario
from simulator.inputs.lots import round_lot
from simulator.inputs.universe import Universe
from simulator.market import Market
from simulator.notices import NOBODY
from simulator.records import NS_PER_US, columns, slice_batch
from simulator.tape.consolidated import PROCESSOR_NS, SIP_LEVELS, Consolidator, best_quotes, round_lot_quotes

WINDOW = ("2025-07-01T13:29:50Z", "2025-07-01T13:30:20Z")
LOTS = {"AAPL": 100, "NVDA": 100, "JPM": 100, "XOM": 100}

QUERY = f"""
WITH shown AS (
  SELECT epoch_ns(timestamp_ns) + delay_ns + {PROCESSOR_NS} AS ts, symbol, venue, place, lot, bids, asks
  FROM books JOIN venues USING (venue) JOIN lots USING (symbol)
), sides AS (
  SELECT ts, symbol, venue, place, lot, bids[1] AS bp, asks[1] AS ap,
    list_transform(range(1, least(len(bids[2]), {SIP_LEVELS}) + 1), lambda i: list_sum(bids[2][1:i])) AS bs,
    list_transform(range(1, least(len(asks[2]), {SIP_LEVELS}) + 1), lambda i: list_sum(asks[2][1:i])) AS az
  FROM shown
), quotes AS (
  SELECT ts, symbol, venue, place,
    bp[list_position(list_transform(bs, lambda s: s >= lot), true)] AS bid, floor(list_first(list_filter(bs, lambda s: s >= lot)) / lot) * lot AS bid_size,
    ap[list_position(list_transform(az, lambda s: s >= lot), true)] AS ask, floor(list_first(list_filter(az, lambda s: s >= lot)) / lot) * lot AS ask_size
  FROM sides
), moments AS (SELECT DISTINCT ts, symbol FROM quotes WHERE ts < $until),
known AS (
  SELECT m.ts, m.symbol, v.venue, v.place, q.bid, q.bid_size, q.ask, q.ask_size
  FROM (moments m CROSS JOIN venues v) ASOF LEFT JOIN quotes q
    ON q.symbol = m.symbol AND q.venue = v.venue AND q.ts <= m.ts
), best AS (
  SELECT ts, symbol,
    arg_max({{'p': bid, 's': bid_size, 'v': venue}}, (bid, bid_size, -place)) FILTER (bid IS NOT NULL) AS b,
    arg_min({{'p': ask, 's': ask_size, 'v': venue}}, (ask, -ask_size, place)) FILTER (ask IS NOT NULL) AS a
  FROM known GROUP BY ts, symbol
), told AS (SELECT ts, symbol, b.p AS bid, b.s AS bid_size, b.v AS bid_venue, a.p AS ask, a.s AS ask_size, a.v AS ask_venue FROM best)
SELECT * FROM told
QUALIFY (bid, bid_size, bid_venue, ask, ask_size, ask_venue)
  IS DISTINCT FROM lag((bid, bid_size, bid_venue, ask, ask_size, ask_venue)) OVER (PARTITION BY symbol ORDER BY ts)
ORDER BY ts, list_position($symbols, symbol)
"""


def independent(books: pa.Table, universe: Universe, lots: dict[str, int], until_ns: int) -> list[tuple[Any, ...]]:
    """The table ``sip`` as SQL makes it of ``market_data``."""
    names = [venue.name for venue in universe.venues]
    delays = [venue.sip_delay_ns for venue in universe.venues]
    venues = pa.table({"venue": names, "delay_ns": delays, "place": list(range(len(names)))})
    with duckdb.connect() as con:
        for name, table in (("books", books), ("venues", venues), ("lots", pa.table({"symbol": list(lots), "lot": list(lots.values())}))):
            con.register(name, table)
        return con.execute(QUERY, {"until": until_ns, "symbols": [s.name for s in universe.symbols]}).fetchall()


def published(market: Market) -> list[tuple[Any, ...]]:
    table = market.arrow("sip")
    table = table.set_column(0, "timestamp_ns", table["timestamp_ns"].cast(pa.int64()))
    words = [pa.string() if pa.types.is_dictionary(field.type) else field.type for field in table.schema]
    rows = table.cast(pa.schema(list(zip(table.schema.names, words, strict=True)))).to_pylist()
    return [tuple(None if value in ("",) else value for value in row.values()) for row in rows]


def as_told(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """SQL's NULL sizes are the table's 0."""
    return [(*row[:3], int(row[3] or 0), *row[4:6], int(row[6] or 0), row[7]) for row in rows]


@pytest.fixture(scope="module")
def market() -> Market:
    chosen = scenario(*WINDOW, rates=replace(LOW, market_data_max_eps=300, trades_max_eps=100), extra_tables=("sip",))
    return run(chosen)


def test_every_row_is_what_sql_makes_of_the_book_rows(market: Market) -> None:
    chosen: Scenario = market.scenario
    table = market.arrow("market_data")
    plain = table.cast(pa.schema([(f.name, pa.string() if pa.types.is_dictionary(f.type) else f.type) for f in table.schema]))
    expected = as_told(independent(plain, chosen.universe, LOTS, chosen.end_ns))
    found = as_told(published(market))
    assert len(found) > 300
    assert len({row[4] for row in found}) == 5, "not every venue was ever the best"
    assert found == expected
    # A venue's delay, a round lot and the order of equals count: with others it is another table.
    late = chosen.universe.venues[2].__class__(**{**_fields(chosen.universe.venues[2]), "sip_delay_ns": 250_001})
    other = Universe(venues=(*chosen.universe.venues[:2], late, *chosen.universe.venues[3:]), symbols=chosen.universe.symbols)
    assert as_told(independent(plain, other, LOTS, chosen.end_ns)) != found
    assert as_told(independent(plain, chosen.universe, LOTS | {"AAPL": 40}, chosen.end_ns)) != found


def _fields(venue: Any) -> dict[str, Any]:
    return {name: getattr(venue, name) for name in venue.__dataclass_fields__}


def test_nothing_is_published_before_its_delay_and_nothing_twice(market: Market) -> None:
    rows = published(market)
    first_ns = int(market.tape()["market_data"].ts_ns[0])
    delays = [venue.sip_delay_ns for venue in market.scenario.universe.venues]
    assert rows[0][0] >= first_ns + min(delays) + PROCESSOR_NS
    assert rows[-1][0] < market.scenario.end_ns
    last: dict[str, tuple[Any, ...]] = {}
    for row in rows:
        assert last.get(row[1]) != row[2:]
        last[row[1]] = row[2:]


def test_where_the_run_is_cut_into_flushes_changes_no_row() -> None:
    chosen = scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:03Z", extra_tables=("sip",))
    whole = published(run(chosen))
    steps = Market(chosen)
    rng = np.random.default_rng(3)
    for ts_ns in sorted({*rng.integers(chosen.start_ns, chosen.end_ns, 200).tolist(), chosen.end_ns}):
        steps.run_until(ts_ns)
    assert published(steps) == whole
    assert len(whole) > 50


def test_rows_that_are_not_due_wait_for_a_later_flush(market: Market) -> None:
    """Cut after every tenth book row, with venues whose delays are a millisecond apart."""
    books = market.tape()["market_data"]
    delays = [1_000_000 * (5 - v) for v in range(5)]
    whole, pieces = Consolidator(range(4), delays), Consolidator(range(4), delays)
    for consolidator in (whole, pieces):
        consolidator.start_day([100] * 4)
    whole.take(books)  # type: ignore[arg-type]
    expected = whole.due(market.scenario.end_ns)
    found, first = [], 0
    for cut_ns in [*(books.ts_ns[::10] + 1).tolist(), market.scenario.end_ns]:
        last = int(np.searchsorted(books.ts_ns, cut_ns))
        pieces.take(slice_batch(books, first, last))  # type: ignore[arg-type]
        if (rows := pieces.due(cut_ns)) is not None:
            assert found == [] or rows.ts_ns[0] >= found[-1].ts_ns[-1]
            assert rows.ts_ns[-1] < cut_ns
            found.append(rows)
        first = last
    assert expected is not None
    for name, column in columns(expected):
        np.testing.assert_array_equal(np.concatenate([getattr(rows, name) for rows in found]), column)


def test_a_new_day_has_no_quotes_and_what_was_on_its_way_is_gone() -> None:
    book = run(scenario(*WINDOW)).tape()["market_data"]
    sip = Consolidator(range(4), [250_000] * 5)
    sip.start_day([100] * 4)
    sip.take(book)  # type: ignore[arg-type]
    first = sip.due(int(book.ts_ns[-1]))
    assert first is not None
    sip.start_day([100] * 4)
    assert sip.due(2**62) is None
    sip.take(book)  # type: ignore[arg-type]
    again = sip.due(int(book.ts_ns[-1]))
    assert again is not None
    np.testing.assert_array_equal(first.bid_price, again.bid_price)


def quotes(bids: list[tuple[int, int]], asks: list[tuple[int, int]], lot: int, levels: int = 10) -> list[int]:
    row = np.zeros((1, 4, levels), np.int32)
    for side, found in enumerate((bids, asks)):
        for k, (price, size) in enumerate(found):
            row[0, 2 * side : 2 * side + 2, k] = price, size
    return [int(n) for n in round_lot_quotes(row, np.array([lot]))[0]]


@pytest.mark.parametrize(
    ("bids", "asks", "lot", "expected"),
    [
        ([(100, 250)], [(101, 99)], 100, [100, 200, 0, 0]),
        ([(100, 60), (99, 30), (98, 30)], [(101, 100)], 100, [98, 100, 101, 100]),
        ([(100, 60), (99, 500)], [(101, 39), (103, 2)], 40, [100, 40, 103, 40]),
        ([(100, 9), (99, 1)], [(101, 19)], 10, [99, 10, 101, 10]),
        ([(100, 1)], [(101, 1)], 1, [100, 1, 101, 1]),
        ([(100 - k, 9) for k in range(12)], [], 100, [0, 0, 0, 0]),  # a round lot only beyond the tenth level
        ([(100, 2**31 - 1), (99, 1)], [], 100, [100, 2**31 - 1 - 47, 0, 0]),
    ],
)
def test_a_venues_quote_is_of_round_lots(bids: Any, asks: Any, lot: int, expected: list[int]) -> None:
    assert quotes(bids, asks, lot, levels=12) == expected


def test_of_equal_prices_the_larger_then_the_first_venue_is_named() -> None:
    venues = [[100, 200, 103, 100], [101, 100, 103, 300], [101, 300, 103, 300], [101, 300, 0, 0], [0, 0, 0, 0]]
    assert best_quotes(np.array([venues]))[0].tolist() == [101, 300, 2, 103, 300, 1]
    assert best_quotes(np.zeros((1, 5, 4), np.int64))[0].tolist() == [0, 0, NOBODY, 0, 0, NOBODY]


@pytest.mark.parametrize(
    ("date", "close_usd", "shares"),
    [
        (dt.date(2025, 11, 2), 5_000.0, 100), (dt.date(2025, 11, 3), 250.0, 100), (dt.date(2025, 11, 3), 250.01, 40),
        (dt.date(2026, 1, 2), 1_000.0, 40), (dt.date(2026, 1, 2), 1_000.01, 10), (dt.date(2026, 1, 2), 10_000.0, 10),
        (dt.date(2026, 1, 2), 10_000.01, 1),
    ],
)  # fmt: skip
def test_round_lots_go_by_date_and_price(date: dt.date, close_usd: float, shares: int) -> None:
    assert round_lot(date, close_usd) == shares


def test_a_later_date_has_smaller_round_lots_in_the_table() -> None:
    """JPM, above 250 USD: quotes of 40 shares count from November 2025 on."""
    day = {"start": "2026-01-06T14:29:50Z", "end": "2026-01-06T14:30:05Z", "names": ("JPM",), "extra_tables": ("sip",)}
    sizes = {int(size) for row in published(run(scenario(**day))) for size in (row[3], row[6]) if size}
    assert all(size % 40 == 0 for size in sizes)
    assert any(size % 100 for size in sizes)


def test_the_default_delays_are_in_the_universe_and_no_one_is_earlier_than_light() -> None:
    chosen = scenario()
    assert all(100 * NS_PER_US < venue.sip_delay_ns < 2_000 * NS_PER_US for venue in chosen.universe.venues)
