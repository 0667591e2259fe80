"""The keys of a scenario file, with what each may be: the model that a file is read by, and that the JSON Schema is made of."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag

from simulator.inputs.config import (
    EVERY_SYMBOL,
    HISTORY_MAX,
    LATENCY_NS_MAX,
    MAX_ORDERS_MAX,
    PRICE_WINDOW_MAX,
    SEED_MAX,
    SEED_MIN,
    Fees,
    OffsessionTrades,
)
from simulator.inputs.generated_universe import GenerateKeys
from simulator.inputs.reference_prices import PRICE_MAX_USD, PRICE_MIN_USD
from simulator.inputs.strict_yaml import GENERATED, INLINE, NAMED
from simulator.inputs.universe import SYMBOLS_MAX, Universe
from simulator.records import EXTRA_TABLES, NS_PER_US

COPIES_MAX = 1_000


class _Keys(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False, defer_build=True)


class RatesKeys(_Keys):
    """Rows per second of simulated time, over all symbols and venues."""

    market_data_min_eps: int | None = Field(None, description="Book rows, at least.")
    market_data_max_eps: int | None = Field(None, description="Book rows, at most.")
    trades_min_eps: int | None = Field(None, description="Trades, at least.")
    trades_max_eps: int | None = Field(None, description="Trades, at most.")
    for_symbols: Annotated[int, Field(ge=1, le=SYMBOLS_MAX)] | None = Field(
        None, description="The rates are those of so many symbols, and scale to the number in the file (default: they are totals)."
    )


class PriceKeys(_Keys):
    """A symbol's reference prices in USD."""

    low: Annotated[float, Field(ge=PRICE_MIN_USD, le=PRICE_MAX_USD)]
    high: Annotated[float, Field(ge=PRICE_MIN_USD, le=PRICE_MAX_USD)]
    close: Annotated[float, Field(ge=PRICE_MIN_USD, le=PRICE_MAX_USD)] = Field(description="Where the first day's efficient price begins.")


class FeesKeys(_Keys):
    """USD a share that agents pay; negative: what they get."""

    maker_usd: float = Field(Fees().maker_usd, description="For fills of orders that stood in a book.")
    taker_usd: float = Field(Fees().taker_usd, description="For fills of orders as they arrive.")
    cross_usd: float = Field(Fees().cross_usd, description="For fills in a cross.")


class ShockKeys(_Keys):
    """News that moves the efficient price of a symbol."""

    at: str = Field(description="When it begins, ISO-8601 with a zone.")
    symbol: str = Field(EVERY_SYMBOL, description="A symbol of the universe, or '*' for all.")
    by: Annotated[float, Field(ge=-0.5, le=1.0)] = Field(description="The part of the price: -0.12 is a fall of 12 %.")
    over_s: Annotated[float, Field(ge=1.0, le=86_400.0)] = Field(1.0, description="Seconds that it takes.")


class LimitsKeys(_Keys):
    """Sizes of the engine's memory."""

    max_orders: Annotated[int, Field(ge=64, le=MAX_ORDERS_MAX)] | None = Field(None, description="Orders alive in one book at most.")
    price_window: Annotated[int, Field(ge=1024, le=PRICE_WINDOW_MAX)] | None = Field(
        None, description="Ticks that the resting prices of one book may span; a power of two."
    )
    history: Annotated[int, Field(ge=4, le=HISTORY_MAX)] | None = Field(None, description="Recent states of each book kept for agents.")


class UseKeys(_Keys):
    """A callable of the user's and its arguments."""

    use: str = Field(description="module:callable; modules beside the file come first.")
    with_: dict[str, Any] = Field(default_factory=dict, alias="with", description="Arguments by name.")


Latency = Annotated[int, Field(ge=1, le=LATENCY_NS_MAX)]


def _branch(value: Any) -> str:
    return INLINE if isinstance(value, dict | BaseModel) else NAMED


