"""The flow's loop: which symbol is next, what happens to it, and when it will be its turn again.

Within each second a symbol has a number of rows to write (``rates``). They fall where uniform random times would fall: the
next of ``left`` rows comes after (1 - u^(1/left)) of the time that is left. What happens at such a moment is decided then, from
the state of the books. Rows that answer to something (a re-quote after news, the second venue of a sweep) come on their own and
are taken off the same number; where they pass it they are borrowed from the next second, within the ceiling.
"""

from __future__ import annotations

import math

from simulator.book import matching
from simulator.book.codes import MARKET_ON_CLOSE, MARKET_ON_OPEN
from simulator.book.jit import entry, inlined, kernel
from simulator.book.matching import NO_CAP
from simulator.book.state import ASK_LEVELS, BID_LEVELS, Books
from simulator.flow import NEVER_NS
from simulator.flow.quoting import best_shown, maintain, requote, seed_book
from simulator.flow.random import below, exponential, normal, uniform
from simulator.flow.rates import BOOK_CEILING, BOOK_FLOOR, BOOK_TARGET, PRINT_CEILING, PRINT_FLOOR, PRINT_TARGET
from simulator.flow.state import (
    AGENT_RUN,
    AGENT_SIGN,
    AUCTION,
    AUCTION_NET,
    AUCTION_SHARES,
    BELIEF,
    BLOCK_AT,
    BOOK_AIM,
    BOOK_DEBT,
    BOOK_USED,
    DESERVED,
    FACTOR,
    HALF_SPREAD,
    HIGHEST,
    IMPACT,
    LISTING,
    MODE_CLOSE_INTEREST,
    MODE_LATE_INTEREST,
    MODE_OPEN_INTEREST,
    MODE_TRADES,
    NEXT,
    OPENED,
    OWN_SHARE,
    P_CLOSE,
    P_NEWS_ROWS,
    P_OPEN,
    PRICE,
    PRINT_AIM,
    PRINT_DEBT,
    PRINT_USED,
    REACTION_NS,
    RETURN_DUE,
    SECOND,
    SECOND_END,
    SERVED,
    SINCE_NEWS,
    SLOT,
    SWEEP_AT,
    SWEEP_PARENT,
    SWEEP_SIDE,
    SWEEP_SIZE,
    VOLATILITY,
    FlowState,
)
from simulator.flow.taking import best_venue, send_block, send_ioc, take
from simulator.records import NS_PER_S
from simulator.tape.columns import NOTIFICATIONS, Columns, finish_action, has_room

LOWEST = 1.0
"""The efficient price at least, in ticks: the lowest price there is."""
TRIES_MAX = 64
"""Attempts to make a row that is due; a book that is never changed by so many cannot be quoted any more."""
LAST_NS = 20_000
"""No row is scheduled for the last instants of a second: the fills of one order take a nanosecond each."""
CATCH_UP_NS = 40
"""Rows that are still owed when the second is all but over come so far apart."""
LATE_LIMITS, LATE_SHARE = 6, 0.15
"""Limit orders a side and second just before a cross, and what they come to of the cross's expected volume."""
OPEN_INTEREST_S, CLOSE_INTEREST_S = 1800.0, 600.0

HORIZON, FULL, NOTIFICATION, STUCK = 0, 1, 2, 3


@kernel
def unserved(fl: FlowState, i: int) -> int:
    """Venues of the symbol that have shown no row in this second."""
    served = fl.whole[i, SERVED]
    count = 0
    for v in range(fl.repricing.shape[1]):
        if not (served >> v) & 1:
            count += 1
    return count


@kernel
def rows_owed(fl: FlowState, i: int, more: int, serving: int) -> int:
    """Rows that must still come in this second, whatever the target: one per venue, and one per print of the floor.

    ``more``, ``serving``: as if so many more rows had come, which showed so many venues that had shown none.
    """
    budget = fl.budget[i, fl.whole[i, SECOND]]
    owed = max(budget[BOOK_FLOOR] - fl.whole[i, BOOK_USED] - more, budget[PRINT_FLOOR] - fl.whole[i, PRINT_USED])
    if budget[BOOK_FLOOR] >= fl.repricing.shape[1]:
        owed = max(owed, unserved(fl, i) - serving)
    return max(owed, 0)


