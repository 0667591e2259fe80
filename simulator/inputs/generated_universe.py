"""Universes of shares that do not exist: ``universe: {generate: 500, seed: 1}`` in a scenario file.

Each symbol has a stream of its own, so the first 100 of 500 are the 100 of ``generate: 100`` with the same seed. Names are ``SIM`` and a
number of four digits: no US share has a digit in its symbol, so none can be mistaken for a real one. What is drawn, with distributions
that are judgement (rounded from what is generally known of US large and mid caps in 2025, fitted to nothing):

    traded a day    log-normal, median 150 million USD, log standard deviation 1.4; at least 2 million, at most 30 billion
    price           log-normal, median 70 USD, log standard deviation 0.9; at least 3, at most 3,000 USD
    volatility      log-normal around 1.9 % a day; 10 % less for each standard deviation more that is traded, the rest of the log
                    standard deviation 0.30; at least 0.8 %, at most 6 %
    beta            normal, 1.0 +- 0.35; at least 0.2, and so small that a part of the volatility is the share's own
    sector          eleven, in about the numbers in which the large US companies divide
    listing         NASDAQ 55 %, NYSE 45 %
    tick            one cent, as for every US share of 1 USD and more in 2025 (Regulation NMS, rule 612)
    mega cap        those of which 4 billion USD and more are traded a day
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Sequence
from typing import Annotated

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from simulator.inputs.reference_prices import Bracket
from simulator.inputs.universe import SYMBOLS_MAX, Symbol, Universe, load_universe
from simulator.rng import stream

PRICES_OF = dt.date(2025, 6, 30)
"""The day of whose close the prices are, so that every later day leads on from it, whenever a run begins."""
SECTORS = (
    ("tech", 0.15), ("finance", 0.16), ("healthcare", 0.13), ("industrial", 0.16), ("consumer", 0.12), ("staples", 0.05),
    ("energy", 0.05), ("materials", 0.05), ("utilities", 0.05), ("realestate", 0.04), ("communication", 0.04),
)  # fmt: skip
USD_A_DAY, USD_A_DAY_SD, USD_A_DAY_LEAST, USD_A_DAY_MOST = 150e6, 1.4, 2e6, 30e9
PRICE, PRICE_SD, PRICE_LEAST, PRICE_MOST = 70.0, 0.9, 3.0, 3_000.0
VOLATILITY, VOLATILITY_BY_VOLUME, VOLATILITY_SD, VOLATILITY_LEAST, VOLATILITY_MOST = 0.019, -0.10, 0.30, 0.008, 0.06
BETA_SD, BETA_LEAST, BETA_MOST = 0.35, 0.2, 2.2
MARKET_VOLATILITY = 0.010
NASDAQ_PART = 0.55
MEGA_CAP_USD_A_DAY = 4e9
BRACKET_DAYS = 1.5
"""The range of the days before is so many days' volatilities on either side of the close."""


class GenerateKeys(BaseModel):
    """A universe of shares that do not exist, drawn from documented distributions."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, defer_build=True)

    generate: Annotated[int, Field(ge=1, le=SYMBOLS_MAX)] = Field(description="How many symbols.")
    seed: Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] = Field(1, description="Of the universe, not of the run.")


def generate_universe(keys: GenerateKeys) -> tuple[Universe, dict[str, Bracket]]:
    """The symbols, on the default universe's venues, and their reference prices."""
    drawn = [_symbol(keys.seed, n) for n in range(1, keys.generate + 1)]
    return Universe(venues=load_universe().venues, symbols=tuple(symbol for symbol, _ in drawn)), {s.name: b for s, b in drawn}


def _symbol(seed: int, n: int) -> tuple[Symbol, Bracket]:
    rng = stream(seed, "universe", n)
    of_volume, of_price, of_volatility, of_beta = rng.standard_normal(4)
    of_sector, of_listing = rng.random(2)
    usd_a_day = _within(USD_A_DAY * math.exp(USD_A_DAY_SD * of_volume), USD_A_DAY_LEAST, USD_A_DAY_MOST)
    price = round(_within(PRICE * math.exp(PRICE_SD * of_price), PRICE_LEAST, PRICE_MOST), 2)
    log_volatility = VOLATILITY_BY_VOLUME * of_volume + VOLATILITY_SD * of_volatility
    volatility = round(_within(VOLATILITY * math.exp(log_volatility), VOLATILITY_LEAST, VOLATILITY_MOST), 4)
    beta = _within(1.0 + BETA_SD * of_beta, BETA_LEAST, min(BETA_MOST, 0.9 * volatility / MARKET_VOLATILITY))
    symbol = Symbol(
        name=f"SIM{n:04}", sector=_sector(of_sector), listing="NASDAQ" if of_listing < NASDAQ_PART else "NYSE",
        mega_cap=usd_a_day >= MEGA_CAP_USD_A_DAY, beta=round(beta, 2), daily_volatility=volatility,
        daily_volume=_two_digits(usd_a_day / price),
    )  # fmt: skip
    by = math.exp(BRACKET_DAYS * volatility)
    return symbol, Bracket(round(price / by, 2), round(price * by, 2), price, "generated", PRICES_OF)


def _sector(draw: float) -> str:
    names, parts = zip(*SECTORS, strict=True)
    ends: Sequence[float] = np.cumsum(parts).tolist()
    return str(next((name for name, end in zip(names, ends, strict=True) if draw < end), names[-1]))


def _within(value: float, least: float, most: float) -> float:
    return min(max(value, least), most)


def _two_digits(shares: float) -> int:
    unit = 10 ** max(math.floor(math.log10(shares)) - 1, 0)
    return int(max(round(shares / unit) * unit, 1_000))
