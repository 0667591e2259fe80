"""``query_load``: clients ask a database the queries of examples/sql, beside a run that writes: how long each waits."""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, NoReturn

from rich.console import Console

from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.queries import Query, read_queries
from scenarios.launcher.query_load import Clients, choose, present, read_topics, rows_in
from scenarios.launcher.query_page import as_html, print_load
from scenarios.launcher.secrets import secret
from scenarios.launcher.stop_signals import StopSignals, describe
from scenarios.launcher.tables import say, summary_console
from simulator.errors import InputError, SinkError, check_whole, explain
from simulator.inputs.strict_yaml import nearest
from writers.questdb.connection import Connection
from writers.questdb.server import end_with_parent
from writers.questdb.sql import Pg, connect_pg

PROGRAM = "python -m scenarios query_load"
CLIENTS_MAX, SECONDS_MAX, ROUNDS_MAX = 256, 86_400, 1_000
BEGINS_WITHIN_S = 300.0
"""A run beside may compile its kernels first."""
ENDS_WITHIN_S = 60.0
REFUSED = 1
"""Exit code when the server refused a query."""
OURS = ("--host", "--pg_port", "--http_port", "--suffix", "--user", "--password")


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], console: Console, signals: StopSignals) -> int:
    """The words after ``query_load``. 1: the server refused a query. Raises ``MarketSimError``."""
    given = _parser().parse_args(words)
    _check(given)
    page = None if given.html is None else _writable(Path(given.html))
    queries = _named(read_queries(), given.queries)
    connection = Connection(
        host=given.host, pg_port=given.pg_port, http_port=given.http_port, user=given.user, password=secret(given.password, "--password")
    )
    with connect_pg(connection) as pg:
        topics = read_topics(pg, given.suffix)
        asks, said = choose(queries, present(pg), given.suffix, given.views)
        for line in said:
            say(console, line)
        clients = Clients(connection, given.suffix, asks, topics, clients=given.clients, seed=given.seed)
        with _beside(given, connection, pg) as beside, signals.as_requests():
            before, began_s = rows_in(pg, given.suffix), time.monotonic()
            load = clients.run(given.seconds, given.rounds, lambda: signals.first is not None)
            came = rows_in(pg, given.suffix) - before
            counted_s = time.monotonic() - began_s
            ended = beside.has_ended()
    answers = sum(len(waits.seconds) for waits in load.waits)
    who = f"{given.clients} client{'s' * (given.clients > 1)} for {load.took_s:.1f} s, seed {given.seed}"
    facts = [
        f"{who}: {answers:,} answers, {answers / load.took_s:,.0f} a second, with {sum(waits.rows for waits in load.waits):,} rows",
        f"Meanwhile {came:,} rows came in, {came / counted_s:,.0f} a second" if came else "Meanwhile no rows came in",
        *(["The run beside ended before the clients did: what came in is its mean."] if ended else []),
        *([f"Ended by {describe(signals.first)}: what was measured until then."] if load.ended_early and signals.first else []),
    ]
    print_load(summary_console(), load, facts)
    if page is not None:
        _write(page, as_html(load, facts))
        say(summary_console(), f"Page: {page}")
    check_printed()
    if load.ended_early and signals.first:
        return 128 + signals.first
    return REFUSED if any(waits.refused for waits in load.waits) else 0


@dataclass(frozen=True, kw_only=True)
class _Beside:
    has_ended: Callable[[], bool]


@contextlib.contextmanager
def _beside(given: argparse.Namespace, connection: Connection, pg: Pg) -> Iterator[_Beside]:
    """``--ingest``: a run into the same tables, from its first rows until the end of the context. Raises ``InputError``."""
    if given.ingest is None:
        yield _Beside(has_ended=lambda: False)
        return
    where = ["--host", given.host, "--pg_port", str(given.pg_port), "--http_port", str(given.http_port), "--suffix", given.suffix]
    user = ["--user", given.user] if given.user else []
    words = [sys.executable, "-m", "scenarios.full_day", *shlex.split(given.ingest), *where, *user]
    environment = os.environ | ({"QUESTDB_PASSWORD": connection.password} if connection.password else {})
    before = rows_in(pg, given.suffix)
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True, preexec_fn=end_with_parent()
        )
        try:
            until_s = time.monotonic() + BEGINS_WITHIN_S
            while rows_in(pg, given.suffix) <= before:
                if process.poll() is not None or time.monotonic() > until_s:
                    limit = f"the run ended before its first row: {_tail(log)}" if process.poll() is not None else "no row came of it"
                    raise InputError(explain("--ingest", given.ingest, limit, "Try these flags with python -m scenarios.full_day."))
                time.sleep(0.2)
            yield _Beside(has_ended=lambda: process.poll() is not None)
        finally:
            _end(process)


