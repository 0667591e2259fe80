"""S12 to S14: what trades say about later trades and prices, what the book says about the next move."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import simulator.analysis.scorecard.estimators as est
from simulator.analysis.scorecard.bands import bands
from simulator.analysis.scorecard.book_rows import NO_ASK, NO_BID
from simulator.analysis.scorecard.card import Check, Plot, judged, shown
from simulator.analysis.scorecard.estimators import mean, median
from simulator.analysis.scorecard.parts import Key, band_of, by_symbol, long_enough, sample, series
from simulator.analysis.scorecard.spreads import LARGE_TICK, SMALL_TICK
from simulator.analysis.scorecard.symbol_day import SymbolDay
from simulator.records import F64, I64, PRICE_UNITS_PER_USD

MEMORY_LAGS = 500
TRADES_MIN = 500
GAMMA_TRADES = 50_000
RESPONSE_LAGS = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)
OFI_STEP_S = 10
DEAR_USD = 800.0
"""Above it a tick is so small against the spread that quotes step over many: slope times depth grows with the step, and says nothing of
the book (docs/recipe.md)."""


@dataclass(frozen=True, slots=True)
class Part:
    key: Key
    memory: F64
    """C(0..500) of parent trades' signs at the listing venue; NaN if they are too few."""
    trades: int
    """Of that series."""
    response: F64
    """Sum over parent trades of sign times move of the midpoint, in ticks, by lag."""
    responses: I64
    """How many."""
    half_spread: float
    """Ticks."""
    ofi_slope: float
    """Ticks per share."""
    ofi_r2: float
    depth: float
    """Shares at the venues' best prices, mean of both sides, summed over venues."""
    imbalance_auc: float
    moves: int
    ticks: float
    price_usd: float


def measure(day: SymbolDay) -> Part:
    memory, trades = _memory(day)
    response, responses = _response(day)
    quotes = day.quotes
    weights = quotes.lasts_ns.astype(np.float64)
    ticks = est.ratio(float((quotes.spread * weights).sum()), float(weights.sum())) / day.tick
    price_usd = est.ratio(float((quotes.mid * weights).sum()), float(weights.sum())) / PRICE_UNITS_PER_USD
    slope, r2, depth = _order_flow_imbalance(day)
    auc, moves = _imbalance(day)
    return Part(Key.of(day), memory, trades, response, responses, ticks / 2, slope, r2, depth, auc, moves, ticks, price_usd)


def _memory(day: SymbolDay) -> tuple[F64, int]:
    parents = day.parents
    home = [v for v, name in enumerate(day.venues) if name == day.listing]
    signs = parents.sign[parents.venue == home[0]].astype(np.float64) if home else np.zeros(0)
    lags = MEMORY_LAGS if len(signs) >= 4 * MEMORY_LAGS else 100
    if len(signs) < TRADES_MIN:
        return np.full(MEMORY_LAGS + 1, np.nan), len(signs)
    memory = est.sign_memory(signs, lags)
    return np.pad(memory, (0, MEMORY_LAGS - lags), constant_values=np.nan), len(signs)


def _response(day: SymbolDay) -> tuple[F64, I64]:
    """Midpoints just before each parent trade: from the trade's own to that of the l-th trade after it."""
    parents = day.parents
    place = day.quote_before(parents.ts)
    known = place >= 0
    mids = day.quotes.mid[place[known]] / day.tick if known.any() else np.zeros(0)
    signs = parents.sign[known].astype(np.float64)
    sums, counts = np.zeros(len(RESPONSE_LAGS)), np.zeros(len(RESPONSE_LAGS), np.int64)
    for i, lag in enumerate(RESPONSE_LAGS):
        if len(mids) > lag:
            sums[i] = float((signs[:-lag] * (mids[lag:] - mids[:-lag])).sum())
            counts[i] = len(mids) - lag
    return sums, counts


