"""New reference prices in the middle of a run: a drift, smooth, exact in its end, and the same whenever it is made known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from simulator.inputs.config import Refresh
from simulator.inputs.reference_prices import Bracket
from simulator.market import Market
from simulator.records import NS_PER_S
from tests.helpers import run, scenario

START = "2025-07-01T14:00:00Z"


def mids(market: Market) -> np.ndarray:
    book = market.tape()["market_data"]
    return (book.bid_price[:, 0] + book.ask_price[:, 0]) / 2


def test_the_price_drifts_by_what_the_refresh_asks_for_and_not_in_one_step() -> None:
    base = scenario(START, "2025-07-01T14:03:00Z", names=("JPM",))
    start_usd = mids(run(base))[0] / 10_000
    target = start_usd * 1.05
    refresh = Refresh(ts_ns=base.start_ns + 30 * NS_PER_S, over_ns=60 * NS_PER_S, prices={"JPM": Bracket(target, target, target, "yahoo")})
    plain, moved = run(base), run(replace(base, refreshes=(refresh,)))
    times = moved.tape()["market_data"].ts_ns
    before = times <= refresh.ts_ns
    assert (mids(moved)[before] == mids(plain)[: before.sum()]).all()
    ended = mids(moved)[-1] / mids(plain)[-1]
    assert abs(math.log(ended / 1.05)) < 0.01
    assert np.abs(np.diff(np.log(mids(moved)))).max() < 0.01


def test_a_refresh_told_to_a_running_market_gives_the_same_rows() -> None:
    base = scenario(START, "2025-07-01T14:01:00Z", names=("JPM", "XOM"))
    bracket = Bracket(90.0, 110.0, 100.0, "yahoo")
    refresh = Refresh(ts_ns=base.start_ns + 20 * NS_PER_S + 7, over_ns=3600 * NS_PER_S, prices={"XOM": bracket})
    known = run(replace(base, refreshes=(refresh,)))
    told = Market(base)
    told.run_until(base.start_ns + 11 * NS_PER_S)
    told.refresh(refresh)
    told.run_until(base.end_ns)
    assert known.result().digest_parts == told.result().digest_parts
    assert known.result().digest_parts != run(base).result().digest_parts
