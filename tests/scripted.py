"""A market whose background follows a script, and agents that do: for tests that know every row beforehand."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Generator, Sequence
from typing import Any, NamedTuple

import numpy as np
from helpers import FOUR, scenario

from simulator.agents import MarketView, OrderEntry, Wait
from simulator.book.state import NewOrder
from simulator.exchange.order_books import Exchange
from simulator.flow import HORIZON, NEVER_NS, NOTIFICATION, Flow
from simulator.inputs.config import AgentSpec, Scenario
from simulator.inputs.sessions import TradingDay, parse_ts
from simulator.market import Market
from simulator.records import NS_PER_S, NS_PER_US, OrderBatch, OrderType, Side
from simulator.tape.columns import HEAR_BY, NOTIFICATIONS

BASE = "2025-07-01T14:00:00Z"
BASE_NS = parse_ts(BASE)
BACKGROUND = 1
"""Owner of the scripted orders."""
LATENCY_NS = 100 * NS_PER_US
VENUES = ("NASDAQ", "NYSE", "ARCA", "BATS", "IEX")
BUY, SELL = Side
A, B = ("AAPL", "NASDAQ"), ("JPM", "NYSE")
"""Two books."""
MS, S = NS_PER_S // 1000, NS_PER_S
LATENCIES = {"NASDAQ": 1, "NYSE": 250_000, "*": 3 * MS}


def lone(make: Callable[..., Any], **spec: Any) -> AgentSpec:
    """The only agent of its market."""
    return AgentSpec(name="lone", make=make, **spec)


def near(make: Callable[..., Any], **spec: Any) -> AgentSpec:
    """The same, a microsecond from every venue."""
    return lone(make, **({"latency_ns": {"*": 1_000}} | spec))


class Stroke(NamedTuple):
    """One background order. ``at_ns`` counts from BASE."""

    at_ns: int
    symbol: str
    venue: str
    side: Side
    price_ticks: int
    size: int
    type: OrderType = OrderType.LIMIT


class ScriptedFlow:
    """Satisfies ``Flow``: enters the strokes at their times; remembers what it heard of agents' trades."""

    def __init__(self, exchange: Exchange, strokes: Sequence[Stroke], book: Callable[[str, str], int], price: float = 0.0) -> None:
        self._exchange = exchange
        self._todo = [(BASE_NS + s.at_ns, n, s) for n, s in enumerate(strokes)]
        heapq.heapify(self._todo)
        self._book = book
        self._price = price
        self.heard: list[tuple[int, int, int, int]] = []

    @property
    def next_ns(self) -> int:
        return self._todo[0][0] if self._todo else NEVER_NS

    def start_day(self, day: TradingDay, start_ns: int) -> None: ...

    def advance(self, horizon_ns: int) -> int:
        used = self._exchange.columns.used
        while True:
            until_ns = min(horizon_ns, used[HEAR_BY]) if used[NOTIFICATIONS] else horizon_ns
            if not self._todo or self._todo[0][0] >= until_ns:
                return NOTIFICATION if used[NOTIFICATIONS] else HORIZON
            ts_ns, _, s = heapq.heappop(self._todo)
            book = self._book(s.symbol, s.venue)
            self._exchange.submit(book, ts_ns, NewOrder(s.side, s.price_ticks, s.size, s.size, s.type, BACKGROUND), self._price)

    def on_cross(self, book: int, ts_ns: int) -> None: ...

    def on_agent_trade(self, book: int, ts_ns: int, side: int, shares: int, owner: int) -> None:
        self.heard.append((book, ts_ns, side, shares))

    def efficient_price(self, symbol: int) -> float:
        return self._price

    def set_bands(self, symbol: int, low_ticks: int, high_ticks: int) -> None: ...

    def watch_bands(self, on_due: Any) -> None: ...


class ScriptedMarket(Market):
    """A market with a ``ScriptedFlow``."""

    def __init__(self, chosen: Scenario, strokes: Sequence[Stroke] = (), price: float = 0.0) -> None:
        self._strokes = strokes
        self._price = price
        super().__init__(chosen)

    def _make_flow(self) -> Flow:
        def book(symbol: str, venue: str) -> int:
            universe = self.scenario.universe
            return self._symbols.index(universe.symbol_index(symbol)) * len(universe.venues) + universe.venue_index(venue)

        self.scripted = ScriptedFlow(self._exchange, self._strokes, book, self._price)
        return self.scripted  # type: ignore[return-value]


def scripted_run(
    strokes: Sequence[Stroke], *agents: AgentSpec, run_ns: int = 10**9, start: str = BASE, price: float = 0.0, **settings: Any
) -> ScriptedMarket:
    """Run ``run_ns`` from ``start`` with these agents over a scripted background."""
    settings.setdefault("extra_tables", ("orders", "truth"))
    settings.setdefault("end", "2025-07-06T08:00:00Z")
    market = ScriptedMarket(scenario(start, agents=agents, **settings), strokes, price)
    market.run_until(market.scenario.start_ns + run_ns)
    return market


class Act(NamedTuple):
    """What a scripted agent does at a time counted from BASE: a method of ``OrderEntry`` and its arguments."""

    at_ns: int
    method: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = {}  # noqa: RUF012


def actor(acts: Sequence[Act], heard: list[tuple[int, Any]] | None = None, name: str = "actor", **spec: Any) -> AgentSpec:
    """An agent that does ``acts`` and then writes each message, with the time of its arrival, into ``heard``."""

    def make(market: MarketView, orders: OrderEntry, rng: np.random.Generator) -> Generator[Wait, Any, None]:
        for act in acts:
            while heard is not None and market.now_ns < BASE_NS + act.at_ns:
                message = yield market.message(limit_ns=BASE_NS + act.at_ns - market.now_ns)
                if message is not None:
                    heard.append((market.now_ns, message))
            yield market.until(BASE_NS + act.at_ns)
            getattr(orders, act.method)(*act.args, **act.kwargs)
        while heard is not None:
            message = yield market.message()
            heard.append((market.now_ns, message))

    return AgentSpec(name=name, make=make, **spec)


def order_rows(market: Market, symbol: str, venue: str) -> list[tuple[int, ...]]:
    """(ts_ns from BASE, kind, order_id, side, price_ticks, size, and the kind's own two fields) of one book."""
    orders = market.tape().get("orders")
    if orders is None:
        return []
    assert isinstance(orders, OrderBatch)
    universe = market.scenario.universe
    mine = (orders.symbol == universe.symbol_index(symbol)) & (orders.venue == universe.venue_index(venue))
    columns = [orders.ts_ns - BASE_NS, orders.kind, orders.order_id, orders.side, orders.price // 100, orders.size, *orders.packed()[-2:]]
    return [tuple(row) for row in np.stack([column[mine].astype(np.int64) for column in columns], axis=1).tolist()]


__all__ = [
    "BASE", "BASE_NS", "FOUR", "LATENCY_NS", "VENUES", "Act", "ScriptedFlow", "ScriptedMarket", "Stroke", "actor", "order_rows",
    "scripted_run",
]  # fmt: skip
