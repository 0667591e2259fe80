"""A desk: what stands between one Python agent and the market. It runs the agent as a SimPy process and carries its messages.

The desk satisfies ``agents.MarketView`` and ``agents.OrderEntry``; the agent gets nothing else.
"""

from __future__ import annotations

import heapq
import linecache
import traceback
from collections import deque
from collections.abc import Generator, Mapping, Sequence
from difflib import get_close_matches
from types import GeneratorType
from typing import Any, get_args

import numpy as np
from simpy.events import Event

from simulator.agents.interface import Accepted, Cancelled, Expired, Fill, Message, Rejected, Wait
from simulator.clock import Clock
from simulator.columns import NOTE_FILL, WATCH_QUOTES, WATCH_TRADES
from simulator.config import AgentSpec
from simulator.errors import AgentError, MarketSimError
from simulator.exchange import Answer, Exchange, Quote
from simulator.records import OrderType, Phase, Side
from simulator.venue import ADD, CANCEL, REDUCE, REPLACE, Command, Venue

WAKES_AT_ONE_INSTANT_MAX = 1_000_000


class Order:
    """What a desk knows of one order that it sent."""

    __slots__ = ("book", "left", "order_id", "side", "slot")

    def __init__(self, book: int, side: Side, size: int) -> None:
        self.book = book
        self.side = side
        self.left = size
        self.order_id = 0
        self.slot = 0


