"""A real browser for tests: Debian's chromium, or another that is on the machine, driven by playwright. Nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTHS = (1280, 420)
SHOTS = "MARKET_SIM_SCREENSHOTS"
"""Environment variable: a folder that keeps the pictures that tests take."""


def find_browser() -> str | None:
    """Its path; None without one, or without playwright to drive it."""
    if find_spec("playwright") is None:
        return None
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def launched() -> Iterator[Any]:
    """A browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: Any, address: str, *, width: int = WIDTHS[0], dark: bool = False) -> Iterator[tuple[Any, list[str]]]:
    """The page, and what its console says that is no information. No address but its own may be asked."""
    said: list[str] = []
    scheme = "dark" if dark else "light"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, reduced_motion="reduce")
    try:
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        home = address.split("/")[2] if address.startswith("http") else ""
        page.on("request", lambda request: said.append(f"asks for {request.url}") if _is_foreign(request.url, home) else None)
        page.goto(address)
        yield page, said
    finally:
        context.close()


def _is_foreign(url: str, home: str) -> bool:
    return not url.startswith(("file:", "data:", "blob:", f"http://{home}/" if home else "file:"))


def has_axe() -> bool:
    """Whether axe-core is here: it comes inside of axe-playwright-python."""
    return find_spec("axe_playwright_python") is not None


def serious_findings(page: Any, *rules: str, within: str = "html") -> list[Any]:
    """Of axe-core: (rule, elements). ``rules``: some of them (default: all); ``within``: a selector of what is looked at."""
    import axe_playwright_python

    (script,) = Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")
    page.evaluate(script.read_text(encoding="utf-8"))
    # What passes is not asked for: to describe it takes longer than to look.
    chosen = {"resultTypes": ["violations"], "preload": False} | ({"runOnly": list(rules)} if rules else {})
    found = page.evaluate("([within, chosen]) => axe.run(within, chosen).then((found) => found.violations)", [within, chosen])
    return [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found if each["impact"] in ("serious", "critical")]


def keep_picture(page: Any, name: str) -> None:
    """If somebody wants to look at it."""
    if folder := os.environ.get(SHOTS):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=str(Path(folder) / f"{name}.png"), full_page=True)
