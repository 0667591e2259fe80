"""The suite runs with bounds checking in compiled code. Set before numba is imported; subprocesses inherit it. The kernels' cache tells
code compiled with bounds checking from code without."""

from __future__ import annotations

import os

if os.environ.get("NUMBA_DISABLE_JIT") != "1":
    os.environ.setdefault("NUMBA_BOUNDSCHECK", "1")