@kernel
def rows_left(fl: FlowState, i: int) -> int:
    """Rows to schedule in this second."""
    return max(fl.whole[i, BOOK_AIM] - fl.whole[i, BOOK_USED], rows_owed(fl, i, 0, 0))


@kernel
def spare_rows(fl: FlowState, i: int) -> int:
    """Rows that may come unscheduled in this second without breaking the ceiling or starving a venue."""
    return fl.budget[i, fl.whole[i, SECOND], BOOK_CEILING] - fl.whole[i, BOOK_USED] - rows_owed(fl, i, 0, 0)


@kernel
def prints_left(fl: FlowState, i: int) -> int:
    """Prints that the ceiling allows in this second."""
    if not fl.mode[fl.whole[i, SECOND]] & MODE_TRADES:
        return 0
    return fl.budget[i, fl.whole[i, SECOND], PRINT_CEILING] - fl.whole[i, PRINT_USED]


@kernel
def schedule_slot(fl: FlowState, i: int, t: int) -> None:
    """When the next row falls due."""
    left = rows_left(fl, i)
    end = fl.whole[i, SECOND_END] - LAST_NS
    if left <= 0 or t >= end:
        fl.whole[i, SLOT] = NEVER_NS if left <= 0 else t + CATCH_UP_NS
        return
    u = 1.0 - uniform(fl.random, i)
    fl.whole[i, SLOT] = t + 1 + int((end - t - 1) * (1.0 - math.exp(math.log(u) / left)))


@kernel
def schedule_symbol(fl: FlowState, i: int) -> None:
    """NEXT is the first of all that the symbol waits for."""
    whole = fl.whole[i]
    t = min(min(whole[SLOT], whole[SECOND_END]), min(whole[SWEEP_AT], whole[BLOCK_AT]))
    for v in range(fl.repricing.shape[1]):
        t = min(t, fl.repricing[i, v])
    whole[NEXT] = t


