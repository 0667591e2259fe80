"""ITCH files: one per venue and day, all symbols in time order.

    OUT/itch/07012025.NASDAQ_ITCH50        (or .gz)

Named and framed as Nasdaq's own: each message with its length in two bytes, no length after the last. Other venues have formats of
their own in life; here each has a file in ITCH's layout. Numbers of orders and matches count from 1 in each file. A reserve order that
shows anew is a new order; orders that trade in a cross do so by non-printable executions after the cross's own message.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError, SinkError, explain
from simulator.inputs.sessions import TradingDay
from simulator.notices import BREAKER_DECLINES, BREAKERS, StatusReason
from simulator.records import I64, PRICE_UNITS_PER_USD, Cond, CrossKind
from simulator.tape.sink import RunInfo
from writers.feed import kernel as k
from writers.feed.displayed import Messages
from writers.feed.files import WholeFile
from writers.feed.notices import CollarTold, ImbalanceTold, StatusTold, Told
from writers.feed.sink import FeedSink, midnight_ns
from writers.itch.kernel import CROSS, LOCATE, SIDE, STOCK, TIME, Books, Layout, encode
from writers.itch.layout import DTYPES, LENGTH_BYTES, PRICE_MAX, STOCK_LENGTH, TIME_BYTES

TYPES = "AECPXDUQ"
"""By kind of message of the feed."""
CROSSES = np.zeros(len(CrossKind), "S1")
CROSSES[CrossKind.OPEN], CROSSES[CrossKind.CLOSE], CROSSES[CrossKind.RESUME] = b"O", b"C", b"H"
CATEGORIES = {"NASDAQ": b"Q", "NYSE": b"N", "ARCA": b"P", "BATS": b"Z", "IEX": b"V"}
"""Of the market where a share is listed; Nasdaq's three tiers are one here, Global Select."""
SIDES = np.array([b"B", b"S"])
CONDS = {Cond.OPEN: b"O", Cond.CLOSE: b"C", Cond.HALT_RESUME: b"H"}
HALTS = {
    StatusReason.SESSION: (b"H", b"    "), StatusReason.LULD: (b"P", b"LUDP"), StatusReason.MWCB: (b"H", b"MWC1"),
    StatusReason.MWCB_2: (b"H", b"MWC2"), StatusReason.MWCB_3: (b"H", b"MWC3"), StatusReason.REGULATORY: (b"H", b"T1  "),
}  # fmt: skip
"""State and reason, by why."""
INDEX_CLOSE = 1_000
"""What the index that the breakers watch is said to have closed at the day before; the market knows its moves from there alone."""
INDEX_UNITS = 10**8
"""Of a message's level."""


COLUMNS = {"shares": k.SIZE, "ref": k.REF, "new_ref": k.REF, "price": k.PRINT, "match": k.MATCH}
SPECIAL = {"stock": STOCK, "locate": LOCATE, "time_high": TIME, "side": SIDE, "cross": CROSS}
CONSTANTS = {"length", "type", "tracking", "time_low", "printable"}
"""Or part of another field: the time has six bytes."""


