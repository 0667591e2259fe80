"""Python agents: what they see and when, their messages and accounts."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import pytest
from helpers import OPEN, assert_same_tapes, run, scenario
from scripted import BASE_NS, BUY, LATENCIES, LATENCY_NS, MS, SELL, VENUES, A, Act, Stroke, actor, lone, order_rows, scripted_run

from simulator.agents import Accepted, Cancelled, CancelRejected, Ended, Expired, Fill, PhaseChange, Quote, Rejected, Trade
from simulator.inputs.config import AgentSpec, agent_number
from simulator.inputs.sessions import parse_ts
from simulator.records import EventKind, OrderType, Phase, Reject, Side, TruthBatch
from simulator.tape.columns import WATCH, WATCH_QUOTES

IOC = OrderType.IOC


# --- when things arrive ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("venue", VENUES)
def test_every_message_arrives_a_latency_after_its_stamp_and_exactly_then(venue: str) -> None:
    latency = LATENCIES.get(venue, LATENCIES["*"])
    book = ("AAPL", venue)
    fill_ns = 500 * MS + 17
    strokes = [Stroke(0, *book, SELL, 10_010, 500), Stroke(fill_ns, *book, SELL, 9_990, 60)]
    acts = [
        Act(100 * MS, "buy", (*book, 9_990, 100)),
        Act(200 * MS, "buy", (*book, 10_010, 40), {"type": IOC}),
        Act(300 * MS, "buy", (*book, 10_000, 900), {"type": OrderType.FOK}),
        Act(700 * MS, "cancel", (1,)),
    ]
    heard: list[tuple[int, Any]] = []
    scripted_run(strokes, actor(acts, heard, latency_ns=LATENCIES))
    assert [type(m) for _, m in heard] == [Accepted, Accepted, Fill, Rejected, Fill, Cancelled]
    sent = [100 * MS, 200 * MS, 200 * MS, 300 * MS, fill_ns - latency, 700 * MS]
    for (now_ns, message), sent_ns in zip(heard, sent, strict=True):
        assert now_ns == message.ts_ns + latency
        assert message.ts_ns in (BASE_NS + sent_ns + latency, BASE_NS + sent_ns + latency + 1)


@pytest.mark.parametrize("venue", ["NASDAQ", "NYSE", "IEX"])
def test_quotes_and_trades_are_seen_a_latency_late_and_exactly_then(venue: str) -> None:
    """Polls one nanosecond before and at the time: a view that looked at the book itself would see it early."""
    latency = LATENCIES.get(venue, LATENCIES["*"])
    times = [10 * MS, 20 * MS, 30 * MS]
    strokes = [Stroke(times[0], "AAPL", venue, BUY, 9_990, 300), Stroke(times[1], "AAPL", venue, BUY, 9_991, 200)]
    strokes.append(Stroke(times[2], "AAPL", venue, SELL, 9_990, 350))
    seen: list[Any] = []

    def look(market: Any, orders: Any, rng: Any) -> Any:
        for ts_ns in times:
            for shift in (-1, 0, 2):
                yield market.until(BASE_NS + ts_ns + latency + shift)
                quote = market.best("AAPL", venue)
                seen.append((quote.bid_ticks, quote.bid_size, quote.ts_ns - BASE_NS, market.depth("AAPL", venue, BUY)[:1]))
                assert quote.ts_ns <= market.now_ns - latency
                trade = market.last_trade("AAPL", venue)
                assert trade is None or trade.ts_ns <= market.now_ns - latency

    def wait(market: Any, orders: Any, rng: Any) -> Any:
        for ts_ns in (times[0], times[1], times[2] + 2):
            quote = yield market.quote("AAPL", venue)
            assert market.now_ns == BASE_NS + ts_ns + latency
            assert quote == market.best("AAPL", venue)
            assert (quote.ts_ns, quote.symbol, quote.venue) == (BASE_NS + ts_ns, "AAPL", venue)
        assert (yield market.quote("AAPL", venue, limit_ns=50)) is None
        seen.append("waited")

    def prints(market: Any, orders: Any, rng: Any) -> Any:
        """The first of the sweep's two prints ends the first wait, the second is on its way then."""
        for k in range(2):
            trade = yield market.trade("AAPL", venue)
            assert market.now_ns == BASE_NS + times[2] + k + latency
            assert trade == market.last_trade("AAPL", venue)
            assert trade == Trade(BASE_NS + times[2] + k, (9_991, 9_990)[k], (200, 150)[k], SELL, "AAPL", venue)
            assert market.last_trades("AAPL", venue)[0] == trade
            assert len(market.last_trades("AAPL", venue)) == k + 1
        seen.append("printed")

    makers = {"look": look, "wait": wait, "prints": prints}
    scripted_run(strokes, *(AgentSpec(name=name, make=make, latency_ns=LATENCIES) for name, make in makers.items()))
    first, second, last = (9_990, 300, times[0]), (9_991, 200, times[1]), (9_990, 150, times[2] + 2)
    none = (0, 0, -BASE_NS)
    expected = [none, first, first, first, second, second, second, second, last]
    assert [s[:3] for s in seen if isinstance(s, tuple)] == expected
    assert [s[3] for s in seen if isinstance(s, tuple)] == [[(bid, size)] if bid else [] for bid, size, _ in expected]
    assert {"waited", "printed"} <= {s for s in seen if isinstance(s, str)}


