"""Rows of a finished run, from its folder or from tables that are like it, as what a sketch takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from simulator.analysis.report.sketch import Sketch
from simulator.analysis.scorecard.sources import BOOK_COLUMNS, TRADE_COLUMNS, times_ns
from simulator.errors import InputError, explain
from simulator.inputs.manifest import Manifest, read_manifest
from simulator.notices import ImbalanceBatch, StatusBatch
from simulator.records import I32, I64, NOT_GIVEN, PRICE_UNITS_PER_USD, Cond, Phase, Side, TradeBatch, codes
from simulator.tape.sink import RunInfo

BOOKS, TRADES = "equities_market_data", "equities_trades"
PIECE_ROWS = 131_072
SYMBOL_ROWS = 8_192
"""That are in memory at once while those of one symbol are sought."""
AHEAD = 3
"""Row groups that are being read while one is worked on."""


class RunRows(Protocol):
    """Where a report reads rows."""

    name: str
    manifest: Manifest | None

    def span(self) -> tuple[int, int] | None:
        """Time of the first row, and of the last."""

    def books(self, start_ns: int, end_ns: int, symbol: str | None = None) -> Iterator[Any]:
        """Record batches with ``BOOK_COLUMNS``, start <= time < end or a little more; a symbol's in time order.

        ``symbol``: nobody needs the others, they may be left out.
        """

    def trades(self, start_ns: int, end_ns: int) -> Any:
        """A table with ``TRADE_COLUMNS``, the same."""

    def notices(self, run: RunInfo) -> Iterator[Any]:
        """Batches of ``status`` and ``imbalances``, if there are any."""


class RunFolder:
    """What ``--writer parquet`` left. Raises ``InputError`` if that is no run's folder, or has none of its rows."""

    def __init__(self, folder: Path) -> None:
        self.name = str(folder)
        self.folder = folder
        self.manifest: Manifest | None = read_manifest(folder)
        suffix = self.manifest.suffix
        self._group_ends: dict[Path, list[tuple[int, int, int]]] = {}
        self._files = {table: sorted(folder.glob(f"{table}{suffix}/date=*/hour=*/part-*.parquet")) for table in (BOOKS, TRADES)}
        if not any(self._files.values()):
            wrote = self.manifest.rows.get("market_data", 0)
            limit = (
                "it has a manifest and no rows" if not wrote else f"its manifest says {wrote:,} book rows, and there are no files of them"
            )
            raise InputError(explain("report", str(folder), limit, "Name the folder of a run with --writer parquet that wrote rows."))

    def span(self) -> tuple[int, int]:
        """Time of the first row, and of the last."""
        ends = [ends for files in self._files.values() for path in files for ends in self._groups(path)]
        return min(first for _, first, _ in ends), max(last for _, _, last in ends)

    def books(self, start_ns: int, end_ns: int, symbol: str | None = None) -> Iterator[Any]:
        wanted = self._within(BOOKS, start_ns, end_ns)
        if symbol is not None:
            yield from _read_symbol(wanted, BOOK_COLUMNS, end_ns, symbol)
            return
        for table in _read(wanted, BOOK_COLUMNS):
            yield from table.to_batches()

    def trades(self, start_ns: int, end_ns: int) -> Any:
        tables = list(_read(self._within(TRADES, start_ns, end_ns), TRADE_COLUMNS))
        return pa.concat_tables(tables, promote_options="permissive") if tables else pa.table({name: [] for name in TRADE_COLUMNS})

    def notices(self, run: RunInfo) -> Iterator[Any]:
        for table in ("status", "imbalances"):
            if table in run.tables:
                for path in sorted(self.folder.glob(f"equities_{table}{run.suffix}/date=*/hour=*/part-*.parquet")):
                    yield notice_batch(table, pq.ParquetFile(path).read(), run)

    def _within(self, table: str, start_ns: int, end_ns: int) -> list[tuple[Path, int]]:
        """File and number of the row groups that reach into the time."""
        files = self._files[table]
        return [(path, group) for path in files for group, first, last in self._groups(path) if first < end_ns and last >= start_ns]

    def _groups(self, path: Path) -> list[tuple[int, int, int]]:
        if path not in self._group_ends:
            self._group_ends[path] = _groups(path)
        return self._group_ends[path]


def _groups(path: Path) -> list[tuple[int, int, int]]:
    """(number, first and last time) of each row group that has rows."""
    try:
        metadata = pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        remedy = "Take it away: the report shows what the others have."
        raise InputError(explain("report", str(path), f"it cannot be read as Parquet: {error}", remedy)) from error
    found = []
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(0).statistics
        if metadata.row_group(group).num_rows:
            found.append((group, pa.scalar(statistics.min_raw, pa.int64()).as_py(), pa.scalar(statistics.max_raw, pa.int64()).as_py()))
    return found


