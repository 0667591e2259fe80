"""The rate budgets: totals in their band in every second, while each symbol is silent for seconds and then busy; no steps."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.flow.fundamental import smooth_noise
from simulator.flow.profile import load_profile
from simulator.flow.rates import (
    BOOK_CEILING,
    BOOK_FLOOR,
    BOOK_TARGET,
    PRINT_CEILING,
    PRINT_FLOOR,
    PRINT_TARGET,
    DayRates,
    budgets,
    day_volumes,
    share_within,
)
from simulator.flow.skeleton import volatility_levels
from simulator.inputs.config import Rates
from simulator.inputs.sessions import parse_ts, trading_days
from simulator.inputs.universe import load_universe
from simulator.records import I32, NS_PER_HOUR, NS_PER_S

UNIVERSE = load_universe()
SPEC = load_profile("spec")
DAY = trading_days(parse_ts("2025-07-01T13:00:00Z"), parse_ts("2025-07-01T14:00:00Z"))[0]
HIGH = Rates(market_data_min_eps=6000, market_data_max_eps=10000, trades_min_eps=2000, trades_max_eps=4000)
TIGHT = Rates(market_data_min_eps=150, market_data_max_eps=150, trades_min_eps=30, trades_max_eps=150)


def hour(n: int, rates: Rates, seed: int = 3, **changes: float) -> I32:
    """Budgets of the day's n-th hour."""
    start_ns = DAY.start_ns + n * NS_PER_HOUR
    seconds_ns = start_ns + np.arange(3600) * NS_PER_S
    phases = np.zeros(3600, np.int32)
    for segment in DAY.segments:
        phases[(seconds_ns >= segment.start_ns) & (seconds_ns < segment.end_ns)] = int(segment.phase)
    wanted = DayRates(
        seed=seed, day=DAY, universe=UNIVERSE, rates=rates, profile=SPEC.model_copy(update=changes), offsession="none", pacing=True,
        tick_moves=np.ones(len(UNIVERSE.symbols)), volumes=day_volumes(seed, DAY.date, volatility_levels(seed, DAY.date, UNIVERSE.symbols)),
    )
    return budgets(wanted, n, start_ns, phases)[0]


@pytest.mark.parametrize("rates", [Rates(), HIGH, TIGHT, Rates(market_data_min_eps=0, market_data_max_eps=1, trades_min_eps=0, trades_max_eps=1)])
def test_totals_lie_in_the_band_in_every_second(rates: Rates) -> None:
    totals = hour(8, rates).sum(axis=1)
    assert (totals[:, BOOK_FLOOR] >= rates.market_data_min_eps).all()
    assert (totals[:, BOOK_CEILING] <= rates.market_data_max_eps).all()
    assert (totals[:, PRINT_FLOOR] >= rates.trades_min_eps).all()
    assert (totals[:, PRINT_CEILING] <= rates.trades_max_eps).all()


@pytest.mark.parametrize("rates", [Rates(), HIGH, TIGHT])
def test_floors_targets_and_ceilings_are_in_order_and_prints_fit_the_rows(rates: Rates) -> None:
    budget = hour(8, rates)
    assert budget.min() >= 0
    for low, high in ((BOOK_FLOOR, BOOK_TARGET), (BOOK_TARGET, BOOK_CEILING), (PRINT_FLOOR, PRINT_TARGET), (PRINT_TARGET, PRINT_CEILING)):
        assert (budget[..., low] <= budget[..., high]).all()
    assert (budget[..., PRINT_CEILING] <= budget[..., BOOK_CEILING]).all()


def test_the_least_prints_leave_each_venue_its_row_where_there_is_room() -> None:
    """330 rows are 150 of venues and 180 of prints: enough for the least of them, not for the most. A symbol that has to print has a row for it."""
    budget = hour(8, Rates(market_data_min_eps=330, market_data_max_eps=330, trades_min_eps=120, trades_max_eps=200))
    assert (budget[..., PRINT_CEILING] <= budget[..., BOOK_CEILING] - len(UNIVERSE.venues)).all()
    assert (budget[..., PRINT_FLOOR].sum(axis=1) >= 120).all()


