"""What a second brings: its budget, venues that open or close, the efficient price's own movement, interest for the crosses."""

from __future__ import annotations

import math

from simulator.book import matching
from simulator.book.codes import MARKET_ON_CLOSE, MARKET_ON_OPEN
from simulator.book.jit import inlined, kernel
from simulator.book.matching import NO_CAP
from simulator.book.state import TRADING, Books, NewOrder
from simulator.flow import NEVER_NS
from simulator.flow.allowance import begin_allowance, count_row, is_open, prints_owed, rows_owed, unserved
from simulator.flow.edges import observe, price_moves
from simulator.flow.impact import FALL_S
from simulator.flow.quoting import empty_book, is_empty
from simulator.flow.random import below, exponential, normal, uniform
from simulator.flow.rates import BOOK_CEILING, BOOK_FLOOR, BOOK_TARGET, PRINT_FLOOR, PRINT_TARGET
from simulator.flow.reactions import alert_makers
from simulator.flow.state import (
    ANSWERS,
    ANSWERS_USUAL,
    AUCTION,
    AUCTION_NET,
    AUCTION_SHARES,
    BOOK_AIM,
    BOOK_DEBT,
    BOOK_USED,
    FACTOR,
    FALL,
    GATHERED,
    HALF_SPREAD,
    HIGHEST,
    IMPACT,
    IMPACTS,
    LEAN,
    LISTING,
    MODE_CLOSE_INTEREST,
    MODE_GATHERS,
    MODE_LATE_INTEREST,
    MODE_OFFSETS,
    MODE_OPEN_INTEREST,
    MODE_SESSION,
    MOVE_AT,
    NEWS_S,
    OWN,
    P_CLOSE,
    P_FLOW,
    P_OPEN,
    PRICE,
    PRINT_AIM,
    PRINT_DEBT,
    PRINT_USED,
    PRINTS_USUAL,
    PULL,
    SECOND,
    SECOND_END,
    SERVED,
    SHIFT,
    SHOW_AT,
    SHOWN,
    SHOWS_LATE,
    SHOWS_USUAL,
    SHUT,
    SLOT,
    SLOTS,
    TAKEN,
    TAKES,
    TARGET,
    VOLATILITY,
    WERE_OPEN,
    FlowState,
)
from simulator.flow.taking import LEAN_MOST
from simulator.records import NS_PER_S
from simulator.tape.columns import Columns, finish_action

LOWEST = 1.0
"""The efficient price at least, in ticks: the lowest price there is."""
LAST_NS = 20_000
"""No row is scheduled for the last instants of a second: the fills of one order take a nanosecond each."""
CATCH_UP_NS = 40
"""Rows that are still owed when the second is all but over come so far apart."""
AT_MARKET_MORE = 1.3
"""Of what the profile's shares say, for most crosses are without orders with limits on both sides."""
GATHERED_ORDERS = 40
OFFSET_PART = 0.75
"""Of the imbalance that is left, in each of the last seconds."""
LATE_LIMITS, LATE_SHARE = 6, 0.15
"""Limit orders a side and second just before a cross, and what they come to of the cross's expected volume."""
SOONER_REACH = 8.0
"""Where limit orders have to come minutes before the cross: by so much more they allow for how the price may move until then."""
ANSWERS_CALM, ANSWERS_MOST = 0.45, 0.85
"""Of a second's rows: those that are left to answers, the more the nearer the aim is to the ceiling, for less is left above it. What is
planned has the trades, and what books are tended with."""
DEBT_MOST = 200
"""Rows beyond the aim that later seconds make up for."""
OPEN_INTEREST_S, CLOSE_INTEREST_S = 1800.0, 600.0
OPENS_WITHIN_NS = 20_000_000
"""The first quotes of a venue come so soon after it opens."""


