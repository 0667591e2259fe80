"""The live page in a real browser, if one is on the machine: what it draws of a run, against the rows that the run wrote."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import WIDTHS, find_browser, has_axe, keep_picture, launched, open_page, serious_findings

from scenarios.launcher import main
from simulator.live.camera import Camera
from simulator.live.server import LiveServer
from simulator.market import Market
from simulator.records import NS_PER_S
from tests.helpers import scenario

pytestmark = pytest.mark.skipif(find_browser() is None, reason="BROWSER TESTS NOT RUN: no chromium on this machine, or no playwright")
WORDS = ("--scenario", "momentum", "--start_ts", "2025-07-01T13:29:50Z", "--end_ts", "2025-07-01T13:30:40Z", "--report", "false")


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """``looking(look)``: a thread that calls ``look(address)`` as soon as a run serves its page; what it returned comes of the result."""
    begin = LiveServer.start
    found: dict[str, Any] = {}

    def arrange(look: Any) -> dict[str, Any]:
        def work(live: LiveServer) -> None:
            try:
                found["seen"] = look(live.address)
            except BaseException as error:
                found["error"] = error
            finally:
                live.ask("speed", 0)
                live.ask("go", 0)

        def start(live: LiveServer) -> None:
            for wished in ("pause", *["step"] * 20):  # it waits there, however long the browser takes
                live.ask(wished, 0)
            begin(live)
            found["thread"] = threading.Thread(target=work, args=(live,))
            found["thread"].start()

        monkeypatch.setattr(LiveServer, "start", start)
        return found

    yield arrange
    if "thread" in found:
        found["thread"].join(60)


def texts(page: Any, selector: str) -> list[str]:
    """All in one call: rows that the page draws anew between two are no longer shown, and their cells run together."""
    found: list[str] = page.evaluate("(selector) => [...document.querySelectorAll(selector)].map((each) => each.innerText)", selector)
    return found


def test_the_ladder_is_the_book_at_that_time(looking: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Frozen at an instant by the page's own button, at two widths; then another symbol; then the run ends."""

    def look(address: str) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        with launched() as browser:
            for width in WIDTHS:
                with open_page(browser, address, width=width, dark=width > 1000) as (page, said):
                    page.wait_for_selector("body[data-drawn]")
                    page.click("#ladder-details summary")
                    page.wait_for_selector("#ladder-table tbody tr")
                    page.wait_for_selector('body[data-paused="true"]')
                    page.wait_for_selector(f"#clock:text('09:30:{10 + WIDTHS.index(width):02d}.000')")
                    page.wait_for_timeout(300)
                    seen[f"columns {width}"] = int(page.get_attribute("body", "data-columns"))
                    seen[f"auction {width}"] = page.inner_text("#auction-said")
                    seen[f"agents {width}"] = texts(page, "#agents tbody tr")
                    keep_picture(page, f"live-{width}")
                    seen[f"fits {width}"] = page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
                    seen[f"ladder {width}"] = texts(page, "#ladder-table tbody tr")
                    seen[f"clock {width}"] = page.inner_text("#clock")
                    seen["painted"] = page.evaluate(
                        """() => ["ladder", "heat"].map((id) => { const c = document.getElementById(id);
                           return c.getContext("2d").getImageData(0, 0, c.width, c.height).data.some((v) => v > 0); })"""
                    )
                    seen[f"axe {width}"] = serious_findings(page, *(["color-contrast"] if width > 1000 else [])) if has_axe() else []
                    page.select_option("#symbol", "MSFT")
                    page.wait_for_selector("#symbol-name:text('MSFT')")
                    page.click("#step")
                    seen[f"said {width}"] = list(said)
        return seen

    found = looking(look)
    out = tmp_path / "out"
    assert main.main((*WORDS, "--view", "true", "--speed", "100", "--out", str(out), "--processes", "1")) == 0, capsys.readouterr().err
    found["thread"].join(60)
    assert "error" not in found, found
    seen = found["seen"]
    assert [seen[f"said {width}"] for width in WIDTHS] == [[], []]
    assert [seen[f"fits {width}"] for width in WIDTHS] == [True, True]
    assert [seen[f"axe {width}"] for width in WIDTHS] == [[], []]
    assert seen["painted"] == [True, True]
    assert [seen[f"columns {width}"] for width in WIDTHS] == [2, 2]  # of 15 s each: the run's first twenty seconds, though nobody looked
    assert seen[f"auction {WIDTHS[0]}"].startswith("The closing cross at NASDAQ is in 6 h 29 min")
    assert [row.split("\t")[0] for row in seen[f"agents {WIDTHS[0]}"]] == ["momentum"]
    for width in WIDTHS:
        ladder = [row.split("\t") for row in seen[f"ladder {width}"]]
        assert {(row[1], (row[0] or row[2]).replace(",", "")) for row in ladder} == books_at(out, seen[f"clock {width}"])


