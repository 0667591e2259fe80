"""What reaches an agent: messages about its own orders, and what the market tells. Prices in ticks, sizes in shares, times in ns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import IntEnum
from typing import NamedTuple

from simulator.records import Liquidity, OrderType, Phase, Reject, Side


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
    liquidity: Liquidity
    """Whether the order stood in the book (MAKER), came to it (TAKER), or traded in a cross."""
    fee_usd: float
    """Paid for these shares; negative: a rebate."""
    left: int
    """Shares of the order that are left after it."""


class Cancelled(NamedTuple):
    """Shares of an own order were taken off at the agent's wish."""

    ts_ns: int
    ref: int
    size: int


class Expired(NamedTuple):
    """Shares of an order are gone without the agent's wish: an immediate order's rest, after its cross, at the end of the day and so on."""

    ts_ns: int
    ref: int
    size: int
    reason: Ended
    """IMMEDIATE, AFTER_CROSS, DAY_END, PRICE_BAND, SELF_TRADE or NOT_ENTERED."""


class Triggered(NamedTuple):
    """A stop order has been reached: it enters the book as a market or limit order."""

    ts_ns: int
    ref: int
    price_ticks: int
    """Of the print that reached it."""


class Repriced(NamedTuple):
    """A pegged order has another price."""

    ts_ns: int
    ref: int
    price_ticks: int
    """0: it stands aside, for want of a price to follow."""


Message = Accepted | Rejected | Fill | Cancelled | CancelRejected | Expired | Triggered | Repriced


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


class OrderState(IntEnum):
    """Of an own order, as the agent knows it."""

    PENDING = 0
    """No answer has arrived."""
    LIVE = 1
    PARTLY_FILLED = 2
    """And alive."""
    FILLED = 3
    CANCELLED = 4
    """What was not filled is gone; ``OwnOrder.ended`` says why."""
    REPLACED = 5
    REFUSED = 6


class Ended(IntEnum):
    """Why an order is no longer alive, or why shares of it are gone."""

    ALIVE = 0
    FILLED = 1
    CANCELLED = 2
    """At the agent's wish."""
    REPLACED = 3
    REFUSED = 4
    IMMEDIATE = 5
    """The rest of an immediate order."""
    AFTER_CROSS = 6
    """The rest of an order for a cross."""
    DAY_END = 7
    PRICE_BAND = 8
    """A new price band left it outside."""
    SELF_TRADE = 9
    """It would have traded with the agent's own order."""
    NOT_ENTERED = 10
    """A stop order whose time had come was refused by the book."""


class OwnOrder(NamedTuple):
    """An own order as the agent knows it from the messages that have arrived."""

    ref: int
    symbol: str
    venue: str
    side: Side
    type: OrderType
    price_ticks: int
    """Of a pegged order, its price now."""
    size: int
    left: int
    """Shares not filled, cancelled or expired yet."""
    is_accepted: bool
    """False while no answer has arrived."""
    filled: int = 0
    paid_ticks: int = 0
    """Ticks times shares of the fills."""
    ended: Ended = Ended.ALIVE
    reason: Reject = Reject.NONE
    """Why it was refused."""

    @property
    def mean_price_ticks(self) -> float:
        """Of its fills; NaN before the first."""
        return self.paid_ticks / self.filled if self.filled else math.nan

    @property
    def state(self) -> OrderState:
        if self.ended == Ended.ALIVE:
            return OrderState.PENDING if not self.is_accepted else OrderState.PARTLY_FILLED if self.filled else OrderState.LIVE
        ends = {Ended.FILLED: OrderState.FILLED, Ended.REPLACED: OrderState.REPLACED, Ended.REFUSED: OrderState.REFUSED}
        return ends.get(self.ended, OrderState.CANCELLED)
