"""Runs one agent's generator: hands it what it waited for, and knows when to wake it next.

An agent has at most one alarm in the clock's queue, at the earliest time at which its wait may end; what ends the wait is then
looked up, so that a time limit that is not needed any more leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simulator.agents.interface import Wait
from simulator.agents.messages import PhaseChange
from simulator.clock import Alarm, Bell
from simulator.errors import AgentError, MarketSimError
from simulator.flow import NEVER_NS
from simulator.gateway.engine import Engine
from simulator.gateway.market_view import LatentMarketView
from simulator.gateway.own_orders import OwnOrders
from simulator.gateway.reach import Reach
from simulator.gateway.subscriptions import IMBALANCES, KINDS, PHASES, QUOTES, SIPS, STATUSES, TRADES
from simulator.gateway.user_traceback import home_of, where_raised, where_yielded
from simulator.gateway.watchdog import AgentStuck
from simulator.inputs.sessions import new_york
from simulator.records import NS_PER_S

FIRST = Wait._fields.index("quotes")
KINDS_WATCHED = (QUOTES, TRADES, PHASES, STATUSES, IMBALANCES, SIPS)
"""In the order of a ``Wait``'s fields from FIRST on."""
FIELDS = tuple(FIRST + KINDS_WATCHED.index(kind) for kind in range(KINDS))
"""Of a ``Wait``, by kind."""
WATCHED = slice(FIRST, FIRST + KINDS)
NOTHING: tuple[tuple[int, ...], ...] = ((),) * KINDS
NOT_YET = object()
"""A wait has not ended."""
WAKES_AT_ONE_INSTANT_MAX = 10_000
"""Waits that ended without letting time pass and without a message; more are a loop that would never end."""


