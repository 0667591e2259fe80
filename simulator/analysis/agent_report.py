"""What an agent's trading came to, measured against the market's own rows: costs of orders and fills, equity and drawdown through time.

"The best quotes at" a moment are those of book rows stamped before it, over all venues; a markout's, those stamped up to it. Basis points
are positive where the agent paid, or where the price went its way afterwards (markouts).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from simulator.analysis.agent_result import AgentResult
from simulator.analysis.estimates import Sharpe, sharpe
from simulator.analysis.quote_path import QuotePath, paths_of
from simulator.errors import InputError, SinkError, explain
from simulator.inputs.checks import whole
from simulator.inputs.sessions import trading_days
from simulator.inputs.strict_yaml import nearest
from simulator.market import Market
from simulator.records import F64, I64, NS_PER_MINUTE, NS_PER_S, PRICE_UNITS_PER_USD, Cond, MarketDataBatch, Side, TradeBatch
from simulator.tape.memory import empty_batch, to_polars

HORIZONS_S = (1, 10, 60)
TABLES = ("orders", "fills", "equity", "inventory", "daily", "summary")
TIMES_MAX = 100_000_000
BPS = 10_000.0


class _Fills(NamedTuple):
    """An agent's, as columns; prices and fees in USD."""

    ts_ns: I64
    ref: I64
    symbol: I64
    """Places among the result's symbols."""
    sign: I64
    """1 buys."""
    price: F64
    size: I64
    fee: F64


