"""Runs that are killed at a random moment and continued, compared with one that was not: each trial is one seed's.

A run is a fork of this process, in which the kernels are loaded: it begins within milliseconds, and is in everything else the command,
with a process group of its own, its workers, its connections. This process must have no threads.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
import psycopg

from scenarios.launcher import main
from simulator.records import BASE_TABLES, EXTRA_TABLES, TABLES
from tests import in_process
from tests.database import COLUMNS, at, connect
from writers.questdb import schema
from writers.questdb.server import EmbeddedServer

BASE = (
    "--symbols", "AAPL,NVDA,JPM", "--prices", "builtin", "--market_data_min_eps", "40", "--market_data_max_eps", "160",
    "--trades_min_eps", "8", "--trades_max_eps", "40",
)  # fmt: skip
DAY = "2025-07-01"
WINDOW = ("--start_ts", f"{DAY}T13:29:40Z", "--end_ts", f"{DAY}T13:30:25Z")
"""Over the open, and over a second and an hour's files when moved."""
LATER = ("--start_ts", f"{DAY}T13:59:50Z", "--end_ts", f"{DAY}T14:00:20Z")
"""Of a second run into the same tables; over the end of an hour."""
PART = re.compile(r"part-\d+\.parquet")
"""A file that says it is whole: one of an early end is called ``part-0.unfinished.parquet``."""
VIEWS = ("top_of_book_1s", "nbbo_1s", "trades_ohlcv_1s", "nbbo_1m", "trades_ohlcv_1m")
RUN_S = 1.5
DATABASE_KINDS = ("parent", "worker", "group", "server", "before_the_first_row", "in_ddl", "between_views", "second_run")
PARQUET_KINDS = ("parquet_parent", "parquet_worker", "parquet_group")
KINDS = (*DATABASE_KINDS, *PARQUET_KINDS)
ATTEMPTS_MAX = 8
ENDS_WITHIN_S = 120.0


@dataclass(slots=True)
class Trial:
    """What one did, and whether it ended as an uninterrupted run."""

    number: int
    kind: str
    seed: str
    kills: list[str] = field(default_factory=list)
    differences: list[str] = field(default_factory=list)
    damage: str = ""
    """A view that the server cannot open since it was killed, as the run said: its tables and other views are compared."""

    @property
    def is_identical(self) -> bool:
        return not self.differences


