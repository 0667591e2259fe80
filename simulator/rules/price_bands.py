"""``PriceBands``: limit up, limit down. Reference prices and bands of all symbols of a worker, limit states, and the pauses that follow.

The rules of the National Market System plan to address extraordinary market volatility, for shares of its Tier 1: docs/book.md.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from simulator.clock import CROSS, Clock
from simulator.exchange.notice_board import NoticeBoard
from simulator.exchange.order_books import Exchange
from simulator.exchange.venue import Venue
from simulator.flow import Flow
from simulator.flow.price_look import (
    BAND_COLUMNS,
    DUE,
    FIRST_LOOK,
    LIMIT_BEGINS,
    LIMIT_ENDS,
    LIMIT_SINCE,
    LOWER,
    MEAN,
    NEW_REFERENCE,
    NO_BANDS,
    PAUSE,
    REFERENCE,
    SINCE,
    UPPER,
    WATCHED,
    WINDOW_S,
    look,
)
from simulator.inputs.sessions import TradingDay
from simulator.notices import StatusReason
from simulator.records import NS_PER_MINUTE, NS_PER_S, PRICE_UNITS_PER_USD, CrossKind, Phase
from simulator.rules.halts import PAUSE_NS, Halts
from simulator.tape.columns import TICK_UNITS

NO_REOPENING_NS = 10 * NS_PER_MINUTE
"""So long before the close nothing reopens: the closing cross is the reopening."""
DOUBLED_NS = 25 * NS_PER_MINUTE
"""Bands are twice as wide in so much of the day's end."""
WIDTHS = 1
"""What multiplies all widths: 2 in the ablation."""
COLLAR_PART, COLLAR_LEAST_USD = 0.05, 0.15
"""A reopening takes place within so much of the reference price beyond the band that was hit; of cheap shares within so many USD."""


def band_width(reference_ticks: int, tick_units: int, *, doubled: bool = False) -> int:
    """Ticks from the reference price to each band: 5 % above 3 USD, 20 % from 0.75 to 3, below that the lesser of 0.15 USD and 75 %."""
    usd = reference_ticks * tick_units / PRICE_UNITS_PER_USD
    width = 0.05 * usd if usd > 3 else 0.2 * usd if usd >= 0.75 else min(0.15, 0.75 * usd)
    return int((2 if doubled else 1) * width * PRICE_UNITS_PER_USD / tick_units + 0.5)


@dataclass(slots=True)
class _Collar:
    """Of a symbol that is paused: where it may reopen, in ticks, and by how much that widens each time."""

    is_down: bool
    reference: int
    """What it is measured from: the band that was hit, later the limit that the reopening would have crossed."""
    low: int
    high: int
    step: int


