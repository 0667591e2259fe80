"""What an agent did to the market: the same seed run twice, with and without it, and the difference of the market's path."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, overload

import numpy as np

from simulator.analysis.agent_result import AgentResult
from simulator.analysis.estimates import CONFIDENCE, estimate
from simulator.analysis.processes import check_processes, run_tasks
from simulator.analysis.progress_bar import ProgressBar
from simulator.analysis.variation import members, parse_seeds
from simulator.errors import InputError, explain
from simulator.inputs.config import AgentSpec, Scenario
from simulator.records import F64, I64, NS_PER_S, PRICE_UNITS_PER_USD, Batch, MarketDataBatch, TradeBatch
from simulator.run_result import Result
from simulator.simulation import load_kernels, simulate
from simulator.tape.memory import to_polars
from simulator.tape.sink import RunInfo

if TYPE_CHECKING:
    import pyarrow as pa


class PathSink:
    """A sink that keeps the market's path on a grid of times: each symbol's midpoint, and what was traded since the time before."""

    def __init__(self, start_ns: int, end_ns: int, every_ns: int) -> None:
        self.ts_ns: I64 = np.append(np.arange(start_ns + every_ns, end_ns, every_ns), end_ns)
        """[n], the last is the run's end."""
        self._done = 0

    def open(self, run: RunInfo) -> None:
        symbols, venues = len(run.symbols), len(run.venues)
        self._venues = venues
        self._scales: I64 = np.array(run.price_scales or [1] * symbols, np.int64)
        self._bid = np.zeros((symbols, venues), np.int64)
        self._ask = np.zeros((symbols, venues), np.int64)
        self.mid_usd: F64 = np.full((len(self.ts_ns), symbols), np.nan)
        """[n, symbols], of the best quotes over the venues; NaN while a side is empty everywhere."""
        self.shares: I64 = np.zeros((len(self.ts_ns), symbols), np.int64)
        """[n, symbols]"""
        self.value_usd: F64 = np.zeros((len(self.ts_ns), symbols))
        """[n, symbols]: price times shares."""

    def write(self, batch: Batch) -> None:
        if isinstance(batch, MarketDataBatch):
            self._follow(batch)
        elif isinstance(batch, TradeBatch):
            where = np.searchsorted(self.ts_ns, batch.ts_ns), batch.symbol
            np.add.at(self.shares, where, batch.size)
            np.add.at(self.value_usd, where, batch.price * self._scales[batch.symbol] * (batch.size / PRICE_UNITS_PER_USD))

    def close(self, complete: bool) -> None:
        """What is left of the grid shows the books as they stand."""
        self._settle(len(self.ts_ns))

    def _follow(self, batch: MarketDataBatch) -> None:
        """Take the rows in, settling each time of the grid that they pass."""
        first = 0
        for point in range(self._done, int(np.searchsorted(self.ts_ns, batch.ts_ns[-1]))):
            stop = int(np.searchsorted(batch.ts_ns, self.ts_ns[point], side="right"))
            self._take(batch, first, stop)
            first = stop
            self._settle(point + 1)
        self._take(batch, first, len(batch))

    def _take(self, batch: MarketDataBatch, first: int, stop: int) -> None:
        """Of several rows of a book the last one stays (numpy assigns in order)."""
        where = batch.symbol[first:stop], batch.venue[first:stop]
        self._bid[where] = batch.quotes[first:stop, 0, 0]
        self._ask[where] = batch.quotes[first:stop, 2, 0]

    def _settle(self, until: int) -> None:
        if until > self._done:
            bid = self._bid.max(axis=1)
            ask = np.where(self._ask > 0, self._ask, 2**40).min(axis=1)
            mid = np.where((bid > 0) & (ask < 2**40), (bid + ask) * self._scales / (2 * PRICE_UNITS_PER_USD), np.nan)
            self.mid_usd[self._done : until] = mid
            self._done = until


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Impact:
    """Two runs of one seed, and their paths on one grid."""

    agents: Mapping[str, AgentResult]
    """By name, those that the second run has not: one, or all copies."""
    with_agent: Result
    without: Result
    symbols: tuple[str, ...]
    """Those simulated."""
    ts_ns: I64
    """[n]"""
    mid_with_usd: F64
    """[n, symbols]"""
    mid_without_usd: F64
    shares_with: I64
    """[n, symbols], traded since the time before."""
    shares_without: I64
    value_with_usd: F64
    """[n, symbols]: price times shares of the same prints."""

    def __repr__(self) -> str:
        return f"<Impact of {', '.join(list(self.agents)[:3])} on {len(self.symbols)} symbols at {len(self.ts_ns):,} times>"

    @property
    def agent(self) -> AgentResult:
        """The one that was left out. Raises ``InputError`` if it was several copies."""
        if len(self.agents) != 1:
            raise InputError(explain("agent", ", ".join(list(self.agents)[:5]), "there is not one but several", "Ask agents[NAME]."))
        return next(iter(self.agents.values()))

    @property
    def bps(self) -> F64:
        """[n, symbols]: how much higher the midpoint is with the agent, in hundredths of a percent."""
        return np.asarray((self.mid_with_usd / self.mid_without_usd - 1) * 10_000)

    def arrow(self) -> pa.Table:
        """A row per time and symbol: timestamp_ns, symbol, mid_with, mid_without (USD), impact_bps, shares_with, shares_without."""
        import pyarrow as pa

        from simulator.tape.arrow import TIME, TIME_COLUMN

        universe = next(iter(self.agents.values())).universe
        places = np.array([universe.index(symbol) for symbol in self.symbols], np.int16)
        times, symbols = len(self.ts_ns), len(self.symbols)
        columns = {
            TIME_COLUMN: pa.array(np.repeat(self.ts_ns, symbols), TIME),
            "symbol": pa.DictionaryArray.from_arrays(np.tile(places, times), pa.array(universe)),
        }
        for name, values in (
            ("mid_with", self.mid_with_usd),
            ("mid_without", self.mid_without_usd),
            ("impact_bps", self.bps),
            ("shares_with", self.shares_with),
            ("shares_without", self.shares_without),
        ):
            columns[name] = pa.array(values.ravel(), from_pandas=True)
        return pa.table(columns)

    def pandas(self) -> Any:
        """The same as a ``pandas.DataFrame``."""
        return self.arrow().to_pandas()

    def polars(self) -> Any:
        """The same as a ``polars.DataFrame``."""
        return to_polars(self.arrow())


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Impacts:
    """The same comparison over several seeds."""

    seeds: tuple[int, ...]
    each: tuple[Impact, ...]
    """By seed."""
    confidence: float

    def __repr__(self) -> str:
        return f"<Impacts of {len(self.seeds)} seeds: {self.each[0]!r}>"

    def arrow(self) -> pa.Table:
        """A row per time and symbol: timestamp_ns, symbol, n (seeds that count), impact_bps (their mean), se, low, high."""
        import pyarrow as pa

        first = self.each[0].arrow()
        columns = {name: first[name] for name in first.column_names[:2]}
        bps = np.stack([impact.bps.ravel() for impact in self.each])
        found = [estimate(values, self.confidence) for values in bps.T]
        for name, field in (("n", "n"), ("impact_bps", "mean"), ("se", "se"), ("low", "low"), ("high", "high")):
            columns[name] = pa.array([getattr(one, field) for one in found], from_pandas=True)
        return pa.table(columns)

    def pandas(self) -> Any:
        """The same as a ``pandas.DataFrame``."""
        return self.arrow().to_pandas()

    def polars(self) -> Any:
        """The same as a ``polars.DataFrame``."""
        return to_polars(self.arrow())


