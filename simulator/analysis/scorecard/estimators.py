"""Estimators: numbers in, numbers out, nothing of markets. Each is tested on a process whose answer is known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.records import F64, I64

Numbers = NDArray[Any]


def median(values: Sequence[float] | Numbers) -> float:
    """Of the finite values; NaN if there is none."""
    array = np.asarray(values, np.float64)
    array = array[np.isfinite(array)]
    return float(np.median(array)) if len(array) else math.nan


def mean(values: Sequence[float] | Numbers) -> float:
    """Of the finite values; NaN if there is none."""
    array = np.asarray(values, np.float64)
    array = array[np.isfinite(array)]
    return float(array.mean()) if len(array) else math.nan


def standard_error(values: Sequence[float] | Numbers) -> float:
    """Of the mean of the finite values; NaN below two."""
    array = np.asarray(values, np.float64)
    array = array[np.isfinite(array)]
    return float(array.std(ddof=1) / math.sqrt(len(array))) if len(array) > 1 else math.nan


def ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else math.nan


def lag_products(days: Numbers, lag: int, centre: float) -> tuple[float, int]:
    """Sum of (x - centre)(x' - centre) over pairs ``lag`` apart within a day, and their number. ``days``: [days, n], NaN where unknown."""
    deviations = days - centre
    products = deviations[:, lag:] * deviations[:, : deviations.shape[1] - lag]
    known = np.isfinite(products)
    return float(products[known].sum()), int(np.count_nonzero(known))


def autocorrelation(days: Numbers, lag: int) -> float:
    """Of a series observed on several days, [days, n]: pairs within a day, one mean and variance over all days."""
    known = days[np.isfinite(days)]
    if len(known) < 2 or lag >= days.shape[1]:
        return math.nan
    products, pairs = lag_products(days, lag, float(known.mean()))
    variance = float(known.var())
    return products / pairs / variance if pairs and variance > 0 else math.nan


def excess_kurtosis(values: Numbers) -> float:
    """Fourth moment about 0 over the squared second, less 3: returns have no mean worth taking off."""
    known = values[np.isfinite(values)]
    if len(known) < 8:
        return math.nan
    squares = known**2
    return float((squares**2).mean() / squares.mean() ** 2 - 3) if squares.any() else math.nan


def hill(values: Numbers, top: float) -> float:
    """Tail exponent of |values| from the share ``top`` that is largest. NaN below ten of them."""
    sizes = np.sort(np.abs(values[np.isfinite(values)]))[::-1]
    k = int(len(sizes) * top)
    if k < 10 or sizes[k] <= 0:
        return math.nan
    return float(1 / np.log(sizes[:k] / sizes[k]).mean())


def variance_ratio(prices: Numbers, step: int) -> float:
    """Variance per time of one-step changes over that of ``step``-step changes; 1 for a martingale. ``prices``: [days, n + 1] logs.

    All offsets of the long windows count, and the short changes with the weight that the windows give them, so that both see the same time.
    """
    short = np.diff(prices, axis=1) ** 2
    steps = short.shape[1]
    if steps < 2 * step:
        return math.nan
    long = (prices[:, step:] - prices[:, :-step]) ** 2
    place = np.arange(steps)
    weight = np.minimum(np.minimum(place + 1, steps - place), np.minimum(step, steps - step + 1))
    known = np.isfinite(short).all(axis=1)
    return ratio(float((short[known] * weight).sum()), float(long[known].sum()))


def deseasonalise(values: Numbers, level: Numbers) -> Numbers:
    """``values`` [..., n] over ``level`` [n], the mean size at that time of day; NaN where that is 0."""
    known = np.broadcast_to(np.isfinite(level) & (level > 0), values.shape)
    return np.asarray(np.divide(values, level, out=np.full(values.shape, np.nan), where=known))


def block_moments(counts: Numbers, block: int) -> tuple[float, float]:
    """Sums over blocks of ``block`` bins of the counts' variance and of their mean. ``counts``: [bins].

    Within blocks a curve over the day does not raise the variance.
    """
    blocks = len(counts) // block
    shaped = counts[: blocks * block].reshape(-1, block)
    return (float(shaped.var(axis=1, ddof=1).sum()), float(shaped.mean(axis=1).sum())) if blocks else (0.0, 0.0)


def fano_factor(moments: Sequence[tuple[float, float]]) -> float:
    """Variance over mean from block moments: 1 for Poisson. NaN without events."""
    average = sum(mean for _, mean in moments)
    return sum(variance for variance, _ in moments) / average if average > 0 else math.nan


def branching_ratio(moments: Sequence[tuple[float, float]]) -> float:
    """1 - sqrt(mean / variance): 0 for Poisson, n for a Hawkes process of that branching ratio.

    Below 0 for what is more even than Poisson.
    """
    fano = fano_factor(moments)
    return 1 - 1 / math.sqrt(fano) if fano > 0 else (math.nan if math.isnan(fano) else -math.inf)


def sign_memory(signs: Numbers, lags: int) -> F64:
    """C(l) = E[e_n e_(n+l)] - E[e]^2 for l = 0..lags, by FFT. NaN if the series is not four times as long."""
    n = len(signs)
    if n < 4 * lags:
        return np.full(lags + 1, np.nan)
    centred = signs - signs.mean()
    size = 1 << (n + lags).bit_length()
    spectrum = np.fft.rfft(centred, size)
    sums = np.fft.irfft(spectrum * spectrum.conj(), size)[: lags + 1]
    return np.asarray(sums / (n - np.arange(lags + 1)))


def decay_exponent(memory: F64, first: int, last: int, bins: int = 12) -> float:
    """g of C(l) ~ l^-g, from means in log-spaced bins of lags and least squares. NaN if fewer than half of the bins are positive."""
    edges = np.unique(np.rint(np.geomspace(first, last + 1, bins + 1)).astype(int))
    points = []
    for low, high in itertools.pairwise(edges):
        average = float(memory[low:high].mean())
        if average > 0:
            points.append((math.log(math.sqrt(low * (high - 1))), math.log(average)))
    if len(points) < max(3, (len(edges) - 1) // 2):
        return math.nan
    x, y = np.array(points).T
    return float(-np.polyfit(x, y, 1)[0])


def regression(x: Numbers, y: Numbers) -> tuple[float, float]:
    """Slope and R^2 of y on x, with an intercept."""
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    if len(x) < 10 or x.std() == 0 or y.std() == 0:
        return math.nan, math.nan
    dx, dy = x - x.mean(), y - y.mean()
    slope = float((dx * dy).sum() / (dx * dx).sum())
    return slope, float((dx * dy).sum() ** 2 / ((dx * dx).sum() * (dy * dy).sum()))


def ranks(values: Numbers) -> F64:
    """From 1; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return np.asarray((ends - (counts - 1) / 2)[inverse])


def spearman(x: Numbers, y: Numbers) -> float:
    a, b = ranks(x), ranks(y)
    return float(np.corrcoef(a, b)[0, 1]) if len(a) > 2 and a.std() > 0 and b.std() > 0 else math.nan


def auc(score: Numbers, positive: NDArray[np.bool_]) -> float:
    """How often a positive case has the higher score; .5: the score says nothing."""
    good = int(np.count_nonzero(positive))
    bad = len(positive) - good
    if not good or not bad:
        return math.nan
    return float((ranks(score)[positive].sum() - good * (good + 1) / 2) / (good * bad))


def line_spectrum(counts: Numbers, bins_per_s: int, segments: int) -> tuple[F64, F64]:
    """Power of counts over frequency, averaged over ``segments`` pieces of whole seconds. Frequencies in Hz, power per bin of frequency."""
    seconds = len(counts) // bins_per_s // segments
    length = seconds * bins_per_s
    pieces = counts[: segments * length].reshape(segments, length).astype(np.float64)
    power = np.zeros(length // 2 + 1)
    for piece in pieces:
        power += np.abs(np.fft.rfft(piece - piece.mean())) ** 2
    return np.arange(len(power)) / max(seconds, 1), power / segments


def line_over_surroundings(frequencies: F64, power: F64, at_hz: float) -> float:
    """Power at a frequency over the mean of its surroundings, a fifth to both sides without the nearest three places."""
    place = int(np.argmin(np.abs(frequencies - at_hz)))
    near = np.flatnonzero(np.abs(frequencies - at_hz) <= 0.2 * at_hz)
    near = near[np.abs(near - place) > 3]
    around = float(power[near].mean()) if len(near) else 0.0
    return float(power[place]) / around if around > 0 else math.nan


def runs(flags: NDArray[np.bool_]) -> tuple[I64, I64]:
    """First place of each run of True, and the place after its last."""
    edges = np.diff(np.concatenate(([False], flags, [False])).astype(np.int8))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
