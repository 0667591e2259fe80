"""Rows made of noise, and what a reader should find of them: for the tests of writers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow as pa

from simulator.notices import StatusReason
from simulator.records import (
    BATCH_TYPES,
    NOT_GIVEN,
    NS_PER_HOUR,
    TABLES,
    Batch,
    CrossKind,
    EventKind,
    MarketDataBatch,
    OrderType,
    Phase,
    columns,
)
from simulator.tape.arrow import PRICES_OR_NULL
from simulator.tape.sink import RunInfo

LEVELS = 4
NOON_NS = 1_751_371_200_000_000_000
"""2025-07-01 12:00 UTC."""
RUN = RunInfo(
    symbols=("AAPL", "JPM", "XOM"), venues=("NASDAQ", "NYSE"), levels=LEVELS, tables=TABLES, agents=dict(enumerate(("cross", "maker", "depth", "taker", "mine"))),
)  # fmt: skip
BOUNDS = {
    "order_type": 9, "cross_kind": 3, "symbol": 3, "venue": 2, "side": 2, "resting_side": 2, "cond": 4, "kind": 9, "maker": 5, "taker": 5,
    "phase": 6, "reason": 4, "imbalance_side": 2, "bid_venue": 2, "ask_venue": 2,
}  # fmt: skip
MAY_BE_NONE = ("order_type", "cross_kind", "phase", "imbalance_side", "bid_venue", "ask_venue")


def random_batch(table: str, rows: int, *, seed: int = 1, start_ns: int = NOON_NS, span_ns: int = NS_PER_HOUR, full: bool = False) -> Batch:
    """Rows in time order over ``span_ns``; all other columns are noise within their bounds."""
    rng = np.random.default_rng(seed)
    batch: dict[str, Any] = {"ts_ns": start_ns + np.sort(rng.integers(0, span_ns, rows))}
    if table == "market_data":
        counts = rng.integers(LEVELS if full else 0, LEVELS + 1, (rows, 2)).astype(np.int32)
        batch |= {"bid_count": counts[:, 0], "ask_count": counts[:, 1]}
        quotes = rng.integers(1, 2_000_000, (rows, 4, LEVELS)).astype(np.int32)
        quotes[:, 0:2] *= np.arange(LEVELS) < counts[:, :1, None]
        quotes[:, 2:4] *= np.arange(LEVELS) < counts[:, 1:, None]
        batch["quotes"] = quotes
    wide = {"size", "hidden_size", "refill_size", "action", "order_id", "display", "other_id", "imbalance", "taker_order", "maker_order", "parent"}
    wide |= {"paired_size", "imbalance_size", "bid_size", "ask_size"}
    for name in (field.name for field in fields(BATCH_TYPES[table])):
        if name == "efficient_price":
            batch[name] = rng.random(rows) * 100
        elif name not in batch:
            low = NOT_GIVEN if name in MAY_BE_NONE or (table, name) == ("status", "venue") else 0
            batch[name] = rng.integers(low, BOUNDS.get(name, 2_000_000), rows).astype(np.int64 if name in wide else np.int32)
            if name in PRICES_OR_NULL:
                batch[name][rng.random(rows) < 0.3] = 0
    made: Batch = BATCH_TYPES[table](**batch)
    return made


def run_through(sink: Any, batches: list[Batch], complete: bool = True, run: RunInfo = RUN) -> None:
    """Give the sink views of one buffer that is used again and again, as the engine does."""
    sink.open(run)
    for batch in batches:
        lent: Batch = BATCH_TYPES[batch.table](**{name: column.copy() for name, column in columns(batch)})
        sink.write(lent)
        for _, column in columns(lent):
            column[...] = 0
    sink.close(complete)


def expected_rows(batch: Batch, run: RunInfo) -> list[dict[str, Any]]:
    """The rows as a database has them, value by value in plain Python."""
    names = {"symbol": run.symbols, "venue": run.venues, "side": "BS", "resting_side": "BS", "cond": "TOCH", "maker": run.agents}
    names |= {"taker": run.agents, "kind": [kind.name for kind in EventKind]}
    names |= {"order_type": [*(kind.name for kind in OrderType), ""], "cross_kind": [*(kind.name for kind in CrossKind), ""]}
    names |= {"phase": [*(phase.name for phase in Phase), ""], "reason": [reason.name for reason in StatusReason]}
    names |= {"imbalance_side": ["B", "S", ""], "bid_venue": [*run.venues, ""], "ask_venue": [*run.venues, ""]}
    if batch.table == "status":
        names["venue"] = [*run.venues, ""]
    rows = []
    for i in range(len(batch)):
        if isinstance(batch, MarketDataBatch):
            row: dict[str, Any] = {"timestamp_ns": int(batch.ts_ns[i])}
            row |= {"symbol": run.symbols[batch.symbol[i]], "venue": run.venues[batch.venue[i]]}
            for side, price, size, count in (
                ("bids", batch.bid_price, batch.bid_size, batch.bid_count), ("asks", batch.ask_price, batch.ask_size, batch.ask_count),
            ):  # fmt: skip
                used = range(count[i])
                row[side] = [[int(price[i, k]) / 10_000 for k in used], [float(size[i, k]) for k in used]]
        else:
            row = {}
            for name, column in columns(batch):
                value: Any = column[i].item()
                if name in names:
                    value = names[name][value]
                elif name in PRICES_OR_NULL:
                    value = value / 10_000 if value else None
                elif name == "price":
                    value = value / 10_000
                row["timestamp_ns" if name == "ts_ns" else name] = value
        rows.append(row)
    return rows


def with_ns(table: Any) -> list[dict[str, Any]]:
    """An Arrow table's rows, its times as integers."""
    rows: list[dict[str, Any]] = table.set_column(0, "timestamp_ns", table["timestamp_ns"].cast(pa.int64())).to_pylist()
    return rows
