"""Two books driven together: any book against the slow twin, command by command."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

from simulator.book.reports import Event, Indication, OrderRow
from simulator.records import CrossKind, EventKind, OrderType, Side
from simulator.testing.checks import assert_same, draw
from simulator.testing.protocol import Book
from simulator.testing.streams import Command, apply, resolve
from simulator.testing.twin import TwinBook

OWN_IDS_AND_EVENTS = "own_ids=True: events carry the twin's ids, so they cannot be compared. Add events=False."
SHOWN = 100
"""Commands in a failure's message: all of a stream of usual length, so that they can be pasted."""


def assert_same_run(
    book: Any, commands: Iterable[Command], *, events: bool = True, own_ids: bool = False, twin: TwinBook | None = None
) -> None:
    """Give the commands to ``book`` and to the twin; raise ``AssertionError`` at the first that they answer differently.

    ``book`` needs the methods that the commands call and ``levels(side, count)``. ``events`` false compares only levels, for a book
    that reports otherwise. An order's id is its number among the accepted orders, from 1, as the twin counts; with ``own_ids`` it is
    what ``book.add`` and ``book.replace`` returned for it (then ``events`` must be false).
    """
    if own_ids and events:
        raise ValueError(OWN_IDS_AND_EVENTS)
    twin = TwinBook() if twin is None else twin
    ids: dict[int, Any] = {}
    done: list[str] = []
    for command in commands:
        asked = resolve(twin, command)
        named = asked.args[0] if asked.name in ("cancel", "reduce", "replace") else None
        if own_ids and named is not None and named not in ids:
            continue  # an order that was never there has no id in the book
        done.append(_statement(asked.name, asked.args))
        expected = apply(twin, asked)
        got = apply(book, Command(asked.name, (ids[named], *asked.args[1:])) if own_ids and named is not None else asked)
        if own_ids:
            ids |= {e.order_id: got for e in expected if e.kind == EventKind.ADD}
            ids |= {e.other_id: got for e in expected if e.kind == EventKind.REPLACE}
        if events and [_plain(e) for e in got] != [_plain(e) for e in expected]:
            raise _told(done, f"the events are\n{_lines(got)}\nand should be\n{_lines(expected)}", book, twin)
        most = len(twin.orders()) + 10
        if different := _levels_differ(book, twin, most):
            raise _told(done, different, book, twin)


class CheckedBook:
    """A book beside the twin, to be used as one: every command goes to both, and what they say and hold is compared at once.

    ``events`` and ``own_ids`` as for ``assert_same_run``: with ``events`` false only the levels are compared, and the book needs no
    more than the commands that you give and ``levels``; with ``own_ids`` an order's id, here too, is what the book's ``add`` or
    ``replace`` returned for it. Commands return what the book returns.
    """

    def __init__(self, book: Any, twin: TwinBook | None = None, *, events: bool = True, own_ids: bool = False) -> None:
        if own_ids and events:
            raise ValueError(OWN_IDS_AND_EVENTS)
        self.book = book
        self.twin = TwinBook() if twin is None else twin
        self._events = events
        self._ids: dict[Any, int] | None = {} if own_ids else None
        """The twin's by the book's own."""

    @property
    def trading(self) -> bool:
        return self.twin.trading

    @trading.setter
    def trading(self, value: bool) -> None:
        self.book.trading = self.twin.trading = value

    def add(
        self, side: Side, price_ticks: int, size: int, *, type: OrderType = OrderType.LIMIT, display: int | None = None, owner: int = 0
    ) -> Any:
        options: dict[str, Any] = {"type": type, "display": display, "owner": owner}
        return self._both("add", side, price_ticks, size, **options)

    def cancel(self, order_id: Any) -> Any:
        return self._both("cancel", order_id)

    def reduce(self, order_id: Any, size: int) -> Any:
        return self._both("reduce", order_id, size)

    def replace(self, order_id: Any, price_ticks: int, size: int) -> Any:
        return self._both("replace", order_id, price_ticks, size)

    def cross(self, kind: CrossKind, reference_ticks: int) -> Any:
        return self._both("cross", kind, reference_ticks)

    def indicative(self, kind: CrossKind, reference_ticks: int) -> Indication:
        found, expected = (b.indicative(kind, reference_ticks) for b in (self.book, self.twin))
        assert tuple(found) == tuple(expected), f"indicative is {found} and should be {expected}"
        return found

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        found: list[tuple[int, int]] = self.book.levels(side, count)
        return found

    def orders(self) -> list[OrderRow]:
        found: list[OrderRow] = self.book.orders()
        return found

    def state_hash(self) -> int:
        found: int = self.book.state_hash()
        return found

    def _both(self, name: str, *args: Any, **options: Any) -> Any:
        names_one = name in ("cancel", "reduce", "replace")
        known = (self._ids.get(args[0], 0), *args[1:]) if self._ids is not None and names_one else args
        done = [_statement(name, (*args, *options.values()))]
        got = getattr(self.book, name)(*args, **options)
        expected: list[Event] = getattr(self.twin, name)(*known, **options)
        if self._ids is not None:
            made = {EventKind.ADD: "order_id", EventKind.REPLACE: "other_id"}
            self._ids.update((got, getattr(e, made[EventKind(e.kind)])) for e in expected if e.kind in made)
        if self._events and [_plain(e) for e in got] != [_plain(e) for e in expected]:
            what = f"the events are\n{_lines(got)}\nand should be\n{_lines(expected)}"
            raise _told(done, what, self.book, self.twin)
        if self._events:
            assert_same(self.book, self.twin)
        elif different := _levels_differ(self.book, self.twin, len(self.twin.orders()) + 10):
            raise _told(done, different, self.book, self.twin)
        return got


def _levels_differ(book: Any, twin: Book, count: int) -> str:
    """What is different in the best ``count`` levels of each side; "" if nothing is."""
    for side in Side:
        here, there = ([tuple(map(int, level)) for level in b.levels(side, count)] for b in (book, twin))
        if here != there:
            return f"{side.name} levels are\n{here}\nand should be\n{there}"
    return ""


def _statement(name: str, args: tuple[Any, ...]) -> str:
    """The command as Python, to be pasted into a test."""
    words = [f"{type(arg).__name__}.{arg.name}" if isinstance(arg, Enum) else repr(arg) for arg in args]
    if name == "trading":
        return f"book.trading = {words[0]}"
    if name == "add":
        options = zip(("type", "display", "owner"), words[3:], ("OrderType.LIMIT", "None", "0"), strict=False)
        words = words[:3] + [f"{option}={word}" for option, word, usual in options if word != usual]
    return f"book.{name}({', '.join(words)})"


def _plain(event: Event) -> tuple[int | None, ...]:
    return tuple(None if field is None else int(field) for field in event)


def _lines(events: list[Event]) -> str:
    return "\n".join(f"  {event!r}" for event in events) or "  (none)"


def _told(done: list[str], what: str, book: Any, twin: TwinBook | Book) -> AssertionError:
    shown = "\n".join(done[-SHOWN:])
    count = f"after {len(done)} commands, the last of which are" if len(done) > SHOWN else "after"
    return AssertionError(f"{count}\n{shown}\n{what}\nthe book:\n{draw(book)}\nthe twin:\n{draw(twin)}")
