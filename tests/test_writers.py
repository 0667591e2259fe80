"""What the writers keep is what they were given: in Arrow and in memory (in Parquet: ``test_parquet``)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from made_rows import LEVELS, RUN, expected_rows, random_batch, run_through, with_ns

from simulator.errors import SinkError
from simulator.records import TABLES, Batch, Cond, Side, columns, slice_batch
from simulator.tape.arrow import to_table
from writers.memory import MemorySink, estimate_bytes
from writers.null import NullSink


@pytest.mark.parametrize("full", [False, True], ids=["sides-of-any-length", "all-levels"])
@pytest.mark.parametrize("table", TABLES)
def test_arrow_has_every_value(table: str, full: bool) -> None:
    batch = random_batch(table, 300, full=full)
    assert with_ns(to_table(batch, RUN)) == expected_rows(batch, RUN)
    assert with_ns(to_table(slice_batch(batch, 100, 200), RUN)) == expected_rows(batch, RUN)[100:200]
    assert len(to_table(slice_batch(batch, 0, 0), RUN)) == 0


def test_arrow_types_are_those_of_the_database() -> None:
    levels = pa.list_(pa.list_(pa.float64()))
    words = pa.dictionary(pa.int16(), pa.string())
    book = {"timestamp_ns": pa.timestamp("ns", "UTC"), "symbol": words, "venue": words, "bids": levels, "asks": levels}
    trades = {"timestamp_ns": pa.timestamp("ns", "UTC"), "symbol": words, "venue": words, "price": pa.float64(), "size": pa.int64()}
    assert dict(_types(random_batch("market_data", 3))) == book
    assert dict(_types(random_batch("trades", 3))) == {**trades, "side": words, "cond": words}
    assert [side.code for side in Side] + [cond.code for cond in Cond] == list("BSTOCH")


def _types(batch: Batch) -> list[tuple[str, Any]]:
    return [(field.name, field.type) for field in to_table(batch, RUN).schema]


def test_prices_are_the_nearest_doubles_to_their_decimals() -> None:
    """Multiplying by 0.0001 or 0.01 misses them for every seventh price."""
    batch = random_batch("market_data", 5_000, full=True)
    units = np.arange(20_000, dtype=np.int32).reshape(5_000, 4) * 100 + 100
    batch.quotes[:, 0] = units  # type: ignore[union-attr]
    prices = [row[0] for row in to_table(batch, RUN)["bids"].to_pylist()]
    assert prices == [[float(f"{u / 100:.2f}") for u in row] for row in (units // 100).tolist()]


def test_memory_gives_back_all_rows_in_every_form() -> None:
    whole = {table: random_batch(table, 300) for table in TABLES}
    sink = MemorySink()
    run_through(sink, [slice_batch(batch, i, i + 100) for batch in whole.values() for i in (0, 100, 200)])
    assert list(sink.tables()) == list(TABLES)
    for table, batch in whole.items():
        for name, column in columns(batch):
            np.testing.assert_array_equal(getattr(sink.numpy(table), name), column)
        assert sink.arrow(table) == to_table(batch, RUN)
        frame = sink.pandas(table, arrays=True)
        assert list(frame.columns) == sink.arrow(table).column_names
        frame["timestamp_ns"] = frame["timestamp_ns"].astype("int64")
        for side in {"bids", "asks"} & set(frame.columns):
            assert all(levels.ndim == 2 and levels.dtype == np.float64 for levels in frame[side])
            frame[side] = [levels.tolist() for levels in frame[side]]
        rows = [{name: None if value != value else value for name, value in row.items()} for row in frame.to_dict("records")]  # NaN is null
        assert rows == expected_rows(batch, RUN)


def test_memory_has_empty_tables_of_the_same_schema() -> None:
    sink = MemorySink()
    run_through(sink, [])
    for table in TABLES:
        one = random_batch(table, 1)
        assert sink.arrow(table).schema == to_table(one, RUN).schema
        assert len(sink.pandas(table)) == 0
        for name, column in columns(one):
            empty = getattr(sink.numpy(table), name)
            assert (empty.dtype, empty.shape[1:]) == (column.dtype, column.shape[1:])


def test_memory_is_estimated_to_the_byte_and_refused_beyond_the_limit() -> None:
    batches = [random_batch(table, 100) for table in TABLES]
    needed = sum(column.nbytes for batch in batches for _, column in columns(batch))
    assert estimate_bytes(LEVELS, {table: 100 for table in TABLES}) == needed
    run_through(MemorySink(needed), batches)
    sink = MemorySink(needed - 1)
    with pytest.raises(SinkError, match=rf"{needed:,} bytes, the limit is {needed - 1:,} .*--memory_limit.*parquet"):
        run_through(sink, batches)
    assert len(sink.numpy("market_data")) == 100


def test_null_counts() -> None:
    sink = NullSink()
    run_through(sink, [random_batch("trades", 5), random_batch("trades", 6)])
    assert sink.rows == dict.fromkeys(TABLES, 0) | {"trades": 11}
