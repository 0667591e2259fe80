"""Takers that work parent orders, as Python agents: to be read and copied."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simulator.agents.interface import BEST, MarketView, OrderEntry
from simulator.agents.routing import longest_queue
from simulator.records import NS_PER_S, OrderType, Side

SETTLE_NS = 2_000_000
"""After a cancel: most venues have answered by then."""
TRY_AGAIN_NS = 200_000_000
"""After taking what is displayed: until the books have filled again."""


class ParentOrder:
    """Buys or sells so many shares in so much time, in equal slices (TWAP).

    Each slice is offered passively first, at the near side of the best quotes; what is left of it after ``patience`` of the
    slice's time takes the far side, on all venues, until the slice is done. What could not be done joins the next slice.
    """

    def __init__(
        self, symbol: str, side: str, shares: int, start_ns: int = 0, duration_ns: int = 600 * NS_PER_S, slices: int = 20,
        patience: float = 0.7, venue: str = BEST,
    ) -> None:  # fmt: skip
        """``side``: buy or sell. ``start_ns``: counted from the agent's start. ``patience``: 0 takes at once, 1 never does."""
        self.symbol, self.venue = symbol, venue
        self.side = Side[side.upper()]
        self.shares = shares
        self.held_before = 0
        self.start_ns, self.duration_ns, self.slices, self.patience = start_ns, duration_ns, slices, patience

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        yield market.wait(self.start_ns)
        began_ns, self.held_before = market.now_ns, market.position(self.symbol)
        for n in range(1, self.slices + 1):
            ends_ns = began_ns + self.duration_ns * n // self.slices
            takes_ns = ends_ns - round((1 - self.patience) * self.duration_ns / self.slices)
            due = self.shares * n // self.slices
            ref = self.rest(market, orders, self.missing(market, due))
            yield market.until(takes_ns)
            if ref and market.own_order(ref) is not None:
                orders.cancel(ref)
                yield market.until(min(takes_ns + SETTLE_NS, ends_ns))
            while self.patience < 1 and market.now_ns < ends_ns and self.done(market) < due:
                self.take(market, orders, self.missing(market, due))
                yield market.until(min(market.now_ns + TRY_AGAIN_NS, ends_ns))
            yield market.until(ends_ns)
            market.read()  # what has arrived is known to own_orders and position

    def done(self, market: MarketView) -> int:
        """Shares filled, as far as it has heard."""
        return abs(market.position(self.symbol) - self.held_before)

    def missing(self, market: MarketView, due: int) -> int:
        """Shares of those ``due`` that are neither done nor may still be: an order counts until it is known to be gone, however far
        away its venue is."""
        return due - self.done(market) - sum(order.left for order in market.own_orders(self.symbol))

    def rest(self, market: MarketView, orders: OrderEntry, shares: int) -> int:
        """Stand at the near side where it is best; returns the reference, 0 if there is nothing to do."""
        bid, ask = market.nbbo(self.symbol)
        near = bid if self.side == Side.BUY else ask
        if shares <= 0 or not near or not self.patience:
            return 0
        venue = longest_queue(market, self.symbol, self.side) if self.venue == BEST else self.venue
        return orders.add(self.side, self.symbol, venue, near, shares)

    def take(self, market: MarketView, orders: OrderEntry, shares: int) -> None:
        """Take what is displayed at the far side, the best price first, a tick beyond the best one at most."""
        sign = 1 if self.side == Side.BUY else -1
        far = []
        for venue in market.venues if self.venue == BEST else (self.venue,):
            quote = market.best(self.symbol, venue)
            price, size = (quote.ask_ticks, quote.ask_size) if self.side == Side.BUY else (quote.bid_ticks, quote.bid_size)
            if price:
                far.append((sign * price, -size, venue))
        for price, size, venue in sorted(far):
            wanted = min(shares, -size)
            if wanted > 0 and price <= min(far)[0] + 1:
                orders.add(self.side, self.symbol, venue, sign * price, wanted, type=OrderType.IOC)
                shares -= wanted


class RandomTaker:
    """Takes now and then: a parent order of some size on a side, split into children that come one after the other.

    Times between parents are exponential, sizes of parents have a heavy tail (Pareto): what gives real order flow its long memory
    (Lillo, Mike and Farmer 2005).
    """

    def __init__(
        self, symbol: str, every_ns: int = 2 * NS_PER_S, child_shares: int = 100, tail: float = 1.5, most_children: int = 50
    ) -> None:
        self.symbol, self.every_ns, self.child_shares = symbol, every_ns, child_shares
        self.tail, self.most_children = tail, most_children

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        while True:
            yield market.wait(1 + int(rng.exponential(self.every_ns)))
            side = Side(int(rng.integers(2)))
            for _ in range(min(1 + int(rng.pareto(self.tail)), self.most_children)):
                bid, ask = market.nbbo(self.symbol)
                price = ask if side == Side.BUY else bid
                if price:
                    orders.add(side, self.symbol, BEST, price, self.child_shares, type=OrderType.IOC)
                yield market.wait(1 + int(rng.exponential(self.every_ns / 20)))
            market.read()


class AuctionTaker:
    """Enters an order for the opening cross and one for the closing cross, each on a random side."""

    def __init__(self, symbol: str, shares: int = 1_000, enter_after_ns: int = NS_PER_S) -> None:
        self.symbol, self.shares, self.enter_after_ns = symbol, shares, enter_after_ns

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        yield market.wait(self.enter_after_ns)
        for kind in (OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE):
            orders.add(Side(int(rng.integers(2))), self.symbol, BEST, 0, self.shares, type=kind)
            yield market.wait(1)
