"""``RunRecord``: everything that decides a run's rows, in one frozen, versioned model.

Manifests, the database's runs table, ``--repeat``, ``--incremental`` read and write it as part of a ``Manifest`` (``manifest``) and
nothing else. What is read comes from outside: its types, sizes and depth are checked, and reading it imports nothing. Only
``to_scenario`` imports the agents' modules; ``python_files`` says before which those are.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from simulator.errors import InputError, explain
from simulator.flow.profile import load_profile
from simulator.inputs.agent_sources import source_files
from simulator.inputs.config import (
    LATENCY_NS_MAX,
    SEED_MAX,
    SEED_MIN,
    SHOCK_LOG_RETURN_MAX,
    SHOCK_NS_MAX,
    AgentSpec,
    Fees,
    OffsessionTrades,
    Rates,
    Refresh,
    Scenario,
    Shock,
)
from simulator.inputs.import_path import find, module_file
from simulator.inputs.reference_prices import PRICE_MAX_USD, PRICE_MIN_USD, Bracket
from simulator.inputs.sessions import format_ts, parse_ts
from simulator.inputs.strict_yaml import YamlFile, why_invalid
from simulator.inputs.universe import Name, Universe
from simulator.inputs.versions import versions
from simulator.records import BASE_TABLES

TEXT_MAX = 1_000_000
LIST_MAX = 100_000
MODEL = "a manifest that this program has written"

Short = Annotated[str, StringConstraints(max_length=4_096)]
Price = Annotated[float, Field(ge=PRICE_MIN_USD, le=PRICE_MAX_USD, allow_inf_nan=False)]
Use = Annotated[str, StringConstraints(pattern=r"^[\w.]+:[\w.]+$", max_length=1_000)]


def _instant(text: str) -> str:
    try:
        return format_ts(parse_ts(text))
    except InputError as error:
        raise ValueError(str(error)) from None


Instant = Annotated[Short, AfterValidator(_instant)]
"""ISO-8601 in UTC, to the nanosecond."""


class Strict(BaseModel):
    """Takes nothing but its own keys, each in its own type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)


class PriceRecord(Strict):
    """A symbol's reference prices in USD, and where they were from."""

    low: Price
    high: Price
    close: Price
    source: Short
    date: Annotated[str, StringConstraints(pattern=r"^(\d{4}-\d\d-\d\d)?$")] = ""
    """Of the close; empty where it is that before the first simulated day."""

    def bracket(self) -> Bracket:
        """The same for a scenario. Raises ``InputError`` for a date that there is not."""
        try:
            return Bracket(self.low, self.high, self.close, self.source, dt.date.fromisoformat(self.date) if self.date else None)
        except ValueError:
            raise InputError(explain("date of a price", self.date, "there is no such day", "Correct it.")) from None


class RefreshRecord(Strict):
    """New reference prices in the middle of a run: from ``ts`` on, within ``over_ns``."""

    ts: Instant
    over_ns: Annotated[int, Field(ge=1, lt=2**62)]
    prices: Annotated[dict[Name, PriceRecord], Field(max_length=LIST_MAX)]


class ShockRecord(Strict):
    """A shock of the efficient price: from ``ts`` on, within ``over_ns``."""

    ts: Instant
    symbol: Short
    log_return: Annotated[float, Field(ge=-SHOCK_LOG_RETURN_MAX, le=SHOCK_LOG_RETURN_MAX, allow_inf_nan=False)]
    over_ns: Annotated[int, Field(ge=1, le=SHOCK_NS_MAX)]