@kernel
def schedule_slot(fl: FlowState, i: int, t: int) -> None:
    """When the next row falls due: as the first of so many random moments in what is left of the second would."""
    whole = fl.whole[i]
    whole[SLOT] = NEVER_NS
    room = fl.budget[i, whole[SECOND], BOOK_CEILING] - whole[BOOK_USED]
    waiting = unserved(fl, i)
    owed = rows_owed(fl, i, 0, 0) - waiting  # for those comes ``schedule_show``
    due = min(room - waiting, max(whole[SLOTS], owed))
    if due <= 0:
        return
    left = whole[SECOND_END] - LAST_NS - t
    if left <= 0:
        if owed > 0:
            whole[SLOT] = t + CATCH_UP_NS
        return
    u = 1.0 - uniform(fl.random, i)
    whole[SLOT] = t + 1 + int((left - 1) * (1.0 - math.exp(math.log(u) / due)))


@kernel
def schedule_show(fl: FlowState, i: int, t: int) -> None:
    """When the next venue shows a row because it has to.

    Of the venues that wait for theirs, some show one before, for they answer or trade. With moments spread evenly, rows would so become
    fewer as the second goes by; where others end the waiting at the rate r, moments of density e^(r t) have as many rows fall due at any
    time. r is learned (``events.on_show``).
    """
    whole, real = fl.whole[i], fl.real[i]
    whole[SHOW_AT] = NEVER_NS
    waiting = unserved(fl, i)
    if waiting <= 0:
        return
    left = whole[SECOND_END] - LAST_NS - t
    if left <= 0:
        whole[SHOW_AT] = t + CATCH_UP_NS
        return
    late_s = real[SHOWS_LATE]
    ahead = 1.0 - math.exp(-late_s * left / NS_PER_S)
    u = 1.0 - uniform(fl.random, i)
    after = -math.log(1.0 - ahead * math.exp(math.log(u) / waiting)) / late_s * NS_PER_S
    whole[SHOW_AT] = t + 1 + int(max(0.0, left - 1.0 - after))


@kernel
def whole_number(fl: FlowState, i: int, wanted: float) -> int:
    """A whole number next to ``wanted`` that is ``wanted`` in the mean; at least 0."""
    return int(max(wanted, 0.0) + uniform(fl.random, i))


