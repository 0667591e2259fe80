"""A real QuestDB and the command against it, for the tests in ``tests/questdb``."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from simulator.records import EXTRA_TABLES
from tests import in_process
from writers.questdb.schema import KEYS, ORDINAL, TableDef, ddl
from writers.questdb.server import EmbeddedServer

ROOT = Path(__file__).parent.parent
FIVE = ("--symbols", "AAPL,NVDA,JPM,XOM,GS", "--prices", "builtin")
RATES = ("--market_data_min_eps", "40", "--market_data_max_eps", "160", "--trades_min_eps", "8", "--trades_max_eps", "40")
WINDOW = ("--start_ts", "2025-07-01T13:29:40Z", "--end_ts", "2025-07-01T13:31:10Z")
SMALL = (*FIVE, *RATES, *WINDOW)
"""A minute and a half around the open, five symbols, some 10,000 rows."""
COLUMNS = {
    each.name.removeprefix("equities_"): ", ".join(name for name, _ in each.columns[1:] if name != ORDINAL)
    for each in ddl(extra_tables=EXTRA_TABLES, views=False)
    if isinstance(each, TableDef)
}
"""By table, but for the time."""


SMALL_FILES = {
    f"cairo.{writer}.append.page.size": "65536"
    for writer in ("writer.data", "writer.data.index.value", "wal.writer.data", "system.writer.data", "system.wal.writer.data")
}
"""A server takes 16 MB of disk for each column of each partition of a table, which it shortens when it has time: a run of a minute 2 GB,
and all tests together more than a disk has."""


SLEEPS_SOONER = {
    f"{pool}.worker.{setting}": value
    for pool in ("shared", "wal.apply", "mat.view.refresh", "view.compiler", "export")
    for setting, value in (("yield.threshold", "1"), ("nap.threshold", "10"), ("sleep.threshold", "20"))
}
"""A server's threads look for work ten thousand times before they sleep for 10 ms, which is most of what a small run costs: a processor
that others wait for. What they do is the same."""
SAYS_LESS = {"log.writers": "stdout", "log.w.stdout.level": "ERROR"}
"""Half of a server's work is to write, twice, what it has done."""


def small_server(folder: Path, settings: Mapping[str, str] | None = None) -> EmbeddedServer:
    """A server for small tables: 50 times less disk, and none of the time that taking it costs. It does with its rows what any other does."""
    return EmbeddedServer(folder, settings={**SMALL_FILES, **SLEEPS_SOONER, **SAYS_LESS, **(settings or {})}, memory="1g")


def at(server: EmbeddedServer) -> tuple[str, ...]:
    """The flags that name a server."""
    return (
        "--host", "127.0.0.1", "--pg_port", str(server.pg_port), "--http_port", str(server.http_port), "--tcp_port", str(server.tcp_port),
    )  # fmt: skip


def environment(**more: str) -> dict[str, str]:
    plain = {"PYTHONPATH": str(ROOT)} | {name: value for name, value in os.environ.items() if not name.startswith("QUESTDB_")}
    return plain | more


PROGRAM = (sys.executable, "-m", "scenarios.full_day")


def console_command(folder: Path) -> tuple[str, ...]:
    """``equities_data_generator`` as pip makes it of the project's entry, in ``folder``: the tests need not be installed."""
    module, _, function = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["equities_data_generator"].partition(":")
    script = folder / "equities_data_generator"
    script.write_text(f"#!{sys.executable}\nimport sys\nfrom {module} import {function}\nif __name__ == '__main__':\n    sys.exit({function}())\n")
    script.chmod(0o755)
    return (str(script),)


def start(*flags: str, program: Sequence[str] = PROGRAM) -> subprocess.Popen[str]:
    """The command, running; its workers share its process group, which is its own."""
    return subprocess.Popen(
        [*program, *flags], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True, env=environment(),
    )  # fmt: skip


def command(*flags: str, program: Sequence[str] | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    """In this process, unless a ``program`` is named."""
    if program is None:
        return in_process.command(*flags, **env)
    return subprocess.run([*program, *flags], capture_output=True, text=True, check=False, timeout=300, env=environment(**env))


def kill(running: subprocess.Popen[str]) -> None:
    """kill -9 of the command and its workers."""
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()


def digest_of(done: subprocess.CompletedProcess[str]) -> str:
    assert done.returncode == 0, done.stderr[-3000:]
    found = re.search(r"Digest (\w+)", done.stdout)
    assert found is not None, done.stdout
    return found.group(1)


def connect(server: EmbeddedServer) -> Any:
    return psycopg.connect(host="127.0.0.1", port=server.pg_port, user="admin", password="quest", dbname="qdb", autocommit=True)


def rows(pg: Any, table: str, suffix: str = "") -> list[tuple[Any, ...]]:
    """All rows in order, times as whole ns and books as lists; ties of extra tables by their ordinal."""
    keys = [name for name in KEYS if name in COLUMNS[table].split(", ")] + [ORDINAL] * (table in EXTRA_TABLES)
    query = f"SELECT timestamp_ns::long, {COLUMNS[table]} FROM equities_{table}{suffix} ORDER BY timestamp_ns, {', '.join(keys)}"
    return [tuple(row) for row in pg.execute(query).fetchall()]


def parquet_rows(folder: Path, table: str) -> list[tuple[Any, ...]]:
    """The same from a run's files, by DuckDB."""
    with duckdb.connect() as con:
        found = con.execute(
            f"SELECT epoch_ns(timestamp_ns) AS ns, {COLUMNS[table]} FROM "
            f"read_parquet('{folder}/equities_{table}/*/*/*.parquet', file_row_number = true, filename = true) "
            f"ORDER BY ns, symbol{', venue' * ('venue' in COLUMNS[table].split(', '))}, filename, file_row_number"
        )
        return [tuple(row) for row in found.fetchall()]


def read_back(pg: Any, folder: Path, suffix: str, tables: Sequence[str] = ("market_data", "trades")) -> None:
    """The database has exactly the rows of the files."""
    for table in tables:
        have, want = rows(pg, table, suffix), parquet_rows(folder, table)
        assert len(have) == len(want), f"{table}: {len(have)} rows, {len(want)} in the files"
        for one, other in zip(have, want, strict=True):
            assert one == other, f"{table}: {one} is {other} in the files"


def wait_until(is_so: Callable[[], bool], within_s: float = 60.0) -> None:
    until_s = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < until_s, "it did not come to pass"
        time.sleep(0.05)
