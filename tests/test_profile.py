"""The spec profile: spreads, depth, trade sizes and the life of orders are the specification's, measured over rows of the session."""

from __future__ import annotations

import datetime as dt
import json
import re
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.flow.profile import check_venue_names, load_profile
from simulator.inputs.config import Scenario
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.sessions import parse_ts
from simulator.inputs.universe import load_universe
from simulator.market import Market
from simulator.records import NS_PER_S, Batch, EventKind, MarketDataBatch, OrderBatch, TradeBatch

DAY = dt.date(2025, 7, 1)
LEVELS = ((100, 400), (150, 600), (200, 800))
"""Shares at levels 1, 2, 3, before the venue's multiplier."""


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    universe = load_universe()
    prices = reference_prices("builtin", [s.name for s in universe.symbols], (DAY, DAY)).brackets
    return Scenario(
        universe=universe, start_ns=parse_ts("2025-07-01T14:30:00Z"), end_ns=parse_ts("2025-07-01T14:42:00Z"), prices=prices,
        levels=40, extra_tables=("orders",), seed=20,
    )  # fmt: skip


@pytest.fixture(scope="module")
def tape(scenario: Scenario) -> dict[str, Batch]:
    market = Market(scenario)
    market.run_until(scenario.end_ns)
    return market.tape()


@pytest.fixture
def books(tape: dict[str, Batch]) -> MarketDataBatch:
    batch = tape["market_data"]
    assert isinstance(batch, MarketDataBatch)
    return batch


@pytest.fixture
def trades(tape: dict[str, Batch]) -> TradeBatch:
    batch = tape["trades"]
    assert isinstance(batch, TradeBatch)
    return batch


def weighted_median(values: np.ndarray, weights: np.ndarray) -> float:
    order = np.argsort(values)
    running = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(running, running[-1] / 2)])


def test_spreads(scenario: Scenario, books: MarketDataBatch) -> None:
    """Time-weighted median spread of each symbol at each venue 2 to 5 ticks, lower for mega-caps, wider in the busiest tenth of seconds."""
    medians = np.zeros((30, 5))
    ratios = []
    for symbol in range(30):
        for venue in range(5):
            mine = (books.symbol == symbol) & (books.venue == venue)
            ts, spread = books.ts_ns[mine], (books.ask_price[mine, 0] - books.bid_price[mine, 0]) // 100
            medians[symbol, venue] = weighted_median(spread[:-1], np.diff(ts))
        mine = books.symbol == symbol
        second = books.ts_ns[mine] // NS_PER_S
        second -= second[0]
        spread = books.ask_price[mine, 0] - books.bid_price[mine, 0]
        rows = np.bincount(second)
        mean = np.bincount(second, weights=spread) / np.maximum(rows, 1)
        busy = rows >= np.quantile(rows, 0.9)
        ratios.append(mean[busy].mean() / mean[~busy & (rows > 0)].mean())
    assert medians.min() >= 2
    assert medians.max() <= 5
    mega = np.array([s.mega_cap for s in scenario.universe.symbols])
    assert medians[mega].mean() < medians[~mega].mean() - 0.5
    assert np.median(ratios) > 1.05


@pytest.mark.parametrize("level", [0, 1, 2])
def test_depth_near_the_touch(scenario: Scenario, books: MarketDataBatch, level: int) -> None:
    low, high = LEVELS[level]
    for v, venue in enumerate(scenario.universe.venues):
        for sizes in (books.bid_size, books.ask_size):
            shares = sizes[books.venue == v][:, level] / venue.size_multiplier
            assert low <= np.median(shares) <= high
            assert np.mean((shares >= low / 2) & (shares <= high * 1.5)) >= 0.8


def test_depth_rises_gently(books: MarketDataBatch) -> None:
    """About 3,000 shares at level 10 and 5,000 at level 40."""
    mean = np.median(np.concatenate((books.bid_size, books.ask_size)), axis=0)
    assert 2000 <= mean[9] <= 4000
    assert 3500 <= mean[39] <= 6500
    smooth = np.convolve(mean, np.ones(5) / 5, "valid")
    assert (np.diff(smooth[:8]) > 0).all()


def test_trade_sizes(scenario: Scenario, trades: TradeBatch) -> None:
    """Odd lots 40-55 %, round lots 35-45 %, blocks 5-10 %; mega-caps 150-250 shares in the mean."""
    size = trades.size[trades.cond == 0]
    assert 0.40 <= np.mean(size < 100) <= 0.55
    assert 0.35 <= np.mean((size >= 100) & (size < 1000)) <= 0.45
    assert 0.05 <= np.mean(size >= 1000) <= 0.10
    assert size.max() <= 10_000
    mega = [i for i, s in enumerate(scenario.universe.symbols) if s.mega_cap]
    assert 150 <= trades.size[np.isin(trades.symbol, mega)].mean() <= 250


