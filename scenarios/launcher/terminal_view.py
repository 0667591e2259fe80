"""``--view terminal``: a ladder, the venues' quotes and the tape of one symbol in the terminal, over ssh too."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Self

from rich.columns import Columns
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scenarios.launcher.viewing import RunFacts
from scenarios.launcher.worker_messages import Control
from scenarios.launcher.worker_pool import Outcome

EVERY_S = 0.1
LEVELS, PRINTS = 8, 14
CROSSES = {"OPEN": "opening cross", "CLOSE": "closing cross", "RESUME": "reopening"}


class TerminalView:
    """Of the first symbol of the run. Where there is no terminal it shows nothing, and says so."""

    def __init__(self, names: list[str], console: Console) -> None:
        self.console = console
        self._symbol = names[0]
        self._facts = RunFacts()
        self._told: dict[str, Any] = {}
        self._shown_s = 0.0
        self._frame: dict[str, Any] = {}
        self._live: Live | None = None

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._live = Live(console=self.console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
            self._live.start()
        else:
            self.console.print("--view terminal: stderr is no terminal, there is nothing to draw on.", highlight=False)
        return self

    def __exit__(self, *_: object) -> None:
        if self._live is not None:
            self._live.stop()

    def start(self) -> None:
        """No page."""

    def put(self, symbol: str, frame: dict[str, Any]) -> None:
        self._frame = frame
        self._draw()

    def control(self, outcome: Outcome) -> Control:
        return Control((self._symbol,) if self._live is not None else ())

    def beside(self, show: Callable[[Outcome], None]) -> Callable[[Outcome], None]:
        """In place of the line that ``show`` would draw: there is one live display at a time."""
        if self._live is None:
            return show

        def keep(outcome: Outcome) -> None:
            self._told = self._facts.of(outcome)

        return keep

    def _draw(self) -> None:
        now_s = time.monotonic()
        if self._live is None or now_s - self._shown_s < EVERY_S:
            return
        self._shown_s = now_s
        self._live.update(picture(self._frame, self._told, self.console.width), refresh=True)


def picture(frame: dict[str, Any], facts: Any, width: int) -> Group:
    """One frame, in ``width`` columns."""
    cross = frame["cross"]
    coming = ""
    if cross is not None:
        minutes, seconds = divmod(int(cross["seconds"]), 60)
        left = f"{minutes} min {seconds:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
        coming = f" · {CROSSES[cross['kind']]} in {left}"
        if cross.get("paired"):
            price = cross["price"] or cross["reference"]
            coming += f", {cross['paired']:,} paired at {price:,.2f}, {cross['imbalance']:,} left over {cross['side']}"
    head = Text(f"{frame['symbol']} · {frame['clock']} New York · {frame['phase']}{coming}", no_wrap=True, overflow="ellipsis")
    parts: list[Any] = [Panel(_ladder(frame), title="ladder", expand=False), Panel(_quotes(frame), title="venues", expand=False)]
    if width >= 100:
        parts.append(Panel(_tape(frame), title="tape", expand=False))
    said = [f"{facts.get('rows', 0):,} rows"]
    if facts.get("speed_now"):
        said.append(f"{facts['speed_now']} simulated seconds a second")
    if "lag" in facts:
        said.append(f"{facts['lag']:,} rows on their way, {facts['pauses']} pauses")
    said += [f"halted: {symbol}" for symbol, *_ in frame["halts"]]
    said += [
        f"{agent['name']}: {agent['position']:,} shares, {agent['fills']:,} fills, {agent['worth']:,.2f} USD" for agent in frame["agents"]
    ]
    return Group(head, Columns(parts), Text(" · ".join(said), no_wrap=True, overflow="ellipsis"))


def _ladder(frame: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for _ in range(2):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True)
    sides = []
    for name, sign in (("bids", -1), ("asks", 1)):
        sums: dict[float, int] = {}
        for venue in frame["venues"]:
            for price, size in venue[name]:
                sums[price] = sums.get(price, 0) + size
        sides.append(sorted(sums.items(), key=lambda level: sign * level[0])[:LEVELS])
    bids, asks = sides
    most = max([size for _, size in (*bids, *asks)], default=1)
    for price, size in reversed(asks):
        table.add_row(f"{size:,}", Text(f"{price:,.2f}", style="yellow"), Text("━" * max(round(14 * size / most), 1), style="yellow"))
    for price, size in bids:
        table.add_row(f"{size:,}", Text(f"{price:,.2f}", style="cyan"), Text("━" * max(round(14 * size / most), 1), style="cyan"))
    return table


def _quotes(frame: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 1), header_style="dim")
    for name in ("venue", "bid", "offer"):
        table.add_column(name, justify="left" if name == "venue" else "right", no_wrap=True)
    for venue in frame["venues"]:
        cells = []
        for side, best in (("bids", frame["nbbo"][0]), ("asks", frame["nbbo"][2])):
            price = venue[side][0][0] if venue[side] else 0.0
            cells.append(Text(f"{price:,.2f}" if price else "–", style="bold" if price and price == best else ""))
        table.add_row(venue["name"], *cells)
    return table


def _tape(frame: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 1), show_header=False)
    for justify in ("right", "right", "left", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for _, price, size, side, venue in frame["tape"][-PRINTS:][::-1]:
        table.add_row(Text(f"{price:,.2f}", style="cyan" if side == "B" else "yellow"), f"{size:,}", "▲" if side == "B" else "▽", venue)
    return table
