"""Two sinks that stand before the writer: one counts what passes, one holds rows back until their second is released."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from simulator.flow import NEVER_NS
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import continuous_days, trading_days
from simulator.records import I64, NS_PER_S, Batch, Cond, MarketDataBatch, TradeBatch, columns, slice_batch
from simulator.tape.digest import Digest
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


class Tally:
    """Counts the rows and takes their digest on their way to the writer."""

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
        self.sink.open(run)

    def write(self, batch: Batch) -> None:
        counts = self.counts
        counts.rows[batch.table] += len(batch)
        counts.by_symbol[batch.table] += np.bincount(batch.symbol, minlength=len(counts.by_symbol[batch.table]))
        if isinstance(batch, MarketDataBatch):
            counts.book_rows += np.bincount(batch.venue, minlength=len(counts.book_rows))
            two_sided = (batch.bid_count > 0) & (batch.ask_count > 0)
            spreads = (batch.ask_price[:, 0] - batch.bid_price[:, 0])[two_sided]
            counts.spreads += np.bincount(np.clip(spreads, 0, SPREAD_UNITS_MAX), minlength=SPREAD_UNITS_MAX + 1)
        elif isinstance(batch, TradeBatch):
            where = batch.venue * len(Cond) + batch.cond
            counts.trades += np.bincount(where, minlength=counts.trades.size).reshape(counts.trades.shape)
            shares = np.bincount(where, weights=batch.size, minlength=counts.trades.size)  # exact below 2**53
            counts.shares += shares.astype(np.int64).reshape(counts.trades.shape)
        self.sink.write(batch)

    def close(self, complete: bool) -> None:
        self.sink.close(complete)


def day_starts(scenario: Scenario) -> list[tuple[int, str]]:
    """(start in ns, date) of each day of the run."""
    make_days = trading_days if scenario.session_pacing else continuous_days
    return [(day.start_ns, day.date.isoformat()) for day in make_days(scenario.start_ns, scenario.end_ns)]


class Gate:
    """Keeps copies of the rows until they are released, for runs that end by a count over all workers."""

    def __init__(self, sink: Sink, days: Sequence[tuple[int, str]]) -> None:
        """``days``: (start in ns, date) of the run's days, for the digest."""
        self.sink = sink
        self._days = days
        self._held: list[Batch] = []

    def open(self, run: RunInfo) -> None:
        self.digest = Digest(run)
        self.sink.open(run)

    def write(self, batch: Batch) -> None:
        self._held.append(type(batch)(**{name: column.copy() for name, column in columns(batch)}))  # type: ignore[arg-type]

    def book_rows(self, until_ns: int) -> dict[int, int]:
        """Book rows held that are stamped before ``until_ns``, by whole second since the epoch."""
        counts: dict[int, int] = {}
        for batch in self._held:
            if isinstance(batch, MarketDataBatch):
                seconds = batch.ts_ns[: np.searchsorted(batch.ts_ns, until_ns)] // NS_PER_S
                for second, count in zip(*np.unique(seconds, return_counts=True), strict=True):
                    counts[int(second)] = counts.get(int(second), 0) + int(count)
        return counts

    def release(self, until_ns: int) -> None:
        """Pass on what is stamped before ``until_ns``."""
        held, self._held = self._held, []
        for batch in held:
            split = int(np.searchsorted(batch.ts_ns, until_ns))
            if split:
                ready = slice_batch(batch, 0, split)
                self._take_digest(ready)
                self.sink.write(ready)
            if split < len(batch):
                self._held.append(slice_batch(batch, split, len(batch)))

    def _take_digest(self, batch: Batch) -> None:
        """Row by row to the day that it belongs to."""
        ends = [*(start for start, _ in self._days[1:]), NEVER_NS]
        for (_, date), end in zip(self._days, ends, strict=True):
            first, last = np.searchsorted(batch.ts_ns, [0, end]).tolist()
            if last > first:
                self.digest.day(date)
                self.digest.update(slice_batch(batch, first, last))
                batch = slice_batch(batch, last, len(batch))

    def close(self, complete: bool) -> None:
        """What was not released is dropped."""
        self._held = []
        self.sink.close(complete)


class Budget:
    """How far the workers may write, over all of them: the parent's side of the gate.

    Each worker reports its rows per second for one stretch of time and waits; when all have reported the same stretch,
    the answer holds for all.
    """

    def __init__(self, limit: int, workers: int) -> None:
        self.left = limit
        self.workers = workers
        self._reports: dict[int, dict[int, int]] = {}

    def report(self, worker: int, until_ns: int, counts: dict[int, int]) -> tuple[int, bool] | None:
        """(write up to this ns, whether the run ends there); None while other workers' reports are missing."""
        self._reports[worker] = counts
        if len(self._reports) < self.workers:
            return None
        total: dict[int, int] = {}
        for report in self._reports.values():
            for second, count in report.items():
                total[second] = total.get(second, 0) + count
        self._reports = {}
        for second in sorted(total):
            if total[second] > self.left:
                return second * NS_PER_S, True
            self.left -= total[second]
        return until_ns, False
