"""What a second plans comes: prints as the budgets say, and takers after a pause as before it."""

from __future__ import annotations

import numpy as np
import pytest
from helpers import scenario

from simulator.flow.background import BackgroundFlow
from simulator.flow.rates import PRINT_TARGET
from simulator.flow.state import PRINTS_USUAL
from simulator.inputs.config import Rates, Scenario
from simulator.inputs.sessions import parse_ts
from simulator.inputs.universe import load_universe
from simulator.market import Market
from simulator.notices import StatusReason
from simulator.records import NS_PER_MINUTE, NS_PER_S, Cond, TradeBatch

ALL = tuple(symbol.name for symbol in load_universe().symbols)
OPEN_NS = parse_ts("2025-07-01T13:30:00Z")


def prints_of(market: Market) -> TradeBatch:
    trades = market.tape()["trades"]
    assert isinstance(trades, TradeBatch)
    return trades


def flow_of(market: Market) -> BackgroundFlow:
    assert isinstance(market._flow, BackgroundFlow)
    return market._flow


@pytest.mark.parametrize("profile", ["market", "spec"])
def test_each_symbol_prints_as_often_as_its_seconds_aim_at(profile: str) -> None:
    """Where makers have much to answer to, too: books go untended then, not trades undone."""
    chosen = scenario("2025-07-01T13:35:00Z", "2025-07-01T13:45:00Z", names=ALL, rates=Rates(), profile=profile, seed=6)
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    first, last = ((ns - OPEN_NS) // NS_PER_S + 1_800 for ns in (chosen.start_ns, chosen.end_ns))
    wanted = flow_of(market)._state.budget[:, first:last, PRINT_TARGET].sum(axis=1)
    trades = prints_of(market)
    came = np.bincount(trades.symbol[trades.cond == Cond.TRADE], minlength=len(wanted))
    assert (np.abs(came / wanted - 1) < 0.1).all()


def after(chosen: Scenario, paused: bool) -> tuple[int, float]:
    """Prints in ten minutes from a reopening on, and the prints that a taker is thought to bring by then."""
    market = Market(chosen)
    start_ns = chosen.start_ns + NS_PER_MINUTE
    if paused:
        market.halt(market.symbols[0], start_ns, StatusReason.LULD)
    market.run_until(chosen.end_ns)
    trades = prints_of(market)
    from_ns = int(trades.ts_ns[trades.cond == Cond.HALT_RESUME][-1]) if paused else start_ns + 5 * NS_PER_MINUTE
    here = (trades.symbol == 0) & (trades.cond == Cond.TRADE) & (trades.ts_ns > from_ns) & (trades.ts_ns < from_ns + 10 * NS_PER_MINUTE)
    return int(here.sum()), float(flow_of(market)._state.real[0, PRINTS_USUAL])


def test_a_pause_leaves_takers_as_they_were() -> None:
    chosen = scenario("2025-07-01T15:00:00Z", "2025-07-01T15:17:00Z", names=("NVDA", "AAPL"), profile="market", seed=6)
    (without, usual), (with_pause, usual_then) = after(chosen, False), after(chosen, True)
    assert 0.8 < with_pause / without < 1.25
    assert usual_then == pytest.approx(usual, rel=0.25)
