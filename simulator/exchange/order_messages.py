"""What travels between an agent's order entry and a venue: commands, their answers, and what a venue asks of an order's owner."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Protocol

from simulator.records import OrderType, Phase, Reject, Side


class Verb(IntEnum):
    """What a command asks for."""

    ADD = 0
    CANCEL = 1
    REDUCE = 2
    REPLACE = 3


ADD, CANCEL, REDUCE, REPLACE = Verb


class OrderOwner(Protocol):
    """Whoever sends orders. A venue knows nothing else of an agent."""

    @property
    def number(self) -> int:
        """The owner that its orders carry in the books."""

    def resting(self, ref: int) -> tuple[int, int]:
        """(order id, slot) of one of its orders as the venues know it now; zeros if it is gone."""

    def side_of(self, ref: int) -> Side:
        """Of one of its orders, alive or just gone."""

    def on_answer(self, command: Command, answer: Answer, venue: int, phase: Phase) -> None:
        """A venue, in this phase, has carried out or refused a command."""


class Command(NamedTuple):
    """An order message on its way to a venue; sorted by (arrival, agent's name, the agent's own sequence)."""

    arrival_ns: int
    agent: str
    sequence: int
    verb: Verb
    owner: OrderOwner
    book: int
    ref: int
    old_ref: int
    """The order that a cancel, reduce or replace is about."""
    side: Side
    kind: OrderType
    price_ticks: int
    size: int
    display: int
    is_over_rate: bool
    """Whether it is one too many for its second."""


class Answer(NamedTuple):
    """What a book said to one command of a Python agent."""

    ts_ns: int
    """The book's stamp for the command."""
    reject: Reject
    order_id: int
    """Of the new order; 0 for a cancel or reduce."""
    slot: int
    """Where it rests; 0 if it does not."""
    executed: int
    """Shares traded at once."""
    taken_off: int
    """Shares cancelled, reduced or expired."""


def refusal(ts_ns: int, reason: Reject) -> Answer:
    """A refused command's."""
    return Answer(ts_ns, reason, 0, 0, 0, 0)
