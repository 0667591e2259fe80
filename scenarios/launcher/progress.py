"""What the user sees while a run goes on: one live line in a terminal, a plain line every few seconds elsewhere. On stderr."""

from __future__ import annotations

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from scenarios.launcher.worker_pool import Outcome
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import new_york, trading_days
from simulator.records import NS_PER_S, Phase

PLAIN_EVERY_S = 5.0
LIVE_EVERY_S = 0.2
SPEED_OVER_S = 5.0
"""The rows a second and the time left are judged by the last so many seconds."""
PHASES = {
    Phase.CLOSED: "closed",
    Phase.PRE_OPEN: "pre-open",
    Phase.CONTINUOUS: "continuous",
    Phase.HALTED: "halted",
    Phase.POST_CLOSE: "post-close",
    Phase.OFF_HOURS: "off hours",
}


class Piece:
    """A part of the line in its forms, the longest first; an empty one leaves it out."""

    def __init__(self, *forms: str) -> None:
        self.forms = forms


class _Moment(NamedTuple):
    """What was there when a line was drawn."""

    at_s: float
    now_ns: int
    rows: int
    book_rows: int


class ProgressLine:
    """Shows an ``Outcome`` that grows; used with ``with``, so that the terminal is left tidy."""

    def __init__(self, scenario: Scenario, console: Console, *, is_endless: bool = False, row_limit: int | None = None) -> None:
        """``row_limit``: book rows after which the run ends."""
        self.console = console
        self.is_endless = is_endless
        self.row_limit = row_limit
        self.scenario = scenario
        self._segments = _segments(scenario)
        self._starts = [start_ns for start_ns, _ in self._segments]
        live = Live(console=console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False)
        self._live = live if console.is_terminal else None
        self._shown_s = time.monotonic()
        self._past: deque[_Moment] = deque([_Moment(self._shown_s, scenario.start_ns, 0, 0)])

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def show(self, outcome: Outcome) -> None:
        """Draw, if the last drawing is old enough."""
        now_s = time.monotonic()
        if now_s - self._shown_s < (LIVE_EVERY_S if self._live else PLAIN_EVERY_S) or not outcome.now_ns:
            return
        self._shown_s = now_s
        now_ns = min(outcome.now_ns.values())
        rows = sum(sum(tables.values()) for tables in outcome.rows.values())
        book_rows = sum(tables.get("market_data", 0) for tables in outcome.rows.values())
        pieces = [*self.pieces(now_s, now_ns, rows, book_rows), *state(outcome)]
        if self._live:
            width = max(self.console.width - 1, 1)  # a terminal may wrap a line that fills it
            text = Text(fit(pieces, width), no_wrap=True)
            text.truncate(width, overflow="ellipsis")
            self._live.update(text, refresh=True)
        else:
            self.console.print(fit(pieces, None), highlight=False, soft_wrap=True)

    def pieces(self, now_s: float, now_ns: int, rows: int, book_rows: int) -> list[Piece]:
        """Simulated time in New York, phase, rows, rows per second, time left."""
        while len(self._past) > 1 and now_s - self._past[0].at_s > SPEED_OVER_S:
            self._past.popleft()
        then = self._past[0]
        self._past.append(_Moment(now_s, now_ns, rows, book_rows))
        took_s = max(now_s - then.at_s, 1e-6)
        date, _, clock = new_york(now_ns).partition(" ")
        found = [
            Piece(f"{date} {clock} {self.phase(now_ns)}", f"{clock} {self.phase(now_ns)}", clock),
            Piece(f"{rows:,} rows", ""),
            Piece(f"{(rows - then.rows) / took_s:,.0f} rows/s", ""),
        ]
        if self.is_endless:
            return found
        # took_s are seconds for the simulated ns, and for the rows, that have passed: what is left at that speed is in seconds too.
        lefts = [(self.scenario.end_ns - now_ns) * took_s / (now_ns - then.now_ns)] if now_ns > then.now_ns else []
        if self.row_limit is not None and book_rows > then.book_rows:
            lefts.append(max(self.row_limit - book_rows, 0) * took_s / (book_rows - then.book_rows))
        return [*found, Piece(f"{_duration(min(lefts)) if lefts else '?'} left")]

    def phase(self, now_ns: int) -> str:
        """Of the exchange's day at that time."""
        return self._segments[max(bisect_right(self._starts, now_ns) - 1, 0)][1]


def _segments(scenario: Scenario) -> list[tuple[int, str]]:
    """Start in ns and name of each phase of the run, in order."""
    if not scenario.session_pacing:
        return [(scenario.start_ns, "around the clock")]
    days = trading_days(scenario.start_ns, scenario.end_ns)
    return [(segment.start_ns, PHASES[segment.phase]) for day in days for segment in day.segments]


def state(outcome: Outcome) -> list[Piece]:
    """What else there is to say: a pause, a delay, a stop."""
    said = []
    if outcome.backpressure.is_paused:
        said.append(Piece(f"paused: the database has {outcome.in_flight:,} rows in flight and more to apply", "paused"))
    elif outcome.backpressure.pauses:
        said.append(Piece(f"{outcome.backpressure.pauses} pauses", ""))
    behind_ns = max((progress.behind_ns for progress in outcome.latest.values()), default=0)
    if behind_ns > NS_PER_S:
        said.append(Piece(f"behind by {behind_ns / NS_PER_S:.1f} s"))
    return [*said, Piece("stopping")] if outcome.interrupted else said


def fit(pieces: Sequence[Piece], width: int | None) -> str:
    """The line in the longest form that is at most ``width`` wide. Its end, what a user waits for, is kept longest."""
    chosen = [0] * len(pieces)
    # The numbers in the middle go first, then the time becomes shorter, then the rest.
    order = [n for n in (*range(1, len(pieces)), 0) for _ in pieces[n].forms[1:]]
    for n in (None, *order):
        if n is not None:
            chosen[n] += 1
        line = " · ".join(text for piece, form in zip(pieces, chosen, strict=True) if (text := piece.forms[form]))
        if width is None or len(line) <= width:
            return line
    return line


def _duration(seconds_left: float) -> str:
    seconds = round(seconds_left)
    return f"{seconds} s" if seconds < 120 else f"{seconds // 60} min {seconds % 60:02d} s"
