"""Where a maker wants its quotes, and what it sees of the other venues when it places them."""

from __future__ import annotations

import math

from simulator.book.jit import kernel
from simulator.book.levels import price_at_or_above, price_at_or_below
from simulator.book.state import ASK_LEVELS, BID_LEVELS, LAST_TS, NO_ASK, NO_BID, SHOWN_ASK, SHOWN_BID, TRADING, Books
from simulator.flow.random import uniform
from simulator.flow.state import (
    BAND_HIGH,
    BAND_LOW,
    BUSY,
    EXTRA_SPREAD,
    FAR,
    HALF_SPREAD,
    INVENTORY,
    NEXT,
    OFFSET,
    P_BUSY,
    P_SKEW,
    PRICE,
    PRICE_AT,
    PRICE_BEFORE,
    REACTION_NS,
    SECOND,
    SEEN_ASK,
    SEEN_BID,
    SEEN_NS,
    SEEN_STATES,
    SPREAD,
    FlowState,
)

LOT = 100
LOCK_SHARE = 0.08
"""Of quotes: those that may lock what their maker sees (as an intermarket sweep order does, whose other part takes it away)."""
SEES_NS = 150_000
"""What a venue knows of the others' quotes when an order arrives is at most so old, however long the order was on its way: it slides the
price of one that would lock or cross them (Cboe BZX Rule 11.9(g), display-price sliding). Some 60 to 180 µs lie between the venues' data
centres in New Jersey."""


@kernel
def price_moves(fl: FlowState, i: int, t: int) -> None:
    """To be called before the efficient price moves at ``t``."""
    if t > fl.whole[i, PRICE_AT]:
        fl.real[i, PRICE_BEFORE] = fl.real[i, PRICE]
        fl.whole[i, PRICE_AT] = t


@kernel
def known_price(fl: FlowState, i: int, v: int) -> float:
    """The efficient price as the maker of venue ``v`` knows it at the event at hand: what has just come it has yet to hear of."""
    if fl.whole[i, NEXT] - fl.whole[i, PRICE_AT] < min(SEES_NS, int(fl.venue[i, v, REACTION_NS])):
        return fl.real[i, PRICE_BEFORE]
    return fl.real[i, PRICE]


@kernel
def edge(fl: FlowState, i: int, v: int, side: int) -> int:
    """The best price, in ticks, that venue ``v``'s maker would quote on a side of symbol ``i`` if it were alone; within the price bands."""
    second = fl.whole[i, SECOND]
    half = (fl.real[i, HALF_SPREAD] + fl.venue[i, v, EXTRA_SPREAD]) * fl.path[i, second, SPREAD]
    half += min(1.5, max(0.0, fl.parameter[P_BUSY] * fl.path[i, second, BUSY]))
    lean = fl.parameter[P_SKEW] * fl.venue[i, v, INVENTORY] / LOT
    middle = known_price(fl, i, v) + fl.venue[i, v, OFFSET] - max(-0.5, min(0.5, lean))
    if side == 0:
        bid = math.floor(middle - half)
        if fl.real[i, BAND_HIGH] > 0.0:
            bid = min(bid, int(fl.real[i, BAND_HIGH]))
        return max(1, bid)
    return max(2, math.ceil(middle + half), int(fl.real[i, BAND_LOW]))


@kernel
def is_banned(fl: FlowState, i: int, price: int) -> bool:
    """Whether a trade at ``price`` would be outside of the symbol's price bands."""
    return fl.real[i, BAND_HIGH] > 0.0 and (price > fl.real[i, BAND_HIGH] or price < fl.real[i, BAND_LOW])


@kernel
def observe(bk: Books, fl: FlowState, i: int, v: int) -> bool:
    """Note the best quote of a book, if it is another than before: the others will see it in time. Returns whether it is."""
    b = i * fl.repricing.shape[1] + v
    n = fl.seen_at[i, v]
    last = fl.seen[i, v, n % SEEN_STATES]
    if last[SEEN_BID] == bk.head[b, SHOWN_BID] and last[SEEN_ASK] == bk.head[b, SHOWN_ASK]:
        return False
    n += 1
    fl.seen_at[i, v] = n
    new = fl.seen[i, v, n % SEEN_STATES]
    new[SEEN_NS] = bk.head[b, LAST_TS]
    new[SEEN_BID] = bk.head[b, SHOWN_BID]
    new[SEEN_ASK] = bk.head[b, SHOWN_ASK]
    return True


