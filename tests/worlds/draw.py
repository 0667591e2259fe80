"""A seed to a world. What the program may refuse is drawn too, but seldom: most worlds are odd and legitimate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from simulator.inputs.config import AgentSpec, Rates, Scenario
from simulator.inputs.reference_prices import Bracket
from simulator.inputs.sessions import trading_days
from simulator.inputs.universe import Symbol, Universe, Venue, load_universe
from simulator.records import PRICE_UNITS_PER_USD
from tests.worlds.agents import anything

NEW_YORK = ZoneInfo("America/New_York")
S, MS = 1_000_000_000, 1_000_000
ROWS_WANTED = 2_500
"""Book rows of the background at most; with prints, orders and the agents' rows a world stays below 20,000."""
BOOKS_WITH_ORDERS = 60
"""The orders that fill more books than that are not kept: a book begins with some 80."""
DATES = (
    "2025-03-07", "2025-03-09", "2025-03-10", "2025-10-31", "2025-11-02", "2025-11-03",  # daylight saving begins, ends
    "2025-07-03", "2025-11-28", "2025-12-24", "2018-12-24",  # early closes
    "2025-12-31", "2026-01-01", "2026-01-02", "1999-12-31", "2025-01-09", "2012-10-29", "2001-09-17", "2024-02-29", "2025-06-19",
)  # fmt: skip
MOMENTS = (
    "00:00:00", "01:00:00", "02:00:00", "03:59:57", "04:00:00", "09:28:55", "09:29:57", "09:30:00", "10:17:00", "12:30:00",
    "12:59:57", "13:00:00", "15:29:58", "15:49:58", "15:58:55", "15:59:57", "16:00:00", "16:59:57", "19:59:57", "23:59:57",
)  # fmt: skip
TICK_UNITS = (1, 5, 10, 25, 50, 100, 100, 100, 250, 500)
PRICES_USD = (0.05, 700_000.0)
WINDOW = 16_384
"""The default price window, in ticks."""
MOVE = 0.1
"""Of its price that most symbols may move within the window."""
PENNY_TICKS = 200
"""A price of fewer ticks may leave a side without levels."""
BOOKS_TIMES_TICKS = 2_000_000
"""A wider window is drawn where that costs little memory."""
PARAMETERS: dict[str, tuple[float, float]] = {
    "volatility_scale": (0.01, 10), "variance_flow": (0, 0.5), "variance_market": (0, 0.3), "variance_sector": (0, 0.2),
    "half_spread_mega_cap": (0, 20), "half_spread_other": (0, 20), "half_spread_away": (0, 10), "half_spread_bps": (0, 20),
    "half_spread_busy": (0, 10), "spread_by_volatility": (0, 3), "spread_by_volume": (0, 3), "spread_opening": (1, 20), "alert_part": (0.01, 10),
    "depth_by_price": (0, 3), "inventory_skew_ticks": (0, 2), "level_gap_jump": (0, 10), "level_gap_max": (1, 50), "near_odd_share": (0, 1),
    "reserve_share": (0, 1), "hidden_rate": (0, 1), "odd_lot_share": (0, 1), "odd_lots_by_price": (0, 1), "one_share": (0, 1),
    "lots_mean": (0, 10), "block_share": (0, 1), "sweep_share": (0, 1), "order_protection": (0, 1), "arbitrage_ns": (0, 1_000_000_000),
    "news_row_share": (0.01, 1), "shares_a_print": (0.01, 10_000), "open_share": (0, 1), "close_share": (0, 1), "rows_a_venue": (0, 1),
    "volume_exponent": (0, 2), "rows_by_moves": (0, 2), "moves_least": (1, 100), "answers_by_moves": (0, 2),
    "ceiling_evenness": (0, 10), "answers_ahead": (0, 10), "share_sd": (0, 3), "share_tau_s": (0.1, 1_000),
    "total_sd": (0, 3), "total_tau_s": (0.1, 1_000),
}  # fmt: skip
"""Every number of a profile, from the least to the most that is drawn; ``tests/test_worlds.py`` asks whether one is missing."""
WHOLE = ("level_gap_max", "arbitrage_ns", "rows_a_venue")
TABLES = ("level_shares", "level_shares_most", "near_shares", "attraction", "reaction_ns")
"""What a profile says in more than one number."""
EITHER = ("order_protection",)
"""Yes or no."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is run, and in which other ways its rows must come out again."""

    seed: int
    settings: Mapping[str, Any]
    """Arguments of ``Scenario``, which may refuse them."""
    asks_rates: bool
    """The seconds of the session must lie within the rates: whole seconds, a background, nobody else's rows."""
    is_narrow: bool
    """Limits so small, or a profile so odd, that a book may not show five levels, nor every rate be kept."""
    slice_ns: int
    stops: tuple[float, ...]
    """Parts of the run after which it is stopped and goes on."""
    interrupt_at: int
    """The call of the sink at which Ctrl-C comes, the first time."""
    workers: int
    """In another run the symbols are dealt to so many."""
    by_files: bool
    """Whether the rows take the way through Parquet files."""

    def scenario(self) -> Scenario:
        """Raises ``InputError`` for what the program refuses."""
        return Scenario(**self.settings)


