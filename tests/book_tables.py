"""Hand-computed tables of a book's rules, one row per command with its events; those of crosses: ``cross_tables``."""

from __future__ import annotations

from simulator.book.reports import EVENT_FIELDS, Event
from simulator.records import PRICE_TICKS_MAX, SIZE_MAX, CrossKind, EventKind, OrderType, Reject, Side
from simulator.testing import Command

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
