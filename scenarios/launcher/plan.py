"""From flags to what a run needs: the scenario, its reference prices, and the flags that repeat an earlier run."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from scenarios.launcher.catalog import find_scenario
from scenarios.launcher.flags import Flags, check_flags
from scenarios.launcher.recorded import Recorded
from scenarios.launcher.repeat import (
    Announce,
    check_same,
    import_agents,
    read_recorded,
    recorded_flags,
    recorded_prices,
    recorded_scenario,
    repeat_notes,
)
from simulator.errors import InputError, explain
from simulator.flow.profile import check_venue_names, load_profile
from simulator.inputs.config import Rates, Refresh, Scenario
from simulator.inputs.day_parts import is_divisible_by_day, part_of
from simulator.inputs.reference_prices import PriceTable, prices_at, reference_prices
from simulator.inputs.run_record import RunRecord, record_run
from simulator.inputs.scenario_file import ScenarioFile, read_scenario
from simulator.inputs.sessions import format_ts, parse_ts, require_session, run_bounds, trading_days
from simulator.inputs.universe import GROUP_MOST, Universe, few_names, load_universe
from simulator.records import NS_PER_HOUR

LIVE_DAYS = 366
"""A run in real time ends after so many days at the latest: the exchange's calendar is read once, at its start."""

@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A run that can start."""

    flags: Flags
    scenario: Scenario
    prices: PriceTable
    notes: tuple[str, ...]
    """Lines for the user."""
    replays: bool
    """Whether the run is a continued one: what is there already is simulated again and not written."""
    run_start_ns: int
    """Of the whole run; later than that is the start of a continued one that need not replay all of it."""
    asked_start_ns: int
    """What the command asked for: earlier than ``run_start_ns`` if the run begins after rows that were there."""
    file: ScenarioFile | None = None
    """The scenario file, if one was named."""
    recorded: Recorded | None = None
    """The run that this one repeats or continues."""

    def record(self, *, end_ns: int | None = None, refreshes: Sequence[Refresh] = ()) -> RunRecord:
        """All that decides the rows. ``end_ns``: where the run ended; ``refreshes``: what came while it went on."""
        scenario = self.scenario
        end_ns = scenario.end_ns if end_ns is None else max(end_ns, scenario.start_ns + 1)
        kept = self.recorded.record.scenario_file if self.recorded is not None else None
        given = (self.file.path, self.file.text) if self.file is not None else (Path(kept.path), kept.text) if kept is not None else None
        scenario = replace(scenario, end_ns=end_ns, prices=self.prices.brackets, refreshes=(*scenario.refreshes, *refreshes))
        return record_run(
            scenario, mode=self.flags.mode, start_ns=self.run_start_ns, prices_source=self.prices.source,
            total=self.flags.total_market_data_events, scenario_file=given,
        )  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What is there before the run, in a database or in the folder."""

    newest_ns: int
    """Of its newest row, -1 without one."""
    mids: Mapping[str, float]
    """USD by symbol: of the newest book row."""
    recorded: Recorded | None = None
    """The newest run, if it can be continued."""
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
        said = (*said, f"--prices {given.prices} wins over those of {few_names(list(file.prices))} ({file.lines['prices']}).")
    with file.in_its_place(explicit):
        return check_flags({**file.values, **explicit, "scenario": str(file.path)}), said


def make_plan(
    given: Flags, history: History | None = None, now_ns: int | None = None, said: Sequence[str] = (), *,
    repeated: Recorded | None = None, announce: Announce = lambda _: None,
) -> Plan:  # fmt: skip
    """Raises ``InputError`` for whatever makes the run impossible, as far as that can be known before it starts.

    ``given``: with the scenario file's values (``with_scenario``). ``said``: lines for the user so far.
    ``now_ns``: the wall clock, for real time. ``repeated``: the run that ``--repeat`` names, if it is not to be read from there.
    ``announce`` hears which Python files a record makes this import. Call it once without ``history`` (and prices builtin) to find
    mistakes before a database is asked.
    """
    if given.incremental and history is not None and history.recorded is not None:
        try:
            return _continued(given, history, history.recorded, announce)
        except Another as another:
            said = (*said, f"{another} It is complete, so this is a run of its own.")
    repeated = read_recorded(given) if repeated is None else repeated
    if repeated is not None:
        said = (*said, *repeat_notes(repeated))
        flags, file = recorded_flags(repeated, given), None
        start_ns, end_ns = run_times(flags, allows_closed=repeated.record.offhours_quotes)
        agents = import_agents(repeated, announce)
        scenario = recorded_scenario(repeated, flags, start_ns, end_ns, agents)
        _check_only(flags)
    else:
        flags, file = given, _file(given)
        with _in_its_place(flags, file):
            scenario = _scenario(flags, file, *_times(flags, now_ns))
    notes = list(said)
    asked_start_ns = scenario.start_ns
    if history is not None and history.newest_ns >= scenario.start_ns:
        scenario = _after(scenario, history.newest_ns, flags)
        notes.append(f"Starts after the newest row of the database, at {format_ts(scenario.start_ns)}.")
    table, more = _prices(flags, file, scenario, history, repeated)
    if flags.incremental and history is not None and history.newest_ns < 0:
        notes.append("--incremental: nothing is there yet, so this is a fresh run.")
    notes += [*more, *_seed_notes(scenario), *_only_notes(scenario)]
    if not scenario.background and not scenario.agents:
        limit = "must be true where there are no agents, or nobody trades"
        raise InputError(explain("background", False, limit, "Name agents, or leave it out."))
    return Plan(
        flags=flags, scenario=replace(scenario, prices=table.brackets), prices=table, notes=(*notes, *table.notes), replays=False,
        run_start_ns=scenario.start_ns, asked_start_ns=asked_start_ns, file=file, recorded=repeated,
    )  # fmt: skip


