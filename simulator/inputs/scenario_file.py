"""From a scenario file (YAML) to settings and callables.

A file says what a run simulates: universe, dates, prices, rates, populations, agents by ``use: module:callable``, a writer. All
of it is optional. Paths and modules are looked up beside the file first. ``docs/scenarios.md`` explains each key.
"""

from __future__ import annotations

import inspect
import json
import math
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from simulator.agents.factory import agent_parameters
from simulator.errors import AgentError, InputError, explain
from simulator.flow.profile import check_venue_names, load_profile
from simulator.inputs.checks import whole
from simulator.inputs.config import (
    EVERY_SYMBOL,
    AgentSpec,
    Fees,
    Rates,
    Scenario,
    Shock,
)
from simulator.inputs.generated_universe import GenerateKeys, generate_universe
from simulator.inputs.import_path import find
from simulator.inputs.paths import exists, is_file
from simulator.inputs.reference_prices import Bracket, PriceTable, reference_prices
from simulator.inputs.scenario_keys import RatesKeys, ScenarioKeys, UseKeys
from simulator.inputs.sessions import format_ts, parse_dates, parse_ts, require_session, run_bounds, trading_days
from simulator.inputs.strict_yaml import Place, YamlFile, nearest, read_yaml, validate
from simulator.inputs.universe import NAMED_UNIVERSES, Universe, check_universe, few_names, load_universe
from simulator.records import NS_PER_S

MODEL = "the file with everything in docs/scenarios.md"

SAME_AS_FLAGS = (
    "symbols", "only", "start_ts", "end_ts", "seed", "levels", "total_market_data_events", "session_pacing", "offsession_trades", "profile",
    "extra_tables",
)  # fmt: skip
"""Keys at the top that flags of the same name overrule."""


@dataclass(frozen=True, slots=True)
class ScenarioFile:
    """A scenario file that is right as far as can be known without the flags."""

    path: Path
    text: str
    about: str
    values: Mapping[str, Any]
    """What flags overrule, by the flag's name, in the flag's form."""
    universe: Universe
    prices: Mapping[str, Bracket] | None
    """Those written out in the file."""
    populations: Mapping[str, Any]
    background: bool
    agents: tuple[AgentSpec, ...]
    shocks: tuple[Shock, ...]
    fees: Fees
    writer_arguments: Mapping[str, Any]
    limits: Mapping[str, Any]
    """Fields of ``Scenario``."""
    lines: Mapping[str, str]
    """Of ``values``, ``prices`` and ``limits``, by name: where it stands in the file, for messages."""

    @contextmanager
    def in_its_place(self, but: Collection[str] = ()) -> Iterator[None]:
        """A complaint that begins with a flag, or a limit, is one about the file if the value comes from there; ``but``: what does not."""
        try:
            yield
        except InputError as error:
            flag = re.match(r"(?:--)?(\w+)", str(error))
            if flag is None or flag[1] not in self.lines or flag[1] in but:
                raise
            raise InputError(self.lines[flag[1]] + str(error)[flag.end() :]) from error

    def fill(self, scenario: Scenario) -> Scenario:
        """The scenario with what no flag says."""
        return replace(
            scenario, populations=self.populations, background=self.background, agents=self.agents, shocks=self.shocks, fees=self.fees,
            **self.limits,
        )  # fmt: skip

    def price_table(self, symbols: tuple[str, ...]) -> PriceTable | None:
        """Of the prices written out; None if there are none. Raises ``InputError`` if one is missing."""
        if self.prices is None:
            return None
        missing = [name for name in symbols if name not in self.prices]
        if missing:
            limit = f"there are none for {', '.join(missing)}"
            raise InputError(explain(self.lines["prices"], sorted(self.prices), limit, "Add them, or name a source of prices."))
        sources = {self.prices[name].source for name in symbols}
        return PriceTable({name: self.prices[name] for name in symbols}, "generated" if sources == {"generated"} else "scenario", ())