class SourceRecord(Strict):
    """A Python file that an agent is made of."""

    file: Short
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class AgentRecord(Strict):
    """A Python agent; the fields are those of ``AgentSpec``, the code by name and by a hash of its files."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    use: Use
    arguments: Annotated[dict[Short, Any], Field(max_length=LIST_MAX)]
    symbols: Annotated[tuple[Name, ...], Field(max_length=LIST_MAX)]
    latency_ns: Annotated[dict[Short, Annotated[int, Field(ge=1, le=LATENCY_NS_MAX)]], Field(max_length=1_000)]
    max_messages_per_s: int
    keep_orders: bool
    max_wake_s: Annotated[float, Field(allow_inf_nan=False)]
    sources: Annotated[tuple[SourceRecord, ...], Field(max_length=1_000)]


class RatesRecord(Strict):
    """Rows per second of simulated time."""

    market_data_min_eps: int
    market_data_max_eps: int
    trades_min_eps: int
    trades_max_eps: int


class FeesRecord(Strict):
    """USD a share; they change no row, only what agents come to."""

    maker_usd: float
    taker_usd: float
    cross_usd: float


class ProfileRecord(Strict):
    """The background's parameters as resolved: the rows hang on them, ``name`` only says where they came from."""

    name: Short
    parameters: Annotated[dict[Short, Any], Field(max_length=1_000)]


class ScenarioFileRecord(Strict):
    """The scenario file of the run: modules beside it are found first."""

    path: Short
    text: Annotated[str, StringConstraints(max_length=TEXT_MAX)]


class RunRecord(Strict):
    """Everything that decides the rows of a run."""

    versions: Annotated[dict[Short, Short], Field(max_length=100)]
    """Of the program, its sources, the libraries and the platform: with others the same record may give other rows."""
    mode: Literal["faster-than-life", "real-time"]
    """How the run was made; what real time decides stands in the other fields, so that it is repeated as fast as may be."""
    start_ts: Instant
    end_ts: Instant
    seed: Annotated[int, Field(ge=SEED_MIN, le=SEED_MAX)]
    levels: int
    rates: RatesRecord
    total_market_data_events: Annotated[int, Field(ge=1, lt=2**62)] | None
    session_pacing: bool
    offsession_trades: OffsessionTrades
    offhours_quotes: bool
    universe: Universe
    only: Annotated[tuple[Name, ...], Field(max_length=LIST_MAX)]
    extra_tables: Annotated[tuple[Short, ...], Field(max_length=10)]
    profile: ProfileRecord
    background: bool
    agents: Annotated[tuple[AgentRecord, ...], Field(max_length=LIST_MAX)]
    fees: FeesRecord
    max_orders: int
    price_window: int
    history: int
    prices_source: Short
    prices: Annotated[dict[Name, PriceRecord], Field(max_length=LIST_MAX)]
    refreshes: Annotated[tuple[RefreshRecord, ...], Field(max_length=LIST_MAX * 10)]
    shocks: Annotated[tuple[ShockRecord, ...], Field(max_length=LIST_MAX)] = ()
    """None in records of before there were any."""
    scenario_file: ScenarioFileRecord | None

    @property
    def start_ns(self) -> int:
        """First instant simulated."""
        return parse_ts(self.start_ts)

    @property
    def end_ns(self) -> int:
        """The run ends before it."""
        return parse_ts(self.end_ts)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Of the universe."""
        return tuple(symbol.name for symbol in self.universe.symbols)

    @property
    def tables(self) -> tuple[str, ...]:
        """As ``Scenario.tables``."""
        return (*BASE_TABLES, *self.extra_tables)

    @property
    def folder(self) -> Path | None:
        """Where the agents' modules are looked for first."""
        return Path(self.scenario_file.path).parent if self.scenario_file is not None else None

    def to_scenario(self, agents: Sequence[AgentSpec] | None = None) -> Scenario:
        """The scenario; its agents are imported unless they are given. Raises ``InputError``."""
        profile, changes = _profile_of(self.profile)
        return Scenario(
            universe=self.universe, start_ns=self.start_ns, end_ns=self.end_ns, seed=self.seed, levels=self.levels,
            prices={name: price.bracket() for name, price in self.prices.items()}, rates=Rates(**self.rates.model_dump()),
            refreshes=tuple(
                Refresh(ts_ns=parse_ts(r.ts), over_ns=r.over_ns, prices={name: price.bracket() for name, price in r.prices.items()})
                for r in self.refreshes
            ),
            shocks=tuple(Shock(ts_ns=parse_ts(s.ts), symbol=s.symbol, log_return=s.log_return, over_ns=s.over_ns) for s in self.shocks),
            session_pacing=self.session_pacing, offsession_trades=self.offsession_trades, offhours_quotes=self.offhours_quotes,
            extra_tables=self.extra_tables, only=self.only, profile=profile, populations=changes, background=self.background,
            agents=tuple(self._agents() if agents is None else agents), max_orders=self.max_orders, price_window=self.price_window,
            history=self.history, fees=Fees(**self.fees.model_dump()),
        )  # fmt: skip

    def without_code(self) -> Scenario:
        """The scenario with agents that cannot act: what it was told is there, and nothing is imported."""
        return self.to_scenario(agents=[_checked(agent) for agent in self.agents])

    def _agents(self) -> list[AgentSpec]:
        return [
            AgentSpec(
                name=agent.name, make=find(agent.use, f"agent {agent.name} of the record", self.folder), use=agent.use,
                arguments=agent.arguments, symbols=agent.symbols, latency_ns=agent.latency_ns,
                max_messages_per_s=agent.max_messages_per_s, keep_orders=agent.keep_orders, max_wake_s=agent.max_wake_s,
            )
            for agent in self.agents
        ]  # fmt: skip


