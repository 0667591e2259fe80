"""What an agent came to, over time: its fills, inventory, equity and drawdown; slippage, markouts, orders by state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulator.analysis.report.rows import places
from simulator.analysis.report.sketch import Sketched
from simulator.analysis.scorecard.sources import times_ns
from simulator.errors import InputError, explain
from simulator.records import F64, I64, NS_PER_S, PRICE_UNITS_PER_USD, Liquidity

TABLES = ("orders", "fills", "positions")
HORIZONS_S = (1, 10, 60, 300)
FILLS_MAX = 4_000
"""That are drawn."""
SYMBOLS_MAX = 8
"""Whose inventory has a line of its own."""
LIQUIDITY = tuple(liquidity.name.lower() for liquidity in Liquidity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Of one agent. ``T``: the report's points of time."""

    name: str
    symbols: tuple[str, ...]
    """That it traded, the most shares first, ``SYMBOLS_MAX`` at most."""
    fills: I64
    """[n, 6]: ts_ns, symbol, price in 0.0001 USD, shares (below 0: sold), liquidity, venue."""
    fills_left_out: int
    inventory: I64
    """[T, symbols]: shares held."""
    equity: F64
    """[T]: USD, cash and what is held at the midpoint, less fees."""
    quality: tuple[tuple[str, float, float, tuple[float, ...]], ...]
    """By liquidity: its name, shares, slippage in bps against the midpoint at the order's sending, markouts in bps after ``HORIZONS_S``."""
    states: tuple[tuple[str, int], ...]
    """Orders by what became of them."""
    facts: tuple[tuple[str, str], ...]
    largest: tuple[int, str] | None
    """Time and symbol of its largest order."""


def read_tables(folder: Path) -> dict[str, dict[str, Any]]:
    """By agent and table, of a run's ``agents`` folder. Raises ``InputError`` for a file that cannot be read."""
    found: dict[str, dict[str, Any]] = {}
    for home in sorted(path for path in (folder / "agents").glob("*") if path.is_dir()):
        paths = {table: home / f"{table}.parquet" for table in TABLES}
        if all(path.is_file() for path in paths.values()):
            try:
                found[unquote(home.name)] = {table: pq.read_table(path) for table, path in paths.items()}
            except (OSError, pa.ArrowException) as error:
                remedy = "Take it away: the report shows the rest."
                raise InputError(explain("report", str(home), f"an agent's results cannot be read: {error}", remedy)) from error
    return found


def largest_orders(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[int, str]]:
    """Of each agent that sent any: when, and of which symbol."""
    found = {}
    for name, each in tables.items():
        orders = each["orders"]
        if len(orders):
            row = int(np.argmax(orders["size"].to_numpy()))
            found[name] = (int(_times(orders["timestamp_ns"])[row]), str(orders["symbol"][row].as_py()))
    return found


def picture(name: str, tables: Mapping[str, Any], sketched: Sketched) -> Agent:
    """Of an agent's ``orders``, ``fills`` and ``positions``."""
    orders, fills = tables["orders"], tables["fills"]
    ts_ns, symbol = _times(fills["timestamp_ns"]), places(fills["symbol"], sketched.symbols)
    price, size = fills["price"].to_numpy().astype(np.float64), fills["size"].to_numpy().astype(np.int64)
    sign = np.where(np.array(fills["side"].to_pylist(), object) == "B", 1, -1).astype(np.int64)
    liquidity, fee = places(fills["liquidity"], LIQUIDITY), fills["fee"].to_numpy().astype(np.float64)
    mids = _mids(sketched)
    known = symbol >= 0
    traded = np.bincount(symbol[known], weights=size[known], minlength=len(sketched.symbols))
    chosen = [k for k in np.argsort(-traded, kind="stable").tolist() if traded[k] > 0]
    inventory, equity = _over_time(sketched, mids, chosen, (ts_ns, symbol, price, size * sign, fee))
    venue = places(fills["venue"], sketched.venues)
    shown = np.sort(np.argsort(-size, kind="stable")[:FILLS_MAX])
    units = np.rint(price * PRICE_UNITS_PER_USD).astype(np.int64)
    rows = np.stack((ts_ns, symbol, units, size * sign, liquidity, venue), axis=1)[shown]
    peak = np.maximum.accumulate(equity) if len(equity) else equity
    facts = (
        ("Orders", f"{len(orders):,}"), ("Fills", f"{len(fills):,}"), ("Shares", f"{int(size.sum()):,}"), ("Fees", f"{fee.sum():,.2f} USD"),
        ("Equity at the end", f"{equity[-1] if len(equity) else 0.0:,.2f} USD"),
        ("Largest drawdown", f"{float((peak - equity).max(initial=0.0)):,.2f} USD"),
    )  # fmt: skip
    return Agent(
        name=name, symbols=tuple(sketched.symbols[k] for k in chosen[:SYMBOLS_MAX]), fills=rows, fills_left_out=len(fills) - len(rows),
        inventory=inventory[:, :SYMBOLS_MAX], equity=equity, states=_states(orders), facts=facts,
        largest=largest_orders({name: tables}).get(name),
        quality=_quality(sketched, mids, orders, (ts_ns, symbol, price, size, sign, liquidity, fills["ref"].to_numpy())),
    )  # fmt: skip


