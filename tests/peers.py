"""Packages of others that cannot stand beside ours, because they pin older numpy or pandas: each in a venv of its own.

``PEERS_PYTHON=/usr/bin/python3.12`` in the environment makes the venvs with another Python than the tests', for packages that need a newer one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

HERE = Path(__file__).parent / "peers_read"


def python() -> tuple[str, tuple[int, int]]:
    """That makes the venvs, and its version."""
    chosen = os.environ.get("PEERS_PYTHON", sys.executable)
    said = subprocess.run([chosen, "-c", "import sys; print(*sys.version_info[:2])"], check=True, capture_output=True, text=True, timeout=60)
    major, minor = said.stdout.split()
    return chosen, (int(major), int(minor))


def in_venv(name: str, packages: Sequence[str], script: str, *words: str) -> str:
    """Run a script of ``tests/peers_read`` with these packages; what it printed. The venv is made once a user, and kept."""
    base, version = python()
    home = user_cache_path("equities-market-simulator") / "peers" / f"{name}-{version[0]}.{version[1]}"
    own = home / "bin" / "python"
    ready = home / "ready"
    if not ready.exists():
        subprocess.run([base, "-m", "venv", "--clear", str(home)], check=True, timeout=300)
        subprocess.run([str(own), "-m", "pip", "install", "--quiet", *packages], check=True, timeout=1_800)
        ready.touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NUMBA"))}
    command = [str(own), str(HERE / script), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=3_600)
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout
