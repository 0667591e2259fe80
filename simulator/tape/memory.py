"""Rows kept in memory, to be read at any time as numpy, Arrow or pandas."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np

from simulator.errors import InputError, explain
from simulator.records import BATCH_TYPES, EXTRA_TABLES, Batch, MarketDataBatch, columns
from simulator.tape.sink import RunInfo

DTYPES = {"I32": np.int32, "I64": np.int64, "F64": np.float64}


class MemoryRows:
    """A sink that keeps copies of all batches."""

    def __init__(self) -> None:
        self._run: RunInfo | None = None
        self._batches: dict[str, list[Batch]] = {}

    def open(self, run: RunInfo) -> None:
        self._run = run
        self._batches = {table: [] for table in run.tables}

    def write(self, batch: Batch) -> None:
        """Copy the rows."""
        self._batches[batch.table].append(type(batch)(**{name: column.copy() for name, column in columns(batch)}))  # type: ignore[arg-type]

    def close(self, complete: bool) -> None:
        pass

    def rows(self) -> dict[str, int]:
        """So far, by table."""
        return {table: sum(map(len, batches)) for table, batches in self._batches.items()}

    def numpy(self, table: str) -> Batch:
        """All rows of a table as one batch, which is the sink's own: copy it before you change it."""
        if table not in self._batches:
            remedy = f"Extra tables are {', '.join(EXTRA_TABLES)}; quotes and nbbo are made of the book rows."
            raise InputError(explain("table", table, f"the run has {', '.join(self._batches)}", remedy))
        batches = self._batches[table]
        if len(batches) != 1:  # put together once, so that the rows are not held twice
            parts = batches or [empty_batch(table, self._told.levels)]
            joined = {name: np.concatenate([getattr(b, name) for b in parts]) for name, _ in columns(parts[0])}
            batches[:] = [BATCH_TYPES[table](**joined)]
        return batches[0]

    def arrow(self, table: str) -> Any:
        """All rows of a table as a ``pyarrow.Table``, as the Parquet files have them; or ``"quotes"`` or ``"nbbo"``: flat, made of the
        book rows.
        """
        from simulator.tape.arrow import to_table
        from simulator.tape.quotes import DERIVED, QUOTES, nbbo_table, quotes_table

        if table in DERIVED:
            rows = self.numpy(MarketDataBatch.table)
            assert isinstance(rows, MarketDataBatch)
            return quotes_table(rows, self._told) if table == QUOTES else nbbo_table(rows, self._told)
        return to_table(self.numpy(table), self._told)

    def tables(self) -> dict[str, Any]:
        """All rows as Arrow tables, by table."""
        return {table: self.arrow(table) for table in self._batches}

    def pandas(self, table: str, *, arrays: bool = False) -> Any:
        """The same as a ``pandas.DataFrame``. A book row's levels are columns of numbers, ``bid_price_1``, ``bid_size_1``, ``ask_price_1``
        and so on; with ``arrays`` its ``bids`` and ``asks`` are float64[2, N] each, prices and sizes, as a database has them.
        """
        from simulator.tape.arrow import to_flat_frame, to_frame
        from simulator.tape.quotes import DERIVED

        if table in DERIVED:
            return self.arrow(table).to_pandas()
        return (to_frame if arrays else to_flat_frame)(self.numpy(table), self._told)

    def polars(self, table: str) -> Any:
        """What ``arrow`` gives, as a ``polars.DataFrame``. Raises ``InputError`` if polars is not installed."""
        return to_polars(self.arrow(table))

    @property
    def _told(self) -> RunInfo:
        assert self._run is not None  # open comes first
        return self._run


def to_polars(table: Any) -> Any:
    """An Arrow table as a ``polars.DataFrame``. Raises ``InputError`` if polars is not installed."""
    try:
        import polars as pl
    except ModuleNotFoundError:
        raise InputError("polars is not installed. Ask for pandas or arrow, or install it: pip install polars.") from None
    return pl.from_arrow(table)


def empty_batch(table: str, levels: int) -> Batch:
    """A batch without rows."""
    kind = BATCH_TYPES[table]
    shapes = {"quotes": (0, 4, levels)}
    batch: Batch = kind(**{f.name: np.zeros(shapes.get(f.name, 0), DTYPES[str(f.type)]) for f in fields(kind)})
    return batch
