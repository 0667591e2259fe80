"""What the flow knows: a few flat arrays, one row per symbol of the worker, and the names of their columns."""

from __future__ import annotations

from typing import NamedTuple

from simulator.flow.random import U64
from simulator.records import F64, I8, I32, I64

# owners: the places in records.BACKGROUND_NAMES
MAKER, DEPTH, TAKER, CUSTOMER, INSTITUTION, AUCTION, ARBITRAGEUR = 1, 2, 3, 4, 5, 6, 7

# whole numbers of a symbol: int64
NEXT, SECOND_END, SECOND, SLOT = 0, 1, 2, 3
"""Next event of any kind; end of the running second and its number in the block; next scheduled row."""
BOOK_USED, BOOK_AIM, PRINT_USED, PRINT_AIM = 4, 5, 6, 7
BOOK_DEBT, PRINT_DEBT = 8, 9
"""Rows over the target, to be taken off the next second's."""
SERVED = 10
"""Bit per venue that has shown a row in this second."""
ANSWERS = 11
"""Rows of this second that answered to something, instead of falling due, or would have if there had been room."""
MOVE_AT = 18
"""When the next of ``news_at`` comes."""
SWEEP_AT, SWEEP_SIDE, SWEEP_SIZE, SWEEP_PARENT, SWEEP_LIMIT = 12, 13, 14, 15, 28
"""The order of a taker at hand: when what is left of it reaches the next venue, which way, how much, for whom, up to which price."""
ARBITRAGE_AT, ARBITRAGE_LEFT, SWEEP_OWNER = 25, 26, 27
"""When an arbitrageur acts on a cross, and how many shares it has bought and still has to sell; who sends the order at hand."""
HIDDEN_NEXT = 16
"""When the first of the institutions' hidden orders is cancelled."""
PARENTS_SEEN, LISTING = 23, 24
SLOTS, TAKES, TAKEN = 19, 20, 21
"""Rows planned and not yet fallen due; takers planned, and come."""
WERE_OPEN = 17
"""Bits of the venues that were open in the last second of the block before."""
SPARE_AT = 22
"""When SPARE was reckoned last."""
SHUT = 29
"""1 if a taker of this second has found nothing that it may trade with (a halt, price bands), and no book has been filled since: its least
prints are not owed then."""
PRICE_AT = 30
"""When the efficient price has moved last."""
SHOW_AT, SHOWN = 31, 32
"""Where each venue has to show a row in a second: when the next one does that has shown none; rows of this second that came so."""
WHOLES = 33

# real numbers of a symbol: float64
PRICE = 0
"""Efficient price, ticks."""
PRICE_BEFORE = 25
"""What it was before it moved last."""
SHIFT = 1
"""Ticks by which Python agents have moved it for good: the day's fixed points move along."""
IMPACT, HALF_SPREAD, GAP, ANSWERS_USUAL, ALERT, AUCTION_SHARES = 2, 3, 4, 5, 6, 7
"""ANSWERS_USUAL: answering rows in a second, in the mean; ALERT: ticks that the price moves before a maker re-quotes at once."""
AUCTION_NET = 9
"""Shares to buy less shares to sell at market that were entered for the coming cross."""
HIGHEST = 10
"""The efficient price at most: beyond it the tape's prices would end."""
PRINTS_USUAL = 13
"""Prints that a taker brings, in the mean."""
SCALE, ODD = 11, 12
"""Of displayed sizes, against the profile's; odd lots among takers' orders."""
BAND_LOW, BAND_HIGH = 14, 15
"""Price bands, ticks: no bid above the upper one, no offer below the lower one, no trade outside of them; 0 without any."""
FAR = 16
"""Ticks: a quote so far from the price has yet to follow it, and nobody minds it."""
SPARE, SPARE_S, LEAVES, STARVED = 17, 18, 23, 24
"""Answers that may be given now, and how many more a second brings: an allowance that fills as time goes (``allowance``). What the second
leaves for answers, and how much of what may be taken in advance had mostly been taken as the last seconds began, 0 to 1."""
VOLATILITY_USUAL = 19
"""Standard deviation of the log price over a second of a usual session."""
FALL = 20
"""Ticks of what Python agents' orders have moved the price by that will go back, for no more of them come."""
GATHERED = 21
"""Part of the coming cross's interest that had gathered before the run began; 0 once it is entered."""
CREDIT, CREDIT_GROWS = 8, 22
"""Answers that may be given in advance by the second's end, and how many of those it adds to its predecessor's."""
SHOWS_USUAL, SHOWS_LATE = 26, 27
"""Rows that venues show in a second because they have to, in the mean; how often in a second one shows a row for another reason, before."""
REALS = 28

# parent order: int64[SLOTS, 4]
PARENT_SIDE, PARENT_DONE, PARENT_LENGTH, PARENT_ID = 0, 1, 2, 3
PARENT_SLOTS = 6

