"""Writes the values of the committed cards into the tables of docs/realism.md: ``python docs/make_realism.py``.

Cards are ``docs/realism/*.json``, made by ``python -m scenarios scorecard FOLDER --json``. What a check measures, its band and its source
stay as they stand on the page; the columns behind them, one a card, are made anew.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from simulator.analysis.scorecard.card import number

DOCS = Path(__file__).parent
CARDS = {
    "`market`": "market_day_9101.json",
    "`spec`": "spec_day_9101_new_flow.json",
    "`market`, 21 days": "market_21_days_9101.json",
    "`spec`, 15 days": "spec_15_days_9101.json",
    "before": "spec_day_9101.json",
    "before, five days": "spec_five_days_9101.json",
}
"""Heading of the column: card. Before: the market before its flow was made anew, profile ``spec``."""
FIXED = 4
"""Columns that are the page's own: key, what, band, source."""


def main() -> None:
    cards = {heading: json.loads((DOCS / "realism" / name).read_text())["checks"] for heading, name in CARDS.items()}
    parts = {heading: {part["key"]: part for check in card for part in check["parts"]} for heading, card in cards.items()}
    page = (DOCS / "realism.md").read_text()
    lines: list[str] = []
    for line in page.split("\n"):
        lines.append(_line(line, lines, cards, parts))
    (DOCS / "realism.md").write_text("\n".join(lines))


def _line(line: str, before: list[str], cards: dict[str, Any], parts: dict[str, dict[str, Any]]) -> str:
    if line.startswith("| check |"):
        return _row(["check", *cards])
    if re.match(r"\|(---\|)+$", line) and re.match(r"\| (check )?\|", before[-1]):
        return "|" + "---|" * (before[-1].count("|") - 1)
    if line.startswith("| S"):
        check = line.split()[1]
        verdicts = [next(each["verdict"] for each in card if each["check"] == check) for card in cards.values()]
        return _row([line.split("|")[1].strip(), *verdicts])
    if line.startswith("Not judged. "):
        return _facts(next(each.split()[1].rstrip(":") for each in reversed(before) if each.startswith("### ")), cards)
    if line.startswith("| | what |"):
        return _row(["", "what", "band", "source and evidence", *cards])
    if line.startswith("| `S"):
        fixed = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1 : FIXED + 1]]
        key = fixed[0].strip("`")
        return _row([*fixed, *(_value(parts[heading][key]) for heading in cards)])
    return line


def _facts(check: str, cards: dict[str, Any]) -> str:
    """What the cards tell beside the bands; the first two cards, those of the market as it is."""
    told = []
    for heading, card in list(cards.items())[:2]:
        facts = next(each["facts"] for each in card if each["check"] == check)
        if facts:
            told.append(f"{heading}: " + "; ".join(f"{name} {value}" for name, value in facts.items()) + ".")
    return "Not judged. " + " ".join(told)


def _value(part: dict[str, Any]) -> str:
    if part["verdict"] == "not judged":
        return "-" if part["value"] is None else f"({number(part['value'])})"
    return f"{number(part['value'])} **fail**" if part["verdict"] == "fail" else number(part["value"])


def _row(cells: list[str]) -> str:
    return "| " + " | ".join(cells).lstrip() + " |"


if __name__ == "__main__":
    main()
