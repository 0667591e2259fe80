"""What was measured, against its band: findings, checks, the card; as JSON and as text of 80 columns."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from simulator.analysis.scorecard.bands import CHECKS, Band, bands


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    NOT_JUDGED = "not judged"


@dataclass(frozen=True, slots=True)
class Finding:
    """One number against its band. ``value`` is NaN where there is none; ``reason`` says why a verdict is missing."""

    key: str
    value: float
    sample: str
    verdict: Verdict
    reason: str = ""

    @property
    def band(self) -> Band:
        return bands()[self.key]


def judged(key: str, value: float, sample: str, *, unless: str = "", spare: float = 0.0) -> Finding:
    """A finding. ``unless``: why it cannot be judged; ``spare``: how far outside its band chance alone may put the value."""
    band = bands()[key]
    if unless or not math.isfinite(value) or not band.is_judged:
        reason = unless or (band.why_not if not band.is_judged else "no value: " + (band.needs or "the data do not show it"))
        return Finding(key, value, sample, Verdict.NOT_JUDGED, reason)
    inside = band.contains(value, spare)
    return Finding(key, value, sample, Verdict.PASS if inside else Verdict.FAIL)


@dataclass(frozen=True, slots=True)
class Series:
    """What a plot shows: ``kind`` line, dots, bars or band (between ``y`` and ``y_high``). ``reference``: how the real market looks."""

    name: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    kind: str = "line"
    y_high: tuple[float, ...] = ()
    reference: bool = False


@dataclass(frozen=True, slots=True)
class Plot:
    """One plot of a check. ``ticks``: names of the places 0, 1, ... on the horizontal axis, where it has no numbers."""

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    log_x: bool = False
    log_y: bool = False
    ticks: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """S1 to S20: all findings of one kind, and a plot."""

    key: str
    findings: tuple[Finding, ...]
    plot: Plot | None = None
    facts: tuple[tuple[str, str], ...] = ()
    """Numbers that help to understand and are not judged: name, text."""

    @property
    def title(self) -> str:
        return CHECKS[self.key]

    @property
    def verdict(self) -> Verdict:
        """Fails if a part fails; passes if a part passes and none fails."""
        verdicts = {finding.verdict for finding in self.findings}
        return next((v for v in (Verdict.FAIL, Verdict.PASS) if v in verdicts), Verdict.NOT_JUDGED)


@dataclass(frozen=True, slots=True)
class Card:
    """The whole score."""

    source: str
    days: tuple[str, ...]
    symbols: tuple[str, ...]
    book_rows: int
    prints: int
    checks: tuple[Check, ...]
    notes: tuple[str, ...] = field(default=())

    @property
    def failed(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if check.verdict is Verdict.FAIL)

    def check(self, key: str) -> Check:
        return next(check for check in self.checks if check.key == key)

    def finding(self, key: str) -> Finding:
        return next(f for check in self.checks for f in check.findings if f.key == key)

    def counts(self) -> str:
        def of(verdicts: list[Verdict]) -> str:
            return ", ".join(f"{verdicts.count(v)} {v}" for v in Verdict)

        checks = [check.verdict for check in self.checks]
        return f"Checks: {of(checks)}. Parts: {of([f.verdict for check in self.checks for f in check.findings])}."

    def to_json(self) -> dict[str, Any]:
        """For ``json.dumps``; NaN becomes null."""
        return {
            "format": "equities-market-simulator-scorecard/1",
            "source": self.source,
            "days": list(self.days),
            "symbols": list(self.symbols),
            "book_rows": self.book_rows,
            "prints": self.prints,
            "notes": list(self.notes),
            "checks": [
                {
                    "check": check.key,
                    "title": check.title,
                    "verdict": str(check.verdict),
                    "parts": [_part(finding) for finding in check.findings],
                    "facts": dict(check.facts),
                }
                for check in self.checks
            ],
        }


def _part(finding: Finding) -> dict[str, Any]:
    band = finding.band
    known = math.isfinite(finding.value)
    return {
        "key": finding.key,
        "what": band.what,
        "value": float(f"{finding.value:.6g}") if known else None,
        "unit": band.unit,
        "low": band.low,
        "high": band.high,
        "verdict": str(finding.verdict),
        "sample": finding.sample,
        "reason": finding.reason,
    }


def number(value: float) -> str:
    """Four figures, at most eight characters."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if value == int(value) and size < 1e7:
        return f"{int(value):,}" if size < 1e6 else f"{int(value)}"
    if size >= 1e7:
        return f"{value:.2e}"
    if size >= 1_000:
        return f"{value:,.0f}"
    if size >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if size >= 1 else f"{value:.4f}" if size >= 0.001 else f"{value:.1e}"


def shown(value: float, form: str) -> str:
    """As ``format`` has it; a dash for no number."""
    return format(value, form) if math.isfinite(value) else "-"


MARKS = {Verdict.PASS: "pass", Verdict.FAIL: "FAIL", Verdict.NOT_JUDGED: "-"}


def as_text(card: Card) -> str:
    """A table that fits 80 columns."""
    days = f"{card.days[0]} to {card.days[-1]}" if len(card.days) > 1 else "".join(card.days)
    head = f"{card.book_rows:,} book rows and {card.prints:,} prints, {len(card.symbols)} symbols, {len(card.days)} days ({days})"
    lines = [f"Scorecard of {card.source}", *_wrap(head, 80), *(line for note in card.notes for line in _wrap(note, 80)), ""]
    lines.append(f"{'':5}{'':38}{'value':>9}  {'band':<17}{'verdict'}")
    for check in card.checks:
        lines.append(f"{check.key:<5}{check.title[:62]:<64}{MARKS[check.verdict]}")
        for finding in check.findings:
            lines.append(
                f"  {_cut(finding.band.label, 41):<41}{number(finding.value):>9}  {finding.band.range_text:<17}{MARKS[finding.verdict]}"
            )
            if finding.reason:
                lines += [f"      {line}" for line in _wrap("not judged: " + finding.reason, 74)]
    return "\n".join([*lines, "", *_wrap(card.counts(), 80)]) + "\n"


def _cut(text: str, width: int) -> str:
    return text if len(text) < width else text[: width - 2] + "…"


def _wrap(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width) or [""]
