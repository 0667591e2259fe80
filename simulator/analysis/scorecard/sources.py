"""Where the two tables come from: a folder of Parquet, tables in memory. ``writers/questdb/tables.py`` reads a database.

A source gives its rows a trading day at a time, so that memory does not grow with the number of days. Rows may come in any
order; that a symbol and venue's rows are in time order is a question of S1, not a need.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from simulator.errors import InputError, explain

BOOK_TABLE, TRADE_TABLE = "equities_market_data", "equities_trades"
BOOK_COLUMNS = ("timestamp_ns", "symbol", "venue", "bids", "asks")
TRADE_COLUMNS = ("timestamp_ns", "symbol", "venue", "price", "size", "side", "cond")
BATCH_ROWS = 131_072
EMPTY_BOOKS = pa.schema(
    [
        ("timestamp_ns", pa.timestamp("ns")),
        ("symbol", pa.string()),
        ("venue", pa.string()),
        ("bids", pa.list_(pa.list_(pa.float64()))),
        ("asks", pa.list_(pa.list_(pa.float64()))),
    ]
)
EMPTY_TRADES = pa.schema(
    [
        ("timestamp_ns", pa.timestamp("ns")),
        ("symbol", pa.string()),
        ("venue", pa.string()),
        ("price", pa.float64()),
        ("size", pa.int64()),
        ("side", pa.string()),
        ("cond", pa.string()),
    ]
)
NESTED = "bids and asks are lists of two lists of numbers: prices, then sizes"


class Source(Protocol):
    """Two tables. Times are nanoseconds since the epoch, UTC."""

    name: str

    def span(self) -> tuple[int, int] | None:
        """First and last time in either table; None if both are empty."""

    def books(self, start_ns: int, end_ns: int) -> Iterator[pa.RecordBatch]:
        """Rows of ``equities_market_data`` with start <= time < end, at most some 100,000 at a time."""

    def trades(self, start_ns: int, end_ns: int) -> pa.Table:
        """Rows of ``equities_trades`` with start <= time < end."""


class ArrowTables:
    """Two ``pyarrow.Table`` in memory."""

    def __init__(self, books: pa.Table | None, trades: pa.Table | None, name: str = "tables in memory") -> None:
        self.name = name
        self._books = check_shape(books if books is not None else EMPTY_BOOKS.empty_table(), BOOK_TABLE, BOOK_COLUMNS)
        self._trades = check_shape(trades if trades is not None else EMPTY_TRADES.empty_table(), TRADE_TABLE, TRADE_COLUMNS)

    def span(self) -> tuple[int, int] | None:
        ends = [_bounds(table) for table in (self._books, self._trades) if len(table)]
        return (min(first for first, _ in ends), max(last for _, last in ends)) if ends else None

    def books(self, start_ns: int, end_ns: int) -> Iterator[pa.RecordBatch]:
        yield from _within(self._books, start_ns, end_ns).to_batches(max_chunksize=BATCH_ROWS)

    def trades(self, start_ns: int, end_ns: int) -> pa.Table:
        return _within(self._trades, start_ns, end_ns)


class ParquetTables:
    """A folder with ``equities_market_data`` and ``equities_trades``, each a file or a folder of files at any depth.

    Raises ``InputError`` for anything else, and for files of another shape.
    """

    def __init__(self, folder: Path, suffix: str = "") -> None:
        self.name = str(folder)
        if not folder.is_dir():
            remedy = "Name a run's --out, or questdb://host:port."
            raise InputError(explain("scorecard", str(folder), "it is not a folder", remedy))
        self._books = _files(folder, BOOK_TABLE + suffix, BOOK_COLUMNS)
        self._trades = _files(folder, TRADE_TABLE + suffix, TRADE_COLUMNS)

    def span(self) -> tuple[int, int] | None:
        bounds = [bounds for file in (*self._books, *self._trades) if (bounds := file.bounds) is not None]
        return (min(first for first, _ in bounds), max(last for _, last in bounds)) if bounds else None

    def books(self, start_ns: int, end_ns: int) -> Iterator[pa.RecordBatch]:
        for file in self._books:
            if file.overlaps(start_ns, end_ns):
                yield from file.batches(start_ns, end_ns)

    def trades(self, start_ns: int, end_ns: int) -> pa.Table:
        parts = [file.table(start_ns, end_ns) for file in self._trades if file.overlaps(start_ns, end_ns)]
        return pa.concat_tables(parts, promote_options="permissive") if parts else EMPTY_TRADES.empty_table()


class _File:
    """One Parquet file: its rows' first and last time, and those of a span."""

    def __init__(self, path: Path, table: str, columns: tuple[str, ...]) -> None:
        self._path = path
        self._columns = list(columns)
        try:
            file = pq.ParquetFile(path)
            schema = file.schema_arrow
            check_shape(schema.empty_table(), f"{table} ({path})", columns)
            self.bounds = _statistics(file) if file.metadata.num_rows else None
        except (OSError, pa.ArrowException) as error:
            remedy = "Name a folder whose files are whole; a run that was killed leaves hidden ones."
            raise InputError(explain("scorecard", str(path), f"it cannot be read as Parquet: {error}", remedy)) from error
        self._dictionaries = [f"{side}.{_leaf_path(schema.field(side).type)}" for side in ("bids", "asks") if side in columns]

    def overlaps(self, start_ns: int, end_ns: int) -> bool:
        return self.bounds is not None and self.bounds[0] < end_ns and self.bounds[1] >= start_ns

    def batches(self, start_ns: int, end_ns: int) -> Iterator[pa.RecordBatch]:
        # NOTE: levels are read as places in a dictionary, for speed: a column has a few thousand different numbers.
        file = pq.ParquetFile(self._path, read_dictionary=self._dictionaries)
        groups = file.metadata.num_row_groups
        if groups == 0 or file.metadata.num_rows > groups * 4 * BATCH_ROWS:
            batches: Iterator[pa.RecordBatch] = file.iter_batches(BATCH_ROWS, columns=self._columns)
        else:
            batches = (batch for group in range(groups) for batch in file.read_row_group(group, columns=self._columns).to_batches())
        for batch in batches:
            assert self.bounds is not None
            if self.bounds[0] >= start_ns and self.bounds[1] < end_ns:
                yield batch
            else:
                yield from _within(pa.Table.from_batches([batch]), start_ns, end_ns).to_batches()

    def table(self, start_ns: int, end_ns: int) -> pa.Table:
        return _within(pq.ParquetFile(self._path).read(columns=self._columns), start_ns, end_ns)