class Run:
    """The command in a process of its own."""

    def __init__(self, flags: tuple[str, ...], log: Path) -> None:
        self.log = log
        self.code: int | None = None
        self.began_s = time.monotonic()
        self.pid = os.fork()
        if self.pid == 0:
            _be_the_command(flags, log)

    def poll(self) -> int | None:
        """Its exit code, once it has ended."""
        if self.code is None:
            found, status = os.waitpid(self.pid, os.WNOHANG)
            if found:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code

    def wait(self) -> int:
        until_s = time.monotonic() + ENDS_WITHIN_S
        while (code := self.poll()) is None:
            if time.monotonic() > until_s:
                self.kill_group()
                raise AssertionError(f"a run did not end in {ENDS_WITHIN_S:.0f} s:\n{self.said}")
            time.sleep(0.02)
        return code

    def workers(self) -> list[int]:
        with suppress(OSError):
            return [int(word) for word in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
        return []

    def kill_parent(self) -> None:
        _kill(self.pid)
        self.wait()

    def kill_group(self) -> None:
        with suppress(OSError):
            os.killpg(self.pid, signal.SIGKILL)
        self.wait()

    @property
    def said(self) -> str:
        return self.log.read_text(errors="replace")[-1500:]


def _be_the_command(flags: tuple[str, ...], log: Path) -> None:
    """Never returns."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
        out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        for descriptor in (1, 2):
            os.dup2(out, descriptor)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        code = main.main(flags)
    except BaseException:
        import traceback

        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


class Harness:
    """One server and one folder for many trials."""

    def __init__(self, server: EmbeddedServer, folder: Path, run_s: float = RUN_S) -> None:
        """``run_s``: what a run takes at the pace that it is given, about."""
        self.server = server
        self.run_s = run_s
        self.folder = folder
        self._references: dict[tuple[str, ...], dict[str, str]] = {}
        self.names = self.uninterrupted = 0
        self.took_s = 0.0
        """What an uninterrupted run took, at the pace of those that are killed."""
        # Once in this process: what is imported and read here need not be in every fork.
        place = (*at(server), "--suffix", "_here", "--create_views", "false", "--processes", "1")
        for flags in ((*BASE, *LATER, *place), (*BASE, *LATER, "--out", str(folder / "here"), "--processes", "1")):
            done = in_process.command(*flags)
            assert done.returncode == 0, done.stderr
        assert threading.active_count() == 1

    def run(self, number: int, kind: str, seed: str) -> Trial:
        """One trial. Its random moments hang on ``seed`` and ``number`` alone; where they fall in the run also on the machine."""
        trial = Trial(number, kind, seed)
        rng = random.Random(f"{seed}/{number}/{kind}")
        try:
            (self._parquet if kind in PARQUET_KINDS else self._database)(trial, rng)
        except AssertionError as error:
            trial.differences.append(str(error)[:1500])
        if kind in DATABASE_KINDS:
            with suppress(psycopg.OperationalError):  # of a server that did not survive the trial, the next one tells
                start_over(self.server, self._suffix(trial))
        return trial

    def _database(self, trial: Trial, rng: random.Random) -> None:
        suffix = self._name(trial)
        protocol = rng.choice(("http", "http", "tcp"))
        views = {"between_views": "after"}.get(trial.kind, rng.choice(("true", "after")))
        processes = "2" if trial.kind == "worker" else rng.choice(("1", "2"))
        extra = ("--extra_tables", ",".join(EXTRA_TABLES)) if rng.random() < 0.3 else ()
        place = (*at(self.server), "--suffix", suffix, "--create_views", views, *extra)
        first, second = (*BASE, *WINDOW), (*BASE, *LATER, "--seed", "7")
        command = first
        expected = self._expected(extra, both=trial.kind == "second_run")
        if trial.kind == "second_run":
            done = Run((*first, *place), self._log(suffix))
            assert done.wait() == 0, f"the first run failed: {done.said}"
            command = second
        how = ("--protocol", protocol, "--processes", processes)
        run = Run((*command, *place, *how, *self._pace()), self._log(suffix))
        self._kill_database(trial, rng, run, suffix)
        for attempt in range(ATTEMPTS_MAX):
            if (run.wait() == 0 and attempt) or "does not refresh" in run.said:
                break
            if run.code == 0:
                trial.kills.append("it had ended")  # what is continued then is complete: nothing may change
            pace = self._pace() if rng.random() < 0.3 and attempt < 3 else ()
            run = Run((*command, *place, *how, *pace, "--incremental", "true"), self._log(suffix))
            if pace:
                self._kill_any(trial, rng, run)
        broken = re.search(r"The view (\w+)" + suffix + r" is \w+ and does not refresh", run.said)
        if broken is not None and run.wait() == 1:
            trial.damage = f"the server cannot open {broken.group(1)}"
            expected = {name: digest for name, digest in expected.items() if name in TABLES}
        else:
            assert run.wait() == 0, f"it could not be continued, exit code {run.code}: {run.said}"
        found = self.read_database(suffix, tuple(expected))
        trial.differences += [f"{name} differs" for name, digest in expected.items() if found[name] != digest]

    def _kill_database(self, trial: Trial, rng: random.Random, run: Run, suffix: str) -> None:
        moment_s = rng.uniform(0.05, 1.05) * self.took_s
        share = rng.random()
        match trial.kind:
            case "parent" | "worker" | "group" | "second_run":
                self._sleep(run, moment_s)
                self._kill(trial, rng, run, "group" if trial.kind == "second_run" else trial.kind)
            case "server":
                self._sleep(run, moment_s)
                self._kill_server(trial)
            case "before_the_first_row":
                self._wait(run, lambda: self._objects(suffix) > 0)
                self._sleep(run, 0.2 * share)
                self._kill(trial, rng, run, rng.choice(("parent", "group")))
            case "in_ddl":
                count = rng.randint(1, 8)
                self._wait(run, lambda: self._objects(suffix) >= count)
                if rng.random() < 0.5:
                    self._kill(trial, rng, run, "group")
                else:
                    self._kill_server(trial)
            case "between_views":
                count = rng.randint(1, len(VIEWS))
                self._wait(run, lambda: self._objects(suffix, views=True) >= count)
                if rng.random() < 0.3:
                    self._kill(trial, rng, run, "group")
                else:
                    self._kill_server(trial)

    def _kill_any(self, trial: Trial, rng: random.Random, run: Run) -> None:
        self._sleep(run, rng.uniform(0.1, 1.0) * self.took_s)
        self._kill(trial, rng, run, rng.choice(("parent", "worker", "group")))

    def _kill(self, trial: Trial, rng: random.Random, run: Run, what: str) -> None:
        after_s = time.monotonic() - run.began_s
        if run.poll() is not None:
            return
        workers = run.workers()
        if what == "worker" and workers:
            _kill(rng.choice(workers))
        elif what == "parent":
            run.kill_parent()
        else:
            run.kill_group()
        trial.kills.append(f"{what} after {after_s:.2f} s")

    def _kill_server(self, trial: Trial) -> None:
        self.server.kill()
        trial.kills.append("server")
        self.server.start()

    def _parquet(self, trial: Trial, rng: random.Random) -> None:
        out = self.folder / self._name(trial)
        what = trial.kind.partition("_")[2]
        processes = "2" if what == "worker" else rng.choice(("1", "2"))
        command = (*BASE, *LATER, "--out", str(out), "--processes", processes)
        expected = self._reference_files()
        run = Run((*command, *self._pace(20.0)), self._log(out.name))
        self._sleep(run, rng.uniform(0.05, 1.05) * self.took_s)
        self._kill(trial, rng, run, what)
        for attempt in range(ATTEMPTS_MAX):
            if run.wait() == 0 and attempt:
                break
            self._no_half_files(trial, out)
            pace = self._pace(20.0) if rng.random() < 0.3 and attempt < 3 else ()
            run = Run((*command, *pace, "--incremental", "true"), self._log(out.name))
            if pace:
                self._kill_any(trial, rng, run)
        assert run.wait() == 0, f"it could not be continued, exit code {run.code}: {run.said}"
        found = read_files(out)
        trial.differences += [f"{file.name} is left over" for file in out.rglob("*.unfinished.parquet")]
        trial.differences += [f"{name} differs" for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)]
        shutil.rmtree(out, ignore_errors=True)

    def _no_half_files(self, trial: Trial, out: Path) -> None:
        """What looks whole is whole: an hour of which a part is missing must not carry its final name."""
        expected = self._reference_files()
        for name, digest in (read_files(out) if out.exists() else {}).items():
            if name != "manifest" and digest != expected.get(name):
                trial.differences.append(f"{name} looked whole after a kill, and was not")

    def _pace(self, simulated_s: float = 45.0) -> tuple[str, str]:
        return "--speed", f"{simulated_s / self.run_s:.1f}"

    def _reference_files(self) -> dict[str, str]:
        key = ("files",)
        if key not in self._references:
            out = self.folder / "reference"
            run = Run((*BASE, *LATER, "--out", str(out), "--processes", "1", *self._pace(20.0)), self._log("reference"))
            assert run.wait() == 0, run.said
            self.took_s = self.took_s or time.monotonic() - run.began_s
            self._references[key] = read_files(out)
        return self._references[key]

    def _expected(self, extra: tuple[str, ...], *, both: bool) -> dict[str, str]:
        """Of an uninterrupted run, or of two, one after the other."""
        key = (*extra, str(both))
        if key not in self._references:
            names = (*(TABLES if extra else BASE_TABLES), *VIEWS)
            self._references[key] = self.read_database(self.run_reference(extra, both=both), names)
        return self._references[key]

    def run_reference(self, extra: tuple[str, ...] = (), *, both: bool = False) -> str:
        """An uninterrupted run, or two, one after the other; returns the suffix of its tables."""
        self.uninterrupted += 1
        suffix = f"_reference{self.uninterrupted}"
        place = (*at(self.server), "--suffix", suffix, "--create_views", "true", "--processes", "1", *extra)
        for command in ((*BASE, *WINDOW), (*BASE, *LATER, "--seed", "7"))[: 1 + both]:
            run = Run((*command, *place, *self._pace()), self._log(suffix))
            assert run.wait() == 0, run.said
            self.took_s = self.took_s or time.monotonic() - run.began_s
        return suffix

    def read_database(self, suffix: str, names: tuple[str, ...]) -> dict[str, str]:
        """A digest of every row of every table and view."""
        found = {}
        with connect(self.server) as pg:
            for name in names:
                table = f"equities_{name}{suffix}" if name in TABLES else f"{name}{suffix}"
                columns = [row[0] for row in pg.execute(f"SELECT \"column\" FROM table_columns('{table}')").fetchall()]
                shown = [f"{column}::long" if column == "timestamp_ns" else column for column in columns]
                rows = pg.execute(f"SELECT {', '.join(shown)} FROM {table}").fetchall()
                found[name] = digest_of_rows(rows)
        return found

    def _objects(self, suffix: str, *, views: bool = False) -> int:
        what = "materialized_views() WHERE view_name" if views else "tables() WHERE table_name"
        try:
            with connect(self.server) as pg:
                return int(pg.execute(f"SELECT count() FROM {what} LIKE %s", (f"%{suffix}",)).fetchone()[0])
        except Exception:  # a server that has just been started
            return 0

    def _sleep(self, run: Run, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while time.monotonic() < until_s and run.poll() is None:
            time.sleep(min(0.01, max(until_s - time.monotonic(), 0)))

    def _wait(self, run: Run, is_so: Callable[[], bool]) -> None:
        until_s = time.monotonic() + 30.0
        while run.poll() is None and not is_so() and time.monotonic() < until_s:
            time.sleep(0.005)

    def _name(self, trial: Trial) -> str:
        self.names += 1
        return self._suffix(trial)

    def _suffix(self, trial: Trial) -> str:
        """Of the trial's tables, or its folder's name."""
        return f"_k{trial.number}_{self.names}"

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def digest_of_rows(rows: list[tuple[Any, ...]]) -> str:
    """In any order: their number, and a hash of the sorted hashes of their texts."""
    hashes = sorted(hashlib.blake2b(repr(row).encode(), digest_size=8).digest() for row in rows)
    return f"{len(rows)} rows, {hashlib.blake2b(b''.join(hashes), digest_size=8).hexdigest()}"


def read_files(out: Path) -> dict[str, str]:
    """By (table, hour): a digest of the rows of all its files; and the run's digest from its manifest."""
    found = {}
    with duckdb.connect() as con:
        for table in TABLES:
            for hour in sorted(out.glob(f"equities_{table}/*/*")):
                files = [str(file) for file in sorted(hour.iterdir()) if PART.fullmatch(file.name)]
                if files:
                    rows = con.execute(
                        f"SELECT epoch_ns(timestamp_ns), {COLUMNS[table]} FROM read_parquet(?, hive_partitioning = false)", [files]
                    ).fetchall()
                    found[f"{table}/{hour.parent.name}/{hour.name}"] = digest_of_rows(rows)
    with suppress(OSError):
        import json

        manifest = json.loads((out / "manifest.json").read_text())
        found["manifest"] = str(manifest.get("digest"))
    return found


def start_over(server: EmbeddedServer, suffix: str) -> None:
    """Drop a trial's tables and views, newest first."""
    with connect(server) as pg:
        for each in reversed(schema.ddl(suffix, extra_tables=EXTRA_TABLES)):
            what = "MATERIALIZED VIEW" if isinstance(each, schema.ViewDef) else "TABLE"
            with suppress(Exception):
                pg.execute(f"DROP {what} IF EXISTS {each.name}")
