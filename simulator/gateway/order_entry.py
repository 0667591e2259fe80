"""What one agent sends: each call becomes a command on its way to a venue. Satisfies ``agents.OrderEntry``."""

from __future__ import annotations

from simulator.agents.interface import BEST
from simulator.errors import AgentError
from simulator.exchange.band_limits import FOR_A_CROSS
from simulator.exchange.order_books import Exchange
from simulator.exchange.order_messages import ADD, CANCEL, REDUCE, REPLACE, Command, Held, Verb
from simulator.exchange.venue import Inbox
from simulator.gateway.own_orders import Order, OwnOrders
from simulator.gateway.reach import Reach, member, whole
from simulator.records import NS_PER_S, OrderType, Peg, SelfTrade, Side

RATE_FACTOR_MAX = 100
"""Times its rate: an agent that sends so much in a second answers refusals with more, and would go on for ever."""
SWEEP_LEVELS = 1_000
"""Of a venue's side, at most; the run shows fewer."""
COMMANDS_A_WAKE_MAX = 100_000
"""Commands without a yield; more are a loop that would never end."""


class LatentOrderEntry:
    """Commands that reach their venues after the agent's latency."""

    def __init__(self, reach: Reach, own: OwnOrders, exchange: Exchange, inbox: Inbox) -> None:
        self._reach = reach
        self._own = own
        self._exchange = exchange
        self._inbox = inbox
        self._sent = 0
        self._wake = 0
        self._sent_in_wake = 0
        self._second = -1
        self._sent_in_second = 0
        self._self_trade = SelfTrade.ALLOW

    def buy(
        self, symbol: str, venue: str | None, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None
    ) -> int:
        return self.add(Side.BUY, symbol, venue, price_ticks, size, type=type, display=display)

    def sell(
        self, symbol: str, venue: str | None, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None
    ) -> int:
        return self.add(Side.SELL, symbol, venue, price_ticks, size, type=type, display=display)

    def add(
        self, side: Side, symbol: str, venue: str | None, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT,
        display: int | None = None,
    ) -> int:  # fmt: skip
        kind = member("type", type, OrderType)
        side = member("side", side, Side)
        price_ticks = whole("price_ticks", price_ticks)
        size = whole("size", size)
        shown = size if display is None else whole("display", display)
        book = self._route(side, symbol, kind) if venue is None or venue == BEST else self._reach.find(symbol, venue)
        order = Order(book, side, kind, price_ticks, size, None if shown == size else shown)
        ref = self._own.enter(order)
        self._send(ADD, ref, ref, order, shown)
        return ref

    def stop(self, side: Side, symbol: str, venue: str | None, stop_ticks: int, size: int, *, limit_ticks: int = 0) -> int:
        held = Held(stop_ticks=whole("stop_ticks", stop_ticks))
        limit = whole("limit_ticks", limit_ticks, 0)
        return self._hold(side, (symbol, venue), held, OrderType.LIMIT if limit else OrderType.MARKET, limit, whole("size", size))

    def peg(
        self, side: Side, symbol: str, venue: str | None, size: int, *, peg: Peg = Peg.PRIMARY, offset_ticks: int = 0, limit_ticks: int = 0
    ) -> int:
        held = Held(peg=member("peg", peg, Peg), offset_ticks=whole("offset_ticks", offset_ticks))
        return self._hold(side, (symbol, venue), held, OrderType.LIMIT, whole("limit_ticks", limit_ticks, 0), whole("size", size))

    def _hold(self, side: Side, at: tuple[str, str | None], held: Held, kind: OrderType, limit_ticks: int, size: int) -> int:
        symbol, venue = at
        k = self._reach.symbol(symbol)
        listing = k * len(self._reach.venues) + self._reach.listings[k]
        book = listing if venue is None or venue == BEST else self._reach.find(symbol, venue)
        order = Order(book, member("side", side, Side), kind, limit_ticks, size, None if held.peg is None else 0)
        order.held = held
        ref = self._own.enter(order)
        self._send(ADD, ref, ref, order, 0)
        return ref

    def sweep(self, side: Side, symbol: str, limit_ticks: int, size: int) -> list[int]:
        side, left = member("side", side, Side), whole("size", size, 1)
        limit = whole("limit_ticks", limit_ticks, 1)
        k, venues, sign = self._reach.symbol(symbol), len(self._reach.venues), 1 if side == Side.BUY else -1
        shown = []
        for v in range(venues):
            book = k * venues + v
            levels = self._exchange.levels_at(book, Side(1 - side), self._reach.seen_ns(book), SWEEP_LEVELS)
            shown += [(sign * price, v, shares) for price, shares in levels if sign * price <= sign * limit]
        wanted: dict[int, int] = {}
        for _, v, shares in sorted(shown):
            taken = min(left, shares)
            if taken:
                wanted[v] = wanted.get(v, 0) + taken
            left -= taken
        names = self._reach.venues
        return [self.add(side, symbol, names[v], limit, shares, type=OrderType.IOC) for v, shares in sorted(wanted.items())]

    def prevent_self_trades(self, mode: SelfTrade) -> None:
        self._self_trade = member("mode", mode, SelfTrade)

    def cancel(self, ref: int) -> None:
        self._send(CANCEL, ref, ref, self._about(ref, 0), 0)

    def cancel_all(self, symbol: str | None = None, venue: str | None = None) -> int:
        k = None if symbol is None else self._reach.symbol(symbol)
        v = None if venue is None else self._reach.venue(venue)
        mine = self._own.own_orders(k, v)
        for order in mine:
            self.cancel(order.ref)
        return len(mine)

    def reduce(self, ref: int, size: int) -> None:
        self._send(REDUCE, ref, ref, self._about(ref, whole("size", size)), 0)

    def replace(self, ref: int, price_ticks: int, size: int) -> int:
        book, old = self._own.book_of(ref), self._own.known(ref)
        price_ticks = whole("price_ticks", price_ticks)
        size = whole("size", size)
        side, kind, display = (Side.BUY, OrderType.LIMIT, None) if old is None else (old.side, old.type, old.display)
        order = Order(book, side, kind, price_ticks, size, display)
        order.held = None if old is None else old.held
        new_ref = self._own.enter(order, ref)
        self._send(REPLACE, new_ref, ref, order, size)
        return new_ref

    def _about(self, ref: int, size: int) -> Order:
        """What a cancel or a reduce tells its venue of an order."""
        book, order = self._own.book_of(ref), self._own.known(ref)
        about = Order(book, self._own.side_of(ref), OrderType.LIMIT if order is None else order.type, 0, size, None)
        about.held = None if order is None else order.held
        return about

    def _send(self, verb: Verb, ref: int, old_ref: int, order: Order, display: int) -> None:
        now, spec = self._reach.now_ns, self._reach.spec
        over = self._count(now)
        self._own.ledger.commands += 1
        self._sent += 1
        self._inbox.send(
            Command(
                now + self._reach.latency_ns[order.book % len(self._reach.venues)], spec.name, self._sent, verb, self._own, order.book, ref,
                old_ref, order.side, order.type, order.price_ticks, order.size, display, over,
                self._self_trade, order.held,
            )
        )  # fmt: skip

    def _count(self, now_ns: int) -> bool:
        """One more command; returns whether it is one too many for its second. Raises ``AgentError`` for a loop that would never end."""
        if self._own.wakes != self._wake:
            self._wake, self._sent_in_wake = self._own.wakes, 0
        self._sent_in_wake += 1
        if self._sent_in_wake > COMMANDS_A_WAKE_MAX:
            raise AgentError(f"sent {COMMANDS_A_WAKE_MAX:,} commands without a yield. Let it wait for something in its loop")
        if now_ns // NS_PER_S != self._second:
            self._second, self._sent_in_second = now_ns // NS_PER_S, 0
        self._sent_in_second += 1
        limit = self._reach.spec.max_messages_per_s
        if self._sent_in_second > RATE_FACTOR_MAX * limit:
            rate = f"{RATE_FACTOR_MAX:,} times its max_messages_per_s of {limit:,}"
            raise AgentError(f"sent {rate} within one second. Let it wait after a rejection for Reject.RATE_LIMIT")
        return self._sent_in_second > limit

    def _route(self, side: Side, symbol: str, kind: OrderType) -> int:
        """The book with the best displayed price to trade with, as it is seen here; the listing venue's for want of one."""
        k = self._reach.symbol(symbol)
        venues = len(self._reach.venues)
        best, at = None, self._reach.listings[k]
        for v in range(venues if kind not in FOR_A_CROSS else 0):
            book = k * venues + v
            _, bid, bid_size, ask, ask_size = self._exchange.quote_at(book, self._reach.seen_ns(book))
            price, size = (ask, ask_size) if side == Side.BUY else (-bid, bid_size)
            if price and (best is None or (price, -size) < best):
                best, at = (price, -size), v
        return k * venues + at
