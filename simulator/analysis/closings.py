"""What the closing crosses of a run came to, and what traded around them; of several runs, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rich.console import Console
from rich.table import Table

from simulator.inputs.config import Scenario
from simulator.inputs.sessions import format_ts
from simulator.market import Market
from simulator.records import Cond, TradeBatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Closings:
    """Of one run, over all of its symbols."""

    crosses: int
    """Closing crosses that printed."""
    first_ts_ns: int
    """Of the first of them; 0 without any."""
    cross_shares: int
    continuous_before: int
    """Shares of continuous prints up to the last cross, or to the end without any."""
    continuous_after: int


def closings(scenario: Scenario) -> Closings:
    """Run a scenario and count. It stays in memory: for some symbols and an hour or so."""
    market = Market(replace(scenario, levels=1))
    market.run_until(scenario.end_ns)
    trades = market.tape().get("trades")
    if trades is None:
        return Closings(crosses=0, first_ts_ns=0, cross_shares=0, continuous_before=0, continuous_after=0)
    assert isinstance(trades, TradeBatch)
    closing, continuous = trades.cond == Cond.CLOSE, trades.cond == Cond.TRADE
    last_ns = int(trades.ts_ns[closing].max()) if closing.any() else scenario.end_ns
    return Closings(
        crosses=len({*zip(trades.symbol[closing].tolist(), trades.ts_ns[closing].tolist(), strict=True)}),
        first_ts_ns=int(trades.ts_ns[closing].min()) if closing.any() else 0,
        cross_shares=int(trades.size[closing].sum()),
        continuous_before=int(trades.size[continuous & (trades.ts_ns <= last_ns)].sum()),
        continuous_after=int(trades.size[continuous & (trades.ts_ns > last_ns)].sum()),
    )


def print_closings(days: Mapping[str, Scenario], title: str, seeds: Sequence[int]) -> None:
    """A table for a scenario's page. ``days``: what each line is called, and what it runs."""
    table = Table("seed", "day", "crosses", "first at, UTC", "shares in them", "continuous before", "continuous after", title=title)
    for seed in seeds:
        for name, scenario in days.items():
            it = closings(replace(scenario, seed=seed))
            first = format_ts(it.first_ts_ns)[11:23] if it.crosses else "-"
            shares = [f"{count:,}" for count in (it.cross_shares, it.continuous_before, it.continuous_after)]
            table.add_row(str(seed), name, str(it.crosses), first, *shares)
    Console(width=110).print(table)
