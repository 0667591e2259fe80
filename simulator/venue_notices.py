"""What venues tell beside books and prints, as they keep it and as an agent hears it: prices in ticks, sizes in shares.

A venue keeps them by book; the names of symbol and venue come with the message to an agent.
"""

from __future__ import annotations

from typing import NamedTuple

from simulator.notices import StatusReason
from simulator.records import CrossKind, Phase, Side


class Status(NamedTuple):
    """What a symbol may do at a venue: its phase there, and its price bands in the whole market."""

    ts_ns: int
    """Of the last change."""
    phase: Phase
    """That of the venue, but for a symbol that is halted, or waits for its opening cross."""
    reason: StatusReason
    """Of the last change."""
    reference_ticks: int
    """The bands' reference; this and the bands are 0 where there are none."""
    lower_ticks: int
    upper_ticks: int
    symbol: str = ""
    venue: str = ""


class Imbalance(NamedTuple):
    """What the listing venue tells of a symbol's coming cross. Prices are 0 where there is none."""

    ts_ns: int
    cross: CrossKind
    paired: int
    """Shares of orders for the cross that would trade at ``reference_ticks``."""
    imbalance: int
    """Shares of them left over there, on ``side``."""
    side: Side | None
    """None without an imbalance."""
    reference_ticks: int
    """Within the venue's quote."""
    near_ticks: int
    """At which the cross would take place now; 0 in a venue's early messages."""
    far_ticks: int
    """At which it would if the orders for it were alone; 0 in a venue's early messages."""
    symbol: str = ""
    venue: str = ""


NO_STATUS = Status(0, Phase.CLOSED, StatusReason.SESSION, 0, 0, 0)
"""Before anything is told."""
