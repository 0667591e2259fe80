"""Each symbol crosses at its own time at its listing venue, which trades it only then; and until when orders for a cross are taken."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import run, scenario

from simulator.agents import Accepted, Cancelled, CancelRejected, Rejected
from simulator.inputs.config import AgentSpec, Rates
from simulator.inputs.sessions import format_ts, parse_ts, trading_days
from simulator.market import Market
from simulator.records import NS_PER_MS, NS_PER_S, Cond, CrossKind, OrderBatch, OrderType, Phase, Reject, Side, TradeBatch
from simulator.rules.auctions import cross_delay_ns

MOO, LOO, MOC, LOC = OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN, OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE
OPEN, CLOSE, RESUME = CrossKind
DAY = trading_days(parse_ts("2025-07-01T12:00:00Z"), parse_ts("2025-07-01T12:00:01Z"))[0]
LISTED = {"AAPL": "NASDAQ", "NVDA": "NASDAQ", "JPM": "NYSE", "XOM": "NYSE"}


# --- when ----------------------------------------------------------------------------------------------------------------


def test_a_crosss_time_is_of_seed_date_symbol_and_kind_alone() -> None:
    delays = {
        (seed, day, symbol, kind): cross_delay_ns(seed, DAY.date.replace(day=day), symbol, venue, kind)
        for seed in (1, 2) for day in (1, 2, 3) for symbol, venue in LISTED.items() for kind in (OPEN, CLOSE)
    }  # fmt: skip
    assert len(set(delays.values())) == len(delays)
    for (_, _, symbol, kind), delay_ns in delays.items():
        assert delay_ns % NS_PER_MS
        if LISTED[symbol] == "NASDAQ":
            assert 0 < delay_ns <= 41 * NS_PER_MS
        else:
            assert 30 * NS_PER_MS <= delay_ns <= 9 * NS_PER_S
            assert kind == OPEN or delay_ns >= 50 * NS_PER_MS
    for one, other in (("AAPL", "NVDA"), ("JPM", "XOM")):
        whole_ms = [[delays[seed, 1, symbol, OPEN] // NS_PER_MS for seed in (1, 2)] for symbol in (one, other)]
        assert whole_ms[0] != whole_ms[1]
    nyse = [cross_delay_ns(seed, DAY.date, "JPM", "NYSE", OPEN) for seed in range(300)]
    assert 300 * NS_PER_MS < np.median(nyse) < 1_200 * NS_PER_MS
    assert max(nyse) > 3 * NS_PER_S


def prints(market: Market, symbol: str) -> TradeBatch:
    trades = market.tape()["trades"]
    assert isinstance(trades, TradeBatch)
    mine = trades.symbol == market.symbols.index(symbol)
    return TradeBatch(**{name: getattr(trades, name)[mine] for name in TradeBatch.__dataclass_fields__})


@pytest.mark.parametrize(("kind", "cond"), [(OPEN, Cond.OPEN), (CLOSE, Cond.CLOSE)])
def test_the_listing_venue_trades_only_after_its_cross_and_the_others_before(kind: CrossKind, cond: Cond) -> None:
    bell_ns = DAY.open_ns if kind == OPEN else DAY.close_ns
    chosen = scenario(
        format_ts(bell_ns - 2 * NS_PER_S), format_ts(bell_ns + 10 * NS_PER_S), offsession_trades="full" if kind == CLOSE else "none",
        extra_tables=("status",), rates=Rates(),
    )  # fmt: skip
    market = run(chosen)
    statuses = market.pandas("status")
    before_its_cross = after_it_at_home = 0
    for symbol, venue in LISTED.items():
        trades = prints(market, symbol)
        due_ns = bell_ns + cross_delay_ns(chosen.seed, DAY.date, symbol, venue, kind)
        listing = market.venues.index(venue)
        (crossed_ns,) = trades.ts_ns[trades.cond == cond]
        assert due_ns <= crossed_ns < due_ns + 1_000
        assert set(trades.venue[trades.cond == cond]) == {listing}
        plain = trades.cond == Cond.TRADE
        waited = (trades.ts_ns >= bell_ns) & (trades.ts_ns < crossed_ns)
        assert not (plain & waited & (trades.venue == listing)).any()
        after_it_at_home += int((plain & (trades.ts_ns > crossed_ns) & (trades.venue == listing)).sum())
        before_its_cross += int((plain & waited).sum())
        rows = statuses[(statuses.symbol == symbol) & (statuses.venue != "") & (statuses.timestamp_ns.astype("int64") >= bell_ns)]
        since = {v: int(t.value) for v, t in zip(rows.venue, rows.timestamp_ns, strict=True)}
        assert set(rows.phase) == {"CONTINUOUS" if kind == OPEN else "POST_CLOSE"}
        assert since.pop(venue) == (due_ns if kind == OPEN else bell_ns)
        assert set(since.values()) == {bell_ns}
    assert before_its_cross > 3
    assert after_it_at_home > 3


def test_a_run_that_starts_between_the_bell_and_a_cross_waits_for_it() -> None:
    seed = next(s for s in range(50) if cross_delay_ns(s, DAY.date, "JPM", "NYSE", OPEN) > 2 * NS_PER_S)
    chosen = scenario(format_ts(DAY.open_ns + NS_PER_S), format_ts(DAY.open_ns + 9 * NS_PER_S), names=("AAPL", "JPM"), seed=seed)
    market = Market(chosen)
    market.run_until(DAY.open_ns + NS_PER_S + 1)
    assert [venue.phase_of(venue.books[1]) for venue in market._venues] == [Phase.CONTINUOUS, Phase.PRE_OPEN, *[Phase.CONTINUOUS] * 3]
    market.run_until(chosen.end_ns)
    trades = prints(market, "JPM")
    at_home = trades.ts_ns[trades.venue == 1]
    assert at_home[0] >= DAY.open_ns + cross_delay_ns(seed, DAY.date, "JPM", "NYSE", OPEN)
    assert Cond.OPEN not in prints(market, "AAPL").cond


# --- cut-offs ---------------------------------------------------------------------------------------------------------------


def answers(at_ns: int, symbol: str, send: Callable[[Any, Any], Any], *, before: Callable[[Any], Any] | None = None, **settings: Any) -> Any:
    """What comes of a message that arrives at ``at_ns``, in a market of its own; ``before``: sent half a second earlier."""
    heard: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        first = before(orders) if before else None
        yield market.until(at_ns - 1)
        market.read()
        send(orders, first)
        heard.append((yield market.message()))

    chosen = scenario(
        format_ts(at_ns - NS_PER_S // 2), format_ts(at_ns + NS_PER_S // 2), names=(symbol,), background=False,
        agents=(AgentSpec(name="one", make=make, latency_ns=1),), **settings,
    )  # fmt: skip
    run(chosen)
    return heard[0]


def order(symbol: str, kind: OrderType, side: Side = Side.BUY) -> Callable[[Any, Any], Any]:
    return lambda orders, _: orders.add(side, symbol, None, 0 if kind in (MOO, MOC) else PRICE[symbol], 100, type=kind)


PRICE = {"AAPL": 20_700, "JPM": 29_000}


def at(text: str, date: str = "2025-07-01") -> int:
    return parse_ts(f"{date}T{text}-04:00")


@pytest.mark.parametrize(
    ("symbol", "kind", "cut_off_ns"),
    [
        ("AAPL", MOO, at("09:28:00")), ("AAPL", LOO, at("09:29:30")), ("AAPL", MOC, at("15:55:00")), ("AAPL", LOC, at("15:58:00")),
        ("JPM", MOC, at("15:50:00")), ("JPM", LOC, at("15:50:00")),
        ("AAPL", MOC, at("12:55:00", "2025-07-03")), ("JPM", LOC, at("12:50:00", "2025-07-03")),
    ],
)  # fmt: skip
def test_an_order_for_a_cross_is_too_late_from_its_cut_off_on(symbol: str, kind: OrderType, cut_off_ns: int) -> None:
    assert isinstance(answers(cut_off_ns - 1, symbol, order(symbol, kind)), Accepted)
    refused = answers(cut_off_ns, symbol, order(symbol, kind))
    assert isinstance(refused, Rejected)
    assert refused.reason == Reject.CUT_OFF
    assert "15:50" in refused.hint


@pytest.mark.parametrize(
    ("symbol", "kind", "cut_off_ns"),
    [
        ("AAPL", MOO, at("09:25:00")), ("AAPL", LOC, at("15:55:00")), ("JPM", MOC, at("15:58:00")), ("JPM", LOC, at("12:58:00", "2025-07-03")),
    ],
)  # fmt: skip
@pytest.mark.parametrize("verb", ["cancel", "reduce"])
def test_an_order_for_a_cross_stays_from_the_freeze_on(symbol: str, kind: OrderType, cut_off_ns: int, verb: str) -> None:
    def take_off(orders: Any, ref: Any) -> Any:
        return orders.cancel(ref) if verb == "cancel" else orders.reduce(ref, 40)

    def sent_before(orders: Any) -> Any:
        return orders.buy(symbol, None, 0 if kind in (MOO, MOC) else PRICE[symbol], 100, type=kind)

    class Early:
        """The order goes in long before: at 15:58 NYSE takes none any more."""

        def __init__(self, at_ns: int) -> None:
            self.at_ns = at_ns

        def answer(self) -> Any:
            heard: list[Any] = []

            def make(market: Any, orders: Any, rng: Any) -> Any:
                ref = sent_before(orders)
                yield market.until(self.at_ns - 1)
                market.read()
                take_off(orders, ref)
                heard.append((yield market.message()))

            agent = AgentSpec(name="one", make=make, latency_ns=1)
            start, end = format_ts(cut_off_ns - 600 * NS_PER_S), format_ts(cut_off_ns + NS_PER_S)
            run(scenario(start, end, names=(symbol,), background=False, agents=(agent,)))
            return heard[0]

    assert isinstance(Early(cut_off_ns - 1).answer(), Cancelled)
    refused = Early(cut_off_ns).answer()
    assert isinstance(refused, CancelRejected)
    assert refused.reason == Reject.CUT_OFF


def test_nyse_takes_orders_until_it_opens_the_stock_even_after_the_bell() -> None:
    cross_ns = DAY.open_ns + cross_delay_ns(1, DAY.date, "JPM", "NYSE", OPEN)
    for kind in (MOO, LOO):
        assert isinstance(answers(cross_ns - 1, "JPM", order("JPM", kind)), Accepted)
        late = answers(cross_ns, "JPM", order("JPM", kind))
        assert (type(late), late.reason, late.phase) == (Rejected, Reject.NO_CROSS, Phase.CONTINUOUS)


@pytest.mark.parametrize(("side", "reason"), [(Side.SELL, None), (Side.BUY, Reject.CUT_OFF)])
def test_after_nyses_cut_off_only_orders_against_the_imbalance_come_in(side: Side, reason: Reject | None) -> None:
    heard: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy("JPM", None, 0, 500, type=MOC)
        yield market.until(at("15:52:00"))
        market.read()
        orders.add(side, "JPM", None, 0, 100, type=MOC)
        heard.append((yield market.message()))

    agent = AgentSpec(name="one", make=make, latency_ns=1)
    run(scenario(format_ts(at("15:49:59")), format_ts(at("15:52:01")), names=("JPM",), background=False, agents=(agent,)))
    assert getattr(heard[0], "reason", None) == reason


def test_late_limit_orders_at_nasdaq_are_no_more_aggressive_than_the_reference_price() -> None:
    """At the open the more aggressive of that and the previous close, 206.93 by the built-in prices or so."""

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.until(at("09:27:00"))
        orders.buy("AAPL", "NASDAQ", 20_000, 100)
        orders.sell("AAPL", "NASDAQ", 20_010, 100)
        yield market.until(at("09:28:01"))
        orders.buy("AAPL", "NASDAQ", 20_004, 300)  # the quote moves after the reference price is fixed
        for side, price in ((Side.BUY, 20_900), (Side.BUY, 20_001), (Side.SELL, 19_500), (Side.SELL, 20_009)):
            orders.add(side, "AAPL", None, price, 100, type=LOO)
        yield market.wait(NS_PER_S)

    agent = AgentSpec(name="one", make=make, latency_ns=1)
    chosen = scenario(format_ts(at("09:26:59")), format_ts(at("09:28:02")), names=("AAPL",), background=False, agents=(agent,), extra_tables=("orders",))
    orders = run(chosen).tape()["orders"]
    assert isinstance(orders, OrderBatch)
    close = round(chosen.prices["AAPL"].close * 100)
    assert close > 20_005
    added = (orders.order_type == LOO) & (orders.kind == 0)
    assert (orders.price[added] // 100).tolist() == [close, 20_001, 20_005, 20_009]
