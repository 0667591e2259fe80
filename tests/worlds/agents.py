"""An agent that does anything at any time: many commands at one instant, many senseless, on what it sees and on what is long gone."""

from __future__ import annotations

from typing import Any

import numpy as np

from simulator.agents import Fill, Rejected
from simulator.records import OrderType, Peg, SelfTrade, Side

PRICELESS = (OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE)
SIZES = (0, 1, 7, 50, 100, 300, 5_000, 2**31 - 1)


def anything(market: Any, orders: Any, rng: np.random.Generator, pause_ns: int, near: dict[str, int]) -> Any:
    """Acts about every ``pause_ns``. ``near``: each of its symbols, with a price in ticks for when nothing is quoted."""
    refs: list[tuple[int, str]] = []
    symbols = list(near)
    while True:
        for _ in range(int(rng.integers(1, 6))):
            act(market, orders, rng, refs, near)
        limit_ns = 1 + int(rng.exponential(pause_ns))
        symbol = str(rng.choice(symbols))
        choice = rng.random()
        if choice < 0.4:
            yield market.any_of(market.quote(symbol), market.message(Fill, Rejected), limit_ns=limit_ns)
        elif choice < 0.5:
            yield market.trade(symbol, str(rng.choice(market.venues)), limit_ns=limit_ns)
        elif choice < 0.55:
            yield market.phase_change(str(rng.choice(market.venues)), limit_ns=limit_ns)
        if rng.random() < 0.5:
            market.read()
        yield market.wait(limit_ns)
        if rng.random() < 0.05:
            orders.cancel_all()


def act(market: Any, orders: Any, rng: np.random.Generator, refs: list[tuple[int, str]], near: dict[str, int]) -> None:
    choice = rng.random()
    if choice < 0.12:
        refs += held(market, orders, rng, near)
        return
    if choice < 0.55 or not refs:
        symbol, venue = str(rng.choice(list(near))), str(rng.choice([*market.venues, "BEST"]))
        kind = OrderType(int(rng.integers(len(OrderType))))
        size = int(rng.choice(SIZES))
        display = int(rng.choice([size, size, 0, 50]))
        price = 0 if kind in PRICELESS else somewhere(market, rng, symbol, near, 3)
        refs.append((orders.add(Side(int(rng.integers(2))), symbol, venue, price, size, type=kind, display=display), symbol))
        return
    ref, symbol = refs[max(0, len(refs) - 12) :][int(rng.integers(min(12, len(refs))))]
    if choice < 0.8:
        orders.cancel(ref)
    elif choice < 0.88:
        orders.reduce(ref, int(rng.choice([0, 10, 100, 10_000])))
    else:
        price = somewhere(market, rng, symbol, near, 50)
        refs.append((orders.replace(ref, price, int(rng.choice([0, 100, 700]))), symbol))


def held(market: Any, orders: Any, rng: np.random.Generator, near: dict[str, int]) -> list[tuple[int, str]]:
    """Stops, pegs and sweeps, many of them senseless; and now and then another rule about its own orders."""
    symbol, venue = str(rng.choice(list(near))), str(rng.choice([*market.venues, "BEST"]))
    side, size, price = Side(int(rng.integers(2))), int(rng.choice(SIZES)), somewhere(market, rng, symbol, near, 5)
    kind = int(rng.integers(4))
    if kind == 0:
        limit = 0 if rng.random() < 0.5 else max(0, somewhere(market, rng, symbol, near, 5))
        return [(orders.stop(side, symbol, venue, price, size, limit_ticks=limit), symbol)]
    if kind == 1:
        peg, offset = Peg(int(rng.integers(2))), int(rng.integers(-3, 4))
        return [(orders.peg(side, symbol, venue, size, peg=peg, offset_ticks=offset, limit_ticks=max(0, price) if rng.random() < 0.3 else 0), symbol)]
    if kind == 2:
        return [(ref, symbol) for ref in orders.sweep(side, symbol, max(1, price), max(1, size))]
    orders.prevent_self_trades(SelfTrade(int(rng.integers(len(SelfTrade)))))
    return []


def somewhere(market: Any, rng: np.random.Generator, symbol: str, near: dict[str, int], ticks: int) -> int:
    """A price about the market, in ticks."""
    bid, ask = market.nbbo(symbol)
    return max(1, (bid or ask or near[symbol]) + int(rng.integers(-ticks, ticks + 1)))
