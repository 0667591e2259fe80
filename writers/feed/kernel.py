"""From rows of the ``orders`` table to what a venue shows of them, compiled: order by order, with the levels after each message.

Displayed orders are kept by (book, order id) in a hash table, and each side of a book as prices in ascending rank, best last,
because most changes are at the best prices.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.book.jit import entry, kernel
from simulator.records import I64, EventKind, OrderType

ADD, EXECUTE, REFILL, REST = int(EventKind.ADD), int(EventKind.EXECUTE), int(EventKind.REFILL), int(EventKind.REST)
CANCEL, REDUCE, REPLACE, CROSS = int(EventKind.CANCEL), int(EventKind.REDUCE), int(EventKind.REPLACE), int(EventKind.CROSS)
FIRST_WAITING = int(OrderType.MARKET_ON_OPEN)

# input: int64[10, n]
IN_TS, IN_BOOK, IN_ACTION, IN_KIND, IN_ID, IN_SIDE, IN_PRICE, IN_SIZE, IN_A, IN_B = range(10)
IN_COLUMNS = 10

# kinds of messages
SHOW, FILL, CROSS_FILL, HIDDEN_FILL, TAKE_OFF, DELETE, MOVE, CROSSED = range(8)
"""A displayed order appears; trades; trades in a cross; a hidden one trades; shrinks; goes; gets a new price and size; the cross itself."""

# messages: int64[14, n]
TS, BOOK, KIND, REF, OLD_REF, SIDE, PRICE, SIZE, LEFT, PRINT, MATCH, TOTAL, OLD_PRICE, OLD_TOTAL = range(14)
MESSAGE_COLUMNS = 14
"""SIDE is the resting order's (of CROSSED: the imbalance's), PRICE the resting order's, PRINT the trade's, LEFT what the order still
displays (of CROSSED: the kind of cross), TOTAL what its price displays after the message; OLD_ is what MOVE took away."""

# levels: int64[n, L, 6]
ASK_PRICE, ASK_SIZE, ASK_COUNT, BID_PRICE, BID_SIZE, BID_COUNT = range(6)

# books: int64[B, 6]
GROUP, WAITING, CROSSING, BIDS, ASKS, SKIP = range(6)
"""Which counter numbers its orders; the order that waits for a cross; the action that is a cross; levels filled; an order shown already."""
BOOK_COLUMNS = 6

# orders: int64[H, 4]
KEY, HELD_REF, HELD_SIZE, HELD_PRICE = range(4)
ID_BITS = 40

LEVEL_PRICE, LEVEL_SIZE, LEVEL_COUNT = range(3)
DONE, NO_ROOM, MORE_ORDERS, MORE_LEVELS, UNKNOWN, TOO_MANY = range(6)
MESSAGES_A_ROW = 2


class State(NamedTuple):
    """What is displayed now. Modified in place."""

    held: I64
    """[H, 4], a power of two; a free place has key 0."""
    counts: I64
    """[1]: orders held."""
    books: I64
    """[B, 6]"""
    levels: I64
    """[B, 2, 3, capacity]: rank (price, of asks negative), shares and orders, ascending."""
    refs: I64
    """[groups]: the last number given to an order."""
    matches: I64
    """[groups]: the last number given to an execution or cross."""


@kernel
def _home(key: int, size: int) -> int:
    return ((key * 0x9E3779B97F4A7C1) >> 20) & (size - 1)


@kernel
def _find(held: I64, key: int) -> int:
    """Place of a key, else -1 - the free place where it would go."""
    size = held.shape[0]
    place = _home(key, size)
    while held[place, KEY] != 0:
        if held[place, KEY] == key:
            return place
        place = (place + 1) & (size - 1)
    return -1 - place


@kernel
def _drop(held: I64, place: int) -> None:
    """Free a place, and close the gap in the chain behind it."""
    size = held.shape[0]
    gap = place
    other = place
    while True:
        other = (other + 1) & (size - 1)
        if held[other, KEY] == 0:
            break
        home = _home(held[other, KEY], size)
        if ((other - home) & (size - 1)) >= ((other - gap) & (size - 1)):
            for i in range(4):
                held[gap, i] = held[other, i]
            gap = other
    held[gap, KEY] = 0


@kernel
def _change(state: State, b: int, side: int, price: int, shares: int, orders: int) -> int:
    """Add to what a price displays; returns the shares there afterwards."""
    level = state.levels[b, side]
    n = state.books[b, BIDS + side]
    rank = price if side == 0 else -price
    low = 0
    high = n
    while low < high:
        middle = (low + high) >> 1
        if level[LEVEL_PRICE, middle] < rank:
            low = middle + 1
        else:
            high = middle
    if low == n or level[LEVEL_PRICE, low] != rank:
        for i in range(n, low, -1):
            for c in range(3):
                level[c, i] = level[c, i - 1]
        level[LEVEL_PRICE, low] = rank
        level[LEVEL_SIZE, low] = shares
        level[LEVEL_COUNT, low] = orders
        state.books[b, BIDS + side] = n + 1
        return shares
    level[LEVEL_SIZE, low] += shares
    level[LEVEL_COUNT, low] += orders
    total: int = level[LEVEL_SIZE, low]
    if level[LEVEL_COUNT, low] == 0:
        for i in range(low, n - 1):
            for c in range(3):
                level[c, i] = level[c, i + 1]
        state.books[b, BIDS + side] = n - 1
    return total


@kernel
def _begin(out: I64, n: int, ts: int, b: int, side: int) -> None:
    """What all messages of one row have in common."""
    for m in range(n, n + MESSAGES_A_ROW):
        out[TS, m] = ts
        out[BOOK, m] = b
        out[SIDE, m] = side


@kernel
def _message(out: I64, n: int, kind: int, ref: int, price: int, size: int, left: int, total: int) -> None:
    """The rest of a message that ``_begin`` has begun."""
    out[KIND, n] = kind
    out[REF, n] = ref
    out[OLD_REF, n] = 0
    out[PRICE, n] = price
    out[SIZE, n] = size
    out[LEFT, n] = left
    out[PRINT, n] = price
    out[MATCH, n] = 0
    out[TOTAL, n] = total
    out[OLD_PRICE, n] = 0
    out[OLD_TOTAL, n] = 0


@kernel
def _copy_levels(state: State, b: int, top: I64, n: int) -> None:
    """The best levels of book ``b`` as of now into row ``n``; what is not filled is 0."""
    row = top[n]
    count = row.shape[0]
    for side in range(2):
        level = state.levels[b, side]
        filled = state.books[b, BIDS + side]
        first = BID_PRICE if side == 0 else ASK_PRICE
        sign = 1 if side == 0 else -1
        shown = min(filled, count)
        for k in range(shown):
            place = filled - 1 - k
            row[k, first] = sign * level[LEVEL_PRICE, place]
            row[k, first + 1] = level[LEVEL_SIZE, place]
            row[k, first + 2] = level[LEVEL_COUNT, place]
        for k in range(shown, count):
            for c in range(first, first + 3):
                row[k, c] = 0


@kernel
def _show(state: State, place: int, key: int, b: int, side: int, price: int, size: int) -> tuple[int, int]:
    """A new displayed order in the free ``place``; returns its number and what its price displays."""
    group = state.books[b, GROUP]
    state.refs[group] += 1
    ref = state.refs[group]
    state.held[place, KEY] = key
    state.held[place, HELD_REF] = ref
    state.held[place, HELD_SIZE] = size
    state.held[place, HELD_PRICE] = price
    state.counts[0] += 1
    return ref, _change(state, b, side, price, size, 1)


@entry
def publish(rows: I64, first: int, state: State, out: I64, top: I64, splits: bool, ref_max: int) -> tuple[int, int, int]:
    """Turn rows from ``first`` on into messages. Returns (rows used up, messages, why it stopped).

    ``splits``: a replaced order is deleted and shown anew, in two messages, instead of one MOVE. ``top``: int64[n, L, 6], L may be 0.
    """
    n = 0
    total_rows = rows.shape[1]
    for i in range(first, total_rows):
        if n + MESSAGES_A_ROW > out.shape[1]:
            return i, n, NO_ROOM
        if 2 * state.counts[0] + 2 > state.held.shape[0]:
            return i, n, MORE_ORDERS
        b = rows[IN_BOOK, i]
        book = state.books[b]
        if max(book[BIDS], book[ASKS]) + 2 > state.levels.shape[3]:
            return i, n, MORE_LEVELS
        if state.refs[book[GROUP]] + MESSAGES_A_ROW > ref_max:
            return i, n, TOO_MANY
        ts = rows[IN_TS, i]
        kind = rows[IN_KIND, i]
        order_id = rows[IN_ID, i]
        side = rows[IN_SIDE, i]
        price = rows[IN_PRICE, i]
        size = rows[IN_SIZE, i]
        start = n
        _begin(out, n, ts, b, side)
        if kind == ADD:
            book[WAITING] = order_id if rows[IN_B, i] >= FIRST_WAITING else 0
            continue
        key = b << ID_BITS | order_id
        place = _find(state.held, key)
        if kind in (REST, REFILL):
            if kind == REST and (size == 0 or order_id == book[WAITING] or order_id == book[SKIP]):
                continue
            if place >= 0:
                return i, n, UNKNOWN
            ref, total = _show(state, -1 - place, key, b, side, price, size)
            _message(out, n, SHOW, ref, price, size, size, total)
            n += 1
        elif kind == EXECUTE:
            in_cross = book[CROSSING] == rows[IN_ACTION, i]
            hidden = rows[IN_A, i]
            shown = size - hidden
            if shown > 0 and place >= 0:
                at = state.held[place, HELD_PRICE]
                left = state.held[place, HELD_SIZE] - shown
                if left < 0:
                    return i, n, UNKNOWN
                state.held[place, HELD_SIZE] = left
                ref = state.held[place, HELD_REF]
                total = _change(state, b, side, at, -shown, -1 if left == 0 else 0)
                if left == 0:
                    _drop(state.held, place)
                    state.counts[0] -= 1
                _message(out, n, CROSS_FILL if in_cross else FILL, ref, at, shown, left, total)
                out[PRINT, n] = price
                if not in_cross:
                    state.matches[book[GROUP]] += 1
                out[MATCH, n] = state.matches[book[GROUP]]
                n += 1
            elif shown > 0 and not in_cross:
                return i, n, UNKNOWN
            if hidden > 0 and not in_cross:
                state.matches[book[GROUP]] += 1
                _message(out, n, HIDDEN_FILL, 0, price, hidden, 0, 0)
                out[MATCH, n] = state.matches[book[GROUP]]
                n += 1
        elif kind == REDUCE:
            taken = size - rows[IN_A, i]
            if taken > 0 and place >= 0:
                left = state.held[place, HELD_SIZE] - taken
                if left <= 0:
                    return i, n, UNKNOWN
                state.held[place, HELD_SIZE] = left
                at = state.held[place, HELD_PRICE]
                total = _change(state, b, side, at, -taken, 0)
                _message(out, n, TAKE_OFF, state.held[place, HELD_REF], at, taken, left, total)
                n += 1
        elif kind in (CANCEL, REPLACE):
            if place >= 0:
                old_ref = state.held[place, HELD_REF]
                at = state.held[place, HELD_PRICE]
                taken = state.held[place, HELD_SIZE]
                if kind == CANCEL and taken != size - rows[IN_A, i]:
                    return i, n, UNKNOWN
                old_total = _change(state, b, side, at, -taken, -1)
                _drop(state.held, place)
                state.counts[0] -= 1
                moves = False
                if kind == REPLACE and not splits and i + 1 < total_rows and rows[IN_BOOK, i + 1] == b:
                    moves = rows[IN_KIND, i + 1] == REST and rows[IN_ID, i + 1] == rows[IN_B, i] and rows[IN_SIZE, i + 1] > 0
                if moves:
                    book[SKIP] = rows[IN_B, i]
                    size = rows[IN_SIZE, i + 1]
                    key = b << ID_BITS | rows[IN_B, i]
                    ref, total = _show(state, -1 - _find(state.held, key), key, b, side, price, size)
                    _message(out, n, MOVE, ref, price, size, size, total)
                    out[OLD_REF, n] = old_ref
                    out[OLD_PRICE, n] = at
                    out[OLD_TOTAL, n] = old_total if at != price else total
                else:
                    _message(out, n, DELETE, old_ref, at, taken, 0, old_total)
                n += 1
        elif kind == CROSS:
            book[CROSSING] = rows[IN_ACTION, i]
            state.matches[book[GROUP]] += 1
            _message(out, n, CROSSED, 0, price, size, rows[IN_B, i], 0)
            out[MATCH, n] = state.matches[book[GROUP]]
            n += 1
        if top.shape[1] > 0:
            for m in range(start, n):
                _copy_levels(state, b, top, m)
    return total_rows, n, DONE


@entry
def move_orders(old: I64, new: I64) -> None:
    """Put what ``old`` holds into ``new``, an empty table with more room."""
    for i in range(old.shape[0]):
        if old[i, KEY] != 0:
            place = -1 - _find(new, old[i, KEY])
            for c in range(4):
                new[place, c] = old[i, c]


def make_state(groups: I64, orders: int = 4096, levels: int = 256) -> State:
    """Empty books; ``groups`` [B]: which counter numbers each one's orders."""
    books = np.zeros((len(groups), BOOK_COLUMNS), np.int64)
    books[:, GROUP] = groups
    counters = int(groups.max(initial=0)) + 1
    return State(
        held=np.zeros((orders, 4), np.int64),
        counts=np.zeros(1, np.int64),
        books=books,
        levels=np.zeros((len(groups), 2, 3, levels), np.int64),
        refs=np.zeros(counters, np.int64),
        matches=np.zeros(counters, np.int64),
    )


def with_more_orders(state: State) -> State:
    """The same with twice the room for orders."""
    held = np.zeros((2 * len(state.held), 4), np.int64)
    move_orders(state.held, held)
    return state._replace(held=held)


def with_more_levels(state: State) -> State:
    """The same with twice the room for levels."""
    return state._replace(levels=np.concatenate((state.levels, np.zeros_like(state.levels)), axis=3))
