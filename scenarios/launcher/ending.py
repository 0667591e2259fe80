"""The end of a run: why it ended, first; then manifest, agents' results, summary and the database's record, each though another fails."""

from __future__ import annotations

import shlex
import signal
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import reduce
from operator import add
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from scenarios.launcher.manifest import Ended, build_manifest
from scenarios.launcher.own_writer import list_written
from scenarios.launcher.plan import Plan
from scenarios.launcher.reporting import write_report, write_report_of_database, write_report_of_files
from scenarios.launcher.row_counts import Counts
from scenarios.launcher.stop_signals import StopSignals, describe
from scenarios.launcher.summary import print_summary, write_bars_query
from scenarios.launcher.tables import say, summary_console
from scenarios.launcher.worker import Job, run_info
from scenarios.launcher.worker_pool import Outcome
from simulator.errors import InputError, MarketSimError, explain
from simulator.inputs.sessions import new_york
from simulator.records import NS_PER_S
from simulator.tape.digest import combine
from writers.formats import after_run, format_of

if TYPE_CHECKING:
    from scenarios.launcher.questdb_session import Database  # with psycopg: only for those who use it


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What ran, and where its traces go."""

    plan: Plan
    jobs: Sequence[Job]
    rows: Path | None
    """Folder of the rows, if they are in files."""
    results: Path | None
    """Folder that the agents' results are to go to, if they are kept."""
    database: Database | None
    console: Console
    """For progress and errors."""
    signals: StopSignals


@dataclass(slots=True)
class _Reasons:
    """Why the run is not complete, and what went wrong after it: told as it is heard, so that nothing later can take its place."""

    console: Console
    lines: list[str] = field(default_factory=list)
    later: int = 0

    def tell(self, text: str, trace: str = "") -> None:
        if trace:
            self.console.print(trace, highlight=False, markup=False, soft_wrap=True)
        self.console.print(text, style="bold", highlight=False, markup=False, soft_wrap=True)
        self.lines.append(text)

    @contextmanager
    def after(self, what: str, signals: StopSignals) -> Iterator[None]:
        """Around a step of the ending: if it fails, that is told and the others are done all the same."""
        before = "Then " if self.lines else "The run is complete, but "
        try:
            yield
        except KeyboardInterrupt:
            self.later += 1
            self.tell(f"{before}{what} was broken off by {describe(signals.first) if signals.first is not None else 'Ctrl-C'}.")
        except Exception as error:
            self.later += 1
            known = isinstance(error, MarketSimError | OSError)
            self.tell(f"{before}{what} failed: {_said(error)}", "" if known else traceback.format_exc())


