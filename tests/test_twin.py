"""The slow twin against hand-computed tables, one row per command, and against what must hold after any command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator.book.limit_order_book import LimitOrderBook
from simulator.book.reports import EVENT_FIELDS, Event, Indication
from simulator.errors import InputError
from simulator.records import LEVEL_SIZE_MAX, PRICE_TICKS_MAX, SIZE_MAX, CrossKind, EventKind, OrderType, Reject, Side
from simulator.testing import Command, Nth, OrderRow, TwinBook, apply, assert_same, assert_same_run, assert_valid, commands, draw

BUY, SELL = Side
LIMIT, MARKET, IOC, FOK, POST_ONLY, MARKET_ON_OPEN, LIMIT_ON_OPEN, MARKET_ON_CLOSE, LIMIT_ON_CLOSE = OrderType
OPEN, CLOSE, RESUME = CrossKind
ADD, EXECUTE, REFILL, REST, EXPIRE, CANCEL, REDUCE, REPLACE, CROSS, REJECT = EventKind

Row = tuple[Command, list[tuple[int, ...]]]
"""A command and its events: the fields that all kinds have, then the kind's own; trailing zeros may be left out."""


def event(kind: EventKind, order_id: int, side: int, price_ticks: int, size: int, *own: int) -> Event:
    """As the tables below have it."""
    names = EVENT_FIELDS[kind]
    return Event(kind, order_id, side, price_ticks, size, **{name: value for name, value in zip(names, own, strict=False) if name})


def add(side: Side, price_ticks: int, size: int, type: OrderType = LIMIT, display: int | None = None) -> Command:
    return Command("add", (side, price_ticks, size, type, display))


def rested(order_id: int, side: Side, price_ticks: int, size: int, type: OrderType = LIMIT, display: int | None = None) -> Row:
    """An order that rests without trading: what most tables begin with."""
    shown = size if display is None else display
    added = (ADD, order_id, side, price_ticks, size, shown, type)
    return (add(side, price_ticks, size, type, display), [added, (REST, order_id, side, price_ticks, shown, size - shown)])


def refused(command: Command, reason: Reject) -> Row:
    """An add that is refused."""
    side, price_ticks, size, *_ = command.args
    return (command, [(REJECT, 0, side, price_ticks, size, reason)])


def cancel(order_id: int) -> Command:
    return Command("cancel", (order_id,))


def reduce(order_id: int, size: int) -> Command:
    return Command("reduce", (order_id, size))


def replace(order_id: int, price_ticks: int, size: int) -> Command:
    return Command("replace", (order_id, price_ticks, size))


def cross(kind: CrossKind, reference_ticks: int) -> Command:
    return Command("cross", (kind, reference_ticks))


HALT: Row = (Command("trading", (False,)), [])