class Desk:
    """One agent's view, order entry and process."""

    def __init__(
        self, spec: AgentSpec, owner: int, clock: Clock, exchange: Exchange, venues: Sequence[Venue], rng: np.random.Generator,
        symbol_names: Sequence[str], venue_names: Sequence[str],
    ) -> None:  # fmt: skip
        """``owner``: the agent's number in the books. ``symbol_names``: of the worker's symbols, in the order of its books."""
        self.spec = spec
        self.owner = owner
        self.symbols = tuple(s for s in symbol_names if not spec.symbols or s in spec.symbols)
        self.venues = tuple(venue_names)
        self._clock = clock
        self._exchange = exchange
        self._venues = venues
        self._latency = _latencies(spec, venue_names)
        self._symbol_place = {name: k for k, name in enumerate(symbol_names) if name in self.symbols}
        self._venue_place = {name: v for v, name in enumerate(venue_names)}
        self._names = tuple(symbol_names)
        self._orders: dict[int, Order] = {}
        self._refs: dict[tuple[int, int], int] = {}
        self._sent = 0
        self._heard = 0
        self._on_the_way: list[tuple[int, int, int, Message]] = []
        self._unread: dict[type, deque[tuple[int, Message]]] = {kind: deque() for kind in get_args(Message)}
        """By kind, with the order of arrival: an agent may leave any number of one kind unread and wait for another."""
        self._arrived = 0
        self._position = dict.fromkeys(self.symbols, 0)
        self._cash_ticks = dict.fromkeys(self.symbols, 0)
        self._waiting: Wait | None = None
        self._wake: Event | None = None
        self._wakes = 0
        self._wakes_at = -1
        self._line = ""
        agent = self._guard(lambda: spec.make(self, self, rng, **spec.arguments))
        if not isinstance(agent, GeneratorType):
            raise AgentError(
                f"Agent {spec.name!r}: {spec.make!r} must be a generator function (with yield in it), but it returned "
                f"{type(agent).__name__}. Yield what the agent waits for, for example market.wait(1_000_000_000)."
            )
        self._agent: GeneratorType[Wait, Any, Any] = agent
        clock.process(self._run())

    # --- looking -------------------------------------------------------------------------------------------------

    @property
    def now_ns(self) -> int:
        return self._clock.now

    def best(self, symbol: str, venue: str) -> Quote:
        book, latency = self._find(symbol, venue)
        return self._exchange.quote_at(book, self._clock.now - latency)

    def depth(self, symbol: str, venue: str, side: Side, levels: int = 10) -> list[tuple[int, int]]:
        book, latency = self._find(symbol, venue)
        return self._exchange.levels_at(book, side, self._clock.now - latency, levels)

    def nbbo(self, symbol: str) -> tuple[int, int]:
        quotes = [self.best(symbol, venue) for venue in self.venues]
        asks = [q.ask_ticks for q in quotes if q.ask_ticks]
        return max(q.bid_ticks for q in quotes), min(asks, default=0)

    def last_trade(self, symbol: str, venue: str) -> tuple[int, int, int, Side] | None:
        book, latency = self._find(symbol, venue)
        row = self._exchange.trade_at(book, self._clock.now - latency)
        return None if row is None else (row[0], row[1], row[2], Side(row[3]))

    def phase(self, venue: str) -> Phase:
        v = self._venue(venue)
        seen = self._clock.now - self._latency[v]
        return next((phase for since, phase in reversed(self._venues[v].phases) if since <= seen), Phase.CLOSED)

    def position(self, symbol: str) -> int:
        self._symbol(symbol)
        return self._position[symbol]

    def cash_ticks(self, symbol: str) -> int:
        self._symbol(symbol)
        return self._cash_ticks[symbol]

    # --- waiting -------------------------------------------------------------------------------------------------

    def wait(self, ns: int) -> Wait:
        return Wait("time", self._clock.now + self._whole("wait(ns)", ns, 0))

    def until(self, ts_ns: int) -> Wait:
        return Wait("time", self._whole("until(ts_ns)", ts_ns, self._clock.now))

    def message(self, *kinds: type, limit_ns: int = -1) -> Wait:
        return Wait("message", self._limit(limit_ns), kinds)

    def quote(self, symbol: str, venue: str, limit_ns: int = -1) -> Wait:
        return Wait("quote", self._limit(limit_ns), (), self._find(symbol, venue)[0], self._venue(venue))

    def trade(self, symbol: str, venue: str, limit_ns: int = -1) -> Wait:
        return Wait("trade", self._limit(limit_ns), (), self._find(symbol, venue)[0], self._venue(venue))

    def phase_change(self, venue: str, limit_ns: int = -1) -> Wait:
        return Wait("phase", self._limit(limit_ns), (), -1, self._venue(venue))

    # --- acting --------------------------------------------------------------------------------------------------

    def buy(
        self, symbol: str, venue: str, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None
    ) -> int:
        return self._add(Side.BUY, symbol, venue, price_ticks, size, type, display)

    def sell(
        self, symbol: str, venue: str, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None
    ) -> int:
        return self._add(Side.SELL, symbol, venue, price_ticks, size, type, display)

    def cancel(self, ref: int) -> None:
        order = self._own(ref)
        self._send(CANCEL, order.book, ref, ref, order.side, OrderType.LIMIT, 0, 0, 0)

    def reduce(self, ref: int, size: int) -> None:
        order = self._own(ref)
        self._send(REDUCE, order.book, ref, ref, order.side, OrderType.LIMIT, 0, self._whole("size", size, None), 0)

    def replace(self, ref: int, price_ticks: int, size: int) -> int:
        order = self._own(ref)
        self._whole("price_ticks", price_ticks, None)
        self._whole("size", size, None)
        new_ref = len(self._orders) + 1
        self._orders[new_ref] = Order(order.book, order.side, size)
        self._send(REPLACE, order.book, new_ref, ref, order.side, OrderType.LIMIT, price_ticks, size, size)
        return new_ref

    def _add(self, side: Side, symbol: str, venue: str, price_ticks: int, size: int, kind: OrderType, display: int | None) -> int:
        book, _ = self._find(symbol, venue)
        self._whole("price_ticks", price_ticks, None)
        self._whole("size", size, None)
        shown = size if display is None else self._whole("display", display, None)
        ref = len(self._orders) + 1
        self._orders[ref] = Order(book, side, size)
        self._send(ADD, book, ref, ref, side, OrderType(kind), price_ticks, size, shown)
        return ref

    def _send(
        self, what: int, book: int, ref: int, old_ref: int, side: Side, kind: OrderType, price_ticks: int, size: int, display: int
    ) -> None:
        self._sent += 1
        v = book % self._exchange.venues
        arrival_ns = self._clock.now + self._latency[v]
        self._venues[v].receive(
            Command(arrival_ns, self.spec.name, self._sent, what, self, book, ref, old_ref, side, kind, price_ticks, size, display)
        )

    # --- what the venues and the market tell -----------------------------------------------------------------------

    def resting(self, ref: int) -> tuple[int, int]:
        """(order id, slot) of an order as its venue knows it now."""
        order = self._orders[ref]
        return order.order_id, order.slot

    def side_of(self, ref: int) -> Side:
        return self._orders[ref].side

    def answered(self, command: Command, answer: Answer, venue: Venue) -> None:
        """A venue has carried out, or refused, a command."""
        v = venue.index
        if answer.reject:
            self._deliver(v, Rejected(answer.ts_ns, command.ref, answer.reject, venue.phase))
            return
        if command.what in (ADD, REPLACE):
            order = self._orders[command.ref]
            order.order_id, order.slot = answer.order_id, answer.slot
            self._refs[command.book, answer.order_id] = command.ref
            if command.what == REPLACE:
                self._close(command.old_ref)
            self._deliver(v, Accepted(answer.ts_ns, command.ref))
        else:
            self._deliver(v, Cancelled(answer.ts_ns, command.ref, answer.taken_off))
            self._take_off(command.ref, answer.taken_off)

    def traded(self, kind: int, ts_ns: int, book: int, order_id: int, price_ticks: int, size: int) -> None:
        """An order of this agent was filled, or what was left of it expired."""
        ref = self._refs.get((book, order_id))
        if ref is None:
            return
        k, v = divmod(book, self._exchange.venues)
        if kind == NOTE_FILL:
            self._deliver(v, Fill(ts_ns, ref, self._names[k], self.venues[v], self._orders[ref].side, price_ticks, size))
        else:
            self._deliver(v, Expired(ts_ns, ref, size))
        self._take_off(ref, size)

    def _take_off(self, ref: int, size: int) -> None:
        order = self._orders[ref]
        order.left -= size
        if order.left <= 0:
            self._close(ref)

    def _close(self, ref: int) -> None:
        """The order is gone: its number may become another's on another day."""
        order = self._orders[ref]
        self._refs.pop((order.book, order.order_id), None)
        order.left = order.order_id = 0

    def watching(self, kind: str, index: int) -> bool:
        """Whether the agent waits for a quote or trade of this book, or a phase of this venue."""
        waiting = self._waiting
        return waiting is not None and waiting.kind == kind and index == (waiting.venue if kind == "phase" else waiting.book)

    def happened(self, ts_ns: int, venue: int) -> None:
        """What the agent watches has happened; it hears of it after its latency."""
        wake = self._wake
        event = self._clock.at(ts_ns + self._latency[venue])
        assert event.callbacks is not None
        event.callbacks.append(lambda _: self._awaken(wake, True))

    def _deliver(self, venue: int, message: Message) -> None:
        arrival_ns = message.ts_ns + self._latency[venue]
        self._heard += 1
        heapq.heappush(self._on_the_way, (arrival_ns, venue, self._heard, message))
        event = self._clock.at(arrival_ns)
        assert event.callbacks is not None
        event.callbacks.append(self._arrive)

    def _arrive(self, _event: Event) -> None:
        while self._on_the_way and self._on_the_way[0][0] <= self._clock.now:
            message = heapq.heappop(self._on_the_way)[3]
            if isinstance(message, Fill):
                sign = 1 if message.side == Side.BUY else -1
                self._position[message.symbol] += sign * message.size
                self._cash_ticks[message.symbol] -= sign * message.size * message.price_ticks
            self._arrived += 1
            self._unread[type(message)].append((self._arrived, message))
        if self._waiting is not None and self._waiting.kind == "message":
            found = self._read(self._waiting.messages)
            if found is not None:
                self._awaken(self._wake, found)

    def _read(self, kinds: tuple[type, ...]) -> Message | None:
        """The oldest unread message of these kinds, now read."""
        waiting = [line for kind, line in self._unread.items() if line and (not kinds or issubclass(kind, kinds))]
        return min(waiting, key=lambda line: line[0][0]).popleft()[1] if waiting else None

    def _awaken(self, wake: Event | None, value: Any) -> None:
        if wake is not None and wake is self._wake and not wake.triggered:
            self._waiting = self._wake = None
            wake.succeed(value)

    # --- the process -----------------------------------------------------------------------------------------------

    def _run(self) -> Generator[Event, Any, None]:
        """Run the agent: hand it what it waited for, wait for what it yields."""
        clock, agent = self._clock, self._agent
        value: Any = None
        while True:
            if clock.now == self._wakes_at:
                self._wakes += 1
                if self._wakes > WAKES_AT_ONE_INSTANT_MAX:
                    raise AgentError(self._where(f"woke {WAKES_AT_ONE_INSTANT_MAX:,} times at {clock.now} ns without letting time pass"))
            else:
                self._wakes_at, self._wakes = clock.now, 1
            try:
                wait = agent.send(value)
            except StopIteration:
                return
            except MarketSimError:
                raise
            except Exception as error:
                raise AgentError(self._where(f"raised {type(error).__name__}: {error}", error)) from error
            if type(wait) is not Wait:
                raise AgentError(self._where(f"yielded {wait!r}; an agent yields what market.wait(...), .message(...) and so on return"))
            if 0 <= wait.until_ns < clock.now:
                raise AgentError(self._where(f"yielded {wait!r}, made earlier: its time is over. Make it anew where it is yielded"))
            if wait.kind == "time":
                yield clock.timeout(wait.until_ns - clock.now)
                value = None
            else:
                value = yield self._begin_wait(wait)
                if wait.book >= 0:
                    self._exchange.watch(wait.book, WATCH_QUOTES | WATCH_TRADES, False)
                    self.rewatch()

    def rewatch(self) -> None:
        """Replaced by the market: switches the watches of all who still wait back on."""

    def keep_watch(self) -> None:
        """Switch the watch on for what this agent waits for."""
        waiting = self._waiting
        if waiting is not None and waiting.kind in ("quote", "trade"):
            self._exchange.watch(waiting.book, WATCH_QUOTES if waiting.kind == "quote" else WATCH_TRADES, True)

    def _begin_wait(self, wait: Wait) -> Event:
        """An event for what is not a plain wait for time; it succeeds with None when the time limit comes first."""
        clock = self._clock
        wake = clock.event()
        self._waiting, self._wake = wait, wake
        if wait.kind == "message":
            found = self._read(wait.messages)
            if found is not None:
                self._awaken(wake, found)
                return wake
        elif wait.kind in ("quote", "trade"):
            seen = clock.now - self._latency[wait.venue]
            quotes = wait.kind == "quote"
            coming = self._exchange.next_row_after(wait.book, seen) if quotes else self._exchange.next_trade_after(wait.book, seen)
            if coming is not None:
                self.happened(coming, wait.venue)
            else:
                self._exchange.watch(wait.book, WATCH_QUOTES if quotes else WATCH_TRADES, True)
        elif wait.kind == "phase":
            seen = clock.now - self._latency[wait.venue]
            coming = next((since for since, _ in self._venues[wait.venue].phases if since > seen), None)
            if coming is not None:
                self.happened(coming, wait.venue)
        if wait.until_ns >= 0:
            event = clock.at(wait.until_ns)
            assert event.callbacks is not None
            event.callbacks.append(lambda _: self._awaken(wake, None))
        return wake

    # --- checks ------------------------------------------------------------------------------------------------------

    def _find(self, symbol: str, venue: str) -> tuple[int, int]:
        """(book, latency) by names."""
        v = self._venue(venue)
        return self._symbol(symbol) * self._exchange.venues + v, self._latency[v]

    def _symbol(self, name: str) -> int:
        place = self._symbol_place.get(name)
        return self._unknown("symbol", name, self._symbol_place) if place is None else place

    def _venue(self, name: str) -> int:
        place = self._venue_place.get(name)
        return self._unknown("venue", name, self._venue_place) if place is None else place

    def _unknown(self, what: str, name: object, known: Mapping[str, int]) -> int:
        near = get_close_matches(str(name), known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise AgentError(self._where(f"named {what} {name!r}, but has only {', '.join(known)}{hint}"))

    def _own(self, ref: int) -> Order:
        order = self._orders.get(ref)
        if order is None:
            raise AgentError(self._where(f"used order reference {ref!r}; its references are 1 to {len(self._orders)}"))
        return order

    def _whole(self, what: str, value: int, least: int | None) -> int:
        if type(value) is not int or (least is not None and value < least):
            bound = "" if least is None else f" of at least {least}"
            raise AgentError(self._where(f"gave {what} = {value!r}; it is an int{bound}"))
        return value

    def _limit(self, limit_ns: int) -> int:
        return -1 if limit_ns == -1 else self._clock.now + self._whole("limit_ns", limit_ns, 0)

    def _guard(self, make: Any) -> Any:
        try:
            return make()
        except Exception as error:
            raise AgentError(
                f"Agent {self.spec.name!r} could not be made from {self.spec.make!r}: {type(error).__name__}: {error}. Check its arguments."
            ) from error

    def _where(self, what: str, error: BaseException | None = None) -> str:
        """A sentence that names agent, time, and the line of the user's code."""
        frame = self._agent.gi_frame if hasattr(self, "_agent") else None
        place = ""
        if error is not None:
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f" ({last.filename}, line {last.lineno}: {last.line})"
        elif frame is not None:
            line = linecache.getline(frame.f_code.co_filename, frame.f_lineno).strip()
            place = f" ({frame.f_code.co_filename}, line {frame.f_lineno}: {line})"
        return f"Agent {self.spec.name!r} at {self._clock.now} ns: {what}{place}."


def _latencies(spec: AgentSpec, venues: Sequence[str]) -> list[int]:
    """One way, in ns, by venue."""
    for name in spec.latency_ns:
        if name != "*" and name not in venues:
            raise AgentError(f"Agent {spec.name!r}: latency_ns names {name!r}; the venues are {', '.join(venues)}, and '*' is all others.")
    latencies = [spec.latency_ns.get(venue, spec.latency_ns.get("*")) for venue in venues]
    for venue, latency in zip(venues, latencies, strict=True):
        if type(latency) is not int or latency < 1:
            raise AgentError(
                f"Agent {spec.name!r}: latency to {venue} is {latency!r}; it is a whole number of ns, at least 1. "
                f"Give latency_ns={{'*': 100_000}}."
            )
    return [latency for latency in latencies if latency is not None]
