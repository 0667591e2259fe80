"""No buffer overflows at the smallest limits, and what cannot hold its books is refused. The suite's kernels check every index."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import run, scenario
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_book import follow

from scenarios.launcher.worker import Job, run_info
from simulator import Market, testing
from simulator.errors import InputError, LimitError
from simulator.inputs.config import ORDERS_SEEDED, TICKS_SEEDED, AgentSpec
from simulator.inputs.run_record import record_run
from simulator.inputs.universe import Universe
from simulator.records import GAP_TICKS_MAX, NS_PER_S, SEED_LEVELS, SEED_ORDERS, CrossKind, OrderType, Side
from simulator.tape.columns import ROOM_OTHER
from simulator.tape.sink import NullSink, RunInfo

ROOT = Path(__file__).parent.parent
SMALL = (1, 6, 8, 16, 64)
STREAMS = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


@given(testing.commands(max_size=60, price_window=64), st.sampled_from(SMALL))
@STREAMS
def test_a_book_of_any_small_size_does_as_the_twin(stream: list[testing.Command], max_orders: int) -> None:
    follow(stream, max_orders=max_orders, price_window=64)


def test_a_cross_in_which_every_order_takes_part_fits_the_log() -> None:
    for max_orders in SMALL:
        book = testing.CheckedBook(make(max_orders), testing.TwinBook(max_orders=max_orders, price_window=64))
        for n in range(max_orders):
            book.add(Side.SELL, 100, 3, display=1) if n % 2 else book.add(Side.BUY, 0, 2, type=OrderType.MARKET_ON_CLOSE)
        assert len(book.cross(CrossKind.CLOSE, 100)) > max_orders - max_orders % 2


def make(max_orders: int) -> Any:
    from simulator.book.limit_order_book import LimitOrderBook

    return LimitOrderBook(max_orders=max_orders, price_window=64)


def anything(market: Any, orders: Any, rng: np.random.Generator, price: int) -> Any:
    """Sends whatever comes to mind: prices near each other, all types, sizes and displays, changes of what it has."""
    sent: list[int] = []
    while True:
        for _ in range(int(rng.integers(1, 6))):
            what = rng.random()
            if what < 0.6 or not sent:
                kind = OrderType(int(rng.integers(9)))
                at = 0 if kind in (OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE) else price + int(rng.integers(-3, 4))
                size = int(rng.integers(1, 300))
                display = int(rng.integers(0, size + 1)) if rng.random() < 0.4 else None
                sent.append(orders.add(Side(int(rng.integers(2))), "AAPL", "NASDAQ", at, size, type=kind, display=display))
            elif what < 0.7:
                orders.cancel(sent[int(rng.integers(len(sent)))])
            elif what < 0.8:
                orders.reduce(sent[int(rng.integers(len(sent)))], int(rng.integers(1, 100)))
            else:
                sent.append(orders.replace(sent[int(rng.integers(len(sent)))], price + int(rng.integers(-3, 4)), int(rng.integers(1, 300))))
        yield market.wait(int(rng.integers(1, 40_000_000)))
        market.read()


def anybody(price: int, names: tuple[str, ...] = ("a", "b")) -> tuple[AgentSpec, ...]:
    return tuple(AgentSpec(name=name, make=anything, arguments={"price": price}, symbols=("AAPL",)) for name in names)


@pytest.mark.parametrize("max_orders", SMALL)
def test_agents_alone_in_the_smallest_books(max_orders: int) -> None:
    """Around the open, the cross among it; every table, every notification, a history of one state."""
    market = run(
        scenario(names=("AAPL",), background=False, agents=anybody(20_000), max_orders=max_orders, price_window=64, history=1,
                 extra_tables=("orders", "truth"), levels=4)
    )  # fmt: skip
    assert market.rows["orders"] > 100
    assert market.rows["trades"] >= min(max_orders - 1, 20)


def test_agents_beside_the_background_in_the_smallest_books_that_it_can_quote() -> None:
    market = run(
        scenario(names=("AAPL", "JPM"), agents=anybody(20_750), max_orders=ORDERS_SEEDED, price_window=1024, history=1,
                 extra_tables=("orders", "truth"), levels=40)
    )  # fmt: skip
    assert market.rows["market_data"] > 300


def test_what_seeding_needs_is_counted_from_what_it_does() -> None:
    assert (ORDERS_SEEDED, TICKS_SEEDED) == (2 * SEED_LEVELS * SEED_ORDERS, 2 * SEED_LEVELS * GAP_TICKS_MAX)
    market = run(scenario(names=("AAPL", "JPM", "XOM"), end="2025-07-01T13:29:51Z", extra_tables=("orders",)))
    orders = market.pandas("orders")
    for_the_cross = orders.order_type.astype(str).str.endswith("ON_OPEN").groupby([orders.symbol, orders.venue, orders.action], observed=True)
    quotes = orders[~for_the_cross.transform("any")]  # in an action of their own before the others
    first = quotes.groupby(["symbol", "venue"], observed=True).action.transform("min")
    seeded = quotes[(quotes.action == first) & (quotes.kind == "REST")].groupby(["symbol", "venue"], observed=True)
    assert 150 < seeded.size().max() <= ORDERS_SEEDED
    assert (seeded.price.max() - seeded.price.min()).max() * 100 <= TICKS_SEEDED
    log = market._exchange.books.log
    quoted_anew = orders[orders.kind.isin(["ADD", "REST", "CANCEL", "REDUCE"])].groupby(["symbol", "venue", "action"], observed=True)
    assert quoted_anew.size().max() <= len(log)
    assert 2 * ORDERS_SEEDED <= 3 * ORDERS_SEEDED + 64
    assert len(market._exchange.columns.or_ts) >= 2 * len(log) + ROOM_OTHER


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"max_orders": 16}, "max_orders: got 16; must be at least 264: the background enters up to 2 sides x 44 levels x 3 orders at once"),
        ({"max_orders": ORDERS_SEEDED - 1}, "max_orders: got 263; must be at least 264"),
        ({"price_window": 512}, "price_window: got 512; must be at least 704: the background quotes up to 2 sides x 44 levels x 8 ticks"),
        ({"max_orders": 0, "background": False}, "max_orders: got 0; must be a whole number from 1 to 1,000,000"),
        ({"max_orders": 2.5, "background": False}, "max_orders: got 2.5; must be a whole number"),
        ({"max_orders": 10**7}, "max_orders: got 10000000; must be a whole number from 1 to 1,000,000"),
        ({"price_window": 65}, "price_window: got 65; must be a power of two, 64 to"),
        ({"price_window": 32}, "price_window: got 32; must be a whole number from 64 to 1,048,576 ticks"),
        ({"price_window": 2**21}, "price_window: got 2097152; must be a whole number from 64 to 1,048,576"),
        ({"history": 0}, "history: got 0; must be a whole number from 1 to"),
    ],
)
def test_limits_that_hold_no_book_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        scenario(**change)
    assert message in str(error.value)


def test_venues_have_a_limit_of_their_own() -> None:
    from simulator.inputs.universe import VENUES_MAX

    assert 7 < VENUES_MAX < 63


UNCOMPILED = """
import warnings; warnings.simplefilter("ignore")
import sys
from helpers import Rates, run, scenario
from simulator.errors import LimitError
from simulator.flow import events, quoting

