"""One book of a market, for whoever looks on."""

from __future__ import annotations

from simulator.exchange.order_books import Exchange
from simulator.records import Side


class BookView:
    """A book of a market, to look at from outside: as it is, not as any agent sees it."""

    def __init__(self, exchange: Exchange, book: int) -> None:
        self._exchange = exchange
        self._book = book

    def __repr__(self) -> str:
        bid, ask = self.best()
        return f"<BookView {self._exchange.book_name(self._book)}: bid {bid or 'none'}, ask {ask or 'none'} (ticks)>"

    def best(self) -> tuple[int, int]:
        """Best displayed bid and ask in ticks, 0 where a side shows nothing."""
        return self._exchange.best_now(self._book)

    def levels(self, side: Side, count: int = 10) -> list[tuple[int, int]]:
        """(price in ticks, displayed shares), best first."""
        return self._exchange.levels_now(self._book, side, count)
