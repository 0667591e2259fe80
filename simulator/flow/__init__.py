"""The compiled background populations, and what the engine needs to know of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from simulator.inputs.reference_prices import Bracket
from simulator.inputs.sessions import TradingDay
from simulator.records import I64

NEVER_NS = 2**62
"""A time after every run."""
ACTIVITY_EXPONENT = 0.7
"""Volatility goes with activity to this power (docs/recipe.md)."""

HORIZON, FULL, NOTIFICATION = 0, 1, 2
"""Why ``advance`` came back: nothing left before the horizon; the columns need draining; Python must hear of something."""


class Flow(Protocol):
    """All background events of a worker, in global order of (time, symbol)."""

    next_ns: int
    """When the next background event happens; NEVER_NS if none will. The engine looks here before it calls ``advance``."""

    def start_day(self, day: TradingDay, start_ns: int) -> None:
        """Begin a trading day; books are empty. ``start_ns`` is the day's start, or a later one if the run starts inside it."""

    def advance(self, horizon_ns: int) -> int:
        """Run the events before ``horizon_ns`` (not at it); returns HORIZON, FULL or NOTIFICATION. Updates ``next_ns``.

        NOTIFICATION: Python is to hear of something, as soon as it must (``HEAR_BY`` in ``tape.columns``) or earlier.
        """

    def on_agent_trade(self, book: int, ts_ns: int, side: int, shares: int, owner: int) -> None:
        """An order of agent number ``owner`` has just traded ``shares`` as aggressor on ``side`` in ``book``; updates ``next_ns``."""

    def on_cross(self, book: int, ts_ns: int) -> None:
        """A cross has just been carried out in ``book``; updates ``next_ns``."""

    def efficient_price(self, symbol: int) -> float:
        """USD, now; ``symbol`` is the worker's own index (position in its list)."""

    def refresh(self, symbol: int, bracket: Bracket, from_ns: int, over_ns: int) -> None:
        """Let the efficient price drift to the bracket's close in that time; later days open there."""

    def shock(self, symbol: int, log_return: float, from_ns: int, over_ns: int) -> None:
        """Let the efficient price move by so much in that time, and stay there."""

    def watch_bands(self, on_due: Callable[[int], None]) -> tuple[I64, I64] | None:
        """The arrays of ``price_look`` if it looks at the bands itself, each second; then it calls ``on_due`` with the time of a look that
        has found something to do, and comes back. None: somebody else looks.
        """

    def set_bands(self, symbol: int, low_ticks: int, high_ticks: int) -> None:
        """Price bands from now on: no bid above, no offer below, no trade outside; zeros for none."""

    def end_session(self, ts_ns: int) -> None:
        """Nothing trades any more for the rest of the trading day, and no cross is to come."""


class NoFlow:
    """A market without background."""

    next_ns = NEVER_NS

    def start_day(self, day: TradingDay, start_ns: int) -> None:
        pass

    def advance(self, horizon_ns: int) -> int:
        return HORIZON

    def on_agent_trade(self, book: int, ts_ns: int, side: int, shares: int, owner: int) -> None:
        pass

    def on_cross(self, book: int, ts_ns: int) -> None:
        pass

    def efficient_price(self, symbol: int) -> float:
        return 0.0

    def refresh(self, symbol: int, bracket: Bracket, from_ns: int, over_ns: int) -> None:
        pass

    def shock(self, symbol: int, log_return: float, from_ns: int, over_ns: int) -> None:
        pass

    def set_bands(self, symbol: int, low_ticks: int, high_ticks: int) -> None:
        pass

    def watch_bands(self, on_due: Callable[[int], None]) -> tuple[I64, I64] | None:
        return None

    def end_session(self, ts_ns: int) -> None:
        pass
