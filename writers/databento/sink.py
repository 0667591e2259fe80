"""Databento's DBN files: one per venue, day and schema, all symbols in time order.

    OUT/databento/xnas-itch-20250701.mbo.dbn.zst

Schemas: mbo, mbp-10, mbp-1, trades. Named as Databento's batch files; read by ``databento`` and ``databento-dbn``. Receive times are the
venue's own. Each file begins with an empty snapshot of every symbol, and numbers its orders and messages from 1.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.errors import InputError, explain
from simulator.inputs.sessions import TradingDay
from simulator.records import I64
from simulator.tape.sink import RunInfo
from writers.databento.records import BAD_TS_RECV, DTYPES, LAST, LEVELS, NO_PRICE, RTYPES, SNAPSHOT, Deals, deals, level_records
from writers.feed import kernel as k
from writers.feed.displayed import Messages
from writers.feed.files import WholeFile
from writers.feed.sink import FeedSink

PUBLISHERS = {
    "NASDAQ": ("XNAS.ITCH", 2), "NYSE": ("XNYS.PILLAR", 9), "ARCA": ("ARCX.PILLAR", 43), "BATS": ("BATS.PITCH", 5),
    "IEX": ("IEXG.TOPS", 38),
}  # fmt: skip
"""Databento's data set and number of each venue."""
SCHEMAS = tuple(DTYPES)


class _File:
    """One venue's file of one schema, and the metadata in front."""

    def __init__(self, path: Path, metadata: bytes) -> None:
        self._file = WholeFile(path)
        self._packed = pa.CompressedOutputStream(self._file.file, "zstd")
        self._packed.write(metadata)

    def write(self, records: Any) -> None:
        if len(records):
            self._packed.write(records.tobytes())

    def finish(self) -> None:
        self._packed.close()
        self._file.finish()

    def abandon(self) -> None:
        self._file.abandon()


class _Venue:
    """What is open for one venue: its files, and the last instant of its messages, which may go on."""

    def __init__(self, files: dict[str, _File], publisher: int, books: int, depth: int) -> None:
        self.files = files
        self.publisher = publisher
        self.waiting: Messages | None = None
        self.sequence = 0
        self.levels = np.zeros((books, depth, 6), np.int64)
        """Of each book after its last message."""


