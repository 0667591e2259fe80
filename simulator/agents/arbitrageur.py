"""An arbitrageur between two venues, as a Python agent: to be read and copied."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simulator.agents.interface import BEST, MarketView, OrderEntry
from simulator.agents.messages import Expired, Fill, Rejected
from simulator.records import OrderType, Side


class Arbitrageur:
    """Where one venue bids more than the other asks, it buys at the one and sells at the other, both at once.

    What it sees is old by its latency, so one leg may miss: what it is left with it gives back at the best price. Locked quotes
    (equal prices) are no profit.
    """

    def __init__(self, symbol: str, venues: tuple[str, str] | list[str], least_ticks: int = 1, most_shares: int = 300) -> None:
        """``least_ticks``: by how much the quotes must cross. ``most_shares``: a leg."""
        self.symbol = symbol
        self.one, self.other = venues
        self.least_ticks, self.most_shares = least_ticks, most_shares

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        while True:
            yield market.any_of(market.quote(self.symbol, self.one), market.quote(self.symbol, self.other))
            for cheap, dear in ((self.one, self.other), (self.other, self.one)):
                ask, bid = market.best(self.symbol, cheap), market.best(self.symbol, dear)
                shares = min(ask.ask_size, bid.bid_size, self.most_shares)
                if shares and bid.bid_ticks - ask.ask_ticks >= self.least_ticks:
                    buy = orders.buy(self.symbol, cheap, ask.ask_ticks, shares, type=OrderType.IOC)
                    sell = orders.sell(self.symbol, dear, bid.bid_ticks, shares, type=OrderType.IOC)
                    yield from self.settle(market, {buy, sell})
                    yield from self.give_back(market, orders)

    def settle(self, market: MarketView, refs: set[int]) -> Generator[Any, Any, None]:
        """Wait until both legs are done for: filled, expired or refused."""
        while any(market.own_order(ref) is not None for ref in refs):
            yield market.message(Fill, Expired, Rejected)

    def give_back(self, market: MarketView, orders: OrderEntry) -> Generator[Any, Any, None]:
        """Close what one leg alone has opened."""
        held = market.position(self.symbol)
        bid, ask = market.nbbo(self.symbol)
        if held and bid and ask:
            side, price = (Side.SELL, bid) if held > 0 else (Side.BUY, ask)
            yield from self.settle(market, {orders.add(side, self.symbol, BEST, price, abs(held), type=OrderType.IOC)})
        market.read()
