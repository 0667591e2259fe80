"""Takers: parent orders cut into trades, routed to the best price; and what each trade tells about the efficient price.

Impact by fair pricing (recipe.md, 1): with D(k) the impact that a parent of length k deserves, a parent that has shown k trades
is worth V(k) = E[D(N) | N >= k]. The efficient price steps to V(k + 1) when the parent goes on and falls to D(k) when its turn
comes and it has ended: a martingale whatever the memory of the signs.
"""

from __future__ import annotations

from simulator.book import matching
from simulator.book.codes import IOC, LIMIT, REST
from simulator.book.jit import inlined, kernel
from simulator.book.matching import NO_CAP
from simulator.book.state import (
    BEST_ASK,
    BEST_BID,
    ID,
    LOG_ID,
    LOG_KIND,
    LOG_SLOT,
    NO_ASK,
    NO_BID,
    SHOWN_ASK,
    SHOWN_BID,
    SHOWN_SIZE,
    Books,
)
from simulator.flow import NEVER_NS
from simulator.flow.quoting import best_shown
from simulator.flow.random import below, exponential, uniform
from simulator.flow.state import (
    BLOCK_AT,
    BLOCK_ID,
    BLOCK_PRICE,
    BLOCK_SIDE,
    BLOCK_SIZE,
    BLOCK_SLOT,
    BLOCK_VENUE,
    BOOK_USED,
    DESERVED,
    IMPACT,
    INSTITUTION,
    INVENTORY,
    P_BLOCK,
    P_ODD,
    P_SWEEP,
    PARENT_DONE,
    PARENT_ID,
    PARENT_LENGTH,
    PARENT_SIDE,
    PARENT_SLOTS,
    PARENTS_SEEN,
    PRICE,
    PRINT_USED,
    SERVED,
    SWEEP_AT,
    SWEEP_PARENT,
    SWEEP_SIDE,
    SWEEP_SIZE,
    TAKER,
    VALUE,
    FlowState,
)
from simulator.tape.columns import TICK_UNITS, Columns, finish_action

UNITS_A_DOLLAR = 10_000.0
PRINTS_AN_ORDER_MAX = 24
BLOCK_SIZE_MAX = 10_000
INVENTORY_KEPT = 0.98
"""Of a venue's inventory after each trade: makers lay off the rest elsewhere."""


@kernel
def dollars(out: Columns, fl: FlowState, i: int, b: int) -> float:
    """The efficient price of symbol ``i`` in USD."""
    return fl.real[i, PRICE] * out.facts[b, TICK_UNITS] / UNITS_A_DOLLAR


@kernel
def next_parent(fl: FlowState, i: int) -> int:
    """The parent order whose turn it is; moves the efficient price by what its going on, or its end, tells. Returns its slot."""
    slot = below(fl.random, i, PARENT_SLOTS)
    parent = fl.parents[i, slot]
    done = parent[PARENT_DONE]
    sign = 1.0 - 2.0 * parent[PARENT_SIDE]
    scale = fl.real[i, IMPACT]
    if done >= parent[PARENT_LENGTH]:
        if done > 0:
            fl.real[i, PRICE] += sign * scale * (fl.impact[done, DESERVED] - fl.impact[done, VALUE])
        most = fl.impact.shape[0] - 2
        fl.whole[i, PARENTS_SEEN] += 1
        parent[PARENT_ID] = fl.whole[i, PARENTS_SEEN]
        parent[PARENT_SIDE] = below(fl.random, i, 2)
        parent[PARENT_LENGTH] = min(most, int((1.0 - uniform(fl.random, i)) ** (-1.0 / 1.5)))
        parent[PARENT_DONE] = 0
        done = 0
        sign = 1.0 - 2.0 * parent[PARENT_SIDE]
    before = fl.impact[done, VALUE] if done > 0 else 0.0
    fl.real[i, PRICE] += sign * scale * (fl.impact[done + 1, VALUE] - before)
    parent[PARENT_DONE] = done + 1
    return slot


@kernel
def best_venue(bk: Books, fl: FlowState, i: int, first_book: int, side: int) -> int:
    """The venue that shows the best price to an order of ``side``, a random one of those that tie; -1 if none shows any."""
    venues = fl.repricing.shape[1]
    start = below(fl.random, i, venues)
    chosen = -1
    best = 0
    for n in range(venues):
        v = (start + n) % venues
        price = best_shown(bk, first_book + v, 1 - side)
        if price in (NO_BID, NO_ASK):
            continue
        if chosen < 0 or (price < best if side == 0 else price > best):
            chosen = v
            best = price
    return chosen


@kernel
def order_size(fl: FlowState, i: int) -> int:
    """Shares of a taker's order that is no block: an odd lot, or some whole lots, rarely mixed."""
    u = uniform(fl.random, i)
    if u < fl.parameter[P_ODD] / (1.0 - fl.parameter[P_BLOCK]):
        return 1 + int(99.0 * uniform(fl.random, i) ** 1.6)
    lots = 1 + int(exponential(fl.random, i) * 1.1)
    return min(9, lots) * 100 + (below(fl.random, i, 100) if uniform(fl.random, i) < 0.06 else 0)