def layout() -> Layout:
    """What ``writers.itch.kernel`` needs to know of the types above."""
    types = [DTYPES[type] for type in TYPES]
    constants = np.zeros((len(types), max(dtype.itemsize for dtype in types)), np.uint8)
    fields = np.zeros((len(types), max(len(dtype.names or ()) for dtype in types), 3), np.int64)
    for kind, dtype in enumerate(types):
        assert dtype.names is not None
        assert dtype.fields is not None
        made = np.zeros(1, dtype)
        made["length"], made["type"] = dtype.itemsize - LENGTH_BYTES, TYPES[kind]
        varies = [name for name in dtype.names if name not in CONSTANTS]
        if kind == k.HIDDEN_FILL:
            made["side"] = b"B"  # whatever the order's side, so that it stays hidden: Nasdaq's rule since 2014
            varies.remove("side")
        elif kind == k.CROSS_FILL:
            made["printable"] = b"N"
        constants[kind, : dtype.itemsize] = np.frombuffer(made.tobytes(), np.uint8)
        for place, name in enumerate(varies):
            field, start = dtype.fields[name][:2]
            width = TIME_BYTES if name == "time_high" else field.itemsize
            what = k.OLD_REF if kind == k.MOVE and name == "ref" else SPECIAL.get(name, COLUMNS.get(name))
            assert what is not None, name
            fields[kind, place] = start, width, what
    return Layout(
        lengths=np.array([dtype.itemsize for dtype in types]), constants=constants, fields=fields,
        places=np.array([k.TS, k.BOOK, k.KIND, k.SIDE, k.LEFT]), sides=np.array([ord(side) for side in SIDES]),
        crosses=np.array([ord(cross or b"\0") for cross in CROSSES]),
    )  # fmt: skip


