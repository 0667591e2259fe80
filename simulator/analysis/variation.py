"""Settings of a scenario by dotted names, as a sweep varies them: ``rates.trades_max_eps``, ``agents.mine.with.size``."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from simulator.agents.factory import agent_parameters
from simulator.errors import InputError, explain
from simulator.inputs.config import SEED_MAX, SEED_MIN, AgentSpec, Fees, Rates, Scenario
from simulator.inputs.strict_yaml import nearest

PARTS: dict[str, type] = {"rates": Rates, "fees": Fees}
OF_AGENTS = ("latency_ns", "max_messages_per_s", "symbols", "keep_orders", "max_wake_s")
NOT_VARIED = ("universe", "agents", "rates", "fees", "seed", "prices")
RUNS_MAX = 1_000_000


def combinations(vary: Mapping[str, Sequence[Any]] | None) -> list[dict[str, Any]]:
    """Every combination of the values, the last name's changing first; one empty one if nothing varies. Raises ``InputError``."""
    for name, values in (vary or {}).items():
        if isinstance(values, str | Mapping) or not isinstance(values, Iterable) or not list(values):
            limit = "must be a list of values, one at least"
            raise InputError(explain(f"vary: {name}", values, limit, f"For example {{{name!r}: [100, 1000]}}."))
    names = list(vary or {})
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*(list((vary or {})[name]) for name in names))]


def varied(scenario: Scenario, settings: Mapping[str, Any]) -> Scenario:
    """The scenario with these settings. Raises ``InputError`` that names the setting, and what there is."""
    for name, value in settings.items():
        scenario = _with(scenario, name, value)
    return scenario


def parse_seeds(seeds: str | int | Iterable[int]) -> tuple[int, ...]:
    """Of ``"1..20"``, ``"1,2,7"``, both mixed, a number or numbers; in their order. Raises ``InputError``."""
    remedy = "For example 1..20, or 1,2,7."
    if isinstance(seeds, str):
        found: list[int] = []
        for part in seeds.split(","):
            first, dots, last = part.strip().partition("..")
            try:
                low, high = int(first), int(last if dots else first)
            except ValueError:
                raise InputError(explain("seeds", seeds, f"{part!r} is neither a whole number nor a range", remedy)) from None
            if not low <= high < low + RUNS_MAX:
                raise InputError(explain("seeds", seeds, f"{part!r} must have 1 to {RUNS_MAX:,} seeds", remedy))
            found += range(low, high + 1)
    else:
        found = [seeds] if isinstance(seeds, int) else list(seeds)
    for seed in found:
        if isinstance(seed, bool) or not hasattr(seed, "__index__") or not SEED_MIN <= seed <= SEED_MAX:
            raise InputError(explain("seeds", seed, f"must be a whole number from {SEED_MIN} to {SEED_MAX}", remedy))
    if not found or len(set(found)) != len(found):
        raise InputError(explain("seeds", seeds, "must name one at least, and each once", remedy))
    return tuple(int(seed) for seed in found)


def members(scenario: Scenario, name: str) -> tuple[AgentSpec, ...]:
    """The agent of that name, or all copies of it. Raises ``InputError``."""
    found = tuple(spec for spec in scenario.agents if spec.name == name)
    found = found or tuple(spec for spec in scenario.agents if spec.copy_of == name)
    if not found:
        names = list(dict.fromkeys(spec.copy_of or spec.name for spec in scenario.agents))
        raise InputError(explain("agent", name, f"the scenario has {', '.join(names) or 'none'}", nearest(name, names)))
    return found


def _with(scenario: Scenario, name: str, value: Any) -> Scenario:
    head, _, rest = name.partition(".")
    known = [f.name for f in fields(Scenario) if f.name not in NOT_VARIED]
    if head == "agents" and rest:
        return _with_agents(scenario, name, rest, value)
    if head == "populations" and rest:
        return replace(scenario, populations={**scenario.populations, rest: value})
    if head in PARTS and rest:
        there = [f.name for f in fields(PARTS[head])]
        _known(name, rest, there)
        return replace(scenario, **{head: replace(getattr(scenario, head), **{rest: value})})
    _known(name, name, [*known, "agents.NAME.with.ARGUMENT", *(f"{part}.*" for part in (*PARTS, "populations"))])
    changes: dict[str, Any] = {name: value}
    return replace(scenario, **changes)


def _with_agents(scenario: Scenario, name: str, rest: str, value: Any) -> Scenario:
    """``rest``: AGENT.with.ARGUMENT or AGENT.FIELD; an agent's name may have dots in it."""
    agent, _, argument = rest.partition(".with.")
    if not argument:
        agent, _, field = rest.rpartition(".")
    chosen = {spec.name for spec in members(scenario, agent)}
    changed = []
    for spec in scenario.agents:
        if spec.name not in chosen:
            changed.append(spec)
        elif argument:
            signature = agent_parameters(spec.make)
            takes_any = any(p.kind == inspect.Parameter.VAR_KEYWORD for p in signature.parameters.values())
            if not takes_any:
                _known(name, argument, list(signature.parameters))
            changed.append(replace(spec, arguments={**spec.arguments, argument: value}))
        else:
            _known(name, field, [*OF_AGENTS, "with.ARGUMENT"])
            changed.append(replace(spec, **{field: value}))
    return replace(scenario, agents=tuple(changed))


def _known(name: str, part: str, there: Sequence[str]) -> None:
    if part not in there:
        raise InputError(explain("vary", name, f"there is {', '.join(there)}", nearest(part, list(there))))
