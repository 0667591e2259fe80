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
from simulator.flow.quoting import maintain, observe, requote, seed_book, stands_right
from simulator.flow.random import below, exponential, uniform
from simulator.flow.rates import BOOK_CEILING, BOOK_FLOOR, BOOK_TARGET, PRINT_CEILING, PRINT_FLOOR, PRINT_TARGET
from simulator.flow.state import (
    AGENT_RUN,
    AGENT_SIGN,
    ALERT,
    ANCHOR,
    ANSWERS,
    ANSWERS_USUAL,
    AUCTION,
    AUCTION_NET,
    AUCTION_SHARES,
    BOOK_AIM,
    BOOK_DEBT,
    BOOK_USED,
    DESERVED,
    FACTOR,
    HALF_SPREAD,
    HIDDEN_NEXT,
    HIGHEST,
    IMPACT,
    IMPACTS,
    LISTING,
    MODE_CLOSE_INTEREST,
    MODE_LATE_INTEREST,
    MODE_OPEN_INTEREST,
    MODE_TRADES,
    MOVE_AT,
    NEXT,
    OWN,
    P_CLOSE,
    P_OPEN,
    P_VENUE_ROWS,
    PRICE,
    PRINT_AIM,
    PRINT_DEBT,
    PRINT_USED,
    PULL,
    REACTION_NS,
    RETURN_DUE,
    SECOND,
    SECOND_END,
    SEEN_ASK,
    SEEN_BID,
    SEEN_STATES,
    SERVED,
    SHIFT,
    SLOT,
    SWEEP_AT,
    TARGET,
    VOLATILITY,
    FlowState,
)
from simulator.flow.taking import end_hidden, on_sweep, take, tend_hidden
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
ROWS_FOR_LOCKS = 3
"""Rows of a symbol's ceiling that only a maker may use whose quote locks or crosses another."""
PRINTS_A_TAKE = 1.3
LOCK_REACTIONS = 5
"""To see that a quote locks another's, to decide whose it is to move, and to move it, in times of a plain reaction."""
HEARS_A_SECOND = 0.5

HORIZON, FULL, NOTIFICATION, STUCK = 0, 1, 2, 3


@kernel
def unserved(fl: FlowState, i: int) -> int:
    """Venues of the symbol that have shown no row in this second, where each has to show one."""
    if fl.parameter[P_VENUE_ROWS] == 0.0 or fl.budget[i, fl.whole[i, SECOND], BOOK_FLOOR] < fl.repricing.shape[1]:
        return 0
    served = fl.whole[i, SERVED]
    count = 0
    for v in range(fl.repricing.shape[1]):
        if not (served >> v) & 1:
            count += 1
    return count


@kernel
def prints_owed(fl: FlowState, i: int) -> int:
    return max(0, fl.budget[i, fl.whole[i, SECOND], PRINT_FLOOR] - fl.whole[i, PRINT_USED])


@kernel
def rows_owed(fl: FlowState, i: int, more: int, serving: int) -> int:
    """Rows that must still come in this second, whatever the target: one per venue, and one per print of the floor.

    ``more``, ``serving``: as if so many more rows had come, which showed so many venues that had shown none.
    """
    floor = fl.budget[i, fl.whole[i, SECOND], BOOK_FLOOR] - fl.whole[i, BOOK_USED] - more
    return max(floor, prints_owed(fl, i) + unserved(fl, i) - serving, 0)


@kernel
def rows_left(fl: FlowState, i: int) -> int:
    """Rows to schedule in this second."""
    room = fl.budget[i, fl.whole[i, SECOND], BOOK_CEILING] - fl.whole[i, BOOK_USED]
    return min(room, max(fl.whole[i, BOOK_AIM] - fl.whole[i, BOOK_USED], rows_owed(fl, i, 0, 0)))


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
    """When the next row falls due. What will answer to something, at its usual rate, is not scheduled as well."""
    left = rows_left(fl, i)
    end = fl.whole[i, SECOND_END] - LAST_NS
    if left <= 0 or t >= end:
        fl.whole[i, SLOT] = NEVER_NS if left <= 0 else t + CATCH_UP_NS
        return
    due = max(left - fl.real[i, ANSWERS_USUAL] * (end - t) / NS_PER_S, float(rows_owed(fl, i, 0, 0)))
    if due < 1.0:
        if uniform(fl.random, i) >= due:
            fl.whole[i, SLOT] = NEVER_NS
            return
        due = 1.0
    u = 1.0 - uniform(fl.random, i)
    fl.whole[i, SLOT] = t + 1 + int((end - t - 1) * (1.0 - math.exp(math.log(u) / due)))