class PriceBands:
    """A worker's. Symbols are numbered as in its ``Exchange``; it looks once a second of the continuous session."""

    def __init__(
        self, clock: Clock, exchange: Exchange, flow: Flow, venues: Sequence[Venue], listings: Sequence[int], halts: Halts,
        board: NoticeBoard, days: Sequence[TradingDay],
    ) -> None:  # fmt: skip
        """``listings``: the listing venue of each symbol."""
        self._clock = clock
        self._exchange = exchange
        self._flow = flow
        self._venues = venues
        self._listings = listings
        self._halts = halts
        self._board = board
        count = len(listings)
        self._tick_units = exchange.columns.facts[:: exchange.venues, TICK_UNITS].tolist()
        watched = flow.watch_bands(self._look_is_due)
        self._flow_looks = watched is not None
        """A look costs a microsecond, but to leave the compiled flow for it each second would cost a tenth of a day's time."""
        empty = np.zeros((count, BAND_COLUMNS), np.int64), np.zeros((count, WINDOW_S + 1, 2), np.int64)
        self._bands, self._past = empty if watched is None else watched
        self._due_ns = -1
        self._last_reference = [0] * count
        """Of each symbol, of this day or one before."""
        self._collars: dict[int, _Collar] = {}
        self._day: TradingDay | None = None
        self.on_bands: Callable[[int], None] = lambda k: None
        """Called with the symbol whose bands are others now."""
        halts.on_halt.append(self._after_halt)
        halts.may_reopen = self._may_reopen
        for venue in venues:
            venue.on_cross.append(self._after_cross)
        clock.process(self._run([day for day in days if day.is_session]))

    def _run(self, days: Sequence[TradingDay]) -> Generator[Any, Any, None]:
        clock, bands = self._clock, self._bands
        for day in days:
            first_ns = max(day.open_ns, -(-clock.now // NS_PER_S) * NS_PER_S)
            if first_ns >= day.close_ns:
                continue
            yield clock.at(first_ns, CROSS)
            self._day = day
            bands[:, WATCHED] = 1
            wider_ns = day.close_ns - DOUBLED_NS
            for now_ns in (first_ns, wider_ns) if self._flow_looks else range(first_ns, day.close_ns, NS_PER_S):
                if now_ns > first_ns:
                    yield clock.at(now_ns, CROSS)
                if not self._flow_looks and look(self._exchange.books.head, self._exchange.columns.facts, bands, self._past, self._second):
                    self._do_all()
                if now_ns == wider_ns:
                    for k in np.flatnonzero(bands[:, UPPER]).tolist():
                        self._tell(k, int(bands[k, REFERENCE]))
            yield clock.at(day.close_ns, CROSS)
            bands[:, WATCHED] = 0
            for k in np.flatnonzero(bands[:, UPPER]).tolist():
                self._end(k)
            self._day = None

    @property
    def _second(self) -> int:
        """Of the last look."""
        return self._clock.now // NS_PER_S

    def _look_is_due(self, ts_ns: int) -> None:
        """The flow's look at ``ts_ns`` has found something to do: it is done at that time."""
        if self._due_ns != ts_ns:
            self._due_ns = ts_ns
            event = self._clock.at(ts_ns, CROSS)
            assert event.callbacks is not None
            event.callbacks.append(self._look_was_due)

    def _look_was_due(self, _event: object) -> None:
        self._due_ns = -1
        self._do_all()

    def _do_all(self) -> None:
        for k in np.flatnonzero(self._bands[:, DUE]).tolist():
            due, self._bands[k, DUE] = int(self._bands[k, DUE]), 0
            self._do(k, due)

    def _do(self, k: int, due: int) -> None:
        """What a look has found for the symbol."""
        row = self._bands[k]
        if due & NO_BANDS:
            book = k * self._exchange.venues + self._listings[k]
            if self._venues[self._listings[k]].phase_of(book) == Phase.CONTINUOUS:  # its cross had no trade, or was before the run
                reference = self._last_reference[k] or self._midpoint(k)
                if reference:
                    self._begin(k, reference)
            return
        if due & PAUSE:
            self._pause(k)
            return
        if due & NEW_REFERENCE:
            row[SINCE] = self._second
            self._tell(k, int(row[MEAN]))
        if due & LIMIT_BEGINS:
            row[LIMIT_SINCE] = self._second
        elif due & LIMIT_ENDS:
            row[LIMIT_SINCE] = -1
        if due & (LIMIT_BEGINS | LIMIT_ENDS):
            reason = StatusReason.LIMIT_STATE if due & LIMIT_BEGINS else StatusReason.LULD
            self._board.tell_bands(self._clock.now, k, int(row[REFERENCE]), int(row[LOWER]), int(row[UPPER]), reason)

    def _midpoint(self, k: int) -> int:
        """Of the best quotes over the venues, in ticks; 0 where a side has none."""
        quotes = [self._exchange.best_now(b) for b in range(k * self._exchange.venues, (k + 1) * self._exchange.venues)]
        bid, ask = max(bid for bid, _ in quotes), min((ask for _, ask in quotes if ask), default=0)
        return (bid + ask) // 2 if bid and ask else 0

    def _begin(self, k: int, reference: int) -> None:
        """Bands from now on, around the price of a cross or what stands for one."""
        self._bands[k, [SINCE, FIRST_LOOK, LIMIT_SINCE]] = self._second, self._second, -1
        self._tell(k, reference)

    def _tell(self, k: int, reference: int) -> None:
        assert self._day is not None
        is_late = self._clock.now >= self._day.close_ns - DOUBLED_NS
        width = WIDTHS * band_width(reference, self._tick_units[k], doubled=is_late)
        self._set(k, reference, max(1, reference - width), reference + max(1, width))

    def _set(self, k: int, reference: int, lower: int, upper: int) -> None:
        """To the flow, the venues and everybody."""
        self._last_reference[k] = reference or self._last_reference[k]
        self._bands[k, [REFERENCE, LOWER, UPPER]] = reference, lower, upper
        self._exchange.bands[k] = (lower, upper)
        self._flow.set_bands(k, lower, upper)
        self._board.tell_bands(self._clock.now, k, reference, lower, upper)
        self.on_bands(k)

    def _end(self, k: int) -> None:
        """No bands until the next cross."""
        self._bands[k, LIMIT_SINCE] = -1
        self._set(k, 0, 0, 0)

    def _pause(self, k: int) -> None:
        """The limit state has lasted: all venues stop."""
        row = self._bands[k]
        reference, lower, upper = (int(row[column]) for column in (REFERENCE, LOWER, UPPER))
        quotes = [self._exchange.best_now(b) for b in range(k * self._exchange.venues, (k + 1) * self._exchange.venues)]
        is_down = any(0 < ask <= lower for _, ask in quotes)
        unit = self._tick_units[k] / PRICE_UNITS_PER_USD
        step = max(1, int((COLLAR_PART * reference if reference * unit > 3 else COLLAR_LEAST_USD / unit) + 0.5))
        hit = lower if is_down else upper
        self._collars[k] = _Collar(is_down, hit, lower - step if is_down else lower, upper if is_down else upper + step, step)
        self._halts.halt(k, StatusReason.LULD, self._until(PAUSE_NS) - self._clock.now)
        self._tell_collar(k)

    def _tell_collar(self, k: int) -> None:
        collar = self._collars[k]
        self._board.tell_collar(self._clock.now, k, collar.reference, collar.low, collar.high)

    def _until(self, for_ns: int) -> int:
        """When a pause of that length ends; beyond the close if it would end when nothing reopens any more."""
        assert self._day is not None
        until_ns = self._clock.now + for_ns
        return until_ns if until_ns < self._day.close_ns - NO_REOPENING_NS else self._day.close_ns + NS_PER_MINUTE

    def _may_reopen(self, k: int, price_ticks: int) -> int:
        """0, or until when the reopening is put off because its price lies outside of the collars, which then are wider."""
        collar = self._collars.get(k)
        if collar is None or not price_ticks or collar.low <= price_ticks <= collar.high:
            return 0
        collar.reference = collar.low if collar.is_down else collar.high
        collar.low, collar.high = (collar.low - collar.step, collar.high) if collar.is_down else (collar.low, collar.high + collar.step)
        self._tell_collar(k)
        return self._until(PAUSE_NS)

    def _after_halt(self, k: int) -> None:
        """Whoever has halted the symbol: it has no bands now."""
        if self._bands[k, UPPER]:
            self._end(k)

    def _after_cross(self, book: int, kind: CrossKind) -> None:
        """A symbol that trades again, or for the first time today, has its cross's price as reference, if there is one."""
        k, v = divmod(book, self._exchange.venues)
        self._collars.pop(k, None)
        crosses = self._venues[v].crosses
        here = self._exchange.symbols[k]
        if kind == CrossKind.CLOSE or self._day is None or not crosses:
            return
        last = crosses[-1]
        if (last.ts_ns, last.symbol, last.kind) == (self._clock.now, here, kind) and self._venues[v].phase_of(book) == Phase.CONTINUOUS:
            self._begin(k, last.price_ticks)
