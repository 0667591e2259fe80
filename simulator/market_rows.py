"""The rows of a market: handed on in order of time, and, without a sink, kept as numpy, Arrow, pandas and polars have them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from simulator.clock import Clock
from simulator.errors import InputError, LimitError, explain
from simulator.exchange.book_log import Tap
from simulator.exchange.notice_board import NoticeBoard
from simulator.exchange.order_books import Exchange
from simulator.flow import NEVER_NS, Flow
from simulator.inputs.config import Scenario
from simulator.notices import SipBatch
from simulator.records import Batch, TradeBatch
from simulator.tape.consolidated import SIP_LEVELS, Consolidator
from simulator.tape.digest import Digest
from simulator.tape.memory import MemoryRows
from simulator.tape.sink import RunInfo, Sink


class MarketRows:
    """What a ``Market`` has written so far, and how it goes to its digest and its sink."""

    scenario: Scenario
    run_info: RunInfo
    _symbols: list[int]
    _clock: Clock
    _flow: Flow
    _exchange: Exchange
    _board: NoticeBoard
    _tap: Tap | None

    def _begin_rows(self, sink: Sink | None) -> None:
        self._sink = sink
        self._memory = MemoryRows()
        self._memory.open(self.run_info)
        self._digest = Digest(self.run_info)
        self.rows = dict.fromkeys(self.scenario.tables, 0)
        """Handed on, by table."""
        self.on_batch: list[Callable[[Batch], None]] = []
        """Each is called with the rows that were handed on: for whoever looks on; they are views that hold no longer than the call."""
        asked = SipBatch.table in self.scenario.extra_tables
        self._consolidator = Consolidator(self._symbols, self._exchange.sip_delays_ns) if asked else None

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

    def _flush_settled(self) -> None:
        """Between two events: hand the rows that no later event can precede to digest and sink."""
        if not self._flush_before(min(self._flow.next_ns, self._next_python_ns())):
            raise LimitError(
                f"The columns are full of rows of one instant, {self._flow.next_ns} ns, and none can be written yet: agents send too many "
                "messages without letting time pass. Let them wait in between."
            )

    def _flush_before(self, ts_ns: int) -> bool:
        """Hand on the rows stamped before ``ts_ns``; returns whether there were any. Notices come before orders."""
        batches = self._exchange.drain(ts_ns)
        for batch in [*self._board.drain(ts_ns), *batches, *self._consolidated(ts_ns)]:
            self.rows[batch.table] += len(batch)
            self._digest.update(batch)
            (self._memory if self._sink is None else self._sink).write(batch)
            for hear in self.on_batch:
                hear(batch)
        if batches:
            if self._tap is not None:
                self._tap.take(ts_ns, next((batch for batch in batches if isinstance(batch, TradeBatch)), None))
            self._exchange.forget(batches)
        return bool(batches)

    def _consolidated(self, ts_ns: int) -> Sequence[Batch]:
        """Rows of the consolidated quote published before ``ts_ns``; book rows stamped before it are still in the columns."""
        if self._consolidator is None:
            return ()
        if rows := self._exchange.rows_before(ts_ns, SIP_LEVELS):
            self._consolidator.take(rows)
        published = self._consolidator.due(ts_ns)
        return () if published is None else (published,)

    def _next_python_ns(self) -> int:
        """No Python event comes before this."""
        next_event = self._clock.peek()
        return int(next_event) if next_event < NEVER_NS else NEVER_NS
