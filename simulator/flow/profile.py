"""A profile: the parameters of the background flow, read from a YAML file and checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from simulator.errors import InputError, explain
from simulator.inputs.paths import is_file
from simulator.inputs.strict_yaml import YamlFile, nearest, parse_yaml, read_yaml, validate
from simulator.records import F64

SHIPPED_VENUES = ("NASDAQ", "NYSE", "ARCA", "BATS", "IEX")
SPEC_PROFILE = "simulator/flow/profiles/spec.yaml"
Share = Annotated[float, Field(ge=0, le=1)]
Ticks = Annotated[float, Field(ge=0, le=100)]
Shares = Annotated[int, Field(ge=1, le=1_000_000)]
Level = Annotated[int, Field(ge=1, le=1_000)]


def _rising(pair: tuple[int, int]) -> tuple[int, int]:
    if pair[0] > pair[1]:
        raise ValueError("must be the least and the most, in this order")
    return pair


def _some(levels: dict[int, int]) -> dict[int, int]:
    if not levels:
        raise ValueError("must name the shares of one level at least")
    return levels


def _first_three(levels: dict[int, int]) -> dict[int, int]:
    if sorted(levels) != [1, 2, 3]:
        raise ValueError("must name the shares of levels 1, 2 and 3, and of no other")
    return levels


def _listing(venues: dict[str, float]) -> dict[str, float]:
    if "listing" not in venues:
        raise ValueError("must name listing, for a symbol's listing venue; what is not named counts 1")
    return venues


def _usual(venues: dict[str, int]) -> dict[str, int]:
    if not {"listing", "other"} <= set(venues):
        raise ValueError("must name listing, for a symbol's listing venue, and other, for all that are not named")
    return venues


class Profile(BaseModel):
    """Parameters of the flow; ``profiles/spec.yaml`` explains each beside its value."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    volatility_scale: Annotated[float, Field(gt=0, le=10)]
    variance_flow: Share
    variance_market: Share
    variance_sector: Share
    half_spread_mega_cap: Ticks
    half_spread_other: Ticks
    half_spread_away: Ticks
    half_spread_bps: Annotated[float, Field(ge=0, le=1000)]
    spread_by_volatility: Annotated[float, Field(ge=0, le=3)]
    spread_by_volume: Annotated[float, Field(ge=0, le=3)]
    depth_by_price: Annotated[float, Field(ge=0, le=3)]
    spread_opening: Annotated[float, Field(ge=1, le=20)]
    alert_part: Annotated[float, Field(gt=0, le=10)]
    hidden_rate: Share
    attraction: Annotated[dict[str, Annotated[float, Field(gt=0, le=100)]], AfterValidator(_listing)]
    rows_a_venue: Annotated[int, Field(ge=0, le=1)]
    volume_exponent: Annotated[float, Field(ge=0, le=2)]
    rows_by_moves: Annotated[float, Field(ge=0, le=2)]
    moves_least: Annotated[float, Field(ge=1, le=100)]
    answers_by_moves: Annotated[float, Field(ge=0, le=2)]
    ceiling_evenness: Annotated[float, Field(ge=0, le=10)]
    answers_ahead: Annotated[float, Field(ge=0, le=10)]
    half_spread_busy: Ticks
    inventory_skew_ticks: Ticks
    level_gap_jump: Annotated[float, Field(ge=0, le=10)]
    level_gap_max: Annotated[int, Field(ge=1, le=50)]
    level_shares: Annotated[dict[Level, Shares], AfterValidator(_some)]
    level_shares_most: Annotated[dict[Level, Shares], AfterValidator(_first_three)]
    near_shares: Annotated[tuple[Shares, Shares], AfterValidator(_rising)]
    near_odd_share: Share
    reserve_share: Share
    odd_lot_share: Share
    odd_lots_by_price: Share
    one_share: Share
    lots_mean: Annotated[float, Field(ge=0, le=10)]
    block_share: Share
    sweep_share: Share
    order_protection: bool
    arbitrage_ns: Annotated[int, Field(ge=0, le=1_000_000_000)]
    news_row_share: Annotated[float, Field(gt=0, le=1)]
    reaction_ns: Annotated[dict[str, Annotated[int, Field(ge=1, le=10_000_000)]], AfterValidator(_usual)]
    shares_a_print: Annotated[float, Field(gt=0, le=10_000)]
    open_share: Share
    close_share: Share
    share_sd: Annotated[float, Field(ge=0, le=3)]
    share_tau_s: Annotated[float, Field(gt=0)]
    total_sd: Annotated[float, Field(ge=0, le=3)]
    total_tau_s: Annotated[float, Field(gt=0)]

    @field_validator("variance_sector")
    @classmethod
    def _parts_of_one(cls, sector: float, info: ValidationInfo) -> float:
        others = [info.data.get(name, 0.0) for name in ("variance_flow", "variance_market")]
        if sum(others) + sector > 1 + 1e-9:
            raise ValueError(f"must be at most 1 together with variance_flow and variance_market, here {others[0]:g} and {others[1]:g}")
        return sector

    def level_targets(self, count: int) -> F64:
        """float64[count]: shares that a level shows in the mean, from the best level on."""
        anchors = sorted(self.level_shares.items())
        levels = np.arange(1, count + 1)
        known = np.array([level for level, _ in anchors], np.float64)
        shares = np.array([size for _, size in anchors], np.float64)
        geometric = np.exp(np.interp(levels, known, np.log(shares)))
        return np.asarray(np.where(levels <= 10, geometric, np.interp(levels, known, shares)), np.float64)


