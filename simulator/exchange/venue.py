"""A venue: a SimPy process that moves through the day's phases and takes the orders of Python agents."""

from __future__ import annotations

import heapq
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.clock import MESSAGE, PHASE, Clock
from simulator.exchange.order_books import Exchange
from simulator.exchange.order_messages import Answer
from simulator.flow import Flow
from simulator.inputs.config import Scenario
from simulator.inputs.sessions import TradingDay
from simulator.records import Cond, CrossKind, OrderType, Phase, Reject, Side

if TYPE_CHECKING:
    from simulator.gateway.desk import Desk

ADD, CANCEL, REDUCE, REPLACE = range(4)


class Command(NamedTuple):
    """An order message on its way to a venue; sorted by (arrival, agent's name, the agent's own sequence)."""

    arrival_ns: int
    agent: str
    sequence: int
    what: int
    desk: Desk
    book: int
    ref: int
    old_ref: int
    """The order that a cancel, reduce or replace is about."""
    side: Side
    kind: OrderType
    price_ticks: int
    size: int
    display: int
    floods: bool
    """Whether it is one too many for its second."""


class Crossing(NamedTuple):
    """One cross that took place."""

    ts_ns: int
    symbol: int
    """Index into the universe."""
    venue: int
    kind: CrossKind
    price_ticks: int
    size: int


class Post:
    """Order messages on their way to the venues of a worker; at one instant they arrive by (agent's name, its sequence).

    One for all venues, because what an order does at one venue reaches the others through the flow's price.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._letters: list[tuple[Command, Venue]] = []
        self._arrivals: set[int] = set()

    def send(self, command: Command, venue: Venue) -> None:
        """It is carried out when it arrives, after phase changes and crosses of that instant."""
        heapq.heappush(self._letters, (command, venue))
        if command.arrival_ns not in self._arrivals:
            self._arrivals.add(command.arrival_ns)
            event = self._clock.at(command.arrival_ns, MESSAGE)
            assert event.callbacks is not None
            event.callbacks.append(self._arrive)

    def _arrive(self, _event: Any) -> None:
        now = self._clock.now
        self._arrivals.discard(now)
        while self._letters and self._letters[0][0].arrival_ns <= now:
            command, venue = heapq.heappop(self._letters)
            venue.carry_out(command)


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
        post: Post,
    ) -> None:
        self.index = index
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
        self._days = days
        self._start_ns = scenario.start_ns
        self._offsession = scenario.offsession_trades
        self._offhours_quotes = scenario.offhours_quotes
        self._post = post
        clock.process(self._run())

    def _run(self) -> Generator[Any, Any, None]:
        """Through the phases of each day."""
        for day in self._days:
            for segment in day.segments:
                if segment.end_ns <= self._start_ns:
                    continue
                yield self._clock.at(max(segment.start_ns, self._start_ns), PHASE)
                self._enter(segment.phase)

    def _enter(self, phase: Phase) -> None:
        if phase == Phase.OFF_HOURS and self._offsession == "none" and not self._offhours_quotes:
            phase = Phase.CLOSED
        self.phase = phase
        self.phases.append((self._clock.now, phase))
        trades = phase == Phase.CONTINUOUS or (self._offsession != "none" and phase not in (Phase.CLOSED, Phase.HALTED))
        for b in self.books:
            self._exchange.set_trading(b, trades)
        for hear in self.on_phase:
            hear(self, self._clock.now)

    def cross(self, book: int, kind: CrossKind, reference_ticks: int) -> None:
        """Carry out the cross of one book now."""
        cond = {CrossKind.OPEN: Cond.OPEN, CrossKind.CLOSE: Cond.CLOSE, CrossKind.RESUME: Cond.HALT_RESUME}[kind]
        symbol = book // self._exchange.venues
        price, shares = self._exchange.cross(
            book, self._clock.now, kind, reference_ticks, cond, self._flow.efficient_price(symbol)
        )  # fmt: skip
        if shares:
            self.crosses.append(Crossing(self._clock.now, self._exchange.symbols[symbol], self.index, kind, price, shares))
        self._clock.on_notification()

    def receive(self, command: Command) -> None:
        """A command is on its way."""
        self._post.send(command, self)

    def carry_out(self, command: Command) -> None:
        """A command has arrived."""
        desk, exchange, now = command.desk, self._exchange, self._clock.now
        efficient_price = self._flow.efficient_price(command.book // exchange.venues)
        if command.floods:
            answer = Answer(now, Reject.RATE_LIMIT, 0, 0, 0, 0)
        elif self.phase == Phase.CLOSED and command.what != CANCEL:
            answer = Answer(now, Reject.CLOSED, 0, 0, 0, 0)
        elif command.what == ADD:
            answer = exchange.submit(
                command.book,
                now,
                command.side,
                command.kind,
                command.price_ticks,
                command.size,
                command.display,
                desk.owner,
                efficient_price,
            )
        else:
            order_id, slot = desk.resting(command.old_ref)
            if command.what == CANCEL:
                answer = exchange.cancel(command.book, now, slot, order_id)
            elif command.what == REDUCE:
                answer = exchange.reduce(command.book, now, slot, order_id, command.size)
            else:
                answer = exchange.replace(command.book, now, slot, order_id, command.price_ticks, command.size, desk.owner, efficient_price)
        desk.answered(command, answer, self)
        self._clock.on_notification()
        if answer.executed:
            self._flow.on_agent_trade(command.book, now, int(desk.side_of(command.ref)), answer.executed)
