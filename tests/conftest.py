"""The suite runs with bounds checking in compiled code, and with a kernel cache of its own for that: numba's cache does not
tell a kernel compiled with bounds checking from one without. Set before numba is imported; subprocesses inherit it."""

from __future__ import annotations

import os
from pathlib import Path

CACHE = Path(__file__).parent.parent / ".cache"

if os.environ.get("NUMBA_DISABLE_JIT") != "1":
    os.environ.setdefault("NUMBA_BOUNDSCHECK", "1")
    os.environ.setdefault("NUMBA_CACHE_DIR", str(CACHE / f"numba-boundscheck-{os.environ['NUMBA_BOUNDSCHECK']}"))
