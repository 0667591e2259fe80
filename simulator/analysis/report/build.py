"""A report from rows, finished or kept in memory, and from what was gathered while they were written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from simulator.analysis.report.agents import Agent, largest_orders, picture
from simulator.analysis.report.page import as_html, head_of
from simulator.analysis.report.payload import document
from simulator.analysis.report.rows import RunRows, run_of, sketch_of
from simulator.analysis.report.sketch import SYMBOLS_MAX, Sketched
from simulator.analysis.report.windows import SPAN_MAX_S, Asked, Window, choose, look
from simulator.analysis.scorecard import score
from simulator.analysis.scorecard.page import sections
from simulator.errors import InputError, explain
from simulator.inputs.manifest import Manifest
from simulator.inputs.sessions import new_york, trading_days
from simulator.records import NS_PER_S
from simulator.tape.sink import RunInfo

BYTES_MAX = 12_000_000
"""Of a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a report is to have beside what every one has."""

    symbol: str | None = None
    start_ns: int | None = None
    end_ns: int | None = None
    """A window of that symbol by the second; all three or none."""
    scorecard: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """Where the numbers come from."""

    name: str
    manifest: Manifest | None
    run: RunInfo
    sketched: Sketched
    rows: RunRows | None
    """For windows and the scorecard; None: without them."""
    agents: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Arrow tables by agent and table."""


def gathered(rows: RunRows, agents: Mapping[str, Mapping[str, Any]], span: tuple[int, int] | None = None) -> Parts:
    """Of a finished run: reads all its rows once. Raises ``InputError`` if it does not know whose they are."""
    manifest = rows.manifest
    if manifest is None:
        raise InputError(explain("report", rows.name, "it has no record of a run", "Name the folder or database that a run wrote into."))
    run = run_of(manifest, span)
    sketch = sketch_of(rows, run, (manifest.record.only or run.symbols)[:SYMBOLS_MAX])
    return Parts(name=rows.name, manifest=manifest, run=run, sketched=sketch.result(day_starts(run)), rows=rows, agents=agents)


def day_starts(run: RunInfo) -> tuple[int, ...]:
    """When books begin anew."""
    return tuple(day.start_ns for day in trading_days(run.start_ns, run.end_ns))


def report_of(parts: Parts, wanted: Wanted | None = None, notes: Sequence[str] = ()) -> str:
    """The page. Raises ``InputError`` for a window that is not in the run."""
    wanted = wanted or Wanted()
    sketched = parts.sketched
    asked = asked_for(wanted, sketched) + choose(sketched, largest_orders(parts.agents))
    windows: list[Window] = look(parts.rows, parts.run, asked) if parts.rows is not None else []
    agents: list[Agent] = [picture(name, tables, sketched) for name, tables in sorted(parts.agents.items())]
    scorecard = ""
    told = list(notes)
    if wanted.scorecard and parts.rows is not None:
        try:
            scorecard = f'<section id="scorecard"><h2>Scorecard: how real is it?</h2>{sections(score(parts.rows))}</section>'
        except InputError as error:
            told.append(f"There is no scorecard: {error}")
    if not sketched.rows.any() and not sketched.volume.any():
        told.append("There are no rows in this run: its charts are empty.")
    if len(sketched.symbols) == SYMBOLS_MAX:
        told.append(f"The first {SYMBOLS_MAX} of its symbols are drawn.")
    step = sketched.step_ns // NS_PER_S
    facts = [("Drawn", f"{len(sketched.symbols)} symbols at {len(sketched.prices):,} points, {step // 60} min apart" if step >= 60
              else f"{len(sketched.symbols)} symbols at {len(sketched.prices):,} points, {step} s apart")]  # fmt: skip
    title = f"Report of a run: {new_york(sketched.start_ns, seconds=False)}"
    page = as_html(document(sketched, windows, agents), head_of(parts.name, parts.manifest, facts, told), title=title, scorecard=scorecard)
    return page


def asked_for(wanted: Wanted, sketched: Sketched) -> list[Asked]:
    """The window that is asked for, if one is. Raises ``InputError`` for one that is not in the run."""
    given = (wanted.symbol, wanted.start_ns, wanted.end_ns)
    if given == (None, None, None):
        return []
    if wanted.symbol is None or wanted.start_ns is None or wanted.end_ns is None:
        raise InputError(explain("--symbol, --from and --to", given, "must be given together", "Add what is missing."))
    if wanted.symbol not in sketched.symbols:
        limit = f"the run has {', '.join(sketched.symbols)}"
        raise InputError(explain("--symbol", wanted.symbol, limit, "Name one of them."))
    start_ns, end_ns = max(wanted.start_ns, sketched.start_ns), min(wanted.end_ns, sketched.end_ns)
    if end_ns - start_ns < 2 * NS_PER_S:
        limit = f"the run goes from {new_york(sketched.start_ns)} to {new_york(sketched.end_ns)} New York time"
        raise InputError(
            explain(
                "--from and --to", f"{new_york(wanted.start_ns)} to {new_york(wanted.end_ns)}", limit, "Ask for two seconds in it or more."
            )
        )
    if end_ns - start_ns > SPAN_MAX_S * NS_PER_S:
        asked_s = (end_ns - start_ns) // NS_PER_S
        raise InputError(explain("--from and --to", f"{asked_s:,} s", f"must be at most {SPAN_MAX_S:,} s apart", "Ask for less."))
    return [
        Asked(
            title=f"{wanted.symbol}: as asked for, from {new_york(start_ns)[11:]}", symbol=wanted.symbol, start_ns=start_ns, end_ns=end_ns
        )
    ]