def read_scenario(path: Path | str) -> ScenarioFile:
    """Raises ``InputError`` with file, line, key and what is allowed."""
    path = find_scenario(path)
    file = read_yaml(path, MODEL)
    keys: ScenarioKeys = validate(ScenarioKeys, file)
    universe, prices = _universe(keys, file, path.parent)
    values: dict[str, Any] = {key: getattr(keys, key) for key in SAME_AS_FLAGS if getattr(keys, key) is not None}
    rates = keys.rates.model_dump(exclude={"for_symbols"})
    values |= {key: value for key, value in rates.items() if value is not None}
    places: dict[str, Place] = {key: (key,) for key in values} | {key: ("rates", key) for key in rates}
    for key in ("symbols", "only"):
        if key in values:
            if not values[key]:
                raise InputError(explain(file.at((key,)), [], "at least one is needed", "Name some, or leave the key out for all."))
            values[key] = _names(file, (key,), values[key], [s.name for s in universe.symbols])
    for key in ("only", "extra_tables"):
        if key in values:
            values[key] = tuple(values[key])
    if keys.rates.for_symbols is not None:
        by = len(values.get("symbols", universe.symbols)) / keys.rates.for_symbols
        values |= {key: round(by * values.get(key, getattr(Rates(), key))) for key in rates}
    if keys.dates is not None:
        values |= _dates(keys, file)
        places |= {"start_ts": ("dates",), "end_ts": ("dates",)}
    for key in ("start_ts", "end_ts"):
        if getattr(keys, key) is not None:
            _at(file, (key,), parse_ts, getattr(keys, key))
    if keys.prices is not None or prices is not None:
        places["prices"] = ("prices",) if keys.prices is not None else ("universe",)
    if isinstance(keys.prices, str):
        values["prices"] = _beside(path.parent, keys.prices)
        if keys.prices not in ("builtin", "yahoo") and not exists(values["prices"]):
            limit = f"builtin, yahoo, or the path of a CSV file, and there is none in {path.parent}"
            raise InputError(explain(file.at(("prices",)), keys.prices, limit, nearest(keys.prices, ["builtin", "yahoo"])))
    if keys.profile is not None:
        values["profile"] = _beside(path.parent, keys.profile)
    profile = values.get("profile", "spec")
    _at(file, ("profile",), load_profile, profile)
    resolved = load_profile(profile, file.part(("populations",), keys.populations))
    named = partial(check_venue_names, venues=[venue.name for venue in universe.venues])
    _at(file, ("populations",) if keys.populations else ("profile",), named, resolved)
    if not keys.background and not keys.agents:
        limit = "must be true where there are no agents, or nobody trades"
        raise InputError(explain(file.at(("background",)), False, limit, "Name agents, or leave it out."))
    arguments: Mapping[str, Any] = {}
    if keys.writer is not None:
        places["writer"] = ("writer",)
        values["writer"] = keys.writer if isinstance(keys.writer, str) else keys.writer.use
        if isinstance(keys.writer, UseKeys):
            arguments = keys.writer.with_
            _check_writer(keys.writer, file, path.parent)
    limits = {name: value for name, value in keys.limits.model_dump().items() if value is not None}
    places |= {name: ("limits", name) for name in limits}
    return ScenarioFile(
        path=path, text=file.text, about=keys.about, values=values, universe=universe,
        prices=_inline_prices(keys, file, universe) if keys.prices is not None else prices,
        populations=keys.populations, background=keys.background,
        agents=_agents(keys, file, path.parent, universe), shocks=_shocks(keys, file, universe),
        fees=_at(file, ("fees",), lambda fees: Fees(**fees), keys.fees.model_dump()),
        writer_arguments=arguments,
        limits=limits,
        lines={name: file.at(place) for name, place in places.items() if name in values or name in limits or name == "prices"},
    )  # fmt: skip


def load_scenario(path: Path | str, **changes: Any) -> Scenario:
    """The ``Scenario`` of a file, or of a ready one by its name, for ``Market`` and ``simulate``; ``changes`` are fields of ``Scenario``.

    What the file leaves out is as in the command: 2025-07-01 from 04:00 to 20:00 New York time, built-in prices. Its writer does not
    count here. Raises ``InputError``, also for times in which the exchange is closed.
    """
    known = list(Scenario.__dataclass_fields__)
    for name in changes:
        if name not in known:
            limit = f"load_scenario changes fields of Scenario: {', '.join(known)}"
            raise InputError(explain("load_scenario: argument", name, limit, nearest(name, known)))
    file = read_scenario(path)
    values = file.values
    universe = file.universe.select(values["symbols"]) if "symbols" in values else file.universe
    times = [None if values.get(key) is None else parse_ts(values[key]) for key in ("start_ts", "end_ts")]
    start_ns, end_ns = run_bounds(*times)
    for name, low in (("start_ns", 0), ("end_ns", 1)):
        if name in changes:
            whole(name, changes[name], low, 2**63 - 1, 'parse_ts("2025-07-01T13:30:00Z") gives such a number.', " ns since 1970")
    start_ns, end_ns = changes.get("start_ns", start_ns), changes.get("end_ns", end_ns)
    if end_ns <= start_ns:
        raise InputError(explain("end_ns", format_ts(end_ns), f"must be after the start, {format_ts(start_ns)}", "Give a later one."))
    names = tuple(s.name for s in universe.symbols)
    table = file.price_table(names)
    if table is None:
        days = trading_days(start_ns, end_ns)
        table = reference_prices(values.get("prices", "builtin"), names, (days[0].date, days[-1].date))
    same = ("only", "seed", "levels", "session_pacing", "offsession_trades", "profile", "extra_tables")
    with file.in_its_place():
        rates = Rates(**{key: values[key] for key in RatesKeys.model_fields if key in values})
        scenario = Scenario(
            universe=universe, start_ns=start_ns, end_ns=end_ns, prices=table.brackets, rates=rates,
            **{key: values[key] for key in same if key in values},
        )  # fmt: skip
        scenario = file.fill(scenario)
    scenario = replace(scenario, **changes)
    if not scenario.goes_on_when_closed:
        require_session(scenario.start_ns, scenario.end_ns)
    return scenario