def _times(column: Any) -> I64:
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return np.asarray(pc.fill_null(times_ns(column), -1).to_numpy(zero_copy_only=False), np.int64)


def _mids(sketched: Sketched) -> F64:
    """[N, S] in USD on the fine grid, the last known one where a side is empty; NaN before any."""
    bid, ask = sketched.fine[..., 0], sketched.fine[..., 1]
    two = (bid > 0) & (ask > 0)
    newest = np.maximum.accumulate(np.where(two, np.arange(len(bid))[:, None], -1), axis=0)
    mids = (bid + ask.astype(np.float64)) / (2.0 * PRICE_UNITS_PER_USD)
    found = np.take_along_axis(mids, np.maximum(newest, 0), axis=0)
    return np.where(newest >= 0, found, np.nan)


def _mid_at(sketched: Sketched, mids: F64, ts_ns: I64, symbol: I64) -> F64:
    """At the end of the last whole step of the fine grid before; NaN outside of the run."""
    place = (ts_ns - sketched.start_ns) // sketched.fine_ns - 1
    inside = (place >= 0) & (place < len(mids)) & (symbol >= 0)
    found: F64 = np.full(len(ts_ns), np.nan)
    found[inside] = mids[place[inside], symbol[inside]]
    return found


def _over_time(sketched: Sketched, mids: F64, chosen: list[int], fills: tuple[Any, ...]) -> tuple[I64, F64]:
    ts_ns, symbol, price, signed, fee = fills
    points = len(sketched.prices)
    at = np.clip((ts_ns - sketched.start_ns) // sketched.step_ns, 0, max(points - 1, 0))
    cash = np.cumsum(np.bincount(at, weights=-signed * price - fee, minlength=points))
    ends = np.minimum((np.arange(1, points + 1) * sketched.step_ns) // sketched.fine_ns - 1, len(mids) - 1)
    inventory: I64 = np.zeros((points, len(chosen)), np.int64)
    for column, k in enumerate(chosen):
        mine = symbol == k
        held = np.cumsum(np.bincount(at[mine], weights=signed[mine], minlength=points))
        inventory[:, column] = np.rint(held).astype(np.int64)
        # Where no midpoint is known, the last fill's price.
        last = price[mine][np.clip(np.searchsorted(at[mine], np.arange(points), side="right") - 1, 0, None)]
        mid = mids[np.maximum(ends, 0), k]
        cash = cash + held * np.where(np.isnan(mid), last, mid)
    return inventory, np.asarray(cash, np.float64)


def _quality(sketched: Sketched, mids: F64, orders: Any, fills: tuple[Any, ...]) -> tuple[tuple[str, float, float, tuple[float, ...]], ...]:
    ts_ns, symbol, price, size, sign, liquidity, ref = fills
    sent = _times(orders["timestamp_ns"])
    sent_ns = sent[np.clip(ref - 1, 0, max(len(sent) - 1, 0))] if len(sent) else ts_ns
    arrival = _mid_at(sketched, mids, sent_ns, symbol)
    slippage = sign * (price - arrival) / arrival * 10_000
    after = [sign * (_mid_at(sketched, mids, ts_ns + s * NS_PER_S, symbol) - price) / price * 10_000 for s in HORIZONS_S]
    found = []
    for code, word in enumerate(LIQUIDITY):
        mine = liquidity == code
        if mine.any():
            marks = tuple(_mean(values[mine], size[mine]) for values in after)
            found.append((word, float(size[mine].sum()), _mean(slippage[mine], size[mine]), marks))
    return tuple(found)


def _mean(values: F64, weights: I64) -> float:
    good = np.isfinite(values)
    return float(np.average(values[good], weights=weights[good])) if good.any() else float("nan")


def _states(orders: Any) -> tuple[tuple[str, int], ...]:
    counted: Counter[str] = Counter()
    columns = (orders[name].to_pylist() for name in ("reason", "size", "filled", "cancelled", "expired"))
    closed = _times(orders["closed_ns"]) >= 0
    for reason, size, filled, cancelled, expired, is_closed in zip(*columns, closed.tolist(), strict=True):
        if reason:
            state = f"refused: {reason}"
        elif filled >= size:
            state = "filled"
        elif not is_closed:
            state = "open, partly filled" if filled else "open"
        else:
            how = "cancelled" if cancelled >= expired and cancelled else "expired" if expired else "replaced"
            state = f"{how}, partly filled" if filled else how
        counted[state] += 1
    return tuple(counted.most_common())
