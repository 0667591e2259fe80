"""The tape's columns: where actions on books become rows, with their stamps.

Only a book stamps rows: the larger of the arrival time and its last stamp + 1 ns. The fills of one action take consecutive
nanoseconds; the book row, if the action changed any displayed size, takes the next. Rows of all books of a worker go into
the same preallocated columns, kept in order of (time, symbol, venue): a row that is stamped ahead of its arrival (the third
fill of a sweep) may be overtaken by another book's, and moves back the few places that it must.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from simulator.book.codes import CROSS, EXECUTE, EXPIRE, REFILL, REJECT
from simulator.book.jit import kernel
from simulator.book.matching import begin_action
from simulator.book.state import (
    ACTIONS,
    DIFF,
    LAST_TS,
    LOG_A,
    LOG_B,
    LOG_ID,
    LOG_KIND,
    LOG_OWNER,
    LOG_PRICE,
    LOG_SIDE,
    LOG_SIZE,
    Books,
    log_rows,
)
from simulator.book.view import top_levels
from simulator.records import (
    BACKGROUND_OWNERS,
    F64,
    I32,
    I64,
    Cond,
)

# counters: int64[16]
ROWS_MD, ROWS_TR, ROWS_OR, ROWS_TH, NOTIFICATIONS = 0, 1, 2, 3, 4
WANT_ORDERS, WANT_TRUTH, WANT_RING, WANT_NOTIFICATIONS = 5, 6, 7, 8
HEAR_BY = 9
"""When Python must have heard of all notifications, at the latest; 0: at once."""

# book facts: int64[B, 15]
SYMBOL, VENUE, TICK_UNITS, WATCH = 0, 1, 2, 3
"""TICK_UNITS: a tick in units of 0.0001 USD."""
RING_ROWS, RING_PRINTS = 4, 5
"""Book rows and prints written since the day began, of which the rings keep the last."""
ALL_ROWS, ALL_PRINTS, ALL_SHARES, SHARES_CROSSED = 6, 7, 8, 9
"""Since the run began."""
TAPE_TICK = 10
"""A tick in the tape's prices: TICK_UNITS over the symbol's ``price_scale``."""
LOT, LOT_PRINTS, LOT_TICKS = 11, 12, 13
"""The symbol's round lot today; prints of a round lot or more outside of crosses since the run began, and the sum of their prices."""
WATCHED_FROM = 14
"""How far away the nearest of those is who watch this book, in ns: before, nobody has to hear of its rows and prints. 0: at once."""
FACTS = 15
WATCH_QUOTES, WATCH_TRADES = 1, 2

# order of the columns of the integer matrices
MD_SYMBOL, MD_VENUE, MD_BIDS, MD_ASKS = 0, 1, 2, 3
TR_SYMBOL, TR_VENUE, TR_PRICE, TR_SIZE, TR_SIDE, TR_COND = range(6)
OR_SYMBOL, OR_VENUE, OR_ACTION, OR_KIND, OR_ID, OR_SIDE, OR_PRICE, OR_SIZE, OR_A, OR_B = range(10)
TH_SYMBOL, TH_VENUE, TH_PRICE, TH_SIZE, TH_HIDDEN, TH_REFILL, TH_SIDE, TH_TAKER_ORDER, TH_MAKER_ORDER, TH_TAKER, TH_MAKER, TH_PARENT = (
    range(12)
)

# notification: int64[7]: what a Python agent, or somebody who watches, must hear of
NOTIFY_TS, NOTIFY_BOOK, NOTIFY_KIND, NOTIFY_ID, NOTIFY_PRICE, NOTIFY_SIZE, NOTIFY_OWNER = range(7)
NOTIFY_FILL, NOTIFY_TAKEN, NOTIFY_CROSSED, NOTIFY_QUOTE, NOTIFY_TRADE, NOTIFY_EXPIRE = 0, 1, 2, 3, 4, 5
"""The first three are fills: of a resting order, of the aggressor, in a cross."""

COND_OF_OPEN = int(Cond.OPEN)
"""The conditions of crosses follow ``Cond.OPEN`` in the order of ``CrossKind``."""