def test_what_is_on_its_way_ends_a_wait_that_begins_now() -> None:
    """A watch switched on only from now on would miss the row, print or phase that has happened and not yet arrived."""
    open_ns = parse_ts(OPEN) - BASE_NS
    strokes = [Stroke(open_ns + 10 * MS, *A, BUY, 9_990, 100), Stroke(open_ns + 20 * MS, *A, SELL, 9_990, 100)]
    woke: list[tuple[str, int]] = []

    def late(kind: str, happened_ns: int) -> Callable[..., Any]:
        def make(market: Any, orders: Any, rng: Any) -> Any:
            yield market.until(BASE_NS + happened_ns + MS)
            before = market.phase("NASDAQ")
            wait = market.phase_change("NASDAQ", limit_ns=2 * 10**9) if kind == "phase" else getattr(market, kind)(*A, limit_ns=2 * 10**9)
            came = yield wait
            assert type(came) is {"phase": PhaseChange, "quote": Quote, "trade": Trade}[kind]
            assert came.ts_ns == BASE_NS + happened_ns
            woke.append((kind, market.now_ns - BASE_NS - happened_ns))
            assert kind != "phase" or (before, market.phase("NASDAQ")) == (Phase.PRE_OPEN, Phase.CONTINUOUS)

        return make

    times = {"phase": open_ns, "quote": open_ns + 10 * MS, "trade": open_ns + 20 * MS}
    agents = [AgentSpec(name=kind, make=late(kind, ts_ns), latency_ns={"*": 5 * MS}) for kind, ts_ns in times.items()]
    scripted_run(strokes, *agents, start="2025-07-01T13:29:59Z", run_ns=3 * 10**9)
    assert woke == [(kind, 5 * MS) for kind in times]


def test_watches_of_several_agents_do_not_switch_each_other_off() -> None:
    strokes = [Stroke(k * MS, *A, BUY, 9_000 + k, 100) for k in range(1, 41)]
    woke: dict[str, list[int]] = {}

    def make(market: Any, orders: Any, rng: Any, name: str, limit_ns: int) -> Any:
        while True:
            if (yield market.quote(*A, limit_ns=limit_ns)):
                woke.setdefault(name, []).append(market.now_ns - BASE_NS)

    limits = {"a": None, "b": 300_000, "c": 10 * MS}
    specs = [AgentSpec(name=n, make=make, arguments={"name": n, "limit_ns": limit}, latency_ns={"*": 7}) for n, limit in limits.items()]
    scripted_run(strokes, *specs)
    assert woke == {name: [k * MS + 7 for k in range(1, 41)] for name in limits}


def test_a_book_is_watched_while_somebody_waits_and_a_row_longer() -> None:
    strokes = [Stroke(k * MS, *A, BUY, 9_000 + k, 100) for k in range(1, 6)]
    watched: list[int] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        for _ in range(2):
            yield market.quote(*A)

    market = scripted_run(strokes, AgentSpec(name="a", make=make, latency_ns={"*": 7}), run_ns=0)
    b = market.parts.exchange.venues * market.parts.exchange.symbols.index(market.scenario.universe.symbol_index("AAPL"))
    for k in range(6):
        market.run_until(BASE_NS + k * MS + 8)
        watched.append(int(market.parts.exchange.columns.facts[b, WATCH]))
    assert watched == [WATCH_QUOTES] * 3 + [0] * 3


