"""Book rows as the statistics need them: from all levels of a batch to a few numbers a row, with the questions of S1 on the way.

Prices are int32 units of 0.0001 USD. A side without a quote has price ``NO_BID`` or ``NO_ASK``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from simulator.analysis.scorecard.sources import NESTED, times_ns
from simulator.errors import InputError, explain
from simulator.records import F64, I32, I64, PRICE_UNITS_PER_USD

Bools = NDArray[np.bool_]
NO_BID = 0
NO_ASK = 2**30
TICK_UNITS = 100
"""One cent; below a dollar prices may have four decimals (Regulation NMS, rule 612)."""


class Names:
    """Symbols or venues by number, in the order in which they were met."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._places: dict[str, int] = {}

    def numbers(self, column: Any) -> I64:
        """int64[n] from an Arrow column of text or dictionary."""
        coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
        places = [self.number(str(name)) for name in coded.dictionary.to_pylist()]
        indices = coded.indices.fill_null(0).to_numpy(zero_copy_only=False)
        return np.asarray(np.array(places or [0], np.int64)[indices])

    def number(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self.all)
            self.all.append(name)
        return self._places[name]


@dataclass(slots=True)
class Levels:
    """Rows of books in the order (book, time), each number a vector over the rows: arrays are [levels, rows]."""

    book: I64
    """[rows] symbol * 256 + venue."""
    ts: I64
    bid_price: I32
    bid_size: I32
    ask_price: I32
    ask_size: I32

    def take(self, rows: I64) -> Levels:
        return Levels(
            self.book[rows], self.ts[rows], self.bid_price[:, rows], self.bid_size[:, rows], self.ask_price[:, rows], self.ask_size[:, rows]
        )


VENUES_MAX = 256


@dataclass(slots=True)
class Rows:
    """What is kept of each row, [rows]. ``lot_`` is the best price at or better than which a round lot stands, with those shares."""

    ts: I64
    venue: NDArray[np.int16]
    bid: I32
    ask: I32
    bid_size: I32
    ask_size: I32
    lot_bid: I32
    lot_ask: I32
    lot_bid_size: I32
    lot_ask_size: I32

    def __len__(self) -> int:
        return len(self.ts)

    def slice(self, start: int, stop: int) -> Rows:
        return Rows(*(getattr(self, name)[start:stop] for name in ROW_COLUMNS))


ROW_COLUMNS = tuple(Rows.__slots__)


def join_rows(parts: Sequence[Rows]) -> Rows:
    """All of them in time order; rows of one instant stay in the order in which they came."""
    joined = Rows(*(np.concatenate([getattr(part, name) for part in parts]) for name in ROW_COLUMNS))
    order = np.argsort(joined.ts, kind="stable")
    return Rows(*(getattr(joined, name)[order] for name in ROW_COLUMNS))


@dataclass(slots=True)
class RowFaults:
    """Counts of S1 over book rows."""

    rows: int = 0
    unsorted: int = 0
    """Levels not strictly from the best to the worst."""
    empty_levels: int = 0
    """A level of no or negative size."""
    off_tick: int = 0
    crossed: int = 0
    """Best bid at or above the best ask of the same venue."""
    out_of_order: int = 0
    """Not later than the row before of that symbol and venue."""
    repeated: int = 0
    """Equal at all levels to the row before. No fault: S19 asks for their share."""
    levels_max: int = 0

    def add(self, other: RowFaults) -> None:
        for name in RowFaults.__slots__:
            if name != "levels_max":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        self.levels_max = max(self.levels_max, other.levels_max)


