"""Messages of a venue as hftbacktest's events: 64 bytes each, prices in USD and shares as floats, times in ns at the exchange and locally.

The low byte of ``ev`` says what happened, the high bits whose it is: a trade's side is the initiator's, any other's the order's. A fill
does not change the depth; what it leaves is said by the MODIFY or CANCEL behind it, for MODIFY sets what is left and CANCEL takes all.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.records import I64, PRICE_UNITS_PER_USD
from writers.feed import kernel as k

EVENT = np.dtype(
    [("ev", "u8"), ("exch_ts", "i8"), ("local_ts", "i8"), ("px", "f8"), ("qty", "f8"), ("order_id", "u8"), ("ival", "i8"), ("fval", "f8")],
    align=True,
)  # fmt: skip
DEPTH, TRADE, CLEAR = 1, 2, 3
ADD, CANCEL, MODIFY, FILL = 10, 11, 12, 13
EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
SIDES = np.array([BUY, SELL], np.uint64)
L3 = ((ADD,), (TRADE, FILL, MODIFY), (FILL, MODIFY), (TRADE,), (MODIFY,), (CANCEL,), (), (TRADE,))
L2 = ((DEPTH,), (TRADE, DEPTH), (DEPTH,), (TRADE,), (DEPTH,), (DEPTH,), (), (TRADE,))
"""By kind of message of the feed, which deletes and shows anew what is replaced."""
FEEDS = {"l3": L3, "l2": L2}


def events(feed: str, columns: I64) -> Any:
    """What some messages of one book become, in their order, with neither EXCH nor LOCAL and without local times."""
    made_of = FEEDS[feed]
    lengths = np.array([len(kinds) for kinds in made_of])
    table = np.array([[*kinds, 0, 0, 0][:3] for kinds in made_of])
    kinds = columns[k.KIND]
    counts = np.where(columns[k.SIZE] > 0, lengths[kinds], 0)  # a cross that paired nothing is none
    message = np.repeat(np.arange(len(kinds)), counts)
    step = np.arange(len(message)) - np.repeat(np.cumsum(counts) - counts, counts)
    of = columns[:, message]
    kind = table[of[k.KIND], step]
    kind[(kind == MODIFY) & (of[k.LEFT] == 0)] = CANCEL
    trades = kind == TRADE
    side = SIDES[np.where(trades, 1 - of[k.SIDE], of[k.SIDE])]
    side[of[k.KIND] == k.CROSSED] = 0
    made = np.zeros(len(message), EVENT)
    made["ev"] = kind.astype(np.uint64) | side
    made["exch_ts"] = of[k.TS]
    made["px"] = np.where(trades | (kind == FILL), of[k.PRINT], of[k.PRICE]) / PRICE_UNITS_PER_USD
    made["qty"] = np.where(kind == DEPTH, of[k.TOTAL], np.where(kind == MODIFY, of[k.LEFT], of[k.SIZE]))
    if feed == "l3":
        made["order_id"] = np.where(trades, 0, of[k.REF])
    return made


class Timed:
    """Gives a book's events their local times and their bits: one row for both sides while the order of both allows it, else two."""

    def __init__(self, latency_ns: int, trade_delay_ns: int) -> None:
        """``trade_delay_ns``: by which prints come later than what happens in the book."""
        self._latency_ns = latency_ns
        self._delay_ns = trade_delay_ns
        self._pending = np.zeros(0, EVENT)

    def take(self, made: Any, *, last: bool = False) -> Any:
        """The rows that can be written now; with ``last`` all that are left."""
        made["local_ts"] = made["exch_ts"] + self._latency_ns
        if not self._delay_ns:
            made["ev"] |= np.uint64(EXCH | LOCAL)
            return made
        made["local_ts"][made["ev"] & np.uint64(0xFF) == TRADE] += self._delay_ns
        rows = np.concatenate((self._pending, made))
        cut = len(rows) if last else _settled(rows, self._latency_ns)
        self._pending = rows[cut:].copy()
        return split(rows[:cut])


def _settled(rows: Any, latency_ns: int) -> int:
    """How many of the first rows come before all others, here and those that may still come, at both sides."""
    if not len(rows):
        return 0
    ranks = _ranks(rows)
    whole = np.maximum.accumulate(ranks) == np.arange(len(rows))
    whole &= np.maximum.accumulate(rows["local_ts"]) <= rows["exch_ts"][-1] + latency_ns
    ends = np.flatnonzero(whole)
    return int(ends[-1]) + 1 if len(ends) else 0


def _ranks(rows: Any) -> I64:
    """The place of each row in the order of local times."""
    ranks = np.empty(len(rows), np.int64)
    ranks[np.argsort(rows["local_ts"], kind="stable")] = np.arange(len(rows))
    return ranks


def split(rows: Any) -> Any:
    """Rows in the exchange's order, with their bits; those whose place differs locally are there twice, once for each side."""
    ranks, places = _ranks(rows), np.arange(len(rows))
    ends = np.maximum.accumulate(ranks) == places
    group = np.cumsum(ends) - ends
    alone = ends & (ranks == places)
    for_exch, for_local = rows.copy(), rows[~alone].copy()
    for_exch["ev"] |= np.where(alone, np.uint64(EXCH | LOCAL), np.uint64(EXCH))
    for_local["ev"] |= np.uint64(LOCAL)
    both = np.concatenate((for_exch, for_local))
    when = np.concatenate((rows["exch_ts"], for_local["local_ts"]))
    place = np.concatenate((places, ranks[~alone]))
    is_local = np.arange(len(both)) >= len(rows)
    return both[np.lexsort((place, is_local, when, np.concatenate((group, group[~alone]))))]
