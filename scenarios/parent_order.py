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
from simulator.analysis.impact import with_and_without
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import load_scenario

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


def cost_of(scenario: Scenario, name: str = "parent") -> Cost:
    """Run the scenario with and without the agent ``name``, a ``ParentOrder`` in a symbol with a tick of one cent.

    If nothing was filled, what hangs on a price is NaN, and ``done`` is 0.
    """
    impact = with_and_without(scenario, name)
    (spec,) = (agent for agent in scenario.agents if agent.name == name)
    wanted: dict[str, Any] = dict(spec.arguments)
    began_ns = scenario.start_ns + wanted["start_ns"]
    ended_ns = began_ns + wanted["duration_ns"]
    k = impact.symbols.index(wanted["symbol"])
    began, ended = (int(np.searchsorted(impact.ts_ns, ts_ns)) for ts_ns in (began_ns, ended_ns))
    fills = impact.agent.fill_columns
    shares = int(fills["size"].sum())
    if not shares:  # what was never bought has no price
        nothing = float("nan")
        impact_bps = (1 if wanted["side"] == "buy" else -1) * impact.bps[ended, k]
        return Cost(
            over_arrival_bps=nothing, over_vwap_bps=nothing, impact_bps=impact_bps, done=0.0, standing=nothing, fees_bps=nothing,
        )  # fmt: skip
    price_usd = float((fills["price_ticks"] * fills["size"]).sum()) / shares / 100
    worked = slice(began + 1, ended + 1)
    vwap_usd = impact.value_with_usd[worked, k].sum() / impact.shares_with[worked, k].sum()
    (position,) = impact.agent.positions
    sign = 1 if wanted["side"] == "buy" else -1
    return Cost(
        over_arrival_bps=sign * (price_usd / impact.mid_with_usd[began, k] - 1) * 10_000,
        over_vwap_bps=sign * (price_usd / vwap_usd - 1) * 10_000,
        impact_bps=sign * impact.bps[ended, k],
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
    for patience in PATIENCES:
        patient = replace(spec, arguments={**spec.arguments, "patience": patience})
        costs = [cost_of(replace(scenario, agents=(patient,), seed=seed)) for seed in range(1, SEEDS + 1)]
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
