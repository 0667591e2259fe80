"""What a set of books is made of: a few flat arrays, and the names of their columns.

A book keeps one level record per price in a ring of ``W`` ticks: price ``p`` lives in slot ``p & (W - 1)``, which is
unambiguous as long as all resting prices span fewer than ``W`` ticks. That limit is checked for every order. Two bitmaps
over the ring tell which prices hold anything, and which display anything; bids and asks share them, for no price can
hold both. Orders are records in a pool of their book, chained into the queues of their level; slot 0 means "none".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.records import I32, I64

# level record: int32[8]
SHOWN_HEAD, SHOWN_TAIL, HIDDEN_HEAD, HIDDEN_TAIL = 0, 1, 2, 3
SHOWN_SIZE, HIDDEN_SIZE = 4, 5
MARK, BEFORE = 6, 7
"""The last action that changed the displayed size, and what it was before that action."""

# order record: int32[8]
PRICE, SHOWN, HIDDEN, PEAK, NEXT, PREV, ID, META = 0, 1, 2, 3, 4, 5, 6, 7
# META = owner << 8 | order type << 3 | style << 1 | side
STYLE_SHOWN, STYLE_HIDDEN, STYLE_WAITS = 0, 1, 2
META_TYPE_SHIFT, META_TYPE_MASK = 3, 15
META_OWNER_SHIFT = 8

# book header: int64[32]
BASE, BEST_BID, BEST_ASK, SHOWN_BID, SHOWN_ASK = 0, 1, 2, 3, 4
BID_LEVELS, ASK_LEVELS = 5, 6
ALIVE, FREE, POOL_TOP, LAST_ID = 7, 8, 9, 10
TRADING, ACTION, DIFF, BASE_MOVED = 11, 12, 13, 14
WAIT_HEAD, WAIT_TAIL = 15, 16
PEND_SIDE, PEND_LIMIT, PEND_SIZE, PEND_ID, PEND_DISPLAY, PEND_TYPE, PEND_OWNER = 17, 18, 19, 20, 21, 22, 23
LAST_TS, ACTIONS = 24, 25
HEADER_SIZE = 32

NO_BID = 0
NO_ASK = 2**31 - 1
"""Best prices of an empty side: beyond every price on their side, so that comparisons need no special case."""

# log record: int64[9], the fields of ``Event``, then where the order rests and whose it is
LOG_KIND, LOG_ID, LOG_SIDE, LOG_PRICE, LOG_SIZE, LOG_A, LOG_B, LOG_SLOT, LOG_OWNER = range(9)
LOG_FIELDS = 9


class NewOrder(NamedTuple):
    """A new order, as it comes to a book. In compiled code every field is an int64: ``int(...)`` of what is read from an int32 array."""

    side: int
    price: int
    """Ticks; 0 for a market order."""
    size: int
    display: int
    """Shares shown at a time, ``size`` for all of them, 0 for none."""
    type: int
    """``OrderType``."""
    owner: int


class Request(NamedTuple):
    """What a command asks of one book; what its verb has no use for is 0. In compiled code every field is an int64."""

    verb: int
    """One of ``matching.DO_ADD`` to ``DO_GO_ON``."""
    slot: int = 0
    """Where the order that it is about was said to rest."""
    order_id: int = 0
    side: int = 0
    price: int = 0
    size: int = 0
    display: int = 0
    type: int = 0
    owner: int = 0


class Books(NamedTuple):
    """All books of a worker. Every array is modified in place by the kernels."""

    level: I32
    """[B, W, 8]"""
    held: NDArray[np.uint64]
    """[B, W / 64], a bit per price that holds any order."""
    shown: NDArray[np.uint64]
    """[B, W / 64], a bit per price that displays any."""
    order: I32
    """[B, capacity + 1, 8]"""
    head: I64
    """[B, 32]"""
    log: I64
    """[n, 9], what the current action has reported; one log for all books."""
    logged: I64
    """[1], rows in ``log``."""


def log_rows(max_orders: int) -> int:
    """Rows that hold whatever one action logs.

    A cross: its own row, then for each order an execution, and a refill or an expiry. An aggressive order stops where the log ends and
    goes on with an empty one. The flow has less to say, in a book that has room for its orders (``inputs.config.ORDERS_SEEDED``):
    seeding, two rows for each of 264 orders; quoting anew, three for each of 54 new orders, and for each order there one when it is
    cancelled and one when it is reduced.
    """
    return 3 * max_orders + 64


def make_books(count: int, *, max_orders: int, price_window: int) -> Books:
    """Empty books. ``price_window`` is a power of two of at least 64 ticks; both limits hold per book."""
    if price_window < 64 or price_window & (price_window - 1):
        raise ValueError(f"price_window must be a power of two of at least 64, got {price_window}")
    head = np.zeros((count, HEADER_SIZE), np.int64)
    head[:, [BEST_ASK, SHOWN_ASK]] = NO_ASK
    head[:, POOL_TOP] = 1
    head[:, TRADING] = 1
    head[:, ACTION] = 1
    return Books(
        level=np.zeros((count, price_window, 8), np.int32),
        held=np.zeros((count, price_window // 64), np.uint64),
        shown=np.zeros((count, price_window // 64), np.uint64),
        order=np.zeros((count, max_orders + 1, 8), np.int32),
        head=head,
        log=np.zeros((log_rows(max_orders), LOG_FIELDS), np.int64),
        logged=np.zeros(1, np.int64),
    )
