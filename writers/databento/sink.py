"""Databento's DBN files: one per venue, day and schema, all symbols in time order.

    OUT/databento/xnas-itch-20250701.mbo.dbn.zst

Schemas: mbo, mbp-10, mbp-1, trades, definition, status, statistics, imbalance. Named as Databento's batch files; read by ``databento`` and
``databento-dbn``. Receive times are the venue's own. An mbo file begins with an empty snapshot of every symbol; each file numbers its
orders and messages from 1.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from simulator.errors import InputError, explain
from simulator.inputs.sessions import TradingDay
from simulator.notices import ImbalanceBatch, StatusBatch
from simulator.records import I64, Phase
from simulator.tape.sink import RunInfo
from writers.databento import reference
from writers.databento.kernel import LAST, NO_PRICE
from writers.databento.records import BAD_TS_RECV, DTYPES, LEVELS, RTYPES, SNAPSHOT, Records, needed
from writers.feed import kernel as k
from writers.feed.displayed import Messages
from writers.feed.files import WholeFile
from writers.feed.notices import Told
from writers.feed.sink import FeedSink

PUBLISHERS = {
    "NASDAQ": ("XNAS.ITCH", 2), "NYSE": ("XNYS.PILLAR", 9), "ARCA": ("ARCX.PILLAR", 43), "BATS": ("BATS.PITCH", 5),
    "IEX": ("IEXG.TOPS", 38),
}  # fmt: skip
"""Databento's data set and number of each venue."""
SCHEMAS = (*DTYPES, *reference.SCHEMAS)


WINDOW_LOG, HASH_LOG, MATCH_LEAST = 18, 14, 7
"""Of the compression, whose time is that of the whole writer: records repeat what is a record or two before, a small table finds it."""


class _File:
    """One venue's file of one schema, and the metadata in front."""

    def __init__(self, path: Path, metadata: bytes) -> None:
        import zstandard

        packing = zstandard.ZstdCompressionParameters.from_level(1, window_log=WINDOW_LOG, hash_log=HASH_LOG, min_match=MATCH_LEAST)
        self._file = WholeFile(path)
        self._packed = zstandard.ZstdCompressor(compression_params=packing).stream_writer(self._file.file, closefd=False)
        self._packed.write(metadata)

    def write(self, records: Any) -> None:
        if len(records):
            self._packed.write(records if isinstance(records, bytes) else records.data)

    def finish(self) -> None:
        self._packed.close()  # type: ignore[no-untyped-call]
        self._file.finish()

    def abandon(self) -> None:
        self._file.abandon()


@dataclass(slots=True)
class _Stream:
    """One venue in one schema: its file, and what makes the records."""

    file: _File
    take: Callable[[Messages, I64], Any] = lambda *_: b""
    """The records of some messages, with their ``needed``."""
    tell: Callable[[Told], bytes] = lambda _: b""
    """Those of what is told beside."""
    rest: Callable[[int], Any] = lambda _: b""
    """Those at the end of a day, by the last message's time."""


