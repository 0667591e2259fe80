"""Venues: phases, crosses, and agents' orders in the middle of the background, at their time, by price-time priority."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from helpers import OPEN, assert_same_tapes, run, scenario
from scripted import BASE_NS, LATENCY_NS, Act, Stroke, actor, order_rows, scripted_run

from simulator.agents import Accepted, Cancelled, Ended, Expired, Fill, Rejected
from simulator.book.reports import EVENT_FIELDS, Event
from simulator.exchange.order_books import Exchange
from simulator.inputs.config import AgentSpec
from simulator.inputs.sessions import parse_ts
from simulator.records import Cond, CrossKind, EventKind, OrderType, Phase, Reject, Side, TradeBatch
from simulator.rules.auctions import cross_delay_ns
from simulator.testing import TwinBook

BUY, SELL = Side
IOC, POST_ONLY, MARKET = OrderType.IOC, OrderType.POST_ONLY, OrderType.MARKET
A = ("AAPL", "NASDAQ")
EXECUTED = int(EventKind.EXECUTE)
MS = 1_000_000
J = ("JPM", "NYSE")
DAY = dt.date(2025, 7, 1)
JPM_OPENS = parse_ts(OPEN) - BASE_NS + cross_delay_ns(1, DAY, *J, CrossKind.OPEN)
"""At NYSE, which takes orders for it until then."""
SPREAD = [Stroke(0, *A, BUY, 9_990, 500), Stroke(0, *A, SELL, 10_010, 500)]
"""A book to trade against."""


def at(text: str) -> int:
    return parse_ts(text) - BASE_NS


# --- in the middle of the background --------------------------------------------------------------------------------


def random_day(seed: int, strokes: int, acts: int) -> tuple[list[Stroke], list[Act]]:
    """Background orders and an agent's commands over a second, many of them at the very same nanosecond."""
    rng = np.random.default_rng(seed)

    def price(side: Side) -> int:
        return 10_000 + (1 if side == SELL else -1) * int(rng.integers(-2, 6))

    times = np.sort(rng.integers(LATENCY_NS, 900 * MS, strokes)).tolist()
    background = []
    for ts_ns in times:
        side = Side(int(rng.integers(2)))
        kind = OrderType(int(rng.choice([0, 0, 0, 2, 4])))
        background.append(Stroke(ts_ns, *A, side, price(side), 100 * int(rng.integers(1, 6)), kind))
    doings = []
    for ts_ns in sorted([*rng.choice(times, acts // 2).tolist(), *rng.integers(LATENCY_NS, 900 * MS, acts // 2).tolist()]):
        side, refs = Side(int(rng.integers(2))), sum(act.method in ("buy", "sell", "replace") for act in doings)
        method = str(rng.choice(["add", "add", "cancel", "reduce", "replace"] if refs else ["add"]))
        ref = int(rng.integers(max(1, refs - 5), refs + 1)) if refs else 0
        size = int(rng.integers(1, 700))
        kwargs: dict[str, Any] = {}
        if method == "add":
            kind = OrderType(int(rng.choice([0, 0, 0, 1, 2, 3, 4])))
            kwargs = {"type": kind}
            if kind == OrderType.LIMIT and rng.random() < 0.5:
                kwargs["display"] = int(rng.integers(0, size + 1))
            args: tuple[Any, ...] = (*A, 0 if kind == MARKET else price(side), size)
            method = "buy" if side == BUY else "sell"
        else:
            args = {"cancel": (ref,), "reduce": (ref, size // 3 + 1), "replace": (ref, price(side), size)}[method]
        doings.append(Act(ts_ns - LATENCY_NS, method, args, kwargs))
    return background, doings


def in_the_table(event: Event) -> tuple[int, ...]:
    """As ``order_rows`` has it: what all kinds have, then the two fields of this one."""
    own = [getattr(event, name) if name else 0 for name in EVENT_FIELDS[EventKind(event.kind)]]
    return (*map(int, event[:5]), *map(int, own))


def twin_rows(background: Sequence[Stroke], doings: Sequence[Act]) -> list[tuple[int, ...]]:
    """The rows of ``order_rows`` without their times, from the twin, fed in the ruled order: agents first at equal times."""
    book = TwinBook()
    ids: dict[int, int] = {}
    refs = 0
    rows: list[tuple[int, ...]] = []
    merged: list[tuple[int, int, Any]] = [(s.at_ns, 1, s) for s in background] + [(d.at_ns + LATENCY_NS, 0, d) for d in doings]
    for _, _, what in sorted(merged, key=lambda m: m[:2]):
        if isinstance(what, Stroke):
            events = book.add(what.side, what.price_ticks, what.size, type=what.type)
        elif what.method in ("buy", "sell"):
            refs += 1
            events = book.add(BUY if what.method == "buy" else SELL, what.args[2], what.args[3], **what.kwargs)
            ids[refs] = events[0].order_id
        elif what.method == "replace":
            refs += 1
            events = book.replace(ids[what.args[0]], *what.args[1:])
            ids[refs] = events[0].other_id if events[0].kind == EventKind.REPLACE else 0
        else:
            events = getattr(book, what.method)(ids[what.args[0]], *what.args[1:])
        rows += [in_the_table(event) for event in events if event.kind != EventKind.REJECT]
    return rows


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_agents_orders_take_their_place_among_the_background_as_in_the_twin(seed: int) -> None:
    """Catches: an order late or early by one event, a tie that the background wins, an order id mixed up between two commands."""
    background, doings = random_day(seed, strokes=250, acts=120)
    market = scripted_run(background, actor(doings))
    rows = order_rows(market, *A)
    expected = twin_rows(background, doings)
    assert [row[1:] for row in rows] == expected
    assert sum(row[0] == EXECUTED for row in expected) > 100
    stamps = [row[0] for row in rows]
    assert stamps == sorted(stamps)


def test_draining_at_any_moment_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows drained in the middle of an instant, ahead of others of that instant, would leave the order of time."""
    background = [s._replace(symbol=symbol) for symbol in ("AAPL", "JPM") for s in SPREAD] + [
        Stroke(5 * MS, "JPM", "NASDAQ", SELL, 10_010 + k, 100) for k in range(5)
    ]
    # At one instant: five fills in JPM, stamped ahead; then an order in AAPL, whose rows belong between them.
    doings = [Act(20 * MS, "buy", ("JPM", "NASDAQ", 10_020, 1_000)), Act(20 * MS, "buy", (*A, 9_995, 100))]
    plain = scripted_run(background, actor(doings)).tape()
    monkeypatch.setattr(Exchange, "_ensure_room", lambda self: self.make_room())
    assert_same_tapes(plain, scripted_run(background, actor(doings)).tape())
    for batch in plain.values():
        assert (np.diff(batch.ts_ns) >= 0).all()


# --- ties -----------------------------------------------------------------------------------------------------------


def two_at_once(first: str, second: str) -> list[int]:
    """Sizes of the orders of "a" (100) and "b" (200) in the order in which the venue took them; both arrive at one instant."""
    sizes = {"a": 100, "b": 200}
    agents = [actor([Act(10 * MS, "buy", (*A, 9_990, sizes[name]))], name=name) for name in (first, second)]
    rows = order_rows(scripted_run([], *agents), *A)
    return [row[5] for row in rows if row[1] == EventKind.ADD]


def test_messages_of_one_instant_go_by_the_agents_names() -> None:
    assert two_at_once("a", "b") == two_at_once("b", "a") == [100, 200]


def test_names_decide_even_if_the_other_sent_long_before() -> None:
    """An inbox in order of sending, or one per venue drained in order of its first letter, lets "b" go first."""
    heard = {}
    for venue in ("NASDAQ", "NYSE"):
        slow = actor([Act(0, "buy", ("AAPL", venue, 10_010, 100), {"type": IOC})], name="b", latency_ns={"*": 5 * MS})
        fast = actor([Act(4 * MS, "buy", (*A, 10_010, 200), {"type": IOC})], name="a", latency_ns={"*": MS})
        market = scripted_run([*SPREAD, *(s._replace(venue="NYSE") for s in SPREAD)], slow, fast)
        heard[venue] = [(ts_ns - BASE_NS, shares) for _, ts_ns, _, shares in market.scripted.heard]
    assert heard["NASDAQ"] == heard["NYSE"] == [(5 * MS, 200), (5 * MS, 100)]


def test_an_agents_messages_of_one_instant_go_in_the_order_of_sending() -> None:
    acts = [Act(MS, "buy", (*A, 9_000 + k, 100)) for k in (3, 1, 2)]
    rows = order_rows(scripted_run([], actor(acts)), *A)
    assert [row[4] for row in rows if row[1] == EventKind.ADD] == [9_003, 9_001, 9_002]


def test_phase_change_then_cross_then_messages_then_background() -> None:
    """At a stock's opening: an on-open order that arrives then is late for the cross, a marketable one is not early for the session."""
    strokes = [Stroke(JPM_OPENS - 10 * MS, *J, BUY, 9_990, 500), Stroke(JPM_OPENS - 10 * MS, *J, SELL, 10_010, 500)]
    strokes += [Stroke(JPM_OPENS, *J, BUY, 10_010, 40, IOC)]
    in_time = Act(JPM_OPENS - LATENCY_NS - 1, "buy", (*J, 0, 300), {"type": OrderType.MARKET_ON_OPEN})
    acts = [
        in_time,
        Act(JPM_OPENS - LATENCY_NS, "buy", (*J, 0, 50), {"type": OrderType.MARKET_ON_OPEN}),
        Act(JPM_OPENS - LATENCY_NS, "buy", (*J, 10_010, 60), {"type": IOC}),
    ]
    heard: list[tuple[int, Any]] = []
    market = scripted_run(strokes, actor(acts, heard), start="2025-07-01T13:29:59Z", run_ns=2 * 10**9)
    trades = market.tape()["trades"]
    assert isinstance(trades, TradeBatch)
    mine = trades.symbol == market.scenario.universe.symbol_index("JPM")
    assert trades.size[mine].tolist() == [300, 60, 40]
    assert trades.cond[mine].tolist() == [Cond.OPEN, Cond.TRADE, Cond.TRADE]
    assert trades.ts_ns[mine][0] == BASE_NS + JPM_OPENS
    assert [(m.ref, m.reason) for _, m in heard if isinstance(m, Rejected)] == [(2, Reject.NO_CROSS)]


@pytest.mark.parametrize("background", [True, False])
def test_the_order_of_agents_in_the_scenario_changes_no_row(background: bool) -> None:
    """Catches numbers, generators or ties that hang on the order of creation."""

    def make(market: Any, orders: Any, rng: np.random.Generator) -> Any:
        while True:
            yield market.wait(20 * MS)
            quote = market.best("AAPL", "NASDAQ")
            price = (quote.bid_ticks or 20_000) + int(rng.integers(-3, 4))
            (orders.buy if rng.random() < 0.5 else orders.sell)("AAPL", "NASDAQ", price, 100)

    agents = tuple(AgentSpec(name=name, make=make) for name in ("b", "a", "c"))
    chosen = {"start": OPEN, "end": "2025-07-01T13:30:02Z", "extra_tables": ("orders", "truth"), "background": background}
    first = run(scenario(**chosen, agents=agents))
    assert_same_tapes(first.tape(), run(scenario(**chosen, agents=agents[::-1])).tape())
    assert len(first.tape()["trades"]) > 5


# --- the hole --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("late_ns", [-1, 0, 1])
def test_the_answer_to_a_fill_reaches_another_symbol_before_the_flow_has_passed_that_time(late_ns: int) -> None:
    """The background fills the agent's AAPL order at s; its JPM order arrives at s + 2 latencies. A flow that had run on to the next
    wake-up that Python knew of, or symbol by symbol, would have written the JPM order of then already."""
    fill_ns = 100 * MS
    arrival_ns = fill_ns + 2 * LATENCY_NS
    strokes = [Stroke(fill_ns, *A, SELL, 9_990, 100), Stroke(arrival_ns + late_ns, "JPM", "NYSE", BUY, 5_000, 77)]

    def make(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy(*A, 9_990, 100)
        yield market.message(Fill)
        orders.buy("JPM", "NYSE", 5_000, 33)
        yield market.wait(10**9)

    market = scripted_run(strokes, AgentSpec(name="hole", make=make))
    added = [(row[0], row[5]) for row in order_rows(market, "JPM", "NYSE") if row[1] == EventKind.ADD]
    mine, background = (arrival_ns, 33), (arrival_ns + late_ns, 77)
    if late_ns == 0:
        assert added == [mine, (arrival_ns + 1, 77)]  # the tie is the agent's
    else:
        assert added == sorted([mine, background])


def test_an_order_is_stamped_with_its_arrival_among_the_real_background() -> None:
    sent: list[int] = []
    at_once: list[int] = []
    accepted: list[int] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(500 * MS)
        while True:
            yield market.wait(10 * MS)
            while (yield market.message(limit_ns=0)) is not None:
                pass
            quote = market.best(*A)
            ref = orders.buy(*A, quote.bid_ticks + 1, 30)
            fill = yield market.message(Fill, limit_ns=20 * MS)
            if fill is None:
                orders.cancel(ref)
                continue
            other = orders.buy("JPM", "NYSE", market.best("JPM", "NYSE").bid_ticks, 37)
            sent.append(market.now_ns)
            if market.now_ns == fill.ts_ns + LATENCY_NS:
                at_once.append(market.now_ns)
            while True:
                answer = yield market.message(Accepted)
                if answer.ref == other:
                    accepted.append(answer.ts_ns)
                    break
            orders.cancel(other)

    market = run(scenario(OPEN, "2025-07-01T13:30:12Z", extra_tables=("orders", "truth"), agents=(AgentSpec(name="hole", make=make),)))
    rows = order_rows(market, "JPM", "NYSE")
    mine = [n for n, row in enumerate(rows) if row[1] == EventKind.ADD and row[5] == 37]
    assert len(mine) == len(sent)
    assert len(at_once) > 3  # else the run shows nothing about answers to fills
    for n, sent_ns, accepted_ns in zip(mine, sent, accepted, strict=False):
        arrival_ns = sent_ns + LATENCY_NS - BASE_NS
        stamp = rows[n][0]
        assert stamp == accepted_ns - BASE_NS
        assert stamp == arrival_ns or arrival_ns < stamp <= arrival_ns + 8  # after a sweep's last stamp
        assert rows[n - 1][0] < stamp
    for batch in market.tape().values():
        assert (np.diff(batch.ts_ns) >= 0).all()


# --- phases ----------------------------------------------------------------------------------------------------------


def heard_in(start: str, acts: Sequence[Act], strokes: Sequence[Stroke] = (), run_ns: int = 10**9, **settings: Any) -> list[Any]:
    heard: list[tuple[int, Any]] = []
    scripted_run(strokes, actor(acts, heard), start=start, run_ns=run_ns, **settings)
    return [message for _, message in heard]


@pytest.mark.parametrize(("start", "phase"), [("2025-07-01T13:00:00Z", Phase.PRE_OPEN), ("2025-07-01T20:30:00Z", Phase.POST_CLOSE)])
def test_outside_the_session_an_order_that_would_trade_is_rejected_with_the_phase(start: str, phase: Phase) -> None:
    ns = at(start)
    strokes = [s._replace(at_ns=ns + 1) for s in SPREAD]
    acts = [
        Act(ns + MS, "buy", (*A, 10_010, 100)),
        Act(ns + 2 * MS, "buy", (*A, 10_009, 100)),
        Act(ns + 3 * MS, "replace", (2, 10_010, 100)),
    ]
    acts.append(Act(ns + 4 * MS, "cancel", (2,)))
    first, second, third, fourth = heard_in(start, acts, strokes)
    assert first == Rejected(BASE_NS + ns + MS + LATENCY_NS, 1, Reject.PHASE, phase)
    assert isinstance(second, Accepted)
    assert third[1:] == (3, Reject.PHASE, phase)
    assert isinstance(fourth, Cancelled)
    assert fourth.size == 100


@pytest.mark.parametrize("start", ["2025-07-01T00:30:00Z", "2025-07-05T15:00:00Z", "2025-07-04T15:00:00Z"])
def test_a_closed_venue_takes_cancels_only(start: str) -> None:
    (answer,) = heard_in(start, [Act(at(start) + MS, "buy", (*A, 10_010, 100))])
    assert answer[2:] == (Reject.CLOSED, Phase.CLOSED)


def test_a_day_order_is_gone_when_the_venue_has_closed() -> None:
    evening = at("2025-07-02T00:00:00Z")
    acts = [
        Act(evening - 2 * MS, "buy", (*A, 9_000, 100)),
        Act(evening + MS, "reduce", (1, 30)),
        Act(evening + 2 * MS, "cancel", (1,)),
    ]
    accepted, expired, refused, gone = heard_in("2025-07-01T23:59:59Z", acts, run_ns=2 * 10**9)
    assert isinstance(accepted, Accepted)
    assert refused[2:] == (Reject.CLOSED, Phase.CLOSED)
    assert expired == Expired(BASE_NS + evening, 1, 100, Ended.DAY_END)
    assert gone[1:] == (1, Reject.UNKNOWN_ORDER, Phase.CLOSED)


def test_on_open_orders_queue_and_fill_in_the_cross() -> None:
    ns = JPM_OPENS
    on_open = {"type": OrderType.LIMIT_ON_OPEN}
    acts = [
        Act(ns - 50 * MS, "buy", (*J, 10_020, 300), on_open),
        Act(ns - 40 * MS, "sell", (*J, 10_000, 200), on_open),
        Act(ns - 30 * MS, "replace", (1, 10_030, 300)),
    ]
    heard = heard_in("2025-07-01T13:29:59Z", acts, run_ns=2 * 10**9)
    assert [m.ref for m in heard if isinstance(m, Accepted)] == [1, 2]
    assert [m.reason for m in heard if isinstance(m, Rejected)] == [Reject.WAITS_FOR_CROSS]
    fills = [m for m in heard if isinstance(m, Fill)]
    assert [(m.ref, m.side, m.size, m.ts_ns - BASE_NS) for m in fills] == [(1, BUY, 200, ns), (2, SELL, 200, ns)]
    assert fills[0].price_ticks == fills[1].price_ticks
    assert [(m.ref, m.size) for m in heard if isinstance(m, Expired)] == [(1, 100)]


def test_no_trade_outside_the_session_and_crosses_at_the_listing_venue() -> None:
    market = run(scenario("2025-07-01T13:20:00Z", "2025-07-01T13:30:30Z"))
    evening = run(scenario("2025-07-01T19:59:30Z", "2025-07-01T20:05:00Z"))
    for chosen, kind, cond, instant in (
        (market, CrossKind.OPEN, Cond.OPEN, "2025-07-01T13:30:00Z"),
        (evening, CrossKind.CLOSE, Cond.CLOSE, "2025-07-01T20:00:00Z"),
    ):
        trades = chosen.tape()["trades"]
        assert isinstance(trades, TradeBatch)
        universe = chosen.scenario.universe
        crossed = trades.cond == cond
        assert set(trades.cond.tolist()) <= {int(Cond.TRADE), int(cond)}
        assert [(c.kind, c.size) for c in chosen.result().crosses if c.kind == kind] == [(kind, s) for s in trades.size[crossed].tolist()]
        assert crossed.sum() > 0
        for symbol, venue, ts_ns in zip(trades.symbol[crossed], trades.venue[crossed], trades.ts_ns[crossed], strict=True):
            assert venue == universe.listing_index(symbol)
            assert parse_ts(instant) < ts_ns < parse_ts(instant) + 10**10
        others = trades.ts_ns[~crossed]
        assert len(others) > 10
        assert (others >= parse_ts("2025-07-01T13:30:00Z")).all()
        assert (others < parse_ts("2025-07-01T20:00:00Z")).all()
    assert market.phase == Phase.CONTINUOUS
    assert evening.phase == Phase.POST_CLOSE


def test_a_run_ends_before_its_end_even_if_a_sweep_is_stamped_beyond() -> None:
    end_ns = 50 * MS
    strokes = [*SPREAD, Stroke(MS, *A, SELL, 10_011, 500), Stroke(end_ns - 1, *A, BUY, 10_020, 1_000)]
    market = scripted_run(strokes, run_ns=end_ns)
    assert market.tape()["trades"].ts_ns.tolist() == [BASE_NS + end_ns - 1]
    market.run_until(BASE_NS + end_ns + 1)
    assert market.tape()["trades"].ts_ns.tolist() == [BASE_NS + end_ns - 1, BASE_NS + end_ns]


def test_an_order_far_from_the_market_cannot_take_up_an_empty_book() -> None:
    """It rested, and the background could no longer quote within the book's price window."""
    acts = [Act(MS, "buy", (*A, 1, 100)), Act(2 * MS, "buy", (*A, 9_990, 2**70)), Act(3 * MS, "buy", (*A, 2**70, 1))]
    heard: list[tuple[int, Any]] = []
    scripted_run([], actor(acts, heard), price=200.0)
    assert [message.reason for _, message in heard] == [Reject.PRICE_RANGE, Reject.PRICE_RANGE, Reject.PRICE_RANGE]
    heard.clear()
    scripted_run([], actor(acts, heard), price=100.0)
    assert [message.reason for _, message in heard] == [Reject.PRICE_RANGE, Reject.BAD_SIZE, Reject.PRICE_RANGE]


@pytest.mark.parametrize("pacing", [True, False])
def test_an_order_for_a_cross_that_does_not_come_is_refused(pacing: bool) -> None:
    """After its cross, at a venue that holds none, or on a day without one, it would wait for nothing."""
    open_ns, close_ns = at(OPEN), at("2025-07-01T20:00:00Z")
    moc, loc, moo = OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE, OrderType.MARKET_ON_OPEN
    crossed_ns = close_ns + cross_delay_ns(1, DAY, *A, CrossKind.CLOSE)
    acts = [
        Act(open_ns + 50 * MS, "buy", (*A, 0, 50), {"type": moo}),  # over
        Act(open_ns + 50 * MS, "buy", (*A, 0, 100), {"type": moc}),  # to come
        Act(open_ns + 50 * MS, "buy", ("AAPL", "NYSE", 0, 100), {"type": moc}),  # AAPL is crossed at NASDAQ
        Act(close_ns - 121 * 10**9, "buy", (*A, 9_000, 100), {"type": loc}),
        Act(crossed_ns - LATENCY_NS, "buy", (*A, 9_000, 100), {"type": loc}),
        Act(close_ns + 3600 * 10**9, "buy", (*A, 0, 100), {"type": moc}),
    ]
    heard: list[tuple[int, Any]] = []
    market = scripted_run(
        [], actor(acts, heard), start="2025-07-01T13:29:59Z", run_ns=8 * 3600 * 10**9, names=("AAPL",), session_pacing=pacing
    )
    refused = {m.ref: m.reason for _, m in heard if isinstance(m, Rejected)}
    late = [1, 3, 5, 6] if pacing else [1, 2, 3, 4, 5, 6]
    assert refused == dict.fromkeys(late, Reject.NO_CROSS)
    assert "BEST" in next(m for _, m in heard if isinstance(m, Rejected)).hint
    assert not [row for b in range(5) for row in market._exchange.agent_orders(b)]


def test_a_post_only_order_that_is_replaced_stays_one() -> None:
    """It must not take, nor pay the taker's fee: it is refused where it would trade, and the order that it was to replace stands."""
    heard: list[tuple[int, Any]] = []
    acts = [
        Act(MS, "buy", (*A, 9_990, 100), {"type": OrderType.POST_ONLY}),
        Act(2 * MS, "replace", (1, 10_010, 200)),
        Act(3 * MS, "replace", (1, 9_995, 300)),
        Act(4 * MS, "replace", (3, 10_020, 400)),
    ]
    market = scripted_run([Stroke(0, *A, SELL, 10_010, 500)], actor(acts, heard))
    assert [(message.ref, message.reason) for _, message in heard if isinstance(message, Rejected)] == [
        (2, Reject.WOULD_TRADE), (4, Reject.WOULD_TRADE),
    ]  # fmt: skip
    assert not [message for _, message in heard if isinstance(message, Fill)]
    result = market.agents()["actor"]
    orders = result.pandas("orders")
    assert set(orders.type) == {"POST_ONLY"}
    assert orders.reason.tolist() == ["", "WOULD_TRADE", "", "WOULD_TRADE"]
    assert result.fills == 0
    assert market.book("AAPL", "NASDAQ").levels(BUY, 2) == [(9_995, 300)]
