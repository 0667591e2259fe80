"""A desk: what stands between one Python agent and the market. It carries its messages and knows its orders.

The desk satisfies ``agents.MarketView`` and ``agents.OrderEntry``, and the agent gets just those two sides of it (``Port``). What
a venue knows of an order (``Order.order_id``) and what the agent knows of it (``Order.seen_left``) are a latency apart, and kept
apart here.
"""

from __future__ import annotations

import heapq
import operator
from array import array
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NoReturn, get_args

from simulator.agents.interface import (
    BEST,
    Accepted,
    Cancelled,
    Expired,
    Fill,
    Message,
    OwnOrder,
    Quote,
    Rejected,
    Trade,
    Wait,
)
from simulator.clock import Clock
from simulator.errors import AgentError
from simulator.exchange.order_books import Exchange
from simulator.exchange.order_messages import Answer
from simulator.exchange.venue import ADD, CANCEL, REDUCE, REPLACE, Command, Venue
from simulator.gateway.agent_process import Runner
from simulator.gateway.ledger import Ledger
from simulator.inputs.config import AgentSpec
from simulator.records import NS_PER_S, Liquidity, OrderType, Phase, Side

UNREAD_MAX = 100_000
"""Messages that wait for an agent who does not read them."""
ABSORB_ABOVE = 4_096
"""Messages on the way; more are looked through for what has arrived meanwhile, though the agent sleeps."""
RATE_FACTOR_MAX = 100
"""Times its rate: an agent that sends so much in a second answers refusals with more, and would go on for ever."""
COMMANDS_A_WAKE_MAX = 100_000
"""Commands without a yield; more are a loop that would never end."""
FOR_A_CROSS = (OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN, OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE)


class Order:
    """One order, as its venue has it and as its agent knows it."""

    __slots__ = (
        "book", "display", "is_accepted", "is_refused", "left", "order_id", "price_ticks", "seen_left", "side", "size", "slot", "type",
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
        self.order_id = 0
        self.slot = 0
        self.seen_left = size
        self.is_accepted = False
        self.is_refused = False
        """By its venue, whether or not the agent has heard of it."""


VIEW = (
    "best", "depth", "nbbo", "last_trade", "last_trades", "phase", "own_orders", "own_order", "position", "cash_ticks", "read", "wait",
    "until", "message", "quote", "trade", "phase_change", "any_of", "symbols", "venues",
)  # fmt: skip
ENTRY = ("buy", "sell", "add", "cancel", "cancel_all", "reduce", "replace")


class Port:
    """Some of a desk's methods, and nothing else of it. It cannot be changed."""

    __slots__ = (*VIEW, *ENTRY, "_now", "_there")

    _now: Callable[[], int]
    _there: tuple[str, ...]

    def __init__(self, desk: Desk, names: tuple[str, ...]) -> None:
        for name in names:
            object.__setattr__(self, name, getattr(desk, name))
        object.__setattr__(self, "_now", lambda: desk.now_ns)
        object.__setattr__(self, "_there", names)

    @property
    def now_ns(self) -> int:
        return self._now()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name!r} cannot be set here: keep it in a variable of the agent's own")

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):  # what Python itself asks for, to copy it for example
            raise AttributeError(name)
        near = get_close_matches(name, self._there, 1)
        raise AttributeError(f"there is no {name!r} here" + (f"; did you mean {near[0]}?" if near else f", only {', '.join(self._there)}"))


