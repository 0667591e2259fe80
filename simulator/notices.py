"""What is published beside books and prints: the status of trading, auction imbalances, the consolidated quote.

A price of 0 stands for none (a column of prices that may be missing is null in a table); an index of ``NOBODY`` for no venue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

I32 = NDArray[np.int32]
I64 = NDArray[np.int64]

NOBODY = -1
"""In a column of venues: none; of a status, the market as a whole."""


class StatusReason(IntEnum):
    """Why a status is what it is."""

    SESSION = 0
    """The day's hours, and its crosses."""
    LULD = 1
    """Limit up, limit down: a symbol's price bands and the pauses that follow from them."""
    MWCB = 2
    """A market-wide circuit breaker, level 1: the market has fallen by 7 %."""
    REGULATORY = 3
    """Halted by the listing venue, for news pending, say."""
    LIMIT_STATE = 4
    """The national best bid stands at the upper price band, or the best offer at the lower one; ends with a row of LULD."""
    COLLAR = 5
    """Between which prices a symbol that its bands have paused may reopen; told anew, wider, whenever the reopening is put off."""
    MWCB_2 = 6
    """A market-wide circuit breaker, level 2: 13 %."""
    MWCB_3 = 7
    """A market-wide circuit breaker, level 3: 20 %; the day is over."""


BREAKERS = (StatusReason.MWCB, StatusReason.MWCB_2, StatusReason.MWCB_3)
"""Of the three levels, in order."""
BREAKER_DECLINES = (0.07, 0.13, 0.20)
"""At which each of them halts all trading: parts of the index's close of the session before (NYSE rule 7.12)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusBatch:
    """Changes of what may trade where, in time order: a phase of a symbol at a venue, or a symbol's price bands in the whole market."""

    ts_ns: I64
    symbol: I32
    venue: I32
    """``NOBODY``: the market as a whole."""
    phase: I32
    """As ``Phase``; ``records.NOT_GIVEN`` where only the bands have changed."""
    reason: I32
    """As ``StatusReason``."""
    reference_price: I32
    """The bands' (of COLLAR: the collar's) reference, and the bands: units of 0.0001 USD times the symbol's ``price_scale``; 0 for none."""
    lower_band: I32
    upper_band: I32

    table = "status"

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImbalanceBatch:
    """What venues tell about their coming crosses, in time order."""

    ts_ns: I64
    symbol: I32
    venue: I32
    cond: I32
    """Of the cross's print, as ``Cond``: OPEN, CLOSE or HALT_RESUME."""
    paired_size: I64
    """Shares that would trade at the reference price."""
    imbalance_size: I64
    """Shares of cross orders left over there."""
    imbalance_side: I32
    """As ``Side``; ``NOT_GIVEN`` where there is no imbalance."""
    reference_price: I32
    """Within the venue's own quote. Prices: units of 0.0001 USD times the symbol's ``price_scale``; 0 where there is none."""
    near_price: I32
    """At which the cross would take place now, with all orders that take part."""
    far_price: I32
    """The same with the orders alone that wait for the cross."""

    table = "imbalances"

    def __len__(self) -> int:
        return len(self.ts_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class SipBatch:
    """The national best bid and offer as the processor publishes them, a row whenever they change, in time order."""

    ts_ns: I64
    """When it was published."""
    symbol: I32
    bid_price: I32
    """Units of 0.0001 USD times the symbol's ``price_scale``; 0 where no venue bids a round lot."""
    bid_size: I64
    """Shares of that venue, whole round lots."""
    bid_venue: I32
    """``NOBODY`` where there is none."""
    ask_price: I32
    ask_size: I64
    ask_venue: I32

    table = "sip"

    def __len__(self) -> int:
        return len(self.ts_ns)


Notice = StatusBatch | ImbalanceBatch | SipBatch
NOTICE_TYPES: Sequence[type[Notice]] = (StatusBatch, ImbalanceBatch, SipBatch)
