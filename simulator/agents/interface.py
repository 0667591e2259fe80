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

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn, Protocol

from simulator.agents.columns import Bars, Trades
from simulator.agents.messages import Message, OwnOrder, Quote, SipQuote, Trade
from simulator.records import OrderType, Peg, Phase, SelfTrade, Side
from simulator.venue_notices import Imbalance, Status

BEST = "BEST"
"""In place of a venue: the one with the best displayed price (see ``OrderEntry``)."""


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
    sips: tuple[int, ...]
    """Books whose rows are waited for as the consolidated quote has them."""
    streams: tuple[int, ...]
    """The agent's streams, by number: what has arrived in one ends the wait. Their books are among the others'."""


NO_OTHERS: tuple[tuple[int, ...], ...] = ((), (), (), ())


class Wait(_Wait):
    """What an agent yields. ``MarketView``'s methods make it; it cannot be made or changed by hand."""

    __slots__ = ()

    def __new__(cls, *args: object, **kwargs: object) -> Wait:
        raise TypeError("a Wait is not made by hand: use market.wait, until, message, quote, trade and so on, or any_of")

    @classmethod
    def made(
        cls, owner: int, until_ns: int | None, kinds: tuple[type, ...] | None = None, quotes: tuple[int, ...] = (),
        trades: tuple[int, ...] = (), phases: tuple[int, ...] = (), **others: tuple[int, ...],
    ) -> Wait:  # fmt: skip
        """For the gateway, which knows what its numbers mean. ``others``: statuses, imbalances, sips, streams."""
        rest = tuple(others.get(name, ()) for name in ("statuses", "imbalances", "sips", "streams")) if others else NO_OTHERS
        return tuple.__new__(cls, (owner, until_ns, kinds, quotes, trades, phases, *rest))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a Wait cannot be changed: make another one")

    def __repr__(self) -> str:
        parts = [] if self.kinds is None else [" or ".join(k.__name__ for k in self.kinds) or "any message"]
        parts += [name for name in ("quotes", "trades", "phases", "statuses", "imbalances", "streams") if getattr(self, name)]
        parts += [] if self.until_ns is None else [f"until {self.until_ns} ns"]
        return f"<Wait: {', '.join(parts)}>"


