"""The command in a process of its own that is forked from the tests': its kernels are loaded already, so it starts at once."""

from __future__ import annotations

import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

from scenarios.launcher.commands.run import run, simulate_and_write
from scenarios.launcher.flags import parse_flags
from scenarios.launcher.main import guarded
from scenarios.launcher.plan import make_plan, with_scenario
from simulator.market import Market
from tests import helpers

FIVE = ("--symbols", "AAPL,NVDA,JPM,XOM,GS", "--prices", "builtin")
RATES = ("--market_data_min_eps", "40", "--market_data_max_eps", "160", "--trades_min_eps", "8", "--trades_max_eps", "40")
WINDOW = ("--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:10:00Z")
SLOW = (*FIVE, *RATES, *WINDOW, "--speed", "5")
"""Two minutes of wall time, if nobody ends it."""


def load_kernels() -> None:
    """Here, so that the forked ones have them."""
    helpers.run(helpers.scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:02Z"))


class Forked:
    """A running command; its group is its own. ``out`` and ``err`` are files, or what ``descriptors`` opens."""

    def __init__(self, words: Sequence[str], folder: Path, before: Callable[[], None] = lambda: None) -> None:
        """``before`` is called in the new process, before the command."""
        self.said = folder / "said"
        self.errors = folder / "errors"
        folder.mkdir(parents=True, exist_ok=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads, from Python 3.12 on
            self.pid = os.fork()
        if self.pid == 0:
            self._be_the_command(words, before)

    def _be_the_command(self, words: Sequence[str], before: Callable[[], None]) -> None:
        code = 99
        try:
            os.setsid()
            for descriptor, path in ((1, self.said), (2, self.errors)):
                os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), descriptor)
            sys.stdout, sys.stderr = (open(descriptor, "w", closefd=False) for descriptor in (1, 2))  # noqa: SIM115
            before()
            flags = parse_flags(words)
            if flags.is_cut or flags.writer == "questdb":
                code = guarded(lambda console, signals: simulate_and_write(*with_scenario(flags), console, signals))
            else:
                code = guarded(lambda console, signals: run(make_plan(flags), console, signals, Market))
            sys.stdout.flush()
            sys.stderr.flush()
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(code)

    def children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def wait_for(self, is_so: Callable[[], bool], within_s: float = 60.0) -> None:
        until_s = time.monotonic() + within_s
        while not is_so():
            assert os.waitpid(self.pid, os.WNOHANG) == (0, 0), self.errors.read_text()
            assert time.monotonic() < until_s, "it did not come to pass"
            time.sleep(0.02)

    def wait(self, within_s: float = 30.0) -> int:
        """Its exit code, -n if signal n ended it."""
        until_s = time.monotonic() + within_s
        while time.monotonic() < until_s:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise AssertionError("it does not end")

    def kill(self) -> None:
        """kill -9 of the command and its workers."""
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


def is_alive(pid: int) -> bool:
    """A zombie is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
