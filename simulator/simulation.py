"""``simulate``: a whole run into a sink, in this process or dealt to several."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from simulator.analysis.processes import check_processes, run_tasks
from simulator.analysis.progress_bar import ProgressBar
from simulator.errors import InputError, explain
from simulator.inputs.config import Scenario
from simulator.inputs.dealing import deal
from simulator.market import SHOWN, Market, stretches
from simulator.records import NS_PER_S, Batch, columns
from simulator.run_result import Result
from simulator.tape.memory import MemoryRows
from simulator.tape.sink import NullSink, RunInfo, Sink


class _Part(NamedTuple):
    """What one process does."""

    scenario: Scenario
    sink: Sink
    symbols: tuple[str, ...]
    worker: int
    workers: int


def simulate(scenario: Scenario, sink: Sink | None = None, *, processes: int = 1, progress: bool = False) -> Result:
    """Run a scenario from start to end into a sink, which is closed whatever happens; without one rows are counted and forgotten.

    With ``processes`` symbols are dealt to as many, those of one agent together, and each has a copy of the sink and its own ``worker`` in
    what the sink is told; rows kept in memory come back into ``sink``. The rows are the same for any number. ``progress``: a bar, in one
    process of time, in several of their parts. Raises ``InputError``; whatever an agent or the sink raises.
    """
    target = NullSink() if sink is None else sink
    names = scenario.only or tuple(symbol.name for symbol in scenario.universe.symbols)
    dealt = deal(scenario, names, processes) if check_processes(processes) > 1 else [names]
    if len(dealt) <= 1:
        return _here(Market(scenario, target), target, progress)
    parts = [_Part(scenario, target, symbols, worker, len(dealt)) for worker, symbols in enumerate(dealt)]
    try:
        pickle.dumps(target)
    except Exception as error:  # whatever a user's object says to it
        limit = f"each process needs a copy, and it cannot be copied ({error})"
        raise InputError(explain("sink", type(target).__name__, limit, "Give processes=1, or a sink that opens files in open().")) from None
    load_kernels(replace(scenario, agents=()))
    found: dict[int, tuple[Result, Mapping[str, Batch]]] = {}
    with ProgressBar("parts", len(parts), is_wanted=progress) as bar:

        def done(n: int, part: tuple[Result, Mapping[str, Batch]]) -> None:
            found[n] = part
            bar.to(len(found))

        run_tasks(_simulate_part, parts, processes, done)
    if isinstance(target, MemoryRows):
        target.open(RunInfo.of(scenario))
        for table in scenario.tables:
            target.write(_in_time([rows[table] for _, rows in found.values()]))
        target.close(True)
    return joined(scenario, [found[n][0] for n in range(len(parts))])


def load_kernels(scenario: Scenario) -> None:
    """Afterwards this process has them, and the user's cache: a second of the scenario, into nothing."""
    until_ns = min(scenario.end_ns, scenario.start_ns + NS_PER_S)
    Market(replace(scenario, end_ns=until_ns), NullSink()).run_until(until_ns)


def joined(scenario: Scenario, results: Sequence[Result]) -> Result:
    """What the parts of a run came to together."""
    place = {symbol.name: n for n, symbol in enumerate(scenario.universe.symbols)}
    totals = sorted((one for result in results for one in result.totals), key=lambda one: place[one.symbol])
    crosses = sorted((one for result in results for one in result.crosses), key=lambda one: (one.ts_ns, one.symbol))
    agents = {name: agent for result in results for name, agent in result.agents.items()}
    return Result(
        rows={table: sum(result.rows[table] for result in results) for table in scenario.tables},
        digest_parts={key: value for result in results for key, value in result.digest_parts.items()},
        totals=totals, crosses=crosses, agents={name: agents[name] for name in sorted(agents)},
    )  # fmt: skip


def _here(market: Market, sink: Sink, progress: bool) -> Result:
    try:
        sink.open(market.run_info)
        ends = stretches(market.now_ns, market.scenario.end_ns) if progress else [market.scenario.end_ns]
        with ProgressBar("simulated", SHOWN, is_wanted=progress, counts=False) as bar:
            for part, until_ns in enumerate(ends, 1):
                market.run_until(until_ns)
                bar.to(part)
    except BaseException as error:
        try:
            market.close(False)
        except Exception as second:
            error.add_note(f"Then the sink could not be closed: {second}")
        raise
    return market.close()


def _simulate_part(part: _Part) -> tuple[Result, Mapping[str, Batch]]:
    scenario, sink, symbols, worker, workers = part
    result = _here(Market(scenario, sink, worker_symbols=symbols, worker=worker, workers=workers), sink, False)
    return result, {table: sink.numpy(table) for table in scenario.tables} if isinstance(sink, MemoryRows) else {}


def _in_time(parts: Sequence[Batch]) -> Batch:
    """One table of all parts, by time and then symbol, as one process writes it."""
    together = {name: np.concatenate([getattr(part, name) for part in parts]) for name, _ in columns(parts[0])}
    order = np.lexsort((together["symbol"], together["ts_ns"]))
    return type(parts[0])(**{name: column[order] for name, column in together.items()})
