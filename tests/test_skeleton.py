"""The path over the days: each day alone, joined to its neighbours, with overnight returns of the right size that remember nothing."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import numpy as np
import pytest

from simulator.flow.fundamental import day_jumps, day_path, jump_part
from simulator.flow.profile import load_profile
from simulator.flow.skeleton import Skeleton, skeleton, weekdays
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.sessions import parse_ts, trading_days
from simulator.inputs.universe import load_universe
from simulator.records import NS_PER_S

UNIVERSE = load_universe()
NAMES = [symbol.name for symbol in UNIVERSE.symbols]
ANCHOR = dt.date(2025, 6, 30)
PRICES = reference_prices("builtin", NAMES, (ANCHOR, ANCHOR)).brackets
SPEC = load_profile("spec")


def bones(date: dt.date, seed: int = 5, names: tuple[str, ...] = ()) -> Skeleton:
    chosen = UNIVERSE.select(names).symbols if names else UNIVERSE.symbols
    return skeleton(seed, date, chosen, PRICES, SPEC)


@pytest.fixture(scope="module")
def year() -> list[Skeleton]:
    return [bones(date) for date in weekdays(dt.date(2025, 7, 1), dt.date(2026, 6, 15))]


def test_days_join(year: list[Skeleton]) -> None:
    """Also over a weekend and over the end of a year."""
    for day, following in pairwise(year):
        np.testing.assert_allclose(day.next_start, following.start, rtol=1e-12)


def test_a_symbol_alone_has_the_path_of_the_full_universe() -> None:
    date = dt.date(2025, 9, 9)
    alone, all_of_them = bones(date, names=("JPM",)), bones(date)
    assert alone.close[0] == all_of_them.close[NAMES.index("JPM")]
    assert (bones(date, seed=6).close != all_of_them.close).all()


def test_the_day_of_the_reference_closes_there() -> None:
    """And days before it lead to it."""
    np.testing.assert_allclose(bones(ANCHOR).close, [PRICES[name].close for name in NAMES])
    np.testing.assert_allclose(bones(dt.date(2025, 6, 27)).next_start, bones(ANCHOR).start, rtol=1e-12)


def overnight(year: list[Skeleton]) -> tuple[float, float]:
    """(median share of the variance, mean correlation of a gap with the day before)"""
    opens, closes = np.log([day.open for day in year]), np.log([day.close for day in year])
    gaps, days = opens[1:] - closes[:-1], closes - opens
    share = gaps.var(axis=0) / (gaps.var(axis=0) + days.var(axis=0))
    return float(np.median(share)), float(np.mean([np.corrcoef(gaps[:, i], days[:-1, i])[0, 1] for i in range(len(NAMES))]))


def test_a_third_of_the_variance_comes_overnight_and_knows_nothing_of_the_day_before(year: list[Skeleton]) -> None:
    share, correlation = overnight(year)
    assert 0.25 < share < 0.42
    assert abs(correlation) < 0.1
    # Planted: a day that snaps back to its reference, as the first version had it.
    snaps = [day._replace(open=day.open / day.open * year[0].open * np.exp(0.01 * n % 0.02)) for n, day in enumerate(year)]
    assert overnight(snaps)[1] < -0.3


def test_volatility_clusters_over_days_and_symbols_move_together(year: list[Skeleton]) -> None:
    returns = np.log([day.close for day in year]) - np.log([day.open for day in year])
    correlation = np.corrcoef(returns.T)[np.triu_indices(len(NAMES), 1)].mean()
    assert 0.12 < correlation < 0.5
    level = np.log([day.volatility for day in year])
    assert np.mean([np.corrcoef(level[1:, i], level[:-1, i])[0, 1] for i in range(len(NAMES))]) > 0.6
    assert 0.2 < level.std(axis=0).mean() < 0.4


def test_the_way_to_the_close_shows_no_pull() -> None:
    """A random walk that is led to the day's close is one that nobody can tell from a free one; and it arrives."""
    day = trading_days(parse_ts("2025-07-01T13:00:00Z"), parse_ts("2025-07-01T14:00:00Z"))[0]
    first, last = ((t - day.start_ns) // NS_PER_S for t in (day.open_ns, day.close_ns))
    returns = []
    for seed in range(12):
        chosen = skeleton(seed, day.date, UNIVERSE.symbols, PRICES, SPEC)
        path = day_path(seed, day, UNIVERSE.symbols, chosen, True)
        volatility, pull, target = (np.repeat(part, 10, axis=0)[first:last] for part in path)
        shocks = volatility * np.random.default_rng(seed).standard_normal(volatility.shape)
        walk = np.empty_like(shocks)
        at = np.log(chosen.open)
        for k in range(len(shocks)):
            at = at + (target[k] - at) * pull[k] + shocks[k]
            walk[k] = at
        assert abs(walk[-1] - np.log(chosen.close)).max() < 0.005
        returns.append(np.diff(walk[::60], axis=0))
    minutes = np.array(returns)
    assert abs(np.mean([np.corrcoef(r[1:, i], r[:-1, i])[0, 1] for r in minutes for i in range(len(NAMES))])) < 0.02
    halves = minutes[:, :360].reshape(len(minutes), 12, 30, -1).sum(axis=2)
    assert 0.9 < (halves**2).mean() / (minutes[:, :360] ** 2).mean() / 30 < 1.1


def after_jumps(redrawn: bool) -> float:
    """Slope of the rest of the day on the jump before it: 0 if news is for good, -1 if it has all come back by the close."""
    day = trading_days(parse_ts("2025-07-01T13:00:00Z"), parse_ts("2025-07-01T14:00:00Z"))[0]
    first, last = ((t - day.start_ns) // NS_PER_S // 10 for t in (day.open_ns, day.close_ns))
    news, rests = [], []
    for seed in range(24):
        chosen = skeleton(seed, day.date, UNIVERSE.symbols, PRICES, SPEC)
        elsewhere = skeleton(seed + 1_000, day.date, UNIVERSE.symbols, PRICES, SPEC)  # another day's close, of which the jumps know nothing
        jumps = day_jumps(seed, day, UNIVERSE.symbols, chosen if redrawn else elsewhere, SPEC, True)
        path = day_path(seed, day, UNIVERSE.symbols, chosen, True, jumps if redrawn else ())
        volatility, pull, target = (part[first:last] for part in path)
        shocks = np.sqrt(10.0 * (1.0 - jump_part(SPEC))) * volatility * np.random.default_rng(seed).standard_normal(volatility.shape)
        at = np.log(chosen.open)
        places = [((each.second - day.open_ns // NS_PER_S) // 10).tolist() for each in jumps]
        for k in range(len(shocks)):
            at = at + (target[k] - at) * np.minimum(1.0, 10 * pull[k]) + shocks[k]
            for i, mine in enumerate(places):
                for n, place in enumerate(mine):
                    if place == k:
                        at[i] += jumps[i].log_return[n]
                        news.append(jumps[i].log_return[n] / chosen.volatility[i])
                        rests.append((np.log(chosen.close[i]) - at[i]) / chosen.volatility[i])
    return float(np.dot(news, rests) / np.dot(news, news))


def test_news_is_for_good() -> None:
    assert abs(after_jumps(redrawn=True)) < 0.35
    assert after_jumps(redrawn=False) < -0.6  # jumps that know nothing of the day's close come back
