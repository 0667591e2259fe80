"""A market of Python agents, and the same decisions taken by a compiled flow: the same rows.

The agents decide by arithmetic that both sides have in full: a generator of their own, the quotes of their venue as of a latency
ago, their own orders by number. The compiled flow below knows nothing of clock, gateway, venue, process or ring: it has its own
calendar of events and its own memory of quotes, and shares with the agents' way only the book and the tape. Many events fall on one nanosecond.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from helpers import assert_same_tapes, scenario
from scripted import BASE, BASE_NS

from simulator.book.matching import DO_ADD, DO_CANCEL, DO_GO_ON, DO_REDUCE, DO_REPLACE
from simulator.book.state import BEST_ASK, BEST_BID, LAST_TS, NO_ASK, NO_BID, Request
from simulator.exchange.order_books import Exchange, run_command
from simulator.flow import FULL, HORIZON, NEVER_NS, Flow
from simulator.inputs.config import AgentSpec, agent_number
from simulator.inputs.sessions import TradingDay
from simulator.market import Market
from simulator.records import OrderType, Side
from simulator.tape.columns import has_room

SYMBOLS = ("AAPL", "JPM")
VENUES = ("NASDAQ", "NYSE")
GRID_NS = 100_000
"""All agents wake at multiples of it, and most latencies are: so that arrivals and wakes meet."""
LATENCIES_NS = (1, 50_000, 100_000, 100_000, 200_000, 333_333)
AGENTS = tuple(f"agent {n}" for n in range(len(LATENCIES_NS)))
MULTIPLIER, INCREMENT = 6364136223846793005, 1442695040888963407  # Knuth's MMIX generator
FIRST_TICKS = 20_000
SPAN_NS = 400 * 1_000_000
KEPT = 256
"""Orders that an agent remembers."""

# command: what, side, price_ticks, size, display, type, how many orders ago
NOTHING, LIMIT, TAKE, RESERVE, CANCEL, REDUCE, REPLACE = range(7)


def decide(state: int, bid: int, ask: int) -> tuple[int, int, int, int, int, int, int, int]:
    """(what, side, price_ticks, size, display, type, orders ago, next state): all an agent decides at one wake."""
    state = (state * MULTIPLIER + INCREMENT) & 0xFFFFFFFFFFFFFFFF
    dice = (state >> 33) & 0xFFFFFF
    side, step, size = dice & 1, (dice >> 1) % 4, 100 * (1 + (dice >> 3) % 5)
    near, far = (bid, ask) if side == 0 else (ask, bid)
    if near == 0:
        near = FIRST_TICKS - 3 if side == 0 else FIRST_TICKS + 3
    away = -step if side == 0 else step
    kind = (dice >> 6) % 16
    if kind < 7:
        return LIMIT, side, near + away, size, size, 0, 0, state
    if kind < 9:
        return (TAKE, side, far, size, size, 2, 0, state) if far else (NOTHING, 0, 0, 0, 0, 0, 0, state)
    if kind < 11:
        return RESERVE, side, near, 4 * size, 100, 0, 0, state
    if kind < 14:
        return CANCEL, 0, 0, 0, 0, 0, 1 + (dice >> 10) % 8, state
    if kind < 15:
        return REDUCE, 0, 0, 100, 0, 0, 1 + (dice >> 10) % 8, state
    return REPLACE, 0, near + away, size, 0, 0, 1 + (dice >> 10) % 8, state


def seed_of(n: int) -> int:
    return 12345 + 1000 * n


def agent(market: Any, orders: Any, rng: Any, n: int) -> Any:
    """Python's side: wakes on the grid, decides, acts."""
    state, k = seed_of(n), 0
    refs: list[int] = []
    symbol, venue = SYMBOLS[n % 2], VENUES[n // 3]
    while True:
        yield market.wait((1 + n % 3) * GRID_NS)
        quote = market.best(symbol, venue)
        what, side, price, size, display, kind, ago, state = decide(state, quote.bid_ticks, quote.ask_ticks)
        k += 1
        if what in (LIMIT, TAKE, RESERVE):
            refs.append(orders.add(Side(side), symbol, venue, price, size, type=OrderType(kind), display=display))
        elif ago <= len(refs):
            if what == CANCEL:
                orders.cancel(refs[-ago])
            elif what == REDUCE:
                orders.reduce(refs[-ago], size)
            elif what == REPLACE:
                refs.append(orders.replace(refs[-ago], price, size))
        market.read()




@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def decide_fast(state: Any, bid: Any, ask: Any, out: Any) -> Any:
    """The same as ``decide`` in 64-bit arithmetic; fills ``out`` (int64[7]) and returns the next state."""
    state = state * np.uint64(MULTIPLIER) + np.uint64(INCREMENT)
    dice = np.int64((state >> np.uint64(33)) & np.uint64(0xFFFFFF))
    side, step, size = dice & 1, (dice >> 1) % 4, 100 * (1 + (dice >> 3) % 5)
    near, far = (bid, ask) if side == 0 else (ask, bid)
    if near == 0:
        near = FIRST_TICKS - 3 if side == 0 else FIRST_TICKS + 3
    price = near + (-step if side == 0 else step)
    ago = 1 + (dice >> 10) % 8
    kind = (dice >> 6) % 16
    out[:] = 0
    if kind < 7:
        out[0], out[1], out[2], out[3], out[4] = LIMIT, side, price, size, size
    elif kind < 9:
        if far != 0:
            out[0], out[1], out[2], out[3], out[4], out[5] = TAKE, side, far, size, size, 2
    elif kind < 11:
        out[0], out[1], out[2], out[3], out[4] = RESERVE, side, near, 4 * size, 100
    elif kind < 14:
        out[0], out[6] = CANCEL, ago
    elif kind < 15:
        out[0], out[3], out[6] = REDUCE, 100, ago
    else:
        out[0], out[2], out[3], out[6] = REPLACE, price, size, ago
    return state


class Deciders(NamedTuple):
    """All that the compiled agents are and have sent."""

    who: Any
    """[agents, 6]: book, latency, period, next wake, owner, orders sent"""
    states: Any
    """[agents]: of their dice"""
    sent: Any
    """[agents, orders, 2]: id and slot at the venue, 0 until it is there"""
    pending: Any
    """[n, 11]: arrival, agent, sequence, what, side, price, size, display, type, own number, number of the order it is about"""
    seen: Any
    """[books, n, 3]: stamp, best bid, best ask after each action"""
    counts: Any
    """[2 + books]: commands pending, commands sent, and rows of ``seen`` by book"""
    got: Any


@numba.njit(error_model="numpy")  # type: ignore[untyped-decorator]
def advance(bk: Any, out: Any, horizon: Any, all_of_them: Any) -> Any:
    """Wakes and arrivals in order of time. Returns (why it stopped, the next event's time)."""
    who, states, sent, pending, seen, counts, got = all_of_them
    choice = np.zeros(7, np.int64)
    while True:
        a, wake = -1, np.int64(NEVER_NS)
        for n in range(who.shape[0]):
            if who[n, 3] < wake:
                a, wake = n, who[n, 3]
        c = -1
        for i in range(counts[0]):
            first = c < 0 or pending[i, 0] < pending[c, 0]
            if not first and pending[i, 0] == pending[c, 0]:
                first = pending[i, 1] < pending[c, 1] or (pending[i, 1] == pending[c, 1] and pending[i, 2] < pending[c, 2])
            if first:
                c = i
        now = wake
        if c >= 0 and pending[c, 0] <= wake:  # orders arrive before agents wake
            now = pending[c, 0]
        else:
            c = -1
        if now >= horizon:
            return HORIZON, now
        if not has_room(bk, out):
            return FULL, now
        if c >= 0:
            a, b = pending[c, 1], who[pending[c, 1], 0]
            mine, about = pending[c, 9], pending[c, 10]
            what = pending[c, 3]
            command = DO_ADD if what in (LIMIT, TAKE, RESERVE) else DO_CANCEL if what == CANCEL else DO_REDUCE if what == REDUCE else DO_REPLACE
            got[:] = 0
            more = 1
            while more != 0:
                request = Request(
                    command, sent[a, about, 1], sent[a, about, 0], pending[c, 4], pending[c, 5], pending[c, 6], pending[c, 7],
                    pending[c, 8], who[a, 4],
                )  # fmt: skip
                more = run_command(bk, out, b, now, request, 0.0, got)
                command = DO_GO_ON
            if got[0] == 0 and what in (LIMIT, TAKE, RESERVE, REPLACE):
                sent[a, mine, 0], sent[a, mine, 1] = got[1], got[2]
                if what == REPLACE:
                    sent[a, about, 0] = 0
            row = counts[2 + b]
            hd = bk.head[b]
            seen[b, row, 0] = hd[LAST_TS]
            seen[b, row, 1] = 0 if hd[BEST_BID] == NO_BID else hd[BEST_BID]
            seen[b, row, 2] = 0 if hd[BEST_ASK] == NO_ASK else hd[BEST_ASK]
            counts[2 + b] = row + 1
            counts[0] -= 1
            pending[c] = pending[counts[0]]
            continue
        b = who[a, 0]
        bid, ask = np.int64(0), np.int64(0)
        for row in range(counts[2 + b] - 1, -1, -1):
            if seen[b, row, 0] <= now - who[a, 1]:
                bid, ask = seen[b, row, 1], seen[b, row, 2]
                break
        states[a] = decide_fast(states[a], bid, ask, choice)
        who[a, 3] += who[a, 2]
        enters = choice[0] in (LIMIT, TAKE, RESERVE)
        if choice[0] == NOTHING or (not enters and choice[6] > who[a, 5]):
            continue
        p = pending[counts[0]]
        counts[0] += 1
        counts[1] += 1
        p[0], p[1], p[2], p[3] = now + who[a, 1], a, counts[1], choice[0]
        p[4:9] = choice[1:6]
        p[10] = who[a, 5] - choice[6] + 1
        if enters or choice[0] == REPLACE:
            who[a, 5] += 1
            p[9] = who[a, 5]
            if enters:
                p[10] = 0


class DecidingFlow:
    """Satisfies ``Flow``."""

    def __init__(self, exchange: Exchange, books: list[int], start_ns: int) -> None:
        self._exchange = exchange
        agents = len(AGENTS)
        who = np.zeros((agents, 6), np.int64)
        for n in range(agents):
            period = (1 + n % 3) * GRID_NS
            who[n] = books[n], LATENCIES_NS[n], period, start_ns + period, agent_number(AGENTS[n]), 0
        wakes = SPAN_NS // GRID_NS + 10
        self._deciders = Deciders(
            who=who,
            states=np.array([seed_of(n) for n in range(agents)], np.uint64),
            sent=np.zeros((agents, wakes, 2), np.int64),
            pending=np.zeros((1000, 11), np.int64),
            seen=np.zeros((exchange.books.head.shape[0], 3 * wakes, 3), np.int64),
            counts=np.zeros(2 + exchange.books.head.shape[0], np.int64),
            got=np.zeros(6, np.int64),
        )
        self.next_ns = start_ns

    def start_day(self, day: TradingDay, start_ns: int) -> None: ...

    def advance(self, horizon_ns: int) -> int:
        why, self.next_ns = advance(self._exchange.books, self._exchange.columns, horizon_ns, self._deciders)
        return int(why)

    def on_cross(self, book: int, ts_ns: int) -> None: ...

    def on_agent_trade(self, book: int, ts_ns: int, side: int, shares: int, owner: int) -> None: ...

    def efficient_price(self, symbol: int) -> float:
        return 0.0

    def set_bands(self, symbol: int, low_ticks: int, high_ticks: int) -> None: ...

    def watch_bands(self, on_due: Any) -> None: ...


class DecidingMarket(Market):
    def _make_flow(self) -> Flow:
        universe = self.scenario.universe
        venues = len(universe.venues)
        places = [self._symbols.index(universe.symbol_index(SYMBOLS[n % 2])) for n in range(len(AGENTS))]
        books = [place * venues + universe.venue_index(VENUES[n // 3]) for n, place in enumerate(places)]
        return DecidingFlow(self._exchange, books, self.scenario.start_ns)  # type: ignore[return-value]


def settings(**changes: Any) -> dict[str, Any]:
    end = f"2025-07-01T14:00:00.{SPAN_NS // 1_000_000:03d}Z"
    return {"start": BASE, "end": end, "extra_tables": ("orders", "truth"), "background": False} | changes


def python_market(agents: list[AgentSpec], **changes: Any) -> Market:
    market = Market(scenario(**settings(agents=tuple(agents), **changes)))
    market.run_until(BASE_NS + SPAN_NS)
    return market


def specs() -> list[AgentSpec]:
    return [
        AgentSpec(name=name, make=agent, arguments={"n": n}, latency_ns={"*": LATENCIES_NS[n]}, symbols=(SYMBOLS[n % 2],))
        for n, name in enumerate(AGENTS)
    ]


def compiled_market(**changes: Any) -> Market:
    market = DecidingMarket(scenario(**settings(**changes)))
    market.run_until(BASE_NS + SPAN_NS)
    return market


def test_python_agents_and_a_compiled_flow_with_the_same_decisions_give_the_same_rows() -> None:
    compiled = compiled_market().tape()
    assert min(len(compiled[table]) for table in ("market_data", "trades", "orders", "truth")) > 500
    stamps, counts = np.unique(compiled["orders"].ts_ns, return_counts=True)
    assert (counts > 3).sum() > 100, stamps
    for agents in (specs(), specs()[::-1]):
        assert_same_tapes(python_market(agents).tape(), compiled)


def test_slices_do_not_move_a_row_of_either() -> None:
    assert_same_tapes(compiled_market(slice_ns=77_777).tape(), python_market(specs()).tape())


def test_the_comparison_notices_one_nanosecond_of_latency() -> None:
    late = specs()
    late[2] = AgentSpec(
        name=late[2].name, make=agent, arguments={"n": 2}, latency_ns={"*": LATENCIES_NS[2] + 1}, symbols=late[2].symbols
    )
    with pytest.raises(AssertionError):
        assert_same_tapes(python_market(late).tape(), compiled_market().tape())
