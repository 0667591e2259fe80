"""One agent's orders, as the venues have them and as the agent knows them, and the messages that travel in between.

What a venue knows of an order (``Order.order_id``) and what the agent knows of it (``Order.seen_left``) are a latency apart, and
kept apart here.
"""

from __future__ import annotations

import heapq
from array import array
from collections import deque
from collections.abc import Callable
from typing import Any, get_args

from simulator.agents.interface import Accepted, Cancelled, CancelRejected, Expired, Fill, Message, OwnOrder, Rejected
from simulator.errors import AgentError
from simulator.exchange.order_messages import ADD, REPLACE, Answer, Command
from simulator.gateway.ledger import Ledger, Sent
from simulator.gateway.reach import Reach
from simulator.records import Liquidity, OrderType, Phase, Side

UNREAD_MAX = 100_000
"""Messages that wait for an agent who does not read them."""
ABSORB_ABOVE = 4_096
"""Messages on the way; more are looked through for what has arrived meanwhile, though the agent sleeps."""


class Order:
    """One order, as its venue has it and as its agent knows it."""

    __slots__ = ("book", "display", "is_accepted", "left", "order_id", "price_ticks", "seen_left", "side", "size", "slot", "type")

    def __init__(self, book: int, side: Side, type: OrderType, price_ticks: int, size: int, display: int | None) -> None:
        self.book = book
        self.display = display
        """Shares shown at a time, all of them if None; a replacement keeps it."""
        self.side = side
        self.type = type
        self.price_ticks = price_ticks
        self.size = size
        self.left = size
        self.order_id = 0
        self.slot = 0
        self.seen_left = size
        self.is_accepted = False


