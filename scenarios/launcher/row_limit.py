"""Runs that end by a number of book rows over all workers: each worker holds rows back, the parent says how far they are released."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.flow import NEVER_NS
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import continuous_days, trading_days
from simulator.records import NS_PER_S, Batch, MarketDataBatch, columns, slice_batch
from simulator.tape.digest import Digest
from simulator.tape.sink import RunInfo, Sink


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


class RowLimit:
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
