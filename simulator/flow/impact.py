"""What a parent order deserves to move the price by, and what it is worth while its length is not known (docs/recipe.md, 1)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from simulator.records import F64, NS_PER_S

IMPACT_EXPONENT = 0.58
LENGTH_EXPONENT = 1.5
LENGTH_MAX = 1000
"""Parent orders: P(N >= k) = k ** -1.5, impact D(k) = k ** 0.58 (docs/recipe.md)."""


EXCESS = LENGTH_EXPONENT / (LENGTH_EXPONENT - IMPACT_EXPONENT)
"""V(k) over D(k) where lengths have no end: what a parent order that may go on is worth, over what it deserves if it does not."""
FALL_S = 120
FALL_NS = FALL_S * NS_PER_S
"""So long after an agent's last trade the market still half believes in more: its excess falls with this time constant ..."""
OVER_NS = 3 * FALL_NS
"""... and after so long nobody does: what trades then is a new parent order."""


@dataclass(slots=True)
class AgentParent:
    """The parent order that a Python agent seems to work, in a slot of its own. Its length is counted in usual trades of the background.

    The same fair pricing as for the background's (docs/recipe.md), of lengths that need not be whole: D(x) = x ** 0.58, V(x) is EXCESS
    times that.
    """

    sign: int = 0
    length: float = 0.0
    excess: float = 0.0
    """Ticks, after the last trade: what will fall back if it does not go on."""
    last_ns: int = 0

    def trade(self, sign: int, worth: float, ts_ns: int, unit: float) -> tuple[float, float]:
        """One more trade, ``worth`` so many usual ones. In ticks, upwards: by how much the price moves now, and how much of that, less what
        had still to fall back, will fall back. ``unit``: ticks that a length of 1 deserves.
        """
        goes_on = sign == self.sign and ts_ns - self.last_ns <= OVER_NS
        left = self.excess * math.exp(-(ts_ns - self.last_ns) / FALL_NS)
        called_off = self.sign * left if goes_on or sign == -self.sign else 0.0  # a trade the other way says at once that it has ended
        before = self.length**IMPACT_EXPONENT if goes_on else 0.0
        self.length = (self.length if goes_on else 0.0) + worth
        deserved = self.length**IMPACT_EXPONENT
        self.sign, self.last_ns, self.excess = sign, ts_ns, unit * (EXCESS - 1.0) * deserved
        falls = sign * self.excess - called_off
        return sign * unit * (deserved - before) + falls, falls


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
