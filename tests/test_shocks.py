"""Shocks of a scenario: they move the efficient price alone, are kept in the record, and are checked wherever they come from."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from helpers import scenario
from scripted import BASE_NS

from scenarios.launcher.main import command_line
from simulator.errors import InputError
from simulator.inputs.config import AgentSpec, Shock
from simulator.inputs.run_record import RunRecord, record_run
from simulator.inputs.scenario_file import load_scenario
from simulator.inputs.sessions import parse_ts
from simulator.market import Market
from simulator.records import NS_PER_S, OrderType, Side


def price_with(*shocks: Shock, days: int = 1) -> float:
    """AAPL's efficient price ten seconds after noon, or at the second day's start."""
    end = "2025-07-01T16:00:10Z" if days == 1 else "2025-07-02T08:00:01Z"
    market = Market(scenario("2025-07-01T16:00:00Z", end, names=("AAPL",), shocks=shocks))
    if days == 1:
        market.run_until(market.scenario.end_ns)
        return market._flow.efficient_price(0)
    first, second = market._days
    flow = market._flow
    flow.start_day(first, market.scenario.start_ns)
    for shock in shocks:
        flow.shock(0, shock.log_return, shock.ts_ns, shock.over_ns)
    flow.start_day(second, second.start_ns)
    return flow.efficient_price(0)


@pytest.mark.parametrize("days", [1, 2])
def test_a_shock_moves_the_efficient_price_and_the_days_to_come(days: int) -> None:
    start_ns = parse_ts("2025-07-01T16:00:02Z")
    shocks = [Shock(ts_ns=start_ns, symbol=name, log_return=-0.03, over_ns=2 * NS_PER_S) for name in ("AAPL", "*")]
    quiet_price = price_with(days=days)
    assert price_with(shocks[0], days=days) / quiet_price == pytest.approx(math.exp(-0.03), abs=0.004)
    if days == 1:
        assert price_with(*shocks) / quiet_price == pytest.approx(math.exp(-0.06), abs=0.008)
        before = replace(shocks[0], ts_ns=start_ns - 3 * NS_PER_S)
        assert price_with(before) == quiet_price, "it is over when the run starts"


def test_a_shock_is_kept_in_the_record_and_old_records_have_none() -> None:
    chosen = scenario(shocks=(Shock(ts_ns=BASE_NS, symbol="JPM", log_return=0.02, over_ns=5),))
    record = record_run(chosen)
    assert RunRecord.model_validate_json(record.model_dump_json()).to_scenario().shocks == chosen.shocks
    old = record.model_dump(mode="json")
    del old["shocks"]
    assert RunRecord.model_validate_json(json.dumps(old)).to_scenario().shocks == ()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{at: 2025-07-01T14:15:00Z, symbol: NVDIA, by: -0.12}", "NVDA"),
        ("{at: noon, by: -0.12}", "noon"),
        ("{at: 2025-07-01T14:15:00Z, by: -0.6}", "-0.5"),
        ("{at: 2025-07-01T14:15:00Z, by: .nan}", "by"),
        ("{at: 2025-07-01T14:15:00Z, by: 0.1, over_s: 0}", "over_s"),
        ("{at: 2025-07-01T14:15:00Z}", "by"),
    ],
)
def test_a_wrong_shock_is_told_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(f"symbols: [NVDA]\nshocks:\n  - {line}\n")
    with pytest.raises(InputError, match=r"wrong\.yaml") as told:
        load_scenario(path)
    assert said in str(told.value)


def test_a_shock_from_python_is_checked() -> None:
    for wrong in ({"log_return": 0.8}, {"log_return": float("nan")}, {"over_ns": 0}, {"ts_ns": -1}):
        with pytest.raises(InputError):
            Shock(**({"ts_ns": BASE_NS, "symbol": "*", "log_return": 0.1} | wrong))  # type: ignore[arg-type]
    with pytest.raises(InputError, match="AAPL"):
        scenario(shocks=(Shock(ts_ns=BASE_NS, symbol="TSLA", log_return=0.1),))


def test_check_scenario_tells_the_shocks(capsys: pytest.CaptureFixture[str]) -> None:
    assert command_line(["check", "halt"]) == 0
    assert "NVDA: -8.00 % within 20 s from 2025-07-01 10:03:00 New York time on" in capsys.readouterr().out


def stays(market: Any, orders: Any, rng: Any) -> Any:
    """A bid alone at its price, of more shares than anybody buys, that does not follow."""
    yield market.wait(NS_PER_S)
    orders.buy("AAPL", "NASDAQ", market.best("AAPL", "NASDAQ").bid_ticks + 1, 1_000_000, type=OrderType.POST_ONLY)
    yield market.wait(20 * NS_PER_S)


def test_a_fall_past_an_agents_order_leaves_the_market_quotable() -> None:
    """On one venue, where nobody else has something to change: the maker took back only what stood before that order (world 591)."""
    start_ns = parse_ts("2025-07-01T16:00:00Z")
    shock = Shock(ts_ns=start_ns + 3 * NS_PER_S, symbol="AAPL", log_return=-0.12, over_ns=NS_PER_S)
    agents = (AgentSpec(name="stays", make=stays),)
    whole = scenario("2025-07-01T16:00:00Z", "2025-07-01T16:00:12Z", names=("AAPL",), shocks=(shock,), agents=agents, seed=2)
    one = replace(whole.universe, venues=tuple(venue for venue in whole.universe.venues if venue.name == "NASDAQ"))
    market = Market(replace(whole, universe=one))
    market.run_until(whole.end_ns)
    assert market.book("AAPL", "NASDAQ").levels(Side.BUY, 1)[0][1] > 900_000
