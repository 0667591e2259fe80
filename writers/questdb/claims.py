"""Whose the tables are: one run at a time writes into the tables of a suffix.

A claim is a row of the claims table, made new with each of the owner's beats (DEDUP keeps the last). Who wants the tables puts its own
claim beside those of others and looks: of two that come at once the older goes on, and a claim that is ``running`` stands. The owner's
process can be looked for on its own machine; on another one it is alive if its claim beats.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simulator.errors import InputError, SinkError
from writers.questdb.existing import exists, named, wait_applied
from writers.questdb.limits import Stopped, never
from writers.questdb.schema import table_name

CLAIMING, RUNNING, ENDED = "claiming", "running", "ended"
"""States of a claim. One whose owner is dead is ended by who comes next."""
BEAT_S = 5.0
EXPIRES_S = 20.0
"""A claim from another machine that has not beaten for so long, while somebody watched, is dead."""
OLD_S = 600.0
"""One that has not beaten for so long by the server's clock need not be watched."""
LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Owner:
    """A process, so that it can be told whether it still lives."""

    node: str
    """The machine, its start, its space of process ids."""
    pid: int
    born: str
    """When the process started, as its system counts; empty if that cannot be known."""
    host: str

    @property
    def text(self) -> str:
        return "|".join((self.node, str(self.pid), self.born, self.host))

    def is_gone(self, here: Owner) -> bool | None:
        """Whether it has ended; None if that cannot be seen from ``here``."""
        if self.node != here.node:
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return None if not self.born else _born(self.pid) != self.born
        if not self.born:
            return None
        return _born(self.pid) != self.born


def this_process() -> Owner:
    """The owner of what this process claims."""
    host = socket.gethostname()
    parts = [host]
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            parts.append(os.readlink(path) if path.endswith("pid") else Path(path).read_text().strip())
        except OSError:
            parts.append("")
    return Owner("/".join(parts), os.getpid(), _born(os.getpid()), host)


def owner_of(text: str) -> Owner:
    """From a claim's row."""
    node, pid, born, host = (text.split("|") + [""] * 4)[:4]
    return Owner(node, int(pid) if pid.isdigit() else 0, born, host)


def _born(pid: int) -> str:
    """Ticks since the machine's start when it began; a zombie is not alive."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


class ClaimLost(SinkError):
    """Another run has the tables."""


class Claim:
    """This run's. Used by one thread at a time."""

    def __init__(self, sql: Any, suffix: str, run_id: str, owner: Owner | None = None) -> None:
        self._sql = sql
        self._name = table_name("claims", suffix)
        self._run_id = run_id
        self._owner = this_process() if owner is None else owner
        self._since_us = 0
        """The claim's key: the server's time when it was made."""

    def over(self, sql: Any) -> Claim:
        """The same claim over another connection."""
        same = Claim(sql, "", self._run_id, self._owner)
        same._name, same._since_us = self._name, self._since_us
        return same

    def check_free(self, is_stopped: Callable[[], bool] = never, say: Callable[[str], None] = lambda text: None) -> None:
        """Before anything is made. Raises ``InputError`` that names the owner, if there is one that lives."""
        if exists(self._sql, self._name):
            wait_applied(self._sql, [self._name])
            for other in self._others():
                self._end_or_refuse(other, is_stopped, say)

    def take(self, is_stopped: Callable[[], bool] = never, say: Callable[[str], None] = lambda text: None) -> None:
        """Make the claim, or raise ``InputError``. The table exists."""
        self._since_us = int(self._sql.execute("SELECT systimestamp()::long").fetchone()[0])
        self._write(CLAIMING)
        patient_until_s = time.monotonic() + EXPIRES_S
        try:
            while others := self._others():
                for other in others:
                    is_younger = (other["since_us"], other["run_id"]) > (self._since_us, self._run_id)
                    if is_younger and other["state"] == CLAIMING and time.monotonic() < patient_until_s:
                        continue  # it sees this claim, and withdraws
                    self._end_or_refuse(other, is_stopped, say)
                _rest(is_stopped)
        except BaseException:
            self.release()
            raise
        self._write(RUNNING)

    def beat(self) -> None:
        """Say that the owner lives. Raises ``SinkError`` if the claim was given to another run."""
        found = self._sql.execute(
            f"SELECT state FROM {self._name} WHERE ts = {self._since_us}::timestamp AND run_id = %s", (self._run_id,)
        ).fetchone()
        if found is not None and found[0] != RUNNING:
            raise ClaimLost(
                f"Another run has taken the tables ({self._name}): this one did not show that it lives for {EXPIRES_S:.0f} s. "
                "What it wrote stays; let the other one end, and continue with --incremental true or write to others with --suffix."
            )
        self._write(RUNNING, waits=False)

    def release(self) -> None:
        """The tables are free."""
        if self._since_us:
            self._write(ENDED, waits=False)
            self._since_us = 0

    def _write(self, state: str, other: dict[str, Any] | None = None, *, waits: bool = True) -> None:
        since_us, run_id, owner = (self._since_us, self._run_id, self._owner.text) if other is None else (
            other["since_us"], other["run_id"], other["owner"])  # fmt: skip
        self._sql.execute(
            f"INSERT INTO {self._name} (ts, run_id, owner, state, beat_ts) VALUES ({since_us}::timestamp, %s, %s, %s, systimestamp())",
            (run_id, owner, state),
        )
        if waits:
            wait_applied(self._sql, [self._name])

    def _others(self) -> list[dict[str, Any]]:
        return named(
            self._sql,
            "SELECT ts::long AS since_us, ts, run_id, owner, state, beat_ts::long AS beat_us, systimestamp()::long AS now_us "
            f"FROM {self._name} WHERE state <> '{ENDED}' AND run_id <> %s ORDER BY ts",
            self._run_id,
        )

    def _end_or_refuse(self, other: dict[str, Any], is_stopped: Callable[[], bool], say: Callable[[str], None]) -> None:
        """End the claim of a dead owner; raises ``InputError`` for one that lives, once that is known."""
        owner = owner_of(other["owner"])
        is_gone = owner.is_gone(self._owner)
        if is_gone is None and other["now_us"] - other["beat_us"] < OLD_S * 1e6:
            say(f"A run on {owner.host} has claimed these tables: looking for up to {EXPIRES_S:.0f} s whether it lives.")
            is_gone = self._is_silent(other, is_stopped)
        elif is_gone is None:
            is_gone = True
        if is_gone:
            self._write(ENDED, other)
            return
        raise InputError(
            f"The tables {self._name.replace('_claims', '_*')}: another run writes into them, process {owner.pid} on {owner.host}, "
            f"since {other['ts']:%Y-%m-%d %H:%M:%S} UTC; one run at a time owns a table. Let it end, or write to others with --suffix."
        )

    def _is_silent(self, other: dict[str, Any], is_stopped: Callable[[], bool]) -> bool:
        until_s = time.monotonic() + EXPIRES_S
        while time.monotonic() < until_s:
            now = [each for each in self._others() if each["run_id"] == other["run_id"] and each["since_us"] == other["since_us"]]
            if not now:
                return True  # it has ended
            if now[0]["beat_us"] != other["beat_us"]:
                return False
            _rest(is_stopped)
        return True


def _rest(is_stopped: Callable[[], bool]) -> None:
    time.sleep(LOOK_S)
    if is_stopped():
        raise Stopped
