"""The cross: one price for all, found and carried out.

Price: trades the most shares; ties go to the least imbalance, then to a limit price of orders that stay unfilled at it, then to the
nearest to the reference, then to the lower.
Priority: market orders, then better prices; at one price what is displayed and the limit orders that waited for the cross, by
time; then what is hidden, of reserve orders and of fully hidden ones alike, by time. (``docs/book.md`` has the sources.)

A cross is rare: the price is found with numpy, which costs no compilation; only its execution, which shares the matching's
inner functions, is compiled.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.book.codes import CROSS, CROSS_CLOSE, EXECUTE, EXPIRE, MARKET_ON_CLOSE, REFILL
from simulator.book.jit import entry, kernel
from simulator.book.levels import change_shown, refill, remove_resting, report
from simulator.book.matching import remove_waiting
from simulator.book.state import (
    HIDDEN,
    HIDDEN_HEAD,
    HIDDEN_SIZE,
    ID,
    LOG_A,
    LOG_B,
    META,
    META_OWNER_SHIFT,
    META_TYPE_MASK,
    META_TYPE_SHIFT,
    NEXT,
    PEAK,
    POOL_TOP,
    PRICE,
    SHOWN,
    SHOWN_HEAD,
    STYLE_WAITS,
    WAIT_HEAD,
    Books,
)
from simulator.records import I64, PRICE_TICKS_MAX


class Interest(NamedTuple):
    """One side's shares in priority order, int64[n] each. A reserve order comes twice: what it displays, and what it hides."""

    slots: I64
    limits: I64
    """Ticks; 0 for a market order."""
    shares: I64


def resting_prices(bk: Books, b: int, side: int) -> I64:
    """The prices at which orders of a side rest, best first."""
    records = bk.order[b, : bk.head[b, POOL_TOP]]
    live = records[(records[:, ID] != 0) & ((records[:, META] & 1) == side) & (((records[:, META] >> 1) & 3) != STYLE_WAITS)]
    prices = np.unique(live[:, PRICE]).astype(np.int64)
    return prices[::-1] if side == 0 else prices


def queue(bk: Books, b: int, first: int) -> list[int]:
    """The order slots of a queue, from its head on."""
    slots = []
    while first != 0:
        slots.append(first)
        first = int(bk.order[b, first, NEXT])
    return slots


def gather(bk: Books, b: int, side: int, kind: int) -> Interest:
    """All that takes part in a cross of ``kind`` on one side: everything that rests, and what waits for it.

    Time is an order's id. Of displayed orders the queue's order holds, which a reserve that showed anew has left its id's place in:
    an order counts as no older than those before it.
    """
    mask = bk.level.shape[1] - 1
    keyed: list[tuple[int, int, int, int, int]] = []  # price rank, whether hidden, time, place in its queue, slot
    for price in resting_prices(bk, b, side):
        rank = int(PRICE_TICKS_MAX - price if side == 0 else price)
        time = 0
        for place, slot in enumerate(queue(bk, b, int(bk.level[b, price & mask, SHOWN_HEAD]))):
            time = max(time, int(bk.order[b, slot, ID]))
            keyed.append((rank, 0, time, place, slot))
            if bk.order[b, slot, HIDDEN] != 0:
                keyed.append((rank, 1, int(bk.order[b, slot, ID]), 0, slot))
        for slot in queue(bk, b, int(bk.level[b, price & mask, HIDDEN_HEAD])):
            keyed.append((rank, 1, int(bk.order[b, slot, ID]), 0, slot))
    for slot in queue(bk, b, int(bk.head[b, WAIT_HEAD])):
        meta, limit = int(bk.order[b, slot, META]), int(bk.order[b, slot, PRICE])
        on_close = (meta >> META_TYPE_SHIFT) & META_TYPE_MASK >= MARKET_ON_CLOSE
        if (meta & 1) == side and on_close == (kind == CROSS_CLOSE):
            rank = -1 if limit == 0 else (PRICE_TICKS_MAX - limit if side == 0 else limit)
            keyed.append((rank, 0, int(bk.order[b, slot, ID]), 0, slot))
    keyed.sort()
    slots = np.array([row[4] for row in keyed], np.int64)
    hidden = np.array([row[1] for row in keyed], np.int64)
    records = bk.order[b, slots].astype(np.int64).reshape(-1, 8)
    return Interest(slots, records[:, PRICE], np.where(hidden == 1, records[:, HIDDEN], records[:, SHOWN]))


def fills(interest: Interest, paired: int) -> tuple[I64, I64]:
    """(slots, shares) of the orders that trade when ``paired`` shares of a side do, in the order of their first share."""
    before = np.cumsum(interest.shares) - interest.shares
    traded = np.clip(paired - before, 0, interest.shares)
    by_slot: dict[int, int] = {}
    for slot, shares in zip(interest.slots.tolist(), traded.tolist(), strict=True):
        if shares:
            by_slot[slot] = by_slot.get(slot, 0) + shares
    return np.array(list(by_slot), np.int64), np.array(list(by_slot.values()), np.int64)


def willing(interest: Interest, side: int, prices: I64) -> I64:
    """Shares of a side that accept each price."""
    limited = interest.limits > 0
    at_market = int(interest.shares[~limited].sum())
    limits, shares = interest.limits[limited], interest.shares[limited]
    totals = np.concatenate((np.zeros(1, np.int64), np.cumsum(shares)))
    if side == 0:
        return at_market + totals[np.searchsorted(-limits, -prices, side="right")]
    return at_market + totals[np.searchsorted(limits, prices, side="right")]