class DatabentoSink(FeedSink):
    """Writes DBN files into ``folder/databento``."""

    NAME = "databento"
    ONE_FILE = True

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (),
        schemas: Sequence[str] = SCHEMAS,
    ) -> None:  # fmt: skip
        """``schemas``: of mbo, mbp-10, mbp-1, trades; by default all. Raises ``InputError``."""
        depth = max((LEVELS.get(schema, 0) for schema in schemas), default=0)
        super().__init__(folder, worker, venues=venues, symbols=symbols, levels=depth)
        self._schemas = tuple(schemas)
        for schema in self._schemas:
            if schema not in SCHEMAS:
                raise InputError(explain("--schemas", schema, f"must be some of {', '.join(SCHEMAS)}", "Leave it out for all."))
        self._venues: dict[int, _Venue] = {}

    def check(self, run: RunInfo) -> None:
        """Refuse venues that Databento has no number for, and to go on without its package."""
        for venue in self.venues or run.venues:
            if venue not in PUBLISHERS:
                limit = f"Databento has {', '.join(PUBLISHERS)}"
                raise InputError(explain("--venue", venue, limit, "Choose some of these with --venue."))
        try:
            import databento_dbn  # noqa: F401
        except ImportError as error:
            remedy = "Install it: pip install '.[databento]'."
            raise InputError(explain("--writer databento", "no package databento-dbn", "it writes the files' heads", remedy)) from error

    def start_day(self, day: TradingDay) -> None:
        start_ns = max(day.start_ns, self.run.start_ns)
        books = np.array(self.books)
        self._venue_of, self._instrument = books[:, 1], books[:, 0] + 1
        for v in sorted(set(self._venue_of.tolist())):
            dataset, publisher = PUBLISHERS[self.run.venues[v]]
            stem = f"{dataset.lower().replace('.', '-')}-{day.date:%Y%m%d}"
            files = {
                schema: _File(self.folder / f"{stem}.{schema}.dbn.zst", self._metadata(dataset, schema, day)) for schema in self._schemas
            }
            self._venues[v] = _Venue(files, publisher, len(self.books), self.levels)
            if "mbo" in files:
                files["mbo"].write(self._empty_snapshot(np.flatnonzero(self._venue_of == v), publisher, start_ns))

    def write_messages(self, messages: Messages) -> None:
        venues = self._venue_of[messages.columns[k.BOOK]]
        for v, venue in self._venues.items():
            chosen = np.flatnonzero(venues == v)
            if len(chosen):
                self._take(venue, messages.of(chosen))

    def finish_day(self) -> None:
        for venue in self._venues.values():
            if venue.waiting is not None:
                self._write(venue, venue.waiting)
            for file in venue.files.values():
                file.finish()
        self._venues = {}

    def abandon_day(self) -> None:
        for venue in self._venues.values():
            for file in venue.files.values():
                file.abandon()
        self._venues = {}

    def _take(self, venue: _Venue, new: Messages) -> None:
        """Write all but the last instant of the last book: its flag LAST depends on what comes next."""
        if venue.waiting is not None:
            old = venue.waiting
            new = Messages(np.concatenate((old.columns, new.columns), axis=1), np.concatenate((old.levels, new.levels)))
        same = (new.columns[k.TS] == new.columns[k.TS, -1]) & (new.columns[k.BOOK] == new.columns[k.BOOK, -1])
        others = np.flatnonzero(~same)
        cut = int(others[-1]) + 1 if len(others) else 0
        venue.waiting = Messages(new.columns[:, cut:], new.levels[cut:])
        if cut:
            self._write(venue, Messages(new.columns[:, :cut], new.levels[:cut]))

    def _write(self, venue: _Venue, messages: Messages) -> None:
        made = deals(messages.columns)
        sequence = venue.sequence + 1 + np.arange(len(messages))
        venue.sequence = int(sequence[-1])
        common = self._common(messages.columns, made, venue.publisher, sequence)
        if "mbo" in venue.files:
            records = self._records("mbo", common, made, np.arange(len(made.message)))
            records["order_id"] = made.order_id
            venue.files["mbo"].write(records)
        if "trades" in venue.files:
            venue.files["trades"].write(self._records("trades", common, made, np.flatnonzero(made.action == b"T")))
        if not self.levels:
            return
        before = self._before(venue, messages)
        for schema, count in LEVELS.items():
            if schema in venue.files:
                venue.files[schema].write(self._with_levels(schema, count, common, made, messages, before))

    def _before(self, venue: _Venue, messages: Messages) -> I64:
        """[n, L, 6]: the levels of its book before each message."""
        books = messages.columns[k.BOOK]
        order = np.argsort(books, kind="stable")
        first = np.ones(len(order), bool)
        first[1:] = books[order][1:] != books[order][:-1]
        before = np.empty_like(messages.levels)
        before[order[first]] = venue.levels[books[order[first]]]
        before[order[1:][~first[1:]]] = messages.levels[order[:-1][~first[1:]]]
        last = np.append(first[1:], True)
        venue.levels[books[order[last]]] = messages.levels[order[last]]
        return before

    def _with_levels(
        self, schema: str, count: int, common: dict[str, Any], made: Deals, messages: Messages, before: I64
    ) -> Any:  # fmt: skip
        """Trades with the levels that they met, and each change of the levels shown with those after it."""
        changed = (messages.levels[:, :count] != before[:, :count]).any(axis=(1, 2))
        chosen = np.flatnonzero((made.action == b"T") | ((made.action != b"F") & changed[made.message]))
        records = self._records(schema, common, made, chosen)
        message = made.message[chosen]
        trades = made.action[chosen] == b"T"
        shown = np.where(trades[:, None, None], before[message], messages.levels[message])
        records["levels"] = level_records(shown, count)
        # The level that it is about: as it was if it is gone.
        asks = (made.side[chosen] == b"A") != trades
        places = np.where(asks[:, None, None], before[message][:, :count, :2], before[message][:, :count, 3:5])
        after = np.where(asks[:, None, None], messages.levels[message][:, :count, :2], messages.levels[message][:, :count, 3:5])
        price = (made.price[chosen] // 100_000)[:, None]
        is_there = (after[:, :, 0] == price) & (after[:, :, 1] > 0)
        was_there = (places[:, :, 0] == price) & (places[:, :, 1] > 0)
        use = np.where(is_there.any(axis=1)[:, None], is_there, was_there)
        records["depth"] = np.where(use.any(axis=1), use.argmax(axis=1), 0)
        return records

    def _common(self, columns: I64, made: Deals, publisher: int, sequence: I64) -> dict[str, Any]:
        """The fields that all schemas have, of each record."""
        ts_ns = columns[k.TS, made.message]
        return {
            "publisher_id": publisher, "instrument_id": self._instrument[columns[k.BOOK, made.message]], "ts_event": ts_ns,
            "ts_recv": ts_ns, "price": made.price, "size": made.size, "action": made.action, "side": made.side,
            "sequence": sequence[made.message] & 0xFFFFFFFF,
        }  # fmt: skip

    def _records(self, schema: str, common: dict[str, Any], made: Deals, chosen: I64) -> Any:
        records = np.zeros(len(chosen), DTYPES[schema])
        records["length"], records["rtype"] = records.itemsize // 4, RTYPES[schema]
        whole = len(chosen) == len(made.message)
        for name, values in common.items():
            records[name] = values if whole or np.ndim(values) == 0 else values[chosen]
        if len(records):  # the last of an instant of a book among those that the schema shows
            ts_ns, instrument = records["ts_event"], records["instrument_id"]
            records["flags"] = np.where(np.append((ts_ns[1:] != ts_ns[:-1]) | (instrument[1:] != instrument[:-1]), True), LAST, 0)
        return records

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
