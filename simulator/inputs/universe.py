"""Symbols and venues: read from YAML, the spec's 30 symbols and five venues by default. Records carry indices into them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from simulator.errors import InputError, explain
from simulator.inputs.strict_yaml import YamlFile, parse_yaml, read_yaml, validate

DEFAULT_UNIVERSE = "simulator/inputs/data/universe.yaml"
NAMED_UNIVERSES = {"spec30": "universe.yaml", "us100": "us100.yaml"}
"""By the name that a scenario file gives: the file in ``simulator/inputs/data``."""
SIP_DELAY_NS = 250_000
"""Of a venue that says nothing of it: from its book to the processor. 100 to 200 microseconds of fibre between the data centres of New
Jersey, and the gateways at both ends. (Plausible, not measured; in 2015 and 2016 quotes took 1.13 ms with the processor's own time,
Bartlett and McCrary 2019.)"""
VENUES_MAX = 60
"""The flow keeps a bit for each in one int64."""
SYMBOLS_MAX = 5_000
GROUP_MOST = 30
"""Symbols of a group: as many as the default universe has, which is one."""
_STRICT = ConfigDict(strict=True, extra="forbid")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,15}$")]
Hours = Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d$")]
"""From and to, New York time."""
ALL_HOURS = "04:00-20:00"


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """One listed share."""

    __pydantic_config__ = _STRICT

    name: Name
    sector: Name
    """Shares of one sector share a price factor."""
    listing: Name
    """The venue that runs its opening and closing cross."""
    tick_units: Annotated[int, Field(ge=1, le=500)] = 100
    """In 0.0001 USD; at most 5 cents."""
    mega_cap: bool
    beta: Annotated[float, Field(ge=-5, le=5, allow_inf_nan=False)]
    """Against the market factor."""
    daily_volatility: Annotated[float, Field(ge=0.001, le=0.2, allow_inf_nan=False)]
    """Standard deviation of the log return from open to close, market and sector parts included."""
    daily_volume: Annotated[int, Field(ge=1_000, le=10_000_000_000)]
    """Shares a day on all venues; only its ratio to the other symbols' counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One exchange."""

    __pydantic_config__ = _STRICT

    name: Name
    size_multiplier: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)]
    """Of displayed sizes, against the profile's."""
    latency_ns: Annotated[int, Field(ge=1, le=1_000_000_000)]
    """One way, from a participant to the venue or back."""
    hours: Hours = ALL_HOURS
    """In which it takes part in a day with phases; after an early close its evening ends as much sooner."""
    listed_hours: Hours | Literal[""] = ""
    """The same for the shares that it lists, where they are others."""
    sip_delay_ns: Annotated[int, Field(ge=0, le=1_000_000_000)] = SIP_DELAY_NS
    """From a change of the venue's book until the consolidated quote's processor has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """Symbols and venues in the order of their indices."""

    __pydantic_config__ = _STRICT

    venues: Annotated[tuple[Venue, ...], Field(min_length=1, max_length=VENUES_MAX)]
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1, max_length=SYMBOLS_MAX)]

    @property
    def groups(self) -> tuple[range, ...]:
        """The symbols' indices in as few groups of neighbours as may be, of ``GROUP_MOST`` at most and as even as may be.

        A total rate is dealt to the groups first; a shard of a large run is a day of one of them.
        """
        count = len(self.symbols)
        parts = -(-count // GROUP_MOST)
        return tuple(range(count * n // parts, count * (n + 1) // parts) for n in range(parts))

    def __repr__(self) -> str:
        names = [symbol.name for symbol in self.symbols]
        shown = f"{', '.join(names[:6])}{' …' if len(names) > 6 else ''}"
        return f"<Universe of {len(names):,} symbols, {shown}, on {', '.join(venue.name for venue in self.venues)}>"

    def symbol_index(self, name: str) -> int:
        """Raises ``InputError`` that names the closest symbol."""
        return _index_of("symbol", name, [symbol.name for symbol in self.symbols])

    def venue_index(self, name: str) -> int:
        """Raises ``InputError`` that names the closest venue."""
        return _index_of("venue", name, [venue.name for venue in self.venues])

    def listing_index(self, symbol_index: int) -> int:
        """Index of the venue where the symbol is listed."""
        return self.venue_index(self.symbols[symbol_index].listing)

    def hours(self, symbol_index: int, venue_index: int) -> tuple[int, int]:
        """Minutes after midnight, New York time, between which a venue has a book of the symbol on a day without an early close."""
        venue = self.venues[venue_index]
        is_listed = self.symbols[symbol_index].listing == venue.name
        first, _, last = (venue.listed_hours if is_listed and venue.listed_hours else venue.hours).partition("-")
        return _minutes(first), _minutes(last)

    def select(self, names: Sequence[str]) -> Universe:
        """Those symbols in this universe's order, and all venues. Raises ``InputError`` for an unknown name, or for none at all."""
        if not names:
            raise InputError(explain("No symbols chosen", list(names), "at least one is needed", "Name some, or leave the choice out."))
        chosen = {self.symbol_index(name) for name in names}
        return Universe(venues=self.venues, symbols=tuple(self.symbols[i] for i in sorted(chosen)))