def read_levels(batch: pa.RecordBatch, symbols: Names, venues: Names) -> tuple[Levels, RowFaults]:
    """The levels of a batch, and what can only be seen before they are sorted. Raises ``InputError`` for another shape."""
    book = symbols.numbers(batch["symbol"]) * VENUES_MAX + venues.numbers(batch["venue"])
    ts = times_ns(batch["timestamp_ns"]).to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
    faults = RowFaults(rows=len(ts))
    order = np.argsort(book.astype(np.int32), kind="stable")
    late = (book[order][1:] == book[order][:-1]) & (np.diff(ts[order]) <= 0)
    faults.out_of_order = int(np.count_nonzero(late))
    if faults.out_of_order:
        order = np.lexsort((ts, book))
    bid_price, bid_size, bid_off = _side(batch["bids"], order, NO_BID)
    ask_price, ask_size, ask_off = _side(batch["asks"], order, NO_ASK)
    faults.off_tick = int(np.count_nonzero(bid_off | ask_off))
    return Levels(book[order], ts[order], bid_price, bid_size, ask_price, ask_size), faults


def _side(column: Any, order: I64, nothing: int) -> tuple[I32, I32, Bools]:
    """Prices and sizes, int32[levels, rows] in ``order``, and which rows have a price off the tick.

    Absent levels have price ``nothing`` and size 0.
    """
    rows = len(column)
    sides = pc.list_value_length(column).fill_null(0).to_numpy(zero_copy_only=False)
    lists = pc.list_flatten(column)
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy(zero_copy_only=False)
    if len(sides) and not (np.isin(sides, (0, 2)).all() and (lengths[0::2] == lengths[1::2]).all()):
        raise InputError(explain("Book rows", "lists of other lengths", NESTED, "Make both lists of a side equally long."))
    counts = np.zeros(rows, np.int64)
    counts[sides == 2] = lengths[0::2]
    depth = int(counts.max(initial=0))
    values, places = _numbers(pc.list_flatten(lists))
    if depth and (counts == depth).all():
        table = places.reshape(rows, 2 * depth)
    else:
        depth = max(depth, 1)
        table = np.full((rows, 2, depth), len(values), places.dtype)  # the place after the last stands for "no level"
        table[np.broadcast_to((np.arange(depth) < counts[:, None])[:, None, :], table.shape)] = places
        table = table.reshape(rows, 2 * depth)
    table = np.ascontiguousarray(np.take(table, order, axis=0).T)
    finite = np.nan_to_num(values, nan=-1.0, posinf=-1.0, neginf=-1.0)
    units = np.rint(finite * PRICE_UNITS_PER_USD)
    price_of = np.append(np.clip(units, -1, NO_ASK - 1), nothing).astype(np.int32)
    size_of = np.append(np.clip(np.rint(finite), -1, 2**31 - 1), 0).astype(np.int32)
    off = np.append(
        (np.abs(finite * PRICE_UNITS_PER_USD - units) > 1e-3) | ((units >= PRICE_UNITS_PER_USD) & (units % TICK_UNITS != 0)), False
    )
    off_tick = off[table[:depth]].any(axis=0) if off.any() else np.zeros(rows, np.bool_)
    return price_of[table[:depth]], size_of[table[depth:]], off_tick


def _numbers(leaf: Any) -> tuple[F64, Any]:
    """Different numbers, and each entry's place among them."""
    if isinstance(leaf, pa.ChunkedArray):
        leaf = leaf.combine_chunks()
    if not pa.types.is_dictionary(leaf.type):
        leaf = leaf.dictionary_encode()
    return leaf.dictionary.to_numpy(zero_copy_only=False).astype(np.float64), leaf.indices.fill_null(0).to_numpy(zero_copy_only=False)


