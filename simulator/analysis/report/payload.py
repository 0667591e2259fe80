"""What the page is given: a small document of JSON, and for each symbol a packed block of numbers."""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from simulator.analysis.report.agents import HORIZONS_S, Agent
from simulator.analysis.report.levels import LEVELS
from simulator.analysis.report.sketch import Sketched
from simulator.analysis.report.windows import Window
from simulator.inputs.sessions import NEW_YORK, format_ts, trading_days
from simulator.notices import ImbalanceBatch, StatusBatch
from simulator.records import F64, NS_PER_MS, NS_PER_S, PRICE_UNITS_PER_USD, Cond, Phase, Side, codes

IMBALANCES_MAX = 400
"""Of a symbol that are drawn."""
TOGETHER_MAX = 40
"""Symbols whose correlation is shown."""
OVERVIEW_POINTS = 50
"""Of a symbol's line in the table of all."""
SIZE_STEPS = 12.0
"""A size is kept as so many steps a doubling: within 3 %."""


def symbol_block(sketched: Sketched, k: int) -> dict[str, Any]:
    """Packed: little-endian columns, each of int32 as differences, one after the other; ``columns`` says which."""
    t, v = len(sketched.prices), len(sketched.venues)
    best = sketched.best[:, k].reshape(t, 6)
    highest = max(int(sketched.quotes[:, k].max(initial=0)), int(sketched.prices[:, k].max(initial=0)))
    scale = 1 if highest < 2**31 else max(int(best[:, 1].max()), 1)
    columns: list[tuple[str, int, NDArray[Any], bool]] = [
        ("quotes", 2 * v, sketched.quotes[:, k].reshape(t, 2 * v) // scale, True),
        ("best", 6, best // np.array([scale, 1, 1] * 2), True),
        ("prices", 4, sketched.prices[:, k] // scale, True),
        ("volume", 3, np.minimum(sketched.volume[:, k], 2**31 - 1), False),
    ]
    spread = sketched.spread[:, k].astype("<f4")
    parts, described = [spread.tobytes()], [["spread", "f4", 1, 0]]
    for name, width, values, differs in columns:
        flat = np.ascontiguousarray(values.T.astype(np.int64)).astype(np.int32)
        if differs:
            flat = np.diff(flat, axis=1, prepend=np.int32(0))
        parts.append(flat.astype("<i4").tobytes())
        described.append([name, "i4", width, int(differs)])
    for name, values in (("offsets", sketched.offsets[:, k]), ("sizes", _packed_sizes(sketched.sizes[:, k]))):
        wide = name == "offsets"
        parts.append(np.ascontiguousarray(values.reshape(t, 2 * LEVELS).T).astype("<u2" if wide else "u1").tobytes())
        described.append([name, "u2" if wide else "u1", 2 * LEVELS, 0])
    data = base64.b64encode(zlib.compress(b"".join(parts), 6)).decode("ascii")
    return {"points": t, "scale": scale, "columns": described, "data": data}


def _packed_sizes(sizes: NDArray[np.int64]) -> NDArray[np.uint8]:
    return np.asarray(np.clip(np.rint(SIZE_STEPS * np.log2(1.0 + sizes)), 0, 255), np.uint8)


def document(sketched: Sketched, windows: Sequence[Window], agents: Sequence[Agent]) -> dict[str, Any]:
    """All but the head of the page."""
    return {
        "symbols": list(sketched.symbols), "venues": list(sketched.venues), "start_ms": sketched.start_ns / NS_PER_MS,
        "end_ms": sketched.end_ns / NS_PER_MS, "step_ms": sketched.step_ns // NS_PER_MS, "levels": LEVELS, "size_steps": SIZE_STEPS,
        "units": PRICE_UNITS_PER_USD, "offsets_ms": _zone(sketched), "phases": _phases(sketched),
        "blocks": [symbol_block(sketched, k) for k in range(len(sketched.symbols))],
        "by_venue": {
            "leads": sketched.leads.tolist(), "at_best": sketched.at_best.tolist(), "rows": sketched.rows.tolist(),
            "shares": sketched.shares.sum(axis=2).tolist(),
        },
        "overview": [_overview(sketched, k) for k in range(len(sketched.symbols))],
        "crosses": [
            [row[0] / NS_PER_MS, row[1], row[2], row[3] / PRICE_UNITS_PER_USD, row[4], Cond(row[5]).name]
            for row in sketched.crosses.tolist()
        ],
        "halts": _halts(sketched), "tells_halts": "status" in sketched.notices,
        "imbalances": _imbalances(sketched), "correlation": _together(sketched),
        "windows": [_window(window) for window in windows], "agents": [_agent(agent) for agent in agents], "horizons_s": HORIZONS_S,
    }  # fmt: skip


def _overview(sketched: Sketched, k: int) -> dict[str, Any]:
    """A symbol in a line: prices in 0.0001 USD, per cent of its shares in crosses, spread in 0.01 USD, a line from 0 to 100."""
    prices = sketched.prices[:, k]
    traded = prices[prices[:, 3] > 0]
    first, high, low, last = 0, 0, 0, 0
    if len(traded):
        first, high, low, last = int(traded[0, 0]), int(traded[:, 1].max()), int(traded[:, 2].min()), int(traded[-1, 3])
    by_cond = sketched.shares[k].sum(axis=0)
    spread = sketched.spread[:, k]
    steps = np.flatnonzero(prices[:, 3] > 0)
    known = np.maximum.accumulate(np.where(prices[:, 3] > 0, np.arange(len(prices)), 0))
    places = np.linspace(steps[0], steps[-1], OVERVIEW_POINTS).round().astype(np.int64) if len(steps) else steps
    line = [round(100 * (int(prices[at, 3]) - low) / max(high - low, 1)) for at in known[np.unique(places)].tolist()]
    return {
        "prices": [first, high, low, last], "shares": int(sketched.volume[:, k, 0].sum()), "prints": int(sketched.volume[:, k, 2].sum()),
        "crossed": round(100 * float(by_cond[Cond.OPEN :].sum() / by_cond.sum()), 2) if by_cond.any() else None,
        "spread": round(float(np.nanmean(spread)) / 100, 3) if np.isfinite(spread).any() else None, "line": line,
    }  # fmt: skip


def to_json(value: Any) -> str:
    """For inside of a script element: nothing in it ends that, and numbers that are none are null."""
    text = json.dumps(_finite(value), separators=(",", ":"), ensure_ascii=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(each) for key, each in value.items()}
    return [_finite(each) for each in value] if isinstance(value, list | tuple) else value


def _zone(sketched: Sketched) -> list[list[float]]:
    """[from ms, ms to add] for New York's clock."""
    import datetime as dt

    found: list[list[float]] = []
    for ts_ns in range(sketched.start_ns, sketched.end_ns + 1, max((sketched.end_ns - sketched.start_ns) // 200, NS_PER_S)):
        away = dt.datetime.fromtimestamp(ts_ns // NS_PER_S, NEW_YORK).utcoffset()
        assert away is not None
        add = away.total_seconds() * 1000
        if not found or found[-1][1] != add:
            found.append([ts_ns / NS_PER_MS, add])
    return found


def _phases(sketched: Sketched) -> list[dict[str, Any]]:
    """Sessions that the run touches."""
    return [
        {"date": day.date.isoformat(), "open_ms": day.open_ns / NS_PER_MS, "close_ms": day.close_ns / NS_PER_MS}
        for day in trading_days(sketched.start_ns, sketched.end_ns)
        if day.is_session and day.open_ns < sketched.end_ns and day.close_ns > sketched.start_ns
    ]


def _halts(sketched: Sketched) -> list[list[Any]]:
    """[symbol, from ms, until ms or null], of the ``status`` table where the run has it."""
    found: list[list[Any]] = []
    since: dict[tuple[int, int], int] = {}
    known = _known(sketched)
    for batch in sketched.notices.get("status", ()):
        assert isinstance(batch, StatusBatch)
        for ts_ns, symbol, venue, phase in zip(*(getattr(batch, n).tolist() for n in ("ts_ns", "symbol", "venue", "phase")), strict=True):
            if venue != 0 or phase < 0 or symbol not in known:
                continue  # all venues halt together
            symbol = known[symbol]
            if phase == Phase.HALTED:
                since.setdefault((symbol, venue), ts_ns)
            elif (start := since.pop((symbol, venue), None)) is not None:
                found.append([symbol, start / NS_PER_MS, ts_ns / NS_PER_MS])
    return sorted(found + [[symbol, start / NS_PER_MS, None] for (symbol, _), start in since.items()], key=lambda row: row[1])


def _imbalances(sketched: Sketched) -> dict[str, list[list[Any]]]:
    """By symbol: [ms, cond, paired, imbalance, side, reference, near price], some of them if there are many."""
    rows: dict[str, list[list[Any]]] = {}
    known = _known(sketched)
    for batch in sketched.notices.get("imbalances", ()):
        assert isinstance(batch, ImbalanceBatch)
        names = ("ts_ns", "symbol", "cond", "paired_size", "imbalance_size", "imbalance_side", "reference_price", "near_price")
        for ts_ns, symbol, cond, paired, size, side, reference, near in zip(*(getattr(batch, n).tolist() for n in names), strict=True):
            if symbol not in known:
                continue
            word = codes(Side)[side] if side >= 0 else ""
            prices = [price / PRICE_UNITS_PER_USD if price else None for price in (reference, near)]
            rows.setdefault(str(known[symbol]), []).append([ts_ns / NS_PER_MS, Cond(cond).name, paired, size, word, *prices])
    return {symbol: found[:: -(-len(found) // IMBALANCES_MAX)] for symbol, found in rows.items()}


def _known(sketched: Sketched) -> dict[int, int]:
    """Places here of the universe's symbols."""
    return {place: sketched.symbols.index(name) for place, name in enumerate(sketched.universe) if name in sketched.symbols}


def _together(sketched: Sketched) -> dict[str, Any]:
    """Of the symbols that trade most."""
    most = np.sort(np.argsort(-sketched.volume[..., 0].sum(axis=0), kind="stable")[:TOGETHER_MAX]).tolist()
    return {"symbols": [sketched.symbols[k] for k in most], "values": correlation(sketched, most).round(3).tolist()}


def correlation(sketched: Sketched, symbols: Sequence[int]) -> F64:
    """[n, n], of returns of the midpoint from step to step within sessions; NaN where too few are known."""
    step, start = sketched.step_ns, sketched.start_ns
    ends = start + np.arange(1, len(sketched.prices) + 1) * step
    inside = np.zeros(len(ends), np.bool_)
    for day in trading_days(start, sketched.end_ns):
        inside |= (ends > day.open_ns) & (ends <= day.close_ns) if day.is_session else False
    place = np.clip((np.arange(1, len(ends) + 1) * step) // sketched.fine_ns - 1, 0, len(sketched.fine) - 1)
    fine = sketched.fine[place][:, list(symbols)].astype(np.float64)
    mid = np.where((fine > 0).all(axis=2), fine.mean(axis=2), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        returns = np.diff(np.log(mid), axis=0)[inside[1:] & inside[:-1]]
    count = len(symbols)
    found: F64 = np.full((count, count), np.nan)
    for i in range(count):
        for j in range(i, count):
            good = np.isfinite(returns[:, i]) & np.isfinite(returns[:, j])
            one, other = returns[good, i], returns[good, j]
            if len(one) >= 10 and one.std() > 0 and other.std() > 0:
                found[i, j] = found[j, i] = float(np.corrcoef(one, other)[0, 1])
    return found


def _window(window: Window) -> dict[str, Any]:
    asked, sketched = window.asked, window.sketched
    return {
        "title": asked.title, "symbol": asked.symbol, "start_ms": asked.start_ns / NS_PER_MS, "step_ms": sketched.step_ns // NS_PER_MS,
        "block": symbol_block(sketched, 0), "left_out": window.prints_left_out,
        "from": format_ts(asked.start_ns), "to": format_ts(asked.end_ns),
        "prints": [[(row[0] - asked.start_ns) // 1000, *row[1:4], row[5]] for row in window.prints.tolist()],
    }  # fmt: skip


def _agent(agent: Agent) -> dict[str, Any]:
    return {
        "name": agent.name, "symbols": list(agent.symbols), "inventory": agent.inventory.T.tolist(),
        "equity": agent.equity.round(2).tolist(),
        "fills": [[row[0] / NS_PER_MS, *row[1:]] for row in agent.fills.tolist()], "left_out": agent.fills_left_out,
        "quality": [[word, shares, slippage, list(marks)] for word, shares, slippage, marks in agent.quality],
        "states": [list(state) for state in agent.states], "facts": [list(fact) for fact in agent.facts],
    }  # fmt: skip
