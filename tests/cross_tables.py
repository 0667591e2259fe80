"""Hand-computed tables of crosses: what trades at which price, and in which order."""

from __future__ import annotations

from book_tables import (
    ADD,
    BUY,
    CANCEL,
    CLOSE,
    CROSS,
    EXECUTE,
    EXPIRE,
    HALT,
    LIMIT,
    LIMIT_ON_CLOSE,
    LIMIT_ON_OPEN,
    MARKET_ON_CLOSE,
    MARKET_ON_OPEN,
    OPEN,
    REFILL,
    RESUME,
    SELL,
    Row,
    add,
    cancel,
    cross,
    rested,
)

from simulator.book.reports import Indication
from simulator.testing import Command

CROSSES: dict[str, list[Row]] = {
    "market orders by arrival, then price; at one price displayed and waiting ones by time, then hidden; expiries by id over both sides": [
        rested(1, BUY, 101, 5, LIMIT_ON_OPEN),
        rested(2, BUY, 101, 3, LIMIT, 0),
        rested(3, BUY, 101, 4),
        rested(4, BUY, 0, 2, MARKET_ON_OPEN),
        rested(5, BUY, 102, 1),
        rested(6, SELL, 103, 9, LIMIT_ON_OPEN),
        rested(7, SELL, 0, 10, MARKET_ON_OPEN),
        rested(8, BUY, 103, 1, LIMIT_ON_CLOSE),
        rested(9, SELL, 0, 2, MARKET_ON_OPEN),
        (
            cross(OPEN, 101),
            [
                (CROSS, 0, BUY, 101, 12, 3, OPEN),
                (EXECUTE, 4, BUY, 101, 2),
                (EXECUTE, 5, BUY, 101, 1),
                (EXECUTE, 1, BUY, 101, 5),
                (EXECUTE, 3, BUY, 101, 4),
                (EXECUTE, 7, SELL, 101, 10),
                (EXECUTE, 9, SELL, 101, 2),
                (EXPIRE, 6, SELL, 103, 9),
            ],
        ),
        (cancel(2), [(CANCEL, 2, BUY, 101, 3, 3)]),
        (cancel(8), [(CANCEL, 8, BUY, 103, 1)]),
    ],
    "all displayed shares at a price go before any hidden ones; a reserve that then displays nothing shows anew": [
        rested(1, SELL, 101, 9, LIMIT, 2),
        rested(2, SELL, 101, 4),
        rested(3, BUY, 0, 7, MARKET_ON_CLOSE),
        (
            cross(CLOSE, 101),
            # From 101 up 13 are for sale: 7 trade, 2 and 4 displayed ones and one that the reserve hides.
            [
                (CROSS, 0, SELL, 101, 7, 6, CLOSE),
                (EXECUTE, 3, BUY, 101, 7),
                (EXECUTE, 1, SELL, 101, 3, 1),
                (REFILL, 1, SELL, 101, 2, 4),
                (EXECUTE, 2, SELL, 101, 4),
            ],
        ),
        (cancel(1), [(CANCEL, 1, SELL, 101, 6, 4)]),
    ],
    "a reserve's displayed part and another seller: 100 each": [
        rested(1, SELL, 100, 300, LIMIT, 100),
        rested(2, SELL, 100, 100),
        rested(3, BUY, 0, 200, MARKET_ON_CLOSE),
        (
            cross(CLOSE, 100),
            [
                (CROSS, 0, SELL, 100, 200, 200, CLOSE),
                (EXECUTE, 3, BUY, 100, 200),
                (EXECUTE, 1, SELL, 100, 100),
                (REFILL, 1, SELL, 100, 100, 100),
                (EXECUTE, 2, SELL, 100, 100),
            ],
        ),
    ],
    "hidden shares by time, of reserves and hidden orders alike; a reserve is filled at its displayed part's place": [
        rested(1, SELL, 100, 5, LIMIT, 0),
        rested(2, SELL, 100, 6, LIMIT, 2),
        rested(3, SELL, 100, 4, LIMIT, 0),
        rested(4, SELL, 100, 3, LIMIT_ON_CLOSE),
        rested(5, BUY, 100, 15, LIMIT_ON_CLOSE),
        (
            cross(CLOSE, 100),
            # Displayed or waiting 2 + 3, then hidden 5 of order 1, 4 of order 2, and one of order 3.
            [
                (CROSS, 0, SELL, 100, 15, 3, CLOSE),
                (EXECUTE, 5, BUY, 100, 15),
                (EXECUTE, 2, SELL, 100, 6, 4),
                (EXECUTE, 4, SELL, 100, 3),
                (EXECUTE, 1, SELL, 100, 5, 5),
                (EXECUTE, 3, SELL, 100, 1, 1),
            ],
        ),
        (cancel(3), [(CANCEL, 3, SELL, 100, 3, 3)]),
    ],
    "who waits shares the time of the displayed ones; a reserve that showed anew counts no older than those before it": [
        rested(1, SELL, 100, 4, LIMIT, 2),
        rested(2, SELL, 100, 3, LIMIT_ON_OPEN),
        rested(3, SELL, 100, 2),
        (add(BUY, 100, 2), [(ADD, 4, BUY, 100, 2, 2, LIMIT), (EXECUTE, 1, SELL, 100, 2, 0, 4), (REFILL, 1, SELL, 100, 2, 0)]),
        rested(5, SELL, 100, 1, LIMIT_ON_OPEN),
        rested(6, BUY, 0, 7, MARKET_ON_OPEN),
        # The queue is 3, 1: order 2 is older than 3, order 5 younger than both.
        (
            cross(OPEN, 100),
            [
                (CROSS, 0, SELL, 100, 7, 1, OPEN),
                (EXECUTE, 6, BUY, 100, 7),
                (EXECUTE, 2, SELL, 100, 3),
                (EXECUTE, 3, SELL, 100, 2),
                (EXECUTE, 1, SELL, 100, 2),
                (EXPIRE, 5, SELL, 100, 1),
            ],
        ),
    ],
    "the hidden shares of a better price go before the displayed ones of a worse": [
        rested(1, SELL, 101, 5),
        rested(2, SELL, 100, 5, LIMIT, 0),
        rested(3, BUY, 0, 7, MARKET_ON_CLOSE),
        (
            cross(CLOSE, 101),
            [
                (CROSS, 0, SELL, 101, 7, 3, CLOSE),
                (EXECUTE, 3, BUY, 101, 7),
                (EXECUTE, 2, SELL, 101, 5, 5),
                (EXECUTE, 1, SELL, 101, 2),
            ],
        ),
    ],
    "a reserve refills when exactly its displayed part trades, and not when less does": [
        rested(1, SELL, 101, 9, LIMIT, 4),
        rested(2, BUY, 0, 3, MARKET_ON_OPEN),
        (cross(OPEN, 101), [(CROSS, 0, SELL, 101, 3, 6, OPEN), (EXECUTE, 2, BUY, 101, 3), (EXECUTE, 1, SELL, 101, 3)]),
        rested(3, BUY, 0, 1, MARKET_ON_OPEN),
        (
            cross(OPEN, 101),
            [(CROSS, 0, SELL, 101, 1, 5, OPEN), (EXECUTE, 3, BUY, 101, 1), (EXECUTE, 1, SELL, 101, 1), (REFILL, 1, SELL, 101, 4, 1)],
        ),
    ],
    "a partly filled hidden order stays hidden; orders keep their own price though they trade at the cross's": [
        rested(1, BUY, 102, 2, LIMIT_ON_OPEN),
        rested(2, SELL, 101, 6, LIMIT, 0),
        rested(3, SELL, 101, 1, LIMIT_ON_OPEN),
        # 2 trade at 101 and 102 with 5 left over at either; those that stay unfilled were entered at 101.
        (
            cross(OPEN, 110),
            [(CROSS, 0, SELL, 101, 2, 5, OPEN), (EXECUTE, 1, BUY, 101, 2), (EXECUTE, 3, SELL, 101, 1), (EXECUTE, 2, SELL, 101, 1, 1)],
        ),
        (cancel(2), [(CANCEL, 2, SELL, 101, 5, 5)]),
    ],
    "what waits and is filled in part expires; RESUME takes on-open orders; crosses work while trading is off": [
        HALT,
        rested(1, BUY, 105, 9, LIMIT_ON_OPEN),
        rested(2, SELL, 100, 4),
        rested(3, SELL, 0, 1, MARKET_ON_CLOSE),
        (
            cross(RESUME, 1),
            [(CROSS, 0, BUY, 105, 4, 5, RESUME), (EXECUTE, 1, BUY, 105, 4), (EXECUTE, 2, SELL, 105, 4), (EXPIRE, 1, BUY, 105, 5)],
        ),
    ],
    "nothing trades: no price, no side, and what waited expires": [
        rested(1, BUY, 100, 9),
        rested(2, SELL, 101, 9),
        rested(3, SELL, 0, 4, MARKET_ON_CLOSE),
        rested(4, SELL, 101, 4, LIMIT_ON_OPEN),
        (cross(OPEN, 100), [(CROSS, 0, BUY, 0, 0, 0, OPEN), (EXPIRE, 4, SELL, 101, 4)]),
        (cross(OPEN, 100), [(CROSS, 0, BUY, 0, 0, 0, OPEN)]),
    ],
}

