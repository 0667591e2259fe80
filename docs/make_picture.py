"""Makes docs/day.png: a day of one symbol with its crosses, a pause and its volume, and sixty seconds of its five venues' quotes.

The day is `python -m scenarios.full_day --scenario docs/day.yaml --out day`; then `pip install matplotlib duckdb && python
docs/make_picture.py day`.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import duckdb
import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

SYMBOL, DAY = "NVDA", "2025-07-01"
FROM, TO = "13:00:00", "13:01:00"
"""Of the quotes, New York time."""
COLORS = {"NASDAQ": "#0072b2", "NYSE": "#d55e00", "ARCA": "#009e73", "BATS": "#cc79a7", "IEX": "#e69f00"}
"""Okabe and Ito's, which colour-blind people tell apart."""


def main(out: Path) -> None:
    con = duckdb.connect()
    con.execute("SET TimeZone = 'UTC'")
    con.execute(f"""
        CREATE VIEW trades AS SELECT *, timestamp_ns - INTERVAL 4 HOUR AS clock FROM read_parquet('{out}/equities_trades/*/*/*.parquet')
        WHERE symbol = '{SYMBOL}'""")
    con.execute(f"""
        CREATE VIEW books AS SELECT *, timestamp_ns - INTERVAL 4 HOUR AS clock FROM read_parquet('{out}/equities_market_data/*/*/*.parquet')
        WHERE symbol = '{SYMBOL}'""")
    figure, axes = plt.subplots(2, 2, figsize=(12, 5.2), width_ratios=(1.6, 1), height_ratios=(3, 1), layout="constrained")
    draw_day(con, axes[0][0], axes[1][0])
    draw_quotes(con, axes[0][1], axes[1][1])
    figure.savefig(Path(__file__).with_name("day.png"), dpi=110)


def draw_day(con: Any, prices: Any, volumes: Any) -> None:
    bars = con.execute("""
        SELECT date_trunc('minute', clock) AS minute, min(price) AS low, max(price) AS high, last(price ORDER BY clock) AS close,
               sum(size) FILTER (cond = 'T') AS volume
        FROM trades GROUP BY ALL ORDER BY 1""").fetchnumpy()
    prices.vlines(bars["minute"], bars["low"], bars["high"], color="#8aa", linewidth=0.8)
    prices.plot(bars["minute"], bars["close"], color="#134", linewidth=0.7)
    crosses = con.execute("""
        SELECT min(clock), min(price), cond, sum(size) FROM trades WHERE cond <> 'T' GROUP BY cond ORDER BY 1""").fetchall()
    names = {"O": "opening cross", "C": "closing cross", "H": "reopening"}
    for clock, price, cond, shares in crosses:
        prices.plot([clock], [price], "o", markersize=5, label=f"{names[cond]}, {int(shares):,} shares")
        if cond == "H":
            (before,) = con.execute("SELECT max(clock) FROM trades WHERE cond = 'T' AND clock < ?", [clock]).fetchone()
            prices.axvspan(before, clock, color="#c44", alpha=0.25, label="paused (LULD)")
    prices.legend(fontsize=7, loc="best")
    prices.set_title(f"{SYMBOL}, {DAY}: one-minute bars, continuous volume below (New York time)", fontsize=10)
    prices.set_ylabel("USD")
    volumes.bar(bars["minute"], bars["volume"].filled(0), width=1 / 1440, color="#c96")
    volumes.sharex(prices)
    for axis in (prices, volumes):
        axis.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M"))


def draw_quotes(con: Any, quotes: Any, rows: Any) -> None:
    inside = f"clock BETWEEN TIMESTAMP '{DAY} {FROM}' AND TIMESTAMP '{DAY} {TO}'"
    for venue, color in COLORS.items():
        best = "SELECT clock, bids[1][1] AS bid, asks[1][1] AS ask FROM books"
        mine = con.execute(f"{best} WHERE venue = '{venue}' AND {inside} ORDER BY clock").fetchnumpy()
        quotes.step(mine["clock"], mine["bid"], where="post", color=color, linewidth=0.9, label=venue)
        quotes.step(mine["clock"], mine["ask"], where="post", color=color, linewidth=0.9)
    prints = con.execute(f"SELECT clock, price, size, side FROM trades WHERE {inside} ORDER BY clock").fetchnumpy()
    for side, marker, color in (("B", "^", "#111"), ("S", "v", "#777")):
        mine = prints["side"] == side
        quotes.scatter(prints["clock"][mine], prints["price"][mine], s=4 + prints["size"][mine] / 12, marker=marker, color=color, zorder=3)
    quotes.set_title(f"Its five venues' quotes and its prints, {FROM[:5]} to {TO[:5]}", fontsize=10)
    quotes.legend(fontsize=7, ncols=5, loc="upper center")
    seconds = "SELECT date_trunc('second', clock) AS second, count(*) AS n FROM books"
    counts = con.execute(f"{seconds} WHERE {inside} GROUP BY ALL ORDER BY 1").fetchnumpy()
    rows.bar(counts["second"], counts["n"], width=0.8 / 86_400, color="#68a")
    rows.set_ylabel("book rows/s", fontsize=8)
    rows.sharex(quotes)
    for axis in (quotes, rows):
        axis.xaxis.set_major_locator(matplotlib.dates.SecondLocator(bysecond=[0, 15, 30, 45]))
        axis.xaxis.set_major_formatter(matplotlib.dates.DateFormatter("%H:%M:%S"))


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "day"))
