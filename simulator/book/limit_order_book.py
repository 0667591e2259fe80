"""``LimitOrderBook``: one book for people's own code and tests, without clock, venue or market."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from hashlib import blake2b
from html import escape
from typing import Any

import numpy as np

from simulator.book import cross as crossing
from simulator.book import matching
from simulator.book.jit import entry
from simulator.book.prevention import foresee
from simulator.book.reports import EVENT_FIELDS, Event, Indication, OrderRow
from simulator.book.state import (
    ALIVE,
    HIDDEN,
    HIDDEN_HEAD,
    ID,
    LAST_ID,
    LOG_A,
    LOG_B,
    LOG_ID,
    LOG_KIND,
    LOG_SLOT,
    META,
    META_OWNER_SHIFT,
    META_TYPE_MASK,
    META_TYPE_SHIFT,
    PEAK,
    PRICE,
    SHOWN,
    SHOWN_HEAD,
    TRADING,
    WAIT_HEAD,
    Books,
    Request,
    make_books,
)
from simulator.book.view import top_levels
from simulator.errors import InputError, check_member, check_whole, explain
from simulator.records import I32, OWNER_MAX, PRICE_TICKS_MAX, CrossKind, EventKind, OrderType, Reject, SelfTrade, Side

GO_ON = Request(matching.DO_GO_ON)
ORDERS_MAX = 10_000_000
PRICE_WINDOW_MAX = 2**25
"""Ticks; a book's levels take 32 bytes each."""


@entry
def run_command(bk: Books, request: Request) -> int:
    """One command on book 0; its events are in the log afterwards. Returns DONE or MORE (then empty the log and DO_GO_ON)."""
    bk.logged[0] = 0
    return matching.carry_out(bk, 0, request)


@entry
def run_view(bk: Books, quotes: I32) -> tuple[int, int]:
    return top_levels(bk, 0, quotes, 0, 1)


