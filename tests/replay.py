"""The orders table as its own witness: command by command through ``LimitOrderBook``, each book row must come out again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from simulator.book.limit_order_book import LimitOrderBook
from simulator.records import CrossKind, EventKind, MarketDataBatch, OrderBatch, OrderType, Side
from simulator.testing import Book

FIELDS = ("action", "kind", "order_id", "side", "price", "size", "display", "order_type", "imbalance", "cross_kind")
COMMANDS = (EventKind.ADD, EventKind.CANCEL, EventKind.REDUCE, EventKind.REPLACE)
Levels = list[tuple[int, int]]


def enter(book: Any, kind: int, order_id: int, side: int, ticks: int, size: int, display: int, order_type: int) -> Any:
    """One row of ``COMMANDS`` into a book; returns what the book answers."""
    if kind == EventKind.ADD:
        return book.add(Side(side), ticks, size, type=OrderType(order_type), display=display)
    if kind == EventKind.CANCEL:
        return book.cancel(order_id)
    return book.reduce(order_id, size) if kind == EventKind.REDUCE else book.replace(order_id, ticks, size)


def replay(
    orders: OrderBatch, rows: MarketDataBatch, symbol: int, venue: int, tick_units: int = 100, make_book: Callable[[], Book] = LimitOrderBook
) -> int:
    """Replay one book; returns the number of its rows, all of which matched. A new day begins where orders count from 1 again."""
    mine = (orders.symbol == symbol) & (orders.venue == venue)
    events = list(zip(*(getattr(orders, name)[mine].tolist() for name in FIELDS), strict=True))
    quotes = rows.quotes[(rows.symbol == symbol) & (rows.venue == venue)]
    depth = quotes.shape[2]
    book = make_book()
    before = deep(book)
    row = 0
    mornings = {n for n, event in enumerate(events) if n and event[FIELDS.index("kind")] == EventKind.ADD and event[FIELDS.index("order_id")] == 1}
    for n, (action, kind, order_id, side, price, size, display, order_type, imbalance, cross_kind) in enumerate(events):
        ticks = price // tick_units
        if n in mornings:
            book = make_book()
            before = deep(book)
        if kind == EventKind.ADD:
            assert enter(book, kind, order_id, side, ticks, size, display, order_type)[0].order_id == order_id, f"order {order_id}"
        elif kind in COMMANDS:
            enter(book, kind, order_id, side, ticks, size, display, order_type)
        elif kind == EventKind.CROSS:
            cross = book.cross(CrossKind(cross_kind), max(ticks, 1))[0]
            assert (cross.size, cross.imbalance) == (size, imbalance), f"cross in action {action}"
        if n + 1 == len(events) or n + 1 in mornings or events[n + 1][0] != action:
            now = deep(book)
            if now != before:
                assert row < len(quotes), f"action {action} has no row"
                assert quotes[row].tolist() == as_row(now, depth, tick_units), f"row {row} after action {action}"
                row += 1
                before = now
    assert row == len(quotes), f"row {row} comes from no action"
    return row


def deep(book: Book) -> tuple[Levels, Levels]:
    return book.levels(Side.BUY, 200), book.levels(Side.SELL, 200)


def as_row(levels: tuple[Levels, Levels], depth: int, tick_units: int) -> list[list[int]]:
    row = []
    for side in levels:
        padded = side[:depth] + [(0, 0)] * (depth - len(side))
        row += [[price * tick_units for price, _ in padded], [size for _, size in padded]]
    return row