def _leaves(names: tuple[str, ...]) -> list[str]:
    # NOTE: levels are read as places in a dictionary, for speed: a column has a few thousand different numbers.
    return [f"{side}.list.element.list.element" for side in ("bids", "asks") if side in names]


def _read(wanted: list[tuple[Path, int]], names: tuple[str, ...]) -> Iterator[Any]:
    """Row groups, some being read while one is worked on."""

    def read(path: Path, group: int) -> Any:
        with pq.ParquetFile(path, read_dictionary=_leaves(names)) as file:
            return file.read_row_group(group, columns=list(names), use_threads=False)

    with ThreadPoolExecutor(AHEAD - 1) as pool:
        waiting = [pool.submit(read, *each) for each in wanted[:AHEAD]]
        for number in range(len(wanted)):
            table = waiting.pop(0).result()
            if number + AHEAD < len(wanted):
                waiting.append(pool.submit(read, *wanted[number + AHEAD]))
            yield table


def _read_symbol(wanted: list[tuple[Path, int]], names: tuple[str, ...], end_ns: int, symbol: str) -> Iterator[Any]:
    """A symbol's rows of row groups: the others' levels are never all in memory, and of groups without it they are not read."""
    for path, group in wanted:
        with pq.ParquetFile(path, read_dictionary=_leaves(names), pre_buffer=False) as file:
            if not pc.any(pc.equal(file.read_row_group(group, columns=["symbol"], use_threads=False)["symbol"], symbol)).as_py():
                continue
            for batch in file.iter_batches(SYMBOL_ROWS, row_groups=[group], columns=list(names), use_threads=False):
                if times_ns(batch.column("timestamp_ns"))[0].as_py() >= end_ns:
                    break
                yield batch.filter(pc.equal(batch.column("symbol"), symbol))


def sketch_of(rows: RunRows, run: RunInfo, here: Sequence[str] = ()) -> Sketch:
    """All rows of the run's time. ``here``: the symbols that were simulated, if not all."""
    sketch = Sketch(run, here)
    for batch in rows.books(run.start_ns, run.end_ns):
        sketch.take_books(*book_columns(batch, run))
    trades = rows.trades(run.start_ns, run.end_ns)
    if len(trades):
        sketch.take_trades(trade_batch(trades, run))
    for notices in rows.notices(run):
        sketch.write(notices)
    return sketch


def run_of(manifest: Manifest, span: tuple[int, int] | None) -> RunInfo:
    """What the run told its writer; of one that did not come to its end, as far as there are rows."""
    run = RunInfo.of(manifest.record.without_code(), suffix=manifest.suffix)
    if span is not None and (not manifest.complete or run.end_ns - run.start_ns > 2 * (span[1] - span[0]) + 10**9):
        run = replace(run, start_ns=max(run.start_ns, span[0]), end_ns=min(run.end_ns, span[1] + 1))
    return run


def places(column: Any, names: tuple[str, ...] | list[str]) -> NDArray[np.int64]:
    """Numbers of words in ``names``; -1 for another one."""
    column = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    column = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    known = {name: place for place, name in enumerate(names)}
    table = np.array([known.get(word, -1) for word in column.dictionary.to_pylist()] + [-1], np.int64)
    return np.asarray(table[column.indices.fill_null(len(table) - 1).to_numpy(zero_copy_only=False)])


