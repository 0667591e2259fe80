"""Reading a book: its best levels as rows of numbers, and a check of its inner consistency."""

from __future__ import annotations

from simulator.book.jit import kernel
from simulator.book.levels import price_at_or_above, price_at_or_below
from simulator.book.state import ASK_LEVELS, BID_LEVELS, SHOWN_ASK, SHOWN_BID, SHOWN_SIZE, Books
from simulator.records import I32


@kernel
def top_levels(bk: Books, b: int, quotes: I32, row: int, tick_units: int) -> tuple[int, int]:
    """Write the best displayed levels into ``quotes[row]`` (int32[n, 4, L]); unused ones become 0. Returns the counts (bid, ask)."""
    lv = bk.level
    hd = bk.head
    mask = lv.shape[1] - 1
    depth = quotes.shape[2]
    bids = min(depth, hd[b, BID_LEVELS])
    price = hd[b, SHOWN_BID]
    for k in range(bids):
        if k > 0:
            price = price_at_or_below(bk, b, bk.shown, price - 1)
        quotes[row, 0, k] = price * tick_units
        quotes[row, 1, k] = lv[b, price & mask, SHOWN_SIZE]
    for k in range(bids, depth):
        quotes[row, 0, k] = 0
        quotes[row, 1, k] = 0
    asks = min(depth, hd[b, ASK_LEVELS])
    price = hd[b, SHOWN_ASK]
    for k in range(asks):
        if k > 0:
            price = price_at_or_above(bk, b, bk.shown, price + 1)
        quotes[row, 2, k] = price * tick_units
        quotes[row, 3, k] = lv[b, price & mask, SHOWN_SIZE]
    for k in range(asks, depth):
        quotes[row, 2, k] = 0
        quotes[row, 3, k] = 0
    return bids, asks