def load_universe(path: Path | str | None = None) -> Universe:
    """Reads a universe file, the spec's one by default; text is one of ``NAMED_UNIVERSES``, or a path. Raises ``InputError`` with file,
    line, key and what is allowed."""
    if path is None or str(path) in NAMED_UNIVERSES:
        return _shipped(NAMED_UNIVERSES["spec30" if path is None else str(path)])
    return _universe(read_yaml(Path(path), DEFAULT_UNIVERSE, str(path)))


@cache
def _shipped(name: str) -> Universe:
    """A file of ours does not change while the program runs, and a universe is frozen."""
    text = (files("simulator.inputs") / "data" / name).read_text(encoding="utf-8")
    return _universe(parse_yaml(text, f"simulator/inputs/data/{name}", "the original"))


def _universe(file: YamlFile) -> Universe:
    universe: Universe = validate(Universe, file)
    check_universe(file, universe)
    return universe


def check_universe(file: YamlFile, universe: Universe) -> None:
    """What no single value shows: names that repeat, listings that are no venue. Raises ``InputError``."""
    venue_names = [venue.name for venue in universe.venues]
    kinds: tuple[tuple[Literal["venues", "symbols"], list[str]], ...] = (
        ("venues", venue_names),
        ("symbols", [symbol.name for symbol in universe.symbols]),
    )
    for kind, names in kinds:
        for i, name in enumerate(names):
            if name in names[:i]:
                raise InputError(explain(file.at((kind, i, "name")), name, "each name occurs once", "Remove one of the two."))
    for v, venue in enumerate(universe.venues):
        for key in ("hours", "listed_hours"):
            first, _, last = getattr(venue, key).partition("-")
            if first > "09:30" or (last and last < "16:00"):
                limit = "they must hold 09:30 to 16:00"
                raise InputError(explain(file.at(("venues", v, key)), f"{first}-{last}", limit, f"Write {ALL_HOURS}, or leave it out."))
    for i, symbol in enumerate(universe.symbols):
        if symbol.listing not in venue_names:
            limit = f"the venues are {', '.join(venue_names)}"
            raise InputError(explain(file.at(("symbols", i, "listing")), symbol.listing, limit, "Name one of them."))


def _minutes(time: str) -> int:
    hour, _, minute = time.partition(":")
    return 60 * int(hour) + int(minute)


def _index_of(kind: str, name: str, names: list[str]) -> int:
    if name in names:
        return names.index(name)
    close = get_close_matches(name.upper(), names, n=1, cutoff=0.5)
    remedy = f"Did you mean {close[0]}?" if close else f"Name one of the {kind}s."
    raise InputError(explain(f"Unknown {kind}", name, f"known are {few_names(names)}", remedy))


def few_names(names: Sequence[str], most: int = 120) -> str:
    """For a message: all of them, or the first few of thousands."""
    return ", ".join(names) if len(names) <= most else f"{', '.join(names[:8])} and {len(names) - 8:,} more"
