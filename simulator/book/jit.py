"""The one numba decorator, and the two bit operations that numba keeps private."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numba.core.sigutils
from numba.cpython.unsafe.numbers import leading_zeros as _leading_zeros
from numba.cpython.unsafe.numbers import trailing_zeros as _trailing_zeros

from simulator.book.kernel_cache import KernelCache
from simulator.book.parts import PartCompiler, WholeCompiler

F = TypeVar("F", bound=Callable[..., Any])

NO_REFERENCE_COUNTS = True
"""``_nrt=False`` is private to numba and makes the flow about twice as fast (``tests/bench/kernel.py --nrt`` shows it).
Functions under it must not allocate. Turn it off here if a numba release drops it; the rows are the same."""

MACHINE_CODE_ONCE = True
"""Kernels are optimised and made machine code in the entries that call them (``simulator.book.parts``), which numba has private classes
for. Off, numba makes each of them machine code too, with all that it calls, which nobody uses; the rows are the same."""

OPTIMIZATION = type(numba.config.OPT)(2)
"""LLVM's level. At numba's own 3 the flow is no faster, at 1 an eighth slower; compiling takes as long at each.
``NUMBA_OPT`` in the environment wins."""


def kernel(func: F) -> F:
    """Compile a function that other compiled functions call. It must not allocate arrays."""
    return _compile(func, False)


def inlined(func: F) -> F:
    """As ``kernel``, put in line where it is called: for the large functions that are called from one place.

    A call passes every field of every array that its function has a use for.
    """
    return _compile(func, True)


def _compile(func: F, in_line: bool) -> F:
    options: dict[str, Any] = {"error_model": "numpy", "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "forceinline": in_line}
    if NO_REFERENCE_COUNTS:
        options["_nrt"] = False
    if MACHINE_CODE_ONCE:
        options["pipeline_class"] = PartCompiler
    compiled: F = _widening(numba.njit(**options)(func))
    return compiled


def _widening(dispatcher: Any) -> Any:
    """Make a compiled function take every integer as int64, so that it is compiled once and not anew for each literal and width.

    Halves the time of compilation. (With ``NUMBA_DISABLE_JIT`` there is no dispatcher and nothing to do.)
    """
    if not hasattr(dispatcher, "compile"):
        return dispatcher
    compile_for = dispatcher.compile

    def compile_wide(signature: Any) -> Any:
        arguments, _ = numba.core.sigutils.normalize_signature(signature)
        plain = [numba.types.unliteral(a) for a in arguments]
        return compile_for(tuple(numba.types.int64 if isinstance(a, numba.types.Integer) else a for a in plain))

    dispatcher.compile = compile_wide
    return dispatcher


def entry(func: F) -> F:
    """Compile a function that Python calls; kept on disk, together with all it calls."""
    options = {"pipeline_class": WholeCompiler} if MACHINE_CODE_ONCE else {}
    compiled: F = _at_our_level(numba.njit(error_model="numpy", **options)(func))
    if hasattr(compiled, "_cache"):  # not with ``NUMBA_DISABLE_JIT``
        compiled._cache = KernelCache(func, f"reference counts {not NO_REFERENCE_COUNTS}, machine code once {MACHINE_CODE_ONCE}")
    return compiled


def direct(dispatcher: F, *arguments: Any) -> F:
    """An entry's compiled function for arguments of these very types, which are not looked at any more: two thirds of a call's cost."""
    if not hasattr(dispatcher, "compile"):
        return dispatcher
    function: F = dispatcher.compile(tuple(numba.typeof(argument) for argument in arguments))
    return function


def _at_our_level(dispatcher: Any) -> Any:
    """Compile at ``OPTIMIZATION``, with all that it calls; a user's own compiled functions keep numba's level."""
    if not hasattr(dispatcher, "compile") or "NUMBA_OPT" in os.environ:
        return dispatcher
    compile_for = dispatcher.compile

    def compile_at_level(signature: Any) -> Any:
        before, numba.config.OPT = numba.config.OPT, OPTIMIZATION
        try:
            return compile_for(signature)
        finally:
            numba.config.OPT = before

    dispatcher.compile = compile_at_level
    return dispatcher


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