MATCHING: dict[str, list[Row]] = {
    "price before time, oldest first, at the resting price, remainder rests": [
        rested(1, SELL, 102, 5),
        rested(2, SELL, 101, 4),
        rested(3, SELL, 101, 3),
        (
            add(BUY, 102, 20),
            [
                (ADD, 4, BUY, 102, 20, 20, LIMIT),
                (EXECUTE, 2, SELL, 101, 4, 0, 4),
                (EXECUTE, 3, SELL, 101, 3, 0, 4),
                (EXECUTE, 1, SELL, 102, 5, 0, 4),
                (REST, 4, BUY, 102, 8),
            ],
        ),
        (add(SELL, 102, 8), [(ADD, 5, SELL, 102, 8, 8, LIMIT), (EXECUTE, 4, BUY, 102, 8, 0, 5)]),
    ],
    "a sell meets the highest buys first and keeps a partly filled order at the front": [
        rested(1, BUY, 99, 5),
        rested(2, BUY, 100, 5),
        rested(3, BUY, 100, 5),
        (add(SELL, 100, 2), [(ADD, 4, SELL, 100, 2, 2, LIMIT), (EXECUTE, 2, BUY, 100, 2, 0, 4)]),
        (
            add(SELL, 99, 9),
            [
                (ADD, 5, SELL, 99, 9, 9, LIMIT),
                (EXECUTE, 2, BUY, 100, 3, 0, 5),
                (EXECUTE, 3, BUY, 100, 5, 0, 5),
                (EXECUTE, 1, BUY, 99, 1, 0, 5),
            ],
        ),
    ],
    "market takes any price and expires; IOC stops at its limit and expires": [
        rested(1, SELL, 101, 2),
        rested(2, SELL, 500, 2),
        (add(BUY, 102, 3, IOC), [(ADD, 3, BUY, 102, 3, 3, IOC), (EXECUTE, 1, SELL, 101, 2, 0, 3), (EXPIRE, 3, BUY, 102, 1)]),
        (add(BUY, 0, 3, MARKET), [(ADD, 4, BUY, 0, 3, 3, MARKET), (EXECUTE, 2, SELL, 500, 2, 0, 4), (EXPIRE, 4, BUY, 0, 1)]),
        (add(SELL, 0, 1, MARKET), [(ADD, 5, SELL, 0, 1, 1, MARKET), (EXPIRE, 5, SELL, 0, 1)]),
    ],
    "FOK counts hidden shares within its limit, fills whole or takes no id": [
        rested(1, SELL, 101, 2),
        rested(2, SELL, 102, 7, LIMIT, 4),
        rested(3, SELL, 102, 3, LIMIT, 0),
        rested(4, SELL, 103, 9),
        refused(add(BUY, 102, 13, FOK), Reject.NOT_FILLABLE),
        refused(add(BUY, 101, 3, FOK), Reject.NOT_FILLABLE),
        (
            add(BUY, 102, 12, FOK),
            [
                (ADD, 5, BUY, 102, 12, 12, FOK),
                (EXECUTE, 1, SELL, 101, 2, 0, 5),
                (EXECUTE, 2, SELL, 102, 4, 0, 5),
                (REFILL, 2, SELL, 102, 3, 0),
                (EXECUTE, 2, SELL, 102, 3, 0, 5),
                (EXECUTE, 3, SELL, 102, 3, 3, 5),
            ],
        ),
    ],
    "post-only is refused where it would trade, be it with a hidden order": [
        rested(1, SELL, 101, 2, LIMIT, 0),
        refused(add(BUY, 101, 2, POST_ONLY), Reject.WOULD_TRADE),
        rested(2, BUY, 100, 2, POST_ONLY),
    ],
    "one owner may trade with itself": [
        rested(1, SELL, 101, 2),
        (add(BUY, 101, 2), [(ADD, 2, BUY, 101, 2, 2, LIMIT), (EXECUTE, 1, SELL, 101, 2, 0, 2)]),
    ],
}

HIDDEN: dict[str, list[Row]] = {
    "a reserve refills at the end of the queue and may be met again; fully hidden ones come last": [
        rested(1, SELL, 101, 4, LIMIT, 0),
        rested(2, SELL, 101, 7, LIMIT, 3),
        rested(3, SELL, 101, 2),
        (
            add(BUY, 101, 10),
            [
                (ADD, 4, BUY, 101, 10, 10, LIMIT),
                (EXECUTE, 2, SELL, 101, 3, 0, 4),
                (REFILL, 2, SELL, 101, 3, 1),
                (EXECUTE, 3, SELL, 101, 2, 0, 4),
                (EXECUTE, 2, SELL, 101, 3, 0, 4),
                (REFILL, 2, SELL, 101, 1, 0),
                (EXECUTE, 2, SELL, 101, 1, 0, 4),
                (EXECUTE, 1, SELL, 101, 1, 1, 4),
            ],
        ),
        (cancel(1), [(CANCEL, 1, SELL, 101, 3, 3)]),
    ],
    "a reserve refills directly after the fill that ended the aggressor": [
        rested(1, BUY, 100, 5, POST_ONLY, 2),
        rested(2, BUY, 100, 1),
        (add(SELL, 100, 2), [(ADD, 3, SELL, 100, 2, 2, LIMIT), (EXECUTE, 1, BUY, 100, 2, 0, 3), (REFILL, 1, BUY, 100, 2, 1)]),
        (add(SELL, 100, 1), [(ADD, 4, SELL, 100, 1, 1, LIMIT), (EXECUTE, 2, BUY, 100, 1, 0, 4)]),
    ],
    "a better hidden price goes before a displayed one": [
        rested(1, SELL, 101, 5),
        rested(2, SELL, 100, 5, LIMIT, 0),
        (
            add(BUY, 101, 6),
            [(ADD, 3, BUY, 101, 6, 6, LIMIT), (EXECUTE, 2, SELL, 100, 5, 5, 3), (EXECUTE, 1, SELL, 101, 1, 0, 3)],
        ),
    ],
    "what rests of a reserve or hidden order keeps its style": [
        rested(1, SELL, 101, 4),
        (add(BUY, 101, 9, LIMIT, 2), [(ADD, 2, BUY, 101, 9, 2, LIMIT), (EXECUTE, 1, SELL, 101, 4, 0, 2), (REST, 2, BUY, 101, 2, 3)]),
        (add(SELL, 101, 4), [(ADD, 3, SELL, 101, 4, 4, LIMIT), (EXECUTE, 2, BUY, 101, 2, 0, 3), (REFILL, 2, BUY, 101, 2, 1),
                             (EXECUTE, 2, BUY, 101, 2, 0, 3), (REFILL, 2, BUY, 101, 1, 0)]),
        (add(SELL, 101, 6, LIMIT, 5), [(ADD, 4, SELL, 101, 6, 5, LIMIT), (EXECUTE, 2, BUY, 101, 1, 0, 4), (REST, 4, SELL, 101, 5, 0)]),
        (add(BUY, 101, 9, LIMIT, 0), [(ADD, 5, BUY, 101, 9, 0, LIMIT), (EXECUTE, 4, SELL, 101, 5, 0, 5), (REST, 5, BUY, 101, 0, 4)]),
    ],
    "a display equal to the size is fully displayed": [rested(1, SELL, 101, 5, LIMIT, 5), rested(2, BUY, 100, 5, LIMIT, 5)],
}  # fmt: skip

