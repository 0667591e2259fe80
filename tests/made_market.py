"""Small markets made of numpy alone, whose answers are known: for the tests of the scorecard. Nothing of the simulator makes their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import pyarrow as pa

from simulator.analysis.scorecard import ArrowTables

OPEN_NS = 1_751_376_600 * 10**9
"""2025-07-01 09:30 in New York."""
SESSION_S = 23_400
S = 10**9
NAMES = ("AAPL", "MSFT", "JPM", "GS", "XOM", "CVX")
LISTED = {"AAPL": "NASDAQ", "MSFT": "NASDAQ", "JPM": "NYSE", "GS": "NYSE", "XOM": "NYSE", "CVX": "NYSE"}
VENUES = ("NASDAQ", "NYSE", "ARCA", "BATS", "IEX")
SHARES = {"NASDAQ": (0.60, 0.04, 0.16, 0.12, 0.08), "NYSE": (0.27, 0.45, 0.12, 0.10, 0.06)}
"""Of the prints, by listing: about what the bands want."""
SECTORS = {"AAPL": "tech", "MSFT": "tech", "JPM": "finance", "GS": "finance", "XOM": "energy", "CVX": "energy"}
PRICES = {"AAPL": 205.0, "MSFT": 497.0, "JPM": 289.0, "GS": 707.0, "XOM": 107.0, "CVX": 143.0}
DEPTH = 3


def books(rows: Sequence[tuple[int, str, str, Sequence[tuple[float, float]], Sequence[tuple[float, float]]]]) -> pa.Table:
    """Of (time, symbol, venue, bids, asks), each side pairs of price and size."""
    sides = [
        [[[p for p, _ in side], [float(s) for _, s in side]] for side in sides] for sides in zip(*((r[3], r[4]) for r in rows), strict=True)
    ] or [[], []]
    kind = pa.list_(pa.list_(pa.float64()))
    return pa.table(
        {
            "timestamp_ns": pa.array([r[0] for r in rows], pa.int64()),
            "symbol": pa.array([r[1] for r in rows], pa.string()),
            "venue": pa.array([r[2] for r in rows], pa.string()),
            "bids": pa.array(sides[0], kind),
            "asks": pa.array(sides[1], kind),
        }
    )


def trades(rows: Sequence[tuple[int, str, str, float, int, str, str]]) -> pa.Table:
    """Of (time, symbol, venue, price, size, side, cond)."""
    kinds = (pa.int64(), pa.string(), pa.string(), pa.float64(), pa.int64(), pa.string(), pa.string())
    names = ("timestamp_ns", "symbol", "venue", "price", "size", "side", "cond")
    columns = list(zip(*rows, strict=True)) or [[]] * 7
    return pa.table({name: pa.array(column, kind) for name, column, kind in zip(names, columns, kinds, strict=True)})


def hawkes(rng: np.random.Generator, rate: float, branching: float, seconds: float, decay_s: float = 1.0) -> np.ndarray:
    """Times in seconds of a self-exciting process, exponential kernel: immigrants, their children, their children's ..."""
    born = rng.uniform(0, seconds, rng.poisson(rate * (1 - branching) * seconds))
    every = [born]
    while len(born):
        born = np.repeat(born, rng.poisson(branching, len(born)))
        born = born + rng.exponential(decay_s, len(born))
        every.append(born)
    times = np.sort(np.concatenate(every))
    return times[times < seconds]


def long_signs(rng: np.random.Generator, count: int, alpha: float = 1.4, slots: int = 5) -> np.ndarray:
    """Signs of parent orders of power-law length, traded by turns (Lillo, Mike and Farmer): memory decays as l^-(alpha - 1)."""
    left = np.zeros(slots, np.int64)
    sign = np.ones(slots)
    signs = np.empty(count)
    for i, slot in enumerate(rng.integers(0, slots, count).tolist()):
        if left[slot] == 0:
            left[slot] = min(int(rng.random() ** (-1 / alpha)), 5_000)
            sign[slot] = 1.0 if rng.random() < 0.5 else -1.0
        left[slot] -= 1
        signs[i] = sign[slot]
    return signs


