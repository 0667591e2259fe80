"""Every message of TotalView-ITCH 5.0, byte by byte, as numpy dtypes: big-endian, each with the two bytes of its length in front.

Nasdaq's specification has the names; prices are USD x 10,000, times ns since midnight in six bytes. No venue of the
market fails alone, and there are no offerings and no attributed orders: the layouts of these (h, K, L, F, N, B, O) are for readers alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

HEAD = [("length", ">u2"), ("type", "S1"), ("locate", ">u2"), ("tracking", ">u2"), ("time_high", ">u2"), ("time_low", ">u4")]
STOCK = ("stock", "S8")
REF, SHARES, PRICE, MATCH = ("ref", ">u8"), ("shares", ">u4"), ("price", ">u4"), ("match", ">u8")

FIELDS: Mapping[str, list[tuple[str, str]]] = {
    "S": [("event", "S1")],
    "R": [
        STOCK, ("category", "S1"), ("status", "S1"), ("round_lot", ">u4"), ("round_lots_only", "S1"), ("issue_class", "S1"),
        ("subtype", "S2"),
        ("authenticity", "S1"), ("short_sale_threshold", "S1"), ("ipo", "S1"), ("luld_tier", "S1"), ("etp", "S1"), ("leverage", ">u4"),
        ("inverse", "S1"),
    ],
    "H": [STOCK, ("state", "S1"), ("reserved", "S1"), ("reason", "S4")],
    "Y": [STOCK, ("action", "S1")],
    "L": [("mpid", "S4"), STOCK, ("primary", "S1"), ("mode", "S1"), ("state", "S1")],
    "V": [("level_1", ">u8"), ("level_2", ">u8"), ("level_3", ">u8")],
    "W": [("level", "S1")],
    "K": [STOCK, ("release_s", ">u4"), ("qualifier", "S1"), PRICE],
    "J": [STOCK, ("reference", ">u4"), ("upper", ">u4"), ("lower", ">u4"), ("extension", ">u4")],
    "h": [STOCK, ("market", "S1"), ("action", "S1")],
    "A": [REF, ("side", "S1"), SHARES, STOCK, PRICE],
    "F": [REF, ("side", "S1"), SHARES, STOCK, PRICE, ("mpid", "S4")],
    "E": [REF, SHARES, MATCH],
    "C": [REF, SHARES, MATCH, ("printable", "S1"), PRICE],
    "X": [REF, SHARES],
    "D": [REF],
    "U": [REF, ("new_ref", ">u8"), SHARES, PRICE],
    "P": [REF, ("side", "S1"), SHARES, STOCK, PRICE, MATCH],
    "Q": [("shares", ">u8"), STOCK, PRICE, MATCH, ("cross", "S1")],
    "B": [MATCH],
    "I": [
        ("paired", ">u8"), ("imbalance", ">u8"), ("direction", "S1"), STOCK, ("far", ">u4"), ("near", ">u4"), ("reference", ">u4"),
        ("cross", "S1"), ("variation", "S1"),
    ],
    "N": [STOCK, ("interest", "S1")],
    "O": [
        STOCK, ("open", "S1"), ("low", ">u4"), ("high", ">u4"), ("near", ">u4"), ("near_time", ">u8"), ("low_collar", ">u4"),
        ("high_collar", ">u4"),
    ],
}  # fmt: skip
DTYPES: Mapping[str, np.dtype[np.void]] = {type: np.dtype(HEAD + fields) for type, fields in FIELDS.items()}
LENGTH_BYTES = 2
TIME_BYTES = 6
"""``time_high`` and ``time_low``."""
PRICE_MAX = 2**32 - 1
"""429,496.7295 USD."""
STOCK_LENGTH = 8