def finish(run: Run, outcome: Outcome, wall_s: float, *, is_paced: bool) -> int:
    """Returns the exit code. Raises ``InputError`` if not a single second fitted into ``--total_market_data_events``."""
    from writers.parquet import write_manifest
    from writers.results import write_results

    plan, scenario, database = run.plan, run.plan.scenario, run.database
    is_live_end = plan.flags.mode == "real-time" and outcome.interrupted and not outcome.failed and outcome.halted is None
    end_ns = outcome.end_ns if outcome.end_ns is not None else scenario.end_ns
    if is_live_end:
        end_ns = max(outcome.now_ns.values())
    if end_ns <= scenario.start_ns and outcome.complete:
        limit = "the first second of the run has more book rows"
        raise InputError(explain("--total_market_data_events", plan.flags.total_market_data_events, limit, "Raise it, or lower the rates."))
    counts = reduce(add, (done.counts for done in outcome.done.values())) if outcome.done else None
    is_whole = outcome.complete or (is_live_end and len(outcome.done) == len(run.jobs))
    reasons = _Reasons(run.console)
    if not is_whole:
        reasons.tell(why_incomplete(run.jobs, outcome), "\n".join(failed.trace for failed in outcome.failed.values() if failed.trace))
    elif database is not None and counts is not None:
        _ask_database(run, database, counts, end_ns, reasons)
        is_whole = not reasons.lines
    reason = reasons.lines[0] if reasons.lines else None
    parts: dict[Any, Any] = {}
    for done in outcome.done.values():
        parts |= done.digests
    is_one_end = len(set(outcome.now_ns.values())) == 1  # real time in several workers, while the database held them back
    has_digest = is_whole and (is_one_end or not is_live_end) and not (plan.replays and scenario.start_ns > plan.run_start_ns)
    digest = combine(parts, [symbol.name for symbol in scenario.universe.symbols], scenario.tables) if has_digest else None
    ended = Ended(
        end_ns=end_ns, rows=counts.rows if counts else {}, digest=digest, digest_parts=parts if has_digest else {}, reason=reason,
        processes=len(run.jobs), wall_s=wall_s,
    )  # fmt: skip
    manifest = build_manifest(plan, ended, outcome.refreshes)
    agents = {name: result for done in outcome.done.values() for name, result in done.agents.items()}
    if run.rows is not None:
        with reasons.after("its manifest", run.signals):
            write_manifest(run.rows, manifest)
    if run.results is not None:
        with reasons.after("keeping the agents' results", run.signals):
            write_results(run.results, agents)
        format = format_of(plan.flags.writer)
        if format is not None and run.rows is not None and is_whole:
            with reasons.after("what its format makes of the agents", run.signals):
                after_run(format, run.rows, run.results, run_info(run.jobs[0]))
    page: Path | None = None
    sketched = [done.sketched for done in outcome.done.values() if done.sketched is not None]
    if run.rows is not None and is_whole and sketched:
        with reasons.after("its report", run.signals):
            page = write_report(run.rows, manifest, sketched, run_info(run.jobs[0]))
    if run.rows is not None and ":" in plan.flags.writer:
        with reasons.after("listing what its writer wrote", run.signals):
            list_written(run.rows)
    if run.rows is not None and counts is not None:
        with reasons.after("a query for its rows", run.signals):
            write_bars_query(plan, counts, run.rows)
    if counts is not None:
        reached_ns = end_ns if is_whole else min(outcome.now_ns.values())
        with reasons.after("its summary", run.signals):
            print_summary(
                summary_console(), plan, counts, replace(ended, end_ns=reached_ns), folder=run.rows,
                paces=paces(outcome, is_paced=is_paced), agents=agents, results=run.results,
            )  # fmt: skip
        if page is not None:
            say(summary_console(), f"A page about it: {page.resolve().as_uri()}")
    if database is not None:
        with reasons.after("the database's part of its end", run.signals):
            database.finish(plan, manifest, summary_console(), is_whole=is_whole)
    ended_by_ctrl_c = outcome.signal == signal.SIGINT and not outcome.failed and outcome.halted is None
    if page is None and counts is not None and any(counts.rows.values()) and reports(plan) and (is_whole or ended_by_ctrl_c):
        with reasons.after("its report", run.signals):
            _page_of_rows(run, is_whole=is_whole)
    return _exit_code(outcome, is_live_end=is_live_end, is_whole=is_whole, failures=reasons.later)


def reports(plan: Plan) -> bool:
    """Whether the run is to leave a page about it."""
    from simulator.analysis.report.sketch import SYMBOLS_MAX  # with numpy and more: not for --help

    return plan.flags.report and len(plan.scenario.universe.symbols) <= SYMBOLS_MAX  # of more it would take too much memory


