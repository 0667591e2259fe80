"""What working a parent order costs, against the arrival price and the market's VWAP: ``python -m scenarios.parent_order``.

Implementation shortfall is Perold's (1988): what was paid, over what the arrival price would have been. The impact is the
difference to the same market without the order.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scenarios.launcher.catalog import find_scenario
from simulator.analysis.estimates import estimate
from simulator.analysis.impact import PathSink
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import load_scenario
from simulator.records import NS_PER_S
from simulator.run_result import Result
from simulator.simulation import simulate

PATIENCES = (0.0, 0.7, 1.0)
SEEDS = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one execution; basis points are positive where it was dear."""

    over_arrival_bps: float
    """The mean price of its fills, over the midpoint when it began."""
    over_vwap_bps: float
    """The same, over the mean price of all prints while it was worked, its own included."""
    impact_bps: float
    """How much further the midpoint stood at its end than without it."""
    done: float
    """Shares filled, of those wanted."""
    standing: float
    """Of its shares, filled while they stood in a book."""
    fees_bps: float


def path_of(scenario: Scenario) -> tuple[PathSink, Result]:
    """Run it, and keep the market's path by the second."""
    path = PathSink(scenario.start_ns, scenario.end_ns, NS_PER_S)
    return path, simulate(scenario, path)


def cost_of(scenario: Scenario, name: str = "parent", without: PathSink | None = None) -> Cost:
    """Run the scenario with and without the agent ``name``, a ``ParentOrder`` in a symbol with a tick of one cent.

    ``without``: the path of the second run, where it is known. If nothing was filled, what hangs on a price is NaN, and ``done`` is 0.
    """
    path, result = path_of(scenario)
    if without is None:
        without, _ = path_of(replace(scenario, agents=tuple(agent for agent in scenario.agents if agent.name != name)))
    (spec,) = (agent for agent in scenario.agents if agent.name == name)
    wanted: dict[str, Any] = dict(spec.arguments)
    began_ns = scenario.start_ns + wanted["start_ns"]
    ended_ns = began_ns + wanted["duration_ns"]
    k = scenario.universe.symbol_index(wanted["symbol"])
    began, ended = (int(np.searchsorted(path.ts_ns, ts_ns)) for ts_ns in (began_ns, ended_ns))
    fills = result.agents[name].fill_columns
    shares = int(fills["size"].sum())
    sign = 1 if wanted["side"] == "buy" else -1
    impact_bps = sign * float(path.mid_usd[ended, k] / without.mid_usd[ended, k] - 1) * 10_000
    if not shares:  # what was never bought has no price
        nothing = float("nan")
        return Cost(
            over_arrival_bps=nothing, over_vwap_bps=nothing, impact_bps=impact_bps, done=0.0, standing=nothing, fees_bps=nothing,
        )  # fmt: skip
    price_usd = float((fills["price_ticks"] * fills["size"]).sum()) / shares / 100
    worked = slice(began + 1, ended + 1)
    vwap_usd = path.value_usd[worked, k].sum() / path.shares[worked, k].sum()
    (position,) = result.agents[name].positions
    return Cost(
        over_arrival_bps=sign * (price_usd / path.mid_usd[began, k] - 1) * 10_000,
        over_vwap_bps=sign * (price_usd / vwap_usd - 1) * 10_000,
        impact_bps=impact_bps,
        done=shares / wanted["shares"],
        standing=position.shares_maker / shares,
        fees_bps=position.fees_usd / (shares * price_usd) * 10_000,
    )


def main() -> int:
    """Print what the same order costs with more and with less patience, on average over some seeds."""
    scenario = load_scenario(find_scenario("parent_order"))
    (spec,) = scenario.agents
    columns = ("patience", "done", "over arrival, bps", "over VWAP, bps", "impact, bps", "standing", "fees, bps")
    table = Table(*columns, title=f"Buying 75,000 JPM in five minutes: means over {SEEDS} seeds")
    seeds = range(1, SEEDS + 1)
    without = {seed: path_of(replace(scenario, agents=(), seed=seed))[0] for seed in seeds}  # one for all three
    for patience in PATIENCES:
        patient = replace(spec, arguments={**spec.arguments, "patience": patience})
        costs = [cost_of(replace(scenario, agents=(patient,), seed=seed), without=without[seed]) for seed in seeds]
        over_arrival, over_vwap, impact = (
            _mean([getattr(cost, name) for cost in costs]) for name in ("over_arrival_bps", "over_vwap_bps", "impact_bps")
        )
        done, standing = (f"{np.nanmean([getattr(cost, name) for cost in costs]):.0%}" for name in ("done", "standing"))
        fees = f"{np.nanmean([cost.fees_bps for cost in costs]):+.2f}"
        table.add_row(f"{patience:g}", done, over_arrival, over_vwap, impact, standing, fees)
    Console(width=120).print(table)
    return 0


def _mean(values: list[float]) -> str:
    found = estimate(values)
    return f"{found.mean:+.2f} ± {found.se:.2f}"


if __name__ == "__main__":
    sys.exit(main())
