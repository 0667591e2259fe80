"""The musts of the design over whole markets: what may be switched, watched, cut or dealt without moving a row."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers import BEFORE_OPEN, DAY, FOUR, OPEN, assert_same_tapes, run, scenario
from replay import replay
from scripted import BASE_NS, ScriptedMarket, Stroke, scripted_run

from simulator.agents import Fill, MarketView, OrderEntry, Trade, Wait
from simulator.errors import InputError, LimitError
from simulator.flow import FULL
from simulator.inputs.config import AgentSpec, Rates, Scenario
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.sessions import parse_ts
from simulator.inputs.universe import load_universe
from simulator.market import Market
from simulator.records import EXTRA_TABLES, TABLES, Cond, MarketDataBatch, OrderBatch, OrderType, Side, TradeBatch, TruthBatch, columns
from simulator.simulation import simulate
from simulator.tape.columns import WATCH
from simulator.tape.sink import NullSink
from writers.memory import MemorySink

EXTRA = EXTRA_TABLES


def poller(market: MarketView, orders: OrderEntry, rng: np.random.Generator, every_ns: int) -> Generator[Wait, Any, None]:
    while True:
        yield market.wait(every_ns)
        market.best("AAPL", "NASDAQ")
        market.nbbo("JPM")
        market.depth("XOM", "IEX", Side.BUY)
        market.last_trade("NVDA", "BATS")
        rng.random()


def quote_watcher(market: MarketView, orders: OrderEntry, rng: np.random.Generator) -> Generator[Wait, Any, None]:
    while True:
        yield market.quote("NVDA", "ARCA", limit_ns=40_000_000)
        yield market.trade("AAPL", "NASDAQ", limit_ns=70_000_000)
        yield market.message(limit_ns=1_000)
        yield market.phase_change("NYSE", limit_ns=2_000_000)


def test_watching_changes_nothing() -> None:
    """A flow that drew a number, or stamped a row, when it came back to Python would fail here."""
    watchers = (
        AgentSpec(name="fast", make=poller, arguments={"every_ns": 900_001}),
        AgentSpec(name="slow", make=poller, arguments={"every_ns": 250_000_000}),
        AgentSpec(name="quotes", make=quote_watcher, latency_ns={"*": 1}),
    )
    acting = AgentSpec(name="trader", make=trader)  # the watchers' names sort before and after it: its number is its own
    alone = run(scenario(extra_tables=EXTRA, agents=(acting,))).tape()
    watched = run(scenario(extra_tables=EXTRA, agents=(*watchers, acting, AgentSpec(name="zz", make=quote_watcher))))
    assert_same_tapes(alone, watched.tape())


@pytest.mark.parametrize("slice_ns", [300_000, 7_000_001, 1_000_000_000])
def test_the_size_of_a_slice_changes_nothing(slice_ns: int) -> None:
    end = "2025-07-01T13:30:03Z"
    assert_same_tapes(run(scenario(end=end, extra_tables=EXTRA)).tape(), run(scenario(end=end, extra_tables=EXTRA, slice_ns=slice_ns)).tape())


def test_running_in_steps_changes_nothing() -> None:
    chosen = scenario(extra_tables=EXTRA)
    stepped = Market(chosen)
    for until_ns in range(chosen.start_ns, chosen.end_ns, 333_333_333):
        stepped.run_until(until_ns)
    stepped.run_until(chosen.end_ns)
    assert_same_tapes(run(chosen).tape(), stepped.tape())
    assert stepped.result().digest_parts == run(chosen).result().digest_parts


def test_a_market_without_a_sink_gives_its_rows_as_a_sink_in_memory_does() -> None:
    chosen = scenario()
    sink = MemorySink()
    simulate(chosen, sink)
    market = run(chosen)
    for table in chosen.tables:
        assert market.arrow(table).equals(sink.arrow(table))
        assert market.pandas(table).columns.tolist() == sink.pandas(table).columns.tolist()
    with pytest.raises(InputError, match="the run has market_data, trades"):
        market.arrow("truth")
    elsewhere = Market(chosen, NullSink())
    for ask in (elsewhere.tape, lambda: elsewhere.pandas("trades")):
        with pytest.raises(InputError, match="Ask the sink"):
            ask()


@pytest.mark.parametrize("levels", [1, 40])
def test_the_number_of_levels_moves_no_row(levels: int) -> None:
    ten, other = (run(scenario(levels=n, extra_tables=("sip",))).tape() for n in (10, levels))
    assert len(ten["sip"]) > 100
    shared = min(levels, 10)
    for table in ten:
        for name, column in columns(ten[table]):
            same = getattr(other[table], name)
            if name == "quotes":
                column, same = column[..., :shared], same[..., :shared]
            elif name in ("bid_count", "ask_count"):
                column, same = np.minimum(column, shared), np.minimum(same, shared)
            np.testing.assert_array_equal(column, same, err_msg=name)


def test_some_symbols_alone_have_the_rows_of_the_full_run() -> None:
    full = run(scenario(extra_tables=EXTRA))
    some = run(scenario(extra_tables=EXTRA, only=("XOM", "AAPL")))
    parts = full.result().digest_parts
    wanted = {key: part for key, part in parts.items() if key[1] in ("XOM", "AAPL")}
    assert some.result().digest_parts == wanted
    assert len(wanted) == 2 * len(TABLES)
    assert len(parts) == 4 * len(TABLES)


def test_dealing_the_symbols_to_workers_changes_no_part_of_the_digest() -> None:
    whole = run(scenario(extra_tables=EXTRA)).result().digest_parts
    for deal in ((("AAPL", "XOM"), ("NVDA", "JPM")), (("AAPL",), ("JPM", "NVDA"), ("XOM",))):
        parts: dict[Any, str] = {}
        for n, symbols in enumerate(deal):
            parts |= run(scenario(extra_tables=EXTRA), worker_symbols=symbols, worker=n, workers=len(deal)).result().digest_parts
        assert parts == whole


def test_the_seed_decides() -> None:
    first, again, other = (run(scenario(seed=seed)).result().digest_parts for seed in (5, 5, 6))
    assert first == again
    assert not set(first.values()) & set(other.values())


def test_the_hash_seed_of_python_changes_nothing() -> None:
    """Another process, with another seed than this one, be that drawn or given."""
    code = "from helpers import run, scenario; print(sorted(run(scenario()).result().digest_parts.items()))"
    other = "1" if os.environ.get("PYTHONHASHSEED") == "0" else "0"
    environment = {**os.environ, "PYTHONHASHSEED": other, "PYTHONPATH": str(Path(__file__).parent)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    here = sorted(run(scenario()).result().digest_parts.items())
    assert done.stdout.strip() == str(here)
    assert "AAPL" in done.stdout


def test_a_day_alone_has_the_rows_of_the_same_day_in_a_run_of_three() -> None:
    few = Rates(market_data_min_eps=2, market_data_max_eps=8, trades_min_eps=0, trades_max_eps=1)
    two = ("AAPL", "JPM")
    three = run(scenario("2025-06-30T08:00:00Z", "2025-07-02T08:00:01Z", names=two, rates=few)).result().digest_parts
    one = run(scenario("2025-07-01T08:00:00Z", "2025-07-02T08:00:00Z", names=two, rates=few)).result().digest_parts
    assert {key: part for key, part in three.items() if key[0] == "2025-07-01"} == one
    assert len(one) == 4
    assert {key[0] for key in three} == {"2025-06-30", "2025-07-01", "2025-07-02"}


@pytest.mark.parametrize("bands", [(400, 500, 300, 310), (500, 600, 400, 445), (150, 300, 100, 120), (330, 330, 120, 200)])
def test_a_run_that_starts_inside_the_session_keeps_its_rates_from_the_first_second(bands: tuple[int, int, int, int]) -> None:
    """Every book is shown for the first time then, on top of a row for every print."""
    universe = load_universe()
    prices = reference_prices("builtin", [s.name for s in universe.symbols], (DAY, DAY)).brackets
    book_min, book_max, print_min, print_max = bands
    rates = Rates(market_data_min_eps=book_min, market_data_max_eps=book_max, trades_min_eps=print_min, trades_max_eps=print_max)
    start_ns, seconds = parse_ts("2025-07-01T14:00:00Z"), 4
    chosen = Scenario(universe=universe, start_ns=start_ns, end_ns=start_ns + seconds * 10**9, prices=prices, rates=rates)
    tape = run(chosen).tape()
    for table, low, high in (("market_data", book_min, book_max), ("trades", print_min, print_max)):
        counts = np.bincount((tape[table].ts_ns - start_ns) // 10**9, minlength=seconds)
        assert low <= counts.min(), table
        assert counts.max() <= high, table


def test_stamps_are_in_order_and_never_repeat() -> None:
    tape = run(scenario()).tape()
    seen: set[tuple[int, int, int]] = set()
    count = 0
    for table in ("market_data", "trades"):
        batch = tape[table]
        assert (np.diff(batch.ts_ns) >= 0).all()
        seen |= set(zip(batch.ts_ns.tolist(), batch.symbol.tolist(), batch.venue.tolist(), strict=True))
        count += len(batch)
    assert len(seen) == count


def test_replaying_the_orders_gives_every_book_row_again() -> None:
    """The orders table alone, through the façade's book, command by command."""
    market = run(scenario(end="2025-07-01T13:30:20Z", extra_tables=EXTRA, agents=(AgentSpec(name="trader", make=trader),)))
    tape = market.tape()
    orders, rows = tape["orders"], tape["market_data"]
    assert isinstance(orders, OrderBatch)
    assert isinstance(rows, MarketDataBatch)
    replayed = sum(replay(orders, rows, symbol, venue) for symbol in range(len(FOUR)) for venue in range(5))
    assert replayed == len(rows)


