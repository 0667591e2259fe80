"""The bands, as data: for each number what it is, its unit, the range that passes, where that range comes from.

A band is a judgement built on its reference, never a published value. Evidence: V the number was read in the source, S in a
second-hand summary, D worked out from numbers read, GK general knowledge of the field that no source at hand confirms.
Venue shares are of the five lit venues, volume shares of lit volume: published shares count what trades off exchange too.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

CHECKS = {
    "S1": "Books and tape keep the rules",
    "S2": "Spread: level and cross-section",
    "S3": "Spread over the day",
    "S4": "Volume over the day, and from day to day",
    "S5": "Auctions",
    "S6": "Venue split",
    "S7": "Trade sizes",
    "S8": "Tails of returns",
    "S9": "Returns are white",
    "S10": "Volatility clusters",
    "S11": "Events cluster",
    "S12": "Signs of trades remember",
    "S13": "Impact",
    "S14": "The book informs the price",
    "S15": "Venues: locks, who moves first",
    "S16": "Symbols move together",
    "S17": "Trade-throughs",
    "S18": "Depth of crosses",
    "S19": "Seconds: bursts, spectrum, repeats",
    "S20": "Overnight",
}


@dataclass(frozen=True, slots=True)
class Band:
    """``low`` and ``high`` are inclusive; None: no bound there. ``why_not``: never judged from the two tables, and why."""

    key: str
    label: str
    what: str
    unit: str
    low: float | None
    high: float | None
    source: str
    needs: str = ""
    why_not: str = ""

    @property
    def is_judged(self) -> bool:
        return not self.why_not

    @property
    def check(self) -> str:
        return self.key.split(".")[0]

    @property
    def range_text(self) -> str:
        if self.low is not None and self.high is not None:
            return f"{self.low:g} to {self.high:g}"
        if self.high is not None:
            return "0" if self.high == 0 else f"at most {self.high:g}"
        return f"at least {self.low:g}" if self.low is not None else "-"

    def contains(self, value: float, spare: float = 0.0) -> bool:
        return (self.low is None or value >= self.low - spare) and (self.high is None or value <= self.high + spare)


@cache
def bands() -> dict[str, Band]:
    """All of them by key, as ``bands.csv`` beside this file has them."""
    text = (files("simulator.analysis.scorecard") / "bands.csv").read_text(encoding="utf-8")
    found = {}
    for row in csv.DictReader(text.splitlines()):
        low, high = (float(row[end]) if row[end] else None for end in ("low", "high"))
        found[row["key"]] = Band(row["key"], row["label"], row["what"], row["unit"], low, high, row["source"], row["needs"], row["why_not"])
    return found
