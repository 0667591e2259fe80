"""The digest of a run: a hash per (day, symbol, table) over its rows, and one over all of them.

A part does not depend on how the rows were cut into batches, nor on the rows of other symbols, so workers' parts can be put
together. The streaming hash is two 64-bit multiply-rotate lanes: it tells runs apart by accident of a bug, not by an adversary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from simulator.book.jit import entry, kernel
from simulator.records import I32, I64, Batch, MarketDataBatch, OrderBatch, columns
from simulator.tape.sink import RunInfo

U64 = NDArray[np.uint64]
MULTIPLIER_1, MULTIPLIER_2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
LEFT, RIGHT = np.uint64(31), np.uint64(33)
LEFT_2, RIGHT_2 = np.uint64(27), np.uint64(37)
START_1, START_2 = np.uint64(0x243F6A8885A308D3), np.uint64(0x13198A2E03707344)


@kernel
def mix(state: U64, symbol: int, first: np.uint64, second: np.uint64) -> None:
    """Take two words into the lanes of a symbol."""
    one = (state[symbol, 0] ^ np.uint64(first)) * MULTIPLIER_1  # it comes as int64 (see ``kernel``): mixed, the shifts drag the sign
    two = (state[symbol, 1] ^ np.uint64(second)) * MULTIPLIER_2
    state[symbol, 0] = ((one << LEFT) | (one >> RIGHT)) + two
    state[symbol, 1] = ((two << LEFT_2) | (two >> RIGHT_2)) ^ one


@entry
def take_quotes(state: U64, ts_ns: I64, key: I32, quotes: I32) -> None:
    """Book rows. ``key``: int32[n, 4], symbol, venue and the counts of levels. Modifies ``state`` (uint64[symbols, 3])."""
    for n in range(len(ts_ns)):
        symbol = key[n, 0]
        state[symbol, 2] += np.uint64(1)
        counts = np.uint64(key[n, 1]) << np.uint64(32) | np.uint64(key[n, 2]) << np.uint64(16) | np.uint64(key[n, 3])
        mix(state, symbol, np.uint64(ts_ns[n]), counts)
        for k in range(quotes.shape[2]):
            bid = np.uint64(quotes[n, 0, k]) << np.uint64(32) | np.uint64(quotes[n, 1, k])
            ask = np.uint64(quotes[n, 2, k]) << np.uint64(32) | np.uint64(quotes[n, 3, k])
            mix(state, symbol, bid, ask)


@entry
def take_rows(state: U64, symbols: I64, rows: I64) -> None:
    """Rows of any other table, int64[n, k], all columns in order. Modifies ``state``."""
    for n in range(len(symbols)):
        state[symbols[n], 2] += np.uint64(1)
        for k in range(rows.shape[1]):
            mix(state, symbols[n], np.uint64(rows[n, k]), np.uint64(k))


class Digest:
    """Takes a run's batches, day by day."""

    def __init__(self, run: RunInfo) -> None:
        self._symbols = run.symbols
        self._day = ""
        self._states: dict[tuple[str, str], U64] = {}

    def day(self, date_iso: str) -> None:
        """The rows from here on belong to this day."""
        self._day = date_iso

    def update(self, batch: Batch) -> None:
        """Take rows in; the batch is not kept."""
        state = self._states.get((self._day, batch.table))
        if state is None:
            state = np.zeros((len(self._symbols), 3), np.uint64)
            state[:, 0], state[:, 1] = START_1, START_2
            self._states[self._day, batch.table] = state
        if isinstance(batch, MarketDataBatch):
            key = np.stack((batch.symbol, batch.venue, batch.bid_count, batch.ask_count), axis=1)
            take_quotes(state, np.ascontiguousarray(batch.ts_ns), key, np.ascontiguousarray(batch.quotes))
        else:
            kept = batch.packed() if isinstance(batch, OrderBatch) else [column for _, column in columns(batch)]
            rows = [c.view(np.int64) if c.dtype == np.float64 else c.astype(np.int64) for c in kept]
            take_rows(state, np.ascontiguousarray(batch.symbol, dtype=np.int64), np.stack(rows, axis=1))

    def parts(self) -> dict[tuple[str, str, str], str]:
        """(day, symbol, table) to 32 hexadecimal digits, for those that have rows."""
        found = {}
        for (day, table), state in self._states.items():
            for symbol, row in zip(self._symbols, state, strict=True):
                if row[2]:
                    found[day, symbol, table] = blake2b(row.tobytes(), digest_size=16).hexdigest()
        return found


def combine(parts: Mapping[tuple[str, str, str], str], symbols: Sequence[str], tables: Sequence[str]) -> str:
    """One hash over the parts, in the order of days, then the universe's symbols, then the tables."""
    total = blake2b(digest_size=16)
    for day in sorted({day for day, _, _ in parts}):
        for symbol in symbols:
            for table in tables:
                part = parts.get((day, symbol, table))
                if part is not None:
                    total.update(f"{day}/{symbol}/{table}={part};".encode())
    return total.hexdigest()
