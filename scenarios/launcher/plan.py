"""From flags to what a run needs: the scenario, its reference prices, and the flags that repeat an earlier run."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scenarios.launcher.catalog import find_scenario
from scenarios.launcher.flags import Flags, check_flags
from scenarios.launcher.price_refresh import from_manifest
from scenarios.launcher.versions import versions
from simulator.errors import InputError, explain
from simulator.flow.profile import load_profile
from simulator.inputs.config import Rates, Refresh, Scenario
from simulator.inputs.reference_prices import PriceTable, manifest_prices, prices_at, reference_prices
from simulator.inputs.scenario_file import ScenarioFile, read_scenario
from simulator.inputs.sessions import format_ts, parse_ts, require_session, run_bounds, trading_days
from simulator.inputs.universe import Universe, load_universe
from simulator.records import NS_PER_HOUR

LIVE_DAYS = 366
"""A run in real time ends after so many days at the latest: the exchange's calendar is read once, at its start."""

REPEATED = (
    "scenario", "market_data_min_eps", "market_data_max_eps", "trades_min_eps", "trades_max_eps", "session_pacing", "offsession_trades",
    "seed", "levels", "symbols", "only", "profile", "extra_tables",
)  # fmt: skip
"""Flags that determine the rows, besides the times and the prices: a manifest keeps them and gives them back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run that can start."""

    flags: Flags
    scenario: Scenario
    prices: PriceTable
    notes: tuple[str, ...]
    """Lines for the user."""
    replays: bool
    """Whether the run is a continued one: what the database has is simulated again and not written."""
    run_start_ns: int
    """Of the whole run; later than that is the start of a continued one that need not replay all of it."""
    file: ScenarioFile | None = None
    """The scenario file, if one was named."""

    @property
    def settings(self) -> dict[str, Any]:
        """What a manifest keeps of the flags: given back to the command, they and the prices repeat the rows."""
        kept = {name: getattr(self.flags, name) for name in REPEATED}
        kept["scenario"] = str(self.file.path) if self.file is not None else None
        kept["symbols"] = [symbol.name for symbol in self.scenario.universe.symbols]
        return kept | {"start_ts": format_ts(self.run_start_ns), "end_ts": format_ts(self.scenario.end_ns)}


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What a database has before the run."""

    newest_ns: int
    """Of its newest row, -1 without one."""
    mids: Mapping[str, float]
    """USD by symbol: of the newest book row."""
    manifest: Mapping[str, Any] | None = None
    """What the newest run recorded, if the newest row can be its own."""
    oldest_end_ns: int = -1
    """The earliest of the newest rows over that run's symbols and tables: up to here it is whole."""


def with_scenario(given: Flags) -> tuple[Flags, tuple[str, ...]]:
    """The flags, those not given taken from the scenario file; and a line for each that wins over it. Raises ``InputError``."""
    if given.scenario is None:
        return given, ()
    file = read_scenario(find_scenario(given.scenario))
    explicit = {name: getattr(given, name) for name in given.model_fields_set}
    won = [name for name in explicit if name in file.values and explicit[name] != file.values[name]]
    said = tuple(f"--{name} {_shown(explicit[name])} wins over {_shown(file.values[name])} ({file.lines[name]})." for name in won)
    if file.prices is not None and given.prices is not None:
        said = (*said, f"--prices {given.prices} wins over those of {', '.join(file.prices)} ({file.lines['prices']}).")
    with file.in_its_place(explicit):
        return check_flags({**file.values, **explicit, "scenario": str(file.path)}), said


