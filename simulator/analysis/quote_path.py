"""The best quotes over the venues through time, to be asked at any moments."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.records import F64, I64, MarketDataBatch
from simulator.tape.quotes import nbbo_of
from simulator.tape.sink import RunInfo


class QuotePath(NamedTuple):
    """Of one symbol, a row at each change; prices in USD, NaN where a side is empty everywhere."""

    ts_ns: I64
    bid: F64
    ask: F64

    @property
    def mid(self) -> F64:
        return np.asarray((self.bid + self.ask) / 2)

    def at(self, ts_ns: I64, *, before: bool) -> F64:
        """[3, n]: bid, ask and midpoint of the last row stamped before each time, or, not ``before``, up to it; NaN where there is none."""
        found = np.full((3, len(ts_ns)), np.nan)
        rows = np.searchsorted(self.ts_ns, ts_ns, side="left" if before else "right") - 1
        there = rows >= 0
        for n, values in enumerate((self.bid, self.ask, self.mid)):
            found[n, there] = values[rows[there]]
        return found

    def last_mid(self, ts_ns: I64) -> F64:
        """[n]: the last midpoint that there was up to each time; NaN before the first."""
        mid = self.mid
        known = np.flatnonzero(~np.isnan(mid))
        rows = np.searchsorted(self.ts_ns[known], ts_ns, side="right") - 1
        return np.where(rows >= 0, np.append(mid[known], np.nan)[rows], np.nan)


def paths_of(books: MarketDataBatch, run: RunInfo) -> dict[int, QuotePath]:
    """By symbol of the universe."""
    found = nbbo_of(books, len(run.venues))
    bid, ask = run.usd(found.bid, found.symbol), run.usd(found.ask, found.symbol)
    bid[found.bid == 0], ask[found.ask == 0] = np.nan, np.nan
    paths = {}
    for k in range(len(run.symbols)):
        mine = found.symbol == k
        paths[k] = QuotePath(found.ts_ns[mine], bid[mine], ask[mine])
    return paths
