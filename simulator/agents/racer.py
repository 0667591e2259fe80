"""A racer for stale quotes, as a Python agent: to be read and copied."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simulator.agents.interface import BEST, MarketView, OrderEntry
from simulator.agents.messages import Expired, Fill, Quote, Rejected
from simulator.records import OrderType, Side


class Racer:
    """When the leading venue's quote has moved and another's has not yet, it takes the old price there before its maker can pull it.

    Who comes first wins: most of such races are over within tens of microseconds (Aquilina, Budish, O'Neill, Quantifying the
    High-Frequency Trading "Arms Race", Quarterly Journal of Economics 137, 2022). What it gets it gives back ``hold_ns`` later.
    """

    def __init__(self, symbol: str, lead: str, follow: str, least_ticks: int = 2, shares: int = 100, hold_ns: int = 1_000_000_000) -> None:
        """``least_ticks``: by which the leader's price must have left the follower's behind."""
        self.symbol, self.lead, self.follow = symbol, lead, follow
        self.least_ticks, self.shares, self.hold_ns = least_ticks, shares, hold_ns

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        before = market.best(self.symbol, self.lead)
        while True:
            now = yield market.quote(self.symbol, self.lead)
            race = self.race(before, now, market.best(self.symbol, self.follow))
            before = now
            if race is not None:
                side, price = race
                yield from self.settle(market, orders.add(side, self.symbol, self.follow, price, self.shares, type=OrderType.IOC))
                yield market.wait(self.hold_ns)
                yield from self.give_back(market, orders)
                before = market.best(self.symbol, self.lead)

    def race(self, before: Quote, now: Quote, stale: Quote) -> tuple[Side, int] | None:
        """Side and price of the order to send, if the leader has just moved away from what the follower still shows."""
        if not (before.bid_ticks and before.ask_ticks and now.bid_ticks and now.ask_ticks):
            return None
        if now.bid_ticks >= before.bid_ticks and now.ask_ticks > before.ask_ticks and stale.ask_ticks:
            return (Side.BUY, stale.ask_ticks) if now.ask_ticks - stale.ask_ticks >= self.least_ticks else None
        if now.ask_ticks <= before.ask_ticks and now.bid_ticks < before.bid_ticks and stale.bid_ticks:
            return (Side.SELL, stale.bid_ticks) if stale.bid_ticks - now.bid_ticks >= self.least_ticks else None
        return None

    def settle(self, market: MarketView, ref: int) -> Generator[Any, Any, None]:
        """Wait until the order is done for: filled, expired or refused."""
        while market.own_order(ref) is not None:
            yield market.message(Fill, Expired, Rejected)

    def give_back(self, market: MarketView, orders: OrderEntry) -> Generator[Any, Any, None]:
        held = market.position(self.symbol)
        bid, ask = market.nbbo(self.symbol)
        if held and bid and ask:
            side, price = (Side.SELL, bid) if held > 0 else (Side.BUY, ask)
            yield from self.settle(market, orders.add(side, self.symbol, BEST, price, abs(held), type=OrderType.IOC))
        market.read()