@kernel
def change_hours(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> None:
    """Venues that open will quote in a moment; of those that close the background's orders are gone, in one action."""
    second = fl.whole[i, SECOND]
    before = fl.open[i, second - 1] if second > 0 else fl.whole[i, WERE_OPEN]
    changed = before ^ fl.open[i, second]
    for v in range(fl.repricing.shape[1]):
        if not (changed >> v) & 1:
            continue
        if is_open(fl, i, v):
            fl.repricing[i, v] = t + 1_000 + below(fl.random, i, OPENS_WITHIN_NS)
            continue
        fl.repricing[i, v] = NEVER_NS
        b = i * fl.repricing.shape[1] + v
        empty_book(bk, b)
        _, row = finish_action(bk, out, b, t, 0, 0, 0.0, True)
        count_row(fl, i, v, row)
        observe(bk, fl, i, v)


@kernel
def is_halted(bk: Books, fl: FlowState, i: int) -> bool:
    """Whether the symbol trades nowhere."""
    trading = 0
    for v in range(fl.repricing.shape[1]):
        trading += bk.head[i * fl.repricing.shape[1] + v, TRADING]
    return trading == 0


@inlined
def begin_second(bk: Books, out: Columns, fl: FlowState, i: int, t: int) -> None:
    """Take the next second's budget, less what was borrowed; open and close venues; enter interest for the crosses."""
    whole = fl.whole[i]
    real = fl.real[i]
    if whole[TAKEN] > 0:
        real[PRINTS_USUAL] += 0.02 * (whole[PRINT_USED] / whole[TAKEN] - real[PRINTS_USUAL])
    whole[BOOK_DEBT] = min(max(0, whole[BOOK_DEBT] + whole[BOOK_USED] - whole[BOOK_AIM]), DEBT_MOST)
    whole[PRINT_DEBT] = min(max(0, whole[PRINT_DEBT] + whole[PRINT_USED] - whole[PRINT_AIM]), DEBT_MOST)
    whole[SECOND] += 1
    second = whole[SECOND]
    whole[SECOND_END] = t + NS_PER_S
    budget = fl.budget[i, second]
    paid = min(whole[BOOK_DEBT], budget[BOOK_TARGET] - budget[BOOK_FLOOR])
    whole[BOOK_AIM] = budget[BOOK_TARGET] - paid
    whole[BOOK_DEBT] -= paid
    paid = min(whole[PRINT_DEBT], budget[PRINT_TARGET] - budget[PRINT_FLOOR])
    whole[PRINT_AIM] = budget[PRINT_TARGET] - paid
    whole[PRINT_DEBT] -= paid
    whole[BOOK_USED] = 0
    whole[PRINT_USED] = 0
    whole[SERVED] = 0
    whole[SHUT] = 0
    real[ANSWERS_USUAL] += 0.05 * (whole[ANSWERS] - real[ANSWERS_USUAL])
    whole[ANSWERS] = 0
    # Neither what answers nor what has to come thins or swells a second's end: rows are planned at its start, and answers come on top.
    seeds = 0
    for v in range(fl.repricing.shape[1]):
        if is_open(fl, i, v) and is_empty(bk, i * fl.repricing.shape[1] + v):
            seeds += 1
    whole[TAKES] = max(whole_number(fl, i, whole[PRINT_AIM] / real[PRINTS_USUAL]), prints_owed(fl, i))
    full = whole[BOOK_AIM] / max(1, budget[BOOK_CEILING])
    answers = min(real[ANSWERS_USUAL], min(ANSWERS_MOST, ANSWERS_CALM + full) * whole[BOOK_AIM])
    real[SHOWS_USUAL] += 0.05 * (whole[SHOWN] - real[SHOWS_USUAL])
    whole[SHOWN] = 0
    waiting = unserved(fl, i)
    shows = min(real[SHOWS_USUAL], waiting)
    wanted = max(whole_number(fl, i, whole[BOOK_AIM] - answers - shows), rows_owed(fl, i, 0, 0) - waiting)
    whole[SLOTS] = max(wanted - seeds, whole[TAKES])
    whole[TAKEN] = 0
    begin_allowance(fl, i, t, whole[SLOTS] + shows + seeds)
    hear_later(fl, i, t)
    if fl.open[i, second] != (fl.open[i, second - 1] if second > 0 else whole[WERE_OPEN]):
        change_hours(bk, out, fl, i, t)
    mode = fl.mode[i, second]
    if not mode & MODE_GATHERS:
        if mode & MODE_SESSION and is_halted(bk, fl, i):
            enter_auction(bk, out, fl, i, t, MARKET_ON_OPEN, fl.parameter[P_OPEN] / OPEN_INTEREST_S)
        else:
            real[AUCTION_NET] = 0.0
    if real[GATHERED] > 0.0:
        closes = mode & MODE_SESSION
        part = fl.parameter[P_CLOSE] if closes else fl.parameter[P_OPEN]
        enter_gathered(bk, out, fl, i, t, MARKET_ON_CLOSE if closes else MARKET_ON_OPEN, part)
    if mode & MODE_OPEN_INTEREST:
        enter_auction(bk, out, fl, i, t, MARKET_ON_OPEN, fl.parameter[P_OPEN] / OPEN_INTEREST_S)
    if mode & MODE_CLOSE_INTEREST:
        enter_auction(bk, out, fl, i, t, MARKET_ON_CLOSE, fl.parameter[P_CLOSE] / CLOSE_INTEREST_S)
    if mode & MODE_OFFSETS:
        offset_imbalance(bk, out, fl, i, t, MARKET_ON_CLOSE if mode & MODE_SESSION else MARKET_ON_OPEN)
    schedule_slot(fl, i, t)
    schedule_show(fl, i, t)


@kernel
def hear_later(fl: FlowState, i: int, t: int) -> None:
    """What the second that begins at ``t`` brings the price besides orders is heard in two parts, each at a moment of its own, by each
    symbol at others (Epps effect).

    The moments lie up to two seconds off: with one in each second the time since the last would tell how far the second has gone, and so
    would the answers that have been saved up since (S19). The parts are independent, as of a random walk: of two halves the second would
    complete what the first began, mostly late in a second.
    """
    k = t // NS_PER_S % NEWS_S
    path = fl.path[i, fl.whole[i, SECOND]]
    half = 0.5 * (path[OWN] + path[FACTOR])
    apart = 0.5 * path[VOLATILITY] * math.sqrt(1.0 - fl.parameter[P_FLOW]) * normal(fl.random, i)
    for part in range(2):
        fl.news[i, k, part] = half + (1 - 2 * part) * apart
        fl.news_at[i, k, part] = t + below(fl.random, i, NEWS_S * NS_PER_S - LAST_NS)
        fl.whole[i, MOVE_AT] = min(fl.whole[i, MOVE_AT], fl.news_at[i, k, part])


@kernel
def move_price(fl: FlowState, i: int, t: int) -> None:
    """The symbol hears what a second has brought; its price goes on its way to the day's next fixed point."""
    real = fl.real[i]
    path = fl.path[i, fl.whole[i, SECOND]]
    real[IMPACT] = path[IMPACTS]
    price_moves(fl, i, t)
    fl.whole[i, MOVE_AT] = NEVER_NS
    for k in range(NEWS_S):
        for part in range(2):
            if fl.news_at[i, k, part] <= t:
                real[PRICE] *= math.exp(fl.news[i, k, part])
                fl.news_at[i, k, part] = NEVER_NS
            fl.whole[i, MOVE_AT] = min(fl.whole[i, MOVE_AT], fl.news_at[i, k, part])
    falls = real[FALL] / (2 * FALL_S)
    real[FALL] -= falls
    real[PRICE] -= falls
    real[SHIFT] -= falls
    gap = path[TARGET] + real[SHIFT] - real[PRICE]
    wanted = abs(path[LEAN] * gap)
    by_orders = fl.parameter[P_FLOW] * min(1.0, LEAN_MOST / wanted) if wanted > 0.0 else 0.0  # the rest of the way is for orders to go
    real[PRICE] += gap * 0.5 * path[PULL] * (1.0 - by_orders)
    real[PRICE] = min(max(real[PRICE], LOWEST), real[HIGHEST])
    alert_makers(fl, i, t, 1.0)


@kernel
def enter_auction(bk: Books, out: Columns, fl: FlowState, i: int, t: int, at_market: int, part: float) -> None:
    """Interest for the coming cross; ``part``: of the day's volume, in a second.

    At market all along; with limits in the last seconds only, for those of earlier ones would be far from the price by then.
    """
    b = i * fl.repricing.shape[1] + fl.whole[i, LISTING]
    shares = part * fl.real[i, AUCTION_SHARES]
    second = fl.whole[i, SECOND]
    if fl.mode[i, second] & MODE_LATE_INTEREST:
        window_s = OPEN_INTEREST_S if at_market == MARKET_ON_OPEN else CLOSE_INTEREST_S
        enter_limits(bk, fl, i, at_market, shares * window_s, SOONER_REACH if fl.mode[i, second] & MODE_OFFSETS else 1.0)
        finish_action(bk, out, b, t, 0, 0, 0.0, True)
    if uniform(fl.random, i) < 0.5:
        enter_at_market(bk, fl, i, at_market, 2.0 * AT_MARKET_MORE * shares)
        finish_action(bk, out, b, t, 0, 0, 0.0, True)


@kernel
def enter_limits(bk: Books, fl: FlowState, i: int, at_market: int, shares: float, wider: float) -> None:
    """Orders with limits on both sides, for a cross of so many shares in the mean; ``wider``: so much more room for the price to move."""
    b = i * fl.repricing.shape[1] + fl.whole[i, LISTING]
    reach = fl.real[i, HALF_SPREAD] + 0.5 + wider * fl.path[i, fl.whole[i, SECOND], VOLATILITY] * fl.real[i, PRICE]
    for side in range(2):
        for k in range(LATE_LIMITS):
            limit = fl.real[i, PRICE] - (1 - 2 * side) * reach * (k - 1)
            size = max(1, int(shares * LATE_SHARE / LATE_LIMITS * (0.5 + uniform(fl.random, i))))
            matching.add(bk, b, NewOrder(side, max(1, int(limit + 0.5)), size, size, at_market + 1, AUCTION), NO_CAP)


@kernel
def enter_at_market(bk: Books, fl: FlowState, i: int, at_market: int, shares: float) -> None:
    """One order of so many shares in the mean. Published imbalances draw orders to the other side: the more of it, the surer."""
    b = i * fl.repricing.shape[1] + fl.whole[i, LISTING]
    size = max(1, int(shares * exponential(fl.random, i)))
    if size >= 100:
        size -= size % 100
    net = fl.real[i, AUCTION_NET]
    side = 0 if uniform(fl.random, i) < 0.5 - 0.5 * net / (abs(net) + 2.0 * shares) else 1
    fl.real[i, AUCTION_NET] += (1 - 2 * side) * size
    matching.add(bk, b, NewOrder(side, 0, size, size, at_market, AUCTION), NO_CAP)


@kernel
def enter_gathered(bk: Books, out: Columns, fl: FlowState, i: int, t: int, at_market: int, part: float) -> None:
    """What had come for the cross, of ``part`` of the day's volume in all, before the run began; all of it if its cut-off is over."""
    mode = fl.mode[i, fl.whole[i, SECOND]]
    shares = fl.real[i, GATHERED] * AT_MARKET_MORE * part * fl.real[i, AUCTION_SHARES] / GATHERED_ORDERS
    fl.real[i, GATHERED] = 0.0
    for _ in range(GATHERED_ORDERS):
        enter_at_market(bk, fl, i, at_market, shares)
    if at_market == MARKET_ON_OPEN and not mode & (MODE_OPEN_INTEREST | MODE_LATE_INTEREST):
        for _ in range(LATE_LIMITS):
            enter_limits(bk, fl, i, at_market, part * fl.real[i, AUCTION_SHARES], SOONER_REACH)
            offset(bk, fl, i, at_market)
    finish_action(bk, out, i * fl.repricing.shape[1] + fl.whole[i, LISTING], t, 0, 0, 0.0, True)


@kernel
def offset_imbalance(bk: Books, out: Columns, fl: FlowState, i: int, t: int, at_market: int) -> None:
    """After the cut-offs orders come in against the imbalance alone."""
    offset(bk, fl, i, at_market)
    finish_action(bk, out, i * fl.repricing.shape[1] + fl.whole[i, LISTING], t, 0, 0, 0.0, True)


@kernel
def offset(bk: Books, fl: FlowState, i: int, at_market: int) -> None:
    """A part of the imbalance, with limits at the price and a little better."""
    net = fl.real[i, AUCTION_NET]
    size = int(OFFSET_PART * abs(net) / LATE_LIMITS)
    if size < 1:
        return
    b = i * fl.repricing.shape[1] + fl.whole[i, LISTING]
    side = 1 if net > 0.0 else 0
    reach = fl.real[i, HALF_SPREAD] + 0.5 + fl.path[i, fl.whole[i, SECOND], VOLATILITY] * fl.real[i, PRICE]
    for k in range(LATE_LIMITS):
        limit = fl.real[i, PRICE] + (1 - 2 * side) * reach * (k % 3)
        matching.add(bk, b, NewOrder(side, max(1, int(limit + 0.5)), size, size, at_market + 1, AUCTION), NO_CAP)
        fl.real[i, AUCTION_NET] += (1 - 2 * side) * size
