"""The ``orders`` table as the formats' kernel has it: the only file of the formats that knows its columns."""

from __future__ import annotations

import numpy as np

from simulator.records import I64, OrderBatch
from writers.feed.kernel import IN_A, IN_ACTION, IN_B, IN_BOOK, IN_COLUMNS, IN_ID, IN_KIND, IN_PRICE, IN_SIDE, IN_SIZE, IN_TS


def order_rows(batch: OrderBatch, books: I64) -> I64:
    """int64[10, n] for the kernel, of those rows whose book is wanted; ``books`` [symbols, venues]: the number of each, else -1.

    IN_A: shares not displayed (of an ADD: displayed). IN_B: the other number (order type, new id, kind of cross).
    """
    own, other = batch.packed()[-2:]
    wanted = books[batch.symbol, batch.venue]
    chosen: slice | np.ndarray = slice(None) if (wanted >= 0).all() else np.flatnonzero(wanted >= 0)
    rows = np.empty((IN_COLUMNS, len(wanted[chosen])), np.int64)
    rows[IN_BOOK] = wanted[chosen]
    for place, name in (
        (IN_TS, "ts_ns"), (IN_ACTION, "action"), (IN_KIND, "kind"), (IN_ID, "order_id"), (IN_SIDE, "side"), (IN_PRICE, "price"),
        (IN_SIZE, "size"),
    ):  # fmt: skip
        rows[place] = getattr(batch, name)[chosen]
    rows[IN_A], rows[IN_B] = own[chosen], other[chosen]
    return rows
