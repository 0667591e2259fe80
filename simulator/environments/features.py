"""What an agent of an environment observes: numbers by name, each as of what has reached the agent, scaled to a few units.

A feature is a function of the ``Seat`` that returns a float; those here are chosen by name, others are given as functions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from simulator.environments.seat import Seat
from simulator.errors import InputError, explain
from simulator.inputs.strict_yaml import nearest
from simulator.records import Phase, Side

Feature = Callable[[Seat], float]
LIMIT = 10.0
"""Observations are cut to -10 .. 10."""
TICKS = 10.0
"""So many ticks are one unit."""


def time_left(seat: Seat) -> float:
    """1 at the first step, 0 at the end."""
    return 1.0 - seat.step / seat.steps


def inventory(seat: Seat) -> float:
    """What is held, or done of the order, as far as has been heard, as a part of the most."""
    return float(seat.position() / seat.task.most_shares)


def resting_bid(seat: Seat) -> float:
    """Own shares that stand, or may, on the buy side, as a part of the most."""
    return float(sum(order.left for order in seat.own_orders() if order.side == Side.BUY) / seat.task.most_shares)


def resting_ask(seat: Seat) -> float:
    """The same on the sell side."""
    return float(sum(order.left for order in seat.own_orders() if order.side == Side.SELL) / seat.task.most_shares)


def spread(seat: Seat) -> float:
    """Of the best quotes over the venues; 0 while a side is empty, below 0 while they are crossed."""
    touch = seat.touch()
    return (touch.ask - touch.bid) / TICKS if touch.bid and touch.ask else 0.0


def imbalance(seat: Seat) -> float:
    """Of the displayed shares at the best bid and ask: 1 is all bid, -1 all ask."""
    touch = seat.touch()
    both = touch.bid_size + touch.ask_size
    return (touch.bid_size - touch.ask_size) / both if both else 0.0


def _moved(seat: Seat, steps: int) -> float:
    mids = seat.mids
    before, now = mids[max(len(mids) - 1 - steps, 0)], mids[-1]
    return (now - before) / TICKS if before and now else 0.0


def moved_1(seat: Seat) -> float:
    """The midpoint's move over the last step."""
    return _moved(seat, 1)


def moved_5(seat: Seat) -> float:
    """Over the last five."""
    return _moved(seat, 5)


def moved_20(seat: Seat) -> float:
    """Over the last twenty."""
    return _moved(seat, 20)


def moved(seat: Seat) -> float:
    """Since the first observation."""
    return _moved(seat, len(seat.mids))


def volatility(seat: Seat) -> float:
    """Standard deviation of the midpoint's moves, step by step, over the last twenty."""
    return seat.volatility_ticks() / TICKS


def halted(seat: Seat) -> float:
    """1 while the symbol does not trade continuously at its listing venue."""
    return float(seat.phase() != Phase.CONTINUOUS)


FEATURES: Mapping[str, Feature] = {
    feature.__name__: feature
    for feature in (
        time_left, inventory, resting_bid, resting_ask, spread, imbalance, moved_1, moved_5, moved_20, moved, volatility, halted,
    )
}  # fmt: skip


def find_features(names: Sequence[str | Feature]) -> tuple[Feature, ...]:
    """By name, or as they are. Raises ``InputError``."""
    found: list[Feature] = []
    for name in names:
        if callable(name):
            found.append(name)
        elif name in FEATURES:
            found.append(FEATURES[name])
        else:
            limit = f"there is {', '.join(FEATURES)}, or a function of the Seat"
            raise InputError(explain("observations", name, limit, nearest(str(name), list(FEATURES))))
    if not found:
        raise InputError(explain("observations", list(names), "at least one is needed", "Leave it out for the default."))
    return tuple(found)


def observe(seat: Seat) -> np.ndarray:
    """float32[n], new at each call."""
    values = np.array([feature(seat) for feature in seat.features], np.float64)
    return np.clip(np.nan_to_num(values, nan=0.0, posinf=LIMIT, neginf=-LIMIT), -LIMIT, LIMIT).astype(np.float32)
