"""An agent's books as the venues know them: totals always, and each order and fill if they are to be kept."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from simulator.records import I64, Liquidity, OrderType, Reject, Side

NOT_YET = -1
"""In place of a time."""


ORDER_COLUMNS = (
    "ref", "replaces", "book", "side", "type", "price_ticks", "size", "display", "sent_ns", "answered_ns", "closed_ns", "reason",
    "filled", "cancelled", "expired",
)  # fmt: skip
"""``answered_ns``: the venue's stamp of acceptance or refusal; ``closed_ns``: of what left nothing of it. -1: not yet."""
FILL_COLUMNS = ("ts_ns", "ref", "book", "side", "price_ticks", "size", "liquidity")


class Sent(NamedTuple):
    """An order as it was sent; the columns after its references."""

    book: int
    side: Side
    type: OrderType
    price_ticks: int
    size: int
    display: int
    now_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What one agent came to in one book (a symbol at a venue). Shares, and ticks times shares."""

    position: int
    cash_ticks: int
    shares: tuple[int, int, int]
    """Traded, by ``Liquidity``."""
    fills: int


class Ledger:
    """Written by the desk at the venues' stamps, whatever has reached the agent."""

    def __init__(self, keep: bool) -> None:
        self.keep = keep
        self.commands = 0
        """Sent."""
        self.refused: Counter[Reject] = Counter()
        """Commands, by reason."""
        self.unread_dropped = 0
        self._orders: Mapping[str, array[int]] = {name: array("q") for name in ORDER_COLUMNS}
        self._append = [column.append for column in self._orders.values()]
        self._fills: Mapping[str, array[int]] = {name: array("q") for name in FILL_COLUMNS}
        self._accounts: dict[int, list[int]] = {}
        self.records: list[tuple[int, str, float]] = []
        """(ns, name, value) that the agent has put down itself."""

    def ordered(self, ref: int, replaces: int, sent: Sent) -> None:
        """Orders come with the references 1, 2, 3 ..., which are their places."""
        if self.keep:
            row: tuple[int, ...] = (ref, replaces, *sent, NOT_YET, NOT_YET, 0, 0, 0, 0)
            try:
                array("q", row)
            except OverflowError:  # refused by the venue all the same
                row = tuple(max(-(2**63), min(int(value), 2**63 - 1)) for value in row)
            for append, value in zip(self._append, row, strict=True):
                append(value)

    def answered(self, ref: int, ts_ns: int, reason: Reject) -> None:
        """A new or replacing order was accepted or refused."""
        if self.keep:
            self._orders["answered_ns"][ref - 1] = ts_ns
            self._orders["reason"][ref - 1] = reason
            if reason:
                self._orders["closed_ns"][ref - 1] = ts_ns

    def closed(self, ref: int, ts_ns: int) -> None:
        if self.keep:
            self._orders["closed_ns"][ref - 1] = ts_ns

    def taken_off(self, ref: int, name: str, size: int) -> None:
        """``name``: cancelled or expired."""
        if self.keep:
            self._orders[name][ref - 1] += size

    def filled(self, ts_ns: int, ref: int, book: int, side: Side, price_ticks: int, size: int, liquidity: Liquidity) -> None:
        account = self._accounts.setdefault(book, [0, 0, 0, 0, 0, 0])
        signed = size if side == Side.BUY else -size
        account[0] += signed
        account[1] -= signed * price_ticks
        account[2 + liquidity] += size
        account[5] += 1
        if self.keep:
            self._orders["filled"][ref - 1] += size
            for column, value in zip(self._fills.values(), (ts_ns, ref, book, side, price_ticks, size, liquidity), strict=True):
                column.append(int(value))

    def accounts(self) -> dict[int, Account]:
        """By book, those that were traded."""
        return {
            book: Account(position=position, cash_ticks=cash, shares=(maker, taker, cross), fills=fills)
            for book, (position, cash, maker, taker, cross, fills) in sorted(self._accounts.items())
        }

    def latest_fills(self, count: int, first_book: int, end_book: int) -> list[tuple[int, int, int, int, int]]:
        """(ts_ns, book, side, price in ticks, shares) of the newest in the books from ``first_book`` up to ``end_book``, the newest first;
        none if they are not kept. It looks back over no more than 50 times as many."""
        columns = [self._fills[name] for name in ("ts_ns", "book", "side", "price_ticks", "size")]
        found = []
        for n in range(len(columns[0]) - 1, max(len(columns[0]) - 1 - 50 * count, -1), -1):
            if first_book <= columns[1][n] < end_book:
                found.append((columns[0][n], columns[1][n], columns[2][n], columns[3][n], columns[4][n]))
                if len(found) == count:
                    break
        return found

    def orders(self) -> dict[str, I64]:
        """Copies of the columns."""
        return {name: np.array(column, np.int64) for name, column in self._orders.items()}

    def fills(self) -> dict[str, I64]:
        """Copies of the columns."""
        return {name: np.array(column, np.int64) for name, column in self._fills.items()}
