"""A symbol that is halted trades nowhere, says so, and trades again after a cross at its listing venue."""

from __future__ import annotations

from typing import Any

import pytest
from helpers import scenario

from simulator.agents import Rejected, Status
from simulator.errors import InputError, ScheduleError
from simulator.inputs.config import AgentSpec
from simulator.inputs.sessions import format_ts, parse_ts
from simulator.market import Market
from simulator.notices import StatusReason
from simulator.records import NS_PER_MINUTE, NS_PER_MS, NS_PER_S, OrderType, Phase, Reject, Side

NOON_NS = parse_ts("2025-07-01T16:00:00Z")
OPEN_NS, CLOSE_NS = parse_ts("2025-07-01T13:30:00Z"), parse_ts("2025-07-01T20:00:00Z")
HALTED_NS = NOON_NS + 10 * NS_PER_S
LATENCY_NS = 3 * NS_PER_MS
TABLES = ("status", "imbalances")


def busy(market: Any, orders: Any, rng: Any, said: list[Any]) -> Any:
    """Trades with itself every five seconds, at every venue and in both symbols, and enters orders for a reopening when it hears of a halt."""
    while True:
        came = yield market.any_of(market.status_change("AAPL", "NASDAQ"), limit_ns=5 * NS_PER_S)
        if isinstance(came, Status):
            said.append((market.now_ns, came))
            if came.phase == Phase.HALTED:
                orders.buy("AAPL", None, 20_010, 300, type=OrderType.LIMIT_ON_OPEN)
                orders.sell("AAPL", None, 0, 200, type=OrderType.MARKET_ON_OPEN)
                orders.buy("AAPL", "NYSE", 20_010, 300, type=OrderType.LIMIT_ON_OPEN)
        for symbol in market.symbols:
            for venue in market.venues:
                orders.buy(symbol, venue, 20_000, 100)
                orders.sell(symbol, venue, 20_000, 100)
        said += market.read(Rejected)


def market_of(start_ns: int, end_ns: int, **settings: Any) -> tuple[Market, list[Any]]:
    said: list[Any] = []
    agent = AgentSpec(name="busy", make=busy, arguments={"said": said}, latency_ns=LATENCY_NS)
    chosen = scenario(
        format_ts(start_ns), format_ts(end_ns), names=("AAPL", "MSFT"), background=False, agents=(agent,), extra_tables=TABLES, **settings
    )  # fmt: skip
    return Market(chosen), said


@pytest.fixture(scope="module")
def halted() -> tuple[Market, list[Any]]:
    market, said = market_of(NOON_NS, HALTED_NS + 6 * NS_PER_MINUTE)
    market.halt("AAPL", HALTED_NS, StatusReason.LULD)
    market.run_until(market.scenario.end_ns)
    return market, said


def test_it_trades_nowhere_until_its_reopening_and_others_go_on(halted: tuple[Market, list[Any]]) -> None:
    trades = halted[0].pandas("trades")
    trades["ns"] = trades.timestamp_ns.astype("int64")
    mine = trades[trades.symbol == "AAPL"]
    (reopened,) = mine[mine.cond == "H"].to_dict("records")
    # Nothing stood in the book, for all that came would have traded: 200 of 300 shares meet at the one limit.
    assert (reopened["venue"], reopened["price"], reopened["size"], reopened["side"]) == ("NASDAQ", 200.10, 200, "B")
    due_ns = HALTED_NS + 5 * NS_PER_MINUTE
    assert due_ns < reopened["ns"] < due_ns + 301 * NS_PER_MS
    assert mine.ns[mine.ns < reopened["ns"]].max() < HALTED_NS
    before, after = mine[mine.ns < HALTED_NS], mine[mine.ns > reopened["ns"]]
    assert set(before.venue) == set(after.venue) == set(halted[0].venues)
    other = trades[(trades.symbol == "MSFT") & (trades.ns > HALTED_NS) & (trades.ns < due_ns)]
    assert len(other) > 200


def test_status_says_so_at_every_venue_and_agents_hear_it_late(halted: tuple[Market, list[Any]]) -> None:
    market, said = halted
    rows = market.pandas("status")
    rows = rows[(rows.symbol == "AAPL") & (rows.reason == "LULD") & (rows.venue != "")]
    assert list(rows.phase) == ["HALTED"] * 5 + ["CONTINUOUS"] * 5
    assert set(rows.timestamp_ns[:5].astype("int64")) == {HALTED_NS}
    (reopened_ns,) = market.pandas("trades").query("cond == 'H'").timestamp_ns.astype("int64")
    assert set(rows.timestamp_ns[5:].astype("int64")) == {reopened_ns}
    heard = [(now_ns, came.phase, came.reason) for now_ns, came in (s for s in said if isinstance(s, tuple) and len(s) == 2)]
    assert heard[-2:] == [
        (HALTED_NS + LATENCY_NS, Phase.HALTED, StatusReason.LULD), (reopened_ns + LATENCY_NS, Phase.CONTINUOUS, StatusReason.LULD),
    ]  # fmt: skip


