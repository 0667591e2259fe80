"""The columns of nautilus_trader's catalog, and rows of numbers as those columns.

Prices and sizes are whole numbers of 1e-16 in 16 bytes (high precision, its wheels for Linux and macOS), or of 1e-9 in 8 bytes
(standard precision, those for Windows), little-endian; times ns since 1970.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator.notices import StatusReason
from simulator.records import I64, PRICE_UNITS_PER_USD, Phase
from writers.feed.notices import StatusTold
from writers.nautilus.kernel import VALUES, fixed, fixed_levels

DEPTH = 10
PRECISIONS = {"high": (16, 10**16), "standard": (8, 10**9)}
"""Bytes, and by what a value is multiplied."""
ADD, UPDATE, DELETE, CLEAR = 1, 2, 3, 4
LAST, SNAPSHOT = 128, 32
FOLDERS_BEFORE_1_222 = {"order_book_deltas": "order_book_delta", "order_book_depths": "order_book_depth10"}
"""Folders that had other names; a catalog with the wrong ones reads as empty, without an error."""
RENAMED_IN = (1, 222)

ACTIONS = {Phase.PRE_OPEN: "PRE_OPEN", Phase.CONTINUOUS: "TRADING", Phase.POST_CLOSE: "POST_CLOSE"}
TRADES = {Phase.CONTINUOUS: True, Phase.HALTED: False, Phase.CLOSED: False}
"""Of the other phases it is a run's choice."""

# Rows of numbers as they wait for a row group: int64[columns, n], of a depth [n, 60] besides.
DELTA = ("action", "side", "price", "size", "order_id", "flags", "sequence", "ts")
TRADE = ("price", "size", "aggressor_side", "match", "ts")
QUOTE = ("bid_price", "ask_price", "bid_size", "ask_size", "ts")
DEPTHS = ("sequence", "ts")