def _page_of_rows(run: Run, *, is_whole: bool) -> None:
    """Of rows that are read again: of a run in real time, a continued one, or one that Ctrl-C ended; of a database if that is asked for."""
    flags, database = run.plan.flags, run.database
    if database is not None:
        where = f"--host {database.connection.host} --pg_port {database.connection.pg_port}"
        command = f"python -m scenarios report {where}" + (f" --suffix {flags.suffix}" if flags.suffix else "")
        if "report" not in flags.model_fields_set or not is_whole:
            if flags.host != "embedded" or flags.keep_server:
                say(summary_console(), f"For a page about it: {command}")
            return
    elif run.rows is not None and flags.writer == "parquet":
        command = f"python -m scenarios report {shlex.quote(str(run.rows))}"
    else:
        return
    run.console.print("Reading the rows again for a page about them; Ctrl-C leaves it out.", highlight=False, soft_wrap=True)
    try:
        with run.signals.as_interrupts():
            if database is not None:
                page = write_report_of_database(database.connection, flags.suffix, Path(flags.out))
            else:
                assert run.rows is not None
                page = write_report_of_files(run.rows)
    except KeyboardInterrupt:
        run.console.print(f"The page was left out: {command}", highlight=False, markup=False, soft_wrap=True)
        return
    say(summary_console(), f"A page about it: {page.resolve().as_uri()}")


def _ask_database(run: Run, database: Database, counts: Counts, end_ns: int, reasons: _Reasons) -> None:
    """Whether all rows have arrived; a wait that Ctrl-C may break off."""
    try:
        with run.signals.as_interrupts():
            database.check_counts(run.plan, counts, end_ns)
    except KeyboardInterrupt:
        first = run.signals.first
        what = describe(first) if first is not None else "Ctrl-C"
        reasons.tell(f"Stopped by {what} while the database counted: all rows were sent, whether it has them is not known.")
    except Exception as error:
        reasons.tell(_said(error), "" if isinstance(error, MarketSimError | OSError) else traceback.format_exc())


def _exit_code(outcome: Outcome, *, is_live_end: bool, is_whole: bool, failures: int) -> int:
    """Of the first reason; 1 if the rows are complete and something else is not."""
    if is_whole:
        return 1 if failures else 0
    if outcome.causes and outcome.causes[0] in outcome.failed:
        return outcome.failed[outcome.causes[0]].exit_code
    if outcome.signal is not None and not is_live_end and outcome.causes[:1] == ["signal"]:
        return 128 + outcome.signal
    return 1


def paces(outcome: Outcome, *, is_paced: bool) -> list[str]:
    """Lines about pauses, and about how late a paced run was."""
    backpressure = outcome.backpressure
    lines = []
    if backpressure.valve is not None:
        lines.append(f"Pauses for the database: {backpressure.pauses}, {backpressure.paused_s:.1f} s in all")
    if is_paced:
        lines.append(f"Late by {outcome.behind_max_ns / NS_PER_S:.3f} s at most")
    jumped_ns = max((progress.jumped_ns for progress in outcome.latest.values()), key=abs, default=0)
    if jumped_ns:
        lines.append(f"The machine's clock was set by {jumped_ns / NS_PER_S:+.1f} s while the run went on")
    return lines


def why_incomplete(jobs: Sequence[Job], outcome: Outcome) -> str:
    """What ended the run, the first cause first; and up to where each worker's symbols are complete."""
    lines = []
    for cause in outcome.causes:
        if cause == "signal":
            lines.append(outcome.stopped_by or "")
        elif cause == "halted":
            lines.append(outcome.halted or "")
        elif isinstance(cause, int):
            lines.append(f"Worker {cause} ({', '.join(jobs[cause].symbols)}) failed: {outcome.failed[cause].message}")
    for job in jobs:
        until_ns = outcome.now_ns.get(job.worker, job.scenario.start_ns)
        kept = "all of it kept" if job.worker in outcome.done else "its whole files kept"
        lines.append(f"Worker {job.worker} ({_few(job.symbols)}): simulated up to {new_york(until_ns)} New York time, {kept}.")
    lines.append("What is complete stays; its manifest, if the writer has a folder, says that the run is not.")
    return "\n".join(lines)


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _said(error: BaseException) -> str:
    return str(error) if isinstance(error, MarketSimError) else f"{type(error).__name__}: {error}"