def test_a_new_days_books_are_seen_empty() -> None:
    """What a look has shown is kept until the book's next row, and a book of the morning has none."""
    seen: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(MS)
        for _ in range(2):
            seen.append((market.best(*A).bid_ticks, market.quotes("AAPL")[0].bid_ticks, market.nbbo("AAPL")[0]))
        yield market.until(market.at("03:59:59") + 10**9 + MS)
        seen.append((market.best(*A).bid_ticks, market.quotes("AAPL")[0].bid_ticks, market.nbbo("AAPL")[0]))

    scripted_run([Stroke(0, *A, BUY, 9_000, 100)], AgentSpec(name="a", make=make, latency_ns={"*": 7}), run_ns=20 * 3600 * 10**9)
    assert seen == [(9_000,) * 3, (9_000,) * 3, (0,) * 3]


def test_messages_wait_in_line_by_kind() -> None:
    got: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy(*A, 9_990, 100)
        ref = orders.buy(*A, 9_980, 100)
        orders.cancel(ref)
        yield market.wait(10 * MS)
        for wait in (market.message(Cancelled), market.message(Accepted), market.message(limit_ns=0), market.message(limit_ns=5)):
            got.append((yield wait))

    scripted_run([], lone(make))
    assert [(type(m), m.ref) for m in got[:3]] == [(Cancelled, 2), (Accepted, 1), (Accepted, 2)]
    assert got[3] is None


def test_messages_left_unread_cost_nothing() -> None:
    """One list of all kinds, searched from its beginning, took a minute here."""
    heard: list[int] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        for k in range(20_000):
            orders.cancel(orders.buy(*A, 9_000, 100))
            yield market.wait(5_000)
            if k % 2:
                heard.append((yield market.message(Cancelled)).ref)

    began = process_time()
    scripted_run([], lone(make, latency_ns={"*": 1_000}, max_messages_per_s=10**6), extra_tables=())
    assert heard == list(range(1, 10_001))
    assert process_time() - began < 20


# --- watching changes nothing, beside a trader -------------------------------------------------------------------------


def trade_much(market: Any, orders: Any, rng: np.random.Generator, log: list[Any] | None = None) -> Any:
    """Takes and makes in two symbols; logs each message."""
    log = [] if log is None else log
    refs: list[int] = []
    while True:
        symbol, venue = str(rng.choice(["AAPL", "JPM"])), str(rng.choice(VENUES))
        quote = market.best(symbol, venue)
        if quote.bid_ticks and quote.ask_ticks:
            side = Side(int(rng.integers(2)))
            enter = orders.buy if side == BUY else orders.sell
            price = quote.ask_ticks if (side == BUY) == (rng.random() < 0.5) else quote.bid_ticks
            refs.append(enter(symbol, venue, price, 100 * int(rng.integers(1, 5))))
        if len(refs) > 6:
            orders.cancel(refs.pop(0))
        if refs and rng.random() < 0.2:
            orders.reduce(refs[-1], 50)
        while (message := (yield market.message(limit_ns=3 * MS))) is not None:
            log.append(message)


