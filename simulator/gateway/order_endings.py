"""The orders of agents that end without being asked: with the day, with the post-close or a venue's hours, beyond a price band."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from simulator.agents.messages import Ended
from simulator.clock import Clock
from simulator.exchange.band_limits import is_beyond
from simulator.exchange.held_orders import HeldOrders
from simulator.exchange.order_books import Exchange
from simulator.gateway.own_orders import OwnOrders


class OrderEndings:
    """Of all agents of a worker, in the order of their names."""

    def __init__(
        self, clock: Clock, exchange: Exchange, own_orders: Sequence[OwnOrders], held: HeldOrders, dispatch: Callable[[], None]
    ) -> None:
        """``dispatch`` tells the agents what the books have left for them."""
        self._clock = clock
        self._exchange = exchange
        self._own_orders = own_orders
        self._owner = {own.number: own for own in own_orders}
        self._held = held
        self._dispatch = dispatch

    def end_of_day(self, ts_ns: int) -> None:
        """The day's books are gone, and all that stood in them."""
        for b in range(len(self._exchange.symbols) * self._exchange.venues):
            for order_id, owner, left in self._exchange.agent_orders(b):
                self._owner[owner].on_expiry(ts_ns, b, order_id, left, Ended.DAY_END)
        self._held.end(ts_ns, None)

    def after_the_close(self, books: Collection[int], ts_ns: int) -> None:
        """Day orders of agents end with the post-close, or with the venue's hours before it, in order of the agents' names."""
        for own in self._own_orders:
            for b, order_id, slot in own.resting_orders():
                if b in books:
                    answer = self._exchange.cancel(b, ts_ns, (order_id, slot))
                    own.on_expiry(answer.ts_ns, b, order_id, answer.taken_off, Ended.DAY_END)
                    self._dispatch()  # each at once: thousands of orders may end here, and the notifications hold no more
        self._held.end(ts_ns, books)

    def beyond_bands(self, k: int) -> None:
        """Agents' orders that the symbol's new price bands leave outside are cancelled, or others could trade with them there."""
        for own in self._own_orders:
            for b, order_id, slot in own.resting_orders():
                resting = (order_id, slot)
                if b // self._exchange.venues == k and is_beyond(self._exchange.books, self._exchange.bands[k], b, resting):
                    answer = self._exchange.cancel(b, self._clock.now, resting)
                    own.on_expiry(answer.ts_ns, b, order_id, answer.taken_off, Ended.PRICE_BAND)
                    self._dispatch()
