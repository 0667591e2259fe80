"""Makes report.png, live.png, live_cross.png and terminal.svg in docs/: `pip install '.[test]' && python docs/make_looking.py`.

Needs a chromium on the machine.

A minute before the open and some after it, with the agent of the scenario `momentum`; the browser is a real one.
"""

from __future__ import annotations

import io
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS.parent), str(DOCS.parent / "tests")]

from browser import launched, open_page

from scenarios.launcher.terminal_view import picture
from simulator import Market, load_scenario, parse_ts
from simulator.live.camera import Camera

START, OPEN, END = (parse_ts(f"2025-07-01T13:{time}Z") for time in ("28:00", "30:00", "45:00"))


def main() -> None:
    scenario = replace(load_scenario("momentum"), start_ns=START, end_ns=END, extra_tables=("imbalances", "status"))
    market = Market(scenario)
    camera = Camera(market)
    with launched() as browser, market.view() as view:
        view.run_until(OPEN - 10_000_000_000)
        with open_page(browser, view.address, width=1280, dark=True) as (page, _):
            page.wait_for_selector("body[data-drawn]")
            page.select_option("#span", "1")
            view.run_until(OPEN - 2_000_000_000, speed=4)
            page.wait_for_timeout(500)
            page.locator(".lower").screenshot(path=str(DOCS / "live_cross.png"))
            view.run_until(OPEN + 60_000_000_000)
            view.run_until(OPEN + 80_000_000_000, speed=4)
            page.wait_for_timeout(500)
            page.evaluate("scrollTo(0, 0)")
            _keep(page, "live.png", 960)
        console = Console(record=True, width=110, file=io.StringIO())
        console.print(picture(camera.look("AAPL"), {"rows": sum(market.rows.values()), "speed_now": "4"}, 110))
        console.save_svg(str(DOCS / "terminal.svg"), title="--view terminal")
        market.run_until(END)
        path = market.report().save(DOCS / "report.html")
        with open_page(browser, path.as_uri(), width=1280) as (page, _):
            page.wait_for_selector("body[data-drawn]")
            page.evaluate("document.querySelector('#day').scrollIntoView()")
            page.wait_for_timeout(500)
            _keep(page, "report.png", 1_250)
        path.unlink()


def _keep(page: Any, name: str, height: int) -> None:
    page.set_viewport_size({"width": 1280, "height": height})
    page.wait_for_timeout(500)
    page.screenshot(path=str(DOCS / name))


if __name__ == "__main__":
    main()
