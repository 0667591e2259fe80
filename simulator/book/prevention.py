"""Self-trade prevention: what an incoming order would trade with of its own owner's, and what becomes of either (``SelfTrade``).

It is foreseen, and then done by plain commands: the owner's resting orders are cancelled or reduced first, and the incoming order enters
with the shares that it has left, so that whoever replays the commands needs to know nothing of owners. The fills are the same as if
each of its own orders were taken off in the moment in which it is met, for other orders keep their places. Nothing here is compiled but
the check that the order would be taken at all: only who asks for prevention pays for it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from simulator.book.acceptance import refusal
from simulator.book.codes import FOK, MARKET, MARKET_ON_OPEN
from simulator.book.cross import queue, resting_prices
from simulator.book.jit import entry
from simulator.book.matching import DO_REPLACE
from simulator.book.state import (
    HIDDEN,
    HIDDEN_HEAD,
    ID,
    META,
    META_OWNER_SHIFT,
    META_TYPE_MASK,
    META_TYPE_SHIFT,
    POOL_TOP,
    SHOWN,
    SHOWN_HEAD,
    STYLE_WAITS,
    Books,
    NewOrder,
    Request,
)
from simulator.records import Reject, SelfTrade


class Prevention(NamedTuple):
    """What is to be done in the place of a request."""

    size: int
    """Shares with which the order enters."""
    taken: tuple[tuple[int, int, int], ...] = ()
    """(slot, order id, shares) to be taken off of the owner's resting orders, before that."""
    reason: Reject = Reject.NONE
    """Why the order does not enter at all."""


@entry
def refused(bk: Books, b: int, request: Request, replacing: bool) -> int:
    """Why book ``b`` would refuse this new or replacing order, else 0; what it would replace is there."""
    order = NewOrder(request.side, request.price, request.size, request.display, request.type, request.owner)
    return refusal(bk, b, order, replacing)


def foresee(bk: Books, b: int, request: Request, mode: int) -> Prevention:
    """``request``: DO_ADD or DO_REPLACE; ``mode``: any ``SelfTrade`` but ALLOW.

    Where there is nothing to prevent, or the book would refuse it anyhow, it enters as it is.
    """
    as_it_is = Prevention(request.size)
    is_new = request.verb != DO_REPLACE
    if not is_new:
        record = bk.order[b, request.slot]
        meta = int(record[META])
        if request.order_id < 1 or int(record[ID]) != request.order_id or (meta >> 1) & 3 == STYLE_WAITS:
            return as_it_is
        owner, kind = meta >> META_OWNER_SHIFT, (meta >> META_TYPE_SHIFT) & META_TYPE_MASK
        request = request._replace(side=meta & 1, type=kind, owner=owner, display=request.size)
    if request.type >= MARKET_ON_OPEN or not request.owner or not has_orders(bk, b, 1 - request.side, request.owner):
        return as_it_is
    if refused(bk, b, request, not is_new):
        return as_it_is
    return _prevent(bk, b, request, mode)


def has_orders(bk: Books, b: int, side: int, owner: int) -> bool:
    """Whether an owner has orders resting on a side."""
    meta = bk.order[b, : bk.head[b, POOL_TOP], META]
    mine = (meta >> META_OWNER_SHIFT == owner) & (meta & 1 == side) & ((meta >> 1) & 3 != STYLE_WAITS)
    return bool(np.any(bk.order[b, : bk.head[b, POOL_TOP], ID][mine] != 0))


def _prevent(bk: Books, b: int, request: Request, mode: int) -> Prevention:
    """Walk through what it would meet, in order of priority, while it has shares left."""
    size, before = request.size, 0  # shares of others that it would have traded with
    taken: list[tuple[int, int, int]] = []
    mask = bk.level.shape[1] - 1
    for price in resting_prices(bk, b, 1 - request.side).tolist():
        if before >= size or not _accepts(request, price):
            break
        for head, part in ((SHOWN_HEAD, SHOWN), (HIDDEN_HEAD, HIDDEN)):
            shown_anew = 0  # of reserve orders, behind all that is displayed now
            for slot in queue(bk, b, int(bk.level[b, price & mask, head])):
                record = bk.order[b, slot].tolist()
                if record[META] >> META_OWNER_SHIFT != request.owner:
                    before += record[part]
                    shown_anew += record[HIDDEN] if head == SHOWN_HEAD else 0
                elif before < size:
                    left = record[SHOWN] + record[HIDDEN]
                    if mode == SelfTrade.CANCEL_OLDEST:
                        taken.append((slot, record[ID], left))
                        continue
                    if request.type == FOK:
                        return Prevention(0, (), Reject.NOT_FILLABLE)
                    if mode == SelfTrade.DECREMENT:
                        both = min(size - before, left)
                        taken.append((slot, record[ID], both))
                        size -= both
                        continue
                    both_go = mode == SelfTrade.CANCEL_BOTH
                    return _entering(before, ((slot, record[ID], left),) if both_go else ())
            before += shown_anew
    if request.type == FOK and before < size:
        return Prevention(0, (), Reject.NOT_FILLABLE)
    return _entering(size, tuple(taken))


def _entering(size: int, taken: tuple[tuple[int, int, int], ...]) -> Prevention:
    return Prevention(size, taken, Reject.NONE if size else Reject.SELF_TRADE)


def _accepts(request: Request, price: int) -> bool:
    """Whether it would trade at a resting order's price."""
    if request.type == MARKET:
        return True
    return request.price >= price if request.side == 0 else request.price <= price
