"""The page: what was run at its top, then charts that are drawn in the browser from what stands in the page itself."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from typing import Any

from simulator.analysis.report.payload import to_json
from simulator.inputs.manifest import Manifest
from simulator.inputs.sessions import new_york

FOOT = (
    "All of it is in this file: no network is asked for anything. Times are New York's. Sizes of levels are within 3 %. "
    "Venues' quotes and books are those at the end of each step; spreads are means by time."
)
SCRIPTS = ("charts.js", "report.js", "report_overview.js", "report_agents.js")


def part(name: str) -> str:
    """A file of the page."""
    return (files("simulator.analysis.report") / name).read_text(encoding="utf-8")


def fill(template: str, parts: Mapping[str, str]) -> str:
    """``@name@`` in the template by what stands for it; what is put in is not looked at again."""
    pieces = template.split("@")
    return "".join(parts[piece] if n % 2 else piece for n, piece in enumerate(pieces))


def as_html(document: Mapping[str, Any], head: str, *, title: str, scorecard: str = "") -> str:
    """The whole page. ``head`` and ``scorecard`` are HTML."""
    return fill(
        part("page.html"),
        {
            "title": escape(title), "style": part("page.css"), "head": head, "scorecard": scorecard, "foot": FOOT,
            "data": to_json(document), "script": "\n".join(map(part, SCRIPTS)),
        },
    )  # fmt: skip


def _span(start: str, end: str) -> str:
    """Two times of New York; a day that both are in is said once."""
    return f"{start} to {end[11:] if start[:10] == end[:10] else end}, New York time"


def head_of(where: str, manifest: Manifest | None, facts: Sequence[tuple[str, str]], notes: Sequence[str] = ()) -> str:
    """What was run, and how fast; ``facts`` come after the manifest's own."""
    found: list[tuple[str, str]] = []
    repeat = ""
    if manifest is not None:
        record = manifest.record
        rows, wall = sum(manifest.rows.values()), manifest.wall_seconds
        many = "a process" if manifest.processes == 1 else f"{manifest.processes} processes"
        found += [
            ("Simulated", _span(new_york(record.start_ns), new_york(record.end_ns))), ("Seed", str(record.seed)),
            ("Digest", manifest.digest or "none: the run did not come to its end"),
            ("Rows", f"{rows:,} ({', '.join(f'{n:,} {table}' for table, n in manifest.rows.items())})"),
            ("Took", f"{wall:,.1f} s with {many}, {rows / max(wall, 1e-9):,.0f} rows/s" if wall else "not known"),
            ("Rates", f"{record.rates.market_data_min_eps:,} to {record.rates.market_data_max_eps:,} book rows/s, "
             f"{record.rates.trades_min_eps:,} to {record.rates.trades_max_eps:,} prints/s"),
            ("Profile", record.profile.name), ("Program", record.versions.get("program", "not known")),
        ]  # fmt: skip
        if record.agents:
            found.append(("Agents", ", ".join(agent.name for agent in record.agents)))
        if not manifest.complete:
            notes = (f"This run is not complete: {manifest.reason} What there is of it is shown.", *notes)
        if not where.startswith("questdb://"):
            command = f"python -m scenarios.full_day --repeat {shlex.quote(where)} --out again"
            button = f'<button type="button" data-copy="{escape(command, quote=True)}">Copy</button>'
            repeat = f'<p>To have the same rows again:</p><div class="again"><pre>{escape(command)}</pre>{button}</div>'
    terms = "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(text)}</dd></div>" for name, text in (*found, *facts))
    told = "".join(f'<p class="note">{escape(note)}</p>' for note in notes)
    return f'<h1>Report of a run</h1><p class="soft">{escape(where)}</p>{told}<dl class="facts">{terms}</dl>{repeat}'
