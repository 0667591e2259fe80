"""From the record of a run to the flags and the scenario that repeat or continue it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from scenarios.launcher.catalog import ready_modules
from scenarios.launcher.flags import Flags, check_flags, names_database
from scenarios.launcher.recorded import Recorded, recorded_in_database
from simulator.errors import InputError, explain
from simulator.inputs.config import AgentSpec, Rates, Scenario
from simulator.inputs.manifest import MANIFEST, read_manifest
from simulator.inputs.old_records import OLD_SOURCES
from simulator.inputs.reference_prices import PriceTable
from simulator.inputs.run_record import RunRecord, changed_sources, python_files, record_run, version_notes
from simulator.inputs.sessions import parse_ts

Announce = Callable[[str], None]
"""Hears, before it happens, which Python files are imported because a record names them."""
DECIDED = (
    "market_data_min_eps", "market_data_max_eps", "trades_min_eps", "trades_max_eps", "session_pacing", "offsession_trades", "seed",
    "levels", "symbols", "only", "profile", "extra_tables",
)  # fmt: skip
"""Flags that decide rows and stand in a record, besides the times, the prices and the scenario file."""


def announcer(console: Console) -> Announce:
    """Says each thing once, at once."""
    said: set[str] = set()

    def announce(text: str) -> None:
        if text not in said:
            said.add(text)
            console.print(text, highlight=False, markup=False, soft_wrap=True)

    return announce


def read_recorded(flags: Flags) -> Recorded | None:
    """The run whose manifest, folder or record in the database ``--repeat`` names. Raises ``InputError``."""
    if flags.repeat is None:
        return None
    if names_database(flags.repeat):
        return recorded_in_database(flags, flags.repeat.partition(":")[2])
    try:
        manifest = read_manifest(flags.repeat)
    except InputError as error:
        raise InputError(f"--repeat: {error}") from None
    return Recorded(manifest=manifest, where=f"the manifest of {flags.repeat}", is_complete=manifest.complete, names_code=True)


def folder_run(folder: Path) -> Recorded | None:
    """The run that a folder has; None if there is none. Raises ``InputError`` for one that cannot be continued."""
    try:
        if not (folder / MANIFEST).exists():
            return None
    except (OSError, ValueError) as error:
        raise InputError(explain("--out", str(folder), f"it cannot be read: {error}", "Choose another folder.")) from None
    manifest = read_manifest(folder)
    if manifest.record.versions.get("sources") == OLD_SOURCES:
        limit = "version 0.1 wrote it, whose files may hold a part of their hour"
        raise InputError(explain("--incremental true with --out", str(folder), limit, f"Make it again: --repeat {folder} --out ANOTHER"))
    if manifest.record.mode == "real-time":
        limit = "it has a run of real time, which cannot be continued"
        remedy = f"Repeat it with --repeat {folder}, or begin another."
        raise InputError(explain("--incremental true with --out", str(folder), limit, remedy))
    return Recorded(manifest=manifest, where=str(folder), is_complete=manifest.complete, names_code=True)


def recorded_flags(recorded: Recorded, given: Flags, names: Collection[str] | None = None) -> Flags:
    """The flags of the record with those given now (``names`` of them) on top. Raises ``InputError``."""
    record = recorded.record
    explicit = {name: getattr(given, name) for name in (given.model_fields_set if names is None else names)}
    for name, remedy in (
        ("scenario", "Leave it out: the record has its scenario. Or leave out --repeat."),
        ("mode", "Leave it out: a run of real time is repeated as fast as may be."),
    ):
        if explicit.get(name) not in (None, "faster-than-life"):
            raise InputError(explain(f"--{name}", explicit[name], f"{recorded.where} decides that", remedy))
    kept = _kept(record)
    if "end_ts" in explicit or recorded.manifest.complete:  # then the end is where the count ended it
        kept.pop("total_market_data_events", None)
    return check_flags(kept | explicit)


def recorded_scenario(recorded: Recorded, flags: Flags, start_ns: int, end_ns: int, agents: Sequence[AgentSpec]) -> Scenario:
    """The record's scenario as far as ``flags``, which begin with the record's, do not say otherwise. Raises ``InputError``."""
    base = recorded.record.to_scenario(agents=())
    universe = base.universe.select(flags.symbols) if flags.symbols is not None else base.universe
    # The record's profile is its parameters: the file of that name may say other things now, or be gone.
    is_other = flags.profile != recorded.record.profile.name
    return replace(
        base, universe=universe, start_ns=start_ns, end_ns=end_ns, seed=flags.seed, levels=flags.levels,
        rates=Rates(**{name: getattr(flags, name) for name in Rates.__dataclass_fields__}), session_pacing=flags.session_pacing,
        offsession_trades=flags.offsession_trades, extra_tables=flags.extra_tables or (), only=flags.only or (),
        profile=flags.profile if is_other else base.profile, populations={} if is_other else base.populations, agents=tuple(agents),
    )  # fmt: skip


def recorded_prices(recorded: Recorded, universe_names: Sequence[str], source: str) -> PriceTable:
    """The record's reference prices. Raises ``InputError`` for symbols that it does not have."""
    prices = {name: price.bracket() for name, price in recorded.record.prices.items()}
    unknown = [name for name in universe_names if name not in prices]
    if unknown:
        limit = f"{recorded.where} has prices of {len(prices)} symbols"
        raise InputError(explain("Symbols without prices in the record", unknown, limit, "Choose symbols of that run."))
    return PriceTable({name: prices[name] for name in universe_names}, source, ())


