"""Large market orders, and what they pay in a thin book and in a usual one: ``python -m scenarios.thin_book`` prints it."""

from __future__ import annotations

import sys
from collections.abc import Generator
from dataclasses import replace
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from scenarios.launcher.catalog import find_scenario
from simulator.agents import MarketView, OrderEntry
from simulator.analysis.impact import PathSink
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import load_scenario
from simulator.records import NS_PER_S, OrderType, Side
from simulator.simulation import simulate

GRID_NS = NS_PER_S // 10
AFTER_S = (1, 60)
SEEDS = 4


def sweeper(market: MarketView, orders: OrderEntry, rng: Any, symbol: str, shares: int, every_s: int) -> Generator[Any, Any, None]:
    """Sends a market order to every venue at once now and then, each for its part of ``shares``; buys and sells in turn."""
    sides = (Side.BUY, Side.SELL)
    for n in range(2**31):
        yield market.wait(every_s * NS_PER_S)
        for venue in market.venues:
            orders.add(sides[n % 2], symbol, venue, 0, shares // len(market.venues), type=OrderType.MARKET)
        market.read()


def sweeps(scenario: Scenario, symbol: str) -> list[tuple[float, ...]]:
    """Of each sweep, in cents beyond the midpoint before it: its mean fill, its worst fill, and the midpoint 1 s and 60 s later."""
    path = PathSink(scenario.start_ns, scenario.end_ns, GRID_NS)
    result = simulate(scenario, path).agents["sweeper"]
    orders, fills = result.order_columns, result.fill_columns
    mid_ticks = path.mid_usd[:, scenario.universe.symbol_index(symbol)] * 100
    sent_ns = orders["sent_ns"][fills["ref"] - 1]
    found = []
    for began_ns in np.unique(sent_ns).tolist():
        before = int(np.searchsorted(path.ts_ns, began_ns))
        if before + AFTER_S[-1] * NS_PER_S // GRID_NS >= len(path.ts_ns):
            break
        mine = sent_ns == began_ns
        prices, sizes = fills["price_ticks"][mine], fills["size"][mine]
        sign = 1 if fills["side"][mine][0] == Side.BUY else -1
        beyond = sign * (prices - mid_ticks[before])
        later = (float(sign * (mid_ticks[before + seconds * NS_PER_S // GRID_NS] - mid_ticks[before])) for seconds in AFTER_S)
        found.append((float((beyond * sizes).sum() / sizes.sum()), float(beyond.max()), *later))
    return found


def main() -> int:
    """Print both books' answers to the same sweeps."""
    thin = load_scenario(find_scenario("thin_book"))
    columns = ("book", "mean fill", "worst fill", *(f"midpoint after {seconds} s" for seconds in AFTER_S))
    table = Table(*columns, title=f"Sweeps of 5,000 AAPL, in ticks beyond the midpoint: means over {SEEDS} hours")
    for name, scenario in (("thin", thin), ("usual", replace(thin, populations={}))):
        found = [sweep for seed in range(1, SEEDS + 1) for sweep in sweeps(replace(scenario, seed=seed), "AAPL")]
        errors = np.std(found, axis=0, ddof=1) / len(found) ** 0.5
        table.add_row(name, *(f"{mean:+.1f} ± {error:.1f}" for mean, error in zip(np.mean(found, axis=0), errors, strict=True)))
    Console(width=110).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
