"""``ddl``: the SQL of tables and views, to paste."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from scenarios.launcher.flags import Flags, parse_flags
from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.plan import with_scenario
from scenarios.launcher.stop_signals import StopSignals


def start(words: Sequence[str], _console: Console, _signals: StopSignals) -> int:
    """Of the flags it heeds ``--suffix``, ``--short_ttl``, ``--extra_tables``, ``--create_views`` and ``--scenario``."""
    flags, _ = with_scenario(parse_flags(words, "python -m scenarios ddl"))
    return print_ddl(flags)


def print_ddl(flags: Flags) -> int:
    from writers.questdb.schema import ddl

    for statement in ddl(flags.suffix, flags.short_ttl, flags.extra_tables or (), views=flags.create_views != "false"):
        print(f"{statement.sql};\n")
    check_printed()
    return 0
