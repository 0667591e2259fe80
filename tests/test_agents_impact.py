"""What an agent's parent order does to the price: by its shares, concave, and a part of it falls back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from helpers import scenario

from simulator.analysis.impact import with_and_without
from simulator.flow.impact import EXCESS, FALL_NS, IMPACT_EXPONENT, OVER_NS, AgentParent
from simulator.flow.state import FALL, PRICE, SHIFT
from simulator.inputs.config import AgentSpec
from simulator.market import Market
from simulator.records import NS_PER_S, OrderType, Side


def after(*trades: tuple[float, int, float], unit: float = 1.0) -> tuple[float, float]:
    """The price after trades (seconds, sign, worth) of one parent, and where it falls to."""
    parent = AgentParent()
    price = falling = 0.0
    then = 0.0
    for at_s, sign, worth in trades:
        gone = 1 - np.exp(-(at_s - then) * NS_PER_S / FALL_NS)
        price, falling, then = price - gone * falling, falling * (1 - gone), at_s
        moved, falls = parent.trade(sign, worth, int(at_s * NS_PER_S), unit)
        price, falling = price + moved, falling + falls
    return price, price - falling


def test_the_same_shares_move_the_price_by_the_same_however_they_are_cut() -> None:
    whole = after((0, 1, 64.0))
    assert whole == pytest.approx((EXCESS * 64**IMPACT_EXPONENT, 64**IMPACT_EXPONENT))
    assert after(*((0, 1, 1.0) for _ in range(64))) == pytest.approx(whole)
    assert after(*((n / 10, 1, 0.5) for n in range(128))) == pytest.approx(whole, rel=0.02)
    assert after((0, 1, 64.0), unit=2.5)[0] == pytest.approx(2.5 * whole[0])


def test_it_goes_with_a_power_of_the_size_and_a_part_falls_back() -> None:
    peaks, rests = zip(*(after((0, 1, worth)) for worth in (1.0, 10.0, 100.0)), strict=True)
    assert np.diff(np.log10(peaks)) == pytest.approx([IMPACT_EXPONENT] * 2)
    assert np.array(rests) / peaks == pytest.approx(np.full(3, 1 / EXCESS))
    assert 0.45 < 1 / EXCESS < 0.85  # docs/realism.md, S13


def test_going_on_after_a_silence_is_news_again_and_later_it_is_another_order() -> None:
    soon, late = after((0, 1, 8.0), (30, 1, 8.0)), after((0, 1, 8.0), (OVER_NS / NS_PER_S + 1, 1, 8.0))
    assert soon[0] == pytest.approx(EXCESS * 16**IMPACT_EXPONENT)
    assert late[0] == pytest.approx((1 + EXCESS) * 8**IMPACT_EXPONENT, rel=0.02)
    assert late[1] == pytest.approx(2 * 8**IMPACT_EXPONENT)


def test_a_round_trip_leaves_the_price_where_it_was_and_earns_nothing() -> None:
    assert after((0, 1, 9.0), (10, -1, 9.0))[1] == pytest.approx(0)
    bought = [after(*((0, 1, 1.0) for _ in range(n + 1)))[0] for n in range(50)]
    top = after(*((0, 1, 1.0) for _ in range(50)))[1]
    sold = [top + after(*((0, -1, 1.0) for _ in range(n + 1)))[0] for n in range(50)]
    assert np.mean(sold) < np.mean(bought)


def buys(market: Any, orders: Any, rng: Any, trades: int, shares: int) -> Any:
    (symbol,) = market.symbols
    yield market.wait(seconds=3)
    for _ in range(trades):
        _, ask = market.nbbo(symbol)
        orders.buy(symbol, None, ask + 5, shares, type=OrderType.IOC)
        yield market.wait(seconds=0.2)


def test_the_market_follows_its_trades() -> None:
    """Means over some symbols: each has an agent of its own, and no other knows of it."""
    names = ("AAPL", "MSFT", "JPM", "GS", "XOM", "CVX")
    agents = tuple(
        AgentSpec(name=f"buys-{n}", make=buys, arguments={"trades": 40, "shares": 400}, symbols=(name,), copy_of="buys")
        for n, name in enumerate(names)
    )
    chosen = scenario("2025-07-01T16:00:00Z", "2025-07-01T16:00:16Z", names=names, agents=agents)
    bps = with_and_without(chosen, "buys").bps.mean(axis=1)
    assert abs(bps[:2]).max() == 0  # until the first order both are the same
    assert bps[12:].mean() > 3


def test_what_falls_back_leaves_second_by_second() -> None:
    market = Market(scenario("2025-07-01T16:00:00Z", "2025-07-01T16:00:41Z", names=("JPM",)))
    market.run_until(market.scenario.start_ns + NS_PER_S)
    flow: Any = market._flow
    state = flow._state.real[0]
    price, shift = state[PRICE], state[SHIFT]
    flow.on_agent_trade(0, market.now_ns, Side.BUY, 5_000, 1_000)
    moved, falls = state[PRICE] - price, state[FALL]
    assert moved == pytest.approx(state[SHIFT] - shift) == pytest.approx(falls / (1 - 1 / EXCESS))
    market.run_until(market.scenario.end_ns)
    left = falls * (1 - NS_PER_S / FALL_NS) ** 40
    assert state[FALL] == pytest.approx(left, rel=0.02)
    assert state[SHIFT] - shift == pytest.approx(moved - falls + left, rel=0.02)