@kernel
def send_ioc(
    bk: Books, out: Columns, fl: FlowState, i: int, v: int, b: int, t: int, side: int, limit: int, size: int, cap: int, parent: int
) -> int:
    """Send one immediate-or-cancel order, cut to ``cap`` prints. Returns the shares left.

    Counts the rows, and wakes the maker if the best price moved.
    """
    before = best_shown(bk, b, 1 - side)
    matching.add(bk, b, side, limit, size, size, IOC, TAKER, min(cap, PRINTS_AN_ORDER_MAX))
    traded = bk.log[0, 4] if bk.logged[0] > 0 else 0
    prints, row = finish_action(bk, out, b, t, TAKER, parent, dollars(out, fl, i, b), 0, True)
    fl.venue[i, v, INVENTORY] = INVENTORY_KEPT * fl.venue[i, v, INVENTORY] - (1 - 2 * side) * traded
    fl.whole[i, PRINT_USED] += prints
    fl.whole[i, BOOK_USED] += row
    if row:
        fl.whole[i, SERVED] |= 1 << v
    if best_shown(bk, b, 1 - side) != before:
        fl.repricing[i, v] = min(fl.repricing[i, v], t + 500_000 + int(4e6 * uniform(fl.random, i)))
    return size - traded


@inlined
def take(bk: Books, out: Columns, fl: FlowState, i: int, first_book: int, t: int, venue: int, cap: int, may_wait: bool) -> bool:
    """One child of a parent order: trades now, or prepares a block for a little later. ``venue`` -1: wherever the price is best.

    Returns whether anything was sent.
    """
    slot = next_parent(fl, i)
    side = fl.parents[i, slot, PARENT_SIDE]
    parent = fl.parents[i, slot, PARENT_ID]
    v = venue if venue >= 0 else best_venue(bk, fl, i, first_book, side)
    if v < 0:
        return False
    b = first_book + v
    price = best_shown(bk, b, 1 - side)
    if price in (NO_BID, NO_ASK):
        return False
    block = uniform(fl.random, i) < fl.parameter[P_BLOCK] and may_wait and fl.whole[i, BLOCK_AT] == NEVER_NS
    if block and prepare_block(bk, out, fl, i, v, b, t, side, parent):
        return True
    size = order_size(fl, i)
    limit = price
    shown = bk.level[b, price & (bk.level.shape[1] - 1), SHOWN_SIZE]
    supported = (fl.real[i, PRICE] - price) * (1 - 2 * side) > -0.5
    if size >= shown and not supported and uniform(fl.random, i) < 0.85:
        size = max(1, shown - 100) if shown > 100 else max(1, shown // 2)
    elif size >= shown and uniform(fl.random, i) < fl.parameter[P_SWEEP]:
        limit = max(1, price + (1 - 2 * side) * 2)
    left = send_ioc(bk, out, fl, i, v, b, t, side, limit, size, cap, parent)
    if left > 0 and uniform(fl.random, i) < 0.5:
        fl.whole[i, SWEEP_AT] = t + 20_000 + below(fl.random, i, 60_000)
        fl.whole[i, SWEEP_SIDE] = side
        fl.whole[i, SWEEP_SIZE] = left
        fl.whole[i, SWEEP_PARENT] = parent
    return True


@inlined
def prepare_block(bk: Books, out: Columns, fl: FlowState, i: int, v: int, b: int, t: int, side: int, parent: int) -> bool:
    """An institution rests a hidden order inside the spread; the block that meets it follows. No row is written yet."""
    bid = bk.head[b, SHOWN_BID]
    ask = bk.head[b, SHOWN_ASK]
    if bid == NO_BID or ask == NO_ASK or ask - bid < 2:
        return False
    price = bid + 1 + below(fl.random, i, ask - bid - 1)
    if price >= bk.head[b, BEST_ASK] or price <= bk.head[b, BEST_BID]:
        return False
    size = 100 * int(10.2 * (1.0 - uniform(fl.random, i)) ** (-1.0 / 3.0))
    if uniform(fl.random, i) < 0.3:
        size += below(fl.random, i, 100)
    size = min(size, BLOCK_SIZE_MAX)
    matching.add(bk, b, 1 - side, price, size + 100 * below(fl.random, i, 6), 0, LIMIT, INSTITUTION, NO_CAP)
    last = bk.logged[0] - 1
    stands = bk.log[last, LOG_KIND] == REST
    whole = fl.whole[i]
    if stands:
        whole[BLOCK_AT] = t + 1_000_000 + int(20e6 * exponential(fl.random, i))
        whole[BLOCK_SIDE] = side
        whole[BLOCK_SIZE] = size
        whole[BLOCK_VENUE] = v
        whole[BLOCK_SLOT] = bk.log[last, LOG_SLOT]
        whole[BLOCK_ID] = bk.log[last, LOG_ID]
        whole[BLOCK_PRICE] = price
    finish_action(bk, out, b, t, 0, parent, dollars(out, fl, i, b), 0, True)
    return stands


@inlined
def send_block(bk: Books, out: Columns, fl: FlowState, i: int, first_book: int, t: int, cap: int) -> None:
    """The block trades with the hidden order, if that still stands; what is left of the hidden order goes."""
    whole = fl.whole[i]
    v = whole[BLOCK_VENUE]
    b = first_book + v
    o = whole[BLOCK_SLOT]
    order_id = whole[BLOCK_ID]
    if bk.order[b, o, ID] == order_id and cap > 0:
        send_ioc(bk, out, fl, i, v, b, t, whole[BLOCK_SIDE], whole[BLOCK_PRICE], whole[BLOCK_SIZE], cap, 0)
    if bk.order[b, o, ID] == order_id:
        matching.cancel(bk, b, o, order_id)
        finish_action(bk, out, b, t, 0, 0, 0.0, 0, True)
