"""The flow's loop: which symbol is next, what happens to it, and when it will be its turn again.

Within each second a symbol has a number of rows to write (``rates``). They fall where uniform random times would fall: the
next of ``left`` rows comes after (1 - u^(1/left)) of the time that is left. What happens at such a moment is decided then, from
the state of the books. Rows that answer to something (a re-quote after news, the second venue of a sweep) come on their own and
are taken off the same number; where they pass it they are borrowed from the next second, within the ceiling.
"""

from __future__ import annotations

from simulator.book.jit import entry, inlined, kernel
from simulator.book.pinned import Pinned
from simulator.book.state import Books
from simulator.flow import NEVER_NS
from simulator.flow.allowance import (
    count_row,
    is_open,
    prints_free,
    prints_left,
    prints_of_taker,
    prints_owed,
    rows_for_locks,
    rows_for_sweep,
    rows_left,
    rows_owed,
    spare_rows,
    unserved,
    use_allowance,
)
from simulator.flow.arbitrage import on_arbitrage
from simulator.flow.edges import is_held, is_left_behind, lacks_side, observe, price_moves
from simulator.flow.price_look import WATCHED, look_at
from simulator.flow.quoting import is_empty, maintain, requote, seed_book, stands_right
from simulator.flow.random import below, uniform
from simulator.flow.rates import BOOK_CEILING
from simulator.flow.reactions import alert_makers, alert_to_lock, meets_another, put_off, quote_changed, reaction
from simulator.flow.seconds import LAST_NS, LOWEST, begin_second, move_price, schedule_show, schedule_slot
from simulator.flow.state import (
    ANSWERS,
    ARBITRAGE_AT,
    BOOK_USED,
    FALL,
    HELD,
    HIDDEN_NEXT,
    HIGHEST,
    LISTING,
    MOVE_AT,
    NEXT,
    PRICE,
    SECOND,
    SECOND_END,
    SERVED,
    SHIFT,
    SHOW_AT,
    SHOWN,
    SHOWS_LATE,
    SHUT,
    SLOT,
    SLOTS,
    SWEEP_AT,
    TAKEN,
    TAKES,
    FlowState,
)
from simulator.flow.taking import end_hidden, on_sweep, take, tend_hidden
from simulator.records import NS_PER_S
from simulator.tape.columns import HEAR_BY, NOTIFICATIONS, Columns, finish_action, has_room

LOOKS_MAX = 6
"""So often a maker looks again at a lock that it has let stand, or cannot end: what locks may be an agent's order."""
STAYS_REACTIONS = 20
"""Who has let a lock stand waits so long for the other to give way, in times of a plain reaction: locks last some milliseconds (S15)."""
HELD_REACTIONS = 3
LATE_LEAST, LATE_MOST, LEARNS = 0.01, 12.0, 0.02
"""SHOWS_LATE at least and at most, and how fast it is learned: by so much a second that a row comes before or after the middle of its own.
600 rows change it by much (d mean / d late = 1 / 12); as it stands it errs by a tenth."""
TRIES_MAX = 64
"""Attempts to make a row that is due; a book that is never changed by so many cannot be quoted any more."""
UNHEARD_MAX = 1024
"""Notifications that may wait for Python; one event more fits beside them."""
HORIZON, FULL, NOTIFICATION, STUCK = 0, 1, 2, 3
DUE = -1
"""A look at a symbol's price bands has found something to do."""


@kernel
def schedule_symbol(fl: FlowState, i: int) -> None:
    """NEXT is the first of all that the symbol waits for."""
    whole = fl.whole[i]
    t = min(whole[SLOT], min(whole[SHOW_AT], whole[SECOND_END]))
    t = min(t, min(min(whole[SWEEP_AT], whole[HIDDEN_NEXT]), min(whole[MOVE_AT], whole[ARBITRAGE_AT])))
    for v in range(fl.repricing.shape[1]):
        t = min(t, fl.repricing[i, v])
    whole[NEXT] = t


