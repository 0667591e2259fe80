"""``Breakers``: when the market as a whole has fallen by 7, 13 or 20 %, all symbols halt at all venues (NYSE rule 7.12; docs/book.md).

The index is known before the day begins (``market_index``), so nothing is looked at while it runs, and every worker halts its symbols at
the same nanosecond.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

from simulator.clock import DAY, PHASE, Clock
from simulator.flow import Flow
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import TradingDay
from simulator.notices import BREAKERS
from simulator.records import NS_PER_MS, NS_PER_S
from simulator.rng import stream
from simulator.rules.halts import Halts
from simulator.rules.market_index import HALT_S, declines, index_path

HEARD_NS = 50 * NS_PER_MS, 950 * NS_PER_MS
"""From the end of the second in which the index has fallen so far until the venues have halted."""


class Breakers:
    """A worker's."""

    def __init__(self, clock: Clock, halts: Halts, flow: Flow, days: Sequence[TradingDay], scenario: Scenario) -> None:
        self._clock = clock
        self._halts = halts
        self._flow = flow
        self._scenario = scenario
        clock.process(self._run([day for day in days if day.is_session]))

    def _run(self, days: Sequence[TradingDay]) -> Generator[Any, Any, None]:
        for day in days:
            if day.close_ns <= self._clock.now:
                continue
            if self._clock.now < day.start_ns:
                yield self._clock.at(day.start_ns, DAY)
            for second, level in declines(index_path(self._scenario, day)):
                rng = stream(self._scenario.seed, day.date.isoformat(), "market", "breaker", level)
                halts_ns = day.open_ns + (second + 1) * NS_PER_S + int(rng.integers(*HEARD_NS))
                if halts_ns < self._clock.now:
                    continue  # the run starts after it
                yield self._clock.at(halts_ns, PHASE)
                if level < 3:
                    self._halts.halt_all(BREAKERS[level - 1], HALT_S * NS_PER_S)
                    continue
                self._halts.end_session(BREAKERS[level - 1])
                self._flow.end_session(halts_ns)
                yield self._clock.at(day.end_ns, DAY)
                self._halts.begin_day()