def import_agents(recorded: Recorded, announce: Announce) -> tuple[AgentSpec, ...]:
    """The record's agents; ``announce`` hears first which files that imports. Raises ``InputError``."""
    uses = sorted({agent.use for agent in recorded.record.agents if agent.use.partition(":")[0] not in ready_modules()})
    if uses and not recorded.names_code:
        limit = f"{recorded.where} names this Python, and what a database says is not run"
        remedy = "With --incremental give the --scenario of that run again; to repeat it, keep its manifest in a file and name that."
        raise InputError(explain("agents of the record", ", ".join(uses[:3]), limit, remedy))
    for line in python_files(recorded.record):
        announce(f"Imports {line}, as {recorded.where} says.")
    return recorded.record.to_scenario().agents


def repeat_notes(recorded: Recorded) -> list[str]:
    """What may make the rows other than they were."""
    changed = changed_sources(recorded.record)
    notes = [f"Not as in the run to repeat, so that its rows may differ: {', '.join(changed[:3])}."] if changed else []
    return [*version_notes(recorded.record), *notes]


def check_same(recorded: Recorded, given: Flags, scenario: Scenario | None) -> None:
    """That flags and scenario file, as far as they are given, are those of the recorded run. Raises ``InputError`` for what is not."""
    record = recorded.record
    limit = "the run in {} has {!r}, and --incremental true continues just that"
    remedy = "Leave it out; or leave out --incremental for a run of its own."
    before = _kept(record)
    for name in DECIDED:
        if name not in given.model_fields_set:
            continue
        wanted, kept = getattr(given, name), before.get(name)
        is_same = set(wanted or ()) == set(kept or ()) if isinstance(wanted, tuple) or isinstance(kept, tuple) else wanted == kept
        if not is_same:
            raise InputError(explain(f"--{name}", wanted, limit.format(recorded.where, kept), remedy))
    if given.start_ts is not None:
        starts = (record.start_ns, parse_ts(recorded.manifest.asked_start_ts))
        if parse_ts(given.start_ts) not in starts:
            raise InputError(explain("--start_ts", given.start_ts, limit.format(recorded.where, record.start_ts), remedy))
    if scenario is not None:
        _check_same_scenario(recorded, scenario, given)


def _kept(record: RunRecord) -> dict[str, Any]:
    """A record as flags by name; those that say nothing are left out."""
    kept: dict[str, Any] = {**record.rates.model_dump(), "symbols": record.symbols, "profile": record.profile.name}
    kept |= {name: getattr(record, name) for name in ("start_ts", "end_ts", "session_pacing", "offsession_trades", "seed", "levels")}
    kept |= {name: value for name in ("only", "extra_tables", "total_market_data_events") if (value := getattr(record, name))}
    return kept


def _check_same_scenario(recorded: Recorded, scenario: Scenario, given: Flags) -> None:
    """What no flag says: agents, the background and the engine's limits."""
    path = given.scenario
    mine = record_run(scenario).model_dump()
    kept = recorded.record.model_dump()
    for agent in (*mine["agents"], *kept["agents"]):
        agent["sources"] = [source["sha256"] for source in agent["sources"]]
    for name in ("universe", "agents", "background", "max_orders", "price_window", "history", "profile"):
        if mine[name] != kept[name]:
            limit = f"its {name} (or the agents' Python) is not that of the run in {recorded.where}, which --incremental true continues"
            raise InputError(explain("--scenario", path, limit, "Put it back as it was, or leave out --incremental for a run of its own."))
