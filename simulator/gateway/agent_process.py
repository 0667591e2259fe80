"""Runs one agent's generator: hands it what it waited for, and knows when to wake it next.

An agent has at most one alarm in the clock's queue, at the earliest time at which its wait may end; what ends the wait is then
looked up, so that a time limit that is not needed any more leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from simulator.agents.interface import Wait
from simulator.agents.messages import PhaseChange
from simulator.clock import Alarm
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
PLACES = tuple(KINDS_WATCHED.index(kind) for kind in range(KINDS))
WATCHED = slice(FIRST, FIRST + KINDS)
NOTHING: tuple[tuple[int, ...], ...] = ((),) * KINDS
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
        self._priority = priority
        self._wait: Wait | None = None
        self._due: dict[tuple[int, int], int] = {}
        """Of what ends the wait, by (kind, book or venue): when it reaches the agent, as far as that is known."""
        self._subscribed: set[tuple[int, int]] = set()
        """What it hears of; but for ``_moved`` and ``_due``, nothing of it has happened that has not reached it."""
        self._watched = NOTHING
        """What the last wait that watched anything did: mostly the next one watches the same, and only ``_moved`` is left to do."""
        self._last_watching: Wait | None = None
        """That wait, or a later one that watches the same."""
        self._moved: list[tuple[int, int]] = []
        """Of ``_watched``, what may have happened since, or what it is not subscribed to: of the others nothing has."""
        self._idle_wakes = 0
        self._idle_since_ns = -1
        self._alarm: Alarm | None = self._clock.alarm(self._clock.now, priority, self._wake)
        own.mailbox.on_coming = self._on_coming

    # --- what may wake it ------------------------------------------------------------------------------------------

    def on_event(self, kind: int, index: int, ts_ns: int) -> bool:
        """Something of what it watches has happened at a book or venue; it hears of it after its latency."""
        wait, watched, place = self._wait, (kind, index), PLACES[kind]
        if wait is None or index not in wait[FIRST + place]:  # type: ignore[operator]
            self._subscribed.discard(watched)  # watched for an earlier wait
            if index in self._watched[place]:
                self._moved.append(watched)
            return False
        if watched not in self._due:  # the first ends the wait; the next wait looks for the others
            arrival_ns = ts_ns + self._latency(kind, index)
            self._due[watched] = arrival_ns
            if self._alarm is None:
                self._alarm = self._clock.alarm(arrival_ns, self._priority, self._wake)
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
        if self._alarm is not None:
            if self._alarm.ts_ns <= ts_ns:
                return
            self._clock.cancel(self._alarm)
        self._alarm = self._clock.alarm(ts_ns, self._priority, self._wake)

    def _latency(self, kind: int, index: int) -> int:
        if kind == SIPS:
            return self._view.sip_latency_ns(index)
        return self._reach.latency_ns[index if kind == PHASES else index % self._exchange.venues]

    # --- waking ----------------------------------------------------------------------------------------------------

    def _wake(self, _event: Any) -> None:
        self._alarm = None
        value = None
        if self._wait is not None:
            has_ended, value = self._look(self._wait)
            if not has_ended:
                self._sleep(self._wait)
                return
            self._wait = None
            if self._due:
                self._moved.extend(self._due)
                self._due.clear()
        self._go_on(value)

    def _go_on(self, value: Any) -> None:
        """Run the agent until it waits for something that has not come."""
        while True:
            self._count(value)
            wait = self._resume(value)
            if wait is None:
                return
            try:
                # NOTE: what can only be ended by what is still to come is not looked at; for speed (tests/bench/agents.py).
                is_open = wait.until_ns is None and wait.kinds is None
                has_ended, value = (False, None) if is_open and not wait.streams else self._look(wait)
                if not has_ended:
                    self._begin(wait)
                    if self._due or not is_open:
                        self._sleep(wait)
                    return
            except MarketSimError as error:
                raise self._blame(error, str(error), where_yielded(self._agent, self._home)) from error

    def _resume(self, value: Any) -> Wait | None:
        """Hand the agent ``value``; returns what it yields, None if it has ended. Raises ``AgentError`` for its mistakes."""
        agent, now = self._agent, self._clock.now
        dog, spec = self._watchdog, self._reach.spec
        self._own.wake()
        try:
            try:
                dog.stretches += 1
                dog.max_s = spec.max_wake_s
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
            what = f"has been running for {spec.max_wake_s:g} s without a yield (max_wake_s). Yield in its loop, or raise max_wake_s"
            raise self._blame(None, what, where_raised(error, self._home)) from None
        except KeyboardInterrupt as error:
            error.add_note(f"Agent {spec.name!r} was interrupted in its own code{where_raised(error, self._home)}.")
            raise
        except (Exception, SystemExit) as error:
            raise self._blame(None, f"raised {type(error).__name__}: {error}", where_raised(error, self._home)) from error
        problem = ""
        if type(wait) is not Wait:
            problem = f"yielded {wait!r}; an agent yields what market.wait(...), .message(...), .any_of(...) and so on return"
        elif wait.owner != self._reach.number:
            problem = f"yielded {wait!r}, which was made by another agent's market. Make it with this agent's own"
        elif wait.until_ns is not None and wait.until_ns < now:
            problem = f"yielded {wait!r}, made earlier: its time is over. Make it anew where it is yielded"
        if problem:
            raise self._blame(None, problem, where_yielded(agent, self._home))
        return wait

    def _count(self, value: Any) -> None:
        if value is not None or self._clock.now != self._idle_since_ns:
            self._idle_since_ns, self._idle_wakes = self._clock.now, 0
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

    def _look(self, wait: Wait) -> tuple[bool, Any]:
        """Whether the wait has ended by now, and what the agent gets."""
        if wait.kinds is not None and (message := self._own.mailbox.take(wait.kinds)) is not None:
            return True, message
        if wait.streams and (batch := self._view.drain(wait.streams)) is not None:
            return True, batch
        now = self._clock.now
        if self._due:
            arrived = [watched for watched, arrival_ns in self._due.items() if arrival_ns <= now]
            first = arrived[0] if len(arrived) == 1 else min(arrived, default=(SIPS, 0))
            if first[0] < SIPS:
                return True, self._view.quote_of(first[1]) if first[0] == QUOTES else self._describe(*first)
            for kind, index in arrived:  # rows that have not changed the consolidated quote
                del self._due[kind, index]
                self._watch(kind, index)
        return wait.until_ns is not None and wait.until_ns <= now, None

    def _describe(self, kind: int, index: int) -> Any:
        """What has just arrived, but for a quote."""
        if kind == PHASES:
            return PhaseChange(*self._view.phase_of(index), self._view.venues[index])
        if kind == STATUSES:
            return self._view.status_of(index)
        if kind == IMBALANCES:
            return self._view.imbalance_of(index)
        return self._view.trade_of(index)

    def _begin(self, wait: Wait) -> None:
        """Find what is on its way already; watch for the rest."""
        self._wait = wait
        moved = self._moved
        watched: Any = self._watched if wait is self._last_watching else wait[WATCHED]
        if watched == self._watched:
            self._last_watching = wait
            if not moved:
                return
        elif watched == NOTHING:
            return
        else:
            self._subscribed.difference_update(moved)
            every = [(kind, index) for kind, indices in zip(KINDS_WATCHED, watched, strict=True) for index in indices]
            moved = [each for each in every if each not in self._subscribed]
            self._watched, self._last_watching = watched, wait
        self._moved = []
        for kind, index in moved:
            self._watch(kind, index)

    def _watch(self, kind: int, index: int) -> None:
        """For the next one of these: for that which is on its way already, if there is one."""
        coming_ns = None if kind == QUOTES and self._view.shows_newest(index) else self._on_its_way(kind, index)
        if coming_ns is not None:
            self._due[kind, index] = coming_ns + self._latency(kind, index)
        elif (kind, index) not in self._subscribed:
            self._subscriptions.begin(kind, index, self)
            self._subscribed.add((kind, index))

    def _on_its_way(self, kind: int, index: int) -> int | None:
        """When the first of what has not reached the agent happened, if anything has."""
        seen_ns = self._clock.now - self._latency(kind, index)
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
