"""The end of a run: what was written where, and a query to look at it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from scenarios.launcher.manifest import Ended
from scenarios.launcher.plan import Plan
from scenarios.launcher.row_counts import Counts
from scenarios.launcher.tables import print_table, say
from simulator.agents.messages import HINTS
from simulator.analysis.agent_result import AgentResult
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import new_york, trading_days
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


def print_summary(
    console: Console, plan: Plan, counts: Counts, ended: Ended, *, folder: Path | None, paces: Sequence[str] = (),
    agents: Mapping[str, AgentResult] | None = None, results: Path | None = None,
) -> None:  # fmt: skip
    """On ``console``: the query, and below it what came of the run, so that this is what stays in sight. ``folder`` None: no files.

    ``results``: where those of the agents are, if they are kept.
    """
    end_ns = plan.scenario.end_ns if ended.end_ns is None else ended.end_ns
    has_both = counts.rows["market_data"] > 0 and counts.rows["trades"] > 0  # a table without rows has no files to query
    if folder is not None and plan.flags.writer == "parquet" and has_both:
        say(console, "One-minute bars with the NBBO, to paste into DuckDB (pip install duckdb; then duckdb.sql(...) in Python):")
        say(console, f"{bars_query(plan, folder)}\n")
    title = f"{new_york(plan.scenario.start_ns)} to {new_york(end_ns)} New York time · seed {plan.scenario.seed}"
    say(console, title if ended.reason is None else f"{title} · not complete")
    print_table(console, *venue_rows(plan, counts), total=True, beside=(6, 8))
    if not counts.shares.sum() and (why := why_no_trades(plan.scenario, end_ns)):
        say(console, why)
    rows = sum(counts.rows.values())
    say(console, f"{rows:,} rows in {ended.wall_s:.1f} s, {rows / max(ended.wall_s, 1e-9):,.0f} rows/s")
    median = counts.spread_usd_median
    if median is not None:
        say(console, f"Median spread {_usd(median)} USD (over book rows)")
    for note in (*paces, *plan.notes):
        say(console, note)
    if ended.digest is not None:
        say(console, f"Digest {ended.digest}")
    if folder is not None:
        files, size = folder_size(folder)
        say(console, f"Written to {folder}: {files} files, {_bytes(size)}")
    if agents:
        print_agents(console, agents, results)


def print_agents(console: Console, agents: Mapping[str, AgentResult], folder: Path | None) -> None:
    """A row per agent, in order of name; where their orders and fills are."""
    header = ("agent", "messages", "refused", "fills", "shares", "position", "fees USD", "PnL USD")
    rows = []
    for name, result in sorted(agents.items()):
        held = [f"{p.shares:,} {p.symbol}" for p in result.positions if p.shares]
        position = ", ".join(held[:3]) + (f" and {len(held) - 3} more" if len(held) > 3 else "") if held else "flat"
        rows.append((
            name, f"{result.commands:,}", f"{result.refused:,}", f"{result.fills:,}", f"{result.shares:,}", position,
            f"{result.fees_usd:,.2f}", f"{result.pnl_usd:,.2f}",
        ))  # fmt: skip
    say(console, "Agents")
    print_table(console, header, rows)
    for name, result in sorted(agents.items()):
        if result.refusals:
            reasons = ", ".join(f"{reason.name} {count:,}" for reason, count in result.refusals.items())
            say(console, f"Refused of {name}: {reasons}")
    refused = {reason for result in agents.values() for reason in result.refusals}
    for reason in sorted(refused & HINTS.keys()):
        say(console, f"{reason.name}: {HINTS[reason]}.")
    where = "not kept; --out FOLDER keeps them" if folder is None else f"{folder}/agents"
    say(console, f"Orders, fills and positions of each agent: {where}")


def venue_rows(plan: Plan, counts: Counts) -> tuple[tuple[str, ...], list[list[str]]]:
    """Header and rows: what each venue did, and all; without columns of a cross that was not called."""
    names = [venue.name for venue in plan.scenario.universe.venues]
    volume = max(int(counts.shares.sum()), 1)
    header, kinds = ["venue", "book rows", "trades", "shares", "of volume"], []
    for kind, name in ((Cond.OPEN, "opening"), (Cond.HALT_RESUME, "reopening"), (Cond.CLOSE, "closing")):
        if counts.trades[:, kind].any():
            kinds.append(kind)
            header += [f"{name}\ncrosses", f"{name}\nshares"]

    def row(name: str, book_rows: int, trades: list[int], shares: list[int]) -> list[str]:
        crosses = [f"{value:,}" for kind in kinds for value in (trades[kind], shares[kind])]
        return [name, f"{book_rows:,}", f"{sum(trades):,}", f"{sum(shares):,}", f"{sum(shares) / volume:.1%}", *crosses]

    rows = [row(name, int(counts.book_rows[v]), counts.trades[v].tolist(), counts.shares[v].tolist()) for v, name in enumerate(names)]
    rows.append(row("all", int(counts.book_rows.sum()), counts.trades.sum(axis=0).tolist(), counts.shares.sum(axis=0).tolist()))
    return tuple(header), rows


def why_no_trades(scenario: Scenario, end_ns: int) -> str | None:
    """In words, if the settings are the reason."""
    if scenario.background and scenario.rates.trades_max_eps == 0:
        return "No trades: --trades_max_eps is 0."
    if not scenario.session_pacing or scenario.offsession_trades != "none":
        return None
    sessions = [day for day in trading_days(scenario.start_ns, max(end_ns, scenario.start_ns + 1)) if day.is_session]
    if any(day.open_ns < end_ns and day.close_ns > scenario.start_ns for day in sessions):
        return None
    later = [day.open_ns for day in sessions if day.open_ns >= end_ns]
    when = f"ended before the open at {new_york(later[0])}" if later else "was outside of the session"
    return f"No trades: the run {when}. Give a --start_ts in the session, or --offsession_trades trickle or full."


def bars_query(plan: Plan, folder: Path) -> str:
    """DuckDB's SQL over the run's files, for its first symbol."""
    names = plan.scenario.only or [symbol.name for symbol in plan.scenario.universe.symbols]
    literally = re.sub(r"([\[*?])", r"[\1]", str(folder))  # a name, not a pattern
    quoted = literally.replace("'", "''")
    return QUERY.format(folder=quoted, suffix=plan.flags.suffix, symbol=names[0])


def folder_size(folder: Path) -> tuple[int, int]:
    """Files and bytes below it."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return len(sizes), sum(sizes)


def _usd(price: float) -> str:
    """Two decimals, or the four of a price below a penny."""
    text = f"{price:.4f}"
    return text[:-2] if text.endswith("00") else text


def _bytes(count: int) -> str:
    value, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while value >= 1000 and len(units) > 1:
        value /= 1000
        units.pop(0)
    return f"{value:.1f} {units[0]}"
