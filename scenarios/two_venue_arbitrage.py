"""How long two venues' quotes cross each other, with an arbitrageur and without: ``python -m scenarios.two_venue_arbitrage``."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scenarios.launcher.catalog import find_scenario
from simulator.analysis.agent_result import AgentResult
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import load_scenario
from simulator.market import Market
from simulator.records import I32, MarketDataBatch


def crossed_ms(scenario: Scenario, symbol: str, venues: tuple[str, str]) -> tuple[int, float, AgentResult | None]:
    """(how often, for how many milliseconds in all) one venue bids more than the other asks; and the arbitrageur's result."""
    market = Market(scenario)
    market.run_until(scenario.end_ns)
    rows = market.tape()["market_data"]
    assert isinstance(rows, MarketDataBatch)
    universe = scenario.universe
    one, other = (universe.venue_index(venue) for venue in venues)
    mine = (rows.symbol == universe.symbol_index(symbol)) & ((rows.venue == one) | (rows.venue == other))
    times = rows.ts_ns[mine]
    at = rows.venue[mine]
    bids, asks = rows.quotes[mine, 0, 0], rows.quotes[mine, 2, 0]
    (bid_one, ask_one), (bid_other, ask_other) = ((_latest(bids, at == v), _latest(asks, at == v)) for v in (one, other))
    crossed = ((bid_one > ask_other) & (ask_other > 0)) | ((bid_other > ask_one) & (ask_one > 0))
    lasting_ns = np.diff(times, append=scenario.end_ns)
    begins = int((crossed[1:] & ~crossed[:-1]).sum())
    return begins, float(lasting_ns[crossed].sum() / 1e6), market.agents().get("arbitrageur")


def _latest(values: I32, is_own: Any) -> Any:
    """At each row, the last value of the venue's own rows; 0 before the first."""
    place = np.maximum.accumulate(np.where(is_own, np.arange(len(values)), -1))
    return np.where(place >= 0, values[place], 0)


def main() -> int:
    """Print both runs."""
    full = load_scenario(find_scenario("two_venue_arbitrage"))
    table = Table("run", "times crossed", "ms in all", "arbitrageur's PnL, USD", title="NVDA at Nasdaq and IEX, ten minutes")
    for name, scenario in (("with", full), ("without", replace(full, agents=()))):
        times, lasting_ms, result = crossed_ms(scenario, "NVDA", ("NASDAQ", "IEX"))
        table.add_row(name, f"{times:,}", f"{lasting_ms:,.1f}", f"{result.pnl_usd:,.2f}" if result else "")
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
