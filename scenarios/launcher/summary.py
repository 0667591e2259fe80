"""The end of a run: what was written where, and a file with a query to look at it."""

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
from simulator.errors import SinkError, explain
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
    """On ``console``: what came of the run. ``folder`` None: no files; ``results``: where those of the agents are, if they are kept."""
    end_ns = plan.scenario.end_ns if ended.end_ns is None else ended.end_ns
    title = f"{new_york(plan.scenario.start_ns)} to {new_york(end_ns)} New York time · seed {plan.scenario.seed}"
    say(console, title if ended.reason is None else f"{title} · not complete")
    print_table(console, *venue_rows(plan, counts), total=True)
    if crosses := cross_rows(plan, counts):
        print_table(console, ("crosses", "number", "shares"), crosses)
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
        from writers.parquet import BARS  # only for those who write Parquet: it takes a tenth of a second

        if (folder / BARS).is_file():
            say(console, f"One-minute bars with the NBBO, SQL for DuckDB: {folder / BARS}")
    if agents:
        print_agents(console, agents, results)


def print_agents(console: Console, agents: Mapping[str, AgentResult], folder: Path | None) -> None:
    """A row per agent, in order of name; where their orders and fills are."""
    header = ["agent", "messages", "refused", "fills", "shares", "position", "fees USD", "PnL USD"]
    rows: list[tuple[str, ...]] = []
    for name, result in sorted(agents.items()):
        held = [f"{p.shares:,} {p.symbol}" for p in result.positions if p.shares]
        position = ", ".join(held[:3]) + (f" and {len(held) - 3} more" if len(held) > 3 else "") if held else "flat"
        rows.append((
            name, f"{result.commands:,}", f"{result.refused:,}", f"{result.fills:,}", f"{result.shares:,}", position,
            f"{result.fees_usd:,.2f}", f"{result.pnl_usd:,.2f}",
        ))  # fmt: skip
    if not any(result.refused for result in agents.values()):
        header, rows = [*header[:2], *header[3:]], [(*row[:2], *row[3:]) for row in rows]
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
    """Header and rows: what each venue did, and all; without the columns of trades if there were none."""
    names = [venue.name for venue in plan.scenario.universe.venues]
    volume = int(counts.shares.sum())

    def row(name: str, book_rows: int, trades: int, shares: int) -> list[str]:
        return [name, f"{book_rows:,}", *([f"{trades:,}", f"{shares:,}", f"{shares / volume:.1%}"] if volume else [])]

    trades, shares = counts.trades.sum(axis=1), counts.shares.sum(axis=1)
    rows = [row(name, int(counts.book_rows[v]), int(trades[v]), int(shares[v])) for v, name in enumerate(names)]
    rows.append(row("all", int(counts.book_rows.sum()), int(trades.sum()), volume))
    return ("venue", "book rows", *(("trades", "shares", "of volume") if volume else ())), rows


def cross_rows(plan: Plan, counts: Counts) -> list[list[str]]:
    """A row per kind of cross and venue that called one; they are among the venue's trades."""
    return [
        [f"{name} {venue.name}", f"{counts.trades[v, kind]:,}", f"{counts.shares[v, kind]:,}"]
        for kind, name in ((Cond.OPEN, "opening"), (Cond.HALT_RESUME, "reopening"), (Cond.CLOSE, "closing"))
        for v, venue in enumerate(plan.scenario.universe.venues)
        if counts.trades[v, kind]
    ]


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


def write_bars_query(plan: Plan, counts: Counts, folder: Path) -> None:
    """``bars.sql`` beside the rows, if both tables have some: a table without has no files to query. Raises ``SinkError``."""
    if plan.flags.writer != "parquet" or not (counts.rows["market_data"] and counts.rows["trades"]):
        return
    from writers.parquet import BARS, BARS_FIRST_LINE

    path = folder / BARS
    text = f"{BARS_FIRST_LINE} of one symbol. Paste it into DuckDB (pip install duckdb; then duckdb.sql(...) in Python).\n"
    try:
        path.write_text(f"{text}{bars_query(plan, folder)}\n", encoding="utf-8")
    except OSError as error:
        limit = f"it cannot be written: {error.strerror or error}"
        raise SinkError(explain("--out", str(path), limit, "Make room there, or name another folder.")) from error


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
