"""How the symbols differ: spread, displayed sizes and odd lots by price, volatility and volume."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from simulator.flow.fundamental import SECONDS_A_SESSION
from simulator.flow.profile import Profile
from simulator.inputs.config import Scenario
from simulator.inputs.universe import Symbol
from simulator.records import F64, PRICE_UNITS_PER_USD

USUAL_VOLATILITY, USUAL_USD_A_DAY, USUAL_USD = 0.018, 5e9, 150.0
"""Of the share whose numbers the profile gives: a day's volatility, what is traded of it in a day, its price."""
HALF_SPREAD_LEAST, HALF_SPREAD_MOST = 0.05, 60.0
"""Ticks: a quote one tick wide is that of a tick-constrained share."""
SCALE_LEAST, SCALE_MOST = 0.4, 6.0
ODD_LOTS_LEAST, ODD_LOTS_MOST = 0.2, 0.85


class Looks(NamedTuple):
    """Of one symbol."""

    half_spread: float
    """Ticks, at midday, at the listing venue."""
    away: float
    """Added to it at the other venues."""
    scale: float
    """Of displayed sizes."""
    odd_lots: float
    """Share of takers' orders."""


def looks_of(symbol: Symbol, price_usd: float, volatility: float, profile: Profile) -> Looks:
    """Of a day of that volatility. Where the profile gives a spread in basis points it goes with volatility and against volume, as spreads
    do in cross section (docs/realism.md, S2); sizes displayed fall, and odd lots rise, with the price (docs/realism.md, S7)."""
    if profile.half_spread_bps > 0:
        usd_a_day = symbol.daily_volume * price_usd
        bps = profile.half_spread_bps * (volatility / USUAL_VOLATILITY) ** profile.spread_by_volatility
        bps *= (usd_a_day / USUAL_USD_A_DAY) ** -profile.spread_by_volume
        half = bps * 1e-4 * price_usd * PRICE_UNITS_PER_USD / symbol.tick_units
        half = min(max(half - 0.5, HALF_SPREAD_LEAST), HALF_SPREAD_MOST)
    else:
        half = profile.half_spread_mega_cap if symbol.mega_cap else profile.half_spread_other
    scale = min(max((price_usd / USUAL_USD) ** -profile.depth_by_price, SCALE_LEAST), SCALE_MOST) if profile.depth_by_price else 1.0
    odd = profile.odd_lot_share
    if profile.odd_lots_by_price:
        odd = min(max(odd + profile.odd_lots_by_price * math.log(price_usd / USUAL_USD), ODD_LOTS_LEAST), ODD_LOTS_MOST)
    return Looks(half, profile.half_spread_away * max(1.0, half), scale, odd)


def tick_moves(scenario: Scenario, profile: Profile) -> F64:
    """[symbols of the universe]: how many ticks each price usually moves in a second."""
    prices = scenario.prices
    usual = [s.daily_volatility * prices[s.name].close * PRICE_UNITS_PER_USD / s.tick_units for s in scenario.universe.symbols]
    return np.asarray(usual, np.float64) * (profile.volatility_scale / math.sqrt(SECONDS_A_SESSION))
