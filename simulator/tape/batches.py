"""Rows of the columns as batches, for whoever takes them: views where the types allow it."""

from __future__ import annotations

import numpy as np

from simulator.book.reports import EVENT_FIELDS
from simulator.records import I64, NOT_GIVEN, MarketDataBatch, OrderBatch, TradeBatch, TruthBatch
from simulator.tape.columns import (
    MD_ASKS,
    MD_BIDS,
    MD_SYMBOL,
    MD_VENUE,
    OR_A,
    OR_ACTION,
    OR_B,
    OR_ID,
    OR_KIND,
    OR_PRICE,
    OR_SIDE,
    OR_SIZE,
    OR_SYMBOL,
    OR_VENUE,
    TH_HIDDEN,
    TH_MAKER,
    TH_MAKER_ORDER,
    TH_PARENT,
    TH_PRICE,
    TH_REFILL,
    TH_SIDE,
    TH_SIZE,
    TH_SYMBOL,
    TH_TAKER,
    TH_TAKER_ORDER,
    TH_VENUE,
    TR_COND,
    TR_PRICE,
    TR_SIDE,
    TR_SIZE,
    TR_SYMBOL,
    TR_VENUE,
    Columns,
)


def market_data_batch(out: Columns, n: int, levels: int) -> MarketDataBatch:
    """The first ``n`` book rows with up to ``levels`` of the levels kept, as views."""
    key = out.md_key[:n]
    counts = key if levels >= out.md_quotes.shape[2] else np.minimum(key, levels)
    return MarketDataBatch(
        ts_ns=out.md_ts[:n],
        symbol=key[:, MD_SYMBOL],
        venue=key[:, MD_VENUE],
        bid_count=counts[:, MD_BIDS],
        ask_count=counts[:, MD_ASKS],
        quotes=out.md_quotes[:n, :, :levels],
    )


def trade_batch(out: Columns, n: int) -> TradeBatch:
    """The first ``n`` prints."""
    rows = out.tr[:n]
    small = rows.astype(np.int32)
    return TradeBatch(
        ts_ns=out.tr_ts[:n],
        symbol=small[:, TR_SYMBOL],
        venue=small[:, TR_VENUE],
        price=small[:, TR_PRICE],
        size=rows[:, TR_SIZE],
        side=small[:, TR_SIDE],
        cond=small[:, TR_COND],
    )


def order_batch(out: Columns, n: int) -> OrderBatch:
    """The first ``n`` rows of the orders table. Its two packed columns are taken apart, for each kind has its own in them."""
    rows = out.orders[:n]
    small = rows.astype(np.int32)
    kind = small[:, OR_KIND]

    def own(column: int, name: str, none: int = 0) -> I64:
        has = [fields[column - OR_A] == name for fields in EVENT_FIELDS.values()]
        return np.where(np.array(has)[kind], rows[:, column], none)

    return OrderBatch(
        ts_ns=out.or_ts[:n],
        symbol=small[:, OR_SYMBOL],
        venue=small[:, OR_VENUE],
        action=rows[:, OR_ACTION],
        kind=kind,
        order_id=rows[:, OR_ID],
        side=small[:, OR_SIDE],
        price=small[:, OR_PRICE],
        size=rows[:, OR_SIZE],
        display=own(OR_A, "display"),
        hidden_size=own(OR_A, "hidden_size"),
        other_id=own(OR_B, "other_id"),
        order_type=own(OR_B, "order_type", NOT_GIVEN).astype(np.int32),
        imbalance=own(OR_A, "imbalance"),
        cross_kind=own(OR_B, "cross_kind", NOT_GIVEN).astype(np.int32),
    )


def truth_batch(out: Columns, n: int) -> TruthBatch:
    """The first ``n`` rows of the truth table."""
    rows = out.truth[:n]
    small = rows.astype(np.int32)
    return TruthBatch(
        ts_ns=out.th_ts[:n],
        symbol=small[:, TH_SYMBOL],
        venue=small[:, TH_VENUE],
        price=small[:, TH_PRICE],
        size=rows[:, TH_SIZE],
        hidden_size=rows[:, TH_HIDDEN],
        refill_size=rows[:, TH_REFILL],
        resting_side=small[:, TH_SIDE],
        taker_order=rows[:, TH_TAKER_ORDER],
        maker_order=rows[:, TH_MAKER_ORDER],
        taker=small[:, TH_TAKER],
        maker=small[:, TH_MAKER],
        parent=rows[:, TH_PARENT],
        efficient_price=out.th_price[:n],
    )
