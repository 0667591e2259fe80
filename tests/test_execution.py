"""Library agents: parents are exact about what they trade at any latency, keep their schedules; the maker is the paper's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from helpers import run, scenario
from scripted import BASE, Stroke, scripted_run

from simulator.agents.avellaneda_stoikov import AvellanedaStoikov
from simulator.agents.execution import POV, TWAP, VWAP, ImplementationShortfall
from simulator.errors import InputError
from simulator.inputs.config import AgentSpec, Rates
from simulator.records import NS_PER_S, OrderType, Side, TradeBatch

MS = 1_000_000
A = ("AAPL", "NASDAQ")
S = NS_PER_S
KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "twap": (TWAP, {"duration_ns": 2 * S}),
    "vwap": (VWAP, {"duration_ns": 2 * S}),
    "pov": (POV, {"rate": 0.5}),
    "shortfall": (ImplementationShortfall, {"duration_ns": 2 * S, "risk_aversion": 1e-3, "sigma": 0.05}),
}


def strokes(side: str) -> list[Stroke]:
    """Much at the far side; at the near one somebody trades against whoever stands there, all the time."""
    wanted, far = (Side.BUY, Side.SELL) if side == "buy" else (Side.SELL, Side.BUY)
    sign = 1 if wanted == Side.BUY else -1
    made = [Stroke(0, *A, far, 10_000 + sign * 5, 100_000), Stroke(0, *A, wanted, 10_000 - sign * 5, 100)]
    for n in range(400):
        made.append(Stroke((n + 1) * 10 * MS + 3, *A, far, 10_000 - sign * 5, 10, OrderType.IOC))
        made.append(Stroke((n + 1) * 10 * MS + 4, *A, wanted, 10_000 - sign * 5, 7))
    return made


@pytest.mark.parametrize("latency_ns", [1, 5 * MS, 90 * MS, 300 * MS, 900 * MS])
@pytest.mark.parametrize("kind", KINDS)
def test_a_parent_trades_its_size_and_never_more(kind: str, latency_ns: int) -> None:
    make, how = KINDS[kind]
    for side, patience_ns in (("buy", 0), ("sell", 150 * MS)):
        arguments = {"symbol": "AAPL", "side": side, "shares": 400, "start_ns": 2 * latency_ns + MS, "every_ns": 50 * MS, "patience_ns": patience_ns}
        parent = AgentSpec(name="parent", make=make, arguments=arguments | how, latency_ns={"*": latency_ns})
        market = scripted_run(strokes(side), parent, run_ns=9 * S, names=("AAPL",), end="2025-07-01T14:01:00Z", extra_tables=())
        result = market.agents()["parent"]
        (position,) = result.positions
        most = 400 * (1 if side == "buy" else -1)
        assert abs(position.shares) <= 400
        if kind != "pov":
            assert position.shares == most
        live = [row["size"] - row["filled"] - row["cancelled"] - row["expired"] for row in result.arrow("orders").to_pylist() if not row["reason"]]
        assert abs(position.shares) + sum(live) <= 400
        if patience_ns and latency_ns <= 90 * MS and kind != "pov":
            assert position.shares_maker > 0


class Forgetful(TWAP):
    """It forgets what is on its way."""

    def settle(self, market: Any, orders: Any) -> int:
        super().settle(market, orders)
        return self.done + sum(market.order(ref).filled for ref in self._alive)


def test_a_parent_that_forgets_its_orders_trades_too_much() -> None:
    """So the test above would notice."""
    arguments = {"symbol": "AAPL", "side": "buy", "shares": 400, "start_ns": 700 * MS, "every_ns": 50 * MS, "duration_ns": 2 * S}
    parent = AgentSpec(name="parent", make=Forgetful, arguments=arguments, latency_ns=300 * MS)
    market = scripted_run(strokes("buy"), parent, run_ns=9 * S, names=("AAPL",), end="2025-07-01T14:01:00Z", extra_tables=())
    assert market.agents()["parent"].positions[0].shares > 400


def schedule(make: Any, **how: Any) -> list[float]:
    """Shares filled of 1,000 at ends of quarters of ten seconds."""
    arguments = {"symbol": "AAPL", "side": "buy", "shares": 1_000, "every_ns": 20 * MS, "start_ns": MS, "duration_ns": 10 * S} | how
    market = scripted_run(
        [Stroke(0, *A, Side.SELL, 10_005, 100_000)], AgentSpec(name="parent", make=make, arguments=arguments), run_ns=11 * S, names=("AAPL",),
        extra_tables=(),
    )  # fmt: skip
    fills = market.agents()["parent"].fill_columns
    at = (fills["ts_ns"] - market.scenario.start_ns) / S
    return [int(fills["size"][at <= quarter].sum()) for quarter in (2.5, 5.0, 7.5, 11.0)]


def test_schedules_are_kept() -> None:
    assert schedule(TWAP) == pytest.approx([250, 500, 750, 1_000], abs=4)
    assert schedule(VWAP, curve=[3, 1, 1, 3]) == pytest.approx([375, 500, 625, 1_000], abs=4)
    steep = {"risk_aversion": 1e-3, "sigma": 0.02, "eta": 1e-6}
    kappa = math.acosh(1 + 0.02**2 * 1e-3 * 0.02**2 / 2e-6) / 0.02  # Almgren and Chriss, with tau of 0.02 s
    left = [math.sinh(kappa * (10 - t)) / math.sinh(kappa * 10) for t in (2.5, 5.0, 7.5)]
    assert left[0] < 0.5
    assert schedule(ImplementationShortfall, **steep) == pytest.approx([*(1_000 * (1 - part) for part in left), 1_000], abs=4)
    assert schedule(ImplementationShortfall, risk_aversion=0) == schedule(TWAP)


def test_a_participant_has_its_part_of_the_volume_within_a_percent() -> None:
    parent = AgentSpec(name="pov", make=POV, arguments={"symbol": "AAPL", "side": "buy", "shares": 10**9, "rate": 0.1})
    busy = Rates(market_data_min_eps=80, market_data_max_eps=300, trades_min_eps=30, trades_max_eps=100)
    market = run(scenario(BASE, "2025-07-01T14:04:00Z", names=("AAPL",), agents=(parent,), rates=busy))
    prints = market.tape()["trades"]
    assert isinstance(prints, TradeBatch)
    result = market.agents()["pov"]
    own, whole = result.shares, int(prints.size.sum())
    assert own == pytest.approx(0.1 * whole, rel=0.01)
    assert whole > 1_000_000
    fills = result.pandas("fills")
    seconds = market.scenario.start_ns + np.arange(60, 241) * 10**9
    volumes = prints.size.cumsum()[np.searchsorted(prints.ts_ns, seconds) - 1]
    shares = fills["size"].to_numpy().cumsum()[np.searchsorted(fills.timestamp_ns.astype("int64"), seconds) - 1] / volumes
    assert shares.max() <= 0.1, "it leads"
    assert shares.mean() > 0.099, "it lags for long"


def test_the_maker_is_the_papers() -> None:
    """Avellaneda and Stoikov (2008), section 3.3: gamma 0.1, sigma 2, kappa 1.5, T = 1."""
    maker = AvellanedaStoikov(*A, gamma=0.1, kappa=1.5, sigma_ticks=2)
    bid, ask = maker.quotes(100.0, 0, 1.0)
    assert (bid + ask) / 2 == 100
    assert ask - bid == pytest.approx(0.1 * 4 + 2 / 0.1 * math.log(1 + 0.1 / 1.5))
    bid, ask = maker.quotes(100.0, 3, 0.5)
    assert (bid + ask) / 2 == pytest.approx(100 - 3 * 0.1 * 4 * 0.5)


def test_the_maker_makes_and_records_its_place_in_the_queue() -> None:
    maker = AgentSpec(name="stoikov", make=AvellanedaStoikov, arguments={"symbol": "AAPL", "venue": "NASDAQ", "gamma": 0.02, "sigma_ticks": 0.3})
    market = run(scenario(BASE, "2025-07-01T14:00:30Z", names=("AAPL",), agents=(maker,)))
    result = market.agents()["stoikov"]
    (position,) = result.positions
    assert position.shares_maker > 500
    assert position.shares_taker == 0
    records = result.arrow("records").to_pylist()
    names = {row["name"] for row in records}
    assert names == {"inventory", "shares ahead of the bid", "shares ahead of the ask"}
    ahead = np.array([row["value"] for row in records if row["name"] != "inventory"])
    assert (ahead >= 0).all()
    assert ahead.max() > 0


@pytest.mark.parametrize(
    ("make", "wrong", "says"),
    [
        (TWAP, {"side": "hold"}, "side: got 'hold'; must be buy or sell"),
        (TWAP, {"shares": 0}, "shares: got 0; must be"),
        (VWAP, {"curve": [0, 0]}, r"curve: got \[0, 0\]; must be some numbers"),
        (POV, {"rate": 1.5}, "rate: got 1.5; must be"),
        (ImplementationShortfall, {"eta": 0}, "eta: got 0; must be"),
    ],
)
def test_what_is_no_parent_is_said_to_be_none(make: Any, wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says):
        make(**{"symbol": "AAPL", "side": "buy", "shares": 100} | wrong)
    with pytest.raises(InputError, match="gamma: got -1; must be"):
        AvellanedaStoikov(*A, gamma=-1)