def draw(seed: int) -> World:
    """The world of that seed, on every machine."""
    rng = np.random.default_rng([seed, 11])
    universe, prices = draw_universe(rng)
    books = len(universe.symbols) * len(universe.venues)
    limits, is_small = draw_limits(rng, widest_ticks(universe, prices), books)
    rates = draw_rates(rng)
    start_ns, end_ns, is_whole = draw_times(rng, rates)
    is_closed = not any(day.is_session and day.start_ns <= start_ns < day.segments[-1].start_ns for day in trading_days(start_ns, end_ns))
    trades_at_night = rng.random() < (0.9 if is_closed else 0.3)
    background = bool(rng.random() < 0.93)
    agents = draw_agents(rng, universe, prices, end_ns - start_ns) if rng.random() < 0.4 or not background else ()
    populations = draw_populations(rng) if rng.random() < 0.4 else {}
    tables = np.random.default_rng([seed, 12])
    if tables.random() < 0.15:
        populations |= draw_tables(tables, universe)
    with_orders = books <= BOOKS_WITH_ORDERS and rates.market_data_max_eps <= 20_000
    settings = {
        "universe": universe,
        "prices": prices,
        "start_ns": start_ns,
        "end_ns": end_ns,
        "seed": int(rng.integers(2**31)),
        "levels": int(rng.choice([1, 10, 10, 40])),
        "rates": rates,
        "session_pacing": bool(rng.random() < 0.85),
        "offsession_trades": str(rng.choice(["trickle", "full"])) if trades_at_night else "none",
        "offhours_quotes": bool(rng.random() < 0.5),
        "extra_tables": (("orders",) if with_orders else ()) + ("truth",),
        "profile": str(rng.choice(["spec", "market"])),
        "populations": populations,
        "background": background,
        "agents": agents,
        **limits,
    }
    return World(
        seed=seed,
        settings=settings,
        asks_rates=is_whole and background and not agents,
        is_narrow=is_small or bool(populations) or not is_wide(universe, prices, limits["price_window"]),
        slice_ns=int(10 ** rng.uniform(5, 10)),
        stops=tuple(sorted(float(part) for part in rng.random(int(rng.integers(1, 4))))),
        interrupt_at=int(rng.integers(1, 8)),
        workers=int(rng.integers(2, 5)),
        by_files=bool(rng.random() < 0.1),
    )


def draw_universe(rng: np.random.Generator) -> tuple[Universe, dict[str, Bracket]]:
    """Venues and symbols, and a price for each symbol: of all sizes, with ticks that mostly go with it."""
    known = load_universe()
    names = [v.name for v in known.venues] + ["EDGX", "MEMX"]
    chosen = [str(name) for name in rng.permutation(names)[: int(rng.integers(1, 8))]]
    venues = tuple(
        Venue(name=name, size_multiplier=float(10 ** rng.uniform(-1, 1)), latency_ns=int(10 ** rng.uniform(0, 7))) for name in chosen
    )
    low, high = np.log(PRICES_USD)
    symbols, prices = [], {}
    for n in range(min(40, int(10 ** rng.uniform(0, 1.62)))):
        like = known.symbols[int(rng.integers(len(known.symbols)))]
        close = round(float(np.exp(rng.uniform(low, high) if rng.random() < 0.5 else rng.uniform(np.log(5), np.log(500)))), 4)
        units = int(rng.choice(TICK_UNITS))
        if rng.random() < 0.95:
            fitting = [u for u in TICK_UNITS if MOVE * close * PRICE_UNITS_PER_USD <= u * WINDOW] or [max(TICK_UNITS)]
            units = int(rng.choice(fitting))
        symbol = Symbol(
            name=f"{like.name}{n}" if n % 3 else f"{like.name}.{n}",
            sector=like.sector,
            listing=str(rng.choice(chosen)),
            tick_units=units,
            mega_cap=bool(rng.random() < 0.3),
            beta=float(rng.uniform(-2, 3)),
            daily_volatility=float(10 ** rng.uniform(-3, -0.7)),
            daily_volume=int(10 ** rng.uniform(3, 10)),
        )
        symbols.append(symbol)
        width = float(rng.uniform(0, 0.05))
        prices[symbol.name] = Bracket(max(0.01, close * (1 - width)), close * (1 + width), close, "file")
    return Universe(venues=venues, symbols=tuple(symbols)), prices


def reference_ticks(symbol: Symbol, prices: Mapping[str, Bracket]) -> int:
    return max(1, round(prices[symbol.name].close * PRICE_UNITS_PER_USD / symbol.tick_units))


def widest_ticks(universe: Universe, prices: Mapping[str, Bracket]) -> int:
    """What a window must span for the dearest symbol to move ``MOVE`` of its price."""
    return max(int(MOVE * reference_ticks(symbol, prices)) for symbol in universe.symbols)


