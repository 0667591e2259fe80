"""A venue: a SimPy process that moves through the day's phases and takes the orders of Python agents."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, NamedTuple, Protocol

from simulator.book.state import LAST_TS, NewOrder
from simulator.clock import MESSAGE, PHASE, Clock
from simulator.exchange.band_limits import FOR_A_CROSS
from simulator.exchange.held_orders import HeldOrders
from simulator.exchange.notice_board import NoticeBoard
from simulator.exchange.order_books import Exchange
from simulator.exchange.order_messages import ADD, CANCEL, REDUCE, Answer, Command, Lost, refusal
from simulator.exchange.self_trades import enter
from simulator.flow import Flow
from simulator.flow.hours import book_hours
from simulator.inputs.auction_rules import auction
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import TradingDay
from simulator.notices import StatusReason
from simulator.records import NS_PER_S, PRICE_TICKS_MAX, CrossKind, OrderType, Phase, Reject, Side

ON_OPEN = (OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN)
AT_MARKET = (OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE)


class Crossing(NamedTuple):
    """One cross that took place."""

    ts_ns: int
    symbol: int
    """Index into the universe."""
    venue: int
    kind: CrossKind
    price_ticks: int
    size: int


class AuctionDesk(Protocol):
    """Whoever runs the auctions of the venues' listings. Books are numbered as in the ``Exchange``."""

    def cross_ns(self, day: TradingDay, book: int, kind: CrossKind) -> int:
        """When the cross takes place at the book's listing venue."""

    def offsets(self, book: int, kind: CrossKind, side: Side) -> bool:
        """Whether an order of ``side`` is against the imbalance."""

    def late_bound_ticks(self, book: int, kind: CrossKind, side: Side) -> int:
        """The most aggressive limit of an order that comes late."""


class NoAuctions:
    """Crosses at the bell, and nothing is told of them."""

    def cross_ns(self, day: TradingDay, book: int, kind: CrossKind) -> int:
        return day.open_ns if kind == CrossKind.OPEN else day.close_ns

    def offsets(self, book: int, kind: CrossKind, side: Side) -> bool:
        return False

    def late_bound_ticks(self, book: int, kind: CrossKind, side: Side) -> int:
        return PRICE_TICKS_MAX if side == Side.BUY else 1


class Inbox:
    """Order messages on their way to the venues of a worker; at one instant they arrive by (agent's name, its sequence).

    One for all venues, because what an order does at one venue reaches the others through the flow's price.
    """

    def __init__(self, clock: Clock) -> None:
        self.venues: Sequence[Venue] = ()
        """Set by the market, once they are made."""
        self._clock = clock
        self._messages: list[Command] = []
        self._arrivals: set[int] = set()

    def send(self, command: Command) -> None:
        """It is carried out when it arrives, after phase changes and crosses of that instant."""
        heapq.heappush(self._messages, command)
        if command.arrival_ns not in self._arrivals:
            self._arrivals.add(command.arrival_ns)
            event = self._clock.at(command.arrival_ns, MESSAGE)
            assert event.callbacks is not None
            event.callbacks.append(self._arrive)

    def _arrive(self, _event: Any) -> None:
        now = self._clock.now
        self._arrivals.discard(now)
        while self._messages and self._messages[0].arrival_ns <= now:
            command = heapq.heappop(self._messages)
            self.venues[command.book % len(self.venues)].carry_out(command)


