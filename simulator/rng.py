"""Random streams keyed by name, never by order of creation.

A stream is (seed, key), where the key is a path such as ``(20250701, "AAPL", "makers")``. Asking for one more
stream, or in another order, changes none of the others. Compiled code gets the state of its generator as data.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from operator import index

import numpy as np
from numpy.typing import NDArray


def stream(seed: int, *key: str | int) -> np.random.Generator:
    """The generator of this seed and key. Parts of the key are text or whole numbers, and "1" is not 1; else ``TypeError``."""
    entropy = int.from_bytes(_digest(b"stream", seed, key), "little")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(entropy)))


def xoshiro_state(seed: int, *key: str | int) -> NDArray[np.uint64]:
    """[4] words, never all zero: the start state of a xoshiro256 generator in compiled code, unrelated to ``stream`` of the same key."""
    state = np.frombuffer(_digest(b"xoshiro", seed, key), dtype="<u8").astype(np.uint64)
    if not state.any():
        state[0] = 1
    return state


SHARED = ("agent", "market", "rates", "sector")
"""First parts of the keys of streams that belong to no symbol."""


def of_symbol(name: str) -> str:
    """A symbol's part of a key: its name, or, where a stream of another kind could be meant, its name with its kind."""
    return f"symbol/{name}" if name in SHARED or name.startswith("symbol/") else name


def _digest(purpose: bytes, seed: int, key: tuple[str | int, ...]) -> bytes:
    """32 bytes. The JSON list of the parts is unambiguous: ("a", "bc") is not ("ab", "c"), nor is a part of text ever a number."""
    parts = [index(seed), *(part if isinstance(part, str) else index(part) for part in key)]
    return blake2b(json.dumps(parts).encode("ascii"), digest_size=32, person=purpose).digest()
