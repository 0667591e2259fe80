"""``demo``: a past day at sixty times its speed, in a database of its own, on a page that shows it move."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Sequence

from rich.console import Console

from scenarios.launcher.flags import Flags, parse_flags
from scenarios.launcher.plan import with_scenario
from scenarios.launcher.stop_signals import StopSignals

PROGRAM = "python -m scenarios demo"
DEFAULTS = {"host": "embedded", "view": "true", "speed": "60", "start_ts": "2025-07-01T13:29:00Z", "prices": "builtin"}
"""A minute before the open: a second later the crosses are there."""
GRAFANA = ("127.0.0.1", 3000)
CTRL_C = 130


def start(words: Sequence[str], console: Console, signals: StopSignals) -> int:
    """The words after ``demo``: any flag of a run, which wins. Ctrl-C is the usual end. Raises ``MarketSimError``."""
    given = [word for name, value in DEFAULTS.items() for word in (f"--{name}", value)]
    flags = parse_flags([*given, *words], PROGRAM)
    from scenarios.launcher.commands.run import simulate_and_write

    if grafana_is_there():
        _say(console, f"A Grafana answers at http://{GRAFANA[0]}:{GRAFANA[1]}; examples/grafana has dashboards for it.")
    if "out" in flags.model_fields_set:
        flags, said = with_scenario(flags)
        code = simulate_and_write(flags, said, console, signals)
    else:
        with tempfile.TemporaryDirectory(prefix="market_demo_", ignore_cleanup_errors=True) as folder:
            flags, said = with_scenario(_in_folder(flags, folder))
            code = simulate_and_write(flags, said, console, signals)
        _say(console, "The demo's database is gone; with --out FOLDER it stays.")
    return 0 if code == CTRL_C else code


def grafana_is_there() -> bool:
    """Whether something listens where a Grafana usually does."""
    with socket.socket() as probe:
        probe.settimeout(0.3)
        return probe.connect_ex(GRAFANA) == 0


def _in_folder(flags: Flags, folder: str) -> Flags:
    return flags.model_copy(update={"out": folder})


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, markup=False, soft_wrap=True)
