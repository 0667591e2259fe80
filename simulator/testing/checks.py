"""Checks and a drawing for any book with the twin's interface."""

from __future__ import annotations

from simulator.book.reports import OrderRow
from simulator.records import OrderType, Side
from simulator.testing.protocol import Book


def assert_valid(book: Book) -> None:
    """Raise ``AssertionError``, with a drawing, if the book contradicts itself.

    Checked: ids unique; every order has shares, and a reserve displays some of them; each side in priority order; best
    buy below best sell, hidden orders included; ``levels`` sorted, positive and equal to the orders' displayed parts.
    """
    rows = [OrderRow(*row) for row in book.orders()]
    if len({row.order_id for row in rows}) != len(rows):
        raise _broken(book, "an order id occurs twice")
    for row in rows:
        if min(row.displayed, row.hidden) < 0 or row.displayed + row.hidden == 0:
            raise _broken(book, f"no or negative shares: {row}")
        if row.peak and not 1 <= row.displayed <= row.peak:
            raise _broken(book, f"a reserve displays nothing or more than its peak: {row}")
        if not row.waits and row.type not in (OrderType.LIMIT, OrderType.POST_ONLY):
            raise _broken(book, f"an order of a type that never rests: {row}")
    resting = {side: [row for row in rows if row.side == side and not row.waits] for side in Side}
    for side in Side:
        if resting[side] != sorted(resting[side], key=_place):
            raise _broken(book, f"{side.name} orders are out of price order, or a hidden one stands before a displayed one")
        if book.levels(side, len(rows) + 1) != _sum_levels(resting[side]):
            raise _broken(book, f"{side.name} levels are not the sums of what the orders display")
    if all(resting.values()) and resting[Side.BUY][0].price_ticks >= resting[Side.SELL][0].price_ticks:
        raise _broken(book, "best buy is not below best sell")


def assert_same(book: Book, twin: Book) -> None:
    """Raise ``AssertionError``, with both drawings, unless the two hold the same orders, levels and state hash."""
    orders, expected = ([_plain(row) for row in b.orders()] for b in (book, twin))
    if orders != expected:
        only = [row for row in orders if row not in expected]
        missing = [row for row in expected if row not in orders]
        what = f"orders differ: only in the book {only}; only in the twin {missing}" if only or missing else "orders stand in another order"
        raise _different(book, twin, what)
    for side in Side:
        if book.levels(side, len(orders) + 1) != twin.levels(side, len(orders) + 1):
            raise _different(book, twin, f"{side.name} levels differ")
    if book.state_hash() != twin.state_hash():
        raise _different(book, twin, "state hashes differ though the orders are the same: next order id, or the hash itself")


def draw(book: Book, levels: int = 5) -> str:
    """The best ``levels`` of each side as text, asks above bids: price in ticks, displayed shares, a bar.

    103 |  40 | ########
    101 | 100 | ####################
    ----+-----+---------------------
     99 |  20 | ####
    """
    asks = book.levels(Side.SELL, levels)[::-1]
    bids = book.levels(Side.BUY, levels)
    quotes = [*asks, *bids]
    if not quotes:
        return "(nothing displayed)"
    most = max(size for _, size in quotes)
    price_width = max(len(str(price)) for price, _ in quotes)
    size_width = max(len(str(size)) for _, size in quotes)

    def line(price: int, size: int) -> str:
        # At least one mark: a small level beside a huge one is still a level. None for a level without shares, a broken book's.
        bar = "#" * (max(1, size * _BAR_WIDTH // most) if size > 0 else 0)
        return f"{price:>{price_width}} | {size:>{size_width}} | {bar}".rstrip()

    middle = f"{'-' * price_width}-+-{'-' * size_width}-+-{'-' * _BAR_WIDTH}"
    return "\n".join([*(line(*quote) for quote in asks), middle, *(line(*quote) for quote in bids)])


_BAR_WIDTH = 20


def _place(row: OrderRow) -> tuple[int, bool]:
    """Sorts as priority does, but for the place in the queue, which only the book knows."""
    return (-row.price_ticks if row.side == Side.BUY else row.price_ticks, row.displayed == 0)


def _sum_levels(rows: list[OrderRow]) -> list[tuple[int, int]]:
    """Of one side's rows, in their order."""
    sums: dict[int, int] = {}
    for row in rows:
        sums[row.price_ticks] = sums.get(row.price_ticks, 0) + row.displayed
    return [(price, size) for price, size in sums.items() if size]


def _plain(row: OrderRow) -> OrderRow:
    """Of plain ints, whatever kind of ints a book has; and shown by its names."""
    return OrderRow(*map(int, row))


def _broken(book: Book, what: str) -> AssertionError:
    return AssertionError(f"{what}\n{draw(book)}\n{_listing(book)}")


def _different(book: Book, twin: Book, what: str) -> AssertionError:
    return AssertionError(f"{what}\nthe book:\n{draw(book)}\n{_listing(book)}\nthe twin:\n{draw(twin)}\n{_listing(twin)}")


def _listing(book: Book) -> str:
    return "\n".join(str(_plain(row)) for row in book.orders())
