"""Messages of a venue as records of DBN 3: numpy dtypes with the layout of ``databento_dbn``'s own structs, and who becomes what.

Little-endian; prices in 1e-9 USD, times in ns since the epoch. A trade and a fill do not change the book: every fill is followed by the
cancel of as many shares. A book may be looked at after a record with the flag LAST.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from simulator.records import I64
from writers.feed import kernel as k

HEAD = [("length", "u1"), ("rtype", "u1"), ("publisher_id", "<u2"), ("instrument_id", "<u4"), ("ts_event", "<u8")]
TAIL = [("flags", "u1"), ("depth", "u1"), ("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4")]
DEAL = [("price", "<i8"), ("size", "<u4"), ("action", "S1"), ("side", "S1")]
LEVEL = np.dtype([("bid_px", "<i8"), ("ask_px", "<i8"), ("bid_sz", "<u4"), ("ask_sz", "<u4"), ("bid_ct", "<u4"), ("ask_ct", "<u4")])
DTYPES: Mapping[str, np.dtype[np.void]] = {
    "mbo": np.dtype(
        [*HEAD, ("order_id", "<u8"), ("price", "<i8"), ("size", "<u4"), ("flags", "u1"), ("channel_id", "u1"), ("action", "S1"),
         ("side", "S1"), ("ts_recv", "<u8"), ("ts_in_delta", "<i4"), ("sequence", "<u4")]
    ),
    "mbp-10": np.dtype([*HEAD, *DEAL, *TAIL, ("levels", LEVEL, (10,))]),
    "mbp-1": np.dtype([*HEAD, *DEAL, *TAIL, ("levels", LEVEL, (1,))]),
    "trades": np.dtype([*HEAD, *DEAL, *TAIL]),
}  # fmt: skip
RTYPES = {"mbo": 0xA0, "mbp-10": 0x0A, "mbp-1": 0x01, "trades": 0x00}
LEVELS = {"mbp-10": 10, "mbp-1": 1}
LAST, SNAPSHOT, BAD_TS_RECV = 128, 32, 8
PRICE_SCALE = 100_000
"""From 0.0001 USD."""
NO_PRICE = 2**63 - 1
ACTIONS = (b"A", b"TFC", b"FC", b"T", b"C", b"C", b"", b"T")
"""By kind of message of the feed, which deletes and shows anew what is replaced."""
_LENGTHS = np.array([len(actions) for actions in ACTIONS])
_ACTIONS = np.array([[actions[i : i + 1] or b" " for i in range(3)] for actions in ACTIONS], "S1")
_SIDES = np.array([b"B", b"A"])
"""Of an order: bid or ask."""


class Deals(NamedTuple):
    """Records before they have the form of a schema."""

    message: I64
    """Index of the message that each is of."""
    action: Any
    side: Any
    price: I64
    size: I64
    order_id: I64


def deals(columns: I64) -> Deals:
    """What some messages of one venue, whole instants of each book, become."""
    kinds = columns[k.KIND]
    lengths = np.where(columns[k.SIZE] > 0, _LENGTHS[kinds], 0)  # a cross that paired nothing is none
    message = np.repeat(np.arange(len(kinds)), lengths)
    step = np.arange(len(message)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    of = columns[:, message]
    action = _ACTIONS[of[k.KIND], step]
    trades = action == b"T"
    side = _SIDES[np.where(trades, 1 - of[k.SIDE], of[k.SIDE])]  # of a trade: the aggressor's
    side[of[k.KIND] == k.CROSSED] = b"N"
    price = np.where(trades | (action == b"F"), of[k.PRINT], of[k.PRICE])
    return Deals(message, action, side, price * PRICE_SCALE, of[k.SIZE], np.where(trades, 0, of[k.REF]))


def level_records(levels: I64, count: int) -> Any:
    """[n, count] of LEVEL from the feed's [n, L, 6]; a level that there is not has no price."""
    made = np.zeros((len(levels), count), LEVEL)
    for name, price, size, orders in (("bid", k.BID_PRICE, k.BID_SIZE, k.BID_COUNT), ("ask", k.ASK_PRICE, k.ASK_SIZE, k.ASK_COUNT)):
        part = levels[:, :count]
        made[f"{name}_px"] = np.where(part[:, :, size] > 0, part[:, :, price] * PRICE_SCALE, NO_PRICE)
        made[f"{name}_sz"] = part[:, :, size]
        made[f"{name}_ct"] = part[:, :, orders]
    return made
