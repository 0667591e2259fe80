"""``scorecard``: how much rows look like a real market's: 20 checks, each with its band."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.stop_signals import StopSignals
from simulator.analysis.scorecard import ParquetTables, score
from simulator.analysis.scorecard.card import as_text
from simulator.analysis.scorecard.page import as_html
from simulator.analysis.scorecard.sources import Source
from simulator.errors import InputError, SinkError, explain

PROGRAM = "python -m scenarios scorecard"
DATABASE = "questdb://"
FAILED = 1
"""Exit code when a check fails."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], _console: Console, _signals: StopSignals) -> int:
    """The words after ``scorecard``. Raises ``MarketSimError``."""
    return main(words)


def main(arguments: Sequence[str]) -> int:
    """0: nothing fails; 1: a check fails. Raises ``InputError`` (exit code 2) if there is nothing to score."""
    given = _parser().parse_args(arguments)
    with _source(given.tables, given.suffix) as source:
        card = score(source)
    if given.html:
        _write(Path(given.html), as_html(card))
    print(json.dumps(card.to_json(), indent=1) if given.json else as_text(card), end="\n" if given.json else "")
    check_printed()
    return FAILED if card.failed else 0


@contextlib.contextmanager
def _source(tables: str, suffix: str) -> Iterator[Source]:
    if tables.startswith(DATABASE):
        from writers.questdb.tables import open_tables  # with psycopg: only for those who use it

        with contextlib.closing(open_tables(tables.removeprefix(DATABASE), suffix)) as database:
            yield database
    else:
        yield ParquetTables(Path(tables), suffix)


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        limit = f"it cannot be written: {error.strerror or error}"
        raise SinkError(explain("--html", str(path), limit, "Name a file in a folder that you may write to.")) from error


def _parser() -> argparse.ArgumentParser:
    about = str(__doc__).partition(":")[2].strip().capitalize()
    about += " docs/realism.md explains them. Exit code 1 when a check fails, 2 for bad input."
    parser = _Parser(prog=PROGRAM, description=about, allow_abbrev=False)
    parser.add_argument(
        "tables",
        help="Folder with equities_market_data and equities_trades as Parquet, a run's --out; or questdb://host[:port] (SQL port, 8812; "
        "questdb://user@host with the password in QUESTDB_PASSWORD).",
    )
    parser.add_argument("--suffix", default="", help="Of both tables' names.")
    parser.add_argument("--json", action="store_true", help="Print the card as JSON instead of a table.")
    parser.add_argument("--html", help="Write a page with a plot per check into this file.")
    return parser
