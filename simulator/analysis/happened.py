"""What happened in a run, in a few numbers: pauses and large moves, with its shocks and without them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from rich.console import Console
from rich.table import Table

from simulator.inputs.config import Scenario
from simulator.market import Market
from simulator.notices import StatusBatch
from simulator.records import I32, I64, NS_PER_S, Cond, Phase, TradeBatch

WITHIN_S = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Happened:
    """Of one run, over all of its symbols."""

    pauses: int
    """Halts of a symbol, however long."""
    paused_s: float
    """Seconds that symbols were halted, in sum."""
    put_off: int
    """Reopenings that came more than six minutes after the halt."""
    largest_move: float
    """Of a symbol's prints within a minute, or over a halt: a part of the price, below 0 for a fall."""
    deepest_fall: float
    """From a symbol's first print to its lowest one: a part of the price, 0 or below."""
    final_change: float
    """From first to last print of the symbol with the largest move: a part of the price."""


def happened(scenario: Scenario) -> Happened:
    """Run a scenario and count. It stays in memory: for some symbols and an hour or so."""
    tables = ("status", *(table for table in scenario.extra_tables if table != "status"))
    market = Market(replace(scenario, levels=1, extra_tables=tables))
    market.run_until(scenario.end_ns)
    tape = market.tape()
    trades, status = tape.get("trades"), tape.get("status")
    assert trades is None or isinstance(trades, TradeBatch)
    assert isinstance(status, StatusBatch)
    halts: list[float] = []
    listings = [scenario.universe.listing_index(i) for i in range(len(scenario.universe.symbols))]
    for i, listing in enumerate(listings):
        mine = (status.symbol == i) & (status.venue == listing)
        since = 0
        for ts_ns, phase in zip(status.ts_ns[mine].tolist(), status.phase[mine].tolist(), strict=True):
            if since:
                halts.append((ts_ns - since) / NS_PER_S)
            since = ts_ns if phase == Phase.HALTED else 0
        if since:
            halts.append((scenario.end_ns - since) / NS_PER_S)
    moves, falls = [(0.0, 0.0)], [0.0]
    for i in set(trades.symbol.tolist()) if trades is not None else ():
        assert trades is not None
        mine = trades.symbol == i
        prices = trades.price[mine] / trades.price[mine][0]
        falls.append(float(prices.min()) - 1.0)
        moves.append((_largest_move(trades.ts_ns[mine], trades.price[mine], trades.cond[mine]), float(prices[-1]) - 1.0))
    largest_move, final_change = max(moves, key=lambda each: abs(each[0]))
    return Happened(
        pauses=len(halts), paused_s=sum(halts), put_off=sum(seconds > 360.0 for seconds in halts), largest_move=largest_move,
        deepest_fall=min(falls), final_change=final_change,
    )  # fmt: skip


def _largest_move(ts_ns: I64, price: I32, cond: I32) -> float:
    """Of one symbol, from the last print of a second to that a minute later, or from the one before a reopening to the reopening."""
    seconds = (ts_ns - ts_ns[0]) // NS_PER_S
    grid = np.searchsorted(seconds, np.arange(int(seconds[-1]) + 1), side="right") - 1
    last = price[grid].astype(float)
    moves = last[WITHIN_S:] / last[:-WITHIN_S] - 1.0
    reopened = np.flatnonzero(cond == Cond.HALT_RESUME)
    reopened = reopened[reopened > 0]
    over = price[reopened] / price[reopened - 1] - 1.0
    both = np.concatenate([moves, over, [0.0]])
    return float(both[np.argmax(np.abs(both))])


def print_with_and_without(scenario: Scenario, title: str, seeds: Sequence[int]) -> None:
    """A table for a scenario's page: the same seeds with its shocks and without them."""
    columns = ("seed", "shocks", "pauses", "paused s", "put off", "largest move", "deepest fall", "first to last")
    table = Table(*columns, title=title)
    for seed in seeds:
        for name, shocks in (("with", scenario.shocks), ("without", ())):
            it = happened(replace(scenario, seed=seed, shocks=shocks))
            moves = [f"{100 * part:+.1f} %" for part in (it.largest_move, it.deepest_fall, it.final_change)]
            table.add_row(str(seed), name, str(it.pauses), f"{it.paused_s:,.0f}", str(it.put_off), *moves)
    Console(width=110).print(table)
