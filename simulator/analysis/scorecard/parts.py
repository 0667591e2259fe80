"""What all groups of statistics share: a part is what one symbol-day contributes, small enough to keep for a year."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from simulator.analysis.scorecard.card import Series
from simulator.analysis.scorecard.estimators import Numbers
from simulator.analysis.scorecard.symbol_day import SymbolDay


@dataclass(frozen=True, slots=True)
class Key:
    """Whose part it is."""

    symbol: str
    date: str
    listing: str | None
    is_whole: bool
    """The session from open to close was covered."""
    covered_s: int

    @classmethod
    def of(cls, day: SymbolDay) -> Key:
        return cls(day.symbol, day.day.date.isoformat(), day.listing, day.is_whole, day.covered_s)


class Part(Protocol):
    """Any group's."""

    @property
    def key(self) -> Key: ...


P = TypeVar("P", bound=Part)


def by_symbol(parts: Sequence[P]) -> dict[str, list[P]]:
    """In the order in which symbols and days came."""
    found: dict[str, list[P]] = {}
    for part in parts:
        found.setdefault(part.key.symbol, []).append(part)
    return found


def days_of(parts: Sequence[Part]) -> int:
    return len({part.key.date for part in parts})


def sample(parts: Sequence[Part], of: str = "") -> str:
    """Sample size in words."""
    symbols, days = len({part.key.symbol for part in parts}), days_of(parts)
    plain = f"{symbols} symbol{'s' * (symbols != 1)}, {days} day{'s' * (days != 1)}"
    return f"{plain}, {of}" if of else plain


def long_enough(parts: Sequence[P], seconds: int) -> list[P]:
    """Those of which so much of the session is covered."""
    return [part for part in parts if part.key.covered_s >= seconds]


def stack(rows: Sequence[Numbers]) -> Numbers:
    """[days, n] of rows of one length; shorter sessions are filled with NaN."""
    width = max((len(row) for row in rows), default=0)
    table = np.full((len(rows), width), np.nan)
    for i, row in enumerate(rows):
        table[i, : len(row)] = row
    return table


def band_of(name: str, low: float | None, high: float | None, x: tuple[float, float]) -> Series:
    """A shaded range over a stretch of the horizontal axis."""
    top = high if high is not None else float("inf")
    return Series(name, x, (low if low is not None else float("-inf"),) * 2, "band", (top, top), reference=True)


def series(name: str, x: Numbers | Sequence[float], y: Numbers | Sequence[float], kind: str = "line", *, reference: bool = False) -> Series:
    return Series(name, tuple(map(float, x)), tuple(map(float, y)), kind, reference=reference)
