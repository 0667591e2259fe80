"""What was written: a sink before the writer counts the rows that pass."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from simulator.records import I64, Batch, Cond, MarketDataBatch, TradeBatch
from simulator.tape.sink import RunInfo, Sink

SPREAD_UNITS_MAX = 5_000
"""Wider spreads, in units of 0.0001 USD, count as this."""


@dataclass(slots=True)
class Counts:
    """What was written, by venue; the summary's numbers. Adds up over workers."""

    rows: dict[str, int] = field(default_factory=dict)
    """By table."""
    by_symbol: dict[str, I64] = field(default_factory=dict)
    """[symbols], by table."""
    book_rows: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    """[venues]"""
    trades: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    """[venues, 4], by ``Cond``."""
    shares: I64 = field(default_factory=lambda: np.zeros(0, np.int64))
    """[venues, 4], by ``Cond``."""
    spreads: I64 = field(default_factory=lambda: np.zeros(SPREAD_UNITS_MAX + 1, np.int64))
    """Two-sided book rows by their spread in units of 0.0001 USD."""

    def __add__(self, other: Counts) -> Counts:
        rows = {table: self.rows[table] + other.rows[table] for table in self.rows}
        return Counts(
            rows,
            {table: self.by_symbol[table] + other.by_symbol[table] for table in self.by_symbol},
            self.book_rows + other.book_rows,
            self.trades + other.trades,
            self.shares + other.shares,
            self.spreads + other.spreads,
        )

    @property
    def spread_usd_median(self) -> float | None:
        """Over book rows, each counted once; None without rows."""
        total = int(self.spreads.sum())
        return float(np.searchsorted(np.cumsum(self.spreads), (total + 1) // 2)) / 10_000 if total else None


class RowCounter:
    """Counts the rows on their way to the writer."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink
        self.counts = Counts()

    def open(self, run: RunInfo) -> None:
        venues = len(run.venues)
        self.counts = Counts(
            dict.fromkeys(run.tables, 0),
            {table: np.zeros(len(run.symbols), np.int64) for table in run.tables},
            np.zeros(venues, np.int64),
            np.zeros((venues, len(Cond)), np.int64),
            np.zeros((venues, len(Cond)), np.int64),
        )
        self._scales = np.array(run.price_scales or [1] * len(run.symbols), np.int64)
        self.sink.open(run)

    def write(self, batch: Batch) -> None:
        counts = self.counts
        counts.rows[batch.table] += len(batch)
        counts.by_symbol[batch.table] += np.bincount(batch.symbol, minlength=len(counts.by_symbol[batch.table]))
        if isinstance(batch, MarketDataBatch):
            counts.book_rows += np.bincount(batch.venue, minlength=len(counts.book_rows))
            two_sided = (batch.bid_count > 0) & (batch.ask_count > 0)
            spreads = ((batch.ask_price[:, 0] - batch.bid_price[:, 0]) * self._scales[batch.symbol])[two_sided]
            counts.spreads += np.bincount(np.clip(spreads, 0, SPREAD_UNITS_MAX), minlength=SPREAD_UNITS_MAX + 1)
        elif isinstance(batch, TradeBatch):
            where = batch.venue * len(Cond) + batch.cond
            counts.trades += np.bincount(where, minlength=counts.trades.size).reshape(counts.trades.shape)
            shares = np.bincount(where, weights=batch.size, minlength=counts.trades.size)  # exact below 2**53
            counts.shares += shares.astype(np.int64).reshape(counts.trades.shape)
        self.sink.write(batch)

    def close(self, complete: bool) -> None:
        self.sink.close(complete)
