"""The narrow interface of a Python agent: ``MarketView`` to look, ``OrderEntry`` to act, ``Wait`` to yield.

An agent is a generator function ``make(market, orders, rng, **arguments)``, or a class whose objects, made from the arguments,
have such a method ``run(market, orders, rng)``. It yields what it waits for and gets back what came:

    def agent(market, orders, rng, symbol):
        while True:
            quote = market.best(symbol, "NASDAQ")
            ref = orders.buy(symbol, "NASDAQ", quote.bid_ticks, 100)
            came = yield market.any_of(market.message(Fill, Rejected), market.trade(symbol, "NASDAQ"), limit_ns=1_000_000_000)
            if came is None:  # a second has passed, and nothing else
                orders.cancel(ref)

Everything it sees is the past, by its latency to the venue; everything it sends arrives after the same latency. Prices are in
ticks, sizes in shares, times in ns since the epoch (UTC).

What reaches an agent at one instant has reached it before it wakes at that instant. Where several things end a wait at one
instant, it gets the first of: a message (by arrival), a change of phase, of a status, an imbalance, a trade, a quote; the time limit
comes last, and gives None.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from simulator.notices import StatusReason
from simulator.records import CrossKind, OrderType, Phase, Reject, Side

BEST = "BEST"
"""In place of a venue: the one with the best displayed price (see ``OrderEntry``)."""


class Accepted(NamedTuple):
    """A new or replaced order is in the book, or waits for its cross."""

    ts_ns: int
    """The venue's stamp; the message arrives later."""
    ref: int
    old_ref: int = 0
    """The order that this one replaces, which is gone; 0 for a new one."""


HINTS: Mapping[Reject, str] = {
    Reject.BAD_PRICE: (
        "price_ticks must be 1 to 20,000,000, and 0 for a type without a price: "
        "type=OrderType.MARKET, MARKET_ON_OPEN or MARKET_ON_CLOSE; the default is type=OrderType.LIMIT"
    ),
    Reject.BAD_DISPLAY: "display must be 0 to size; only type=OrderType.LIMIT and POST_ONLY may show less than all of it",
    Reject.NO_CROSS: "on-open and on-close orders wait for a cross that is still to come, at the listing venue: give venue=\"BEST\"",
    Reject.CUT_OFF: (
        "orders for a cross are taken until: NASDAQ 09:28 (MARKET_ON_OPEN), 09:29:30 (LIMIT_ON_OPEN), 15:55 (MARKET_ON_CLOSE), 15:58 "
        "(LIMIT_ON_CLOSE); NYSE 15:50 on close, later against the imbalance; sooner by as much as the close is early"
    ),
    Reject.RATE_LIMIT: "wait between messages, or raise max_messages_per_s",
}
"""What to do about some reasons."""


class Rejected(NamedTuple):
    """A venue refused an order; if it was to replace another, that one stands as before."""

    ts_ns: int
    ref: int
    """Of the order that was refused."""
    reason: Reject
    phase: Phase
    """Of the venue when it refused."""

    @property
    def hint(self) -> str:
        """What to do about it; empty where the reason says all."""
        return HINTS.get(self.reason, "")


class CancelRejected(NamedTuple):
    """A venue refused a cancel or a reduce; the order, if it is still alive, stands as before."""

    ts_ns: int
    ref: int
    """Of the order that was to be cancelled or reduced."""
    reason: Reject
    phase: Phase
    """Of the venue when it refused."""


class Fill(NamedTuple):
    """Shares of an own order have traded."""

    ts_ns: int
    ref: int
    symbol: str
    venue: str
    side: Side
    price_ticks: int
    size: int


class Cancelled(NamedTuple):
    """Shares of an own order were taken off at the agent's wish."""

    ts_ns: int
    ref: int
    size: int


class Expired(NamedTuple):
    """What was left of an order is gone: an immediate order's rest, after its cross, or at the end of the day's post-close."""

    ts_ns: int
    ref: int
    size: int


Message = Accepted | Rejected | Fill | Cancelled | CancelRejected | Expired


class Quote(NamedTuple):
    """The best displayed levels of one venue; 0 where a side shows nothing."""

    ts_ns: int
    bid_ticks: int
    bid_size: int
    ask_ticks: int
    ask_size: int
    symbol: str = ""
    venue: str = ""


class Trade(NamedTuple):
    """A print."""

    ts_ns: int
    price_ticks: int
    size: int
    side: Side
    """Of the aggressor; in a cross, of the imbalance."""
    symbol: str
    venue: str


class PhaseChange(NamedTuple):
    """A venue has entered a phase."""

    ts_ns: int
    phase: Phase
    venue: str


