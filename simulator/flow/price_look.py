"""A second's look at the prices of all symbols of a worker, for their price bands: ``simulator/price_bands.py``."""

from __future__ import annotations

from simulator.book.jit import entry
from simulator.book.state import NO_ASK, NO_BID, SHOWN_ASK, SHOWN_BID
from simulator.records import I64
from simulator.tape.columns import LOT_PRINTS, LOT_TICKS

WINDOW_S = 300
"""Seconds whose prints make the reference price."""
STANDS_S = 30
"""A reference price stands so long at least."""
MOVES_PART = 100
"""A new one differs by one part in so many, or more."""
LIMIT_STATE_S = 15
"""A limit state lasts so long before the pause."""

# bands of a symbol: int64[S, 8]
REFERENCE, LOWER, UPPER, SINCE, FIRST_LOOK, LIMIT_SINCE, MEAN, DUE = range(8)
"""Ticks, 0 for none; number of the look at which the reference was set, of the first that counts prints for it, and of the one that
found the limit state (-1: none); the mean of the prints; what ``look`` has found to do."""
BAND_COLUMNS = 8

NEW_REFERENCE, LIMIT_BEGINS, LIMIT_ENDS, PAUSE, NO_BANDS = 1, 2, 4, 8, 16
"""What is due."""


@entry
def look(head: I64, facts: I64, bands: I64, past: I64, n: int) -> int:
    """The ``n``-th look, one a second. Marks in DUE what is to be done for each symbol; returns for how many there is anything.

    ``head``, ``facts``: of the books and columns; ``past``: int64[WINDOW_S + 1, S, 2], prints and the sum of their prices at each look.
    """
    symbols = bands.shape[0]
    venues = head.shape[0] // symbols
    found = 0
    for k in range(symbols):
        prints = 0
        total = 0
        for b in range(k * venues, (k + 1) * venues):
            prints += facts[b, LOT_PRINTS]
            total += facts[b, LOT_TICKS]
        past[n % (WINDOW_S + 1), k, 0] = prints
        past[n % (WINDOW_S + 1), k, 1] = total
        due = 0
        if bands[k, UPPER] == 0:
            due = NO_BANDS
        else:
            first = max(bands[k, FIRST_LOOK], n - WINDOW_S) % (WINDOW_S + 1)
            prints -= past[first, k, 0]
            total -= past[first, k, 1]
            if prints > 0 and n - bands[k, SINCE] >= STANDS_S:
                mean = (2 * total + prints) // (2 * prints)
                if abs(mean - bands[k, REFERENCE]) * MOVES_PART >= bands[k, REFERENCE]:
                    bands[k, MEAN] = mean
                    due |= NEW_REFERENCE
            is_at_limit = False
            for b in range(k * venues, (k + 1) * venues):
                bid = head[b, SHOWN_BID]
                ask = head[b, SHOWN_ASK]
                if (bid != NO_BID and bid >= bands[k, UPPER]) or (ask != NO_ASK and ask <= bands[k, LOWER]):
                    is_at_limit = True
            if is_at_limit and bands[k, LIMIT_SINCE] < 0:
                due |= LIMIT_BEGINS
            elif is_at_limit and n - bands[k, LIMIT_SINCE] >= LIMIT_STATE_S:
                due |= PAUSE
            elif not is_at_limit and bands[k, LIMIT_SINCE] >= 0:
                due |= LIMIT_ENDS
        bands[k, DUE] = due
        if due != 0:
            found += 1
    return found
