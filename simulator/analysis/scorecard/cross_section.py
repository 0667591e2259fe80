"""S16: how symbols move together, at several horizons, within sectors and across."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from simulator.analysis.scorecard.bands import bands
from simulator.analysis.scorecard.card import Check, Plot, judged
from simulator.analysis.scorecard.estimators import mean, ratio
from simulator.analysis.scorecard.parts import band_of, series
from simulator.records import F64

HORIZONS_S = (1, 5, 10, 30, 60, 300, 1_800)
RETURNS_MIN = 30


@dataclass(frozen=True, slots=True)
class Part:
    """One day: sums of products of returns, ``gram[h]`` float64[symbols, symbols], and the number of returns of each horizon."""

    symbols: tuple[str, ...]
    gram: Mapping[int, F64]
    returns: Mapping[int, int]


def measure(mids: Mapping[str, F64]) -> Part:
    """``mids``: by symbol, every second of the session. Seconds without a quote of all symbols are left out."""
    names = [s for s, m in mids.items() if np.isfinite(m).any()]
    gram, returns = {}, {}
    logs = np.log(np.stack([mids[s] for s in names])) if names else np.zeros((0, 0))
    known = np.isfinite(logs).all(axis=0) if names else np.zeros(0, np.bool_)
    logs = logs[:, known]
    for horizon in HORIZONS_S:
        moves = np.diff(logs[:, ::horizon], axis=1)
        gram[horizon], returns[horizon] = moves @ moves.T, moves.shape[1]
    return Part(tuple(names), gram, returns)


def judge(parts: Sequence[Part], sectors: Mapping[str, str]) -> Check:
    names = list(dict.fromkeys(s for part in parts for s in part.symbols))
    matrices = {horizon: _correlations(parts, names, horizon) for horizon in HORIZONS_S}
    five = matrices[300]
    count = sum(part.returns[300] for part in parts)
    moving = int(np.count_nonzero(np.isfinite(np.diag(five))))
    unless = ""
    if moving < 5:
        unless = f"it needs five symbols that move, there are {moving}"
    elif count < RETURNS_MIN:
        unless = f"it needs {RETURNS_MIN} five-minute returns, there are {count}"
    rho = {horizon: _mean_pair(m, np.ones_like(m, np.bool_)) for horizon, m in matrices.items()}
    sector = np.array([sectors.get(s, "") for s in names])
    same = (sector[:, None] == sector[None, :]) & (sector != "")[:, None]
    other = (sector[:, None] != sector[None, :]) & (sector != "")[:, None] & (sector != "")[None, :]
    excess = _mean_pair(five, same) - _mean_pair(five, other)
    no_sector = unless or ("" if math.isfinite(excess) else "sectors are known for the default universe alone")
    n = f"{moving} symbols, {count} returns"
    findings = (
        judged("S16.rho", rho[300], n, unless=unless),
        judged("S16.epps", ratio(rho[1], rho[300]), n, unless=unless),
        judged("S16.sector", excess, n, unless=no_sector),
        judged("S16.first", _first_share(five), n, unless=unless),
    )
    band = bands()["S16.rho"]
    shown = [h for h in HORIZONS_S if math.isfinite(rho[h])]
    plot = Plot(
        "Mean correlation of two symbols",
        "horizon, s",
        "",
        (band_of("5 minutes", band.low, band.high, (240.0, 375.0)), series("mean pair", shown, [rho[h] for h in shown])),
        log_x=True,
        note="It rises with the horizon (Epps).",
    )
    return Check("S16", findings, plot)


def _correlations(parts: Sequence[Part], names: Sequence[str], horizon: int) -> F64:
    """Over all days; NaN for a symbol that never moves."""
    total = np.zeros((len(names), len(names)))
    for part in parts:
        place = np.array([names.index(s) for s in part.symbols], np.int64)
        total[np.ix_(place, place)] += part.gram[horizon]
    scale = np.sqrt(np.diag(total))
    scale[scale == 0] = np.nan
    return np.asarray(total / scale[:, None] / scale[None, :])


def _mean_pair(matrix: F64, which: np.ndarray) -> float:
    upper = np.triu(np.ones_like(matrix, np.bool_), 1) & which
    return mean(matrix[upper])


def _first_share(matrix: F64) -> float:
    keep = np.isfinite(np.diag(matrix))
    values = matrix[np.ix_(keep, keep)]
    return float(np.linalg.eigvalsh(values)[-1] / len(values)) if len(values) else math.nan