# an institution's hidden order: int64[S, 2, 5], one a side
HIDDEN_UNTIL, HIDDEN_VENUE, HIDDEN_SLOT, HIDDEN_ID, HIDDEN_PRICE = 0, 1, 2, 3, 4
"""When it is cancelled (NEVER_NS: there is none), where it rests and at which price."""

# facts of a venue for a symbol: float64[S, V, 8]
OFFSET, EXTRA_SPREAD, REACTION_NS, SIZE_MULTIPLIER, INVENTORY, ANCHOR, ATTRACTION, HELD = 0, 1, 2, 3, 4, 5, 6, 7
"""ANCHOR: the efficient price at the maker's last quote; ATTRACTION: of takers, where prices tie;
HELD: how often the maker has looked again, for others' quotes to follow the price or at a lock that it has let stand."""
"""INVENTORY: shares that the venue's makers hold, of what takers have sold to and bought from them."""

# parameters: float64
P_ONE, P_BLOCK, P_SWEEP, P_RESERVE, P_HIDDEN, P_BUSY, P_LEVELS, P_OPEN, P_CLOSE, P_SKEW, P_VENUE_ROWS, P_LOTS, P_FLOW, P_MOST = range(14)
"""P_MOST and the two after it: shares above which each of the three nearest levels is cut back."""
P_ARBITRAGE, P_PROTECTED = 16, 17
"""An arbitrageur's usual reaction, ns, 0: there is none; whether orders go to the best price alone."""
P_NEAR_LEAST, P_NEAR_MOST, P_NEAR_ODD = 18, 19, 20
"""Shares of an order at or near the best price, from and to; how often it is an odd lot."""
P_AHEAD = 21
"""What multiplies the answers that may be given in advance."""
PARAMETERS = 22

# path of a symbol: float64[S, n, 9]
BUSY, VOLATILITY, FACTOR, OWN, PULL, TARGET, SPREAD, IMPACTS, LEAN = range(9)
"""How busy the second is; volatility of the log price over it; log returns shared with market and sector, and of its own; part of the
way to the next fixed point that is gone in it, and that point in ticks; what multiplies the usual half-spread;
ticks that a parent order's first trade is worth; by how much the way to the point, a tick of it, makes buying parents likelier than selling
ones; 0 where nothing trades."""
PATHS = 9

# what the others see of a venue's quote, oldest first: int64[S, V, 4, 3]
SEEN_NS, SEEN_BID, SEEN_ASK = 0, 1, 2
SEEN_STATES = 4

NEWS_S = 2
"""Within so many seconds a symbol hears of what one brings."""

# impact of a parent order after k of its trades: float64[c + 2, 2]
VALUE, DESERVED = 0, 1
"""What a parent of unknown length deserves once k of its trades are seen; what it deserves once it has ended."""

# mode of a second: int8 flags
MODE_TRADES, MODE_SESSION, MODE_OPEN_INTEREST, MODE_CLOSE_INTEREST, MODE_LATE_INTEREST = 1, 2, 4, 8, 16
MODE_OFFSETS, MODE_GATHERS = 32, 64
"""Orders against the imbalance come in; a cross is to come whose interest has begun to gather."""


class FlowState(NamedTuple):
    """Modified in place by the kernels. S symbols, V venues, n seconds in the block, K levels."""

    whole: I64
    """[S, 33]"""
    real: F64
    """[S, 28]"""
    repricing: I64
    """[S, V], when each venue's maker re-quotes; NEVER_NS if it has no reason."""
    parents: I64
    """[S, 6, 4]"""
    hidden: I64
    """[S, 2, 5]"""
    random: U64
    """[S, 4]"""
    heap: I64
    """[S], symbols by next event."""
    venue: F64
    """[S, V, 8]"""
    seen: I64
    """[S, V, 4, 3], the latest states of each venue's best quote, in a ring."""
    seen_at: I64
    """[S, V], states seen so far."""
    target: F64
    """[S, K], shares a level shows in the mean."""
    impact: F64
    """[c + 2, 2]"""
    parameter: F64
    """[22]"""
    open: I64
    """[S, n], a bit per venue that has a book of the symbol in that second."""
    budget: I32
    """[S, n, 6], of the block of seconds at hand."""
    path: F64
    """[S, n, 8]"""
    mode: I8
    """[S, n]"""
    bands: I64
    """[S, 9], of ``price_look``: price bands, and what was found at the last look."""
    past: I64
    """[S, 301, 2], of the same."""
    news_at: I64
    """[S, NEWS_S, 2], when the symbol hears of each part of what its last seconds bring; NEVER_NS once it has."""
    news: F64
    """[S, NEWS_S, 2], the log returns of those parts."""
