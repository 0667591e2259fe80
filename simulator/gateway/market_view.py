"""What one agent sees, each book as of what has reached it; and what it can wait for. Satisfies ``agents.MarketView``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat

from simulator.agents.interface import Imbalance, Message, OwnOrder, Quote, SipQuote, Status, Trade, Wait
from simulator.errors import AgentError
from simulator.exchange.notice_board import NO_STATUS, ImbalanceNotice, NoticeBoard, StatusNotice
from simulator.exchange.order_books import Exchange
from simulator.exchange.venue import Venue
from simulator.gateway.own_orders import OwnOrders
from simulator.gateway.reach import Reach, whole
from simulator.records import Phase, Side

SIDES = tuple(Side)


class LatentMarketView:
    """The past, by the agent's latency to each venue."""

    def __init__(self, reach: Reach, own: OwnOrders, exchange: Exchange, venues: Sequence[Venue], board: NoticeBoard) -> None:
        self.symbols = reach.symbols
        self.venues = reach.venues
        self._reach = reach
        self._clock = reach.clock
        self._number = reach.number
        self._latency_ns = reach.latency_ns
        self._own = own
        self._exchange = exchange
        self._venues = venues
        self._board = board
        self._listens_from: dict[int, int] = {}
        """By book: since when it gets imbalances."""

    @property
    def now_ns(self) -> int:
        return self._reach.now_ns

    # --- looking -----------------------------------------------------------------------------------------------------

    def best(self, symbol: str, venue: str) -> Quote:
        return self.quote_of(self._reach.find(symbol, venue))

    def depth(self, symbol: str, venue: str, side: Side, levels: int = 10) -> list[tuple[int, int]]:
        book = self._reach.find(symbol, venue)
        return self._exchange.levels_at(book, side, self._reach.seen_ns(book), levels)

    def nbbo(self, symbol: str) -> tuple[int, int]:
        quotes = [self.best(symbol, venue) for venue in self.venues]
        asks = [q.ask_ticks for q in quotes if q.ask_ticks]
        return max(q.bid_ticks for q in quotes), min(asks, default=0)

    def last_trade(self, symbol: str, venue: str) -> Trade | None:
        return self.trade_of(self._reach.find(symbol, venue))

    def last_trades(self, symbol: str, venue: str, count: int = 10) -> list[Trade]:
        book = self._reach.find(symbol, venue)
        rows = self._exchange.trades_at(book, self._reach.seen_ns(book), whole("count", count, 1))
        ts_ns, prices, sizes, sides = rows.T.tolist()
        trades = zip(ts_ns, prices, sizes, map(SIDES.__getitem__, sides), repeat(symbol), repeat(venue), strict=False)
        return [Trade._make(trade) for trade in trades]

    def phase(self, venue: str) -> Phase:
        v = self._reach.venue(venue)
        return self.phase_of(v)[1]

    def status(self, symbol: str, venue: str) -> Status:
        book = self._reach.find(symbol, venue)
        return Status(*self.status_of(book), *self._reach.named(book))

    def last_imbalance(self, symbol: str) -> Imbalance | None:
        book = self._listen(symbol)
        return self.imbalance_of(book)

    def sip(self, symbol: str) -> SipQuote:
        k = self._reach.symbol(symbol)
        heard_ns = self._reach.now_ns - self._latency_ns[self._reach.listings[k]]
        ts_ns, bid, bid_size, bid_venue, ask, ask_size, ask_venue = self._exchange.sip_at(k, heard_ns)
        names = (*self.venues, "")  # NOBODY is the last
        return SipQuote(ts_ns, bid, bid_size, names[bid_venue], ask, ask_size, names[ask_venue], symbol)

    def own_orders(self, symbol: str | None = None, venue: str | None = None) -> list[OwnOrder]:
        k = None if symbol is None else self._reach.symbol(symbol)
        v = None if venue is None else self._reach.venue(venue)
        return self._own.own_orders(k, v)

    def own_order(self, ref: int) -> OwnOrder | None:
        return self._own.own_order(ref)

    def position(self, symbol: str) -> int:
        self._reach.symbol(symbol)
        return self._own.position(symbol)

    def cash_ticks(self, symbol: str) -> int:
        self._reach.symbol(symbol)
        return self._own.cash_ticks(symbol)

    def read(self, *kinds: type) -> list[Message]:
        taken = []
        while (message := self._own.take(self._own.check_kinds(kinds))) is not None:
            taken.append(message)
        return taken

    # --- waiting -----------------------------------------------------------------------------------------------------

    def wait(self, ns: int) -> Wait:
        return Wait.made(self._number, self._clock.now + whole("ns", ns, 0))

    def until(self, ts_ns: int) -> Wait:
        return Wait.made(self._reach.number, max(whole("ts_ns", ts_ns), self._reach.now_ns))

    def message(self, *kinds: type, limit_ns: int | None = None) -> Wait:
        return Wait.made(self._reach.number, self._limit(limit_ns), kinds=self._own.check_kinds(kinds))

    def quote(self, symbol: str, venue: str | None = None, limit_ns: int | None = None) -> Wait:
        return Wait.made(self._reach.number, self._limit(limit_ns), quotes=self._reach.find_all(symbol, venue))

    def trade(self, symbol: str, venue: str | None = None, limit_ns: int | None = None) -> Wait:
        return Wait.made(self._reach.number, self._limit(limit_ns), trades=self._reach.find_all(symbol, venue))

    def phase_change(self, venue: str, limit_ns: int | None = None) -> Wait:
        return Wait.made(self._reach.number, self._limit(limit_ns), phases=(self._reach.venue(venue),))

    def status_change(self, symbol: str, venue: str | None = None, limit_ns: int | None = None) -> Wait:
        return Wait.made(self._reach.number, self._limit(limit_ns), statuses=self._reach.find_all(symbol, venue))

    def imbalance(self, symbol: str, limit_ns: int | None = None) -> Wait:
        return Wait.made(self._reach.number, self._limit(limit_ns), imbalances=(self._listen(symbol),))

    def any_of(self, *waits: Wait, limit_ns: int | None = None) -> Wait:
        for wait in waits:
            if type(wait) is not Wait or wait.owner != self._reach.number:
                raise AgentError(f"any_of takes what this agent's market.message(...), .quote(...) and so on return, got {wait!r}")
        if not waits and limit_ns is None:
            raise AgentError("any_of() without a wait would never end. Give it what to wait for, or a limit_ns")
        limits = [limit for limit in (self._limit(limit_ns), *(w.until_ns for w in waits)) if limit is not None]
        heard = [w.kinds for w in waits if w.kinds is not None]
        return Wait.made(
            self._reach.number,
            min(limits, default=None),
            None if not heard else () if () in heard else tuple(dict.fromkeys(kind for kinds in heard for kind in kinds)),
            tuple(dict.fromkeys(b for w in waits for b in w.quotes)),
            tuple(dict.fromkeys(b for w in waits for b in w.trades)),
            tuple(dict.fromkeys(v for w in waits for v in w.phases)),
            tuple(dict.fromkeys(b for w in waits for b in w.statuses)),
            tuple(dict.fromkeys(b for w in waits for b in w.imbalances)),
        )

    def _listen(self, symbol: str) -> int:
        """The book at the listing venue, whose imbalances the agent gets from now on at the latest."""
        k = self._reach.symbol(symbol)
        book = k * len(self.venues) + self._reach.listings[k]
        self._listens_from.setdefault(book, self._reach.now_ns)
        self._board.listeners.add(book)
        return book

    def _limit(self, limit_ns: int | None) -> int | None:
        return None if limit_ns is None else self._reach.now_ns + whole("limit_ns", limit_ns, 0)

    # --- by numbers, for the agent's process ----------------------------------------------------------------------------

    def quote_of(self, book: int) -> Quote:
        """The best levels of a book as they have reached the agent."""
        k, v = divmod(book, len(self.venues))
        seen = self._exchange.quote_at(book, self._clock.now - self._latency_ns[v])
        return Quote(*seen, self._reach.names[k], self.venues[v])

    def trade_of(self, book: int) -> Trade | None:
        """The last print of a book that has reached the agent."""
        row = self._exchange.trade_at(book, self._reach.seen_ns(book))
        return None if row is None else Trade(row[0], row[1], row[2], SIDES[row[3]], *self._reach.named(book))

    def phase_of(self, venue: int) -> tuple[int, Phase]:
        """(since, phase) of a venue as it has reached the agent."""
        seen_ns = self._reach.now_ns - self._reach.latency_ns[venue]
        return next((change for change in reversed(self._venues[venue].phases) if change[0] <= seen_ns), (0, Phase.CLOSED))

    def status_of(self, book: int) -> StatusNotice:
        """The status of a book as it has reached the agent."""
        statuses = self._board.statuses[book]
        seen_ns = self._reach.seen_ns(book)
        return next((status for status in reversed(statuses) if status.ts_ns <= seen_ns), NO_STATUS)

    def imbalance_of(self, book: int) -> Imbalance | None:
        """The last imbalance that has reached the agent, of those told since it listens."""
        from_ns, seen_ns = self._listens_from[book], self._reach.seen_ns(book)
        heard = (told for told in reversed(self._board.imbalances[book]) if from_ns <= told.ts_ns <= seen_ns)
        last = next(heard, None)
        return None if last is None else Imbalance(*last, *self._reach.named(book))

    def notices_of(self, book: int, *, imbalances: bool) -> Sequence[StatusNotice | ImbalanceNotice]:
        """All that the agent gets of a book, the newest first, whether or not it has reached it yet."""
        if not imbalances:
            return tuple(reversed(self._board.statuses[book]))
        return tuple(told for told in reversed(self._board.imbalances[book]) if told.ts_ns >= self._listens_from[book])
