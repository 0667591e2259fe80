"""nautilus_trader's own catalog and order book on our files, against our book rows. Runs in a venv of its own: see ``tests/peers.py``.

``FOLDER`` holds ``nautilus/data/...``, and ``SYMBOL_VENUE.npz`` with the rows and prints wanted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import nautilus_trader
import numpy as np
from nautilus_trader.model.book import OrderBook
from nautilus_trader.model.data import InstrumentStatus, OrderBookDelta, OrderBookDepth10, QuoteTick, TradeTick
from nautilus_trader.model.enums import AggressorSide, BookType, MarketStatusAction
from nautilus_trader.model.identifiers import InstrumentId
from nautilus_trader.persistence.catalog import ParquetDataCatalog


def units(price) -> int:
    return round(float(price) * 10_000)


def levels(found, depth: int) -> list[tuple[int, int]]:
    return [(units(level.price), int(level.size())) for level in found[:depth]]


def wrong_rows(deltas, name: str, ts, quotes) -> int:
    """Its L3 book after the last delta of each instant."""
    book = OrderBook(InstrumentId.from_str(name), BookType.L3_MBO)
    wrong = n = 0
    depth = quotes.shape[2]
    for row in range(len(ts)):
        while n < len(deltas) and deltas[n].ts_init <= ts[row]:
            book.apply_delta(deltas[n])
            n += 1
        want = [[(int(p), int(s)) for p, s in zip(*quotes[row, 2 * side : 2 * side + 2], strict=True) if s] for side in range(2)]
        wrong += [levels(book.bids(), depth), levels(book.asks(), depth)] != want
    return wrong


def main(folder: Path) -> int:
    catalog = ParquetDataCatalog(str(folder / "nautilus"))
    instruments = {str(instrument.id): instrument for instrument in catalog.instruments()}
    print(f"nautilus_trader {nautilus_trader.__version__}: {len(instruments)} instruments")
    total = 0
    for rows in sorted(folder.glob("*_*.npz")):
        name = rows.stem.replace("_", ".")
        assert instruments[name].price_increment == instruments[name].make_price(0.01)
        with np.load(rows) as wanted:
            ts, quotes, trade_ts, prices, sizes = (wanted[key] for key in ("ts", "quotes", "trades", "prices", "sizes"))
            told = list(zip(wanted["statuses"].tolist(), wanted["halted"].tolist(), strict=True))
        halts = (MarketStatusAction.HALT, MarketStatusAction.PAUSE)
        deltas = catalog.query(OrderBookDelta, identifiers=[name])
        wrong = wrong_rows(deltas, name, ts, quotes)
        trades = catalog.query(TradeTick, identifiers=[name])
        said = [(trade.ts_event, units(trade.price), int(trade.size)) for trade in trades]
        wrong += said != list(zip(trade_ts.tolist(), prices.tolist(), sizes.tolist(), strict=True))
        assert all(trade.aggressor_side in (AggressorSide.BUYER, AggressorSide.SELLER, AggressorSide.NO_AGGRESSOR) for trade in trades)
        wrong += [(status.ts_event, status.action in halts) for status in catalog.query(InstrumentStatus, identifiers=[name])] != told
        depths = catalog.query(OrderBookDepth10, identifiers=[name])
        at = np.searchsorted([depth.ts_init for depth in depths], ts, side="right") - 1
        for row, n in enumerate(at.tolist()):
            for side, orders in ((0, depths[n].bids), (1, depths[n].asks)):
                have = [(units(order.price), int(order.size)) for order in orders]
                wrong += have != [(int(p), int(s)) for p, s in zip(*quotes[row, 2 * side : 2 * side + 2], strict=True)]
        ticks = catalog.query(QuoteTick, identifiers=[name])
        both = (quotes[:, 1, 0] > 0) & (quotes[:, 3, 0] > 0)
        at = np.searchsorted([tick.ts_init for tick in ticks], ts[both], side="right") - 1
        for row, n in zip(quotes[both], at.tolist(), strict=True):
            tick = ticks[n]
            have = [units(tick.bid_price), int(tick.bid_size), units(tick.ask_price), int(tick.ask_size)]
            wrong += have != row[:, 0].tolist()
        print(f"{name}: {len(ts):,} rows, {len(deltas):,} deltas, {len(trades):,} trades, {len(depths):,} depths, {len(ticks):,} quotes, {wrong} differ")
        total += wrong
    print(f"{total} differences")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
