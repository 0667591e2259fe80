"""One book of a market, for whoever looks on."""

from __future__ import annotations

from html import escape

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

    def _repr_html_(self) -> str:
        """The best levels as a small table, for notebooks."""
        bids, asks = self.levels(Side.BUY), self.levels(Side.SELL)
        rows = []
        for k in range(max(len(bids), len(asks))):
            (bid, bid_size), (ask, ask_size) = ([f"{n:,}" for n in side[k]] if k < len(side) else ["", ""] for side in (bids, asks))
            rows.append(f"<tr><td>{bid_size}</td><td>{bid}</td><td>{ask}</td><td>{ask_size}</td></tr>")
        head = "<tr><th>shares</th><th>bid</th><th>ask</th><th>shares</th></tr>"
        return f"<table><caption>{escape(repr(self))}</caption>{head}{''.join(rows)}</table>"

    def best(self) -> tuple[int, int]:
        """Best displayed bid and ask in ticks, 0 where a side shows nothing."""
        return self._exchange.best_now(self._book)

    def levels(self, side: Side, count: int = 10) -> list[tuple[int, int]]:
        """(price in ticks, displayed shares), best first."""
        return self._exchange.levels_now(self._book, side, count)