class LimitOrderBook:
    """A price-time priority book over integer prices, for one symbol at one venue.

    Every command returns the list of ``Event`` that came of it; ``EventKind`` says which. Nothing is raised for an
    order that the book refuses: that is a REJECT event with the reason. Prices are in ticks, sizes in shares, whole numbers both.
    What is no order at all raises ``InputError``: a price or size that is no whole number, a side that is no ``Side``, a type that
    is no ``OrderType``, an owner outside 0 to 8,388,607.

    Displayed orders come before fully hidden ones at the same price. A reserve order shows its peak anew when it
    is used up, at the end of the queue. While ``trading`` is false (pre-open, halt) an order that would trade is refused.
    """

    def __init__(self, *, max_orders: int = 4096, price_window: int = 65536) -> None:
        """``max_orders``: orders alive at most. ``price_window``: resting prices span fewer ticks than this, a power of two >= 64."""
        max_orders = check_whole("max_orders", max_orders, 1, ORDERS_MAX, "4096 is the default.")
        price_window = check_whole("price_window", price_window, 64, PRICE_WINDOW_MAX, "65536 is the default.")
        if price_window & (price_window - 1):
            raise InputError(explain("price_window", price_window, "must be a power of two", "65536 is the default."))
        self._books = make_books(1, max_orders=max_orders, price_window=price_window)
        self._slots: dict[int, int] = {}

    @property
    def trading(self) -> bool:
        return bool(self._books.head[0, TRADING])

    @trading.setter
    def trading(self, allowed: bool) -> None:
        if not isinstance(allowed, bool | np.bool_):
            raise InputError(explain("trading", allowed, "must be True or False", "False is a halt or the time before the open."))
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
        self_trade: SelfTrade = SelfTrade.ALLOW,
    ) -> list[Event]:
        """A new order. ``display`` None shows all of it, 0 nothing, a number between makes it a reserve order with that peak.

        ``self_trade``: what becomes of it and of its owner's resting orders that it would trade with; owner 0 has none.
        """
        owner = check_order(side, type, owner)
        price, size = check_price(price_ticks), check_size("size", size)
        shown = size if display is None else check_size("display", display)
        return self._enter(Request(matching.DO_ADD, 0, 0, int(side), price, size, shown, int(type), owner), self_trade)

    def cancel(self, order_id: int) -> list[Event]:
        """Take an order out."""
        return self._run(self._about(matching.DO_CANCEL, check_id(order_id)))

    def reduce(self, order_id: int, size: int) -> list[Event]:
        """Take ``size`` shares off an order, hidden ones first; it keeps its place. Nothing left is a cancel."""
        return self._run(self._about(matching.DO_REDUCE, check_id(order_id), size=check_size("size", size)))

    def replace(self, order_id: int, price_ticks: int, size: int, *, self_trade: SelfTrade = SelfTrade.ALLOW) -> list[Event]:
        """Give an order a new price and size; it gets a new id and goes to the end of the queue, or trades."""
        request = self._about(matching.DO_REPLACE, check_id(order_id), check_price(price_ticks), check_size("size", size))
        return self._enter(request, self_trade)

    def cross(self, kind: CrossKind, reference_ticks: int) -> list[Event]:
        """Carry out an auction over the resting orders and those that wait for ``kind``."""
        check_cross(kind, reference_ticks)
        self._books.logged[0] = 0
        crossing.cross(self._books, 0, int(kind), int(reference_ticks))
        return self._events()

    def indicative(self, kind: CrossKind, reference_ticks: int) -> Indication:
        """What ``cross`` would do now."""
        check_cross(kind, reference_ticks)
        price, paired, surplus = crossing.indicate(self._books, 0, int(kind), int(reference_ticks))
        return Indication(price, paired, abs(surplus), int(Side.BUY if surplus >= 0 else Side.SELL))

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        """(price in ticks, displayed shares) of the best ``count`` levels that display anything, best first."""
        if type(side) is not Side:
            check_member("side", side, Side)
        count = min(check_whole("count", count, 0, None, "10 is a usual number of levels."), len(self))
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

    def __repr__(self) -> str:
        bid, ask = (self.best(side) for side in (Side.BUY, Side.SELL))
        quotes = " / ".join("nothing" if level is None else f"{level[1]:,} at {level[0]:,}" for level in (bid, ask))
        halted = "" if self.trading else ", not trading"
        return f"<LimitOrderBook of {len(self):,} orders: {quotes}{halted}>"

    def _repr_html_(self) -> str:
        """The best levels as a small table, for notebooks."""
        sides = [self.levels(side, HTML_LEVELS) for side in (Side.BUY, Side.SELL)]
        rows = []
        for k in range(max(map(len, sides))):
            (bid, bid_size), (ask, ask_size) = ([f"{n:,}" for n in side[k]] if k < len(side) else ["", ""] for side in sides)
            rows.append(f"<tr><td>{bid_size}</td><td>{bid}</td><td>{ask}</td><td>{ask_size}</td></tr>")
        head = "<tr><th>shares</th><th>bid</th><th>ask</th><th>shares</th></tr>"
        return f"<table><caption>{escape(repr(self))}</caption>{head}{''.join(rows)}</table>"

    def orders(self) -> list[OrderRow]:
        """Every live order.

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
        rows = [tuple(row) for row in self.orders()]
        text = repr((rows, int(self._books.head[0, LAST_ID]) + 1))
        return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")

    def _describe(self, slots: list[int]) -> list[OrderRow]:
        rows = []
        for record in self._books.order[0, slots].tolist():
            meta = record[META]
            fixed = (record[ID], meta & 1, record[PRICE], record[SHOWN], record[HIDDEN], record[PEAK])
            rows.append(OrderRow(*fixed, (meta >> META_TYPE_SHIFT) & META_TYPE_MASK, meta >> META_OWNER_SHIFT))
        return rows

    def _about(self, verb: int, order_id: int, price: int = 0, size: int = 0) -> Request:
        """What is asked of an order."""
        return Request(verb, self._slots.get(order_id, 0), order_id, 0, price, size)

    def _enter(self, request: Request, self_trade: SelfTrade) -> list[Event]:
        """Run a new or replacing order, after what must be done first lest it trades with its owner's own."""
        if self_trade is SelfTrade.ALLOW:
            return self._run(request)
        check_member("self_trade", self_trade, SelfTrade)
        found = foresee(self._books, 0, request, self_trade)
        events: list[Event] = []
        for slot, order_id, shares in found.taken:
            events += self._run(Request(matching.DO_REDUCE, slot, order_id, 0, 0, shares))
        cut, order_id = request.size - found.size, request.order_id
        side = int(self._books.order[0, request.slot, META] & 1) if request.verb == matching.DO_REPLACE else request.side
        if not found.reason:
            events += self._run(request._replace(size=found.size, display=min(request.display, found.size)) if cut else request)
            order_id = int(self._books.head[0, LAST_ID])
        if cut:
            events.append(Event(int(EventKind.REJECT), order_id, side, request.price, cut, reason=int(found.reason or Reject.SELF_TRADE)))
        return events

    def _run(self, request: Request) -> list[Event]:
        more = run_command(self._books, request)
        events = self._events()
        while more:
            more = run_command(self._books, GO_ON)
            events += self._events()
        return events

    def _events(self) -> list[Event]:
        """Read the log, and keep where orders rest."""
        rows = self._books.log[: self._books.logged[0]].tolist()
        for row in rows:
            kind, order_id, slot = row[LOG_KIND], row[LOG_ID], row[LOG_SLOT]
            if kind == RESTS:
                self._slots[order_id] = slot
            elif kind in ENDS or (kind == EXECUTES and self._books.order[0, slot, ID] != order_id):
                self._slots.pop(order_id, None)
        return [EVENT_OF[row[LOG_KIND]](row) for row in rows]