def check_shape(table: pa.Table, name: str, columns: tuple[str, ...]) -> pa.Table:
    """The table with those columns alone. Raises ``InputError`` if one is missing or of another kind."""
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        remedy = f"Rename or add {', '.join(missing)}; {NESTED}."
        raise InputError(explain(f"Columns of {name}", table.column_names, f"it needs {', '.join(columns)}", remedy))
    for column in columns:
        kind = table.schema.field(column).type
        if not _fits(column, kind):
            limits = {"bids": NESTED, "asks": NESTED, "timestamp_ns": "it is a timestamp or an int64 of nanoseconds"}
            limit = limits.get(column, "it is a number" if column in ("price", "size") else "it is text")
            raise InputError(explain(f"Column {column} of {name}", str(kind), limit, "Convert it."))
    return table.select(list(columns))


def _fits(column: str, kind: pa.DataType) -> bool:
    if column in ("bids", "asks"):
        return _is_list(kind) and _is_list(kind.value_type) and pa.types.is_floating(kind.value_type.value_type)
    if column == "timestamp_ns":
        return bool(pa.types.is_timestamp(kind) or pa.types.is_int64(kind))
    if column in ("price", "size"):
        return bool(pa.types.is_floating(kind) or pa.types.is_integer(kind))
    plain = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(plain) or pa.types.is_large_string(plain) or pa.types.is_string_view(plain))


def _is_list(kind: Any) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _leaf_path(kind: pa.DataType) -> str:
    """As Parquet names the numbers inside: list.element.list.element, or with the names that another writer gave."""
    return f"list.{kind.value_field.name}.list.{kind.value_type.value_field.name}"


def _files(folder: Path, table: str, columns: tuple[str, ...]) -> list[_File]:
    home = folder / table
    paths = [path for path in (folder / f"{table}.parquet", home) if path.is_file()]
    paths += sorted(path for path in home.rglob("*.parquet") if not path.name.startswith(".")) if home.is_dir() else []
    if not paths:
        others = sorted(path.name for path in folder.glob(f"{table.split('_')[0]}*"))
        remedy = f"It has {', '.join(others)}: --suffix names another." if others else "Name the folder that a run wrote (--out)."
        raise InputError(explain("scorecard", str(folder), f"it needs {table}, a folder of Parquet files", remedy))
    return sorted((_File(path, table, columns) for path in paths), key=lambda file: file.bounds or (0, 0))


def _statistics(file: pq.ParquetFile) -> tuple[int, int]:
    """First and last time: from the row groups' statistics where they are, else from the column."""
    place = file.schema_arrow.get_field_index("timestamp_ns")
    found = [file.metadata.row_group(group).column(place).statistics for group in range(file.metadata.num_row_groups)]
    kind = file.schema_arrow.field("timestamp_ns").type
    if pa.types.is_timestamp(kind) and all(s is not None and s.has_min_max for s in found):
        ends = [(pa.scalar(s.min_raw, pa.int64()), pa.scalar(s.max_raw, pa.int64())) for s in found]
        scale = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1}[kind.unit]
        return min(first.as_py() for first, _ in ends) * scale, max(last.as_py() for _, last in ends) * scale
    return _bounds(file.read(columns=["timestamp_ns"]))


def times_ns(column: Any) -> Any:
    """A time column as Arrow int64 nanoseconds."""
    if pa.types.is_timestamp(column.type):
        column = column.cast(pa.timestamp("ns", column.type.tz)).cast(pa.int64())
    return column


def _bounds(table: pa.Table) -> tuple[int, int]:
    ends = pc.min_max(times_ns(table["timestamp_ns"]))
    return ends["min"].as_py(), ends["max"].as_py()


def _within(table: pa.Table, start_ns: int, end_ns: int) -> pa.Table:
    times = times_ns(table["timestamp_ns"])
    inside = pc.and_(pc.greater_equal(times, start_ns), pc.less(times, end_ns))
    return table if pc.all(inside).as_py() else table.filter(inside)
