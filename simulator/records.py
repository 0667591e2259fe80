"""Every record that crosses a boundary: units, enums, columns; what else is published is in ``notices``, what a book reports in
``book.reports``. Imports numpy only.

Times are int64 nanoseconds since the epoch, UTC. Prices leave the engine as int32 units of 0.0001 USD
(as ITCH and LOBSTER have them), those of a symbol too dear for that in ticks: a batch's price times the
symbol's ``price_scale`` (``RunInfo.price_scales``, mostly 1) is in units of 0.0001 USD. Inside a book prices
are integer ticks. Sizes are shares. Symbols and venues are indices into the universe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from simulator.notices import NOTICE_TYPES, Notice

I8 = NDArray[np.int8]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]

NS_PER_US = 1_000
NS_PER_MS = 1_000_000
NS_PER_S = 1_000_000_000
NS_PER_MINUTE = 60 * NS_PER_S
NS_PER_HOUR = 3_600 * NS_PER_S
PRICE_UNITS_PER_USD = 10_000
LEVELS_MIN = 1
LEVELS_MAX = 40
SIZE_MAX = 10_000_000
"""Shares in one order at most."""
PRICE_TICKS_MAX = 2_000_000_000
"""Ticks at most: with the ticks of a price window beyond them they fit int32, as prices stand in orders."""
PRICE_INT_MAX = 2**31 - 1
"""A tape's price at most, in its symbol's units."""
LEVEL_SIZE_MAX = 2**31 - 1
"""Shares, displayed and hidden together, at one price at most."""
ORDER_ID_MAX = 2**31 - 1
"""An order's id stands in its record as int32; a book that has given the last one takes no more orders."""
OWNER_MAX = 2**23 - 1
"""An owner's number shares an int32 with its order's type, style and side."""

SEED_LEVELS, SEED_ORDERS, GAP_TICKS_MAX = 44, 3, 8
"""The background seeds a book with so many levels a side, each of so many orders at most, the next so many ticks behind at most."""

BACKGROUND_NAMES = ("cross", "maker", "depth", "taker", "customer", "institution", "auction", "arbitrage")
"""Owners of orders by number: the compiled populations, and 0, which stands for the counterparties of a cross."""
BACKGROUND_OWNERS = 16
"""Owners below this are compiled populations; a Python agent's number is this plus a hash of its name."""


class Side(IntEnum):
    """Of an order: buy or sell. Bids rest from buy orders, asks from sell orders."""

    BUY = 0
    SELL = 1

    @property
    def code(self) -> str:
        """The ``side`` letter of the trades table: B or S."""
        return "BS"[self]


class OrderType(IntEnum):
    """What an order does on arrival; how much of it is displayed is a separate number."""

    LIMIT = 0
    """Trades what it can, the rest stands in the book until cancelled (day order)."""
    MARKET = 1
    """Trades what it can at any price; the rest expires."""
    IOC = 2
    """Trades what it can up to its limit; the rest expires."""
    FOK = 3
    """Trades all of its size at once up to its limit, or is rejected."""
    POST_ONLY = 4
    """A limit order that is rejected if it would trade on arrival."""
    MARKET_ON_OPEN = 5
    LIMIT_ON_OPEN = 6
    MARKET_ON_CLOSE = 7
    LIMIT_ON_CLOSE = 8


class CrossKind(IntEnum):
    """Which waiting orders a cross takes in, besides the resting ones."""

    OPEN = 0
    CLOSE = 1
    RESUME = 2
    """After a halt: takes the on-open orders too."""

    @property
    def cond(self) -> Cond:
        """Of its print."""
        return Cond(self + 1)


class EventKind(IntEnum):
    """What a book reports. A command yields, in this order:

    add, accepted     ADD, then per fill EXECUTE (and REFILL if a reserve order shows anew), then REST or EXPIRE or neither
    add, refused      REJECT
    cancel            CANCEL or REJECT
    reduce            REDUCE (or CANCEL if nothing is left) or REJECT
    replace           REPLACE, then as after ADD; or REJECT, and the old order stands as before
    cross             CROSS, then EXECUTE (and REFILL) per order, buys first, each side in priority order,
                      then EXPIRE per waiting order of that cross that is left, in order of arrival
    """

    ADD = 0
    EXECUTE = 1
    REFILL = 2
    REST = 3
    EXPIRE = 4
    CANCEL = 5
    REDUCE = 6
    REPLACE = 7
    CROSS = 8
    REJECT = 9


