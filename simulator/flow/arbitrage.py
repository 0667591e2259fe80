"""Who lives on crosses: buys where a share is offered for less than another venue bids, then sells there (docs/recipe.md).

Makers take most crosses back within a millisecond, so little is left. The two orders go one after the other: the bid may be gone by then,
and what was bought is sold at the best price that there is.
"""

from __future__ import annotations

from simulator.book.jit import inlined, kernel
from simulator.book.state import SHOWN_SIZE, Books
from simulator.flow import NEVER_NS
from simulator.flow.edges import best_shown, is_banned, widest_cross
from simulator.flow.random import below
from simulator.flow.state import (
    ARBITRAGE_AT,
    ARBITRAGE_LEFT,
    ARBITRAGEUR,
    SWEEP_AT,
    SWEEP_OWNER,
    SWEEP_PARENT,
    SWEEP_SIDE,
    SWEEP_SIZE,
    FlowState,
)
from simulator.flow.taking import best_venue, send_ioc
from simulator.tape.columns import Columns

SIZE_MOST = 500
SECOND_LEG_NS = 30_000
"""The sale follows the purchase so soon at most."""


@kernel
def order_at_hand(fl: FlowState, i: int, side: int, size: int) -> None:
    """The next order is the arbitrageur's."""
    whole = fl.whole[i]
    whole[SWEEP_OWNER] = ARBITRAGEUR
    whole[SWEEP_PARENT] = 0
    whole[SWEEP_SIDE] = side
    whole[SWEEP_SIZE] = size


@inlined
def on_arbitrage(bk: Books, out: Columns, fl: FlowState, i: int, t: int, cap: int) -> None:
    """The arbitrageur buys what is crossed still, or sells what it has bought; ``cap``: prints that it may bring."""
    whole = fl.whole[i]
    whole[ARBITRAGE_AT] = NEVER_NS
    if whole[SWEEP_AT] != NEVER_NS:  # a taker's order is on its way
        whole[ARBITRAGE_AT] = max(t, whole[SWEEP_AT]) + 1_000
        return
    first_book = i * fl.repricing.shape[1]
    bought = whole[ARBITRAGE_LEFT]
    whole[ARBITRAGE_LEFT] = 0
    if bought > 0:
        v = best_venue(bk, fl, i, 1)
        if v >= 0 and cap >= 1:
            order_at_hand(fl, i, 1, bought)
            send_ioc(bk, out, fl, i, v, t, best_shown(bk, first_book + v, 0), cap)
        return
    high, low = widest_cross(bk, fl, i)
    if high < 0 or cap < 2:
        return
    bid = best_shown(bk, first_book + high, 0)
    ask = best_shown(bk, first_book + low, 1)
    if is_banned(fl, i, ask) or is_banned(fl, i, bid):
        return
    last = bk.level.shape[1] - 1
    size = min(bk.level[first_book + high, bid & last, SHOWN_SIZE], bk.level[first_book + low, ask & last, SHOWN_SIZE], SIZE_MOST)
    order_at_hand(fl, i, 0, size)
    send_ioc(bk, out, fl, i, low, t, ask, cap - 1)
    whole[ARBITRAGE_LEFT] = size - whole[SWEEP_SIZE]
    if whole[ARBITRAGE_LEFT] > 0:
        whole[ARBITRAGE_AT] = t + 1_000 + below(fl.random, i, SECOND_LEG_NS)