class Status(NamedTuple):
    """What a symbol may do at a venue: its phase there, and its price bands in the whole market."""

    ts_ns: int
    """Of the last change."""
    phase: Phase
    """That of the venue, but for a symbol that is halted, or waits for its opening cross."""
    reason: StatusReason
    """Of the last change: SESSION, LULD, MWCB or REGULATORY."""
    reference_ticks: int
    """The bands' reference; this and the bands are 0 where there are none."""
    lower_ticks: int
    upper_ticks: int
    symbol: str
    venue: str


class Imbalance(NamedTuple):
    """What the listing venue tells of a symbol's coming cross. Prices are 0 where there is none."""

    ts_ns: int
    cross: CrossKind
    paired: int
    """Shares of orders for the cross that would trade at ``reference_ticks``."""
    imbalance: int
    """Shares of them left over there, on ``side``."""
    side: Side | None
    """None without an imbalance."""
    reference_ticks: int
    """Within the venue's quote."""
    near_ticks: int
    """At which the cross would take place now; 0 in a venue's early messages."""
    far_ticks: int
    """At which it would if the orders for it were alone; 0 in a venue's early messages."""
    symbol: str
    venue: str


class SipQuote(NamedTuple):
    """The national best bid and offer of round lots as the consolidated feed has it; 0, and no venue, where there is none."""

    ts_ns: int
    """When the processor published the newest row of a venue that is in it."""
    bid_ticks: int
    bid_size: int
    """Shares, in whole round lots."""
    bid_venue: str
    ask_ticks: int
    ask_size: int
    ask_venue: str
    symbol: str


class OwnOrder(NamedTuple):
    """An own order as the agent knows it from the messages that have arrived."""

    ref: int
    symbol: str
    venue: str
    side: Side
    type: OrderType
    price_ticks: int
    size: int
    left: int
    """Shares not filled, cancelled or expired yet."""
    is_accepted: bool
    """False while no answer has arrived."""


class _Wait(NamedTuple):
    """What a ``Wait`` holds."""

    owner: int
    """Number of the agent that it was made for."""
    until_ns: int | None
    """Give up then; None: never."""
    kinds: tuple[type, ...] | None
    """Types of message that end the wait, any if empty; None: no message does."""
    quotes: tuple[int, ...]
    """Books."""
    trades: tuple[int, ...]
    phases: tuple[int, ...]
    """Venues."""
    statuses: tuple[int, ...]
    """Books."""
    imbalances: tuple[int, ...]


class Wait(_Wait):
    """What an agent yields. ``MarketView``'s methods make it; it cannot be made or changed by hand."""

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> Wait:
        raise TypeError("a Wait is not made by hand: use market.wait, until, message, quote, trade and so on, or any_of")

    @classmethod
    def made(
        cls, owner: int, until_ns: int | None, kinds: tuple[type, ...] | None = None, quotes: tuple[int, ...] = (),
        trades: tuple[int, ...] = (), phases: tuple[int, ...] = (), statuses: tuple[int, ...] = (), imbalances: tuple[int, ...] = (),
    ) -> Wait:  # fmt: skip
        """For the gateway, which knows what its numbers mean."""
        return tuple.__new__(cls, (owner, until_ns, kinds, quotes, trades, phases, statuses, imbalances))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Wait cannot be changed: make another one")

    def __repr__(self) -> str:
        parts = [] if self.kinds is None else [" or ".join(k.__name__ for k in self.kinds) or "any message"]
        parts += [name for name in ("quotes", "trades", "phases", "statuses", "imbalances") if getattr(self, name)]
        parts += [] if self.until_ns is None else [f"until {self.until_ns} ns"]
        return f"<Wait: {', '.join(parts)}>"


