"""A market that is run in this process, on a live page: for notebooks, ``market.view()``."""

from __future__ import annotations

import time
from html import escape
from types import TracebackType
from typing import Any, Self

from simulator.errors import InputError, explain
from simulator.live.camera import Camera
from simulator.live.past import step_for
from simulator.live.server import FRAME_S, LiveServer
from simulator.records import NS_PER_S

SLICE_NS = 100_000_000
"""Simulated between two looks, as fast as may be."""
HEIGHT_PX = 900


class MarketView:
    """The page of a market; ``run_until`` moves it while you look, at ``speed`` simulated seconds a second, or what is chosen there.

    What is looked at, and how fast the market goes, changes no row. Close it, or use it with ``with``.
    """

    def __init__(self, market: Any, *, port: int = 0) -> None:
        """Raises ``LimitError`` for a port that is taken."""
        self._market = market
        self._camera = Camera(market)
        self._server = LiveServer(list(market.symbols), port=port)
        self._server.start()
        self._shown_s = 0.0

    @property
    def address(self) -> str:
        """For a browser on this machine; it has a token."""
        return self._server.address

    def __repr__(self) -> str:
        return f"<MarketView at {self.address}>"

    def _repr_html_(self) -> str:
        """The page, inside of a notebook."""
        address = escape(self.address, quote=True)
        return f'<iframe src="{address}" title="A live market" style="width:100%;height:{HEIGHT_PX}px;border:0"></iframe>'

    def run_until(self, ts_ns: int, speed: float | None = None) -> None:
        """As ``Market.run_until``, in slices. ``speed``: simulated seconds a second; None: as fast as may be.

        Raises ``InputError`` for a speed that is none, and what the market raises.
        """
        if speed is not None and not 0 < speed <= 1e6:
            raise InputError(explain("speed", speed, "must be above 0 and at most 1,000,000", "60 shows an hour in a minute."))
        wishes = self._server.wishes
        self._server.step_s = step_for(speed)
        from_s, from_ns, number, steps = time.monotonic(), self._market.now_ns, wishes.number, wishes.steps
        while self._market.now_ns < ts_ns:
            wishes, now_ns = self._server.wishes, self._market.now_ns
            if wishes.number != number:
                number, from_s, from_ns = wishes.number, time.monotonic(), now_ns
                speed = speed if wishes.speed is None else wishes.speed or None
            due_ns = min(ts_ns, now_ns + SLICE_NS)
            if wishes.paused:
                due_ns = min(ts_ns, now_ns + (wishes.steps - steps) * NS_PER_S)
                steps = wishes.steps
            elif speed is not None:
                due_ns = min(ts_ns, max(now_ns, from_ns + int((time.monotonic() - from_s) * speed * NS_PER_S)), now_ns + NS_PER_S)
            if due_ns > now_ns:
                self._market.run_until(due_ns)
            else:
                time.sleep(FRAME_S)
            self.look()
        self.look(now=True)

    def look(self, *, now: bool = False) -> None:
        """Show the market as it is, if somebody looks; at most twenty times a second unless ``now``."""
        now_s = time.monotonic()
        if now or now_s - self._shown_s >= FRAME_S:
            self._shown_s = now_s
            for symbol in self._market.symbols if now else self._server.watched:
                self._server.put(symbol, self._camera.look(symbol))
            for _ in self._market.symbols if now else self._server.watched[:1]:
                self._server.put_crosses(self._camera.crosses())

    def close(self) -> None:
        """End the page."""
        self._server.close("The view was closed.")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()