class OwnOrders:
    """An agent's; the ``OrderOwner`` that the venues know."""

    def __init__(self, reach: Reach) -> None:
        self.number = reach.number
        self.spec = reach.spec
        self.ledger = Ledger(reach.spec.keep_orders)
        self.on_coming: Callable[[type, int], None] = lambda kind, arrival_ns: None
        """Called with a message's kind and its time of arrival, when it is sent; set by the agent's process."""
        self.wakes = 0
        """Counts the stretches between two yields."""
        self._reach = reach
        self._orders: dict[int, Order] = {}
        """By reference: those of which something is left, or may be as far as the agent knows."""
        self._books = array("i", [0])
        """By reference, of all orders ever sent: a cancel may cross with the fill that ends its order."""
        self._refs: dict[tuple[int, int], int] = {}
        """By (book, order id): those alive at a venue."""
        self._heard = 0
        self._on_the_way: list[tuple[int, int, int, Message]] = []
        self._unread: dict[type, deque[tuple[int, Message]]] = {kind: deque() for kind in get_args(Message)}
        """By kind, with the order of arrival: an agent may leave any number of one kind unread and wait for another."""
        self._unread_count = 0
        self._arrived = 0
        self._position = dict.fromkeys(reach.symbols, 0)
        self._cash_ticks = dict.fromkeys(reach.symbols, 0)

    # --- sent --------------------------------------------------------------------------------------------------------

    def enter(self, order: Order, replaces: int = 0) -> int:
        """A new order is on its way to its venue; ``replaces``: the reference of the one whose place it is to take. Returns its own."""
        ref = len(self._books)
        self._books.append(order.book)
        self._orders[ref] = order
        shown = order.size if order.display is None else min(order.display, order.size) if replaces else order.display
        sent = Sent(order.book, order.side, order.type, order.price_ticks, order.size, shown, self._reach.now_ns)
        self.ledger.ordered(ref, replaces, sent)
        return ref

    def known(self, ref: int) -> Order | None:
        """An order of which something is left, or may be as far as the agent knows."""
        return self._orders.get(ref)

    def book_of(self, ref: int) -> int:
        """Raises ``AgentError`` for what is no reference of this agent's."""
        if type(ref) is not int or not 1 <= ref < len(self._books):
            so_far = f"1 to {len(self._books) - 1:,}" if len(self._books) > 1 else "none"
            raise AgentError(f"used order reference {ref!r}; its references so far are {so_far}")
        return self._books[ref]

    # --- as the agent knows them --------------------------------------------------------------------------------------

    def own_orders(self, k: int | None, v: int | None) -> list[OwnOrder]:
        """Alive or on their way, of the k-th symbol, at venue v; in the order of sending."""
        venues = len(self._reach.venues)
        return [
            self._own_order(ref, order)
            for ref, order in self._orders.items()
            if (k is None or order.book // venues == k) and (v is None or order.book % venues == v)
        ]

    def own_order(self, ref: int) -> OwnOrder | None:
        self.book_of(ref)
        order = self._orders.get(ref)
        return None if order is None else self._own_order(ref, order)

    def _own_order(self, ref: int, order: Order) -> OwnOrder:
        symbol, venue = self._reach.named(order.book)
        return OwnOrder(ref, symbol, venue, order.side, order.type, order.price_ticks, order.size, order.seen_left, order.is_accepted)

    def position(self, symbol: str) -> int:
        return self._position[symbol]

    def cash_ticks(self, symbol: str) -> int:
        return self._cash_ticks[symbol]

    # --- as the venues know them --------------------------------------------------------------------------------------

    def resting(self, ref: int) -> tuple[int, int]:
        """(order id, slot) of an order as its venue knows it now; zeros if it is gone."""
        order = self._orders.get(ref)
        return (0, 0) if order is None else (order.order_id, order.slot)

    def side_of(self, ref: int) -> Side:
        order = self._orders.get(ref)
        return Side.BUY if order is None else order.side

    def resting_orders(self) -> list[tuple[int, int, int]]:
        """(book, order id, slot) of all that is alive at the venues, by book and number."""
        return sorted((book, order_id, self._orders[ref].slot) for (book, order_id), ref in self._refs.items())

    def on_answer(self, command: Command, answer: Answer, venue: int, phase: Phase) -> None:
        """A venue has carried out, or refused, a command."""
        ref = command.ref
        is_order = command.verb in (ADD, REPLACE)
        if is_order:
            self.ledger.answered(ref, answer.ts_ns, answer.reject)
        if answer.reject:
            self.ledger.refused[answer.reject] += 1
            refused = Rejected if is_order else CancelRejected
            self._deliver(venue, refused(answer.ts_ns, ref, answer.reject, phase))
        elif is_order:
            replaced = command.old_ref if command.verb == REPLACE else 0
            order = self._orders[ref]
            order.order_id, order.slot = answer.order_id, answer.slot
            self._refs[command.book, answer.order_id] = ref
            if replaced:
                order.side = self._orders[replaced].side
                self._close(replaced, answer.ts_ns)
            self._deliver(venue, Accepted(answer.ts_ns, ref, replaced))
        else:
            self.ledger.taken_off(ref, "cancelled", answer.taken_off)
            self._deliver(venue, Cancelled(answer.ts_ns, ref, answer.taken_off))
            self._take_off(ref, answer.taken_off, answer.ts_ns)

    def on_fill(self, ts_ns: int, book: int, order_id: int, price_ticks: int, size: int, liquidity: Liquidity) -> None:
        """Shares of an order of this agent have traded."""
        ref = self._refs.get((book, order_id))
        if ref is None:
            return
        symbol, venue = self._reach.named(book)
        side = self._orders[ref].side
        self.ledger.filled(ts_ns, ref, book, side, price_ticks, size, liquidity)
        self._deliver(book % len(self._reach.venues), Fill(ts_ns, ref, symbol, venue, side, price_ticks, size))
        self._take_off(ref, size, ts_ns)

    def on_expiry(self, ts_ns: int, book: int, order_id: int, size: int) -> None:
        """What was left of an order of this agent is gone."""
        ref = self._refs.get((book, order_id))
        if ref is None:
            return
        self.ledger.taken_off(ref, "expired", size)
        self._deliver(book % len(self._reach.venues), Expired(ts_ns, ref, size))
        self._take_off(ref, size, ts_ns)

    def _take_off(self, ref: int, size: int, ts_ns: int) -> None:
        order = self._orders[ref]
        order.left -= size
        if order.left <= 0:
            self._close(ref, ts_ns)

    def _close(self, ref: int, ts_ns: int) -> None:
        """The order is gone at its venue: its number may become another's on another day."""
        order = self._orders[ref]
        self._refs.pop((order.book, order.order_id), None)
        order.left = order.order_id = 0
        self.ledger.closed(ref, ts_ns)

    # --- messages on their way, and those that have arrived --------------------------------------------------------------

    def _deliver(self, venue: int, message: Message) -> None:
        arrival_ns = message.ts_ns + self._reach.latency_ns[venue]
        self._heard += 1
        heapq.heappush(self._on_the_way, (arrival_ns, venue, self._heard, message))
        if len(self._on_the_way) > ABSORB_ABOVE:
            self._absorb()
        self.on_coming(type(message), arrival_ns)

    def next_arrival_ns(self) -> int | None:
        """When the next message arrives, of those that are on their way."""
        return self._on_the_way[0][0] if self._on_the_way else None

    def wake(self) -> None:
        """The agent wakes, and is to know all that has arrived."""
        self.wakes += 1
        if self._on_the_way:
            self._absorb()

    def take(self, kinds: tuple[type, ...]) -> Message | None:
        """The oldest unread message of these kinds, now read."""
        if self._on_the_way:
            self._absorb()
        if not self._unread_count:
            return None
        waiting = [line for kind, line in self._unread.items() if line and (not kinds or issubclass(kind, kinds))]
        if not waiting:
            return None
        self._unread_count -= 1
        return min(waiting, key=lambda line: line[0][0]).popleft()[1]

    def check_kinds(self, kinds: tuple[Any, ...]) -> tuple[type, ...]:
        """Raises ``AgentError`` for what is no kind of message."""
        for kind in kinds:
            if kind not in self._unread:
                known = ", ".join(each.__name__ for each in self._unread)
                raise AgentError(f"asked for messages of kind {kind!r}; the kinds are {known}")
        return kinds

    def _absorb(self) -> None:
        """Take in what has arrived by now."""
        now, line = self._reach.now_ns, self._on_the_way
        while line and line[0][0] <= now:
            message = heapq.heappop(line)[3]
            self._learn(message)
            self._arrived += 1
            self._unread[type(message)].append((self._arrived, message))
            self._unread_count += 1
            if self._unread_count > UNREAD_MAX:
                min((unread for unread in self._unread.values() if unread), key=lambda unread: unread[0][0]).popleft()
                self._unread_count -= 1
                self.ledger.unread_dropped += 1

    def _learn(self, message: Message) -> None:
        """What a message changes in what the agent knows of itself."""
        order = self._orders.get(message.ref)
        if isinstance(message, Accepted):
            if order is not None:
                order.is_accepted = True
            if message.old_ref:
                self._orders.pop(message.old_ref, None)
            return
        if isinstance(message, CancelRejected):
            return
        if isinstance(message, Rejected):
            self._orders.pop(message.ref, None)
            return
        if isinstance(message, Fill):
            sign = 1 if message.side == Side.BUY else -1
            self._position[message.symbol] += sign * message.size
            self._cash_ticks[message.symbol] -= sign * message.size * message.price_ticks
        if order is not None:
            order.seen_left -= message.size
            if order.seen_left <= 0:
                del self._orders[message.ref]
