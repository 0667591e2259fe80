"""What a symbol closed at the day before, which everybody knows from the day's start on."""

from __future__ import annotations

from collections.abc import Sequence

from simulator.exchange.book_log import PRINT_PRICE, PRINT_TS, Prints
from simulator.exchange.order_books import Exchange, dollars_to_ticks
from simulator.exchange.venue import Venue
from simulator.gateway.day_times import DayTimes
from simulator.inputs.config import Scenario
from simulator.records import CrossKind


class PreviousCloses:
    """Of a worker's symbols."""

    def __init__(self, exchange: Exchange, venues: Sequence[Venue], prints: Prints, times: DayTimes, scenario: Scenario) -> None:
        self._exchange = exchange
        self._venues = venues
        self._prints = prints
        self._times = times
        self._scenario = scenario
        self._known: dict[int, tuple[int, int]] = {}
        """By symbol: the day's start, and the close before it."""

    def ticks(self, k: int) -> int:
        """Of the ``k``-th symbol: its closing cross, else its last print, of the days simulated before; else the reference price."""
        start_ns = self._times.day_start_ns()
        known = self._known.get(k)
        if known is None or known[0] != start_ns:
            known = self._known[k] = start_ns, self._before(k, start_ns)
        return known[1]

    def _before(self, k: int, start_ns: int) -> int:
        i = self._exchange.symbols[k]
        closes = [
            (cross.ts_ns, cross.price_ticks)
            for venue in self._venues
            for cross in venue.crosses
            if cross.symbol == i and cross.kind == CrossKind.CLOSE and cross.ts_ns < start_ns
        ]
        if not closes:
            for b in range(k * len(self._venues), (k + 1) * len(self._venues)):
                log = self._prints.log(b)
                end = log.until(start_ns - 1)
                if end > log.first:
                    closes.append(tuple(log.rows(end - 1, end)[0, [PRINT_TS, PRINT_PRICE]].tolist()))
        symbol = self._scenario.universe.symbols[i]
        return max(closes)[1] if closes else dollars_to_ticks(self._scenario.prices[symbol.name].close, symbol.tick_units)