def _order_flow_imbalance(day: SymbolDay) -> tuple[float, float, float]:
    """Slope (ticks per share) and R2 of the midpoint's change on order-flow imbalance in ten seconds, and mean depth.

    The imbalance is that of Cont, Kukanov and Stoikov, from each venue's best bid and ask, summed over venues.
    """
    rows = day.rows
    inside = (rows.ts > day.start_ns) & (rows.ts < day.end_ns)
    if day.covered_s < 1_800 or not inside.any():
        return math.nan, math.nan, math.nan
    order = np.argsort(rows.venue, kind="stable")
    venue = rows.venue[order]
    bid, ask = rows.bid[order].astype(np.int64), rows.ask[order].astype(np.int64)
    bid_size, ask_size = rows.bid_size[order].astype(np.int64), rows.ask_size[order].astype(np.int64)
    flow = np.zeros(len(order), np.int64)
    up, down = bid[1:] >= bid[:-1], bid[1:] <= bid[:-1]
    flow[1:] = bid_size[1:] * up - bid_size[:-1] * down
    down, up = ask[1:] <= ask[:-1], ask[1:] >= ask[:-1]
    flow[1:] -= ask_size[1:] * down - ask_size[:-1] * up
    flow[1:][venue[1:] != venue[:-1]] = 0
    flow[0] = 0
    # A venue that comes or goes is no flow.
    absent = (bid == NO_BID) | (ask == NO_ASK)
    flow[absent | np.append(True, absent[:-1])] = 0
    size = day.session_s // OFI_STEP_S
    bins = (rows.ts[order] - day.day.open_ns) // (OFI_STEP_S * 10**9)
    chosen = inside[order] & (bins >= 0) & (bins < size)
    imbalance = np.bincount(bins[chosen], weights=flow[chosen], minlength=size)
    moves = np.diff(day.mids(OFI_STEP_S)) / day.tick
    slope, r2 = est.regression(imbalance[day.covered_bins(OFI_STEP_S)], moves[day.covered_bins(OFI_STEP_S)])
    return slope, r2, _depth(day)


def _depth(day: SymbolDay) -> float:
    grid = np.arange(day.start_ns, day.end_ns, OFI_STEP_S * 10**9)
    at = np.searchsorted(day.rows.ts, grid, side="right") - 1
    both = day.at_venues("bid_size", at, 0) + day.at_venues("ask_size", at, 0)
    return float(both.sum(axis=0).mean() / 2)


def _imbalance(day: SymbolDay) -> tuple[float, int]:
    """AUC of the direction of midpoint changes by the imbalance of round lots at the best prices just before, and how many changes."""
    _, direction, _, row = day.mid_changes
    before = row - 1
    direction, before = direction[before >= 0], before[before >= 0]
    if len(before) < 50:
        return math.nan, len(before)
    bids, asks = day.bids[:, before], day.asks[:, before]
    bid_size = np.where(bids == bids.max(axis=0), day.at_venues("lot_bid_size", before, 0), 0).sum(axis=0)
    ask_size = np.where(asks == asks.min(axis=0), day.at_venues("lot_ask_size", before, 0), 0).sum(axis=0)
    total = bid_size + ask_size
    known = total > 0
    return est.auc((bid_size - ask_size)[known] / total[known], direction[known] > 0), int(known.sum())


def judge(parts: Sequence[Part]) -> list[Check]:
    return [_signs(parts), _impact(parts), _informs(parts)]


def _signs(parts: Sequence[Part]) -> Check:
    usable = [p for p in parts if math.isfinite(p.memory[10])]
    unless = "" if usable else "no symbol has 500 parent trades at a known listing venue"
    groups = by_symbol(usable)
    trades = sum(p.trades for p in usable)
    c10 = mean([mean([p.memory[10] for p in ps]) for ps in groups.values()])
    hundred = [float(p.memory[100]) for p in usable]
    # Few symbol-days have no spread to speak of: then the error is that of independent signs.
    error = est.standard_error(hundred) if len(hundred) >= 8 else 1 / math.sqrt(trades) if trades else math.nan
    whole = [p.memory for p in usable if math.isfinite(p.memory[MEMORY_LAGS])]
    average = np.mean(whole, axis=0) if whole else np.full(MEMORY_LAGS + 1, np.nan)
    few = f"it needs {GAMMA_TRADES:,} parent trades, there are {trades:,}" if trades < GAMMA_TRADES else ""
    n = sample(usable, f"{trades:,} trades")
    findings = (
        judged("S12.c10", c10, n, unless=unless),
        judged("S12.c100", est.ratio(mean(hundred), error), n, unless=unless),
        judged("S12.gamma", est.decay_exponent(average, 5, 500) if whole else math.nan, n, unless=unless or few),
    )
    lags = np.unique(np.rint(np.geomspace(1, 500, 24)).astype(int))
    curve = average[lags]
    keep = curve > 0
    start = float(average[5]) if whole and average[5] > 0 else 0.1
    plot = Plot(
        "Memory of signs at the listing venue",
        "lag, parent trades",
        "C(lag)",
        (series("lag^-.6", lags, start * (lags / 5.0) ** -0.6, reference=True), series("mean symbol", lags[keep], curve[keep])),
        log_x=True,
        log_y=True,
    )
    return Check("S12", findings, plot, (("C(1)", shown(float(average[1]), ".3f")), ("C(100)", shown(mean(hundred), ".4f"))))


