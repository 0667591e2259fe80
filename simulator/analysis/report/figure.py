"""A figure: a page of its own, that draws itself in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from html import escape
from pathlib import Path
from typing import Any

from simulator.errors import SinkError, explain


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Figure:
    """Charts as one page of HTML that needs no network."""

    title: str
    html: str
    """The whole page."""
    height_px: int = 640
    """In a notebook."""
    tables: Mapping[str, Any] = field(default_factory=dict)
    """What is drawn, as ``pyarrow.Table`` by name, where it is little enough."""

    def __repr__(self) -> str:
        return f"<Figure {self.title!r}, {len(self.html):,} characters; save(path) keeps it, a notebook shows it>"

    def _repr_html_(self) -> str:
        """In a frame, so that neither the notebook's style nor its scripts meet those of the figure."""
        style = f"width:100%;height:{self.height_px}px;border:0"
        return f'<iframe srcdoc="{escape(self.html, quote=True)}" title="{escape(self.title, quote=True)}" style="{style}"></iframe>'

    def save(self, path: str | Path) -> Path:
        """Write the page; returns its path. Raises ``SinkError``."""
        path = Path(path)
        try:
            path.write_text(self.html, encoding="utf-8")
        except OSError as error:
            limit = f"it cannot be written: {error.strerror or error}"
            raise SinkError(explain("path", str(path), limit, "Name a file in a folder that you may write to.")) from error
        return path
