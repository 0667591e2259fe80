"""The versions that a run's rows depend on."""

from __future__ import annotations

import platform
from importlib import metadata


def versions() -> dict[str, str]:
    """Of everything that the rows may depend on."""
    try:
        program = metadata.version("equities-market-simulator")
    except metadata.PackageNotFoundError:  # run from a checkout that is not installed
        program = "unknown"
    libraries = {name: metadata.version(name) for name in ("numpy", "numba")}
    return {"program": program, "python": platform.python_version(), **libraries, "platform": f"{platform.system()} {platform.machine()}"}
