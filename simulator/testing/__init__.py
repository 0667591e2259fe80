"""For people's own tests of order-book logic: the slow twin, streams of commands, checks, a drawing.

twin.py      TwinBook: the rules of the book in dicts and lists, to be read
protocol.py  Book: the interface that they have in common
streams.py   Command, apply, and the hypothesis strategy ``commands`` (needs the extra ``test``)
checks.py    assert_valid, assert_same, draw: for any book with the twin's interface
compare.py   assert_same_run: any book against the twin; CheckedBook: both as one
fixtures.py  pytest fixtures: make_book, checked_book (needs the extra ``test``)
"""

from simulator.book.reports import OrderRow
from simulator.testing.checks import assert_same, assert_valid, draw
from simulator.testing.compare import CheckedBook, assert_same_run
from simulator.testing.protocol import Book
from simulator.testing.streams import Command, Nth, apply, commands, resolve
from simulator.testing.twin import TwinBook

__all__ = [
    "Book",
    "CheckedBook",
    "Command",
    "Nth",
    "OrderRow",
    "TwinBook",
    "apply",
    "assert_same",
    "assert_same_run",
    "assert_valid",
    "commands",
    "draw",
    "resolve",
]
