"""From flags to what a run needs: the scenario, its reference prices, and the flags that repeat an earlier run."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scenarios.command import Flags, check_flags
from simulator.config import Rates, Scenario
from simulator.errors import InputError, explain
from simulator.flow.profile import load_profile
from simulator.prices import PriceTable, reference_prices
from simulator.sessions import format_ts, parse_ts, require_session, session_bounds, trading_days
from simulator.universe import Universe, load_universe

DATE = dt.date(2025, 7, 1)
"""Simulated when no time is given."""

REPEATED = (
    "market_data_min_eps", "market_data_max_eps", "trades_min_eps", "trades_max_eps", "session_pacing", "offsession_trades", "seed",
    "levels", "symbols", "only", "profile", "extra_tables",
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

    @property
    def settings(self) -> dict[str, Any]:
        """What a manifest keeps of the flags: given back to the command, they and the prices repeat the rows."""
        kept = {name: getattr(self.flags, name) for name in REPEATED}
        kept["symbols"] = [symbol.name for symbol in self.scenario.universe.symbols]
        return kept | {"start_ts": format_ts(self.scenario.start_ns), "end_ts": format_ts(self.scenario.end_ns)}


def make_plan(given: Flags) -> Plan:
    """Raises ``InputError`` for whatever makes the run impossible, as far as that can be known before it starts."""
    flags, notes = _with_manifest(given)
    if flags.only and flags.total_market_data_events is not None:
        limit = "the count is over all symbols, and --only simulates just some"
        remedy = "Leave it out, and give the --end_ts that stands in the manifest of the full run."
        raise InputError(explain("--total_market_data_events with --only", flags.total_market_data_events, limit, remedy))
    universe = load_universe()
    if flags.symbols is not None:
        universe = universe.select(flags.symbols)
    start_ns, end_ns = run_times(flags)
    load_profile(flags.profile)  # now, rather than in a worker
    only = _in_universe_order(universe, flags.only or ())
    rates = Rates(
        market_data_min_eps=flags.market_data_min_eps,
        market_data_max_eps=flags.market_data_max_eps,
        trades_min_eps=flags.trades_min_eps,
        trades_max_eps=flags.trades_max_eps,
    )
    days = trading_days(start_ns, end_ns)
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
    )
    # Prices come last: Yahoo may take five seconds, and every other mistake is known by now.
    table = reference_prices(flags.prices, [symbol.name for symbol in universe.symbols], (days[0].date, days[-1].date))
    return Plan(flags=flags, scenario=replace(scenario, prices=table.brackets), prices=table, notes=(*notes, *table.notes))


def run_times(flags: Flags) -> tuple[int, int]:
    """Start and end in ns; what is not given is the beginning (04:00) or the end (20:00, early 17:00) of that trading day."""
    start_ns = _time("start_ts", flags.start_ts)
    end_ns = _time("end_ts", flags.end_ts)
    if start_ns is None and end_ns is None:
        return session_bounds(DATE)
    if end_ns is None:
        assert start_ns is not None
        day = trading_days(start_ns, start_ns + 1)[0]
        evening_ns = day.segments[-1].start_ns if day.is_session else day.end_ns
        end_ns = evening_ns if start_ns < evening_ns else day.end_ns
    if start_ns is None:
        start_ns = trading_days(end_ns - 1, end_ns)[0].start_ns
    if end_ns <= start_ns:
        raise InputError(explain("--end_ts", format_ts(end_ns), f"it is after the start, {format_ts(start_ns)}", "Give a later --end_ts."))
    if flags.session_pacing and flags.offsession_trades == "none":
        require_session(start_ns, end_ns)
    return start_ns, end_ns


def read_run(source: str) -> dict[str, Any] | None:
    """The manifest that ``--prices`` names, by file or by folder; None if it names something else."""
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


def _with_manifest(given: Flags) -> tuple[Flags, list[str]]:
    """The flags, those not given taken from the manifest that ``--prices`` names; and a note if it is of another version."""
    manifest = read_run(given.prices)
    if manifest is None:
        return given, []
    kept = manifest.get("settings")
    if not isinstance(kept, dict):
        return given, []  # prices alone
    known = {name: kept[name] for name in (*REPEATED, "start_ts", "end_ts") if kept.get(name) is not None}
    explicit = {name: getattr(given, name) for name in given.model_fields_set}
    return check_flags(known | explicit), _version_notes(manifest)


def _version_notes(manifest: dict[str, Any]) -> list[str]:
    from scenarios.manifest import versions

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


def _in_universe_order(universe: Universe, names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(universe.symbols[i].name for i in sorted(universe.symbol_index(name) for name in names))

