"""The consolidated quote: what a securities information processor (SIP) makes of all venues' books, and publishes late.

A venue's quote there is of round lots: the price down to which its best levels show a round lot together, and what they show down to
there in whole round lots (odd lots at several prices add up, as venues report them under rule 600(b)(93) of Regulation NMS). It
reaches the processor after the venue's ``sip_delay_ns`` and is published ``PROCESSOR_NS`` later. Of venues that quote the same price
the one with more shares is named, then the first one in the universe. A new day begins without quotes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from simulator.notices import NOBODY, SipBatch
from simulator.records import I32, I64, MarketDataBatch

SIP_LEVELS = 10
"""Levels of a side among which a round lot is looked for, whatever ``--levels`` says; deeper ones do not make a quote."""
PROCESSOR_NS = 20_000
"""From a quote's arrival until it is published. Both processors have told medians of some 15 to 20 microseconds since 2020; not
verified here."""
SIZE_BITS, SIZE_MOST = 32, 2**31 - 1
NO_BID, NO_ASK = -1, 2**62
BID, BID_SIZE, ASK, ASK_SIZE = range(4)
"""Of a venue's quote: int64[..., 4], prices 0 where it has none."""


def round_lot_side(prices: NDArray[np.integer], sizes: NDArray[np.integer], lots: I64) -> tuple[I64, I64]:
    """(price, shares), int64[n] each, 0 where no round lot is shown; of a side's ``prices`` and ``sizes`` [n, L], best first."""
    down_to = np.cumsum(sizes[:, :SIP_LEVELS], axis=1, dtype=np.int64)
    enough = down_to >= lots[:, None]
    at = enough.argmax(axis=1)
    rows = np.arange(len(at))
    has = enough[rows, at]
    shares = np.minimum(down_to[rows, at], SIZE_MOST)
    return np.where(has, prices[rows, at], 0).astype(np.int64), np.where(has, shares - shares % lots, 0)


def round_lot_quotes(quotes: I32, lots: I64) -> I64:
    """int64[n, 4]: the quotes that book rows (int32[n, 4, L], as in ``MarketDataBatch``) make, round lots being ``lots`` [n] shares."""
    return np.stack((*round_lot_side(quotes[:, 0], quotes[:, 1], lots), *round_lot_side(quotes[:, 2], quotes[:, 3], lots)), axis=1)


def best_quotes(quotes: I64) -> I64:
    """int64[n, 6]: bid, its shares and venue, ask, its shares and venue; from each venue's quote (int64[n, V, 4])."""
    bids = np.where(quotes[..., BID] > 0, quotes[..., BID] << SIZE_BITS | quotes[..., BID_SIZE], NO_BID)
    asks = np.where(quotes[..., ASK] > 0, quotes[..., ASK] << SIZE_BITS | (SIZE_MOST - quotes[..., ASK_SIZE]), NO_ASK)
    rows = np.arange(len(quotes))
    best = np.zeros((len(quotes), 6), np.int64)
    for first, keys, venue, none in ((0, bids, bids.argmax(axis=1), NO_BID), (3, asks, asks.argmin(axis=1), NO_ASK)):
        found = quotes[rows, venue, 2 * (first // 3) : 2 * (first // 3) + 2]
        best[:, first : first + 2] = found
        best[:, first + 2] = np.where(keys[rows, venue] == none, NOBODY, venue)
    return best


class Consolidator:
    """Takes a worker's book rows as they are drained, and gives the rows of ``sip`` that are due."""

    def __init__(self, symbols: Sequence[int], delays_ns: Sequence[int]) -> None:
        """``symbols``: indices into the universe, ascending; ``delays_ns``: from a change of each venue's book until it is published."""
        self._symbols = np.array(symbols, np.int64)
        self._delays_ns = np.array(delays_ns, np.int64)
        self._lots = np.ones(len(symbols), np.int64)
        self.start_day([1] * len(symbols))

    def start_day(self, lots: Sequence[int]) -> None:
        """A new day, without quotes; ``lots``: round lot of each symbol. What was still on its way is never published."""
        count, venues = len(self._symbols), len(self._delays_ns)
        self._lots = np.array(lots, np.int64)
        self._arrived = np.zeros((count, venues, 4), np.int64)
        self._published = best_quotes(self._arrived)
        self._coming: list[I64] = []

    def take(self, rows: MarketDataBatch) -> None:
        """Book rows in time order, with ``SIP_LEVELS`` levels or more. They are not kept."""
        k = np.searchsorted(self._symbols, rows.symbol)
        event = np.empty((len(rows), 7), np.int64)
        event[:, 0], event[:, 1], event[:, 2] = rows.ts_ns + self._delays_ns[rows.venue], k, rows.venue
        event[:, 3:] = round_lot_quotes(rows.quotes, self._lots[k])
        self._coming.append(event)

    def due(self, before_ns: int) -> SipBatch | None:
        """What is published before ``before_ns``; all book rows stamped before that have been taken. None: nothing."""
        events = np.concatenate(self._coming) if self._coming else np.zeros((0, 7), np.int64)
        is_due = events[:, 0] < before_ns
        self._coming = [events[~is_due]]
        events = events[is_due]
        if not len(events):
            return None
        events = events[np.lexsort((events[:, 0], events[:, 1]))]
        rows = self._consolidate(events)
        rows = rows[np.lexsort((rows[:, 1], rows[:, 0]))]
        small = rows.astype(np.int32)
        return SipBatch(
            ts_ns=rows[:, 0].copy(), symbol=self._symbols[rows[:, 1]].astype(np.int32),
            bid_price=small[:, 2], bid_size=rows[:, 3], bid_venue=small[:, 4],
            ask_price=small[:, 5], ask_size=rows[:, 6], ask_venue=small[:, 7],
        ) if len(rows) else None  # fmt: skip

    def _consolidate(self, events: I64) -> I64:
        """int64[m, 8]: time, symbol's place and the best quotes, where they change; ``events`` in order of symbol and time."""
        venues = len(self._delays_ns)
        present, first = np.unique(events[:, 1], return_index=True)
        # Each symbol's events follow what its venues' quotes were: then the last row of a venue at or before an event is its quote.
        known = np.zeros((len(present), venues, 7), np.int64)
        known[:, :, 0], known[:, :, 1], known[:, :, 2] = -1, present[:, None], np.arange(venues)
        known[:, :, 3:] = self._arrived[present]
        rows = np.insert(events, np.repeat(first, venues), known.reshape(-1, 7), axis=0)
        place = np.arange(len(rows))
        quotes = np.empty((len(rows), venues, 4), np.int64)
        for v in range(venues):
            quotes[:, v] = rows[np.maximum.accumulate(np.where(rows[:, 2] == v, place, 0)), 3:]
        is_last = np.append((rows[1:, :2] != rows[:-1, :2]).any(axis=1), True) & (rows[:, 0] >= 0)  # of a symbol at an instant
        told = np.concatenate((rows[is_last, :2], best_quotes(quotes[is_last])), axis=1)
        starts = np.searchsorted(told[:, 1], present)
        before = np.concatenate((told[:1, 2:], told[:-1, 2:]))
        before[starts] = self._published[present]
        ends = np.append(starts[1:], len(told)) - 1
        self._published[present] = told[ends, 2:]
        self._arrived[present] = quotes[is_last][ends]
        changed: I64 = told[(told[:, 2:] != before).any(axis=1)]
        return changed
