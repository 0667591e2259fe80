"""``--view terminal``: a ladder, the venues' quotes and the tape of one symbol in the terminal, over ssh too."""

from __future__ import annotations

import textwrap
import time
from collections.abc import Callable
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from scenarios.launcher.viewing import RunFacts
from scenarios.launcher.worker_messages import Control
from scenarios.launcher.worker_pool import Outcome

EVERY_S = 0.1
LEVELS_MIN, LEVELS_MAX = 3, 8
"""Of a side, as the terminal's height has room."""
AGENTS = 4
MARKS = {"B": ("▲", "cyan"), "S": ("▽", "yellow"), "X": ("○", "bold")}
"""Of prints: bought, sold, crossed; and their style."""
BAR, NARROW_BAR = 14, 7
WIDE, NARROW = 100, 72
"""Columns."""
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

    def put_crosses(self, lines: dict[str, dict[str, Any] | None]) -> None:
        """There is no room for them."""

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
        self._live.update(picture(self._frame, self._told, self.console.width, self.console.height), refresh=True)


def picture(frame: dict[str, Any], facts: Any, width: int, height: int = 40) -> Group:
    """One frame, in ``width`` columns and ``height`` lines: what there is no room for beside stands below."""
    narrow = width < NARROW
    head = Text(f"{frame['symbol']} · {frame['clock']} New York · {frame['phase']}", style="bold")
    said = [*_coming(frame["cross"], _digits(frame)), *(_halted(halt) for halt in frame["halts"])]
    told = _told(frame, facts)
    lines = sum(len(textwrap.wrap(text, width)) for text in (*said, *told))
    levels = min(max((height - 5 - lines) // 2, LEVELS_MIN), LEVELS_MAX)
    parts: list[Any] = [Panel(_ladder(frame, levels, NARROW_BAR if narrow else BAR), title="ladder", expand=False)]
    venues = Panel(_quotes(frame), title="venues", expand=False)
    if width >= WIDE:
        parts += [venues, Panel(_tape(frame, 2 * levels + 1), title="tape", expand=False)]
    else:
        below = 2 * levels - 2 - len(frame["venues"])
        parts.append(Group(venues, Panel(_tape(frame, below), title="tape", expand=False)) if below > 0 else venues)
    grid = Table.grid(padding=(0, 1))
    grid.add_row(*parts)
    return Group(head, *map(Text, said), grid, *map(Text, told))


def _coming(cross: dict[str, Any] | None, digits: int) -> list[str]:
    """The next cross, and what would come of it."""
    if cross is None:
        return []
    minutes, seconds = divmod(int(cross["seconds"]), 60)
    left = f"{minutes} min {seconds:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"
    said = f"{CROSSES[cross['kind']]} in {left}"
    if not cross.get("paired"):
        return [said]
    price = cross["price"] or cross["reference"]
    rest = f"{cross['imbalance']:,} left to {'buy' if cross['side'] == 'B' else 'sell'}" if cross["imbalance"] else "none left over"
    return [f"{said}: {cross['paired']:,} paired at {price:,.{digits}f}, {rest}"]


def _halted(halt: list[Any]) -> str:
    symbol, reason, until_ms = halt
    return f"halted: {symbol} ({reason}){'' if until_ms is not None else ', for the rest of the day'}"


def _told(frame: dict[str, Any], facts: Any) -> list[str]:
    """Lines below the panels: the run, its database, its agents."""
    speed = f" · {facts['speed_now']} simulated seconds a second" if facts.get("speed_now") else ""
    found = [f"{facts.get('rows', 0):,} rows{speed}"]
    if "lag" in facts:
        found.append(f"database: {facts['lag']:,} rows on their way, {facts['pauses']} pauses")
    agents = frame["agents"]
    found += [f"{a['name']}: {a['position']:,} shares, {a['fills']:,} fills, {a['worth']:,.2f} USD" for a in agents[:AGENTS]]
    return [*found, *([f"and {len(agents) - AGENTS:,} agents more"] if len(agents) > AGENTS else [])]


def _digits(frame: dict[str, Any]) -> int:
    return 2 if frame["tick"] >= 0.01 else 4


def _ladder(frame: dict[str, Any], levels: int, bar: int) -> Table:
    """◆: an agent has an order there."""
    table = Table(box=None, padding=(0, 1), pad_edge=False, show_header=False)
    for _ in range(2):
        table.add_column(justify="right", no_wrap=True)
    table.add_column(no_wrap=True, min_width=bar)
    sides = []
    for name, sign in (("bids", -1), ("asks", 1)):
        sums: dict[float, int] = {}
        for venue in frame["venues"]:
            for price, size in venue[name]:
                sums[price] = sums.get(price, 0) + size
        sides.append(sorted(sums.items(), key=lambda level: sign * level[0])[:levels])
    bids, asks = sides
    digits = _digits(frame)
    most = max([size for _, size in (*bids, *asks)], default=1)
    own = {(side, price) for agent in frame["agents"] for side, price, *_ in agent["orders"]}

    def add(found: list[tuple[float, int]], side: str, style: str) -> None:
        for price, size in found:
            mark = "◆" if (side, price) in own else ""
            long = max(round(bar * size / most), 1)
            table.add_row(f"{size:,}", Text(f"{mark}{price:,.{digits}f}", style=style), Text("━" * long, style=style))

    if not bids and not asks:
        table.add_row("", "no quotes", "")
    add(asks[::-1], "S", "yellow")
    if bids and asks:
        table.add_row("", Text(f"{asks[0][0] - bids[0][0]:,.{digits}f}", style="dim"), Text("spread", style="dim"))
    add(bids, "B", "cyan")
    return table


def _quotes(frame: dict[str, Any]) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, header_style="dim")
    for name in ("venue", "bid", "offer"):
        table.add_column(name, justify="left" if name == "venue" else "right", no_wrap=True)
    for venue in frame["venues"]:
        cells = []
        for side, best in (("bids", frame["nbbo"][0]), ("asks", frame["nbbo"][2])):
            price = venue[side][0][0] if venue[side] else 0.0
            cells.append(Text(f"{price:,.{_digits(frame)}f}" if price else "–", style="bold" if price and price == best else ""))
        table.add_row(venue["name"], *cells)
    return table


def _tape(frame: dict[str, Any], prints: int) -> Table:
    table = Table(box=None, padding=(0, 1), pad_edge=False, show_header=False)
    for justify in ("right", "right", "left", "left"):
        table.add_column(justify=justify, no_wrap=True)
    for _, price, size, side, venue in frame["tape"][-prints:][::-1]:
        mark, style = MARKS[side]
        table.add_row(Text(f"{price:,.{_digits(frame)}f}", style=style), f"{size:,}", mark, venue)
    if not frame["tape"]:
        table.add_row("no prints yet", "", "", "")
    return table