def is_wide(universe: Universe, prices: Mapping[str, Bracket], window: int) -> bool:
    """Whether every symbol has room for its levels: below it, and in the window."""
    lowest = min(reference_ticks(symbol, prices) for symbol in universe.symbols)
    return lowest >= PENNY_TICKS and widest_ticks(universe, prices) <= window


def draw_limits(rng: np.random.Generator, wide_ticks: int, books: int) -> tuple[dict[str, int], bool]:
    """The engine's limits, and whether any is so small that it may be met."""
    limits = {"max_orders": 2048, "price_window": WINDOW, "history": 4096}
    while limits["price_window"] < wide_ticks and limits["price_window"] * books < BOOKS_TIMES_TICKS:
        limits["price_window"] *= 2
    if rng.random() < 0.75:
        return limits, False
    limits["max_orders"] = int(rng.choice([8, 264, 300, 512, 1024, 2048]))
    limits["price_window"] = int(2 ** rng.integers(6, 15))
    limits["history"] = int(rng.choice([1, 16, 256, 4096]))
    return limits, True


def draw_rates(rng: np.random.Generator) -> Rates:
    most = int(10 ** rng.uniform(0, 5))
    least = int(most * rng.choice([0, 1, rng.uniform(0, 1)], p=[0.1, 0.1, 0.8]))
    prints = int(most * rng.uniform(0, 0.6))
    return Rates(
        market_data_min_eps=least, market_data_max_eps=max(1, most), trades_min_eps=int(min(least, prints) * rng.uniform(0, 1)),
        trades_max_eps=prints,
    )  # fmt: skip


def draw_times(rng: np.random.Generator, rates: Rates) -> tuple[int, int, bool]:
    """Start, end, and whether both are whole seconds."""
    if rng.random() < 0.5:
        date = dt.date.fromisoformat(str(rng.choice(DATES)))
    else:
        date = dt.date(1990, 1, 2) + dt.timedelta(days=int(rng.integers(16_700)))
    moment = dt.time.fromisoformat(str(rng.choice(MOMENTS)))
    start_ns = int(dt.datetime.combine(date, moment, NEW_YORK).timestamp()) * S
    seconds = min(120.0, ROWS_WANTED / rates.market_data_max_eps)
    if seconds >= 1:
        return start_ns, start_ns + int(seconds * rng.uniform(0.5, 1) + 0.5) * S, True
    # The background begins with a whole second.
    start_ns += int(rng.integers(3)) * S + (int(rng.integers(S)) if rng.random() < 0.1 else 0)
    return start_ns, start_ns + max(1, int(seconds * S)), False


def draw_populations(rng: np.random.Generator) -> dict[str, Any]:
    changes = {}
    for name in rng.choice(list(PARAMETERS), int(rng.integers(1, 4)), replace=False):
        low, high = PARAMETERS[str(name)]
        value = float(rng.choice([low, high, rng.uniform(low, high)], p=[0.15, 0.15, 0.7]))
        changes[str(name)] = value >= (low + high) / 2 if name in EITHER else int(value) if name in WHOLE else value
    return changes


def draw_tables(rng: np.random.Generator, universe: Universe) -> dict[str, Any]:
    """One of what a profile says in more than one number."""
    shares = [int(10 ** rng.uniform(0, 4)) for _ in range(5)]
    names = ["listing", "other", *(venue.name for venue in universe.venues if rng.random() < 0.5)]
    tables: dict[str, Any] = {
        "level_shares": {int(level): size for level, size in zip(rng.choice(np.arange(1, 41), 4, replace=False), shares, strict=False)},
        "level_shares_most": {level: size for level, size in zip((1, 2, 3), shares, strict=False)},
        "near_shares": sorted(shares[:2]),
        "attraction": {name: float(10 ** rng.uniform(-4, 2)) for name in names if name != "other"},
        "reaction_ns": {name: int(10 ** rng.uniform(0, 7)) for name in names},
    }
    name = str(rng.choice(TABLES))
    return {name: tables[name]}


def draw_agents(rng: np.random.Generator, universe: Universe, prices: Mapping[str, Bracket], lasts_ns: int) -> tuple[AgentSpec, ...]:
    near = {symbol.name: reference_ticks(symbol, prices) for symbol in universe.symbols}
    specs = []
    for n in range(int(rng.integers(1, 4))):
        symbols = [str(s) for s in rng.choice(list(near), min(len(near), int(rng.integers(1, 3))), replace=False)]
        latency = {"*": int(10 ** rng.uniform(0, 6.5))}
        if rng.random() < 0.5:
            latency[universe.venues[0].name] = int(10 ** rng.uniform(0, 6.5))
        specs.append(
            AgentSpec(
                name=f"anything {n}",
                make=anything,
                arguments={"pause_ns": max(1, lasts_ns // 60), "near": {s: near[s] for s in symbols}},
                symbols=tuple(symbols),
                latency_ns=latency,
                max_messages_per_s=int(rng.choice([3, 300, 10_000])),
            )
        )
    return tuple(specs)
