"""One agent's orders, as the venues have them and as the agent knows them.

What a venue knows of an order (``Order.order_id``) and what the agent knows of it (``Order.seen_left``) are a latency apart, and
kept apart here.
"""

from __future__ import annotations

from array import array

from simulator.agents.messages import (
    Accepted,
    Cancelled,
    CancelRejected,
    Ended,
    Expired,
    Fill,
    Message,
    OwnOrder,
    Rejected,
    Repriced,
    Triggered,
)
from simulator.errors import AgentError
from simulator.exchange.band_limits import FOR_A_CROSS
from simulator.exchange.order_messages import ADD, REPLACE, Answer, Command, Held, Lost
from simulator.gateway.ledger import Ledger, Sent
from simulator.gateway.mailbox import Mailbox
from simulator.gateway.queue_positions import Place, QueuePositions
from simulator.gateway.reach import Reach
from simulator.inputs.config import Fees
from simulator.records import Liquidity, OrderType, Phase, Reject, Side

LOST = {Lost.SELF_TRADE: Ended.SELF_TRADE, Lost.NOT_ENTERED: Ended.NOT_ENTERED, Lost.DAY_END: Ended.DAY_END}
REMEMBERED = 100_000
"""Orders that the agent knows to have ended and may still ask for."""


class Order:
    """One order, as its venue has it and as its agent knows it."""

    __slots__ = (
        "book", "display", "ended", "held", "is_accepted", "left", "order_id", "paid_ticks", "place", "price_ticks", "reason",
        "seen_filled", "seen_left", "side", "size", "slot", "type",
    )  # fmt: skip

    def __init__(self, book: int, side: Side, type: OrderType, price_ticks: int, size: int, display: int | None) -> None:
        self.book = book
        self.display = display
        """Shares shown at a time, all of them if None; a replacement keeps it."""
        self.side = side
        self.type = type
        self.price_ticks = price_ticks
        self.size = size
        self.left = size
        self.held: Held | None = None
        self.order_id = 0
        self.slot = 0
        self.place: Place | None = None
        """In its queue, if that is followed."""
        self.seen_left = size
        self.seen_filled = 0
        self.paid_ticks = 0
        self.is_accepted = False
        self.ended = Ended.ALIVE
        self.reason = Reject.NONE


