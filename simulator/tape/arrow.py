"""Batches as Arrow tables, with the names and types of the database: what writers and kept rows share."""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from simulator.notices import StatusBatch, StatusReason
from simulator.records import (
    F64,
    I32,
    Batch,
    Cond,
    CrossKind,
    EventKind,
    MarketDataBatch,
    OrderType,
    Phase,
    Side,
    codes,
    columns,
)
from simulator.tape.sink import RunInfo

TIME_COLUMN = "timestamp_ns"
"""When a row happened, in every table and frame: a run's, an agent's, a comparison's."""
TIME = pa.timestamp("ns", "UTC")
"""Of every time in them: frames that agree on it can be merged."""
SIDES = ("side", "resting_side")
AGENTS = ("maker", "taker")
ENUMS: dict[str, type[IntEnum]] = {"order_type": OrderType, "cross_kind": CrossKind, "phase": Phase, "reason": StatusReason}
"""Shown by their names."""
PRICES_OR_NULL = ("reference_price", "lower_band", "upper_band", "near_price", "far_price", "bid_price", "ask_price")
"""Of notices: 0 is no price."""


def to_table(batch: Batch, run: RunInfo) -> Any:
    """A ``pyarrow.Table`` of the batch. Prices are float64 USD, times ``timestamp[ns, UTC]``, names are dictionaries.

    A book row's ``bids`` and ``asks`` are lists of two lists, prices and sizes, as long as the side has levels.
    """
    named = _scalars(batch, run)
    if isinstance(batch, MarketDataBatch):
        named["bids"] = _levels(side_values(batch, 0, run), batch.bid_count)
        named["asks"] = _levels(side_values(batch, 1, run), batch.ask_count)
    return pa.table(named)


def to_frame(batch: Batch, run: RunInfo) -> Any:
    """The same as a ``pandas.DataFrame``: names are categories, ``bids`` and ``asks`` float64[2, N] each, prices and sizes."""
    frame = pa.table(_scalars(batch, run)).to_pandas()
    if isinstance(batch, MarketDataBatch):
        frame["bids"] = _matrices(side_values(batch, 0, run), batch.bid_count)
        frame["asks"] = _matrices(side_values(batch, 1, run), batch.ask_count)
    return frame


def to_flat_frame(batch: Batch, run: RunInfo) -> Any:
    """The same with a book row's levels as columns of numbers: ``bid_price_1``, ``bid_size_1``, ``ask_price_1`` and so on; NaN and 0
    where a side has fewer levels.
    """
    frame = pa.table(_scalars(batch, run)).to_pandas()
    if not isinstance(batch, MarketDataBatch):
        return frame
    import pandas as pd

    levels = {}
    for side, (name, counts) in enumerate((("bid", batch.bid_count), ("ask", batch.ask_count))):
        values = side_values(batch, side, run)
        for level in range(values.shape[2]):
            there = level < counts
            levels[f"{name}_price_{level + 1}"] = np.where(there, values[:, 0, level], np.nan)
            levels[f"{name}_size_{level + 1}"] = np.where(there, values[:, 1, level], 0).astype(np.int64)
    return pd.concat([frame, pd.DataFrame(levels, index=frame.index)], axis=1)


LEVEL_COLUMNS = ("bid_count", "ask_count", "quotes")


def _scalars(batch: Batch, run: RunInfo) -> dict[str, Any]:
    """All columns but a book row's levels, as Arrow arrays by name."""
    plain = {name: values for name, values in columns(batch) if name not in LEVEL_COLUMNS}
    has_none = isinstance(batch, StatusBatch)  # a venue: the market as a whole
    named = {(TIME_COLUMN if name == "ts_ns" else name): _column(name, values, run, has_none) for name, values in plain.items()}
    for name in plain.keys() & {"price", *PRICES_OR_NULL}:
        missing = plain[name] == 0 if name in PRICES_OR_NULL else None
        named[name] = pa.array(run.usd(plain[name], batch.symbol), mask=missing)
    return named


def _matrices(values: F64, counts: I32) -> NDArray[Any]:
    """object[n] of float64[2, count], in C order, from float64[n, 2, L]."""
    depth = values.shape[2]
    if (counts == depth).all():
        return np.fromiter(values, object, len(values))
    rows = (row if count == depth else np.ascontiguousarray(row[:, :count]) for row, count in zip(values, counts.tolist(), strict=True))
    return np.fromiter(rows, object, len(values))


def _column(name: str, values: NDArray[Any], run: RunInfo, has_none: bool) -> Any:
    if name == "ts_ns":
        return times(values)
    if name == "symbol":
        return words(values, run.symbols)
    if name == "venue":
        return _words_or_none(values, run.venues) if has_none else words(values, run.venues)
    if name in ("bid_venue", "ask_venue"):
        return _words_or_none(values, run.venues)
    if name in SIDES:
        return words(values, codes(Side))
    if name == "imbalance_side":
        return _words_or_none(values, codes(Side))
    if name == "cond":
        return words(values, codes(Cond))
    if name == "kind":
        return words(values, [kind.name for kind in EventKind])
    if name in ENUMS:
        return _words_or_none(values, [member.name for member in ENUMS[name]])
    if name in AGENTS:
        numbers = np.array(sorted(run.agents), np.int64)
        return words(np.searchsorted(numbers, values), [run.agents[number] for number in numbers.tolist()])
    return pa.array(values.copy())


def times(ts_ns: NDArray[np.int64]) -> Any:
    """ns since the epoch as Arrow's times in UTC."""
    return pa.array(ts_ns.copy()).view(TIME)  # a copy: Arrow would keep a view of the engine's buffer


def words(indices: NDArray[Any], names: Sequence[str]) -> Any:
    """Indices as the text that they stand for, kept as indices."""
    return pa.DictionaryArray.from_arrays(pa.array(indices.astype(np.int16)), pa.array(list(names), pa.string()))


def _words_or_none(indices: NDArray[Any], names: Sequence[str]) -> Any:
    """``NOT_GIVEN`` and ``NOBODY`` are ""."""
    return words(np.where(indices < 0, len(names), indices), [*names, ""])


def side_values(batch: MarketDataBatch, side: int, run: RunInfo) -> F64:
    """float64[n, 2, L]: prices in USD and sizes of bids (0) or asks (1)."""
    quotes = batch.quotes[:, 2 * side : 2 * side + 2]
    values = np.empty(quotes.shape)
    run.usd(quotes[:, 0], batch.symbol, out=values[:, 0])
    values[:, 1] = quotes[:, 1]
    return values


def _levels(values: F64, counts: I32) -> Any:
    """``list<list<double>>`` from float64[n, 2, L]: per row the prices in USD and the sizes of its first ``counts`` levels."""
    rows, _, depth = values.shape
    if (counts == depth).all():
        flat = values.reshape(-1)
        ends = np.arange(0, 2 * rows * depth + 1, depth, dtype=np.int32)
    else:
        used = np.arange(depth)[None, None, :] < counts[:, None, None]
        flat = values[np.broadcast_to(used, values.shape)]
        ends = np.concatenate((np.zeros(1, np.int32), np.cumsum(np.repeat(counts, 2), dtype=np.int32)))
    inner = pa.ListArray.from_arrays(pa.array(ends), pa.array(flat))
    return pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * rows + 1, 2, dtype=np.int32)), inner)
