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
    HIDDEN,
    ID,
    LOG_ID,
    LOG_KIND,
    LOG_PRICE,
    LOG_SLOT,
    NO_ASK,
    NO_BID,
    SHOWN_ASK,
    SHOWN_BID,
    SHOWN_SIZE,
    TRADING,
    Books,
    NewOrder,
)
from simulator.flow import NEVER_NS
from simulator.flow.edges import best_shown, is_banned, observe, price_moves
from simulator.flow.random import below, exponential, uniform
from simulator.flow.state import (
    ATTRACTION,
    BOOK_USED,
    DESERVED,
    HIDDEN_ID,
    HIDDEN_NEXT,
    HIDDEN_PRICE,
    HIDDEN_SLOT,
    HIDDEN_UNTIL,
    HIDDEN_VENUE,
    IMPACT,
    INSTITUTION,
    INVENTORY,
    LEAN,
    ODD,
    P_BLOCK,
    P_HIDDEN,
    P_LOTS,
    P_ONE,
    P_PROTECTED,
    P_SWEEP,
    PARENT_DONE,
    PARENT_ID,
    PARENT_LENGTH,
    PARENT_SIDE,
    PARENT_SLOTS,
    PARENTS_SEEN,
    PRICE,
    PRINT_USED,
    SECOND,
    SERVED,
    SHIFT,
    SWEEP_AT,
    SWEEP_LIMIT,
    SWEEP_OWNER,
    SWEEP_PARENT,
    SWEEP_SIDE,
    SWEEP_SIZE,
    TAKER,
    TARGET,
    VALUE,
    FlowState,
)
from simulator.tape.columns import TICK_UNITS, Columns, finish_action

UNITS_A_DOLLAR = 10_000.0
PRINTS_AN_ORDER_MAX = 24
BLOCK_SIZE_MAX = 10_000
HIDDEN_SIZE, HIDDEN_SIZE_MAX, HIDDEN_LIFE_NS = 4000.0, 40_000, 40e9
INSIDE_SHARE = 0.2
"""Of the institutions' hidden orders: those that rest inside the spread."""
LEAN_MOST = 0.6
INVENTORY_KEPT = 0.98
"""Of a venue's inventory after each trade: makers lay off the rest elsewhere."""


@kernel
def dollars(out: Columns, fl: FlowState, i: int, b: int) -> float:
    """The efficient price of symbol ``i`` in USD."""
    return fl.real[i, PRICE] * out.facts[b, TICK_UNITS] / UNITS_A_DOLLAR


@kernel
def lean(fl: FlowState, i: int) -> float:
    """How much likelier a parent order buys than sells, at most LEAN_MOST: those who trade know a part of where the day leads. Without,
    what orders have moved would come back on the way to the day's close, and every response fade (docs/recipe.md)."""
    path = fl.path[i, fl.whole[i, SECOND]]
    wanted = path[LEAN] * (path[TARGET] + fl.real[i, SHIFT] - fl.real[i, PRICE])
    return max(-LEAN_MOST, min(LEAN_MOST, wanted))


@kernel
def next_parent(fl: FlowState, i: int, t: int) -> int:
    """The parent order whose turn it is; moves the efficient price by what its going on, or its end, tells. Returns its slot."""
    slot = below(fl.random, i, PARENT_SLOTS)
    parent = fl.parents[i, slot]
    done = parent[PARENT_DONE]
    sign = 1.0 - 2.0 * parent[PARENT_SIDE]
    scale = fl.real[i, IMPACT]
    price_moves(fl, i, t)
    if done >= parent[PARENT_LENGTH]:
        if done > 0:
            fl.real[i, PRICE] += sign * scale * (fl.impact[done, DESERVED] - fl.impact[done, VALUE])
        most = fl.impact.shape[0] - 2
        fl.whole[i, PARENTS_SEEN] += 1
        parent[PARENT_ID] = fl.whole[i, PARENTS_SEEN]
        parent[PARENT_SIDE] = 0 if uniform(fl.random, i) < 0.5 + 0.5 * lean(fl, i) else 1
        parent[PARENT_LENGTH] = min(most, int((1.0 - uniform(fl.random, i)) ** (-1.0 / 1.5)))
        parent[PARENT_DONE] = 0
        done = 0
        sign = 1.0 - 2.0 * parent[PARENT_SIDE]
    before = fl.impact[done, VALUE] if done > 0 else 0.0
    fl.real[i, PRICE] += sign * scale * (fl.impact[done + 1, VALUE] - before)
    parent[PARENT_DONE] = done + 1
    return slot


