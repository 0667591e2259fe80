"""The records of DBN 3 that come message by message: numpy dtypes with the layout of ``databento_dbn``'s own structs, and who becomes what.

Little-endian; prices in 1e-9 USD, times in ns since the epoch. A trade and a fill do not change the book: every fill is followed by the
cancel of as many shares. A book may be looked at after a record with the flag LAST.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from simulator.records import I64
from writers.databento.kernel import LAST, MBO_WORDS, WAITING, Books, Maps, write_records
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
SNAPSHOT, BAD_TS_RECV = 32, 8
ACTIONS = ("A", "TFC", "FC", "T", "C", "C", "", "T")
"""By kind of message of the feed, which deletes and shows anew what is replaced."""
_ACTIONS = np.array(
    [[*map(ord, actions.ljust(3, "\0")), kind == k.CROSSED] for kind, actions in enumerate(ACTIONS)], np.int64
)  # fmt: skip
_COLUMNS = (k.TS, k.BOOK, k.KIND, k.SIDE, k.PRICE, k.SIZE, k.PRINT, k.REF)
_MAPS = Maps(_ACTIONS, np.array([k.BID_PRICE, k.ASK_PRICE, k.BID_SIZE, k.ASK_SIZE, k.BID_COUNT, k.ASK_COUNT], np.int64))
RECORDS_A_MESSAGE = max(map(len, ACTIONS))


def needed(columns: I64) -> I64:
    """int64[8, n]: what the records are made of."""
    return columns[_COLUMNS, :]


class Records:
    """What one schema shows of one venue, as messages come."""

    def __init__(self, schema: str, publisher: int, instruments: I64, wanted: Any, levels: int) -> None:
        """``instruments`` and ``wanted`` [books]: the number of each, and whether it is of this venue. ``levels``: the messages'."""
        size = DTYPES[schema].itemsize
        head = size // 4 | RTYPES[schema] << 8 | publisher << 16
        self._books = Books(
            heads=np.where(wanted, instruments << 32 | head, 0).astype(np.int64),
            before=np.zeros((len(instruments), levels, 6), np.int64),
            last_of=np.zeros(len(instruments), np.int64),
        )
        self._state = np.zeros(2, np.int64)
        self._words = size // 8
        self._out = np.zeros((1, self._words), np.int64)
        self._last = 0
        """Where in ``out`` the record is that waits."""
        self._flags = (4, 32) if self._words == MBO_WORDS else (3, 48)

    def take(self, messages: I64, levels: I64) -> I64:
        """The records of some messages, as words, a view until the next call; the last one waits."""
        self._out[0] = self._out[self._last]
        room = RECORDS_A_MESSAGE * messages.shape[1] + 1
        if room > len(self._out):
            first, self._out = self._out[0], np.empty((room, self._words), np.int64)  # empty: only what is used takes memory
            self._out[0] = first
        count = write_records(messages, _MAPS, levels, self._books, self._state, self._out)
        self._state[WAITING] = int(count > 0)
        self._last = max(count - 1, 0)
        return self._out[: self._last]

    def rest(self) -> I64:
        """The record that waits, if any: the last of its instant."""
        made = self._out[self._last : self._last + int(self._state[WAITING])].copy()
        word, shift = self._flags
        made[:, word] |= LAST << shift
        self._state[WAITING] = 0
        return made


def load_kernel() -> None:
    """Load or compile it in this process."""
    made = Records("trades", 1, np.ones(1, np.int64), np.ones(1, bool), 0)
    made.take(np.zeros((len(_COLUMNS), 0), np.int64), np.zeros((0, 0, 6), np.int64))