class Reject(IntEnum):
    """Why a book refused a command; 0 is "accepted"."""

    NONE = 0
    BAD_SIZE = 1
    """Size outside 1..SIZE_MAX, or the level would hold more than LEVEL_SIZE_MAX."""
    BAD_DISPLAY = 2
    """Display outside 0..size, or a partly or fully hidden order of a type that never rests in the book."""
    BAD_PRICE = 3
    """Price outside 1..PRICE_TICKS_MAX, or any price but 0 on a market order."""
    BOOK_FULL = 4
    """As many orders alive as the book was made for, or no id left to give."""
    PHASE = 5
    """It would trade, and the book's phase does not allow trades."""
    WOULD_TRADE = 6
    """A post-only order that would trade on arrival."""
    NOT_FILLABLE = 7
    """A fill-or-kill order for which too few shares stand within its limit."""
    PRICE_RANGE = 8
    """Resting prices would span the book's whole price window or more."""
    UNKNOWN_ORDER = 9
    """No such order is alive."""
    WAITS_FOR_CROSS = 10
    """An order that waits for a cross can be cancelled or reduced, not replaced."""
    CLOSED = 11
    """The venue is closed: it takes cancels only."""
    RATE_LIMIT = 12
    """More messages in one second than the agent may send (``AgentSpec.max_messages_per_s``)."""
    NO_CROSS = 13
    """An on-open or on-close order whose cross is over, or on a day without one: it would wait for nothing."""
    CUT_OFF = 14
    """An on-open or on-close order, or a change of one, later than its venue allows before the cross."""
    SELF_TRADE = 15
    """It, or what was cut of it, would have traded with its owner's own order (``SelfTrade``)."""
    HELD = 16
    """A stop or pegged order that its venue holds can be cancelled and reduced, not replaced."""


class SelfTrade(IntEnum):
    """What becomes of an incoming order that would trade with a resting one of its own owner. In a cross all of them trade.

    As Cboe's match trade prevention modifiers MCN, MCO, MCB and MDC (BZX Rule 11.9(f)) and Nasdaq's anti-internalization (Equity 4,
    Rule 4757(a)(4)) have it; the incoming order's counts.
    """

    ALLOW = 0
    """They trade."""
    CANCEL_NEWEST = 1
    """The incoming order trades with those before its own one; the rest of it is cut."""
    CANCEL_OLDEST = 2
    """The resting one is cancelled, and the incoming order goes on."""
    CANCEL_BOTH = 3
    """The resting one is cancelled, and the rest of the incoming one is cut."""
    DECREMENT = 4
    """Both lose as many shares as the smaller of the two has left; which is gone then."""


class Peg(IntEnum):
    """What a pegged order follows: a price of the consolidated quote."""

    PRIMARY = 0
    """The best bid for a buy order, the best offer for a sell order."""
    MID = 1
    """The midpoint; between two ticks, the one less aggressive."""


class Liquidity(IntEnum):
    """What an own fill did to the book; fees hang on it."""

    MAKER = 0
    TAKER = 1
    CROSS = 2


class Phase(IntEnum):
    """Of a venue's day. A symbol crosses at the change between two phases, or some time after it."""

    CLOSED = 0
    PRE_OPEN = 1
    CONTINUOUS = 2
    HALTED = 3
    POST_CLOSE = 4
    OFF_HOURS = 5
    """Night, weekend or holiday with trading allowed there (``--offsession_trades``)."""


