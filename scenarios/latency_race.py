"""Two racers for stale quotes, one of 20 microseconds and one of 500, and the same with both slow: ``python -m scenarios.latency_race``."""

from __future__ import annotations

import sys
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from scenarios.launcher.catalog import find_scenario
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import load_scenario
from simulator.market import Market
from simulator.records import OrderType

SEEDS = (1, 2)


def races(scenario: Scenario) -> dict[str, tuple[int, int, float]]:
    """For each agent: immediate-or-cancel orders sent for a stale quote, those that got any share of it, profit in USD before fees."""
    market = Market(replace(scenario, levels=1))
    market.run_until(scenario.end_ns)
    out = {}
    for agent in scenario.agents:
        result = market.agents()[agent.name]
        orders, fills = result.pandas("orders"), result.pandas("fills")
        sent = orders[(orders.venue == "ARCA") & (orders.type == OrderType.IOC.name)] if len(orders) else orders
        won = sent.ref.isin(fills.ref).sum() if len(fills) else 0
        out[agent.name] = (len(sent), int(won), result.pnl_usd)
    return out


def both_slow(scenario: Scenario) -> Scenario:
    """The fast racer as slow as the other."""
    fast, slow = scenario.agents
    return replace(scenario, agents=(replace(fast, latency_ns=slow.latency_ns), slow))


def main() -> int:
    """Print both runs of each seed."""
    full = load_scenario(find_scenario("latency_race"))
    table = Table("seed", "latencies", "agent", "orders", "won", "PnL, USD", title="TSLA at ARCA after NASDAQ has moved, ten minutes")
    for seed in SEEDS:
        for name, scenario in (("20 and 500 µs", full), ("500 µs both", both_slow(full))):
            for agent, (sent, won, pnl) in races(replace(scenario, seed=seed)).items():
                table.add_row(str(seed), name, agent, f"{sent:,}", f"{won:,}", f"{pnl:,.2f}")
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
