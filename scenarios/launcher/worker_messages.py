"""What a worker and its parent say to each other, and the line over which they do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from scenarios.launcher.pacing import Pace
from scenarios.launcher.row_counts import Counts
from simulator.analysis.agent_result import AgentResult
from simulator.inputs.config import Refresh


@dataclass(frozen=True, slots=True)
class Progress:
    """Simulated up to ``now_ns``, this many rows by table."""

    worker: int
    now_ns: int
    rows: dict[str, int]
    in_flight: int = 0
    """Rows that the writer has taken and the database has not."""
    acknowledged: int = 0
    behind_ns: int = 0
    """Wall time by which a paced run is late."""
    jumped_ns: int = 0
    """By how much the wall clock was set since the start."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A gated worker's rows per second up to ``until_ns``; it goes on when it is answered."""

    worker: int
    until_ns: int
    counts: dict[int, int]


@dataclass(frozen=True, slots=True)
class Done:
    """The worker's sink is closed."""

    worker: int
    complete: bool
    until_ns: int
    """Written up to here."""
    counts: Counts
    digests: dict[Any, Any]
    """Parts of the run's digest."""
    agents: dict[str, AgentResult] = field(default_factory=dict)
    """By name, those of this worker."""
    sketched: Any = None
    """A report's numbers, ``simulator.analysis.report.sketch.Sketched``, if they were gathered."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The worker ended by an error; its sink was closed as incomplete."""

    worker: int
    message: str
    exit_code: int
    until_ns: int
    trace: str = ""
    """Only if the error is not one that this project raises on purpose."""


@dataclass(frozen=True, slots=True)
class Signalled:
    """The operating system asked the worker to end; it goes on until the parent says stop."""

    worker: int
    number: int
    """Of the signal."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a viewer is to see of a symbol: the newest counts, an older one is worth nothing."""

    worker: int
    symbol: str
    frame: dict[str, Any]


@dataclass(frozen=True, slots=True)
class SeenCrosses:
    """What viewers are to see of the coming crosses of symbols, whether or not these are looked at: what is new."""

    worker: int
    lines: dict[str, dict[str, Any] | None]


Message = Progress | Waiting | Done | Failed | Signalled | Seen | SeenCrosses


@dataclass(frozen=True, slots=True)
class Release:
    """The parent's answer to ``Waiting``."""

    until_ns: int
    is_end: bool


@dataclass(frozen=True, slots=True)
class Horizon:
    """The parent's word on how far the worker may go."""

    until_ns: int


@dataclass(frozen=True, slots=True)
class End:
    """The parent's word on where a run of real time ends in every worker, so that it can be repeated row by row."""

    until_ns: int


@dataclass(frozen=True, slots=True)
class Control:
    """The parent's word on what is looked at and how fast the run goes; none of it changes a row."""

    symbols: tuple[str, ...] = ()
    """That somebody looks at."""
    crosses: bool = False
    """Whether the coming crosses of all symbols are looked at."""
    hold_ns: int | None = None
    """The worker waits there."""
    pace: Pace | None = None
    """Instead of the job's, if ``sets_pace``; None: as fast as may be."""
    sets_pace: bool = False


class Link(Protocol):
    """A worker's connection to its parent."""

    def horizon(self, now_ns: int) -> int | None:
        """Up to where the worker may go, later than ``now_ns``; waits for it. None means stop."""

    def tell(self, message: Message) -> None:
        """Send."""

    def end_ns(self, now_ns: int) -> int | None:
        """Where a run of real time is to end, now that the user has asked for its end; None as long as nobody has."""

    def stop_asked(self) -> bool:
        """Whether the run is to end here."""

    def control(self) -> Control:
        """The parent's newest word."""

    def refreshes(self) -> list[Refresh]:
        """New reference prices since the last call."""

    def ask(self, message: Waiting) -> Release | None:
        """Send, and wait for the answer; None means stop."""
