"""How much Python makers should learn from what trades: ``python -m scenarios.python_market`` prints what comes of it."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
from rich.console import Console
from rich.table import Table

from scenarios.launcher.catalog import find_scenario
from simulator.agents.market_maker import MarketMaker
from simulator.analysis.impact import PathSink
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import load_scenario
from simulator.records import NS_PER_S
from simulator.simulation import simulate

LEARN_TICKS = (0.0, 0.2, 0.6)
SEEDS = 4
GRID_S = 10
OPENED_S = 10
"""From the start to the opening cross."""
LENGTH_S = 130


def with_learning(scenario: Scenario, learn_ticks: float) -> Scenario:
    """The same with makers whose belief moves by so many ticks for each 100 shares printed."""
    agents = tuple(
        replace(spec, arguments={**spec.arguments, "learn_ticks": learn_ticks}) if spec.make is MarketMaker else spec
        for spec in scenario.agents
    )
    return replace(scenario, agents=agents)


def outcome(scenario: Scenario) -> tuple[float, float]:
    """How far the midpoint moves in ``GRID_S`` (root mean square, ticks), and the PnL of all makers in USD."""
    path = PathSink(scenario.start_ns, scenario.end_ns, GRID_S * NS_PER_S)
    agents = simulate(scenario, path).agents
    mids_ticks = path.mid_usd[OPENED_S // GRID_S :, 0] * 100
    moves = np.diff(mids_ticks[np.isfinite(mids_ticks)])
    pnl_usd = sum(agents[spec.name].pnl_usd for spec in scenario.agents if spec.make is MarketMaker)
    return float(np.sqrt((moves**2).mean())), pnl_usd


def main() -> int:
    """Print the market's path and who earns, by how much the makers learn."""
    market = load_scenario(find_scenario("python_market"))
    start_ns = market.start_ns + (60 - OPENED_S) * NS_PER_S  # the scenario's own is a minute before the bell
    market = replace(market, start_ns=start_ns, end_ns=start_ns + LENGTH_S * NS_PER_S)
    minutes = (LENGTH_S - OPENED_S) // 60
    title = f"{minutes} minutes from the open: means over {SEEDS} seeds"
    table = Table("learn_ticks", f"midpoint's moves in {GRID_S} s, ticks", "makers' PnL, USD", title=title)
    for learn_ticks in LEARN_TICKS:
        found = [outcome(replace(with_learning(market, learn_ticks), seed=seed)) for seed in range(1, SEEDS + 1)]
        errors = np.std(found, axis=0, ddof=1) / SEEDS**0.5
        means = [f"{mean:,.1f} ± {error:,.1f}" for mean, error in zip(np.mean(found, axis=0), errors, strict=True)]
        table.add_row(f"{learn_ticks:g}", *means)
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
