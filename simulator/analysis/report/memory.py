"""The rows of a market that keeps them itself, as what a report reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from simulator.analysis.report.build import Parts, day_starts, report_of
from simulator.analysis.report.figure import Figure
from simulator.analysis.report.rows import notice_batch
from simulator.analysis.report.sketch import Sketch
from simulator.inputs.manifest import Manifest
from simulator.tape.sink import RunInfo

TABLES = ("orders", "fills", "positions")


class MarketRows:
    """Of a ``simulator.market.Market`` without a sink."""

    name = "a market in memory"
    manifest: Manifest | None = None

    def __init__(self, market: Any) -> None:
        self._market = market
        self._tables: dict[str, Any] = {}

    def span(self) -> tuple[int, int] | None:
        """Of its scenario, as far as it has come."""
        return self._market.scenario.start_ns, self._market.now_ns

    def books(self, start_ns: int, end_ns: int, symbol: str | None = None) -> Iterator[Any]:
        yield from self._arrow("market_data").to_batches(max_chunksize=65_536)

    def trades(self, start_ns: int, end_ns: int) -> Any:
        return self._arrow("trades")

    def notices(self, run: RunInfo) -> Iterator[Any]:
        for table in ("status", "imbalances"):
            if table in run.tables:
                yield notice_batch(table, self._arrow(table), run)

    def _arrow(self, table: str) -> Any:
        if table not in self._tables:
            self._tables[table] = self._market.arrow(table).unify_dictionaries().combine_chunks()
        return self._tables[table]


def parts_of(market: Any) -> Parts:
    """As far as the market has come. Raises ``InputError`` if it hands its rows to a sink."""
    scenario = market.scenario
    run = replace(market.run_info, end_ns=max(min(market.now_ns, scenario.end_ns), scenario.start_ns + 1))
    sketch = Sketch(run, market.symbols)
    rows = MarketRows(market)
    market.arrow("trades")  # which says so, if it has none
    for batch in market.tape().values():
        sketch.write(batch)
    agents = {name: {table: result.arrow(table) for table in TABLES} for name, result in market.agents().items()}
    return Parts(name=rows.name, manifest=None, run=run, sketched=sketch.result(day_starts(run)), rows=rows, agents=agents)


def report(market: Any) -> Figure:
    """The whole report. Raises ``InputError`` as ``parts_of``."""
    return Figure(title="Report of a market", html=report_of(parts_of(market)), height_px=1_200)