def trader(market: MarketView, orders: OrderEntry, rng: np.random.Generator) -> Generator[Wait, Any, None]:
    """Takes, rests, replaces and cancels."""
    yield market.until(parse_ts(OPEN) + 1_000_000_000)
    while True:
        quote = market.best("AAPL", "NASDAQ")
        orders.buy("AAPL", "NASDAQ", quote.ask_ticks, 150, type=OrderType.IOC)
        ref = orders.sell("AAPL", "NASDAQ", quote.ask_ticks + 1, 300, display=100)
        yield market.wait(50_000_000)
        ref = orders.replace(ref, quote.ask_ticks, 200)
        yield market.message(Fill, limit_ns=400_000_000)
        orders.cancel(ref)


def test_crosses_print_at_the_listing_venue_only() -> None:
    market = run(scenario("2025-07-01T13:00:00Z", "2025-07-01T13:30:10Z"))
    trades = market.tape()["trades"]
    assert isinstance(trades, TradeBatch)
    opening = trades.cond == Cond.OPEN
    assert opening.sum() == len(FOUR)
    listing = [market.scenario.universe.listing_index(s) for s in trades.symbol[opening]]
    assert trades.venue[opening].tolist() == listing
    assert (trades.ts_ns >= parse_ts(OPEN)).all()
    assert len(market.result().crosses) == len(FOUR)


