"""The inside of a book: bitmaps, levels, queues. Every function modifies ``Books`` in place and keeps it consistent."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.book.jit import kernel, leading_zeros, trailing_zeros
from simulator.book.state import (
    ACTION,
    ALIVE,
    ASK_LEVELS,
    BASE,
    BASE_MOVED,
    BEFORE,
    BEST_ASK,
    BEST_BID,
    BID_LEVELS,
    DIFF,
    FREE,
    HIDDEN,
    HIDDEN_HEAD,
    HIDDEN_SIZE,
    HIDDEN_TAIL,
    ID,
    LOG_A,
    LOG_B,
    LOG_ID,
    LOG_KIND,
    LOG_OWNER,
    LOG_PRICE,
    LOG_SIDE,
    LOG_SIZE,
    LOG_SLOT,
    MARK,
    META,
    NEXT,
    NO_ASK,
    NO_BID,
    PEAK,
    POOL_TOP,
    PREV,
    PRICE,
    SHOWN,
    SHOWN_ASK,
    SHOWN_BID,
    SHOWN_HEAD,
    SHOWN_SIZE,
    SHOWN_TAIL,
    STYLE_HIDDEN,
    Books,
)

ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
ONE = np.uint64(1)


@kernel
def report(bk: Books, kind: int, order_id: int, side: int, price: int, size: int, slot: int, owner: int) -> int:
    """Append one row to the log, and return its place: LOG_A and LOG_B are 0 there, and the caller's to fill if the kind has them.

    The caller has made sure that there is room.
    """
    n: int = bk.logged[0]
    bk.log[n, LOG_KIND] = kind
    bk.log[n, LOG_ID] = order_id
    bk.log[n, LOG_SIDE] = side
    bk.log[n, LOG_PRICE] = price
    bk.log[n, LOG_SIZE] = size
    bk.log[n, LOG_A] = 0
    bk.log[n, LOG_B] = 0
    bk.log[n, LOG_SLOT] = slot
    bk.log[n, LOG_OWNER] = owner
    bk.logged[0] = n + 1
    return n


@kernel
def price_at_or_below(bk: Books, b: int, bits: Any, price: int) -> int:
    """The highest price <= ``price`` within the window whose bit is set, else NO_BID."""
    window = bk.level.shape[1]
    base = bk.head[b, BASE]
    while price >= base:
        slot = price & (window - 1)
        offset = slot & 63
        word = bits[b, slot >> 6] & (ALL_BITS >> np.uint64(63 - offset))
        if word != 0:
            found = price - (offset - (63 - leading_zeros(word)))
            return found if found >= base else NO_BID
        price -= offset + 1
    return NO_BID


@kernel
def price_at_or_above(bk: Books, b: int, bits: Any, price: int) -> int:
    """The lowest price >= ``price`` within the window whose bit is set, else NO_ASK."""
    window = bk.level.shape[1]
    last = bk.head[b, BASE] + window - 1
    while price <= last:
        slot = price & (window - 1)
        offset = slot & 63
        word = bits[b, slot >> 6] & (ALL_BITS << np.uint64(offset))
        if word != 0:
            found = price + (trailing_zeros(word) - offset)
            return found if found <= last else NO_ASK
        price += 64 - offset
    return NO_ASK


@kernel
def span_fits(bk: Books, b: int, price: int) -> bool:
    """Whether all resting prices and ``price`` span less than the window; moves the window's base if that is needed."""
    window = bk.level.shape[1]
    hd = bk.head
    base = hd[b, BASE]
    if base <= price < base + window:
        return True
    low = price
    high = price
    if hd[b, BEST_BID] != NO_BID or hd[b, BEST_ASK] != NO_ASK:
        low = min(low, price_at_or_above(bk, b, bk.held, base))
        high = max(high, price_at_or_below(bk, b, bk.held, base + window - 1))
    if high - low >= window:
        return False
    hd[b, BASE] = max(0, low - (window - 1 - (high - low)) // 2)
    hd[b, BASE_MOVED] = hd[b, ACTION]
    return True


@kernel
def change_shown(bk: Books, b: int, side: int, price: int, delta: int) -> None:
    """Change what a level displays. Keeps its bit, the best displayed price, the count of levels, and DIFF: the number of
    levels whose displayed size now differs from what it was before the action."""
    lv = bk.level
    hd = bk.head
    slot = price & (lv.shape[1] - 1)
    old = lv[b, slot, SHOWN_SIZE]
    sign = 1 - 2 * side  # asks count negative: 100 shares bid and 100 offered at one price are not the same
    if lv[b, slot, MARK] != hd[b, ACTION]:
        lv[b, slot, MARK] = hd[b, ACTION]
        lv[b, slot, BEFORE] = sign * old
    elif old == 0 and hd[b, BASE_MOVED] == hd[b, ACTION]:
        hd[b, DIFF] += 1  # the slot may have served another price in this action: count the level as changed, for good
    before = lv[b, slot, BEFORE]
    new = old + delta
    lv[b, slot, SHOWN_SIZE] = new
    if sign * old != before:
        hd[b, DIFF] -= 1
    if sign * new != before:
        hd[b, DIFF] += 1
    if old == 0:
        bk.shown[b, slot >> 6] |= ONE << np.uint64(slot & 63)
        if side == 0:
            hd[b, BID_LEVELS] += 1
            hd[b, SHOWN_BID] = max(hd[b, SHOWN_BID], price)
        else:
            hd[b, ASK_LEVELS] += 1
            hd[b, SHOWN_ASK] = min(hd[b, SHOWN_ASK], price)
    elif new == 0:
        bk.shown[b, slot >> 6] &= ~(ONE << np.uint64(slot & 63))
        if side == 0:
            hd[b, BID_LEVELS] -= 1
            if price == hd[b, SHOWN_BID]:
                hd[b, SHOWN_BID] = price_at_or_below(bk, b, bk.shown, price - 1) if hd[b, BID_LEVELS] > 0 else NO_BID
        else:
            hd[b, ASK_LEVELS] -= 1
            if price == hd[b, SHOWN_ASK]:
                hd[b, SHOWN_ASK] = price_at_or_above(bk, b, bk.shown, price + 1) if hd[b, ASK_LEVELS] > 0 else NO_ASK


@kernel
def enqueue(bk: Books, b: int, o: int, side: int, price: int, is_hidden: bool) -> None:
    """Put order ``o`` at the end of the displayed or the hidden queue of its price; sizes are the caller's business."""
    lv = bk.level
    od = bk.order
    hd = bk.head
    slot = price & (lv.shape[1] - 1)
    if lv[b, slot, SHOWN_HEAD] == 0 and lv[b, slot, HIDDEN_HEAD] == 0:
        bk.held[b, slot >> 6] |= ONE << np.uint64(slot & 63)
        if side == 0:
            hd[b, BEST_BID] = max(hd[b, BEST_BID], price)
        else:
            hd[b, BEST_ASK] = min(hd[b, BEST_ASK], price)
    head = HIDDEN_HEAD if is_hidden else SHOWN_HEAD
    tail = HIDDEN_TAIL if is_hidden else SHOWN_TAIL
    last = lv[b, slot, tail]
    od[b, o, PREV] = last
    od[b, o, NEXT] = 0
    if last == 0:
        lv[b, slot, head] = o
    else:
        od[b, last, NEXT] = o
    lv[b, slot, tail] = o


@kernel
def dequeue(bk: Books, b: int, o: int, side: int, price: int, is_hidden: bool) -> None:
    """Take order ``o`` out of its queue; finds the next best price if it was the last order of the best level."""
    lv = bk.level
    od = bk.order
    hd = bk.head
    slot = price & (lv.shape[1] - 1)
    before = od[b, o, PREV]
    after = od[b, o, NEXT]
    if before == 0:
        lv[b, slot, HIDDEN_HEAD if is_hidden else SHOWN_HEAD] = after
    else:
        od[b, before, NEXT] = after
    if after == 0:
        lv[b, slot, HIDDEN_TAIL if is_hidden else SHOWN_TAIL] = before
    else:
        od[b, after, PREV] = before
    if lv[b, slot, SHOWN_HEAD] == 0 and lv[b, slot, HIDDEN_HEAD] == 0:
        bk.held[b, slot >> 6] &= ~(ONE << np.uint64(slot & 63))
        if side == 0:
            if price == hd[b, BEST_BID]:
                hd[b, BEST_BID] = price_at_or_below(bk, b, bk.held, price - 1)
        elif price == hd[b, BEST_ASK]:
            hd[b, BEST_ASK] = price_at_or_above(bk, b, bk.held, price + 1)


@kernel
def new_order(bk: Books, b: int) -> int:
    """A free order record: the one freed last, else a fresh one. The caller has checked ALIVE against the capacity."""
    hd = bk.head
    o = hd[b, FREE]
    if o != 0:
        hd[b, FREE] = bk.order[b, o, NEXT]
    else:
        o = hd[b, POOL_TOP]
        hd[b, POOL_TOP] = o + 1
    hd[b, ALIVE] += 1
    return o


@kernel
def free_order(bk: Books, b: int, o: int) -> None:
    """Give the record back."""
    bk.order[b, o, ID] = 0
    bk.order[b, o, NEXT] = bk.head[b, FREE]
    bk.head[b, FREE] = o
    bk.head[b, ALIVE] -= 1


@kernel
def remove_resting(bk: Books, b: int, o: int) -> None:
    """Take a resting order, with all its shares, out of its level and out of the pool."""
    od = bk.order
    side = od[b, o, META] & 1
    price = od[b, o, PRICE]
    is_hidden = ((od[b, o, META] >> 1) & 3) == STYLE_HIDDEN
    dequeue(bk, b, o, side, price, is_hidden)
    if od[b, o, HIDDEN] != 0:
        bk.level[b, price & (bk.level.shape[1] - 1), HIDDEN_SIZE] -= od[b, o, HIDDEN]
    if od[b, o, SHOWN] != 0:
        change_shown(bk, b, side, price, -od[b, o, SHOWN])
    free_order(bk, b, o)


@kernel
def refill(bk: Books, b: int, o: int) -> int:
    """Show a reserve order anew, at the end of its queue; its displayed part is 0 and it has shares hidden. Returns the shares."""
    od = bk.order
    side = od[b, o, META] & 1
    price = od[b, o, PRICE]
    shares = min(od[b, o, PEAK], od[b, o, HIDDEN])
    dequeue(bk, b, o, side, price, False)
    od[b, o, SHOWN] = shares
    od[b, o, HIDDEN] -= shares
    bk.level[b, price & (bk.level.shape[1] - 1), HIDDEN_SIZE] -= shares
    enqueue(bk, b, o, side, price, False)
    change_shown(bk, b, side, price, shares)
    return shares
