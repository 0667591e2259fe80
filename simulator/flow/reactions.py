"""How makers answer to what they see: after a time of their own, a price that has moved away, or a quote that locks or crosses another."""

from __future__ import annotations

import math

from simulator.book.jit import kernel
from simulator.book.state import Books
from simulator.flow import ACTIVITY_EXPONENT, NEVER_NS
from simulator.flow.allowance import credit, fill_allowance, is_open, rows_for_locks, spare_rows
from simulator.flow.edges import observe, widest_cross
from simulator.flow.random import below, exponential, uniform
from simulator.flow.state import (
    ALERT,
    ANCHOR,
    ANSWERS,
    ARBITRAGE_AT,
    BUSY,
    P_ARBITRAGE,
    PRICE,
    REACTION_NS,
    SECOND,
    SECOND_END,
    SEEN_ASK,
    SEEN_BID,
    SEEN_STATES,
    SPREAD,
    VOLATILITY,
    VOLATILITY_USUAL,
    FlowState,
)
from simulator.records import NS_PER_S

FOLLOW_PART = 0.05
"""A maker that sees another venue's quote move follows the price sooner."""
SOON_NS = 25_000_000
"""A maker that looks at its quote within this time need not be told to; one that has put it off is."""
LOCK_REACTIONS = 5
"""To see that a quote locks another's, to decide whose it is to move, and to move it, in times of a plain reaction."""


@kernel
def meets_another(fl: FlowState, i: int, v: int) -> bool:
    """Whether venue ``v``'s quote locks or crosses another's, as they stand."""
    mine = fl.seen[i, v, fl.seen_at[i, v] % SEEN_STATES]
    for u in range(fl.repricing.shape[1]):
        if u != v:
            other = fl.seen[i, u, fl.seen_at[i, u] % SEEN_STATES]
            if mine[SEEN_BID] >= other[SEEN_ASK] or other[SEEN_BID] >= mine[SEEN_ASK]:
                return True
    return False


@kernel
def reaction(fl: FlowState, i: int, v: int) -> int:
    """How long a maker takes this time, in ns: mostly its usual time, now and then much longer."""
    delay = fl.venue[i, v, REACTION_NS] * (0.4 + 0.6 * exponential(fl.random, i))
    if uniform(fl.random, i) < 0.025:
        delay *= 2.0 + 10.0 * uniform(fl.random, i)
    return 1_000 + int(delay)


@kernel
def alert_makers(fl: FlowState, i: int, t: int, part: float) -> None:
    """Makers whose quotes the price has left behind follow it at once, each after its own time, if the allowance has an answer; those
    that follow a venue that has answered (``part`` below 1) go beyond it, for one left behind alone would show the old price.

    ``part``: of the usual way of the price that makes them do so.
    """
    left = fill_allowance(fl, i, t)
    for v in range(fl.repricing.shape[1]):
        if fl.repricing[i, v] <= t + SOON_NS:
            left -= 1.0
    least = part * fl.real[i, ALERT]
    if part >= 1.0:  # where the price moves more, and quotes are wider, makers let it go farther: else they would do nothing but answer
        path = fl.path[i, fl.whole[i, SECOND]]
        calm = path[VOLATILITY] * math.exp(-ACTIVITY_EXPONENT * path[BUSY])  # a burst's seconds answer more: they have the rows
        least *= max(1.0, math.sqrt(path[SPREAD]), calm / fl.real[i, VOLATILITY_USUAL])
    else:
        left += credit(fl, i, t)
    room = spare_rows(fl, i, 0) - rows_for_locks(t)
    for v in range(fl.repricing.shape[1]):
        if fl.repricing[i, v] <= t + SOON_NS or not is_open(fl, i, v) or abs(fl.real[i, PRICE] - fl.venue[i, v, ANCHOR]) < least:
            continue
        if left < 1.0 or room < 1:
            fl.whole[i, ANSWERS] += 1  # one that would have come: later seconds plan for it
            if left >= 1.0:
                put_off(fl, i, v)
            continue
        fl.repricing[i, v] = t + reaction(fl, i, v)
        left -= 1.0
        room -= 1


@kernel
def put_off(fl: FlowState, i: int, v: int) -> None:
    """The second's rows are used up: the maker looks at its quote at some moment of the next, unless others' quotes call it sooner. All
    would come as it begins, if they had not to wait."""
    fl.repricing[i, v] = min(fl.repricing[i, v], fl.whole[i, SECOND_END] + 1_000 + below(fl.random, i, NS_PER_S))


@kernel
def alert_arbitrageur(bk: Books, fl: FlowState, i: int, t: int) -> None:
    """Somebody who watches all venues sees a cross, and acts on what is left of it after a time of its own."""
    if fl.whole[i, ARBITRAGE_AT] != NEVER_NS or fl.parameter[P_ARBITRAGE] == 0.0:
        return
    high, _ = widest_cross(bk, fl, i)
    if high >= 0:
        fl.whole[i, ARBITRAGE_AT] = t + int(fl.parameter[P_ARBITRAGE] * (0.4 + 0.6 * exponential(fl.random, i)))


@kernel
def alert_to_lock(bk: Books, fl: FlowState, i: int, t: int) -> None:
    """Quotes lock or cross: whose they are look again, and so does the arbitrageur."""
    alert_arbitrageur(bk, fl, i, t)
    for u in range(fl.repricing.shape[1]):
        if meets_another(fl, i, u):
            fl.repricing[i, u] = min(fl.repricing[i, u], t + LOCK_REACTIONS * reaction(fl, i, u))


@kernel
def quote_changed(bk: Books, fl: FlowState, i: int, v: int, t: int) -> None:
    """Others will see the quote of venue ``v``: their makers look whether the price has moved; who locks or crosses another looks again."""
    if not observe(bk, fl, i, v):
        return
    alert_makers(fl, i, t, FOLLOW_PART)
    if meets_another(fl, i, v):
        alert_to_lock(bk, fl, i, t)
