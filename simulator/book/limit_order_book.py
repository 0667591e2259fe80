"""``LimitOrderBook``: one book for people's own code and tests, without clock, venue or market."""

from __future__ import annotations

from hashlib import blake2b

import numpy as np

from simulator.book import cross as crossing
from simulator.book import matching
from simulator.book.jit import entry
from simulator.book.state import (
    ALIVE,
    HIDDEN,
    HIDDEN_HEAD,
    ID,
    LAST_ID,
    LOG_B,
    LOG_ID,
    LOG_KIND,
    LOG_SLOT,
    META,
    META_OWNER_SHIFT,
    PEAK,
    PRICE,
    SHOWN,
    SHOWN_HEAD,
    STYLE_WAITS,
    TRADING,
    WAIT_HEAD,
    Books,
    make_books,
)
from simulator.book.view import top_levels
from simulator.errors import InputError, explain
from simulator.records import I32, PRICE_TICKS_MAX, CrossKind, Event, EventKind, Indication, OrderType, Side

ADD, CANCEL, REDUCE, REPLACE, GO_ON = 0, 1, 2, 3, 4


@entry
def run_command(
    bk: Books, command: int, slot: int, order_id: int, side: int, price: int, size: int, display: int, kind: int, owner: int
) -> int:
    """One command on book 0; its events are in the log afterwards. Returns DONE or MORE (then empty the log and GO_ON)."""
    bk.logged[0] = 0
    if command == ADD:
        return matching.add(bk, 0, side, price, size, display, kind, owner, matching.NO_CAP)
    if command == REPLACE:
        return matching.replace(bk, 0, slot, order_id, price, size)
    if command == GO_ON:
        return matching.go_on(bk, 0)
    if command == CANCEL:
        matching.cancel(bk, 0, slot, order_id)
    else:
        matching.reduce(bk, 0, slot, order_id, size)
    return matching.DONE


@entry
def run_view(bk: Books, quotes: I32) -> tuple[int, int]:
    return top_levels(bk, 0, quotes, 0, 1)


