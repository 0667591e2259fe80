"""``Halts``: one symbol stops at all venues at once, and trades again after a cross at its listing venue.

For whoever has a reason to halt (price bands, a market-wide breaker, a test): it only does what follows.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.clock import CROSS, Clock
from simulator.exchange.notice_board import NoticeBoard
from simulator.exchange.venue import Venue
from simulator.flow import NEVER_NS
from simulator.notices import StatusReason
from simulator.records import NS_PER_MINUTE, NS_PER_S, CrossKind, Phase
from simulator.rules.auctions import Auctions

PAUSE_NS = 5 * NS_PER_MINUTE
"""Of the limit up, limit down plan."""
TOLD_EVERY_NS = NS_PER_S
"""Imbalances of the coming reopening, by the listing venue."""


@dataclass(slots=True)
class Halt:
    """One that lasts."""

    reason: StatusReason
    until_ns: int
    """The reopening cross comes then, or a little later; may be put off until it has come."""


class Halts:
    """A worker's. Symbols are numbered as in its ``Exchange``."""

    def __init__(
        self, clock: Clock, venues: Sequence[Venue], listings: Sequence[int], auctions: Auctions, board: NoticeBoard
    ) -> None:
        """``listings``: the listing venue of each symbol."""
        self._clock = clock
        self._venues = venues
        self._listings = listings
        self._auctions = auctions
        self._board = board
        self.halts: dict[int, Halt] = {}
        """By symbol, those that last."""
        self.may_reopen: Callable[[int, int], int] = lambda k, price_ticks: 0
        """Asked with the symbol and the price at which it would reopen; gives 0, or until when (ns) the reopening is put off."""
        self.on_halt: list[Callable[[int], None]] = []
        """Called with the symbol when it has been halted."""
        for venue in venues:
            venue.on_cross.append(self._after_cross)

    def halt(self, k: int, reason: StatusReason, for_ns: int = PAUSE_NS) -> None:
        """Stop the ``k``-th symbol at all venues now, for so long at least; one that is halted stays so for the longer of the two times."""
        until_ns = self._clock.now + for_ns
        if k in self.halts:
            self.halts[k].until_ns = max(self.halts[k].until_ns, until_ns)
            return
        self.halts[k] = Halt(reason, until_ns)
        for venue in self._venues:
            venue.halt(venue.books[k], reason)
        for hear in self.on_halt:
            hear(k)
        self._clock.process(self._reopen(k, self.halts[k]))

    def halt_all(self, reason: StatusReason, for_ns: int) -> None:
        """``halt`` every symbol."""
        for k in range(len(self._listings)):
            self.halt(k, reason, for_ns)

    def end_session(self, reason: StatusReason) -> None:
        """Stop every symbol at all venues for the rest of the trading day: it neither reopens nor has a closing cross."""
        for k in range(len(self._listings)):
            self.halts[k] = Halt(reason, NEVER_NS)  # whoever would reopen it gives up
            for venue in self._venues:
                venue.halt(venue.books[k], reason, is_over=True)
            for hear in self.on_halt:
                hear(k)

    def begin_day(self) -> None:
        """What ``end_session`` has stopped may trade again; at a day's start."""
        for k in [k for k, halt in self.halts.items() if halt.until_ns == NEVER_NS]:
            self._end(k)

    def _end(self, k: int) -> None:
        del self.halts[k]
        for venue in self._venues:
            venue.resume(venue.books[k])

    def _reopen(self, k: int, halt: Halt) -> Generator[Any, Any, None]:
        """Tell of the coming cross, and call for it when its time has come; unless the session's end ends the halt."""
        v = self._listings[k]
        book = self._venues[v].books[k]
        late_ns = self._auctions.reopening_delay_ns(k)
        while self.halts.get(k) is halt:
            due_ns, look_ns = halt.until_ns + late_ns, self._clock.now + TOLD_EVERY_NS
            yield self._clock.at(due_ns if self._clock.now < due_ns < look_ns else look_ns, CROSS)
            if self.halts.get(k) is not halt or self._venues[v].phase != Phase.CONTINUOUS:
                continue  # before the open, after the close: it stays halted
            if self._clock.now < halt.until_ns + late_ns:
                if self._board.has_imbalances or book in self._board.listeners:
                    self._board.tell_imbalance(book, self._auctions.imbalance(k, CrossKind.RESUME))
                continue
            put_off_ns = self.may_reopen(k, self._auctions.would_cross_at(k, CrossKind.RESUME))
            if put_off_ns > self._clock.now:
                halt.until_ns = put_off_ns
                continue
            self._venues[v].cross(book, CrossKind.RESUME, self._auctions.reference_ticks(k))

    def _after_cross(self, book: int, kind: CrossKind) -> None:
        """A reopening, or the closing cross of a symbol that is still halted then, ends its halt at all venues."""
        k = book // len(self._venues)
        if kind != CrossKind.OPEN and k in self.halts:
            self._end(k)
