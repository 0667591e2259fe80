"""The versions that a run's rows depend on: of the program, its files, the libraries and the platform."""

from __future__ import annotations

import hashlib
import platform
from importlib import metadata
from importlib.resources import files
from pathlib import Path

PROGRAM = "equities-market-simulator"


def versions() -> dict[str, str]:
    """Of everything that the rows may depend on."""
    try:
        program = metadata.version(PROGRAM)
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        program = "unknown"
    libraries = {name: metadata.version(name) for name in ("numpy", "numba")}
    return {
        "program": program, "sources": sources_hash(), "python": platform.python_version(), **libraries,
        "platform": f"{platform.system()} {platform.machine()}",
    }  # fmt: skip


def sources_hash() -> str:
    """Of the simulator's files: two states of the program that call themselves the same version are told apart."""
    home = Path(str(files("simulator")))
    found = hashlib.sha256()
    for path in sorted(p for p in home.rglob("*") if p.suffix in (".py", ".yaml", ".csv")):
        found.update(path.relative_to(home).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return found.hexdigest()[:16]