class Encoder:
    """Makes Arrow tables of one instrument's rows."""

    def __init__(self, instrument: str, price_precision: int, precision: str, date: str) -> None:
        """``date`` begins the numbers of trades, which start anew each day."""
        self._bytes, self._scale = PRECISIONS[precision]
        self._date = date
        self._metadata = {"instrument_id": instrument, "price_precision": str(price_precision), "size_precision": "0"}
        self.of: Mapping[str, Callable[..., Any]] = {
            "order_book_deltas": self.deltas, "trade_tick": self.trades, "quote_tick": self.quotes, "order_book_depths": self.depths,
        }  # fmt: skip

    def deltas(self, rows: I64) -> Any:
        action, side, price, size, order_id, flags, sequence, ts = rows
        return self._table({
            "action": action.astype(np.uint8), "side": side.astype(np.uint8), "price": self.price(price), "size": self.size(size),
            "order_id": order_id.astype(np.uint64), "flags": flags.astype(np.uint8), "sequence": sequence.astype(np.uint64),
            **_times(ts),
        })  # fmt: skip

    def trades(self, rows: I64) -> Any:
        price, size, aggressor, match, ts = rows
        number = pc.binary_join_element_wise(self._date, pc.cast(pa.array(match), pa.string()), "-")
        return self._table({
            "price": self.price(price), "size": self.size(size), "aggressor_side": aggressor.astype(np.uint8), "trade_id": number,
            **_times(ts),
        })  # fmt: skip

    def quotes(self, rows: I64) -> Any:
        bid_price, ask_price, bid_size, ask_size, ts = rows
        return self._table({
            "bid_price": self.price(bid_price), "ask_price": self.price(ask_price), "bid_size": self.size(bid_size),
            "ask_size": self.size(ask_size), **_times(ts),
        })  # fmt: skip

    def depths(self, rows: I64, levels: I64) -> Any:
        """``levels`` [n, 60]: of each of ten levels ask price, shares and orders, then the bid's; 0 where there is none."""
        words = np.empty((VALUES, DEPTH, len(levels), self._bytes // 8), "<u8")
        counts = np.empty((2, DEPTH, len(levels)), np.uint32)
        fixed_levels(levels, self._scale // PRICE_UNITS_PER_USD, self._scale, words, counts)
        columns: dict[str, Any] = {}
        for name, made in zip(("bid_price", "ask_price", "bid_size", "ask_size"), words, strict=True):
            columns |= {f"{name}_{level}": self._binary(column) for level, column in enumerate(made)}
        for name, numbers in zip(("bid_count", "ask_count"), counts, strict=True):
            columns |= {f"{name}_{level}": column for level, column in enumerate(numbers)}
        sequence, ts = rows
        return self._table(
            {**columns, "flags": np.zeros(len(ts), np.uint8), "sequence": sequence.astype(np.uint64), **_times(ts)}
        )  # fmt: skip

    def price(self, units: I64) -> Any:
        """From 0.0001 USD."""
        return self._fixed(units, self._scale // PRICE_UNITS_PER_USD)

    def size(self, shares: I64) -> Any:
        return self._fixed(shares, self._scale)

    def _fixed(self, values: I64, factor: int) -> Any:
        """``values`` times ``factor`` in so many bytes; neither is negative."""
        words = np.empty((len(values), self._bytes // 8), "<u8")
        fixed(values, factor, words)
        return self._binary(words)

    def _binary(self, words: Any) -> Any:
        """uint64[n, 1 or 2] as they are."""
        return pa.FixedSizeBinaryArray.from_buffers(pa.binary(self._bytes), len(words), [None, pa.py_buffer(words)])

    def _table(self, columns: dict[str, Any]) -> Any:
        arrays = [pa.array(column) if isinstance(column, np.ndarray) else column for column in columns.values()]
        fields = [pa.field(name, array.type, nullable=False) for name, array in zip(columns, arrays, strict=True)]
        return pa.Table.from_arrays(arrays, schema=pa.schema(fields, self._metadata))


def equity(symbol: str, instrument: str, tick_units: int, price_precision: int, ts_ns: int, *, is_old: bool) -> Any:
    """The instrument's own table; ``is_old``: as before 1.222."""
    word = pa.dictionary(pa.int16(), pa.string())
    text = pa.string()
    limits = [] if is_old else [("max_quantity", word, None), ("min_quantity", word, None)]
    columns: list[tuple[str, Any, Any]] = [
        ("id", pa.dictionary(pa.int64(), pa.string()), instrument), ("raw_symbol", text, symbol), ("currency", word, "USD"),
        ("price_precision", pa.uint8(), price_precision),
        ("price_increment", word, f"{tick_units / PRICE_UNITS_PER_USD:.{price_precision}f}"), ("lot_size", word, "1"), *limits,
        ("isin", text, None), ("margin_init", text, "0"), ("margin_maint", text, "0"), ("maker_fee", text, "0"), ("taker_fee", text, "0"),
        ("info", pa.binary(), None), ("ts_event", pa.uint64(), ts_ns), ("ts_init", pa.uint64(), ts_ns),
    ]  # fmt: skip
    arrays = [pa.array([value], kind) for _, kind, value in columns]
    return pa.Table.from_arrays(arrays, schema=pa.schema([(name, kind) for name, kind, _ in columns], {"class": "Equity"}))


def statuses(instrument: str, told: Sequence[StatusTold]) -> Any:
    """What may trade, as its own serializer has it; the words are its ``MarketStatusAction``."""
    actions = [_action(each) for each in told]
    times = pa.array([each.ts_ns for each in told], pa.uint64())
    trades = [TRADES.get(Phase(each.phase)) for each in told]
    nothing = [None] * len(told)
    columns: list[tuple[str, Any]] = [
        ("instrument_id", pa.array([instrument] * len(told), pa.dictionary(pa.int64(), pa.string()))),
        ("action", pa.array(actions, pa.dictionary(pa.int8(), pa.string()))),
        ("reason", pa.array([StatusReason(each.reason).name for each in told], pa.string())),
        ("trading_event", pa.array(nothing, pa.string())), ("is_trading", pa.array(trades, pa.bool_())),
        ("is_quoting", pa.array(nothing, pa.bool_())), ("is_short_sell_restricted", pa.array([False] * len(told), pa.bool_())),
        ("ts_event", times), ("ts_init", times),
    ]  # fmt: skip
    schema = pa.schema([(name, array.type) for name, array in columns], {"type": "InstrumentStatus"})
    return pa.Table.from_arrays([array for _, array in columns], schema=schema)


def _action(told: StatusTold) -> str:
    if told.phase == Phase.HALTED:
        return "PAUSE" if told.reason == StatusReason.LULD else "HALT"
    return ACTIONS.get(Phase(told.phase), "NOT_AVAILABLE_FOR_TRADING")


def _times(ts: I64) -> dict[str, Any]:
    stamps = ts.astype(np.uint64)
    return {"ts_event": stamps, "ts_init": stamps}
