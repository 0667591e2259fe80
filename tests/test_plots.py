"""Figures as functions: what they return, of a market and of a folder, and what they say of what is not there."""

from __future__ import annotations

from html import unescape
from pathlib import Path

import numpy as np
import pytest

from simulator.analysis.impact import with_and_without
from simulator.analysis.scorecard import score
from simulator.errors import InputError, SinkError
from simulator.inputs.config import AgentSpec
from simulator.market import Market
from simulator.plots import Figure, plot_agent, plot_book, plot_day, plot_impact, plot_scorecard
from simulator.tape.sink import NullSink
from tests.helpers import run, scenario
from tests.made_market import make
from tests.test_report import data_of


def buyer(market, orders, rng):  # type: ignore[no-untyped-def]
    """100 shares at the offer, each second after the open."""
    yield market.wait(11_000_000_000)
    while True:
        _, ask = market.nbbo("AAPL")
        if ask:
            orders.buy("AAPL", "NASDAQ", ask, 100)
        yield market.wait(1_000_000_000)


@pytest.fixture(scope="module")
def market() -> Market:
    return run(scenario(agents=(AgentSpec(name="buyer", make=buyer, symbols=("AAPL",)),)))


def test_a_day(market: Market) -> None:
    figure = plot_day(market, "AAPL")
    day = figure.tables["day"].to_pandas()
    trades = market.pandas("trades")
    mine = trades[trades["symbol"] == "AAPL"]
    assert day["shares"].sum() == mine["size"].sum()
    assert day["high"].max() == mine["price"].max()
    bid, ask = market.book("AAPL", "NASDAQ").best()
    assert day["bid"].iloc[-1] >= bid / 100
    assert day["ask"].iloc[-1] <= ask / 100
    assert np.nanmin(day["spread"]) > 0
    assert data_of(figure.html)["show"][0] == "day"  # type: ignore[index]
    assert unescape(figure._repr_html_().split('srcdoc="')[1].split('" title')[0]) == figure.html


def test_a_book_through_the_run_and_by_the_second(market: Market, tmp_path: Path) -> None:
    assert data_of(plot_book(market, "JPM").html)["first"] == market.symbols.index("JPM")
    figure = plot_book(market, "AAPL", "2025-07-01T13:30:02Z", "2025-07-01T13:30:07Z")
    trades = market.pandas("trades")
    seconds = trades["timestamp_ns"].dt.second
    assert len(figure.tables["prints"]) == len(trades[(trades["symbol"] == "AAPL") & (seconds >= 2) & (seconds < 7)])
    assert figure.save(tmp_path / "book.html").read_text() == figure.html
    with pytest.raises(SinkError, match="cannot be written"):
        figure.save(tmp_path / "no" / "book.html")


def test_an_agent_as_its_result_has_it(market: Market) -> None:
    figure = plot_agent(market, "buyer")
    result = market.agents()["buyer"]
    assert result.fills > 0
    assert figure.tables["equity"]["equity_usd"][-1].as_py() == pytest.approx(result.pnl_usd, abs=0.02)
    agent = data_of(figure.html)["agents"][0]  # type: ignore[index]
    assert agent["inventory"][0][-1] == result.positions[0].shares
    assert sum(count for _, count in agent["states"]) == len(result.arrow("orders"))


def test_an_impact_and_a_scorecard() -> None:
    impact = with_and_without(scenario(), AgentSpec(name="buyer", make=buyer, symbols=("AAPL",)))
    figure = plot_impact(impact)
    assert "AAPL: difference" in figure.html
    assert figure.tables["impact"].num_rows == impact.arrow().num_rows
    with pytest.raises(InputError, match="the impact has"):
        plot_impact(impact, "IBM")
    card = plot_scorecard(score(make(5, ("AAPL",), seconds=600, rate=0.5).source()))
    assert isinstance(card, Figure)
    assert "<svg" in card.html


def test_a_report_of_a_market_and_a_book_in_a_notebook(market: Market) -> None:
    page = market.report()
    assert data_of(page.html)["symbols"] == list(market.symbols)
    assert len(data_of(page.html)["windows"]) > 1  # type: ignore[arg-type]
    assert "<td>" in market.book("AAPL", "NASDAQ")._repr_html_()


def test_what_is_not_there(market: Market, tmp_path: Path) -> None:
    for wrong in (lambda: plot_day(market, "IBM"), lambda: plot_book(market, "IBM"), lambda: plot_agent(market, "seller")):
        with pytest.raises(InputError, match="the run has"):
            wrong()
    with pytest.raises(InputError, match="must be given together"):
        plot_book(market, "AAPL", "2025-07-01T13:30:02Z")
    with pytest.raises(InputError, match="must be a Market"):
        plot_day(7)
    with pytest.raises(InputError, match="cannot be read"):
        plot_day(tmp_path)
    with pytest.raises(InputError, match="hands its rows to that sink"):
        Market(scenario(), NullSink()).report()
