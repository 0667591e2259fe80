"""What venues tell beside books and prints, in the tables ``status`` and ``imbalances``, and when agents hear of it and of the SIP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from helpers import run, scenario
from scripted import BASE_NS, Stroke, scripted_run

from simulator.agents import Imbalance, Status
from simulator.book.cross import Interest
from simulator.exchange.imbalances import best_within
from simulator.inputs.auction_rules import information_times
from simulator.inputs.config import AgentSpec
from simulator.inputs.sessions import parse_ts
from simulator.market import Market
from simulator.notices import ImbalanceBatch, SipBatch, StatusReason
from simulator.records import NS_PER_MS, NS_PER_S, CrossKind, OrderType, Phase, Side, columns
from simulator.rules.auctions import Auctions
from simulator.tape.consolidated import PROCESSOR_NS

BUY, SELL = Side
A = ("AAPL", "NASDAQ")
OPEN_NS, CLOSE_NS = parse_ts("2025-07-01T13:30:00Z"), parse_ts("2025-07-01T20:00:00Z")


# --- status ----------------------------------------------------------------------------------------------------------


def test_status_has_every_phase_of_every_symbol_and_venue() -> None:
    chosen = scenario("2025-07-01T08:00:00Z", "2025-07-02T08:00:00Z", names=("AAPL", "JPM"), background=False, extra_tables=("status",))
    rows = run(chosen).pandas("status")
    assert set(rows.reason) == {"SESSION"}
    assert rows[["reference_price", "lower_band", "upper_band"]].isna().all(axis=None)
    assert (rows.timestamp_ns.diff().dropna() >= np.timedelta64(0)).all()
    for (symbol, venue), book in rows.groupby(["symbol", "venue"], observed=True):
        opens_later = venue == "IEX" or (symbol, venue) == ("AAPL", "NYSE")  # tests/test_hours.py has the times
        assert list(book.phase) == ["CLOSED"] * opens_later + ["PRE_OPEN", "CONTINUOUS", "POST_CLOSE", "CLOSED"]
    assert len(rows) == 2 * 5 * 4 + 3


def test_bands_are_of_the_whole_market_and_null_elsewhere() -> None:
    market = Market(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:02Z", names=("AAPL",), background=False, extra_tables=("status",)))
    market.run_until(market.scenario.start_ns + NS_PER_S)
    market._board.tell_bands(market.now_ns, 0, 20_000, 19_000, 21_000)
    market.run_until(market.scenario.end_ns)
    rows = market.pandas("status")
    (bands,) = rows[rows.venue == ""].to_dict("records")
    assert (bands["phase"], bands["reason"], bands["reference_price"], bands["lower_band"], bands["upper_band"]) == ("", "LULD", 200.0, 190.0, 210.0)
    assert rows[rows.venue != ""].lower_band.isna().all()
    assert market._board.statuses[3][-1].phase == Phase.CONTINUOUS


# --- imbalances --------------------------------------------------------------------------------------------------------


def seconds(times: Sequence[Any], bell_ns: int) -> list[float]:
    return [(told.ts_ns - bell_ns) / NS_PER_S for told in times]


def test_each_venue_tells_at_its_own_times() -> None:
    nasdaq_open = information_times("NASDAQ", CrossKind.OPEN, 0, 0, 1)
    assert [round(s) for s in seconds(nasdaq_open, 0)] == [*range(-300, -120, 10), *range(-120, 0)]
    assert [told.rule.is_full for told in nasdaq_open] == [False] * 18 + [True] * 120
    nasdaq_close = information_times("NASDAQ", CrossKind.CLOSE, 0, 0, 1)
    assert [round(s) for s in seconds(nasdaq_close, 0)] == [*range(-600, -300, 10), *range(-300, 0)]
    nyse_open = information_times("NYSE", CrossKind.OPEN, 0, 3 * NS_PER_S, 1)
    assert [round(s) for s in seconds(nyse_open, 0)] == list(range(-5_400, 3))
    assert all(told.rule.if_changed for told in nyse_open)
    assert [round(s) for s in seconds(information_times("NYSE", CrossKind.CLOSE, 0, 0, 1), 0)] == list(range(-600, 0))
    assert not information_times("IEX", CrossKind.CLOSE, 0, 0, 1)


@pytest.fixture(scope="module")
def closing() -> Market:
    """Eleven minutes before the close, with orders for it from the start on."""

    def auctioneer(market: Any, orders: Any, rng: Any) -> Any:
        for symbol, price in (("AAPL", 10_000), ("JPM", 20_000)):
            listing = "NASDAQ" if symbol == "AAPL" else "NYSE"
            orders.buy(symbol, listing, price - 10, 400)
            orders.sell(symbol, listing, price + 10, 400)
            orders.buy(symbol, None, 0, 1_000, type=OrderType.MARKET_ON_CLOSE)
            orders.sell(symbol, None, price - 3, 700, type=OrderType.LIMIT_ON_CLOSE)
            orders.sell(symbol, None, price + 8, 200, type=OrderType.LIMIT_ON_CLOSE)
        yield market.until(CLOSE_NS - 400 * NS_PER_S)
        orders.buy("JPM", "NYSE", 19_995, 100)

    chosen = scenario(
        "2025-07-01T19:49:00Z", "2025-07-01T20:00:10Z", names=("AAPL", "JPM"), background=False,
        extra_tables=("imbalances", "status", "sip"), agents=(AgentSpec(name="auctioneer", make=auctioneer),),
    )  # fmt: skip
    return run(chosen)


def test_imbalances_say_what_waits_and_at_what_price(closing: Market) -> None:
    rows = closing.pandas("imbalances")
    rows["s"] = (rows.timestamp_ns.astype("int64") - CLOSE_NS) / NS_PER_S
    aapl, jpm = (rows[rows.symbol == symbol] for symbol in ("AAPL", "JPM"))
    early, full = aapl[aapl.s < -300], aapl[(aapl.s > -300) & (aapl.s < 0)]
    assert len(early) == 30
    assert len(full) == 300
    assert early.near_price.isna().all()
    assert early.far_price.isna().all()
    assert set(aapl.venue) == {"NASDAQ"}
    assert set(rows.cond) == {"C"}
    for row in full.to_dict("records"):
        # 1,000 to buy at market, 700 and 200 to sell: within the quote of 99.90 to 100.10 the price that pairs most is 100.08 and above.
        assert (row["paired_size"], row["imbalance_size"], row["imbalance_side"], row["reference_price"]) == (900, 100, "B", 100.08)
        assert (row["near_price"], row["far_price"]) == (100.10, 100.08)
    # NYSE tells when something has changed: at first, and not when an order joins the bid, which moves neither price.
    assert [round(s) for s in jpm.s] == [-600]
    assert not (rows.timestamp_ns.astype("int64") % NS_PER_S == 0).any()


def test_the_last_near_price_is_the_price_of_the_cross() -> None:
    """Of a market with its background: asked at the cross's own instant the venue tells just what the cross then does."""
    chosen = scenario("2025-07-01T13:29:40Z", "2025-07-01T13:30:12Z", extra_tables=("imbalances",))
    market = Market(chosen)
    near = {}
    for ts_ns, k, kind in market._auctions.crosses(market._days[0]):
        if kind == CrossKind.OPEN:
            market.run_until(ts_ns)
            near[k] = market._auctions.imbalance(k, kind).near_ticks
            book = k * 5 + market._auctions._listings[k]
            assert near[k] == market._exchange.indicative(book, kind, market._auctions.reference_ticks(k)).price_ticks > 0
    market.run_until(chosen.end_ns)
    assert {cross.symbol: cross.price_ticks for cross in market.result().crosses} == near
    assert len(near) == 4
    assert len(market.tape()["imbalances"]) > 40


