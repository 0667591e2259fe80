"""Five faults planted in the kernel, one at a time: the comparison with the twin must notice each."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FAULTS = {
    "priority": ("levels.py", "    last = lv[b, slot, tail]\n", "    last = lv[b, slot, tail] if price % 2 else 0\n"),
    "partial fill": ("matching.py", "            od[b, o, SHOWN] -= shares\n", "            od[b, o, SHOWN] -= shares if shares < size else 0\n"),
    "reserve refill": ("levels.py", "    shares = min(od[b, o, PEAK], od[b, o, DARK])\n", "    shares = od[b, o, DARK]\n"),
    "cross tie": ("cross.py", "np.abs(prices - reference), np.abs(surplus), -paired", "np.abs(surplus), np.abs(prices - reference), -paired"),
    "best price after a cancel": ("levels.py", "bk.held, price + 1)\n\n\n@kernel\ndef new_order", "bk.held, price + 2)\n\n\n@kernel\ndef new_order"),
}  # fmt: skip
COMPARE = """
from hypothesis import given, settings, HealthCheck, seed
from simulator import testing
from test_book import follow

@seed(7)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None, report_multiple_bugs=False, phases=["generate"])
@given(testing.commands(max_size=50, price_window=64))
def run(stream):
    follow(stream, max_orders=12, price_window=64)

run()
""".replace('phases=["generate"]', "phases=[__import__('hypothesis').Phase.generate]")


def compare(copy: Path) -> subprocess.CompletedProcess[str]:
    """Run the comparison, uncompiled, on a copy of the package."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{copy}{os.pathsep}{ROOT / 'tests'}"}
    return subprocess.run([sys.executable, "-c", COMPARE], cwd=copy, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "simulator", tmp_path / "simulator", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def test_an_unchanged_copy_passes(copy: Path) -> None:
    done = compare(copy)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(name: str, copy: Path) -> None:
    file, right, wrong = FAULTS[name]
    path = copy / "simulator" / "book" / file
    source = path.read_text()
    assert source.count(right) == 1, f"{right!r} occurs {source.count(right)} times in {file}"
    path.write_text(source.replace(right, wrong))
    done = compare(copy)
    assert done.returncode != 0
    assert "Error" in done.stderr, done.stderr[-2000:]
    assert "SyntaxError" not in done.stderr