def _impact(parts: Sequence[Part]) -> Check:
    usable = [p for p in parts if p.responses[0] >= 100 and p.half_spread > 0]
    unless = "" if usable else "no symbol has 100 parent trades under a quote"
    trades = sum(int(p.responses[0]) for p in usable)
    longest = max((int(p.responses[0]) for p in usable), default=0)
    curve = [
        mean(
            [
                est.ratio(sum(p.response[i] for p in ps), sum(p.responses[i] for p in ps)) / mean([p.half_spread for p in ps])
                for ps in by_symbol(usable).values()
            ]
        )
        for i in range(len(RESPONSE_LAGS))
    ]
    at = dict(zip(RESPONSE_LAGS, curve, strict=True))
    n = sample(usable, f"{trades:,} trades")
    findings = (
        judged("S13.r1", at[1], n, unless=unless),
        judged("S13.grow", est.ratio(at[50], at[1]), n, unless=unless or ("" if longest >= 1_000 else "no symbol has 1,000 parent trades")),
        judged(
            "S13.flat", est.ratio(at[500], at[50]), n, unless=unless or ("" if longest >= 5_000 else "no symbol has 5,000 parent trades")
        ),
        judged("S13.exponent", math.nan, "-"),
        judged("S13.residual", math.nan, "-"),
    )
    x = (50.0, 1_000.0)
    bounds = (at[50] * 0.6, at[50] * 2) if math.isfinite(at[50]) and at[50] > 0 else (0.0, 1.0)
    plot = Plot(
        "Response of the midpoint to a parent trade",
        "lag, parent trades",
        "half-spreads",
        (band_of("flat from 50 on", *bounds, x), series("mean symbol", RESPONSE_LAGS, curve)),
        log_x=True,
    )
    return Check("S13", findings, plot)


def _informs(parts: Sequence[Part]) -> Check:
    usable = [p for p in long_enough(parts, 1_800) if math.isfinite(p.ofi_r2)]
    unless = "" if usable else "it needs half an hour of books"
    groups = by_symbol(usable)
    scaled = {s: mean([p.ofi_slope * p.depth for p in ps]) for s, ps in groups.items()}
    cheaper = {s: scaled[s] for s, ps in groups.items() if not mean([p.price_usd for p in ps]) > DEAR_USD}
    few = unless or ("" if len(cheaper) >= 5 else f"it needs five symbols of at most ${DEAR_USD:.0f}, there are {len(cheaper)}")
    cv = _variation(list(cheaper.values()))
    every = by_symbol(parts)
    ticks = {s: mean([p.ticks for p in ps]) for s, ps in every.items()}
    aucs = {s: mean([p.imbalance_auc for p in ps]) for s, ps in every.items()}
    large = [aucs[s] for s in every if ticks[s] <= LARGE_TICK and math.isfinite(aucs[s])]
    small = [aucs[s] for s in every if ticks[s] > SMALL_TICK and math.isfinite(aucs[s])]
    n = sample(usable)
    findings = (
        judged("S14.r2", median([p.ofi_r2 for p in usable]), n, unless=unless),
        judged("S14.depth", cv, n, unless=few),
        judged(
            "S14.auc_large", median(large), f"{len(large)} symbols", unless="" if large else "no symbol has a spread of at most 1.5 ticks"
        ),
        judged(
            "S14.auc_small", median(small), f"{len(small)} symbols", unless="" if small else "no symbol has a spread of more than 3 ticks"
        ),
    )
    band = bands()["S14.r2"]
    r2 = [mean([p.ofi_r2 for p in ps]) for ps in groups.values()]
    plot = Plot(
        "R2 of the midpoint's move on order-flow imbalance, 10 s",
        "",
        "",
        (band_of("band", band.low, band.high, (-0.5, max(len(r2), 1) - 0.5)), series("symbols", range(len(r2)), r2, "dots")),
        ticks=tuple(groups),
    )
    facts = (
        ("AUC of the imbalance, all symbols, median", shown(median(list(aucs.values())), ".3f")),
        ("slope times depth, coefficient of variation over all symbols", shown(_variation(list(scaled.values())), ".2f")),
    )
    return Check("S14", findings, plot, facts)


def _variation(values: Sequence[float]) -> float:
    """Standard deviation over mean; NaN of fewer than two."""
    middle = mean(values)
    return float(np.std(values, ddof=1)) / abs(middle) if len(values) > 1 and middle else math.nan
