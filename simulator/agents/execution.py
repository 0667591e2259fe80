"""Parent orders by the usual schedules, as Python agents: TWAP, VWAP, POV and implementation shortfall; to be used, read and copied.

All work alike. A schedule says how many shares should be done by now. What is missing of that stands at the near side of the best quotes
for ``patience_ns``, and what is left of it then is taken from the far side, wherever it is displayed.

No parent ever trades more than its size, however far away the venues are: what counts as done are the shares filled and all shares of its
orders that it does not know to be gone, and a new order is never for more than the rest.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from typing import Any

from simulator.agents.interface import MarketView, OrderEntry
from simulator.agents.routing import longest_queue
from simulator.errors import InputError, explain
from simulator.inputs.checks import number, whole
from simulator.records import NS_PER_MS, NS_PER_S, Side

TIME_NS_MAX = 10**15
SHARES_MAX = 10**12
USUAL_CURVE = (1.9, 1.2, 1.0, 0.9, 0.8, 0.75, 0.7, 0.7, 0.75, 0.85, 1.0, 1.2, 1.9)
"""Of volume over the half hours of a day, roughly: the known U (Admati and Pfleiderer 1988), without the crosses."""


class Execution:
    """What the four have in common."""

    def __init__(
        self, symbol: str, side: str, shares: int, *, start_ns: int = 0, every_ns: int = 200 * NS_PER_MS, patience_ns: int = 0
    ) -> None:
        """``side``: buy or sell. ``start_ns``: counted from the agent's start. ``every_ns``: it looks so often.

        ``patience_ns``: how long it stands at the near side first; 0 takes at once. Raises ``InputError``.
        """
        if not isinstance(side, str) or side.upper() not in Side.__members__:
            raise InputError(explain("side", side, "must be buy or sell", "Write side: buy."))
        for name, value, least in (("start_ns", start_ns, 0), ("every_ns", every_ns, 1), ("patience_ns", patience_ns, 0)):
            whole(name, value, least, TIME_NS_MAX, "200_000_000 is 0.2 s.", " ns")
        whole("shares", shares, 1, SHARES_MAX, "The parent's size.")
        self.symbol, self.side, self.shares = symbol, Side[side.upper()], shares
        self.start_ns, self.every_ns, self.patience_ns = start_ns, every_ns, patience_ns
        self.began_ns = 0
        self.done = 0
        """Shares filled of orders that are known to be gone."""
        self.hasty = 0
        """Shares that have stood in vain: they are taken."""
        self._alive: dict[int, int] = {}
        """By reference of its orders that may be alive: when it is to be cancelled; 0: it is immediate, or that has been asked."""

    def due(self, market: MarketView) -> int:
        """Shares that should be done by now."""
        raise NotImplementedError

    def run(self, market: MarketView, orders: OrderEntry, rng: Any) -> Generator[Any, Any, None]:
        yield market.wait(self.start_ns)
        self.began_ns = market.now_ns
        self.start(market)
        while True:
            at_work = self.settle(market, orders)
            if self.done >= self.shares:
                return
            missing = min(self.due(market), self.shares) - at_work
            if missing > 0:
                self.trade(market, orders, missing)
            yield market.wait(self.every_ns)
            market.read()

    def start(self, market: MarketView) -> None:
        """Before the first look."""

    def settle(self, market: MarketView, orders: OrderEntry) -> int:
        """Count what has ended, take back what has stood long enough; returns all shares that are filled or may still be."""
        at_work = 0
        for ref, until_ns in tuple(self._alive.items()):
            order = market.order(ref)
            if market.own_order(ref) is None:
                del self._alive[ref]
                self.done += order.filled
                self.hasty += order.size - order.filled if until_ns < 0 else 0
            else:
                at_work += order.filled + order.left
                if 0 < until_ns <= market.now_ns:
                    orders.cancel(ref)
                    self._alive[ref] = -1
        return self.done + at_work

    def trade(self, market: MarketView, orders: OrderEntry, missing: int) -> None:
        bid, ask = market.nbbo(self.symbol)
        near, far = (bid, ask) if self.side == Side.BUY else (ask, bid)
        taken = min(missing, self.hasty) if self.patience_ns else missing
        if taken and far:
            for ref in orders.sweep(self.side, self.symbol, far, taken):
                self._alive[ref] = 0
                self.hasty = max(0, self.hasty - market.order(ref).size)
        if near and missing > taken:
            ref = orders.add(self.side, self.symbol, longest_queue(market, self.symbol, self.side), near, missing - taken)
            self._alive[ref] = market.now_ns + self.patience_ns

    def elapsed(self, market: MarketView) -> int:
        return market.now_ns - self.began_ns


def _check_duration(duration_ns: int) -> int:
    return whole("duration_ns", duration_ns, 1, TIME_NS_MAX, "600_000_000_000 is ten minutes.", " ns")


class TWAP(Execution):
    """Equal shares in equal times (Berkowitz, Logue and Noser 1988 compare it with VWAP)."""

    def __init__(self, symbol: str, side: str, shares: int, duration_ns: int = 600 * NS_PER_S, **how: int) -> None:
        super().__init__(symbol, side, shares, **how)
        self.duration_ns = _check_duration(duration_ns)

    def due(self, market: MarketView) -> int:
        return self.shares * min(self.elapsed(market), self.duration_ns) // self.duration_ns


class VWAP(Execution):
    """Along a curve of expected volume (Berkowitz, Logue and Noser 1988; Konishi 2002): ``curve`` has its weights over equal parts of the
    duration, as many as you like.
    """

    def __init__(
        self, symbol: str, side: str, shares: int, duration_ns: int = 23_400 * NS_PER_S, curve: Sequence[float] = USUAL_CURVE, **how: int
    ) -> None:
        super().__init__(symbol, side, shares, **how)
        self.duration_ns = _check_duration(duration_ns)
        self.curve = [float(weight) for weight in curve]
        if not self.curve or not all(math.isfinite(weight) and weight >= 0 for weight in self.curve) or not sum(self.curve):
            raise InputError(explain("curve", curve, "must be some numbers of at least 0, not all 0", "[1, 1] is a TWAP."))

    def due(self, market: MarketView) -> int:
        place = len(self.curve) * min(self.elapsed(market), self.duration_ns) / self.duration_ns
        gone = int(place)
        if gone >= len(self.curve):
            return self.shares
        return int(self.shares * (sum(self.curve[:gone]) + self.curve[gone] * (place - gone)) / sum(self.curve))


class POV(Execution):
    """A part of the volume: its own shares are ``rate`` of all that print while it works, its own among them, until it is done.

    To be at ``rate`` of V printed shares with ``own`` of its own, x more are needed with own + x = rate (V + x).
    """

    def __init__(self, symbol: str, side: str, shares: int, rate: float = 0.1, **how: int) -> None:
        super().__init__(symbol, side, shares, **how)
        number("rate", rate, 1e-6, 0.999999, "0.1 is a tenth of the volume.")
        self.rate = float(rate)

    def due(self, market: MarketView) -> int:
        filled = self.done + sum(market.order(ref).filled for ref in self._alive)
        others = market.volume(self.symbol, since_ns=self.began_ns) - filled
        return int(max(0, others) * self.rate / (1 - self.rate))


class ImplementationShortfall(Execution):
    """The optimal trajectory of Almgren and Chriss (2000): faster at first, the more so the more risk is feared.

    What is left at t is X sinh(k (T - t)) / sinh(k T), with k from cosh(k tau) = 1 + tau^2 lambda sigma^2 / (2 eta').
    """

    def __init__(
        self, symbol: str, side: str, shares: int, duration_ns: int = 600 * NS_PER_S, risk_aversion: float = 1e-6,
        sigma: float = 0.01, eta: float = 1e-6, **how: int,
    ) -> None:  # fmt: skip
        """``risk_aversion``: lambda, 1/USD. ``sigma``: USD a share and root second. ``eta``: temporary impact, USD a share for each share
        a second.
        """
        super().__init__(symbol, side, shares, **how)
        self.duration_ns = _check_duration(duration_ns)
        for name, value, least in (("risk_aversion", risk_aversion, 0.0), ("sigma", sigma, 0.0), ("eta", eta, 1e-15)):
            number(name, value, least, 1e9, "docs/agents.md says what it is.")
        tau = self.every_ns / NS_PER_S
        self.kappa = math.acosh(1 + tau * tau * risk_aversion * sigma * sigma / (2 * eta)) / tau
        """1/s."""

    def left_at(self, part: float) -> float:
        """Of the shares, at so much of the duration."""
        steep = self.kappa * self.duration_ns / NS_PER_S
        if steep < 1e-6:
            return 1 - part
        if steep > 700:
            return math.exp(-steep * part)
        return math.sinh(steep * (1 - part)) / math.sinh(steep)

    def due(self, market: MarketView) -> int:
        part = min(self.elapsed(market), self.duration_ns) / self.duration_ns
        return self.shares if part >= 1 else self.shares - math.ceil(self.shares * self.left_at(part))