class Venue:
    """Owns the books of one venue: number ``index`` in the universe."""

    def __init__(
        self,
        index: int,
        clock: Clock,
        exchange: Exchange,
        flow: Flow,
        days: Sequence[TradingDay],
        scenario: Scenario,
        board: NoticeBoard,
    ) -> None:
        self.index = index
        self.name = scenario.universe.venues[index].name
        self.phase = Phase.CLOSED
        self.phases: list[tuple[int, Phase]] = []
        """(since, phase) of the run's changes, for agents who see them late."""
        self.crosses: list[Crossing] = []
        self.books = range(index, len(exchange.symbols) * exchange.venues, exchange.venues)
        self.on_phase: list[Any] = []
        """Called with (this venue, ts_ns) at each change."""
        self._clock = clock
        self._exchange = exchange
        self._flow = flow
        self._board = board
        self._days = days
        self._day: TradingDay | None = None
        universe = scenario.universe
        listings = [universe.listing_index(i) for i in exchange.symbols]
        self._listed = frozenset(k * exchange.venues + index for k, listing in enumerate(listings) if listing == index)
        """The books in which it holds crosses."""
        self._start_ns = scenario.start_ns
        self._offsession = scenario.offsession_trades
        self._offhours_quotes = scenario.offhours_quotes
        self._waits: dict[int, int] = {}
        """Books that trade again after their cross, and when that is: at the bell others open, or go over to the evening."""
        self._halted: dict[int, StatusReason] = {}
        """By book: why it is halted."""
        self._over: set[int] = set()
        """Books that are halted for the rest of the trading day."""
        self._shut: set[int] = set()
        """Books outside of the venue's hours for their symbols."""
        self._hours: dict[int, tuple[int, int]] = {}
        """By book: from when to when (ns) the venue has it today; whenever anything is open, where nothing is said."""
        self._hours_of = partial(book_hours, scenario)
        self._symbol_of = [exchange.symbols[b // exchange.venues] for b in self.books]
        self.on_shut: Callable[[int], None] = lambda book: None
        """Called with a book whose hours are over, when what stands in it is to end."""
        self.on_cross: list[Callable[[int, CrossKind], None]] = []
        """Called with (book, kind) after each cross."""
        self.held = HeldOrders(clock, exchange, flow)
        """Stop and pegged orders; the market gives all venues the same."""
        self.desk: AuctionDesk = NoAuctions()
        """Set by whoever runs the auctions, before anything happens."""
        clock.process(self._run())

    def _run(self) -> Generator[Any, Any, None]:
        """Through the phases of each day, and through the venue's hours."""
        for day in self._days:
            hours = {b: self._hours_of(day, i, self.index) for b, i in zip(self.books, self._symbol_of, strict=True)}
            of_day = {b: span for b, span in hours.items() if span is not None}
            changes = sorted({ts_ns for span in of_day.values() for ts_ns in span})
            for segment in day.segments:
                if segment.end_ns <= self._start_ns:
                    continue
                yield self._clock.at(max(segment.start_ns, self._start_ns), PHASE)
                self._day, self._hours = day, of_day
                self._enter(segment.phase)
                for ts_ns in (ts_ns for ts_ns in changes if self._clock.now < ts_ns < segment.end_ns):
                    yield self._clock.at(ts_ns, PHASE)
                    self._keep_hours()

    def _keep_hours(self) -> None:
        """Open and shut the books whose hours begin and end now."""
        before, self._shut = self._shut, self._shut_now()
        for b in sorted(before ^ self._shut):
            self._let_trade(b)
            if b in self._shut:
                self.on_shut(b)

    def _shut_now(self) -> set[int]:
        """Between the sessions' days nobody has hours: what is open then is open everywhere."""
        if self.phase in (Phase.OFF_HOURS, Phase.CLOSED):
            return set()
        return {b for b, (first_ns, last_ns) in self._hours.items() if not first_ns <= self._clock.now < last_ns}

    def _enter(self, phase: Phase) -> None:
        if phase == Phase.OFF_HOURS and self._offsession == "none" and not self._offhours_quotes:
            phase = Phase.CLOSED
        self.phase = phase
        self.phases.append((self._clock.now, phase))
        self._waits = self._coming_crosses()
        self._shut = self._shut_now()
        for b in self.books:
            self._let_trade(b)
        for hear in self.on_phase:
            hear(self, self._clock.now)

    def _coming_crosses(self) -> dict[int, int]:
        """The books whose cross belongs to the bell that has just rung, and is to come yet."""
        kind = {Phase.CONTINUOUS: CrossKind.OPEN, Phase.POST_CLOSE: CrossKind.CLOSE}.get(self.phase)
        if kind is None or self._day is None:
            return {}
        times = {b: self.desk.cross_ns(self._day, b, kind) for b in self._listed}
        return {b: ts_ns for b, ts_ns in times.items() if ts_ns > self._clock.now}

    def _let_trade(self, b: int, reason: StatusReason = StatusReason.SESSION) -> None:
        """As the venue's phase has it, unless the book is halted or waits for its cross."""
        phase = self.phase
        trades = phase == Phase.CONTINUOUS or (self._offsession != "none" and phase != Phase.CLOSED)
        self._exchange.set_trading(b, trades and b not in self._waits and b not in self._halted and b not in self._shut)
        self._board.tell_phase(self._clock.now, b, self.phase_of(b), self._halted.get(b, reason))

    def halt(self, book: int, reason: StatusReason, *, is_over: bool = False) -> None:
        """It trades no more, until ``resume`` or its day's end; orders that would not trade come in, and on-open ones for its reopening.

        ``is_over``: it has no cross until then either, and takes cancels only.
        """
        self._halted[book] = reason
        if is_over:
            self._over.add(book)
            self._waits.pop(book, None)
        self._let_trade(book)

    def resume(self, book: int) -> None:
        """It trades again, if the venue's phase has it."""
        self._over.discard(book)
        self._let_trade(book, self._halted.pop(book))

    def is_over(self, book: int) -> bool:
        """Whether its trading day has been ended: no cross is to come."""
        return book in self._over

    def phase_of(self, book: int) -> Phase:
        """The venue's; HALTED for a book that is; CLOSED outside of the venue's hours for the symbol, though before the opening cross of
        its own listing, for which it takes orders, that of the morning, as for one that waits for its cross."""
        if book in self._halted and self.phase != Phase.CLOSED:
            return Phase.HALTED
        if book in self._shut:
            return Phase.PRE_OPEN if self.phase == Phase.PRE_OPEN and book in self._listed else Phase.CLOSED
        return Phase.PRE_OPEN if book in self._waits and self.phase == Phase.CONTINUOUS else self.phase

    def cross(self, book: int, kind: CrossKind, reference_ticks: int) -> None:
        """Carry out the cross of one book now; a halted symbol does not open."""
        if book in self._over or (kind == CrossKind.OPEN and book in self._halted):
            self._waits.pop(book, None)
            return
        symbol = book // self._exchange.venues
        price, shares = self._exchange.cross(book, self._clock.now, kind, reference_ticks, self._flow.efficient_price(symbol))
        if shares:
            self.crosses.append(Crossing(self._clock.now, self._exchange.symbols[symbol], self.index, kind, price, shares))
            self._flow.on_cross(book, self._clock.now)
        if self._waits.pop(book, None) is not None:
            self._let_trade(book)
        self._clock.on_notification()
        for hear in self.on_cross:
            hear(book, kind)

    def carry_out(self, command: Command) -> None:
        """A command has arrived."""
        owner, now = command.owner, self._clock.now
        if command.is_over_rate:
            answer = refusal(now, Reject.RATE_LIMIT)
        elif command.verb != CANCEL and self._is_closed_to(command):
            answer = refusal(now, Reject.CLOSED)
        elif command.verb == ADD:
            answer = self._add(command)
        else:
            answer = self._change(command)
        owner.on_answer(command, answer, self.index, self.phase_of(command.book))
        self._clock.on_notification()
        if command.verb == ADD and command.held is not None and not answer.reject:
            self.held.keep(command)
        if answer.cut:
            last_ns = int(self._exchange.books.head[command.book, LAST_TS])
            owner.on_lost(max(answer.ts_ns, last_ns), command.ref, answer.cut, Lost.SELF_TRADE)
        if answer.executed:
            self._flow.on_agent_trade(command.book, now, int(owner.side_of(command.ref)), answer.executed, owner.number)

    def _is_closed_to(self, command: Command) -> bool:
        """Whether nothing but cancels comes in; before the hours of its own listings a venue takes what is for their opening cross."""
        if self.phase == Phase.CLOSED or command.book in self._over:
            return True
        return command.book in self._shut and not (command.kind in FOR_A_CROSS and command.book in self._listed)

    def _add(self, command: Command) -> Answer:
        if command.held is not None:
            return self.held.add(command)
        reason, price_ticks = Reject.NONE, command.price_ticks
        if command.kind in FOR_A_CROSS:
            reason, price_ticks = self._admit(command)
        if reason:
            return refusal(self._clock.now, reason)
        return self._submit(command, price_ticks)

    def _submit(self, command: Command, price_ticks: int, replaces: tuple[int, int] | None = None) -> Answer:
        """A new order, or one in the stead of another."""
        exchange, b, now = self._exchange, command.book, self._clock.now
        order, efficient_price = _order(command, price_ticks), self._flow.efficient_price(b // exchange.venues)
        if command.self_trade:
            return enter(exchange, b, now, order, command.owner, command.self_trade, efficient_price, replaces)
        if replaces is None:
            return exchange.submit(b, now, order, efficient_price)
        return exchange.replace(b, now, replaces, order, efficient_price)

    def _change(self, command: Command) -> Answer:
        """A cancel, reduce or replace."""
        owner, exchange, now = command.owner, self._exchange, self._clock.now
        if command.held is not None and (order := self.held.find(owner, command.old_ref)) is not None:
            if command.verb not in (CANCEL, REDUCE):
                return refusal(now, Reject.HELD)
            return self.held.take_off(order, owner.left_of(command.old_ref) if command.verb == CANCEL else command.size)
        if command.verb in (CANCEL, REDUCE) and command.kind in FOR_A_CROSS and self._is_frozen(command):
            return refusal(now, Reject.CUT_OFF)
        resting = owner.resting(command.old_ref)
        if command.verb == CANCEL:
            return exchange.cancel(command.book, now, resting)
        if command.verb == REDUCE:
            return exchange.reduce(command.book, now, resting, command.size)
        return self._submit(command, command.price_ticks, resting)

    def _admit(self, command: Command) -> tuple[Reject, int]:
        """Whether an order for a cross may come now, and with which limit. (A halt ends with a cross for on-open orders.)"""
        if command.kind in ON_OPEN and command.book in self._halted and command.book in self._listed:
            return Reject.NONE, command.price_ticks
        day, kind, now = self._day, _cross_of(command.kind), self._clock.now
        if day is None or not day.is_session or command.book not in self._listed or now >= self.desk.cross_ns(day, command.book, kind):
            return Reject.NO_CROSS, 0
        rules, since_bell_ns = auction(self.name, kind), now - (day.open_ns if kind == CrossKind.OPEN else day.close_ns)
        is_at_market = command.kind in AT_MARKET
        if since_bell_ns >= NS_PER_S * (rules.at_market_until_s if is_at_market else rules.limit_until_s):
            offsets = since_bell_ns < NS_PER_S * rules.offsetting_until_s and self.desk.offsets(command.book, kind, command.side)
            return Reject.NONE if offsets else Reject.CUT_OFF, command.price_ticks
        if is_at_market or since_bell_ns < NS_PER_S * rules.is_late_from_s or command.price_ticks < 1:
            return Reject.NONE, command.price_ticks
        bound = self.desk.late_bound_ticks(command.book, kind, command.side)
        return Reject.NONE, (min if command.side == Side.BUY else max)(command.price_ticks, bound)

    def _is_frozen(self, command: Command) -> bool:
        """Whether it is too late to cancel or reduce an order for a cross."""
        day, kind = self._day, _cross_of(command.kind)
        is_here = command.book in self._listed and command.owner.resting(command.old_ref)[0] != 0
        if day is None or not day.is_session or not is_here or (kind == CrossKind.OPEN and command.book in self._halted):
            return False
        bell_ns = day.open_ns if kind == CrossKind.OPEN else day.close_ns
        return self._clock.now >= bell_ns + NS_PER_S * auction(self.name, kind).cancel_until_s


def _cross_of(kind: OrderType) -> CrossKind:
    return CrossKind.OPEN if kind in ON_OPEN else CrossKind.CLOSE


def _order(command: Command, price_ticks: int) -> NewOrder:
    """What a command to add or to replace puts into a book."""
    return NewOrder(command.side, price_ticks, command.size, command.display, command.kind, command.owner.number)
