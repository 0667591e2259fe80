"""``replay``: an ITCH file over the network, so that a feed handler can be pointed at it."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.stop_signals import StopSignals
from simulator.errors import InputError, explain
from writers.itch.replay import play_mold, serve_soup

PROGRAM = "python -m scenarios replay"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], console: Console, _signals: StopSignals) -> int:
    """The words after ``replay``. Raises ``MarketSimError``."""
    given = _parser().parse_args(words)
    if not 0 < given.speed <= 1e9:
        raise InputError(explain("--speed", given.speed, "must be above 0 and at most 1e9", "1 is as it was, 1e9 as fast as may be."))
    path = Path(given.file)
    if given.udp is not None:
        sent = play_mold(path, _address("udp", given.udp), given.speed, given.session)
    else:
        where = _address("soup", given.soup)

        def ready(port: int) -> None:
            console.print(f"Waits for a client at {where[0]}:{port}.", highlight=False)

        sent = serve_soup(path, where, given.speed, given.session, ready)
    print(f"{sent:,} messages sent")
    check_printed()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description="Play an ITCH 5.0 file to a feed handler.", allow_abbrev=False)
    parser.add_argument("file", metavar="FILE", help="An ITCH file, plain or gzip.")
    way = parser.add_mutually_exclusive_group(required=True)
    way.add_argument("--udp", metavar="HOST:PORT", help="Send MoldUDP64 datagrams there (multicast or unicast).")
    way.add_argument("--soup", metavar="HOST:PORT", help="Serve one SoupBinTCP client there; any user name and password.")
    parser.add_argument("--speed", type=float, default=1.0, help="Seconds of the file a second (default 1).")
    parser.add_argument("--session", default="SIMULATION", help="Name of the session, at most 10 characters (default SIMULATION).")
    return parser


def _address(flag: str, text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise InputError(explain(f"--{flag}", text, "must be HOST:PORT", "For example 127.0.0.1:26400."))
    return host, int(port)
