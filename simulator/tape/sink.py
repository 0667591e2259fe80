"""What a run tells its writer, and the two methods by which a writer hears it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from simulator.records import F64, I32, PRICE_UNITS_PER_USD, Batch

if TYPE_CHECKING:
    from simulator.inputs.config import Scenario


@dataclass(frozen=True, slots=True, kw_only=True)
class RunInfo:
    """The schema of one worker's stream, told to its sink once."""

    symbols: tuple[str, ...]
    """Of the whole universe; batches carry indices into it."""
    venues: tuple[str, ...]
    levels: int
    tables: tuple[str, ...]
    """``market_data``, ``trades`` and the extra tables asked for."""
    price_scales: tuple[int, ...] = ()
    """By symbol, all 1 if left out: a batch's price times its symbol's, over 10,000, is in USD. A tick's for symbols too dear for int32."""
    agents: Mapping[int, str] = field(default_factory=dict)
    """Names by the numbers that ``truth`` carries."""
    listings: tuple[int, ...] = ()
    """Of each symbol: the index of the venue where it is listed."""
    session_pacing: bool = True
    """Whether the exchange's phases are kept."""
    suffix: str = ""
    worker: int = 0
    workers: int = 1
    start_ns: int = 0
    end_ns: int = 0
    closes_usd: tuple[float, ...] = ()
    """By symbol: the reference price that the run starts from."""
    tick_units: tuple[int, ...] = ()
    """By symbol, in 0.0001 USD."""
    venue_latency_ns: tuple[int, ...] = ()
    """By venue, one way: the background's."""
    agent_latency_ns: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """By agent and venue, one way."""

    def __repr__(self) -> str:
        return f"<RunInfo: {len(self.symbols):,} symbols, {len(self.venues)} venues, tables {', '.join(self.tables)}, worker {self.worker}>"

    @classmethod
    def of(cls, scenario: Scenario, *, suffix: str = "", worker: int = 0, workers: int = 1) -> RunInfo:
        """Of a scenario: the one place where it is made, so that whoever writes a run is told the same."""
        universe = scenario.universe
        venues = tuple(venue.name for venue in universe.venues)
        latencies = {agent.name: agent.latency_by_venue for agent in scenario.agents}
        return cls(
            symbols=tuple(symbol.name for symbol in universe.symbols), venues=venues, levels=scenario.levels, tables=scenario.tables,
            price_scales=scenario.price_scales, agents=scenario.agent_names,
            listings=tuple(universe.listing_index(i) for i in range(len(universe.symbols))), session_pacing=scenario.session_pacing,
            suffix=suffix, worker=worker, workers=workers, start_ns=scenario.start_ns, end_ns=scenario.end_ns,
            closes_usd=tuple(scenario.prices[s.name].close if s.name in scenario.prices else 0.0 for s in universe.symbols),
            tick_units=tuple(symbol.tick_units for symbol in universe.symbols),
            venue_latency_ns=tuple(venue.latency_ns for venue in universe.venues),
            agent_latency_ns={
                name: tuple(given.get(venue, given.get("*", 0)) for venue in venues) for name, given in latencies.items()
            },
        )  # fmt: skip

    def usd(self, prices: NDArray[Any], symbol: I32, out: F64 | None = None) -> F64:
        """A batch's prices ([n] or [n, L]) of these symbols ([n]) in USD, into ``out`` if that is given.

        Divided, not multiplied: 0.0001 * n is not n / 10,000.
        """
        if max(self.price_scales, default=1) > 1:
            scales = np.array(self.price_scales, np.int64)[symbol]
            prices = prices * scales.reshape(-1, *[1] * (prices.ndim - 1))
        return np.asarray(np.divide(prices, float(PRICE_UNITS_PER_USD), out=out), np.float64)


class Sink(Protocol):
    """A writer: opened once, given batches in time order, closed once.

    Batches of one table never overlap in time; a batch's arrays are valid only during ``write`` (they are views of
    the engine's buffers), so a sink that keeps them copies them.
    """

    def open(self, run: RunInfo) -> None:
        """Get ready. Raises ``SinkError`` or ``InputError``."""

    def write(self, batch: Batch) -> None:
        """Take the rows. Raises ``SinkError``."""

    def close(self, complete: bool) -> None:
        """Finish. ``complete`` is false when the run ended early: what is whole is kept, nothing half-written stays."""


@runtime_checkable
class Sends(Protocol):
    """A sink that hands its rows on while the market goes on."""

    @property
    def in_flight(self) -> int:
        """Rows taken that the database has not."""

    @property
    def acknowledged(self) -> int:
        """Rows that the database has taken."""


@runtime_checkable
class Stoppable(Protocol):
    """A sink whose ``write`` and ``close`` may wait for somebody else."""

    stop_asked: Callable[[], bool]
    """Whether the run is to end: then it waits no longer than a second or two. Whoever runs it sets this."""


class NullSink:
    """Counts rows and forgets them: the simplest sink, for benchmarks and for tests."""

    def __init__(self) -> None:
        self.rows: dict[str, int] = {}

    def open(self, run: RunInfo) -> None:
        self.rows = dict.fromkeys(run.tables, 0)

    def write(self, batch: Batch) -> None:
        self.rows[batch.table] = self.rows.get(batch.table, 0) + len(batch)

    def close(self, complete: bool) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(kind is None)