def _universe_branch(value: Any) -> str:
    is_generated = isinstance(value, GenerateKeys) or (isinstance(value, dict) and "venues" not in value and "symbols" not in value)
    return GENERATED if is_generated else NAMED if isinstance(value, str) else INLINE


class AgentKeys(UseKeys):
    """One Python agent."""

    name: Annotated[str, Field(min_length=1, max_length=64)]
    symbols: list[str] = Field(default_factory=list, description="What it trades or watches; they share a worker (default: all).")
    latency_ns: Annotated[
        Annotated[Latency, Tag(NAMED)] | Annotated[dict[str, Latency], Tag(INLINE)], Discriminator(_branch)
    ] = Field(100 * NS_PER_US, description="One way, in ns: one number, or by venue, with '*' for the others.")  # fmt: skip
    max_messages_per_s: Annotated[int, Field(ge=1)] = Field(10_000, description="Commands in each second; more are refused.")
    keep_orders: bool = Field(True, description="false: keep sums only, not each order and fill.")
    max_wake_s: Annotated[float, Field(gt=0)] = Field(60.0, description="Wall time between two yields; then it is stopped.")
    copies: Annotated[int, Field(ge=1, le=COPIES_MAX)] = Field(1, description="So many of them, named NAME-1, NAME-2 ...")


class ScenarioKeys(_Keys):
    """A scenario file."""

    about: str = Field("", description="One line, shown when the scenario is checked or run.")
    universe: Annotated[
        Annotated[str, Tag(NAMED)] | Annotated[Universe, Tag(INLINE)] | Annotated[GenerateKeys, Tag(GENERATED)],
        Discriminator(_universe_branch),
    ] | None = Field(
        None,
        description="Venues and symbols: us100, a YAML file's path, written out, or generate: N (default: the spec's 30 symbols).",
    )  # fmt: skip
    symbols: list[str] | None = Field(None, description="These of the universe; rates are totals over them.")
    only: list[str] | None = Field(None, description="Simulate just these; their rows are those of the full run.")
    prices: Annotated[
        Annotated[str, Tag(NAMED)] | Annotated[dict[str, PriceKeys], Tag(INLINE)], Discriminator(_branch)
    ] | None = Field(None, description="builtin, yahoo, the path of a CSV file, or low, high and close by symbol.")  # fmt: skip
    dates: str | list[str] | None = Field(None, description="A date, or the first and the last one; instead of start_ts and end_ts.")
    start_ts: str | None = Field(None, description="First instant, ISO-8601 with a zone.")
    end_ts: str | None = Field(None, description="The run ends before this instant.")
    seed: Annotated[int, Field(ge=SEED_MIN, le=SEED_MAX)] | None = None
    levels: int | None = Field(None, description="Price levels of each side in a book row, 1 to 40.")
    rates: RatesKeys = RatesKeys()
    total_market_data_events: Annotated[int, Field(ge=1)] | None = Field(None, description="Book rows of the run at most.")
    session_pacing: bool | None = Field(None, description="The exchange's phases and crosses, or none.")
    offsession_trades: OffsessionTrades | None = None
    profile: str | None = Field(None, description="Parameters of the background flow: a name, or the path of a YAML file.")
    populations: dict[str, Any] = Field(default_factory=dict, description="Parameters of the background flow that differ from the profile.")
    background: bool = Field(True, description="false: no compiled flow; the agents are the market.")
    agents: list[AgentKeys] = Field(default_factory=list)
    shocks: list[ShockKeys] = Field(default_factory=list)
    fees: FeesKeys = FeesKeys()
    extra_tables: list[str] | None = Field(None, description=", ".join(EXTRA_TABLES))
    writer: Annotated[Annotated[str, Tag(NAMED)] | Annotated[UseKeys, Tag(INLINE)], Discriminator(_branch)] | None = Field(
        None, description="parquet, questdb, memory, null, or use: module:callable, called with (folder, worker, **with)."
    )
    limits: LimitsKeys = LimitsKeys()
