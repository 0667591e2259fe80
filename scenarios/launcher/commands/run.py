"""``run``: load the kernels, let the workers simulate, and end the run in order."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from scenarios.launcher.backpressure import Backpressure
from scenarios.launcher.ending import Run, finish, reports
from scenarios.launcher.flags import Flags, parse_flags, scenario_first
from scenarios.launcher.kernels import load_kernels
from scenarios.launcher.loading import what_is_loaded_stays, without_collections
from scenarios.launcher.manifest import build_manifest
from scenarios.launcher.own_writer import written
from scenarios.launcher.pacing import Pace
from scenarios.launcher.plan import History, Plan, make_plan, starting_now, with_scenario
from scenarios.launcher.price_refresh import Refresher
from scenarios.launcher.progress import ProgressLine
from scenarios.launcher.repeat import announcer, folder_run, read_recorded
from scenarios.launcher.row_limit import RowLimit
from scenarios.launcher.sinks import SinkMaker, resolve
from scenarios.launcher.stop_signals import StopSignals
from scenarios.launcher.terminal_view import TerminalView
from scenarios.launcher.viewing import PageView
from scenarios.launcher.worker import Job, run_info
from scenarios.launcher.worker_pool import run_jobs
from simulator.errors import InputError, MarketSimError, explain
from simulator.flow import NEVER_NS
from simulator.inputs.config import Refresh, Scenario
from simulator.inputs.dealing import deal
from simulator.records import I64, NS_PER_S
from writers.formats import FORMATS

if TYPE_CHECKING:
    from scenarios.launcher.questdb_session import Database  # with psycopg: only for those who use it


def start(words: Sequence[str], console: Console, signals: StopSignals) -> int:
    """The first word may be a scenario's name; all flags of ``scenarios.full_day``."""
    flags, said = with_scenario(parse_flags(scenario_first(words), "python -m scenarios run"))
    return simulate_and_write(flags, said, console, signals)


def simulate_and_write(flags: Flags, said: Sequence[str], console: Console, signals: StopSignals) -> int:
    """Plan and run; with a database, what it has before has a say. ``said``: lines for the user so far. Raises ``MarketSimError``."""
    announce = announcer(console)
    repeated = read_recorded(flags)
    if flags.is_cut:
        from scenarios.launcher.commands.shards import run_shards  # with the stores' libraries

        return run_shards(make_plan(flags, said=said, repeated=repeated, announce=announce), console, signals)
    if flags.writer != "questdb":
        history = folder_history(Path(flags.out)) if flags.incremental else None
        with without_collections():  # a plan loads pandas
            plan = make_plan(flags, history, said=said, repeated=repeated, announce=announce)
        return run(plan, console, signals)
    from scenarios.launcher.questdb_session import open_database

    # Mistakes, before a server is asked.
    make_plan(flags.model_copy(update={"prices": flags.prices or "builtin"}), repeated=repeated, announce=announce)
    with open_database(flags, console) as database:
        history = database.history()
        load_kernels(console)
        return run(make_plan(flags, history, said=said, repeated=repeated, announce=announce), console, signals, database=database)


def run(
    plan: Plan, console: Console, signals: StopSignals, make_market: Callable[..., Any] | None = None, database: Database | None = None
) -> int:
    """Simulate and write; returns the exit code. Progress and errors go to ``console``, the summary to stdout."""
    with without_collections():
        from simulator.market import Market  # loads numba, and the next pyarrow: a wrong flag need not wait for them
        from writers.parquet import continue_folder, prepare_folder, write_manifest
        from writers.results import prepare_results

    flags, scenario = plan.flags, plan.scenario
    names = scenario.only or tuple(symbol.name for symbol in scenario.universe.symbols)
    dealt = deal(scenario, names, flags.processes)
    folder = Path(flags.out)
    maker = SinkMaker(
        writer=flags.writer,
        folder=folder,
        memory_limit_bytes=int(flags.memory_limit) // len(dealt),
        lingers=flags.mode != "real-time" and flags.speed is None,
        arguments=writer_arguments(plan),
        beside=plan.file.path.parent if plan.file is not None else None,
    )
    if flags.writer == "memory":
        check_memory(plan)
    if ":" in flags.writer:
        resolve(flags.writer, maker.beside)  # now, rather than in a worker
    results = folder if maker.uses_folder or (scenario.agents and "out" in flags.model_fields_set) else None
    if plan.replays and database is None:
        assert plan.recorded is not None
        maker = replace(maker, present=continue_folder(folder, plan.recorded.manifest, plan.record()))
    elif maker.uses_folder:
        prepare_folder(folder, flags.overwrite, written(folder))
    elif results is not None:
        prepare_results(results, flags.overwrite or flags.incremental)
    if make_market is None:
        make_market = Market
        load_kernels(console, for_format=flags.writer in FORMATS and FORMATS[flags.writer].needs_orders)
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
    if flags.writer == "parquet":
        write_manifest(folder, build_manifest(plan))  # what is killed can be continued
    with what_is_loaded_stays(), signals.as_requests():  # the run is recorded: whatever ends it now, its end is recorded, too
        pace = pace_of(flags, paced_from_ns(scenario.start_ns, maker.newest))
        jobs = [
            Job(
                scenario=scenario, make_market=make_market, make_sink=maker, symbols=symbols, worker=worker, workers=len(dealt),
                suffix=flags.suffix, gated=total is not None, pace=pace, sketches=gathers(plan), viewed=flags.view != "false",
            )
            for worker, symbols in enumerate(dealt)
        ]  # fmt: skip
        limit = RowLimit(total, len(jobs)) if total is not None else None
        viewer = view_of(flags, scenario, console)
        started_s = time.monotonic()
        try:
            with viewer or nullcontext(), ProgressLine(scenario, console, is_endless=flags.mode == "real-time", row_limit=total) as line:
                refresher = Refresher(flags.yahoo_refresh_secs, names, keep=lambda found: keep_refreshes(plan, database, found))
                show = line.show if viewer is None else viewer.beside(line.show)
                outcome = run_jobs(jobs, limit, show, backpressure, refresher, signals, viewer)
            try:
                maker.merge(run_info(jobs[0]), outcome.complete)
            except Exception as error:  # a writer of one's own may raise anything; whatever ended the run before stays the reason
                outcome.halt(str(error) if isinstance(error, MarketSimError) else f"{type(error).__name__}: {error}")
        finally:
            maker.sweep()
        rows = folder if maker.uses_folder else None
        ran = Run(plan=plan, jobs=jobs, rows=rows, results=results, database=database, console=console, signals=signals)
        return finish(ran, outcome, time.monotonic() - started_s, is_paced=pace is not None)


