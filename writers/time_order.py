"""Rows of several workers as one stream in time order, a little of each at a time, whatever holds them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from simulator.records import I64

Rows = TypeVar("Rows")


@dataclass(frozen=True, slots=True)
class Handling(Generic[Rows]):
    """What has to be known of a kind of rows to merge them. Rows have a length."""

    times: Callable[[Rows], I64]
    """int64 ns of each, never falling."""
    cut: Callable[[Rows, int, int], Rows]
    """Those from the one place to before the other."""
    join: Callable[[Sequence[Rows]], Rows]
    """Pieces, one after the other."""
    order: Callable[[Sequence[Rows]], Rows]
    """Pieces as one, in order of (time, symbol, venue)."""


class _Stream(Generic[Rows]):
    """What one worker's rows are next; ``rows`` may hold those of several of its pieces."""

    def __init__(self, parts: Iterator[Rows], handling: Handling[Rows]) -> None:
        self._parts = parts
        self._handling = handling
        self.rows: Rows | None = None
        self.times: I64 = np.zeros(0, np.int64)
        self.has_ended = False

    def fetch(self) -> None:
        """One more piece behind the rows at hand."""
        part = next(self._parts, None)
        if part is None:
            self.has_ended = True
            return
        times = self._handling.times(part)
        if len(times):
            self.rows = part if self.rows is None else self._handling.join([self.rows, part])
            self.times = np.concatenate([self.times, times])

    def take_before(self, ts_ns: int | None) -> list[Rows]:
        """The rows before that time, which leave; all of them without one."""
        rows, times = self.rows, self.times
        if rows is None:
            return []
        cut = len(times) if ts_ns is None else int(np.searchsorted(times, ts_ns))
        self.rows = self._handling.cut(rows, cut, len(times)) if cut < len(times) else None
        self.times = times[cut:]
        return [self._handling.cut(rows, 0, cut)] if cut else []


def in_time_order(parts: Sequence[Iterator[Rows]], handling: Handling[Rows]) -> Iterator[Rows]:
    """Streams, each in time order, as one in order of (time, symbol, venue), whatever pieces they come in.

    The last instant of a piece may go on in the next one: its rows wait until a later one, or the end, has been seen.
    """
    streams = [_Stream(part, handling) for part in parts]
    while True:
        for stream in streams:
            while stream.rows is None and not stream.has_ended:
                stream.fetch()
        going_on = [stream for stream in streams if not stream.has_ended]
        until_ns = min((int(stream.times[-1]) for stream in going_on), default=None)
        ready = [rows for stream in streams for rows in stream.take_before(until_ns)]
        if ready:
            yield handling.order(ready)
        elif not going_on:
            return
        else:
            for stream in going_on:
                if stream.times[-1] == until_ns:
                    stream.fetch()