def interest(orders: list[tuple[int, int]], side: Side) -> Interest:
    ranked = sorted(orders, key=lambda order: (order[0] != 0, order[0] * (1 if side == SELL else -1)))
    limits, shares = (np.array([order[n] for order in ranked], np.int64) for n in (0, 1))
    return Interest(np.arange(len(ranked)), limits, shares)


def test_the_reference_price_pairs_most_leaves_least_and_is_nearest_to_the_middle() -> None:
    """Against every price of the quote, tried one by one."""
    rng = np.random.default_rng(5)
    for _ in range(300):
        sides = [[(int(rng.choice([0, *range(95, 106)])), int(rng.integers(1, 5)) * 100) for _ in range(rng.integers(0, 5))] for _ in Side]
        quote, middle = (int(rng.integers(94, 100)), int(rng.integers(100, 107))), int(rng.integers(97, 104))
        tried = []
        for price in range(quote[0], quote[1] + 1):
            bought = sum(shares for limit, shares in sides[0] if limit == 0 or limit >= price)
            sold = sum(shares for limit, shares in sides[1] if limit == 0 or limit <= price)
            tried.append((-min(bought, sold), abs(bought - sold), abs(price - middle), price, bought - sold))
        best = min(tried)
        assert best_within(interest(sides[0], BUY), interest(sides[1], SELL), quote, middle) == (best[3], -best[0], best[4])


