"""A limit order book by hand: what each command reports, and how the book looks."""

from simulator import EventKind, LimitOrderBook, OrderType, Reject, Side
from simulator.testing import draw


def main() -> None:
    book = LimitOrderBook()
    book.add(Side.BUY, 9_998, 300)
    book.add(Side.BUY, 9_999, 200)
    book.add(Side.SELL, 10_001, 400, display=100)  # a reserve order: 100 shown, 300 behind
    book.add(Side.SELL, 10_001, 50)
    book.add(Side.SELL, 10_002, 250)
    print(draw(book))

    print("\nSomebody buys 180 at 10,001:")
    for event in book.add(Side.BUY, 10_001, 180, type=OrderType.IOC):
        print(f"  {EventKind(event.kind).name:<8} order {event.order_id}, {event.size} at {event.price_ticks}")
    print()
    print(draw(book))

    print("\nToo many for a fill-or-kill order:")
    for event in book.add(Side.BUY, 10_002, 1_000, type=OrderType.FOK):
        print(f"  {EventKind(event.kind).name}, {Reject(event.reason).name}")


if __name__ == "__main__":
    main()
