"""A seat in the market: the Python agent through which an environment's actions reach it, and what is known there at each step.

The seat's generator is an agent like any other. It wakes at each step and hands its action to the action scheme; the environment
says beforehand which action that is, and lets the market run up to the next waking. So a seat that is driven from outside and one that
has its actions from a list do the same (``docs/environments.md``).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from simulator.agents.interface import MarketView, OrderEntry
from simulator.agents.messages import Message, OwnOrder
from simulator.errors import InputError, explain
from simulator.inputs.config import Fees
from simulator.market import Market
from simulator.records import PRICE_UNITS_PER_USD, Liquidity, Phase

ROUNDING = 1e-6
"""By which an action may pass its limits: float32's."""
LOOKBACK = 20
"""Steps of the volatility."""


class Touch(NamedTuple):
    """The best quotes over the venues, in ticks, 0 where there is none; sizes: displayed there, over the venues that have it."""

    bid: int
    bid_size: int
    ask: int
    ask_size: int


class Account(NamedTuple):
    """As the venues have it at a moment, whatever has been heard: what rewards are made of."""

    shares: int
    cash_usd: float
    """Received less paid, without fees."""
    fees_usd: float
    mark_usd: float
    """``Market.mark_usd``."""

    @property
    def equity_usd(self) -> float:
        return self.cash_usd - self.fees_usd + self.shares * self.mark_usd


class Scheme(Protocol):
    """Of actions: how one becomes orders."""

    def space(self, task: Any) -> Any:
        """A gymnasium ``Box`` of one dimension, or ``Discrete``."""

    def act(self, seat: Seat, action: Any) -> None:
        """Send what the action means; it is within the space. Runs when the agent wakes."""


class Seat:
    """One episode of one agent."""

    view: MarketView
    orders: OrderEntry

    def __init__(self, name: str, task: Any, features: Sequence[Callable[[Seat], float]], scheme: Scheme, steps: int, step_ns: int) -> None:
        self.name = name
        self.task = task
        self.features = tuple(features)
        self.scheme = scheme
        self.steps, self.step_ns = steps, step_ns
        self.rng: np.random.Generator
        self.action: Any = None
        """For the next waking; None: do nothing."""
        self.step = 0
        """Steps done."""
        self.first_ns = 0
        self.messages: list[Message] = []
        """Those that have arrived since the step before."""
        self.mids: list[float] = []
        """The midpoint in ticks at each step so far, as it was heard, 0 where a side was empty."""
        self.before: Account
        """When the step began."""
        self.after: Account
        self.start: Account
        self.side_sign = 1
        """Of an order to be executed: 1 buys."""
        self._market: Market
        self._touch: Touch
        self._touched_ns = -1

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        """The agent."""
        self.view, self.orders, self.rng = market, orders, rng
        yield market.until(self.first_ns)
        for n in range(1, self.steps + 1):
            if self.action is not None:
                self.scheme.act(self, self.action)
            yield market.until(self.first_ns + n * self.step_ns)

    # --- as heard ----------------------------------------------------------------------------------------------------

    @property
    def is_last(self) -> bool:
        """Whether the action that comes now is the episode's last."""
        return self.step == self.steps - 1

    def position(self) -> int:
        """Shares held."""
        return self.view.position(self.task.symbol)

    def own_orders(self) -> list[OwnOrder]:
        return self.view.own_orders(self.task.symbol)

    def touch(self) -> Touch:
        """Of the venues' direct feeds."""
        now_ns = self.view.now_ns
        if self._touched_ns != now_ns:  # asked for several times a step
            self._touched_ns, self._touch = now_ns, self._find_touch()
        return self._touch

    def _find_touch(self) -> Touch:
        quotes = [self.view.best(self.task.symbol, venue) for venue in self.view.venues]
        bid = max(q.bid_ticks for q in quotes)
        ask = min((q.ask_ticks for q in quotes if q.ask_ticks), default=0)
        bid_size = sum(q.bid_size for q in quotes if bid and q.bid_ticks == bid)
        return Touch(bid, bid_size, ask, sum(q.ask_size for q in quotes if ask and q.ask_ticks == ask))

    def volatility_ticks(self) -> float:
        """Of one step, over the last steps; 0 where nothing is known."""
        mids = np.array([mid for mid in self.mids[-LOOKBACK - 1 :] if mid])
        return float(np.diff(mids).std()) if len(mids) > 2 else 0.0

    def phase(self) -> Phase:
        """Of the symbol at its listing venue."""
        return self.view.status(self.task.symbol, self._listing).phase

    # --- for the environment -----------------------------------------------------------------------------------------

    def begin(self, market: Market) -> None:
        """The market stands before the first action."""
        self._market = market
        universe = market.scenario.universe
        self._listing = universe.symbols[universe.symbol_index(self.task.symbol)].listing
        self._tick_usd = universe.symbols[universe.symbol_index(self.task.symbol)].tick_units / PRICE_UNITS_PER_USD
        self.start = self.before = self.after = self.account()
        self._look()

    def end_step(self) -> None:
        """The market stands after a step."""
        self.step += 1
        self.before, self.after = self.after, self.account()
        self._look()

    def account(self) -> Account:
        ledger = self._market.ledger(self.name)
        fees: Fees = self._market.scenario.fees
        shares, cash, paid = 0, 0, 0.0
        for account in ledger.accounts().values():
            shares += account.position
            cash += account.cash_ticks
            paid += sum(size * fees.usd(kind) for size, kind in zip(account.shares, Liquidity, strict=True))
        return Account(shares, cash * self._tick_usd, paid, self._market.mark_usd(self.task.symbol))

    def _look(self) -> None:
        self.messages = self.view.read()  # what has arrived by now, position and own orders know afterwards
        touch = self.touch()
        self.mids.append((touch.bid + touch.ask) / 2 if touch.bid and touch.ask else 0.0)


def checked(space: Any, action: Any) -> Any:
    """An action as a number or float64[n], within its space. Raises ``InputError``."""
    import gymnasium

    if isinstance(space, gymnasium.spaces.Discrete):
        number = np.asarray(action)
        if number.shape != () or not np.issubdtype(number.dtype, np.integer) or not 0 <= number < space.n:
            limit = f"must be a whole number from 0 to {space.n - 1}"
            raise InputError(explain("action", action, limit, "action_space.sample() gives one."))
        return int(number)
    try:
        values = np.asarray(action, np.float64)
    except (TypeError, ValueError):
        values = np.array([np.nan])
    low, high = np.asarray(space.low, np.float64), np.asarray(space.high, np.float64)
    is_right = values.shape == low.shape and bool(np.isfinite(values).all())
    if not is_right or (values < low - ROUNDING).any() or (values > high + ROUNDING).any():
        limit = f"must be {space.shape[0]} finite numbers from {low.tolist()} to {high.tolist()}"
        raise InputError(explain("action", action, limit, "Clip it: numpy.clip(action, space.low, space.high)."))
    return np.clip(values, low, high)
