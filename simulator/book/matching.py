"""Commands on one book: add, cancel, reduce, replace. Each appends to ``Books.log`` what came of it (``EventKind`` has the grammar).

Outcomes are log rows, not exceptions. ``MORE`` means that the log is full in the middle of an order: the caller reads
the log, empties it and calls ``go_on``.
"""

from __future__ import annotations

from simulator.book.acceptance import crosses, refusal
from simulator.book.codes import (
    ADD,
    BAD_SIZE,
    CANCEL,
    EXECUTE,
    EXPIRE,
    LIMIT,
    MARKET,
    MARKET_ON_OPEN,
    POST_ONLY,
    REDUCE,
    REFILL,
    REJECT,
    REPLACE,
    REST,
    UNKNOWN_ORDER,
    WAITS_FOR_CROSS,
)
from simulator.book.jit import kernel
from simulator.book.levels import (
    change_shown,
    enqueue,
    free_order,
    new_order,
    refill,
    remove_resting,
    report,
)
from simulator.book.state import (
    ACTION,
    BEST_ASK,
    BEST_BID,
    DIFF,
    HIDDEN,
    HIDDEN_HEAD,
    HIDDEN_SIZE,
    ID,
    LAST_ID,
    LOG_A,
    LOG_B,
    LOG_KIND,
    LOG_SIZE,
    META,
    META_OWNER_SHIFT,
    META_TYPE_MASK,
    META_TYPE_SHIFT,
    NEXT,
    PEAK,
    PEND_DISPLAY,
    PEND_ID,
    PEND_LIMIT,
    PEND_OWNER,
    PEND_SIDE,
    PEND_SIZE,
    PEND_TYPE,
    PREV,
    PRICE,
    SHOWN,
    SHOWN_HEAD,
    STYLE_HIDDEN,
    STYLE_SHOWN,
    STYLE_WAITS,
    WAIT_HEAD,
    WAIT_TAIL,
    Books,
    NewOrder,
    Request,
)
from simulator.records import PRICE_TICKS_MAX, SIZE_MAX

DO_ADD, DO_CANCEL, DO_REDUCE, DO_REPLACE, DO_GO_ON = range(5)
"""Verbs of a ``Request``."""
DONE, MORE = 0, 1
NO_CAP = 2**31 - 1


@kernel
def begin_action(bk: Books, b: int) -> None:
    """Start a new action: what is displayed from here on is compared with what is displayed now."""
    bk.head[b, ACTION] += 1
    bk.head[b, DIFF] = 0


@kernel
def match(bk: Books, b: int, side: int, limit: int, size: int, aggressor: int, fills_max: int) -> int:
    """Trade up to ``size`` shares against the other side, at most ``fills_max`` fills and as the log has room.

    Returns the shares left. Log rows: EXECUTE, REFILL.
    """
    lv = bk.level
    od = bk.order
    hd = bk.head
    room = min(fills_max, (bk.log.shape[0] - bk.logged[0] - 8) >> 1)
    while size > 0 and room > 0 and crosses(bk, b, side, limit):
        room -= 1
        price = hd[b, BEST_ASK] if side == 0 else hd[b, BEST_BID]
        slot = price & (lv.shape[1] - 1)
        o = lv[b, slot, SHOWN_HEAD]
        if o != 0:
            shares = min(size, od[b, o, SHOWN])
            od[b, o, SHOWN] -= shares
            change_shown(bk, b, 1 - side, price, -shares)
            row = report(bk, EXECUTE, od[b, o, ID], 1 - side, price, shares, o, od[b, o, META] >> META_OWNER_SHIFT)
            bk.log[row, LOG_B] = aggressor
            if od[b, o, SHOWN] == 0:
                if od[b, o, HIDDEN] != 0:
                    owner = od[b, o, META] >> META_OWNER_SHIFT
                    now_shown = refill(bk, b, o)
                    row = report(bk, REFILL, od[b, o, ID], 1 - side, price, now_shown, o, owner)
                    bk.log[row, LOG_A] = od[b, o, HIDDEN]
                else:
                    remove_resting(bk, b, o)
        else:
            o = lv[b, slot, HIDDEN_HEAD]
            shares = min(size, od[b, o, HIDDEN])
            od[b, o, HIDDEN] -= shares
            lv[b, slot, HIDDEN_SIZE] -= shares
            row = report(bk, EXECUTE, od[b, o, ID], 1 - side, price, shares, o, od[b, o, META] >> META_OWNER_SHIFT)
            bk.log[row, LOG_A] = shares
            bk.log[row, LOG_B] = aggressor
            if od[b, o, HIDDEN] == 0:
                remove_resting(bk, b, o)
        size -= shares
    return size