def make_plan(given: Flags, history: History | None = None, now_ns: int | None = None, said: Sequence[str] = ()) -> Plan:
    """Raises ``InputError`` for whatever makes the run impossible, as far as that can be known before it starts.

    ``given``: with the scenario file's values (``with_scenario``). ``said``: lines for the user so far.
    ``now_ns``: the wall clock, for real time. Call it once without ``history`` (and prices builtin) to find mistakes before a
    database is asked.
    """
    if given.incremental and history is not None and history.manifest is not None:
        return _continued(given, history)
    flags, notes, refreshes = _with_manifest(given)
    file = _file(flags)
    notes = [*said, *notes, *_changed_file_notes(flags, file)]
    with _in_its_place(flags, file):
        scenario = replace(_scenario(flags, file, *_times(flags, now_ns)), refreshes=refreshes)
    if history is not None and history.newest_ns >= scenario.start_ns:
        scenario = _after(scenario, history.newest_ns, flags)
        notes.append(f"Starts after the newest row of the database, at {format_ts(scenario.start_ns)}.")
    # Prices come last: Yahoo may take five seconds, and every other mistake is known by now.
    names = [symbol.name for symbol in scenario.universe.symbols]
    goes_on = history is not None and bool(history.mids) and (flags.incremental or flags.mode == "real-time") and flags.prices is None
    if goes_on and history is not None:
        others = reference_prices("builtin", names, _dates(scenario))
        table = prices_at(history.mids, names, others)
        what = "No run is recorded that could be repeated: prices" if flags.incremental else "Prices"
        notes.append(f"{what} go on from the last mid prices of the database.")
    elif file is not None and flags.prices is None and (inline := file.price_table(tuple(names))) is not None:
        table = inline
    else:
        table = reference_prices(flags.prices or ("yahoo" if flags.writer == "questdb" else "builtin"), names, _dates(scenario))
    if flags.incremental and history is not None and history.newest_ns < 0:
        notes.append("--incremental: the database has no rows yet, so this is a fresh run.")
    notes += [*_seed_notes(scenario), *_only_notes(scenario)]
    if not scenario.background and not scenario.agents:
        notes.append("Nobody trades in this run: background is false, and there are no agents.")
    return Plan(
        flags=flags, scenario=replace(scenario, prices=table.brackets), prices=table, notes=(*notes, *table.notes), replays=False,
        run_start_ns=scenario.start_ns, file=file,
    )  # fmt: skip


def starting_now(plan: Plan) -> Plan:
    """The same from the wall clock's time on: kernels and prices have taken their time."""
    start_ns, end_ns = _times(plan.flags, None)
    return replace(plan, scenario=replace(plan.scenario, start_ns=start_ns, end_ns=end_ns), run_start_ns=start_ns)


def _continued(given: Flags, history: History) -> Plan:
    """The plan of the recorded run, from the beginning of the day in which the database ends."""
    manifest = history.manifest
    assert manifest is not None
    kept = {name: value for name, value in manifest["settings"].items() if value is not None}
    explicit = {name: getattr(given, name) for name in given.model_fields_set}
    for name in (*REPEATED, "start_ts"):
        recorded: Any = parse_ts(kept[name]) if name == "start_ts" else kept.get(name)
        wanted: Any = parse_ts(explicit[name]) if name == "start_ts" and name in explicit else explicit.get(name)
        if isinstance(wanted, tuple):  # names, in any order
            recorded, wanted = set(recorded or ()), set(wanted)
        if name in explicit and wanted != recorded:
            limit = f"the run in the database has {kept.get(name)!r}, and --incremental true continues just that"
            raise InputError(explain(f"--{name}", explicit[name], limit, "Leave it out; or leave out --incremental for a run of its own."))
    kept_names = (*REPEATED, "start_ts", "end_ts")
    total = {"total_market_data_events": manifest.get("total_market_data_events")} if "end_ts" not in explicit else {}
    flags = check_flags({name: kept[name] for name in kept_names if name in kept} | total | explicit)
    run_start_ns, end_ns = _times(flags, None)
    file = _file(flags)
    scenario = _scenario(flags, file, run_start_ns, end_ns)
    names = [symbol.name for symbol in scenario.universe.symbols]
    table = PriceTable(manifest_prices(manifest, "the database's runs table", names), "database", ())
    start_ns = run_start_ns
    if history.oldest_end_ns > run_start_ns:
        start_ns = max(run_start_ns, trading_days(history.oldest_end_ns, history.oldest_end_ns + 1)[0].start_ns)
    notes = [
        f"Continues the run that began at {kept['start_ts']}, seed {flags.seed}: replays it from {format_ts(start_ns)} without writing."
    ]
    notes += [*_version_notes(dict(manifest)), *_changed_text_notes(dict(manifest), file)]
    scenario = replace(scenario, start_ns=start_ns, prices=table.brackets)
    return Plan(flags=flags, scenario=scenario, prices=table, notes=tuple(notes), replays=True, run_start_ns=run_start_ns, file=file)