tries = []
real = events.maintain

def reluctant(bk, fl, i, v, t):
    tries.append(i)
    if len(tries) % events.TRIES_MAX == 0:
        b = i * fl.repricing.shape[1] + v
        quoting.post(bk, fl, b, 0, int(bk.head[b, quoting.SHOWN_BID]), 100, 1, False)

def unwilling(bk, fl, i, v, t):
    tries.append(i)

few = Rates(market_data_min_eps=10, market_data_max_eps=12, trades_min_eps=0, trades_max_eps=0)
of = dict(start="2025-07-01T13:29:58Z", end="2025-07-01T13:30:01Z", names=("AAPL", "XOM"), rates=few)
events.maintain = reluctant
run(scenario(**of))
assert len(tries) >= events.TRIES_MAX and len(tries) % events.TRIES_MAX == 0, len(tries)
tries.clear()
events.maintain = unwilling
try:
    run(scenario(**of))
except LimitError as error:
    print(("AAPL", "XOM")[tries[-1]] in str(error), error)
"""


def test_a_change_at_the_last_try_is_one_and_a_book_that_cannot_be_quoted_is_named() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", UNCOMPILED], env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.startswith("True"), done.stdout


def priced(price_usd: float, tick_units: int, **settings: Any) -> Any:
    """AAPL at another price and tick, around the open."""
    settings.setdefault("extra_tables", ("orders", "truth"))
    usual = scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:06Z", names=("AAPL",), **settings)
    (symbol,) = usual.universe.symbols
    universe = Universe(venues=usual.universe.venues, symbols=(replace(symbol, tick_units=tick_units),))
    bracket = replace(usual.prices["AAPL"], low=price_usd * 0.98, high=price_usd * 1.02, close=price_usd)
    return replace(usual, universe=universe, prices={"AAPL": bracket})


@pytest.mark.parametrize(
    ("price_usd", "tick_units"),
    [(0.05, 1), (0.05, 100), (0.05, 500), (0.5, 10), (3.0, 500), (99_999.0, 100), (100_001.0, 100), (700_000.0, 100), (700_000.0, 500),
     (100_000.0, 1)],
)  # fmt: skip
def test_shares_of_any_price_trade_at_it(price_usd: float, tick_units: int) -> None:
    from replay import replay

    chosen = priced(price_usd, tick_units)
    market = run(chosen)
    books, trades = market.pandas("market_data", arrays=True), market.pandas("trades")
    tick = tick_units / 10_000
    away = max(0.03 * price_usd, 4 * tick)
    assert len(trades) > 20
    assert trades.price.between(price_usd - away, price_usd + away).all()
    assert np.allclose(trades.price / tick, (trades.price / tick).round(), rtol=0, atol=1e-3)
    whole = market.tape()["market_data"]
    scale = chosen.price_scales[0]
    assert scale == (1 if price_usd <= 100_000 else tick_units)
    for k in (0, len(books) // 2, len(books) - 1):
        prices = books.bids[k][0].tolist()
        assert prices == [int(p) * scale / 10_000 for p in whole.bid_price[k, : whole.bid_count[k]]]
        assert prices == sorted(prices, reverse=True)
    crossed_ns = int(market.tape()["trades"].ts_ns[(trades.cond == "O").to_numpy()][0])  # a cross may take all that a side shows
    settled = (whole.ts_ns < crossed_ns) | (whole.ts_ns > crossed_ns + NS_PER_S // 2)
    assert settled.sum() > 300
    assert (whole.ask_count > 4)[settled].all()
    for venue in range(5):
        assert replay(market.tape()["orders"], whole, 0, venue, tick_units // scale) > 10
    truth = market.pandas("truth")
    assert truth.efficient_price.between(price_usd - away, price_usd + away).all()


def test_a_dear_shares_prices_are_the_same_whoever_is_told(tmp_path: Path) -> None:
    """The launcher's writers, a conversion's and a market's: before, the first took ticks for 0.0001 USD."""
    chosen = priced(700_000.0, 100)
    job = Job(scenario=chosen, make_market=Market, make_sink=lambda _: NullSink(), symbols=("AAPL",), worker=0, workers=1)
    told = run_info(job)
    assert told.price_scales == (100,) * len(told.symbols)
    assert told == Market(chosen).run_info == RunInfo.of(record_run(chosen).without_code())


