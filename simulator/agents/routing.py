"""Where to send an order that is to stand in a book, as agents decide it."""

from __future__ import annotations

from simulator.agents.interface import MarketView
from simulator.records import Side


def longest_queue(market: MarketView, symbol: str, side: Side) -> str:
    """The venue whose near side is best, and there the longest: most of what trades will trade there."""
    sign = 1 if side == Side.BUY else -1

    def attraction(venue: str) -> tuple[int, int]:
        quote = market.best(symbol, venue)
        price, size = (quote.bid_ticks, quote.bid_size) if side == Side.BUY else (quote.ask_ticks, quote.ask_size)
        return (sign * price if price else -(2**40), size)

    return max(market.venues, key=attraction)