def test_a_half_day_closes_at_one() -> None:
    market = run(scenario("2025-07-03T16:49:00Z", "2025-07-03T17:05:00Z", names=("AAPL",)))
    trades = market.tape()["trades"]
    assert isinstance(trades, TradeBatch)
    assert trades.ts_ns[trades.cond == Cond.CLOSE] // 10**9 == [parse_ts("2025-07-03T17:00:00Z") // 10**9]
    assert trades.cond[-1] == Cond.CLOSE


def test_truth_tells_every_print() -> None:
    tape = run(scenario("2025-07-01T13:30:00Z", "2025-07-01T13:31:00Z", extra_tables=EXTRA)).tape()
    trades, truth = tape["trades"], tape["truth"]
    assert isinstance(trades, TradeBatch)
    assert isinstance(truth, TruthBatch)
    plain = trades.cond == Cond.TRADE
    told = truth.taker_order > 0
    np.testing.assert_array_equal(trades.ts_ns[plain], truth.ts_ns[told])
    np.testing.assert_array_equal(trades.size[plain], truth.size[told])
    np.testing.assert_array_equal(trades.side[plain], 1 - truth.resting_side[told])
    assert 0 < truth.hidden_size.sum() < truth.size.sum()
    assert (truth.refill_size > 0).any()


def test_memory_does_not_grow_with_the_run() -> None:
    market = Market(scenario(BEFORE_OPEN, "2025-07-01T13:40:00Z"), sink=_Forget())
    sizes = []
    for minute in (1, 9):
        market.run_until(parse_ts(BEFORE_OPEN) + minute * 60_000_000_000)
        sizes.append(sum(a.nbytes for a in (*market._exchange.columns, *market._exchange.books)))
    assert sizes[0] == sizes[1]
    assert market._exchange.columns.facts[:, WATCH].sum() == 0


class _Forget:
    def open(self, run: Any) -> None: ...

    def write(self, batch: Any) -> None: ...

    def close(self, complete: bool) -> None: ...


