"""A venue takes orders in its own hours; the background's interest for the crosses keeps to the venues' cut-offs."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import scenario

from simulator.agents import Accepted, Expired, Rejected
from simulator.inputs.config import AgentSpec
from simulator.inputs.sessions import parse_ts
from simulator.market import Market
from simulator.records import NS_PER_MS, NS_PER_S, OrderType, Phase, Reject

NAMES = ("AAPL", "JPM")


def asks(market: Any, orders: Any, rng: Any, said: list[Any]) -> Any:
    """A limit order for each symbol at each venue, and one on open at NYSE, at some times of the day."""
    for time in ("04:30", "07:30", "08:30", "10:00", "16:30", "17:30"):
        yield market.until(market.at(time))
        sent = {}
        for symbol in market.symbols:
            for venue in market.venues:
                sent[orders.buy(symbol, venue, 100, 100)] = symbol, venue
        sent[orders.buy("JPM", None, 100, 100, type=OrderType.LIMIT_ON_OPEN)] = "JPM", "on open"
        yield market.wait(seconds=1)
        for came in market.read(Accepted, Rejected):
            said.append((time, *sent[came.ref], came.reason if isinstance(came, Rejected) else Reject.NONE))
        orders.cancel_all("AAPL", "ARCA")
    yield market.until(market.at("19:00"))
    said += [(ended.ts_ns, ended.ref) for ended in market.read(Expired)]


def refused(said: list[Any], time: str) -> set[tuple[str, str]]:
    """What was not taken, all of it because the venue was closed."""
    found = [each for each in said if each[0] == time and each[-1]]
    assert {each[-1] for each in found} <= {Reject.CLOSED, Reject.NO_CROSS}
    return {(symbol, venue) for _, symbol, venue, reason in found if reason == Reject.CLOSED}


def day(date: str = "2025-07-01", last: str = "23:30", **settings: Any) -> tuple[Market, list[Any]]:
    said: list[Any] = []
    agent = AgentSpec(name="asks", make=asks, arguments={"said": said}, latency_ns=NS_PER_MS)
    settings.setdefault("agents", (agent,))
    chosen = scenario(f"{date}T08:00:00Z", f"{date}T{last}:00Z", names=NAMES, background=False, extra_tables=("status",), **settings)
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    return market, said


@pytest.fixture(scope="module")
def ordinary() -> tuple[Market, list[Any]]:
    return day()


def test_orders_to_a_venue_that_is_closed_are_refused_with_the_reason(ordinary: tuple[Market, list[Any]]) -> None:
    said = ordinary[1]
    everywhere = {(symbol, "IEX") for symbol in NAMES}
    assert refused(said, "04:30") == everywhere | {("AAPL", "NYSE"), ("JPM", "NYSE")}
    assert refused(said, "07:30") == everywhere | {("JPM", "NYSE")}
    assert refused(said, "08:30") == {("JPM", "NYSE")}  # what it lists it trades from its opening cross on, for which it takes orders
    assert refused(said, "10:00") == set()
    assert refused(said, "16:30") == {("JPM", "NYSE")}
    assert refused(said, "17:30") == everywhere | {("JPM", "NYSE")}
    assert [each[-1] for each in said if each[2:3] == ("on open",)] == [Reject.NONE] * 3 + [Reject.NO_CROSS] * 3


def changes(market: Market, symbol: str, venue: str) -> list[tuple[str, str]]:
    rows = market.pandas("status").query("symbol == @symbol and venue == @venue and reason == 'SESSION'")
    return [(f"{ts.tz_convert('America/New_York'):%H:%M:%S}", phase) for ts, phase in zip(rows.timestamp_ns, rows.phase, strict=True)]


def test_status_has_each_venues_hours(ordinary: tuple[Market, list[Any]]) -> None:
    market = ordinary[0]
    assert changes(market, "AAPL", "IEX") == [
        ("04:00:00", "CLOSED"), ("08:00:00", "PRE_OPEN"), ("09:30:00", "CONTINUOUS"), ("16:00:00", "POST_CLOSE"), ("17:00:00", "CLOSED"),
    ]  # fmt: skip
    assert changes(market, "AAPL", "NYSE")[:2] == [("04:00:00", "CLOSED"), ("07:00:00", "PRE_OPEN")]
    listed = changes(market, "JPM", "NYSE")
    assert [phase for _, phase in listed] == ["PRE_OPEN", "CONTINUOUS", "POST_CLOSE", "CLOSED"]
    assert (listed[0][0], listed[-1][0]) == ("04:00:00", "16:00:30")
    assert changes(market, "AAPL", "ARCA")[-1] == ("16:00:00", "POST_CLOSE")
    assert market._venues[market.venues.index("IEX")].phase_of(market.venues.index("IEX")) == Phase.CLOSED


def test_what_stands_at_a_venue_ends_with_its_hours(ordinary: tuple[Market, list[Any]]) -> None:
    market, said = ordinary
    ended = sorted(each[0] for each in said if isinstance(each[0], int))
    at_iex = parse_ts("2025-07-01T21:00:00Z")
    # Of JPM one at NYSE, from 10:00; at IEX three of each symbol: 08:30, 10:00 and 16:30.
    assert [ts_ns - at_iex < 10 for ts_ns in ended if ts_ns >= at_iex] == [True] * 6  # a book's stamps are a nanosecond apart
    assert parse_ts("2025-07-01T20:00:30Z") in ended
    assert market.agents()["asks"].positions == ()


def test_after_an_early_close_and_where_all_hours_trade() -> None:
    market, _ = day("2025-07-03", "18:30", agents=())
    assert changes(market, "AAPL", "IEX")[-1] == ("14:00:00", "CLOSED")
    assert changes(market, "JPM", "NYSE")[-1] == ("13:00:30", "CLOSED")
    market, said = day(last="13:00", offsession_trades="full")
    assert refused(said, "04:30") == set()
    assert changes(market, "AAPL", "IEX")[0] == ("04:00:00", "PRE_OPEN")


def test_the_backgrounds_interest_keeps_to_the_venues_cut_offs() -> None:
    """Its own orders are all there are: at market before the cut-off, afterwards against the imbalance alone, as its venue tells of it."""
    close = parse_ts("2025-07-01T20:00:00Z")
    chosen = scenario("2025-07-01T19:39:30Z", "2025-07-01T20:00:12Z", names=NAMES, extra_tables=("orders", "imbalances"), seed=3)
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    orders, told = market.pandas("orders"), market.pandas("imbalances")
    orders["s"] = (orders.timestamp_ns.astype("int64") - close) / NS_PER_S
    told["s"] = (told.timestamp_ns.astype("int64") - close) / NS_PER_S
    for symbol, cut_off_s in (("AAPL", -300), ("JPM", -600)):
        mine = orders[(orders.symbol == symbol) & (orders.kind == "ADD")]
        at_market, limits = (mine[mine.order_type == f"{kind}_ON_CLOSE"] for kind in ("MARKET", "LIMIT"))
        assert len(at_market) > 100
        assert cut_off_s - 600 <= at_market.s.min() < at_market.s.max() < cut_off_s
        assert -4 <= limits.s.min() < limits.s.max() < 0
        heard = told[(told.symbol == symbol) & (told.s < limits.s.min())].iloc[-1]
        assert set(limits.side) == {"B" if heard.imbalance_side == "S" else "S"}
        cross = market.pandas("trades").query("symbol == @symbol and cond == 'C'")
        quotes = market.pandas("market_data").query("symbol == @symbol and timestamp_ns < @cross.timestamp_ns.min()").groupby("venue").last()
        spread = quotes.ask_price_1.min() - quotes.bid_price_1.max()
        assert quotes.bid_price_1.max() - spread - 1e-6 <= cross.price.iloc[0] <= quotes.ask_price_1.min() + spread + 1e-6


def test_interest_for_the_open_comes_before_nasdaqs_cut_off_and_until_nyses_bell() -> None:
    opens = parse_ts("2025-07-01T13:30:00Z")
    chosen = scenario("2025-07-01T13:25:00Z", "2025-07-01T13:30:12Z", names=NAMES, extra_tables=("orders",))
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    orders = market.pandas("orders")
    orders["s"] = (orders.timestamp_ns.astype("int64") - opens) / NS_PER_S
    for symbol, cut_off_s in (("AAPL", -120), ("JPM", 0)):
        mine = orders[(orders.symbol == symbol) & (orders.kind == "ADD")]
        at_market, limits = (mine[mine.order_type == f"{kind}_ON_OPEN"] for kind in ("MARKET", "LIMIT"))
        assert len(at_market) > 50
        assert cut_off_s - 20 < at_market.s.max() < cut_off_s
        assert cut_off_s - 7 <= limits.s.min() < limits.s.max() < cut_off_s
        assert set(limits.side) == {"B", "S"}
        assert len(market.pandas("trades").query("symbol == @symbol and cond == 'O'")) == 1
