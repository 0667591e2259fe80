"""The compiled kernels' files: shared by all checkouts of a user, whole or absent, never trusted from where others can write."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
pytestmark = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")

SMALLEST = """
from simulator.book import kernel_cache
from simulator.tape.digest import take_rows
import numpy as np
take_rows(np.zeros((1, 4), np.uint64), np.zeros(1, np.int64), np.zeros((1, 3), np.int64))
print(sum(take_rows.stats.cache_hits.values()), kernel_cache.folder())
"""


FORKS = """
import json, os, sys, warnings
import numba, numpy, llvmlite, pickle, platformdirs
from numba.core import config
for line in sys.stdin:
    asked = json.loads(line)
    read, write = os.pipe()
    if os.fork() == 0:
        os.dup2(write, 1), os.dup2(write, 2)
        os.environ.clear(), os.environ.update(asked["environment"])
        os.chdir(asked["root"]), sys.path.insert(0, asked["root"])
        config.reload_config(), warnings.simplefilter("always")
        code = 1
        try:
            exec(compile(asked["code"], "smallest", "exec"), {})
            code = 0
        except BaseException:
            import traceback
            traceback.print_exc()
        sys.stdout.flush(), sys.stderr.flush()
        os._exit(code)
    os.close(write)
    with os.fdopen(read) as pipe:
        said = pipe.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.wait()[1]), said]), flush=True)
"""
"""A process that has imported what takes a second, and none of ours: a fork of it is as new as a process of its own."""


class Fresh:
    """Runs code in new processes."""

    def __init__(self) -> None:
        self.forks = subprocess.Popen([sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, root: Path, environment: Mapping[str, str]) -> str:
        """What it says, of either stream. It must end with 0."""
        assert self.forks.stdin is not None
        assert self.forks.stdout is not None
        self.forks.stdin.write(json.dumps({"root": str(root), "environment": dict(environment), "code": SMALLEST}) + "\n")
        self.forks.stdin.flush()
        code, said = json.loads(self.forks.stdout.readline())
        assert code == 0, said
        return str(said)

    def use(self, cache: Path, root: Path = ROOT, **environment: str) -> tuple[int, str]:
        """(kernels loaded from the cache, the folder used) of a process that needs one small kernel."""
        hits, folder = self.run(root, {**os.environ, "MARKET_SIM_CACHE_DIR": str(cache), **environment}).split()
        return int(hits), folder


@pytest.fixture(scope="module")
def fresh() -> Iterator[Fresh]:
    made = Fresh()
    yield made
    made.forks.communicate()
    assert made.forks.returncode == 0


@pytest.fixture
def use(fresh: Fresh) -> Callable[..., tuple[int, str]]:
    return fresh.use


def test_another_checkout_compiles_nothing_and_a_change_of_the_sources_does(tmp_path: Path, use: Callable[..., tuple[int, str]]) -> None:
    cache, checkout = tmp_path / "cache", tmp_path / "checkout"
    shutil.copytree(ROOT / "simulator", checkout / "simulator", ignore=shutil.ignore_patterns("__pycache__"))
    assert use(cache)[0] == 0
    assert use(cache, checkout)[0] == 1
    columns = checkout / "simulator" / "tape" / "columns.py"
    columns.write_text(columns.read_text() + "\n# another content\n")
    assert use(cache, checkout)[0] == 0, "the file of a function that it may call has changed"
    assert use(cache)[0] == 1, "the original is kept beside it"


def test_bounds_checking_has_files_of_its_own(tmp_path: Path, use: Callable[..., tuple[int, str]]) -> None:
    assert use(tmp_path, NUMBA_BOUNDSCHECK="1")[0] == 0
    assert use(tmp_path, NUMBA_BOUNDSCHECK="0")[0] == 0
    assert use(tmp_path, NUMBA_BOUNDSCHECK="1")[0] == 1


DAMAGES = {
    "cut": lambda whole: whole[: len(whole) // 2], "empty": lambda whole: b"", "a byte": lambda whole: whole[:-1] + b"\0", "other": lambda _: b"x" * 99,
}  # fmt: skip


def test_a_damaged_file_is_made_again(tmp_path: Path, use: Callable[..., tuple[int, str]]) -> None:
    """Each process finds what the last one made, damaged: were it used, or not made anew, the last would show it."""
    assert use(tmp_path)[0] == 0
    (kernel,) = tmp_path.glob("*.kernel")
    for what, damage in DAMAGES.items():
        damaged = damage(kernel.read_bytes())
        kernel.write_bytes(damaged)
        assert use(tmp_path)[0] == 0, what
        assert kernel.read_bytes() != damaged, what
    assert use(tmp_path)[0] == 1


def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path, fresh: Fresh) -> None:
    cache = tmp_path / "shared"
    cache.mkdir()
    cache.chmod(0o777)
    said = fresh.run(ROOT, {**os.environ, "MARKET_SIM_CACHE_DIR": str(cache)})
    assert said.splitlines()[-1] == "0 None"
    assert "No folder for compiled kernels can be written" in said
    assert not list(cache.iterdir())


def test_without_a_folder_it_runs_all_the_same(tmp_path: Path, fresh: Fresh) -> None:
    """As with sources and a home that cannot be written: one line, no traceback."""
    (tmp_path / "file").write_text("")
    said = fresh.run(ROOT, {**os.environ, "MARKET_SIM_CACHE_DIR": str(tmp_path / "file" / "x")})
    assert said.count("No folder for compiled kernels") == 1


def test_many_processes_at_once_leave_whole_files(tmp_path: Path, use: Callable[..., tuple[int, str]]) -> None:
    variables = {**os.environ, "MARKET_SIM_CACHE_DIR": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", SMALLEST], cwd=ROOT, env=variables, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4
    assert len(list(tmp_path.glob("*.kernel"))) == 1
    assert not list(tmp_path.glob(".*")), "half a file was left"
    assert use(tmp_path)[0] == 1