class MarketView(Protocol):
    """What an agent can see, each as of what has reached it, and what it can wait for."""

    @property
    def now_ns(self) -> int: ...
    @property
    def symbols(self) -> Sequence[str]: ...
    @property
    def venues(self) -> Sequence[str]: ...

    def best(self, symbol: str, venue: str) -> Quote:
        """Best bid and ask of one venue."""

    def depth(self, symbol: str, venue: str, side: Side, levels: int = 10) -> list[tuple[int, int]]:
        """(price in ticks, shares) of the best displayed levels; at most as many as the run's ``levels``."""

    def nbbo(self, symbol: str) -> tuple[int, int]:
        """Best bid and ask in ticks over the venues, 0 where there is none. (Each venue's as it reached the agent.)"""

    def last_trade(self, symbol: str, venue: str) -> Trade | None:
        """The last print of a venue, None if the day has none yet."""

    def last_trades(self, symbol: str, venue: str, count: int = 10) -> list[Trade]:
        """Up to ``count`` of the day's last prints, the newest first; at most as many as the scenario's ``history`` keeps."""

    def phase(self, venue: str) -> Phase: ...

    def status(self, symbol: str, venue: str) -> Status:
        """What the symbol may do there, as told."""

    def last_imbalance(self, symbol: str) -> Imbalance | None:
        """The day's last of what the listing venue tells of a coming cross; None before the first.

        An agent gets what is told from when it first asks, here or by ``imbalance``.
        """

    def sip(self, symbol: str) -> SipQuote:
        """The consolidated quote: what the processor has published, and what has reached the agent of that.

        The processor stands at the symbol's listing venue, so an agent is that venue's latency away from it.
        """

    def own_orders(self, symbol: str | None = None, venue: str | None = None) -> list[OwnOrder]:
        """The orders that are alive, or on their way to the venue, in the order in which they were sent."""

    def own_order(self, ref: int) -> OwnOrder | None:
        """None once it is filled, cancelled, expired or refused."""

    def position(self, symbol: str) -> int:
        """Shares held, by the fills that have arrived."""

    def cash_ticks(self, symbol: str) -> int:
        """Received less paid for a symbol, in ticks times shares, without fees."""

    def read(self, *kinds: type) -> list[Message]:
        """Take all unread messages (of these kinds), oldest first, without waiting.

        Messages that nobody reads wait in line; of more than 100,000 the oldest are dropped, and the results count them.
        """

    def wait(self, ns: int) -> Wait:
        """For some time; gives None."""

    def until(self, ts_ns: int) -> Wait:
        """For a time, which is at once if it is over; gives None."""

    def message(self, *kinds: type, limit_ns: int | None = None) -> Wait:
        """For an own message (of these kinds): gives the oldest unread one, at once if there is one, or None after ``limit_ns``."""

    def quote(self, symbol: str, venue: str | None = None, limit_ns: int | None = None) -> Wait:
        """For the next book row of a venue (None: of any) to arrive; gives the ``Quote``, or None after ``limit_ns``."""

    def trade(self, symbol: str, venue: str | None = None, limit_ns: int | None = None) -> Wait:
        """For the next print; gives the ``Trade``, or None after ``limit_ns``."""

    def phase_change(self, venue: str, limit_ns: int | None = None) -> Wait:
        """For the next phase; gives the ``PhaseChange``, or None after ``limit_ns``."""

    def status_change(self, symbol: str, venue: str | None = None, limit_ns: int | None = None) -> Wait:
        """For the next change of the symbol's status at a venue (None: at any); gives the ``Status``, or None after ``limit_ns``."""

    def imbalance(self, symbol: str, limit_ns: int | None = None) -> Wait:
        """For the listing venue's next message on the symbol's coming cross; gives the ``Imbalance``, or None after ``limit_ns``."""

    def any_of(self, *waits: Wait, limit_ns: int | None = None) -> Wait:
        """For whatever of these comes first, at most for ``limit_ns``; gives what that wait gives. None: the time is over."""


class OrderEntry(Protocol):
    """How an agent acts. Commands return at once; what came of them arrives as messages.

    ``venue``: a name; or None or "BEST": the venue with the best displayed price on the side that the order would trade with,
    as this agent sees it now; ties go to the larger displayed size, then to the universe's order of venues. Orders for a cross, and
    any order if no venue displays that side, go to the symbol's listing venue.

    An agent may send ``max_messages_per_s`` commands (``AgentSpec``) in each whole second; more are refused with ``Reject.RATE_LIMIT``.
    """

    def buy(
        self, symbol: str, venue: str | None, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None
    ) -> int:
        """Send an order; returns the agent's own reference, by which messages name it. ``price_ticks`` is 0 for market orders.

        ``display``: shares shown at a time, all of them if None, none if 0 (hidden). An order that is not filled stands until 20:00
        New York time (17:00 after an early close); entered later, until 04:00.
        """

    def sell(
        self, symbol: str, venue: str | None, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None
    ) -> int: ...

    def add(
        self, side: Side, symbol: str, venue: str | None, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT,
        display: int | None = None,
    ) -> int:  # fmt: skip
        """``buy`` or ``sell``, by ``side``."""

    def cancel(self, ref: int) -> None: ...

    def cancel_all(self, symbol: str | None = None, venue: str | None = None) -> int:
        """Cancel each order of ``MarketView.own_orders``, one command each; returns how many."""

    def reduce(self, ref: int, size: int) -> None:
        """Take ``size`` shares off an order, which keeps its place; nothing left is a cancel."""

    def replace(self, ref: int, price_ticks: int, size: int) -> int:
        """Give an order a new price and size: returns the new order's reference. Refused, the old one stands."""


class Agent(Protocol):
    """What the objects of an agent class have."""

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Any:
        """A generator, as an agent function's."""
