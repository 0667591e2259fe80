"""Self-trade prevention in the compiled book against the twin, which meets its own orders one by one; and with faults planted."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import pytest

from simulator import testing
from simulator.book import limit_order_book, prevention
from simulator.book.limit_order_book import LimitOrderBook
from simulator.records import EventKind, OrderType, Reject, SelfTrade, Side

BUY, SELL = Side
MODES = tuple(SelfTrade)


def follow(seed: int, count: int) -> dict[Reject, int]:
    """Random orders of three owners, in both books; returns how often each reason came."""
    rng = np.random.default_rng(seed)
    book, twin = (make(max_orders=40, price_window=64) for make in (LimitOrderBook, testing.TwinBook))
    reasons: dict[Reject, int] = {}
    for n in range(count):
        price, size = int(rng.integers(997, 1004)), int(rng.integers(1, 40))
        mode = MODES[int(rng.integers(len(MODES)))]
        alive = sorted(row.order_id for row in twin.orders())
        what = rng.random()
        if what < 0.1 and alive:
            call: tuple[str, tuple[Any, ...], dict[str, Any]] = ("cancel", (alive[int(rng.integers(len(alive)))],), {})
        elif what < 0.25 and alive:
            call = ("replace", (alive[int(rng.integers(len(alive)))], price, size), {"self_trade": mode})
        else:
            kind = OrderType(int(rng.choice([0, 0, 0, 0, 1, 2, 2, 3, 4, 8])))
            hides = kind in (OrderType.LIMIT, OrderType.POST_ONLY) and rng.random() < 0.5
            side = Side(int(rng.integers(2)))
            options = {
                "type": kind, "display": int(rng.integers(size)) if hides else None, "owner": int(rng.choice([0, 1, 1, 2])), "self_trade": mode,
            }  # fmt: skip
            call = ("add", (side, 0 if kind == OrderType.MARKET else price, size), options)
        got, expected = (getattr(each, call[0])(*call[1], **call[2]) for each in (book, twin))
        assert [tuple(event) for event in got] == [tuple(event) for event in expected], f"call {n} of seed {seed}: {call}\n{testing.draw(twin)}"
        testing.assert_same(book, twin)
        for event in got:
            reasons[Reject(event.reason)] = reasons.get(Reject(event.reason), 0) + 1
    testing.assert_valid(book)
    return reasons


@pytest.mark.parametrize("seed", range(4))
def test_the_twin_agrees(seed: int) -> None:
    reasons = follow(seed, 700)
    assert reasons[Reject.SELF_TRADE] > 20
    assert reasons[Reject.NOT_FILLABLE] > 3


FAULTS = {
    "an order of its own behind the last share is met": ("elif before < size:", "elif before <= size:"),
    "what a reserve shows anew comes before its own": ("before += record[part]", "before += record[SHOWN] + record[HIDDEN]"),
    "what reserves show anew is forgotten": ("before += shown_anew", "before += 0"),
    "hidden orders of its own are not met": ("((SHOWN_HEAD, SHOWN), (HIDDEN_HEAD, HIDDEN))", "((SHOWN_HEAD, SHOWN),)"),
    "both are only one": ("both_go = mode == SelfTrade.CANCEL_BOTH", "both_go = False"),
    "a decrement takes all": ("both = min(size - before, left)", "both = left"),
    "a refused order cancels all the same": ("if refused(bk, b, request, not is_new):", "if False:"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    right, wrong = FAULTS[name]
    source = inspect.getsource(prevention)
    assert source.count(right) == 1
    changed = dict(vars(prevention))
    functions = source[source.index("def foresee") :].replace(right, wrong)
    exec(compile("from __future__ import annotations\n" + functions, prevention.__file__, "exec"), changed)
    monkeypatch.setattr(limit_order_book, "foresee", changed["foresee"])
    with pytest.raises(AssertionError):
        [follow(seed, 700) for seed in range(4)]


def test_each_mode_by_hand() -> None:
    """Owner 1 rests 50 behind another's 30 and in front of another's 40; it then buys 60."""
    expected = {
        SelfTrade.ALLOW: ([(EventKind.ADD, 60), (EventKind.EXECUTE, 30), (EventKind.EXECUTE, 30)], [(10, 60)]),
        SelfTrade.CANCEL_NEWEST: ([(EventKind.ADD, 30), (EventKind.EXECUTE, 30), (EventKind.REJECT, 30)], [(10, 90)]),
        SelfTrade.CANCEL_OLDEST: ([(EventKind.CANCEL, 50), (EventKind.ADD, 60), (EventKind.EXECUTE, 30), (EventKind.EXECUTE, 30)], [(10, 10)]),
        SelfTrade.CANCEL_BOTH: ([(EventKind.CANCEL, 50), (EventKind.ADD, 30), (EventKind.EXECUTE, 30), (EventKind.REJECT, 30)], [(10, 40)]),
        SelfTrade.DECREMENT: ([(EventKind.REDUCE, 30), (EventKind.ADD, 30), (EventKind.EXECUTE, 30), (EventKind.REJECT, 30)], [(10, 60)]),
    }
    for mode, (events, levels) in expected.items():
        for book in (LimitOrderBook(), testing.TwinBook()):
            book.add(SELL, 10, 30, owner=2)
            book.add(SELL, 10, 50, owner=1)
            book.add(SELL, 10, 40, owner=3)
            got = book.add(BUY, 10, 60, owner=1, self_trade=mode)
            assert [(event.kind, event.size) for event in got] == events, mode
            assert book.levels(SELL, 3) == levels
            assert book.levels(BUY, 3) == []