def load_profile(name: str, changes: Mapping[str, Any] | YamlFile | None = None) -> Profile:
    """The profile of that name in ``simulator/profiles``, or in the file of that path, with ``changes``. Raises ``InputError``."""
    builtin = resources.files("simulator.flow") / "profiles"
    known = sorted(entry.name.removesuffix(".yaml") for entry in builtin.iterdir() if entry.name.endswith(".yaml"))
    if name in known:
        file = _shipped(name)
    elif is_file(name):
        file = read_yaml(Path(name), SPEC_PROFILE, name)
    else:
        raise InputError(explain("--profile", name, f"known are {', '.join(known)}, or the path of a YAML file", "Name one of those."))
    profile: Profile = validate(Profile, file)
    if not changes:
        return profile
    part = changes if isinstance(changes, YamlFile) else YamlFile("populations", changes, {}, "", SPEC_PROFILE)
    changed: Profile = validate(Profile, part.part((), file.data | dict(part.data), SPEC_PROFILE))
    return changed


def check_venue_names(profile: Profile, venues: Iterable[str]) -> Profile:
    """The profile, whose ``attraction`` and ``reaction_ns`` name no other venue than these, or one that the shipped profiles name: another
    universe may lack those. Raises ``InputError``: what is misspelt would be left out without a word."""
    tables: tuple[tuple[str, Iterable[str], tuple[str, ...]], ...] = (
        ("attraction", profile.attraction, ("listing",)), ("reaction_ns", profile.reaction_ns, ("listing", "other")),
    )  # fmt: skip
    for key, named, general in tables:
        known = list(dict.fromkeys([*general, *venues, *SHIPPED_VENUES]))
        for name in named:
            if name not in known:
                raise InputError(explain(f"{key} of the profile", name, f"it may name {', '.join(known)}", nearest(name, known)))
    return profile


@cache
def _shipped(name: str) -> YamlFile:
    """A file of ours does not change while the program runs; each market reads its profile, and YAML is slow to read."""
    text = (resources.files("simulator.flow") / "profiles" / f"{name}.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, f"simulator/flow/profiles/{name}.yaml", SPEC_PROFILE)