ROOM_MD, ROOM_OTHER = 64, 4096
"""Rows kept free. One event of the flow writes fewer: at most three book rows; two orders that trade, of 24 prints each, and as many
rows of truth and notifications; and, of the orders table, one whole log (a book seeded or quoted anew) and 64 small actions."""


class Columns(NamedTuple):
    """Preallocated output of a worker, and the recent past of each book. Modified in place."""

    md_ts: I64
    md_key: I32
    """[n, 4]: symbol, venue, bid levels, ask levels."""
    md_quotes: I32
    """[n, 4, L]"""
    tr_ts: I64
    tr: I64
    """[n, 6]"""
    or_ts: I64
    orders: I64
    """[n, 10]"""
    th_ts: I64
    truth: I64
    """[n, 12]"""
    th_price: F64
    """[n], USD."""
    used: I64
    """[16], rows used and what is wanted."""
    facts: I64
    """[B, 15], symbol, venue, its tick, what of this book is watched and from where, and what it has counted."""
    notifications: I64
    """[n, 7]"""
    ring_ts: I64
    """[B, R], stamps of the last R book rows."""
    ring_quotes: I32
    """[B, R, 4, L]"""
    last_trade: I64
    """[B, R, 4]: stamp, price in ticks, shares, aggressor of the last R prints."""