def starting_now(plan: Plan) -> Plan:
    """The same from the wall clock's time on: kernels and prices have taken their time."""
    start_ns, end_ns = _times(plan.flags, None)
    scenario = replace(plan.scenario, start_ns=start_ns, end_ns=end_ns)
    return replace(plan, scenario=scenario, run_start_ns=start_ns, asked_start_ns=start_ns)


class Another(InputError):
    """The flags are those of another run than the one that is there, which is complete."""


def _continued(given: Flags, history: History, recorded: Recorded, announce: Announce) -> Plan:
    """The plan of the recorded run, from its start, or from the beginning of the day up to which it is whole.

    Raises ``Another`` if the flags are those of another run and the recorded one is complete, ``InputError`` if it is not.
    """
    record = recorded.record
    file = _file(given)
    try:
        check_same(recorded, given, None if file is None else _scenario(given, file, record.start_ns, record.end_ns))
    except InputError as error:
        end_ns = parse_ts(given.end_ts) if given.end_ts is not None else -1
        if recorded.is_complete and end_ns > max(history.newest_ns, record.end_ns):
            raise Another(str(error)) from None
        raise
    if file is not None:
        agents = file.agents
    elif (repeated := read_recorded(given)) is not None:
        if repeated.record.agents != record.agents:
            limit = f"its agents are not those of {recorded.where}"
            raise InputError(explain("--repeat", given.repeat, limit, "Leave out --incremental for a run of its own, with --suffix."))
        agents = import_agents(repeated, announce)
    else:
        agents = import_agents(recorded, announce)
    flags = recorded_flags(recorded, given.model_copy(update={"scenario": None}), names=given.model_fields_set - {"scenario"})
    suffix = recorded.manifest.suffix
    if "suffix" in given.model_fields_set and given.suffix != suffix:
        limit = f"the tables of {recorded.where} end in {suffix!r}"
        raise InputError(explain("--suffix", given.suffix, limit, "Leave it out, or name another folder with --out."))
    flags = flags.model_copy(update={"suffix": suffix})
    if record.total_market_data_events is not None and "end_ts" not in given.model_fields_set:
        total = {"total_market_data_events": given.total_market_data_events or record.total_market_data_events}
        flags = flags.model_copy(update=total)
    end_ns = parse_ts(flags.end_ts) if flags.end_ts is not None else record.end_ns
    if end_ns <= record.start_ns:
        limit = f"the run to continue begins at {record.start_ts}"
        raise InputError(explain("--end_ts", flags.end_ts, limit, "Give a later one, or leave it out."))
    table = recorded_prices(recorded, record.symbols, record.prices_source)
    scenario = replace(recorded_scenario(recorded, flags, record.start_ns, end_ns, agents), prices=table.brackets)
    start_ns = record.start_ns
    if is_divisible_by_day(scenario) and history.oldest_end_ns > start_ns:
        start_ns = max(start_ns, trading_days(history.oldest_end_ns, history.oldest_end_ns + 1)[0].start_ns)
    begun = f"Continues the run that began at {record.start_ts}, seed {flags.seed}"
    notes = [f"{begun}: replays it from {format_ts(start_ns)} without writing.", *repeat_notes(recorded)]
    return Plan(
        flags=flags, scenario=part_of(scenario, start_ns, end_ns), prices=table, notes=tuple(notes), replays=True,
        run_start_ns=record.start_ns, asked_start_ns=parse_ts(recorded.manifest.asked_start_ts), file=file, recorded=recorded,
    )  # fmt: skip


