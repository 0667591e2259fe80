"""Agents that do anything at any time: whatever they send, what they know in the end is what the venues know, and no share is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import LOW, scenario

from simulator.agents import Accepted, Cancelled, CancelRejected, Expired, Fill, Rejected
from simulator.inputs.config import AgentSpec
from simulator.inputs.sessions import format_ts, parse_ts
from simulator.market import Market
from simulator.records import EventKind, OrderBatch, OrderType, Reject, Side, TruthBatch

MS, SECOND = 1_000_000, 1_000_000_000
STARTS = {
    "open": "2025-07-01T13:29:57Z", "close": "2025-07-01T19:59:57Z", "evening": "2025-07-01T23:59:57Z", "night": "2025-07-02T07:59:57Z",
    "early": "2025-07-03T20:59:57Z",
}  # fmt: skip


class Anything:
    """Sends random commands in random numbers, many at one instant, many senseless; then cancels what it has and writes down what it knows."""

    def __init__(self, quiet_ns: int, box: dict[str, Any], name: str) -> None:
        self.quiet_ns, self.box, self.name = quiet_ns, box, name
        self.heard: list[Any] = []

    def __deepcopy__(self, memo: object) -> Anything:
        return self

    def run(self, market: Any, orders: Any, rng: np.random.Generator) -> Any:
        refs: list[int] = []
        while market.now_ns < self.quiet_ns:
            for _ in range(int(rng.integers(1, 6))):
                self.act(market, orders, rng, refs)
            came = yield market.any_of(market.quote("AAPL"), market.message(Fill, CancelRejected), limit_ns=1 + int(rng.exponential(8 * MS)))
            self.heard += [came] if isinstance(came, Fill | CancelRejected) else []
            if rng.random() < 0.5:
                self.heard += market.read()
            yield market.wait(1 + int(rng.exponential(8 * MS)))
        yield market.wait(SECOND // 2)
        while orders.cancel_all():
            yield market.wait(SECOND // 2)
        self.heard += market.read()
        self.box[self.name] = (self.heard, market.own_orders(), {s: market.position(s) for s in market.symbols}, len(refs))

    def act(self, market: Any, orders: Any, rng: np.random.Generator, refs: list[int]) -> None:
        choice = rng.random()
        if choice < 0.55 or not refs:
            symbol, venue = str(rng.choice(market.symbols)), str(rng.choice([*market.venues, "BEST"]))
            bid, ask = market.nbbo(symbol)
            price = (bid or ask or 10_000) + int(rng.integers(-3, 4))
            kind = OrderType(int(rng.integers(len(OrderType))))
            size = int(rng.choice([0, 1, 50, 100, 300, 5_000]))
            priceless = kind in (OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE)
            display = int(rng.choice([size, size, 0, 50]))
            refs.append(orders.add(Side(int(rng.integers(2))), symbol, venue, 0 if priceless else price, size, type=kind, display=display))
        elif choice < 0.8:
            orders.cancel(int(rng.choice(refs[-12:])))
        elif choice < 0.88:
            orders.reduce(int(rng.choice(refs[-12:])), int(rng.choice([0, 10, 100, 10_000])))
        else:
            refs.append(orders.replace(int(rng.choice(refs[-12:])), int(rng.integers(19_000, 21_000)), int(rng.choice([0, 100, 700]))))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("when", STARTS)
def test_what_agents_know_is_what_the_venues_know(when: str, seed: int) -> None:
    box: dict[str, Any] = {}
    offsession = "full" if seed == 2 else "none"
    chosen = scenario(
        STARTS[when], later(STARTS[when]), names=("AAPL", "JPM"), rates=LOW, seed=seed,
        offsession_trades=offsession, extra_tables=("orders", "truth"),
    )  # fmt: skip
    quiet_ns = chosen.start_ns + 6 * SECOND
    latencies = {"a": {"*": 1}, "b": {"NASDAQ": 40_000, "*": 3 * MS}, "c": {"*": 200_000}}
    agents = tuple(
        AgentSpec(name=name, make=Anything(quiet_ns, box, name), latency_ns=latency, max_messages_per_s=300 if name == "c" else 10_000)
        for name, latency in latencies.items()
    )
    market = Market(replace(chosen, agents=agents))
    market.run_until(chosen.end_ns)
    assert set(box) == set(latencies)
    results = market.agents()
    for own_orders in market._own_orders:
        heard, own, positions, sent = box[own_orders.spec.name]
        result = results[own_orders.spec.name]
        by_ref: dict[int, list[Any]] = {}
        for message in heard:
            by_ref.setdefault(message.ref, []).append(message)
        rows = result.order_columns
        assert len(rows["ref"]) == sent
        assert own == []
        for n in range(sent):
            ref, size = n + 1, int(rows["size"][n])
            messages = by_ref.get(ref, [])
            done = {kind: sum(m.size for m in messages if isinstance(m, kind)) for kind in (Fill, Cancelled, Expired)}
            assert (done[Fill], done[Cancelled], done[Expired]) == (rows["filled"][n], rows["cancelled"][n], rows["expired"][n])
            accepted = [m for m in messages if isinstance(m, Accepted)]
            if rows["reason"][n]:
                assert not accepted
                assert Reject(int(rows["reason"][n])) in [m.reason for m in messages if isinstance(m, Rejected)]
                assert sum(done.values()) == 0
                continue
            assert len(accepted) == 1
            replaced = any(m.old_ref == ref for m in heard if isinstance(m, Accepted))
            left = size - sum(done.values())
            assert left > 0 if replaced else left == 0
            assert rows["closed_ns"][n] > 0
        assert result.refused == sum(isinstance(m, Rejected | CancelRejected) for m in heard)
        assert result.unread_dropped == 0
        assert own_orders.resting_orders() == []
        assert positions == {s: sum(p.shares for p in result.positions if p.symbol == s) for s in positions}
        truth = market.tape().get("truth")
        if truth is not None:
            assert isinstance(truth, TruthBatch)
            sign = np.where(truth.resting_side == Side.BUY, 1, -1)
            for symbol, held in positions.items():
                mine = truth.symbol == chosen.universe.symbol_index(symbol)
                shares = sign * truth.size * (mine & (truth.maker == own_orders.number)) - sign * truth.size * (mine & (truth.taker == own_orders.number))
                assert shares.sum() == held
    assert [market._exchange.agent_orders(b) for b in range(10)] == [[]] * 10
    orders = market.tape().get("orders")
    if orders is not None:
        assert isinstance(orders, OrderBatch)
        assert EventKind.REJECT not in orders.kind


def later(start: str) -> str:
    """Ten seconds."""
    return format_ts(parse_ts(start) + 10 * SECOND)