def test_a_symbol_whose_rows_are_all_its_venues_own_has_none_to_print_though_others_have_fewer_rows_than_venues() -> None:
    rates = Rates(market_data_min_eps=140, market_data_max_eps=160, trades_min_eps=30, trades_max_eps=40)
    budget, venues = hour(8, rates), len(UNIVERSE.venues)
    floor, ceiling, prints = (budget[..., column] for column in (BOOK_FLOOR, BOOK_CEILING, PRINT_FLOOR))
    assert ((floor < venues).any(axis=1) & (floor > venues).any(axis=1)).any()
    assert (prints <= np.where(floor >= venues, ceiling - venues, ceiling)).all()
    assert (prints.sum(axis=1) >= 30).all()


def bursts(budget: I32) -> tuple[float, float, float]:
    """Medians over symbols: seconds without a print, variance : mean of prints a second, branching ratio of 10 s in 15 min."""
    prints = budget[..., PRINT_TARGET]
    tens = prints.reshape(4, 90, 10, -1).sum(axis=2)
    branching = 1 - np.sqrt(tens.mean(axis=1) / np.maximum(tens.var(axis=1), 1e-9))
    return float(np.median((prints == 0).mean(axis=0))), float(np.median(prints.var(axis=0) / prints.mean(axis=0))), float(np.median(branching))


def test_a_symbol_is_silent_for_seconds_and_then_busy() -> None:
    silent, dispersion, branching = bursts(hour(9, Rates()))
    assert 0.2 < silent < 0.6
    assert dispersion > 2
    assert 0.55 < branching < 0.97
    # Planted: shares that hardly move are the metronome of the first version.
    silent, dispersion, branching = bursts(hour(9, Rates(), share_sd=0.0))
    assert dispersion < 2
    assert branching < 0.55


def test_activity_has_no_steps() -> None:
    """From minute to minute the total changes by noise alone, through the bell's half-hours and the last one of the session."""
    for n in (9, 10, 11):
        total = np.concatenate([hour(n, HIGH, seed=s, total_sd=0.0)[..., PRINT_TARGET].sum(axis=1).reshape(60, 60).mean(axis=1)[None] for s in range(2)])
        inside = total[:, total.mean(axis=0) > 0]
        steps = np.abs(np.diff(inside, axis=1)) / inside[:, 1:]
        assert steps.max() < 0.12
    closing = hour(11, HIGH, total_sd=0.0).sum(axis=1)
    last = closing[50 * 60 : 60 * 60, BOOK_TARGET].reshape(10, 60).mean(axis=1)
    top_third = HIGH.market_data_min_eps + 2 / 3 * (HIGH.market_data_max_eps - HIGH.market_data_min_eps)
    assert (last >= top_third).all()
    before = hour(5, HIGH, total_sd=0.0)[..., BOOK_TARGET].sum(axis=1)
    assert before[25 * 60 : 30 * 60].mean() > 1.5 * before[:300].mean(), "the pre-open rises towards the bell"


def test_volumes_differ_as_the_universe_says() -> None:
    prints = hour(9, Rates())[..., PRINT_TARGET].mean(axis=0)
    volume = np.array([symbol.daily_volume for symbol in UNIVERSE.symbols])
    assert np.corrcoef(np.log(prints), np.log(volume))[0, 1] > 0.9
    assert prints.max() / prints.min() > 8


def test_sharing_within_room() -> None:
    rng = np.random.default_rng(1)
    room = rng.integers(0, 6, (500, 12))
    totals = rng.integers(0, 80, 500)
    shares = np.exp(rng.standard_normal((500, 12)) * 2)
    dealt = share_within(totals, shares, room, rng.random(500))
    assert (dealt <= room).all()
    assert (dealt >= 0).all()
    np.testing.assert_array_equal(dealt.sum(axis=1), np.minimum(totals, room.sum(axis=1)))


def test_noise_is_smoothed_row_by_row_to_the_last_bit() -> None:
    """Rows hang on every bit: compiled, it is what numpy makes of whole rows, for any number of symbols."""
    for rows, symbols in ((1, 3), (500, 1), (500, 7)):
        shocks = np.random.default_rng(symbols).standard_normal((rows, symbols))
        decay = np.exp(-1.0 / 20.0)
        path = shocks.copy()
        path[1:] *= np.sqrt(1 - decay * decay)
        for k in range(1, rows):
            path[k] += decay * path[k - 1]
        assert smooth_noise(shocks, 20.0).tobytes() == path.tobytes()
