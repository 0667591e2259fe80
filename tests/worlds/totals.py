"""The totals of all worlds run so far, kept in a table of docs/reliability.md."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

from tests.worlds.one_world import Outcome

PAGE = Path(__file__).parent.parent.parent / "docs" / "reliability.md"
BEGIN, END = "<!-- worlds: written by python -m tests.worlds -->", "<!-- end of worlds -->"
LABELS = {
    "worlds": "worlds, seeds 1 to",
    "right": "right",
    "refused": "refused by an `InputError`, as they should be",
    "limit": "ended by a `LimitError` that names the limit to raise",
    "wrong": "wrong",
    "rows": "rows",
    "replayed": "order rows replayed through the book and the twin",
}


@dataclass(slots=True)
class Totals:
    worlds: int = 0
    right: int = 0
    refused: int = 0
    limit: int = 0
    wrong: int = 0
    rows: int = 0
    replayed: int = 0
    wrong_seeds: list[int] = field(default_factory=list)

    @classmethod
    def read(cls, page: Path) -> Self:
        """Those of the page; none if it has none."""
        block = _block(page.read_text() if page.is_file() else "")
        numbers = {name: re.search(rf"^\| {re.escape(label)} \| ([\d,]+) \|$", block, re.MULTILINE) for name, label in LABELS.items()}
        totals = cls(**{name: int(found.group(1).replace(",", "")) for name, found in numbers.items() if found})
        totals.wrong_seeds = [int(seed) for seed in re.findall(r"--seed (\d+)`", block)]
        return totals

    def add(self, outcome: Outcome) -> None:
        """The next seed's."""
        self.worlds += 1
        setattr(self, outcome.kind, getattr(self, outcome.kind) + 1)
        self.rows += outcome.rows
        self.replayed += outcome.replayed
        if outcome.kind == "wrong":
            self.wrong_seeds.append(outcome.seed)

    def write(self, page: Path) -> None:
        """Into the page's block, or at its end."""
        text = page.read_text() if page.is_file() else "# Reliability\n"
        new = f"{BEGIN}\n{self}\n{END}"
        old = _block(text)
        page.write_text(text.replace(old, new) if old else f"{text.rstrip()}\n\n## Random worlds\n\n{new}\n")

    def __str__(self) -> str:
        numbers = asdict(self)
        lines = ["| | |", "|---|---|", *(f"| {label} | {numbers[name]:,} |" for name, label in LABELS.items())]
        repeat = [f"- `python -m tests.worlds --seed {seed}`" for seed in self.wrong_seeds]
        return "\n".join([*lines, *(["", "Wrong:", "", *repeat] if repeat else [])])


def _block(text: str) -> str:
    begin, end = text.find(BEGIN), text.find(END)
    return text[begin : end + len(END)] if 0 <= begin < end else ""
