"""A finished Parquet run as a stream of its ``orders`` rows: what a conversion starts from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import InputError, explain
from simulator.inputs.config import price_scales
from simulator.inputs.run_record import read_manifest
from simulator.records import NOT_GIVEN, PRICE_UNITS_PER_USD, EventKind, OrderBatch, Side, codes
from simulator.tape.arrow import ENUMS
from simulator.tape.sink import RunInfo
from writers.feed.timeline import in_time_order
from writers.parquet_hours import PREFIX

ROWS_AT_ONCE = 65_536


def run_info(folder: Path) -> RunInfo:
    """What the run told its writer. Raises ``InputError`` for a run that is not whole, or that has no orders."""
    manifest = read_manifest(folder)
    if not manifest.complete:
        limit = f"its manifest says that it is not complete: {manifest.reason}"
        raise InputError(explain("The run", str(folder), limit, "Run it again to its end."))
    record = manifest.record
    run = RunInfo(
        symbols=record.symbols,
        venues=tuple(venue.name for venue in record.universe.venues),
        levels=record.levels,
        tables=record.tables,
        listings=tuple(record.universe.listing_index(i) for i in range(len(record.symbols))),
        session_pacing=record.session_pacing,
        price_scales=price_scales(record.universe, {name: price.close for name, price in record.prices.items()}),
        suffix=manifest.suffix,
        start_ns=record.start_ns,
        end_ns=record.end_ns,
    )
    if "orders" not in run.tables:
        limit = f"its tables are {', '.join(run.tables)}, and a conversion needs orders"
        raise InputError(explain("The run", str(folder), limit, "Run it again with --extra_tables orders."))
    if not _files(folder, run):
        limit = "its manifest names the table orders, and there are no files of it"
        raise InputError(explain("The run", str(folder), limit, "Name the folder of a run written with --writer parquet."))
    return run


def order_batches(folder: Path, run: RunInfo) -> Iterator[OrderBatch]:
    """All rows, of all workers' files, in order of (time, symbol, venue)."""
    by_worker: dict[str, list[Path]] = {}
    for path in _files(folder, run):
        by_worker.setdefault(path.name, []).append(path)
    return in_time_order([_rows(paths, run) for paths in by_worker.values()])


def _files(folder: Path, run: RunInfo) -> list[Path]:
    return sorted(Path(folder).glob(f"{PREFIX}orders{run.suffix}/date=*/hour=*/part-*.parquet"))


def _rows(paths: list[Path], run: RunInfo) -> Iterator[OrderBatch]:
    names = [field.name for field in fields(OrderBatch)]
    scales = np.array(run.price_scales, np.int64)
    for path in paths:
        with pq.ParquetFile(path) as file:
            for rows in file.iter_batches(ROWS_AT_ONCE, columns=[_stored(name) for name in names]):
                numbers = {name: _column(name, rows.column(_stored(name)), run) for name in names}
                numbers["price"] = (numbers["price"] // scales[numbers["symbol"]]).astype(np.int32)
                yield OrderBatch(**numbers)


def _stored(name: str) -> str:
    return "timestamp_ns" if name == "ts_ns" else name


def _column(name: str, values: Any, run: RunInfo) -> Any:
    """The numbers that ``simulator.tape.arrow`` made these values of."""
    words = {"symbol": run.symbols, "venue": run.venues, "side": codes(Side), "kind": [kind.name for kind in EventKind]}
    if name in ENUMS:
        numbers = {member.name: int(member) for member in ENUMS[name]}
        values = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        known = np.array([numbers.get(word, NOT_GIVEN) for word in values.dictionary.to_pylist()], np.int32)
        return known[values.indices.to_numpy()]
    if name in words:
        values = values if pa.types.is_dictionary(values.type) else values.dictionary_encode()
        places = np.array([list(words[name]).index(word) for word in values.dictionary.to_pylist()], np.int32)
        return places[values.indices.to_numpy()]
    if name == "price":
        return np.rint(values.to_numpy() * PRICE_UNITS_PER_USD).astype(np.int64)
    if name == "ts_ns":
        return values.view(pa.int64()).to_numpy()
    return values.to_numpy()
