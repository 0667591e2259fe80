"""What a parent order deserves to move the price by, and what it is worth while its length is not known (docs/recipe.md, 1)."""

from __future__ import annotations

import numpy as np

from simulator.records import F64

IMPACT_EXPONENT = 0.58
LENGTH_EXPONENT = 1.5
LENGTH_MAX = 1000
"""Parent orders: P(N >= k) = k ** -1.5, impact D(k) = k ** 0.58 (docs/recipe.md)."""


def parent_moments() -> tuple[float, float, float]:
    """Mean length of a parent order, and mean and mean square of the impact it deserves."""
    k = np.arange(1, LENGTH_MAX + 1, dtype=np.float64)
    at_least = k**-LENGTH_EXPONENT
    exactly = at_least - np.append(at_least[1:], 0.0)
    deserved = k**IMPACT_EXPONENT
    return float((k * exactly).sum()), float((deserved * exactly).sum()), float((deserved**2 * exactly).sum())


def impact_table() -> F64:
    """float64[LENGTH_MAX + 2, 2], by trades seen: V(k) = E[D(N) | N >= k] and D(k) = k ** 0.58."""
    k = np.arange(1, LENGTH_MAX + 1, dtype=np.float64)
    at_least = k**-LENGTH_EXPONENT
    exactly = at_least - np.append(at_least[1:], 0.0)
    deserved = np.zeros(LENGTH_MAX + 2)
    deserved[1:-1] = k**IMPACT_EXPONENT
    value = np.zeros(LENGTH_MAX + 2)
    value[1:-1] = np.cumsum((exactly * k**IMPACT_EXPONENT)[::-1])[::-1] / at_least
    deserved[-1], value[-1] = deserved[-2], value[-2]
    return np.stack([value, deserved], axis=1)
