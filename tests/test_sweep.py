"""Sweeps: the numbers of single runs, kept and continued, and what they mean."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import scenario

from simulator import AgentSpec, Market, OrderType, sweep, with_and_without
from simulator.analysis import sweep as module
from simulator.analysis.estimates import estimate, sharpe, student_quantile
from simulator.analysis.run_store import Naming
from simulator.analysis.variation import parse_seeds
from simulator.errors import AgentError, InputError

MS = 1_000_000


def buyer(market: Any, orders: Any, rng: Any, shares: int = 100, fails_at: int = 0) -> Any:
    for n in range(3):
        yield market.wait(300 * MS)
        orders.buy("AAPL", None, 0, shares, type=OrderType.MARKET)
        if n + 1 == fails_at:
            raise ValueError("on purpose")


def small(**settings: Any) -> Any:
    spec = AgentSpec(name="buyer", make=buyer, symbols=("AAPL",))
    return scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:02Z", names=("AAPL",), agents=(spec,), **settings)


def spent(market: Market) -> dict[str, float]:
    (position,) = market.agents()["buyer"].positions
    return {"spent": -position.cash_usd, "shares": position.shares}


VARY = {"agents.buyer.with.shares": [100, 300]}


def test_a_sweep_has_the_numbers_of_single_runs_in_one_process_and_in_two() -> None:
    one = sweep(small(), seeds=(3, 5), vary=VARY, measure=spent)
    two = sweep(small(), seeds=(3, 5), vary=VARY, measure=spent, processes=2)
    assert [run.measures for run in one.runs] == [run.measures for run in two.runs]
    assert [(run.settings["agents.buyer.with.shares"], run.seed) for run in one.runs] == [(100, 3), (100, 5), (300, 3), (300, 5)]
    spec = replace(small().agents[0], arguments={"shares": 300})
    alone = Market(replace(small(), seed=5, agents=(spec,)))
    alone.run_until(alone.scenario.end_ns)
    assert one.runs[-1].measures == spent(alone)
    frame = one.pandas().set_index(["agents.buyer.with.shares", "measure"])
    values = [run.measures["spent"] for run in one.runs[:2]]
    row = frame.loc[(100, "spent")]
    assert row["n"] == 2
    assert math.isclose(row["mean"], float(np.mean(values)))
    assert math.isclose(row["high"] - row["mean"], 12.7062047 * float(np.std(values, ddof=1)) / 2**0.5, rel_tol=1e-6)
    (difference,) = one.differences().query("measure == 'spent'").to_dict("records")
    assert math.isclose(difference["mean"], float(np.mean([one.runs[2 + n].measures["spent"] - values[n] for n in range(2)])))
    assert one.differences({"agents.buyer.with.shares": 300})["mean"].tolist() == (-one.differences()["mean"]).tolist()
    assert list(one.each().columns) == ["agents.buyer.with.shares", "seed", "spent", "shares"]


def test_a_sweep_goes_on_after_an_interrupt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    count = 0
    measured = module._measured

    def interrupted(task: Any) -> dict[str, float]:
        nonlocal count
        count += 1
        if count == 3:
            raise KeyboardInterrupt
        return measured(task)

    monkeypatch.setattr(module, "_measured", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(small(), seeds="1..2", vary=VARY, measure=spent, folder=tmp_path)
    assert len(list((tmp_path / "runs").glob("*.json"))) == 2
    whole = sweep(small(), seeds="1..2", vary=VARY, measure=spent, folder=tmp_path)
    assert whole.simulated == 2
    again = sweep(small(), seeds="1..2", vary=VARY, measure=spent, folder=tmp_path)
    assert (again.simulated, again.runs) == (0, whole.runs)
    assert count == 5
    kept = sorted((tmp_path / "runs").glob("*.json"))
    kept[0].write_text(kept[0].read_text()[:40])
    assert sweep(small(), seeds="1..2", vary=VARY, measure=spent, folder=tmp_path).simulated == 1
    assert set(json.loads(kept[0].read_text())) == {"seed", "settings", "measures"}


def test_a_kept_run_is_never_taken_for_another() -> None:
    """Scenario, arguments, code, what it has taken along, and what is measured: each has its part in the name."""
    first, second = (lambda market: 1.0), (lambda market: 2.0)

    def taking(number: int) -> Any:
        return lambda market: number

    base = small()
    keys = [Naming(first).key(base), Naming(second).key(base), Naming(taking(1)).key(base), Naming(taking(2)).key(base)]
    other = replace(base.agents[0], arguments={"shares": 7})
    changed = (replace(base, seed=2), replace(base, agents=(other,)), replace(base, levels=3), replace(base, agents=()))
    keys += [Naming(first).key(each) for each in changed]
    keys += [Naming(first).key(replace(base, agents=(replace(other, arguments={"shares": 7.0}),)))]
    assert len(set(keys)) == len(keys)
    assert Naming(first).key(small()) == keys[0]


def test_what_is_wrong_with_a_sweep_is_said() -> None:
    base = small()
    for message, call in (
        ("vary: got 'agents.buyer.with.size'; there is shares", lambda: sweep(base, seeds=[1], vary={"agents.buyer.with.size": [1]})),
        ("agent: got 'byer'; the scenario has buyer", lambda: sweep(base, seeds=[1], vary={"agents.byer.with.shares": [1]})),
        ("there is market_data_min_eps", lambda: sweep(base, seeds=[1], vary={"rates.trades": [1]})),
        ("must be a list of values", lambda: sweep(base, seeds=[1], vary={"levels": 3})),
        ("seeds: got '1..x'", lambda: sweep(base, seeds="1..x")),
        ("each once", lambda: sweep(base, seeds=[1, 1])),
        ("must name one at least", lambda: sweep(base, seeds=[])),
        ("processes: got 0", lambda: sweep(base, seeds=[1], processes=0)),
        ("confidence: got 95", lambda: sweep(base, seeds=[1], confidence=95)),
        ("what silent measured: got None", lambda: sweep(base, seeds=[1], measure=silent)),
        ("no run has them", lambda: sweep(base, seeds=[1], vary=VARY).differences({"levels": 1})),
    ):
        with pytest.raises(InputError, match=message.replace("(", r"\(")):
            call()
    with pytest.raises(AgentError, match=r"Seed 1: Agent 'buyer' at .*on purpose"):
        sweep(base, seeds=[1], vary={"agents.buyer.with.fails_at": [2]})


def silent(market: Market) -> None:
    return None


def test_seeds_as_text() -> None:
    assert parse_seeds("1..3,7, -2") == (1, 2, 3, 7, -2)
    assert parse_seeds(range(2)) == (0, 1)
    assert parse_seeds(4) == (4,)


@pytest.mark.parametrize(("freedom", "quantile"), [(1, 12.70620474), (2, 4.30265273), (5, 2.57058184), (19, 2.09302405), (120, 1.97993041)])
def test_students_quantiles_are_those_of_the_tables(freedom: int, quantile: float) -> None:
    assert math.isclose(student_quantile(0.975, freedom), quantile, rel_tol=1e-8)


def test_an_interval_holds_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(1)
    held = [(e := estimate(rng.normal(3, 2, 4), 0.8)).low <= 3 <= e.high for _ in range(4_000)]
    assert abs(np.mean(held) - 0.8) < 0.02
    assert math.isnan(estimate([1.0]).low)
    assert estimate([1.0, math.nan, 3.0]).n == 2


def test_the_sharpe_ratios_error_is_that_of_many_samples() -> None:
    rng = np.random.default_rng(2)
    found = [sharpe(rng.normal(0.3, 1, 250)) for _ in range(2_000)]
    assert math.isclose(np.std([each.ratio for each in found]), np.mean([each.se for each in found]), rel_tol=0.05)
    assert math.isnan(sharpe([1.0, 1.0]).ratio)


def test_with_and_without_over_seeds_leaves_out_all_copies() -> None:
    spec = AgentSpec(name="buyer-1", make=buyer, symbols=("AAPL",), copy_of="buyer", arguments={"shares": 2_000})
    chosen = small()
    chosen = replace(chosen, agents=(spec, replace(spec, name="buyer-2")))
    found = with_and_without(chosen, "buyer", seeds="1..3", every_ns=500 * MS)
    assert found.seeds == (1, 2, 3)
    assert set(found.each[0].agents) == {"buyer-1", "buyer-2"}
    assert not found.each[0].without.agents
    frame = found.pandas()
    assert list(frame.columns) == ["timestamp_ns", "symbol", "n", "impact_bps", "se", "low", "high"]
    last = [impact.bps[-1, 0] for impact in found.each]
    assert math.isclose(frame["impact_bps"].iloc[-1], float(np.mean(last)))
    assert frame["impact_bps"].iloc[-1] != 0
    one = with_and_without(chosen, "buyer-2", every_ns=500 * MS)
    assert set(one.without.agents) == {"buyer-1"}
    assert one.agent.name == "buyer-2"
    with pytest.raises(InputError, match="there is not one but several"):
        _ = found.each[0].agent
