"""Mistakes of Python agents: each is told with the agent, the time and the line; and what is none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scripted import BASE_NS, BUY, MS, SELL, A, Stroke, lone, scripted_run

from simulator.errors import AgentError, InputError, LimitError
from simulator.gateway import agent_process as runner_module
from simulator.inputs.config import AgentSpec
from simulator.records import OrderType, Side

IOC = OrderType.IOC


def raises(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    return 1 // 0


def rubbish(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    yield 17


def misspells(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    market.best("AAPPL", "NASDAQ")


def misnames(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    orders.buy("AAPL", "NASDAK", 1, 1)


def floats(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    yield market.wait(1e6)


def half_shares(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    orders.buy(*A, 100, np.float64(5))


def in_dollars(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    orders.buy(*A, 207.55, 100)


def goes_back(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    yield market.wait(-1)


def waits_anew(market: Any, orders: Any, rng: Any) -> Any:
    wait = market.wait(3)
    yield wait
    yield market.wait(2)
    yield wait


def unknown_ref(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    orders.cancel(1)


def ends_wrongly(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    raise StopIteration


def waits_for_nothing(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    yield market.any_of()


def never_rests(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(5)
    while True:
        yield market.wait(0)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (raises, "ZeroDivisionError.*return 1 // 0"),
        (rubbish, "yielded 17.*yield 17"),
        (misspells, "did you mean 'AAPL'"),
        (misnames, "did you mean 'NASDAQ'"),
        (floats, "ns = 1000000.0; it must be an int"),
        (half_shares, "size = np.float64.5.0.; it must be an int, so give int"),
        (in_dollars, "price_ticks = 207.55; it must be an int: a number of ticks.*20_755"),
        (goes_back, "ns = -1; it must be an int of at least 0"),
        (waits_anew, "its time is over.*yield wait"),
        (unknown_ref, "order reference 1"),
        (ends_wrongly, "StopIteration.*line [0-9]+: raise StopIteration"),
        (waits_for_nothing, "without a wait would never end"),
        (never_rests, "woke 100 times"),
    ],
)
def test_a_mistake_names_agent_time_and_line(make: Callable[..., Any], says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner_module, "WAKES_AT_ONE_INSTANT_MAX", 100)
    with pytest.raises(AgentError, match=says) as caught:
        scripted_run([], AgentSpec(name="guilty", make=make))
    text = str(caught.value)
    assert text.startswith(f"Agent 'guilty' at 2025-07-01 10:00:00.000000005 New York time ({BASE_NS + 5} ns)")
    assert f"{__file__}, line " in text


def not_a_generator(market: Any, orders: Any, rng: Any) -> None:
    return None


def fails_at_once(market: Any, orders: Any, rng: Any) -> None:
    raise ValueError("no such file")


def takes_more(market: Any, orders: Any, rng: Any, symbol: str) -> Any:
    yield market.wait(1)


@pytest.mark.parametrize(
    ("kind", "says", "spec"),
    [
        (AgentError, r"test_agents_mistakes:not_a_generator must be a generator function.*test_agents_mistakes.py, line \d+: def not_a_gen", {"make": not_a_generator}),
        (AgentError, r"no such file.*test_agents_mistakes.py, line \d+: raise ValueError", {"make": fails_at_once}),
        (AgentError, r"symbol.*test_agents_mistakes.py, line \d+: def takes_more", {"make": takes_more}),
        (InputError, "latency_ns of agent lone: got 0; must be a whole number from 1", {"make": raises, "latency_ns": {"*": 0}}),
        (InputError, "latency_ns of agent lone: got 1.0; must be a whole number from 1", {"make": raises, "latency_ns": {"*": 1.0}}),
        (AgentError, "latency to NYSE is None", {"make": raises, "latency_ns": {"NASDAQ": 5}}),
        (AgentError, "NYES", {"make": raises, "latency_ns": {"NYES": 5, "*": 1}}),
        (InputError, "Did you mean AAPL", {"make": raises, "symbols": ("AAPPL",)}),
    ],
)
def test_an_agent_that_cannot_be_made_is_refused_before_the_run(kind: type[Exception], says: str, spec: dict[str, Any]) -> None:
    with pytest.raises(kind, match=says):
        scripted_run([], lone(**spec), run_ns=0)


def test_an_integer_is_an_integer_wherever_it_comes_from() -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(np.int64(1))
        ref = orders.buy(*A, np.int32(9_990), np.int64(100), display=np.uint8(50))
        yield market.message(limit_ns=np.int64(MS))
        orders.reduce(ref, np.int64(20))
        orders.replace(ref, np.int64(9_991), np.int64(60))
        yield market.wait(MS)

    market = scripted_run([], lone(make))
    assert market.book(*A).levels(BUY) == [(9_991, 50)]  # it shows 50 at a time, as before
    sent = market.agents()["lone"].arrow("orders")
    assert sent["size"].to_pylist() == [100, 60]
    assert sent["display"].to_pylist() == [50, 50]


def test_an_agent_that_ends_leaves_its_orders_and_the_run_goes_on() -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy(*A, 9_990, 100)
        yield market.wait(1)

    market = scripted_run([Stroke(5 * MS, *A, SELL, 9_990, 40)], lone(make))
    assert market.book(*A).levels(BUY) == [(9_990, 60)]
    (position,) = market.agents()["lone"].positions
    assert (position.shares, position.shares_maker, position.cash_usd, position.fees_usd) == (40, 40, -40 * 99.90, -40 * 0.002)


def test_more_messages_at_one_instant_than_the_columns_hold_are_an_error() -> None:
    def make(market: Any, orders: Any, rng: Any) -> Any:
        for _ in range(35_000):
            orders.cancel(orders.buy(*A, 9_000, 100))
        yield market.wait(10**9)

    with pytest.raises(LimitError, match="Let it wait in between"):
        scripted_run([], lone(make, max_messages_per_s=10**6), extra_tables=())


@pytest.mark.parametrize("look", ["best", "depth", "quote", "last_trade", "trade"])
def test_a_past_that_is_no_longer_kept_is_an_error_and_not_a_wrong_answer(look: str) -> None:
    """Ten changes within the latency, four kept."""

    def make(market: Any, orders: Any, rng: Any) -> Any:
        yield market.until(BASE_NS + 20 * MS)
        if look in ("quote", "trade"):
            yield getattr(market, look)(*A)
        elif look == "depth":
            market.depth(*A, BUY)
        else:
            getattr(market, look)(*A)

    strokes = [Stroke(k * MS, *A, Side(k % 2), 10_000, 100) for k in range(1, 21)]
    spec = lone(make, latency_ns={"*": 19 * MS})
    with pytest.raises(LimitError, match="Raise history="):
        scripted_run(strokes, spec, history=4)
    scripted_run(strokes, spec, history=64)
