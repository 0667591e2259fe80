"""Order batches of several workers as one stream in time order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from simulator.records import I64, OrderBatch, columns, slice_batch
from writers import time_order


def in_time_order(parts: Sequence[Iterator[OrderBatch]]) -> Iterator[OrderBatch]:
    """Streams of order batches as one; a book's rows must all be in one stream. See ``writers.time_order``."""
    return time_order.in_time_order(parts, ORDERS)


def _joined(batches: Sequence[OrderBatch]) -> OrderBatch:
    return OrderBatch(**{name: np.concatenate([getattr(batch, name) for batch in batches]) for name, _ in columns(batches[0])})


def _sorted(batches: Sequence[OrderBatch]) -> OrderBatch:
    if len(batches) == 1:
        return batches[0]
    joined = _joined(batches)
    order = np.lexsort((joined.venue, joined.symbol, joined.ts_ns))
    return OrderBatch(**{name: column[order] for name, column in columns(joined)})  # type: ignore[arg-type]


def _times(batch: OrderBatch) -> I64:
    return batch.ts_ns


def _cut(batch: OrderBatch, first: int, last: int) -> OrderBatch:
    part = slice_batch(batch, first, last)
    assert isinstance(part, OrderBatch)
    return part


ORDERS = time_order.Handling(_times, _cut, _joined, _sorted)
