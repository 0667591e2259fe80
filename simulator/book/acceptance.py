"""Why a book refuses an order: the checks of an arriving one against the book as it stands, in the order of ``docs/book.md``."""

from __future__ import annotations

from simulator.book.codes import (
    BAD_DISPLAY,
    BAD_PRICE,
    BAD_SIZE,
    BOOK_FULL,
    FOK,
    LIMIT,
    MARKET,
    MARKET_ON_CLOSE,
    MARKET_ON_OPEN,
    NOT_FILLABLE,
    POST_ONLY,
    PRICE_RANGE,
    WOULD_TRADE,
    WRONG_PHASE,
)
from simulator.book.jit import kernel
from simulator.book.levels import price_at_or_above, price_at_or_below, span_fits
from simulator.book.state import ALIVE, BEST_ASK, BEST_BID, HIDDEN_SIZE, LAST_ID, NO_ASK, NO_BID, SHOWN_SIZE, TRADING, Books, NewOrder
from simulator.records import LEVEL_SIZE_MAX, ORDER_ID_MAX, PRICE_TICKS_MAX, SIZE_MAX


@kernel
def crosses(bk: Books, b: int, side: int, limit: int) -> bool:
    """Whether an order with this limit would trade now."""
    if side == 0:
        return bk.head[b, BEST_ASK] <= limit
    return bk.head[b, BEST_BID] >= limit and bk.head[b, BEST_BID] != NO_BID


@kernel
def fillable(bk: Books, b: int, side: int, limit: int, size: int) -> bool:
    """Whether ``size`` shares, displayed or not, stand against this limit."""
    lv = bk.level
    found = 0
    price = bk.head[b, BEST_ASK] if side == 0 else bk.head[b, BEST_BID]
    while price != NO_ASK and price != NO_BID and (price <= limit if side == 0 else price >= limit):
        slot = price & (lv.shape[1] - 1)
        found += int(lv[b, slot, SHOWN_SIZE]) + int(lv[b, slot, HIDDEN_SIZE])
        if found >= size:
            return True
        price = price_at_or_above(bk, b, bk.held, price + 1) if side == 0 else price_at_or_below(bk, b, bk.held, price - 1)
    return False


@kernel
def level_total(bk: Books, b: int, price: int) -> int:
    """Shares at a price, displayed and hidden. One price holds one side only, unless the order at hand would trade there first."""
    slot = price & (bk.level.shape[1] - 1)
    return bk.level[b, slot, SHOWN_SIZE] + bk.level[b, slot, HIDDEN_SIZE]


@kernel
def refusal(bk: Books, b: int, order: NewOrder, replacing: bool) -> int:
    """Why a book would refuse this order (``Reject``), else 0. Checks stand in the order of ``docs/book.md``."""
    side = order.side
    price = order.price
    size = order.size
    display = order.display
    order_type = order.type
    if size < 1 or size > SIZE_MAX:
        return BAD_SIZE
    if display < 0 or display > size or (display < size and order_type != LIMIT and order_type != POST_ONLY):
        return BAD_DISPLAY
    limit = price
    if order_type in (MARKET, MARKET_ON_OPEN, MARKET_ON_CLOSE):
        if price != 0:
            return BAD_PRICE
        limit = PRICE_TICKS_MAX if side == 0 else 1
    elif price < 1 or price > PRICE_TICKS_MAX:
        return BAD_PRICE
    rests = order_type in (LIMIT, POST_ONLY)
    waits = order_type >= MARKET_ON_OPEN
    if (rests or waits) and not replacing and bk.head[b, ALIVE] >= bk.order.shape[1] - 1:
        return BOOK_FULL
    if bk.head[b, LAST_ID] >= ORDER_ID_MAX:
        return BOOK_FULL
    if waits:
        return 0
    trades = crosses(bk, b, side, limit)
    if trades and bk.head[b, TRADING] == 0:
        return WRONG_PHASE
    if order_type == POST_ONLY and trades:
        return WOULD_TRADE
    if order_type == FOK and not fillable(bk, b, side, limit, size):
        return NOT_FILLABLE
    if rests:
        if not span_fits(bk, b, price):
            return PRICE_RANGE
        if not trades and level_total(bk, b, price) + size > LEVEL_SIZE_MAX:
            return BAD_SIZE
    return 0
