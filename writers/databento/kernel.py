"""Messages of a venue as records of DBN 3, compiled: 64-bit words, little-endian, as ``records.DTYPES`` lays them out.

Everything that others define (columns, kinds, actions) comes as data: a compiled function in the cache is known by its own file alone.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.book.jit import entry, kernel
from simulator.records import I64

# messages: int64[8, n]
TS, BOOK, KIND, SIDE, PRICE, SIZE, PRINT, REF = range(8)
# of ``Maps``
NO_SIDE = 3
BID_PRICE, ASK_PRICE, BID_SIZE, ASK_SIZE, BID_COUNT, ASK_COUNT = range(6)
# state
SEQUENCE, WAITING = range(2)
"""Messages of the venue so far; whether ``out`` begins with a record that waits for its successor."""

T, F, A, B, N = 84, 70, 65, 66, 78
LAST = 128
PRICE_SCALE = 100_000
NO_PRICE = 2**63 - 1
MBO_WORDS, HEAD_WORDS, LEVEL_WORDS = 7, 6, 4
SEQUENCE_MASK = 0xFFFFFFFF


@kernel
def _copy_levels(levels: I64, places: I64, out: I64, m: int) -> None:
    """Levels [L, 6] behind the head of record ``m``; a level that there is not has no price."""
    row = out[m]
    bid_price, ask_price, bid_size, ask_size, bid_count, ask_count = places[0], places[1], places[2], places[3], places[4], places[5]
    first = HEAD_WORDS
    for i in range((row.shape[0] - HEAD_WORDS) // LEVEL_WORDS):
        level = levels[i]
        bid = level[bid_size]
        ask = level[ask_size]
        row[first] = level[bid_price] * PRICE_SCALE if bid > 0 else NO_PRICE
        row[first + 1] = level[ask_price] * PRICE_SCALE if ask > 0 else NO_PRICE
        row[first + 2] = bid | ask << 32
        row[first + 3] = level[bid_count] | level[ask_count] << 32
        first += LEVEL_WORDS


@kernel
def _differ(levels: I64, others: I64, count: int) -> bool:
    for i in range(count):
        for c in range(6):
            if levels[i, c] != others[i, c]:
                return True
    return False


@kernel
def _place(levels: I64, count: int, price_at: int, size_at: int, price: int) -> int:
    """Which level has that price, else -1."""
    for i in range(count):
        if levels[i, size_at] > 0 and levels[i, price_at] == price:
            return i
    return -1


class Maps(NamedTuple):
    """What others define."""

    actions: I64
    """[kinds, 4]: by kind of message its actions, 0 behind them, and whether a trade of it has no side."""
    places: I64
    """[6]: of levels, where each of ``BID_PRICE`` ... ``ASK_COUNT`` is."""


class Books(NamedTuple):
    """Of the books of a feed."""

    heads: I64
    """[books]: the first word of each book's records, 0 of those of other venues."""
    before: I64
    """[books, L, 6]: levels after each book's last message."""
    last_of: I64
    """[books]: scratch; of each book the last of the messages at hand that changed its levels."""


@entry
def write_records(messages: I64, maps: Maps, levels: I64, books: Books, state: I64, out: I64) -> int:
    """Fill ``out`` [m, words] with what a schema shows of one venue; returns the records there. Modifies books, state and out.

    ``levels`` [n, L, 6]: those after each message. The words say the schema: 7 are mbo, 6 trades, others have levels.
    A record's flag LAST hangs on the next one: the last record waits in ``out`` for the next call.
    """
    actions, places = maps
    heads, before, last_of = books
    words = out.shape[1]
    is_mbo = words == MBO_WORDS
    count = 0 if is_mbo else (words - HEAD_WORDS) // LEVEL_WORDS
    flags_at = 4 if is_mbo else 3
    flag = LAST << 32 if is_mbo else LAST << 48
    m = state[WAITING]
    last_of[:] = -1
    for n in range(messages.shape[1]):
        book = messages[BOOK, n]
        head = heads[book]
        if head == 0:
            continue
        state[SEQUENCE] += 1
        size = messages[SIZE, n]
        if size == 0:  # a cross that paired nothing
            continue
        kind = messages[KIND, n]
        ts = messages[TS, n]
        after = levels[n]
        prior = levels[last_of[book]] if last_of[book] >= 0 else before[book]
        changed = _differ(after, prior, count)
        for step in range(NO_SIDE):
            action = actions[kind, step]
            if action == 0:
                break
            trades = action == T
            if not is_mbo and not trades and (action == F or not changed):
                continue
            resting = messages[SIDE, n]
            side = A if (resting == 1) != trades else B
            if trades and actions[kind, NO_SIDE] == 1:
                side = N
            price = messages[PRINT, n] if trades or action == F else messages[PRICE, n]
            if m > 0 and (out[m - 1, 0] != head or out[m - 1, 1] != ts):
                out[m - 1, flags_at] |= flag
            out[m, 0] = head
            out[m, 1] = ts
            sequence = (state[SEQUENCE] & SEQUENCE_MASK) << 32
            if is_mbo:
                out[m, 2] = 0 if trades else messages[REF, n]
                out[m, 3] = price * PRICE_SCALE
                out[m, 4] = size | action << 48 | side << 56
                out[m, 5] = ts
                out[m, 6] = sequence
            else:
                out[m, 2] = price * PRICE_SCALE
                depth = 0
                if count > 0:
                    is_ask = side == N or resting == 1
                    price_at = places[ASK_PRICE] if is_ask else places[BID_PRICE]
                    size_at = places[ASK_SIZE] if is_ask else places[BID_SIZE]
                    depth = -1
                    if not trades:
                        depth = _place(after, count, price_at, size_at, price)
                    if depth < 0:
                        depth = max(_place(prior, count, price_at, size_at, price), 0)
                    _copy_levels(prior if trades else after, places, out, m)
                out[m, 3] = size | action << 32 | side << 40 | depth << 56
                out[m, 4] = ts
                out[m, 5] = sequence
            m += 1
        if changed:
            last_of[book] = n
    for book in range(len(last_of)):
        n = last_of[book]
        if n >= 0:
            for i in range(count):
                for c in range(6):
                    before[book, i, c] = levels[n, i, c]
    return m