@overload
def with_and_without(scenario: Scenario, agent: str | AgentSpec, *, every_ns: int = NS_PER_S) -> Impact: ...
@overload
def with_and_without(
    scenario: Scenario, agent: str | AgentSpec, *, every_ns: int = NS_PER_S, seeds: str | Iterable[int], processes: int = 1,
    progress: bool = False, confidence: float = CONFIDENCE,
) -> Impacts: ...  # fmt: skip


def with_and_without(
    scenario: Scenario, agent: str | AgentSpec, *, every_ns: int = NS_PER_S, seeds: str | Iterable[int] | None = None, processes: int = 1,
    progress: bool = False, confidence: float = CONFIDENCE,
) -> Impact | Impacts:  # fmt: skip
    """Run the scenario with the agent and without it, and compare the paths every ``every_ns``.

    ``agent``: the name of one of the scenario's, which stands for all of its ``copies``, or one to add. The background does not know
    which run it is in: until the agent's first order arrives both are the same, row by row, and so is every symbol that the agent does
    not reach. Afterwards the two differ by the agent's impact and by where the background's randomness goes: give ``seeds``
    (numbers, or text such as ``"1..20"``), in so many ``processes``, to see the impact alone, as a mean with its interval.

    Raises ``InputError`` for an agent that the scenario does not have.
    """
    full = replace(scenario, agents=(*scenario.agents, agent)) if isinstance(agent, AgentSpec) else scenario
    out = frozenset(spec.name for spec in members(full, agent.name if isinstance(agent, AgentSpec) else agent))
    if seeds is None:
        return _compared((full, out, every_ns))
    chosen = parse_seeds(seeds)
    tasks = [(replace(full, seed=seed), out, every_ns) for seed in chosen]
    if check_processes(processes) > 1:
        load_kernels(full)  # once, rather than in every process
    found: dict[int, Impact] = {}
    with ProgressBar("seeds", len(tasks), is_wanted=progress) as bar:

        def done(n: int, impact: Impact) -> None:
            found[n] = impact
            bar.to(len(found))

        run_tasks(_compared, tasks, processes, done)
    return Impacts(seeds=chosen, each=tuple(found[n] for n in range(len(tasks))), confidence=confidence)


def _compared(task: tuple[Scenario, frozenset[str], int]) -> Impact:
    full, out, every_ns = task
    rest = replace(full, agents=tuple(spec for spec in full.agents if spec.name not in out))
    paths = [PathSink(full.start_ns, full.end_ns, every_ns) for _ in range(2)]
    results = [simulate(each, path) for each, path in zip((full, rest), paths, strict=True)]
    simulated = _simulated(full)
    universe = full.universe
    columns = [universe.symbol_index(symbol) for symbol in simulated]
    return Impact(
        agents={name: result for name, result in results[0].agents.items() if name in out}, with_agent=results[0], without=results[1],
        symbols=tuple(simulated), ts_ns=paths[0].ts_ns, mid_with_usd=paths[0].mid_usd[:, columns],
        mid_without_usd=paths[1].mid_usd[:, columns], shares_with=paths[0].shares[:, columns], shares_without=paths[1].shares[:, columns],
        value_with_usd=paths[0].value_usd[:, columns],
    )  # fmt: skip


def _simulated(scenario: Scenario) -> Sequence[str]:
    return [s.name for s in scenario.universe.symbols if not scenario.only or s.name in scenario.only]