@dataclass
class Made:
    """A market of one or several days, and what may be done to it before it becomes tables."""

    rng: np.random.Generator
    book: dict[str, np.ndarray] = field(default_factory=dict)
    """Columns ts, symbol, venue, bid, ask (ticks), size."""
    print: dict[str, np.ndarray] = field(default_factory=dict)
    """Columns ts, symbol, venue, price (ticks), size, sign."""

    def with_shuffled_minutes(self) -> Made:
        """The same minutes in another order, the same for all symbols: quotes and prints go with their minute, each path moving in it as it did."""
        book = {name: column.copy() for name, column in self.book.items()}
        prints = {name: column.copy() for name, column in self.print.items()}
        count = int((book["ts"].max() - OPEN_NS) // (60 * S)) + 1
        deal = self.rng.permutation(count)
        place = np.empty(count, np.int64)
        place[deal] = np.arange(count)
        for number in np.unique(book["symbol"]).tolist():
            mine = np.flatnonzero(book["symbol"] == number)
            order = mine[np.argsort(book["ts"][mine], kind="stable")]
            middle = (book["bid"][order] + book["ask"][order]) / 2
            first = np.searchsorted((book["ts"][order] - OPEN_NS) // (60 * S), np.arange(count))
            start = middle[np.maximum(first - 1, 0)]  # what stood when the minute began
            moved = np.diff(np.append(start, middle[-1]))
            # Where the minute begins in the new order: what the minutes dealt before it moved.
            begins = np.empty(count)
            begins[deal] = start[0] + np.concatenate(([0.0], np.cumsum(moved[deal])[:-1]))
            shift = np.rint(begins - start).astype(np.int64)
            for columns, prices, rows in ((book, ("bid", "ask"), mine), (prints, ("price",), np.flatnonzero(prints["symbol"] == number))):
                minute = np.minimum((columns["ts"][rows] - OPEN_NS) // (60 * S), count - 1)
                for price in prices:
                    columns[price][rows] += shift[minute]
                columns["ts"][rows] += (place[minute] - minute) * 60 * S
        return replace(self, book=book, print=prints)

    def with_changing_names(self) -> Made:
        """Each quarter of an hour every symbol's venues get each other's names, by chance."""
        book = {name: column.copy() for name, column in self.book.items()}
        prints = {name: column.copy() for name, column in self.print.items()}
        quarters = SESSION_S // 900 + 1
        names = self.rng.permuted(np.tile(np.arange(len(VENUES)), (len(NAMES), quarters, 1)), axis=2)
        for columns in (book, prints):
            quarter = (columns["ts"] - OPEN_NS) // (900 * S)
            columns["venue"] = names[columns["symbol"], quarter, columns["venue"]]
        return replace(self, book=book, print=prints)

    def source(self, cond: str = "T") -> ArrowTables:
        book, prints = self.book, self.print
        order = np.argsort(book["ts"], kind="stable")
        names, places = pa.array(NAMES), pa.array(VENUES)
        rows = len(order)
        step = np.arange(DEPTH)
        bid = (book["bid"][order][:, None] - step) / 100
        ask = (book["ask"][order][:, None] + step) / 100
        sizes = np.repeat(book["size"][order][:, None], DEPTH, axis=1).astype(float)
        table = pa.table(
            {
                "timestamp_ns": pa.array(book["ts"][order]),
                "symbol": pa.DictionaryArray.from_arrays(pa.array(book["symbol"][order].astype(np.int16)), names),
                "venue": pa.DictionaryArray.from_arrays(pa.array(book["venue"][order].astype(np.int16)), places),
                "bids": _nested(np.stack([bid, sizes], axis=1), rows),
                "asks": _nested(np.stack([ask, sizes], axis=1), rows),
            }
        )
        order = np.argsort(prints["ts"], kind="stable")
        tape = pa.table(
            {
                "timestamp_ns": pa.array(prints["ts"][order]),
                "symbol": pa.DictionaryArray.from_arrays(pa.array(prints["symbol"][order].astype(np.int16)), names),
                "venue": pa.DictionaryArray.from_arrays(pa.array(prints["venue"][order].astype(np.int16)), places),
                "price": pa.array(prints["price"][order] / 100),
                "size": pa.array(prints["size"][order].astype(np.int64)),
                "side": pa.array(np.where(prints["sign"][order] > 0, "B", "S").tolist()),
                "cond": pa.array([cond] * len(order)),
            }
        )
        return ArrowTables(table, tape)


def _nested(values: np.ndarray, rows: int) -> Any:
    inner = pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * rows * DEPTH + 1, DEPTH, dtype=np.int32)), pa.array(values.ravel()))
    return pa.ListArray.from_arrays(pa.array(np.arange(0, 2 * rows + 1, 2, dtype=np.int32)), inner)