class Stream(Protocol):
    """Everything of one kind that reaches the agent from when the stream was made, until it is drained: nothing is lost meanwhile."""

    def drain(self) -> Any:
        """All that has arrived since it was drained last, the oldest arrival first, copied at once: ``Trades``, ``Quotes``, or a list."""

    def next(self, limit_ns: int | None = None) -> Wait:
        """For something to be there: gives what ``drain`` gives, or None after ``limit_ns``."""


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

    def quotes(self, symbol: str) -> tuple[Quote, ...]:
        """``best`` of every venue in one look, in the order of ``venues``."""

    def depth(self, symbol: str, venue: str, side: Side, levels: int = 10) -> list[tuple[int, int]]:
        """(price in ticks, shares) of the best displayed levels; at most as many as the run's ``levels``."""

    def nbbo(self, symbol: str) -> tuple[int, int]:
        """Best bid and ask in ticks over the venues, 0 where there is none. (Each venue's as it reached the agent.)"""

    def last_trade(self, symbol: str, venue: str) -> Trade | None:
        """The last print of a venue, None if the day has none yet."""

    def last_trades(self, symbol: str, venue: str, count: int = 10) -> list[Trade]:
        """Up to ``count`` of the day's last prints, the newest first; at most as many as the scenario's ``history`` keeps."""

    def trades(self, symbol: str, venue: str | None = None, count: int | None = None, since_ns: int | None = None) -> Trades:
        """The last ``count`` prints (None: all) of a venue, or of all, stamped at ``since_ns`` (None: the day's start) or later: a copy.

        All prints of the run are kept, up to 4,000,000 of a worker and 1,000,000 of a book; ``LimitError`` for older ones.
        """

    def volume(self, symbol: str, venue: str | None = None, since_ns: int | None = None) -> int:
        """Shares printed since then, crosses too; ``since_ns`` as in ``trades``."""

    def vwap(self, symbol: str, venue: str | None = None, since_ns: int | None = None) -> float:
        """Mean price of these in ticks, by shares; NaN without any."""

    def bars(self, symbol: str, length_ns: int, venue: str | None = None, since_ns: int | None = None) -> Bars:
        """The prints since then in bars of this length; the last one is still growing."""

    def previous_close(self, symbol: str) -> int:
        """Ticks: the closing cross of the day before, else its last print, else the run's reference price."""

    def low_high(self, symbol: str, venue: str | None = None) -> tuple[int, int]:
        """The day's lowest and highest print in ticks; zeros before the first."""

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

    def cut_off_ns(self, symbol: str, type: OrderType) -> int | None:
        """When today's last such on-open or on-close order may arrive at the listing venue: before this. None: there is no such cross.

        Later ones may still be taken where the venue's rules say so (``docs/book.md``).
        """

    def at(self, time: str) -> int:
        """ns since the epoch of a time of the present trading day in New York: "15:45", "15:45:30" or "15:45:30.25".

        The trading day begins at 04:00: earlier times are those of the night that ends it.
        """

    @property
    def open_ns(self) -> int | None: ...
    @property
    def close_ns(self) -> int | None:
        """The bell that ends the present trading day's session; None if it has none."""

    @property
    def to_open_ns(self) -> int | None: ...
    @property
    def to_close_ns(self) -> int | None:
        """From now until that bell; negative when it is over."""

    def own_orders(self, symbol: str | None = None, venue: str | None = None) -> list[OwnOrder]:
        """The orders that are alive, or on their way to the venue, in the order in which they were sent."""

    def own_order(self, ref: int) -> OwnOrder | None:
        """None once it is filled, cancelled, expired or refused."""

    def order(self, ref: int) -> OwnOrder:
        """An order in any state, for its whole life; ``AgentError`` for one that ended more than 100,000 orders ago."""

    def queue_ahead(self, ref: int) -> int | None:
        """Displayed shares that stand before an own resting order at its price, of a hidden one all that is displayed there.

        None while that is not known: before the order's acceptance has arrived, or when it does not rest. The first call makes the
        venues follow the agent's orders, which costs time; orders that rest already are known a latency later.
        """

    def position(self, symbol: str) -> int:
        """Shares held, by the fills that have arrived."""

    def cash_ticks(self, symbol: str) -> int:
        """Received less paid for a symbol, in ticks times shares, without fees."""

    def read(self, *kinds: type) -> list[Message]:
        """Take all unread messages (of these kinds), oldest first, without waiting.

        Messages that nobody reads wait in line; of more than 100,000 the oldest are dropped, and the results count them.
        """

    def record(self, name: str, value: float) -> None:
        """Put a number into the agent's results, with the time: ``result.arrow("records")``."""

    def wait(self, ns: int = 0, *, seconds: float = 0, minutes: float = 0) -> Wait:
        """For some time, the sum of the three; gives None."""

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

    def trade_stream(self, symbol: str | None = None, venue: str | None = None) -> Stream:
        """Of prints (``Trades``), of a symbol or all of the agent's, at a venue or all."""

    def quote_stream(self, symbol: str | None = None, venue: str | None = None) -> Stream:
        """Of book rows (``Quotes``)."""

    def status_stream(self, symbol: str | None = None, venue: str | None = None) -> Stream:
        """A list of ``Status``."""

    def imbalance_stream(self, symbol: str | None = None) -> Stream:
        """A list of ``Imbalance``."""

    def sip_stream(self, symbol: str | None = None) -> Stream:
        """A list of ``SipQuote``: each change of the consolidated quote."""

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

    def stop(self, side: Side, symbol: str, venue: str | None, stop_ticks: int, size: int, *, limit_ticks: int = 0) -> int:
        """Held by the venue until a print there is at ``stop_ticks`` or beyond (a buy's: at or above); then it enters as a market order,
        or with a limit as a limit order. ``Triggered`` says so. None or "BEST": the listing venue.
        """

    def peg(
        self, side: Side, symbol: str, venue: str | None, size: int, *, peg: Peg = Peg.PRIMARY, offset_ticks: int = 0, limit_ticks: int = 0
    ) -> int:
        """A hidden limit order that follows the consolidated quote, never beyond ``limit_ticks`` (0: none). ``Repriced`` says where it is.

        ``offset_ticks``: by how much it is less aggressive; negative: more. None or "BEST": the listing venue.
        """

    def sweep(self, side: Side, symbol: str, limit_ticks: int, size: int) -> list[int]:
        """Intermarket sweep: at once an IOC order to each venue that displays prices up to the limit, for what it displays there, best
        prices first, until ``size`` is reached. Returns their references. (No venue here looks at the others' quotes.)
        """

    def prevent_self_trades(self, mode: SelfTrade) -> None:
        """What becomes, from now on, of the agent's orders that would trade with its own resting ones; ``SelfTrade.ALLOW`` at first."""

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
