"""The one numba decorator, and the two bit operations that numba keeps private."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
from numba.cpython.unsafe.numbers import leading_zeros as _leading_zeros
from numba.cpython.unsafe.numbers import trailing_zeros as _trailing_zeros

F = TypeVar("F", bound=Callable[..., Any])

NO_REFERENCE_COUNTS = True
"""``_nrt=False`` is private to numba and makes the flow about twice as fast (``tests/bench/kernel.py --nrt`` shows it).
Functions under it must not allocate. Turn it off here if a numba release drops it; the rows are the same."""


def kernel(func: F) -> F:
    """Compile a function that other compiled functions call. It must not allocate arrays."""
    options: dict[str, Any] = {"error_model": "numpy"}
    if NO_REFERENCE_COUNTS:
        options["_nrt"] = False
    compiled: F = numba.njit(**options)(func)
    return compiled


def entry(func: F) -> F:
    """Compile a function that Python calls; cached on disk, together with all it calls."""
    compiled: F = numba.njit(cache=True, error_model="numpy")(func)
    return compiled


if numba.config.DISABLE_JIT:

    def trailing_zeros(word: Any) -> int:
        """Index of the lowest set bit of a non-zero uint64."""
        return (int(word) & -int(word)).bit_length() - 1

    def leading_zeros(word: Any) -> int:
        """63 - index of the highest set bit of a non-zero uint64."""
        return 64 - int(word).bit_length()

else:
    trailing_zeros = _trailing_zeros
    leading_zeros = _leading_zeros
