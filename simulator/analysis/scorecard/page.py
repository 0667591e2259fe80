"""The card as one page of HTML: no script, nothing from the network, light and dark by the reader's setting."""

from __future__ import annotations

from html import escape
from importlib.resources import files

from simulator.analysis.scorecard.card import Card, Check, Finding, Verdict, number
from simulator.analysis.scorecard.svg import draw

CLASSES = {Verdict.PASS: "pass", Verdict.FAIL: "fail", Verdict.NOT_JUDGED: "not"}


def as_html(card: Card) -> str:
    """The whole page."""
    style = (files("simulator.analysis.scorecard") / "page.css").read_text(encoding="utf-8")
    days = f"{card.days[0]} to {card.days[-1]}, {len(card.days)} days" if len(card.days) > 1 else "".join(card.days)
    head = f"{escape(card.source)}: {days}, {len(card.symbols)} symbols, {card.book_rows:,} book rows, {card.prints:,} prints."
    notes = "".join(f"<p>{escape(note)}</p>" for note in card.notes)
    tiles = "".join(
        f'<li><a class="{CLASSES[check.verdict]}" href="#{check.key}">{check.key} {escape(check.title)}<br>'
        f"<small>{check.verdict}</small></a></li>"
        for check in card.checks
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta name="color-scheme" content="light dark"><title>Scorecard</title><style>{style}</style></head><body>'
        f"<h1>Scorecard of a market</h1><p>{head}</p><p>{escape(card.counts())}</p>{notes}"
        "<p><small>A band is a judgement built on its reference. Shaded: where the value should lie. "
        "Dashed: how the reference runs.</small></p>"
        f'<ul class="tiles">{tiles}</ul>{sections(card)}</body></html>\n'
    )


def sections(card: Card) -> str:
    """The checks alone, for another page."""
    return "".join(map(_section, card.checks))


def _section(check: Check) -> str:
    rows = "".join(map(_row, check.findings))
    facts = "".join(f'<tr><td>{escape(name)}</td><td class="n">{escape(text)}</td></tr>' for name, text in check.facts)
    also = f"<table><thead><tr><th>Not judged, good to know</th><th></th></tr></thead>{facts}</table>" if facts else ""
    plot = ""
    if check.plot is not None:
        note = f"<p><small>{escape(check.plot.note)}</small></p>" if check.plot.note else ""
        plot = f"<div><p><b>{escape(check.plot.title)}</b></p>{draw(check.plot)}{note}</div>"
    return (
        f'<section id="{check.key}"><h2>{check.key} {escape(check.title)}: '
        f'<span class="{CLASSES[check.verdict]}">{check.verdict}</span></h2><div class="both">'
        f'<div class="wide" tabindex="0" role="region" aria-label="{check.key}: table"><table>'
        '<thead><tr><th>What</th><th class="n">Value</th><th>Band</th><th>Verdict</th></tr></thead>'
        f"{rows}</table>{also}</div>{plot}</div></section>"
    )


def _row(finding: Finding) -> str:
    band = finding.band
    unit = f" {band.unit}" if band.unit else ""
    why = f"<br><small>{escape(finding.reason)}</small>" if finding.reason else ""
    return (
        f"<tr><td>{escape(band.what)}<br><small>{escape(band.source)}</small></td>"
        f'<td class="n">{number(finding.value)}<br><small>{escape(band.unit)}</small></td><td>{escape(band.range_text + unit)}<br>'
        f'<small>{escape(finding.sample)}</small></td><td class="{CLASSES[finding.verdict]}">{finding.verdict}{why}</td></tr>'
    )