def _end(process: subprocess.Popen[Any]) -> None:
    """As Ctrl-C would, so that what is complete is closed; by force if that takes too long."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(ENDS_WITHIN_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _tail(log: IO[str]) -> str:
    log.seek(0)
    return " ".join(log.read()[-600:].split())


def _check(given: argparse.Namespace) -> None:
    check_whole("--clients", given.clients, 1, CLIENTS_MAX, "8 is the default.")
    if given.rounds is not None:
        check_whole("--rounds", given.rounds, 1, ROUNDS_MAX, "Leave it out to go by --seconds.")
    for name in ("pg_port", "http_port"):
        check_whole(f"--{name}", getattr(given, name), 1, 65_535, "QuestDB's are 8812 and 9000 unless they were set otherwise.")
    if not (math.isfinite(given.seconds) and 0 < given.seconds <= SECONDS_MAX):
        raise InputError(explain("--seconds", given.seconds, f"must be above 0 and at most {SECONDS_MAX:,}", "60 is the default."))
    if not all(letter.isascii() and (letter.isalnum() or letter == "_") for letter in given.suffix):
        raise InputError(explain("--suffix", given.suffix, "must be letters, digits and underscores", "Give that of the run."))
    if given.host == "embedded":
        remedy = "Keep one with --keep_server true, and name 127.0.0.1 and the --pg_port that its console shows."
        raise InputError(explain("--host", given.host, "a server that starts now has no rows to ask for", remedy))
    if given.ingest is not None:
        try:
            words = shlex.split(given.ingest)
        except ValueError as error:
            raise InputError(explain("--ingest", given.ingest, f"cannot be split into words: {error}", "Close its quotes.")) from None
        twice = [word for word in words if word.partition("=")[0] in OURS]
        if twice:
            raise InputError(explain("--ingest", given.ingest, f"{twice[0]} is taken from query_load's own", "Leave it out there."))


def _named(queries: list[Query], names: str | None) -> list[Query]:
    if names is None:
        return queries
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    known = [query.name for query in queries]
    for name in wanted or [""]:
        if name not in known:
            near = f"{nearest(name, known)} docs/queries.md lists them.".strip()
            raise InputError(explain("--queries", name, f"there are {known[0]} to {known[-1]}", near))
    return [query for query in queries if query.name in wanted]


def _writable(path: Path) -> Path:
    """Tried before anything is measured. Raises ``SinkError``."""
    try:
        with path.open("a", encoding="utf-8"):
            return path
    except OSError as error:
        raise _unwritable(path, error) from error


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> SinkError:
    limit = f"it cannot be written: {error.strerror or error}"
    return SinkError(explain("--html", str(path), limit, "Name a file in a folder that you may write to."))


def _parser() -> argparse.ArgumentParser:
    about = str(__doc__).partition(":")[2].strip()
    about = f"{about[:1].upper()}{about[1:]} docs/queries.md explains it. Exit code 1 when a query is refused, 2 for bad input."
    parser = _Parser(prog=PROGRAM, description=about, allow_abbrev=False)
    parser.add_argument("--host", default="127.0.0.1", help="QuestDB's host (default 127.0.0.1).")
    parser.add_argument("--pg_port", type=int, default=8812, help="Its port for SQL (default 8812).")
    parser.add_argument("--http_port", type=int, default=9000, help="Its port for http, for --ingest (default 9000).")
    parser.add_argument("--user", default="", help="User for SQL (default admin).")
    parser.add_argument("--password", default="", help="Of the user; or in the environment, QUESTDB_PASSWORD.")
    parser.add_argument("--suffix", default="", help="Of the tables' names (default none).")
    parser.add_argument("--clients", type=int, default=8, help="Connections that ask at the same time (default 8).")
    parser.add_argument("--seconds", type=float, default=60.0, help="How long (default 60).")
    parser.add_argument("--rounds", type=int, help="Until each client has asked everything so many times, instead of for --seconds.")
    parser.add_argument("--seed", type=int, default=1, help="Same seed, same tables: same questions in the same order (default 1).")
    parser.add_argument(
        "--views", choices=("both", "true", "false"), default="both",
        help="Queries that read views: from the views (true), from the tables that they are made of (false), or each in turn (both).",
    )  # fmt: skip
    parser.add_argument("--queries", help="Names, as a comma list (default: all 40).")
    parser.add_argument("--ingest", metavar="FLAGS", help="Flags of a run that writes into the same tables meanwhile, in quotes.")
    parser.add_argument("--html", metavar="FILE", help="Write a page, too.")
    return parser
