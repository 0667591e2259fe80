"""Small tables for notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

CELL = "text-align:right;padding:0 0.6em"


def table_html(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A title and a table; all text is escaped."""
    head = "".join(f'<th style="{CELL}">{escape(str(cell))}</th>' for cell in header)
    body = "".join("<tr>" + "".join(f'<td style="{CELL}">{escape(str(cell))}</td>' for cell in row) + "</tr>" for row in rows)
    return f"<p>{escape(title)}</p><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
