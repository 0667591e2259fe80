"""``RecentStates``: a worker's columns, and the books and prints that they remember, as of a time that is over.

An agent sees a book as it was a latency ago. Each book keeps its last ``history`` rows and its last prints in rings.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.errors import LimitError
from simulator.inputs.config import Scenario
from simulator.records import I64, Side
from simulator.tape.columns import RING_PRINTS, RING_ROWS, SYMBOL, TAPE_TICK, TICK_UNITS, VENUE, make_columns
from simulator.tape.consolidated import PROCESSOR_NS, SIP_LEVELS, best_quotes, round_lot_quotes

NO_QUOTE = (0, 0, 0, 0, 0)


class RecentStates:
    """Of some symbols at all venues; book ``k * venues + v`` is the k-th symbol at venue v."""

    def __init__(self, scenario: Scenario, symbols: Sequence[int]) -> None:
        """``symbols``: indices into the universe, ascending."""
        universe = scenario.universe
        self.symbols = list(symbols)
        self.venues = len(universe.venues)
        count = len(self.symbols) * self.venues
        self._levels = scenario.levels
        sees_sip = "sip" in scenario.extra_tables or scenario.agents  # whose quotes do not hang on the levels that are shown
        self.columns = make_columns(
            count,
            levels=max(scenario.levels, SIP_LEVELS) if sees_sip else scenario.levels,
            # Rows of one instant cannot be drained before it is over, and agents may send many orders at once.
            rows=(16384 if scenario.levels <= 20 else 8192) * (4 if scenario.agents else 1),
            orders="orders" in scenario.extra_tables,
            truth="truth" in scenario.extra_tables,
            agents=bool(scenario.agents),
            history=scenario.history,
            max_orders=scenario.max_orders,
        )
        scales = scenario.price_scales  # found for all symbols of the universe, so once
        for b in range(count):
            i = self.symbols[b // self.venues]
            facts = self.columns.facts[b]
            facts[SYMBOL], facts[VENUE], facts[TICK_UNITS] = i, b % self.venues, universe.symbols[i].tick_units
            facts[TAPE_TICK] = universe.symbols[i].tick_units // scales[i]
        self.sip_delays_ns = [venue.sip_delay_ns + PROCESSOR_NS for venue in universe.venues]
        """By venue: from a change of its book until the consolidated quote that has it is published."""
        self.lots = [1] * len(self.symbols)
        """Round lot of each symbol today; ``set_lots`` does."""
        # A number of an array costs a third through a memoryview, and agents look often.
        self._facts = self.columns.facts.data
        self._ring_ts = self.columns.ring_ts.data
        self._ring_best = self.columns.ring_quotes[:, :, :, 0].data
        self._trade_ts = self.columns.last_trade[:, :, 0].data
        self._names = [f"{universe.symbols[i].name} at {venue.name}" for i in self.symbols for venue in universe.venues]

    def book_name(self, b: int) -> str:
        """As a person calls it: AAPL at NASDAQ."""
        return self._names[b]

    def row_at(self, b: int, ts_ns: int) -> int:
        """Ring place of the newest book row of ``b`` stamped at or before ``ts_ns``; -1 if the day has none yet."""
        stamps, count = self._ring_ts, self._facts[b, RING_ROWS]
        size = stamps.shape[1]  # type: ignore[index]
        for back in range(1, min(count, size) + 1):
            r = (count - back) % size
            if stamps[b, r] <= ts_ns:
                return r
        if count > size:
            raise self._overrun(stamps[b, (count - 1) % size], size, ts_ns, b)
        return -1

    def quote_at(self, b: int, ts_ns: int) -> tuple[int, int, int, int, int]:
        """Stamp, bid in ticks, its shares, ask in ticks, its shares as of ``ts_ns``; a side that shows nothing is 0."""
        r = self.row_at(b, ts_ns)
        return NO_QUOTE if r < 0 else self.quote_in(b, r)

    def quote_in(self, b: int, r: int) -> tuple[int, int, int, int, int]:
        """``quote_at`` of the row in place ``r`` of book ``b``'s ring."""
        best, units = self._ring_best, self._facts[b, TAPE_TICK]
        return self._ring_ts[b, r], best[b, r, 0] // units, best[b, r, 1], best[b, r, 2] // units, best[b, r, 3]

    def levels_at(self, b: int, side: Side, ts_ns: int, count: int) -> list[tuple[int, int]]:
        """(price in ticks, shares) of the best displayed levels as of ``ts_ns``."""
        r = self.row_at(b, ts_ns)
        if r < 0:
            return []
        prices, sizes = self.columns.ring_quotes[b, r, 2 * side : 2 * side + 2, : min(count, self._levels)].tolist()
        units = int(self.columns.facts[b, TAPE_TICK])
        return [(price // units, size) for price, size in zip(prices, sizes, strict=True) if size]

    def sip_at(self, k: int, heard_ns: int) -> list[int]:
        """The consolidated quote of the ``k``-th symbol, as published by ``heard_ns``: stamp, bid, shares, venue, ask, shares, venue.

        In ticks, 0 where there is none, as ``consolidated.best_quotes`` has them; the stamp is that of the newest row of a venue in it.
        """
        quotes = np.zeros((self.venues, 4, SIP_LEVELS), np.int32)
        stamp = 0
        for v, delay_ns in enumerate(self.sip_delays_ns):
            b = k * self.venues + v
            r = self.row_at(b, heard_ns - delay_ns)
            if r >= 0:
                quotes[v] = self.columns.ring_quotes[b, r, :, :SIP_LEVELS]
                stamp = max(stamp, int(self.columns.ring_ts[b, r]) + delay_ns)
        found = best_quotes(round_lot_quotes(quotes, np.full(self.venues, self.lots[k], np.int64))[None])[0].tolist()
        units = int(self.columns.facts[k * self.venues, TAPE_TICK])
        return [stamp, found[0] // units, *found[1:3], found[3] // units, *found[4:]]

    def trade_at(self, b: int, ts_ns: int) -> list[int] | None:
        """(stamp, price in ticks, shares, aggressor) of the last print as of ``ts_ns``."""
        r = self._newest(self.columns.last_trade[b, :, 0], int(self.columns.facts[b, RING_PRINTS]), ts_ns, b)
        if r < 0:
            return None
        row: list[int] = self.columns.last_trade[b, r].tolist()
        return row

    def trades_at(self, b: int, ts_ns: int, count: int) -> I64:
        """Up to ``count`` of the last prints as of ``ts_ns``, the newest first: int64[n, 4], a copy, each as ``trade_at`` gives it."""
        ring = self.columns.last_trade[b]
        made, size = int(self.columns.facts[b, RING_PRINTS]), len(ring)
        newest = self._newest(ring[:, 0], made, ts_ns, b)
        kept = min(made, size) - (made - 1 - newest) % size if newest >= 0 else 0
        rows: I64 = ring[np.arange(newest, newest - min(count, kept), -1)]  # a negative place counts from the ring's end, as it should
        return rows

    def next_row_after(self, b: int, ts_ns: int) -> int | None:
        """Stamp of the first book row after ``ts_ns`` that already exists; None if there is none yet."""
        return self._first_after(self._ring_ts, self._facts[b, RING_ROWS], ts_ns, b)

    def next_trade_after(self, b: int, ts_ns: int) -> int | None:
        """Stamp of the first print after ``ts_ns`` that already exists."""
        return self._first_after(self._trade_ts, self._facts[b, RING_PRINTS], ts_ns, b)

    def _newest(self, stamps: I64, count: int, ts_ns: int, b: int) -> int:
        size = len(stamps)
        for back in range(1, min(count, size) + 1):
            r = (count - back) % size
            if stamps[r] <= ts_ns:
                return r
        if count > size:
            raise self._overrun(int(stamps[(count - 1) % size]), size, ts_ns, b)
        return -1

    def _first_after(self, stamps: memoryview, count: int, ts_ns: int, b: int) -> int | None:
        """``stamps``: int64[B, R], of all books; ``count``: how many there have been of this one."""
        size: int = stamps.shape[1]  # type: ignore[index]
        found = None
        for back in range(1, min(count, size) + 1):
            stamp: int = stamps[b, (count - back) % size]
            if stamp <= ts_ns:
                return found
            found = stamp
        if count > size:
            raise self._overrun(stamps[b, (count - 1) % size], size, ts_ns, b)
        return found

    def _overrun(self, newest_ns: int, size: int, ts_ns: int, b: int) -> LimitError:
        return LimitError(
            f"An agent looked {newest_ns - ts_ns:,} ns into the past of {self.book_name(b)}, but only the last "
            f"{size:,} states are kept. Raise history= in the scenario, or lower the agent's latency."
        )
