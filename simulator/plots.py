"""Figures of a run, as its report has them: of a day, a book, an agent, its impact, a scorecard.

``run`` is a ``Market`` that keeps its rows, or the folder of a run with ``--writer parquet``. A figure draws itself in a notebook, and
``figure.save("day.html")`` keeps it as one page; ``figure.tables`` has what is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from simulator.analysis.report.agents import largest_orders, picture, read_tables
from simulator.analysis.report.build import Parts, Wanted, asked_for, gathered
from simulator.analysis.report.figure import Figure
from simulator.analysis.report.memory import parts_of
from simulator.analysis.report.page import as_html
from simulator.analysis.report.payload import document
from simulator.analysis.report.rows import RunFolder
from simulator.analysis.report.sketch import Sketched
from simulator.analysis.report.windows import choose, look
from simulator.analysis.scorecard.card import Card, Plot, Series
from simulator.analysis.scorecard.page import as_html as card_as_html
from simulator.analysis.scorecard.svg import draw
from simulator.errors import InputError, explain
from simulator.inputs.sessions import parse_ts
from simulator.records import NS_PER_S, PRICE_UNITS_PER_USD
from simulator.tape.arrow import TIME, TIME_COLUMN

if TYPE_CHECKING:
    from simulator.analysis.impact import Impact

__all__ = ["Figure", "plot_agent", "plot_book", "plot_day", "plot_impact", "plot_scorecard"]


def plot_day(run: Any, symbol: str | None = None) -> Figure:
    """Price, volume, book, venues, spread and depth of the run; ``symbol``: which is shown first. Raises ``InputError``."""
    parts = _parts(run)
    place = _place(parts.sketched, symbol)
    shown = ["day", "book", "venues", "shape", "auctions", "together"]
    page = _page(document(parts.sketched, [], []), shown, place, title := f"A day of {parts.sketched.symbols[place]}")
    return Figure(title=title, html=page, height_px=1_000, tables={"day": _day_table(parts.sketched, place)})


def plot_book(run: Any, symbol: str, start_ts: str | None = None, end_ts: str | None = None) -> Figure:
    """The book through the run; with times (ISO-8601 with a zone, half an hour at most) by the second, with every print.

    Raises ``InputError`` for a symbol or times that the run does not have.
    """
    parts = _parts(run)
    place = _place(parts.sketched, symbol)
    title = f"The book of {symbol}"
    if start_ts is None and end_ts is None:
        page = _page(document(parts.sketched, [], []), ["book"], place, title)
        return Figure(title=title, html=page, height_px=620, tables={"day": _day_table(parts.sketched, place)})
    times = [None if ts is None else parse_ts(ts) for ts in (start_ts, end_ts)]
    asked = asked_for(Wanted(symbol=symbol, start_ns=times[0], end_ns=times[1]), parts.sketched)
    assert parts.rows is not None
    windows = look(parts.rows, parts.run, asked)
    prints = windows[0].prints
    columns = ("price", "size", "side", "cond", "venue")
    table = pa.table({TIME_COLUMN: pa.array(prints[:, 0]).view(TIME), **{name: prints[:, n + 1] for n, name in enumerate(columns)}})
    page = _page(document(parts.sketched, windows, []), ["seconds"], place, title)
    return Figure(title=title, html=page, height_px=620, tables={"prints": table})


def plot_agent(run: Any, name: str) -> Figure:
    """An agent's fills, inventory, equity, drawdown, slippage, markouts and orders. Raises ``InputError`` for a name that is none."""
    parts = _parts(run)
    if name not in parts.agents:
        known = ", ".join(parts.agents) or "none"
        raise InputError(explain("agent", name, f"the run has {known}", "Name one of them."))
    agent = picture(name, parts.agents[name], parts.sketched)
    asked = choose(parts.sketched, largest_orders({name: parts.agents[name]}))
    windows = [] if parts.rows is None else look(parts.rows, parts.run, [one for one in asked if "largest order" in one.title])
    place = _place(parts.sketched, agent.symbols[0] if agent.symbols else None)
    ends = parts.sketched.start_ns + np.arange(1, len(agent.equity) + 1) * parts.sketched.step_ns
    table = pa.table({TIME_COLUMN: pa.array(ends).view(TIME), "equity_usd": agent.equity})
    page = _page(document(parts.sketched, windows, [agent]), ["agents", "seconds"], place, title := f"The agent {name}")
    return Figure(title=title, html=page, height_px=1_100, tables={"equity": table, **parts.agents[name]})


