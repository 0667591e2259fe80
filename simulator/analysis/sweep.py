"""The same scenario over seeds and settings, in some processes: one frame with means and confidence intervals.

Every setting is run with the same seeds, so that its market is the same up to the agent's first order (common random numbers): the
difference of two settings, seed by seed, is known better than either of them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.analysis.estimates import CONFIDENCE, estimate
from simulator.analysis.processes import Elsewhere, check_processes, run_tasks
from simulator.analysis.progress_bar import ProgressBar
from simulator.analysis.run_store import Naming, RunStore
from simulator.analysis.variation import RUNS_MAX, combinations, parse_seeds, varied
from simulator.errors import InputError, MarketSimError, explain
from simulator.inputs.config import Scenario
from simulator.inputs.leftovers import cleared
from simulator.inputs.scenario_file import load_scenario
from simulator.market import Market
from simulator.simulation import load_kernels
from simulator.tape.memory import to_polars
from simulator.tape.sink import NullSink

if TYPE_CHECKING:
    import pyarrow as pa

Measure = Callable[[Market], Any]
"""What is measured of a finished run: a number, or numbers by name."""
SCALARS = (bool, int, float, str)


class Run(NamedTuple):
    """One of a sweep."""

    seed: int
    settings: Mapping[str, Any]
    measures: Mapping[str, float]


class Planned(NamedTuple):
    """A run to make."""

    scenario: Scenario
    measure: Measure | None
    setting: Mapping[str, Any]
    key: str
    """Made of all that decides what is measured, code and versions too; empty where nobody asks."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Sweep:
    """All runs, by setting and then by seed."""

    runs: tuple[Run, ...]
    varied: tuple[str, ...]
    """Names of what varies."""
    confidence: float
    simulated: int
    """Of the runs; the others lay finished in the folder."""

    def __repr__(self) -> str:
        names = f" over {', '.join(self.varied)}" if self.varied else ""
        return f"<Sweep of {len(self.runs)} runs{names}, {self.simulated} simulated now; measures {', '.join(self.measures)}>"

    def _repr_html_(self) -> str:
        return str(self.pandas()._repr_html_())

    @property
    def measures(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name for run in self.runs for name in run.measures))

    def arrow(self) -> pa.Table:
        """A row per setting and measure: what varies, ``measure``, ``n`` (finite numbers), ``mean``, ``sd``, ``se``, ``low``, ``high``."""
        return self._table([(settings, name, values) for settings, runs in self._groups() for name, values in self._values(runs)])

    def pandas(self) -> Any:
        """The same as a ``pandas.DataFrame``."""
        return self.arrow().to_pandas()

    def polars(self) -> Any:
        """The same as a ``polars.DataFrame``."""
        return to_polars(self.arrow())

    def each(self) -> Any:
        """A ``pandas.DataFrame`` with a row per run: what varies, ``seed``, and a column per measure."""
        import pandas as pd

        rows = [
            {**{k: _shown(v) for k, v in run.settings.items()}, "seed": run.seed}
            | {name: run.measures.get(name, math.nan) for name in self.measures}
            for run in self.runs
        ]
        return pd.DataFrame(rows)

    def differences(self, base: Mapping[str, Any] | None = None) -> Any:
        """A ``pandas.DataFrame`` like ``pandas()`` of what each other setting has more than ``base`` has, seed by seed.

        ``base``: values of what varies, the first of each where it says nothing. Raises ``InputError`` if there is no such setting.
        """
        groups = self._groups()
        wanted = {**groups[0][0], **(base or {})}
        found = [runs for settings, runs in groups if settings == wanted]
        if not found:
            names = ", ".join(self.varied) or "nothing"
            raise InputError(explain("base", dict(base or {}), f"no run has them; what varies is {names}", "Name values of the sweep."))
        first = {run.seed: run.measures for run in found[0]}
        rows = [
            (settings, name, [run.measures.get(name, math.nan) - first[run.seed].get(name, math.nan) for run in runs])
            for settings, runs in groups
            if settings != wanted
            for name in self.measures
        ]
        return self._table(rows).to_pandas()

    def _groups(self) -> list[tuple[Mapping[str, Any], list[Run]]]:
        groups: list[tuple[Mapping[str, Any], list[Run]]] = []
        for run in self.runs:
            if not groups or groups[-1][0] != run.settings:
                groups.append((run.settings, []))
            groups[-1][1].append(run)
        return groups

    def _values(self, runs: Sequence[Run]) -> list[tuple[str, list[float]]]:
        return [(name, [run.measures.get(name, math.nan) for run in runs]) for name in self.measures]

    def _table(self, rows: Sequence[tuple[Mapping[str, Any], str, list[float]]]) -> pa.Table:
        import pyarrow as pa

        estimates = [estimate(values, self.confidence) for _, _, values in rows]
        columns: dict[str, Any] = {name: _column([settings[name] for settings, _, _ in rows]) for name in self.varied}
        columns["measure"] = [name for _, name, _ in rows]
        for name in ("n", "mean", "sd", "se", "low", "high"):
            columns[name] = [getattr(each, name) for each in estimates]
        return pa.table(columns)


