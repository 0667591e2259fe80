"""What a book tells of itself: its events, its live orders, what a cross would do. The compiled book and the twin tell the same."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from simulator.records import CrossKind, EventKind, OrderType, Reject, Side


class Event(NamedTuple):
    """One row of what a book reports. The first five fields belong to every kind, of the others each kind has its own:

    kind      order_id      side        price_ticks size             and
    ADD       new           its         its or 0    its              display, order_type
    EXECUTE   resting       resting's   trade's     shares           hidden_size of them; other_id, the aggressor's (0 in a cross)
    REFILL    resting       its         its         now displayed    hidden_size left
    REST      new           its         its or 0    displayed        hidden_size besides
    EXPIRE    it            its         its or 0    shares unfilled
    CANCEL    it            its         its or 0    shares left      hidden_size of them
    REDUCE    it            its         its or 0    shares taken off hidden_size of them
    REPLACE   old           its         new         new size         new display; other_id, the new order's
    CROSS     0             imbalance's price       paired           imbalance, cross_kind
    REJECT    target or 0   its         its         its              reason

    "Hidden" counts a reserve's undisplayed part and all of a fully hidden order. An order that waits for a
    cross has no displayed part but is not hidden either: its REST has all its size in ``size``.
    """

    kind: int
    order_id: int
    side: int
    price_ticks: int
    size: int
    display: int = 0
    """Shares that the order shows at a time."""
    hidden_size: int = 0
    other_id: int = 0
    order_type: int | None = None
    """As ``OrderType``."""
    imbalance: int = 0
    cross_kind: int | None = None
    """As ``CrossKind``."""
    reason: int = 0
    """As ``Reject``."""

    def __repr__(self) -> str:
        """As it would be written in a test: names for numbers, and only what its kind has."""
        enums: dict[str, type[IntEnum]] = {"order_type": OrderType, "cross_kind": CrossKind, "reason": Reject}
        words = [_word(EventKind, self.kind), str(self.order_id), _word(Side, self.side), str(self.price_ticks), str(self.size)]
        for name, value in zip(self._fields[5:], self[5:], strict=True):
            if value != self._field_defaults[name]:
                words.append(f"{name}={_word(enums[name], value) if name in enums else value}")
        return f"Event({', '.join(words)})"


EVENT_FIELDS: dict[EventKind, tuple[str, str]] = {
    EventKind.ADD: ("display", "order_type"),
    EventKind.EXECUTE: ("hidden_size", "other_id"),
    EventKind.REFILL: ("hidden_size", ""),
    EventKind.REST: ("hidden_size", ""),
    EventKind.EXPIRE: ("", ""),
    EventKind.CANCEL: ("hidden_size", ""),
    EventKind.REDUCE: ("hidden_size", ""),
    EventKind.REPLACE: ("display", "other_id"),
    EventKind.CROSS: ("imbalance", "cross_kind"),
    EventKind.REJECT: ("reason", ""),
}
"""A kind's own fields: the compiled log keeps them in two columns, which each kind uses for its own."""


class OrderRow(NamedTuple):
    """One live order, as ``orders()`` of a book tells it."""

    order_id: int
    side: int
    price_ticks: int
    """0 for a market order that waits for a cross."""
    displayed: int
    """Of an order that waits for a cross: all its shares, though nobody sees them."""
    hidden: int
    peak: int
    """Of a reserve order: the shares that it shows at a time; else 0."""
    type: int
    """As ``OrderType``: LIMIT, POST_ONLY, or one of those that wait for a cross."""
    owner: int

    @property
    def waits(self) -> bool:
        """For a cross."""
        return self.type >= OrderType.MARKET_ON_OPEN

    def __repr__(self) -> str:
        words = {**self._asdict(), "side": _word(Side, self.side), "type": _word(OrderType, self.type)}
        return f"OrderRow({', '.join(f'{name}={word}' for name, word in words.items())})"


def _word(kind: type[IntEnum], value: int | None) -> str:
    """As Python has it; a number that is none of ``kind`` as it is, for it may be a book of somebody's own that says it."""
    return f"{kind.__name__}.{kind(value).name}" if value is not None and value in list(kind) else repr(value)


class Indication(NamedTuple):
    """What a cross would do now; all 0 (and BUY) when nothing would trade."""

    price_ticks: int
    paired: int
    """Shares that would trade."""
    imbalance: int
    """Shares left over on ``side`` at that price."""
    side: int
