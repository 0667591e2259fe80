"""The compiled kernels' files: shared by all checkouts of a user, whole or absent, never trusted from where others can write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
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


def use(cache: Path, root: Path = ROOT, **environment: str) -> tuple[int, str]:
    """(kernels loaded from the cache, the folder used) of a process that needs one small kernel."""
    variables = {**os.environ, "MARKET_SIM_CACHE_DIR": str(cache), **environment}
    done = subprocess.run(
        [sys.executable, "-c", SMALLEST], cwd=root, env=variables, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    hits, folder = done.stdout.split()
    return int(hits), folder


def test_another_checkout_compiles_nothing_and_a_change_of_the_sources_does(tmp_path: Path) -> None:
    cache, checkout = tmp_path / "cache", tmp_path / "checkout"
    shutil.copytree(ROOT / "simulator", checkout / "simulator", ignore=shutil.ignore_patterns("__pycache__"))
    assert use(cache)[0] == 0
    assert use(cache, checkout)[0] == 1
    columns = checkout / "simulator" / "tape" / "columns.py"
    columns.write_text(columns.read_text() + "\n# another content\n")
    assert use(cache, checkout)[0] == 0, "the file of a function that it may call has changed"
    assert use(cache)[0] == 1, "the original is kept beside it"


def test_bounds_checking_has_files_of_its_own(tmp_path: Path) -> None:
    assert use(tmp_path, NUMBA_BOUNDSCHECK="1")[0] == 0
    assert use(tmp_path, NUMBA_BOUNDSCHECK="0")[0] == 0
    assert use(tmp_path, NUMBA_BOUNDSCHECK="1")[0] == 1


DAMAGES = {
    "cut": lambda whole: whole[: len(whole) // 2], "empty": lambda whole: b"", "a byte": lambda whole: whole[:-1] + b"\0", "other": lambda _: b"x" * 99,
}  # fmt: skip


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    """Each process finds what the last one made, damaged: were it used, or not made anew, the last would show it."""
    assert use(tmp_path)[0] == 0
    (kernel,) = tmp_path.glob("*.kernel")
    for what, damage in DAMAGES.items():
        damaged = damage(kernel.read_bytes())
        kernel.write_bytes(damaged)
        assert use(tmp_path)[0] == 0, what
        assert kernel.read_bytes() != damaged, what
    assert use(tmp_path)[0] == 1


def test_a_folder_that_others_can_write_is_not_used(tmp_path: Path) -> None:
    cache = tmp_path / "shared"
    cache.mkdir()
    cache.chmod(0o777)
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", SMALLEST], cwd=ROOT, env={**os.environ, "MARKET_SIM_CACHE_DIR": str(cache)},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["0", "None"]
    assert "No folder for compiled kernels can be written" in done.stderr
    assert not list(cache.iterdir())


def test_without_a_folder_it_runs_all_the_same(tmp_path: Path) -> None:
    """As with sources and a home that cannot be written: one line, no traceback."""
    (tmp_path / "file").write_text("")
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", SMALLEST], cwd=ROOT, env={**os.environ, "MARKET_SIM_CACHE_DIR": str(tmp_path / "file" / "x")},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("No folder for compiled kernels") == 1


def test_many_processes_at_once_leave_whole_files(tmp_path: Path) -> None:
    variables = {**os.environ, "MARKET_SIM_CACHE_DIR": str(tmp_path)}
    running = [subprocess.Popen([sys.executable, "-c", SMALLEST], cwd=ROOT, env=variables, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(120) for process in running] == [0] * 4
    assert len(list(tmp_path.glob("*.kernel"))) == 1
    assert not list(tmp_path.glob(".*")), "half a file was left"
    assert use(tmp_path)[0] == 1