def plot_impact(impact: Impact, symbol: str | None = None) -> Figure:
    """The midpoint with the agent and without it, and how far apart they are. Raises ``InputError`` for another symbol."""
    if symbol is not None and symbol not in impact.symbols:
        raise InputError(explain("symbol", symbol, f"the impact has {', '.join(impact.symbols)}", "Name one of them."))
    traded = [position.symbol for position in impact.agent.positions if position.symbol in impact.symbols]
    name = symbol or (traded[0] if traded else impact.symbols[0])
    k = impact.symbols.index(name)
    seconds = tuple(((impact.ts_ns - impact.ts_ns[0]) / NS_PER_S).tolist())

    def line(what: str, values: Any, *, reference: bool = False) -> Series:
        return Series(what, seconds, tuple(np.asarray(values, np.float64).tolist()), reference=reference)

    plots = (
        Plot(f"{name}: midpoint, USD", "seconds", "USD", (
            line("without", impact.mid_without_usd[:, k], reference=True), line(f"with {impact.agent.name}", impact.mid_with_usd[:, k]),
        )),
        Plot(f"{name}: difference", "seconds", "bps", (line("impact", impact.bps[:, k]),), note="Of one seed it is impact and noise."),
    )  # fmt: skip
    title = f"Impact of {impact.agent.name}"
    return Figure(title=title, html=_static(title, plots), height_px=520, tables={"impact": impact.arrow()})


def plot_scorecard(card: Card) -> Figure:
    """A scorecard's checks with their plots; ``simulator.analysis.scorecard.score`` makes the card."""
    return Figure(title=f"Scorecard of {card.source}", html=card_as_html(card), height_px=1_000)


def _parts(run: Any) -> Parts:
    if isinstance(run, str | Path):
        rows = RunFolder(Path(run))
        return gathered(rows, read_tables(Path(run)), rows.span())
    if not hasattr(run, "run_info"):
        raise InputError(explain("run", run, "must be a Market or the folder of a run", "For example plot_day('out')."))
    return parts_of(run)


def _place(sketched: Sketched, symbol: str | None) -> int:
    """Of the symbol; without one, of that which traded most."""
    if symbol is None:
        return int(sketched.volume[..., 0].sum(axis=0).argmax())
    if symbol not in sketched.symbols:
        raise InputError(explain("symbol", symbol, f"the run has {', '.join(sketched.symbols)}", "Name one of them."))
    return sketched.symbols.index(symbol)


def _page(found: dict[str, Any], shown: Sequence[str], place: int, title: str) -> str:
    """Some of the report's sections alone."""
    return as_html({**found, "show": list(shown), "first": place}, f"<h1>{escape(title)}</h1>", title=title)


def _static(title: str, plots: Sequence[Plot]) -> str:
    style = (files("simulator.analysis.scorecard") / "page.css").read_text(encoding="utf-8")
    drawn = "".join(f"<div><p><b>{escape(plot.title)}</b></p>{draw(plot)}<p><small>{escape(plot.note)}</small></p></div>" for plot in plots)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f"<title>{escape(title)}</title><style>{style}</style></head><body><h1>{escape(title)}</h1>"
        f'<div class="both">{drawn}</div></body></html>\n'
    )


def _day_table(sketched: Sketched, place: int) -> Any:
    """A row a step: its end, prints' first, high, low and last, shares, bought, prints, best bid and ask, spread; prices in USD."""
    ends = sketched.start_ns + np.arange(1, len(sketched.prices) + 1) * sketched.step_ns
    columns: dict[str, Any] = {TIME_COLUMN: pa.array(ends).view(TIME)}
    for n, name in enumerate(("first", "high", "low", "last")):
        columns[name] = _usd(sketched.prices[:, place, n])
    for n, name in enumerate(("shares", "bought", "prints")):
        columns[name] = sketched.volume[:, place, n]
    columns["bid"], columns["ask"] = _usd(sketched.best[:, place, 0, 0]), _usd(sketched.best[:, place, 1, 0])
    columns["spread"] = pa.array(sketched.spread[:, place] / PRICE_UNITS_PER_USD, from_pandas=True)
    return pa.table(columns)


def _usd(units: Any) -> Any:
    return pa.array(units / PRICE_UNITS_PER_USD, mask=units == 0)
