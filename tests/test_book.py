"""The compiled book against its slow twin: every event, the levels, the orders and the state hash after every command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import testing
from simulator.book.limit_order_book import LimitOrderBook
from simulator.errors import InputError
from simulator.records import CrossKind, EventKind, OrderType, Reject, Side

ROOT = Path(__file__).parent.parent
STREAMS = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def follow(stream: Sequence[testing.Command], *, max_orders: int, price_window: int) -> None:
    """Feed both books and compare them after each command."""
    book = LimitOrderBook(max_orders=max_orders, price_window=price_window)
    twin = testing.TwinBook(max_orders=max_orders, price_window=price_window)
    for n, command in enumerate(stream):
        if command.name == "cross":
            assert book.indicative(*command.args) == twin.indicative(*command.args), f"before command {n} of {stream}: {command}"
        expected = testing.apply(twin, command)
        got = testing.apply(book, command)
        assert got == expected, f"command {n} of {stream}: {command}\ngot      {got}\nexpected {expected}\n{testing.draw(twin)}"
        testing.assert_same(book, twin)
        testing.assert_valid(book)
        for side in Side:
            for count in (0, 1, 2, 5):
                assert book.levels(side, count) == twin.levels(side, count), f"{count} levels after command {n} of {stream}"


@given(testing.commands(max_size=50, price_window=64))
@STREAMS
def test_the_twin_agrees_in_a_small_book(stream: list[testing.Command]) -> None:
    follow(stream, max_orders=12, price_window=64)


@given(testing.commands(max_size=50))
@settings(STREAMS, max_examples=15)
def test_the_twin_agrees_in_a_book_of_default_size(stream: list[testing.Command]) -> None:
    follow(stream, max_orders=4096, price_window=65536)


UNCOMPILED = """
import warnings; warnings.simplefilter("error", RuntimeWarning)
from hypothesis import given, settings, HealthCheck
from simulator import testing
from test_book import follow

@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck), database=None)
@given(testing.commands(max_size=40, price_window=64))
def run(stream):
    follow(stream, max_orders=12, price_window=64)

run()
"""


def test_the_twin_agrees_with_the_uncompiled_kernel() -> None:
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"}
    done = subprocess.run([sys.executable, "-c", UNCOMPILED], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.parametrize("type", [OrderType.LIMIT, OrderType.MARKET, OrderType.IOC, OrderType.FOK, None])
def test_a_large_order_goes_on_when_the_log_is_full(type: OrderType | None) -> None:
    """A reserve that refills hundreds of times fills the log of a small book several times over: nothing is lost in between.

    The order's last fill comes at every place about the log's end, and a rest or an expiry follows it; None is a replace.
    """
    for fills in [*range(20, 130), 400]:
        books: list[testing.Book] = [LimitOrderBook(max_orders=4, price_window=64), testing.TwinBook(max_orders=4, price_window=64)]
        for book in books:
            book.add(Side.SELL, 100, fills, display=1)
            book.add(Side.BUY, 99, 1, display=0, owner=3)
        size = fills if type == OrderType.FOK else fills + 7
        if type is None:
            events = [book.replace(2, 100, size) for book in books]
        else:
            price = 0 if type == OrderType.MARKET else 100
            display = 5 if type == OrderType.LIMIT else None
            events = [book.add(Side.BUY, price, size, type=type, display=display, owner=2) for book in books]
        assert events[0] == events[1], (type, fills)
        testing.assert_same(*books)
        testing.assert_valid(books[0])
    assert len(events[0]) > 5 * len(LimitOrderBook(max_orders=4, price_window=64)._books.log), "the log never was full"


def test_readme_example() -> None:
    """The unit test that README shows."""
    book = LimitOrderBook()
    book.add(Side.SELL, price_ticks=10_001, size=300, display=100)  # a reserve order: 100 shown, 200 behind
    book.add(Side.SELL, price_ticks=10_001, size=100)
    events = book.add(Side.BUY, price_ticks=10_001, size=250)
    fills = [(e.order_id, e.size) for e in events if e.kind == EventKind.EXECUTE]
    assert fills == [(1, 100), (2, 100), (1, 50)]  # the refill lost its place
    assert book.levels(Side.SELL, 1) == [(10_001, 50)]


@pytest.mark.parametrize("window", [0, 63, 100])
def test_a_price_window_that_is_no_power_of_two_is_refused(window: int) -> None:
    with pytest.raises(InputError, match="price_window"):
        LimitOrderBook(price_window=window)


def test_limits_are_rejections_not_wrong_books() -> None:
    book = LimitOrderBook(max_orders=2, price_window=64)
    book.add(Side.BUY, 100, 1)
    assert book.add(Side.BUY, 164, 1)[0].a == Reject.PRICE_RANGE
    book.add(Side.BUY, 163, 1)
    assert book.add(Side.BUY, 150, 1)[0].a == Reject.BOOK_FULL
    assert book.add(Side.SELL, 0, 1, type=OrderType.MARKET_ON_CLOSE)[0].a == Reject.BOOK_FULL
    testing.assert_valid(book)


def test_a_cross_without_interest_trades_nothing() -> None:
    events = LimitOrderBook().cross(CrossKind.OPEN, 100)
    assert [(e.kind, e.size) for e in events] == [(EventKind.CROSS, 0)]


@given(st.integers(-5, 0))
@settings(max_examples=3)
def test_a_cross_needs_a_reference(reference: int) -> None:
    with pytest.raises(InputError, match="reference"):
        LimitOrderBook().cross(CrossKind.CLOSE, reference)