@kernel
def choose_venue(fl: FlowState, i: int, must_serve: bool) -> int:
    """A random venue of those that are open, the listing one more often; or one of those that have shown no row in this second."""
    among = fl.open[i, fl.whole[i, SECOND]]
    listing = fl.whole[i, LISTING]
    if must_serve:
        among &= ~fl.whole[i, SERVED]
    elif uniform(fl.random, i) < 0.15 and (among >> listing) & 1:
        return listing
    count = 0
    for v in range(fl.repricing.shape[1]):
        count += (among >> v) & 1
    if count == 0:
        return listing
    k = below(fl.random, i, count)
    for v in range(fl.repricing.shape[1]):
        if (among >> v) & 1:
            if k == 0:
                return v
            k -= 1
    return listing


@kernel
def see_agents(bk: Books, fl: FlowState, i: int, t: int) -> None:
    """Note what Python agents have changed."""
    for v in range(fl.repricing.shape[1]):
        if observe(bk, fl, i, v) and meets_another(fl, i, v):
            alert_to_lock(bk, fl, i, t)


@kernel
def tend_book(bk: Books, out: Columns, fl: FlowState, i: int, t: int, must_serve: bool) -> int:
    """A row of a venue's book that is tended, of one that has shown none in this second where it ``must_serve``. Returns STUCK if nothing
    could be changed, else HORIZON."""
    venues = fl.repricing.shape[1]
    used = fl.whole[i, BOOK_USED]
    tries = 0
    v = 0
    while fl.whole[i, BOOK_USED] == used and tries < TRIES_MAX:
        tries += 1
        v = choose_venue(fl, i, must_serve)
        b = i * venues + v
        if is_empty(bk, b):
            fl.repricing[i, v] = NEVER_NS
            fl.whole[i, SHUT] = 0
            seed_book(bk, fl, i, v, t)
        elif is_left_behind(bk, fl, i, v):
            requote(bk, fl, i, v, t)
        else:
            maintain(bk, fl, i, v, t)
        _, row = finish_action(bk, out, b, t, 0, 0, 0.0, True)
        count_row(fl, i, v, row)
    quote_changed(bk, fl, i, v, t)
    tend_hidden(bk, out, fl, i, t)
    return HORIZON if fl.whole[i, BOOK_USED] != used else STUCK


