"""The rules of the limit order book in dicts and lists: slow, and meant to be read.

The compiled book (``simulator/book/``) is written from the same rules, and tests compare the two event by event.
Prices are integer ticks, sizes are shares. What the events mean stands at ``book.reports.Event``.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import islice

from simulator.book.reports import Event, Indication, OrderRow
from simulator.errors import check_whole
from simulator.records import (
    LEVEL_SIZE_MAX,
    ORDER_ID_MAX,
    PRICE_TICKS_MAX,
    SIZE_MAX,
    CrossKind,
    EventKind,
    OrderType,
    Reject,
    SelfTrade,
    Side,
)

_ON_OPEN = (OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN)
_ON_CLOSE = (OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE)
_WAITING = (*_ON_OPEN, *_ON_CLOSE)
_PRICELESS = (OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE)
_MAY_REST = (OrderType.LIMIT, OrderType.POST_ONLY)


class TwinBook:
    """One symbol's book at one venue: price-time priority, displayed before fully hidden at one price.

    ``trading`` False (pre-open, halt) rejects an order that would trade; crosses work in any mode. Commands return
    their events and never raise for what a trader asks; a refusal is a REJECT event and changes nothing.
    """

    def __init__(self, *, max_orders: int = 4096, price_window: int = 65536) -> None:
        self.trading = True
        self._max_orders = max_orders
        self._price_window = price_window
        self._next_id = 1
        self._alive: dict[int, _Order] = {}
        self._resting: dict[Side, dict[int, _Level]] = {Side.BUY: {}, Side.SELL: {}}
        self._waiting: list[_Order] = []
        """For a cross, in order of arrival."""

    # Commands

    def add(
        self, side: Side, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None, owner: int = 0,
        self_trade: SelfTrade = SelfTrade.ALLOW,
    ) -> list[Event]:  # fmt: skip
        """Enter an order. ``display``: None shows all of it, 0 nothing, between: a reserve that shows so much at a time.

        ``self_trade``: what becomes of it and of its owner's resting orders that it would trade with.
        """
        shown = size if display is None else display
        reason = self._refuse_add(side, price_ticks, size, type, shown)
        if reason:
            return [Event(EventKind.REJECT, 0, side, price_ticks, size, reason=reason)]
        peak = None if shown == size else shown
        order = _Order(0, side, price_ticks, peak, owner, type)
        first, entering, reason = self._prevent(order, size, self_trade)
        cut = Event(EventKind.REJECT, 0, side, price_ticks, size - entering, reason=reason or Reject.SELF_TRADE)
        if reason:
            return [*first, cut]
        order.order_id, shown, whole, size = self._take_id(), min(shown, entering), size, entering
        events = [*first, Event(EventKind.ADD, order.order_id, side, price_ticks, size, display=shown, order_type=type)]
        self._finish(order, size, events)
        return events if size == whole else [*events, cut._replace(order_id=order.order_id)]

    def _finish(self, order: _Order, size: int, events: list[Event]) -> None:
        """Trade, then rest, wait or expire."""
        side, price_ticks, type = order.side, order.price_ticks, order.type
        left = size
        if not order.waits:
            left = self._match(order, left, events)
        if left and (order.waits or type in _MAY_REST):
            self._rest(order, left, events)
        elif left:
            events.append(Event(EventKind.EXPIRE, order.order_id, side, price_ticks, left))

    def cancel(self, order_id: int) -> list[Event]:
        """Take all that is left of an order out of the book."""
        order = self._alive.get(order_id)
        if order is None:
            return [Event(EventKind.REJECT, order_id, 0, 0, 0, reason=Reject.UNKNOWN_ORDER)]
        self._remove(order)
        return [Event(EventKind.CANCEL, order_id, order.side, order.price_ticks, order.left, hidden_size=order.hidden)]

    def reduce(self, order_id: int, size: int) -> list[Event]:
        """Take ``size`` shares off an order, which keeps its place: hidden ones first, then displayed ones."""
        order = self._alive.get(order_id)
        if order is None:
            return [Event(EventKind.REJECT, order_id, 0, 0, size, reason=Reject.UNKNOWN_ORDER)]
        if not 1 <= size <= SIZE_MAX:
            return [Event(EventKind.REJECT, order_id, order.side, order.price_ticks, size, reason=Reject.BAD_SIZE)]
        if size >= order.left:
            return self.cancel(order_id)
        from_hidden = min(size, order.hidden)
        order.hidden -= from_hidden
        order.displayed -= size - from_hidden
        return [Event(EventKind.REDUCE, order_id, order.side, order.price_ticks, size, hidden_size=from_hidden)]

    def replace(self, order_id: int, price_ticks: int, size: int, *, self_trade: SelfTrade = SelfTrade.ALLOW) -> list[Event]:
        """Put a new order of the same side, type, style and owner in an order's stead; it gets a new id and loses its place."""
        old = self._alive.get(order_id)
        if old is None:
            return [Event(EventKind.REJECT, order_id, 0, price_ticks, size, reason=Reject.UNKNOWN_ORDER)]
        reason = self._refuse_replace(old, price_ticks, size)
        if reason:
            return [Event(EventKind.REJECT, order_id, old.side, price_ticks, size, reason=reason)]
        new = _Order(0, old.side, price_ticks, old.peak, old.owner, old.type)
        first, entering, reason = self._prevent(new, size, self_trade)
        cut = Event(EventKind.REJECT, order_id, old.side, price_ticks, size - entering, reason=reason or Reject.SELF_TRADE)
        if reason:
            return [*first, cut]
        self._remove(old)
        new.order_id, whole, size = self._take_id(), size, entering
        replaced = Event(EventKind.REPLACE, order_id, old.side, price_ticks, size, display=new.shown_of(size), other_id=new.order_id)
        events = [*first, replaced]
        left = self._match(new, size, events)
        if left:
            self._rest(new, left, events)
        return events if size == whole else [*events, cut._replace(order_id=new.order_id)]

    def cross(self, kind: CrossKind, reference_ticks: int) -> list[Event]:
        """Trade all that can trade at one price; then the orders that waited for this cross expire."""
        price_ticks, paired, imbalance, side = self.indicative(kind, reference_ticks)
        events = [Event(EventKind.CROSS, 0, side, price_ticks, paired, imbalance=imbalance, cross_kind=kind)]
        for filled_side in Side:
            left = paired
            filled: dict[int, int] = {}  # by order id, in the order of each one's first share
            for order, shares in self._participants(kind, filled_side):
                traded = min(left, shares)
                if traded:
                    filled[order.order_id] = filled.get(order.order_id, 0) + traded
                left -= traded
            for order_id, shares in filled.items():
                self._fill(self._alive[order_id], shares, price_ticks, 0, events)
        for order in self._waiting_for(kind):
            self._remove(order)
            events.append(Event(EventKind.EXPIRE, order.order_id, order.side, order.price_ticks, order.left))
        return events

    # Questions

    def indicative(self, kind: CrossKind, reference_ticks: int) -> Indication:
        """What a cross would do now. Raises ``InputError`` for a reference outside 1..PRICE_TICKS_MAX.

        The price trades most; ties go to the least imbalance, then to a price entered with orders that stay unfilled at it, then to the
        nearest to the reference, then to the lower.
        """
        check_whole("reference price of a cross", reference_ticks, 1, PRICE_TICKS_MAX, "Give the last trade or the midpoint, in ticks.")
        orders = [part for each in Side for part in self._participants(kind, each)]
        limits = {reference_ticks, *(order.price_ticks for order, _ in orders if order.price_ticks)}
        # Buying and selling interest change only from a limit price to the tick beside it; where neither changes, the
        # best price is the reference or the end that is nearest to it. So no other tick can win.
        ticks = {tick for limit in limits for tick in (limit - 1, limit, limit + 1) if 1 <= tick <= PRICE_TICKS_MAX}

        def shares(side: Side, tick: int) -> int:
            return sum(size for order, size in orders if order.side == side and _accepts(side, order.price_ticks, tick))

        def rank(tick: int) -> tuple[int, int, bool, int, int]:
            buys, sells = shares(Side.BUY, tick), shares(Side.SELL, tick)
            long = Side.BUY if buys > sells else Side.SELL
            is_unfilled = buys != sells and any(order.side == long and order.price_ticks == tick for order, _ in orders)
            return (-min(buys, sells), abs(buys - sells), not is_unfilled, abs(tick - reference_ticks), tick)

        best = min(ticks, key=rank)
        buys, sells = shares(Side.BUY, best), shares(Side.SELL, best)
        if min(buys, sells) == 0:
            return Indication(0, 0, 0, Side.BUY)
        return Indication(best, min(buys, sells), abs(buys - sells), Side.BUY if buys >= sells else Side.SELL)

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        """(price_ticks, displayed shares) of the ``count`` best prices that display any, best first."""
        shown = ((price, sum(order.displayed for order in self._resting[side][price].displayed)) for price in self._prices(side))
        return list(islice(((price, size) for price, size in shown if size), max(0, count)))

    def orders(self) -> list[OrderRow]:
        """Every live order: resting buys, then resting sells, each in priority order; then those that wait, by arrival."""
        rows = []
        for side in Side:
            levels = [self._resting[side][price] for price in self._prices(side)]
            rows += [order.row() for level in levels for order in (*level.displayed, *level.hidden)]
        return rows + [order.row() for order in self._waiting]

    def state_hash(self) -> int:
        """64 bits of blake2b over the repr of ([rows of ``orders()`` as plain tuples of ints], next order id)."""
        rows = [tuple(int(value) for value in row) for row in self.orders()]
        return int.from_bytes(blake2b(repr((rows, self._next_id)).encode(), digest_size=8).digest(), "big")

    # Checks: the first that fails is the reason

    def _refuse_add(self, side: Side, price_ticks: int, size: int, type: OrderType, shown: int) -> Reject:
        if not 1 <= size <= SIZE_MAX:
            return Reject.BAD_SIZE
        if not 0 <= shown <= size or (shown < size and type not in _MAY_REST):
            return Reject.BAD_DISPLAY
        if price_ticks != 0 if type in _PRICELESS else not 1 <= price_ticks <= PRICE_TICKS_MAX:
            return Reject.BAD_PRICE
        if type in (*_MAY_REST, *_WAITING) and len(self._alive) == self._max_orders:
            return Reject.BOOK_FULL
        if self._next_id > ORDER_ID_MAX:
            return Reject.BOOK_FULL
        if type in _WAITING:
            return Reject.NONE
        opposite = self._opposite_shares(side, price_ticks)
        if opposite and not self.trading:
            return Reject.PHASE
        if opposite and type == OrderType.POST_ONLY:
            return Reject.WOULD_TRADE
        if opposite < size and type == OrderType.FOK:
            return Reject.NOT_FILLABLE
        return self._refuse_rest(side, price_ticks, size) if type in _MAY_REST else Reject.NONE

    def _refuse_replace(self, old: _Order, price_ticks: int, size: int) -> Reject:
        if old.waits:
            return Reject.WAITS_FOR_CROSS
        if not 1 <= size <= SIZE_MAX:
            return Reject.BAD_SIZE
        if not 1 <= price_ticks <= PRICE_TICKS_MAX:
            return Reject.BAD_PRICE
        if self._next_id > ORDER_ID_MAX:
            return Reject.BOOK_FULL
        opposite = self._opposite_shares(old.side, price_ticks)
        if opposite and not self.trading:
            return Reject.PHASE
        if opposite and old.type == OrderType.POST_ONLY:
            return Reject.WOULD_TRADE
        return self._refuse_rest(old.side, price_ticks, size)

    def _refuse_rest(self, side: Side, price_ticks: int, size: int) -> Reject:
        """As if it rested whole beside all that rests now, whatever it will trade."""
        prices = [*self._resting[Side.BUY], *self._resting[Side.SELL], price_ticks]
        if max(prices) - min(prices) >= self._price_window:
            return Reject.PRICE_RANGE
        level = self._resting[side].get(price_ticks)
        if level and level.shares + size > LEVEL_SIZE_MAX:
            return Reject.BAD_SIZE
        return Reject.NONE

    def _prevent(self, order: _Order, size: int, mode: SelfTrade) -> tuple[list[Event], int, Reject]:
        """What is done to the owner's resting orders, the shares with which the order enters, and why it does not, if so.

        Found by trying: the order trades in a copy of this book; each time it meets its owner's order, the rule decides, here and there.
        """
        if mode == SelfTrade.ALLOW or not order.owner or order.waits:
            return [], size, Reject.NONE
        trial = deepcopy(self)
        ghost = _Order(-1, order.side, order.price_ticks, None, order.owner, order.type)
        done: list[tuple[int, int]] = []  # order id, shares taken off
        left, cut = size, 0
        while left and (met := trial._next_to_meet(ghost)) is not None:
            if met.owner != order.owner:
                shares = min(left, met.displayed or met.hidden)
                trial._fill(met, shares, met.price_ticks, -1, [])
                left -= shares
                continue
            if order.type == OrderType.FOK and mode != SelfTrade.CANCEL_OLDEST:
                return [], 0, Reject.NOT_FILLABLE
            both = min(left, met.left) if mode == SelfTrade.DECREMENT else met.left
            if mode != SelfTrade.CANCEL_NEWEST:
                done.append((met.order_id, both))
                trial.reduce(met.order_id, both)
            if mode == SelfTrade.DECREMENT:
                cut, left = cut + both, left - both
            elif mode != SelfTrade.CANCEL_OLDEST:
                cut, left = left, 0
        if order.type == OrderType.FOK and left:
            return [], 0, Reject.NOT_FILLABLE
        events = [event for order_id, shares in done for event in self.reduce(order_id, shares)]
        return events, size - cut, Reject.NONE if cut < size else Reject.SELF_TRADE

    def _next_to_meet(self, aggressor: _Order) -> _Order | None:
        """The resting order that it would trade with first."""
        other = _opposite(aggressor.side)
        for price in self._prices(other):
            level = self._resting[other][price]
            if _accepts(aggressor.side, aggressor.price_ticks, price):
                return (level.displayed or level.hidden)[0]
        return None

    # What the commands have in common

    def _take_id(self) -> int:
        self._next_id += 1
        return self._next_id - 1

    def _prices(self, side: Side) -> list[int]:
        """Prices at which orders rest, best first."""
        return sorted(self._resting[side], reverse=side == Side.BUY)

    def _opposite_shares(self, side: Side, limit_ticks: int) -> int:
        """Resting shares, displayed and hidden, that an order could trade with; 0 means that it would not trade."""
        return sum(level.shares for price, level in self._resting[_opposite(side)].items() if _accepts(side, limit_ticks, price))

    def _match(self, aggressor: _Order, left: int, events: list[Event]) -> int:
        """Trade against the other side, best price first, at the resting orders' prices; returns the shares not filled."""
        other = _opposite(aggressor.side)
        for price in self._prices(other):
            if not _accepts(aggressor.side, aggressor.price_ticks, price):
                break
            level = self._resting[other][price]
            while left and (queue := level.displayed or level.hidden):
                resting = queue[0]
                # Of a reserve only what it displays: the rest comes after a refill, at the end of the queue.
                shares = min(left, resting.displayed or resting.hidden)
                self._fill(resting, shares, price, aggressor.order_id, events)
                left -= shares
        return left

    def _fill(self, order: _Order, shares: int, price_ticks: int, aggressor_id: int, events: list[Event]) -> None:
        """Fill an order, displayed shares first. A reserve that then displays nothing shows anew, behind its whole price."""
        from_hidden = max(0, shares - order.displayed)
        order.displayed -= shares - from_hidden
        order.hidden -= from_hidden
        at = (order.order_id, order.side)
        events.append(Event(EventKind.EXECUTE, *at, price_ticks, shares, hidden_size=from_hidden, other_id=aggressor_id))
        if not order.left:
            self._remove(order)
        elif not order.displayed and order.peak:
            order.show(order.hidden)
            queue = self._resting[order.side][order.price_ticks].displayed
            queue.remove(order)
            queue.append(order)
            events.append(Event(EventKind.REFILL, *at, order.price_ticks, order.displayed, hidden_size=order.hidden))

    def _rest(self, order: _Order, left: int, events: list[Event]) -> None:
        """Put an order at the end of its queue, or among those that wait for a cross."""
        order.show(left)
        self._alive[order.order_id] = order
        if order.waits:
            self._waiting.append(order)
        else:
            level = self._resting[order.side].setdefault(order.price_ticks, _Level())
            (level.displayed if order.displayed else level.hidden).append(order)
        events.append(Event(EventKind.REST, order.order_id, order.side, order.price_ticks, order.displayed, hidden_size=order.hidden))

    def _remove(self, order: _Order) -> None:
        del self._alive[order.order_id]
        if order.waits:
            self._waiting.remove(order)
            return
        level = self._resting[order.side][order.price_ticks]
        (level.displayed if order in level.displayed else level.hidden).remove(order)
        if not level.displayed and not level.hidden:
            del self._resting[order.side][order.price_ticks]

    def _waiting_for(self, kind: CrossKind) -> list[_Order]:
        types = _ON_CLOSE if kind == CrossKind.CLOSE else _ON_OPEN
        return [order for order in self._waiting if order.type in types]

    def _participants(self, kind: CrossKind, side: Side) -> list[tuple[_Order, int]]:
        """One side's shares of a cross in priority order: market orders, then by price; at one price what is displayed or waits before
        what is hidden, each by time. A reserve comes twice: what it displays, and what it hides."""
        waiting = [order for order in self._waiting_for(kind) if order.side == side]
        resting = self._resting[side]
        result = [(order, order.left) for order in waiting if not order.price_ticks]
        for price in sorted({*resting, *(order.price_ticks for order in waiting)} - {0}, reverse=side == Side.BUY):
            level = resting.get(price, _Level())
            late = [order for order in waiting if order.price_ticks == price]
            for order in level.displayed:
                # Who waits goes before the first displayed order that was entered after it.
                while late and late[0].order_id < order.order_id:
                    result.append((late[0], late.pop(0).left))
                result.append((order, order.displayed))
            result += [(order, order.left) for order in late]
            hidden = sorted((*level.displayed, *level.hidden), key=lambda order: order.order_id)
            result += [(order, order.hidden) for order in hidden if order.hidden]
        return result