def test_orders_that_would_trade_are_refused_and_those_for_the_reopening_taken_where_it_is(halted: tuple[Market, list[Any]]) -> None:
    refused = [message for message in halted[1] if isinstance(message, Rejected)]
    reasons = {(message.reason, message.phase) for message in refused}
    assert reasons == {(Reject.PHASE, Phase.HALTED), (Reject.NO_CROSS, Phase.HALTED)}
    assert sum(message.reason == Reject.NO_CROSS for message in refused) == 1


def test_the_listing_venue_tells_of_the_coming_reopening(halted: tuple[Market, list[Any]]) -> None:
    rows = halted[0].pandas("imbalances")
    assert set(rows.symbol) == {"AAPL"}
    assert set(rows.venue) == {"NASDAQ"}
    assert set(rows.cond) == {"H"}
    assert 299 <= len(rows) <= 301
    last = rows.iloc[-1]
    assert (last.paired_size, last.imbalance_size, last.imbalance_side, last.near_price) == (200, 100, "B", 200.10)


def conds(market: Market) -> list[tuple[str, int]]:
    trades = market.pandas("trades").query("symbol == 'AAPL' and cond != 'T'")
    return [(cond, int(ts.value)) for cond, ts in zip(trades.cond, trades.timestamp_ns, strict=True)]


def test_a_second_halt_prolongs_the_first_and_a_reopening_can_be_put_off() -> None:
    market, _ = market_of(NOON_NS, HALTED_NS + 4 * NS_PER_MINUTE)
    asked: list[int] = []

    def put_off(k: int, price_ticks: int) -> int:
        assert market.now_ns > HALTED_NS + 2 * NS_PER_MINUTE
        asked.append(price_ticks)
        return HALTED_NS + 3 * NS_PER_MINUTE if len(asked) == 1 else 0

    market._halts.may_reopen = put_off
    market.run_until(HALTED_NS)
    market.halt("AAPL", for_ns=NS_PER_MINUTE)
    market.run_until(HALTED_NS + 30 * NS_PER_S)
    market.halt("AAPL", for_ns=90 * NS_PER_S)
    market.halt("AAPL", for_ns=NS_PER_S)
    market.run_until(market.scenario.end_ns)
    ((cond, ts_ns),) = conds(market)
    assert cond == "H"
    assert HALTED_NS + 3 * NS_PER_MINUTE < ts_ns < HALTED_NS + 3 * NS_PER_MINUTE + NS_PER_S
    assert asked == [20_010, 20_010]


def test_a_halt_over_the_close_ends_with_the_closing_cross() -> None:
    def closes(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy("AAPL", None, 0, 100, type=OrderType.MARKET_ON_CLOSE)
        orders.sell("AAPL", None, 20_000, 100, type=OrderType.LIMIT_ON_CLOSE)
        yield market.wait(1)

    agent = AgentSpec(name="closes", make=closes)
    start, end = format_ts(CLOSE_NS - 600 * NS_PER_S), format_ts(CLOSE_NS + 10 * NS_PER_S)
    market = Market(scenario(start, end, names=("AAPL",), background=False, agents=(agent,), extra_tables=TABLES))
    market.halt("AAPL", CLOSE_NS - 120 * NS_PER_S)
    market.run_until(market.scenario.end_ns)
    assert [cond for cond, _ in conds(market)] == ["C"]
    assert list(market.pandas("status").query("venue == 'IEX'").phase) == ["CONTINUOUS", "HALTED", "POST_CLOSE"]


def test_a_symbol_that_is_halted_before_the_open_opens_with_its_reopening() -> None:
    def opens(market: Any, orders: Any, rng: Any) -> Any:
        for side in Side:
            orders.add(side, "AAPL", None, 20_000, 100, type=OrderType.LIMIT_ON_OPEN)
        yield market.wait(1)

    agent = AgentSpec(name="opens", make=opens)
    start, end = format_ts(OPEN_NS - 200 * NS_PER_S), format_ts(OPEN_NS + 60 * NS_PER_S)
    market = Market(scenario(start, end, names=("AAPL",), background=False, agents=(agent,), extra_tables=TABLES))
    market.halt("AAPL", OPEN_NS - 30 * NS_PER_S, for_ns=NS_PER_MINUTE)
    market.run_until(market.scenario.end_ns)
    ((cond, ts_ns),) = conds(market)
    assert cond == "H"
    assert OPEN_NS + 30 * NS_PER_S < ts_ns < OPEN_NS + 31 * NS_PER_S


def test_a_halt_for_nobody_or_in_the_past_is_refused() -> None:
    market = Market(scenario(format_ts(NOON_NS), format_ts(NOON_NS + NS_PER_S), names=("AAPL",), background=False))
    with pytest.raises(InputError, match="JPM"):
        market.halt("JPM")
    with pytest.raises(ScheduleError, match="over"):
        market.halt("AAPL", NOON_NS - 1)