def taker(market: Any, orders: Any, rng: Any) -> Any:
    yield market.quote("AAPL", "NASDAQ", limit_ns=NS_PER_S)
    orders.buy("AAPL", "NASDAQ", market.best("AAPL", "NASDAQ").ask_ticks, 10, type=OrderType.IOC)
    orders.buy("AAPL", "NASDAQ", 2**40, 10)
    yield market.wait(NS_PER_S)


def test_an_agents_cash_is_right_in_a_dear_share() -> None:
    market = run(priced(700_000.0, 100, agents=(AgentSpec(name="me", make=taker),), offsession_trades="full"))
    result = market.agents()["me"]
    (fill,) = result.pandas("fills").to_dict("records")
    paid = market.pandas("truth").query("taker == 'me'")
    assert fill["price"] == paid.price.iloc[0] > 600_000
    assert result.cash_usd == pytest.approx(-10 * fill["price"])
    assert sorted(reason for reason in result.pandas("orders").reason) == ["", "PRICE_RANGE"]


@pytest.mark.parametrize(
    ("price_usd", "tick_units", "limit"),
    [(700_000.0, 1, "0.0001 to 100,000 USD"), (0.04, 500, "0.05 to 50,000,000 USD")],
)
def test_a_price_that_its_tick_cannot_count_is_refused(price_usd: float, tick_units: int, limit: str) -> None:
    with pytest.raises(InputError, match=f"price of AAPL: got {price_usd}; must be {limit}"):
        priced(price_usd, tick_units)


