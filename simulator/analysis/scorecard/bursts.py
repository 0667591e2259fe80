"""S11 and S19: when events happen. Counts per second and per ten seconds, the spectrum of the universe's rows, rows that repeat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

import simulator.analysis.scorecard.estimators as est
from simulator.analysis.scorecard.bands import bands
from simulator.analysis.scorecard.book_rows import RowFaults
from simulator.analysis.scorecard.card import Check, Plot, judged
from simulator.analysis.scorecard.card import shown as as_text
from simulator.analysis.scorecard.estimators import mean, median
from simulator.analysis.scorecard.parts import Key, band_of, by_symbol, long_enough, sample, series
from simulator.analysis.scorecard.symbol_day import SymbolDay
from simulator.inputs.sessions import TradingDay
from simulator.records import F64, I64, NS_PER_S

BINS_PER_S = 50
SEGMENTS = 5
TEN_S_BLOCK, ONE_S_BLOCK = 90, 900
"""Bins in a quarter of an hour."""
HOUR_S = 3_600


@dataclass(frozen=True, slots=True)
class Part:
    key: Key
    mids: tuple[float, float]
    """Block moments of midpoint changes per ten seconds."""
    trades: tuple[float, float]
    """Of parent trades per ten seconds."""
    prints: tuple[float, float]
    """Of prints per second."""
    silent: int
    """Seconds without a print, of ``seconds``."""
    seconds: int
    total: int
    by_count: I64
    """Seconds with 0, 1, ... prints, [21]; the last: 20 and more."""


def measure(day: SymbolDay) -> Part:
    tens, ones = day.covered_bins(10), day.covered_bins(1)
    per_second = day.counts(day.continuous.ts, 1)[ones]
    return Part(
        Key.of(day),
        est.block_moments(day.counts(day.mid_changes[0], 10)[tens], TEN_S_BLOCK),
        est.block_moments(day.counts(day.parents.ts, 10)[tens], TEN_S_BLOCK),
        est.block_moments(per_second, ONE_S_BLOCK),
        int(np.count_nonzero(per_second == 0)),
        len(per_second),
        int(per_second.sum()),
        np.bincount(np.minimum(per_second, 20), minlength=21),
    )


@dataclass(slots=True)
class Pulse:
    """Rows of all symbols in fiftieths of a second of one session."""

    day: TradingDay
    books: I64
    prints: I64

    @classmethod
    def of(cls, day: TradingDay) -> Pulse:
        size = (day.close_ns - day.open_ns) // NS_PER_S * BINS_PER_S
        return cls(day, np.zeros(size, np.int64), np.zeros(size, np.int64))

    def add(self, symbol: SymbolDay) -> None:
        for counts, ts in ((self.books, symbol.rows.ts), (self.prints, symbol.continuous.ts)):
            place = (ts - self.day.open_ns) // (NS_PER_S // BINS_PER_S)
            counts += np.bincount(place[(place >= 0) & (place < len(counts))], minlength=len(counts))


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A day's power over frequency, on a common grid of .1 to 10 Hz, and the lines at 1 Hz."""

    date: str
    hertz: F64
    books: F64
    prints: F64
    line_books: float
    line_prints: float
    line_books_day: float
    """Of the whole day in one piece: a line grows with the length, its surroundings do not."""
    phase: F64
    """Book rows by fiftieth of the second, mean 1."""


