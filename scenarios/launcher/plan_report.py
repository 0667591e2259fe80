"""What would run: the answer to ``--check_scenario true``."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console

from scenarios.launcher.plan import Plan
from simulator.inputs.config import EVERY_SYMBOL, AgentSpec, Shock
from simulator.inputs.dealing import deal
from simulator.inputs.sessions import new_york
from simulator.records import NS_PER_S


def print_plan(console: Console, plan: Plan) -> None:
    """The scenario in words, without running it."""
    scenario, flags, file = plan.scenario, plan.flags, plan.file
    names = scenario.only or tuple(symbol.name for symbol in scenario.universe.symbols)
    dealt = deal(scenario, names, flags.processes)
    rates = scenario.rates
    books = f"{rates.market_data_min_eps:,} to {rates.market_data_max_eps:,}"
    trades = f"{rates.trades_min_eps:,} to {rates.trades_max_eps:,}"
    changes = f" with {dict(scenario.populations)}" if scenario.populations else ""
    why = "symbols that share an agent share one" if len(dealt) < len(names) else "a symbol is simulated by one"
    shared = "" if len(dealt) == flags.processes else f" (of {flags.processes}: {why})"
    lines = [
        ("scenario", str(file.path) if file is not None else "none; the defaults and flags"),
        ("about", file.about if file is not None else ""),
        ("time", f"{new_york(scenario.start_ns)} to {new_york(scenario.end_ns)} New York time"),
        ("symbols", f"{len(names)}: {_some(names)}"),
        ("venues", ", ".join(venue.name for venue in scenario.universe.venues)),
        ("prices", plan.prices.source),
        ("background", f"profile {scenario.profile}{changes}" if scenario.background else "none: the agents are the market"),
        ("rates", f"{books} book rows, {trades} trades a second" if scenario.background else ""),
        ("tables", ", ".join(scenario.tables)),
        ("seed, levels", f"{scenario.seed}, {scenario.levels}"),
        ("writer", flags.writer + (f" with {dict(file.writer_arguments)}" if file is not None and file.writer_arguments else "")),
        ("processes", f"{len(dealt)}" + shared),
    ]
    for name, text in lines:
        if text:
            console.print(f"{name:<13}{text}", highlight=False, markup=False, soft_wrap=True)
    for agent in scenario.agents:
        console.print(f"{'agent':<13}{_agent(agent)}", highlight=False, markup=False, soft_wrap=True)
    for shock in scenario.shocks:
        console.print(f"{'shock':<13}{_shock(shock)}", highlight=False, markup=False, soft_wrap=True)
    for note in plan.notes:
        console.print(note, highlight=False, markup=False, soft_wrap=True)
    console.print("Nothing was run.", highlight=False)


def _agent(agent: AgentSpec) -> str:
    use = f"{getattr(agent.make, '__module__', '')}:{getattr(agent.make, '__qualname__', repr(agent.make))}"
    latency = ", ".join(f"{venue} {latency_ns:,} ns" for venue, latency_ns in agent.latency_by_venue.items())
    symbols = ", ".join(agent.symbols) or "all symbols"
    return f"{agent.name}: {use} with {dict(agent.arguments)}; {symbols}; latency {latency}"


def _shock(shock: Shock) -> str:
    who = "all symbols" if shock.symbol == EVERY_SYMBOL else shock.symbol
    seconds = shock.over_ns / NS_PER_S
    return f"{who}: {100 * math.expm1(shock.log_return):+.2f} % within {seconds:g} s from {new_york(shock.ts_ns)} New York time on"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
