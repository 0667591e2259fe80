"""Stop and pegged orders against a slow twin, which knows nothing but the tables and the rules; sweeps, and self-trade prevention at a venue."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import assert_same_tapes, run, scenario
from scripted import BASE, BASE_NS, VENUES, Stroke, order_rows, scripted_run

from simulator import market as market_module
from simulator.agents import Accepted, Cancelled, CancelRejected, Ended, Expired, Fill, OrderState, Rejected, Repriced, Triggered
from simulator.exchange import held_orders
from simulator.inputs.config import AgentSpec, Rates
from simulator.notices import SipBatch
from simulator.records import EventKind, OrderBatch, OrderType, Peg, Reject, SelfTrade, Side, TradeBatch

BUY, SELL = Side
A = ("AAPL", "NASDAQ")
MS, S = 1_000_000, 1_000_000_000
LATENCY_NS = 1_000
BUSY = Rates(market_data_min_eps=60, market_data_max_eps=200, trades_min_eps=20, trades_max_eps=60)


def lone(make: Callable[..., Any], **spec: Any) -> AgentSpec:
    return AgentSpec(name="lone", make=make, **({"latency_ns": LATENCY_NS} | spec))


def holds(market: Any, orders: Any, rng: np.random.Generator, log: list[tuple[Any, ...]], pegs: bool) -> Any:
    """Stops or pegs of all kinds near the price, of which it cancels some. Logs (what, arrival at the venue, ref, its terms) and messages."""
    alive: list[int] = []
    while True:
        last, choice = market.last_trade(*A), rng.random()
        side, size = Side(int(rng.integers(2))), int(rng.integers(1, 90))
        arrives_ns = market.now_ns + LATENCY_NS
        if choice < 0.25 and alive:
            ref = alive.pop(int(rng.integers(len(alive))))
            orders.cancel(ref)
            log.append(("cancel", arrives_ns, ref))
        elif last is not None and not pegs:
            stop = last.price_ticks + (1 if side == BUY else -1) * int(rng.integers(-1, 4))
            limit = 0 if rng.random() < 0.5 else stop + (2 if side == BUY else -2)
            ref = orders.stop(side, *A, stop, size, limit_ticks=limit)
            alive.append(ref)
            log.append(("add", arrives_ns, ref, side, size, stop, limit))
        elif pegs:
            peg, offset = Peg(int(rng.integers(2))), int(rng.integers(-1, 3))
            limit = 0 if rng.random() < 0.7 else max(market.nbbo("AAPL")[side], 1)
            ref = orders.peg(side, *A, size, peg=peg, offset_ticks=offset, limit_ticks=limit)
            alive.append(ref)
            log.append(("add", arrives_ns, ref, side, peg, offset, limit))
        yield market.wait(int(rng.integers(1, 200 * MS)))
        log += [("message", message) for message in market.read()]


def held_run(pegs: bool, seed: int) -> tuple[Any, list[tuple[Any, ...]]]:
    log: list[tuple[Any, ...]] = []
    spec = lone(holds, arguments={"log": log, "pegs": pegs})
    chosen = scenario(BASE, "2025-07-01T14:00:20Z", agents=(spec,), names=("AAPL",), extra_tables=("orders", "sip"), seed=seed, rates=BUSY)
    return run(chosen), log


def check_stops(market: Any, log: list[tuple[Any, ...]]) -> int:
    """By the rules, from the tables: when each stop is reached, in which order they enter, and as what. Returns how many were."""
    tape = market.tape()
    prints, table = tape["trades"], tape["orders"]
    assert isinstance(prints, TradeBatch)
    assert isinstance(table, OrderBatch)
    here = prints.venue == 0
    rows_at = set(tape["market_data"].ts_ns[tape["market_data"].venue == 0].tolist())
    executed = (table.venue == 0) & (table.kind == EventKind.EXECUTE)
    action_of = dict(zip(table.ts_ns[executed].tolist(), table.action[executed].tolist(), strict=True))
    last_of = {action: at for at, action in sorted(action_of.items())}
    displays = (table.kind == EventKind.EXECUTE) & (table.size > table.hidden_size) | np.isin(table.kind, (EventKind.REFILL, EventKind.REST))
    shown = set(table.action[(table.venue == 0) & displays].tolist())  # of the others a row right behind is somebody else's
    sold = list(zip(prints.ts_ns[here].tolist(), (prints.price[here] // 100).tolist(), strict=True))
    cancelled = {ref: ts_ns for what, ts_ns, ref, *_ in (e for e in log if e[0] == "cancel")}
    triggered = {m.ref: m for _, m in (e for e in log if e[0] == "message") if isinstance(m, Triggered)}
    end_ns = market.now_ns - 200 * MS - 2 * LATENCY_NS
    due: list[tuple[int, int, int, int]] = []  # enters at, place of the print, ref, price of the print
    terms = {}
    for _, ts_ns, ref, side, size, stop, limit in (e for e in log if e[0] == "add"):
        terms[ref] = (side, size, limit)
        before = [place for place, (at, _) in enumerate(sold) if at < ts_ns]
        reach = [place for place in (*before[-1:], *range(len(before), len(sold))) if (sold[place][1] >= stop if side == BUY else sold[place][1] <= stop)]
        if not reach:
            continue
        at, price = sold[reach[0]]
        if before and reach[0] == before[-1]:
            enters_ns = ts_ns
        else:
            last_ns = last_of[action_of[at]]
            enters_ns = last_ns + 1 + (last_ns + 1 in rows_at and action_of[at] in shown)
        if cancelled.get(ref, 2**63) >= enters_ns and enters_ns < end_ns:
            due.append((enters_ns, reach[0], ref, price))
    due.sort()
    assert {ref: (m.ts_ns, m.price_ticks) for ref, m in triggered.items() if m.ts_ns < end_ns} == {ref: (at, price) for at, _, ref, price in due}
    added = [(row[0] + BASE_NS, row[3], row[5], row[4], row[7]) for row in order_rows(market, *A) if row[1] == EventKind.ADD]
    place = 0
    for at, _, ref, _ in due:
        side, size, limit = terms[ref]
        # At market, within price bands: immediate, with the band as limit. Of several at one instant each finds the book's next stamp.
        places = [
            n
            for n, (when, *order, kind) in enumerate(added[place:], place)
            if at <= when < at + 100 and order == [side, size, limit or order[2]] and (kind == OrderType.LIMIT) == bool(limit)
        ]
        assert places, (at, ref)
        place = places[0] + 1
    return len(due)


@pytest.mark.parametrize("seed", [1, 2])
def test_stops_are_the_twins(seed: int) -> None:
    market, log = held_run(False, seed)
    assert check_stops(market, log) > 25


def check_pegs(market: Any, log: list[tuple[Any, ...]]) -> int:
    """By the rules, from the consolidated quotes: where each pegged order stands and when it moves. Returns how often they moved."""
    sip = market.tape()["sip"]
    assert isinstance(sip, SipBatch)
    quotes = list(zip(sip.ts_ns.tolist(), (sip.bid_price // 100).tolist(), (sip.ask_price // 100).tolist(), strict=True))
    cancelled = {e[2]: e[1] for e in log if e[0] == "cancel"}
    messages = [e[1] for e in log if e[0] == "message"]
    moved = 0
    end_ns = market.now_ns - 200 * MS - 2 * LATENCY_NS
    for _, ts_ns, ref, side, peg, offset, limit in (e for e in log if e[0] == "add"):
        mine = [m for m in messages if m.ref == ref]
        gone_ns = min([cancelled.get(ref, end_ns), end_ns, *(m.ts_ns for m in mine if isinstance(m, Fill) and m.left == 0)])
        expected, at = [], 0
        seen = [(max(at_ns, ts_ns), bid, ask) for at_ns, bid, ask in quotes]
        first = max((n for n, (at_ns, _, _) in enumerate(quotes) if at_ns <= ts_ns), default=0)
        for when, bid, ask in seen[first:]:
            if when >= gone_ns:
                break
            price = where(side, peg, offset, limit, bid, ask)
            if price != at:
                expected.append((when, price))
            at = price
        got = [(m.ts_ns, m.price_ticks) for m in mine if isinstance(m, Repriced) and m.ts_ns < gone_ns]
        assert got == expected, (ref, side, peg, offset, limit)
        moved += len(got)
    return moved


def where(side: Side, peg: Peg, offset: int, limit: int, bid: int, ask: int) -> int:
    if not 0 < bid < ask:
        return 0
    if side == BUY:
        price = (bid if peg == Peg.PRIMARY else int(np.floor((bid + ask) / 2))) - offset
        return min(price, limit) if limit else price
    price = (ask if peg == Peg.PRIMARY else int(np.ceil((bid + ask) / 2))) + offset
    return max(price, limit) if limit else price


def test_pegs_are_the_twins_and_displayed_nowhere() -> None:
    market, log = held_run(True, 1)
    assert check_pegs(market, log) > 150
    rows = order_rows(market, *A)
    mine = {row[2] for row in rows if row[1] == EventKind.ADD and row[6] == 0 and row[7] == OrderType.LIMIT}
    assert len(mine) > 50  # hidden: display is 0


FAULTS: dict[str, tuple[bool, str, str]] = {
    "a print at the stop does not reach it": (False, "price >= order.held.stop_ticks", "price > order.held.stop_ticks"),
    "sells are reached from below": (False, "else price <= order.held.stop_ticks", "else price >= order.held.stop_ticks"),
    "the last print does not count on arrival": (False, "if last is not None and _reaches", "if False and _reaches"),
    "the newest stop enters first": (False, "        for order, price in reached:", "        for order, price in reversed(reached):"),
    "a stop with a limit enters without": (False, "NewOrder(order.side, order.limit_ticks, left", "NewOrder(order.side, 0, left"),
    "it enters late": (False, "head[book, LAST_TS]) + 1), lambda", "head[book, LAST_TS]) + 2), lambda"),
    "the midpoint is taken the more aggressive": (True, "(bid + ask) // 2 if is_buy", "-(-(bid + ask) // 2) if is_buy"),
    "the peg knows the quote before it is published": (True, "ts_ns + self._exchange.sip_delays_ns[v]", "ts_ns"),
    "it follows the other side": (True, "(bid if is_buy else ask) if", "(ask if is_buy else bid) if"),
    "its limit is forgotten": (True, "if order.limit_ticks:\n        price", "if False:\n        price"),
}


def plant(monkeypatch: pytest.MonkeyPatch, right: str, wrong: str) -> None:
    source = inspect.getsource(held_orders)
    assert source.count(right) == 1
    changed = {**vars(held_orders)}
    exec(compile(source.replace(right, wrong), held_orders.__file__, "exec"), changed)
    monkeypatch.setattr(market_module, "HeldOrders", changed["HeldOrders"])


def test_of_two_stops_that_one_sweep_reaches_the_one_reached_first_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(MS)
        orders.stop(SELL, *A, 9_980, 10)
        orders.stop(SELL, *A, 9_990, 10)
        while True:
            heard.append((yield market.message(Triggered)))

    strokes = [Stroke(0, *A, BUY, 9_990, 20), Stroke(1, *A, BUY, 9_980, 100), Stroke(5 * MS, *A, SELL, 9_980, 50)]
    scripted_run(strokes, lone(make))
    assert [(m.ref, m.price_ticks) for m in heard] == [(2, 9_990), (1, 9_980)]
    plant(monkeypatch, "last_ns, new)[::-1]", "last_ns, new)")
    heard.clear()
    scripted_run(strokes, lone(make))
    assert [m.ref for m in heard] != [2, 1]


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pegs, right, wrong = FAULTS[name]
    plant(monkeypatch, right, wrong)
    with pytest.raises(AssertionError):
        [(check_pegs if pegs else check_stops)(*held_run(pegs, seed)) for seed in (1, 2, 3)]


def messages_of(log: list[Any]) -> list[tuple[str, int]]:
    return [(type(m).__name__, m.ref) for m in log]


def test_held_orders_can_be_reduced_and_cancelled_but_not_replaced_and_end_with_the_day() -> None:
    heard: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        stop, other = orders.stop(SELL, *A, 9_900, 300), orders.stop(BUY, *A, 10_900, 10)
        peg = orders.peg(BUY, *A, 200)  # nobody quotes: it stands aside
        bad = orders.stop(BUY, *A, 0, 10)
        yield market.wait(MS)
        orders.reduce(stop, 100)
        orders.replace(stop, 9_000, 50)
        orders.cancel(other)
        orders.reduce(peg, 0)
        yield market.wait(MS)
        heard.extend(market.read())
        states = [(o.state, o.left) for o in (market.order(ref) for ref in (stop, other, peg, bad))]
        assert states == [(OrderState.LIVE, 200), (OrderState.CANCELLED, 0), (OrderState.LIVE, 200), (OrderState.REFUSED, 10)]
        orders.cancel(stop)
        yield market.until(market.close_ns + 5 * 3600 * S)
        heard.extend(market.read())

    start = "2025-07-01T19:50:00Z"
    market = scripted_run([], lone(make), start=start, run_ns=6 * 3600 * S)
    by_kind = {kind: [m for m in heard if isinstance(m, kind)] for kind in (Accepted, Rejected, CancelRejected, Cancelled, Expired)}
    assert [m.ref for m in by_kind[Accepted]] == [1, 2, 3]
    assert [(m.ref, m.reason) for m in by_kind[Rejected]] == [(4, Reject.BAD_PRICE), (5, Reject.HELD)]
    assert [(m.ref, m.reason) for m in by_kind[CancelRejected]] == [(3, Reject.BAD_SIZE)]
    assert [(m.ref, m.size) for m in by_kind[Cancelled]] == [(1, 100), (2, 10), (1, 200)]
    assert [(m.ref, m.size, m.reason) for m in by_kind[Expired]] == [(3, 200, Ended.DAY_END)]
    assert not market._held._stops
    assert not market._held._pegs


def test_one_stop_triggers_another() -> None:
    """And what cannot enter any more is gone, with its reason."""
    heard: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(MS)
        orders.stop(SELL, *A, 9_990, 30)  # takes the bid of 9,990 and then that of 9,980
        orders.stop(SELL, *A, 9_980, 500, limit_ticks=9_980)
        while True:
            heard.append((yield market.message()))

    strokes = [Stroke(0, *A, BUY, 9_990, 20), Stroke(1, *A, BUY, 9_980, 100), Stroke(5 * MS, *A, SELL, 9_990, 5)]
    scripted_run(strokes, lone(make))
    assert messages_of(heard) == [
        ("Accepted", 1), ("Accepted", 2), ("Triggered", 1), ("Fill", 1), ("Fill", 1), ("Triggered", 2), ("Fill", 2),
    ]  # fmt: skip
    assert [m.price_ticks for m in heard if isinstance(m, Triggered)] == [9_990, 9_980]
    assert [(m.price_ticks, m.size) for m in heard if isinstance(m, Fill)] == [(9_990, 15), (9_980, 15), (9_980, 85)]


def test_a_sweep_takes_what_each_venue_displays_best_prices_first() -> None:
    fills: list[Any] = []
    refs: list[int] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(20 * MS)
        refs.extend(orders.sweep(BUY, "AAPL", 10_002, 450))
        assert orders.sweep(SELL, "AAPL", 9_000, 100) == []
        while True:
            fills.append((yield market.message(Fill)))

    asks = {"NASDAQ": [(10_001, 100), (10_002, 200)], "NYSE": [(10_000, 150)], "ARCA": [(10_003, 900)], "IEX": [(10_002, 300)]}
    scripted_run([Stroke(n, "AAPL", v, SELL, *q) for v, levels in asks.items() for n, q in enumerate(levels)], lone(make))
    assert len(refs) == 2  # NASDAQ comes before IEX at one price
    assert sorted((f.venue, f.price_ticks, f.size) for f in fills) == [("NASDAQ", 10_001, 100), ("NASDAQ", 10_002, 200), ("NYSE", 10_000, 150)]


@pytest.mark.parametrize("mode", SelfTrade)
def test_a_venue_prevents_self_trades_as_the_book_does(mode: SelfTrade) -> None:
    heard: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(MS)
        orders.prevent_self_trades(mode)
        orders.sell(*A, 10_000, 50)  # behind another's 30, in front of another's 40
        yield market.wait(MS)
        orders.buy(*A, 10_000, 60)
        yield market.wait(MS)
        heard.extend(market.read())

    strokes = [Stroke(0, *A, SELL, 10_000, 30), Stroke(MS + MS // 2, *A, SELL, 10_000, 40)]
    market = scripted_run(strokes, lone(make))
    gone = [(m.ref, m.size, m.reason) for m in heard if isinstance(m, Expired)]
    why = Ended.SELF_TRADE
    assert gone == {
        SelfTrade.ALLOW: [], SelfTrade.CANCEL_NEWEST: [(2, 30, why)], SelfTrade.CANCEL_OLDEST: [(1, 50, why)],
        SelfTrade.CANCEL_BOTH: [(1, 50, why), (2, 30, why)], SelfTrade.DECREMENT: [(1, 30, why), (2, 30, why)],
    }[mode]  # fmt: skip
    asks = {SelfTrade.ALLOW: 60, SelfTrade.CANCEL_NEWEST: 90, SelfTrade.CANCEL_OLDEST: 10, SelfTrade.CANCEL_BOTH: 40, SelfTrade.DECREMENT: 60}
    assert market.book(*A).levels(SELL) == [(10_000, asks[mode])]
    assert market.book(*A).levels(BUY) == []
    result = market.agents()["lone"].arrow("orders").to_pylist()
    assert [row["filled"] + row["expired"] for row in result] == [{1: 30, 3: 50}.get(0, f) for f in [sum(g[1] for g in gone if g[0] == 1) + 30 * (mode == 0), 60]]


def test_an_order_of_which_nothing_may_enter_is_refused() -> None:
    heard: list[Any] = []

    def make(market: Any, orders: Any, rng: Any) -> Any:
        orders.prevent_self_trades(SelfTrade.CANCEL_NEWEST)
        sell = orders.sell(*A, 10_000, 50)
        orders.buy(*A, 10_000, 60)
        orders.replace(orders.buy(*A, 9_990, 20), 10_001, 20)
        yield market.wait(MS)
        heard.extend(market.read())
        assert market.order(sell).state == OrderState.LIVE

    market = scripted_run([], lone(make))
    assert [(m.ref, m.reason) for m in heard if isinstance(m, Rejected)] == [(2, Reject.SELF_TRADE), (4, Reject.SELF_TRADE)]
    assert market.book(*A).levels(BUY) == [(9_990, 20)]


def test_what_nobody_uses_leaves_no_trace() -> None:
    """An agent that holds a stop far away and a peg that it takes back moves no row of the others."""

    def quiet(market: Any, orders: Any, rng: Any) -> Any:
        orders.stop(BUY, *A, 40_000, 100)
        while True:
            ref = orders.peg(BUY, *A, 100, offset_ticks=9_000, limit_ticks=1)
            yield market.wait(100 * MS)
            orders.cancel(ref)
            yield market.wait(100 * MS)

    plain = {"start": BASE, "end": "2025-07-01T14:00:04Z", "extra_tables": ("sip",)}
    alone = run(scenario(**plain))
    beside = run(scenario(**plain, agents=(lone(quiet),)))
    assert_same_tapes({t: alone.tape()[t] for t in ("market_data", "trades", "sip")}, beside.tape())
    assert all(beside._exchange.columns.facts[b, 3] == 0 for b in range(len(VENUES), 2 * len(VENUES)))
