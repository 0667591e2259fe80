"""The report in a real browser, if one is on the machine: what it draws and says, what can be chosen, what it leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser import WIDTHS, find_browser, has_axe, keep_picture, launched, open_page, serious_findings
from in_process import command

from scenarios.launcher.queries import read_queries
from scenarios.launcher.query_load import Ask, Load, Waits
from scenarios.launcher.query_page import as_html
from simulator.analysis.report.build import report_of
from tests.helpers import run, scenario
from tests.test_report import EVIL, data_of, evil_parts

pytestmark = pytest.mark.skipif(find_browser() is None, reason="BROWSER TESTS NOT RUN: no chromium on this machine, or no playwright")


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with launched() as found:
        yield found


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two symbols and an agent around the open."""
    out = tmp_path_factory.mktemp("report") / "out"
    words = ("--scenario", "momentum", "--start_ts", "2025-07-01T13:29:50Z", "--end_ts", "2025-07-01T13:31:00Z", "--processes", "1")
    done = command(*words, "--extra_tables", "imbalances", "--out", str(out))
    assert done.returncode == 0, done.stderr
    return out


def drawn(page: Any, times: int = 1) -> None:
    page.wait_for_selector(f'body[data-drawn="{times}"]', state="attached")


def table_of(page: Any, section: str, figure: int = 0) -> Any:
    """The rows of the table behind a section's chart, opened; it is filled when the browser says that it is open."""
    page.click(f"{section} figure >> nth={figure} >> summary")
    rows = page.locator(f"{section} figure >> nth={figure} >> tbody tr")
    rows.first.wait_for()
    return rows


@pytest.mark.parametrize("width", WIDTHS)
def test_what_a_person_sees(browser: Any, out: Path, width: int) -> None:
    data = data_of((out / "report.html").read_text())
    with open_page(browser, (out / "report.html").as_uri(), width=width, dark=width < 1000) as (page, said):
        drawn(page)
        keep_picture(page, f"report-{width}")
        assert page.inner_text("h1") == "Report of a run"
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "wider than the window"
        assert [row.split("\t")[0] for row in page.locator("#overview tbody tr").all_inner_texts()] == data["symbols"]
        page.click("#overview tbody button >> text=MSFT")
        drawn(page, 2)
        assert "MSFT: price, USD" in page.inner_text("#day")
        assert page.inner_text("#overview tr.shown th") == "MSFT"
        assert page.locator("nav.jump a").all_inner_texts()[:2] == ["All symbols", "Price and volume"]
        page.select_option("#symbol", label="AAPL")
        drawn(page, 3)
        cells = table_of(page, "#venues", 1).all_inner_texts()
        by_venue = data["by_venue"]
        assert isinstance(by_venue, dict)
        leads = by_venue["leads"][0]
        assert [row.split("\t")[0] for row in cells] == data["venues"]
        assert [float(row.split("\t")[1]) for row in cells] == pytest.approx([100 * n / sum(leads) for n in leads], abs=0.05)
        assert page.locator("#agents dd").first.inner_text() == "momentum"
        assert not said


