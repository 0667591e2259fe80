"""A finished Parquet run as a stream of its rows: what a conversion starts from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import InputError, explain
from simulator.inputs.manifest import read_manifest
from simulator.records import BATCH_TYPES, NOT_GIVEN, PRICE_UNITS_PER_USD, Cond, EventKind, OrderBatch, Side, codes
from simulator.tape.arrow import ENUMS, PRICES_OR_NULL
from simulator.tape.sink import RunInfo
from writers.feed.notices import NOTICE_TABLES
from writers.feed.timeline import in_time_order
from writers.parquet_hours import PREFIX
from writers.tables.rows import in_time_order as arrow_in_time_order
from writers.tables.rows import parquet_rows, schema_of

ORDERS = OrderBatch.table
ROWS_AT_ONCE = 65_536
PRICES = frozenset(("price", *PRICES_OR_NULL))


def run_info(folder: Path, *, needs_orders: bool = True) -> RunInfo:
    """What the run told its writer. Raises ``InputError`` for a run that is not whole, or that lacks what is needed."""
    manifest = read_manifest(folder)
    if not manifest.complete:
        limit = f"its manifest says that it is not complete: {manifest.reason}"
        raise InputError(explain("The run", str(folder), limit, "Run it again to its end."))
    run = RunInfo.of(manifest.record.without_code(), suffix=manifest.suffix)
    if needs_orders and ORDERS not in run.tables:
        limit = f"its tables are {', '.join(run.tables)}, and a conversion needs orders"
        raise InputError(explain("The run", str(folder), limit, "Run it again with --extra_tables orders."))
    tables = (ORDERS,) if needs_orders else run.tables
    if not any(_files(folder, run, table) for table in tables):
        limit = f"its manifest names the table{'s' * (len(tables) > 1)} {', '.join(tables)}, and there are no files of it"
        raise InputError(explain("The run", str(folder), limit, "Name the folder of a run written with --writer parquet."))
    for table in tables:
        said, there = manifest.rows.get(table, 0), sum(pq.read_metadata(path).num_rows for path in _files(folder, run, table))
        if there < said:
            limit = f"its manifest says {said:,} rows of {table}, and its files have {there:,}"
            raise InputError(explain("The run", str(folder), limit, "Bring back the hours that are missing, or run it again."))
    return run


def table_rows(folder: Path, run: RunInfo, tables: Sequence[str]) -> dict[str, Iterator[Any]]:
    """All rows of each table as pieces of ``pyarrow.Table``, in order of (time, symbol, venue)."""
    found = {}
    for table in tables:
        like = schema_of(table, run)
        found[table] = arrow_in_time_order([parquet_rows(paths, like) for paths in _by_worker(folder, run, table)])
    return found


def order_batches(folder: Path, run: RunInfo) -> Iterator[OrderBatch]:
    """All rows, of all workers' files, in order of (time, symbol, venue)."""
    return in_time_order([_rows(paths, run, OrderBatch) for paths in _by_worker(folder, run, ORDERS)])


def notice_batches(folder: Path, run: RunInfo) -> Iterator[Any]:
    """What venues told beside their orders, as far as the run has tables of it: a few rows a day, in no order."""
    for table in NOTICE_TABLES:
        if table in run.tables:
            for paths in _by_worker(folder, run, table):
                yield from _rows(paths, run, BATCH_TYPES[table])


def _by_worker(folder: Path, run: RunInfo, table: str) -> list[list[Path]]:
    by_worker: dict[str, list[Path]] = {}
    for path in _files(folder, run, table):
        by_worker.setdefault(path.name, []).append(path)
    return list(by_worker.values())


def _files(folder: Path, run: RunInfo, table: str) -> list[Path]:
    return sorted(Path(folder).glob(f"{PREFIX}{table}{run.suffix}/date=*/hour=*/part-*.parquet"))


def _rows(paths: list[Path], run: RunInfo, kind: Any) -> Iterator[Any]:
    names = [field.name for field in fields(kind)]
    scales = np.array(run.price_scales, np.int64)
    for path in paths:
        with pq.ParquetFile(path) as file:
            for rows in file.iter_batches(ROWS_AT_ONCE, columns=[_stored(name) for name in names]):
                numbers = {name: _column(name, rows.column(_stored(name)), run) for name in names}
                for name in PRICES & numbers.keys():
                    numbers[name] = (numbers[name] // scales[numbers["symbol"]]).astype(np.int32)
                yield kind(**numbers)


def _stored(name: str) -> str:
    return "timestamp_ns" if name == "ts_ns" else name


def _column(name: str, values: Any, run: RunInfo) -> Any:
    """The numbers that ``simulator.tape.arrow`` made these values of."""
    words = {
        "symbol": run.symbols, "venue": run.venues, "side": codes(Side), "imbalance_side": codes(Side), "cond": codes(Cond),
        "kind": [kind.name for kind in EventKind],
    }  # fmt: skip
    if name in ENUMS:
        numbers = {member.name: int(member) for member in ENUMS[name]}
        values = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        known = np.array([numbers.get(word, NOT_GIVEN) for word in values.dictionary.to_pylist()], np.int32)
        return known[values.indices.to_numpy()]
    if name in words:
        values = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        places = np.array([_place(words[name], word) for word in values.dictionary.to_pylist()], np.int32)
        return places[values.indices.to_numpy()]
    if name in PRICES:
        return np.rint(values.fill_null(0).to_numpy() * PRICE_UNITS_PER_USD).astype(np.int64)
    if name == "ts_ns":
        return values.view(pa.int64()).to_numpy()
    return values.to_numpy()


def _place(words: Sequence[str], word: str) -> int:
    """``NOT_GIVEN`` for no word."""
    return words.index(word) if word else NOT_GIVEN
