"""Pytest fixtures, for a ``conftest.py``: ``pytest_plugins = ["simulator.testing.fixtures"]``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from simulator.book.limit_order_book import LimitOrderBook
from simulator.testing.checks import assert_valid
from simulator.testing.compare import CheckedBook
from simulator.testing.protocol import Book


@pytest.fixture
def make_book() -> Callable[[], Book]:
    """Makes the book under test. Override it in your ``conftest.py`` to test your own."""
    return LimitOrderBook


@pytest.fixture
def checked_how() -> dict[str, Any]:
    """How ``checked_book`` compares: options of ``CheckedBook``. Override it with ``{"events": False, "own_ids": True}`` as need be."""
    return {}


@pytest.fixture
def checked_book(make_book: Callable[[], Any], checked_how: dict[str, Any]) -> CheckedBook:
    """An empty book that is compared with the slow twin after each command; a difference fails the test with both drawn."""
    book = make_book()
    if checked_how.get("events", True):
        assert_valid(book)
    return CheckedBook(book, **checked_how)