@kernel
def rest(bk: Books, b: int, order: NewOrder, left: int, peak: int, order_id: int) -> None:
    """Let what is ``left`` of an order stand in its level. ``peak`` is 0 unless it is a reserve order."""
    od = bk.order
    price = order.price
    o = new_order(bk, b)
    is_hidden = order.display == 0
    shown = min(left, order.display)
    od[b, o, PRICE] = price
    od[b, o, SHOWN] = shown
    od[b, o, HIDDEN] = left - shown
    od[b, o, PEAK] = peak
    od[b, o, ID] = order_id
    od[b, o, META] = meta_of(order, STYLE_HIDDEN if is_hidden else STYLE_SHOWN)
    enqueue(bk, b, o, order.side, price, is_hidden)
    if left != shown:
        bk.level[b, price & (bk.level.shape[1] - 1), HIDDEN_SIZE] += left - shown
    if not is_hidden:
        change_shown(bk, b, order.side, price, shown)
    row = report(bk, REST, order_id, order.side, price, shown, o, order.owner)
    bk.log[row, LOG_A] = left - shown


@kernel
def meta_of(order: NewOrder, style: int) -> int:
    """The order record's META."""
    return order.owner << META_OWNER_SHIFT | order.type << META_TYPE_SHIFT | style << 1 | order.side


@kernel
def wait(bk: Books, b: int, order: NewOrder, order_id: int) -> None:
    """Queue an on-open or on-close order for its cross."""
    od = bk.order
    hd = bk.head
    o = new_order(bk, b)
    od[b, o, PRICE] = order.price
    od[b, o, SHOWN] = order.size
    od[b, o, HIDDEN] = 0
    od[b, o, PEAK] = 0
    od[b, o, ID] = order_id
    od[b, o, META] = meta_of(order, STYLE_WAITS)
    od[b, o, NEXT] = 0
    od[b, o, PREV] = hd[b, WAIT_TAIL]
    if hd[b, WAIT_TAIL] == 0:
        hd[b, WAIT_HEAD] = o
    else:
        od[b, hd[b, WAIT_TAIL], NEXT] = o
    hd[b, WAIT_TAIL] = o
    report(bk, REST, order_id, order.side, order.price, order.size, o, order.owner)


@kernel
def remove_waiting(bk: Books, b: int, o: int) -> None:
    """Take an order out of the queue for the cross and out of the pool."""
    od = bk.order
    before = od[b, o, PREV]
    after = od[b, o, NEXT]
    if before == 0:
        bk.head[b, WAIT_HEAD] = after
    else:
        od[b, before, NEXT] = after
    if after == 0:
        bk.head[b, WAIT_TAIL] = before
    else:
        od[b, after, PREV] = before
    free_order(bk, b, o)


@kernel
def work(bk: Books, b: int, order: NewOrder, peak: int, order_id: int, fills_max: int) -> int:
    """The part of an order after its acceptance: trade, then rest or expire. Returns DONE or MORE."""
    hd = bk.head
    limit = order.price
    if order.type == MARKET:
        limit = PRICE_TICKS_MAX if order.side == 0 else 1
    left = match(bk, b, order.side, limit, order.size, order_id, fills_max)
    if left > 0:
        if fills_max == NO_CAP and crosses(bk, b, order.side, limit):
            hd[b, PEND_SIDE] = order.side
            hd[b, PEND_LIMIT] = order.price
            hd[b, PEND_SIZE] = left
            hd[b, PEND_ID] = order_id
            hd[b, PEND_DISPLAY] = order.display << 32 | peak
            hd[b, PEND_TYPE] = order.type
            hd[b, PEND_OWNER] = order.owner
            return MORE
        if order.type in (LIMIT, POST_ONLY):
            rest(bk, b, order, left, peak, order_id)
        elif fills_max == NO_CAP:
            report(bk, EXPIRE, order_id, order.side, order.price, left, 0, order.owner)
    return DONE


@kernel
def go_on(bk: Books, b: int) -> int:
    """Continue the order that stopped with MORE, after the log has been read and emptied."""
    hd = bk.head
    display = hd[b, PEND_DISPLAY] >> 32
    peak = hd[b, PEND_DISPLAY] & 0xFFFFFFFF
    left = NewOrder(hd[b, PEND_SIDE], hd[b, PEND_LIMIT], hd[b, PEND_SIZE], display, hd[b, PEND_TYPE], hd[b, PEND_OWNER])
    return work(bk, b, left, peak, hd[b, PEND_ID], NO_CAP)


@kernel
def add(bk: Books, b: int, order: NewOrder, fills_max: int) -> int:
    """One new order. Returns DONE or MORE.

    ``fills_max`` below NO_CAP cuts an IOC order to that many fills: the log then shows an order of just the size executed.
    """
    hd = bk.head
    reason = refusal(bk, b, order, False)
    if reason != 0:
        reject(bk, reason, 0, order.side, order.price, order.size, order.owner)
        return DONE
    order_id = hd[b, LAST_ID] + 1
    hd[b, LAST_ID] = order_id
    row = report(bk, ADD, order_id, order.side, order.price, order.size, 0, order.owner)
    bk.log[row, LOG_A] = order.display
    bk.log[row, LOG_B] = order.type
    if order.type >= MARKET_ON_OPEN:
        wait(bk, b, order, order_id)
        return DONE
    peak = order.display if 0 < order.display < order.size else 0
    done = work(bk, b, order, peak, order_id, fills_max)
    if fills_max != NO_CAP:
        executed = 0
        for i in range(row + 1, bk.logged[0]):
            if bk.log[i, LOG_KIND] == EXECUTE:
                executed += bk.log[i, LOG_SIZE]
        bk.log[row, LOG_SIZE] = executed
        bk.log[row, LOG_A] = executed
    return done


