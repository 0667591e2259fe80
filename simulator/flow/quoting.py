"""Makers and depth providers: what they do to one book, in one action."""

from __future__ import annotations

from simulator.book import matching
from simulator.book.codes import LIMIT, REST
from simulator.book.jit import inlined, kernel
from simulator.book.levels import price_at_or_above, price_at_or_below
from simulator.book.matching import NO_CAP
from simulator.book.state import (
    ALIVE,
    ASK_LEVELS,
    BASE,
    BEST_ASK,
    BEST_BID,
    BID_LEVELS,
    HIDDEN,
    HIDDEN_HEAD,
    ID,
    LOG_KIND,
    META,
    META_OWNER_SHIFT,
    NEXT,
    NO_ASK,
    NO_BID,
    POOL_TOP,
    PREV,
    SHOWN,
    SHOWN_ASK,
    SHOWN_BID,
    SHOWN_HEAD,
    SHOWN_SIZE,
    SHOWN_TAIL,
    STYLE_WAITS,
    Books,
    NewOrder,
)
from simulator.flow.edges import LOT, allowed_edge, best_shown, edge, known_price, level_count, next_shown
from simulator.flow.random import below, uniform
from simulator.flow.state import (
    ANCHOR,
    CUSTOMER,
    DEPTH,
    GAP,
    MAKER,
    P_LEVELS,
    P_MOST,
    P_NEAR_LEAST,
    P_NEAR_MOST,
    P_NEAR_ODD,
    P_RESERVE,
    SCALE,
    SIZE_MULTIPLIER,
    FlowState,
)
from simulator.records import BACKGROUND_OWNERS, GAP_TICKS_MAX, SEED_LEVELS, SEED_ORDERS

NEAR_LEVELS = 3
NEAR_GAPS = 0.5
REQUOTE_LEVELS = 12
TOP_UPS = 2
HOLE_LEVELS = 20
NEAR_PART, DEEP_SHARE = 10, 0.15
"""Levels that change on their own; and how often something farther away changes with them."""


@kernel
def post(bk: Books, fl: FlowState, b: int, side: int, price: int, size: int, owner: int, may_reserve: bool) -> bool:
    """Rest a new order, one tick behind anything that it would trade with. Returns whether it stands."""
    if side == 0:
        price = min(price, bk.head[b, BEST_ASK] - 1)
    elif bk.head[b, BEST_BID] != NO_BID:
        price = max(price, bk.head[b, BEST_BID] + 1)
    if price < 1:
        return False
    display = size
    if may_reserve:
        i = b // fl.repricing.shape[1]
        if uniform(fl.random, i) < fl.parameter[P_RESERVE]:
            size *= 2 + below(fl.random, i, 5)
    matching.add(bk, b, NewOrder(side, price, size, display, LIMIT, owner), NO_CAP)
    if bk.log[bk.logged[0] - 1, LOG_KIND] != REST and make_way(bk, b, price):
        matching.add(bk, b, NewOrder(side, price, size, display, LIMIT, owner), NO_CAP)
    return bk.log[bk.logged[0] - 1, LOG_KIND] == REST


@kernel
def make_way(bk: Books, b: int, price: int) -> bool:
    """Cancel the background's orders that lie half a price window or more from ``price``, from the farthest on. Returns whether any did.

    The price of a dear share moves by thousands of ticks in a second, and what it has left behind would fill the window.
    """
    half = bk.level.shape[1] // 2
    before = bk.head[b, ALIVE]
    while True:
        low = price_at_or_above(bk, b, bk.held, bk.head[b, BASE])
        if low == NO_ASK or price - low < half or not cancel_first(bk, b, low):
            break
    while True:
        high = price_at_or_below(bk, b, bk.held, bk.head[b, BASE] + bk.level.shape[1] - 1)
        if high == NO_BID or high - price < half or not cancel_first(bk, b, high):
            break
    return bk.head[b, ALIVE] != before


@kernel
def cancel_first(bk: Books, b: int, price: int) -> bool:
    """Cancel the first order at a price, displayed or else hidden, if it is the background's."""
    slot = price & (bk.level.shape[1] - 1)
    o = bk.level[b, slot, SHOWN_HEAD]
    if o == 0:
        o = bk.level[b, slot, HIDDEN_HEAD]
    if not background_order(bk, b, o):
        return False
    matching.cancel(bk, b, o, bk.order[b, o, ID])
    return True


@kernel
def lot_size(fl: FlowState, i: int, v: int, shares: float) -> int:
    """A number of shares near ``shares`` times the venue's multiplier: mostly whole lots."""
    wanted = shares * fl.venue[i, v, SIZE_MULTIPLIER]
    lots = int(wanted / LOT + uniform(fl.random, i))
    return max(1, lots) * LOT


