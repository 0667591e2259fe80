"""Symbols and venues: read from YAML, the spec's 30 symbols and five venues by default. Records carry indices into them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from simulator.errors import InputError, explain

_STRICT = ConfigDict(strict=True, extra="forbid")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,15}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Symbol:
    """One listed share."""

    __pydantic_config__ = _STRICT

    name: Name
    sector: Name
    """Shares of one sector share a price factor."""
    listing: Name
    """The venue that runs its opening and closing cross."""
    tick_units: Annotated[int, Field(ge=1, le=100)] = 100
    """In 0.0001 USD; at most a cent, so that every price that a book can hold fits int32."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Universe:
    """Symbols and venues in the order of their indices."""

    __pydantic_config__ = _STRICT

    venues: Annotated[tuple[Venue, ...], Field(min_length=1)]
    symbols: Annotated[tuple[Symbol, ...], Field(min_length=1)]

    def symbol_index(self, name: str) -> int:
        """Raises ``InputError`` that names the closest symbol."""
        return _index_of("symbol", name, [symbol.name for symbol in self.symbols])

    def venue_index(self, name: str) -> int:
        """Raises ``InputError`` that names the closest venue."""
        return _index_of("venue", name, [venue.name for venue in self.venues])

    def listing_index(self, symbol_index: int) -> int:
        """Index of the venue where the symbol is listed."""
        return self.venue_index(self.symbols[symbol_index].listing)

    def select(self, names: Sequence[str]) -> Universe:
        """Those symbols in this universe's order, and all venues. Raises ``InputError`` for an unknown name, or for none at all."""
        if not names:
            raise InputError(explain("No symbols chosen", list(names), "at least one is needed", "Name some, or leave the choice out."))
        chosen = {self.symbol_index(name) for name in names}
        return Universe(venues=self.venues, symbols=tuple(self.symbols[i] for i in sorted(chosen)))


def load_universe(path: Path | None = None) -> Universe:
    """Reads a universe file, the spec's one by default. Raises ``InputError`` with file, key and what is allowed."""
    source = path if path is not None else files("simulator") / "data" / "universe.yaml"
    where = str(path) if path is not None else "simulator/data/universe.yaml"
    try:
        data = yaml.load(source.read_text(encoding="utf-8"), _UniqueKeyLoader)
        # By way of JSON, because a list is a good tuple there even to a strict check.
        universe = TypeAdapter(Universe).validate_json(json.dumps(data, default=str))
    except OSError as error:
        raise InputError(explain("Cannot read the universe file", where, str(error.strerror), "Name a readable YAML file.")) from error
    except ValidationError as error:
        raise InputError(_explain_first(where, error)) from error
    except (yaml.YAMLError, TypeError, ValueError) as error:  # the last two: not UTF-8, keys that are no text, a circle of aliases
        what = " ".join(str(error).split())
        remedy = "Compare it with simulator/data/universe.yaml."
        raise InputError(explain("The universe file is not valid YAML", where, what, remedy)) from error
    check_universe(where, universe)
    return universe


class _UniqueKeyLoader(yaml.SafeLoader):
    """PyYAML lets the last of two equal keys win; here that is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for key, _ in node.value:
            if keys.count(key.value) > 1:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key.value!r} occurs twice", key.start_mark)
        return super().construct_mapping(node, deep)


def check_universe(where: str, universe: Universe) -> None:
    """What no single value shows: names that repeat, listings that are no venue. Raises ``InputError``."""
    venue_names = [venue.name for venue in universe.venues]
    kinds: tuple[tuple[Literal["venues", "symbols"], list[str]], ...] = (
        ("venues", venue_names),
        ("symbols", [symbol.name for symbol in universe.symbols]),
    )
    for kind, names in kinds:
        for i, name in enumerate(names):
            if name in names[:i]:
                raise InputError(explain(f"{where}: {kind}[{i}].name", name, "each name occurs once", "Remove one of the two."))
    for i, symbol in enumerate(universe.symbols):
        if symbol.listing not in venue_names:
            limit = f"the venues are {', '.join(venue_names)}"
            raise InputError(explain(f"{where}: symbols[{i}].listing of {symbol.name}", symbol.listing, limit, "Name one of them."))


def _explain_first(where: str, error: ValidationError) -> str:
    """One complaint as one sentence with the key's path, "symbols[3].beta"; an unknown key goes before the key that it leaves missing."""
    complaints = error.errors(include_url=False, include_context=False)
    first = min(complaints, key=lambda complaint: complaint["type"] != "unexpected_keyword_argument")
    path = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"]).lstrip(".") or "the file"
    kind = Symbol if path.startswith("symbols[") else Venue if path.startswith("venues[") else Universe
    value = sorted(first["input"]) if isinstance(first["input"], dict) else first["input"]
    remedy = f"Keys there: {', '.join(kind.__dataclass_fields__)}."
    if first["type"] == "string_type":
        remedy += " A name that YAML reads as something else, such as ON, needs quotes."
    problem = "unknown key" if first["type"] == "unexpected_keyword_argument" else first["msg"][:1].lower() + first["msg"][1:]
    return explain(f"{where}: {path}", value, problem, remedy)


def _index_of(kind: str, name: str, names: list[str]) -> int:
    if name in names:
        return names.index(name)
    close = get_close_matches(name.upper(), names, n=1, cutoff=0.5)
    remedy = f"Did you mean {close[0]}?" if close else f"Name one of the {kind}s."
    raise InputError(explain(f"Unknown {kind}", name, f"known are {', '.join(names)}", remedy))
