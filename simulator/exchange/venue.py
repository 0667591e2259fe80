"""A venue: a SimPy process that moves through the day's phases and takes the orders of Python agents."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Sequence
from typing import Any, NamedTuple

from simulator.clock import MESSAGE, PHASE, Clock
from simulator.exchange.notice_board import NoticeBoard
from simulator.exchange.order_books import Exchange
from simulator.exchange.order_messages import ADD, CANCEL, REDUCE, Command, refusal
from simulator.flow import Flow
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import TradingDay
from simulator.notices import StatusReason
from simulator.records import CrossKind, OrderType, Phase, Reject

ON_OPEN = (OrderType.MARKET_ON_OPEN, OrderType.LIMIT_ON_OPEN)
FOR_A_CROSS = (*ON_OPEN, OrderType.MARKET_ON_CLOSE, OrderType.LIMIT_ON_CLOSE)


class Crossing(NamedTuple):
    """One cross that took place."""

    ts_ns: int
    symbol: int
    """Index into the universe."""
    venue: int
    kind: CrossKind
    price_ticks: int
    size: int


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
        clock.process(self._run())

    def _run(self) -> Generator[Any, Any, None]:
        """Through the phases of each day."""
        for day in self._days:
            for segment in day.segments:
                if segment.end_ns <= self._start_ns:
                    continue
                yield self._clock.at(max(segment.start_ns, self._start_ns), PHASE)
                self._day = day
                self._enter(segment.phase)

    def _enter(self, phase: Phase) -> None:
        if phase == Phase.OFF_HOURS and self._offsession == "none" and not self._offhours_quotes:
            phase = Phase.CLOSED
        self.phase = phase
        self.phases.append((self._clock.now, phase))
        trades = phase == Phase.CONTINUOUS or (self._offsession != "none" and phase not in (Phase.CLOSED, Phase.HALTED))
        for b in self.books:
            self._exchange.set_trading(b, trades)
            self._board.tell_phase(self._clock.now, b, phase, StatusReason.SESSION)
        for hear in self.on_phase:
            hear(self, self._clock.now)

    def cross(self, book: int, kind: CrossKind, reference_ticks: int) -> None:
        """Carry out the cross of one book now."""
        symbol = book // self._exchange.venues
        price, shares = self._exchange.cross(
            book, self._clock.now, kind, reference_ticks, kind.cond, self._flow.efficient_price(symbol)
        )  # fmt: skip
        if shares:
            self.crosses.append(Crossing(self._clock.now, self._exchange.symbols[symbol], self.index, kind, price, shares))
        self._clock.on_notification()

    def carry_out(self, command: Command) -> None:
        """A command has arrived."""
        owner, exchange, now = command.owner, self._exchange, self._clock.now
        efficient_price = self._flow.efficient_price(command.book // exchange.venues)
        if command.is_over_rate:
            answer = refusal(now, Reject.RATE_LIMIT)
        elif self.phase == Phase.CLOSED and command.verb != CANCEL:
            answer = refusal(now, Reject.CLOSED)
        elif command.verb == ADD:
            if command.kind in FOR_A_CROSS and not self._has_cross_for(command):
                answer = refusal(now, Reject.NO_CROSS)
            else:
                answer = exchange.submit(
                    command.book, now, command.side, command.kind, command.price_ticks, command.size, command.display, owner.number,
                    efficient_price,
                )  # fmt: skip
        else:
            order_id, slot = owner.resting(command.old_ref)
            if command.verb == CANCEL:
                answer = exchange.cancel(command.book, now, slot, order_id)
            elif command.verb == REDUCE:
                answer = exchange.reduce(command.book, now, slot, order_id, command.size)
            else:
                answer = exchange.replace(
                    command.book, now, slot, order_id, command.price_ticks, command.size, owner.number, efficient_price
                )  # fmt: skip
        owner.on_answer(command, answer, self.index, self.phase)
        self._clock.on_notification()
        if answer.executed:
            self._flow.on_agent_trade(command.book, now, int(owner.side_of(command.ref)), answer.executed)

    def _has_cross_for(self, command: Command) -> bool:
        """Whether the cross that an order is for is still to come today, in this book. (A halt ends with one for on-open orders.)"""
        if self.phase == Phase.HALTED and command.kind in ON_OPEN:
            return True
        day = self._day
        if day is None or not day.is_session or command.book not in self._listed:
            return False
        return self._clock.now < (day.open_ns if command.kind in ON_OPEN else day.close_ns)
