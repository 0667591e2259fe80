"""A momentum trader: it buys when the midpoint has risen, sells when it has fallen, and closes the trade a little later."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simulator.agents import BEST, MarketView, OrderEntry
from simulator.records import NS_PER_S, OrderType, Side


def momentum(
    market: MarketView, orders: OrderEntry, rng: Any, symbol: str, window_s: int = 10, threshold_ticks: float = 4, shares: int = 100,
    hold_s: int = 30,
) -> Generator[Any, Any, None]:  # fmt: skip
    """Looks once a second; trades when the midpoint has moved by ``threshold_ticks`` within ``window_s``."""
    middles: list[float] = []
    while True:
        yield market.wait(NS_PER_S)
        bid, ask = market.nbbo(symbol)
        if not bid or not ask:
            continue
        middles = [*middles, (bid + ask) / 2][-window_s:]
        move = middles[-1] - middles[0]
        if abs(move) >= threshold_ticks:
            side, price = (Side.BUY, ask) if move > 0 else (Side.SELL, bid)
            orders.add(side, symbol, BEST, price, shares, type=OrderType.IOC)
            yield market.wait(hold_s * NS_PER_S)
            held = market.position(symbol)
            if held:
                orders.add(Side.SELL if held > 0 else Side.BUY, symbol, BEST, 0, abs(held), type=OrderType.MARKET)
            middles = []
        market.read()