def test_nobody_computes_imbalances_unasked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Auctions, "imbalance", None)
    run(scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:00Z", background=False))
    run(scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:00Z", background=False, agents=(AgentSpec(name="deaf", make=deaf),)))
    with pytest.raises(TypeError):
        run(scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:00Z", background=False, extra_tables=("imbalances",)))


def deaf(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)


# --- agents -------------------------------------------------------------------------------------------------------------

LATE_NS = 7 * NS_PER_MS


def hears(market: Any, orders: Any, rng: Any, heard: list[Any], symbol: str = "AAPL") -> Any:
    while True:
        came = yield market.any_of(market.imbalance(symbol), market.status_change(symbol, "NASDAQ"))
        heard.append((market.now_ns, came))
        looked = market.last_imbalance(symbol) if isinstance(came, Imbalance) else market.status(symbol, "NASDAQ")
        assert looked == came


def test_agents_hear_of_imbalances_and_status_a_latency_later_and_not_before() -> None:
    heard: list[Any] = []
    listener = AgentSpec(name="listener", make=hears, arguments={"heard": heard, "symbol": "MSFT"}, latency_ns={"NASDAQ": LATE_NS, "*": 1})
    names = ("AAPL", "MSFT")
    chosen = scenario("2025-07-01T13:29:50Z", "2025-07-01T13:30:02Z", names=names, agents=(listener,), extra_tables=("imbalances", "status"))
    market = run(chosen)
    table = market.tape()["imbalances"]
    assert isinstance(table, ImbalanceBatch)
    table = ImbalanceBatch(**{name: column[table.symbol == 1] for name, column in columns(table)})  # type: ignore[arg-type]
    told = [(now_ns, came) for now_ns, came in heard if isinstance(came, Imbalance)]
    assert [now_ns - LATE_NS for now_ns, _ in told] == table.ts_ns.tolist()
    assert [came.ts_ns for _, came in told] == table.ts_ns.tolist()
    assert [came.paired for _, came in told] == table.paired_size.tolist()
    assert [came.near_ticks * 100 for _, came in told] == table.near_price.tolist()
    statuses = [(now_ns, came) for now_ns, came in heard if isinstance(came, Status)]
    assert [came.phase for _, came in statuses] == [Phase.PRE_OPEN, Phase.CONTINUOUS]
    # The opening cross brings the first price bands at its own instant.
    assert [came.reason for _, came in statuses] == [StatusReason.SESSION, StatusReason.LULD]
    assert all(now_ns == came.ts_ns + LATE_NS for now_ns, came in statuses)
    assert statuses[0][1].reference_ticks == 0 < statuses[1][1].lower_ticks


def test_looking_at_any_time_shows_the_last_notice_that_has_arrived() -> None:
    seen: list[tuple[int, Any, Any]] = []

    def polls(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            seen.append((market.now_ns, market.last_imbalance("AAPL"), market.status("AAPL", "NYSE")))
            yield market.wait(3 * NS_PER_MS)

    poller = AgentSpec(name="poller", make=polls, latency_ns=LATE_NS)
    chosen = scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:01Z", names=("AAPL",), agents=(poller,), extra_tables=("imbalances",))
    table = run(chosen).tape()["imbalances"]
    for now_ns, imbalance, status in seen:
        arrived = table.ts_ns[table.ts_ns <= now_ns - LATE_NS]
        assert (None if imbalance is None else imbalance.ts_ns) == (arrived[-1] if len(arrived) else None)
        assert status.phase == (
            Phase.CLOSED if now_ns < chosen.start_ns + LATE_NS else Phase.PRE_OPEN if now_ns < OPEN_NS + LATE_NS else Phase.CONTINUOUS
        )
    assert len({imbalance for _, imbalance, _ in seen}) >= 3


def test_an_agent_that_asks_gets_imbalances_from_then_on_whoever_else_listens() -> None:
    def asks_late(market: Any, orders: Any, rng: Any, seen: list[Any]) -> Any:
        yield market.until(OPEN_NS - 5 * NS_PER_S)
        seen.append(market.last_imbalance("AAPL"))
        yield market.wait(NS_PER_S)
        seen.append(market.last_imbalance("AAPL"))

    seen_by: list[list[Any]] = []
    for others in ((), (AgentSpec(name="listener", make=hears, arguments={"heard": []}),)):
        seen: list[Any] = []
        late = AgentSpec(name="late", make=asks_late, arguments={"seen": seen})
        run(scenario("2025-07-01T13:29:50Z", "2025-07-01T13:29:58Z", names=("AAPL",), agents=(late, *others)))
        seen_by.append(seen)
    assert seen_by[0] == seen_by[1]
    assert seen_by[0][0] is None
    assert seen_by[0][1].ts_ns > OPEN_NS - 5 * NS_PER_S


def test_the_sip_reaches_an_agent_after_the_venues_the_processors_and_its_own_delay() -> None:
    quotes: list[tuple[int, Any]] = []

    def looks(market: Any, orders: Any, rng: Any) -> Any:
        for at_ns in (late_ns - 1, late_ns):
            yield market.until(BASE_NS + at_ns)
            quotes.append((at_ns, market.sip("AAPL")))

    delay_ns = next(v.sip_delay_ns for v in scenario().universe.venues if v.name == "NASDAQ")
    late_ns = delay_ns + PROCESSOR_NS + 50_000 + 2  # the third row of the book, and the agent's 50 microseconds
    spec = AgentSpec(name="looker", make=looks, latency_ns=50_000)
    strokes = [Stroke(0, *A, BUY, 9_990, 300), Stroke(1, *A, SELL, 10_010, 550), Stroke(2, *A, BUY, 9_991, 60)]
    scripted_run([*strokes, Stroke(2, "AAPL", "NYSE", BUY, 9_992, 100)], spec, run_ns=NS_PER_MS)
    (_, early), (_, on_time) = quotes
    assert early[1:] == (9_990, 300, "NASDAQ", 10_010, 500, "NASDAQ", "AAPL")
    assert early.ts_ns == BASE_NS + 1 + delay_ns + PROCESSOR_NS
    # 60 shares at 99.91 are no round lot: with those at 99.90 they are 360, so 300; NYSE's 100 are on their way for longer.
    assert on_time[1:] == (9_990, 300, "NASDAQ", 10_010, 500, "NASDAQ", "AAPL")
    assert on_time.ts_ns == BASE_NS + 2 + delay_ns + PROCESSOR_NS


def test_what_an_agent_sees_of_the_sip_is_the_tables_last_row_a_latency_ago() -> None:
    seen: list[tuple[int, Any]] = []

    def samples(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            yield market.wait(int(rng.integers(1, 40 * NS_PER_MS)))
            seen.extend((market.now_ns, market.sip(symbol)) for symbol in ("AAPL", "JPM"))

    sampler = AgentSpec(name="sampler", make=samples, latency_ns=300_000)
    market = run(scenario("2025-07-01T13:30:00Z", "2025-07-01T13:30:05Z", names=("AAPL", "JPM"), levels=1, agents=(sampler,), extra_tables=("sip",)))
    table = market.tape()["sip"]
    assert isinstance(table, SipBatch)
    compared = 0
    for now_ns, quote in seen:
        symbol = market.symbols.index(quote.symbol)
        rows = np.flatnonzero((table.symbol == symbol) & (table.ts_ns <= now_ns - 300_000))
        if not len(rows):
            assert (quote.bid_ticks, quote.bid_venue, quote.ask_ticks, quote.ask_venue) == (0, "", 0, "")
            continue
        n = rows[-1]
        venues = (*market.venues, "")
        assert quote[1:7] == (
            table.bid_price[n] // 100, table.bid_size[n], venues[table.bid_venue[n]],
            table.ask_price[n] // 100, table.ask_size[n], venues[table.ask_venue[n]],
        )  # fmt: skip
        compared += 1
    assert compared > 300