CHANGES: dict[str, list[Row]] = {
    "cancel reports what is left and how much of it was hidden": [
        rested(1, BUY, 100, 9, LIMIT, 2),
        (add(SELL, 100, 1), [(ADD, 2, SELL, 100, 1, 1, LIMIT), (EXECUTE, 1, BUY, 100, 1, 0, 2)]),
        (cancel(1), [(CANCEL, 1, BUY, 100, 8, 7)]),
        (cancel(1), [(REJECT, 1, 0, 0, 0, Reject.UNKNOWN_ORDER)]),
        (cancel(2), [(REJECT, 2, 0, 0, 0, Reject.UNKNOWN_ORDER)]),
    ],
    "reduce keeps the place, takes hidden shares first, and cancels when all go": [
        rested(1, BUY, 100, 9, LIMIT, 4),
        rested(2, BUY, 100, 9),
        rested(3, BUY, 100, 9, LIMIT, 0),
        (reduce(1, 3), [(REDUCE, 1, BUY, 100, 3, 3)]),
        (reduce(1, 4), [(REDUCE, 1, BUY, 100, 4, 2)]),
        (add(SELL, 100, 3), [(ADD, 4, SELL, 100, 3, 3, LIMIT), (EXECUTE, 1, BUY, 100, 2, 0, 4), (EXECUTE, 2, BUY, 100, 1, 0, 4)]),
        (reduce(3, 2), [(REDUCE, 3, BUY, 100, 2, 2)]),
        (reduce(3, 7), [(CANCEL, 3, BUY, 100, 7, 7)]),
        (reduce(2, 0), [(REJECT, 2, BUY, 100, 0, Reject.BAD_SIZE)]),
        (reduce(2, SIZE_MAX + 1), [(REJECT, 2, BUY, 100, SIZE_MAX + 1, Reject.BAD_SIZE)]),
        (reduce(2, SIZE_MAX), [(CANCEL, 2, BUY, 100, 8)]),
        (reduce(2, 0), [(REJECT, 2, 0, 0, 0, Reject.UNKNOWN_ORDER)]),
    ],
    "replace loses the place, even at the same price, and may trade": [
        rested(1, BUY, 100, 5),
        rested(2, BUY, 100, 5),
        rested(3, SELL, 102, 4),
        (replace(1, 100, 5), [(REPLACE, 1, BUY, 100, 5, 5, 4), (REST, 4, BUY, 100, 5)]),
        (add(SELL, 100, 6), [(ADD, 5, SELL, 100, 6, 6, LIMIT), (EXECUTE, 2, BUY, 100, 5, 0, 5), (EXECUTE, 4, BUY, 100, 1, 0, 5)]),
        (replace(4, 102, 6), [(REPLACE, 4, BUY, 102, 6, 6, 6), (EXECUTE, 3, SELL, 102, 4, 0, 6), (REST, 6, BUY, 102, 2)]),
        (replace(4, 101, 6), [(REJECT, 4, 0, 101, 6, Reject.UNKNOWN_ORDER)]),
        (replace(6, 101, 0), [(REJECT, 6, BUY, 101, 0, Reject.BAD_SIZE)]),
        (replace(6, 0, 1), [(REJECT, 6, BUY, 0, 1, Reject.BAD_PRICE)]),
        (replace(6, PRICE_TICKS_MAX + 1, 1), [(REJECT, 6, BUY, PRICE_TICKS_MAX + 1, 1, Reject.BAD_PRICE)]),
        (replace(6, 0, 0), [(REJECT, 6, BUY, 0, 0, Reject.BAD_SIZE)]),
        (cancel(6), [(CANCEL, 6, BUY, 102, 2)]),
    ],
    "replace keeps the style: a reserve its peak, also when nothing of it is hidden any more": [
        rested(1, BUY, 100, 5, POST_ONLY, 3),
        rested(2, BUY, 99, 5, LIMIT, 0),
        (reduce(1, 2), [(REDUCE, 1, BUY, 100, 2, 2)]),
        (replace(1, 100, 7), [(REPLACE, 1, BUY, 100, 7, 3, 3), (REST, 3, BUY, 100, 3, 4)]),
        (replace(3, 100, 2), [(REPLACE, 3, BUY, 100, 2, 2, 4), (REST, 4, BUY, 100, 2, 0)]),
        (replace(4, 100, 5), [(REPLACE, 4, BUY, 100, 5, 3, 5), (REST, 5, BUY, 100, 3, 2)]),
        (replace(2, 98, 6), [(REPLACE, 2, BUY, 98, 6, 0, 6), (REST, 6, BUY, 98, 0, 6)]),
    ],
    "replace keeps the type: post-only is refused where it would trade, and the old order stands; a hidden one too": [
        rested(1, SELL, 101, 5),
        rested(2, BUY, 99, 5, POST_ONLY),
        rested(3, BUY, 98, 5, POST_ONLY, 0),
        (replace(2, 101, 7), [(REJECT, 2, BUY, 101, 7, Reject.WOULD_TRADE)]),
        (replace(2, 100, 7), [(REPLACE, 2, BUY, 100, 7, 7, 4), (REST, 4, BUY, 100, 7)]),
        (replace(4, 105, 7), [(REJECT, 4, BUY, 105, 7, Reject.WOULD_TRADE)]),
        (replace(3, 101, 1), [(REJECT, 3, BUY, 101, 1, Reject.WOULD_TRADE)]),
        (replace(3, 100, 1), [(REPLACE, 3, BUY, 100, 1, 0, 5), (REST, 5, BUY, 100, 0, 1)]),
        HALT,
        (replace(4, 101, 7), [(REJECT, 4, BUY, 101, 7, Reject.PHASE)]),
    ],
    "replace keeps the type: a limit order stays one, also after post-only ones used its record": [
        rested(1, SELL, 101, 5),
        rested(2, BUY, 99, 5, POST_ONLY),
        (cancel(2), [(CANCEL, 2, BUY, 99, 5)]),
        rested(3, BUY, 99, 5),
        (replace(3, 101, 5), [(REPLACE, 3, BUY, 101, 5, 5, 4), (EXECUTE, 1, SELL, 101, 5, 0, 4)]),
    ],
    "an order that waits can be reduced and cancelled, not replaced": [
        rested(1, BUY, 100, 5, LIMIT_ON_OPEN),
        rested(2, SELL, 0, 5, MARKET_ON_CLOSE),
        (replace(1, 0, 0), [(REJECT, 1, BUY, 0, 0, Reject.WAITS_FOR_CROSS)]),
        (reduce(1, 2), [(REDUCE, 1, BUY, 100, 2, 0)]),
        (cancel(1), [(CANCEL, 1, BUY, 100, 3, 0)]),
        (cancel(2), [(CANCEL, 2, SELL, 0, 5, 0)]),
    ],
}

