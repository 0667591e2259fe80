"""A stream of the consolidated quote: each change of it that has reached the agent, none lost."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from simulator.agents.messages import SipQuote
from simulator.exchange.order_books import Exchange
from simulator.gateway.reach import Reach
from simulator.records import I64, MarketDataBatch
from simulator.tape.columns import RING_ROWS, TAPE_TICK
from simulator.tape.consolidated import SIP_LEVELS, Consolidator


class SipStream:
    """Consolidates the rows of its symbols' books itself, as they happen: so the processor's rules stand in one place."""

    def __init__(self, reach: Reach, exchange: Exchange, places: Sequence[int]) -> None:
        """``places``: of the symbols among the worker's. From now on: what has reached the agent is over."""
        self._reach = reach
        self._exchange = exchange
        self._places = sorted(places)
        venues = exchange.venues
        self.books = tuple(b for k in self._places for b in range(k * venues, (k + 1) * venues))
        self._of = [Consolidator([exchange.symbols[k]], exchange.sip_delays_ns) for k in self._places]
        self._units = [int(exchange.columns.facts[k * venues, TAPE_TICK]) for k in self._places]
        self._taken_ns = reach.now_ns
        """Rows stamped before this are taken."""
        self._arrived: list[tuple[int, SipQuote]] = []
        """(arrival, quote), published and not drained yet, in order of arrival."""
        self._start_lots()
        self._take_rings()
        for k, consolidator in zip(self._places, self._of, strict=True):
            consolidator.due(reach.now_ns - self._late_ns(k) + 1)

    def has_some(self) -> bool:
        now = self._reach.now_ns
        self.take(now)
        for n, k in enumerate(self._places):
            self._publish(n, now - self._late_ns(k) + 1)
        return bool(self._arrived) and self._arrived[0][0] <= now

    def drain(self) -> list[SipQuote]:
        if not self.has_some():
            return []
        now = self._reach.now_ns
        quotes = [quote for arrival_ns, quote in self._arrived if arrival_ns <= now]
        self._arrived = [coming for coming in self._arrived if coming[0] > now]
        return quotes

    def start_day(self) -> None:
        """A new day begins without quotes; what yesterday's processor had not published is never told."""
        now = self._reach.now_ns
        self.take(now)
        for n in range(len(self._places)):
            self._publish(n, now)
        self._start_lots()

    def take(self, before_ns: int) -> None:
        """The rows stamped before then, which are all there by now."""
        if before_ns <= self._taken_ns:
            return
        rows = self._exchange.rows_before(before_ns, SIP_LEVELS)
        if rows is not None and len(rows):
            first = int(np.searchsorted(rows.ts_ns, self._taken_ns))
            for k, consolidator in zip(self._places, self._of, strict=True):
                mine = first + np.flatnonzero(rows.symbol[first:] == self._exchange.symbols[k])
                if len(mine):
                    consolidator.take(_some(rows, mine))
        self._taken_ns = before_ns

    def _start_lots(self) -> None:
        for n, k in enumerate(self._places):
            self._of[n].start_day([self._exchange.lots[k]])

    def _take_rings(self) -> None:
        """What stands already: of each book, the rows that have not reached the agent by way of the processor, and the last one before."""
        out, venues, now = self._exchange.columns, self._exchange.venues, self._reach.now_ns
        for n, k in enumerate(self._places):
            heard_ns = now - self._late_ns(k)
            for v in range(venues):
                b = k * venues + v
                made, size = int(out.facts[b, RING_ROWS]), len(out.ring_ts[b])
                places = np.arange(max(0, made - size), made) % size
                stamps = out.ring_ts[b, places]
                known = int(np.searchsorted(stamps, heard_ns - self._exchange.sip_delays_ns[v], "right"))
                chosen = places[max(0, known - 1) : int(np.searchsorted(stamps, now))]
                if len(chosen):
                    symbol = np.full(len(chosen), self._exchange.symbols[k], np.int32)
                    quotes = out.ring_quotes[b, chosen][:, :, :SIP_LEVELS]
                    none = np.zeros(len(chosen), np.int32)
                    venue = np.full(len(chosen), v, np.int32)
                    rows = MarketDataBatch(
                        ts_ns=out.ring_ts[b, chosen], symbol=symbol, venue=venue, bid_count=none, ask_count=none, quotes=quotes
                    )
                    self._of[n].take(rows)

    def _late_ns(self, k: int) -> int:
        return self._reach.latency_ns[self._reach.listings[k]]

    def _publish(self, n: int, before_ns: int) -> None:
        """Take down what is published of the n-th symbol before then."""
        rows = self._of[n].due(before_ns)
        if rows is None:
            return
        k, units, names = self._places[n], self._units[n], (*self._reach.venues, "")  # NOBODY is the last
        late_ns = self._late_ns(k)
        columns = [
            rows.ts_ns.tolist(), (rows.bid_price // units).tolist(), rows.bid_size.tolist(), rows.bid_venue.tolist(),
            (rows.ask_price // units).tolist(), rows.ask_size.tolist(), rows.ask_venue.tolist(),
        ]  # fmt: skip
        for ts_ns, bid, bid_size, bid_venue, ask, ask_size, ask_venue in zip(*columns, strict=True):
            quote = SipQuote(ts_ns, bid, bid_size, names[bid_venue], ask, ask_size, names[ask_venue], self._reach.names[k])
            self._arrived.append((ts_ns + late_ns, quote))
        self._arrived.sort(key=lambda each: each[0])


def _some(rows: MarketDataBatch, places: I64) -> MarketDataBatch:
    """Copies of some rows."""
    return MarketDataBatch(
        ts_ns=rows.ts_ns[places], symbol=rows.symbol[places], venue=rows.venue[places], bid_count=rows.bid_count[places],
        ask_count=rows.ask_count[places], quotes=rows.quotes[places],
    )  # fmt: skip
