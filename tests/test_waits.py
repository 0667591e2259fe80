"""Waits of all kinds, one after the other: each ends with the first thing it watches that reaches the agent after it began, and then."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from scripted import BASE_NS, Stroke, scripted_run

from simulator.agents import Quote, Trade
from simulator.gateway.agent_process import AgentProcess
from simulator.inputs.config import AgentSpec
from simulator.records import MarketDataBatch, OrderType, Side, TradeBatch

MS = 1_000_000
BOOKS = (("AAPL", "NASDAQ"), ("AAPL", "NYSE"), ("JPM", "NYSE"))
LATE_NS = {"NASDAQ": MS, "NYSE": 3_300_007, "*": MS}
SPAN_MS = 400


class Waited(NamedTuple):
    began_ns: int
    quotes: tuple[int, ...]
    """Places in BOOKS."""
    trades: tuple[int, ...]
    limit_ns: int | None
    woke_ns: int
    came: Any


def waits(market: Any, orders: Any, rng: np.random.Generator, log: list[Waited]) -> Any:
    """Now this, now that; the same again more often than not; sometimes nothing but time."""
    quotes, trades = (0,), ()
    while True:
        if rng.random() < 0.4:
            quotes, trades = (tuple(np.flatnonzero(rng.random(3) < 0.5).tolist()) for _ in range(2))
        if (not quotes and not trades) or rng.random() < 0.15:
            yield market.wait(int(rng.integers(1, 6 * MS)))
            continue
        limit_ns = int(rng.integers(0, 8 * MS)) if rng.random() < 0.5 else None
        ways = [*(market.quote(*BOOKS[k]) for k in quotes), *(market.trade(*BOOKS[k]) for k in trades)]
        began_ns = market.now_ns
        came = yield market.any_of(*ways, limit_ns=limit_ns)
        log.append(Waited(began_ns, quotes, trades, limit_ns, market.now_ns, came))
        if rng.random() < 0.5:
            market.quotes("AAPL")


def strokes() -> list[Stroke]:
    """Orders that rest and that take, in bursts."""
    rng = np.random.default_rng(5)
    made = []
    for _ in range(350):
        at_ns, (symbol, venue), side = int(rng.integers(SPAN_MS * MS)), BOOKS[int(rng.integers(3))], Side(int(rng.integers(2)))
        takes = rng.random() < 0.4
        price = 10_000 + (10 if (side == Side.BUY) == takes else -10) * (1 if takes else int(rng.integers(1, 4)))
        kind = OrderType.IOC if takes else OrderType.LIMIT
        made += [Stroke(at_ns + n * int(rng.integers(1, MS)), symbol, venue, side, price, 100, kind) for n in range(int(rng.integers(1, 4)))]
    return made


def check(market: Any, log: list[Waited]) -> None:
    """Against the tape."""
    universe, tape = market.scenario.universe, market.tape()
    arrivals = {}
    for kind, table in ((Quote, "market_data"), (Trade, "trades")):
        rows = tape[table]
        assert isinstance(rows, MarketDataBatch | TradeBatch)
        for k, (symbol, venue) in enumerate(BOOKS):
            mine = (rows.symbol == universe.symbol_index(symbol)) & (rows.venue == universe.venue_index(venue))
            arrivals[kind, k] = rows.ts_ns[mine] + LATE_NS[venue]
    for one in log:
        ends = []
        for kind, watched in ((Trade, one.trades), (Quote, one.quotes)):
            for k in watched:
                coming = arrivals[kind, k][np.searchsorted(arrivals[kind, k], one.began_ns, "right") :]
                ends += [(int(coming[0]), kind, BOOKS[k])] if len(coming) else []
        first = min(ends, key=lambda each: each[0], default=(2**62, None, None))
        if one.limit_ns is not None and one.began_ns + one.limit_ns < first[0]:
            assert (one.woke_ns, one.came) == (one.began_ns + one.limit_ns, None)
        else:
            assert one.came is not None
            assert (one.woke_ns, type(one.came), (one.came.symbol, one.came.venue)) == first
            assert one.came.ts_ns + LATE_NS[one.came.venue] == one.woke_ns


def watched() -> tuple[Any, list[Waited]]:
    log: list[Waited] = []
    spec = AgentSpec(name="a", make=waits, arguments={"log": log}, latency_ns=LATE_NS)
    return scripted_run(strokes(), spec, run_ns=(SPAN_MS + 20) * MS, extra_tables=()), log


def test_a_wait_ends_with_the_first_that_arrives_after_it_began_whatever_was_waited_for_before() -> None:
    market, log = watched()
    check(market, log)
    tape = market.tape()
    assert min(len(tape["market_data"]), len(log)) > 150
    assert len(tape["trades"]) > 80
    assert {type(one.came) for one in log} == {Quote, Trade, type(None)}
    assert max(one.woke_ns for one in log) > BASE_NS + SPAN_MS * MS // 2


def test_rows_on_their_way_that_a_wait_forgets_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault: what had happened before a wait began, and had not arrived, was not looked for."""
    monkeypatch.setattr(AgentProcess, "_on_its_way", lambda self, kind, index: None)
    monkeypatch.setattr("simulator.gateway.market_view.LatentMarketView.shows_newest", lambda self, book: True)
    with pytest.raises(AssertionError):
        check(*watched())
