"""The background's arbitrageur lives on crosses: an agent's bid above another venue's offer is sold to, by somebody who bought there first."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from simulator.inputs.config import AgentSpec, Rates
from simulator.market import Market
from simulator.records import NS_PER_S
from tests.helpers import scenario

SHARES = 2_000


def careless(market: Any, orders: Any, rng: Any) -> Any:
    """Every two seconds a bid at IEX, above what others offer: what IEX offers it takes, and the rest stands there."""
    for _ in range(8):
        yield market.wait(2 * NS_PER_S)
        _, ask = market.nbbo("NVDA")
        ref = orders.buy("NVDA", "IEX", ask + 3, SHARES)
        yield market.wait(NS_PER_S)
        orders.cancel(ref)


def market(**populations: object) -> Market:
    chosen = scenario(
        "2025-07-01T14:00:00Z", "2025-07-01T14:00:26Z", names=("NVDA", "TSLA"), profile="market", extra_tables=("truth",),
        rates=Rates(market_data_min_eps=100, market_data_max_eps=300, trades_min_eps=10, trades_max_eps=60),
        agents=(AgentSpec(name="careless", make=careless, latency_ns=1_000),),
    )  # fmt: skip
    slow = {"reaction_ns": {"listing": 500_000, "other": 900_000, "IEX": 900_000}, "arbitrage_ns": 200_000}
    done = Market(replace(chosen, populations=slow | populations))
    done.run_until(done.scenario.end_ns)
    return done


@pytest.fixture(scope="module")
def crossed() -> Market:
    return market()


def executions(run: Market) -> pd.DataFrame:
    """The arbitrageur's, signed shares with them."""
    truth = run.pandas("truth")
    truth["signed"] = truth["size"].where(truth.resting_side == "S", -truth["size"])
    return truth[truth.taker == "arbitrage"]


def test_it_buys_what_is_offered_for_less_and_sells_it_to_the_bid(crossed: Market) -> None:
    mine = executions(crossed)
    bought, sold = mine[mine.signed > 0], mine[mine.signed < 0]
    assert len(bought) > 2
    assert set(mine.symbol) == {"NVDA"}, "nothing crosses at the other"
    assert "IEX" not in set(bought.venue)
    to_agent = sold[sold.maker == "careless"]
    assert len(to_agent) > 1
    for row in to_agent.itertuples():
        before = bought[bought.timestamp_ns < row.timestamp_ns].iloc[-1]
        assert 0 < (row.timestamp_ns - before.timestamp_ns) / pd.Timedelta(1, "us") < 32
        assert row.price > before.price


def test_it_sells_no_more_than_it_has_bought_and_pays_no_more_than_is_bid(crossed: Market) -> None:
    mine = executions(crossed)
    assert mine.signed.cumsum().min() >= 0
    quotes = crossed.pandas("quotes")
    for row in mine[mine.signed > 0].drop_duplicates("timestamp_ns").itertuples():
        before = quotes[(quotes.symbol == row.symbol) & (quotes.timestamp_ns < row.timestamp_ns)].groupby("venue").last()
        assert row.price <= before.ask.min() < before.bid.max()


def test_without_it_nobody_does_so() -> None:
    assert executions(market(arbitrage_ns=0)).empty