class DatabentoSink(FeedSink):
    """Writes DBN files into ``folder/databento``."""

    NAME = "databento"
    ONE_FILE = True

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (),
        schemas: Sequence[str] = (),
    ) -> None:  # fmt: skip
        """``schemas``: of ``SCHEMAS``, by default all that the run's tables give. Raises ``InputError``."""
        schemas = (schemas,) if isinstance(schemas, str) else tuple(schemas)
        depth = max((LEVELS.get(schema, 0) for schema in schemas or SCHEMAS), default=0)
        super().__init__(folder, worker, venues=venues, symbols=symbols, levels=depth)
        self._schemas = schemas
        for schema in self._schemas:
            if schema not in SCHEMAS:
                raise InputError(explain("--schemas", schema, f"must be some of {', '.join(SCHEMAS)}", "Leave it out for all."))
        self._streams: list[_Stream] = []

    def check(self, run: RunInfo) -> None:
        """Refuse venues that Databento has no number for, and to go on without its package."""
        for venue in self.venues or run.venues:
            if venue not in PUBLISHERS:
                limit = f"Databento has {', '.join(PUBLISHERS)}"
                raise InputError(explain("--venue", venue, limit, "Choose some of these with --venue."))
        for package, does in (("databento-dbn", "writes the files' heads"), ("zstandard", "packs the files")):
            if find_spec(package.replace("-", "_")) is None:
                remedy = "Install it: pip install '.[databento]'."
                raise InputError(explain("--writer databento", f"no package {package}", f"it {does}", remedy))

        if "imbalance" in self._schemas and ImbalanceBatch.table not in run.tables:
            limit = f"it needs the table {ImbalanceBatch.table}, and the run's tables are {', '.join(run.tables)}"
            raise InputError(explain("--schemas", "imbalance", limit, f"Add --extra_tables {ImbalanceBatch.table}, or leave it out."))

    def _has_imbalances(self) -> bool:
        return ImbalanceBatch.table in self.run.tables

    def start_day(self, day: TradingDay) -> None:
        start_ns = max(day.start_ns, self.run.start_ns)
        books = np.array(self.books)
        self._instrument = books[:, 0] + 1
        symbols = sorted({s for s, _ in self.books})
        self._last_ns = start_ns
        begun = reference.phases(day, start_ns, self.run.session_pacing)
        for v in sorted(set(books[:, 1].tolist())):
            dataset, publisher = PUBLISHERS[self.run.venues[v]]
            stem = f"{dataset.lower().replace('.', '-')}-{day.date:%Y%m%d}"
            mine = books[:, 1] == v
            for schema in self._schemas or [schema for schema in SCHEMAS if schema != "imbalance" or self._has_imbalances()]:
                file = _File(self.folder / f"{stem}.{schema}.dbn.zst", self._metadata(dataset, schema, day))
                self._streams.append(self._stream(file, schema, publisher, mine, begun))
                if schema == "mbo":
                    file.write(self._empty_snapshot(np.flatnonzero(mine), publisher, start_ns))
                elif schema == "definition":
                    file.write(reference.definitions(self.run, symbols, dataset, publisher, start_ns))

    def _stream(self, file: _File, schema: str, publisher: int, mine: Any, begun: list[tuple[int, Phase]]) -> _Stream:
        """``mine`` [books]: those of the venue; ``begun``: the phases of the day."""
        if schema in DTYPES:
            records = Records(schema, publisher, self._instrument, mine, self.levels)
            return _Stream(file, take=lambda messages, columns: records.take(columns, messages.levels), rest=lambda _: records.rest())
        if schema == "statistics":
            return _Stream(file, take=lambda messages, _: reference.auctions(messages.columns, self._instrument, mine, publisher))
        if schema == "imbalance" or (schema == "status" and StatusBatch.table in self.run.tables):
            made = reference.imbalance if schema == "imbalance" else reference.status
            return _Stream(file, tell=lambda told: made(told, int(self._instrument[told.book]), publisher) if mine[told.book] else b"")
        if schema == "status":
            symbols = sorted({s for s, _ in self.books})
            return _Stream(file, rest=lambda until_ns: reference.statuses(begun, symbols, publisher, until_ns))
        return _Stream(file)

    def write_messages(self, messages: Messages) -> None:
        columns = needed(messages.columns)
        for stream in self._streams:
            stream.file.write(stream.take(messages, columns))
        self._last_ns = int(messages.columns[k.TS, -1])

    def write_notice(self, told: Told) -> None:
        for stream in self._streams:
            stream.file.write(stream.tell(told))

    def finish_day(self) -> None:
        while self._streams:
            stream = self._streams[0]
            stream.file.write(stream.rest(self._last_ns))
            stream.file.finish()
            del self._streams[0]

    def abandon_day(self) -> None:
        for stream in self._streams:
            stream.file.abandon()
        self._streams = []

    def _empty_snapshot(self, books: I64, publisher: int, ts_ns: int) -> Any:
        """A clear of each symbol, with nothing after it."""
        records = np.zeros(len(books), DTYPES["mbo"])
        records["length"], records["rtype"], records["publisher_id"] = records.itemsize // 4, RTYPES["mbo"], publisher
        records["instrument_id"] = self._instrument[books]
        records["ts_event"] = records["ts_recv"] = ts_ns
        records["price"], records["action"], records["side"] = NO_PRICE, b"R", b"N"
        records["flags"] = LAST | SNAPSHOT | BAD_TS_RECV
        return records

    def _metadata(self, dataset: str, schema: str, day: TradingDay) -> bytes:
        import databento_dbn as dbn

        symbols = sorted({s for s, _ in self.books})
        after = day.date + dt.timedelta(days=1)
        mappings: Any = [
            SimpleNamespace(
                raw_symbol=self.run.symbols[s], intervals=[SimpleNamespace(start_date=day.date, end_date=after, symbol=str(s + 1))]
            )
            for s in symbols
        ]
        kinds: Any = dbn.SType  # its stubs say that these are text
        made = dbn.Metadata(
            dataset=dataset, start=day.start_ns, end=day.end_ns, stype_in=kinds.RAW_SYMBOL, stype_out=kinds.INSTRUMENT_ID,
            schema=dbn.Schema.from_str(schema), symbols=[self.run.symbols[s] for s in symbols], partial=[], not_found=[], mappings=mappings,
        )  # fmt: skip
        return bytes(made)
