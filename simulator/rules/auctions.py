"""``Auctions``: when each symbol crosses at its listing venue, what the venue tells of it before, and the price it is held against."""

from __future__ import annotations

import datetime as dt
from collections.abc import Generator, Iterator, Sequence
from typing import Any

from simulator.agents.auction_crosser import Cross, auction_crosser
from simulator.clock import CROSS, NOTICE, Clock
from simulator.exchange.imbalances import tell
from simulator.exchange.notice_board import NoticeBoard
from simulator.exchange.order_books import Exchange, dollars_to_ticks
from simulator.exchange.venue import Venue
from simulator.flow import Flow
from simulator.inputs.auction_rules import ALWAYS_S, Information, Told, auction, information_times
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import TradingDay
from simulator.records import NS_PER_MS, NS_PER_S, CrossKind, Side
from simulator.rng import of_symbol, stream
from simulator.venue_notices import Imbalance

REOPENS_WITHIN_NS = 300 * NS_PER_MS
SESSION_CROSSES = (CrossKind.OPEN, CrossKind.CLOSE)


class Auctions:
    """A worker's, of all its symbols: two processes in the clock, one for the crosses and one for what is told of them."""

    def __init__(
        self, clock: Clock, exchange: Exchange, flow: Flow, venues: Sequence[Venue], days: Sequence[TradingDay], scenario: Scenario,
        board: NoticeBoard,
    ) -> None:  # fmt: skip
        self._clock = clock
        self._exchange = exchange
        self._flow = flow
        self._venues = venues
        self._board = board
        self._scenario = scenario
        self._days = [day for day in days if day.is_session]
        universe = scenario.universe
        self._symbols = [universe.symbols[i] for i in exchange.symbols]
        self._listings = [universe.listing_index(i) for i in exchange.symbols]
        self._cross_times: dict[tuple[int, int], int] = {}
        """By bell and symbol, those that have been asked for."""
        self._late_reference: dict[tuple[int, CrossKind], int] = {}
        """By book and cross: the reference price when late orders began."""
        for venue in venues:
            venue.desk = self
        clock.process(auction_crosser(self._to_come(), lambda ts_ns: clock.at(ts_ns, CROSS), self._call))
        if board.has_imbalances or scenario.agents:
            clock.process(self._inform())

    def crosses(self, day: TradingDay) -> list[Cross]:
        """Those of a day, in order of time."""
        found = []
        for kind in SESSION_CROSSES:
            found += [Cross(self._cross_ns(day, k, kind), k, kind) for k in range(len(self._symbols))]
        return sorted(found)

    def cross_ns(self, day: TradingDay, book: int, kind: CrossKind) -> int:
        """When the cross takes place at the book's listing venue; for the venues."""
        return self._cross_ns(day, book // self._exchange.venues, kind)

    def _cross_ns(self, day: TradingDay, k: int, kind: CrossKind) -> int:
        bell_ns, symbol = bell_of(day, kind), self._symbols[k]
        if (bell_ns, k) not in self._cross_times:
            self._cross_times[bell_ns, k] = bell_ns + cross_delay_ns(self._scenario.seed, day.date, symbol.name, symbol.listing, kind)
        return self._cross_times[bell_ns, k]

    def _to_come(self) -> Iterator[Cross]:
        """All of the run."""
        for day in self._days:
            yield from (cross for cross in self.crosses(day) if cross.ts_ns >= self._scenario.start_ns)

    def _call(self, k: int, kind: CrossKind) -> None:
        v = self._listings[k]
        self._venues[v].cross(k * self._exchange.venues + v, kind, self.reference_ticks(k))

    def reference_ticks(self, k: int) -> int:
        """The midpoint at the listing venue, else at another, else the efficient price, else the bracket's close."""
        venues, listing = self._exchange.venues, self._listings[k]
        for v in [listing, *(v for v in range(venues) if v != listing)]:
            bid, ask = self._exchange.best_now(k * venues + v)
            if bid and ask:
                return (bid + ask) // 2
        price = self._flow.efficient_price(k) or self._scenario.prices[self._symbols[k].name].close
        return max(1, dollars_to_ticks(price, self._symbols[k].tick_units))

    # --- what is told --------------------------------------------------------------------------------------------------

    def _inform(self) -> Generator[Any, Any, None]:
        """Imbalances, at the venues' own times, after the messages of that instant."""
        run = self._scenario.start_ns, self._scenario.end_ns
        for day in self._days:
            cross_ns = {(k, kind): ts_ns for ts_ns, k, kind in self.crosses(day)}
            told = []
            for v in sorted(set(self._listings)):
                name = self._venues[v].name
                late_ns = int(stream(self._scenario.seed, day.date.isoformat(), "cross", name).integers(NS_PER_MS // 10, 3 * NS_PER_MS))
                for kind in SESSION_CROSSES:
                    bell_ns = bell_of(day, kind)
                    last_ns = max(cross_ns[k, kind] for k, listing in enumerate(self._listings) if listing == v)
                    told += [(each, v) for each in information_times(name, kind, bell_ns, last_ns, late_ns, run)]
                    if (from_s := auction(name, kind).is_late_from_s) < ALWAYS_S:
                        told.append((Told(bell_ns + from_s * NS_PER_S, kind, None), v))
            for (ts_ns, kind, rule), v in sorted(told, key=lambda each: (each[0].ts_ns, each[1])):
                if ts_ns < self._scenario.start_ns:
                    continue
                yield self._clock.at(ts_ns, NOTICE)
                for k in (k for k, listing in enumerate(self._listings) if listing == v):
                    self._tell(k, kind, rule, is_over=ts_ns >= cross_ns[k, kind])

    def _tell(self, k: int, kind: CrossKind, rule: Information | None, *, is_over: bool) -> None:
        """One symbol's message, if anybody wants it; without a rule its reference price for late orders."""
        book = k * self._exchange.venues + self._listings[k]
        if rule is None:
            self._late_reference[book, kind] = self.imbalance(k, kind).reference_ticks
        elif is_over or self._venues[self._listings[k]].is_over(book):
            return
        elif self._board.has_imbalances or book in self._board.listeners:
            notice = self.imbalance(k, kind, is_full=rule.is_full)
            if not (rule.if_changed and self._is_known(book, notice)):
                self._board.tell_imbalance(book, notice)

    def imbalance(self, k: int, kind: CrossKind, *, is_full: bool = True) -> Imbalance:
        """What the listing venue would tell now of the symbol's cross."""
        book = k * self._exchange.venues + self._listings[k]
        quote = self._exchange.best_now(book)
        return tell(self._exchange.books, book, self._clock.now, kind, quote, self.reference_ticks(k), is_full=is_full)

    def would_cross_at(self, k: int, kind: CrossKind) -> int:
        """The price in ticks of a cross of the symbol now, 0 if nothing would trade."""
        book = k * self._exchange.venues + self._listings[k]
        return self._exchange.indicative(book, kind, self.reference_ticks(k)).price_ticks

    def reopening_delay_ns(self, k: int) -> int:
        """From the end of a halt that begins now to the symbol's cross: of seed, symbol and time alone."""
        name, now = self._symbols[k].name, self._clock.now
        return int(stream(self._scenario.seed, of_symbol(name), "halt", now).integers(NS_PER_MS, REOPENS_WITHIN_NS))

    def offsets(self, book: int, kind: CrossKind, side: Side) -> bool:
        """Whether an order of ``side`` is against the imbalance as it is now; for the venues."""
        imbalance = self.imbalance(book // self._exchange.venues, kind)
        return imbalance.side is not None and imbalance.side != side

    def late_bound_ticks(self, book: int, kind: CrossKind, side: Side) -> int:
        """The most aggressive limit of a late order: the reference price of the cut-off, or, where it counts, the previous close."""
        k, v = divmod(book, self._exchange.venues)
        reference = self._late_reference.get((book, kind)) or self.imbalance(k, kind).reference_ticks  # a run may start after the cut-off
        if not auction(self._venues[v].name, kind).late_counts_close:
            return reference
        symbol, i = self._symbols[k], self._exchange.symbols[k]
        closes = [cross.price_ticks for cross in self._venues[v].crosses if cross.symbol == i and cross.kind == CrossKind.CLOSE]
        close = closes[-1] if closes else dollars_to_ticks(self._scenario.prices[symbol.name].close, symbol.tick_units)
        return (max if side == Side.BUY else min)(reference, close)

    def _is_known(self, book: int, notice: Imbalance) -> bool:
        """Whether it says what the last one said; while nothing waits for the cross, its reference price does not count."""
        past = self._board.imbalances[book]
        fields = slice(1, None if notice.paired or notice.imbalance else 5)
        return bool(past) and past[-1][fields] == notice[fields]


def cross_delay_ns(seed: int, date: dt.date, symbol: str, venue: str, kind: CrossKind) -> int:
    """From the bell to the symbol's cross at its listing ``venue``: of these alone, and never a whole number of milliseconds."""
    least_ns, median_ns, sigma, most_ns = auction(venue, kind).delay
    drawn = stream(seed, date.isoformat(), of_symbol(symbol), "cross", kind.name).lognormal(0.0, sigma)
    delay_ns = min(max(int(median_ns * drawn), least_ns), most_ns)
    rest_ns = int(stream(seed, date.isoformat(), of_symbol(symbol), "cross ns", kind.name).integers(1, NS_PER_MS))
    return delay_ns - delay_ns % NS_PER_MS + rest_ns


def bell_of(day: TradingDay, kind: CrossKind) -> int:
    """The open or the close."""
    return day.open_ns if kind == CrossKind.OPEN else day.close_ns