class Desk:
    """One agent's view and order entry."""

    def __init__(
        self, spec: AgentSpec, owner: int, clock: Clock, exchange: Exchange, venues: Sequence[Venue], symbol_names: Sequence[str],
        venue_names: Sequence[str], listings: Sequence[int],
    ) -> None:  # fmt: skip
        """``owner``: the agent's number in the books. ``symbol_names``, ``listings``: of the worker's symbols, as its books have them."""
        self.spec = spec
        self.owner = owner
        self.symbols = tuple(s for s in symbol_names if not spec.symbols or s in spec.symbols)
        self.venues = tuple(venue_names)
        self.latency_ns = _latencies(spec, venue_names)
        self.ledger = Ledger(spec.keep_orders)
        self.runner: Runner | None = None
        """Set by the market, once the agent is made."""
        self._clock = clock
        self._exchange = exchange
        self._venues = venues
        self._names = tuple(symbol_names)
        self._listings = tuple(listings)
        self._symbol_place = {name: k for k, name in enumerate(symbol_names) if name in self.symbols}
        self._venue_place = {name: v for v, name in enumerate(venue_names)}
        self._orders: dict[int, Order] = {}
        """By reference: those of which something is left, or may be as far as the agent knows."""
        self._books = array("i", [0])
        """By reference, of all orders ever sent: a cancel may cross with the fill that ends its order."""
        self._refs: dict[tuple[int, int], int] = {}
        """By (book, order id): those alive at a venue."""
        self._sent = 0
        self._sent_in_wake = 0
        self._second = -1
        self._sent_in_second = 0
        self._heard = 0
        self._on_the_way: list[tuple[int, int, int, Message]] = []
        self._unread: dict[type, deque[tuple[int, Message]]] = {kind: deque() for kind in get_args(Message)}
        """By kind, with the order of arrival: an agent may leave any number of one kind unread and wait for another."""
        self._unread_count = 0
        self._arrived = 0
        self._position = dict.fromkeys(self.symbols, 0)
        self._cash_ticks = dict.fromkeys(self.symbols, 0)

    # --- looking -------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        return self._clock.now

    def best(self, symbol: str, venue: str) -> Quote:
        return self.quote_of(self._find(symbol, venue))

    def depth(self, symbol: str, venue: str, side: Side, levels: int = 10) -> list[tuple[int, int]]:
        book = self._find(symbol, venue)
        return self._exchange.levels_at(book, side, self._seen_ns(book), levels)

    def nbbo(self, symbol: str) -> tuple[int, int]:
        quotes = [self.best(symbol, venue) for venue in self.venues]
        asks = [q.ask_ticks for q in quotes if q.ask_ticks]
        return max(q.bid_ticks for q in quotes), min(asks, default=0)

    def last_trade(self, symbol: str, venue: str) -> Trade | None:
        return self.trade_of(self._find(symbol, venue))

    def last_trades(self, symbol: str, venue: str, count: int = 10) -> list[Trade]:
        book = self._find(symbol, venue)
        rows = self._exchange.trades_at(book, self._seen_ns(book), _whole("count", count, 1)).tolist()
        return [self._trade(book, row) for row in rows]

    def phase(self, venue: str) -> Phase:
        v = self._venue(venue)
        seen = self._clock.now - self.latency_ns[v]
        return next((phase for since, phase in reversed(self._venues[v].phases) if since <= seen), Phase.CLOSED)

    def own_orders(self, symbol: str | None = None, venue: str | None = None) -> list[OwnOrder]:
        k = None if symbol is None else self._symbol(symbol)
        v = None if venue is None else self._venue(venue)
        venues = self._exchange.venues
        return [
            self._own_order(ref, order)
            for ref, order in self._orders.items()
            if (k is None or order.book // venues == k) and (v is None or order.book % venues == v)
        ]

    def own_order(self, ref: int) -> OwnOrder | None:
        self._book_of(ref)
        order = self._orders.get(ref)
        return None if order is None else self._own_order(ref, order)

    def position(self, symbol: str) -> int:
        self._symbol(symbol)
        return self._position[symbol]

    def cash_ticks(self, symbol: str) -> int:
        self._symbol(symbol)
        return self._cash_ticks[symbol]

    def read(self, *kinds: type) -> list[Message]:
        taken = []
        while (message := self.take(self._kinds(kinds))) is not None:
            taken.append(message)
        return taken

    # --- waiting -------------------------------------------------------------------------------------------------

    def wait(self, ns: int) -> Wait:
        return Wait.made(self.owner, self._clock.now + _whole("ns", ns, 0))

    def until(self, ts_ns: int) -> Wait:
        return Wait.made(self.owner, max(_whole("ts_ns", ts_ns), self._clock.now))

    def message(self, *kinds: type, limit_ns: int = -1) -> Wait:
        return Wait.made(self.owner, self._limit(limit_ns), kinds=self._kinds(kinds))

    def quote(self, symbol: str, venue: str | None = None, limit_ns: int = -1) -> Wait:
        return Wait.made(self.owner, self._limit(limit_ns), quotes=self._find_all(symbol, venue))

    def trade(self, symbol: str, venue: str | None = None, limit_ns: int = -1) -> Wait:
        return Wait.made(self.owner, self._limit(limit_ns), trades=self._find_all(symbol, venue))

    def phase_change(self, venue: str, limit_ns: int = -1) -> Wait:
        return Wait.made(self.owner, self._limit(limit_ns), phases=(self._venue(venue),))

    def any_of(self, *waits: Wait, limit_ns: int = -1) -> Wait:
        for wait in waits:
            if type(wait) is not Wait or wait.owner != self.owner:
                raise AgentError(f"any_of takes what this agent's market.message(...), .quote(...) and so on return, got {wait!r}")
        if not waits and limit_ns == -1:
            raise AgentError("any_of() without a wait would never end. Give it what to wait for, or a limit_ns")
        limits = [limit for limit in (self._limit(limit_ns), *(w.until_ns for w in waits)) if limit >= 0]
        heard = [w.kinds for w in waits if w.kinds is not None]
        return Wait.made(
            self.owner,
            min(limits, default=-1),
            None if not heard else () if () in heard else tuple(dict.fromkeys(kind for kinds in heard for kind in kinds)),
            tuple(dict.fromkeys(b for w in waits for b in w.quotes)),
            tuple(dict.fromkeys(b for w in waits for b in w.trades)),
            tuple(dict.fromkeys(v for w in waits for v in w.phases)),
        )

    # --- acting --------------------------------------------------------------------------------------------------

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
        kind = _member("type", type, OrderType)
        side = _member("side", side, Side)
        price_ticks = _whole("price_ticks", price_ticks)
        size = _whole("size", size)
        shown = size if display is None else _whole("display", display)
        book = self._route(side, symbol, kind) if venue is None or venue == BEST else self._find(symbol, venue)
        ref = self._new_order(Order(book, side, kind, price_ticks, size, None if shown == size else shown), 0)
        self._send(ADD, book, ref, ref, side, kind, price_ticks, size, shown)
        return ref

    def cancel(self, ref: int) -> None:
        self._send(CANCEL, self._book_of(ref), ref, ref, self.side_of(ref), OrderType.LIMIT, 0, 0, 0)

    def cancel_all(self, symbol: str | None = None, venue: str | None = None) -> int:
        mine = self.own_orders(symbol, venue)
        for order in mine:
            self.cancel(order.ref)
        return len(mine)

    def reduce(self, ref: int, size: int) -> None:
        self._send(REDUCE, self._book_of(ref), ref, ref, self.side_of(ref), OrderType.LIMIT, 0, _whole("size", size), 0)

    def replace(self, ref: int, price_ticks: int, size: int) -> int:
        book, old = self._book_of(ref), self._orders.get(ref)
        price_ticks = _whole("price_ticks", price_ticks)
        size = _whole("size", size)
        side, kind, display = (Side.BUY, OrderType.LIMIT, None) if old is None else (old.side, old.type, old.display)
        new_ref = self._new_order(Order(book, side, kind, price_ticks, size, display), ref)
        self._send(REPLACE, book, new_ref, ref, side, OrderType.LIMIT, price_ticks, size, size)
        return new_ref

    def _new_order(self, order: Order, replaces: int) -> int:
        ref = len(self._books)
        self._books.append(order.book)
        self._orders[ref] = order
        shown = order.size if order.display is None else min(order.display, order.size) if replaces else order.display
        self.ledger.ordered(ref, replaces, order.book, order.side, order.type, order.price_ticks, order.size, shown, self._clock.now)
        return ref

    def _send(
        self, what: int, book: int, ref: int, old_ref: int, side: Side, kind: OrderType, price_ticks: int, size: int, display: int
    ) -> None:
        self._sent += 1
        self._sent_in_wake += 1
        if self._sent_in_wake > COMMANDS_A_WAKE_MAX:
            raise AgentError(f"sent {COMMANDS_A_WAKE_MAX:,} commands without a yield. Let it wait for something in its loop")
        now = self._clock.now
        if now // NS_PER_S != self._second:
            self._second, self._sent_in_second = now // NS_PER_S, 0
        self._sent_in_second += 1
        floods = self._sent_in_second > self.spec.max_messages_per_s
        if self._sent_in_second > RATE_FACTOR_MAX * self.spec.max_messages_per_s:
            rate = f"{RATE_FACTOR_MAX:,} times its max_messages_per_s of {self.spec.max_messages_per_s:,}"
            raise AgentError(f"sent {rate} within one second. Let it wait after a rejection for Reject.RATE_LIMIT")
        self.ledger.commands += 1
        v = book % self._exchange.venues
        self._venues[v].receive(
            Command(
                now + self.latency_ns[v], self.spec.name, self._sent, what, self, book, ref, old_ref, side, kind, price_ticks, size,
                display, floods,
            )
        )  # fmt: skip

    def _route(self, side: Side, symbol: str, kind: OrderType) -> int:
        """The book with the best displayed price to trade with, as it is seen here; the listing venue's for want of one."""
        k = self._symbol(symbol)
        venues = self._exchange.venues
        best, at = None, self._listings[k]
        for v in range(venues if kind not in FOR_A_CROSS else 0):
            _, bid, bid_size, ask, ask_size = self._exchange.quote_at(k * venues + v, self._clock.now - self.latency_ns[v])
            price, size = (ask, ask_size) if side == Side.BUY else (-bid, bid_size)
            if price and (best is None or (price, -size) < best):
                best, at = (price, -size), v
        return k * venues + at

    # --- what the venues tell ---------------------------------------------------------------------------------------

    def resting(self, ref: int) -> tuple[int, int]:
        """(order id, slot) of an order as its venue knows it now; zeros if it is gone."""
        order = self._orders.get(ref)
        return (0, 0) if order is None else (order.order_id, order.slot)

    def side_of(self, ref: int) -> Side:
        order = self._orders.get(ref)
        return Side.BUY if order is None else order.side

    def answered(self, command: Command, answer: Answer, venue: Venue) -> None:
        """A venue has carried out, or refused, a command."""
        ref, v = command.ref, venue.index
        is_order = command.what in (ADD, REPLACE)
        if is_order:
            self.ledger.answered(ref, answer.ts_ns, answer.reject)
        if answer.reject:
            self.ledger.refused[answer.reject] += 1
            if is_order:
                self._orders[ref].is_refused = True
            self._deliver(v, Rejected(answer.ts_ns, ref, answer.reject, venue.phase))
        elif is_order:
            replaced = command.old_ref if command.what == REPLACE else 0
            order = self._orders[ref]
            order.order_id, order.slot = answer.order_id, answer.slot
            self._refs[command.book, answer.order_id] = ref
            if replaced:
                self._orders[ref].side = self._orders[replaced].side
                self._close(replaced, answer.ts_ns)
            self._deliver(v, Accepted(answer.ts_ns, ref, replaced))
        else:
            self.ledger.taken_off(ref, "cancelled", answer.taken_off)
            self._deliver(v, Cancelled(answer.ts_ns, ref, answer.taken_off))
            self._take_off(ref, answer.taken_off, answer.ts_ns)

    def filled(self, ts_ns: int, book: int, order_id: int, price_ticks: int, size: int, liquidity: Liquidity) -> None:
        """Shares of an order of this agent have traded."""
        ref = self._refs.get((book, order_id))
        if ref is None:
            return
        k, v = divmod(book, self._exchange.venues)
        side = self._orders[ref].side
        self.ledger.filled(ts_ns, ref, book, side, price_ticks, size, liquidity)
        self._deliver(v, Fill(ts_ns, ref, self._names[k], self.venues[v], side, price_ticks, size))
        self._take_off(ref, size, ts_ns)

    def expired(self, ts_ns: int, book: int, order_id: int, size: int) -> None:
        """What was left of an order of this agent is gone."""
        ref = self._refs.get((book, order_id))
        if ref is None:
            return
        self.ledger.taken_off(ref, "expired", size)
        self._deliver(book % self._exchange.venues, Expired(ts_ns, ref, size))
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

    def resting_orders(self) -> list[tuple[int, int, int]]:
        """(book, order id, slot) of all that is alive at the venues, by book and number."""
        return sorted((book, order_id, self._orders[ref].slot) for (book, order_id), ref in self._refs.items())

    def _deliver(self, venue: int, message: Message) -> None:
        arrival_ns = message.ts_ns + self.latency_ns[venue]
        self._heard += 1
        heapq.heappush(self._on_the_way, (arrival_ns, venue, self._heard, message))
        if len(self._on_the_way) > ABSORB_ABOVE:
            self._absorb()
        if self.runner is not None:
            self.runner.message_coming(type(message), arrival_ns)

    # --- for the runner -----------------------------------------------------------------------------------------------

    def woke(self) -> None:
        """The agent wakes, and is to know all that has arrived."""
        self._sent_in_wake = 0
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

    def next_arrival_ns(self) -> int | None:
        """When the next message arrives, of those that are on their way."""
        return self._on_the_way[0][0] if self._on_the_way else None

    def quote_of(self, book: int) -> Quote:
        """The best levels of a book as they have reached the agent."""
        k, v = divmod(book, self._exchange.venues)
        return Quote(*self._exchange.quote_at(book, self._clock.now - self.latency_ns[v]), self._names[k], self.venues[v])

    def trade_of(self, book: int) -> Trade | None:
        """The last print of a book that has reached the agent."""
        row = self._exchange.trade_at(book, self._seen_ns(book))
        return None if row is None else self._trade(book, row)

    def _trade(self, book: int, row: Sequence[int]) -> Trade:
        k, v = divmod(book, self._exchange.venues)
        return Trade(row[0], row[1], row[2], Side(row[3]), self._names[k], self.venues[v])

    def _absorb(self) -> None:
        """Take in what has arrived by now."""
        now, line = self._clock.now, self._on_the_way
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
        if isinstance(message, Rejected):
            if order is not None and order.is_refused:  # the order itself, not what was asked of it
                del self._orders[message.ref]
            return
        if isinstance(message, Fill):
            sign = 1 if message.side == Side.BUY else -1
            self._position[message.symbol] += sign * message.size
            self._cash_ticks[message.symbol] -= sign * message.size * message.price_ticks
        if order is not None:
            order.seen_left -= message.size
            if order.seen_left <= 0:
                del self._orders[message.ref]

    # --- names and checks -----------------------------------------------------------------------------------------------

    def _own_order(self, ref: int, order: Order) -> OwnOrder:
        k, v = divmod(order.book, self._exchange.venues)
        return OwnOrder(
            ref, self._names[k], self.venues[v], order.side, order.type, order.price_ticks, order.size, order.seen_left, order.is_accepted
        )

    def _seen_ns(self, book: int) -> int:
        return self._clock.now - self.latency_ns[book % self._exchange.venues]

    def _find(self, symbol: str, venue: str) -> int:
        return self._symbol(symbol) * self._exchange.venues + self._venue(venue)

    def _find_all(self, symbol: str, venue: str | None) -> tuple[int, ...]:
        if venue is not None:
            return (self._find(symbol, venue),)
        first = self._symbol(symbol) * self._exchange.venues
        return tuple(range(first, first + self._exchange.venues))

    def _symbol(self, name: str) -> int:
        place = self._symbol_place.get(name) if isinstance(name, str) else None
        return _unknown("symbol", name, self._symbol_place) if place is None else place

    def _venue(self, name: str) -> int:
        place = self._venue_place.get(name) if isinstance(name, str) else None
        return _unknown("venue", name, self._venue_place) if place is None else place

    def _book_of(self, ref: int) -> int:
        if type(ref) is not int or not 1 <= ref < len(self._books):
            raise AgentError(f"used order reference {ref!r}; its references so far are {_up_to(len(self._books) - 1)}")
        return self._books[ref]

    def _kinds(self, kinds: tuple[Any, ...]) -> tuple[type, ...]:
        for kind in kinds:
            if kind not in self._unread:
                known = ", ".join(each.__name__ for each in self._unread)
                raise AgentError(f"asked for messages of kind {kind!r}; the kinds are {known}")
        return kinds

    def _limit(self, limit_ns: int) -> int:
        return -1 if limit_ns == -1 and type(limit_ns) is int else self._clock.now + _whole("limit_ns", limit_ns, 0)


def _up_to(count: int) -> str:
    return f"1 to {count:,}" if count else "none"


def _whole(what: str, value: Any, least: int | None = None) -> int:
    """``value`` as an int; numpy's integers are as good as Python's, floats and booleans are not."""
    if type(value) is not int and type(value) is not bool and hasattr(value, "__index__"):
        value = operator.index(value)
    if type(value) is not int or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        hint = ""
        if type(value) is not int and hasattr(value, "__int__"):
            hint = ": a number of ticks, mostly cents, so 207.55 USD is 20_755" if what == "price_ticks" else ", so give int(...) of it"
        raise AgentError(f"gave {what} = {value!r}; it is an int{bound}{hint}")
    number: int = value
    return number


def _member(what: str, value: Any, kind: Any) -> Any:
    try:
        return kind(value)
    except ValueError:
        raise AgentError(f"gave {what} = {value!r}; it is one of {', '.join(f'{kind.__name__}.{m.name}' for m in kind)}") from None


def _unknown(what: str, name: object, known: Mapping[str, int]) -> int:
    near = get_close_matches(str(name).upper(), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise AgentError(f"named {what} {name!r}, but has only {', '.join(known)}{hint}")


def _latencies(spec: AgentSpec, venues: Sequence[str]) -> list[int]:
    """One way, in ns, by venue."""
    for name in spec.latency_ns:
        if name != "*" and name not in venues:
            raise AgentError(f"Agent {spec.name!r}: latency_ns names {name!r}; the venues are {', '.join(venues)}, and '*' is all others.")
    latencies = [spec.latency_ns.get(venue, spec.latency_ns.get("*")) for venue in venues]
    for venue, latency in zip(venues, latencies, strict=True):
        if type(latency) is not int or latency < 1:
            raise AgentError(
                f"Agent {spec.name!r}: latency to {venue} is {latency!r}; it is a whole number of ns, at least 1. "
                f"Give latency_ns={{'*': 100_000}}."
            )
    return [latency for latency in latencies if latency is not None]
