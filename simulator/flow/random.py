"""Random numbers for compiled code: xoshiro256++, one state row per symbol (Blackman and Vigna 2019, prng.di.unimi.it)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from simulator.book.jit import kernel

U64 = NDArray[np.uint64]
TO_UNIT = 1.0 / 9007199254740992.0  # 2**-53
S11, S17, S19, S23, S41, S45 = (np.uint64(n) for n in (11, 17, 19, 23, 41, 45))


@kernel
def next_word(state: U64, i: int) -> np.uint64:
    """The next 64 random bits of row ``i``."""
    s0, s1, s2, s3 = state[i, 0], state[i, 1], state[i, 2], state[i, 3]
    total = s0 + s3
    result = ((total << S23) | (total >> S41)) + s0
    shifted = s1 << S17
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    s2 ^= shifted
    s3 = (s3 << S45) | (s3 >> S19)
    state[i, 0], state[i, 1], state[i, 2], state[i, 3] = s0, s1, s2, s3
    return result


@kernel
def uniform(state: U64, i: int) -> float:
    """A number in [0, 1)."""
    return float(next_word(state, i) >> S11) * TO_UNIT


@kernel
def below(state: U64, i: int, n: int) -> int:
    """A whole number in 0..n-1; ``n`` is small, so the bias of a float is not seen."""
    return int(uniform(state, i) * n)


@kernel
def exponential(state: U64, i: int) -> float:
    """A positive number of mean 1."""
    return -math.log(1.0 - uniform(state, i))


@kernel
def normal(state: U64, i: int) -> float:
    """A standard normal number (Box and Muller)."""
    return math.sqrt(2.0 * exponential(state, i)) * math.cos(6.283185307179586 * uniform(state, i))
