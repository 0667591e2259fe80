"""What one agent can reach: books by the names of symbol and venue, each a latency away. And the checks of what it gives."""

from __future__ import annotations

import operator
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import numpy as np

from simulator.clock import Clock
from simulator.errors import AgentError
from simulator.inputs.config import AgentSpec


class Traded(NamedTuple):
    """The worker's symbols and venues, in the order of its books: book ``k * len(venues) + v`` is the k-th symbol at venue v."""

    symbols: tuple[str, ...]
    venues: tuple[str, ...]
    listings: tuple[int, ...]
    """The listing venue of each symbol."""


class Reach:
    """An agent's, for its market view, order entry and own orders alike."""

    def __init__(self, spec: AgentSpec, number: int, clock: Clock, traded: Traded) -> None:
        """``number``: the agent's in the books. Raises ``AgentError`` for a venue or latency that cannot be."""
        self.spec = spec
        self.number = number
        self.symbols = tuple(name for name in traded.symbols if not spec.symbols or name in spec.symbols)
        self.venues = traded.venues
        self.latency_ns = _latencies(spec, traded.venues)
        self.listings = traded.listings
        self.names = traded.symbols
        """Of all the worker's symbols, for books."""
        self.clock = clock
        self.places = np.array([self.symbols.index(name) if name in self.symbols else -1 for name in traded.symbols], np.int64)
        """Of the worker's symbols among the agent's own."""
        self._symbol_place = {name: k for k, name in enumerate(traded.symbols) if name in self.symbols}
        self._venue_place = {name: v for v, name in enumerate(traded.venues)}
        self._book = {(s, v): k * len(self.venues) + n for s, k in self._symbol_place.items() for v, n in self._venue_place.items()}
        self.books: dict[tuple[str, str | None], tuple[int, ...]] = {(s, v): (book,) for (s, v), book in self._book.items()}
        self.books |= {(s, None): tuple(self._book[s, v] for v in self.venues) for s in self._symbol_place}
        """By symbol and venue, or None for all venues: what ``find_all`` finds."""

    @property
    def now_ns(self) -> int:
        return self.clock.now

    def seen_ns(self, book: int) -> int:
        """What the agent knows of a book is as of then."""
        return self.clock.now - self.latency_ns[book % len(self.venues)]

    def find(self, symbol: str, venue: str) -> int:
        """The book. Raises ``AgentError`` for a name that this agent does not have."""
        try:
            return self._book[symbol, venue]  # one look, for speed
        except (KeyError, TypeError):
            return self.symbol(symbol) * len(self.venues) + self.venue(venue)

    def find_all(self, symbol: str, venue: str | None) -> tuple[int, ...]:
        """The books of a symbol at one venue, or at all of them."""
        try:
            return self.books[symbol, venue]  # one look, for speed
        except (KeyError, TypeError):
            return (self.symbol(symbol),) if venue is None else (self.find(symbol, venue),)  # each says what is wrong

    def symbol(self, name: str) -> int:
        """Its place among the worker's symbols."""
        place = self._symbol_place.get(name) if isinstance(name, str) else None
        return _unknown("symbol", name, self._symbol_place) if place is None else place

    def venue(self, name: str) -> int:
        """Its place among the venues."""
        place = self._venue_place.get(name) if isinstance(name, str) else None
        return _unknown("venue", name, self._venue_place) if place is None else place

    def named(self, book: int) -> tuple[str, str]:
        """Symbol and venue."""
        k, v = divmod(book, len(self.venues))
        return self.names[k], self.venues[v]


def whole(what: str, value: Any, least: int | None = None) -> int:
    """``value`` as an int; numpy's integers are as good as Python's, floats and booleans are not."""
    if type(value) is int and (least is None or value >= least):
        return value
    if type(value) is not int and type(value) is not bool and hasattr(value, "__index__"):
        value = operator.index(value)
    if type(value) is not int or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        hint = ""
        if type(value) is not int and hasattr(value, "__int__"):
            hint = ": a number of ticks, mostly cents, so 207.55 USD is 20_755" if what == "price_ticks" else ", so give int(...) of it"
        raise AgentError(f"gave {what} = {value!r}; it must be an int{bound}{hint}")
    number: int = value
    return number


def member(what: str, value: Any, kind: Any) -> Any:
    """``value`` as a member of the enumeration ``kind``."""
    if type(value) is kind:
        return value
    try:
        return kind(value)
    except ValueError:
        raise AgentError(f"gave {what} = {value!r}; it must be one of {', '.join(f'{kind.__name__}.{m.name}' for m in kind)}") from None


def _unknown(what: str, name: object, known: Mapping[str, int]) -> int:
    near = get_close_matches(str(name).upper(), known, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise AgentError(f"named {what} {name!r}, but has only {', '.join(known)}{hint}")


def _latencies(spec: AgentSpec, venues: Sequence[str]) -> list[int]:
    """One way, in ns, by venue."""
    for name in spec.latency_by_venue:
        if name != "*" and name not in venues:
            raise AgentError(f"Agent {spec.name!r}: latency_ns names {name!r}; the venues are {', '.join(venues)}, and '*' is all others.")
    latencies = [spec.latency_by_venue.get(venue, spec.latency_by_venue.get("*")) for venue in venues]
    for venue, latency in zip(venues, latencies, strict=True):
        if type(latency) is not int or latency < 1:
            raise AgentError(
                f"Agent {spec.name!r}: latency to {venue} is {latency!r}; it must be a whole number of ns, at least 1. "
                f"Give latency_ns={{'*': 100_000}}."
            )
    return [latency for latency in latencies if latency is not None]
