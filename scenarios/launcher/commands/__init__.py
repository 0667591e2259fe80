"""The commands of ``python -m scenarios COMMAND``: one file each, with a function that returns the exit code."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from rich.console import Console

from scenarios.launcher.stop_signals import StopSignals
from simulator.errors import InputError, explain
from simulator.inputs.strict_yaml import nearest
from writers.formats import FORMATS


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What the list of commands says, and where the code is."""

    about: str
    module: str

    def load(self) -> Callable[[Sequence[str], Console, StopSignals], int]:
        """Its function of (words after its name, console for errors, signals to heed): the others' imports cost it nothing."""
        start: Callable[[Sequence[str], Console, StopSignals], int] = import_module(f"scenarios.launcher.commands.{self.module}").start
        return start


COMMANDS = {
    "run": Command(about="simulate, and write the rows; with the name of a scenario and any flag of scenarios.full_day", module="run"),
    "list": Command(about="the ready scenarios, with a line about each", module="list_scenarios"),
    "check": Command(about="say what a scenario and flags would run, and do not run it", module="check"),
    "ddl": Command(about="print the SQL of QuestDB's tables and views", module="ddl"),
    "schema": Command(about="print the JSON Schema of scenario files", module="schema"),
    "convert": Command(about="a finished Parquet run in another format: " + ", ".join(FORMATS), module="convert"),
    "replay": Command(about="play an ITCH file to a feed handler, by MoldUDP64 or SoupBinTCP", module="replay"),
    "baselines": Command(about="what simple policies earn in the environments, with intervals (extra rl)", module="baselines"),
    "sweep": Command(about="a scenario over seeds and settings, in some processes: means with confidence intervals", module="sweep"),
    "demo": Command(about="a past day at sixty times its speed, in a QuestDB of its own, on a page that shows it move", module="demo"),
    "report": Command(about="a page of HTML about a finished run: prices, books, venues, auctions, agents", module="report"),
    "verify": Command(about="whether all shards of a large run are there, once and unaltered; their digest", module="verify"),
    "scorecard": Command(about="how much rows look like a real market's: 20 checks, each with its band", module="scorecard"),
    "query_load": Command(about="clients ask a database 40 queries, beside a run that writes: how long each waits", module="query_load"),
}


def find_command(name: str) -> Command:
    """Raises ``InputError`` with the commands there are."""
    if name not in COMMANDS:
        remedy = f"{nearest(name, list(COMMANDS))} `python -m scenarios` lists them.".strip()
        raise InputError(explain("Command", name, f"there are {', '.join(COMMANDS)}", remedy))
    return COMMANDS[name]


def list_commands() -> str:
    """As ``python -m scenarios`` prints them."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:<{width}}  {command.about}" for name, command in COMMANDS.items()]
    return "\n".join(("Commands of python -m scenarios:", *lines, "After a command --help explains its flags; --version: the versions."))