def record_run(
    scenario: Scenario, *, mode: Literal["faster-than-life", "real-time"] = "faster-than-life", start_ns: int | None = None,
    prices_source: str = "scenario", total: int | None = None, scenario_file: tuple[Path, str] | None = None,
) -> RunRecord:  # fmt: skip
    """The record of a scenario. Raises ``InputError`` for agents that cannot be named.

    ``start_ns``: of the whole run, if the scenario is a later part of it; ``total``: book rows after which the run ends.
    """
    refreshes = [
        {"ts": format_ts(r.ts_ns), "over_ns": r.over_ns, "prices": _prices(r.prices)} for r in scenario.refreshes
    ]
    folder = scenario_file[0].parent if scenario_file is not None else None
    values = {
        "versions": versions(), "mode": mode, "start_ts": format_ts(scenario.start_ns if start_ns is None else start_ns),
        "end_ts": format_ts(scenario.end_ns), "seed": scenario.seed, "levels": scenario.levels,
        "rates": {name: getattr(scenario.rates, name) for name in RatesRecord.model_fields}, "total_market_data_events": total,
        "session_pacing": scenario.session_pacing, "offsession_trades": scenario.offsession_trades,
        "offhours_quotes": scenario.offhours_quotes, "universe": scenario.universe, "only": scenario.only,
        "extra_tables": scenario.tables[2:],
        "profile": {
            "name": scenario.profile, "parameters": load_profile(scenario.profile, scenario.populations).model_dump(mode="json"),
        },
        "background": scenario.background, "agents": tuple(_agent(spec, folder) for spec in scenario.agents),
        "fees": {name: float(getattr(scenario.fees, name)) for name in FeesRecord.model_fields}, "max_orders": scenario.max_orders,
        "price_window": scenario.price_window, "history": scenario.history, "prices_source": prices_source,
        "prices": _prices(scenario.prices), "refreshes": tuple(refreshes),
        "shocks": tuple(
            {"ts": format_ts(s.ts_ns), "symbol": s.symbol, "log_return": float(s.log_return), "over_ns": s.over_ns} for s in scenario.shocks
        ),
        "scenario_file": {"path": str(scenario_file[0]), "text": scenario_file[1]} if scenario_file is not None else None,
    }  # fmt: skip
    try:
        return RunRecord.model_validate(values)
    except ValidationError as error:
        raise InputError(why_invalid(RunRecord, YamlFile("This run's record", None, {}, "", MODEL), error)) from None


