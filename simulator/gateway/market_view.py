"""What one agent sees, each book as of what has reached it; and what it can wait for. Satisfies ``agents.MarketView``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat
from typing import Any

from simulator.agents.interface import Wait
from simulator.agents.messages import Message, OwnOrder, Quote, SipQuote, Trade
from simulator.errors import AgentError
from simulator.exchange.book_log import Prints, QuoteRows
from simulator.gateway.day_times import nanoseconds
from simulator.gateway.engine import Engine
from simulator.gateway.own_orders import OwnOrders
from simulator.gateway.past_trades import PastTrades
from simulator.gateway.reach import Reach, whole
from simulator.gateway.sip_stream import SipStream
from simulator.gateway.streams import Coming, NoticeStream, RowStream, Source, StreamPort
from simulator.gateway.subscriptions import IMBALANCES, STATUSES
from simulator.records import OrderType, Phase, Side
from simulator.tape.columns import ALL_ROWS, RING_ROWS
from simulator.venue_notices import NO_STATUS, Imbalance, Status

SIDES = tuple(Side)


class LatentMarketView:
    """The past, by the agent's latency to each venue."""

    def __init__(self, reach: Reach, own: OwnOrders, engine: Engine) -> None:
        self.symbols = reach.symbols
        self.venues = reach.venues
        self._reach = reach
        self._clock = reach.clock
        self._names = [reach.named(b) for b in range(len(engine.exchange.columns.facts))]
        self._number = reach.number
        self._venue_count = len(reach.venues)
        self._latency_ns = reach.latency_ns
        self._own = own
        self._exchange = engine.exchange
        facts = engine.exchange.columns.facts  # of which a number costs a third through a memoryview
        self._all_rows, self._todays_rows = facts[:, ALL_ROWS].data, facts[:, RING_ROWS].data
        self._ring_ts = engine.exchange.columns.ring_ts.data
        self._ring = engine.exchange.columns.ring_ts.shape[1]
        self._venues = engine.venues
        self._board = engine.board
        self._engine = engine
        self._streams: list[Source] = []
        past = PastTrades(reach, engine.tap.prints, engine.times.day_start_ns)
        self.trades, self.volume, self.vwap, self.bars, self.low_high = past.trades, past.volume, past.vwap, past.bars, past.low_high
        self.at = engine.times.at
        self._looked = [Quote(0, 0, 0, 0, 0)] * len(facts)
        """By book: its newest row, if a look of today has shown it."""
        self._looked_at = [-1] * len(facts)
        """By book: how many rows of the run there were then."""
        engine.tap.on_day.append(self._forget_looks)
        self._standing: dict[tuple[str, str | None], Wait] = {}
        """Waits for quotes without a limit, by symbol and venue."""
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

    def quotes(self, symbol: str) -> tuple[Quote, ...]:
        all_rows, looked, looked_at = self._all_rows, self._looked, self._looked_at
        try:
            books = self._reach.books[symbol, None]  # NOTE: this, and the beginning of quote_of, in line for speed
        except (KeyError, TypeError):
            books = self._reach.find_all(symbol, None)  # which says what is wrong
        return tuple([looked[b] if looked_at[b] == all_rows[b] else self.quote_of(b) for b in books])

    def shows_newest(self, book: int) -> bool:
        """Whether the newest row of a book has reached the agent, or there is none."""
        if self._looked_at[book] == self._all_rows[book]:
            return True
        made = self._todays_rows[book]
        return not made or self._ring_ts[book, (made - 1) % self._ring] <= self._clock.now - self._latency_ns[book % self._venue_count]

    def nbbo(self, symbol: str) -> tuple[int, int]:
        quotes = self.quotes(symbol)
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

    def previous_close(self, symbol: str) -> int:
        return self._engine.previous_close(self._reach.symbol(symbol))

    def cut_off_ns(self, symbol: str, type: OrderType) -> int | None:
        return self._engine.times.cut_off_ns(self.venues[self._reach.listings[self._reach.symbol(symbol)]], type)

    def phase(self, venue: str) -> Phase:
        v = self._reach.venue(venue)
        return self.phase_of(v)[1]

    def status(self, symbol: str, venue: str) -> Status:
        book = self._reach.find(symbol, venue)
        return self.status_of(book)

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

    def order(self, ref: int) -> OwnOrder:
        return self._own.order(ref)

    def queue_ahead(self, ref: int) -> int | None:
        return self._own.queue_ahead(ref)

    def record(self, name: str, value: float) -> None:
        if not isinstance(name, str) or not name:
            raise AgentError(f"gave name = {name!r} of a record; it must be text, not empty")
        if isinstance(value, bool) or not hasattr(value, "__float__") or not math.isfinite(number := float(value)):
            raise AgentError(f"gave value = {value!r} of the record {name!r}; it must be a finite number")
        self._own.ledger.records.append((self._clock.now, name, number))

    def position(self, symbol: str) -> int:
        self._reach.symbol(symbol)
        return self._own.position(symbol)

    def cash_ticks(self, symbol: str) -> int:
        self._reach.symbol(symbol)
        return self._own.cash_ticks(symbol)

    def read(self, *kinds: type) -> list[Message]:
        taken = []
        mailbox = self._own.mailbox
        while (message := mailbox.take(mailbox.check_kinds(kinds))) is not None:
            taken.append(message)
        return taken

    # --- waiting -----------------------------------------------------------------------------------------------------

    def wait(self, ns: int = 0, *, seconds: float = 0, minutes: float = 0) -> Wait:
        if seconds or minutes:
            ns = whole("ns", ns, 0) + nanoseconds(seconds, minutes)
        if type(ns) is not int or ns < 0:
            ns = whole("ns", ns, 0)
        return Wait.made(self._number, self._clock.now + ns)

    def until(self, ts_ns: int) -> Wait:
        return Wait.made(self._reach.number, max(whole("ts_ns", ts_ns), self._reach.now_ns))

    def message(self, *kinds: type, limit_ns: int | None = None) -> Wait:
        return Wait.made(self._reach.number, self._limit(limit_ns), kinds=self._own.mailbox.check_kinds(kinds))

    def quote(self, symbol: str, venue: str | None = None, limit_ns: int | None = None) -> Wait:
        if limit_ns is not None:
            return Wait.made(self._number, self._limit(limit_ns), quotes=self._reach.find_all(symbol, venue))
        try:
            return self._standing[symbol, venue]  # a wait holds nothing of the moment if it has no limit; for speed
        except (KeyError, TypeError):
            wait = Wait.made(self._number, None, quotes=self._reach.find_all(symbol, venue))
            return self._standing.setdefault((symbol, venue), wait)

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
            statuses=tuple(dict.fromkeys(b for w in waits for b in w.statuses)),
            imbalances=tuple(dict.fromkeys(b for w in waits for b in w.imbalances)),
            sips=tuple(dict.fromkeys(b for w in waits for b in w.sips)),
            streams=tuple(dict.fromkeys(n for w in waits for n in w.streams)),
        )

    # --- streams -----------------------------------------------------------------------------------------------------

    def trade_stream(self, symbol: str | None = None, venue: str | None = None) -> StreamPort:
        return self._open(self._rows(symbol, venue, self._engine.tap.prints), "trades")

    def quote_stream(self, symbol: str | None = None, venue: str | None = None) -> StreamPort:
        return self._open(self._rows(symbol, venue, self._engine.tap.quotes), "quotes")

    def status_stream(self, symbol: str | None = None, venue: str | None = None) -> StreamPort:
        return self._open(self._notices(self._books(symbol, venue), STATUSES), "statuses")

    def imbalance_stream(self, symbol: str | None = None) -> StreamPort:
        books = [self._listen(name) for name in (self.symbols if symbol is None else (symbol,))]
        return self._open(self._notices(books, IMBALANCES), "imbalances")

    def sip_stream(self, symbol: str | None = None) -> StreamPort:
        places = [self._reach.symbol(name) for name in (self.symbols if symbol is None else (symbol,))]
        stream = SipStream(self._reach, self._exchange, places)
        self._engine.tap.on_forget.append(stream.take)
        self._engine.tap.on_day.append(stream.start_day)
        return self._open(stream, "sips")

    def sip_latency_ns(self, book: int) -> int:
        """From a book's row until what the processor has made of it reaches the agent."""
        k, v = divmod(book, len(self.venues))
        return self._exchange.sip_delays_ns[v] + self._latency_ns[self._reach.listings[k]]

    def _rows(self, symbol: str | None, venue: str | None, kept: Prints | QuoteRows) -> RowStream:
        return RowStream(self._reach, self._books(symbol, venue), kept, self._exchange.columns.facts)

    def _notices(self, books: Sequence[int], kind: int) -> NoticeStream:
        def told(book: int, notice: Status | Imbalance) -> Status | Imbalance:
            symbol, venue = self._reach.named(book)
            return notice._replace(symbol=symbol, venue=venue)

        def last(book: int) -> Status | Imbalance:
            return told(book, (self._board.statuses if kind == STATUSES else self._board.imbalances)[book][-1])

        stream = NoticeStream(self._reach, books, self._engine.subscriptions, kind, last)
        for book in books:
            latency_ns, seen_ns = self._latency_ns[book % len(self.venues)], self._reach.seen_ns(book)
            notices = [notice for notice in self.notices_of(book, imbalances=kind == IMBALANCES) if notice.ts_ns > seen_ns]
            stream.take_down([Coming(notice.ts_ns + latency_ns, told(book, notice)) for notice in reversed(notices)])
        return stream

    def _books(self, symbol: str | None, venue: str | None) -> tuple[int, ...]:
        return tuple(b for name in (self.symbols if symbol is None else (symbol,)) for b in self._reach.find_all(name, venue))

    def _open(self, stream: Source, of: str) -> StreamPort:
        number = len(self._streams)
        self._streams.append(stream)
        books = {"trades": (), "quotes": (), "statuses": (), "imbalances": (), "sips": ()} | {of: stream.books}

        def made(until_ns: int | None) -> Wait:
            return Wait.made(
                self._number, until_ns, None, books["quotes"], books["trades"], (), statuses=books["statuses"],
                imbalances=books["imbalances"], sips=books["sips"], streams=(number,),
            )  # fmt: skip

        standing = made(None)

        def wait(limit_ns: int | None = None) -> Wait:
            return standing if limit_ns is None else made(self._limit(limit_ns))

        return StreamPort(stream.drain, wait)

    def drain(self, numbers: Sequence[int]) -> Any:
        """What has arrived in the first of these streams that has anything; None: in none."""
        for number in numbers:
            batch = self._streams[number].drain()
            if len(batch):
                return batch
        return None

    def _listen(self, symbol: str) -> int:
        """The book at the listing venue, whose imbalances the agent gets from now on at the latest."""
        k = self._reach.symbol(symbol)
        book = k * len(self.venues) + self._reach.listings[k]
        self._listens_from.setdefault(book, self._reach.now_ns)
        self._board.listeners.add(book)
        return book

    def _limit(self, limit_ns: int | None) -> int | None:
        return None if limit_ns is None else self._reach.now_ns + whole("limit_ns", limit_ns, 0)

    def _forget_looks(self) -> None:
        """A new day's books are empty."""
        self._looked_at = [-1] * len(self._looked)

    # --- by numbers, for the agent's process ----------------------------------------------------------------------------

    def quote_of(self, book: int) -> Quote:
        """The best levels of a book as they have reached the agent."""
        # NOTE: books change less often than fast agents look: a look that shows a book's newest row stays good until there is another
        # one; for speed (tests/bench/agents.py).
        made = self._all_rows[book]
        if self._looked_at[book] == made:
            return self._looked[book]
        today, seen_ns = self._todays_rows[book], self._clock.now - self._latency_ns[book % self._venue_count]
        newest = (today - 1) % self._ring
        is_newest = not today or self._ring_ts[book, newest] <= seen_ns
        seen = self._exchange.quote_in(book, newest) if is_newest and today else self._exchange.quote_at(book, seen_ns)
        quote = Quote._make(seen + self._names[book])
        if is_newest:
            self._looked[book], self._looked_at[book] = quote, made
        return quote

    def trade_of(self, book: int) -> Trade | None:
        """The last print of a book that has reached the agent."""
        row = self._exchange.trade_at(book, self._reach.seen_ns(book))
        return None if row is None else Trade(row[0], row[1], row[2], SIDES[row[3]], *self._reach.named(book))

    def phase_of(self, venue: int) -> tuple[int, Phase]:
        """(since, phase) of a venue as it has reached the agent."""
        seen_ns = self._reach.now_ns - self._reach.latency_ns[venue]
        return next((change for change in reversed(self._venues[venue].phases) if change[0] <= seen_ns), (0, Phase.CLOSED))

    def status_of(self, book: int) -> Status:
        """The status of a book as it has reached the agent."""
        statuses = self._board.statuses[book]
        seen_ns = self._reach.seen_ns(book)
        symbol, venue = self._reach.named(book)
        heard = next((status for status in reversed(statuses) if status.ts_ns <= seen_ns), NO_STATUS)
        return heard._replace(symbol=symbol, venue=venue)

    def imbalance_of(self, book: int) -> Imbalance | None:
        """The last imbalance that has reached the agent, of those told since it listens."""
        from_ns, seen_ns = self._listens_from[book], self._reach.seen_ns(book)
        heard = (told for told in reversed(self._board.imbalances[book]) if from_ns <= told.ts_ns <= seen_ns)
        last = next(heard, None)
        symbol, venue = self._reach.named(book)
        return None if last is None else last._replace(symbol=symbol, venue=venue)

    def notices_of(self, book: int, *, imbalances: bool) -> Sequence[Status | Imbalance]:
        """All that the agent gets of a book, the newest first, whether or not it has reached it yet."""
        if not imbalances:
            return tuple(reversed(self._board.statuses[book]))
        return tuple(told for told in reversed(self._board.imbalances[book]) if told.ts_ns >= self._listens_from[book])
