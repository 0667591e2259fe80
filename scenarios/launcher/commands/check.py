"""``check``: what a scenario and flags would run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from scenarios.launcher.flags import Flags, parse_flags, scenario_first
from scenarios.launcher.plan import make_plan, with_scenario
from scenarios.launcher.plan_report import print_plan
from scenarios.launcher.repeat import announcer
from scenarios.launcher.stop_signals import StopSignals
from scenarios.launcher.tables import summary_console


def start(words: Sequence[str], console: Console, _signals: StopSignals) -> int:
    """The first word may be a scenario's name; all of a run's flags."""
    flags, said = with_scenario(parse_flags(scenario_first(words), "python -m scenarios check"))
    return check(flags, said, console)


def check(flags: Flags, said: Sequence[str], console: Console) -> int:
    print_plan(summary_console(), make_plan(flags, said=said, announce=announcer(console)))
    return 0