def crosses_are_listed(browser: Any) -> None:
    """Two seconds before the open, at two widths, with a symbol whose name is markup: the numbers, their order, a symbol that is chosen."""
    market = Market(scenario())
    camera = Camera(market)
    market.run_until(market.scenario.start_ns + 8 * NS_PER_S)
    lines = {symbol: line for _ in market.symbols for symbol, line in camera.crosses().items() if line is not None}
    live = LiveServer([*market.symbols, EVIL])
    live.start()
    live.put_crosses({**lines, EVIL: {**lines["JPM"], "imbalance": 10**7}})
    for symbol in live.symbols:
        live.put(symbol, {**camera.look(symbol if symbol != EVIL else "JPM"), "symbol": symbol})
    try:
        for width in WIDTHS:
            with open_page(browser, live.address, width=width, dark=width < 1000) as (page, said):
                page.wait_for_selector("#crosses tbody tr >> nth=4")
                rows = {row.split("\t")[0]: row.split("\t")[1:] for row in texts(page, "#crosses tbody tr")}
                assert rows.keys() == {*market.symbols, EVIL}
                for symbol, line in lines.items():
                    left = f"{line['imbalance']:,}" if line["imbalance"] < 1e5 else ""
                    price, reference, far = (f"{line[name]:.2f}" for name in ("price", "reference", "far"))
                    assert rows[symbol][0] == "0:02"
                    assert left in rows[symbol][2]
                    assert rows[symbol][3:] == [price, reference, far]
                keep_picture(page, f"live-crosses-{width}")
                box = page.locator("#crosses-box .scroll")
                assert box.evaluate("(box) => box.scrollWidth - box.clientWidth") <= 0, width
                page.click("#crosses th >> nth=3 >> button")
                page.wait_for_selector("#crosses th[aria-sort=descending] >> text=Imbalance")
                page.wait_for_selector(f"#crosses tbody tr >> nth=0 >> text={EVIL}")
                page.click("#crosses tbody button >> text=XOM")
                page.wait_for_selector("#symbol-name:text('XOM')")
                page.wait_for_selector("#crosses tr.shown >> text=XOM")
                assert page.input_value("#symbol") == "XOM"
                page.select_option("#symbol", EVIL)
                page.wait_for_selector("#symbol-name:text('img src')")
                assert page.locator("img").count() == 0
                assert (serious_findings(page, within="#lower") if has_axe() and width > 1000 else []) == []
                assert not said
    finally:
        live.close()


def books_at(out: Path, clock: str) -> set[tuple[str, str]]:
    """(price, shares over all venues) of the ten best prices of each side, by the run's files, up to that time in New York."""
    import duckdb

    until = clock.removesuffix(" New York")
    found = set()
    for side, order in (("bids", "DESC"), ("asks", "ASC")):
        query = f"""SELECT price, sum(size) FROM (
              SELECT unnest({side}[1]) price, unnest({side}[2]) size FROM (
                SELECT last({side} ORDER BY timestamp_ns) {side} FROM read_parquet('{out}/equities_market_data/**/*.parquet')
                WHERE symbol = 'AAPL' AND timestamp_ns < TIMESTAMPTZ '{until}-04:00' GROUP BY venue))
            GROUP BY price ORDER BY price {order} LIMIT 10"""
        found |= {(f"{price:.2f}", f"{size:.0f}") for price, size in duckdb.sql(query).fetchall()}
    return found


EVIL = "<img src=x onerror=alert(1)>\"'</td>"


def test_every_symbol_s_cross_a_run_that_has_ended_and_a_browser_without_event_source() -> None:
    """A table of all crosses, by which a symbol is chosen; who sees nothing is told why, and the rest of the page stays."""
    live, other = LiveServer(["AAPL"]), LiveServer(["AAPL"])
    live.start()
    other.start()
    with launched() as browser:
        crosses_are_listed(browser)
        with open_page(browser, live.address) as (page, _):
            page.wait_for_selector('body[data-followed="AAPL"]')
            live.close("The run has ended: the database is gone.")
            page.wait_for_selector("#said.over:text('the database is gone.')")
        context = browser.new_context()
        context.add_init_script("delete window.EventSource")
        page = context.new_page()
        page.goto(other.address)
        page.wait_for_selector("#said.over:text('no EventSource')")
        assert texts(page, "#symbol option") == ["AAPL"]
        context.close()
    other.close()
