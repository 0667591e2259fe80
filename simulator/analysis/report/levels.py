"""The books of several venues as one: sizes that stand at one price are added up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from simulator.records import I64

LEVELS = 12
"""Of each side that are kept."""
OFFSET_MAX = 2**16 - 1


def merged(books: I64) -> tuple[I64, NDArray[np.uint16], I64]:
    """(best, offsets, sizes) as ``Sketched`` has them, of int64[T, S, V, 4, L]: bid prices and sizes, ask prices and sizes; 0 for none."""
    points, symbols, venues, _, depth = books.shape
    best = np.zeros((points, symbols, 2, 3), np.int64)
    offsets = np.zeros((points, symbols, 2, LEVELS), np.uint16)
    sizes = np.zeros((points, symbols, 2, LEVELS), np.int64)
    for s in range(symbols):  # one after the other: the whole at once would take a hundred times the memory
        tick = tick_of(books[:, s, :, 0::2])
        for side in (0, 1):
            prices = books[:, s, :, 2 * side].reshape(points, venues * depth)
            shares = books[:, s, :, 2 * side + 1].reshape(points, venues * depth)
            top, behind, size, count = _one_side(prices, shares, side)
            best[:, s, side, 0], best[:, s, side, 1], best[:, s, side, 2] = top, tick, count
            offsets[:, s, side], sizes[:, s, side] = np.minimum(behind // tick, OFFSET_MAX), size
    return best, offsets, sizes


def tick_of(prices: I64) -> int:
    """The largest number that divides them all."""
    found = np.unique(prices[prices > 0])
    return int(np.gcd.reduce(found)) if len(found) > 1 else 1


def _one_side(prices: I64, shares: I64, side: int) -> tuple[I64, I64, I64, I64]:
    """Best price, distances behind it, sizes, count; of [n, m] prices in any order."""
    n = len(prices)
    far = np.where(prices > 0, -prices if side == 0 else prices, 2**60)
    order = np.argsort(far, axis=1, kind="stable")
    far, shares = np.take_along_axis(far, order, 1), np.take_along_axis(shares, order, 1)
    rank = np.cumsum(np.diff(far, axis=1, prepend=far[:, :1]) != 0, axis=1)
    there = (far < 2**60) & (rank < LEVELS)
    cell = (np.arange(n)[:, None] * LEVELS + rank)[there]
    size = np.bincount(cell, weights=shares[there], minlength=n * LEVELS).astype(np.int64).reshape(n, LEVELS)
    best = np.where(far[:, 0] < 2**60, np.abs(far[:, 0]), 0)
    behind = np.zeros(n * LEVELS, np.int64)
    behind[cell] = (far - far[:, :1])[there]
    return best, behind.reshape(n, LEVELS), size, (size > 0).sum(axis=1)
