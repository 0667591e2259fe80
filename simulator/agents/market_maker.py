"""A market maker with inventory, as a Python agent: to be read and copied.

It believes in a price, quotes around it on one venue, leans against what it holds, and learns from every print: a buyer may
know something (Glosten and Milgrom 1985). The lean is the reservation price of Avellaneda and Stoikov (2008), made linear.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from simulator.agents.interface import MarketView, OrderEntry
from simulator.agents.messages import Fill, Trade
from simulator.records import OrderType, Side


@dataclass
class MarketMaker:
    """Two-sided quotes in one symbol on one venue."""

    symbol: str
    venue: str
    size: int = 100
    half_spread_ticks: float = 2.0
    lean_ticks: float = 0.5
    """By how much each ``size`` held moves its quotes against it."""
    learn_ticks: float = 0.2
    """By how much each 100 shares printed move its belief."""
    most_shares: int = 2_000
    """Held, it stops buying; as many short, it stops selling."""
    patience_ns: int = 1_000_000_000
    start_ticks: int = 0
    """Its belief where nobody quotes yet; 0: it waits for others."""

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        belief = float(self.start_ticks)
        yield market.wait(int(rng.integers(1, self.patience_ns)))  # not all makers at once
        while not belief:
            belief = self.middle(market)
            if not belief:
                yield market.quote(self.symbol, limit_ns=self.patience_ns)
        quotes: dict[Side, tuple[int, int]] = {}
        while True:
            self.requote(market, orders, quotes, belief)
            came = yield market.any_of(market.message(Fill), market.trade(self.symbol), limit_ns=self.patience_ns)
            if isinstance(came, Trade):
                belief += self.learn_ticks * came.size / 100 * (1 if came.side == Side.BUY else -1)
            elif came is None and (middle := self.middle(market)):
                belief += 0.2 * (middle - belief)  # nothing happened: the others may know better
            market.read()  # what else has arrived is known to own_order and position

    def requote(self, market: MarketView, orders: OrderEntry, quotes: dict[Side, tuple[int, int]], belief: float) -> None:
        """Move each quote that is not where it should be. ``quotes``: (reference, price) by side."""
        held = market.position(self.symbol)
        centre = belief - self.lean_ticks * held / self.size
        for side in Side:
            sign = 1 if side == Side.BUY else -1
            wanted = round(centre - sign * self.half_spread_ticks)
            ref, price = quotes.get(side, (0, 0))
            stands = ref and market.own_order(ref) is not None
            if stands and price == wanted:
                continue
            if stands:
                orders.cancel(ref)
            quotes.pop(side, None)
            if wanted > 0 and sign * held < self.most_shares:
                ref = orders.add(side, self.symbol, self.venue, wanted, self.size, type=OrderType.POST_ONLY)
                quotes[side] = (ref, wanted)

    def middle(self, market: MarketView) -> float:
        """Of the best quotes; 0 where a side is empty."""
        bid, ask = market.nbbo(self.symbol)
        return (bid + ask) / 2 if bid and ask else 0.0