HTML_LEVELS = 10


def check_order(side: Side, type: OrderType, owner: Any) -> int:
    """The owner as an int. Raises ``InputError`` for what no book can take for an order."""
    if side.__class__ is not Side:
        check_member("side", side, Side, "LOBSTER's 1 is a buy and its -1 a sell: give Side.BUY for the one, Side.SELL for the other.")
    if type.__class__ is not OrderType:
        check_member("type", type, OrderType)
    return check_whole("owner", owner, 0, OWNER_MAX, "0 stands for nobody.")


def check_price(price_ticks: Any) -> int:
    """Raises ``InputError`` for what is no number of ticks."""
    return check_whole("price_ticks", price_ticks, None, None, "Prices are counted in ticks: give round(price / tick).")


def check_size(what: str, size: Any) -> int:
    """Raises ``InputError`` for what is no number of shares."""
    return check_whole(what, size, None, None, "Give int(...) of it.")


def check_id(order_id: Any) -> int:
    """Raises ``InputError`` for what is no id."""
    return check_whole("order_id", order_id, None, None, "An order's id is in the ADD or REPLACE event that made it.")


def check_cross(kind: CrossKind, reference_ticks: Any) -> None:
    """Raises ``InputError``."""
    check_member("kind of a cross", kind, CrossKind)
    check_whole("reference price of a cross", reference_ticks, 1, PRICE_TICKS_MAX, "Give the last trade or the midpoint, in ticks.")


def _event_of(kind: EventKind) -> Callable[[Sequence[int]], Event]:
    """Makes the kind's ``Event`` of a log row. An event is made for every row, so nothing is looked up by name then."""
    usual = tuple(Event._field_defaults[name] for name in Event._fields[COMMON_FIELDS:])
    first, second = (Event._fields.index(name) - COMMON_FIELDS if name else None for name in EVENT_FIELDS[kind])
    if first is None:
        return lambda row: Event._make((*row[:COMMON_FIELDS], *usual))
    before, after = usual[:first], usual[first + 1 :]
    if second is None:
        return lambda row: Event._make((*row[:COMMON_FIELDS], *before, row[LOG_A], *after))
    between, rest = usual[first + 1 : second], usual[second + 1 :]
    return lambda row: Event._make((*row[:COMMON_FIELDS], *before, row[LOG_A], *between, row[LOG_B], *rest))


RESTS, EXECUTES = int(EventKind.REST), int(EventKind.EXECUTE)
ENDS = (int(EventKind.CANCEL), int(EventKind.REPLACE), int(EventKind.EXPIRE))
COMMON_FIELDS = 5
EVENT_OF = [_event_of(kind) for kind in EventKind]