@kernel
def schedule_symbol(fl: FlowState, i: int) -> None:
    """NEXT is the first of all that the symbol waits for."""
    whole = fl.whole[i]
    t = min(min(whole[SLOT], whole[SECOND_END]), min(min(whole[SWEEP_AT], whole[HIDDEN_NEXT]), whole[MOVE_AT]))
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
    real[ANSWERS_USUAL] += 0.05 * (whole[ANSWERS] - real[ANSWERS_USUAL])
    whole[ANSWERS] = 0
    whole[MOVE_AT] = t + below(fl.random, i, NS_PER_S - LAST_NS)
    mode = fl.mode[second]
    if not mode & (MODE_OPEN_INTEREST | MODE_CLOSE_INTEREST):
        real[AUCTION_NET] = 0.0
    if mode & MODE_OPEN_INTEREST:
        enter_auction(bk, out, fl, i, t, MARKET_ON_OPEN, fl.parameter[P_OPEN] / OPEN_INTEREST_S)
    if mode & MODE_CLOSE_INTEREST:
        enter_auction(bk, out, fl, i, t, MARKET_ON_CLOSE, fl.parameter[P_CLOSE] / CLOSE_INTEREST_S)
    schedule_slot(fl, i, t)


@kernel
def move_price(fl: FlowState, i: int, t: int) -> None:
    """What the second brings besides orders, at a moment of its own."""
    real = fl.real[i]
    path = fl.path[i, fl.whole[i, SECOND]]
    fl.whole[i, MOVE_AT] = NEVER_NS
    real[IMPACT] = path[IMPACTS]
    real[RETURN_DUE] += path[FACTOR]
    moved = path[OWN]
    if uniform(fl.random, i) < HEARS_A_SECOND:  # each symbol hears of the market at times of its own (Epps effect)
        moved += real[RETURN_DUE]
        real[RETURN_DUE] = 0.0
    real[PRICE] *= math.exp(moved)
    real[PRICE] += (path[TARGET] + real[SHIFT] - real[PRICE]) * path[PULL]
    real[PRICE] = min(max(real[PRICE], LOWEST), real[HIGHEST])
    alert_makers(fl, i, t)


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
        reach = fl.real[i, HALF_SPREAD] + 0.5 + fl.path[i, second, VOLATILITY] * fl.real[i, PRICE]
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
    if row:
        fl.whole[i, SERVED] |= 1 << v


@kernel
def choose_venue(fl: FlowState, i: int, must_serve: bool) -> int:
    """A random venue, the listing one more often; or one of those that have shown no row in this second."""
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


@kernel
def meets_another(fl: FlowState, i: int, v: int) -> bool:
    """Whether venue ``v``'s quote locks or crosses another's, as they stand."""
    mine = fl.seen[i, v, fl.seen_at[i, v] % SEEN_STATES]
    for u in range(fl.repricing.shape[1]):
        if u != v:
            other = fl.seen[i, u, fl.seen_at[i, u] % SEEN_STATES]
            if mine[SEEN_BID] >= other[SEEN_ASK] or other[SEEN_BID] >= mine[SEEN_ASK]:
                return True
    return False


@kernel
def reaction(fl: FlowState, i: int, v: int) -> int:
    """How long a maker takes this time, in ns: mostly its usual time, now and then much longer."""
    delay = fl.venue[i, v, REACTION_NS] * (0.4 + 0.6 * exponential(fl.random, i))
    if uniform(fl.random, i) < 0.025:
        delay *= 2.0 + 10.0 * uniform(fl.random, i)
    return 1_000 + int(delay)


@kernel
def quote_changed(bk: Books, fl: FlowState, i: int, v: int, t: int) -> None:
    """Others will see the quote of venue ``v``; makers whose quotes it locks or crosses look at theirs at once, and its own too."""
    observe(bk, fl, i, v)
    if not meets_another(fl, i, v):
        return
    for u in range(fl.repricing.shape[1]):
        if meets_another(fl, i, u):
            fl.repricing[i, u] = min(fl.repricing[i, u], t + LOCK_REACTIONS * reaction(fl, i, u))


@kernel
def alert_makers(fl: FlowState, i: int, t: int) -> None:
    """Makers whose quotes the price has left behind follow it at once, each after its own time, if there are rows for it."""
    spare = spare_rows(fl, i) - ROWS_FOR_LOCKS
    for v in range(fl.repricing.shape[1]):
        if spare <= 0:
            return
        if fl.repricing[i, v] == NEVER_NS and abs(fl.real[i, PRICE] - fl.venue[i, v, ANCHOR]) >= fl.real[i, ALERT]:
            fl.repricing[i, v] = t + reaction(fl, i, v)
            spare -= 1