@dataclass(eq=False)
class _Order:
    order_id: int
    side: Side
    price_ticks: int
    """0 for a market order."""
    peak: int | None
    """Shows at most so many shares at a time; None: all of them. Set at entry for good: it is the order's style."""
    owner: int
    type: OrderType
    displayed: int = 0
    """Of an order that waits for a cross: all its shares, though nobody sees them."""
    hidden: int = 0

    @property
    def waits(self) -> bool:
        """For a cross."""
        return self.type in _WAITING

    @property
    def left(self) -> int:
        return self.displayed + self.hidden

    def shown_of(self, size: int) -> int:
        return size if self.peak is None else min(self.peak, size)

    def show(self, left: int) -> None:
        self.displayed = self.shown_of(left)
        self.hidden = left - self.displayed

    def row(self) -> OrderRow:
        return OrderRow(self.order_id, self.side, self.price_ticks, self.displayed, self.hidden, self.peak or 0, self.type, self.owner)


@dataclass
class _Level:
    """One price of one side: two queues, first come first served; reserves are in the displayed one."""

    displayed: list[_Order] = field(default_factory=list)
    hidden: list[_Order] = field(default_factory=list)

    @property
    def shares(self) -> int:
        return sum(order.left for order in (*self.displayed, *self.hidden))


def _opposite(side: Side) -> Side:
    return Side.SELL if side == Side.BUY else Side.BUY


def _accepts(side: Side, limit_ticks: int, price_ticks: int) -> bool:
    """Whether an order with this limit (0: market, any price) trades at this price."""
    return limit_ticks == 0 or (limit_ticks >= price_ticks if side == Side.BUY else limit_ticks <= price_ticks)
