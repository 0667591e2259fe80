"""Measures what agents' parent orders do to the price, and writes docs/realism/agents_impact_PROFILE.json.

    python docs/make_impact.py --profile market --seeds 1..40

Thirty parent orders a seed, one a symbol, of 1 to 64 trades of a round lot, half of them to buy, each seed with and without all of them
(``simulator.with_and_without``). Impact is the difference of the midpoints' log, with the order's sign, over the standard deviation of
the symbol's day; it is taken some seconds after the last trade, and again minutes later.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from simulator.agents.interface import BEST
from simulator.analysis.estimates import estimate
from simulator.analysis.impact import Impact, with_and_without
from simulator.analysis.variation import parse_seeds
from simulator.flow.profile import load_profile
from simulator.inputs.config import AgentSpec, Rates, Scenario
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.sessions import parse_ts
from simulator.inputs.universe import load_universe
from simulator.records import F64, NS_PER_MS, NS_PER_S, OrderType, Side

DOCS = Path(__file__).parent
START = "2025-07-01T14:00:00Z"
SIZES = (1, 2, 4, 8, 16, 32, 64)
"""Trades of a parent order."""
SHARES = 100
"""A trade."""
GAP_NS = 500 * NS_PER_MS
BEGINS_S = 10
PEAK_AFTER_S = 2
"""After the last trade: makers have followed by then."""
LATER_S = (5, 10, 20, 60, 120, 300, 600)
EXPONENT_UNTIL_S = 60
"""Later the price has gone so far by itself that the exponent cannot be seen."""


def parent(market: Any, orders: Any, rng: Any, symbol: str, side: int, trades: int, gap_ns: int) -> Any:
    """Takes a round lot at the best price, so many times."""
    yield market.wait(BEGINS_S * NS_PER_S)
    for _ in range(trades):
        bid, ask = market.nbbo(symbol)
        far = ask if side == Side.BUY else bid
        if far:
            orders.add(Side(side), symbol, BEST, far, SHARES, type=OrderType.IOC)
        yield market.wait(gap_ns)


def scenario_of(profile: str, seed: int) -> Scenario:
    universe = load_universe()
    start_ns = parse_ts(START)
    prices = reference_prices("builtin", [s.name for s in universe.symbols], (dt.date(2025, 7, 1),) * 2).brackets
    agents = []
    for n, symbol in enumerate(universe.symbols):
        trades, side = task(seed, n)
        arguments = {"symbol": symbol.name, "side": side, "trades": trades, "gap_ns": GAP_NS}
        agents.append(AgentSpec(name=f"parent-{n + 1}", make=parent, arguments=arguments, symbols=(symbol.name,), copy_of="parent"))
    last_s = BEGINS_S + SIZES[-1] * GAP_NS // NS_PER_S + LATER_S[-1] + PEAK_AFTER_S + 1
    return Scenario(
        universe=universe, start_ns=start_ns, end_ns=start_ns + last_s * NS_PER_S, prices=prices, seed=seed, profile=profile,
        agents=tuple(agents), rates=Rates(),
    )  # fmt: skip


def task(seed: int, n: int) -> tuple[int, int]:
    """Trades and side of the ``n``-th symbol: each symbol has each size with either side in turn."""
    place = seed + n
    return SIZES[place % len(SIZES)], (place // len(SIZES) + n) % 2


def paths(impact: Impact, scenario: Scenario, seed: int, volatility: F64) -> list[tuple[int, list[float], int]]:
    """Of each symbol: trades, impact at the peak and later (parts of a day's standard deviation), shares that were traded."""
    log = np.log(impact.mid_with_usd / impact.mid_without_usd)
    found = []
    for n in range(len(impact.symbols)):
        trades, side = task(seed, n)
        ends_s = BEGINS_S + (trades - 1) * GAP_NS / NS_PER_S
        at = [math.ceil(ends_s + after) - 1 for after in (PEAK_AFTER_S, *LATER_S)]
        sign = 1 - 2 * side
        shares = int(impact.agents[f"parent-{n + 1}"].fill_columns["size"].sum())
        found.append((trades, [sign * float(log[t, n]) / float(volatility[n]) for t in at], shares))
    return found


def exponent(means: F64, weights: F64) -> tuple[float, float]:
    """c and delta of c * trades ** delta, least squares with these weights."""
    sizes = np.array(SIZES, np.float64)

    def of(delta: float) -> tuple[float, float]:
        shape = sizes**delta
        c = float((weights * means * shape).sum() / (weights * shape * shape).sum())
        return c, float((weights * (means - c * shape) ** 2).sum())

    low, high = -0.5, 2.0
    for _ in range(60):  # one minimum: golden section
        a, b = low + 0.382 * (high - low), low + 0.618 * (high - low)
        low, high = (low, b) if of(a)[1] < of(b)[1] else (a, high)
    return of((low + high) / 2)[0], (low + high) / 2


def judge(seeds: list[int], each: list[list[tuple[int, list[float], int]]]) -> dict[str, Any]:
    """Means by size, the exponent with its jackknife error over seeds, and what is left later of the peaks of 8 trades and more."""
    values = np.array([[row[1] for row in one] for one in each])  # [seeds, symbols, times]
    trades = np.array([[row[0] for row in one] for one in each])
    shares = np.array([[row[2] for row in one] for one in each])
    members = [trades == size for size in SIZES]
    n = len(seeds)

    def fitted(place: int) -> tuple[float, float, float]:
        """c and delta at one of the times, and delta's jackknife error over seeds."""
        weights = np.array([m.sum() / values[..., place][m].var() for m in members])

        def of(kept: Any) -> tuple[float, float]:
            return exponent(np.array([values[kept, :, place][m[kept]].mean() for m in members]), weights)

        each_without = np.array([of(np.arange(n) != s)[1] for s in range(n)])
        return *of(np.ones(n, bool)), math.sqrt((n - 1) / n * ((each_without - each_without.mean()) ** 2).sum())

    c, delta, error = fitted(0)
    big = trades >= 8
    peaks = np.array([values[s, big[s], 0].mean() for s in range(n)])
    left = {}
    for place, after in enumerate(LATER_S, 1):
        late = np.array([values[s, big[s], place].mean() for s in range(n)])
        ratio = late.mean() / peaks.mean()
        spread = estimate(late - ratio * peaks).se / peaks.mean()
        left[f"{after} s"] = {"part of the peak": round(ratio, 3), "standard error": round(spread, 3)}
    return {
        "seeds": n,
        "pairs": int(trades.size),
        "exponent": round(delta, 3),
        "standard error": round(error, 3),
        "95 % interval": [round(delta - 1.96 * error, 3), round(delta + 1.96 * error, 3)],
        "exponent later": {
            f"{after} s": {"exponent": round(found[1], 3), "standard error": round(found[2], 3)}
            for found, after in ((fitted(place), after) for place, after in enumerate(LATER_S, 1) if after <= EXPONENT_UNTIL_S)
        },
        "impact of one trade, parts of a day's standard deviation": round(c, 5),
        "by trades": {
            str(size): {
                "pairs": int(m.sum()),
                "impact": round(float(values[..., 0][m].mean()), 5),
                "standard error": round(float(values[..., 0][m].std() / math.sqrt(m.sum())), 5),
                "shares": round(float(shares[m].mean())),
            }
            for size, m in zip(SIZES, members, strict=True)
        },
        "left": left,
    }


def main() -> None:
    reader = argparse.ArgumentParser()
    reader.add_argument("--profile", default="market")
    reader.add_argument("--seeds", default="1..40")
    reader.add_argument("--out", type=Path)
    asked = reader.parse_args()
    seeds = list(parse_seeds(asked.seeds))
    universe = load_universe()
    scale = load_profile(asked.profile).volatility_scale
    volatility = np.array([s.daily_volatility * scale for s in universe.symbols])
    each = []
    for seed in seeds:
        scenario = scenario_of(asked.profile, seed)
        each.append(paths(with_and_without(scenario, "parent"), scenario, seed, volatility))
    command = f"python docs/make_impact.py --profile {asked.profile} --seeds {asked.seeds}"
    card = {"command": command, "profile": asked.profile, **judge(seeds, each)}
    out = asked.out or DOCS / "realism" / f"agents_impact_{asked.profile}.json"
    out.write_text(json.dumps(card, indent=1) + "\n")


if __name__ == "__main__":
    main()