def test_a_seconds_end_is_like_the_rest_of_it(scenario: Scenario, books: MarketDataBatch) -> None:
    """Rows that a venue shows only because it has to fall all over the second, where symbols have little else: they gathered at its end."""
    quiet = [k for k, symbol in enumerate(scenario.universe.symbols) if symbol.name in ("BAC", "CME", "CVX", "ICE", "INTC", "JNJ", "JPM", "WMT", "XOM")]
    into_second = books.ts_ns[np.isin(books.symbol, quiet)] % NS_PER_S
    tenths = np.bincount(into_second // (NS_PER_S // 10), minlength=10)
    assert len(into_second) > 40_000
    np.testing.assert_allclose(tenths / tenths.mean(), 1.0, atol=0.06)


def test_orders_live_and_actions_are_small(tape: dict[str, Batch]) -> None:
    """Median life of an order 0.1 to 60 s; at least 80 % of actions touch one or two orders."""
    orders = tape["orders"]
    assert isinstance(orders, OrderBatch)
    settled = orders.action > 1  # the first action of a book fills it
    book = orders.symbol.astype(np.int64) * 5 + orders.venue
    touching = np.isin(orders.kind, (EventKind.ADD, EventKind.CANCEL, EventKind.REDUCE, EventKind.REPLACE)) & settled
    _, touched = np.unique(book[touching] << 40 | orders.action[touching], return_counts=True)
    assert np.mean(touched <= 2) >= 0.8
    key = book << 40 | orders.order_id
    born = (orders.kind == EventKind.REST) & settled
    gone = orders.kind == EventKind.CANCEL
    births = dict(zip(key[born].tolist(), orders.ts_ns[born].tolist(), strict=True))
    lives = [ts - births[k] for k, ts in zip(key[gone].tolist(), orders.ts_ns[gone].tolist(), strict=True) if k in births]
    assert 0.1 <= np.median(lives) / NS_PER_S <= 60


CONTRADICTIONS = {
    "level_shares": ({}, "one level at least"),
    "level_shares_most": ({1: 480}, "levels 1, 2 and 3"),
    "near_shares": ([300, 100], "the least and the most"),
    "attraction": ({"NASDAQ": 2.0}, "must name listing"),
    "reaction_ns": ({"listing": 70_000}, "must name listing, for a symbol's listing venue, and other"),
    "variance_sector": (0.3, "at most 1 together with variance_flow and variance_market, here 0.45 and 0.3"),
}


@pytest.mark.parametrize("name", CONTRADICTIONS)
def test_a_profile_that_contradicts_itself_is_refused(name: str, tmp_path: Path) -> None:
    """What is accepted runs: each of these failed in a worker, or was silently read as something else."""
    value, said = CONTRADICTIONS[name]
    with pytest.raises(InputError, match=re.escape(said)):
        load_profile("market", {name: value})
    shipped = resources.files("simulator.flow") / "profiles" / "market.yaml"
    lines = shipped.read_text().splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith(f"{name}:"))
    lines[at] = f"{name}: {json.dumps(value)}"
    (tmp_path / "mine.yaml").write_text("\n".join(lines).replace('"1":', "1:"))
    with pytest.raises(InputError, match=rf"mine\.yaml line {at + 1}: {name}: .*{re.escape(said)}"):
        load_profile(str(tmp_path / "mine.yaml"))


@pytest.mark.parametrize(("key", "name"), [("attraction", "NASDAK"), ("attraction", "other"), ("reaction_ns", "IEXX")])
def test_a_venue_that_there_is_not_is_refused(key: str, name: str) -> None:
    """It was left out without a word. Venues of the shipped profiles may be named in any universe."""
    few = load_universe().select(("AAPL",))
    table = {"listing": 2, "NYSE": 3, **({} if key == "attraction" else {"other": 4})}
    assert check_venue_names(load_profile("spec", {key: table}), ["MINE"])
    with pytest.raises(InputError, match=rf"^{key} of the profile: got '{name}'; it may name listing.*NASDAQ"):
        check_venue_names(load_profile("spec", {key: {**table, name: 5}}), [venue.name for venue in few.venues])
    prices = reference_prices("builtin", ["AAPL"], (DAY, DAY)).brackets
    start_ns = parse_ts("2025-07-01T14:30:00Z")
    with pytest.raises(InputError, match=name):
        Market(Scenario(universe=few, start_ns=start_ns, end_ns=start_ns + NS_PER_S, prices=prices, populations={key: {**table, name: 5}}))