# At 100 two buys are left over, at 101 two sells.
BALANCED = [add(SELL, 100, 5), add(SELL, 101, 2), add(BUY, 101, 5, LIMIT_ON_OPEN), add(BUY, 100, 2, LIMIT_ON_OPEN)]

# Orders, reference, what a cross at the open would do: one row per rule for the price.
PRICES: dict[str, tuple[list[Command], int, Indication]] = {
    "most volume": ([add(BUY, 105, 5, LIMIT_ON_OPEN), add(BUY, 101, 5, LIMIT_ON_OPEN), add(SELL, 101, 8)], 105, Indication(101, 8, 2, BUY)),
    "least imbalance": ([add(SELL, 100, 5), add(SELL, 103, 2), add(BUY, 105, 5, LIMIT_ON_OPEN)], 105, Indication(102, 5, 0, BUY)),
    "nearest, inside": ([add(SELL, 100, 5), add(BUY, 105, 5, LIMIT_ON_OPEN)], 103, Indication(103, 5, 0, BUY)),
    "nearest, above": ([add(SELL, 100, 5), add(BUY, 105, 5, LIMIT_ON_OPEN)], 900, Indication(105, 5, 0, BUY)),
    "nearest, below": ([add(SELL, 100, 5), add(BUY, 105, 5, LIMIT_ON_OPEN)], 1, Indication(100, 5, 0, BUY)),
    "entered by what stays unfilled, above": ([add(SELL, 100, 5), add(BUY, 105, 8, LIMIT_ON_OPEN)], 102, Indication(105, 5, 3, BUY)),
    "entered by what stays unfilled, below": ([add(SELL, 100, 8), add(BUY, 105, 5, LIMIT_ON_OPEN)], 104, Indication(100, 5, 3, SELL)),
    "entered by others alone": ([add(SELL, 100, 5), add(BUY, 0, 8, MARKET_ON_OPEN)], 102, Indication(102, 5, 3, BUY)),
    "equal both ways, nearest": ([*BALANCED], 99, Indication(100, 5, 2, BUY)),
    "equal both ways, nearest above": ([*BALANCED], 101, Indication(101, 5, 2, SELL)),
    "market orders alone": ([add(SELL, 0, 4, MARKET_ON_OPEN), add(BUY, 0, 6, MARKET_ON_OPEN)], 77, Indication(77, 4, 2, BUY)),
    "imbalance of sells": ([add(SELL, 0, 6, MARKET_ON_OPEN), add(BUY, 50, 4, LIMIT_ON_OPEN)], 77, Indication(50, 4, 2, SELL)),
    "other cross's orders are not in it": ([add(SELL, 0, 6, MARKET_ON_CLOSE), add(BUY, 50, 4)], 77, Indication(0, 0, 0, BUY)),
    "empty": ([], 77, Indication(0, 0, 0, BUY)),
}  # fmt: skip