@inlined
def begin_second(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> None:
    """Take the next second's budget, less what was borrowed; move the efficient price; enter interest for the crosses."""
    whole = fl.whole[i]
    real = fl.real[i]
    whole[BOOK_DEBT] = max(0, whole[BOOK_DEBT] + whole[BOOK_USED] - whole[BOOK_AIM])
    whole[PRINT_DEBT] = max(0, whole[PRINT_DEBT] + whole[PRINT_USED] - whole[PRINT_AIM])
    whole[SECOND] += 1
    second = whole[SECOND]
    whole[SECOND_END] = t + NS_PER_S
    budget = fl.budget[i, second]
    paid = min(whole[BOOK_DEBT], budget[BOOK_TARGET] - budget[BOOK_FLOOR])
    whole[BOOK_AIM] = budget[BOOK_TARGET] - paid
    whole[BOOK_DEBT] -= paid
    paid = min(whole[PRINT_DEBT], budget[PRINT_TARGET] - budget[PRINT_FLOOR])
    whole[PRINT_AIM] = budget[PRINT_TARGET] - paid
    whole[PRINT_DEBT] -= paid
    whole[BOOK_USED] = 0
    whole[PRINT_USED] = 0
    whole[SERVED] = 0
    sigma = fl.path[i, second, VOLATILITY] * real[OPENED]
    real[RETURN_DUE] += fl.path[i, second, FACTOR]
    real[PRICE] += sigma * real[OWN_SHARE] * normal(fl.random, i)
    if uniform(fl.random, i) < 0.5:  # each symbol hears of the market at times of its own (Epps effect)
        real[PRICE] += real[RETURN_DUE] * real[OPENED]
        real[RETURN_DUE] = 0.0
    real[PRICE] = min(max(real[PRICE], LOWEST), real[HIGHEST])
    mode = fl.mode[second]
    if not mode & (MODE_OPEN_INTEREST | MODE_CLOSE_INTEREST):
        real[AUCTION_NET] = 0.0
    if mode & MODE_OPEN_INTEREST:
        enter_auction(bk, out, fl, i, t, MARKET_ON_OPEN, fl.parameter[P_OPEN] / OPEN_INTEREST_S)
    if mode & MODE_CLOSE_INTEREST:
        enter_auction(bk, out, fl, i, t, MARKET_ON_CLOSE, fl.parameter[P_CLOSE] / CLOSE_INTEREST_S)
    schedule_slot(fl, i, t)


@kernel
def enter_auction(bk: Books, out: Columns, fl: FlowState, i: int, t: int, at_market: int, part: float) -> None:
    """Interest for the coming cross; ``part``: of the day's volume, in a second.

    At market all along; with limits in the last seconds only, for those of earlier ones would be far from the price by then.
    """
    b = i * fl.repricing.shape[1] + fl.whole[i, LISTING]
    shares = part * fl.real[i, AUCTION_SHARES]
    second = fl.whole[i, SECOND]
    if fl.mode[second] & MODE_LATE_INTEREST:
        window_s = OPEN_INTEREST_S if at_market == MARKET_ON_OPEN else CLOSE_INTEREST_S
        reach = fl.real[i, HALF_SPREAD] + 0.5 + fl.path[i, second, VOLATILITY] * fl.real[i, OPENED]
        for side in range(2):
            for k in range(LATE_LIMITS):
                limit = fl.real[i, PRICE] - (1 - 2 * side) * reach * (k - 1)
                size = max(1, int(shares * window_s * LATE_SHARE / LATE_LIMITS * (0.5 + uniform(fl.random, i))))
                matching.add(bk, b, side, max(1, int(limit + 0.5)), size, size, at_market + 1, AUCTION, NO_CAP)
        finish_action(bk, out, b, t, 0, 0, 0.0, 0, True)
    if uniform(fl.random, i) < 0.5:
        # Published imbalances draw orders to the other side: the more of it, the surer.
        size = max(1, int(2.0 * shares * exponential(fl.random, i)))
        if size >= 100:
            size -= size % 100
        net = fl.real[i, AUCTION_NET]
        side = 0 if uniform(fl.random, i) < 0.5 - 0.5 * net / (abs(net) + 4.0 * shares) else 1
        fl.real[i, AUCTION_NET] += (1 - 2 * side) * size
        matching.add(bk, b, side, 0, size, size, at_market, AUCTION, NO_CAP)
        finish_action(bk, out, b, t, 0, 0, 0.0, 0, True)


@kernel
def count_row(fl: FlowState, i: int, v: int, row: int) -> None:
    fl.whole[i, BOOK_USED] += row
    fl.whole[i, SINCE_NEWS] += row
    if row:
        fl.whole[i, SERVED] |= 1 << v


@kernel
def choose_venue(fl: FlowState, i: int, must_serve: bool) -> int:
    """A random venue; one that has shown no row in this second if those are all that can still be served."""
    venues = fl.repricing.shape[1]
    if must_serve:
        k = below(fl.random, i, unserved(fl, i))
        for v in range(venues):
            if not (fl.whole[i, SERVED] >> v) & 1:
                if k == 0:
                    return v
                k -= 1
    if uniform(fl.random, i) < 0.15:
        return fl.whole[i, LISTING]
    return below(fl.random, i, venues)


@kernel
def is_empty(bk: Books, b: int) -> bool:
    return bk.head[b, BID_LEVELS] == 0 and bk.head[b, ASK_LEVELS] == 0


@inlined
def on_slot(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> int:
    """A row falls due: a taker trades or a book is tended. Returns STUCK if nothing could be changed, else HORIZON."""
    first_book = i * fl.repricing.shape[1]
    left = rows_left(fl, i)
    budget = fl.budget[i, fl.whole[i, SECOND]]
    waiting = unserved(fl, i)
    must_serve = waiting > 0 and waiting >= left and budget[BOOK_FLOOR] >= fl.repricing.shape[1]
    cap = prints_left(fl, i)
    wanted = min(cap, fl.whole[i, PRINT_AIM] - fl.whole[i, PRINT_USED])
    must_print = budget[PRINT_FLOOR] - fl.whole[i, PRINT_USED] >= left and cap > 0
    used = fl.whole[i, BOOK_USED]
    if must_print or (wanted > 0 and uniform(fl.random, i) * 1.15 * left < wanted):
        venue = choose_venue(fl, i, True) if must_serve else -1
        if take(bk, out, fl, i, first_book, t, venue, cap, not must_print):
            fl.whole[i, SINCE_NEWS] += fl.whole[i, BOOK_USED] - used
            release_news(fl, i, t)
            schedule_slot(fl, i, t)
            return HORIZON
    tries = 0
    while fl.whole[i, BOOK_USED] == used and tries < TRIES_MAX:
        tries += 1
        v = choose_venue(fl, i, must_serve)
        b = first_book + v
        if is_empty(bk, b):
            fl.repricing[i, v] = NEVER_NS
            seed_book(bk, fl, i, v, b)
        else:
            maintain(bk, fl, i, v, b)
        _, row = finish_action(bk, out, b, t, 0, 0, 0.0, 0, True)
        count_row(fl, i, v, row)
    release_news(fl, i, t)
    schedule_slot(fl, i, t)
    return HORIZON if fl.whole[i, BOOK_USED] != used else STUCK


@kernel
def release_news(fl: FlowState, i: int, t: int) -> None:
    """Let the belief catch up with the efficient price, if it is far off and there are rows for the venues to follow."""
    venues = fl.repricing.shape[1]
    away = abs(fl.real[i, PRICE] - fl.real[i, BELIEF])
    if away < max(0.5, 0.6 * fl.real[i, HALF_SPREAD]):
        return
    if fl.whole[i, SINCE_NEWS] < fl.parameter[P_NEWS_ROWS] or spare_rows(fl, i) < venues:
        return
    fl.real[i, BELIEF] = fl.real[i, PRICE]
    fl.whole[i, SINCE_NEWS] = 0
    for v in range(venues):
        delay = fl.venue[i, v, REACTION_NS] * (0.4 + 0.6 * exponential(fl.random, i))
        if uniform(fl.random, i) < 0.025:
            delay *= 2.0 + 10.0 * uniform(fl.random, i)
        fl.repricing[i, v] = min(fl.repricing[i, v], t + 1_000 + int(delay))


@inlined
def on_reprice(bk: Books, out: Columns, fl: FlowState, i: int, v: int, t: int) -> None:
    """A venue's maker follows the belief now, or in the next second if this one's rows are used up."""
    b = i * fl.repricing.shape[1] + v
    empty = is_empty(bk, b)
    serves = 0 if (fl.whole[i, SERVED] >> v) & 1 else 1
    room = fl.budget[i, fl.whole[i, SECOND], BOOK_CEILING] - fl.whole[i, BOOK_USED] - 1
    if not empty and room < rows_owed(fl, i, 1, serves):
        fl.repricing[i, v] = fl.whole[i, SECOND_END] + 1_000 + below(fl.random, i, 2_000_000)
        return
    fl.repricing[i, v] = NEVER_NS
    if empty:
        seed_book(bk, fl, i, v, b)
    else:
        requote(bk, fl, i, v, b)
    _, row = finish_action(bk, out, b, t, 0, 0, 0.0, 0, True)
    count_row(fl, i, v, row)
    if fl.whole[i, BOOK_USED] >= fl.whole[i, BOOK_AIM] and rows_owed(fl, i, 0, 0) == 0:
        fl.whole[i, SLOT] = NEVER_NS


@inlined
def on_sweep(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> None:
    """The rest of an order goes to the next best venue."""
    whole = fl.whole[i]
    whole[SWEEP_AT] = NEVER_NS
    cap = prints_left(fl, i)
    first_book = i * fl.repricing.shape[1]
    side = whole[SWEEP_SIDE]
    v = best_venue(bk, fl, i, first_book, side)
    if v < 0 or cap < 1 or spare_rows(fl, i) < 1:
        return
    b = first_book + v
    limit = best_shown(bk, b, 1 - side)
    send_ioc(bk, out, fl, i, v, b, t, side, limit, whole[SWEEP_SIZE], cap, whole[SWEEP_PARENT])


@kernel
def postpone(fl: FlowState, i: int, t: int) -> None:
    """Move what falls into a second's last instants into the next second, whole: fills of one order must not straddle the two."""
    whole = fl.whole[i]
    later = whole[SECOND_END] + 1_000 + below(fl.random, i, 1_000)
    if whole[SWEEP_AT] == t:
        whole[SWEEP_AT] = later
    elif whole[BLOCK_AT] == t:
        whole[BLOCK_AT] = later
    else:
        for v in range(fl.repricing.shape[1]):
            if fl.repricing[i, v] == t:
                fl.repricing[i, v] = later


@inlined
def run_symbol(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> int:
    """The symbol's next event, at ``t``. Returns STUCK or HORIZON."""
    whole = fl.whole[i]
    status = HORIZON
    if t >= whole[SECOND_END]:
        begin_second(bk, out, fl, i, t)
    elif t >= whole[SECOND_END] - LAST_NS // 2 and t != whole[SLOT]:
        postpone(fl, i, t)
    elif t == whole[SWEEP_AT]:
        on_sweep(bk, out, fl, i, t)
    elif t == whole[BLOCK_AT]:
        whole[BLOCK_AT] = NEVER_NS
        send_block(bk, out, fl, i, i * fl.repricing.shape[1], t, prints_left(fl, i) if spare_rows(fl, i) > 0 else 0)
    elif t == whole[SLOT]:
        status = on_slot(bk, out, fl, i, t)
    else:
        for v in range(fl.repricing.shape[1]):
            if t == fl.repricing[i, v]:
                on_reprice(bk, out, fl, i, v, t)
                break
    schedule_symbol(fl, i)
    return status


@kernel
def sink_heap(fl: FlowState, k: int) -> None:
    """Let the symbol at place ``k`` of the heap sink to where its next event belongs; ties go to the lower symbol."""
    heap = fl.heap
    n = heap.shape[0]
    item = heap[k]
    key = fl.whole[item, NEXT]
    while True:
        child = 2 * k + 1
        if child >= n:
            break
        if child + 1 < n:
            left, right = heap[child], heap[child + 1]
            if fl.whole[right, NEXT] < fl.whole[left, NEXT] or (fl.whole[right, NEXT] == fl.whole[left, NEXT] and right < left):
                child += 1
        other = heap[child]
        if fl.whole[other, NEXT] > key or (fl.whole[other, NEXT] == key and other > item):
            break
        heap[k] = other
        k = child
    heap[k] = item


@entry
def advance(bk: Books, out: Columns, fl: FlowState, horizon: int) -> int:
    """Run all events before ``horizon``, symbols in global order of time. Returns HORIZON, FULL, NOTIFICATION or STUCK + the symbol."""
    while True:
        i = fl.heap[0]
        t = fl.whole[i, NEXT]
        if t >= horizon:
            return HORIZON
        if not has_room(bk, out):
            return FULL
        status = run_symbol(bk, out, fl, i, t)
        sink_heap(fl, 0)
        if status != HORIZON:
            return status + i
        if out.used[NOTIFICATIONS] > 0:
            return NOTIFICATION


@entry
def build_heap(fl: FlowState) -> None:
    """Order the symbols by their next events."""
    for i in range(fl.heap.shape[0]):
        schedule_symbol(fl, i)
        fl.heap[i] = i
    for k in range(fl.heap.shape[0] // 2, -1, -1):
        sink_heap(fl, k)


@entry
def on_agent_trade(fl: FlowState, i: int, v: int, t: int, side: int) -> None:
    """A Python agent has traded: its run of trades in one direction moves the efficient price as a parent order of that length does."""
    whole = fl.whole[i]
    run = whole[AGENT_RUN]
    if whole[AGENT_SIGN] != 1 - 2 * side:
        whole[AGENT_SIGN] = 1 - 2 * side
        run = 0
    run = min(run + 1, fl.impact.shape[0] - 1)
    whole[AGENT_RUN] = run
    fl.real[i, PRICE] += whole[AGENT_SIGN] * fl.real[i, IMPACT] * (fl.impact[run, DESERVED] - fl.impact[run - 1, DESERVED])
    fl.repricing[i, v] = min(fl.repricing[i, v], t + 500_000 + int(4e6 * uniform(fl.random, i)))
    schedule_symbol(fl, i)
