"""Messages of a venue as ITCH's bytes, compiled.

Everything that others define (columns, layouts, constants) comes as data: a compiled function in the cache is known by its own file alone.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from simulator.book.jit import entry
from simulator.records import I64

# of a field: where it begins, how many bytes it has, what it holds
START, WIDTH, WHAT = range(3)
# what a field may hold besides a column of the messages
STOCK, LOCATE, TIME, SIDE, CROSS = range(-1, -6, -1)


class Layout(NamedTuple):
    """How each kind of message is written."""

    lengths: I64
    """[kinds]"""
    constants: Any
    """uint8[kinds, longest]: what all messages of a kind have in common."""
    fields: I64
    """[kinds, F, 3]: the others, big-endian; a width of 0 ends them."""
    places: I64
    """[5]: the messages' columns of time, book, kind, the resting side, and the kind of cross."""
    sides: I64
    """[2]: characters."""
    crosses: I64
    """Characters, by the kind of cross."""


class Books(NamedTuple):
    """Of the books of a feed."""

    venue: I64
    locate: I64
    stock: Any
    """uint8[books, 8]: the symbol's name."""


@entry
def encode(messages: I64, layout: Layout, books: Books, venue: int, midnight_ns: int, out: Any) -> tuple[int, int]:
    """Write those of one venue into ``out``, uint8. Returns (bytes, the last message's place; -1 if there is none)."""
    lengths, constants, fields, places, sides, crosses = layout
    time_at, book_at, kind_at, side_at, cross_at = places[0], places[1], places[2], places[3], places[4]
    start = 0
    last = -1
    for n in range(messages.shape[1]):
        book = messages[book_at, n]
        if books.venue[book] != venue:
            continue
        kind = messages[kind_at, n]
        for i in range(lengths[kind]):
            out[start + i] = constants[kind, i]
        for f in range(fields.shape[1]):
            width = fields[kind, f, WIDTH]
            if width == 0:
                break
            at = start + fields[kind, f, START]
            what = fields[kind, f, WHAT]
            if what == STOCK:
                for i in range(width):
                    out[at + i] = books.stock[book, i]
                continue
            if what >= 0:
                value = messages[what, n]
            elif what == LOCATE:
                value = books.locate[book]
            elif what == TIME:
                value = messages[time_at, n] - midnight_ns
            elif what == SIDE:
                value = sides[messages[side_at, n]]
            else:
                value = crosses[messages[cross_at, n]]
            for i in range(width - 1, -1, -1):
                out[at + i] = value & 0xFF
                value >>= 8
        start += lengths[kind]
        last = n
    return start, last


def load_kernel(layout: Layout) -> None:
    """Load or compile it in this process."""
    nothing = np.zeros(0, np.int64)
    encode(np.zeros((1, 0), np.int64), layout, Books(nothing, nothing, np.zeros((0, 8), np.uint8)), 0, 0, np.zeros(0, np.uint8))
