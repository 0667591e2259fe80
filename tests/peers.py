"""Packages of others that cannot stand beside ours, because they pin older numpy or pandas: each in a venv of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from platformdirs import user_cache_path

HERE = Path(__file__).parent / "peers_read"


def in_venv(name: str, packages: Sequence[str], script: str, *words: str) -> str:
    """Run a script of ``tests/peers_read`` with these packages; what it printed. The venv is made once a user, and kept."""
    home = user_cache_path("equities-market-simulator") / "peers" / f"{name}-{sys.version_info.major}.{sys.version_info.minor}"
    python = home / "bin" / "python"
    ready = home / "ready"
    if not ready.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(home)], check=True, timeout=300)
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", *packages], check=True, timeout=1_800)
        ready.touch()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NUMBA"))}
    command = [str(python), str(HERE / script), *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=3_600)
    assert done.returncode == 0, done.stderr[-3_000:]
    return done.stdout