@inlined
def on_show(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> int:
    """A venue shows its row of the second, for it has shown none. Returns STUCK if nothing could be changed, else HORIZON."""
    whole, real = fl.whole[i], fl.real[i]
    whole[SHOW_AT] = NEVER_NS
    see_agents(bk, fl, i, t)
    if whole[BOOK_USED] >= fl.budget[i, whole[SECOND], BOOK_CEILING] or unserved(fl, i) == 0:
        return HORIZON
    whole[SHOWN] += 1
    early_s = (whole[SECOND_END] - t) / NS_PER_S - 0.5
    real[SHOWS_LATE] = min(LATE_MOST, max(LATE_LEAST, real[SHOWS_LATE] + LEARNS * early_s))
    return tend_book(bk, out, fl, i, t, True)


@inlined
def on_slot(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> int:
    """A row falls due: a taker trades or a book is tended. Returns STUCK if nothing could be changed, else HORIZON."""
    if fl.open[i, fl.whole[i, SECOND]] == 0:
        fl.whole[i, SLOT] = NEVER_NS
        return HORIZON
    see_agents(bk, fl, i, t)
    whole = fl.whole[i]
    room = fl.budget[i, whole[SECOND], BOOK_CEILING] - whole[BOOK_USED]
    if room <= 0:
        whole[SLOT] = NEVER_NS
        return HORIZON
    waiting = unserved(fl, i)
    cap = prints_left(fl, i)
    owed = prints_owed(fl, i)
    due = max(min(whole[SLOTS], room - waiting), 1)  # where answers have used up the rest, it is books that go untended, not trades undone
    must_print = owed > whole[TAKES] and cap > 0 and owed >= due
    has_room = room > rows_owed(fl, i, 0, 0) or (owed > 0 and room > waiting)
    takes = must_print or (cap > 0 and has_room and uniform(fl.random, i) * due < whole[TAKES])
    whole[SLOTS] = max(0, whole[SLOTS] - 1)
    if takes:
        whole[TAKES] = max(0, whole[TAKES] - 1)
        if take(bk, out, fl, i, t, min(cap, prints_of_taker(fl, i, t))):
            whole[TAKEN] += 1
            alert_makers(fl, i, t, 1.0)
            schedule_slot(fl, i, t)
            return HORIZON
        whole[SHUT] = 1
    status = tend_book(bk, out, fl, i, t, waiting > 0 and room <= owed + waiting)
    schedule_slot(fl, i, t)
    return status


@inlined
def on_reprice(bk: Books, out: Columns, fl: FlowState, i: int, v: int, t: int) -> None:
    """A venue's maker looks at its quote now, or in the next second if this one's rows are used up."""
    if not is_open(fl, i, v):
        fl.repricing[i, v] = NEVER_NS
        return
    b = i * fl.repricing.shape[1] + v
    empty = is_empty(bk, b)
    serves = 0 if (fl.whole[i, SERVED] >> v) & 1 else 1
    observe(bk, fl, i, v)
    if meets_another(fl, i, v):
        has_row = rows_left(fl, i, serves) > 0  # books go untended rather than quotes locked
    else:
        has_row = spare_rows(fl, i, serves) > (0 if lacks_side(bk, b) else rows_for_locks(t))
    if not (empty or has_row):
        fl.repricing[i, v] = NEVER_NS
        put_off(fl, i, v)
        return
    fl.repricing[i, v] = NEVER_NS
    if empty:
        fl.whole[i, SHUT] = 0
        seed_book(bk, fl, i, v, t)
    elif not stands_right(bk, fl, i, v, t):
        requote(bk, fl, i, v, t)
        if fl.venue[i, v, HELD] == 0.0 and is_held(bk, fl, i, v):
            # Others' quotes that have still to follow the price stood in its way: it looks once more when they have.
            fl.venue[i, v, HELD] = 1.0
            fl.repricing[i, v] = t + HELD_REACTIONS * reaction(fl, i, v)
    _, row = finish_action(bk, out, b, t, 0, 0, 0.0, True)
    count_row(fl, i, v, row)
    fl.whole[i, ANSWERS] += row
    use_allowance(fl, i, row)
    quote_changed(bk, fl, i, v, t)
    if fl.repricing[i, v] == NEVER_NS:
        if fl.venue[i, v, HELD] < LOOKS_MAX and meets_another(fl, i, v):
            # It has let a lock stand; nobody else would call it again before the next row.
            fl.venue[i, v, HELD] += 1.0
            fl.repricing[i, v] = t + STAYS_REACTIONS * reaction(fl, i, v)
        else:
            fl.venue[i, v, HELD] = 0.0


@kernel
def postpone(fl: FlowState, i: int, t: int) -> None:
    """Move what falls into a second's last instants into the next second, whole: fills of one order must not straddle the two."""
    whole = fl.whole[i]
    later = whole[SECOND_END] + 1_000 + below(fl.random, i, NS_PER_S // 2)
    if whole[SWEEP_AT] == t:
        whole[SWEEP_AT] = later
    elif whole[ARBITRAGE_AT] == t:
        whole[ARBITRAGE_AT] = later
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
    """The symbol's next event, at ``t``. Returns STUCK, DUE or HORIZON."""
    whole = fl.whole[i]
    status = HORIZON
    served = whole[SERVED]
    if t >= whole[SECOND_END]:
        begin_second(bk, out, fl, i, t)
        if fl.bands[i, WATCHED] != 0 and look_at(bk.head, out.facts, fl.bands, fl.past, i, t // NS_PER_S) != 0:
            status = DUE
    elif t >= whole[SECOND_END] - LAST_NS // 2 and t != whole[SLOT] and t != whole[SHOW_AT]:
        postpone(fl, i, t)
    elif t == whole[SWEEP_AT]:
        used = whole[BOOK_USED]
        on_sweep(bk, out, fl, i, t, prints_free(fl, i) if rows_for_sweep(fl, i) > 0 else 0)
        whole[ANSWERS] += whole[BOOK_USED] - used
        use_allowance(fl, i, whole[BOOK_USED] - used)
    elif t == whole[ARBITRAGE_AT]:
        used = whole[BOOK_USED]
        on_arbitrage(bk, out, fl, i, t, prints_free(fl, i) if spare_rows(fl, i, 0) > 1 else 0)
        whole[ANSWERS] += whole[BOOK_USED] - used
        use_allowance(fl, i, whole[BOOK_USED] - used)
    elif t == whole[HIDDEN_NEXT]:
        end_hidden(bk, out, fl, i, t)
    elif t == whole[MOVE_AT]:
        move_price(fl, i, t)
    elif t == whole[SLOT]:
        status = on_slot(bk, out, fl, i, t)
    elif t == whole[SHOW_AT]:
        status = on_show(bk, out, fl, i, t)
    else:
        for v in range(fl.repricing.shape[1]):
            if t == fl.repricing[i, v]:
                on_reprice(bk, out, fl, i, v, t)
                break
    if whole[SERVED] & ~served != 0:
        schedule_show(fl, i, t)
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
def advance(market: Pinned, horizon: int) -> int:
    """Run all events before ``horizon``, symbols in order of time. Returns HORIZON, FULL, NOTIFICATION, DUE or STUCK + the symbol.

    NOTIFICATION: it has come to the horizon, or the columns are full, or to where Python must have heard of what has happened.
    """
    bk, out, fl = market.books, market.columns, market.state
    used = out.used
    while True:
        i = fl.heap[0]
        t = fl.whole[i, NEXT]
        if used[NOTIFICATIONS] > 0 and (t >= min(horizon, used[HEAR_BY]) or used[NOTIFICATIONS] > UNHEARD_MAX or not has_room(bk, out)):
            return NOTIFICATION
        if t >= horizon:
            return HORIZON
        if not has_room(bk, out):
            return FULL
        status = run_symbol(bk, out, fl, i, t)
        sink_heap(fl, 0)
        if status == DUE:
            return DUE
        if status != HORIZON:
            return status + i


@kernel
def order_symbols(fl: FlowState) -> None:
    """``build_heap``."""
    for i in range(fl.heap.shape[0]):
        schedule_symbol(fl, i)
        fl.heap[i] = i
    for k in range(fl.heap.shape[0] // 2, -1, -1):
        sink_heap(fl, k)


@entry
def build_heap(fl: FlowState) -> None:
    """Order the symbols by their next events."""
    order_symbols(fl)


@entry
def on_agent_trade(fl: FlowState, i: int, v: int, t: int, moved: float, falls: float) -> None:
    """A Python agent has traded: the efficient price moves by so many ticks, of which some will fall back; makers follow."""
    real = fl.real[i]
    price_moves(fl, i, t)
    real[PRICE] = min(max(real[PRICE] + moved, LOWEST), real[HIGHEST])
    real[SHIFT] += moved
    real[FALL] += falls
    fl.repricing[i, v] = min(fl.repricing[i, v], t + 500_000 + int(4e6 * uniform(fl.random, i)))
    alert_makers(fl, i, t, 1.0)
    order_symbols(fl)


@entry
def on_cross(fl: FlowState, i: int, v: int, t: int) -> None:
    """A cross has been carried out at venue ``v``, and may have taken what stood there: its maker looks at once."""
    fl.repricing[i, v] = min(fl.repricing[i, v], t + reaction(fl, i, v))
    schedule_symbol(fl, i)
