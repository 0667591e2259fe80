"""``report``: one page of HTML about a run: its prices, books, venues, auctions and agents, to be opened without a network."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from rich.console import Console

from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.reporting import write_page
from scenarios.launcher.stop_signals import StopSignals
from simulator.errors import InputError, explain
from simulator.inputs.sessions import parse_ts
from writers.questdb.connection import Connection

if TYPE_CHECKING:
    from simulator.analysis.report.rows import RunRows  # with pyarrow: not for --help

PROGRAM = "python -m scenarios report"
DATABASE = "questdb://"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], console: Console, _signals: StopSignals) -> int:
    """The words after ``report``. Raises ``MarketSimError``."""
    given = _parser().parse_args(words)
    from simulator.analysis.report.agents import read_tables
    from simulator.analysis.report.build import Wanted, gathered, report_of

    run = _named(given)
    wanted = Wanted(
        symbol=given.symbol, start_ns=None if given.start is None else parse_ts(given.start),
        end_ns=None if given.end is None else parse_ts(given.end), scorecard=given.scorecard == "true",
    )  # fmt: skip
    is_database = run.startswith(DATABASE)
    agents = Path(given.agents) if given.agents else None if is_database else Path(run)
    with _rows(run, given.suffix) as rows:
        page = report_of(gathered(rows, read_tables(agents) if agents is not None else {}, rows.span()), wanted)
    path = Path(given.html) if given.html else Path("report.html" if is_database else run + "/report.html")
    size = write_page(path, page)
    print(f"{path.resolve().as_uri()}\n{size:,} bytes, to open in a browser; no network is needed")
    check_printed()
    return 0


def _named(given: argparse.Namespace) -> str:
    """A folder, or the address of a database. Raises ``InputError``."""
    if given.host is None and given.run is None:
        remedy = "Name its folder; or its database, with --host and --pg_port."
        raise InputError(explain("report", "nothing", "a run must be named", remedy))
    if given.host is None:
        return str(given.run)
    if given.run is not None:
        raise InputError(explain("--host", given.host, f"the run is {given.run} already", "Leave out one of the two."))
    if given.host == "embedded":
        remedy = "Run with --keep_server true, and name the address that it prints: --host 127.0.0.1 --pg_port N."
        raise InputError(explain("--host", given.host, "that server ends with its run", remedy))
    if not given.pg_port.isdecimal() or not 1 <= int(given.pg_port) <= 65_535:
        raise InputError(explain("--pg_port", given.pg_port, "must be a whole number from 1 to 65,535", "8812 is QuestDB's own."))
    host = Connection(host=given.host).url_host
    return f"{DATABASE}{given.user + '@' if given.user else ''}{host}:{given.pg_port}"


@contextlib.contextmanager
def _rows(run: str, suffix: str) -> Iterator[RunRows]:
    if run.startswith(DATABASE):
        from writers.questdb.tables import open_run  # with psycopg: only for those who use it

        with contextlib.closing(open_run(run.removeprefix(DATABASE), suffix)) as database:
            yield database
    else:
        from simulator.analysis.report.rows import RunFolder

        yield RunFolder(Path(run))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description=str(__doc__).partition(":")[2].strip() + " docs/looking.md shows it.", allow_abbrev=False)
    parser.add_argument(
        "run",
        nargs="?",
        help="Folder of a run with --writer parquet; or questdb://host[:port] (SQL port, 8812; questdb://user@host with the password in "
        "QUESTDB_PASSWORD), whose newest run it is about.",
    )
    parser.add_argument("--host", help="In place of a folder: the host of a QuestDB, as a run has it; with --pg_port, --user and --suffix.")
    parser.add_argument("--pg_port", default="8812", help="Its port for SQL (default 8812).")
    parser.add_argument("--user", default="", help="Its user (default: admin; the password in QUESTDB_PASSWORD).")
    parser.add_argument("--html", help="Where the page goes (default: report.html in the run's folder; of a database here).")
    parser.add_argument("--symbol", help="With --from and --to: minutes of this symbol by the second, beside those that every report has.")
    parser.add_argument("--from", dest="start", help="Their start, ISO-8601 with a zone: 2025-07-01T14:00:00Z.")
    parser.add_argument("--to", dest="end", help="Their end, half an hour later at most.")
    parser.add_argument("--scorecard", choices=("true", "false"), default="false", help="true: with the scorecard, which takes a minute.")
    parser.add_argument("--agents", help="Of a database: the --out folder that keeps the agents' results (default: none).")
    parser.add_argument("--suffix", default="", help="Of a database: the tables' suffix.")
    return parser
