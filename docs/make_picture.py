"""Makes docs/day.png from a run: `pip install matplotlib duckdb && python docs/make_picture.py OUT`.

Left: a symbol's one-minute bars and volume. Right: its five books at one moment, summed by price.
"""

from __future__ import annotations

import sys
from pathlib import Path

import duckdb
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SYMBOL, MOMENT = "AAPL", "2025-07-01 17:00:00"


def main(out: Path) -> None:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    bars = con.execute(f"""
        SELECT date_trunc('minute', timestamp_ns) - INTERVAL 4 HOUR AS minute, min(price) AS low, max(price) AS high,
               first(price ORDER BY timestamp_ns) AS open, last(price ORDER BY timestamp_ns) AS close, sum(size) AS volume
        FROM read_parquet('{out}/equities_trades/*/*/*.parquet') WHERE symbol = '{SYMBOL}' GROUP BY ALL ORDER BY 1""").fetchnumpy()
    books = con.execute(f"""
        SELECT venue, last(bids ORDER BY timestamp_ns) AS bids, last(asks ORDER BY timestamp_ns) AS asks
        FROM read_parquet('{out}/equities_market_data/*/*/*.parquet')
        WHERE symbol = '{SYMBOL}' AND timestamp_ns BETWEEN TIMESTAMP '{MOMENT}' - INTERVAL 1 MINUTE AND TIMESTAMP '{MOMENT}'
        GROUP BY venue ORDER BY venue""").fetchall()
    figure, (day, book) = plt.subplots(1, 2, figsize=(12, 4.2), width_ratios=(2.4, 1), layout="constrained")
    day.vlines(bars["minute"], bars["low"], bars["high"], color="#8aa", linewidth=0.8)
    day.plot(bars["minute"], bars["close"], color="#134", linewidth=0.8)
    day.set_title(f"{SYMBOL}, 2025-07-01: one-minute bars, volume below (New York time)", fontsize=10)
    day.set_ylabel("USD")
    day.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))
    volume = day.twinx()
    volume.bar(bars["minute"], bars["volume"], width=1 / 1440, color="#c96", alpha=0.7)
    volume.set_ylim(0, 5 * sorted(bars["volume"])[-3])
    volume.set_yticks([])
    for side, color in ((1, "#2a7"), (2, "#c44")):
        left: dict[float, float] = {}
        for n, row in enumerate(books):
            prices, sizes = row[side]
            book.barh(prices, sizes, left=[left.get(p, 0) for p in prices], height=0.007, color=color, alpha=0.35 + 0.12 * n)
            for price, size in zip(prices, sizes, strict=True):
                left[price] = left.get(price, 0) + size
    best = max(row[1][0][0] for row in books)
    book.set_ylim(best - 0.065, best + 0.085)
    book.set_title("Its five books at 13:00, shares", fontsize=10)
    figure.savefig(Path(__file__).with_name("day.png"), dpi=110)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "out"))
