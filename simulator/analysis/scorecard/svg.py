"""Plots as SVG: lines, dots, bars and shaded bands on linear or logarithmic axes. Colours are classes of the page's style."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape

from simulator.analysis.scorecard.card import Plot, Series, number

WIDTH, HEIGHT = 560, 300
LEFT, RIGHT, TOP, BOTTOM = 58, 12, 12, 46
TICKS = 6
LETTER = 6.5
"""Width of one; names that would touch are slanted."""


class _Axis:
    """From values to places on the page."""

    def __init__(self, values: Sequence[float], log: bool, start: float, end: float, *, zero: bool = False, snug: bool = False) -> None:
        self._log = log
        self._start, self._end = start, end
        finite = [v for v in values if math.isfinite(v) and (v > 0 or not log)]
        low, high = (min(finite), max(finite)) if finite else (1.0, 2.0) if log else (0.0, 1.0)
        if log:
            low, high = math.log10(low), math.log10(high)
        elif zero:
            low, high = min(low, 0.0), max(high, 0.0)
        spare = 0.0 if snug else (high - low or 1.0) * 0.05
        self.low, self.high = (low - spare * (low != 0 or log), high + spare) if high > low or spare else (low - 0.5, high + 0.5)

    def place(self, value: float) -> float:
        if self._log:
            value = math.log10(value) if value > 0 else self.low
        share = (value - self.low) / (self.high - self.low)
        return (
            self._start + min(max(share, -0.02), 1.02) * (self._end - self._start)
            if math.isfinite(share)
            else (self._start if share < 0 else self._end)
        )

    def ticks(self) -> list[float]:
        if self._log:
            powers = range(math.ceil(self.low - 1e-9), math.floor(self.high + 1e-9) + 1)
            if len(powers) >= 3:
                return [10.0**p for p in powers]
            found = [m * 10.0**p for p in range(math.floor(self.low), math.ceil(self.high) + 1) for m in (1, 2, 5)]
            return [v for v in found if self.low - 1e-9 <= math.log10(v) <= self.high + 1e-9]
        raw = (self.high - self.low) / TICKS
        size = 10.0 ** math.floor(math.log10(raw))
        step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= raw)
        first = math.ceil(self.low / step - 1e-9)
        return [k * step for k in range(first, math.floor(self.high / step + 1e-9) + 1)]


def draw(plot: Plot) -> str:
    """The plot as an ``<svg>`` element with its legend."""
    slanted = max(map(len, plot.ticks), default=0) * LETTER * len(plot.ticks) > WIDTH - LEFT - RIGHT
    bottom = HEIGHT - BOTTOM - (14 if slanted else 0)
    xs = [x for s in plot.series for x in s.x]
    if plot.ticks:
        xs = [-0.5, len(plot.ticks) - 0.5]
    ys = [y for s in plot.series for y in (*s.y, *s.y_high)]
    bars = any(s.kind == "bars" for s in plot.series)
    x_axis = _Axis(xs, plot.log_x, LEFT, WIDTH - RIGHT, snug=True)
    y_axis = _Axis(ys, plot.log_y, bottom, TOP, zero=bars)
    parts = [f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(plot.title)}">']
    parts += _grid(plot, x_axis, y_axis, bottom, slanted)
    colour = 0
    ordered = sorted(plot.series, key=lambda s: s.kind != "band")
    for one in ordered:
        if one.kind != "band" and not one.reference:
            colour += 1
        parts.append(_series(one, x_axis, y_axis, colour, max(len(plot.ticks), 1)))
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text class="label" x="{middle:.0f}" y="{HEIGHT - 3}" text-anchor="middle">{escape(plot.x_label)}</text>')
    turn = f"translate(11 {(TOP + bottom) / 2:.0f}) rotate(-90)"
    parts.append(f'<text class="label" transform="{turn}" text-anchor="middle">{escape(plot.y_label)}</text>')
    return "".join(parts) + "</svg>" + _legend(ordered)


def _grid(plot: Plot, x_axis: _Axis, y_axis: _Axis, bottom: float, slanted: bool) -> list[str]:
    parts = []
    for value in y_axis.ticks():
        y = y_axis.place(value)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 3.5:.1f}" text-anchor="end">{_tick(value)}</text>')
    if plot.ticks:
        for place, name in enumerate(plot.ticks):
            x = x_axis.place(place)
            turn = (
                f'transform="translate({x + 3:.1f} {bottom + 8:.0f}) rotate(-60)" text-anchor="end"'
                if slanted
                else f'x="{x:.1f}" y="{bottom + 15}" text-anchor="middle"'
            )
            parts.append(f"<text {turn}>{escape(name)}</text>")
    else:
        parts += [f'<text x="{x_axis.place(v):.1f}" y="{bottom + 15}" text-anchor="middle">{_tick(v)}</text>' for v in x_axis.ticks()]
    parts.append(f'<path class="axis" d="M{LEFT} {TOP}V{bottom}H{WIDTH - RIGHT}"/>')
    return parts


def _series(one: Series, x_axis: _Axis, y_axis: _Axis, colour: int, places: int) -> str:
    style = "reference" if one.reference else f"c{colour}"
    if one.kind == "band":
        top = [(x_axis.place(x), y_axis.place(y)) for x, y in zip(one.x, one.y_high, strict=True)]
        low = [(x_axis.place(x), y_axis.place(y)) for x, y in zip(one.x, one.y, strict=True)]
        return f'<path class="band" d="{_path([*top, *reversed(low)])}Z"/>'
    points = [(x_axis.place(x), y_axis.place(y)) for x, y in zip(one.x, one.y, strict=True) if math.isfinite(x) and math.isfinite(y)]
    if one.kind == "dots":
        return "".join(f'<circle class="{style}" cx="{x:.1f}" cy="{y:.1f}" r="2.6"/>' for x, y in points)
    if one.kind == "bars":
        gap = abs(x_axis.place(1) - x_axis.place(0))
        wide = max(1.0, min(gap * 0.7, 26.0))
        base = y_axis.place(0)
        rects = [(x - wide / 2, min(y, base), max(abs(y - base), 0.6)) for x, y in points]
        return "".join(f'<rect class="{style}" x="{x:.1f}" y="{y:.1f}" width="{wide:.1f}" height="{h:.1f}"/>' for x, y, h in rects)
    return f'<path class="line {style}" d="{_path(points)}"/>' if points else ""


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _tick(value: float) -> str:
    if value == 0:
        return "0"
    plain = f"{value:.10g}"
    return plain if len(plain) <= 6 else number(value)


def _legend(ordered: Sequence[Series]) -> str:
    parts, colour, seen = [], 0, set()
    for one in ordered:
        if one.kind != "band" and not one.reference:
            colour += 1
        if one.name in seen:
            continue
        seen.add(one.name)
        style = "band" if one.kind == "band" else "reference" if one.reference else f"c{colour}"
        parts.append(f'<span><i class="{style}"></i>{escape(one.name)}</span>')
    return f'<p class="legend">{"".join(parts)}</p>'
