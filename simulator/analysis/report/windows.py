"""Some minutes of one symbol by the second, with every print: at crosses, after halts, the busiest, at agents' largest orders."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from simulator.analysis.report.rows import RunRows, book_columns, trade_batch
from simulator.analysis.report.sketch import Sketch, Sketched
from simulator.inputs.sessions import new_york
from simulator.records import I32, I64, NS_PER_S, Cond
from simulator.tape.sink import RunInfo

WINDOWS_MAX = 6
BEFORE_S, AFTER_S = 60, 120
SPAN_MAX_S = 1_800
"""Of a window that the user asks for."""
PRINTS_MAX = 6_000
NAMES = {Cond.OPEN: "opening cross", Cond.CLOSE: "closing cross", Cond.HALT_RESUME: "reopening after a halt"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A window that is to be shown."""

    title: str
    symbol: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """And what it shows."""

    asked: Asked
    sketched: Sketched
    prints: I64
    """[n, 6]: ts_ns, price in 0.0001 USD, size, side, cond, venue."""
    prints_left_out: int


def choose(sketched: Sketched, largest: Mapping[str, tuple[int, str]]) -> list[Asked]:
    """The six that are worth a look. ``largest``: of each agent the time and symbol of its largest order."""
    found: list[tuple[str, str, int]] = []
    crosses = sketched.crosses
    by_volume = np.argsort(-sketched.volume[..., 0].sum(axis=0), kind="stable").tolist()
    for cond in (Cond.HALT_RESUME, Cond.OPEN, Cond.CLOSE):
        mine = crosses[crosses[:, 5] == cond]
        if len(mine):
            row = mine[np.argmax(mine[:, 4])].tolist()
            found.append((f"{sketched.symbols[row[1]]}: its {NAMES[cond]}", sketched.symbols[row[1]], row[0]))
    for agent, (ts_ns, symbol) in sorted(largest.items())[: WINDOWS_MAX - 1]:
        found.append((f"{symbol}: the largest order of {agent}", symbol, ts_ns))
    for k in by_volume:
        rows = sketched.fine_rows[:, k]
        if rows.any():
            at_ns = sketched.start_ns + int(np.argmax(rows)) * sketched.fine_ns
            found.append((f"{sketched.symbols[k]}: its busiest moment", sketched.symbols[k], at_ns))
    chosen: list[Asked] = []
    for title, symbol, ts_ns in found:
        asked = around(title, symbol, ts_ns, sketched)
        near = any(asked.symbol == c.symbol and abs(asked.start_ns - c.start_ns) < BEFORE_S * NS_PER_S for c in chosen)
        if len(chosen) < WINDOWS_MAX and not near:
            chosen.append(asked)
    return chosen


def around(title: str, symbol: str, ts_ns: int, sketched: Sketched) -> Asked:
    """A minute before and two minutes after, inside of the run."""
    start_ns = max(sketched.start_ns, (ts_ns // NS_PER_S - BEFORE_S) * NS_PER_S)
    end_ns = min(sketched.end_ns, start_ns + (BEFORE_S + AFTER_S) * NS_PER_S)
    return Asked(title=f"{title}, {new_york(ts_ns)[11:]}", symbol=symbol, start_ns=start_ns, end_ns=end_ns)


def look(rows: RunRows, run: RunInfo, asked: Sequence[Asked]) -> list[Window]:
    """Read them. What stood before a window began is unknown until the books of it move."""
    found = []
    for one in asked:
        part = replace(run, start_ns=one.start_ns, end_ns=one.end_ns)
        sketch = Sketch(part, [one.symbol], step_ns=NS_PER_S)
        number = run.symbols.index(one.symbol)
        for batch in rows.books(one.start_ns - BEFORE_S * NS_PER_S, one.end_ns, one.symbol):
            ts_ns, symbol, venue, (bid, ask), levels_of = book_columns(batch, run)
            mine = np.flatnonzero(symbol == number)
            # What stood at the window's start counts as if it had come then.
            moved = np.maximum(ts_ns[mine], one.start_ns)
            sketch.take_books(moved, symbol[mine], venue[mine], (bid[mine], ask[mine]), _of(levels_of, mine))
        table = rows.trades(one.start_ns, one.end_ns)
        prints = np.zeros((0, 6), np.int64)
        if len(table):
            batch = trade_batch(table, run)
            mine = np.flatnonzero((batch.symbol == number) & (batch.ts_ns >= one.start_ns) & (batch.ts_ns < one.end_ns))
            sketch.take_trades(batch)
            scale = run.price_scales[number] if run.price_scales else 1
            columns = (batch.ts_ns, batch.price * np.int64(scale), batch.size, batch.side, batch.cond, batch.venue)
            prints = np.stack([column[mine].astype(np.int64) for column in columns], axis=1)
        left_out = max(len(prints) - PRINTS_MAX, 0)
        if left_out:  # the largest stay
            prints = prints[np.sort(np.argsort(-prints[:, 2], kind="stable")[:PRINTS_MAX])]
        found.append(Window(asked=one, sketched=sketch.result(), prints=prints, prints_left_out=left_out))
    return found


def _of(levels_of: Callable[[I64], I32], mine: I64) -> Callable[[I64], I32]:
    return lambda rows: levels_of(mine[rows])