def ready_folder() -> Path | None:
    """Where the ready scenarios lie; None if the program was installed without them."""
    spec = find_spec("scenarios")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) if places else None


def ready_scenarios() -> list[str]:
    """Names of the scenarios that come with the program."""
    folder = ready_folder()
    return sorted(path.stem for path in folder.glob("*.yaml")) if folder is not None else []


def find_scenario(name: Path | str) -> Path:
    """The path of a scenario file, given as that, or as the name of a ready one. Raises ``InputError``."""
    if not isinstance(name, str | Path):
        limit = "must be the path of a scenario file, or the name of a ready one"
        raise InputError(explain("scenario", name, limit, 'For example load_scenario("momentum").'))
    known, folder = ready_scenarios(), ready_folder()
    if is_file(name):
        return Path(name).resolve()
    if str(name) in known and folder is not None:
        return folder / f"{name}.yaml"
    limit = f"there is no such file; ready scenarios are {', '.join(known)}"
    raise InputError(explain("--scenario", str(name), limit, nearest(str(name), known)))


def scenario_schema() -> str:
    """The JSON Schema of scenario files, for completion in editors."""
    schema = ScenarioKeys.model_json_schema(by_alias=True)
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema | {"title": "Scenario"}, indent=1) + "\n"


def _at(file: YamlFile, place: Place, check: Any, value: Any) -> Any:
    """``check(value)``; its complaint with file, line and key."""
    try:
        return check(value)
    except InputError as error:
        raise InputError(f"{file.at(place)}: {str(error).removeprefix(f'--{place[-1]}: ')}") from None


def _beside(folder: Path, name: str) -> str:
    """A path in the file counts from the file's folder; other names are left as they are."""
    return str(folder / name) if not Path(name).is_absolute() and exists(folder / name) else name


def _universe(keys: ScenarioKeys, file: YamlFile, folder: Path) -> tuple[Universe, Mapping[str, Bracket] | None]:
    """And its prices, if it brings some."""
    if keys.universe is None:
        return load_universe(), None
    if isinstance(keys.universe, GenerateKeys):
        return generate_universe(keys.universe)
    if isinstance(keys.universe, str):
        name = _beside(folder, keys.universe)
        if name not in NAMED_UNIVERSES and not exists(name):
            known = list(NAMED_UNIVERSES)
            limit = f"{', '.join(known)}, or the path of a YAML file, and there is none in {folder}"
            raise InputError(explain(file.at(("universe",)), keys.universe, limit, nearest(keys.universe, known)))
        universe: Universe = _at(file, ("universe",), load_universe, name)
        return universe, None
    check_universe(file.part(("universe",), keys.universe), keys.universe)
    return keys.universe, None


def _names(file: YamlFile, place: Place, names: list[str], known: list[str]) -> tuple[str, ...]:
    for n, name in enumerate(names):
        if name in names[:n]:
            raise InputError(explain(file.at((*place, n)), name, "each name occurs once", "Remove one of the two."))
        if name not in known:
            raise InputError(explain(file.at((*place, n)), name, f"the universe has {few_names(known)}", nearest(name, known)))
    return tuple(names)


def _dates(keys: ScenarioKeys, file: YamlFile) -> dict[str, str]:
    if keys.start_ts is not None or keys.end_ts is not None:
        limit = "it stands for start_ts and end_ts, which are given too"
        raise InputError(explain(file.at(("dates",)), keys.dates, limit, "Leave out one or the other."))
    given = [keys.dates] if isinstance(keys.dates, str) else keys.dates
    start_ts, end_ts = _at(file, ("dates",), parse_dates, given)
    return {"start_ts": start_ts, "end_ts": end_ts}


def _inline_prices(keys: ScenarioKeys, file: YamlFile, universe: Universe) -> Mapping[str, Bracket] | None:
    if keys.prices is None or isinstance(keys.prices, str):
        return None
    known = [s.name for s in universe.symbols]
    for name, price in keys.prices.items():
        if name not in known:
            raise InputError(explain(file.at(("prices", name)), name, f"the universe has {', '.join(known)}", nearest(name, known)))
        if not price.low <= price.close <= price.high:
            given = [price.low, price.close, price.high]
            raise InputError(explain(file.at(("prices", name)), given, "low <= close <= high", "Put them in that order."))
    return {name: Bracket(p.low, p.high, p.close, "scenario") for name, p in keys.prices.items()}