class ItchSink(FeedSink):
    """Writes ITCH 5.0 files into ``folder/itch``."""

    NAME = "itch"
    ONE_FILE = True
    SPLITS = False

    def __init__(
        self, folder: Path | str, worker: int = 0, *, venues: Sequence[str] = (), symbols: Sequence[str] = (), compressed: bool = False
    ) -> None:
        """``compressed``: by gzip, as Nasdaq hands them out."""
        super().__init__(folder, worker, venues=venues, symbols=symbols)
        self._compressed = compressed
        self._files: dict[int, WholeFile] = {}
        self._layout = layout()
        self._out = np.empty(0, np.uint8)
        self._events: list[tuple[int, bytes]] = []
        self._last_ns: dict[int, int] = {}
        self._collars: dict[int, int] = {}
        """Of each book that is paused, how often a collar has been told."""
        self._breached: set[tuple[int, int]] = set()
        """Venues, and levels of the market-wide breakers that they have told of today."""

    def check(self, run: RunInfo) -> None:
        """Refuse names and prices that do not fit. A price that grows too large is told when it comes."""
        for name, close in zip(run.symbols, run.closes_usd, strict=False):
            if close * PRICE_UNITS_PER_USD > PRICE_MAX and name in (self.symbols or run.symbols):
                limit = f"ITCH's prices have four bytes: at most {PRICE_MAX / PRICE_UNITS_PER_USD:,.4f} USD"
                raise InputError(explain(f"price of {name}", close, limit, "Leave it out with --symbols, or choose another format."))
        for name in self.symbols or run.symbols:
            if len(name) > STOCK_LENGTH:
                limit = f"ITCH names a share by at most {STOCK_LENGTH} characters"
                raise InputError(explain("symbol", name, limit, "Choose others with --symbols, or rename it in the universe."))

    def start_day(self, day: TradingDay) -> None:
        """System hours, the directory, and that all of it trades."""
        self._midnight_ns = midnight_ns(day)
        self._day_start_ns = max(day.start_ns, self.run.start_ns)
        self._events = []
        self._end_ns = 0
        self._collars, self._breached = {}, set()
        if day.is_session and self.run.session_pacing:
            self._events = [(day.open_ns, b"Q"), (day.close_ns, b"M")]
            self._end_ns = day.segments[-1].start_ns
        stocks = np.array([name.ljust(STOCK_LENGTH).encode() for name in self.run.symbols])
        books = np.array(self.books)
        self._venue, self._locate, self._stock = books[:, 1], books[:, 0] + 1, stocks[books[:, 0]]
        names = np.frombuffer(self._stock.tobytes(), np.uint8).reshape(-1, STOCK_LENGTH)
        self._encoded = Books(np.ascontiguousarray(self._venue), self._locate, names.copy())
        for venue in sorted(set(self._venue.tolist())):
            name = f"{day.date:%m%d%Y}.{self.run.venues[venue]}_ITCH50"
            self._last_ns[venue] = self._day_start_ns
            self._files[venue] = WholeFile(self.folder / (f"{name}.gz" if self._compressed else name), self._compressed)
        self._say(b"O", self._day_start_ns)
        for file in self._files.values():
            file.write(self._directory())
            if self._end_ns:
                file.write(self._breaker_levels())
        self._say(b"S", self._day_start_ns)
        if not self.run.session_pacing:
            self._say(b"Q", self._day_start_ns)
        self._tell_events(self._day_start_ns)

    def write_messages(self, messages: Messages) -> None:
        columns = messages.columns
        first = 0
        while first < columns.shape[1]:
            self._tell_events(int(columns[k.TS, first]))
            last = columns.shape[1]
            if self._events:
                last = int(np.searchsorted(columns[k.TS], self._events[0][0]))
            part = columns[:, first:last]
            _check_prices(int(part[[k.PRICE, k.PRINT]].max()))
            room = part.shape[1] * int(self._layout.lengths.max())
            if room > len(self._out):
                self._out = np.empty(room, np.uint8)
            for venue, file in self._files.items():
                size, at = encode(part, self._layout, self._encoded, venue, self._midnight_ns, self._out)
                if size:
                    file.write(self._out[:size].data)
                    self._last_ns[venue] = int(part[k.TS, at])
            first = last

    def write_halt(self, told: StatusTold, halts: bool) -> None:
        """H: paused by price bands (P) or halted (H), or trading (T). W before the first of a market-wide breaker's."""
        if halts and told.reason in BREAKERS:
            self._tell_breach(told, 1 + BREAKERS.index(StatusReason(told.reason)))
        message = self._of_book("H", told)
        reason = HALTS[StatusReason(told.reason)] if halts else (b"T", b"    ")
        message["state"], message["reserved"], message["reason"] = reason[0], b" ", reason[1]
        self._collars.pop(told.book, None)
        self._put(told, message)

    def _tell_breach(self, told: StatusTold, level: int) -> None:
        """W, once a venue."""
        key = (int(self._venue[told.book]), level)
        if key not in self._breached:
            self._breached.add(key)
            message = self._new("W", np.array([told.ts_ns]))
            message["level"] = str(level).encode()
            self._put(told, message)

    def write_notice(self, told: Told) -> None:
        """I: the imbalance of a coming cross. J: between which prices a paused symbol may reopen."""
        if isinstance(told, ImbalanceTold):
            self._write_imbalance(told)
        elif isinstance(told, CollarTold):
            _check_prices(told.upper)
            message = self._of_book("J", told)
            message["reference"], message["lower"], message["upper"] = told.reference, told.lower, told.upper
            message["extension"] = self._collars[told.book] = self._collars.get(told.book, -1) + 1
            self._put(told, message)

    def _write_imbalance(self, told: ImbalanceTold) -> None:
        _check_prices(max(told.reference, told.near, told.far))
        message = self._of_book("I", told)
        has_prices = told.reference or told.near or told.far
        for name, value in (
            ("paired", told.paired), ("imbalance", told.imbalance), ("far", told.far), ("near", told.near), ("reference", told.reference),
            ("direction", SIDES[told.side] if told.side >= 0 else b"N" if has_prices else b"O"), ("cross", CONDS[Cond(told.cond)]),
            ("variation", _variation(told)),
        ):  # fmt: skip
            message[name] = value
        self._put(told, message)

    def _of_book(self, type: str, told: Told) -> Any:
        message = self._new(type, np.array([told.ts_ns]))
        message["locate"], message["stock"] = self._locate[told.book], self._stock[told.book]
        return message

    def _put(self, told: Told, message: Any) -> None:
        self._tell_events(told.ts_ns)
        venue = int(self._venue[told.book])
        self._files[venue].write(message.tobytes())
        self._last_ns[venue] = told.ts_ns

    def finish_day(self) -> None:
        """The end of the day's messages: at the end of system hours, if the rows go past the close."""
        ends = (b"E", b"C") if self._end_ns and not self._events else (b"C",)
        for event in ends:
            self._say(event, self._end_ns if len(ends) == 2 else 0)
        for file in self._files.values():
            file.finish()
        self._files = {}

    def abandon_day(self) -> None:
        for file in self._files.values():
            file.abandon()
        self._files = {}

    def _tell_events(self, until_ns: int) -> None:
        """The opening and closing of the market, if they come no later than that."""
        while self._events and self._events[0][0] <= until_ns:
            ts_ns, event = self._events.pop(0)
            self._say(event, ts_ns)

    def _say(self, event: bytes, ts_ns: int) -> None:
        """A system event in each file, at that time or with the last message before it."""
        for venue, file in self._files.items():
            self._last_ns[venue] = max(self._last_ns[venue], ts_ns)
            message = self._new("S", np.array([self._last_ns[venue]]))
            message["event"] = event
            file.write(message.tobytes())

    def _new(self, type: str, ts_ns: I64) -> Any:
        """Messages of a type with their heads."""
        made = np.zeros(len(ts_ns), DTYPES[type])
        since = ts_ns - self._midnight_ns
        made["length"] = made.itemsize - LENGTH_BYTES
        made["type"] = type
        made["time_high"] = since >> 32
        made["time_low"] = since & 0xFFFFFFFF
        return made

    def _breaker_levels(self) -> bytes:
        """V: at which the market-wide breakers halt everything."""
        message = self._new("V", np.array([self._day_start_ns]))
        for n, decline in enumerate(BREAKER_DECLINES, 1):
            message[f"level_{n}"] = round((1 - decline) * INDEX_CLOSE * INDEX_UNITS)
        return bytes(message.tobytes())

    def _directory(self) -> bytes:
        """R, H and Y of each share."""
        symbols = sorted({symbol for symbol, _ in self.books})
        now = np.full(len(symbols), self._day_start_ns)
        stocks = np.array([self.run.symbols[s].ljust(STOCK_LENGTH).encode() for s in symbols])
        listings = [self.run.venues[self.run.listings[s]] if self.run.listings else "" for s in symbols]
        shares = self._new("R", now)
        for name, value in (
            ("category", [CATEGORIES.get(listing, b" ") for listing in listings]),
            ("status", [b"N" if listing == "NASDAQ" else b" " for listing in listings]),
            ("round_lot", 100), ("round_lots_only", b"N"), ("issue_class", b"C"), ("subtype", b"Z "), ("authenticity", b"P"),
            ("short_sale_threshold", b"N"), ("ipo", b"N"), ("luld_tier", b"1"), ("etp", b"N"), ("inverse", b"N"),
        ):  # fmt: skip
            shares[name] = value
        trading = self._new("H", now)
        trading["state"], trading["reserved"], trading["reason"] = b"T", b" ", b"    "
        short_sales = self._new("Y", now)
        short_sales["action"] = b"0"
        for made in (shares, trading, short_sales):
            made["stock"] = stocks
            made["locate"] = np.array(symbols) + 1
        return b"".join(made.tobytes() for made in (shares, trading, short_sales))


def _check_prices(largest: int) -> None:
    if largest > PRICE_MAX:
        raise SinkError(
            f"A price does not fit ITCH's four bytes: got {largest / PRICE_UNITS_PER_USD:,.4f} USD, at most "
            f"{PRICE_MAX / PRICE_UNITS_PER_USD:,.4f} can be written. Leave that symbol out with --symbols, or choose another format."
        )


def _variation(told: ImbalanceTold) -> bytes:
    """How far the near price is from the reference: L below 1 %, a digit for each percent, A from 10 %, B from 20 %, C from 30 %."""
    if not told.near or not told.reference:
        return b" "
    percent = abs(told.near - told.reference) * 100 // told.reference
    return b"L123456789"[percent : percent + 1] if percent < 10 else b"ABC"[min(percent // 10, 3) - 1 :][:1]
