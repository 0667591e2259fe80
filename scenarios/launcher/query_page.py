"""What a query load measured, as a table in the terminal and as one page of HTML: no script, nothing from the network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from importlib.resources import files

from rich.console import Console

from scenarios.launcher.query_load import Ask, Load, Waits
from scenarios.launcher.tables import print_table, say

HEADER = ("query", "reads", "runs", "rows/s", "p50 ms", "p95 ms", "p99 ms")
WIDTH = 220
"""Of a drawing."""
LEAST_MS = 0.1


def print_load(console: Console, load: Load, facts: Sequence[str]) -> None:
    """The table, the facts below it."""
    print_table(console, HEADER, [row(ask, waits) for ask, waits in zip(load.asks, load.waits, strict=True)])
    for fact in (*facts, *faults(load)):
        say(console, fact)


def row(ask: Ask, waits: Waits) -> list[str]:
    """As texts, by ``HEADER``."""
    times = [waits.percentile_ms(share) for share in (0.5, 0.95, 0.99)]
    numbers = ["-" if math.isnan(value) else f"{value:,.1f}" if value < 99.95 else f"{value:,.0f}" for value in times]
    return [ask.query.name, ask.reads, f"{len(waits.seconds):,}", f"{waits.rows_per_s:,.0f}", *numbers]


def faults(load: Load) -> list[str]:
    """A line for each query that the server refused."""
    pairs = zip(load.asks, load.waits, strict=True)
    return [f"Refused {waits.refused:,} times: {ask.query.name} ({waits.why})" for ask, waits in pairs if waits.refused]


def as_html(load: Load, facts: Sequence[str]) -> str:
    """The whole page."""
    style = (files("simulator.analysis.scorecard") / "page.css").read_text(encoding="utf-8")
    most = max(max((value for waits in load.waits if not math.isnan(value := waits.percentile_ms(0.99))), default=1.0), 10.0)
    head = "".join(f'<th scope="col" class="n">{escape(name)}</th>' for name in HEADER[2:])
    rows = "".join(_row(ask, waits, most) for ask, waits in zip(load.asks, load.waits, strict=True))
    notes = "".join(f"<p>{escape(fact)}</p>" for fact in (*facts, *faults(load)))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>Query load</title><style>{style}</style></head><body><main>'
        f"<h1>Query load</h1>{notes}"
        "<p><small>A bar goes from the median to the 99th percentile, its mark is the 95th; on a logarithmic scale. rows/s: rows of "
        "answers by the seconds that clients waited for them. Reads: from views, or from the tables that they are made of.</small></p>"
        '<div class="wide" tabindex="0" role="region" aria-label="Queries"><table><thead><tr><th scope="col">query</th>'
        f'<th scope="col">reads</th>{head}'
        f'<th scope="col">waits, ms{_scale(most)}</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></main></body></html>\n"
    )


def _row(ask: Ask, waits: Waits, most: float) -> str:
    name, reads, *numbers = row(ask, waits)
    cells = "".join(f'<td class="n">{escape(text)}</td>' for text in numbers)
    about = f'<br><small style="font-weight:400">{escape(ask.query.about)}</small>'
    return f'<tr><th scope="row">{escape(name)}{about}</th><td>{escape(reads)}</td>{cells}<td>{_bar(waits, most)}</td></tr>'


def _decades(most: float) -> list[float]:
    """Of milliseconds, up to the longest wait."""
    return [10.0**n for n in range(-1, math.floor(math.log10(most)) + 1)]


def _place(ms: float, most: float) -> float:
    return WIDTH * math.log10(max(ms, LEAST_MS) / LEAST_MS) / math.log10(most / LEAST_MS)


def _scale(most: float) -> str:
    """What the lines below stand for."""
    texts = "".join(f'<text x="{_place(ms, most):.1f}" y="11" font-size="11" fill="currentColor">{ms:,.6g}</text>' for ms in _decades(most))
    return (
        f'<svg viewBox="0 0 {WIDTH + 40} 14" style="display:block;width:{WIDTH + 40}px;max-width:none;font-weight:400" aria-hidden="true">'
        f"{texts}</svg>"
    )


def _bar(waits: Waits, most: float) -> str:
    """Decoration: the numbers stand beside it."""
    if not waits.seconds:
        return ""

    start, mark, end = (_place(waits.percentile_ms(share), most) for share in (0.5, 0.95, 0.99))
    lines = "".join(f'<rect class="c3" x="{_place(ms, most):.1f}" y="0" width="1" height="14" opacity="0.4"/>' for ms in _decades(most))
    return (
        f'<svg viewBox="0 0 {WIDTH + 4} 14" style="width:{WIDTH + 4}px;max-width:none" aria-hidden="true">{lines}'
        f'<rect class="c1" x="{start:.1f}" y="3" width="{max(end - start, 2):.1f}" height="8"/>'
        f'<rect class="c2" x="{mark:.1f}" y="1" width="2" height="12"/></svg>'
    )