@inlined
def on_slot(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> int:
    """A row falls due: a taker trades or a book is tended. Returns STUCK if nothing could be changed, else HORIZON."""
    venues = fl.repricing.shape[1]
    for v in range(venues):
        observe(bk, fl, i, v)  # what Python agents have changed
    left = rows_left(fl, i)
    waiting = unserved(fl, i)
    cap = prints_left(fl, i)
    owed = prints_owed(fl, i)
    is_tight = owed + waiting >= left
    must_print = owed > 0 and cap > 0 and is_tight and uniform(fl.random, i) * (owed + waiting) < owed
    wanted = min(cap, fl.whole[i, PRINT_AIM] - fl.whole[i, PRINT_USED])
    used = fl.whole[i, BOOK_USED]
    takes = must_print or (wanted > 0 and not is_tight and uniform(fl.random, i) * PRINTS_A_TAKE * left < wanted)
    if takes and take(bk, out, fl, i, t, cap):
        alert_makers(fl, i, t)
        schedule_slot(fl, i, t)
        return HORIZON
    tries = 0
    v = 0
    while fl.whole[i, BOOK_USED] == used and tries < TRIES_MAX:
        tries += 1
        v = choose_venue(fl, i, waiting > 0 and uniform(fl.random, i) * (left - owed) < waiting)
        b = i * venues + v
        if is_empty(bk, b):
            fl.repricing[i, v] = NEVER_NS
            seed_book(bk, fl, i, v, b)
        else:
            maintain(bk, fl, i, v, t)
        _, row = finish_action(bk, out, b, t, 0, 0, 0.0, 0, True)
        count_row(fl, i, v, row)
    quote_changed(bk, fl, i, v, t)
    tend_hidden(bk, out, fl, i, t)
    schedule_slot(fl, i, t)
    return HORIZON if fl.whole[i, BOOK_USED] != used else STUCK


@inlined
def on_reprice(bk: Books, out: Columns, fl: FlowState, i: int, v: int, t: int) -> None:
    """A venue's maker looks at its quote now, or in the next second if this one's rows are used up."""
    b = i * fl.repricing.shape[1] + v
    empty = is_empty(bk, b)
    serves = 0 if (fl.whole[i, SERVED] >> v) & 1 else 1
    room = fl.budget[i, fl.whole[i, SECOND], BOOK_CEILING] - fl.whole[i, BOOK_USED] - 1
    observe(bk, fl, i, v)
    kept = 0 if meets_another(fl, i, v) else ROWS_FOR_LOCKS
    if not empty and room - kept < rows_owed(fl, i, 1, serves):
        fl.repricing[i, v] = fl.whole[i, SECOND_END] + 1_000 + below(fl.random, i, NS_PER_S)
        return
    fl.repricing[i, v] = NEVER_NS
    if empty:
        seed_book(bk, fl, i, v, b)
    elif not stands_right(bk, fl, i, v, t):
        requote(bk, fl, i, v, t)
    _, row = finish_action(bk, out, b, t, 0, 0, 0.0, 0, True)
    count_row(fl, i, v, row)
    fl.whole[i, ANSWERS] += row
    quote_changed(bk, fl, i, v, t)
    if fl.whole[i, BOOK_USED] >= fl.whole[i, BOOK_AIM] and rows_owed(fl, i, 0, 0) == 0:
        fl.whole[i, SLOT] = NEVER_NS


@kernel
def postpone(fl: FlowState, i: int, t: int) -> None:
    """Move what falls into a second's last instants into the next second, whole: fills of one order must not straddle the two."""
    whole = fl.whole[i]
    later = whole[SECOND_END] + 1_000 + below(fl.random, i, 1_000_000)
    if whole[SWEEP_AT] == t:
        whole[SWEEP_AT] = later
    elif whole[HIDDEN_NEXT] == t:
        whole[HIDDEN_NEXT] = later
    elif whole[MOVE_AT] == t:
        move_price(fl, i, t)
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
        used = whole[BOOK_USED]
        on_sweep(bk, out, fl, i, t, prints_left(fl, i) if spare_rows(fl, i) > 0 else 0)
        whole[ANSWERS] += whole[BOOK_USED] - used
    elif t == whole[HIDDEN_NEXT]:
        end_hidden(bk, out, fl, i, t)
    elif t == whole[MOVE_AT]:
        move_price(fl, i, t)
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
    moved = whole[AGENT_SIGN] * fl.real[i, IMPACT] * (fl.impact[run, DESERVED] - fl.impact[run - 1, DESERVED])
    fl.real[i, PRICE] += moved
    fl.real[i, SHIFT] += moved
    fl.repricing[i, v] = min(fl.repricing[i, v], t + 500_000 + int(4e6 * uniform(fl.random, i)))
    schedule_symbol(fl, i)
