"""What each venue's auctions allow until when, what it tells of them, and when it crosses. Times are seconds against the bell.

The bell is the open, 09:30, or the close, 16:00; after an early close all of the latter move with it. Sources, and how sure each
is, in ``docs/book.md``. Only a symbol's listing venue holds auctions for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from simulator.records import NS_PER_MS, NS_PER_S, CrossKind

ALWAYS_S = 86_400
"""A cut-off after all."""


class Information(NamedTuple):
    """Imbalance messages of one kind: from when on, and how often."""

    from_s: int
    every_s: int
    is_full: bool = True
    """With near and far prices."""
    if_changed: bool = False
    """Only when something in it is another."""


class Delay(NamedTuple):
    """From the bell to a symbol's cross: log-normal, cut at both ends."""

    least_ns: int
    median_ns: int
    sigma: float
    most_ns: int


BY_MACHINE = Delay(NS_PER_MS, 4 * NS_PER_MS, 0.7, 40 * NS_PER_MS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Auction:
    """One venue's rules for one kind of cross. An order that arrives at its cut-off is too late."""

    information: tuple[Information, ...] = ()
    at_market_until_s: int = ALWAYS_S
    """Orders at market are taken before this."""
    limit_until_s: int = ALWAYS_S
    is_late_from_s: int = ALWAYS_S
    """From here to ``limit_until_s`` limit orders are entered no more aggressive than the reference price of that moment."""
    late_counts_close: bool = False
    """Whether the bound is the more aggressive of that and the previous close."""
    offsetting_until_s: int = -ALWAYS_S
    """After their cut-off orders are still taken until here if they are against the imbalance."""
    cancel_until_s: int = ALWAYS_S
    """Orders for the cross can be cancelled or reduced before this."""
    delay: Delay = BY_MACHINE


ELECTRONIC = (Auction(), Auction())
"""Open and close of a venue that is not named below: no cut-off before the cross, nothing told of it."""
RULES: dict[str, tuple[Auction, Auction]] = {
    "NASDAQ": (
        Auction(
            information=(Information(-300, 10, is_full=False), Information(-120, 1)),
            at_market_until_s=-120, limit_until_s=-30, is_late_from_s=-120, late_counts_close=True, cancel_until_s=-300,
        ),
        Auction(
            information=(Information(-600, 10, is_full=False), Information(-300, 1)),
            at_market_until_s=-300, limit_until_s=-120, is_late_from_s=-300, cancel_until_s=-300,
        ),
    ),
    "NYSE": (
        Auction(
            information=(Information(-5_400, 1, if_changed=True),),
            delay=Delay(30 * NS_PER_MS, 600 * NS_PER_MS, 1.0, 8 * NS_PER_S),
        ),
        Auction(
            information=(Information(-600, 1, if_changed=True),),
            at_market_until_s=-600, limit_until_s=-600, offsetting_until_s=0, cancel_until_s=-120,
            delay=Delay(50 * NS_PER_MS, 1_200 * NS_PER_MS, 0.8, 8 * NS_PER_S),
        ),
    ),
    "ARCA": (Auction(cancel_until_s=-60), Auction(cancel_until_s=-60)),
    "BATS": (
        Auction(at_market_until_s=-120, limit_until_s=-120),
        Auction(at_market_until_s=-300, limit_until_s=ALWAYS_S),
    ),
}  # fmt: skip


def auction(venue: str, kind: CrossKind) -> Auction:
    """The rules of a venue for its opening or closing cross."""
    return RULES.get(venue, ELECTRONIC)[kind]


EVER = (-(2**62), 2**62)
"""All times."""


class Told(NamedTuple):
    """One imbalance message that is due."""

    ts_ns: int
    kind: CrossKind
    rule: Information | None
    """None: nothing is told, only the reference price of late orders is fixed."""


def information_times(
    venue: str, kind: CrossKind, bell_ns: int, until_ns: int, late_ns: int, run: tuple[int, int] = EVER
) -> Sequence[Told]:
    """When a venue tells of its coming cross: from its first message to before ``until_ns``, each ``late_ns`` after a whole second.

    ``run``: those from the first of these times on, and before the second: there are thousands a day.
    """
    rules = auction(venue, kind).information
    told = []
    for n, rule in enumerate(rules):
        end_ns = bell_ns + rules[n + 1].from_s * NS_PER_S if n + 1 < len(rules) else until_ns
        ts_ns, every_ns = bell_ns + rule.from_s * NS_PER_S + late_ns, rule.every_s * NS_PER_S
        ts_ns += max(0, -((ts_ns - run[0]) // every_ns)) * every_ns
        told += [Told(each, kind, rule) for each in range(ts_ns, min(end_ns, run[1]), every_ns)]
    return told
