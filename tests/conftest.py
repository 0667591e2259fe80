"""The suite runs with bounds checking in compiled code, and the whole of it on every core.

Bounds checking is set before numba is imported; subprocesses inherit it. The kernels' cache tells code compiled with it from code
without. ``pytest`` alone starts a worker per core and one more, because tests of real time, servers and signals mostly wait; with
files or tests named it stays in one process, where a worker's start would cost more than it saves (``-n 2`` asks for workers, ``-n 0``
for none). Before the workers start, the kernels are compiled once, by two processes; else each worker would compile them all.
"""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from browser import find_browser
from platformdirs import user_cache_path

WORKERS_MAX = 4
"""More would each want a database server of its own, with a gigabyte."""
if os.environ.get("NUMBA_DISABLE_JIT") != "1":
    os.environ.setdefault("NUMBA_BOUNDSCHECK", "1")
os.environ.setdefault("NUMPY_MADVISE_HUGEPAGE", "0")
"""Most of a market's arrays stay empty, and a huge page is emptied whole before its first number is written: a test that makes many
markets takes a third of the memory without."""
os.environ.setdefault("JDK_JAVA_OPTIONS", "-XX:TieredStopAtLevel=1")
"""A database lives for seconds or minutes here: what Java gains by compiling its code a second time, better, it does not live to see."""
GARBAGE_MAX_BYTES = 200 * 1024 * 1024
"""By so much the process may grow until what is no longer used is looked for: Python itself counts objects, and a market is few of
them that hold much."""
KERNELS = user_cache_path("equities-market-simulator") / "kernels"
with contextlib.suppress(OSError):
    # Named, because pytester gives the tests of a test another home, in which all would be compiled again.
    KERNELS.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.environ.setdefault("MARKET_SIM_CACHE_DIR", str(KERNELS))


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """What ``-n auto``, the default in pyproject.toml, means here."""
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        return 0
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(cores + 1, WORKERS_MAX)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Compile before the workers start; ``session`` of a worker, or without workers, has nothing to do."""
    config = session.config
    if hasattr(config, "workerinput") or config.option.dist == "no" or config.option.collectonly or os.environ.get("NUMBA_DISABLE_JIT") == "1":
        return
    warm_up = [sys.executable, "-m", "scenarios.launcher.kernels"]
    root = Path(__file__).parent.parent
    running = [subprocess.Popen([*warm_up, part], cwd=root, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) for part in ("flow", "books")]
    for process in running:
        _, said = process.communicate()
        if process.returncode:
            pytest.exit(f"The kernels could not be compiled:\n{said}", returncode=3)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest begins first: begun last, it would keep one worker busy while the others have nothing left to do."""
    items.sort(key=lambda item: item.get_closest_marker("day") is None)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there now stays: nobody need look through it for garbage again."""
    gc.collect()
    gc.freeze()


class Garbage:
    """Finished markets, whose parts know each other, are given back before they are many."""

    def __init__(self) -> None:
        self.least = resident_bytes()

    def pytest_runtest_logfinish(self) -> None:
        forget_foreign_threads()
        now = resident_bytes()
        if now > self.least + GARBAGE_MAX_BYTES:
            gc.collect()
            now = self.least = resident_bytes()
        self.least = min(self.least, now)


def forget_foreign_threads() -> None:
    """Arrow's threads that have once called Python (a store's, of a test that is over) stay in Python's list as threads of whom nothing
    is known, before Python 3.13; and beside threads the command starts its processes anew, which costs each later test ten seconds of
    processor time, instead of forking them."""
    active, lock = getattr(threading, "_active", None), getattr(threading, "_active_limbo_lock", None)
    if isinstance(active, dict) and lock is not None:
        with lock:
            for ident in [ident for ident, thread in active.items() if type(thread).__name__ == "_DummyThread"]:
                del active[ident]


def resident_bytes() -> int:
    """0 where the system has no /proc."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Garbage())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """A suite without a browser has not looked at the pages: that is said, not hidden among what was skipped."""
    if find_browser() is None:
        terminalreporter.write_line("BROWSER TESTS NOT RUN: no chromium on this machine (Debian: apt-get install chromium), or no playwright (pip install playwright)")
