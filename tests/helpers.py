"""Small scenarios, and tapes as something to compare."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np

from simulator.inputs.config import Rates, Scenario
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.sessions import parse_ts
from simulator.inputs.universe import Universe, load_universe
from simulator.market import Market
from simulator.records import Batch, columns

DAY = dt.date(2025, 7, 1)
BEFORE_OPEN, OPEN, CLOSE = "2025-07-01T13:29:50Z", "2025-07-01T13:30:00Z", "2025-07-01T20:00:00Z"
FOUR = ("AAPL", "NVDA", "JPM", "XOM")
LOW = Rates(market_data_min_eps=20, market_data_max_eps=90, trades_min_eps=4, trades_max_eps=20)


def universe(*names: str) -> Universe:
    return load_universe().select(names or FOUR)


def scenario(start: str = BEFORE_OPEN, end: str = "2025-07-01T13:30:10Z", *, names: tuple[str, ...] = FOUR, **settings: Any) -> Scenario:
    """Four symbols around the open, unless told otherwise."""
    chosen = universe(*names)
    prices = reference_prices("builtin", [s.name for s in chosen.symbols], (DAY, DAY)).brackets
    settings.setdefault("rates", LOW)
    return Scenario(universe=chosen, start_ns=parse_ts(start), end_ns=parse_ts(end), prices=prices, **settings)


def run(chosen: Scenario, **market: Any) -> Market:
    done = Market(chosen, **market)
    done.run_until(chosen.end_ns)
    return done


def assert_same_tapes(one: dict[str, Batch], other: dict[str, Batch]) -> None:
    """Bit for bit."""
    assert one.keys() == other.keys()
    for table in one:
        for name, column in columns(one[table]):
            np.testing.assert_array_equal(column, getattr(other[table], name), err_msg=f"{table}.{name}")
