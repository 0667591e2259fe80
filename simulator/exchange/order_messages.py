"""What travels between an agent's order entry and a venue: commands, their answers, and what a venue asks of an order's owner."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple, Protocol

from simulator.records import OrderType, Peg, Phase, Reject, SelfTrade, Side


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

    def left_of(self, ref: int) -> int:
        """Shares of one of its orders that its venue has left; 0 if it is gone."""

    def on_answer(self, command: Command, answer: Answer, venue: int, phase: Phase) -> None:
        """A venue, in this phase, has carried out or refused a command."""

    def on_entered(self, ref: int, order_id: int, slot: int) -> None:
        """One of its orders has another number in its book; 0: it is held outside of the book."""

    def on_triggered(self, ref: int, ts_ns: int, price_ticks: int) -> None:
        """A print has reached a stop order."""

    def on_repriced(self, ref: int, ts_ns: int, price_ticks: int) -> None:
        """A pegged order stands at another price; 0: aside."""

    def on_prevented(self, ts_ns: int, book: int, order_id: int, size: int) -> None:
        """Shares of a resting order were taken off, lest they trade with another one of its owner's."""

    def on_lost(self, ts_ns: int, ref: int, size: int, why: Lost) -> None:
        """Shares of an order are gone without its owner's wish."""


class Lost(IntEnum):
    """Why shares of an order are gone without its owner's wish, and without a word of the book."""

    SELF_TRADE = 0
    NOT_ENTERED = 1
    """Its time had come, and the book refused it."""
    DAY_END = 2


class Held(NamedTuple):
    """What makes a venue hold an order outside of the book, or move it there."""

    stop_ticks: int = 0
    """Until a print at this price or beyond; 0: no stop order."""
    peg: Peg | None = None
    offset_ticks: int = 0
    """Of a pegged order: by how much less aggressive than what it follows."""


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
    self_trade: SelfTrade = SelfTrade.ALLOW
    held: Held | None = None


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
    cut: int = 0
    """Shares with which a new order did not enter, lest they trade with its owner's own."""


def refusal(ts_ns: int, reason: Reject) -> Answer:
    """A refused command's."""
    return Answer(ts_ns, reason, 0, 0, 0, 0)