class OwnOrders:
    """An agent's; the ``OrderOwner`` that the venues know."""

    def __init__(self, reach: Reach, fees: Fees, queues: QueuePositions) -> None:
        self.number = reach.number
        self.spec = reach.spec
        self.ledger = Ledger(reach.spec.keep_orders)
        self.mailbox = Mailbox(reach, self.ledger, self._learn)
        self.wakes = 0
        """Counts the stretches between two yields."""
        self._reach = reach
        self._fee_usd = [fees.usd(liquidity) for liquidity in Liquidity]
        self._queues = queues
        self._follows_queues = False
        self._orders: dict[int, Order] = {}
        """By reference: those of which something is left, or may be as far as the agent knows."""
        self._ended: dict[int, OwnOrder] = {}
        """By reference: the last of those that it knows to be gone."""
        self._books = array("i", [0])
        """By reference, of all orders ever sent: a cancel may cross with the fill that ends its order."""
        self._refs: dict[tuple[int, int], int] = {}
        """By (book, order id): those alive at a venue."""
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

    def order(self, ref: int) -> OwnOrder:
        found = self.own_order(ref) or self._ended.get(ref)
        if found is None:
            raise AgentError(f"asked for order {ref}, which ended more than {REMEMBERED:,} orders ago. Ask sooner, or keep what it was")
        return found

    def queue_ahead(self, ref: int) -> int | None:
        book = self.book_of(ref)
        if not self._follows_queues:
            self._follows_queues = True
            for each in self._orders.values():
                self._follow(each)
        order = self._orders.get(ref)
        if order is None or order.place is None or not order.is_accepted:
            return None
        return order.place.ahead_at(self._reach.seen_ns(book))

    def _own_order(self, ref: int, order: Order) -> OwnOrder:
        symbol, venue = self._reach.named(order.book)
        return OwnOrder(
            ref, symbol, venue, order.side, order.type, order.price_ticks, order.size, order.seen_left, order.is_accepted,
            order.seen_filled, order.paid_ticks, order.ended, order.reason,
        )  # fmt: skip

    def position(self, symbol: str) -> int:
        return self._position[symbol]

    def cash_ticks(self, symbol: str) -> int:
        return self._cash_ticks[symbol]

    # --- as the venues know them --------------------------------------------------------------------------------------

    def resting(self, ref: int) -> tuple[int, int]:
        """(order id, slot) of an order as its venue knows it now; zeros if it is gone."""
        order = self._orders.get(ref)
        return (0, 0) if order is None else (order.order_id, order.slot)

    def left_of(self, ref: int) -> int:
        """Shares of an order that its venue has left; 0 if it is gone."""
        order = self._orders.get(ref)
        return 0 if order is None else order.left

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
            self.mailbox.deliver(venue, refused(answer.ts_ns, ref, answer.reject, phase))
        elif is_order:
            replaced = command.old_ref if command.verb == REPLACE else 0
            order = self._orders[ref]
            if replaced:
                order.side = self._orders[replaced].side
                self._close(replaced, answer.ts_ns)
            self.on_entered(ref, answer.order_id, answer.slot)
            self.mailbox.deliver(venue, Accepted(answer.ts_ns, ref, replaced))
        else:
            self.ledger.taken_off(ref, "cancelled", answer.taken_off)
            self.mailbox.deliver(venue, Cancelled(answer.ts_ns, ref, answer.taken_off))
            self._take_off(ref, answer.taken_off, answer.ts_ns)

    def on_entered(self, ref: int, order_id: int, slot: int) -> None:
        """An order stands in its book, or works through it, under this number; 0: its venue holds it outside of the book."""
        order = self._orders[ref]
        self._leave(order)
        order.order_id, order.slot = order_id, slot
        if order_id:
            self._refs[order.book, order_id] = ref
            if self._follows_queues:
                self._follow(order)

    def on_triggered(self, ref: int, ts_ns: int, price_ticks: int) -> None:
        """A print has reached a stop order."""
        self.mailbox.deliver(self._orders[ref].book % len(self._reach.venues), Triggered(ts_ns, ref, price_ticks))

    def on_repriced(self, ref: int, ts_ns: int, price_ticks: int) -> None:
        """A pegged order stands at another price; 0: aside."""
        self.mailbox.deliver(self._orders[ref].book % len(self._reach.venues), Repriced(ts_ns, ref, price_ticks))

    def on_fill(self, ts_ns: int, book: int, order_id: int, price_ticks: int, size: int, liquidity: Liquidity) -> None:
        """Shares of an order of this agent have traded."""
        ref = self._refs.get((book, order_id))
        if ref is None:
            return
        symbol, venue = self._reach.named(book)
        order = self._orders[ref]
        self.ledger.filled(ts_ns, ref, book, order.side, price_ticks, size, liquidity)
        fee_usd = size * self._fee_usd[liquidity]
        fill = Fill(ts_ns, ref, symbol, venue, order.side, price_ticks, size, liquidity, fee_usd, order.left - size)
        self.mailbox.deliver(book % len(self._reach.venues), fill)
        self._take_off(ref, size, ts_ns)

    def on_expiry(self, ts_ns: int, book: int, order_id: int, size: int, reason: Ended | None = None) -> None:
        """Shares of an order of this agent are gone; without a ``reason``, those that did not trade at once or in their cross."""
        ref = self._refs.get((book, order_id))
        if ref is not None:
            self.on_gone(ts_ns, ref, size, reason)

    def on_prevented(self, ts_ns: int, book: int, order_id: int, size: int) -> None:
        """Shares of a resting order were taken off, lest they trade with another one of this agent's."""
        self.on_expiry(ts_ns, book, order_id, size, Ended.SELF_TRADE)

    def on_lost(self, ts_ns: int, ref: int, size: int, why: Lost) -> None:
        """Shares of an order are gone without its agent's wish."""
        self.on_gone(ts_ns, ref, size, LOST[why])

    def on_gone(self, ts_ns: int, ref: int, size: int, reason: Ended | None = None) -> None:
        """As ``on_expiry``, of an order by its reference."""
        order = self._orders[ref]
        if reason is None:
            reason = Ended.AFTER_CROSS if order.type in FOR_A_CROSS else Ended.IMMEDIATE
        self.ledger.taken_off(ref, "expired", size)
        self.mailbox.deliver(order.book % len(self._reach.venues), Expired(ts_ns, ref, size, reason))
        self._take_off(ref, size, ts_ns)

    def _take_off(self, ref: int, size: int, ts_ns: int) -> None:
        order = self._orders[ref]
        order.left -= size
        if order.left <= 0:
            self._close(ref, ts_ns)

    def _close(self, ref: int, ts_ns: int) -> None:
        """The order is gone at its venue: its number may become another's on another day."""
        order = self._orders[ref]
        self._leave(order)
        order.left = order.order_id = 0
        self.ledger.closed(ref, ts_ns)

    def _leave(self, order: Order) -> None:
        """It no longer has the number that it had in its book."""
        if self._refs.pop((order.book, order.order_id), None) is not None and order.place is not None:
            self._queues.leave(order.place)

    def _follow(self, order: Order) -> None:
        """In its queue."""
        if order.order_id and order.slot:
            order.place = self._queues.join(order.book, order.order_id, order.slot, order.place)

    # --- what arrives ------------------------------------------------------------------------------------------------

    def _learn(self, message: Message) -> None:
        """What a message changes in what the agent knows of itself."""
        order = self._orders.get(message.ref)
        if isinstance(message, Accepted):
            if message.old_ref:
                self._end(message.old_ref, Ended.REPLACED)
            if order is not None:
                order.is_accepted = True
            return
        if isinstance(message, Fill):
            sign = 1 if message.side == Side.BUY else -1
            self._position[message.symbol] += sign * message.size
            self._cash_ticks[message.symbol] -= sign * message.size * message.price_ticks
        if order is None:
            return
        if isinstance(message, Rejected):
            order.reason = message.reason
            self._end(message.ref, Ended.REFUSED)
        elif isinstance(message, Repriced):
            order.price_ticks = message.price_ticks
        elif isinstance(message, (Fill, Cancelled, Expired)):  # a union would be made anew each time
            order.seen_left -= message.size
            ended = message.reason if isinstance(message, Expired) else Ended.CANCELLED
            if isinstance(message, Fill):
                order.seen_filled += message.size
                order.paid_ticks += message.size * message.price_ticks
                ended = Ended.FILLED
            if order.seen_left <= 0:
                self._end(message.ref, ended)

    def _end(self, ref: int, ended: Ended) -> None:
        order = self._orders.pop(ref, None)
        if order is not None:
            order.ended = ended
            self._ended[ref] = self._own_order(ref, order)
            if len(self._ended) > REMEMBERED:
                del self._ended[next(iter(self._ended))]
