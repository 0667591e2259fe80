"""The rows of a market, as numpy, Arrow, pandas and polars have them."""

from __future__ import annotations

from typing import Any

from simulator.errors import InputError, explain
from simulator.inputs.config import Scenario
from simulator.records import Batch
from simulator.tape.memory import MemoryRows
from simulator.tape.sink import Sink


class MarketRows:
    """What a ``Market`` has written so far, if it keeps its rows."""

    scenario: Scenario
    _sink: Sink | None
    _memory: MemoryRows

    def tape(self) -> dict[str, Batch]:
        """All rows so far by table, as numpy columns. Tables without a row are left out. Raises ``InputError`` as ``arrow`` does."""
        return {table: rows for table in self.scenario.tables if len(rows := self._own_rows().numpy(table))}

    def arrow(self, table: str) -> Any:
        """All rows so far of a table as a ``pyarrow.Table``, as the Parquet files have them: names, prices in USD. Also ``"quotes"`` and
        ``"nbbo"``, flat.

        Raises ``InputError`` for a table that the run does not have, or if the market was made with a sink, which has the rows.
        """
        return self._own_rows().arrow(table)

    def pandas(self, table: str, *, arrays: bool = False) -> Any:
        """The same as a ``pandas.DataFrame``, books as columns of numbers; with ``arrays`` as two float64[2, N]."""
        return self._own_rows().pandas(table, arrays=arrays)

    def polars(self, table: str) -> Any:
        """What ``arrow`` gives, as a ``polars.DataFrame``."""
        return self._own_rows().polars(table)

    def quotes(self) -> Any:
        """``pandas("quotes")``: ``timestamp_ns``, ``symbol``, ``venue``, ``bid``, ``bid_size``, ``ask``, ``ask_size`` of each book row."""
        return self.pandas("quotes")

    def nbbo(self) -> Any:
        """``pandas("nbbo")``: the best over the venues, ``timestamp_ns``, ``symbol``, ``bid`` ... ``ask_size``, ``mid``, at each change."""
        return self.pandas("nbbo")

    def _own_rows(self) -> MemoryRows:
        if self._sink is not None:
            limit = "the market hands its rows to that sink and keeps none"
            raise InputError(explain("sink", type(self._sink).__name__, limit, "Ask the sink, or make the market without one."))
        return self._memory
