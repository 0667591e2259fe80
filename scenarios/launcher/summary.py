"""The end of a run: what was written where, and a query to look at it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from scenarios.launcher.plan import Plan
from scenarios.launcher.progress import new_york
from scenarios.launcher.row_counts import Counts
from simulator.analysis.agent_result import AgentResult
from simulator.records import Cond

QUERY = """\
WITH bars AS (
  SELECT symbol, date_trunc('minute', timestamp_ns) AS minute,
         first(price ORDER BY timestamp_ns) AS open, max(price) AS high, min(price) AS low,
         last(price ORDER BY timestamp_ns) AS close, sum(size) AS volume
  FROM read_parquet('{folder}/equities_trades{suffix}/**/*.parquet', hive_partitioning = true)
  WHERE symbol = '{symbol}' GROUP BY ALL),
quotes AS (
  SELECT symbol, venue, date_trunc('minute', timestamp_ns) AS minute,
         last(bids[1][1] ORDER BY timestamp_ns) AS bid, last(asks[1][1] ORDER BY timestamp_ns) AS ask
  FROM read_parquet('{folder}/equities_market_data{suffix}/**/*.parquet', hive_partitioning = true)
  WHERE symbol = '{symbol}' GROUP BY ALL),
nbbo AS (
  SELECT symbol, minute, max(bid) AS best_bid, min(ask) AS best_ask FROM quotes GROUP BY ALL)
SELECT minute, open, high, low, close, volume, best_bid, best_ask,
       bar(volume, 0, max(volume) OVER (), 30) AS drawn
FROM bars JOIN nbbo USING (symbol, minute) ORDER BY minute;"""


def summary_console() -> Console:
    """Stdout; wide enough for the table when it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def print_summary(
    console: Console, plan: Plan, counts: Counts, *, end_ns: int, digest: str | None, is_complete: bool, folder: Path | None,
    wall_s: float, paces: Sequence[str] = (), agents: Mapping[str, AgentResult] | None = None, results: Path | None = None,
) -> None:  # fmt: skip
    """On ``console``: the table per venue, totals, digest, folder with its size, and the query. ``folder`` None: no files.

    ``results``: where those of the agents are, if they are kept.
    """
    console.print(venue_table(plan, counts, end_ns, is_complete=is_complete))
    rows = sum(counts.rows.values())
    console.print(f"{rows:,} rows in {wall_s:.1f} s, {rows / max(wall_s, 1e-9):,.0f} rows/s", highlight=False)
    median = counts.spread_usd_median
    if median is not None:
        console.print(f"Median spread {median:.2f} USD (over book rows)", highlight=False)
    for note in (*paces, *plan.notes):
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    if digest is not None:
        console.print(f"Digest {digest}", highlight=False, soft_wrap=True)
    if folder is not None:
        files, size = folder_size(folder)
        console.print(f"Written to {folder}: {files} files, {_bytes(size)}", highlight=False, markup=False, soft_wrap=True)
    if agents:
        print_agents(console, agents, results)
    has_both = counts.rows["market_data"] > 0 and counts.rows["trades"] > 0  # a table without rows has no files to query
    if folder is not None and plan.flags.writer == "parquet" and has_both:
        how = "to paste into DuckDB (pip install duckdb; then duckdb.sql(...) in Python)"
        console.print(f"\nOne-minute bars with the NBBO, {how}:", highlight=False, soft_wrap=True)
        console.print(bars_query(plan, folder), highlight=False, markup=False, soft_wrap=True)


def print_agents(console: Console, agents: Mapping[str, AgentResult], folder: Path | None) -> None:
    """A row per agent, in order of name; where their orders and fills are."""
    table = Table(title="Agents", title_justify="left")
    table.add_column("agent")
    for name in ("messages", "refused", "fills", "shares", "position", "fees USD", "PnL USD"):
        table.add_column(name, justify="right")
    for name, result in sorted(agents.items()):
        held = [f"{p.shares:,} {p.symbol}" for p in result.positions if p.shares]
        position = ", ".join(held[:3]) + (f" and {len(held) - 3} more" if len(held) > 3 else "") if held else "flat"
        table.add_row(
            name, f"{result.commands:,}", f"{result.refused:,}", f"{result.fills:,}", f"{result.shares:,}", position,
            f"{result.fees_usd:,.2f}", f"{result.pnl_usd:,.2f}",
        )  # fmt: skip
    console.print(table)
    for name, result in sorted(agents.items()):
        if result.refusals:
            reasons = ", ".join(f"{reason.name} {count:,}" for reason, count in result.refusals.items())
            console.print(f"Refused of {name}: {reasons}", highlight=False, markup=False, soft_wrap=True)
    where = "not kept; --out FOLDER keeps them" if folder is None else f"{folder}/agents"
    console.print(f"Orders, fills and positions of each agent: {where}", highlight=False, markup=False, soft_wrap=True)


def venue_table(plan: Plan, counts: Counts, end_ns: int, *, is_complete: bool) -> Table:
    """Book rows, trades, shares and crosses of each venue, and of all."""
    scenario = plan.scenario
    title = f"{new_york(scenario.start_ns)} to {new_york(end_ns)} New York time · seed {scenario.seed}"
    table = Table(title=title if is_complete else f"{title} · not complete", title_justify="left")
    table.add_column("venue")
    for name in ("book rows", "trades", "shares", "of volume", "opening crosses", "shares", "closing crosses", "shares"):
        table.add_column(name, justify="right")
    volume = max(int(counts.shares.sum()), 1)

    def add(name: str, book_rows: int, trades: list[int], shares: list[int]) -> None:
        crosses = [f"{value:,}" for kind in (Cond.OPEN, Cond.CLOSE) for value in (trades[kind], shares[kind])]
        table.add_row(name, f"{book_rows:,}", f"{sum(trades):,}", f"{sum(shares):,}", f"{sum(shares) / volume:.1%}", *crosses)

    for v, venue in enumerate(scenario.universe.venues):
        add(venue.name, int(counts.book_rows[v]), counts.trades[v].tolist(), counts.shares[v].tolist())
    table.add_section()
    add("all", int(counts.book_rows.sum()), counts.trades.sum(axis=0).tolist(), counts.shares.sum(axis=0).tolist())
    return table


def bars_query(plan: Plan, folder: Path) -> str:
    """DuckDB's SQL over the run's files, for its first symbol."""
    names = plan.scenario.only or [symbol.name for symbol in plan.scenario.universe.symbols]
    quoted = str(folder).replace("'", "''")
    return QUERY.format(folder=quoted, suffix=plan.flags.suffix, symbol=names[0])


def folder_size(folder: Path) -> tuple[int, int]:
    """Files and bytes below it."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def _bytes(count: int) -> str:
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}"