@kernel
def near_order_size(fl: FlowState, i: int, v: int) -> int:
    """Shares of one order at or near the best price."""
    u = uniform(fl.random, i)
    if u < fl.parameter[P_NEAR_ODD]:
        return 10 + below(fl.random, i, 90)
    least, most = fl.parameter[P_NEAR_LEAST], fl.parameter[P_NEAR_MOST]
    return lot_size(fl, i, v, fl.real[i, SCALE] * (least + (most - least) * uniform(fl.random, i)))


@kernel
def background_order(bk: Books, b: int, o: int) -> bool:
    return o != 0 and (bk.order[b, o, META] >> META_OWNER_SHIFT) < BACKGROUND_OWNERS


@kernel
def cancel_at(bk: Books, fl: FlowState, i: int, b: int, price: int) -> bool:
    """Cancel one displayed background order at a price: one of the last three of the queue. Returns whether there was one."""
    o = bk.level[b, price & (bk.level.shape[1] - 1), SHOWN_TAIL]
    for _ in range(below(fl.random, i, 3)):
        if bk.order[b, o, PREV] != 0:
            o = bk.order[b, o, PREV]
    if not background_order(bk, b, o):
        return False
    matching.cancel(bk, b, o, bk.order[b, o, ID])
    return True


@kernel
def spread_gap(fl: FlowState, i: int, k: int) -> int:
    """Ticks from level ``k`` to the next: 1 plus a geometric number of mean GAP - 1, of less near the best price."""
    mean = fl.real[i, GAP] - 1.0
    if k < NEAR_LEVELS:
        mean *= NEAR_GAPS
    gap = 1
    while gap < GAP_TICKS_MAX and uniform(fl.random, i) < mean / (1.0 + mean):
        gap += 1
    return gap


@kernel
def seed_book(bk: Books, fl: FlowState, i: int, v: int, t: int) -> None:
    """Fill an empty book around the belief."""
    b = i * fl.repricing.shape[1] + v
    for side in range(2):
        price = allowed_edge(fl, i, v, t, side)
        for k in range(SEED_LEVELS):
            shares = fl.target[i, min(k, fl.target.shape[1] - 1)] * (0.6 + 0.8 * uniform(fl.random, i))
            orders = 1 + below(fl.random, i, SEED_ORDERS)
            for _ in range(orders):
                size = near_order_size(fl, i, v) if k == 0 and orders > 1 else lot_size(fl, i, v, shares / orders)
                post(bk, fl, b, side, price, size, MAKER if k < NEAR_LEVELS else DEPTH, False)
            price += (2 * side - 1) * spread_gap(fl, i, k)


@kernel
def is_empty(bk: Books, b: int) -> bool:
    return bk.head[b, BID_LEVELS] == 0 and bk.head[b, ASK_LEVELS] == 0


@kernel
def empty_book(bk: Books, b: int) -> None:
    """Cancel all orders of the background that rest in a book; what waits for a cross stays."""
    for o in range(1, bk.head[b, POOL_TOP]):
        if bk.order[b, o, ID] != 0 and background_order(bk, b, o) and (bk.order[b, o, META] >> 1) & 3 != STYLE_WAITS:
            matching.cancel(bk, b, o, bk.order[b, o, ID])


@kernel
def clear_better_than(bk: Books, b: int, side: int, limit: int, other_edge: int) -> None:
    """Cancel the background's displayed orders priced better than ``limit``, and hidden ones that ``other_edge`` would reach.

    Those that stand behind an order of an agent's, too, which may be the best and stays.
    """
    price = best_shown(bk, b, side)
    while not (price in (NO_BID, NO_ASK) or (price <= limit if side == 0 else price >= limit)):
        o = bk.level[b, price & (bk.level.shape[1] - 1), SHOWN_HEAD]
        while o != 0:
            behind = bk.order[b, o, NEXT]
            if background_order(bk, b, o):
                matching.cancel(bk, b, o, bk.order[b, o, ID])
            o = behind
        price = next_shown(bk, b, side, price)
    while True:
        price = bk.head[b, BEST_BID] if side == 0 else bk.head[b, BEST_ASK]
        if price in (NO_BID, NO_ASK) or (price < other_edge if side == 0 else price > other_edge):
            break
        o = bk.level[b, price & (bk.level.shape[1] - 1), HIDDEN_HEAD]
        if not background_order(bk, b, o):
            break
        matching.cancel(bk, b, o, bk.order[b, o, ID])