def test_a_limit_that_the_tape_cannot_hold_is_refused() -> None:
    """Without a background an empty book takes any price that it knows; the tape's int32 ends before."""

    def sender(market: Any, orders: Any, rng: Any) -> Any:
        orders.sell("AAPL", "NASDAQ", 1_000_000_000, 10)
        orders.sell("AAPL", "NASDAQ", 21_474_836, 10)
        yield market.wait(NS_PER_S)

    market = run(scenario(names=("AAPL",), background=False, agents=(AgentSpec(name="me", make=sender),)))
    assert market.agents()["me"].pandas("orders").reason.tolist() == ["BAD_PRICE", ""]
    assert market.pandas("market_data", arrays=True).asks[0][0][0] == 214_748.36


def test_any_number_of_orders_may_end_with_the_day_before_the_eyes_of_a_watcher() -> None:
    """Each cancel at the end of the post-close leaves a notification; there is room for four thousand at once."""

    def holder(market: Any, orders: Any, rng: Any) -> Any:
        for n in range(4_500):
            orders.buy("AAPL", "NASDAQ", 1 + n % 12, 1)
        yield market.wait(1)

    def watcher(market: Any, orders: Any, rng: Any, seen: list[int]) -> Any:
        while True:
            yield market.quote("AAPL", "NASDAQ")
            seen.append(market.now_ns)

    seen: list[int] = []
    agents = (AgentSpec(name="holder", make=holder), AgentSpec(name="watcher", make=watcher, arguments={"seen": seen}))
    market = run(
        scenario("2025-07-01T23:59:58Z", "2025-07-02T00:00:02Z", names=("AAPL",), background=False, agents=agents, max_orders=4_500,
                 price_window=64, history=8_192)
    )  # fmt: skip
    assert market.agents()["holder"].pandas("orders").expired.sum() == 4_500
    assert len(seen) > 1


def test_looking_too_far_back_is_an_error_not_an_overflow() -> None:
    def looker(market: Any, orders: Any, rng: Any) -> Any:
        while True:
            yield market.wait(NS_PER_S)
            market.best("AAPL", "NASDAQ")

    slow = AgentSpec(name="me", make=looker, latency_ns={"*": NS_PER_S})
    with pytest.raises(LimitError, match="Raise history="):
        run(scenario(names=("AAPL",), agents=(slow,), history=1))