def make_columns(books: int, *, levels: int, rows: int, orders: bool, truth: bool, agents: bool, history: int, max_orders: int) -> Columns:
    """Room for ``rows`` book rows and for as many of the others as go with them; at least for what one action logs, beside ``ROOM_OTHER``.

    A logged row becomes at most one print, one row of truth, one of orders and one notification: an execution, which may have two, comes
    with the room that ``matching.match`` keeps for the refill that mostly does not follow it.
    """
    ring = history if agents else 1
    action = log_rows(max_orders)
    trades = max(rows // 2, 2 * ROOM_OTHER + action)
    order_rows = (rows * 6 if orders else 0) + ROOM_OTHER + 2 * action
    truth_rows = (rows if truth else 0) + ROOM_OTHER + action
    used = np.zeros(16, np.int64)
    used[[WANT_ORDERS, WANT_TRUTH, WANT_RING, WANT_NOTIFICATIONS]] = orders, truth, agents, agents
    return Columns(
        md_ts=np.zeros(rows, np.int64),
        md_key=np.zeros((rows, 4), np.int32),
        md_quotes=np.zeros((rows, 4, levels), np.int32),
        tr_ts=np.zeros(trades, np.int64),
        tr=np.zeros((trades, 6), np.int64),
        or_ts=np.zeros(order_rows if orders else 1, np.int64),
        orders=np.zeros((order_rows if orders else 1, 10), np.int64),
        th_ts=np.zeros(truth_rows if truth else 1, np.int64),
        truth=np.zeros((truth_rows if truth else 1, 12), np.int64),
        th_price=np.zeros(truth_rows if truth else 1, np.float64),
        used=used,
        facts=np.zeros((books, FACTS), np.int64),
        notifications=np.zeros((action + ROOM_OTHER if agents else 1, 7), np.int64),
        ring_ts=np.zeros((books, ring), np.int64),
        ring_quotes=np.zeros((books, ring, 4, levels), np.int32),
        last_trade=np.zeros((books, ring, 4), np.int64),
    )


@kernel
def comes_before(ts: int, symbol: int, venue: int, other_ts: int, other_symbol: int, other_venue: int) -> bool:
    """Order of the tape: time, then symbol, then venue."""
    if ts != other_ts:
        return ts < other_ts
    if symbol != other_symbol:
        return symbol < other_symbol
    return venue < other_venue


@kernel
def write_book_row(bk: Books, out: Columns, b: int, ts: int) -> None:
    """Append the book's levels as of now, stamped ``ts``."""
    n = out.used[ROWS_MD]
    symbol = out.facts[b, SYMBOL]
    venue = out.facts[b, VENUE]
    out.used[ROWS_MD] = n + 1
    bids, asks = top_levels(bk, b, out.md_quotes, n, out.facts[b, TAPE_TICK])
    out.md_ts[n] = ts
    out.md_key[n, MD_SYMBOL] = symbol
    out.md_key[n, MD_VENUE] = venue
    out.md_key[n, MD_BIDS] = bids
    out.md_key[n, MD_ASKS] = asks
    out.facts[b, ALL_ROWS] += 1
    if out.used[WANT_RING] != 0:
        r = out.facts[b, RING_ROWS] % out.ring_ts.shape[1]
        out.ring_ts[b, r] = ts
        for i in range(4):
            for k in range(out.md_quotes.shape[2]):
                out.ring_quotes[b, r, i, k] = out.md_quotes[n, i, k]
        out.facts[b, RING_ROWS] += 1
    while n > 0 and comes_before(ts, symbol, venue, out.md_ts[n - 1], out.md_key[n - 1, 0], out.md_key[n - 1, 1]):
        out.md_ts[n], out.md_ts[n - 1] = out.md_ts[n - 1], out.md_ts[n]
        for i in range(4):
            out.md_key[n, i], out.md_key[n - 1, i] = out.md_key[n - 1, i], out.md_key[n, i]
            for k in range(out.md_quotes.shape[2]):
                here = out.md_quotes[n, i, k]
                out.md_quotes[n, i, k] = out.md_quotes[n - 1, i, k]
                out.md_quotes[n - 1, i, k] = here
        n -= 1


@kernel
def move_back(ts: I64, rows: I64, n: int) -> int:
    """Let row ``n`` (symbol and venue in its first columns) sink to its place in time. Returns the place."""
    while n > 0 and comes_before(ts[n], rows[n, 0], rows[n, 1], ts[n - 1], rows[n - 1, 0], rows[n - 1, 1]):
        ts[n], ts[n - 1] = ts[n - 1], ts[n]
        for i in range(rows.shape[1]):
            rows[n, i], rows[n - 1, i] = rows[n - 1, i], rows[n, i]
        n -= 1
    return n


@kernel
def write_trade(out: Columns, b: int, ts: int, price: int, size: int, side: int, cond: int) -> None:
    """Append one print; ``price`` in ticks."""
    n = out.used[ROWS_TR]
    out.used[ROWS_TR] = n + 1
    out.tr_ts[n] = ts
    out.tr[n, TR_SYMBOL] = out.facts[b, SYMBOL]
    out.tr[n, TR_VENUE] = out.facts[b, VENUE]
    out.tr[n, TR_PRICE] = price * out.facts[b, TAPE_TICK]
    out.tr[n, TR_SIZE] = size
    out.tr[n, TR_SIDE] = side
    out.tr[n, TR_COND] = cond
    out.facts[b, ALL_PRINTS] += 1
    out.facts[b, ALL_SHARES] += size
    if cond != 0:
        out.facts[b, SHARES_CROSSED] += size
    elif size >= out.facts[b, LOT]:
        out.facts[b, LOT_PRINTS] += 1
        out.facts[b, LOT_TICKS] += price
    if out.used[WANT_RING] != 0:
        r = out.facts[b, RING_PRINTS] % out.last_trade.shape[1]
        out.last_trade[b, r, 0] = ts
        out.last_trade[b, r, 1] = price
        out.last_trade[b, r, 2] = size
        out.last_trade[b, r, 3] = side
        out.facts[b, RING_PRINTS] += 1
    if out.tr_ts[max(n - 1, 0)] >= ts:
        move_back(out.tr_ts, out.tr, n)


@kernel
def write_orders(bk: Books, out: Columns, b: int, first_ts: int) -> None:
    """Append the log to the orders table; executions outside a cross take their prints' stamps."""
    ts = first_ts - 1
    crossed = False
    for i in range(bk.logged[0]):
        kind = bk.log[i, LOG_KIND]
        if kind == REJECT:
            continue
        crossed = crossed or kind == CROSS
        if kind == EXECUTE and not crossed:
            ts += 1
        n = out.used[ROWS_OR]
        out.used[ROWS_OR] = n + 1
        out.or_ts[n] = max(ts, first_ts)
        row = out.orders[n]
        row[OR_SYMBOL] = out.facts[b, SYMBOL]
        row[OR_VENUE] = out.facts[b, VENUE]
        row[OR_ACTION] = bk.head[b, ACTIONS] + 1
        row[OR_KIND] = kind
        row[OR_ID] = bk.log[i, LOG_ID]
        row[OR_SIDE] = bk.log[i, LOG_SIDE]
        row[OR_PRICE] = bk.log[i, LOG_PRICE] * out.facts[b, TAPE_TICK]
        row[OR_SIZE] = bk.log[i, LOG_SIZE]
        row[OR_A] = bk.log[i, LOG_A]
        row[OR_B] = bk.log[i, LOG_B]
        move_back(out.or_ts, out.orders, n)


@kernel
def write_truth(bk: Books, out: Columns, b: int, i: int, ts: int, taker: int, parent: int, efficient_price: float) -> None:
    """Append the truth of the execution in log row ``i``."""
    n = out.used[ROWS_TH]
    out.used[ROWS_TH] = n + 1
    shown_anew = 0
    if i + 1 < bk.logged[0] and bk.log[i + 1, LOG_KIND] == REFILL:
        shown_anew = bk.log[i + 1, LOG_SIZE]
    out.th_ts[n] = ts
    out.th_price[n] = efficient_price
    row = out.truth[n]
    row[TH_SYMBOL] = out.facts[b, SYMBOL]
    row[TH_VENUE] = out.facts[b, VENUE]
    row[TH_PRICE] = bk.log[i, LOG_PRICE] * out.facts[b, TAPE_TICK]
    row[TH_SIZE] = bk.log[i, LOG_SIZE]
    row[TH_HIDDEN] = bk.log[i, LOG_A]
    row[TH_REFILL] = shown_anew
    row[TH_SIDE] = bk.log[i, LOG_SIDE]
    row[TH_TAKER_ORDER] = bk.log[i, LOG_B]
    row[TH_MAKER_ORDER] = bk.log[i, LOG_ID]
    row[TH_TAKER] = taker
    row[TH_MAKER] = bk.log[i, LOG_OWNER]
    row[TH_PARENT] = parent
    k = n
    while k > 0 and comes_before(ts, row[0], row[1], out.th_ts[k - 1], out.truth[k - 1, 0], out.truth[k - 1, 1]):
        out.th_price[k], out.th_price[k - 1] = out.th_price[k - 1], out.th_price[k]
        k -= 1
    move_back(out.th_ts, out.truth, n)


@kernel
def notify(out: Columns, ts: int, b: int, kind: int, order_id: int, price: int, size: int, owner: int) -> None:
    """Append something that Python must hear of, at once."""
    n = out.used[NOTIFICATIONS]
    out.used[NOTIFICATIONS] = n + 1
    out.used[HEAR_BY] = 0
    row = out.notifications[n]
    row[NOTIFY_TS] = ts
    row[NOTIFY_BOOK] = b
    row[NOTIFY_KIND] = kind
    row[NOTIFY_ID] = order_id
    row[NOTIFY_PRICE] = price
    row[NOTIFY_SIZE] = size
    row[NOTIFY_OWNER] = owner


@kernel
def notify_watchers(out: Columns, ts: int, b: int, kind: int) -> None:
    """Append a row or print of a watched book, of which Python must hear before it reaches the nearest of those who watch."""
    others = out.used[NOTIFICATIONS]
    hear_by = out.used[HEAR_BY]
    notify(out, ts, b, kind, 0, 0, 0, 0)
    reached = ts + out.facts[b, WATCHED_FROM]
    if reached > ts:
        out.used[HEAR_BY] = reached if others == 0 else min(hear_by, reached)


@kernel
def finish_action(
    bk: Books, out: Columns, b: int, arrival_ts: int, taker: int, parent: int, efficient_price: float, ends: bool
) -> tuple[int, int]:
    """Turn what the action has logged into rows, and begin the next action.

    ``ends`` is false when the action goes on with a fresh log, and then no book row is written yet. Returns (prints, 1 if a book
    row was written). Empties the log.
    """
    hd = bk.head
    first_ts = max(arrival_ts, hd[b, LAST_TS] + 1)
    if out.used[WANT_ORDERS] != 0:
        write_orders(bk, out, b, first_ts)
    ts = first_ts - 1
    prints = 0
    crossed = False
    for i in range(bk.logged[0]):
        kind = bk.log[i, LOG_KIND]
        if kind == CROSS:
            crossed = True
            if bk.log[i, LOG_SIZE] > 0:
                ts += 1
                prints += 1
                write_trade(out, b, ts, bk.log[i, LOG_PRICE], bk.log[i, LOG_SIZE], bk.log[i, LOG_SIDE], COND_OF_OPEN + bk.log[i, LOG_B])
        elif kind == EXECUTE:
            if not crossed:
                ts += 1
                prints += 1
                write_trade(out, b, ts, bk.log[i, LOG_PRICE], bk.log[i, LOG_SIZE], 1 - bk.log[i, LOG_SIDE], 0)
            if out.used[WANT_TRUTH] != 0:
                write_truth(bk, out, b, i, ts, taker if not crossed else 0, parent, efficient_price)
            if out.used[WANT_NOTIFICATIONS] != 0:
                owner = bk.log[i, LOG_OWNER]
                if owner >= BACKGROUND_OWNERS:
                    what = NOTIFY_CROSSED if crossed else NOTIFY_FILL
                    notify(out, ts, b, what, bk.log[i, LOG_ID], bk.log[i, LOG_PRICE], bk.log[i, LOG_SIZE], owner)
                if taker >= BACKGROUND_OWNERS and not crossed:
                    notify(out, ts, b, NOTIFY_TAKEN, bk.log[i, LOG_B], bk.log[i, LOG_PRICE], bk.log[i, LOG_SIZE], taker)
        elif kind == EXPIRE and out.used[WANT_NOTIFICATIONS] != 0 and bk.log[i, LOG_OWNER] >= BACKGROUND_OWNERS:
            notify(out, max(ts, first_ts), b, NOTIFY_EXPIRE, bk.log[i, LOG_ID], 0, bk.log[i, LOG_SIZE], bk.log[i, LOG_OWNER])
    row = 0
    if ends and hd[b, DIFF] > 0:
        ts += 1
        row = 1
        write_book_row(bk, out, b, ts)
        if out.facts[b, WATCH] & WATCH_QUOTES:
            notify_watchers(out, ts, b, NOTIFY_QUOTE)
    if prints > 0 and out.facts[b, WATCH] & WATCH_TRADES:
        notify_watchers(out, ts - row - prints + 1, b, NOTIFY_TRADE)
    hd[b, LAST_TS] = max(hd[b, LAST_TS], ts)
    bk.logged[0] = 0
    if ends:
        hd[b, ACTIONS] += 1
        begin_action(bk, b)
    return prints, row


@kernel
def has_room(bk: Books, out: Columns) -> bool:
    """Whether one more event of the flow fits whatever it writes."""
    used = out.used
    return (
        used[ROWS_MD] + ROOM_MD <= out.md_ts.shape[0]
        and used[ROWS_TR] + ROOM_OTHER <= out.tr_ts.shape[0]
        and (used[WANT_ORDERS] == 0 or used[ROWS_OR] + bk.log.shape[0] + ROOM_OTHER <= out.or_ts.shape[0])
        and (used[WANT_TRUTH] == 0 or used[ROWS_TH] + ROOM_OTHER <= out.th_ts.shape[0])
    )


def keep_rest(out: Columns, md: int, tr: int, orders: int, th: int) -> None:
    """Forget the first rows of each table, which have been written, and move the others to the front.

    Not compiled: numpy moves rows as fast, and assigning slices is a tenth of all compilation.
    """
    tables: tuple[tuple[int, int, tuple[NDArray[Any], ...]], ...] = (
        (ROWS_MD, md, (out.md_ts, out.md_key, out.md_quotes)),
        (ROWS_TR, tr, (out.tr_ts, out.tr)),
        (ROWS_OR, orders, (out.or_ts, out.orders)),
        (ROWS_TH, th, (out.th_ts, out.truth, out.th_price)),
    )
    for counter, gone, arrays in tables:
        used = int(out.used[counter])
        if gone and used > gone:
            for array in arrays:
                array[: used - gone] = array[gone:used]
        out.used[counter] = used - gone
