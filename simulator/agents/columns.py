"""Many rows at once, as numpy columns, the oldest first: prints, quotes, bars. Prices in ticks, sizes in shares, times in ns."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.records import F64, I64


@dataclass(frozen=True, slots=True, repr=False)
class Rows:
    """Some rows of one or more books."""

    ts_ns: I64
    """The venue's stamps."""
    symbol: I64
    """Places in ``market.symbols``."""
    venue: I64
    """Places in ``market.venues``."""

    def __len__(self) -> int:
        return len(self.ts_ns)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {len(self):,} rows>"


@dataclass(frozen=True, slots=True, repr=False)
class Trades(Rows):
    """Prints."""

    price_ticks: I64
    size: I64
    side: I64
    """Of the aggressor, as ``Side``; in a cross, of the imbalance."""


@dataclass(frozen=True, slots=True, repr=False)
class Quotes(Rows):
    """The best displayed levels of a venue after each change of its book, at whatever depth; 0 where a side shows nothing."""

    bid_ticks: I64
    bid_size: I64
    ask_ticks: I64
    ask_size: I64


@dataclass(frozen=True, slots=True, repr=False)
class Bars:
    """Prints by stretches of equal length; a stretch without a print has no bar."""

    start_ns: I64
    """Whole multiples of the length since 1970."""
    open_ticks: I64
    high_ticks: I64
    low_ticks: I64
    close_ticks: I64
    volume: I64
    vwap_ticks: F64
    trades: I64

    def __len__(self) -> int:
        return len(self.start_ns)

    def __repr__(self) -> str:
        return f"<Bars: {len(self):,}>"