def clearing_price(buys: Interest, sells: Interest, reference: int) -> tuple[int, int, int]:
    """(price, paired shares, buy minus sell shares at it); zeros if nothing would trade.

    Supply and demand change only at limit prices, so between two neighbouring ones only the tick nearest to the reference counts.
    """
    limits = np.unique(np.concatenate((buys.limits, sells.limits)))
    limits = limits[limits > 0]
    lowest = int(min(reference, limits[0] if len(limits) else reference)) - 1
    highest = int(max(reference, limits[-1] if len(limits) else reference)) + 1
    gap_low = np.concatenate(([lowest], limits + 1))
    gap_high = np.concatenate((limits - 1, [highest]))
    nearest = np.clip(reference, gap_low, gap_high)[gap_low <= gap_high]
    prices = np.unique(np.concatenate((limits, nearest)))
    prices = prices[(prices >= 1) & (prices <= PRICE_TICKS_MAX)]
    surplus = willing(buys, 0, prices) - willing(sells, 1, prices)
    paired = np.minimum(willing(buys, 0, prices), willing(sells, 1, prices))
    # Of a side with a surplus at its own limit price, the orders with that limit are the last in turn: some of them stay unfilled.
    unfilled = ((surplus > 0) & np.isin(prices, buys.limits)) | ((surplus < 0) & np.isin(prices, sells.limits))
    best = np.lexsort((prices, np.abs(prices - reference), ~unfilled, np.abs(surplus), -paired))[0]
    if paired[best] == 0:
        return 0, 0, 0
    return int(prices[best]), int(paired[best]), int(surplus[best])


def indicate(bk: Books, b: int, kind: int, reference: int) -> tuple[int, int, int]:
    """What ``cross`` would do now: (price, paired shares, buy minus sell shares)."""
    return clearing_price(gather(bk, b, 0, kind), gather(bk, b, 1, kind), reference)


def cross(bk: Books, b: int, kind: int, reference: int) -> int:
    """Carry out the cross; the waiting orders of its kind that are left expire. Returns the paired shares. Appends to the log."""
    buys, sells = gather(bk, b, 0, kind), gather(bk, b, 1, kind)
    price, paired, surplus = clearing_price(buys, sells, reference)
    outcome = np.array([kind, price, paired, surplus], np.int64)
    carry_out(bk, b, outcome, *fills(buys, paired), *fills(sells, paired))
    return paired


@kernel
def takes_part(meta: int, kind: int) -> bool:
    """Whether a waiting order waits for this kind of cross."""
    on_close = ((meta >> META_TYPE_SHIFT) & META_TYPE_MASK) >= MARKET_ON_CLOSE
    return on_close == (kind == CROSS_CLOSE)


@kernel
def fill_in_cross(bk: Books, b: int, o: int, price: int, shares: int) -> None:
    """Trade ``shares`` of one participant: displayed part first, then hidden. Log rows: EXECUTE, REFILL."""
    od = bk.order
    meta = od[b, o, META]
    side = meta & 1
    owner = meta >> META_OWNER_SHIFT
    order_id = od[b, o, ID]
    if ((meta >> 1) & 3) == STYLE_WAITS:
        report(bk, EXECUTE, order_id, side, price, shares, o, owner)
        if shares == od[b, o, SHOWN]:
            remove_waiting(bk, b, o)
        else:
            od[b, o, SHOWN] -= shares
        return
    shown = min(shares, od[b, o, SHOWN])
    hidden = shares - shown
    row = report(bk, EXECUTE, order_id, side, price, shares, o, owner)
    bk.log[row, LOG_A] = hidden
    if shares == od[b, o, SHOWN] + od[b, o, HIDDEN]:
        remove_resting(bk, b, o)
        return
    limit = od[b, o, PRICE]
    if shown != 0:
        od[b, o, SHOWN] -= shown
        change_shown(bk, b, side, limit, -shown)
    if hidden != 0:
        od[b, o, HIDDEN] -= hidden
        bk.level[b, limit & (bk.level.shape[1] - 1), HIDDEN_SIZE] -= hidden
    if od[b, o, SHOWN] == 0 and od[b, o, PEAK] != 0:
        now_shown = refill(bk, b, o)
        row = report(bk, REFILL, order_id, side, limit, now_shown, o, owner)
        bk.log[row, LOG_A] = od[b, o, HIDDEN]


@entry
def carry_out(bk: Books, b: int, outcome: I64, buys: I64, buy_shares: I64, sells: I64, sell_shares: I64) -> None:
    """Fill each side's orders, in the order given; then expire what waited for this cross in vain.

    ``outcome``: int64[4], kind, price in ticks, paired shares, and buy less sell shares. Appends 1 + 2 orders rows to the log at most.
    """
    kind, price, paired, surplus = outcome[0], outcome[1], outcome[2], outcome[3]
    row = report(bk, CROSS, 0, 0 if surplus >= 0 else 1, price, paired, 0, 0)
    bk.log[row, LOG_A] = abs(surplus)
    bk.log[row, LOG_B] = kind
    for i in range(len(buys)):
        fill_in_cross(bk, b, buys[i], price, buy_shares[i])
    for i in range(len(sells)):
        fill_in_cross(bk, b, sells[i], price, sell_shares[i])
    od = bk.order
    o = bk.head[b, WAIT_HEAD]
    while o != 0:
        after = od[b, o, NEXT]
        meta = od[b, o, META]
        if takes_part(meta, kind):
            report(bk, EXPIRE, od[b, o, ID], meta & 1, od[b, o, PRICE], od[b, o, SHOWN], o, meta >> META_OWNER_SHIFT)
            remove_waiting(bk, b, o)
        o = after
