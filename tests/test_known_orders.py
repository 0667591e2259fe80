"""What an agent knows of its own orders, for their whole life: as of what has reached it, and no sooner."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest
from helpers import run, scenario
from replay import COMMANDS, enter
from scripted import BASE, BASE_NS, BUY, MS, SELL, A, B, S, Stroke, near, order_rows, scripted_run

from simulator import testing
from simulator.agents import CancelRejected, Ended, Expired, Fill, OrderState
from simulator.errors import AgentError
from simulator.gateway import own_orders
from simulator.inputs.config import AgentSpec
from simulator.records import EventKind, Liquidity, OrderType, Reject


def test_an_order_is_known_for_its_whole_life() -> None:
    states: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        def note(*refs: int) -> None:
            states.append([(o.state, o.filled, o.left, o.ended) for o in map(market.order, refs)])

        both = orders.buy(*A, 9_990, 300), orders.buy(*A, 10_020, 100, type=OrderType.IOC)
        dear = orders.buy(*A, 10_030, 500, type=OrderType.FOK)
        note(*both)
        yield market.wait(MS)
        note(*both, dear)
        yield market.wait(5 * MS)  # 120 at 9,990
        orders.cancel(both[0])
        note(both[0])
        yield market.wait(MS)
        new = orders.replace(orders.sell(*B, 10_100, 10), 10_090, 20)
        yield market.wait(MS)
        note(both[0], new - 1, new)
        assert market.own_order(both[0]) is None
        orders.cancel(both[0])
        refused = yield market.message(CancelRejected)
        assert (refused.ref, refused.reason) == (both[0], Reject.UNKNOWN_ORDER)
        states.append((market.order(both[1]).mean_price_ticks, market.order(dear).reason, math.isnan(market.order(new).mean_price_ticks)))

    strokes = [Stroke(-S, *A, SELL, 10_010, 30), Stroke(-S + 1, *A, SELL, 10_020, 30), Stroke(5 * MS, *A, SELL, 9_990, 120)]
    scripted_run([s._replace(at_ns=max(0, s.at_ns)) for s in strokes], AgentSpec(name="lone", make=later(make, 1), latency_ns={"*": 1_000}))
    pending, live = (OrderState.PENDING, 0, 300, Ended.ALIVE), (OrderState.LIVE, 0, 300, Ended.ALIVE)
    assert states[0] == [pending, (OrderState.PENDING, 0, 100, Ended.ALIVE)]
    assert states[1] == [live, (OrderState.CANCELLED, 60, 0, Ended.IMMEDIATE), (OrderState.REFUSED, 0, 500, Ended.REFUSED)]
    assert states[2] == [(OrderState.PARTLY_FILLED, 120, 180, Ended.ALIVE)]
    assert states[3] == [
        (OrderState.CANCELLED, 120, 0, Ended.CANCELLED), (OrderState.REPLACED, 0, 10, Ended.REPLACED), (OrderState.LIVE, 0, 20, Ended.ALIVE),
    ]  # fmt: skip
    assert states[4] == (10_015.0, Reject.NOT_FILLABLE, True)


def later(make: Callable[..., Any], ns: int) -> Callable[..., Any]:
    """The agent begins after what is scripted for the first instant."""

    def agent(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(ns)
        yield from make(market, orders, rng)

    return agent


def test_a_fill_says_whether_it_made_or_took_what_it_cost_and_what_is_left() -> None:
    fills: list[Fill] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy(*A, 10_000, 100)
        orders.sell(*A, 9_990, 50)
        while True:
            fills.append((yield market.message(Fill)))

    scripted_run([Stroke(0, *A, BUY, 9_990, 20), Stroke(5 * MS, *A, SELL, 10_000, 70)], near(later(make, 1)))
    assert [(f.side, f.size, f.liquidity, f.left) for f in fills] == [
        (BUY, 50, Liquidity.MAKER, 50), (SELL, 50, Liquidity.TAKER, 0), (BUY, 50, Liquidity.MAKER, 0),
    ]  # fmt: skip
    assert [round(f.fee_usd, 6) for f in fills] == [-0.1, 0.15, -0.1]


def test_an_expiry_says_why() -> None:
    reasons: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy(*A, 9_990, 100)
        orders.buy(*A, 9_000, 100, type=OrderType.IOC)
        orders.sell(*A, 10_900, 100, type=OrderType.LIMIT_ON_CLOSE)
        while True:
            message = yield market.message(Expired)
            reasons.append(message.reason)

    start = "2025-07-01T19:50:00Z"
    scripted_run([], near(make), start=start, run_ns=5 * 3600 * S)
    assert reasons == [Ended.IMMEDIATE, Ended.AFTER_CROSS, Ended.DAY_END]


def test_an_order_that_ended_long_ago_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_orders, "REMEMBERED", 3)

    def make(market: Any, orders: Any, rng: Any) -> Any:
        refs = [orders.buy(*A, 9_000, 100, type=OrderType.IOC) for _ in range(5)]
        yield market.wait(MS)
        assert market.order(refs[2]).ended == Ended.IMMEDIATE
        market.order(refs[1])

    with pytest.raises(AgentError, match="asked for order 2, which ended more than 3 orders ago"):
        scripted_run([], near(make))


def follow_queue(market: Any, orders: Any, rng: Any, log: list[tuple[int, int, int | None]], latency_ns: int) -> Any:
    """Stands at the best bid of one venue, and notes how much is ahead of it."""
    ref = 0
    while True:
        bid = market.best(*A).bid_ticks
        if bid and (not ref or market.own_order(ref) is None or market.order(ref).price_ticks < bid - 1):
            if ref and market.own_order(ref) is not None:
                orders.cancel(ref)
            ref = orders.buy(*A, bid, 50, type=OrderType.POST_ONLY)
        yield market.wait(int(rng.integers(1, 9 * MS)))
        if ref:
            log.append((market.now_ns - latency_ns, ref, market.queue_ahead(ref)))


@pytest.mark.parametrize("latency_ns", [1, 20 * MS])
def test_the_queue_ahead_is_the_twins(latency_ns: int) -> None:
    """The orders table, command by command, through the twin, up to the time that the agent looks back to."""
    log: list[tuple[int, int, int | None]] = []
    spec = near(follow_queue, arguments={"log": log, "latency_ns": latency_ns}, latency_ns={"*": latency_ns})
    market = run(scenario(BASE, "2025-07-01T14:00:20Z", agents=(spec,), names=("AAPL",), extra_tables=("orders",)))
    rows = order_rows(market, *A)
    sent = market.agents()["lone"].order_columns
    ids = own_ids(market)
    twin, at, known = testing.TwinBook(max_orders=4096), 0, 0
    for ts_ns, ref, ahead in log:
        while at < len(rows) and rows[at][0] + BASE_NS <= ts_ns:
            at = play(twin, rows, at)
        level = [row for row in twin.orders() if row.side == BUY and row.price_ticks == sent["price_ticks"][ref - 1]]
        place = next((n for n, row in enumerate(level) if row.order_id == ids.get(ref)), None)
        if ahead is not None:
            known += 1
            assert place is not None, (ts_ns, ref)
            assert ahead == sum(row.displayed for row in level[:place])
    assert known > 400
    assert len({ahead for _, _, ahead in log}) > 10


def own_ids(market: Any) -> dict[int, int]:
    """The order ids at A of the agent's references: by size and time, from its orders and the orders table."""
    columns = market.agents()["lone"].order_columns
    adds = {row[0]: row[2] for row in order_rows(market, *A) if row[1] == EventKind.ADD and row[5] == 50}
    return {int(ref): adds[int(ts_ns) - BASE_NS] for ref, ts_ns in zip(columns["ref"], columns["answered_ns"], strict=True) if int(ts_ns) - BASE_NS in adds}


def play(twin: Any, rows: list[tuple[int, ...]], at: int) -> int:
    """One command of the orders table; returns the place after its rows."""
    _, kind, order_id, side, price, size, first, second = rows[at]
    if kind in COMMANDS:
        enter(twin, kind, order_id, side, price, size, first, second)
    else:
        assert kind in (EventKind.EXECUTE, EventKind.REFILL, EventKind.REST, EventKind.EXPIRE)
    return at + 1
