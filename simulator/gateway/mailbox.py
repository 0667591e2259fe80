"""One agent's messages: those on their way, and those that have arrived and wait to be read."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from typing import Any, get_args

from simulator.agents.messages import Message
from simulator.errors import AgentError
from simulator.gateway.ledger import Ledger
from simulator.gateway.reach import Reach

UNREAD_MAX = 100_000
"""Messages that wait for an agent who does not read them."""
ABSORB_ABOVE = 4_096
"""Messages on the way; more are looked through for what has arrived meanwhile, though the agent sleeps."""


class Mailbox:
    """Messages arrive by time, at one instant by venue, then in the order of sending."""

    def __init__(self, reach: Reach, ledger: Ledger, learn: Callable[[Message], None]) -> None:
        """``learn``: called with each message as it arrives."""
        self.on_coming: Callable[[type, int], None] = lambda kind, arrival_ns: None
        """Called with a message's kind and its time of arrival, when it is sent; set by the agent's process."""
        self._reach = reach
        self._ledger = ledger
        self._learn = learn
        self._heard = 0
        self.on_the_way: list[tuple[int, int, int, Message]] = []
        """A heap of (arrival, venue, order of sending, message); always the same list."""
        self._unread: dict[type, deque[tuple[int, Message]]] = {kind: deque() for kind in get_args(Message)}
        """By kind, with the order of arrival: an agent may leave any number of one kind unread and wait for another."""
        self._unread_count = 0
        self._arrived = 0

    def deliver(self, venue: int, message: Message) -> None:
        """A venue sends it, with its stamp."""
        arrival_ns = message.ts_ns + self._reach.latency_ns[venue]
        self._heard += 1
        heapq.heappush(self.on_the_way, (arrival_ns, venue, self._heard, message))
        if len(self.on_the_way) > ABSORB_ABOVE:
            self.absorb()
        self.on_coming(type(message), arrival_ns)

    def next_arrival_ns(self) -> int | None:
        """When the next message arrives, of those that are on their way."""
        return self.on_the_way[0][0] if self.on_the_way else None

    def take(self, kinds: tuple[type, ...]) -> Message | None:
        """The oldest unread message of these kinds, now read."""
        if self.on_the_way:
            self.absorb()
        if not self._unread_count:
            return None
        waiting = [line for kind, line in self._unread.items() if line and (not kinds or issubclass(kind, kinds))]
        if not waiting:
            return None
        self._unread_count -= 1
        return min(waiting, key=lambda line: line[0][0]).popleft()[1]

    def check_kinds(self, kinds: tuple[Any, ...]) -> tuple[type, ...]:
        """Raises ``AgentError`` for what is no kind of message."""
        for kind in kinds:
            if kind not in self._unread:
                known = ", ".join(each.__name__ for each in self._unread)
                raise AgentError(f"asked for messages of kind {kind!r}; the kinds are {known}")
        return kinds

    def absorb(self) -> None:
        """Take in what has arrived by now."""
        now, line = self._reach.now_ns, self.on_the_way
        while line and line[0][0] <= now:
            message = heapq.heappop(line)[3]
            self._learn(message)
            self._arrived += 1
            self._unread[type(message)].append((self._arrived, message))
            self._unread_count += 1
            if self._unread_count > UNREAD_MAX:
                min((unread for unread in self._unread.values() if unread), key=lambda unread: unread[0][0]).popleft()
                self._unread_count -= 1
                self._ledger.unread_dropped += 1
