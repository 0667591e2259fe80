"""Manifests of version 0.1, read as far as they say what decides a run's rows: those of runs without a scenario file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from simulator.errors import InputError, explain
from simulator.flow.profile import load_profile
from simulator.inputs.config import Fees
from simulator.inputs.sessions import format_ts
from simulator.inputs.strict_yaml import YamlFile, why_invalid
from simulator.inputs.universe import Name, load_universe

OLD_FORMAT = "equities-market-simulator/1"
Short = Annotated[str, StringConstraints(max_length=4_096)]
Price = Annotated[float, Field(allow_inf_nan=False)]
BUILTIN_DATE = "2025-06-30"
"""Of the prices that 0.1 had in its own table."""
MAX_ORDERS, PRICE_WINDOW, HISTORY = 2048, 16384, 4096
"""What 0.1 had where no scenario file said otherwise; its manifests do not keep them."""
OLD_SOURCES = "of 0.1"
"""In the versions of a record that is made of a manifest of 0.1, which did not hold its program's files."""


class _Old(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, defer_build=True)  # what else it says decides no row


class _Prices(_Old):
    low: Price
    high: Price
    close: Price
    source: Short


class _Refresh(_Old):
    ts_ns: Annotated[int, Field(ge=0, lt=2**62)]
    over_ns: int
    prices: dict[Name, tuple[Price, Price, Price, Short]]


class _Settings(_Old):
    scenario: Short | None
    market_data_min_eps: int
    market_data_max_eps: int
    trades_min_eps: int
    trades_max_eps: int
    session_pacing: bool
    offsession_trades: Literal["none", "trickle", "full"]
    seed: int
    levels: int
    symbols: tuple[Name, ...]
    only: tuple[Name, ...] | None
    profile: Short
    extra_tables: tuple[Short, ...] | None
    start_ts: Short
    end_ts: Short


class OldManifest(_Old):
    """What 0.1 kept of a run."""

    format_version: Literal[1]
    versions: dict[Short, Short]
    complete: bool
    reason: str | None
    mode: Literal["faster-than-life", "real-time"]
    settings: _Settings
    total_market_data_events: int | None
    suffix: Short
    prices_source: Short
    prices: dict[Name, _Prices]
    refreshes: tuple[_Refresh, ...]
    rows: dict[Short, int]
    digest: Short | None
    digest_parts: dict[Short, Short]
    processes: int
    wall_seconds: float


def from_version_1(text: bytes | str, where: str) -> dict[str, Any]:
    """Today's manifest with the same run, as plain data. Raises ``InputError`` with the remedy for what 0.1 did not keep."""
    try:
        old = OldManifest.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise InputError(why_invalid(OldManifest, YamlFile(where, None, {}, "", "a manifest of version 0.1"), error)) from None
    kept = old.settings
    if kept.scenario is not None:
        limit = "a record of version 0.1 does not hold the agents, limits and universe of its scenario file"
        remedy = (
            f"Run the scenario again: --scenario {kept.scenario} --seed {kept.seed} --start_ts {kept.start_ts} --end_ts {kept.end_ts}, and "
            "the reference prices from its key 'prices' as a CSV file (docs/upgrading.md)."
        )
        raise InputError(explain(where, kept.scenario, limit, remedy))
    rates = ("market_data_min_eps", "market_data_max_eps", "trades_min_eps", "trades_max_eps")
    fees = Fees()
    record = {
        "versions": {"sources": OLD_SOURCES, **old.versions}, "mode": old.mode,
        "start_ts": kept.start_ts, "end_ts": kept.end_ts, "seed": kept.seed,
        "levels": kept.levels, "rates": {name: getattr(kept, name) for name in rates},
        "total_market_data_events": old.total_market_data_events, "session_pacing": kept.session_pacing,
        "offsession_trades": kept.offsession_trades, "offhours_quotes": old.mode == "real-time",
        "universe": load_universe().select(kept.symbols), "only": kept.only or (), "extra_tables": kept.extra_tables or (),
        "profile": {"name": kept.profile, "parameters": load_profile(kept.profile).model_dump(mode="json")}, "background": True,
        "agents": (), "fees": {"maker_usd": fees.maker_usd, "taker_usd": fees.taker_usd, "cross_usd": fees.cross_usd},
        "max_orders": MAX_ORDERS, "price_window": PRICE_WINDOW, "history": HISTORY, "prices_source": old.prices_source,
        "prices": {
            name: {**price.model_dump(), "date": BUILTIN_DATE if price.source == "builtin" else ""} for name, price in old.prices.items()
        },
        "refreshes": tuple(
            {
                "ts": format_ts(r.ts_ns), "over_ns": r.over_ns,
                "prices": {s: dict(zip(("low", "high", "close", "source"), given, strict=True)) for s, given in r.prices.items()},
            }
            for r in old.refreshes
        ),
        "scenario_file": None,
    }  # fmt: skip
    return {
        "complete": old.complete, "reason": old.reason, "asked_start_ts": kept.start_ts, "replayed_from_ts": None, "suffix": old.suffix,
        "record": record, "rows": old.rows, "digest": old.digest, "digest_parts": old.digest_parts, "processes": old.processes,
        "wall_seconds": old.wall_seconds,
    }  # fmt: skip
