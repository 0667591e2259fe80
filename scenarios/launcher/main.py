"""Run a plan: load the kernels, let the workers simulate, write the manifest, print what came of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from scenarios.launcher.backpressure import Backpressure
from scenarios.launcher.flags import Flags, parse_flags
from scenarios.launcher.manifest import build_manifest
from scenarios.launcher.pacing import Pace
from scenarios.launcher.plan import Plan, make_plan, starting_now, with_scenario
from scenarios.launcher.plan_report import print_plan
from scenarios.launcher.price_refresh import Refresher
from scenarios.launcher.progress import ProgressLine, compiling, new_york
from scenarios.launcher.row_limit import RowLimit
from scenarios.launcher.sinks import SinkMaker, resolve
from scenarios.launcher.summary import print_summary
from scenarios.launcher.worker import Job, deal
from scenarios.launcher.worker_pool import Outcome, run_jobs
from simulator.errors import InputError, MarketSimError, SinkError, explain
from simulator.inputs.config import Scenario
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.scenario_file import scenario_schema
from simulator.inputs.sessions import DEFAULT_DATE, session_bounds
from simulator.inputs.universe import load_universe
from simulator.records import I64, NS_PER_S
from simulator.tape.digest import combine
from simulator.tape.sink import NullSink

if TYPE_CHECKING:
    from scenarios.launcher.questdb_session import Database  # with psycopg: only for those who use it

INTERRUPTED = 130
"""Exit code after Ctrl-C, as shells have it."""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code. Errors that a user can make end with one message on stderr."""
    console = Console(stderr=True)
    try:
        return start(parse_flags(sys.argv[1:] if arguments is None else arguments), console)
    except MarketSimError as error:
        _say(console, str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say(console, "Ended at once, at your second Ctrl-C or before the run began: only whole files stay; there is no manifest.")
        return INTERRUPTED


def start(flags: Flags, console: Console) -> int:
    """Plan and run; with a database, what it has before has a say. Raises ``MarketSimError``."""
    flags, said = with_scenario(flags)
    if flags.print_ddl:
        print_ddl(flags)
        return 0
    if flags.print_scenario_schema:
        print(scenario_schema(), end="")
        return 0
    if flags.check_scenario:
        print_plan(summary_console(), make_plan(flags, said=said))
        return 0
    if flags.writer != "questdb":
        return run(make_plan(flags, said=said), console)
    from scenarios.launcher.questdb_session import open_database

    make_plan(flags.model_copy(update={"prices": flags.prices or "builtin"}))  # mistakes, before a server is asked
    with open_database(flags, console) as database:
        history = database.history()
        with compiling(console):
            warm_up()
        return run(make_plan(flags, history, said=said), console, database=database)


def run(plan: Plan, console: Console, make_market: Callable[..., Any] | None = None, database: Database | None = None) -> int:
    """Simulate and write; returns the exit code. Progress and errors go to ``console``, the summary to stdout."""
    from simulator.market import Market  # loads numba, and the next pyarrow: a wrong flag need not wait for them
    from writers.parquet import prepare_folder
    from writers.results import prepare_results

    flags, scenario = plan.flags, plan.scenario
    names = scenario.only or tuple(symbol.name for symbol in scenario.universe.symbols)
    dealt = deal(scenario.universe, names, scenario.agents, flags.processes)
    folder = Path(flags.out)
    maker = SinkMaker(
        writer=flags.writer,
        folder=folder,
        memory_limit_bytes=int(flags.memory_limit) // len(dealt),
        lingers=flags.mode != "real-time" and flags.speed is None,
        arguments=plan.file.writer_arguments if plan.file is not None and flags.writer == plan.file.values.get("writer") else {},
        beside=plan.file.path.parent if plan.file is not None else None,
    )
    if flags.writer == "memory":
        check_memory(plan)
    if ":" in flags.writer:
        resolve(flags.writer, maker.beside)  # now, rather than in a worker
    results = folder if maker.uses_folder or (scenario.agents and "out" in flags.model_fields_set) else None
    if maker.uses_folder:
        prepare_folder(folder, flags.overwrite)
    elif results is not None:
        prepare_results(results, flags.overwrite or flags.incremental)
    if make_market is None:
        make_market = Market
        with compiling(console):
            warm_up()
    if flags.mode == "real-time":
        plan = starting_now(plan)
        scenario = plan.scenario
    backpressure = Backpressure()
    total = flags.total_market_data_events
    if database is not None:
        from scenarios.launcher.questdb_session import window_ns

        newest = database.prepare(plan, console)
        maker = replace(maker, connection=database.connection, newest=newest, resend_ns=database.resend_ns)
        backpressure = Backpressure(valve=database.valve(plan), window_ns=window_ns(flags))
        if total is not None and plan.replays:
            total -= database.rows_before(plan)
    pace = pace_of(flags, paced_from_ns(scenario.start_ns, maker.newest))
    jobs = [
        Job(
            scenario=scenario, make_market=make_market, make_sink=maker, symbols=symbols, worker=worker, workers=len(dealt),
            suffix=flags.suffix, gated=total is not None, pace=pace,
        )
        for worker, symbols in enumerate(dealt)
    ]  # fmt: skip
    limit = RowLimit(total, len(jobs)) if total is not None else None
    started_s = time.monotonic()
    try:
        with ProgressLine(scenario, console, is_endless=flags.mode == "real-time") as line:
            outcome = run_jobs(jobs, limit, line.show, backpressure, Refresher(flags.yahoo_refresh_secs, names))
    finally:
        maker.sweep()
    rows = folder if maker.uses_folder else None
    return _finish(plan, jobs, outcome, rows, results, time.monotonic() - started_s, console, database)


def pace_of(flags: Flags, start_ns: int) -> Pace | None:
    """How fast simulated time may go, counted from now."""
    if flags.mode == "real-time":
        return Pace(start_ns=start_ns, wall_ns=start_ns)
    return Pace(start_ns=start_ns, wall_ns=time.time_ns(), speed=flags.speed) if flags.speed is not None else None


def paced_from_ns(start_ns: int, newest: Mapping[str, I64] | None) -> int:
    """What the database has of a continued run is replayed as fast as may be: the pace counts from where the first symbol ends."""
    return start_ns if newest is None else max(start_ns, min(int(ts_ns.min()) for ts_ns in newest.values()))


def print_ddl(flags: Flags) -> None:
    """The SQL of tables and views, to paste."""
    from writers.questdb.schema import ddl

    for statement in ddl(flags.suffix, flags.short_ttl, flags.extra_tables or (), views=flags.create_views != "false"):
        print(f"{statement.sql};\n")


def check_memory(plan: Plan) -> None:
    """Refuse at once a run whose rows, at the middle of their rates, would not fit in memory. Raises ``InputError``."""
    from writers.memory import estimate_bytes

    scenario, rates = plan.scenario, plan.scenario.rates
    seconds = (scenario.end_ns - scenario.start_ns) // NS_PER_S
    part = len(scenario.only or scenario.universe.symbols) / len(scenario.universe.symbols)
    books = int(seconds * part * (rates.market_data_min_eps + rates.market_data_max_eps) / 2)
    if plan.flags.total_market_data_events is not None:
        books = min(books, plan.flags.total_market_data_events)
    trades = int(seconds * part * (rates.trades_min_eps + rates.trades_max_eps) / 2)
    rows = {"market_data": books, "trades": trades, "orders": 6 * books, "truth": trades}
    needed = estimate_bytes(scenario.levels, {table: rows[table] for table in scenario.tables})
    if needed > plan.flags.memory_limit:
        limit = f"the rows are estimated at {needed:,} bytes"
        raise InputError(explain("--memory_limit", plan.flags.memory_limit, limit, "Raise it, shorten the run, or use --writer parquet."))


def warm_up() -> None:
    """Load or compile every kernel in this process: one symbol over the opening cross, into nothing."""
    from simulator.market import Market

    open_ns = session_bounds(DEFAULT_DATE)[0] + (5 * 3600 + 1800) * NS_PER_S
    universe = load_universe()
    names = [symbol.name for symbol in universe.symbols]
    prices = reference_prices("builtin", names, (DEFAULT_DATE, DEFAULT_DATE)).brackets
    small = Scenario(universe=universe, prices=prices, start_ns=open_ns - NS_PER_S, end_ns=open_ns + NS_PER_S, only=(names[0],))
    market = Market(small, NullSink())
    market.run_until(small.end_ns)
    market.close(True)


def _finish(
    plan: Plan, jobs: Sequence[Job], outcome: Outcome, folder: Path | None, results: Path | None, wall_s: float, console: Console,
    database: Database | None,
) -> int:  # fmt: skip
    """``folder``: where the rows are, if in files; ``results``: where those of the agents are to go."""
    from writers.parquet import write_manifest
    from writers.results import write_results

    scenario = plan.scenario
    is_live_end = plan.flags.mode == "real-time" and outcome.interrupted and not outcome.failed and outcome.halted is None
    end_ns = outcome.end_ns if outcome.end_ns is not None else scenario.end_ns
    if is_live_end:
        end_ns = max(outcome.now_ns.values())
    if end_ns <= scenario.start_ns and not is_live_end:
        limit = "the first second of the run has more book rows"
        raise InputError(explain("--total_market_data_events", plan.flags.total_market_data_events, limit, "Raise it, or lower the rates."))
    counts = reduce(add, (done.counts for done in outcome.done.values())) if outcome.done else None
    is_whole = outcome.complete or (is_live_end and len(outcome.done) == len(jobs))
    reason = None if is_whole else why_incomplete(jobs, outcome)
    if database is not None and is_whole and counts is not None:
        try:
            database.check_counts(plan, counts, end_ns)
        except SinkError as error:
            is_whole, reason = False, str(error)
    parts: dict[Any, Any] = {}
    for done in outcome.done.values():
        parts |= done.digests
    has_digest = is_whole and not is_live_end and not (plan.replays and scenario.start_ns > plan.run_start_ns)
    digest = combine(parts, [symbol.name for symbol in scenario.universe.symbols], scenario.tables) if has_digest else None
    manifest = build_manifest(
        plan, end_ns=end_ns, rows=counts.rows if counts else {}, digest=digest, digest_parts=parts if has_digest else {},
        reason=reason, processes=len(jobs), wall_s=wall_s,
        refreshes=outcome.refreshes,
    )  # fmt: skip
    agents = {name: result for done in outcome.done.values() for name, result in done.agents.items()}
    if folder is not None:
        write_manifest(folder, manifest)
    if results is not None:
        write_results(results, agents)
    if counts is not None:
        reached_ns = end_ns if is_whole else min(outcome.now_ns.values())
        print_summary(
            summary_console(), plan, counts, end_ns=reached_ns, digest=digest, is_complete=is_whole, folder=folder, wall_s=wall_s,
            paces=paces(plan, outcome), agents=agents, results=results,
        )  # fmt: skip
    if database is not None:
        database.finish(plan, manifest, summary_console(), is_whole=is_whole)
    if reason is None:
        return 0
    for failed in outcome.failed.values():
        if failed.trace:
            console.print(failed.trace, highlight=False, markup=False, soft_wrap=True)
    _say(console, reason)
    codes = [failed.exit_code for failed in outcome.failed.values()]
    return max(codes) if codes else INTERRUPTED if outcome.interrupted and not is_live_end and outcome.halted is None else 1


def paces(plan: Plan, outcome: Outcome) -> list[str]:
    """Lines about pauses, and about how late a paced run was."""
    backpressure = outcome.backpressure
    lines = []
    if backpressure.valve is not None:
        lines.append(f"Pauses for the database: {backpressure.pauses}, {backpressure.paused_s:.1f} s in all")
    if pace_of(plan.flags, 0) is not None:
        lines.append(f"Late by {outcome.behind_max_ns / NS_PER_S:.3f} s at most")
    jumped_ns = max((progress.jumped_ns for progress in outcome.latest.values()), key=abs, default=0)
    if jumped_ns:
        lines.append(f"The machine's clock was set by {jumped_ns / NS_PER_S:+.1f} s while the run went on")
    return lines


def summary_console() -> Console:
    """Stdout; wide enough for the table when it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=120)


def why_incomplete(jobs: Sequence[Job], outcome: Outcome) -> str:
    """Which worker failed why, or that the user stopped it; and up to where each worker's symbols are complete."""
    lines = [f"Worker {w} ({', '.join(jobs[w].symbols)}) failed: {failed.message}" for w, failed in sorted(outcome.failed.items())]
    if outcome.halted is not None:
        lines.append(outcome.halted)
    if not lines:
        lines = ["Stopped by Ctrl-C."]
    for job in jobs:
        until_ns = outcome.now_ns.get(job.worker, job.scenario.start_ns)
        kept = "all of it kept" if job.worker in outcome.done else "its whole files kept"
        lines.append(f"Worker {job.worker} ({_few(job.symbols)}): simulated up to {new_york(until_ns)} New York time, {kept}.")
    lines.append("What is complete stays; its manifest, if the writer has a folder, says that the run is not.")
    return "\n".join(lines)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _say(console: Console, text: str) -> None:
    console.print(text, style="bold", highlight=False, markup=False, soft_wrap=True)
