"""A second's look at the prices of all symbols of a worker, for their price bands: ``simulator/rules/price_bands.py``."""

from __future__ import annotations

from simulator.book.jit import entry, kernel
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

# bands of a symbol: int64[S, 9]
REFERENCE, LOWER, UPPER, SINCE, FIRST_LOOK, LIMIT_SINCE, MEAN, DUE, WATCHED = range(9)
"""Ticks, 0 for none; the second (since the epoch) of the look at which the reference was set, of the first that counts prints for it, and
of the one that found the limit state (-1: none); the mean of the prints; what a look has found to do; whether anybody looks."""
BAND_COLUMNS = 9

NEW_REFERENCE, LIMIT_BEGINS, LIMIT_ENDS, PAUSE, NO_BANDS = 1, 2, 4, 8, 16
"""What is due."""


@kernel
def look_at(head: I64, facts: I64, bands: I64, past: I64, k: int, n: int) -> int:
    """A look at the ``k``-th symbol in second ``n``, one a second. Marks in DUE, and returns, what is to be done.

    ``head``, ``facts``: of the books and columns; ``past``: int64[S, WINDOW_S + 1, 2], prints and the sum of their prices at each look.
    """
    venues = head.shape[0] // bands.shape[0]
    row = bands[k]
    prints = 0
    total = 0
    for b in range(k * venues, (k + 1) * venues):
        prints += facts[b, LOT_PRINTS]
        total += facts[b, LOT_TICKS]
    place = n % (WINDOW_S + 1)
    past[k, place, 0] = prints
    past[k, place, 1] = total
    due = 0
    if row[UPPER] == 0:
        due = NO_BANDS
    else:
        first = max(row[FIRST_LOOK], n - WINDOW_S) % (WINDOW_S + 1)
        prints -= past[k, first, 0]
        total -= past[k, first, 1]
        if prints > 0 and n - row[SINCE] >= STANDS_S:
            mean = (2 * total + prints) // (2 * prints)
            if abs(mean - row[REFERENCE]) * MOVES_PART >= row[REFERENCE]:
                row[MEAN] = mean
                due |= NEW_REFERENCE
        is_at_limit = False
        for b in range(k * venues, (k + 1) * venues):
            bid = head[b, SHOWN_BID]
            ask = head[b, SHOWN_ASK]
            if (bid != NO_BID and bid >= row[UPPER]) or (ask != NO_ASK and ask <= row[LOWER]):
                is_at_limit = True
        if is_at_limit and row[LIMIT_SINCE] < 0:
            due |= LIMIT_BEGINS
        elif is_at_limit and n - row[LIMIT_SINCE] >= LIMIT_STATE_S:
            due |= PAUSE
        elif not is_at_limit and row[LIMIT_SINCE] >= 0:
            due |= LIMIT_ENDS
    row[DUE] = due
    return due


@entry
def look(head: I64, facts: I64, bands: I64, past: I64, n: int) -> int:
    """The looks of a second at all symbols, where the flow does not do it; returns for how many there is anything to do."""
    found = 0
    for k in range(bands.shape[0]):
        if look_at(head, facts, bands, past, k, n) != 0:
            found += 1
    return found