def test_watching_changes_nothing_beside_an_agent_that_trades() -> None:
    """Watchers wake in the middle of a trader's orders: they must neither move its ties nor drain rows out of order."""

    def poll(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            yield market.wait(700_001)
            market.nbbo("AAPL")

    def listen(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            yield market.quote("AAPL", "NASDAQ", limit_ns=9 * MS)
            yield market.trade("JPM", "NYSE", limit_ns=9 * MS)

    chosen = {"start": "2025-07-01T13:29:59Z", "end": "2025-07-01T13:30:03Z", "extra_tables": ("orders", "truth")}
    trader = AgentSpec(name="a trader", make=trade_much)
    watchers = [AgentSpec(name=n, make=m, latency_ns={"*": k}) for n, m, k in (("b", poll, 1), ("c", listen, 1), ("d", listen, 2 * MS))]
    alone = run(scenario(**chosen, agents=(trader,))).tape()
    assert_same_tapes(alone, run(scenario(**chosen, agents=(trader, *watchers))).tape())
    assert_same_tapes(alone, run(scenario(**chosen, agents=(trader, *watchers), slice_ns=900_000)).tape())


# --- accounts ----------------------------------------------------------------------------------------------------------


def test_position_and_cash_are_those_of_the_fills_and_of_the_truth() -> None:
    log: list[Any] = []
    spec = AgentSpec(name="trader", make=trade_much, arguments={"log": log})
    market = run(scenario(OPEN, "2025-07-01T13:30:05Z", extra_tables=("orders", "truth"), agents=(spec,)))
    market.run_until(market.now_ns)
    view = market._own_orders[0]
    fills = [m for m in log if isinstance(m, Fill)]
    truth = market.tape()["truth"]
    assert isinstance(truth, TruthBatch)
    arrived = market.now_ns - LATENCY_NS
    number = agent_number("trader")
    taken, made = truth.taker == number, truth.maker == number
    assert taken.sum() > 20
    assert made.sum() > 5
    for symbol in ("AAPL", "JPM"):
        sign = {BUY: 1, SELL: -1}
        mine = [f for f in fills if f.symbol == symbol]
        assert view.position(symbol) == sum(sign[f.side] * f.size for f in mine)
        assert view.cash_ticks(symbol) == -sum(sign[f.side] * f.size * f.price_ticks for f in mine)
        told = (truth.symbol == market.scenario.universe.symbol_index(symbol)) & (truth.ts_ns < arrived)
        resting = np.where(truth.resting_side == BUY, 1, -1) * truth.size
        shares = (resting * made - resting * taken)[told]
        assert view.position(symbol) == shares.sum()
        assert view.cash_ticks(symbol) == -(shares * (truth.price[told] // 100)).sum()


def test_each_order_comes_to_its_whole_size() -> None:
    """Filled, cancelled, expired or still there: no share is lost or told twice."""
    log: list[Any] = []
    acts = [
        Act(MS, "buy", (*A, 9_990, 500), {"display": 100}),
        Act(2 * MS, "sell", (*A, 9_990, 150)),  # against itself
        Act(3 * MS, "reduce", (1, 50)),
        Act(4 * MS, "replace", (1, 9_995, 200)),
        Act(5 * MS, "sell", (*A, 9_995, 250), {"type": IOC}),
        Act(6 * MS, "cancel", (1,)),
        Act(7 * MS, "cancel", (2,)),
    ]
    heard: list[tuple[int, Any]] = []
    market = scripted_run([], actor(acts, heard))
    log = [(type(m), m.ref, getattr(m, "size", None)) for _, m in heard]
    assert log == [
        (Accepted, 1, None),
        (Accepted, 2, None),
        (Fill, 1, 100), (Fill, 2, 100), (Fill, 1, 50), (Fill, 2, 50),
        (Cancelled, 1, 50),
        (Accepted, 3, None),
        (Accepted, 4, None),
        (Fill, 3, 100), (Fill, 4, 100), (Fill, 3, 100), (Fill, 4, 100), (Expired, 4, 50),
        (CancelRejected, 1, None),
        (CancelRejected, 2, None),
    ]  # fmt: skip
    assert [m.reason for _, m in heard if isinstance(m, CancelRejected)] == [Reject.UNKNOWN_ORDER] * 2
    assert market._own_orders[0].position("AAPL") == 0
    assert market._own_orders[0].cash_ticks("AAPL") == 0


@pytest.mark.parametrize(("offsession", "expire_h"), [("none", 0), ("full", 0), ("full", 8)])
def test_day_orders_end_with_the_post_close_and_those_of_the_night_with_it(offsession: str, expire_h: int) -> None:
    """At 20:00 New York time, midnight UTC; order numbers start at 1 again at 04:00: a cancel of yesterday's order 1 took off another's order 1."""
    midnight, hour = parse_ts("2025-07-02T00:00:00Z") - BASE_NS, 3600 * 10**9
    night = midnight + 8 * hour
    acts = [Act(midnight + (expire_h - 1) * hour, "buy", (*A, 9_990, 300)), Act(night + 10 * MS, "cancel", (1,))]
    strokes = [Stroke(night + MS, *A, BUY, 9_000, 100)]
    heard: list[tuple[int, Any]] = []
    start = "2025-07-01T19:59:00Z"
    run_ns = night + 10**9 - (parse_ts(start) - BASE_NS)
    market = scripted_run(strokes, actor(acts, heard), start=start, run_ns=run_ns, offsession_trades=offsession)
    accepted, expired, refused = (m for _, m in heard)
    assert isinstance(accepted, Accepted)
    assert expired == Expired(BASE_NS + midnight + expire_h * hour, 1, 300, Ended.DAY_END)
    assert refused.reason == Reject.UNKNOWN_ORDER
    assert market.book(*A).levels(BUY) == [(9_000, 100)]
    kinds = [(kind, order_id) for _, kind, order_id, *_ in order_rows(market, *A)]
    assert ((EventKind.CANCEL, 1) in kinds) == (expire_h == 0)