def book_columns(batch: Any, run: RunInfo) -> tuple[I64, I64, I64, tuple[I32, I32], Callable[[I64], I32]]:
    """The arguments of ``Sketch.take_books``."""
    ts_ns = times_ns(batch.column("timestamp_ns")).to_numpy(zero_copy_only=False)
    symbol, venue = places(batch.column("symbol"), run.symbols), places(batch.column("venue"), run.venues)
    scales = np.array(run.price_scales or (1,) * len(run.symbols), np.int64)[symbol]
    bids, asks = _Side(batch.column("bids")), _Side(batch.column("asks"))
    rows = np.arange(len(ts_ns))
    top = tuple((side.levels(rows, 1)[:, 0, 0] // scales).astype(np.int32) for side in (bids, asks))

    def levels_of(chosen: I64) -> I32:
        depth = max(bids.depth, asks.depth, 1)
        found = np.concatenate([side.levels(chosen, depth) for side in (bids, asks)], axis=1)
        found[:, 0::2] //= scales[chosen, None, None]
        return found.astype(np.int32)

    return ts_ns, symbol, venue, (top[0], top[1]), levels_of


class _Side:
    """``bids`` or ``asks`` of a batch: rows of two lists of numbers."""

    def __init__(self, column: Any) -> None:
        outer = column.offsets.to_numpy().astype(np.int64)
        inner = column.values
        ends = inner.offsets.to_numpy().astype(np.int64)
        self._prices, self._sizes = ends[outer[:-1]], ends[np.minimum(outer[:-1] + 1, len(ends) - 1)]
        has_two = np.diff(outer) == 2
        self._counts = np.where(has_two, self._sizes - self._prices, 0)
        self.depth = int(self._counts.max(initial=0))
        leaf = inner.values
        leaf = leaf if pa.types.is_dictionary(leaf.type) else leaf.dictionary_encode()
        self._numbers = np.append(np.nan_to_num(leaf.dictionary.to_numpy(zero_copy_only=False).astype(np.float64)), 0.0)
        self._places = np.append(leaf.indices.to_numpy(zero_copy_only=False), len(self._numbers) - 1)

    def levels(self, rows: I64, depth: int) -> I64:
        """[n, 2, depth]: prices in 0.0001 USD, shares; 0 where there is none."""
        nothing = len(self._places) - 1
        behind = np.arange(depth)
        there = behind < self._counts[rows, None]
        found = np.empty((len(rows), 2, depth), np.int64)
        for n, (starts, unit) in enumerate(((self._prices, PRICE_UNITS_PER_USD), (self._sizes, 1))):
            numbers = np.rint(self._numbers * unit).astype(np.int64)
            found[:, n] = numbers[self._places[np.where(there, starts[rows, None] + behind, nothing)]]
        return found


def trade_batch(table: Any, run: RunInfo) -> TradeBatch:
    """In time order; prints of symbols or venues that the run does not know are left out."""
    ts_ns = times_ns(table["timestamp_ns"].combine_chunks()).to_numpy(zero_copy_only=False)
    symbol, venue = places(table["symbol"], run.symbols), places(table["venue"], run.venues)
    order = np.argsort(ts_ns, kind="stable")
    order = order[(symbol[order] >= 0) & (venue[order] >= 0)]
    symbol, venue = symbol[order], venue[order]
    scales = np.array(run.price_scales or (1,) * len(run.symbols), np.int64)[symbol]
    side, cond = places(table["side"], list(codes(Side)))[order], places(table["cond"], list(codes(Cond)))[order]
    return TradeBatch(
        ts_ns=ts_ns[order], symbol=symbol.astype(np.int32), venue=venue.astype(np.int32),
        price=(_units(table["price"])[order] // scales).astype(np.int32),
        size=table["size"].to_numpy().astype(np.int64)[order], side=side.astype(np.int32), cond=np.maximum(cond, 0).astype(np.int32),
    )  # fmt: skip


def notice_batch(table: str, rows: Any, run: RunInfo) -> StatusBatch | ImbalanceBatch:
    """Of ``status`` or ``imbalances``, as the run's sink was told it."""
    symbol = places(rows["symbol"], run.symbols)
    scales = np.array(run.price_scales or (1,) * len(run.symbols), np.int64)[symbol]
    common: dict[str, Any] = {
        "ts_ns": times_ns(rows["timestamp_ns"].combine_chunks()).to_numpy(zero_copy_only=False),
        "symbol": symbol.astype(np.int32), "venue": places(rows["venue"], run.venues).astype(np.int32),
    }  # fmt: skip
    names = [name for name in rows.schema.names if name.endswith(("_price", "_band"))]
    price: dict[str, Any] = {name: (_units(rows[name]) // scales).astype(np.int32) for name in names}
    if table == "status":
        phase = places(rows["phase"], [phase.name for phase in Phase])
        reason = np.zeros(len(symbol), np.int32)
        return StatusBatch(phase=np.where(phase < 0, NOT_GIVEN, phase).astype(np.int32), reason=reason, **common, **price)
    side = places(rows["imbalance_side"], list(codes(Side)))
    return ImbalanceBatch(
        cond=places(rows["cond"], list(codes(Cond))).astype(np.int32), paired_size=rows["paired_size"].to_numpy().astype(np.int64),
        imbalance_size=rows["imbalance_size"].to_numpy().astype(np.int64),
        imbalance_side=np.where(side < 0, NOT_GIVEN, side).astype(np.int32), **common, **price,
    )  # fmt: skip


def _units(column: Any) -> I64:
    return np.asarray(np.rint(pc.fill_null(column, 0.0).to_numpy().astype(np.float64) * PRICE_UNITS_PER_USD).astype(np.int64))
