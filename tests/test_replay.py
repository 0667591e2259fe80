"""A whole day of one symbol's orders, replayed through the façade's book; and that each kind of wrong order is noticed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import DAY, run, scenario
from replay import replay

from simulator import Market, Rates, Scenario, load_universe, parse_ts, reference_prices
from simulator.records import EventKind, MarketDataBatch, OrderBatch, OrderType, columns


@pytest.mark.day
def test_a_whole_day_of_orders_gives_every_book_row_again() -> None:
    """UNH, listed at NYSE, among all symbols at a quarter of the default rates: 04:00 to 20:00, both crosses."""
    universe = load_universe()
    start_ns, end_ns = parse_ts("2025-07-01T08:00:00Z"), parse_ts("2025-07-02T00:00:00Z")
    prices = reference_prices("builtin", [s.name for s in universe.symbols], (DAY, DAY)).brackets
    rates = Rates(market_data_min_eps=40, market_data_max_eps=150, trades_min_eps=8, trades_max_eps=40)
    market = Market(
        Scenario(universe=universe, start_ns=start_ns, end_ns=end_ns, prices=prices, only=("UNH",), extra_tables=("orders",), rates=rates)
    )
    market.run_until(end_ns)
    orders, rows = market.tape()["orders"], market.tape()["market_data"]
    assert isinstance(orders, OrderBatch)
    assert isinstance(rows, MarketDataBatch)
    symbol = universe.symbol_index("UNH")
    replayed = sum(replay(orders, rows, symbol, venue) for venue in range(5))
    assert replayed == len(rows) > 50_000
    assert (orders.kind == EventKind.CROSS).sum() == 2


@pytest.fixture(scope="module")
def tape() -> tuple[OrderBatch, MarketDataBatch]:
    made = run(scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:10Z", names=("AAPL",), extra_tables=("orders",))).tape()
    assert isinstance(made["orders"], OrderBatch)
    assert isinstance(made["market_data"], MarketDataBatch)
    return made["orders"], made["market_data"]


def changed(batch: Any, column: str, row: int, value: int) -> Any:
    values = getattr(batch, column).copy()
    values[row] = value
    return replace(batch, **{column: values})


def without(batch: Any, row: int) -> Any:
    return type(batch)(**{name: np.delete(column, row, axis=0) for name, column in columns(batch)})


FAULTS = ("an add of another size", "an add at another price", "a cancel missing", "another order cancelled", "a row missing", "a row twice", "a row's size")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_order_or_row_is_noticed(fault: str, tape: tuple[OrderBatch, MarketDataBatch]) -> None:
    orders, rows = tape
    venue = 0
    mine = np.flatnonzero(orders.venue == venue)
    own_rows = np.flatnonzero(rows.venue == venue)
    rests = mine[(orders.kind[mine] == EventKind.REST) & (orders.size[mine] > 0)]
    adds = mine[(orders.kind[mine] == EventKind.ADD) & (orders.order_type[mine] == OrderType.LIMIT)]
    add = next(int(i) for i in adds if orders.order_id[i] in orders.order_id[rests])
    cancels = mine[orders.kind[mine] == EventKind.CANCEL]
    if fault == "an add of another size":
        orders = changed(changed(orders, "size", add, orders.size[add] + 1), "display", add, orders.display[add] + 1)
    elif fault == "an add at another price":
        orders = changed(orders, "price", add, orders.price[add] - (1, -1)[orders.side[add]] * 100)
    elif fault == "a cancel missing":
        orders = without(orders, int(cancels[0]))
    elif fault == "another order cancelled":
        orders = changed(orders, "order_id", int(cancels[0]), int(orders.order_id[cancels[1]]))
    elif fault == "a row missing":
        rows = without(rows, int(own_rows[5]))
    elif fault == "a row twice":
        picked = np.insert(np.arange(len(rows)), own_rows[5], own_rows[5])
        rows = type(rows)(**{name: column[picked] for name, column in columns(rows)})
    else:
        quotes = rows.quotes.copy()
        quotes[own_rows[5], 1, 0] += 1
        rows = replace(rows, quotes=quotes)
    with pytest.raises(AssertionError):
        replay(orders, rows, 0, venue)


def test_a_right_tape_passes(tape: tuple[OrderBatch, MarketDataBatch]) -> None:
    assert replay(*tape, 0, 0) > 20
