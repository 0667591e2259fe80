"""``list``: the ready scenarios."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from scenarios.launcher.catalog import about, ready_scenarios
from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.stop_signals import StopSignals
from simulator.errors import InputError, explain


def start(words: Sequence[str], _console: Console, _signals: StopSignals) -> int:
    """Raises ``InputError`` for any word."""
    if words:
        raise InputError(explain("list", words[0], "it takes no flags", "Leave it out."))
    names = ready_scenarios()
    width = max(map(len, names))
    for name in names:
        print(f"{name:<{width}}  {about(name)}")
    print("\nRun one: python -m scenarios run NAME --out FOLDER. What it is: docs/scenarios/NAME.md.")
    check_printed()
    return 0
