"""An opening cross: what it would do at each moment, and what it does."""

from simulator import CrossKind, EventKind, LimitOrderBook, OrderType, Side


def main() -> None:
    book = LimitOrderBook()
    book.trading = False  # before the open nothing trades: orders that would are refused, those for the cross wait
    entered = [
        (Side.BUY, 0, 500, OrderType.MARKET_ON_OPEN),
        (Side.SELL, 10_000, 300, OrderType.LIMIT_ON_OPEN),
        (Side.SELL, 10_005, 600, OrderType.LIMIT_ON_OPEN),
        (Side.BUY, 10_004, 200, OrderType.LIMIT),
        (Side.BUY, 10_003, 400, OrderType.LIMIT_ON_OPEN),
    ]
    for side, price_ticks, size, kind in entered:
        book.add(side, price_ticks, size, type=kind)
        at = book.indicative(CrossKind.OPEN, 10_000)
        asked = f"{kind.name:<15} {side.name:<4} {size} at {price_ticks or 'any':<6}"
        print(f"{asked} -> {at.price_ticks}: {at.paired} paired, {at.imbalance} left over")

    print("\nThe cross:")
    for event in book.cross(CrossKind.OPEN, 10_000):
        print(f"  {EventKind(event.kind).name:<8} order {event.order_id}, {event.size} at {event.price_ticks}")
    book.trading = True
    print("\nStanding afterwards:", book.levels(Side.BUY, 5), book.levels(Side.SELL, 5))


if __name__ == "__main__":
    main()
