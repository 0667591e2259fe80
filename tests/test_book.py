"""The compiled book against its slow twin: every event, the levels, the orders and the state hash after every command."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from simulator import testing
from simulator.book.limit_order_book import LimitOrderBook
from simulator.book.reports import Event
from simulator.book.state import LAST_ID
from simulator.errors import InputError
from simulator.records import ORDER_ID_MAX, PRICE_TICKS_MAX, CrossKind, EventKind, OrderType, Reject, Side

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
    assert book.add(Side.BUY, 164, 1)[0].reason == Reject.PRICE_RANGE
    book.add(Side.BUY, 163, 1)
    assert book.add(Side.BUY, 150, 1)[0].reason == Reject.BOOK_FULL
    assert book.add(Side.SELL, 0, 1, type=OrderType.MARKET_ON_CLOSE)[0].reason == Reject.BOOK_FULL
    testing.assert_valid(book)


def test_a_cross_without_interest_trades_nothing() -> None:
    events = LimitOrderBook().cross(CrossKind.OPEN, 100)
    assert [(e.kind, e.size) for e in events] == [(EventKind.CROSS, 0)]


@given(st.integers(-5, 0))
@settings(max_examples=3)
def test_a_cross_needs_a_reference(reference: int) -> None:
    with pytest.raises(InputError, match="reference"):
        LimitOrderBook().cross(CrossKind.CLOSE, reference)


@pytest.mark.parametrize(
    ("command", "args", "options", "message"),
    [
        ("add", (Side.BUY, 0.29 * 100, 5), {}, "price_ticks: got 28.999999999999996; must be a whole number. Prices are counted in ticks"),
        ("add", (Side.BUY, 206.0, 5), {}, "price_ticks: got 206.0; must be a whole number"),
        ("add", (Side.BUY, np.float64(206), 5), {}, "must be a whole number"),
        ("add", (Side.BUY, "206", 5), {}, "price_ticks: got '206'; must be a whole number"),
        ("add", (Side.BUY, True, 5), {}, "price_ticks: got True; must be a whole number"),
        ("add", (Side.BUY, np.True_, 5), {}, "must be a whole number"),
        ("add", (Side.BUY, 2**70, 5), {}, "price_ticks: got 1180591620717411303424; must be a whole number, at most"),
        ("add", (Side.BUY, 206, 99.9), {}, "size: got 99.9; must be a whole number"),
        ("add", (Side.BUY, 206, 5), {"display": 2.5}, "display: got 2.5; must be a whole number"),
        ("add", (Side.BUY, 206, 5), {"owner": 2**40}, "owner: got 1099511627776; must be a whole number from 0 to 8,388,607"),
        ("add", (Side.BUY, 206, 5), {"owner": -1}, "owner: got -1; must be"),
        ("add", (2, 206, 5), {}, "side: got 2; must be one of Side.BUY, Side.SELL"),
        ("add", (-1, 206, 5), {}, "LOBSTER's 1 is a buy and its -1 a sell"),
        ("add", (1, 206, 5), {}, "side: got 1; must be one of Side.BUY, Side.SELL"),
        ("add", ("B", 206, 5), {}, "side: got 'B'; must be one of"),
        ("add", (Side.BUY, 206, 5), {"type": 9}, "type: got 9; must be one of OrderType.LIMIT"),
        ("add", (Side.BUY, 206, 5), {"type": "LIMIT"}, "type: got 'LIMIT'; must be one of"),
        ("cancel", (None,), {}, "order_id: got None; must be a whole number"),
        ("cancel", (1.0,), {}, "order_id: got 1.0; must be a whole number"),
        ("reduce", (1, 0.5), {}, "size: got 0.5; must be a whole number"),
        ("replace", (1, 205.99, 5), {}, "price_ticks: got 205.99; must be a whole number"),
        ("cross", (0, 100), {}, "kind of a cross: got 0; must be one of CrossKind.OPEN"),
        ("cross", (CrossKind.OPEN, 1.5), {}, "reference price of a cross: got 1.5; must be a whole number"),
        ("indicative", (CrossKind.OPEN, 0), {}, "reference price of a cross: got 0; must be a whole number from 1 to 2,000,000,000"),
        ("levels", (0, 5), {}, "side: got 0; must be one of"),
        ("levels", (Side.BUY, -1), {}, "count: got -1; must be a whole number, at least 0"),
    ],
)
def test_what_is_no_order_is_said_to_be_none(command: str, args: tuple[Any, ...], options: dict[str, Any], message: str) -> None:
    book = LimitOrderBook()
    book.add(Side.BUY, 100, 5)
    before = book.state_hash()
    with pytest.raises(InputError) as error:
        getattr(book, command)(*args, **options)
    assert message in str(error.value)
    assert book.state_hash() == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_orders": 0}, "max_orders: got 0; must be a whole number from 1 to 10,000,000"),
        ({"max_orders": 1.5}, "max_orders: got 1.5; must be a whole number"),
        ({"price_window": 2**40}, "price_window: got 1099511627776; must be a whole number from 64 to 33,554,432"),
        ({"price_window": "64"}, "price_window: got '64'; must be a whole number"),
    ],
)
def test_a_size_that_no_book_has_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as error:
        LimitOrderBook(**settings)
    assert message in str(error.value)


def test_trading_is_true_or_false() -> None:
    book = LimitOrderBook()
    with pytest.raises(InputError, match="trading: got 'no'; must be True or False"):
        book.trading = "no"  # type: ignore[assignment]


def test_numpys_whole_numbers_are_as_good_as_pythons() -> None:
    book, other = LimitOrderBook(), LimitOrderBook()
    for n in (np.int64, np.int32, np.uint8):
        events = book.add(Side.SELL, n(101), n(7), display=n(2), owner=n(3))
        assert events == other.add(Side.SELL, 101, 7, display=2, owner=3)
        assert {type(field) for event in events for field in event} <= {int, type(None)}
    assert book.replace(np.int64(1), np.int32(102), np.int16(5)) == other.replace(1, 102, 5)
    assert book.reduce(np.int64(2), np.int64(1)) == other.reduce(2, 1)
    assert book.cross(CrossKind.OPEN, np.int64(100)) == other.cross(CrossKind.OPEN, 100)
    assert book.state_hash() == other.state_hash()


def test_the_last_order_id_is_the_last_order() -> None:
    books: list[Any] = [LimitOrderBook(), testing.TwinBook()]
    books[0]._books.head[0, LAST_ID] = ORDER_ID_MAX - 2
    books[1]._next_id = ORDER_ID_MAX - 1
    said = []
    for book in books:
        book.add(Side.BUY, 100, 5)
        book.add(Side.BUY, 99, 5)
        said.append([book.add(Side.SELL, 100, 1, type=OrderType.IOC), book.replace(ORDER_ID_MAX, 98, 5), book.cancel(ORDER_ID_MAX)])
    assert said[0] == said[1]
    assert [events[0].reason for events in said[0]] == [Reject.BOOK_FULL, Reject.BOOK_FULL, Reject.NONE]
    testing.assert_same(*books)


def test_prices_reach_to_the_limit_of_what_a_book_can_count() -> None:
    for price in (1, PRICE_TICKS_MAX - 64, PRICE_TICKS_MAX):
        book = testing.CheckedBook(LimitOrderBook(max_orders=16, price_window=64), testing.TwinBook(max_orders=16, price_window=64))
        for step in (0, 3, 63):
            book.add(Side.SELL, min(price + step, PRICE_TICKS_MAX), 5)
            book.add(Side.BUY, max(1, price - step), 7, type=OrderType.POST_ONLY)
        book.cross(CrossKind.OPEN, price)
        book.add(Side.BUY, 0, 3, type=OrderType.MARKET)


def test_events_orders_and_books_are_shown_by_names() -> None:
    book = LimitOrderBook()
    added, rested = book.add(Side.SELL, 10_001, 300, display=100)
    assert repr(added) == "Event(EventKind.ADD, 1, Side.SELL, 10001, 300, display=100, order_type=OrderType.LIMIT)"
    assert repr(rested) == "Event(EventKind.REST, 1, Side.SELL, 10001, 100, hidden_size=200)"
    assert repr(book.add(Side.SELL, 0, 5)[0]) == "Event(EventKind.REJECT, 0, Side.SELL, 0, 5, reason=Reject.BAD_PRICE)"
    assert repr(book.cross(CrossKind.OPEN, 5)[0]) == "Event(EventKind.CROSS, 0, Side.BUY, 0, 0, cross_kind=CrossKind.OPEN)"
    names = {"Event": Event, "EventKind": EventKind, "Side": Side, "OrderType": OrderType}
    assert eval(repr(added), names) == added
    assert repr(Event(77, 1, 5, 10, 10)) == "Event(77, 1, 5, 10, 10)"  # a wrong book's
    assert "type=OrderType.LIMIT, owner=0" in repr(book.orders()[0])
    assert repr(book) == "<LimitOrderBook of 1 orders: nothing / 100 at 10,001>"
    book.trading = False
    assert repr(book).endswith(", not trading>")


def test_a_large_book_fits_a_screen() -> None:
    book = LimitOrderBook()
    for n in range(500):
        book.add(Side.BUY, 1_000 - n, 10)
        book.add(Side.SELL, 1_001 + n, 10_000_000)
    assert repr(book) == "<LimitOrderBook of 1,000 orders: 10 at 1,000 / 10,000,000 at 1,001>"
    shown = book._repr_html_()
    assert shown.count("<tr>") == 11
    assert "<td>991</td>" in shown
    assert "990" not in shown
