"""What price bands (limit up, limit down) do to limits of agents' orders: entered ones are capped, resting ones may be left outside."""

from __future__ import annotations

from simulator.book.state import ID, META, PRICE, STYLE_WAITS, Books, NewOrder
from simulator.records import OrderType, Side

Bands = tuple[int, int]
"""Lower and upper, ticks; zeros for none."""
FOR_A_CROSS = (OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN, OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE)


def capped(bands: Bands, order: NewOrder) -> NewOrder:
    """An order as it enters. What is no limit stays none, and an order for a cross what it is."""
    low, high = bands
    if not high or order.type in FOR_A_CROSS:
        return order
    if order.type == OrderType.MARKET and order.price == 0:
        return order._replace(type=int(OrderType.IOC), price=high if order.side == Side.BUY else low)
    return order._replace(price=within(bands, order.side, order.price))


def within(bands: Bands, side: int, price_ticks: int) -> int:
    """A limit, no more aggressive than the band that it would trade up or down to."""
    low, high = bands
    if not high or price_ticks < 1:
        return price_ticks
    return min(price_ticks, high) if side == Side.BUY else max(price_ticks, low)


def side_of(books: Books, b: int, resting: tuple[int, int]) -> int | None:
    """Of an order (id, slot) that may trade before the next cross; None if there is none such."""
    order_id, slot = resting
    if not order_id or int(books.order[b, slot, ID]) != order_id:
        return None
    meta = int(books.order[b, slot, META])
    return None if (meta >> 1) & 3 == STYLE_WAITS else meta & 1


def is_beyond(books: Books, bands: Bands, b: int, resting: tuple[int, int]) -> bool:
    """Whether a resting order (id, slot) bids above the upper band, or offers below the lower one."""
    side = side_of(books, b, resting)
    price = int(books.order[b, resting[1], PRICE])
    return side is not None and price != within(bands, side, price)