@kernel
def seen_quote(fl: FlowState, i: int, v: int, ts: int, side: int) -> int:
    """The best price of a venue's side as it stood at ``ts``, or at the earliest time that is remembered."""
    n = fl.seen_at[i, v]
    for k in range(SEEN_STATES - 1):
        state = fl.seen[i, v, (n - k) % SEEN_STATES]
        if state[SEEN_NS] <= ts:
            return state[SEEN_BID + side]
    return fl.seen[i, v, (n + 1) % SEEN_STATES, SEEN_BID + side]


@kernel
def allowed_edge(fl: FlowState, i: int, v: int, t: int, side: int) -> int:
    """The same, but neither locking nor crossing what the maker sees of the other venues (Regulation NMS, Rule 610(d))."""
    price = edge(fl, i, v, side)
    away_by = 0 if uniform(fl.random, i) < LOCK_SHARE else 1
    seen_ns = t - min(SEES_NS, int(fl.venue[i, v, REACTION_NS]))
    slowest_ns = 0
    for u in range(fl.repricing.shape[1]):
        if u != v:
            slowest_ns = max(slowest_ns, int(fl.venue[i, u, REACTION_NS]))
            away = seen_quote(fl, i, u, seen_ns, 1 - side)
            if side == 0:
                if away != NO_ASK and price - away < fl.real[i, FAR]:
                    price = min(price, away - away_by)
            elif away != NO_BID and away - price < fl.real[i, FAR]:
                price = max(price, away + away_by)
    if t - fl.whole[i, PRICE_AT] < 2 * min(SEES_NS, slowest_ns):
        # The others are still where the price came from: a tick through that is enough.
        half = fl.real[i, HALF_SPREAD] * fl.path[i, fl.whole[i, SECOND], SPREAD]
        if side == 0:
            price = min(price, math.ceil(fl.real[i, PRICE_BEFORE] + half) + 1)
        else:
            price = max(price, math.floor(fl.real[i, PRICE_BEFORE] - half) - 1)
    return max(1 + side, price)


@kernel
def best_shown(bk: Books, b: int, side: int) -> int:
    return bk.head[b, SHOWN_BID] if side == 0 else bk.head[b, SHOWN_ASK]


@kernel
def widest_cross(bk: Books, fl: FlowState, i: int) -> tuple[int, int]:
    """The venues of the highest displayed bid and of the lowest displayed ask, of those that trade; -1 twice unless they cross."""
    venues = fl.repricing.shape[1]
    high, low = -1, -1
    bid, ask = 0, 0
    for v in range(venues):
        b = i * venues + v
        if bk.head[b, TRADING] == 0:
            continue
        if bk.head[b, SHOWN_BID] != NO_BID and (high < 0 or bk.head[b, SHOWN_BID] > bid):
            high = v
            bid = bk.head[b, SHOWN_BID]
        if bk.head[b, SHOWN_ASK] != NO_ASK and (low < 0 or bk.head[b, SHOWN_ASK] < ask):
            low = v
            ask = bk.head[b, SHOWN_ASK]
    if high < 0 or low < 0 or bid <= ask:
        return -1, -1
    return high, low


@kernel
def next_shown(bk: Books, b: int, side: int, price: int) -> int:
    """The next displayed price behind ``price``; NO_BID or NO_ASK if there is none."""
    return price_at_or_below(bk, b, bk.shown, price - 1) if side == 0 else price_at_or_above(bk, b, bk.shown, price + 1)


@kernel
def level_count(bk: Books, b: int, side: int) -> int:
    return bk.head[b, BID_LEVELS] if side == 0 else bk.head[b, ASK_LEVELS]


@kernel
def lacks_side(bk: Books, b: int) -> bool:
    """Whether a side of the book displays nothing."""
    return bk.head[b, BID_LEVELS] == 0 or bk.head[b, ASK_LEVELS] == 0


@kernel
def is_held(bk: Books, fl: FlowState, i: int, v: int) -> bool:
    """Whether venue ``v`` quotes wider than its maker would if it were alone."""
    b = i * fl.repricing.shape[1] + v
    return best_shown(bk, b, 0) < edge(fl, i, v, 0) or best_shown(bk, b, 1) > edge(fl, i, v, 1)


@kernel
def is_left_behind(bk: Books, fl: FlowState, i: int, v: int) -> bool:
    """Whether the price has gone so far from a quote of venue ``v`` that its two sides must follow together: what stood between would
    fill the book's price window, and one side alone would push the other out of it."""
    b = i * fl.repricing.shape[1] + v
    far = fl.real[i, FAR]
    bid = best_shown(bk, b, 0)
    ask = best_shown(bk, b, 1)
    return (bid != NO_BID and abs(edge(fl, i, v, 0) - bid) > far) or (ask != NO_ASK and abs(edge(fl, i, v, 1) - ask) > far)