def _file(flags: Flags) -> ScenarioFile | None:
    return None if flags.scenario is None else read_scenario(find_scenario(flags.scenario))


def _in_its_place(flags: Flags, file: ScenarioFile | None) -> AbstractContextManager[None]:
    """A complaint about what the file says names the file, one about a flag the flag."""
    if file is None:
        return nullcontext()
    return file.in_its_place([name for name, value in file.values.items() if getattr(flags, name) != value])


def _changed_file_notes(flags: Flags, file: ScenarioFile | None) -> list[str]:
    manifest = read_run(flags.prices)
    return [] if manifest is None else _changed_text_notes(manifest, file)


def _changed_text_notes(manifest: dict[str, Any], file: ScenarioFile | None) -> list[str]:
    """That a run is repeated with a scenario file that reads otherwise now; what its Python says cannot be known."""
    before = manifest.get("scenario_text")
    if before is None or file is None or before == file.text:
        return []
    return [f"{file.path} is not as it was in the run to repeat (its text stands in that run's manifest): the rows may differ."]


def _scenario(flags: Flags, file: ScenarioFile | None, start_ns: int, end_ns: int) -> Scenario:
    """Everything but the prices. Raises ``InputError``."""
    if flags.only and flags.total_market_data_events is not None:
        limit = "the count is over all symbols, and --only simulates just some"
        remedy = "Leave it out, and give the --end_ts that stands in the manifest of the full run."
        raise InputError(explain("--total_market_data_events with --only", flags.total_market_data_events, limit, remedy))
    universe = load_universe() if file is None else file.universe
    if flags.symbols is not None:
        universe = universe.select(flags.symbols)
    load_profile(flags.profile)  # now, rather than in a worker
    only = _in_universe_order(universe, flags.only or ())
    rates = Rates(
        market_data_min_eps=flags.market_data_min_eps,
        market_data_max_eps=flags.market_data_max_eps,
        trades_min_eps=flags.trades_min_eps,
        trades_max_eps=flags.trades_max_eps,
    )
    scenario = Scenario(
        universe=universe,
        start_ns=start_ns,
        end_ns=end_ns,
        prices={},
        seed=flags.seed,
        levels=flags.levels,
        rates=rates,
        session_pacing=flags.session_pacing,
        offsession_trades=flags.offsession_trades,
        extra_tables=flags.extra_tables or (),
        only=only,
        profile=flags.profile,
        offhours_quotes=flags.mode == "real-time",
    )
    return scenario if file is None else file.fill(scenario)


def _after(scenario: Scenario, newest_ns: int, flags: Flags) -> Scenario:
    """The same from the first nanosecond after ``newest_ns``. Raises ``InputError`` if nothing is left, or if that is not now."""
    if flags.mode == "real-time":
        limit = f"it is later than the wall clock, {format_ts(scenario.start_ns)}, and no row may come before it"
        remedy = "Wait until then, or write to other tables with --suffix."
        raise InputError(explain("The newest row in the database", format_ts(newest_ns), limit, remedy))
    if newest_ns + 1 >= scenario.end_ns:
        limit = f"the run would end at {format_ts(scenario.end_ns)}, and a run starts after the newest row"
        remedy = "Give a later --end_ts, go on with --incremental true, or write to other tables with --suffix."
        raise InputError(explain("The newest row in the database", format_ts(newest_ns), limit, remedy))
    return replace(scenario, start_ns=newest_ns + 1)


def _dates(scenario: Scenario) -> tuple[dt.date, dt.date]:
    days = trading_days(scenario.start_ns, scenario.end_ns)
    last = days[-1].date if len(days) <= LIVE_DAYS else days[0].date
    return days[0].date, last


def _times(flags: Flags, now_ns: int | None) -> tuple[int, int]:
    if flags.mode == "real-time":
        start_ns = time.time_ns() if now_ns is None else now_ns
        return start_ns, start_ns + LIVE_DAYS * 24 * NS_PER_HOUR
    return run_times(flags)


