"""hftbacktest's own depths on our files, L3 and L2, against our book rows. Runs in a venv of its own: see ``tests/peers.py``.

``FOLDER`` holds ``hftbacktest/VENUE/SYMBOL_DATE.l3.npz`` and so on, and ``SYMBOL_VENUE.npz`` with the rows wanted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from hftbacktest import BUY_EVENT, GTC, LIMIT, LOCAL_EVENT, BacktestAsset, HashMapMarketDepthBacktest
from hftbacktest.data import validate_event_order
from numba import njit

TICK_UNITS = 100


@njit
def wrong_rows(hbt, times, quotes):
    """Rows at which a side shows other levels, or shares between them; time goes on to when each row is heard."""
    wrong = 0
    hbt.elapse(0)
    for row in range(len(times)):
        wait = times[row] - hbt.current_timestamp
        if wait > 0 and hbt.elapse(wait) > 1:
            return -1
        depth = hbt.depth(0)
        good = True
        for side in range(2):
            step = -1 if side == 0 else 1
            tick = depth.best_bid_tick if side == 0 else depth.best_ask_tick
            for level in range(quotes.shape[2]):
                size = quotes[row, 2 * side + 1, level]
                if size == 0:
                    break
                want = quotes[row, 2 * side, level] // TICK_UNITS
                if level == 0 and tick != want:
                    good = False
                    break
                while tick != want and abs(tick - want) < 100_000:
                    found = depth.bid_qty_at_tick(tick) if side == 0 else depth.ask_qty_at_tick(tick)
                    if found != 0:
                        good = False
                        break
                    tick += step
                found = depth.bid_qty_at_tick(tick) if side == 0 else depth.ask_qty_at_tick(tick)
                if not good or found != size:
                    good = False
                    break
                tick += step
        wrong += not good
    return wrong


@njit
def latency_of_an_order(hbt, start, price):
    """Send one far from the market, and see when the exchange had it and when it was answered."""
    hbt.elapse(0)
    hbt.elapse(start - hbt.current_timestamp)
    hbt.submit_buy_order(0, 1, price, 1, GTC, LIMIT, True)
    return hbt.order_latency(0)


def asset(path: Path, feed: str, latency: Path):
    made = BacktestAsset().data([str(path)]).linear_asset(1.0).intp_order_latency([str(latency)]).tick_size(0.01).lot_size(1.0)
    made = made.l3_fifo_queue_model() if feed == "l3" else made.risk_adverse_queue_model()
    return made.no_partial_fill_exchange().trading_value_fee_model(0.0, 0.0).last_trades_capacity(0)


def main(folder: Path) -> int:
    wrong = 0
    for rows in sorted(folder.glob("*_*.npz")):
        symbol, venue = rows.stem.split("_")
        latency = next((folder / "hftbacktest" / venue).glob("latency_*.npz"))
        met = np.load(latency)["data"]
        with np.load(rows) as wanted:
            ts, quotes = wanted["ts"], wanted["quotes"]
        for feed in ("l3", "l2"):
            (path,) = (folder / "hftbacktest" / venue).glob(f"{symbol}_*.{feed}.npz")
            data = np.load(path)["data"]
            validate_event_order(data)
            local = data[data["ev"] & LOCAL_EVENT > 0]
            lag = int(local["local_ts"][0] - local["exch_ts"][0])
            hbt = HashMapMarketDepthBacktest([asset(path, feed, latency)])
            found = wrong_rows(hbt, ts + lag, quotes)
            hbt.close()
            print(f"{symbol} {venue} {feed}: {len(ts):,} rows, {len(data):,} events, {found} differ")
            wrong += abs(found)
        hbt = HashMapMarketDepthBacktest([asset(path, feed, latency)])
        answered = latency_of_an_order(hbt, int(ts[len(ts) // 2]), 1.0)
        hbt.close()
        least = int((met["exch_ts"] - met["req_ts"]).min())
        good = answered is not None and least <= answered[1] - answered[0] <= int((met["exch_ts"] - met["req_ts"]).max())
        print(f"{symbol} {venue} order latency: {answered}, {'as met' if good else 'WRONG'}")
        wrong += not good
    assert BUY_EVENT
    print(f"{wrong} differences")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