REFUSALS: dict[str, list[Row]] = {
    "checks of add, first to last": [
        refused(add(BUY, 0, 0, MARKET, 3), Reject.BAD_SIZE),
        refused(add(BUY, -1, SIZE_MAX + 1), Reject.BAD_SIZE),
        refused(add(BUY, -1, 5, LIMIT, -1), Reject.BAD_DISPLAY),
        refused(add(BUY, -1, 5, LIMIT, 6), Reject.BAD_DISPLAY),
        refused(add(BUY, 0, 5, MARKET, 0), Reject.BAD_DISPLAY),
        *(refused(add(BUY, 9, 5, type, 4), Reject.BAD_DISPLAY) for type in OrderType if type not in (LIMIT, POST_ONLY)),
        *(refused(add(BUY, 9, 5, type), Reject.BAD_PRICE) for type in (MARKET, MARKET_ON_OPEN, MARKET_ON_CLOSE)),
        *(
            refused(add(BUY, price, 5, type), Reject.BAD_PRICE)
            for type in (LIMIT, IOC, FOK, POST_ONLY, LIMIT_ON_OPEN, LIMIT_ON_CLOSE)
            for price in (0, -1, PRICE_TICKS_MAX + 1)
        ),
        (add(BUY, 0, 5, MARKET, 5), [(ADD, 1, BUY, 0, 5, 5, MARKET), (EXPIRE, 1, BUY, 0, 5)]),
        rested(2, SELL, PRICE_TICKS_MAX, SIZE_MAX),
    ],
    "while trading is off": [
        rested(1, SELL, 101, 5, LIMIT, 0),
        rested(2, BUY, 99, 5),
        HALT,
        *(refused(add(BUY, 101, 5, type), Reject.PHASE) for type in (LIMIT, IOC, FOK, POST_ONLY)),
        refused(add(BUY, 0, 5, MARKET), Reject.PHASE),
        refused(add(BUY, 101, 9, FOK), Reject.PHASE),
        refused(add(BUY, 100, 5, FOK), Reject.NOT_FILLABLE),
        (add(BUY, 100, 5, IOC), [(ADD, 3, BUY, 100, 5, 5, IOC), (EXPIRE, 3, BUY, 100, 5)]),
        (replace(2, 101, 5), [(REJECT, 2, BUY, 101, 5, Reject.PHASE)]),
        (replace(2, 100, 5), [(REPLACE, 2, BUY, 100, 5, 5, 4), (REST, 4, BUY, 100, 5)]),
        rested(5, BUY, 101, 5, LIMIT_ON_OPEN),
        (cancel(4), [(CANCEL, 4, BUY, 100, 5)]),
        (cancel(1), [(CANCEL, 1, SELL, 101, 5, 5)]),
        (add(BUY, 0, 5, MARKET), [(ADD, 6, BUY, 0, 5, 5, MARKET), (EXPIRE, 6, BUY, 0, 5)]),
    ],
}

