"""``schema``: the JSON Schema of scenario files, for an editor to check and complete them by."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.stop_signals import StopSignals
from simulator.errors import InputError, explain
from simulator.inputs.scenario_file import scenario_schema


def start(words: Sequence[str], _console: Console, _signals: StopSignals) -> int:
    """Raises ``InputError`` for any word."""
    if words:
        raise InputError(explain("schema", words[0], "it takes no flags", "Leave it out."))
    return print_schema()


def print_schema() -> int:
    print(scenario_schema(), end="")
    check_printed()
    return 0
