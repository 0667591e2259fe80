"""``DisplayedFeed``: batches of the ``orders`` table in, messages of what is displayed out. One day at a time, in time order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from simulator.errors import SinkError
from simulator.inputs.sessions import format_ts
from simulator.records import I64, EventKind, OrderBatch
from writers.feed import kernel as k
from writers.feed.columns import order_rows

CHUNK_CELLS = 1_000_000
"""Of levels, in one chunk of messages at most."""
CHUNK_ROWS = 65_536
REF_MAX = 2**62


@dataclass(frozen=True, slots=True)
class Messages:
    """Some messages, as views that hold until the next ones are asked for; columns as ``kernel`` names them."""

    columns: I64
    """[14, n]"""
    levels: I64
    """[n, L, 6]: ask price, shares and orders, then the bid's, best first; 0 where there is none."""

    def __len__(self) -> int:
        return int(self.columns.shape[1])

    def part(self, first: int, last: int) -> Messages:
        """Some that follow each other, as views."""
        return Messages(self.columns[:, first:last], self.levels[first:last])

    def of(self, rows: I64) -> Messages:
        """Those rows, copied."""
        return Messages(self.columns[:, rows], self.levels[rows])


class DisplayedFeed:
    """What some books display, message by message."""

    def __init__(self, books: I64, *, groups: I64, levels: int = 0, splits: bool = True, ref_max: int = REF_MAX) -> None:
        """``books`` [symbols, venues]: each one's number, -1 if not wanted. ``groups`` [B]: books of one group share the count of orders.

        ``levels``: how many to show after each message. ``splits``: a replaced order is deleted and shown anew.
        """
        self._books = books
        self._groups = groups
        self._splits = splits
        self._ref_max = ref_max
        rows = max(256, min(CHUNK_ROWS, CHUNK_CELLS // (6 * max(levels, 1))))
        self._out = np.zeros((k.MESSAGE_COLUMNS, rows), np.int64)
        self._top = np.zeros((rows, levels, 6), np.int64)
        self.start_day()

    def start_day(self) -> None:
        """Empty books; numbers from 1 again."""
        self._state = k.make_state(self._groups)
        self._waits = np.zeros((k.IN_COLUMNS, 0), np.int64)

    def publish(self, batch: OrderBatch) -> Iterator[Messages]:
        """The messages of these rows. Raises ``SinkError`` for rows that do not follow from those before, or for too many orders.

        A replaced order at their end waits for what comes next, which says how it is told: where rows are cut changes no message.
        """
        rows = order_rows(batch, self._books)
        if self._waits.shape[1]:
            rows = np.concatenate((self._waits, rows), axis=1)
        ends = rows.shape[1]
        if not self._splits and ends and rows[k.IN_KIND, -1] == EventKind.REPLACE:
            ends -= 1
        self._waits = rows[:, ends:].copy()
        yield from self._publish(np.ascontiguousarray(rows[:, :ends]))

    def finish_day(self) -> Iterator[Messages]:
        """What still waits, for nothing comes next."""
        rows, self._waits = self._waits, self._waits[:, :0]
        yield from self._publish(rows)

    def _publish(self, rows: I64) -> Iterator[Messages]:
        first = 0
        while True:
            first, n, why = k.publish(rows, first, self._state, self._out, self._top, self._splits, self._ref_max)
            if n:
                yield Messages(self._out[:, :n], self._top[:n])
            if why == k.DONE:
                return
            if why == k.MORE_ORDERS:
                self._state = k.with_more_orders(self._state)
            elif why == k.MORE_LEVELS:
                self._state = k.with_more_levels(self._state)
            elif why == k.TOO_MANY:
                raise SinkError(
                    f"A book shows more orders in a day than the format has numbers: the limit is {self._ref_max:,}. "
                    "Lower the rates, or choose another format."
                )
            elif why == k.UNKNOWN:
                raise SinkError(_does_not_follow(rows[:, first]))


def load_kernel() -> None:
    """Load or compile the kernel in this process, for those forked from it."""
    state = k.make_state(np.zeros(1, np.int64), orders=2, levels=1)
    rows, out, top = np.zeros((k.IN_COLUMNS, 0), np.int64), np.zeros((k.MESSAGE_COLUMNS, 2), np.int64), np.zeros((2, 0, 6), np.int64)
    k.publish(rows, 0, k.with_more_orders(state), out, top, True, 1)


def _does_not_follow(row: I64) -> str:
    kind = EventKind(int(row[k.IN_KIND])).name
    return (
        f"The orders are not a whole day of a book's: {kind} of {row[k.IN_SIZE]:,} shares of order {row[k.IN_ID]} at "
        f"{format_ts(int(row[k.IN_TS]))} does not fit what the rows before it show. Convert a whole run, with all its rows, in time order."
    )