# Books of at most 3 orders and prices within 10 ticks of each other.
SMALL: dict[str, list[Row]] = {
    "a full book refuses what may rest or wait, even if it would trade, and takes the rest": [
        rested(1, SELL, 101, 5),
        rested(2, BUY, 99, 5),
        rested(3, BUY, 0, 5, MARKET_ON_OPEN),
        *(refused(add(BUY, 101, 5, type), Reject.BOOK_FULL) for type in (LIMIT, POST_ONLY, LIMIT_ON_OPEN, LIMIT_ON_CLOSE)),
        *(refused(add(BUY, 0, 5, type), Reject.BOOK_FULL) for type in (MARKET_ON_OPEN, MARKET_ON_CLOSE)),
        (replace(2, 98, 5), [(REPLACE, 2, BUY, 98, 5, 5, 4), (REST, 4, BUY, 98, 5)]),
        (add(BUY, 101, 5, IOC), [(ADD, 5, BUY, 101, 5, 5, IOC), (EXECUTE, 1, SELL, 101, 5, 0, 5)]),
        rested(6, SELL, 101, 5),
    ],
    "resting prices span less than the window, counting hidden ones, those about to trade and the one replaced": [
        rested(1, SELL, 110, 5, LIMIT, 0),
        refused(add(BUY, 100, 5), Reject.PRICE_RANGE),
        refused(add(SELL, 120, 5, POST_ONLY), Reject.PRICE_RANGE),
        refused(add(BUY, 120, 5), Reject.PRICE_RANGE),
        rested(2, BUY, 50, 5, LIMIT_ON_OPEN),
        (add(BUY, 100, 5, IOC), [(ADD, 3, BUY, 100, 5, 5, IOC), (EXPIRE, 3, BUY, 100, 5)]),
        rested(4, BUY, 101, 5),
        (replace(4, 100, 5), [(REJECT, 4, BUY, 100, 5, Reject.PRICE_RANGE)]),
        (replace(1, 111, 5), [(REJECT, 1, SELL, 111, 5, Reject.PRICE_RANGE)]),
        (cancel(1), [(CANCEL, 1, SELL, 110, 5, 5)]),
        (replace(4, 91, 5), [(REJECT, 4, BUY, 91, 5, Reject.PRICE_RANGE)]),
        (replace(4, 92, 5), [(REPLACE, 4, BUY, 92, 5, 5, 5), (REST, 5, BUY, 92, 5)]),
    ],
}

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


TABLES = {**MATCHING, **HIDDEN, **CHANGES, **REFUSALS, **CROSSES}