def writer_arguments(plan: Plan) -> Mapping[str, Any]:
    """What the writer is told besides folder and worker. Raises ``InputError`` for a venue that there is not."""
    flags, file = plan.flags, plan.file
    if flags.writer not in FORMATS:
        return file.writer_arguments if file is not None and flags.writer == file.values.get("writer") else {}
    for venue in flags.venue or ():
        plan.scenario.universe.venue_index(venue)
    levels = {"levels": plan.scenario.levels} if FORMATS[flags.writer].has_levels else {}
    return {"venues": flags.venue or (), **levels}


def view_of(flags: Flags, scenario: Scenario, console: Console) -> PageView | TerminalView | None:
    """What ``--view`` asks for. Raises ``LimitError`` for a port that is taken."""
    names = list(scenario.only or [symbol.name for symbol in scenario.universe.symbols])
    if flags.view == "terminal":
        return TerminalView(names, console)
    return PageView(flags, names, console) if flags.view == "true" else None


def gathers(plan: Plan) -> bool:
    """Whether a report's numbers are gathered while rows are written: not where nobody knows when the run ends, nor where only a part of
    it is simulated again. There the page is made of the rows that are there in the end."""
    return reports(plan) and plan.flags.writer == "parquet" and plan.flags.mode != "real-time" and not plan.replays


def keep_refreshes(plan: Plan, database: Database | None, refreshes: Sequence[Refresh]) -> None:
    """In the record of a run that goes on, so that it can be repeated even if it is killed. Raises ``SinkError``."""
    from writers.parquet import write_manifest

    manifest = build_manifest(plan, refreshes=refreshes)
    if database is not None:
        database.refreshed(manifest)
    elif plan.flags.writer == "parquet":
        write_manifest(Path(plan.flags.out), manifest)


def folder_history(folder: Path) -> History:
    """What a folder has of a Parquet run; a run of its own cannot follow it there. Raises ``InputError``."""
    recorded = folder_run(folder)
    return History(newest_ns=-1 if recorded is None else NEVER_NS, mids={}, recorded=recorded)


def pace_of(flags: Flags, start_ns: int) -> Pace | None:
    """How fast simulated time may go, counted from now."""
    if flags.mode == "real-time":
        return Pace(start_ns=start_ns, wall_ns=start_ns)
    return Pace(start_ns=start_ns, wall_ns=time.time_ns(), speed=flags.speed) if flags.speed is not None else None


def paced_from_ns(start_ns: int, newest: Mapping[str, I64] | None) -> int:
    """What the database has of a continued run is replayed as fast as may be: the pace counts from where the first symbol ends."""
    return start_ns if newest is None else max(start_ns, min(int(ts_ns.min()) for ts_ns in newest.values()))


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
    rows = {"market_data": books, "trades": trades, "orders": 6 * books, "truth": trades, "sip": books}  # the others are few
    needed = estimate_bytes(scenario.levels, {table: rows.get(table, 0) for table in scenario.tables})
    if needed > plan.flags.memory_limit:
        limit = f"the rows are estimated at {needed:,} bytes"
        raise InputError(explain("--memory_limit", plan.flags.memory_limit, limit, "Raise it, shorten the run, or use --writer parquet."))
