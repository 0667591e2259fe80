"""Means of few numbers and how sure they are: Student's confidence intervals, and a Sharpe ratio's standard error."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from simulator.errors import InputError, explain

CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """Of a mean. What needs two numbers is NaN where there is one."""

    n: int
    """Numbers that count: those that are finite."""
    mean: float
    sd: float
    """Of the numbers, with n - 1."""
    se: float
    """Standard error of the mean."""
    low: float
    """Ends of the interval that has the mean with the given confidence, if the numbers are independent and near normal."""
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4g} ({self.low:.4g} to {self.high:.4g}), n = {self.n}"


def estimate(values: Iterable[float], confidence: float = CONFIDENCE) -> Estimate:
    """The mean of independent numbers with its interval (Student 1908). NaN and infinite ones are left out, and ``n`` says so.

    Raises ``InputError`` for a confidence that is not between 0 and 1.
    """
    if not 0 < confidence < 1:
        raise InputError(explain("confidence", confidence, "must be between 0 and 1", "0.95 is the default."))
    found = np.asarray(list(values), np.float64)
    found = found[np.isfinite(found)]
    n = len(found)
    mean = float(found.mean()) if n else math.nan
    if n < 2:
        return Estimate(n, mean, math.nan, math.nan, math.nan, math.nan)
    sd = float(found.std(ddof=1))
    se = sd / math.sqrt(n)
    half = student_quantile(0.5 + confidence / 2, n - 1) * se
    return Estimate(n, mean, sd, se, mean - half, mean + half)


def student_quantile(probability: float, freedom: int) -> float:
    """Of Student's t with ``freedom`` degrees, for a probability of 0.5 or more: bisection on the exact distribution."""
    low, high = 0.0, 1.0
    while student_cdf(high, freedom) < probability:
        high *= 2
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if student_cdf(middle, freedom) < probability else (low, middle)
    return (low + high) / 2


def student_cdf(t: float, freedom: int) -> float:
    """The finite sums for whole degrees of freedom (Abramowitz and Stegun 1964, 26.7.3 and 26.7.4). ``t`` is 0 or more."""
    theta = math.atan(t / math.sqrt(freedom))
    cosine, sine = math.cos(theta), math.sin(theta)
    is_odd = freedom % 2 == 1
    term = cosine if is_odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(2 if is_odd else 1, freedom - 1, 2):
        term *= cosine * cosine * k / (k + 1)
        total += term
    within = 2 / math.pi * (theta + sine * total) if is_odd else sine * total
    return 0.5 + within / 2


class Sharpe(NamedTuple):
    """Mean over standard deviation of equal periods' profits, without a riskless rate; NaN where they do not vary."""

    ratio: float
    se: float
    """Lo (2002), for independent periods: sqrt((1 + ratio² / 2) / n)."""
    periods: int


def sharpe(profits: Iterable[float]) -> Sharpe:
    """Of one period; times the root of the periods in a year it is the annual one, and so is its error."""
    found = np.asarray(list(profits), np.float64)
    n = len(found)
    sd = float(found.std(ddof=1)) if n > 1 else 0.0
    if not sd > 0:
        return Sharpe(math.nan, math.nan, n)
    ratio = float(found.mean()) / sd
    return Sharpe(ratio, math.sqrt((1 + ratio * ratio / 2) / n), n)