def play(book: Any, rows: list[Row]) -> None:
    for command, expected in rows:
        events = apply(book, command)
        assert events == [event(*(*row, 0, 0, 0)[: max(5, len(row))]) for row in expected], f"{command}\n{draw(book)}"
        assert_valid(book)


@pytest.mark.parametrize("book", [TwinBook, LimitOrderBook])
@pytest.mark.parametrize("name", TABLES)
def test_each_command_yields_the_events_of_the_rules(name: str, book: Any) -> None:
    play(book(), TABLES[name])


@pytest.mark.parametrize("name", SMALL)
def test_the_limits_of_a_small_book(name: str) -> None:
    play(TwinBook(max_orders=3, price_window=10), SMALL[name])


def test_a_level_holds_no_more_shares_than_its_limit_displayed_and_hidden() -> None:
    book = TwinBook()
    whole, part = divmod(LEVEL_SIZE_MAX, SIZE_MAX)
    for n in range(whole):
        book.add(BUY, 100, SIZE_MAX, display=None if n % 2 else 1)
    too_much = add(BUY, 100, part + 1)
    play(book, [refused(too_much, Reject.BAD_SIZE), rested(whole + 1, BUY, 99, part + 1), rested(whole + 2, BUY, 100, part, LIMIT, 0)])
    play(book, [(replace(1, 100, 1), [(REJECT, 1, BUY, 100, 1, Reject.BAD_SIZE)])])
    play(book, [(replace(whole + 1, 100, 1), [(REJECT, whole + 1, BUY, 100, 1, Reject.BAD_SIZE)])])
    play(book, [rested(whole + 3, SELL, 101, part + 1), (cancel(1), [(CANCEL, 1, BUY, 100, SIZE_MAX, SIZE_MAX - 1)])])


@pytest.mark.parametrize("name", PRICES)
@pytest.mark.parametrize("make_book", [TwinBook, LimitOrderBook])
def test_the_price_of_a_cross(name: str, make_book: Any) -> None:
    orders, reference_ticks, expected = PRICES[name]
    book = make_book()
    # Entered while nothing waits that they could meet: only the cross brings them together.
    for command in orders:
        assert apply(book, command)[-1].kind == REST
    before = book.orders()
    assert book.indicative(OPEN, reference_ticks) == expected
    assert book.orders() == before
    (price, paired, imbalance, side) = expected
    assert book.cross(OPEN, reference_ticks)[0] == event(CROSS, 0, side, price, paired, imbalance, OPEN)


@pytest.mark.parametrize("reference_ticks", [0, -1, PRICE_TICKS_MAX + 1])
def test_a_reference_that_is_no_price_is_the_users_mistake(reference_ticks: int) -> None:
    with pytest.raises(InputError, match="reference price"):
        TwinBook().cross(OPEN, reference_ticks)


def test_orders_and_levels_stand_in_priority_order() -> None:
    book = TwinBook()
    book.add(BUY, 99, 4, owner=7)
    book.add(BUY, 100, 5, display=0)
    book.add(SELL, 0, 3, type=MARKET_ON_CLOSE)
    book.add(BUY, 99, 9, display=2)
    book.add(BUY, 101, 6, type=LIMIT_ON_OPEN)
    book.add(SELL, 101, 8)
    assert book.orders() == [
        (2, BUY, 100, 0, 5, 0, LIMIT, 0),
        (1, BUY, 99, 4, 0, 0, LIMIT, 7),
        (4, BUY, 99, 2, 7, 2, LIMIT, 0),
        (6, SELL, 101, 8, 0, 0, LIMIT, 0),
        (3, SELL, 0, 3, 0, 0, MARKET_ON_CLOSE, 0),
        (5, BUY, 101, 6, 0, 0, LIMIT_ON_OPEN, 0),
    ]
    assert book.levels(BUY, 5) == [(99, 6)]
    assert book.levels(SELL, 5) == [(101, 8)]
    assert book.levels(SELL, 0) == []


def test_the_state_hash_is_stable_and_counts_the_ids_given() -> None:
    book, other = TwinBook(), TwinBook()
    for b in (book, other):
        b.add(BUY, 99, 4)
    assert book.state_hash() == other.state_hash() == GOLDEN_HASH
    other.add(BUY, 99, 4)
    other.cancel(2)
    assert book.orders() == other.orders()
    assert book.state_hash() != other.state_hash()
    with pytest.raises(AssertionError, match="next order id"):
        assert_same(book, other)


GOLDEN_HASH = 10121495801042842221