@kernel
def best_venue(bk: Books, fl: FlowState, i: int, side: int) -> int:
    """The venue that shows the best price to an order of ``side``; of those that tie one by its attraction; -1 if none shows any.

    An order goes nowhere else (Regulation NMS, Rule 611): what trades through a better quote would need a quote that came on its way.
    Where the best price, or a hidden better one, lies outside of the price bands it does not go. Without order protection all prices tie.
    """
    venues = fl.repricing.shape[1]
    protected = fl.parameter[P_PROTECTED] != 0.0
    chosen = -1
    best = 0
    weight = 0.0
    for v in range(venues):
        price = best_shown(bk, i * venues + v, 1 - side)
        if price in (NO_BID, NO_ASK) or bk.head[i * venues + v, TRADING] == 0:
            continue
        if is_banned(fl, i, price) or is_banned(fl, i, bk.head[i * venues + v, BEST_ASK if side == 0 else BEST_BID]):
            continue
        if chosen < 0 or (protected and (price < best if side == 0 else price > best)):
            chosen = v
            best = price
            weight = fl.venue[i, v, ATTRACTION]
        elif price == best or not protected:
            weight += fl.venue[i, v, ATTRACTION]
            if uniform(fl.random, i) * weight < fl.venue[i, v, ATTRACTION]:
                chosen = v
    return chosen


@kernel
def order_size(fl: FlowState, i: int) -> int:
    """Shares of a taker's order that is no block: an odd lot, or some whole lots, rarely mixed."""
    u = uniform(fl.random, i)
    if u < fl.parameter[P_ONE]:
        return 1
    if u < fl.real[i, ODD]:
        return 1 + int(99.0 * uniform(fl.random, i) ** 1.6)
    lots = 1 + int(exponential(fl.random, i) * fl.parameter[P_LOTS])
    return min(9, lots) * 100 + (below(fl.random, i, 100) if uniform(fl.random, i) < 0.06 else 0)


@kernel
def block_size(fl: FlowState, i: int) -> int:
    """Shares of a block: a power law of exponent 3 from 1,000 on, mostly whole lots."""
    size = 100 * int(10.2 * (1.0 - uniform(fl.random, i)) ** (-1.0 / 3.0))
    if uniform(fl.random, i) < 0.3:
        size += below(fl.random, i, 100)
    return min(size, BLOCK_SIZE_MAX)


@kernel
def send_ioc(bk: Books, out: Columns, fl: FlowState, i: int, v: int, t: int, limit: int, cap: int) -> None:
    """Send what is left of the taker's order at hand to a venue, immediate-or-cancel, cut to ``cap`` prints; the rest stays at hand.

    Counts the rows, and wakes the maker if the best price moved.
    """
    whole = fl.whole[i]
    side = whole[SWEEP_SIDE]
    size = whole[SWEEP_SIZE]
    b = i * fl.repricing.shape[1] + v
    before = best_shown(bk, b, 1 - side)
    matching.add(bk, b, NewOrder(side, limit, size, size, IOC, whole[SWEEP_OWNER]), min(cap, PRINTS_AN_ORDER_MAX))
    traded = bk.log[0, 4] if bk.logged[0] > 0 else 0
    prints, row = finish_action(bk, out, b, t, whole[SWEEP_OWNER], whole[SWEEP_PARENT], dollars(out, fl, i, b), True)
    fl.venue[i, v, INVENTORY] = INVENTORY_KEPT * fl.venue[i, v, INVENTORY] - (1 - 2 * side) * traded
    whole[PRINT_USED] += prints
    whole[BOOK_USED] += row
    whole[SWEEP_SIZE] = size - traded
    if row:
        whole[SERVED] |= 1 << v
    if best_shown(bk, b, 1 - side) != before:
        observe(bk, fl, i, v)
        fl.repricing[i, v] = min(fl.repricing[i, v], t + 500_000 + int(4e6 * uniform(fl.random, i)))


