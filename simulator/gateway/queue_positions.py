"""Where agents' resting orders stand in their queues, as of any time that agents look back to.

Nobody joins a queue before an order that stands in it, so what is ahead of it changes only when somebody leaves or trades: with a book row
or a print, of which the flow tells while the book is followed, or by an agent's command. After each of them the queue is walked.
"""

from __future__ import annotations

from collections import deque

from simulator.clock import Clock
from simulator.exchange.order_books import Exchange
from simulator.exchange.queue_walk import NOT_AHEAD, last_stamp, shares_ahead
from simulator.gateway.subscriptions import QUOTES, TRADES, Subscriptions


class Place:
    """One order's in its queue."""

    __slots__ = ("_looks", "book", "order_id", "slot")

    def __init__(self, book: int, history: int) -> None:
        self.book = book
        self.order_id = 0
        self.slot = 0
        self._looks: deque[tuple[int, int]] = deque(maxlen=history)
        """(since, shares ahead), where they change."""

    def ahead_at(self, ts_ns: int) -> int | None:
        """Shares ahead as of then; None before it was known, or where it does not rest."""
        for since_ns, ahead in reversed(self._looks):
            if since_ns <= ts_ns:
                return None if ahead == NOT_AHEAD else ahead
        return None

    def note(self, ts_ns: int, ahead: int) -> None:
        if not self._looks or self._looks[-1][1] != ahead:
            self._looks.append((ts_ns, ahead))


class QueuePositions:
    """A worker's: of the agents that have asked."""

    def __init__(self, clock: Clock, exchange: Exchange, subscriptions: Subscriptions) -> None:
        self._clock = clock
        self._exchange = exchange
        self._subscriptions = subscriptions
        self._history = exchange.columns.ring_ts.shape[1]
        self._places: dict[int, list[Place]] = {}
        """By book, those of orders alive."""

    def join(self, book: int, order_id: int, slot: int, place: Place | None) -> Place:
        """An order rests in a book; ``place``: where it was before it moved."""
        place = place or Place(book, self._history)
        place.order_id, place.slot = order_id, slot
        if book not in self._places:
            self._places[book] = []
            for kind in (QUOTES, TRADES):
                self._subscriptions.keep(kind, book, self._on_change)
        self._places[book].append(place)
        self._note(place)
        return place

    def leave(self, place: Place) -> None:
        """Its order has left the book."""
        places = self._places.get(place.book, [])
        if place in places:
            places.remove(place)
            place.note(self._now(place.book), NOT_AHEAD)
            if not places:
                del self._places[place.book]
                for kind in (QUOTES, TRADES):
                    self._subscriptions.release(kind, place.book, self._on_change)

    def look(self) -> None:
        """At all of them: an agent's command may have changed any book."""
        for book in self._places:
            self._on_change(book, 0)

    def _on_change(self, book: int, _ts_ns: int) -> None:
        for place in self._places.get(book, ()):
            self._note(place)

    def _note(self, place: Place) -> None:
        place.note(self._now(place.book), shares_ahead(self._exchange, place.book, place.order_id, place.slot))

    def _now(self, book: int) -> int:
        """The stamp of the book as it is."""
        return max(self._clock.now, last_stamp(self._exchange, book))