def run_times(flags: Flags) -> tuple[int, int]:
    """Start and end in ns; what is not given is the beginning (04:00) or the end (20:00, early 17:00) of that trading day."""
    start_ns = _time("start_ts", flags.start_ts)
    end_ns = _time("end_ts", flags.end_ts)
    start_ns, end_ns = run_bounds(start_ns, end_ns)
    if end_ns <= start_ns:
        raise InputError(explain("--end_ts", format_ts(end_ns), f"it is after the start, {format_ts(start_ns)}", "Give a later --end_ts."))
    if flags.session_pacing and flags.offsession_trades == "none":
        require_session(start_ns, end_ns)
    return start_ns, end_ns


def read_run(source: str | None) -> dict[str, Any] | None:
    """The manifest that ``--prices`` names, by file or by folder; None if it names something else."""
    if source is None:
        return None
    path = Path(source)
    path = path / "manifest.json" if path.is_dir() else path
    if path.suffix.lower() != ".json" or not path.is_file():
        return None
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(explain("Cannot read the manifest", str(path), str(error), "Name the manifest of a run.")) from error
    if not isinstance(manifest, dict):
        raise InputError(explain("Not a manifest", str(path), "a JSON object is expected", "Name the manifest of a run."))
    return manifest


def _with_manifest(given: Flags) -> tuple[Flags, list[str], tuple[Refresh, ...]]:
    """The flags, those not given taken from the manifest that ``--prices`` names; a note if it is of another version; its refreshes."""
    manifest = read_run(given.prices)
    if manifest is None:
        return given, [], ()
    kept = manifest.get("settings")
    if not isinstance(kept, dict):
        return given, [], ()  # prices alone
    known = {name: kept[name] for name in (*REPEATED, "start_ts", "end_ts") if kept.get(name) is not None}
    explicit = {name: getattr(given, name) for name in given.model_fields_set}
    return check_flags(known | explicit), _version_notes(manifest), from_manifest(manifest.get("refreshes", ()))


def _seed_notes(scenario: Scenario) -> list[str]:
    """That the rates of the first second cannot be kept, if a run that starts among trades leaves too little beside its first rows."""
    day = trading_days(scenario.start_ns, scenario.end_ns)[0]
    trades_at_once = day.open_ns <= scenario.start_ns < day.close_ns if day.is_session and scenario.session_pacing else True
    trades_at_once = trades_at_once or scenario.offsession_trades == "full"
    first_rows = (len(scenario.universe.venues) + 1) * len(scenario.universe.symbols)
    rates = scenario.rates
    if not trades_at_once or rates.trades_min_eps + first_rows <= rates.market_data_max_eps:
        return []
    return [
        f"The first second may fall outside the rates: of at most {rates.market_data_max_eps:,} book rows {first_rows:,} show the books "
        f"for the first time, which leaves too few for {rates.trades_min_eps:,} trades. Later seconds keep to them."
    ]


def _only_notes(scenario: Scenario) -> list[str]:
    """What a run of some symbols alone means for the agents."""
    if not scenario.only:
        return []
    only = ", ".join(scenario.only)
    absent = [agent.name for agent in scenario.agents if agent.symbols and agent.symbols[0] not in scenario.only]
    notes = [f"Agents whose symbols --only leaves out do not run: {', '.join(absent)}."] if absent else []
    everywhere = [agent.name for agent in scenario.agents if not agent.symbols]
    if everywhere:
        notes.append(f"Agents of all symbols see just {only} here, so rows may differ from the full run's: {', '.join(everywhere)}.")
    return notes


def _version_notes(manifest: dict[str, Any]) -> list[str]:
    before, now = manifest.get("versions"), versions()
    if not isinstance(before, dict):
        return []
    changed = [f"{name} {before[name]} (now {now[name]})" for name in now if name in before and before[name] != now[name]]
    return [f"The run to repeat was made with {', '.join(changed)}: its rows may differ."] if changed else []


def _time(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return parse_ts(text)
    except InputError as error:
        raise InputError(f"--{name}: {error}") from None


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value).lower() if isinstance(value, bool) else str(value)


def _in_universe_order(universe: Universe, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(universe.symbols[i].name for i in sorted(universe.symbol_index(name) for name in names))