@kernel
def go_on_later(fl: FlowState, i: int, t: int) -> None:
    """What is left of a sweep reaches the next venue some microseconds later."""
    fl.whole[i, SWEEP_AT] = t + 20_000 + below(fl.random, i, 60_000) if fl.whole[i, SWEEP_SIZE] > 0 else NEVER_NS


@inlined
def take(bk: Books, out: Columns, fl: FlowState, i: int, t: int, cap: int) -> bool:
    """One child of a parent order trades. Returns whether anything was sent."""
    slot = next_parent(fl, i, t)
    whole = fl.whole[i]
    side = fl.parents[i, slot, PARENT_SIDE]
    v = best_venue(bk, fl, i, side)
    if v < 0:
        return False
    b = i * fl.repricing.shape[1] + v
    price = best_shown(bk, b, 1 - side)
    whole[SWEEP_SIDE] = side
    whole[SWEEP_OWNER] = TAKER
    whole[SWEEP_PARENT] = fl.parents[i, slot, PARENT_ID]
    whole[SWEEP_LIMIT] = price
    whole[SWEEP_AT] = NEVER_NS
    hidden = fl.hidden[i, 1 - side]
    if meets_hidden(bk, fl, i, 1 - side, price) and uniform(fl.random, i) < fl.parameter[P_BLOCK]:
        whole[SWEEP_SIZE] = block_size(fl, i)
        send_ioc(bk, out, fl, i, hidden[HIDDEN_VENUE], t, hidden[HIDDEN_PRICE], cap)
        return True
    size = order_size(fl, i)
    shown = bk.level[b, price & (bk.level.shape[1] - 1), SHOWN_SIZE]
    supported = (fl.real[i, PRICE] - price) * (1 - 2 * side) > -0.5
    if size >= shown and not supported and uniform(fl.random, i) < 0.85:
        size = max(1, shown - 100) if shown > 100 else max(1, shown // 2)
    elif size >= shown and uniform(fl.random, i) < fl.parameter[P_SWEEP]:
        whole[SWEEP_LIMIT] = max(1, price + (1 - 2 * side) * 2)
    whole[SWEEP_SIZE] = size
    send_ioc(bk, out, fl, i, v, t, price, cap)
    go_on_later(fl, i, t)
    return True


@inlined
def on_sweep(bk: Books, out: Columns, fl: FlowState, i: int, t: int, cap: int) -> None:
    """The rest of an order goes to the venue that is best now, one price at a time, as far as its limit goes."""
    whole = fl.whole[i]
    whole[SWEEP_AT] = NEVER_NS
    side = whole[SWEEP_SIDE]
    v = best_venue(bk, fl, i, side)
    if v < 0 or cap < 1:
        return
    price = best_shown(bk, i * fl.repricing.shape[1] + v, 1 - side)
    if price > whole[SWEEP_LIMIT] if side == 0 else price < whole[SWEEP_LIMIT]:
        return
    send_ioc(bk, out, fl, i, v, t, price, cap)
    go_on_later(fl, i, t)


@kernel
def is_there(bk: Books, fl: FlowState, i: int, side: int) -> bool:
    """Whether the institution's hidden order of a side still rests in its book."""
    hidden = fl.hidden[i, side]
    b = i * fl.repricing.shape[1] + hidden[HIDDEN_VENUE]
    return hidden[HIDDEN_UNTIL] != NEVER_NS and bk.order[b, hidden[HIDDEN_SLOT], ID] == hidden[HIDDEN_ID]


@kernel
def meets_hidden(bk: Books, fl: FlowState, i: int, side: int, best: int) -> bool:
    """Whether the hidden order of ``side`` stands at no worse a price, for who trades with it, than the ``best`` displayed one."""
    price = fl.hidden[i, side, HIDDEN_PRICE]
    b = i * fl.repricing.shape[1] + fl.hidden[i, side, HIDDEN_VENUE]
    if not is_there(bk, fl, i, side) or bk.head[b, TRADING] == 0 or is_banned(fl, i, price):
        return False
    return price >= best if side == 0 else price <= best


@kernel
def peg(bk: Books, fl: FlowState, i: int, side: int, v: int) -> int:
    """Where an institution's order of a side would rest at a venue: at its best price, at times inside the spread; 0 if nowhere."""
    b = i * fl.repricing.shape[1] + v
    bid = bk.head[b, SHOWN_BID]
    ask = bk.head[b, SHOWN_ASK]
    if bid == NO_BID or ask == NO_ASK:
        return 0
    price = bid if side == 0 else ask
    if ask - bid > 1 and uniform(fl.random, i) < INSIDE_SHARE:
        price = bid + 1 + below(fl.random, i, ask - bid - 1)
    if price >= bk.head[b, BEST_ASK] if side == 0 else price <= bk.head[b, BEST_BID]:
        return 0
    return 0 if is_banned(fl, i, price) else price


@kernel
def note_hidden(bk: Books, fl: FlowState, i: int, side: int) -> None:
    """Remember where the order at the end of the log rests, if it does."""
    last = bk.logged[0] - 1
    hidden = fl.hidden[i, side]
    if bk.log[last, LOG_KIND] == REST:
        hidden[HIDDEN_SLOT] = bk.log[last, LOG_SLOT]
        hidden[HIDDEN_ID] = bk.log[last, LOG_ID]
        hidden[HIDDEN_PRICE] = bk.log[last, LOG_PRICE]
    else:
        hidden[HIDDEN_UNTIL] = NEVER_NS


@kernel
def any_venue(fl: FlowState, i: int) -> int:
    """A venue by its attraction."""
    chosen = 0
    weight = 0.0
    for v in range(fl.repricing.shape[1]):
        weight += fl.venue[i, v, ATTRACTION]
        if uniform(fl.random, i) * weight < fl.venue[i, v, ATTRACTION]:
            chosen = v
    return chosen


@inlined
def tend_hidden(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> None:
    """An institution rests a large hidden order for seconds to minutes; the one it has follows its venue's quote. No row is written."""
    side = below(fl.random, i, 2)
    hidden = fl.hidden[i, side]
    if uniform(fl.random, i) >= fl.parameter[P_HIDDEN]:
        return
    if hidden[HIDDEN_UNTIL] == NEVER_NS:
        v = any_venue(fl, i)
        price = peg(bk, fl, i, side, v)
        if price == 0:
            return
        size = min(HIDDEN_SIZE_MAX, block_size(fl, i) + int(HIDDEN_SIZE * exponential(fl.random, i)))
        matching.add(bk, i * fl.repricing.shape[1] + v, NewOrder(side, price, size, 0, LIMIT, INSTITUTION), NO_CAP)
        hidden[HIDDEN_VENUE] = v
        hidden[HIDDEN_UNTIL] = t + 2_000_000_000 + int(HIDDEN_LIFE_NS * exponential(fl.random, i))
        note_hidden(bk, fl, i, side)
    elif is_there(bk, fl, i, side):
        b = i * fl.repricing.shape[1] + hidden[HIDDEN_VENUE]
        price = peg(bk, fl, i, side, hidden[HIDDEN_VENUE])
        if price == 0 or price == hidden[HIDDEN_PRICE]:
            return
        matching.replace(bk, b, hidden[HIDDEN_SLOT], hidden[HIDDEN_ID], price, bk.order[b, hidden[HIDDEN_SLOT], HIDDEN])
        note_hidden(bk, fl, i, side)
    else:
        hidden[HIDDEN_UNTIL] = NEVER_NS
        return
    first_book = i * fl.repricing.shape[1]
    finish_action(bk, out, first_book + hidden[HIDDEN_VENUE], t, 0, 0, dollars(out, fl, i, first_book), True)
    fl.whole[i, HIDDEN_NEXT] = min(fl.hidden[i, 0, HIDDEN_UNTIL], fl.hidden[i, 1, HIDDEN_UNTIL])


@inlined
def end_hidden(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> None:
    """The time of one of them is over."""
    side = 0 if fl.hidden[i, 0, HIDDEN_UNTIL] <= fl.hidden[i, 1, HIDDEN_UNTIL] else 1
    hidden = fl.hidden[i, side]
    b = i * fl.repricing.shape[1] + hidden[HIDDEN_VENUE]
    if is_there(bk, fl, i, side):
        matching.cancel(bk, b, hidden[HIDDEN_SLOT], hidden[HIDDEN_ID])
        finish_action(bk, out, b, t, 0, 0, 0.0, True)
    hidden[HIDDEN_UNTIL] = NEVER_NS
    fl.whole[i, HIDDEN_NEXT] = min(fl.hidden[i, 0, HIDDEN_UNTIL], fl.hidden[i, 1, HIDDEN_UNTIL])