def test_the_drawing_of_a_book() -> None:
    book = TwinBook()
    assert draw(book) == "(nothing displayed)"
    for side, price_ticks, size in [(SELL, 103, 40), (SELL, 101, 100), (BUY, 99, 20), (BUY, 98, 1), (SELL, 150, 3)]:
        book.add(side, price_ticks, size)
    assert draw(book, levels=2).splitlines() == [
        "103 |  40 | ########",
        "101 | 100 | ####################",
        "----+-----+---------------------",
        " 99 |  20 | ####",
        " 98 |   1 | #",
    ]


@pytest.mark.parametrize(("levels", "drawn"), [([(99, 0)], " 99 | 0 |"), ([(99, 4), (98, 0)], " 98 | 0 |"), ([(99, -7)], " 99 | -7 |")])
def test_a_level_without_shares_is_drawn_and_the_message_is_the_comparisons(levels: list[tuple[int, int]], drawn: str) -> None:
    """The commonest fault of a book is a level that was not taken away."""
    book = Altered(lambda rows: rows, levels)
    assert drawn in draw(book).splitlines() or drawn.strip() in draw(book).splitlines()
    with pytest.raises(AssertionError, match="levels differ"):
        assert_same(book, TwinBook())
    with pytest.raises(AssertionError, match="BUY levels are"):
        assert_same_run(book, [Command("cancel", (1,))], events=False)


class Altered(TwinBook):
    """A book that tells something untrue about its orders or levels: the checks must see it."""

    def __init__(self, alter: Callable[[list[OrderRow]], list[OrderRow]], levels: list[tuple[int, int]] | None = None) -> None:
        super().__init__()
        self.alter = alter
        self.untrue_levels = levels

    def orders(self) -> list[OrderRow]:
        return self.alter(super().orders())

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        true = super().levels(side, count)
        return true if self.untrue_levels is None or side == SELL else self.untrue_levels


UNTRUE: dict[str, tuple[Altered, str]] = {
    "twice": (Altered(lambda rows: [*rows, rows[-1]]), "occurs twice"),
    "empty": (Altered(lambda rows: [*rows, OrderRow(9, SELL, 120, 0, 0, 0, LIMIT, 0)]), "no or negative shares"),
    "negative": (Altered(lambda rows: [*rows, OrderRow(9, SELL, 120, -1, 5, 0, LIMIT, 0)]), "no or negative shares"),
    "reserve shows nothing": (Altered(lambda rows: [*rows, OrderRow(9, SELL, 120, 0, 5, 2, LIMIT, 0)]), "reserve displays"),
    "reserve shows too much": (Altered(lambda rows: [*rows, OrderRow(9, SELL, 120, 3, 5, 2, LIMIT, 0)]), "reserve displays"),
    "price order": (Altered(lambda rows: rows[1::-1] + rows[2:]), "out of price order"),
    "hidden first": (Altered(lambda rows: [*rows[:2], OrderRow(9, SELL, 101, 0, 5, 0, LIMIT, 0), *rows[2:]]), "out of price order"),
    "crossed": (Altered(lambda rows: [*rows, OrderRow(9, SELL, 99, 0, 5, 0, LIMIT, 0)][::-1][:1] + rows), "best buy is not below"),
    "levels sum": (Altered(lambda rows: rows, [(99, 5), (98, 3)]), "not the sums"),
    "levels order": (Altered(lambda rows: rows, [(98, 3), (99, 4)]), "not the sums"),
    "levels empty": (Altered(lambda rows: rows, [(99, 4), (98, 3), (97, 0)]), "not the sums"),
}


@pytest.mark.parametrize("name", UNTRUE)
def test_the_checks_see_what_is_untrue(name: str) -> None:
    book, message = UNTRUE[name]
    book = Altered(book.alter, book.untrue_levels)
    twin = TwinBook()
    for b in (book, twin):
        b.add(BUY, 99, 4)
        b.add(BUY, 98, 3)
        b.add(SELL, 101, 5)
    assert_valid(twin)
    assert_same(twin, twin)
    with pytest.raises(AssertionError, match=message):
        assert_valid(book)
    with pytest.raises(AssertionError, match="the twin:"):
        assert_same(book, twin)


