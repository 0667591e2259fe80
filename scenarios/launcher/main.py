"""The command line: words to flags, flags to what is done, errors to one message and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

from rich.console import Console

from scenarios.launcher.commands import find_command, list_commands
from scenarios.launcher.flags import Flags, parse_flags, program_version
from scenarios.launcher.lasting_streams import check_printed, lasting_streams
from scenarios.launcher.plan import with_scenario
from scenarios.launcher.stop_signals import StopSignals, describe
from simulator.errors import MarketSimError


def main(arguments: Sequence[str] | None = None) -> int:
    """``python -m scenarios.full_day``; returns its exit code."""
    words = sys.argv[1:] if arguments is None else arguments
    return guarded(lambda console, signals: start(parse_flags(words), console, signals))


def command_line(arguments: Sequence[str] | None = None) -> int:
    """``python -m scenarios COMMAND``; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    return guarded(lambda console, signals: _dispatch(words, console, signals))


def guarded(command: Callable[[Console, StopSignals], int]) -> int:
    """Run a command: errors that a user can make end with one message on stderr, and neither signals nor lost streams with a traceback."""
    with lasting_streams(), StopSignals() as signals:
        console = Console(stderr=True)
        try:
            code = command(console, signals)
        except MarketSimError as error:
            say(console, str(error))
            code = error.exit_code
        except KeyboardInterrupt:
            say(console, _ended_at_once(signals))
            code = exit_code_of(signals.first)
        if code == 0:
            try:
                check_printed()  # a run whose rows are whole is a success without its summary, too
            except MarketSimError as error:
                say(console, str(error))
    return code


def start(flags: Flags, console: Console, signals: StopSignals | None = None) -> int:
    """What the flags ask for. Raises ``MarketSimError``."""
    flags, said = with_scenario(flags)
    if flags.print_ddl:
        from scenarios.launcher.commands.ddl import print_ddl

        return print_ddl(flags)
    if flags.print_scenario_schema:
        from scenarios.launcher.commands.schema import print_schema

        return print_schema()
    if flags.check_scenario:
        from scenarios.launcher.commands.check import check

        return check(flags, said, console)
    from scenarios.launcher.commands.run import simulate_and_write

    return simulate_and_write(flags, said, console, signals or StopSignals())


def say(console: Console, text: str) -> None:
    """A message of one paragraph, as it is."""
    console.print(text, style="bold", highlight=False, markup=False, soft_wrap=True)


def exit_code_of(number: int | None) -> int:
    """As shells have it: 130 after Ctrl-C."""
    return 128 + (2 if number is None else number)


def _dispatch(words: list[str], console: Console, signals: StopSignals) -> int:
    if not words or words[0] in ("--help", "-h"):
        print(list_commands())
        check_printed()
        return 0
    if words[0] == "--version":
        print(program_version())
        check_printed()
        return 0
    return find_command(words[0]).load()(words[1:], console, signals)


def _ended_at_once(signals: StopSignals) -> str:
    if signals.is_urgent:
        return "Ended at once, at your second Ctrl-C: only whole hours stay; a manifest that is there says that the run is not complete."
    what = "Ctrl-C" if signals.first is None else describe(signals.first)
    return f"Ended by {what} before the run began: there are no rows of it."