def _shocks(keys: ScenarioKeys, file: YamlFile, universe: Universe) -> tuple[Shock, ...]:
    known = [symbol.name for symbol in universe.symbols]
    shocks = []
    for n, shock in enumerate(keys.shocks):
        if shock.symbol not in (*known, EVERY_SYMBOL):
            limit = f"the universe has {', '.join(known)}, and '{EVERY_SYMBOL}' is all of them"
            raise InputError(explain(file.at(("shocks", n, "symbol")), shock.symbol, limit, nearest(shock.symbol, known)))
        ts_ns = _at(file, ("shocks", n, "at"), parse_ts, shock.at)
        shocks.append(Shock(ts_ns=ts_ns, symbol=shock.symbol, log_return=math.log1p(shock.by), over_ns=int(shock.over_s * NS_PER_S)))
    return tuple(shocks)


def _agents(keys: ScenarioKeys, file: YamlFile, folder: Path, universe: Universe) -> tuple[AgentSpec, ...]:
    venues = [v.name for v in universe.venues]
    symbols = [s.name for s in universe.symbols]
    specs: list[AgentSpec] = []
    for n, agent in enumerate(keys.agents):
        place: Place = ("agents", n)
        make = find(agent.use, file.at((*place, "use")), folder)
        _check_arguments(file, place, agent.use, make, agent.with_)
        latency = agent.latency_ns if isinstance(agent.latency_ns, dict) else {"*": agent.latency_ns}
        for venue in latency:
            if venue != "*" and venue not in venues:
                limit = f"the venues are {', '.join(venues)}, and '*' is all others"
                raise InputError(explain(file.at((*place, "latency_ns", venue)), venue, limit, nearest(venue, venues)))
        if "*" not in latency and (missing := [v for v in venues if v not in latency]):
            limit = f"it lacks {', '.join(missing)}"
            raise InputError(explain(file.at((*place, "latency_ns")), latency, limit, "Add them, or '*' for all others."))
        settings = {
            "name": agent.name, "make": make, "use": agent.use, "arguments": dict(agent.with_),
            "symbols": _names(file, (*place, "symbols"), agent.symbols, symbols), "latency_ns": latency,
            "max_messages_per_s": agent.max_messages_per_s, "keep_orders": agent.keep_orders, "max_wake_s": agent.max_wake_s,
        }  # fmt: skip
        spec = _at(file, (*place, "name"), lambda settings: AgentSpec(**settings), settings)
        names = [agent.name] if agent.copies == 1 else [f"{agent.name}-{k}" for k in range(1, agent.copies + 1)]
        for name in names:
            if any(spec.name == name for spec in specs):
                raise InputError(explain(file.at((*place, "name")), name, "each agent has a name of its own", "Choose another."))
            specs.append(replace(spec, name=name, copy_of="" if agent.copies == 1 else agent.name))
    return tuple(specs)


def _check_arguments(file: YamlFile, place: Place, use: str, make: Any, arguments: Mapping[str, Any]) -> None:
    """That the agent takes what it is given, and is given what it needs."""
    try:
        signature = agent_parameters(make)
    except AgentError as error:
        raise InputError(explain(file.at((*place, "use")), use, str(error).rstrip("."), "docs/agents.md shows one.")) from error
    _check_signature(file, place, use, signature, arguments)


def _check_signature(file: YamlFile, place: Place, use: str, signature: inspect.Signature, arguments: Mapping[str, Any]) -> None:
    named = [p for p in signature.parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    takes_any = any(p.kind == p.VAR_KEYWORD for p in signature.parameters.values())
    known = [p.name for p in named]
    for name in arguments:
        if name not in known and not takes_any:
            limit = f"an argument it does not take; {use} takes {', '.join(known) or 'no arguments'}"
            raise InputError(explain(file.at((*place, "with", name)), arguments[name], limit, nearest(name, known)))
    missing = [p.name for p in named if p.default is p.empty and p.name not in arguments]
    if missing:
        limit = f"{use} needs {', '.join(missing)}"
        raise InputError(explain(file.at((*place, "with")), dict(arguments), limit, "Add it under with:."))


def _check_writer(keys: UseKeys, file: YamlFile, folder: Path) -> None:
    made = find(keys.use, file.at(("writer", "use")), folder)
    if not callable(made):
        raise InputError(explain(file.at(("writer", "use")), keys.use, "it is not callable", "Name a class or function."))
    parameters = list(inspect.signature(made).parameters.values())[2:]
    _check_signature(file, ("writer",), keys.use, inspect.Signature(parameters), keys.with_)