class LimitOrderBook:
    """A price-time priority book over integer prices, for one symbol at one venue.

    Every command returns the list of ``Event`` that came of it; ``EventKind`` says which. Nothing is raised for an
    order that the book refuses: that is a REJECT event with the reason. Prices are in ticks, sizes in shares.

    Displayed orders come before fully hidden ones at the same price. A reserve order shows its peak anew when it
    is used up, at the end of the queue. While ``trading`` is false (pre-open, halt) an order that would trade is refused.
    """

    def __init__(self, *, max_orders: int = 4096, price_window: int = 65536) -> None:
        """``max_orders``: orders alive at most. ``price_window``: resting prices span fewer ticks than this, a power of two >= 64."""
        if max_orders < 1 or max_orders > 10_000_000:
            raise InputError(explain("max_orders", max_orders, "1 to 10,000,000 orders fit", "Give a number in that range."))
        if price_window < 64 or price_window & (price_window - 1):
            raise InputError(explain("price_window", price_window, "it is a power of two, at least 64", "65536 is the default."))
        self._books = make_books(1, max_orders=max_orders, price_window=price_window)
        self._slots: dict[int, int] = {}

    @property
    def trading(self) -> bool:
        return bool(self._books.head[0, TRADING])

    @trading.setter
    def trading(self, allowed: bool) -> None:
        self._books.head[0, TRADING] = int(allowed)

    def add(
        self,
        side: Side,
        price_ticks: int,
        size: int,
        *,
        type: OrderType = OrderType.LIMIT,
        display: int | None = None,
        owner: int = 0,
    ) -> list[Event]:
        """A new order. ``display`` None shows all of it, 0 nothing, a number between makes it a reserve order with that peak."""
        return self._run(ADD, side=side, price=price_ticks, size=size, display=size if display is None else display, kind=type, owner=owner)

    def cancel(self, order_id: int) -> list[Event]:
        """Take an order out."""
        return self._run(CANCEL, order_id=order_id)

    def reduce(self, order_id: int, size: int) -> list[Event]:
        """Take ``size`` shares off an order, hidden ones first; it keeps its place. Nothing left is a cancel."""
        return self._run(REDUCE, order_id=order_id, size=size)

    def replace(self, order_id: int, price_ticks: int, size: int) -> list[Event]:
        """Give an order a new price and size; it gets a new id and goes to the end of the queue, or trades."""
        return self._run(REPLACE, order_id=order_id, price=price_ticks, size=size)

    def cross(self, kind: CrossKind, reference_ticks: int) -> list[Event]:
        """Carry out an auction over the resting orders and those that wait for ``kind``."""
        self._check_reference(reference_ticks)
        self._books.logged[0] = 0
        crossing.cross(self._books, 0, int(kind), int(reference_ticks))
        return self._events()

    def indicative(self, kind: CrossKind, reference_ticks: int) -> Indication:
        """What ``cross`` would do now."""
        self._check_reference(reference_ticks)
        price, paired, surplus = crossing.indicate(self._books, 0, int(kind), int(reference_ticks))
        return Indication(price, paired, abs(surplus), int(Side.BUY if surplus >= 0 else Side.SELL))

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        """(price in ticks, displayed shares) of the best ``count`` levels that display anything, best first."""
        quotes = np.zeros((1, 4, max(1, count)), np.int32)
        filled = run_view(self._books, quotes)[side]
        rows = quotes[0, 2 * side : 2 * side + 2, : min(filled, count)]
        return [(int(price), int(size)) for price, size in rows.T]

    def best(self, side: Side) -> tuple[int, int] | None:
        """The best displayed level, None on an empty side."""
        found = self.levels(side, 1)
        return found[0] if found else None

    def __len__(self) -> int:
        """Orders alive, resting and waiting."""
        return int(self._books.head[0, ALIVE])

    def orders(self) -> list[tuple[int, int, int, int, int, int, int | None, int]]:
        """Every live order: (id, side, price_ticks, displayed, hidden, peak, order type it waits as or None, owner).

        Buys first, each side in priority order, then the orders that wait for a cross in order of arrival.
        """
        slots = []
        for side in Side:
            for price in crossing.resting_prices(self._books, 0, side):
                level = self._books.level[0, price & (self._books.level.shape[1] - 1)]
                for head in (SHOWN_HEAD, HIDDEN_HEAD):
                    slots += crossing.queue(self._books, 0, int(level[head]))
        return self._describe(slots + crossing.queue(self._books, 0, int(self._books.head[0, WAIT_HEAD])))

    def state_hash(self) -> int:
        """A hash of all live orders in priority order and of the next id; equal for any correct implementation of the same rules."""
        rows = [tuple(-1 if field is None else field for field in row) for row in self.orders()]
        text = repr((rows, int(self._books.head[0, LAST_ID]) + 1))
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")

    def _describe(self, slots: list[int]) -> list[tuple[int, int, int, int, int, int, int | None, int]]:
        rows: list[tuple[int, int, int, int, int, int, int | None, int]] = []
        for record in self._books.order[0, slots].tolist():
            meta = record[META]
            waits = (meta >> 3) & 15 if (meta >> 1) & 3 == STYLE_WAITS else None
            fixed = (record[ID], meta & 1, record[PRICE], record[SHOWN], record[HIDDEN], record[PEAK])
            rows.append((*fixed, waits, meta >> META_OWNER_SHIFT))
        return rows

    def _check_reference(self, reference_ticks: int) -> None:
        if not 1 <= reference_ticks <= PRICE_TICKS_MAX:
            raise InputError(
                explain(
                    "reference price of a cross", reference_ticks, f"1 to {PRICE_TICKS_MAX:,} ticks", "Give the last or the midpoint price."
                )
            )

    def _run(
        self,
        command: int,
        *,
        order_id: int = 0,
        side: int = 0,
        price: int = 0,
        size: int = 0,
        display: int = 0,
        kind: int = 0,
        owner: int = 0,
    ) -> list[Event]:
        slot = self._slots.get(order_id, 0)
        arguments = (slot, int(order_id), int(side), int(price), int(size), int(display), int(kind), int(owner))
        more = run_command(self._books, command, *arguments)
        events = self._events()
        while more:
            more = run_command(self._books, GO_ON, *arguments)
            events += self._events()
        return events

    def _events(self) -> list[Event]:
        """Read the log, and keep where orders rest."""
        rows = self._books.log[: self._books.logged[0]].tolist()
        for row in rows:
            kind, order_id, slot = row[LOG_KIND], row[LOG_ID], row[LOG_SLOT]
            if kind == EventKind.REST:
                self._slots[order_id] = slot
            elif kind in (EventKind.CANCEL, EventKind.REPLACE, EventKind.EXPIRE) or (
                kind == EventKind.EXECUTE and self._books.order[0, slot, ID] != order_id
            ):
                self._slots.pop(order_id, None)
        return [Event(*row[: LOG_B + 1]) for row in rows]
