"""Parent orders do what was wanted of them and never more, however far away the venues are."""

from __future__ import annotations

import pytest
from scripted import BASE_NS, Stroke, scripted_run

from simulator.agents.takers import ParentOrder
from simulator.inputs.config import AgentSpec
from simulator.records import NS_PER_S, OrderType, Side

MS = 1_000_000
A = ("AAPL", "NASDAQ")


@pytest.mark.parametrize("latency_ns", [1, 100_000, 5 * MS, 90 * MS, 300 * MS, 900 * MS])
@pytest.mark.parametrize("side", ["buy", "sell"])
def test_a_parent_order_never_trades_more_than_it_was_to(latency_ns: int, side: str) -> None:
    """The fault: it gave a cancel 2 ms and an immediate order 200 ms; at 5 ms it bought 200 of 100 shares."""
    wanted, far = (Side.BUY, Side.SELL) if side == "buy" else (Side.SELL, Side.BUY)
    sign = 1 if wanted == Side.BUY else -1
    strokes = [Stroke(0, *A, far, 10_000 + sign * 5, 100_000), Stroke(0, *A, wanted, 10_000 - sign * 5, 100)]
    for n in range(400):  # somebody trades against whoever stands at the near side, all the time
        strokes.append(Stroke((n + 1) * 10 * MS + 3, *A, far, 10_000 - sign * 5, 10, OrderType.IOC))
        strokes.append(Stroke((n + 1) * 10 * MS + 4, *A, wanted, 10_000 - sign * 5, 7))
    arguments = {
        "symbol": "AAPL", "side": side, "shares": 400, "start_ns": 2 * latency_ns + MS, "duration_ns": 2 * NS_PER_S, "slices": 4, "patience": 0.6,
    }  # fmt: skip
    parent = AgentSpec(name="parent", make=ParentOrder, arguments=arguments, latency_ns={"*": latency_ns})
    market = scripted_run(strokes, parent, run_ns=8 * NS_PER_S, names=("AAPL",), end="2025-07-01T14:01:00Z", extra_tables=())
    (position,) = market.agents()["parent"].positions
    assert 0 < sign * position.shares <= 400
    if latency_ns <= 90 * MS:
        assert sign * position.shares == 400
        assert position.shares_maker > 0
    assert market.now_ns == BASE_NS + 8 * NS_PER_S
