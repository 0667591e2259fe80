"""``NoticeBoard``: what venues tell beside books and prints, as rows for the tables and as agents can read it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Sequence
from operator import itemgetter

import numpy as np

from simulator.notices import NOBODY, ImbalanceBatch, Notice, StatusBatch, StatusReason
from simulator.records import NOT_GIVEN, Phase
from simulator.venue_notices import NO_STATUS, Imbalance

KEPT = 256
"""Notices of each kind and book that are kept for agents, whose latencies they span: at most one a second but at a halt."""


class NoticeBoard:
    """A worker's. Books and symbols are numbered as in its ``Exchange``."""

    def __init__(self, symbols: Sequence[int], venues: int, tape_ticks: Sequence[int], tables: Collection[str]) -> None:
        """``symbols``: indices into the universe; ``tape_ticks``: of each book, a tick in the tape's prices."""
        self._symbols = symbols
        self._venues = venues
        self._tape_ticks = tape_ticks
        self._rows: dict[str, list[tuple[int, ...]]] = {t.table: [] for t in (StatusBatch, ImbalanceBatch) if t.table in tables}
        count = len(symbols) * venues
        self.statuses = [deque([NO_STATUS], KEPT) for _ in range(count)]
        """Of each book, the oldest first; never empty."""
        self.imbalances: list[deque[Imbalance]] = [deque(maxlen=KEPT) for _ in range(count)]
        self.listeners: set[int] = set()
        """Books whose imbalances an agent wants to hear, besides the table."""
        self.on_status: Callable[[int, int], None] = lambda book, ts_ns: None
        """Called with (book, ts_ns) at each change."""
        self.on_imbalance: Callable[[int, int], None] = lambda book, ts_ns: None

    @property
    def has_imbalances(self) -> bool:
        """Whether the table is wanted."""
        return ImbalanceBatch.table in self._rows

    def tell_phase(self, ts_ns: int, book: int, phase: Phase, reason: StatusReason) -> None:
        """A symbol enters a phase at a venue; nothing is told of one that it is in."""
        before = self.statuses[book][-1]
        if before.phase == phase and before.ts_ns:
            return
        self.statuses[book].append(before._replace(ts_ns=ts_ns, phase=phase, reason=reason))
        self._add_status(ts_ns, book, book % self._venues, int(phase), reason, 0, 0, 0)
        self.on_status(book, ts_ns)

    def tell_bands(
        self, ts_ns: int, k: int, reference_ticks: int, lower_ticks: int, upper_ticks: int, reason: StatusReason = StatusReason.LULD
    ) -> None:
        """The ``k``-th symbol has new price bands, or none (zeros), or a limit state, in the whole market. For whoever computes them."""
        first = k * self._venues
        for book in range(first, first + self._venues):
            self.statuses[book].append(
                self.statuses[book][-1]._replace(
                    ts_ns=ts_ns, reason=reason, reference_ticks=reference_ticks, lower_ticks=lower_ticks, upper_ticks=upper_ticks
                )
            )
        self._add_status(ts_ns, first, NOBODY, NOT_GIVEN, reason, reference_ticks, lower_ticks, upper_ticks)
        for book in range(first, first + self._venues):
            self.on_status(book, ts_ns)

    def tell_collar(self, ts_ns: int, k: int, reference_ticks: int, lower_ticks: int, upper_ticks: int) -> None:
        """Where the ``k``-th symbol, which is paused, may reopen: a row of the table. Its bands, which agents know, are none meanwhile."""
        prices = (max(1, ticks) for ticks in (reference_ticks, lower_ticks, upper_ticks))
        self._add_status(ts_ns, k * self._venues, NOBODY, NOT_GIVEN, StatusReason.COLLAR, *prices)

    def tell_imbalance(self, book: int, told: Imbalance) -> None:
        """A listing venue tells of its coming cross."""
        self.imbalances[book].append(told)
        if ImbalanceBatch.table in self._rows:
            k, v = divmod(book, self._venues)
            unit = self._tape_ticks[book]
            side = NOT_GIVEN if told.side is None else int(told.side)
            self._rows[ImbalanceBatch.table].append(
                (
                    told.ts_ns, self._symbols[k], v, int(told.cross.cond), told.paired, told.imbalance, side,
                    told.reference_ticks * unit, told.near_ticks * unit, told.far_ticks * unit,
                )
            )  # fmt: skip
        self.on_imbalance(book, told.ts_ns)

    def _add_status(self, ts_ns: int, book: int, venue: int, phase: int, reason: StatusReason, *ticks: int) -> None:
        if StatusBatch.table in self._rows:
            unit = self._tape_ticks[book]
            symbol = self._symbols[book // self._venues]
            self._rows[StatusBatch.table].append((ts_ns, symbol, venue, phase, int(reason), *(price * unit for price in ticks)))

    def start_day(self) -> None:
        """Yesterday's imbalances and bands are over."""
        for book, imbalances in enumerate(self.imbalances):
            imbalances.clear()
            last = self.statuses[book][-1]
            if last.reference_ticks:
                self.statuses[book].append(last._replace(reference_ticks=0, lower_ticks=0, upper_ticks=0))

    def drain(self, before_ns: int) -> list[Notice]:
        """The rows stamped before ``before_ns``, in order of time, symbol and venue, and forget them."""
        batches: list[Notice] = []
        for table, kind in ((StatusBatch.table, _status_batch), (ImbalanceBatch.table, _imbalance_batch)):
            rows = self._rows.get(table)
            due = [row for row in rows if row[0] < before_ns] if rows else []
            if due:
                self._rows[table] = [row for row in rows or () if row[0] >= before_ns]
                due.sort(key=itemgetter(0, 1, 2))
                batches.append(kind(np.array(due, np.int64)))
        return batches


def _status_batch(rows: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> StatusBatch:
    small = rows.astype(np.int32)
    return StatusBatch(
        ts_ns=rows[:, 0], symbol=small[:, 1], venue=small[:, 2], phase=small[:, 3], reason=small[:, 4],
        reference_price=small[:, 5], lower_band=small[:, 6], upper_band=small[:, 7],
    )  # fmt: skip


def _imbalance_batch(rows: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> ImbalanceBatch:
    small = rows.astype(np.int32)
    return ImbalanceBatch(
        ts_ns=rows[:, 0], symbol=small[:, 1], venue=small[:, 2], cond=small[:, 3], paired_size=rows[:, 4], imbalance_size=rows[:, 5],
        imbalance_side=small[:, 6], reference_price=small[:, 7], near_price=small[:, 8], far_price=small[:, 9],
    )  # fmt: skip
