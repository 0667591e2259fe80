"""Flat quotes from book rows: each venue's best levels, and the best over the venues (the NBBO, odd lots included)."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simulator.records import I32, I64, MarketDataBatch
from simulator.tape.sink import RunInfo

NO_ASK = 2**62
QUOTES, NBBO = "quotes", "nbbo"
DERIVED = (QUOTES, NBBO)
"""Frames that are made of a run's book rows."""


class Nbbo(NamedTuple):
    """The best bid and ask over the venues after each change, in order of time; prices as the batch has them, 0 where there is none."""

    ts_ns: I64
    symbol: I32
    bid: I64
    bid_size: I64
    """Displayed at the best bid, over all venues that have it."""
    ask: I64
    ask_size: I64


def nbbo_of(batch: MarketDataBatch, venues: int) -> Nbbo:
    """From all book rows of a run, in order of time. Of rows of one symbol at one instant the last one counts."""
    parts = [_of_symbol(batch, symbol, venues) for symbol in np.unique(batch.symbol).tolist()]
    if not parts:
        nothing = np.zeros(0, np.int64)
        return Nbbo(nothing, np.zeros(0, np.int32), nothing, nothing, nothing, nothing)
    joined = [np.concatenate(columns) for columns in zip(*parts, strict=True)]
    order = np.lexsort((joined[1], joined[0]))
    return Nbbo(*(column[order] for column in joined))


def _of_symbol(batch: MarketDataBatch, symbol: int, venues: int) -> Nbbo:
    mine = np.flatnonzero(batch.symbol == symbol)
    ts_ns, venue, quotes = batch.ts_ns[mine], batch.venue[mine], batch.quotes[mine, :, 0].astype(np.int64)
    places = np.arange(len(mine))
    best = np.zeros((4, len(mine)), np.int64)
    best[2] = NO_ASK
    for v in range(venues):
        last = np.maximum.accumulate(np.where(venue == v, places, -1))
        seen = np.where(last[:, None] >= 0, quotes[last], 0)
        for side, better in ((0, seen[:, 0] > best[0]), (2, (seen[:, 2] > 0) & (seen[:, 2] < best[2]))):
            same = ~better & (seen[:, side] == best[side]) & (seen[:, side] > 0)
            best[side + 1] = np.where(better, seen[:, side + 1], best[side + 1] + same * seen[:, side + 1])
            best[side] = np.where(better, seen[:, side], best[side])
    best[2][best[2] == NO_ASK] = 0
    is_last = np.append(ts_ns[1:] != ts_ns[:-1], True)
    ts_ns, best = ts_ns[is_last], best[:, is_last]
    changes = np.append(True, (best[:, 1:] != best[:, :-1]).any(axis=0)) if len(ts_ns) else np.zeros(0, bool)
    bid, bid_size, ask, ask_size = best[:, changes]
    return Nbbo(ts_ns[changes], np.full(int(changes.sum()), symbol, np.int32), bid, bid_size, ask, ask_size)


def quotes_table(batch: MarketDataBatch, run: RunInfo) -> Any:
    """Arrow: ``timestamp_ns``, ``symbol``, ``venue``, ``bid``, ``bid_size``, ``ask``, ``ask_size``, a row for each book row.

    Prices in USD; a side that shows nothing is null.
    """
    import pyarrow as pa

    from simulator.tape.arrow import TIME_COLUMN, times, words

    named = {
        TIME_COLUMN: times(batch.ts_ns), "symbol": words(batch.symbol, run.symbols), "venue": words(batch.venue, run.venues),
    }  # fmt: skip
    best = batch.quotes[:, :, 0]
    return pa.table(named | _sides(best[:, 0], best[:, 1], best[:, 2], best[:, 3], batch.symbol, run))


def nbbo_table(batch: MarketDataBatch, run: RunInfo) -> Any:
    """Arrow: ``timestamp_ns``, ``symbol``, ``bid``, ``bid_size``, ``ask``, ``ask_size``, ``mid``, a row for each change."""
    import pyarrow as pa

    from simulator.tape.arrow import TIME_COLUMN, times, words

    found = nbbo_of(batch, len(run.venues))
    named = {TIME_COLUMN: times(found.ts_ns), "symbol": words(found.symbol, run.symbols)}
    both = (found.bid > 0) & (found.ask > 0)
    mid = run.usd(found.bid + found.ask, found.symbol) / 2
    sides = _sides(found.bid, found.bid_size, found.ask, found.ask_size, found.symbol, run)
    return pa.table(named | sides | {"mid": pa.array(mid, mask=~both)})


def _sides(bid: Any, bid_size: Any, ask: Any, ask_size: Any, symbol: I32, run: RunInfo) -> dict[str, Any]:
    import pyarrow as pa

    columns = {}
    for name, price, size in (("bid", bid, bid_size), ("ask", ask, ask_size)):
        columns[name] = pa.array(run.usd(price, symbol), mask=np.asarray(price == 0))
        columns[f"{name}_size"] = pa.array(np.asarray(size, np.int64), mask=np.asarray(price == 0))
    return columns
