"""The flow stops for those who watch books when the first row is about to reach the nearest of them, and no later: nothing tells it from
a flow that stops at each row.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from helpers import assert_same_tapes, run, scenario

from simulator.exchange.order_books import Exchange
from simulator.flow.background import BackgroundFlow
from simulator.flow.events import UNHEARD_MAX
from simulator.gateway.subscriptions import QUOTES, TRADES, Subscriptions
from simulator.inputs.config import AgentSpec, Rates
from simulator.market import Market
from simulator.records import OrderType, Side
from simulator.tape.columns import WATCHED_FROM

MS = 1_000_000
RATES = Rates(market_data_min_eps=200, market_data_max_eps=500, trades_min_eps=40, trades_max_eps=100)
WINDOW = {"start": "2025-07-01T13:29:59Z", "end": "2025-07-01T13:30:02Z", "names": ("AAPL", "JPM"), "rates": RATES}
LATENCIES: dict[str, dict[str, int]] = {
    "near": {"NASDAQ": 70_000, "NYSE": MS, "*": 3 * MS}, "far": {"*": 40 * MS}, "keeper": {"*": 5 * MS},
}  # fmt: skip
Log = list[tuple[str, int, Any]]


def reacts(market: Any, orders: Any, rng: np.random.Generator, name: str, log: Log) -> Any:
    """Waits for now this and now that, notes when it has come, and trades at once."""
    stream = market.quote_stream("JPM")
    trades = market.trade_stream("AAPL")
    while True:
        kind = rng.integers(6)
        limit_ns = None if rng.random() < 0.5 else int(rng.integers(1, 60 * MS))
        if kind == 0:
            came = yield stream.next(limit_ns=limit_ns)
        elif kind == 1:
            came = yield trades.next(limit_ns=limit_ns)
        elif kind == 2:
            came = yield market.any_of(market.quote("AAPL", "NYSE"), market.trade("JPM"), market.message(), limit_ns=limit_ns)
        else:
            came = yield market.quote("AAPL", limit_ns=limit_ns)
        log.append((name, market.now_ns, (str(came), market.quotes("AAPL"))))
        if rng.random() < 0.1:
            bid, ask = market.nbbo("AAPL")
            if bid and ask:
                side = Side(int(rng.integers(2)))
                orders.add(side, "AAPL", "NASDAQ", ask if side == Side.BUY else bid, 100, type=OrderType.IOC)


def keeps(market: Any, orders: Any, rng: Any, name: str, log: Log) -> Any:
    """Has books watched of which it must be heard at once: a stop, a peg, a place in a queue; and looks at them."""
    for _ in range(6):
        yield market.wait(400 * MS)
        quote = market.best("JPM", "NASDAQ")
        if not quote.bid_ticks or not quote.ask_ticks:
            continue
        refs = [
            orders.buy("JPM", "NASDAQ", quote.bid_ticks, 100),
            orders.stop(Side.BUY, "JPM", "NASDAQ", quote.ask_ticks + 1, 100),
            orders.peg(Side.SELL, "JPM", "NASDAQ", 100),
        ]
        for _ in range(15):
            came = yield market.any_of(market.quote("JPM", "NASDAQ"), market.message(), limit_ns=20 * MS)
            log.append((name, market.now_ns, (str(came), market.queue_ahead(refs[0]))))
        for ref in refs:
            orders.cancel(ref)


def happened(monkeypatch: pytest.MonkeyPatch, watch_from: Callable[[Exchange, int, int], None] | None) -> tuple[Log, Any, int]:
    """What agents noted, all rows, and how often the flow was called."""
    log: Log = []
    calls = 0

    def count(flow: BackgroundFlow, horizon_ns: int, advance: Any = BackgroundFlow.advance) -> int:
        nonlocal calls
        calls += 1
        status: int = advance(flow, horizon_ns)
        return status

    makes = {name: keeps if name == "keeper" else reacts for name in LATENCIES}
    agents = tuple(
        AgentSpec(name=name, make=make, arguments={"name": name, "log": log}, latency_ns=LATENCIES[name]) for name, make in makes.items()
    )
    with monkeypatch.context() as patched:
        patched.setattr(BackgroundFlow, "advance", count)
        if watch_from is not None:
            patched.setattr(Exchange, "watch_from", watch_from)
        market = run(scenario(**WINDOW, agents=agents, extra_tables=("orders", "truth")))
    return log, market.tape(), calls


def test_a_flow_that_stops_late_is_as_one_that_stops_at_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    def at_once(exchange: Exchange, b: int, distance_ns: int) -> None:
        exchange.columns.facts[b, WATCHED_FROM] = 0

    def too_late(exchange: Exchange, b: int, distance_ns: int) -> None:
        exchange.columns.facts[b, WATCHED_FROM] = distance_ns + 2 * MS

    log, tape, calls = happened(monkeypatch, None)
    its_log, its_tape, its_calls = happened(monkeypatch, at_once)
    assert {name for name, _, _ in log} == set(LATENCIES)
    assert log == its_log
    assert_same_tapes(tape, its_tape)
    assert calls < its_calls
    with pytest.raises(AssertionError):
        assert_same_tapes(tape, happened(monkeypatch, too_late)[1])


def test_a_flow_with_one_watcher_stops_once_a_wake(monkeypatch: pytest.MonkeyPatch) -> None:
    """And an agent that is far away has the rows of a whole stretch in one call."""
    woke = 0

    def make(market: Any, orders: Any, rng: Any) -> Any:
        nonlocal woke
        while True:
            yield market.quote("AAPL")
            woke += 1

    market = Market(scenario(**WINDOW, only=("AAPL",), agents=(AgentSpec(name="a", make=make, latency_ns={"*": 10 * MS}),)))
    market.run_for(seconds=1)
    advance, calls = BackgroundFlow.advance, 0

    def count(flow: BackgroundFlow, horizon_ns: int) -> int:
        nonlocal calls
        calls += 1
        return advance(flow, horizon_ns)

    monkeypatch.setattr(BackgroundFlow, "advance", count)
    before = woke
    market.run_until(market.scenario.end_ns)
    assert woke - before > 100
    assert calls <= woke - before + 10


def test_more_than_may_wait_unheard_is_heard_in_time() -> None:
    """Of an agent so far away that thousands of rows happen before the first reaches it."""
    late_ns, woke = 500 * MS, list[int]()

    def make(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            yield market.quote("AAPL")
            woke.append(market.now_ns)

    fast = Rates(market_data_min_eps=6000, market_data_max_eps=9000, trades_min_eps=1000, trades_max_eps=2000)
    window = {**WINDOW, "start": "2025-07-01T13:30:00Z", "end": "2025-07-01T13:30:01Z", "rates": fast}
    agent = AgentSpec(name="a", make=make, latency_ns={"*": late_ns})
    market = run(scenario(**window, only=("AAPL",), agents=(agent,)))
    stamps = np.unique(market.tape()["market_data"].ts_ns) + late_ns
    expected = stamps[stamps < market.scenario.end_ns].tolist()
    assert len(expected) > UNHEARD_MAX
    assert woke == expected


class Waits:
    """Somebody who waits for ever."""

    def __init__(self, ns: int) -> None:
        self._ns = ns

    def on_event(self, kind: int, index: int, ts_ns: int) -> bool:
        return False

    def distance_ns(self, kind: int, index: int) -> int:
        return self._ns


def test_a_book_is_watched_from_as_near_as_the_nearest_who_watches_it() -> None:
    market = Market(scenario(**WINDOW, agents=(AgentSpec(name="a", make=reacts, arguments={"name": "a", "log": []}),)))
    exchange = market.parts.exchange
    subscriptions = Subscriptions(exchange)
    at = lambda: int(exchange.columns.facts[0, WATCHED_FROM])  # noqa: E731
    subscriptions.begin(QUOTES, 0, Waits(500))
    assert at() == 500
    subscriptions.begin(TRADES, 0, Waits(300))
    subscriptions.begin(TRADES, 0, Waits(400))
    assert at() == 300
    hear = lambda book, ts_ns: None  # noqa: E731
    for kind in (TRADES, QUOTES):
        subscriptions.keep(kind, 0, hear)
        assert at() == 0
    subscriptions.release(TRADES, 0, hear)
    assert at() == 0
    subscriptions.release(QUOTES, 0, hear)
    assert at() == 300
    for kind in (TRADES, QUOTES):
        subscriptions.notify(kind, 0, 1)  # nobody wants the next
    subscriptions.begin(QUOTES, 0, Waits(900))
    assert at() == 900