def _prices(
    flags: Flags, file: ScenarioFile | None, scenario: Scenario, history: History | None, repeated: Recorded | None
) -> tuple[PriceTable, list[str]]:
    """Reference prices, and lines for the user. They come last: Yahoo may take five seconds, and every other mistake is known by now."""
    names = [symbol.name for symbol in scenario.universe.symbols]
    if repeated is not None and flags.prices is None:
        return recorded_prices(repeated, names, repeated.record.prices_source), []
    goes_on = history is not None and bool(history.mids) and (flags.incremental or flags.mode == "real-time") and flags.prices is None
    if goes_on and history is not None:
        others = reference_prices("builtin", names, _dates(scenario))
        what = "No run is recorded that could be repeated: prices" if flags.incremental and history.recorded is None else "Prices"
        return prices_at(history.mids, names, others), [f"{what} go on from the last mid prices of the database."]
    if file is not None and flags.prices is None and (inline := file.price_table(tuple(names))) is not None:
        return inline, []
    asks_yahoo = flags.writer == "questdb" and not flags.is_cut  # many machines must begin with the same prices
    return reference_prices(flags.prices or ("yahoo" if asks_yahoo else "builtin"), names, _dates(scenario)), []


def _file(flags: Flags) -> ScenarioFile | None:
    return None if flags.scenario is None else read_scenario(find_scenario(flags.scenario))


def _in_its_place(flags: Flags, file: ScenarioFile | None) -> AbstractContextManager[None]:
    """A complaint about what the file says names the file, one about a flag the flag."""
    if file is None:
        return nullcontext()
    return file.in_its_place([name for name, value in file.values.items() if getattr(flags, name) != value])


def _scenario(flags: Flags, file: ScenarioFile | None, start_ns: int, end_ns: int) -> Scenario:
    """Everything but the prices. Raises ``InputError``."""
    _check_only(flags)
    universe = load_universe() if file is None else file.universe
    if flags.symbols is not None:
        universe = universe.select(flags.symbols)
    check_venue_names(load_profile(flags.profile), [venue.name for venue in universe.venues])  # now, rather than in a worker
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


def _check_only(flags: Flags) -> None:
    """Raises ``InputError``."""
    if flags.only and flags.total_market_data_events is not None:
        limit = "the count is over all symbols, and --only simulates just some"
        remedy = "Leave it out, and give the --end_ts that stands in the manifest of the full run."
        raise InputError(explain("--total_market_data_events with --only", flags.total_market_data_events, limit, remedy))


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


def run_times(flags: Flags, *, allows_closed: bool = False) -> tuple[int, int]:
    """Start and end in ns; what is not given is the beginning (04:00) or the end (20:00, early 17:00) of that trading day.

    ``allows_closed``: whether the exchange may be closed all that time. Raises ``InputError``.
    """
    start_ns = _time("start_ts", flags.start_ts)
    end_ns = _time("end_ts", flags.end_ts)
    start_ns, end_ns = run_bounds(start_ns, end_ns)
    if end_ns <= start_ns:
        limit = f"must be after the start, {format_ts(start_ns)}"
        raise InputError(explain("--end_ts", format_ts(end_ns), limit, "Give a later --end_ts."))
    if flags.session_pacing and flags.offsession_trades == "none" and not allows_closed:
        require_session(start_ns, end_ns)
    return start_ns, end_ns


def _seed_notes(scenario: Scenario) -> list[str]:
    """That the rates of the first second cannot be kept, if a run that starts among trades leaves too little beside its first rows."""
    day = trading_days(scenario.start_ns, scenario.end_ns)[0]
    trades_at_once = day.open_ns <= scenario.start_ns < day.close_ns if day.is_session and scenario.session_pacing else True
    trades_at_once = trades_at_once or scenario.offsession_trades == "full"
    symbols, rates = len(scenario.universe.symbols), scenario.rates
    first_rows = (len(scenario.universe.venues) + 1) * symbols
    trades = rates.trades_min_eps if trades_at_once else 0
    notes = []
    if scenario.background and trades + first_rows > rates.market_data_max_eps:
        left = f", which leaves too few for {trades:,} trades" if trades and first_rows <= rates.market_data_max_eps else ""
        notes.append(
            f"The first second may fall outside the rates: for at most {rates.market_data_max_eps:,} book rows up to {first_rows:,} "
            f"show the books for the first time{left}. Later seconds keep to them."
        )
    if scenario.background and symbols > GROUP_MOST and rates == Rates():
        notes.append(
            f"Rates are totals and do not scale by themselves: those of {GROUP_MOST} symbols are spread over {symbols:,}. "
            f"In a scenario file, rates: {{for_symbols: {GROUP_MOST}}} scales them."
        )
    if scenario.background and scenario.session_pacing and symbols > rates.trades_max_eps:
        notes.append(
            f"Each cross prints once a symbol, {symbols:,} trades at the bell: more than --trades_max_eps {rates.trades_max_eps:,}, and "
            "on top of it."
        )
    return notes


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