def summarise(levels: Levels, round_lots: I64, faults: RowFaults) -> Rows:
    """What is kept of the rows; counts what is wrong with them. ``round_lots``: shares by symbol number."""
    bids, asks = levels.bid_price, levels.ask_price
    depth = max(len(bids), len(asks))
    unsorted = np.zeros(len(levels.ts), np.bool_)
    for k in range(1, len(bids)):
        unsorted |= (bids[k] >= bids[k - 1]) & (bids[k] != NO_BID)
    for k in range(1, len(asks)):
        unsorted |= (asks[k] <= asks[k - 1]) & (asks[k] != NO_ASK)
    hollow = np.zeros(len(levels.ts), np.bool_)
    for prices, sizes, nothing in ((bids, levels.bid_size, NO_BID), (asks, levels.ask_size, NO_ASK)):
        for k in range(len(prices)):
            hollow |= (sizes[k] <= 0) & (prices[k] != nothing)
    faults.levels_max = max(faults.levels_max, depth)
    faults.unsorted += int(np.count_nonzero(unsorted))
    faults.empty_levels += int(np.count_nonzero(hollow))
    faults.crossed += int(np.count_nonzero((bids[0] >= asks[0]) & (bids[0] != NO_BID) & (asks[0] != NO_ASK)))
    lots = round_lots[levels.book // VENUES_MAX].astype(np.int32)
    lot_bid, lot_bid_size = _at_lot(bids, levels.bid_size, lots, NO_BID)
    lot_ask, lot_ask_size = _at_lot(asks, levels.ask_size, lots, NO_ASK)
    venue = (levels.book % VENUES_MAX).astype(np.int16)
    return Rows(
        levels.ts,
        venue,
        bids[0].copy(),
        asks[0].copy(),
        levels.bid_size[0].copy(),
        levels.ask_size[0].copy(),
        lot_bid,
        lot_ask,
        lot_bid_size,
        lot_ask_size,
    )


def _at_lot(prices: I32, sizes: I32, lots: I32, nothing: int) -> tuple[I32, I32]:
    """Per row the first price at which the shares so far are a round lot, and those shares."""
    price, total = prices[0].copy(), sizes[0].copy()
    short = np.flatnonzero(total < lots)
    for k in range(1, len(prices)):
        if not len(short):
            break
        total[short] += sizes[k, short]
        price[short] = prices[k, short]
        short = short[total[short] < lots[short]]
    price[short], total[short] = nothing, 0
    return price, total


def count_repeats(levels: Levels) -> int:
    """Rows equal at all levels to the row before of the same book."""
    same = levels.book[1:] == levels.book[:-1]
    for matrix in (levels.bid_price, levels.bid_size, levels.ask_price, levels.ask_size):
        for vector in matrix:
            same &= vector[1:] == vector[:-1]
    return int(np.count_nonzero(same))


@dataclass(slots=True)
class Seam:
    """Joins batches: what the last row of each book was, so that the first one of the next batch has something before it."""

    last: Levels | None = None
    """One row per book met so far, in the order of their numbers."""

    def cross(self, levels: Levels) -> Levels | None:
        """Pairs (last row of the batches before, first row of this one) as rows 0 and 1, 2 and 3, ...

        Then remembers this batch's last rows.
        """
        if not len(levels.ts):
            return None
        starts = np.flatnonzero(np.append(True, levels.book[1:] != levels.book[:-1]))
        first = levels.take(starts)
        final = levels.take(np.append(starts[1:], len(levels.ts)) - 1)
        before, self.last = self.last, final
        if before is None:
            return None
        left = np.flatnonzero(~np.isin(before.book, final.book))
        if len(left):
            joined = _stack((before.take(left), final))
            self.last = joined.take(np.argsort(joined.book))
        both = np.intersect1d(before.book, first.book)
        if not len(both):
            return None
        pairs = _stack((before.take(np.searchsorted(before.book, both)), first.take(np.searchsorted(first.book, both))))
        return pairs.take(np.arange(2 * len(both)).reshape(2, -1).T.ravel())


def _stack(parts: Sequence[Levels]) -> Levels:
    depths = max(len(part.bid_price) for part in parts), max(len(part.ask_price) for part in parts)

    def wide(name: str, depth: int, nothing: int) -> I32:
        columns = [np.pad(m, ((0, depth - len(m)), (0, 0)), constant_values=nothing) for m in (getattr(part, name) for part in parts)]
        return np.concatenate(columns, axis=1)

    return Levels(
        np.concatenate([part.book for part in parts]),
        np.concatenate([part.ts for part in parts]),
        wide("bid_price", depths[0], NO_BID),
        wide("bid_size", depths[0], 0),
        wide("ask_price", depths[1], NO_ASK),
        wide("ask_size", depths[1], 0),
    )