def spectrum(pulse: Pulse, start_ns: int, end_ns: int) -> Spectrum | None:
    """Of the covered part of the session; None below an hour, or below a row a second."""
    first = max(0, -(-(start_ns - pulse.day.open_ns) // NS_PER_S)) * BINS_PER_S
    last = min(len(pulse.books) // BINS_PER_S, (end_ns - pulse.day.open_ns) // NS_PER_S) * BINS_PER_S
    if last - first < HOUR_S * BINS_PER_S or pulse.books[first:last].sum() < HOUR_S:
        return None
    lines, curves = [], []
    lines_hz = np.arange(1.0, 11.0)
    grid = np.unique(np.concatenate((np.geomspace(0.1, 10, 120), lines_hz)))
    for counts in (pulse.books[first:last], pulse.prints[first:last]):
        hertz, power = est.line_spectrum(counts, BINS_PER_S, SEGMENTS)
        # The second's line and its overtones are shown by themselves, between them the mean of the neighbours.
        place = np.clip(np.searchsorted(hertz, grid), 1, len(hertz) - 1)
        smooth = np.array([power[max(p - 8, 1) : p + 9].mean() for p in place])
        on_line = np.isin(grid, lines_hz)
        smooth[on_line] = power[np.clip(np.rint(grid[on_line] / hertz[1]).astype(int), 0, len(power) - 1)]
        reference = max(float(counts.mean()) * len(counts) / SEGMENTS, 1e-9)
        curves.append(smooth / reference)
        lines.append(est.line_over_surroundings(hertz, power, 1.0))
    whole = est.line_over_surroundings(*est.line_spectrum(pulse.books[first:last], BINS_PER_S, 1), 1.0)
    phase = pulse.books[first:last].reshape(-1, BINS_PER_S).sum(axis=0).astype(np.float64)
    date = pulse.day.date.isoformat()
    return Spectrum(date, grid, curves[0], curves[1], lines[0], lines[1], whole, phase / max(float(phase.mean()), 1e-9))


def judge(parts: Sequence[Part], spectra: Sequence[Spectrum], rows: RowFaults) -> list[Check]:
    return [_clustering(parts), _seconds(parts, spectra, rows)]


def _clustering(parts: Sequence[Part]) -> Check:
    usable = long_enough(parts, HOUR_S)
    unless = "" if usable else "it needs an hour"
    groups = by_symbol(usable)
    mids = [est.branching_ratio([p.mids for p in ps]) for ps in groups.values()]
    trades = [est.branching_ratio([p.trades for p in ps]) for ps in groups.values()]
    n = sample(usable)
    findings = (judged("S11.mid", median(mids), n, unless=unless), judged("S11.trades", median(trades), n, unless=unless))
    band = bands()["S11.mid"]
    places = range(len(groups))
    plot = Plot(
        "Branching ratio by symbol",
        "",
        "",
        (
            band_of("band", band.low, band.high, (-0.5, max(len(groups), 1) - 0.5)),
            series("midpoint changes", places, mids, "dots"),
            series("trades", places, trades, "dots"),
        ),
        ticks=tuple(groups),
        note="0: Poisson. Below 0: more even than chance, a clock.",
    )
    prints = [est.branching_ratio([p.prints for p in ps]) for ps in groups.values()]
    return Check("S11", findings, plot, (("the same of prints in seconds", as_text(median(prints), ".2f")),))


def _seconds(parts: Sequence[Part], spectra: Sequence[Spectrum], rows: RowFaults) -> Check:
    usable = long_enough(parts, HOUR_S)
    unless = "" if usable else "it needs an hour"
    groups = by_symbol([p for p in parts if p.seconds])
    seconds, total = sum(p.seconds for p in parts), sum(p.total for p in parts)
    rate = total / seconds if seconds else 0.0
    other = "" if 0.3 <= rate <= 6 else f"at {rate:.2f} prints a second and symbol the band says nothing (.3 to 6)"
    silent = mean([est.ratio(sum(p.silent for p in ps), sum(p.seconds for p in ps)) for ps in groups.values()])
    fano = median([est.fano_factor([p.prints for p in ps]) for ps in by_symbol(usable).values()])
    line, line_prints = mean([s.line_books for s in spectra]), mean([s.line_prints for s in spectra])
    no_hour = "" if spectra else "no session has an hour of rows, one a second at least"
    n = sample([p for ps in groups.values() for p in ps])
    few_rows = "" if rows.rows else "there are no book rows"
    findings = (
        judged("S19.silent", silent, n, unless=other),
        judged("S19.fano", fano, n, unless=unless),
        judged("S19.line_rows", line, f"{len(spectra)} days", unless=no_hour),
        judged("S19.line_prints", line_prints, f"{len(spectra)} days", unless=no_hour),
        judged("S19.repeats", est.ratio(rows.repeated, rows.rows), f"{rows.rows:,} rows", unless=few_rows),
    )
    shown = []
    if spectra:
        shown = [
            series("Poisson", [0.1, 10], [1.0, 1.0], reference=True),
            series("book rows", spectra[0].hertz, np.mean([s.books for s in spectra], axis=0)),
            series("prints", spectra[0].hertz, np.mean([s.prints for s in spectra], axis=0)),
        ]
    plot = Plot(
        "Spectrum of rows, all symbols",
        "Hz",
        "power; Poisson = 1",
        tuple(shown),
        log_x=True,
        log_y=True,
        note="Real flow falls smoothly; a clock is a spike.",
    )
    counts = np.sum([p.by_count for p in parts], axis=0) if parts else np.zeros(21)
    phase = np.mean([s.phase for s in spectra], axis=0) if spectra else np.ones(1)
    facts = (
        ("prints a second and symbol", f"{rate:.2f}"),
        ("seconds with one or two prints", f"{est.ratio(float(counts[1] + counts[2]), float(counts.sum())):.0%}" if counts.sum() else "-"),
        ("1 Hz line of book rows, the whole day in one piece", f"{mean([s.line_books_day for s in spectra]):,.0f}" if spectra else "-"),
        ("book rows across the second, largest and smallest fiftieth", f"{phase.max():.2f}, {phase.min():.2f}" if spectra else "-"),
    )
    return Check("S19", findings, plot, facts)
