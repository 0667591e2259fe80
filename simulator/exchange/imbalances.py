"""What a venue tells of a coming cross, from its book as it is: imbalance, reference, near and far price.

As Nasdaq has them (its net order imbalance indicator): the reference price lies within the venue's own quote and pairs most shares of
the orders that wait for the cross, with the least left over; paired shares and imbalance are theirs at that price. The far price is the
cross's if those orders were alone, the near price with all that rests in the book. NYSE has the same numbers by other names (auction
only and continuous book clearing price).
"""

from __future__ import annotations

import numpy as np

from simulator.book.codes import MARKET_ON_CLOSE
from simulator.book.cross import Interest, clearing_price, willing
from simulator.book.state import (
    HIDDEN,
    ID,
    META,
    META_TYPE_MASK,
    META_TYPE_SHIFT,
    POOL_TOP,
    PRICE,
    SHOWN,
    STYLE_WAITS,
    WAIT_HEAD,
    Books,
)
from simulator.records import I64, PRICE_TICKS_MAX, CrossKind, Side
from simulator.venue_notices import Imbalance


def tell(bk: Books, b: int, ts_ns: int, kind: CrossKind, quote: tuple[int, int], middle: int, *, is_full: bool) -> Imbalance:
    """The message of book ``b`` now. ``quote``: its best bid and ask in ticks, 0 for none; ``middle``: the cross's reference price."""
    if bk.head[b, WAIT_HEAD] == 0:
        return Imbalance(ts_ns, kind, 0, 0, None, within(quote, middle), 0, 0)
    buys, sells = waiting(bk, b, Side.BUY, kind), waiting(bk, b, Side.SELL, kind)
    reference, paired, surplus = best_within(buys, sells, quote, middle)
    near = far = 0
    if is_full:
        far = clearing_price(buys, sells, middle)[0]
        near = clearing_price(with_resting(bk, b, Side.BUY, buys), with_resting(bk, b, Side.SELL, sells), middle)[0]
    side = (Side.BUY if surplus > 0 else Side.SELL) if surplus else None
    return Imbalance(ts_ns, kind, paired, abs(surplus), side, reference, near, far)


def waiting(bk: Books, b: int, side: Side, kind: CrossKind) -> Interest:
    """One side's orders that wait for that cross; those of a price in any order, for only sums of shares are asked of them."""
    records = bk.order[b, : bk.head[b, POOL_TOP]]
    meta = records[:, META]
    on_close = ((meta >> META_TYPE_SHIFT) & META_TYPE_MASK) >= MARKET_ON_CLOSE
    chosen = (records[:, ID] != 0) & ((meta & 1) == side) & (((meta >> 1) & 3) == STYLE_WAITS) & (on_close == (kind == CrossKind.CLOSE))
    return _sorted(records[chosen, PRICE].astype(np.int64), records[chosen, SHOWN].astype(np.int64), side)


def with_resting(bk: Books, b: int, side: Side, orders: Interest) -> Interest:
    """The same, and all that rests on that side, displayed or not."""
    records = bk.order[b, : bk.head[b, POOL_TOP]]
    meta = records[:, META]
    chosen = (records[:, ID] != 0) & ((meta & 1) == side) & (((meta >> 1) & 3) != STYLE_WAITS)
    resting = records[chosen].astype(np.int64)
    limits = np.concatenate((orders.limits, resting[:, PRICE]))
    return _sorted(limits, np.concatenate((orders.shares, resting[:, SHOWN] + resting[:, HIDDEN])), side)


def _sorted(limits: I64, shares: I64, side: Side) -> Interest:
    """Market orders (limit 0) first, then the better prices."""
    order = np.argsort(np.where(limits == 0, -PRICE_TICKS_MAX - 1, limits if side == Side.SELL else -limits), kind="stable")
    return Interest(order, limits[order], shares[order])


def within(quote: tuple[int, int], ticks: int) -> int:
    """The price nearest to ``ticks`` that is no worse than the quote; a side that shows nothing bounds nothing."""
    bid, ask = quote
    return max(bid, min(ticks, ask or ticks))


def best_within(buys: Interest, sells: Interest, quote: tuple[int, int], middle: int) -> tuple[int, int, int]:
    """(price, paired shares, buy minus sell shares): within the quote; most paired, least left over, nearest to ``middle``, lowest."""
    limits = np.concatenate((buys.limits, sells.limits))
    limits = limits[limits > 0]
    candidates = np.concatenate((limits, limits - 1, limits + 1, [within(quote, middle), *(price for price in quote if price)]))
    low, high = quote[0] or 1, quote[1] or PRICE_TICKS_MAX
    prices = np.unique(candidates[(candidates >= low) & (candidates <= high)])
    bought, sold = willing(buys, 0, prices), willing(sells, 1, prices)
    paired, surplus = np.minimum(bought, sold), bought - sold
    best = np.lexsort((prices, np.abs(prices - middle), np.abs(surplus), -paired))[0]
    return int(prices[best]), int(paired[best]), int(surplus[best])