def test_a_symbol_named_twice_is_simulated_once() -> None:
    """It had two books at each venue, and every key of the tape occurred twice."""
    end = "2025-07-01T13:30:02Z"
    once = run(scenario(OPEN, end, only=("JPM", "AAPL")))
    assert_same_tapes(once.tape(), run(scenario(OPEN, end, only=("AAPL", "JPM", "AAPL"))).tape())
    assert_same_tapes(once.tape(), run(scenario(OPEN, end), worker_symbols=["JPM", "AAPL", "JPM"]).tape())


def test_a_book_that_the_market_does_not_simulate_is_named() -> None:
    market = Market(scenario(only=("AAPL",)))
    with pytest.raises(InputError, match=r"'JPM'; this market simulates AAPL\."):
        market.book("JPM", "NYSE")


def test_columns_that_stay_full_are_an_error_and_not_an_endless_loop() -> None:
    """All their rows are of the instant of the flow's next event, so nothing can be written and nothing can happen."""
    market = ScriptedMarket(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z"), [Stroke(5, "AAPL", "NASDAQ", Side.BUY, 9_990, 100)])
    calls = 0

    def full(horizon_ns: int) -> int:
        nonlocal calls
        calls += 1
        assert calls < 10, "the clock goes round and round"
        return FULL

    market.scripted.advance = full  # type: ignore[method-assign]
    with pytest.raises(LimitError, match=f"one instant, {BASE_NS + 5} ns"):
        market.run_until(BASE_NS + 10)


def test_what_a_notebook_shows_fits_a_screen_and_holds_no_engine_parts() -> None:
    chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:02Z", names=("NVDA", "AAPL"), agents=(AgentSpec(name="poller", make=trader),))
    market = run(chosen)
    shown = [repr(thing) for thing in (market, market.book("AAPL", "NASDAQ"), market.agents(), market.result())]
    assert max(map(len, shown)) < 250
    assert not [text for text in shown if " at 0x" in text or "\n" in text]
    assert "2 symbols at 2025-07-01 10:00:02 New York time, CONTINUOUS" in shown[0]
    assert shown[1].startswith("<BookView AAPL at NASDAQ: bid 2")
    assert [name for name in dir(market) if not name.startswith("_")] == [
        "agents", "arrow", "book", "close", "halt", "ledger", "mark_usd", "nbbo", "now_ns", "on_batch", "pandas", "parts", "phase", "place_of",
        "polars", "quotes", "refresh", "report", "reset", "result", "rows", "run_for", "run_info", "run_until", "scenario", "step_until", "symbols", "tape",
        "venues", "view",
    ]  # fmt: skip
    assert (market.symbols, market.venues[0]) == (tuple(s.name for s in chosen.universe.symbols), "NASDAQ")


@pytest.mark.parametrize("given", ["x.yaml", Path("x.yaml"), None])
def test_what_is_no_scenario_is_refused_with_the_way_to_one(given: Any) -> None:
    with pytest.raises(InputError, match=r"must be a Scenario.*load_scenario"):
        Market(given)


def test_the_last_prints_are_the_newest_first_and_cost_little() -> None:
    """4,096 of them took 11.5 ms; across the ring's seam they stay in order."""
    looks: list[Any] = []

    def looker(market: Any, orders: Any, rng: Any) -> Any:
        yield market.wait(1_500_000_000)
        for count in (1, 7, 16, 40):
            looks.append(market.last_trades("AAPL", "NASDAQ", count))
        looks.append(market.last_trade("AAPL", "NASDAQ"))

    strokes = [Stroke(0, "AAPL", "NASDAQ", Side.SELL, 10_000, 10_000)]
    strokes += [Stroke((n + 1) * 10_000_000, "AAPL", "NASDAQ", Side.BUY, 10_000, n + 1, OrderType.IOC) for n in range(21)]
    scripted_run(strokes, AgentSpec(name="looker", make=looker), names=("AAPL",), history=16, run_ns=2 * 10**9)
    assert [[trade.size for trade in trades] for trades in looks[:4]] == [[21], [*range(21, 14, -1)], [*range(21, 5, -1)], [*range(21, 5, -1)]]
    assert looks[0] == [looks[4]]
    assert all(type(value) is int for value in looks[0][0][:3])
    assert all(type(trade) is Trade and trade.side is Side.BUY and trade.venue == "NASDAQ" for trade in looks[3])
