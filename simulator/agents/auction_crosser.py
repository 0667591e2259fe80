"""The auction crosser: the agent that calls for each symbol's opening and closing cross at its listing venue, at its time."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Any, NamedTuple

from simulator.records import CrossKind


class Cross(NamedTuple):
    """One that is to come."""

    ts_ns: int
    k: int
    """The worker's own index of the symbol."""
    kind: CrossKind


def auction_crosser(
    crosses: Iterable[Cross], at_cross: Callable[[int], Any], call_cross: Callable[[int, CrossKind], None]
) -> Generator[Any, Any, None]:
    """Wait for the time of each cross, which come in order of time, and call for it.

    ``at_cross(ts_ns)`` is an event at that time; ``call_cross(k, kind)`` crosses a symbol where it is listed.
    """
    for ts_ns, k, kind in crosses:
        yield at_cross(ts_ns)
        call_cross(k, kind)
