"""Orders that venues hold for agents outside of the compiled books: stops until they are reached, pegs that follow the consolidated quote.

A stop order is reached by a print at its venue (of a cross too) at its stop price or beyond; one that the day's last print has reached
already is reached on arrival. It enters a nanosecond after what reached it; of several, those that an earlier print reached come first,
then those that were entered earlier. (Cboe BZX, Rule 11.9(c)(16) and (17), looks at the consolidated last sale; a venue's own is ours.)

A pegged order is hidden, as midpoint pegs are everywhere, so that nobody pegs to it. It follows the quote that the processor has
published: then it is entered anew, at the end of the queue, in order of arrival. (Nasdaq, Equity 4, Rule 4703(d).) Where a side of the
quote is missing, or it is locked or crossed, it stands aside. A midpoint between two ticks is taken the one less aggressive.

No book is watched and no event is set while nothing is held.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from simulator.book.state import LAST_TS, NewOrder
from simulator.clock import MESSAGE, Clock
from simulator.exchange.order_books import Exchange
from simulator.exchange.order_messages import Answer, Command, Held, Lost, OrderOwner, refusal
from simulator.exchange.self_trades import enter
from simulator.flow import Flow
from simulator.records import PRICE_TICKS_MAX, SIZE_MAX, OrderType, Peg, Reject, SelfTrade, Side
from simulator.tape.columns import RING_PRINTS

BID, ASK = 1, 4
"""Places in the consolidated quote."""
MAY_COME = (Reject.PHASE, Reject.PRICE_RANGE, Reject.BOOK_FULL, Reject.SELF_TRADE, Reject.WOULD_TRADE)
"""Reasons that a pegged order may outlive: it stands aside until the quote moves."""
Watch = Callable[[int, Callable[[int, int], None]], None]
"""Called with a book and who is to hear of each of its prints or rows."""


@dataclass(eq=False, slots=True)
class HeldOrder:
    """One, as its venue holds it."""

    owner: OrderOwner
    ref: int
    book: int
    side: Side
    limit_ticks: int
    """0: none."""
    self_trade: SelfTrade
    held: Held
    price_ticks: int = 0
    """Of a pegged order, where it stands; 0: aside."""


class HeldOrders:
    """Of all venues of a worker."""

    def __init__(self, clock: Clock, exchange: Exchange, flow: Flow) -> None:
        self._clock = clock
        self._exchange = exchange
        self._flow = flow
        self._stops: dict[int, list[HeldOrder]] = {}
        """By book, in order of arrival."""
        self._looked: dict[int, int] = {}
        """By book with stops: how many of the day's prints have been looked at."""
        self._pegs: dict[int, list[HeldOrder]] = {}
        """By symbol, in order of arrival."""
        self._due: set[tuple[int, int]] = set()
        """(symbol, time) of the looks at the consolidated quote that are to come."""
        self.watch_prints: tuple[Watch, Watch] = (_nothing, _nothing)
        """To begin and to end; set by the market."""
        self.watch_rows: tuple[Watch, Watch] = (_nothing, _nothing)

    def add(self, command: Command) -> Answer:
        """A stop or pegged order has arrived. It is accepted, or why it is not."""
        now, held = self._clock.now, command.held
        assert held is not None
        if not 1 <= command.size <= SIZE_MAX:
            return refusal(now, Reject.BAD_SIZE)
        if not 0 <= command.price_ticks <= PRICE_TICKS_MAX or (held.peg is None and not 1 <= held.stop_ticks <= PRICE_TICKS_MAX):
            return refusal(now, Reject.BAD_PRICE)
        return Answer(now, Reject.NONE, 0, 0, 0, 0)

    def keep(self, command: Command) -> None:
        """It was accepted, and its owner told so: take it up."""
        held = command.held
        assert held is not None
        b = command.book
        order = HeldOrder(command.owner, command.ref, b, command.side, command.price_ticks, command.self_trade, held)
        if held.peg is None:
            if b not in self._stops:
                self._stops[b], self._looked[b] = [], int(self._exchange.columns.facts[b, RING_PRINTS])
                self.watch_prints[0](b, self._on_print)
            self._stops[b].append(order)
            last = self._exchange.trade_at(b, max(self._clock.now, int(self._exchange.books.head[b, LAST_TS])))
            if last is not None and _reaches(order, last[1]):
                self._trigger([(order, last[1])])
            return
        k = b // self._exchange.venues
        if k not in self._pegs:
            self._pegs[k] = []
            for each in self._books_of(k):
                self.watch_rows[0](each, self._on_row)
        self._pegs[k].append(order)
        self._move(order, self._exchange.sip_at(k, self._clock.now))

    def find(self, owner: OrderOwner, ref: int) -> HeldOrder | None:
        """One that is alive."""
        for line in (*self._stops.values(), *self._pegs.values()):
            for order in line:
                if order.ref == ref and order.owner is owner and owner.left_of(ref):
                    return order
        return None

    def take_off(self, order: HeldOrder, size: int) -> Answer:
        """Cancel or reduce one by so many shares."""
        left = order.owner.left_of(order.ref)
        gone = min(size, left)
        if size < 1:
            return refusal(self._clock.now, Reject.BAD_SIZE)
        if order.price_ticks:
            answer = self._exchange.reduce(order.book, self._clock.now, order.owner.resting(order.ref), gone)
        else:
            answer = Answer(self._clock.now, Reject.NONE, 0, 0, 0, gone)
        if gone == left:
            self._drop(order)
        return answer

    def end(self, ts_ns: int, books: Collection[int] | None) -> None:
        """The day is over for these books, or for all: what is held there, and does not stand in a book, is gone."""
        for line in (*self._stops.values(), *self._pegs.values()):
            for order in tuple(line):
                if books is None or order.book in books:
                    if not order.price_ticks and (left := order.owner.left_of(order.ref)):
                        order.owner.on_lost(ts_ns, order.ref, left, Lost.DAY_END)
                    self._drop(order)

    def start_day(self) -> None:
        """The day's prints are counted anew."""
        for b in self._looked:
            self._looked[b] = 0

    def _drop(self, order: HeldOrder) -> None:
        b, k = order.book, order.book // self._exchange.venues
        if order.held.peg is None:
            self._stops[b].remove(order)
            if not self._stops[b]:
                del self._stops[b], self._looked[b]
                self.watch_prints[1](b, self._on_print)
            return
        self._pegs[k].remove(order)
        if not self._pegs[k]:
            del self._pegs[k]
            for each in self._books_of(k):
                self.watch_rows[1](each, self._on_row)

    def _books_of(self, k: int) -> range:
        return range(k * self._exchange.venues, (k + 1) * self._exchange.venues)

    # --- stops ---------------------------------------------------------------------------------------------------------

    def _on_print(self, book: int, _ts_ns: int) -> None:
        """Something has printed: look whom it reaches, when all of that action is over."""
        if book in self._stops:
            self._at(max(self._clock.now, int(self._exchange.books.head[book, LAST_TS]) + 1), lambda _event: self._look(book))

    def _look(self, book: int) -> None:
        """At the prints since the last look."""
        if book not in self._stops:
            return
        now = self._clock.now
        new = int(self._exchange.columns.facts[book, RING_PRINTS]) - self._looked[book]
        if new <= 0:
            return
        reached: list[tuple[HeldOrder, int]] = []
        waiting = list(self._stops[book])
        last_ns = max(now, int(self._exchange.books.head[book, LAST_TS]))
        prints = self._exchange.trades_at(book, last_ns, new)[::-1]
        prints = prints[prints[:, 0] < now]  # those stamped later are looked at later
        self._looked[book] += len(prints)
        for price in prints[:, 1].tolist():
            here = [order for order in waiting if _reaches(order, price)]
            reached += [(order, price) for order in here]
            waiting = [order for order in waiting if order not in here]
        self._trigger(reached)

    def _trigger(self, reached: list[tuple[HeldOrder, int]]) -> None:
        for order, _ in reached:
            self._drop(order)
        for order, price in reached:
            left, now = order.owner.left_of(order.ref), self._clock.now
            order.owner.on_triggered(order.ref, now, price)
            kind = OrderType.LIMIT if order.limit_ticks else OrderType.MARKET
            answer = self._enter(order, NewOrder(order.side, order.limit_ticks, left, left, kind, order.owner.number))
            if answer.reject:
                order.owner.on_lost(now, order.ref, left, Lost.SELF_TRADE if answer.reject == Reject.SELF_TRADE else Lost.NOT_ENTERED)

    # --- pegs ----------------------------------------------------------------------------------------------------------

    def _on_row(self, book: int, ts_ns: int) -> None:
        """A venue's quote may be another: look when the processor has published it."""
        k, v = divmod(book, self._exchange.venues)
        due_ns = max(self._clock.now, ts_ns + self._exchange.sip_delays_ns[v])
        if (k, due_ns) not in self._due:
            self._due.add((k, due_ns))
            self._at(due_ns, lambda _event: self._follow(k, due_ns))

    def _follow(self, k: int, due_ns: int) -> None:
        self._due.discard((k, due_ns))
        quote = self._exchange.sip_at(k, self._clock.now)
        for order in tuple(self._pegs.get(k, ())):
            if order.owner.left_of(order.ref):
                self._move(order, quote)
            else:
                self._drop(order)

    def _move(self, order: HeldOrder, quote: list[int]) -> None:
        """To where the quote has it now."""
        price, now, b = _pegged(order, quote[BID], quote[ASK]), self._clock.now, order.book
        if price == order.price_ticks:
            return
        owner, left = order.owner, order.owner.left_of(order.ref)
        if order.price_ticks:
            self._exchange.cancel(b, now, owner.resting(order.ref))
            owner.on_entered(order.ref, 0, 0)
        order.price_ticks = 0
        if price:
            order.price_ticks = price
            answer = self._enter(order, NewOrder(order.side, price, left, 0, OrderType.LIMIT, owner.number))
            if answer.reject:
                order.price_ticks = 0
                if answer.reject not in MAY_COME:
                    owner.on_lost(now, order.ref, left, Lost.NOT_ENTERED)
        owner.on_repriced(order.ref, now, order.price_ticks)
        if not owner.left_of(order.ref):
            self._drop(order)

    # --- both ----------------------------------------------------------------------------------------------------------

    def _enter(self, order: HeldOrder, new: NewOrder) -> Answer:
        """Into the book; its owner hears of what becomes of it there."""
        b, now, owner = order.book, self._clock.now, order.owner
        efficient_price = self._flow.efficient_price(b // self._exchange.venues)
        answer = enter(self._exchange, b, now, new, owner, order.self_trade, efficient_price)
        if not answer.reject:
            owner.on_entered(order.ref, answer.order_id, answer.slot)
        self._clock.on_notification()
        if answer.cut:
            owner.on_lost(max(now, int(self._exchange.books.head[b, LAST_TS])), order.ref, answer.cut, Lost.SELF_TRADE)
        if answer.executed:
            self._flow.on_agent_trade(b, now, int(order.side), answer.executed, owner.number)
        return answer

    def _at(self, ts_ns: int, call: Callable[[Any], None]) -> None:
        event = self._clock.at(ts_ns, MESSAGE)
        assert event.callbacks is not None
        event.callbacks.append(call)


def _reaches(order: HeldOrder, price: int) -> bool:
    """Whether a print at this price triggers a stop order."""
    return price >= order.held.stop_ticks if order.side == Side.BUY else price <= order.held.stop_ticks


def _pegged(order: HeldOrder, bid: int, ask: int) -> int:
    """Where a pegged order belongs; 0: nowhere."""
    if not bid or not ask or bid >= ask:
        return 0
    is_buy = order.side == Side.BUY
    base = (bid if is_buy else ask) if order.held.peg == Peg.PRIMARY else (bid + ask) // 2 if is_buy else -(-(bid + ask) // 2)
    price = base - order.held.offset_ticks if is_buy else base + order.held.offset_ticks
    if order.limit_ticks:
        price = min(price, order.limit_ticks) if is_buy else max(price, order.limit_ticks)
    return price if 1 <= price <= PRICE_TICKS_MAX else 0


def _nothing(book: int, listener: Callable[[int, int], None]) -> None:
    """Nobody watches."""