@kernel
def cut_near_levels(bk: Books, fl: FlowState, i: int, v: int, b: int, side: int) -> None:
    """Cancel or reduce at the best levels what is more than a near level shows."""
    price = best_shown(bk, b, side)
    for k in range(NEAR_LEVELS):
        if price in (NO_BID, NO_ASK):
            return
        slot = price & (bk.level.shape[1] - 1)
        most = int(fl.real[i, SCALE] * fl.parameter[P_MOST + k] * fl.venue[i, v, SIZE_MULTIPLIER])
        o = bk.level[b, slot, SHOWN_TAIL]
        while o != 0 and bk.level[b, slot, SHOWN_SIZE] > most:
            before = bk.order[b, o, PREV]
            if background_order(bk, b, o):
                excess = bk.level[b, slot, SHOWN_SIZE] - most
                wanted = bk.order[b, o, SHOWN] - (excess // LOT + 1) * LOT
                if before == 0 or wanted > 0:
                    off = bk.order[b, o, SHOWN] - max(LOT, wanted)
                    if off > 0:
                        matching.reduce(bk, b, o, bk.order[b, o, ID], off + bk.order[b, o, HIDDEN])
                else:
                    matching.cancel(bk, b, o, bk.order[b, o, ID])
            o = before
        price = next_shown(bk, b, side, price)


@kernel
def stands_right(bk: Books, fl: FlowState, i: int, v: int, t: int) -> bool:
    """Whether both best prices are what the maker wants; notes that it has looked."""
    b = i * fl.repricing.shape[1] + v
    fl.venue[i, v, ANCHOR] = known_price(fl, i, v)
    return allowed_edge(fl, i, v, t, 0) == bk.head[b, SHOWN_BID] and allowed_edge(fl, i, v, t, 1) == bk.head[b, SHOWN_ASK]


@inlined
def requote(bk: Books, fl: FlowState, i: int, v: int, t: int) -> None:
    """The maker's answer to a new price: pull what is too good, quote at the edges, fill the way to the old levels."""
    b = i * fl.repricing.shape[1] + v
    bid_edge = allowed_edge(fl, i, v, t, 0)
    ask_edge = max(allowed_edge(fl, i, v, t, 1), bid_edge + 1)
    clear_better_than(bk, b, 1, ask_edge, bid_edge)
    clear_better_than(bk, b, 0, bid_edge, ask_edge)
    for side in range(2):
        price = bid_edge if side == 0 else ask_edge
        old_best = best_shown(bk, b, side)
        for k in range(REQUOTE_LEVELS):
            if price < 1 or (price <= old_best if side == 0 else price >= old_best):
                break
            size = near_order_size(fl, i, v) if k == 0 else lot_size(fl, i, v, fl.target[i, k] * (0.7 + 0.6 * uniform(fl.random, i)))
            post(bk, fl, b, side, price, size, MAKER if k < NEAR_LEVELS else DEPTH, k == 0)
            price += (2 * side - 1) * spread_gap(fl, i, k)
        cut_near_levels(bk, fl, i, v, b, side)
        for _ in range(REQUOTE_LEVELS):
            if level_count(bk, b, side) >= fl.parameter[P_LEVELS]:
                break
            extend(bk, fl, i, v, b, side)
        for _ in range(TOP_UPS):
            top_up(bk, fl, i, v, b, side, NEAR_LEVELS + below(fl.random, i, REQUOTE_LEVELS))
        trim_far(bk, fl, b, side)


@kernel
def top_up(bk: Books, fl: FlowState, i: int, v: int, b: int, side: int, k: int) -> None:
    """Bring level ``k`` to its share with one order, if it shows much less."""
    price = best_shown(bk, b, side)
    for _ in range(k):
        price = next_shown(bk, b, side, price)
    if price in (NO_BID, NO_ASK):
        return
    missing = fl.target[i, k] * (0.8 + 0.6 * uniform(fl.random, i)) - bk.level[b, price & (bk.level.shape[1] - 1), SHOWN_SIZE]
    if missing > 0.3 * fl.target[i, k]:
        post(bk, fl, b, side, price, lot_size(fl, i, v, missing), DEPTH, False)


@kernel
def extend(bk: Books, fl: FlowState, i: int, v: int, b: int, side: int) -> None:
    """Add a level: into the first hole among the near ones, else behind the worst; the first of a side goes to its edge."""
    levels = level_count(bk, b, side)
    step = 2 * side - 1
    price = edge(fl, i, v, side)
    place = 0
    if levels > 0:
        hole = int(3.0 * fl.real[i, GAP]) + 2
        price = best_shown(bk, b, side)
        while place < HOLE_LEVELS and place < levels - 1:
            behind = next_shown(bk, b, side, price)
            if abs(behind - price) > hole:
                break
            price = behind
            place += 1
        if place in (HOLE_LEVELS, levels - 1):
            price = farthest_price(bk, b, side)
            place = levels - 1
        price += step * spread_gap(fl, i, place)
        place += 1
    shares = fl.target[i, min(place, fl.target.shape[1] - 1)] * (0.7 + 0.6 * uniform(fl.random, i))
    post(bk, fl, b, side, price, lot_size(fl, i, v, shares), DEPTH, False)


@kernel
def trim_far(bk: Books, fl: FlowState, b: int, side: int) -> None:
    """Cancel the farthest background orders while a side has more levels than are wanted."""
    for _ in range(8):
        if level_count(bk, b, side) <= fl.parameter[P_LEVELS] + 4 or not cancel_farthest(bk, b, side):
            return


@kernel
def farthest_price(bk: Books, b: int, side: int) -> int:
    base = bk.head[b, BASE]
    if side == 0:
        return price_at_or_above(bk, b, bk.shown, base)
    return price_at_or_below(bk, b, bk.shown, base + bk.level.shape[1] - 1)


@kernel
def cancel_farthest(bk: Books, b: int, side: int) -> bool:
    """Cancel the first order of the worst displayed level, if it is the background's."""
    return cancel_first(bk, b, farthest_price(bk, b, side))


@inlined
def maintain(bk: Books, fl: FlowState, i: int, v: int, t: int) -> None:
    """One small change to a book: a step towards the wanted edge, or an order more or less at some level."""
    b = i * fl.repricing.shape[1] + v
    side = below(fl.random, i, 2)
    best = best_shown(bk, b, side)
    wanted = allowed_edge(fl, i, v, t, side)
    if best in (NO_BID, NO_ASK):
        post(bk, fl, b, side, wanted, near_order_size(fl, i, v), MAKER, True)
        return
    ahead = (wanted - best) if side == 0 else (best - wanted)
    u = uniform(fl.random, i)
    if ahead > 0 and u < 0.85:
        post(bk, fl, b, side, wanted, near_order_size(fl, i, v), MAKER, True)
        return
    if ahead < 0 and u < 0.7 and level_count(bk, b, side) > 5 and cancel_at(bk, fl, i, b, best):
        return
    levels = level_count(bk, b, side)
    needed = int(fl.parameter[P_LEVELS])
    if levels < needed and uniform(fl.random, i) < 0.6:
        extend(bk, fl, i, v, b, side)
        return
    near = min(levels, NEAR_PART)
    u = uniform(fl.random, i)
    k = 0
    if u > 0.60:
        k = below(fl.random, i, near)
    elif u > 0.28:
        k = min(near - 1, 1 + below(fl.random, i, 2))
    tend_level(bk, fl, i, v, side, k)
    if levels > NEAR_PART and uniform(fl.random, i) < DEEP_SHARE:
        # Far from the market little changes, and hardly ever alone.
        if levels > needed + 4:
            cancel_farthest(bk, b, side)
        elif uniform(fl.random, i) < 0.5:
            extend(bk, fl, i, v, b, side)
        else:
            levels = level_count(bk, b, side)  # one may be gone by now
            tend_level(bk, fl, i, v, side, min(levels - 1, NEAR_PART + below(fl.random, i, max(1, levels - NEAR_PART))))


@kernel
def tend_level(bk: Books, fl: FlowState, i: int, v: int, side: int, k: int) -> None:
    """Add an order to a level that shows less than its share, or cancel one where it shows more (queue-reactive)."""
    b = i * fl.repricing.shape[1] + v
    price = best_shown(bk, b, side)
    for _ in range(k):
        price = next_shown(bk, b, side, price)
    if price in (NO_BID, NO_ASK):
        return
    shown = bk.level[b, price & (bk.level.shape[1] - 1), SHOWN_SIZE]
    target = fl.target[i, min(k, fl.target.shape[1] - 1)]
    goal = target * fl.venue[i, v, SIZE_MULTIPLIER] * (0.7 + 0.8 * uniform(fl.random, i))
    if shown > goal and (k > 0 or shown > LOT) and cancel_at(bk, fl, i, b, price):
        return
    size = near_order_size(fl, i, v) if k == 0 else lot_size(fl, i, v, target * (0.5 + 0.6 * uniform(fl.random, i)))
    owner = DEPTH if k >= NEAR_LEVELS else (CUSTOMER if uniform(fl.random, i) < 0.3 else MAKER)
    post(bk, fl, b, side, price, size, owner, k == 0)
