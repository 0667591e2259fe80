"""Commands to a book as data, so that one stream can be given to several books and shrunk by hypothesis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from simulator.book.reports import Event
from simulator.records import PRICE_TICKS_MAX, SIZE_MAX, CrossKind, OrderType, Side
from simulator.testing.protocol import Book

if TYPE_CHECKING:
    from hypothesis.strategies import DrawFn, SearchStrategy


class Nth(NamedTuple):
    """Stands for an order id: the k-th of the orders alive, oldest first, beginning anew after the last."""

    k: int


class Command(NamedTuple):
    """One call of a book's method. Where ``args`` begin with an order id, an ``Nth`` may stand for it.

    add      side, price_ticks, size, then optionally type, display, owner
    cancel   order id
    reduce   order id, size
    replace  order id, price_ticks, size
    cross    kind, reference_ticks
    trading  True or False: sets the book's mode, no events
    """

    name: str
    args: tuple[Any, ...]


NAMES = ("add", "cancel", "reduce", "replace", "cross", "trading")
_PRICELESS = (OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE)


def resolve(book: Book, command: Command) -> Command:
    """The same with an order id in the place of an ``Nth``."""
    name, args = command
    if name in ("add", "cross", "trading") or not isinstance(args[0], Nth):
        return command
    alive = sorted(row[0] for row in book.orders())
    return Command(name, (alive[args[0].k % len(alive)] if alive else 0, *args[1:]))


def apply(book: Book, command: Command) -> list[Event]:
    """Give the command to the book; returns its events."""
    name, args = resolve(book, command)
    if name == "trading":
        (book.trading,) = args
        return []
    if name == "add":
        options = dict(zip(("type", "display", "owner"), args[3:], strict=False))
        return book.add(*args[:3], **options)
    events: list[Event] = getattr(book, name)(*args)
    return events


def commands(
    *, max_size: int = 50, mid_ticks: int = 1000, price_window: int = 65536, names: Sequence[str] = NAMES,
    types: Sequence[OrderType] = tuple(OrderType), hides: bool = True, nonsense: bool = True,
) -> SearchStrategy[list[Command]]:  # fmt: skip
    """Hypothesis strategy: up to ``max_size`` commands of all kinds.

    Most prices are within 2 ticks of ``mid_ticks`` so that orders meet; a few lie farther off, at the ends of the price
    window or of all prices. Most sizes are 1 to 9 shares; a few are the largest possible, or not possible.

    For a book that does less: ``names`` are the commands and ``types`` the order types that may occur; ``hides`` false leaves
    out hidden and reserve orders; ``nonsense`` false leaves out what must be refused for its price, size or display, or for an
    order that was never there (an order that has gone since may still be named).
    """
    from hypothesis import strategies as st

    near = range(mid_ticks - 2, mid_ticks + 3)
    far = _far_prices(mid_ticks, price_window) if nonsense else []
    prices = st.sampled_from([*near] * 50 + [mid_ticks - 5, mid_ticks + 5] * 5 + far)
    sizes = st.sampled_from([*range(1, 10)] * 24 + ([100, 1000, SIZE_MAX, SIZE_MAX + 1, 0, -1] if nonsense else [100, 1000]))
    shown = [None] * 30 + ([0, 1, 2, 3] * 10 if hides else []) + ([-1, SIZE_MAX] if nonsense and hides else [])
    displays = st.sampled_from(shown)
    usual = [OrderType.LIMIT] * 16 + [OrderType.POST_ONLY] * 4 + list(OrderType) * 2
    kinds = st.sampled_from([each for each in usual if each in types])
    ids = st.sampled_from([Nth(k) for k in range(12)] * 3 + list[Any](range(4)) + [-1, 10**9] if nonsense else [Nth(k) for k in range(12)])
    # The first is what hypothesis tries in the place of others when it shrinks, and what it drops most easily: make it the least.
    often = ["trading", "cancel", *["reduce"] * 2, *["cross"] * 2, *["replace"] * 3, *["add"] * 24]
    chosen = st.sampled_from([name for name in often if name in names])
    references = st.integers(max(1, mid_ticks - 6), mid_ticks + 6)

    @st.composite
    def command(draw: DrawFn) -> Command:
        name = draw(chosen)
        if name == "add":
            type = draw(kinds)
            args = (draw(st.sampled_from(Side)), draw(prices), draw(sizes), type, draw(displays), draw(st.integers(0, 2)))
            return Command(name, _sensible(args, near) if nonsense else _right(args))
        if name == "cancel":
            return Command(name, (draw(ids),))
        if name == "reduce":
            return Command(name, (draw(ids), draw(sizes)))
        if name == "replace":
            return Command(name, (draw(ids), draw(prices), draw(sizes)))
        if name == "cross":
            return Command(name, (draw(st.sampled_from(CrossKind)), draw(references)))
        return Command(name, (draw(st.sampled_from([True, True, True, False])),))

    @st.composite
    def stream(draw: DrawFn) -> list[Command]:
        # Hypothesis makes lists short; a length that it draws first is as often long, and still shrinks.
        return [draw(command()) for _ in range(draw(st.integers(0, max_size)))]

    return stream()


def _far_prices(mid_ticks: int, price_window: int) -> list[int]:
    """Where the window begins to matter, and where prices end or are none."""
    inside = [mid_ticks + price_window // 2, mid_ticks + price_window - 1, mid_ticks + price_window]
    return [*inside, max(1, mid_ticks - price_window + 1), 1, PRICE_TICKS_MAX, PRICE_TICKS_MAX + 1, 0, -1]


def _right(args: tuple[Any, ...]) -> tuple[Any, ...]:
    """With a price and a display that its type allows."""
    side, price_ticks, size, type, display, owner = args
    may_hide = type in (OrderType.LIMIT, OrderType.POST_ONLY) and (display is None or display <= size)
    return (side, 0 if type in _PRICELESS else price_ticks, size, type, display if may_hide else None, owner)


def _sensible(args: tuple[Any, ...], near: range) -> tuple[Any, ...]:
    """Most orders that are not limit orders would be refused for their price or display: give them good ones, mostly."""
    side, price_ticks, size, type, display, owner = args
    if price_ticks in near and type in _PRICELESS:
        price_ticks = 0
    if display in (1, 2, 3) and (display > size or type not in (OrderType.LIMIT, OrderType.POST_ONLY)):
        display = None
    return (side, price_ticks, size, type, display, owner)