def make(
    seed: int,
    symbols: Sequence[str] = NAMES,
    seconds: int = 7_200,
    *,
    rate: float = 0.8,
    branching: float = 0.88,
    without: Literal["", "own books", "factors", "protection", "memory"] = "",
) -> Made:
    """A day's first hours: clustered events, factors of market and sector, volatility in clusters, five venues of which the listing one leads.

    At each event of a symbol its listing venue quotes anew around the efficient price and the others follow within a millisecond;
    half of the events bring a parent trade at the best price, more of them when volatility is high. ``branching=0``: Poisson.
    ``without``, for the controls: own books (one, five times), factors of market and sector, protection (prints some ticks past the other
    venues' quotes), memory (the signs of trades in another order).
    """
    rng = np.random.default_rng([seed, 0])  # what a control takes away leaves all other draws as they are
    shared = rng.normal(size=seconds)
    sectors = {sector: rng.normal(size=seconds) for sector in dict.fromkeys(SECTORS.values())}
    common = _volatility(rng, seconds)
    books_, prints_ = [], []
    for name in symbols:
        number = NAMES.index(name)
        own, events, quotes, takers = (np.random.default_rng([seed, 1 + kind, number]) for kind in range(4))
        level = common * _volatility(own, seconds)
        parts = (0.0, 0.0, 1.0) if without == "factors" else (0.25, 0.35, 0.4)
        mixed = sum(np.sqrt(w) * z for w, z in zip(parts, (shared, sectors[SECTORS[name]], own.normal(size=seconds)), strict=True))
        path = np.concatenate(([0.0], np.cumsum(0.9e-4 * level * mixed)))
        times = hawkes(events, rate, branching, seconds)
        mid = PRICES[name] * 100 * np.exp(np.interp(times, np.arange(seconds + 1), path))
        books_.append(_quotes(quotes, number, LISTED[name], times, mid, without == "own books"))
        busy = level[times.astype(int)] / np.median(level)
        traded = takers.random(len(times)) < np.minimum(0.9, 0.5 * busy**0.8)
        prints_.append(_prints(takers, number, LISTED[name], times[traded], mid[traded], without))
    return Made(rng, _join(books_), _join(prints_))


def _volatility(rng: np.random.Generator, seconds: int) -> np.ndarray:
    """Per second: minutes and hours of calm and storm."""
    minutes = seconds // 60 + 1
    slow, fast = np.zeros(minutes), np.zeros(minutes)
    slow[0] = 0.35 * rng.normal()
    for i in range(1, minutes):
        slow[i] = 0.985 * slow[i - 1] + 0.12 * rng.normal()
        fast[i] = 0.85 * fast[i - 1] + 0.25 * rng.normal()
    return np.repeat(np.exp(slow + fast), 60)[:seconds]


def _half(mid: np.ndarray) -> np.ndarray:
    """Ticks from the efficient price to the listing venue's quote: wider for dear shares."""
    return 0.6 + mid * 8e-5


def _quotes(rng: np.random.Generator, number: int, listed: str, times: np.ndarray, mid: np.ndarray, copied: bool) -> dict[str, np.ndarray]:
    home = VENUES.index(listed)
    ts = OPEN_NS + (times * S).astype(np.int64)
    columns = []
    sizes = rng.integers(1, 6, len(ts)) * 100
    for venue in range(len(VENUES)):
        leads = venue == home or copied
        lag = np.full(len(ts), venue) if leads else (rng.exponential(4e5, len(ts)) + 1e5).astype(np.int64)
        wide = _half(mid) + (0.0 if leads else 0.6)
        bid, ask = np.floor(mid - wide).astype(np.int64), np.ceil(mid + wide).astype(np.int64)
        size = sizes if copied else rng.integers(1, 6, len(ts)) * 100
        at = np.maximum.accumulate(ts + lag - np.arange(len(ts))) + np.arange(len(ts))  # later than the row before
        keep = np.append(True, (np.diff(bid) != 0) | (np.diff(ask) != 0) | (np.diff(size) != 0))
        columns.append(
            {
                "ts": at[keep],
                "symbol": np.full(keep.sum(), number),
                "venue": np.full(keep.sum(), venue),
                "bid": bid[keep],
                "ask": ask[keep],
                "size": size[keep],
            }
        )
    return _join(columns)


def _prints(
    rng: np.random.Generator, number: int, listed: str, times: np.ndarray, mid: np.ndarray, without: str
) -> dict[str, np.ndarray]:
    signs = long_signs(rng, len(times))
    if without == "memory":
        signs = np.random.default_rng(number).permutation(signs)
    venue = rng.choice(len(VENUES), len(times), p=SHARES[listed])
    far = _half(mid) + (4.0 if without == "protection" else 0.0)
    price = np.where(signs > 0, np.ceil(mid + far), np.floor(mid - far)).astype(np.int64)
    size = np.where(rng.random(len(times)) < 0.6, rng.integers(1, 100, len(times)), 100)
    ts = OPEN_NS + (times * S).astype(np.int64) + 6 * 10**6
    return {"ts": ts, "symbol": np.full(len(ts), number), "venue": venue, "price": price, "size": size, "sign": signs}


def _join(columns: Sequence[Mapping[str, np.ndarray]]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([c[name] for c in columns]) for name in columns[0]}
