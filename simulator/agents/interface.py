"""The narrow interface of a Python agent: ``MarketView`` to look, ``OrderEntry`` to act, ``Wait`` to yield.

An agent is a generator function ``make(market, orders, rng, **arguments)``. It yields what it waits for and gets back what came:

    def agent(market, orders, rng, symbol):
        while True:
            yield market.wait(1_000_000_000)
            quote = market.best(symbol, "NASDAQ")
            orders.buy(symbol, "NASDAQ", quote.bid_ticks, 100)
            message = yield market.message(limit_ns=1_000_000)

Everything it sees is the past, by its latency to the venue; everything it sends arrives after the same latency.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from simulator.records import OrderType, Phase, Reject, Side


class Accepted(NamedTuple):
    """A new or replaced order is in the book, or waits for its cross."""

    ts_ns: int
    """The venue's stamp; the message arrives later."""
    ref: int


class Rejected(NamedTuple):
    """A venue refused a command; the order it was about, if any, stands as before."""

    ts_ns: int
    ref: int
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
    """What was left of an order is gone: an immediate order's rest, after its cross, or at the end of the day."""

    ts_ns: int
    ref: int
    size: int


Message = Accepted | Rejected | Fill | Cancelled | Expired


class Wait(NamedTuple):
    """What an agent yields. Made by ``MarketView``'s methods."""

    kind: str
    """time, message, quote, trade or phase."""
    until_ns: int
    """Give up then; for ``time``, the time itself. -1: never."""
    messages: tuple[type, ...] = ()
    """Types of message that end the wait; empty: any."""
    book: int = -1
    venue: int = -1


class QuoteLike(Protocol):
    """The best displayed levels; 0 where a side shows nothing."""

    @property
    def ts_ns(self) -> int: ...
    @property
    def bid_ticks(self) -> int: ...
    @property
    def bid_size(self) -> int: ...
    @property
    def ask_ticks(self) -> int: ...
    @property
    def ask_size(self) -> int: ...


class MarketView(Protocol):
    """What an agent can see, each as of what has reached it, and what it can wait for."""

    @property
    def now_ns(self) -> int: ...
    @property
    def symbols(self) -> Sequence[str]: ...
    @property
    def venues(self) -> Sequence[str]: ...

    def best(self, symbol: str, venue: str) -> QuoteLike:
        """Best bid and ask of one venue."""

    def depth(self, symbol: str, venue: str, side: Side, levels: int = 10) -> list[tuple[int, int]]:
        """(price in ticks, shares) of the best displayed levels; at most as many as the run's ``levels``."""

    def nbbo(self, symbol: str) -> tuple[int, int]:
        """Best bid and ask in ticks over the venues, 0 where there is none. (Each venue's as it reached the agent.)"""

    def last_trade(self, symbol: str, venue: str) -> tuple[int, int, int, Side] | None:
        """(ts_ns, price in ticks, shares, aggressor) of the last print."""

    def phase(self, venue: str) -> Phase: ...

    def position(self, symbol: str) -> int:
        """Shares held, by the fills that have arrived."""

    def cash_ticks(self, symbol: str) -> int:
        """Received less paid for a symbol, in ticks times shares."""

    def wait(self, ns: int) -> Wait:
        """For some time; yields None."""

    def until(self, ts_ns: int) -> Wait: ...

    def message(self, *kinds: type, limit_ns: int = -1) -> Wait:
        """For an own message (of these kinds): yields it, or None after ``limit_ns``. Messages that came unasked wait in line."""

    def quote(self, symbol: str, venue: str, limit_ns: int = -1) -> Wait:
        """For the next book row of a venue to arrive; yields True, or None after ``limit_ns``."""

    def trade(self, symbol: str, venue: str, limit_ns: int = -1) -> Wait: ...

    def phase_change(self, venue: str, limit_ns: int = -1) -> Wait: ...


class OrderEntry(Protocol):
    """How an agent acts. Commands return at once; what came of them arrives as messages."""

    def buy(
        self, symbol: str, venue: str, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None
    ) -> int:
        """Send an order; returns the agent's own reference, by which messages name it. ``price_ticks`` is 0 for market orders."""

    def sell(
        self, symbol: str, venue: str, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None
    ) -> int: ...

    def cancel(self, ref: int) -> None: ...

    def reduce(self, ref: int, size: int) -> None: ...

    def replace(self, ref: int, price_ticks: int, size: int) -> int:
        """Give an order a new price and size: returns the new order's reference. Refused, the old one stands."""