class Ledger:
    """What each order has left, kept from the events alone."""

    def __init__(self) -> None:
        self.left: dict[int, int] = {}

    def post(self, event: Event) -> None:
        kind, order_id, size = event.kind, event.order_id, event.size
        if kind == ADD:
            self.left[order_id] = size
        elif kind == EXECUTE:
            assert 0 <= event.hidden_size <= size
            assert size >= 1
            self.left[order_id] -= size
            if event.other_id:
                self.left[event.other_id] -= size
        elif kind == REDUCE:
            self.left[order_id] -= size
        elif kind in (EXPIRE, CANCEL):
            assert self.left.pop(order_id) == size
        elif kind == REPLACE:
            del self.left[order_id]
            self.left[event.other_id] = size
        elif kind == REST:
            assert self.left[order_id] == size + event.hidden_size

    def alive(self) -> dict[int, int]:
        assert all(size >= 0 for size in self.left.values())
        return {order_id: size for order_id, size in self.left.items() if size}


STREAMS = settings(max_examples=120, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@STREAMS
@given(commands(max_size=40, price_window=32), st.integers(4, 40))
def test_after_any_command_the_book_is_valid_and_every_share_accounted_for(stream: list[Command], max_orders: int) -> None:
    book = TwinBook(max_orders=max_orders, price_window=32)
    ledger = Ledger()
    for command in stream:
        before = book.orders()
        events = apply(book, command)
        for event in events:
            ledger.post(event)
        assert_valid(book)
        assert ledger.alive() == {row[0]: row[3] + row[4] for row in book.orders()}
        assert len(book.orders()) <= max_orders
        if events and events[0].kind == REJECT:
            assert book.orders() == before
        if events and events[0].kind == CROSS:
            for side in Side:
                assert events[0].size == sum(event.size for event in events if event.kind == EXECUTE and event.side == side)


@STREAMS
@given(commands(max_size=25, mid_ticks=20, price_window=64), st.sampled_from(CrossKind), st.integers(1, 40))
def test_the_price_of_a_cross_is_the_best_of_all_ticks(stream: list[Command], kind: CrossKind, reference_ticks: int) -> None:
    book = TwinBook(price_window=64)
    for command in stream:
        if command.name != "cross":
            apply(book, command)
    types = (MARKET_ON_CLOSE, LIMIT_ON_CLOSE) if kind == CLOSE else (MARKET_ON_OPEN, LIMIT_ON_OPEN)
    rows = [row for row in book.orders() if row.type in (LIMIT, POST_ONLY, *types) and row.price_ticks < 200]
    if len(rows) < len(book.orders()):
        return  # an order at the far end of all prices: too many ticks to try one by one
    best = (0, 0, False, 0, 0)
    for tick in range(1, 202):
        buys = sum(row[3] + row[4] for row in rows if row[1] == BUY and (row[2] == 0 or row[2] >= tick))
        sells = sum(row[3] + row[4] for row in rows if row[1] == SELL and (row[2] == 0 or row[2] <= tick))
        long = [row for row in rows if row.side == (BUY if buys > sells else SELL) and row.price_ticks == tick]
        best = max(best, (min(buys, sells), -abs(buys - sells), buys != sells and bool(long), -abs(tick - reference_ticks), -tick))
    paired, imbalance, _, _, price = best
    found = book.indicative(kind, reference_ticks)
    assert (found.paired, found.imbalance, found.price_ticks) == ((paired, -imbalance, -price) if paired else (0, 0, 0))


def test_streams_of_commands_reach_every_kind_of_event_and_refusal() -> None:
    """Else a comparison of two books by these streams would be worth little."""
    kinds: set[int] = set()
    reasons: set[int] = set()

    @settings(max_examples=150, deadline=None, derandomize=True, database=None)
    @given(commands(max_size=40, price_window=32))
    def run(stream: list[Command]) -> None:
        book = TwinBook(max_orders=8, price_window=32)
        for command in stream:
            for event in apply(book, command):
                kinds.add(event.kind)
                if event.kind == REJECT:
                    reasons.add(event.reason)

    run()
    assert kinds == set(EventKind)
    of_venues = {Reject.CLOSED, Reject.RATE_LIMIT, Reject.NO_CROSS, Reject.CUT_OFF, Reject.SELF_TRADE, Reject.HELD}
    assert reasons == set(Reject) - {Reject.NONE, *of_venues}


def test_a_command_names_an_order_by_its_place_among_the_living() -> None:
    book = TwinBook()
    for price in (97, 98, 99):
        book.add(BUY, price, 5)
    book.cancel(2)
    assert apply(book, Command("reduce", (Nth(1), 1)))[0] == Event(REDUCE, 3, BUY, 99, 1)
    assert apply(book, Command("cancel", (Nth(2),)))[0] == Event(CANCEL, 1, BUY, 97, 5)
    assert apply(TwinBook(), Command("cancel", (Nth(2),)))[0] == Event(REJECT, 0, 0, 0, 0, reason=Reject.UNKNOWN_ORDER)
