"""How much of a queue stands before one order, in a book as it is."""

from __future__ import annotations

from simulator.book.state import ID, LAST_TS, META, PREV, PRICE, SHOWN, SHOWN_SIZE, STYLE_HIDDEN, STYLE_WAITS
from simulator.exchange.order_books import Exchange

NOT_AHEAD = -1
"""Of what does not rest in the continuous book."""


def shares_ahead(exchange: Exchange, b: int, order_id: int, slot: int) -> int:
    """Displayed shares before the order in a slot, at its price; of a hidden one all that is displayed there. NOT_AHEAD: it has gone."""
    orders, level = exchange.books.order, exchange.books.level
    record = orders[b, slot]
    style = (int(record[META]) >> 1) & 3
    if int(record[ID]) != order_id or style == STYLE_WAITS:
        return NOT_AHEAD
    if style == STYLE_HIDDEN:
        return int(level[b, int(record[PRICE]) & (level.shape[1] - 1), SHOWN_SIZE])
    ahead, slot = 0, int(record[PREV])
    while slot:
        ahead += int(orders[b, slot, SHOWN])
        slot = int(orders[b, slot, PREV])
    return ahead


def last_stamp(exchange: Exchange, b: int) -> int:
    """That of the book's last row."""
    return int(exchange.books.head[b, LAST_TS])
