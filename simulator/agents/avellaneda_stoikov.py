"""The market maker of Avellaneda and Stoikov, as a Python agent: to be used, read and copied.

"High-frequency trading in a limit order book", Quantitative Finance 8 (2008): around the reservation price s - q gamma sigma^2 (T - t) it
quotes at a half spread of gamma sigma^2 (T - t) / 2 + ln(1 + gamma / kappa) / gamma, for an inventory q, a fear of risk gamma, a volatility
sigma, and orders that come at a rate falling as exp(-kappa distance). q counts in lots of ``size`` shares; prices are in ticks.
"""

from __future__ import annotations

import math
from collections.abc import Generator
from typing import Any

from simulator.agents.interface import MarketView, OrderEntry
from simulator.agents.messages import Fill
from simulator.inputs.checks import number, whole
from simulator.records import NS_PER_MS, NS_PER_S, OrderType, Side


class AvellanedaStoikov:
    """Two quotes in one symbol at one venue; records its inventory, and what stands before its quotes in their queues."""

    def __init__(
        self, symbol: str, venue: str, size: int = 100, gamma: float = 0.05, kappa: float = 0.7, sigma_ticks: float = 1.0,
        horizon_ns: int = 60 * NS_PER_S, every_ns: int = 100 * NS_PER_MS,
    ) -> None:  # fmt: skip
        """``gamma``, ``kappa``: 1/tick; ``sigma_ticks``: ticks a root second. T - t is the time to the close, ``horizon_ns`` at most.

        ``every_ns``: it looks so often, and at each fill. Raises ``InputError``.
        """
        for name, value in (("gamma", gamma), ("kappa", kappa), ("sigma_ticks", sigma_ticks)):
            number(name, value, 1e-9, 1e6, "gamma: 0.05, kappa: 0.7 and sigma_ticks: 1 are the defaults.")
        for name, count in (("size", size), ("horizon_ns", horizon_ns), ("every_ns", every_ns)):
            whole(name, count, 1, 10**15, "Leave it out for the default.")
        self.symbol, self.venue, self.size = symbol, venue, size
        self.gamma, self.kappa, self.sigma = float(gamma), float(kappa), float(sigma_ticks)
        self.horizon_ns, self.every_ns = horizon_ns, every_ns

    def quotes(self, middle: float, lots: float, left_s: float) -> tuple[float, float]:
        """Bid and ask in ticks, not rounded, with ``left_s`` to go."""
        risk = self.gamma * self.sigma**2 * left_s
        reservation = middle - lots * risk
        half = risk / 2 + math.log(1 + self.gamma / self.kappa) / self.gamma
        return reservation - half, reservation + half

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        standing: dict[Side, int] = {}
        while True:
            self.requote(market, orders, standing)
            yield market.message(Fill, limit_ns=self.every_ns)
            market.read()
            for side, ref in standing.items():
                ahead = market.queue_ahead(ref)
                if ahead is not None:
                    market.record(f"shares ahead of the {'bid' if side == Side.BUY else 'ask'}", ahead)

    def requote(self, market: MarketView, orders: OrderEntry, standing: dict[Side, int]) -> None:
        """Move each quote that is not where it should be; a new one goes out when the old one is known to be gone."""
        bid, ask = market.nbbo(self.symbol)
        if not bid or not ask:
            return
        held = market.position(self.symbol)
        to_close_ns = market.to_close_ns
        left_ns = self.horizon_ns if to_close_ns is None else max(0, min(self.horizon_ns, to_close_ns))
        wanted = self.quotes((bid + ask) / 2, held / self.size, left_ns / NS_PER_S)
        prices = {Side.BUY: min(math.floor(wanted[0]), ask - 1), Side.SELL: max(math.ceil(wanted[1]), bid + 1)}
        for side, price in prices.items():
            ref = standing.get(side, 0)
            order = market.own_order(ref) if ref else None
            if order is not None:
                if order.price_ticks != price and order.is_accepted:
                    orders.cancel(ref)
            elif price > 0:
                standing[side] = orders.add(side, self.symbol, self.venue, price, self.size, type=OrderType.POST_ONLY)
        market.record("inventory", held)
