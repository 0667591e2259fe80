"""Five faults planted in the kernel, one at a time: the comparison with the twin must notice each."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAULTS = {
    "priority": ("levels.py", "    last = lv[b, slot, tail]\n", "    last = lv[b, slot, tail] if price % 2 else 0\n"),
    "partial fill": ("matching.py", "            od[b, o, SHOWN] -= shares\n", "            od[b, o, SHOWN] -= shares if shares < size else 0\n"),
    "reserve refill": ("levels.py", "    shares = min(od[b, o, PEAK], od[b, o, HIDDEN])\n", "    shares = od[b, o, HIDDEN]\n"),
    "cross tie": ("cross.py", "~unfilled, np.abs(surplus), -paired", "np.abs(surplus), ~unfilled, -paired"),
    "best price after a cancel": ("levels.py", "bk.held, price + 1)\n\n\n@kernel\ndef new_order", "bk.held, price + 2)\n\n\n@kernel\ndef new_order"),
}  # fmt: skip
COMPARE = """
from hypothesis import HealthCheck, Phase, given, seed, settings
from simulator import testing
from simulator.book import matching
from test_book import follow

@seed(7)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None, report_multiple_bugs=False, phases=[Phase.generate])
@given(testing.commands(max_size=50, price_window=64))
def run(stream):
    follow(stream, max_orders=12, price_window=64)

run()
print(matching.__file__)
"""


def compare(copy: Path) -> subprocess.CompletedProcess[str]:
    """Run the comparison, uncompiled, on a copy of the package."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{copy}{os.pathsep}{ROOT / 'tests'}"}
    command = [sys.executable, "-c", COMPARE]
    return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "simulator", tmp_path / "simulator", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_an_unchanged_copy_passes(copy: Path) -> None:
    done = compare(copy)
    assert done.returncode == 0, done.stderr[-2000:]
    assert Path(done.stdout.strip()).is_relative_to(copy), "the comparison ran on another copy of the package"


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(name: str, copy: Path) -> None:
    file, right, wrong = FAULTS[name]
    path = copy / "simulator" / "book" / file
    source = path.read_text()
    assert source.count(right) == 1, f"{right!r} occurs {source.count(right)} times in {file}"
    path.write_text(source.replace(right, wrong))
    done = compare(copy)
    assert done.returncode == 1
    # The two books differ; a kernel that merely crashes would be no proof that the comparison sees anything.
    assert re.search(
        r"^AssertionError: (command \d+ of|before command \d+ of|orders differ|orders stand|\w+ levels differ)", done.stderr, re.M
    ), done.stderr[-2000:]