class Cond(IntEnum):
    """The ``cond`` letter of a trade."""

    TRADE = 0
    OPEN = 1
    CLOSE = 2
    HALT_RESUME = 3

    @property
    def code(self) -> str:
        return "TOCH"[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketDataBatch:
    """Book rows in time order. ``L`` is the number of levels kept; unused levels are 0 beyond the count."""

    ts_ns: I64
    """[n]"""
    symbol: I32
    """[n]"""
    venue: I32
    """[n]"""
    bid_count: I32
    """[n], levels of the bid side that are filled, at most L."""
    ask_count: I32
    quotes: I32
    """[n, 4, L]: bid prices, bid sizes, ask prices, ask sizes; best level first. Prices: 0.0001 USD times the symbol's ``price_scale``."""

    table = "market_data"

    def __len__(self) -> int:
        return len(self.ts_ns)

    @property
    def bid_price(self) -> I32:
        return self.quotes[:, 0]

    @property
    def bid_size(self) -> I32:
        return self.quotes[:, 1]

    @property
    def ask_price(self) -> I32:
        return self.quotes[:, 2]

    @property
    def ask_size(self) -> I32:
        return self.quotes[:, 3]


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeBatch:
    """Prints in time order. A cross is one print whose side is that of the imbalance, B where there is none."""

    ts_ns: I64
    symbol: I32
    venue: I32
    price: I32
    """Units of 0.0001 USD times the symbol's ``price_scale``."""
    size: I64
    side: I32
    """Aggressor, as ``Side``."""
    cond: I32
    """As ``Cond``."""

    table = "trades"

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderBatch:
    """Every change of a book, command by command: replaying the commands through ``LimitOrderBook`` gives each book row.

    Commands are ADD, CANCEL, REDUCE, REPLACE and CROSS; the other kinds are what followed from them. Rows with
    one ``action`` belong together: the book row, if the action changed what is displayed, follows the last of them.
    """

    ts_ns: I64
    """Of a command: when its action began. Of an EXECUTE: the print's own time."""
    symbol: I32
    venue: I32
    action: I64
    """Counts the actions on one book from 1, anew each day."""
    kind: I32
    """As ``EventKind``; REJECT does not occur."""
    order_id: I64
    """Unique within (symbol, venue, day)."""
    side: I32
    price: I32
    """Units of 0.0001 USD times the symbol's ``price_scale``."""
    size: I64
    display: I64
    """This and the following as in ``Event``: each kind has its own of them, the others are 0 there."""
    hidden_size: I64
    other_id: I64
    order_type: I32
    """As ``OrderType``; NOT_GIVEN where the kind has none."""
    imbalance: I64
    cross_kind: I32
    """As ``CrossKind``; NOT_GIVEN where the kind has none."""

    table = "orders"

    def __len__(self) -> int:
        return len(self.ts_ns)

    def packed(self) -> list[NDArray[np.generic]]:
        """The columns up to ``size``, and then two that hold what each kind has of its own, as the compiled log keeps them.

        The digest takes these, so that it is that of version 0.1. No two rows of different columns come to the same.
        """
        first: I64 = self.display + self.hidden_size + self.imbalance
        order_type = self.order_type + (self.kind != EventKind.ADD)
        second: I64 = self.other_id + order_type + self.cross_kind + (self.kind != EventKind.CROSS)
        common = ("ts_ns", "symbol", "venue", "action", "kind", "order_id", "side", "price", "size")
        return [*(getattr(self, name) for name in common), first, second]


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthBatch:
    """What no market shows: who traded with whom, what was hidden, what the efficient price was.

    One row per execution; a cross has one row per order filled, with ``taker`` and ``taker_order`` 0.
    """

    ts_ns: I64
    symbol: I32
    venue: I32
    price: I32
    size: I64
    hidden_size: I64
    """Shares of ``size`` that were not displayed."""
    refill_size: I64
    """Shares newly displayed at ``price`` because this execution used up a reserve's displayed part."""
    resting_side: I32
    taker_order: I64
    maker_order: I64
    taker: I32
    """Number of the population or agent; ``RunInfo.agents`` has its name."""
    maker: I32
    parent: I64
    """Parent order of the taker, 0 where there is none."""
    efficient_price: F64
    """USD, before the execution's own effect."""

    table = "truth"

    def __len__(self) -> int:
        return len(self.ts_ns)


NOT_GIVEN = -1
"""In a column of enums: the row has none."""

Batch = MarketDataBatch | TradeBatch | OrderBatch | TruthBatch | Notice
BATCH_TYPES: dict[str, type] = {b.table: b for b in (MarketDataBatch, TradeBatch, OrderBatch, TruthBatch, *NOTICE_TYPES)}
TABLES = tuple(BATCH_TYPES)
"""All that a run can write, in the order in which they are told, digested and shown."""
BASE_TABLES, EXTRA_TABLES = TABLES[:2], TABLES[2:]
"""Those of every run, and those that are written when they are asked for."""


def columns(batch: Batch) -> list[tuple[str, NDArray[np.generic]]]:
    """The batch's columns by name, in the order in which they are declared."""
    return [(f.name, getattr(batch, f.name)) for f in fields(batch)]


def slice_batch(batch: Batch, start: int, stop: int) -> Batch:
    """Rows ``start`` to ``stop`` of the batch, as views."""
    return type(batch)(**{name: column[start:stop] for name, column in columns(batch)})  # type: ignore[arg-type]


def codes(kind: type[Side] | type[Cond]) -> Sequence[str]:
    """The letters that the tables show, by value."""
    return [member.code for member in kind]
