"""What would run where: the answer to ``--plan_shards N``."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from scenarios.launcher.plan import Plan
from scenarios.launcher.shards import Shard, ShardPlan, scenario_of, share
from simulator.inputs.config import Scenario
from simulator.inputs.dealing import AIM, expected_rows
from simulator.inputs.sessions import continuous_days, trading_days
from simulator.records import NS_PER_S, Phase

ROWS_A_CORE_S = 400_000
"""Rows of books and trades that one core simulates and writes as Parquet in a second, with its start left out (docs/scale.md)."""
BYTES_A_BOOK_ROW, BYTES_A_LEVEL, BYTES_A_TRADE = 6.0, 1.9, 9.7
"""Of Parquet, compressed (docs/scale.md)."""
STARTS_S = 3.0
"""Of one command: imports, kernels from the cache, the plan."""
PHASE_PARTS = {Phase.CONTINUOUS: 1.0, Phase.PRE_OPEN: 0.4, Phase.POST_CLOSE: 0.24}
"""Of a session's rows; elsewhere quotes go on only where trades do."""
SHARES_SHOWN = 10


def shard_rows(scenario: Scenario, shard: Shard, rows_s: dict[str, float]) -> tuple[float, float]:
    """Book rows and trades that a shard is expected to have."""
    make_days = trading_days if scenario.session_pacing else continuous_days
    seconds, open_s = 0.0, 0.0
    for day in make_days(shard.start_ns, shard.end_ns):
        for segment in day.segments:
            length = max(min(segment.end_ns, shard.end_ns) - max(segment.start_ns, shard.start_ns), 0) / NS_PER_S
            away = 0.2 if scenario.goes_on_when_closed else 0.0
            seconds += length * PHASE_PARTS.get(segment.phase, away)
            open_s += length * (segment.phase == Phase.CONTINUOUS)
    rates = scenario.rates
    trades_s = rates.trades_min_eps + AIM * (rates.trades_max_eps - rates.trades_min_eps)
    part = sum(rows_s[name] for name in shard.symbols) / sum(rows_s.values())
    return seconds * sum(rows_s[name] for name in shard.symbols), open_s * trades_s * part


def shard_bytes(scenario: Scenario, books: float, trades: float) -> float:
    """Of the two tables."""
    return books * (BYTES_A_BOOK_ROW + BYTES_A_LEVEL * scenario.levels) + trades * BYTES_A_TRADE


def print_shards(console: Console, plan: Plan, wanted: ShardPlan, machines: int) -> None:
    """Shards, rows, bytes and core-hours, over all and by share."""
    scenario = plan.scenario
    rows_s = expected_rows(scenario)
    pieces = wanted.pieces()
    found = {shard.name: shard_rows(scenario_of(scenario, shard), shard, rows_s) for shard in pieces}
    lines = [_sums(scenario, share(wanted, k, machines), found) for k in range(1, machines + 1)]
    table = Table(title=f"{len(pieces):,} shards: {len(wanted.groups):,} groups of symbols, {pieces[0].name} to {pieces[-1].name}")
    for head in ("share", "shards", "rows", "GB", "core-hours"):
        table.add_column(head, justify="right")
    for k, (count, rows, size, hours) in enumerate(lines[:SHARES_SHOWN], 1):
        table.add_row(f"{k}/{machines}", f"{count:,}", f"{rows:,.0f}", f"{size / 1e9:,.2f}", f"{hours:,.2f}")
    if machines > SHARES_SHOWN:
        table.add_row(f"… {machines - SHARES_SHOWN} more", "", "", "", "")
    count, rows, size, hours = (sum(line[n] for line in lines) for n in range(4))
    table.add_row("all", f"{count:,.0f}", f"{rows:,.0f}", f"{size / 1e9:,.2f}", f"{hours:,.2f}")
    console.print(table)
    for note in plan.notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    limit = f"Expected, of books and trades: {ROWS_A_CORE_S:,} rows a second of a core, {STARTS_S:g} s for each command's start."
    console.print(f"{limit} Nothing was run.", highlight=False, soft_wrap=True)


def _sums(scenario: Scenario, shards: Sequence[Shard], found: dict[str, tuple[float, float]]) -> tuple[float, float, float, float]:
    books, trades = (sum(found[shard.name][n] for shard in shards) for n in range(2))
    hours = ((books + trades) / ROWS_A_CORE_S + STARTS_S * bool(shards)) / 3600
    return len(shards), books + trades, shard_bytes(scenario, books, trades), hours