class AgentReport:
    """``arrow``, ``pandas`` and ``polars`` of ``"orders"``, ``"fills"``, ``"equity"``, ``"inventory"``, ``"daily"`` or ``"summary"``."""

    def __init__(
        self, result: AgentResult, books: MarketDataBatch, trades: TradeBatch, market: Market, every_ns: int, horizons_s: Sequence[int]
    ) -> None:
        self.result = result
        self.start_ns, self.end_ns = market.scenario.start_ns, market.now_ns
        self.every_ns, self.horizons_s = every_ns, tuple(horizons_s)
        self._run = market.run_info
        self._paths = paths_of(books, self._run)
        self._prints = _prints_by_symbol(trades, self._run)
        self._symbols = [self._run.symbols.index(name) for name in result.symbols]
        """Of the universe, by the result's places."""
        self._filled = _fills_of(result)
        self._known: dict[str, Any] = {}

    def __repr__(self) -> str:
        fills, pnl_usd = len(self._filled.ts_ns), self.result.pnl_usd
        return f"<AgentReport of {self.result.name}: {fills:,} fills, PnL {pnl_usd:,.2f} USD; {', '.join(TABLES)}>"

    def _repr_html_(self) -> str:
        return str(self.pandas("summary").T._repr_html_())

    def arrow(self, table: str) -> Any:
        """As a ``pyarrow.Table``; each begins with ``timestamp_ns`` but the summary. Raises ``InputError`` for another name."""
        if table not in TABLES:
            raise InputError(explain("table", table, f"a report has {', '.join(TABLES)}", nearest(table, list(TABLES))))
        if table not in self._known:
            self._known[table] = getattr(self, f"_{table}")()
        return self._known[table]

    def pandas(self, table: str) -> Any:
        """The same as a ``pandas.DataFrame``."""
        return self.arrow(table).to_pandas()

    def polars(self, table: str) -> Any:
        """The same as a ``polars.DataFrame``."""
        return to_polars(self.arrow(table))

    def write(self, folder: Path | str) -> list[Path]:
        """A Parquet file for each table; returns their paths. Raises ``SinkError``."""
        import pyarrow.parquet as pq

        paths = [Path(folder) / f"{table}.parquet" for table in TABLES]
        try:
            Path(folder).mkdir(parents=True, exist_ok=True)
            for table, path in zip(TABLES, paths, strict=True):
                pq.write_table(self.arrow(table), path, compression="zstd")
        except OSError as error:
            raise SinkError(f"The report could not be written to {folder}: {error}. Name a folder that you may write to.") from error
        return paths

    def sharpe(self, period_ns: int = NS_PER_MINUTE) -> Sharpe:
        """Of the equity's changes from period to period, not annualised: with its standard error. Raises ``InputError``."""
        step = max(whole("period_ns", period_ns, self.every_ns, 2**62, "A minute is the default.", " ns") // self.every_ns, 1)
        return sharpe(np.diff(np.append(0.0, self.arrow("equity")["equity_usd"].to_numpy()[step - 1 :: step])))

    # --- tables ------------------------------------------------------------------------------------------------------

    def _costs(self) -> dict[str, Any]:
        """By fill: the best quotes, spreads and markouts."""
        f = self._filled
        bid, ask, mid = self._at(f.symbol, f.ts_ns, before=True)
        columns: dict[str, Any] = {"bid": bid, "ask": ask, "mid": mid, "effective_spread_bps": 2 * f.sign * (f.price - mid) / mid * BPS}
        for seconds in self.horizons_s:
            then_ns = f.ts_ns + seconds * NS_PER_S
            later = np.where(then_ns <= self.end_ns, self._at(f.symbol, then_ns, before=False)[2], np.nan)
            columns[f"mid_{seconds}s"] = later
            columns[f"markout_{seconds}s_bps"] = f.sign * (later - f.price) / f.price * BPS
            columns[f"realised_spread_{seconds}s_bps"] = 2 * f.sign * (f.price - later) / mid * BPS
        return columns

    def _fills(self) -> Any:
        table = self.result.arrow("fills")
        for name, values in self._costs().items():
            table = table.append_column(name, _numbers(values))
        return table

    def _orders(self) -> Any:
        """By order: quotes at decision, arrival and fill, and what it cost against each."""
        rows, f = self.result.order_columns, self._filled
        n, venues = len(rows["ref"]), len(self.result.venues)
        symbol, sign = rows["book"] // venues, np.where(rows["side"] == Side.BUY, 1, -1)
        place = f.ref - 1  # references are 1, 2, 3 ...
        filled = np.bincount(place, f.size, n)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.bincount(place, f.size * f.price, n) / filled
            mids = np.bincount(place, f.size * self._at(f.symbol, f.ts_ns, before=True)[2], n) / filled
        last_ns = np.full(n, -1, np.int64)
        np.maximum.at(last_ns, place, f.ts_ns)
        first_ns = np.full(n, np.iinfo(np.int64).max)
        np.minimum.at(first_ns, place, f.ts_ns)
        arrived_ns = rows["answered_ns"]
        columns: dict[str, Any] = {"mean_price": mean, "fee": np.bincount(place, f.fee, n)}
        for name, ts_ns in (("decision", rows["sent_ns"]), ("arrival", arrived_ns), ("fill", np.where(filled > 0, first_ns, -1))):
            quotes = self._at(symbol, ts_ns, before=True)
            columns |= {f"{what}_{name}": values for what, values in zip(("bid", "ask", "mid"), quotes, strict=True)}
        columns["mid_fills"] = mids
        columns["vwap"] = self._vwap(symbol, arrived_ns, last_ns)
        columns["close"] = self._close(symbol, np.where(last_ns >= 0, last_ns, rows["sent_ns"]))
        for against, base in (("decision", "mid_decision"), ("arrival", "mid_arrival"), ("vwap", "vwap"), ("close", "close")):
            columns[f"slippage_{against}_bps"] = sign * (mean / columns[base] - 1) * BPS
        columns["effective_spread_bps"] = 2 * sign * (mean - mids) / mids * BPS
        table = self.result.arrow("orders")
        for name, values in columns.items():
            table = table.append_column(name, _numbers(values))
        first = _times(np.where(filled > 0, first_ns, -1))
        return table.append_column("first_fill_ns", first).append_column("last_fill_ns", _times(last_ns))

    def _equity(self) -> Any:
        """Through time: cash, fees, what is held at the midpoint, and how far the sum is below its highest so far (0 at the start)."""
        import pyarrow as pa

        grid = self._grid
        cash = _steps(grid, self._filled.ts_ns, -self._filled.sign * self._filled.size * self._filled.price)
        fees = _steps(grid, self._filled.ts_ns, self._filled.fee)
        value, gross = np.zeros(len(grid)), np.zeros(len(grid))
        for shares, mark in self._held().values():
            value += shares * mark
            gross += np.abs(shares * mark)
        equity = cash - fees + value
        drawdown = np.maximum.accumulate(np.maximum(equity, 0.0)) - equity
        columns = {"equity_usd": equity, "cash_usd": cash, "fees_usd": fees, "gross_usd": gross, "drawdown_usd": drawdown}
        return pa.table({"timestamp_ns": _times(grid)} | {name: _numbers(values) for name, values in columns.items()})

    def _inventory(self) -> Any:
        """Through time and by symbol traded: shares, the midpoint that marks them, their value."""
        import pyarrow as pa

        from simulator.tape.arrow import words

        held = self._held()
        grid = self._grid
        shares = np.array([each[0] for each in held.values()]).reshape(len(held), len(grid)).T
        marks = np.array([each[1] for each in held.values()]).reshape(len(held), len(grid)).T
        places = np.array([self._symbols[k] for k in held], np.int64)
        return pa.table({
            "timestamp_ns": _times(np.repeat(grid, len(held))), "symbol": words(np.tile(places, len(grid)), self._run.symbols),
            "shares": pa.array(shares.ravel().astype(np.int64)), "mid": _numbers(marks.ravel()),
            "value_usd": _numbers((shares * marks).ravel()),
        })  # fmt: skip

    def _daily(self) -> Any:
        """By date of New York, at the last moment simulated of it: PnL, fees, shares, fills, the equity's deepest fall in it."""
        import pyarrow as pa

        grid, equity = self._grid, self.arrow("equity")["equity_usd"].to_numpy()
        rows: dict[str, list[Any]] = {n: [] for n in ("timestamp_ns", "date", "pnl_usd", "fees_usd", "shares", "fills", "max_drawdown_usd")}
        before = 0.0
        for day in trading_days(self.start_ns, max(self.end_ns, self.start_ns + 1)):
            mine = (grid > day.start_ns) & (grid <= day.end_ns)
            if not mine.any():
                continue
            path = np.append(before, equity[mine])
            filled = (self._filled.ts_ns >= day.start_ns) & (self._filled.ts_ns < day.end_ns)
            values = (
                int(grid[mine][-1]), day.date.isoformat(), path[-1] - before, float(self._filled.fee[filled].sum()),
                int(self._filled.size[filled].sum()), int(filled.sum()), float((np.maximum.accumulate(path) - path).max()),
            )  # fmt: skip
            for column, value in zip(rows.values(), values, strict=True):
                column.append(value)
            before = path[-1]
        return pa.table(rows | {"timestamp_ns": _times(np.array(rows["timestamp_ns"], np.int64))})

    def _summary(self) -> Any:
        """One row: PnL, fees, shares, drawdown, Sharpe of a minute and its error, means over shares of what fills cost and became."""
        import pyarrow as pa

        fills, size = self._costs(), self._filled.size
        equity, ratio = self.arrow("equity"), self.sharpe(max(NS_PER_MINUTE, self.every_ns))
        row: dict[str, Any] = {
            "agent": self.result.name, "pnl_usd": self.result.pnl_usd, "fees_usd": self.result.fees_usd, "shares": int(size.sum()),
            "fills": len(size), "orders": len(self.result.order_columns["ref"]),
            "max_drawdown_usd": float(equity["drawdown_usd"].to_numpy().max(initial=0.0)), "sharpe_minute": ratio.ratio,
            "sharpe_minute_se": ratio.se, "minutes": ratio.periods,
        }  # fmt: skip
        for name, values in fills.items():
            if name.endswith("_bps"):
                there = np.isfinite(values)
                row[name] = float(np.average(values[there], weights=size[there])) if there.any() else np.nan
        return pa.table({name: [value] for name, value in row.items()})

    # --- parts -------------------------------------------------------------------------------------------------------

    @property
    def _grid(self) -> I64:
        times = np.arange(self.start_ns + self.every_ns, self.end_ns, self.every_ns, dtype=np.int64)
        return np.append(times, np.int64(self.end_ns))

    def _at(self, symbol: I64, ts_ns: I64, *, before: bool) -> tuple[F64, F64, F64]:
        """Bid, ask and midpoint in USD, NaN where there is none, or no time."""
        found = np.full((3, len(ts_ns)), np.nan)
        for place in np.unique(symbol).tolist():
            mine = (symbol == place) & (ts_ns >= 0)
            found[:, mine] = self._path(place).at(ts_ns[mine], before=before)
        return found[0], found[1], found[2]

    def _path(self, place: int) -> QuotePath:
        return self._paths[self._symbols[place]]

    def _held(self) -> dict[int, tuple[F64, F64]]:
        """By place of the symbol traded: shares and marks on the grid. A mark is the last midpoint there was, or the last own price."""
        f, grid = self._filled, self._grid
        held = {}
        for place in np.unique(f.symbol).tolist():
            mine = f.symbol == place
            shares = _steps(grid, f.ts_ns[mine], (f.sign * f.size)[mine].astype(np.float64))
            marks = self._path(place).last_mid(grid)
            last = np.searchsorted(f.ts_ns[mine], grid, side="right") - 1
            own = np.where(last >= 0, f.price[mine][np.maximum(last, 0)], 0.0)
            held[place] = shares, np.where(np.isnan(marks), own, marks)
        return held

    def _vwap(self, symbol: I64, from_ns: I64, until_ns: I64) -> F64:
        """The market's mean price over all prints from arrival to the last fill, the agent's own included."""
        found = np.full(len(symbol), np.nan)
        for place in np.unique(symbol).tolist():
            mine = (symbol == place) & (from_ns >= 0) & (until_ns >= 0)
            ts_ns, price, size, _ = self._prints[self._symbols[place]]
            first, last = np.searchsorted(ts_ns, from_ns[mine], side="left"), np.searchsorted(ts_ns, until_ns[mine], side="right")
            value, shares = (np.append(0.0, np.cumsum(column)) for column in (price * size, size))
            with np.errstate(invalid="ignore", divide="ignore"):
                found[mine] = (value[last] - value[first]) / (shares[last] - shares[first])
        return found

    def _close(self, symbol: I64, ts_ns: I64) -> F64:
        """Of each one's day: the closing cross's price, or for want of it the last print's before the run's end."""
        found = np.full(len(symbol), np.nan)
        for day in trading_days(self.start_ns, max(self.end_ns, self.start_ns + 1)):
            for place in np.unique(symbol).tolist():
                times, price, _, cond = self._prints[self._symbols[place]]
                today = (times >= day.start_ns) & (times < day.end_ns)
                crossed = np.flatnonzero(today & (cond == Cond.CLOSE))
                prints = crossed if len(crossed) else np.flatnonzero(today)
                mine = (symbol == place) & (ts_ns >= day.start_ns) & (ts_ns < day.end_ns)
                found[mine] = price[prints[-1]] if len(prints) else np.nan
        return found


def agent_report(market: Market, agent: str, *, every_ns: int = NS_PER_S, horizons_s: Sequence[int] = HORIZONS_S) -> AgentReport:
    """Of one agent of a market that keeps its rows in memory, as far as it has run.

    ``every_ns``: of the equity's times; ``horizons_s``: of the markouts. Raises ``InputError``, also for an agent without ``keep_orders``.
    """
    results = market.agents()
    if agent not in results:
        raise InputError(explain("agent", agent, f"the market has {', '.join(results) or 'none'}", nearest(agent, list(results))))
    result = results[agent]
    if result.fills and not len(result.fill_columns["ts_ns"]):
        raise InputError(explain("keep_orders", False, f"of {agent} only sums are kept", "Leave keep_orders out to have a report."))
    whole("every_ns", every_ns, 1_000, 2**62, "A second is the default.", " ns")
    if (market.now_ns - market.scenario.start_ns) // every_ns > TIMES_MAX:
        raise InputError(explain("every_ns", every_ns, f"it gives more than {TIMES_MAX:,} times", "Give a longer one."))
    for seconds in horizons_s:
        whole("horizons_s", seconds, 1, 86_400, "1, 10 and 60 are the default.", " s")
    tape = market.tape()
    books, trades = (tape.get(table, empty_batch(table, 1)) for table in ("market_data", "trades"))
    assert isinstance(books, MarketDataBatch)
    assert isinstance(trades, TradeBatch)
    return AgentReport(result, books, trades, market, every_ns, horizons_s)


def _fills_of(result: AgentResult) -> _Fills:
    rows = result.fill_columns
    symbol = rows["book"] // len(result.venues)
    units = np.array(result.tick_units, np.int64)[symbol]
    return _Fills(
        ts_ns=rows["ts_ns"], ref=rows["ref"], symbol=symbol, sign=np.where(rows["side"] == Side.BUY, 1, -1),
        price=rows["price_ticks"] * units / PRICE_UNITS_PER_USD, size=rows["size"],
        fee=result.arrow("fills")["fee"].to_numpy(),
    )  # fmt: skip


def _prints_by_symbol(trades: TradeBatch, run: Any) -> dict[int, tuple[I64, F64, I64, Any]]:
    """(times, prices in USD, sizes, conditions) of each of the universe's symbols."""
    usd = run.usd(trades.price, trades.symbol)
    found = {}
    for k in range(len(run.symbols)):
        mine = trades.symbol == k
        found[k] = trades.ts_ns[mine], usd[mine], trades.size[mine], trades.cond[mine]
    return found


def _steps(grid: I64, ts_ns: I64, values: F64) -> F64:
    """The sum of the values up to each time of the grid."""
    return np.append(0.0, np.cumsum(values))[np.searchsorted(ts_ns, grid, side="right")]


def _numbers(values: Any) -> Any:
    """NaN is null."""
    import pyarrow as pa

    return pa.array(np.asarray(values, np.float64), from_pandas=True)


def _times(ts_ns: I64) -> Any:
    import pyarrow as pa

    from simulator.tape.arrow import TIME

    return pa.array(ts_ns, TIME, mask=ts_ns < 0)