def test_the_book_it_draws_is_the_run_s(browser: Any, out: Path) -> None:
    """The table behind the heatmap, at the end of a step, against the file's last rows before it."""
    import duckdb

    with open_page(browser, (out / "report.html").as_uri()) as (page, said):
        drawn(page)
        row = table_of(page, "#book").nth(44).inner_text().split("\t")
        line = page.locator("#overview tbody tr").first.inner_text().split("\t")
        painted = page.evaluate(
            """() => { const c = document.querySelector("#book canvas"), d = c.getContext("2d").getImageData(0, 0, c.width, c.height).data;
               let n = 0; for (let i = 3; i < d.length; i += 4) n += d[i] > 0; return n / (d.length / 4); }"""
        )
        assert not said
    books = f"read_parquet('{out}/equities_market_data/**/*.parquet')"
    query = f"""SELECT max(bid), min(ask) FROM (SELECT last(bids[1][1] ORDER BY timestamp_ns) bid, last(asks[1][1] ORDER BY timestamp_ns) ask
        FROM {books} WHERE symbol = 'AAPL' AND timestamp_ns < TIMESTAMPTZ '2025-07-01 13:30:35Z' GROUP BY venue)"""
    ((bid, ask),) = duckdb.sql(query).fetchall()
    assert row[0] == "07-01 09:30:35"
    assert (float(row[1]), float(row[3])) == (bid, ask)
    assert painted > 0.02
    trades = f"read_parquet('{out}/equities_trades/**/*.parquet')"
    query = f"""SELECT first(price ORDER BY timestamp_ns), last(price ORDER BY timestamp_ns), min(price), max(price),
        100 * sum(size) FILTER (cond <> 'T') / sum(size) FROM {trades} WHERE symbol = 'AAPL'"""
    ((first, last, low, high, crossed),) = duckdb.sql(query).fetchall()
    assert [float(line[n]) for n in (1, 2, 5, 6)] == pytest.approx([first, last, low, high])
    assert line[3] == f"{'+' if last > first else '−' if last < first else ''}{abs(100 * (last / first - 1)):.2f} %"
    assert line[9] == f"{crossed:.1f} %"


def test_keys_ranges_and_print(browser: Any, out: Path) -> None:
    with open_page(browser, (out / "report.html").as_uri()) as (page, said):
        drawn(page)
        page.focus("#day .plot")
        page.keyboard.press("Home")
        first = page.inner_text("#day .readout >> nth=0")
        assert first.startswith("07-01 09:29:50")
        page.keyboard.press("ArrowRight")
        assert page.inner_text("#day .readout >> nth=0").startswith("07-01 09:29:51")
        page.click("button[aria-label=Closer]")
        drawn(page, 2)
        assert table_of(page, "#day").count() == pytest.approx(35, abs=2)
        page.keyboard.press("Tab")
        page.emulate_media(media="print")
        assert not page.is_visible("nav.choose")
        assert page.is_visible("#day svg >> nth=0")
        assert not said


def test_markup_in_names_is_text(browser: Any, tmp_path: Path) -> None:
    page_path = tmp_path / "page.html"
    page_path.write_text(report_of(evil_parts(run(scenario()))))
    with open_page(browser, page_path.as_uri()) as (page, said):
        page.on("dialog", lambda dialog: said.append("a dialog opened"))
        drawn(page)
        assert EVIL in page.inner_text("header")
        assert page.locator("#symbol option").first.text_content() == EVIL
        assert page.locator("img").count() == 0
        assert not said


def test_a_query_load_s_page_can_be_read_at_any_width(browser: Any, tmp_path: Path) -> None:
    asks = [Ask(query=query, views=True) for query in read_queries()]
    waits = [Waits(seconds=[0.001 * n, 0.02 * n], rows=10 * n) for n in range(1, len(asks) + 1)]
    path = tmp_path / "load.html"
    path.write_text(as_html(Load(asks=asks, waits=waits, took_s=60.0, ended_early=False), ["2 clients"]))
    with open_page(browser, path.as_uri(), width=min(WIDTHS)) as (page, said):
        assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
        keep_picture(page, "query-load")
        assert (serious_findings(page) if has_axe() else []) == []
        assert not said


@pytest.mark.skipif(not has_axe(), reason="AXE NOT RUN: axe-playwright-python is not installed")
def test_no_serious_finding_of_axe(browser: Any, out: Path) -> None:
    """Light and dark; and a fault that is planted is found."""
    for dark in (False, True):
        with open_page(browser, (out / "report.html").as_uri(), dark=dark) as (page, _):
            drawn(page)
            table_of(page, "#venues", 1)
            table_of(page, "#together")
            serious = serious_findings(page, *(["color-contrast"] if dark else []))
            assert not serious, json.dumps(serious, indent=1)
            if dark:
                page.evaluate("document.querySelector('h1').style.color = '#222'; document.querySelector('header').append(document.createElement('select'))")
                assert {rule for rule, _ in serious_findings(page, within="header")} == {"color-contrast", "select-name"}