@kernel
def reject(bk: Books, reason: int, order_id: int, side: int, price: int, size: int, owner: int) -> None:
    """Log that a command was refused. ``order_id``: of the order that it is about, 0 for a new one."""
    row = report(bk, REJECT, order_id, side, price, size, 0, owner)
    bk.log[row, LOG_A] = reason


@kernel
def cancel(bk: Books, b: int, o: int, order_id: int) -> None:
    """Take an order out. ``o`` is where it was said to rest; another id there means that it is gone."""
    od = bk.order
    if order_id <= 0 or od[b, o, ID] != order_id:
        reject(bk, UNKNOWN_ORDER, order_id, 0, 0, 0, 0)
        return
    meta = od[b, o, META]
    size = od[b, o, SHOWN] + od[b, o, HIDDEN]
    row = report(bk, CANCEL, order_id, meta & 1, od[b, o, PRICE], size, o, meta >> META_OWNER_SHIFT)
    bk.log[row, LOG_A] = od[b, o, HIDDEN]
    if ((meta >> 1) & 3) == STYLE_WAITS:
        remove_waiting(bk, b, o)
    else:
        remove_resting(bk, b, o)


@kernel
def reduce(bk: Books, b: int, o: int, order_id: int, size: int) -> None:
    """Take shares off an order that keeps its place: hidden ones first. Nothing left is a cancel."""
    od = bk.order
    if order_id <= 0 or od[b, o, ID] != order_id:
        reject(bk, UNKNOWN_ORDER, order_id, 0, 0, size, 0)
        return
    meta = od[b, o, META]
    side = meta & 1
    price = od[b, o, PRICE]
    owner = meta >> META_OWNER_SHIFT
    if size < 1 or size > SIZE_MAX:
        reject(bk, BAD_SIZE, order_id, side, price, size, owner)
        return
    if size >= od[b, o, SHOWN] + od[b, o, HIDDEN]:
        cancel(bk, b, o, order_id)
        return
    waits = ((meta >> 1) & 3) == STYLE_WAITS
    hidden = min(size, od[b, o, HIDDEN])
    if hidden != 0:
        od[b, o, HIDDEN] -= hidden
        bk.level[b, price & (bk.level.shape[1] - 1), HIDDEN_SIZE] -= hidden
    if size != hidden:
        od[b, o, SHOWN] -= size - hidden
        if not waits:
            change_shown(bk, b, side, price, hidden - size)
    row = report(bk, REDUCE, order_id, side, price, size, o, owner)
    bk.log[row, LOG_A] = hidden


@kernel
def replace(bk: Books, b: int, o: int, order_id: int, price: int, size: int) -> int:
    """Give an order a new price and size: a new order of the old one's type and style, at the end of the queue. Returns DONE or MORE."""
    od = bk.order
    hd = bk.head
    if order_id <= 0 or od[b, o, ID] != order_id:
        reject(bk, UNKNOWN_ORDER, order_id, 0, price, size, 0)
        return DONE
    meta = od[b, o, META]
    side = meta & 1
    owner = meta >> META_OWNER_SHIFT
    style = (meta >> 1) & 3
    order_type = (meta >> META_TYPE_SHIFT) & META_TYPE_MASK
    asked = NewOrder(side, price, size, size, order_type, owner)
    reason = WAITS_FOR_CROSS if style == STYLE_WAITS else refusal(bk, b, asked, True)
    if reason != 0:
        reject(bk, reason, order_id, side, price, size, owner)
        return DONE
    peak = od[b, o, PEAK]
    display = size
    if style == STYLE_HIDDEN:
        display = 0
    elif peak != 0:
        display = min(peak, size)
    remove_resting(bk, b, o)
    new_id = hd[b, LAST_ID] + 1
    hd[b, LAST_ID] = new_id
    row = report(bk, REPLACE, order_id, side, price, size, 0, owner)
    bk.log[row, LOG_A] = display
    bk.log[row, LOG_B] = new_id
    return work(bk, b, NewOrder(side, price, size, display, order_type, owner), peak, new_id, NO_CAP)


@kernel
def carry_out(bk: Books, b: int, request: Request) -> int:
    """Whatever a request asks. Returns DONE or MORE; then its verb is DO_GO_ON the next time, and the rest of it does not matter."""
    verb = request.verb
    if verb == DO_ADD:
        order = NewOrder(request.side, request.price, request.size, request.display, request.type, request.owner)
        return add(bk, b, order, NO_CAP)
    if verb == DO_REPLACE:
        return replace(bk, b, request.slot, request.order_id, request.price, request.size)
    if verb == DO_GO_ON:
        return go_on(bk, b)
    if verb == DO_CANCEL:
        cancel(bk, b, request.slot, request.order_id)
    else:
        reduce(bk, b, request.slot, request.order_id, request.size)
    return DONE
