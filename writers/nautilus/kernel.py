"""What costs most of a catalog, compiled: which levels have changed, and numbers as nautilus_trader's fixed point."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.book.jit import entry
from simulator.records import I64

# of levels, where each is
ASK_PRICE, ASK_SIZE, ASK_COUNT, BID_PRICE, BID_SIZE, BID_COUNT = range(6)
WIDTH = 6
VALUES = 4
"""Columns of a level that are fixed point: bid and ask price, bid and ask size. Counts come apart."""
BLOCK = 64
"""Rows that stay in the processor's first cache while their columns are made."""


@entry
def changed_levels(rows: I64, books: I64, carried: I64, levels: I64, last: I64, out: Any, chosen: I64, quoted: I64) -> tuple[int, int]:
    """Which of some messages have other levels than the one before them of the same book. Returns (messages with others, with other bests).

    ``rows`` [m]: places in ``carried`` [c, L, 6] and then ``levels`` [n, L, 6]; ``books`` [m]: of each. ``last`` [books, L, 6]: levels
    after each book's last message, modified. ``out`` [m, 6 L] takes the levels of those that differ, ``chosen`` [m] their places in
    ``rows``, ``quoted`` [m] those of them whose best price or size differs, with both sides there.
    """
    changes = quotes = 0
    for j in range(len(rows)):
        row = rows[j]
        after = carried[row] if row < len(carried) else levels[row - len(carried)]
        before = last[books[j]]
        differs = False
        for i in range(after.shape[0]):
            for c in range(WIDTH):
                if after[i, c] != before[i, c]:
                    differs = True
                    break
            if differs:
                break
        if not differs:
            continue
        is_quote = False
        for c in (ASK_PRICE, ASK_SIZE, BID_PRICE, BID_SIZE):
            if after[0, c] != before[0, c]:
                is_quote = True
        if is_quote and after[0, ASK_SIZE] > 0 and after[0, BID_SIZE] > 0:
            quoted[quotes] = j
            quotes += 1
        for i in range(after.shape[0]):
            for c in range(WIDTH):
                out[changes, WIDTH * i + c] = after[i, c]
                before[i, c] = after[i, c]
        chosen[changes] = j
        changes += 1
    return changes, quotes


@entry
def fixed(values: Any, factor: int, words: Any) -> None:
    """``values`` [n], none negative, times ``factor``, in 128 bits: ``words`` uint64[n, 2] take the low word and the high one.

    ``words`` [n, 1] take the low one alone.
    """
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    f_low, f_high = np.uint64(factor) & mask, np.uint64(factor) >> half
    for i in range(len(values)):
        value = np.uint64(values[i])
        low, high = value & mask, value >> half
        first, second, third = low * f_low, low * f_high, high * f_low
        carry = (first >> half) + (second & mask) + (third & mask)
        words[i, 0] = (first & mask) | (carry & mask) << half
        if words.shape[1] > 1:
            words[i, 1] = high * f_high + (second >> half) + (third >> half) + (carry >> half)


@entry
def fixed_levels(levels: Any, price_factor: int, size_factor: int, words: Any, counts: Any) -> None:
    """The columns of levels [n, 6 L]: ``words`` uint64[4, L, n, 1 or 2] as ``fixed`` makes them of bid prices, ask prices, bid sizes and
    ask sizes, ``counts`` uint32[2, L, n] of bids and asks."""
    half, mask = np.uint64(32), np.uint64(0xFFFFFFFF)
    rows = len(levels)
    for start in range(0, rows, BLOCK):
        end = min(start + BLOCK, rows)
        for level in range(levels.shape[1] // WIDTH):
            for which in range(VALUES):
                factor = np.uint64(price_factor if which < 2 else size_factor)
                f_low, f_high = factor & mask, factor >> half
                place = WIDTH * level + (BID_PRICE, ASK_PRICE, BID_SIZE, ASK_SIZE)[which]
                column = words[which, level]
                for i in range(start, end):
                    value = np.uint64(levels[i, place])
                    low, high = value & mask, value >> half
                    first, second, third = low * f_low, low * f_high, high * f_low
                    carry = (first >> half) + (second & mask) + (third & mask)
                    column[i, 0] = (first & mask) | (carry & mask) << half
                    if words.shape[3] > 1:
                        column[i, 1] = high * f_high + (second >> half) + (third >> half) + (carry >> half)
            for i in range(start, end):
                counts[0, level, i] = levels[i, WIDTH * level + BID_COUNT]
                counts[1, level, i] = levels[i, WIDTH * level + ASK_COUNT]


def load_kernel() -> None:
    """Load or compile it in this process: for ordinary prices, and for those of symbols so dear that they need more than 32 bits."""
    nothing = np.zeros(0, np.int64)
    for dtype in (np.int32, np.int64):
        levels = np.zeros((0, WIDTH), dtype)
        changed_levels(nothing, nothing, np.zeros((0, 1, WIDTH), np.int64), np.zeros((0, 1, WIDTH), np.int64),
                       np.zeros((0, 1, WIDTH), np.int64), levels, nothing, nothing)  # fmt: skip
        fixed_levels(levels, 1, 1, np.zeros((VALUES, 1, 0, 2), np.uint64), np.zeros((2, 1, 0), np.uint32))
    fixed(nothing, 1, np.zeros((0, 2), np.uint64))