def version_notes(record: RunRecord, now: Mapping[str, str] | None = None) -> list[str]:
    """One line if another version made the run, and what that means."""
    now, before = versions() if now is None else now, record.versions
    changed = [f"{name} {before[name]} (now {now[name]})" for name in now if name in before and before[name] != now[name]]
    return [f"The recorded run was made with {', '.join(changed)}: its rows may differ."] if changed else []


def python_files(record: RunRecord) -> list[str]:
    """One line for each module that ``to_scenario`` imports: its file and the agents it is for."""
    agents: dict[str, list[str]] = {}
    for agent in record.agents:
        agents.setdefault(agent.use.partition(":")[0], []).append(agent.name)
    return [
        f"{module_file(module, record.folder) or f'the module {module}'} (for {', '.join(names[:3])}{' …' if len(names) > 3 else ''})"
        for module, names in agents.items()
    ]


def changed_sources(record: RunRecord) -> list[str]:
    """Files of the record's agents that are not as they were, or not there."""
    changed = []
    for source in {s.file: s for agent in record.agents for s in agent.sources}.values():
        try:
            same = hashlib.sha256(Path(source.file).read_bytes()).hexdigest() == source.sha256
        except (OSError, ValueError):
            same = False
        if not same:
            changed.append(source.file)
    return changed


def _agent(spec: AgentSpec, folder: Path | None) -> dict[str, Any]:
    use = spec.use or f"{getattr(spec.make, '__module__', '')}:{getattr(spec.make, '__qualname__', '')}"
    module, _, path = use.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    if found is not spec.make:
        limit = "a record names an agent's code as module:callable, and this one cannot be found by such a name"
        raise InputError(explain(f"agent {spec.name}", use, limit, "Define it at the top of a module that can be imported."))
    try:
        arguments = json.loads(json.dumps(dict(spec.arguments)))
    except (TypeError, ValueError) as error:
        limit = f"a record keeps text, numbers, lists and mappings ({error})"
        raise InputError(explain(f"arguments of agent {spec.name}", dict(spec.arguments), limit, "Give it those.")) from None
    sources = tuple({"file": str(p), "sha256": hashlib.sha256(p.read_bytes()).hexdigest()} for p in source_files(module))
    return {
        "name": spec.name, "use": use, "arguments": arguments, "symbols": tuple(spec.symbols), "latency_ns": dict(spec.latency_by_venue),
        "max_messages_per_s": spec.max_messages_per_s, "keep_orders": spec.keep_orders, "max_wake_s": float(spec.max_wake_s),
        "sources": sources,
    }  # fmt: skip


def _prices(prices: Mapping[str, Bracket]) -> dict[str, dict[str, float | str]]:
    return {
        name: {"low": b.low, "high": b.high, "close": b.close, "source": b.source, "date": b.date.isoformat() if b.date else ""}
        for name, b in prices.items()
    }


def _profile_of(record: ProfileRecord) -> tuple[str, dict[str, Any]]:
    """The profile by name with what differs from it now; by parameters alone where there is none of that name."""
    try:
        name, base = record.name, load_profile(record.name)
    except InputError:
        name, base = "spec", load_profile("spec")
    now = base.model_dump(mode="json")
    changes = {key: value for key, value in record.parameters.items() if key not in now or now[key] != value}
    missing = [key for key in now if key not in record.parameters]
    if missing:
        limit = f"it lacks {', '.join(missing)}"
        raise InputError(explain("profile of the record", record.name, limit, "Run it with the version of the program that wrote it."))
    load_profile(name, changes)
    return name, changes


def _checked(agent: AgentRecord) -> AgentSpec:
    """With everything but its code. Raises ``InputError``."""
    return AgentSpec(
        name=agent.name, make=_no_code, symbols=agent.symbols, latency_ns=agent.latency_ns, max_messages_per_s=agent.max_messages_per_s,
        max_wake_s=agent.max_wake_s,
    )  # fmt: skip


def _no_code(*_: Any) -> None:
    """Stands for code that is not imported."""