def sweep(
    scenario: Scenario | Path | str,
    *,
    seeds: str | int | Iterable[int],
    vary: Mapping[str, Sequence[Any]] | None = None,
    measure: Measure | None = None,
    processes: int | Elsewhere = 1,
    folder: Path | str | None = None,
    progress: bool = False,
    confidence: float = CONFIDENCE,
) -> Sweep:
    """Run a scenario with each of ``seeds`` and each combination of ``vary``.

    ``scenario``: one, or a file, or a ready one's name. ``seeds``: numbers, or text such as ``"1..20"``. ``vary``: lists of values by
    dotted name: a field of ``Scenario``, ``rates.*``, ``fees.*``, ``populations.*``, ``agents.NAME.with.ARGUMENT`` or
    ``agents.NAME.latency_ns``; of ``copies`` all. ``measure``: given the finished market, with its rows in memory, it returns a number
    or numbers by name; None: what each agent came to. ``folder``: finished runs are kept there, and the same call goes on after an
    interrupt; a run whose scenario, code or program has changed is another one. ``processes``: how many runs at once, or what has them
    made elsewhere.

    Raises ``InputError``; whatever a run raises, with the seed and the settings said.
    """
    base = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
    is_here = not callable(processes)
    if is_here:
        check_processes(processes)
    chosen, settings = parse_seeds(seeds), combinations(vary)
    if len(chosen) * len(settings) > RUNS_MAX:
        raise InputError(explain("runs", len(chosen) * len(settings), f"must be at most {RUNS_MAX:,}", "Vary less at once."))
    estimate((), confidence)  # is it one
    each = [varied(base, setting) for setting in settings]
    store = None if folder is None else RunStore(folder)
    naming = Naming(measure) if store is not None or not is_here else None
    planned = [(seed, setting, replace(one, seed=seed)) for setting, one in zip(settings, each, strict=True) for seed in chosen]
    keys = [naming.key(one) if naming is not None else "" for _, _, one in planned]
    measured = [None if store is None else store.read(key) for key in keys]
    missing = [n for n, found in enumerate(measured) if found is None]
    tasks = [Planned(planned[n][2], measure, planned[n][1], keys[n]) for n in missing]
    if isinstance(processes, int) and processes > 1 and len(tasks) > 1:
        load_kernels(tasks[0].scenario)  # once, rather than in every process
    with ProgressBar("runs", len(planned), is_wanted=progress) as bar:
        bar.to(len(planned) - len(missing))
        left = len(missing)

        def done(place: int, found: dict[str, float]) -> None:
            nonlocal left
            n = missing[place]
            measured[n], left = found, left - 1
            if store is not None:
                store.write(keys[n], planned[n][0], planned[n][1], found)
            bar.to(len(planned) - left)

        run_tasks(_measured, tasks, processes, done)
    runs = tuple(Run(seed, setting, found or {}) for (seed, setting, _), found in zip(planned, measured, strict=True))
    return Sweep(runs=runs, varied=tuple(vary or ()), confidence=confidence, simulated=len(missing))


def outcome(market: Market) -> dict[str, float]:
    """What a sweep measures if it is not told: PnL, fees, shares and fills of each agent, those of ``copies`` together; without
    agents what was traded.
    """
    result = market.result()
    families = {spec.name: spec.copy_of or spec.name for spec in market.scenario.agents}
    found: dict[str, float] = {}
    for name, agent in sorted(result.agents.items()):
        prefix = f"{families[name]}." if len(set(families.values())) > 1 else ""
        for what in ("pnl_usd", "fees_usd", "shares", "fills", "refused"):
            found[prefix + what] = found.get(prefix + what, 0.0) + float(getattr(agent, what))
    if not families:
        found = {"trades": float(result.rows["trades"]), "shares": float(sum(each.shares for each in result.totals))}
    return found


def planned_run(base: Scenario, setting: Mapping[str, Any], seed: int, measure: Measure | None) -> Planned:
    """One run of a sweep over ``base``, named as the sweep names it. Raises ``InputError``."""
    scenario = replace(varied(base, setting), seed=seed)
    return Planned(scenario, measure, setting, Naming(measure).key(scenario))


def measured(run: Planned) -> dict[str, float]:
    """Make a run. Raises ``MarketSimError`` that says the seed."""
    return _measured(run)


def _measured(task: Planned) -> dict[str, float]:
    with cleared():
        return _measure(task.scenario, task.measure)


def _measure(scenario: Scenario, measure: Measure | None) -> dict[str, float]:
    try:
        market = Market(scenario, NullSink() if measure is None else None)
        market.run_until(scenario.end_ns)
        return _numbers(measure or outcome, (measure or outcome)(market))
    except MarketSimError as error:
        raise type(error)(f"Seed {scenario.seed}: {error}") from error


def _numbers(measure: Any, found: Any) -> dict[str, float]:
    """Raises ``InputError`` for what is no number."""
    name = getattr(measure, "__name__", type(measure).__name__)
    numbers = found if isinstance(found, Mapping) else {"value" if name == "<lambda>" else name: found}
    try:
        return {str(key): float(value) for key, value in numbers.items()}
    except (TypeError, ValueError):
        limit = "must be a number, or numbers by name"
        raise InputError(explain(f"what {name} measured", found, limit, "Return float(...) of it.")) from None


def _column(values: Sequence[Any]) -> list[Any]:
    """Numbers as they are, and what can stand beside each other; else as text."""
    shown = [_shown(value) for value in values]
    return shown if len({float if isinstance(v, float) else type(v) for v in shown} - {float}) <= 1 and not (
        any(isinstance(v, float) for v in shown) and any(isinstance(v, str | bool) for v in shown)
    ) else [str(v) for v in shown]


def _shown(value: Any) -> Any:
    return value if isinstance(value, SCALARS) else repr(value)
