"""Each estimator of the scorecard on a process whose answer is known, and on one that it must tell from it."""

from __future__ import annotations

import numpy as np
import pytest

from simulator.analysis.scorecard import estimators as est
from tests.made_market import hawkes, long_signs


def counts(times: np.ndarray, seconds: int, step: int = 10) -> np.ndarray:
    return np.bincount((times / step).astype(int), minlength=seconds // step)[: seconds // step]


@pytest.mark.parametrize(("branching", "expected"), [(0.0, 0.01), (0.5, 0.48), (0.8, 0.77)])
def test_branching_of_a_hawkes_process(branching: float, expected: float) -> None:
    rng = np.random.default_rng(5)
    seconds = 5 * 23_400
    moments = est.block_moments(counts(hawkes(rng, 2.0, branching, seconds), seconds), 90)
    assert est.branching_ratio([moments]) == pytest.approx(expected, abs=0.05)


def test_a_u_shaped_poisson_clock_is_no_cluster_and_a_metronome_is_below_zero() -> None:
    rng = np.random.default_rng(6)
    minutes = np.arange(390)
    rate = 20 * (0.6 + 1.4 * np.exp(-minutes / 30) + 0.8 * np.exp(-(390 - minutes) / 20))
    poisson = rng.poisson(np.repeat(rate / 6, 6)[None].repeat(5, axis=0))
    assert est.branching_ratio([est.block_moments(day, 90) for day in poisson]) < 0.1
    assert est.branching_ratio([est.block_moments(20 + rng.integers(0, 2, 2340), 90)]) < -1


def test_variance_ratio_of_a_martingale_and_of_one_that_snaps_back() -> None:
    rng = np.random.default_rng(7)
    shape = (80, 2341)
    level = 1 + 2 * np.exp(-np.arange(2341) / 200)  # heteroscedastic, as a day is
    walk = np.cumsum(rng.normal(size=shape) * level, axis=1)
    assert est.variance_ratio(walk, 30) == pytest.approx(1, abs=0.06)
    noisy = walk + rng.normal(size=shape) * 2
    assert est.variance_ratio(noisy, 30) > 1.5
    trending = np.cumsum(np.apply_along_axis(lambda r: np.convolve(r, np.ones(20) / 20, "same"), 1, rng.normal(size=shape)[:9]), axis=1)
    assert est.variance_ratio(trending, 30) < 0.5


def test_autocorrelation_pairs_within_days() -> None:
    rng = np.random.default_rng(8)
    days = np.zeros((20, 500))
    for i in range(1, 500):
        days[:, i] = 0.4 * days[:, i - 1] + rng.normal(size=20)
    assert est.autocorrelation(days, 1) == pytest.approx(0.4, abs=0.03)
    assert est.autocorrelation(days, 3) == pytest.approx(0.064, abs=0.03)
    days[3, 100:200] = np.nan
    assert est.autocorrelation(days, 1) == pytest.approx(0.4, abs=0.03)
    assert np.isnan(est.autocorrelation(np.zeros((1, 5)), 9))


def test_kurtosis_and_tail_of_known_distributions() -> None:
    rng = np.random.default_rng(9)
    assert abs(est.excess_kurtosis(rng.normal(size=50_000))) < 0.1
    assert est.excess_kurtosis(rng.laplace(size=200_000)) == pytest.approx(3, abs=0.3)
    assert est.hill(rng.pareto(3, 50_000) + 1, 0.05) == pytest.approx(3, abs=0.2)
    assert est.hill(rng.normal(size=50_000), 0.05) > 4.5
    assert np.isnan(est.hill(np.ones(30), 0.05))


def test_signs_of_split_orders_remember_and_shuffled_ones_do_not() -> None:
    rng = np.random.default_rng(10)
    signs = long_signs(rng, 120_000)
    memory = est.sign_memory(signs, 500)
    assert memory[10] > 0.05
    assert memory[100] > 5 / np.sqrt(len(signs))
    assert 0.3 < est.decay_exponent(memory, 5, 500) < 0.85
    shuffled = est.sign_memory(rng.permutation(signs), 500)
    assert abs(shuffled[10]) < 0.012
    markov = np.cumprod(np.where(rng.random(120_000) < 0.65, 1.0, -1.0))  # C(1) = .3 and no memory beyond
    memory = est.sign_memory(markov, 500)
    assert memory[1] == pytest.approx(0.3, abs=0.02)
    assert abs(memory[100]) < 0.02
    direct = np.array(
        [(signs[: len(signs) - lag] - signs.mean()) @ (signs[lag:] - signs.mean()) / (len(signs) - lag) for lag in (1, 7, 300)]
    )
    assert est.sign_memory(signs, 500)[[1, 7, 300]] == pytest.approx(direct, abs=1e-9)


def test_decay_exponent_of_a_power_law() -> None:
    lags = np.arange(1, 502, dtype=float)
    assert est.decay_exponent(np.concatenate(([1.0], lags**-0.6)), 5, 500) == pytest.approx(0.6, abs=0.02)
    assert np.isnan(est.decay_exponent(-np.ones(501), 5, 500))


def test_ranks_regression_and_auc() -> None:
    assert est.ranks(np.array([3.0, 1.0, 3.0, 0.0])).tolist() == [3.5, 2.0, 3.5, 1.0]
    assert est.spearman(np.arange(9.0), np.arange(9.0) ** 3) == pytest.approx(1)
    x = np.random.default_rng(1).normal(size=4_000)
    slope, r2 = est.regression(x, 2 * x + np.random.default_rng(2).normal(size=4_000) * 2)
    assert (slope, r2) == (pytest.approx(2, abs=0.1), pytest.approx(0.5, abs=0.04))
    assert est.auc(np.array([1.0, 2.0, 3.0, 4.0]), np.array([False, False, True, True])) == 1
    assert est.auc(np.array([1.0, 1.0]), np.array([False, True])) == 0.5


def test_a_line_at_one_hertz_and_none() -> None:
    rng = np.random.default_rng(3)
    flat = rng.poisson(2.0, 3_600 * 50)
    assert est.line_over_surroundings(*est.line_spectrum(flat, 50, 5), 1.0) < 3
    pulse = 1 + 0.3 * np.cos(2 * np.pi * np.arange(3_600 * 50) / 50)
    assert est.line_over_surroundings(*est.line_spectrum(rng.poisson(2.0 * pulse), 50, 5), 1.0) > 100


def test_runs_and_sizes_of_returns_over_their_season() -> None:
    first, stop = est.runs(np.array([True, False, True, True, False]))
    assert (first.tolist(), stop.tolist()) == ([0, 2], [1, 4])
    assert est.deseasonalise(np.array([2.0, 6.0, 1.0]), np.array([1.0, 3.0, 0.0])).tolist()[:2] == [2, 2]
    rng = np.random.default_rng(4)
    season = 1 + 3 * np.exp(-np.arange(390) / 40)
    sizes = np.abs(rng.normal(size=(30, 390)) * season)
    assert est.autocorrelation(sizes, 1) > 0.2  # the trap: a curve over the day alone looks like clustering
    assert abs(est.autocorrelation(est.deseasonalise(sizes, sizes.mean(axis=0)), 1)) < 0.05