class AgentProcess:
    """The process of one agent."""

    def __init__(
        self, agent: Generator[Any, Any, Any], reach: Reach, own: OwnOrders, view: LatentMarketView, engine: Engine, priority: int
    ) -> None:
        """The agent begins at the clock's time, after all else of that instant but the background."""
        self._agent = agent
        self._reach = reach
        self._own = own
        self._view = view
        self._home = home_of(agent)
        self._clock = engine.clock
        self._exchange = engine.exchange
        self._venues = engine.venues
        self._subscriptions = engine.subscriptions
        self._watchdog = engine.watchdog
        self._number = reach.number
        self._max_wake_s = reach.spec.max_wake_s
        self._latency_ns = reach.latency_ns
        self._venue_count = engine.exchange.venues
        self._bell = Bell(priority, self._wake)
        self._wait: Wait | None = None
        self._due: dict[tuple[int, int], int] = {}
        """Of what ends the wait, by (kind, book or venue): when it reaches the agent, as far as that is known."""
        self._subscribed: set[tuple[int, int]] = set()
        """What it hears of; but for ``_moved`` and ``_due``, nothing of it has happened that has not reached it."""
        self._watched = NOTHING
        """What the last wait that watched anything did: mostly the next one watches the same, and only ``_moved`` is left to do."""
        self._last_watching: Wait | None = None
        """That wait, or a later one that watches the same."""
        self._open: Any = NOT_YET
        """It again, if nothing can end it but what it watches: no message, time limit or stream. An agent that yields the same wait over
        and over is the fastest there is (tests/bench/agents.py)."""
        self._moved: list[tuple[int, int]] = []
        """Of ``_watched``, what may have happened since, or what it is not subscribed to: of the others nothing has."""
        self._idle_wakes = 0
        self._idle_since_ns = -1
        self._alarm: Alarm | None = self._clock.alarm(self._clock.now, self._bell)
        own.mailbox.on_coming = self._on_coming

    # --- what may wake it ------------------------------------------------------------------------------------------

    def on_event(self, kind: int, index: int, ts_ns: int) -> bool:
        """Something of what it watches has happened at a book or venue; it hears of it after its latency."""
        wait, watched = self._wait, (kind, index)
        if wait is None or index not in wait[FIELDS[kind]]:  # type: ignore[operator]
            self._subscribed.discard(watched)  # watched for an earlier wait
            if index in self._watched[FIELDS[kind] - FIRST]:
                self._moved.append(watched)
            return False
        if watched not in self._due:  # the first ends the wait; the next wait looks for the others
            self._due[watched] = arrival_ns = ts_ns + self.distance_ns(kind, index)
            if self._alarm is None:
                self._alarm = self._clock.alarm(arrival_ns, self._bell)
            else:
                self._ring_by(arrival_ns)
        return True

    def _on_coming(self, kind: type, arrival_ns: int) -> None:
        """A message of this kind will arrive then."""
        wait = self._wait
        if wait is not None and wait.kinds is not None and (not wait.kinds or issubclass(kind, wait.kinds)):
            self._ring_by(arrival_ns)

    def _ring_by(self, ts_ns: int) -> None:
        """Wake at ``ts_ns`` at the latest."""
        alarm = self._alarm
        if alarm is not None:
            if alarm[0] <= ts_ns:
                return
            self._clock.cancel(alarm)
        self._alarm = self._clock.alarm(ts_ns, self._bell)

    def distance_ns(self, kind: int, index: int) -> int:
        """How long it takes to hear of what happens there."""
        if kind in (QUOTES, TRADES):
            return self._latency_ns[index % self._venue_count]
        if kind == SIPS:
            return self._view.sip_latency_ns(index)
        return self._latency_ns[index if kind == PHASES else index % self._venue_count]

    # --- waking ----------------------------------------------------------------------------------------------------

    def _wake(self, now: int) -> None:
        self._alarm = None
        value = None
        wait = self._wait
        if wait is not None:
            value = self._first_arrived(now) if wait is self._open else self._look(wait, now)
            if value is NOT_YET:
                self._sleep(wait)
                return
            self._wait = None
            self._moved.extend(self._due)
            self._due.clear()
        self._go_on(value, now)

    def _go_on(self, value: Any, now: int) -> None:
        """Run the agent until it waits for something that has not come."""
        while True:
            if value is not None or now != self._idle_since_ns:
                self._idle_since_ns, self._idle_wakes = now, 1
            else:
                self._count_idle()
            wait = self._resume(value, now)
            if wait is None:
                return
            try:
                is_open = wait is self._open or (wait.until_ns is None and wait.kinds is None and not wait.streams)
                value = NOT_YET if is_open else self._look(wait, now)  # an open one is ended by what is still to come
                if value is NOT_YET:
                    self._begin(wait, is_open)
                    if self._due or not is_open:
                        self._sleep(wait)
                    return
            except MarketSimError as error:
                raise self._blame(error, str(error), where_yielded(self._agent, self._home)) from error

    def _resume(self, value: Any, now: int) -> Wait | None:
        """Hand the agent ``value``; returns what it yields, None if it has ended. Raises ``AgentError`` for its mistakes."""
        agent, dog = self._agent, self._watchdog
        own = self._own
        own.wakes += 1
        if own.mailbox.on_the_way:
            own.mailbox.absorb()  # it is to know all that has arrived
        try:
            try:
                dog.stretches += 1
                dog.max_s = self._max_wake_s
                wait: Wait = agent.send(value)  # if it is one: looked at below
            except AgentStuck:
                dog.forget()
                raise
            finally:
                dog.max_s = 0.0
                if dog.is_aiming:
                    dog.let_it_land()
        except StopIteration:
            return None
        except MarketSimError as error:
            raise self._blame(error, str(error), where_raised(error, self._home)) from error
        except AgentStuck as error:
            dog.forget()  # it may have landed after the agent had come back, on the way to this line
            what = f"has been running for {self._max_wake_s:g} s without a yield (max_wake_s). Yield in its loop, or raise max_wake_s"
            raise self._blame(None, what, where_raised(error, self._home)) from None
        except KeyboardInterrupt as error:
            error.add_note(f"Agent {self._reach.spec.name!r} was interrupted in its own code{where_raised(error, self._home)}.")
            raise
        except (Exception, SystemExit) as error:
            raise self._blame(None, f"raised {type(error).__name__}: {error}", where_raised(error, self._home)) from error
        if wait is self._open or (type(wait) is Wait and wait.owner == self._number and (wait.until_ns is None or wait.until_ns >= now)):
            return wait
        if type(wait) is not Wait:
            problem = f"yielded {wait!r}; an agent yields what market.wait(...), .message(...), .any_of(...) and so on return"
        elif wait.owner != self._number:
            problem = f"yielded {wait!r}, which was made by another agent's market. Make it with this agent's own"
        else:
            problem = f"yielded {wait!r}, made earlier: its time is over. Make it anew where it is yielded"
        raise self._blame(None, problem, where_yielded(agent, self._home))

    def _count_idle(self) -> None:
        """It wakes once more at one instant, with nothing in its hands."""
        self._idle_wakes += 1
        if self._idle_wakes > WAKES_AT_ONE_INSTANT_MAX:
            times = f"{WAKES_AT_ONE_INSTANT_MAX:,} times"
            what = f"woke {times} at one instant without letting time pass. Wait for longer than 0 ns in its loop"
            raise self._blame(None, what, where_yielded(self._agent, self._home))

    def _blame(self, error: MarketSimError | None, what: str, place: str) -> MarketSimError:
        """The error anew, with the agent's name, the time and the line of its code."""
        now = self._clock.now
        kind = AgentError if error is None else type(error)
        at = f"{new_york(now)}.{now % NS_PER_S:09d} New York time ({now} ns)"
        return kind(f"Agent {self._reach.spec.name!r} at {at}: {what.rstrip('.')}{place}.")

    # --- waiting ---------------------------------------------------------------------------------------------------

    def _look(self, wait: Wait, now: int) -> Any:
        """What the agent gets, if the wait has ended by now: NOT_YET if it has not."""
        if wait.kinds is not None and (message := self._own.mailbox.take(wait.kinds)) is not None:
            return message
        if wait.streams and (batch := self._view.drain(wait.streams)) is not None:
            return batch
        value = self._first_arrived(now)
        return None if value is NOT_YET and wait.until_ns is not None and wait.until_ns <= now else value

    def _first_arrived(self, now: int) -> Any:
        """What the agent gets of what is due by now; NOT_YET if nothing is."""
        first = None
        for watched, arrival_ns in self._due.items():
            if arrival_ns <= now and (first is None or watched < first):
                first = watched
        if first is None:
            return NOT_YET
        kind, index = first
        if kind == QUOTES:
            return self._view.quote_of(index)
        if kind < SIPS:
            return self._describe(kind, index)
        for watched in [watched for watched, arrival_ns in self._due.items() if arrival_ns <= now]:
            del self._due[watched]  # rows that have not changed the consolidated quote
            self._watch(*watched)
        return NOT_YET

    def _describe(self, kind: int, index: int) -> Any:
        """What has just arrived, but for a quote."""
        if kind == PHASES:
            return PhaseChange(*self._view.phase_of(index), self._view.venues[index])
        if kind == STATUSES:
            return self._view.status_of(index)
        if kind == IMBALANCES:
            return self._view.imbalance_of(index)
        return self._view.trade_of(index)

    def _begin(self, wait: Wait, is_open: bool) -> None:
        """Find what is on its way already; watch for the rest."""
        self._wait = wait
        moved = self._moved
        if wait is not self._last_watching:
            watched: Any = wait[WATCHED]
            if watched == NOTHING:
                return
            if watched != self._watched:
                self._subscribed.difference_update(moved)
                every = [(kind, index) for kind, indices in zip(KINDS_WATCHED, watched, strict=True) for index in indices]
                moved = [each for each in every if each not in self._subscribed]
                self._watched = watched
            self._last_watching, self._open = wait, wait if is_open else NOT_YET
        self._moved = []
        for kind, index in moved:
            self._watch(kind, index)

    def _watch(self, kind: int, index: int) -> None:
        """For the next one of these: for that which is on its way already, if there is one."""
        coming_ns = None if kind == QUOTES and self._view.shows_newest(index) else self._on_its_way(kind, index)
        if coming_ns is not None:
            self._due[kind, index] = coming_ns + self.distance_ns(kind, index)
        elif (kind, index) not in self._subscribed:
            self._subscriptions.begin(kind, index, self)
            self._subscribed.add((kind, index))

    def _on_its_way(self, kind: int, index: int) -> int | None:
        """When the first of what has not reached the agent happened, if anything has."""
        seen_ns = self._clock.now - self.distance_ns(kind, index)
        if kind in (QUOTES, SIPS):
            return self._exchange.next_row_after(index, seen_ns)
        if kind == TRADES:
            return self._exchange.next_trade_after(index, seen_ns)
        if kind == PHASES:
            changes = [since_ns for since_ns, _ in reversed(self._venues[index].phases)]
        else:
            changes = [notice.ts_ns for notice in self._view.notices_of(index, imbalances=kind == IMBALANCES)]
        coming = None
        for since_ns in changes:
            if since_ns <= seen_ns:
                break
            coming = since_ns
        return coming

    def _sleep(self, wait: Wait) -> None:
        """Set the alarm to when the wait may end, as far as is known."""
        earliest_ns = NEVER_NS if wait.until_ns is None else wait.until_ns
        if self._due:
            earliest_ns = min(earliest_ns, *self._due.values())
        if wait.kinds is not None and (arrival_ns := self._own.mailbox.next_arrival_ns()) is not None:
            earliest_ns = min(earliest_ns, arrival_ns)
        if earliest_ns < NEVER_NS:
            self._ring_by(earliest_ns)
