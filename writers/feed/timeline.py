"""Batches of several workers as one stream in time order, a little of each at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from simulator.records import OrderBatch, columns, slice_batch


class _Stream:
    """What one worker's rows are next; ``rows`` may hold those of several of its batches."""

    def __init__(self, batches: Iterator[OrderBatch]) -> None:
        self._batches = batches
        self.rows: OrderBatch | None = None
        self.has_ended = False

    def fetch(self) -> None:
        """One more batch behind the rows at hand."""
        batch = next(self._batches, None)
        if batch is None:
            self.has_ended = True
        elif len(batch):
            self.rows = batch if self.rows is None else _joined([self.rows, batch])

    def take_before(self, ts_ns: int | None) -> list[OrderBatch]:
        """The rows before that time, which leave; all of them without one."""
        if self.rows is None:
            return []
        cut = len(self.rows) if ts_ns is None else int(np.searchsorted(self.rows.ts_ns, ts_ns))
        taken, rest = slice_batch(self.rows, 0, cut), slice_batch(self.rows, cut, len(self.rows))
        assert isinstance(taken, OrderBatch)
        assert isinstance(rest, OrderBatch)
        self.rows = rest if len(rest) else None
        return [taken] if len(taken) else []


def in_time_order(parts: Sequence[Iterator[OrderBatch]]) -> Iterator[OrderBatch]:
    """Merge streams, each in order of (time, symbol, venue), into one of that order. A book's rows must all be in one stream.

    The last instant of a batch may go on in the next one: its rows wait until a later one, or the end, has been seen.
    """
    streams = [_Stream(part) for part in parts]
    while True:
        for stream in streams:
            while stream.rows is None and not stream.has_ended:
                stream.fetch()
        going_on = [stream for stream in streams if not stream.has_ended and stream.rows is not None]
        until_ns = min((int(stream.rows.ts_ns[-1]) for stream in going_on if stream.rows is not None), default=None)
        ready = [rows for stream in streams for rows in stream.take_before(until_ns)]
        if ready:
            yield _sorted(ready)
        elif not going_on:
            return
        else:
            for stream in going_on:
                if stream.rows is not None and stream.rows.ts_ns[-1] == until_ns:
                    stream.fetch()


def _joined(batches: Sequence[OrderBatch]) -> OrderBatch:
    return OrderBatch(**{name: np.concatenate([getattr(batch, name) for batch in batches]) for name, _ in columns(batches[0])})


def _sorted(batches: Sequence[OrderBatch]) -> OrderBatch:
    if len(batches) == 1:
        return batches[0]
    joined = _joined(batches)
    order = np.lexsort((joined.venue, joined.symbol, joined.ts_ns))
    return OrderBatch(**{name: column[order] for name, column in columns(joined)})  # type: ignore[arg-type]
