"""A book of one's own against the slow twin: the first command that goes wrong, with both books drawn.

The book below trades at the best price, but serves the newest order first.
"""

from bisect import insort

from simulator import Event, OrderType, Side
from simulator.testing import Command, assert_same_run


class YourBook:
    """Limit orders and cancels only. ``resting`` has (price, id, size), best first, by side."""

    def __init__(self) -> None:
        self.resting: dict[Side, list[list[int]]] = {Side.BUY: [], Side.SELL: []}
        self.count = 0

    def add(self, side: Side, price_ticks: int, size: int, *, type: OrderType, display: int | None, owner: int) -> list[Event]:
        self.count += 1
        other = self.resting[Side.SELL if side == Side.BUY else Side.BUY]
        sign = 1 if side == Side.BUY else -1
        while size and other and sign * other[0][0] <= sign * price_ticks:
            best = other[0]
            newest = max((order for order in other if order[0] == best[0]), key=lambda order: order[1])  # the bug
            traded = min(size, newest[2])
            size -= traded
            newest[2] -= traded
            if not newest[2]:
                other.remove(newest)
        if size:
            insort(self.resting[side], [price_ticks, self.count, size], key=lambda order: (-sign * order[0], order[1]))
        return []

    def cancel(self, order_id: int) -> list[Event]:
        for orders in self.resting.values():
            orders[:] = [order for order in orders if order[1] != order_id]
        return []

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        sums: dict[int, int] = {}
        for price_ticks, _, size in self.resting[side]:
            sums[price_ticks] = sums.get(price_ticks, 0) + size
        return list(sums.items())[:count]


def main() -> None:
    limit = (OrderType.LIMIT, None, 0)  # its type, its display, its owner
    stream = [
        Command("add", (Side.SELL, 10_001, 100, *limit)),
        Command("add", (Side.SELL, 10_001, 300, *limit)),
        Command("add", (Side.BUY, 10_001, 100, *limit)),  # trades with order 1; the book above takes it from order 2
        Command("cancel", (1,)),  # refused, for it is gone; the book above still has it
    ]
    try:
        assert_same_run(YourBook(), stream, events=False)
    except AssertionError as error:
        print(error)


if __name__ == "__main__":
    main()
