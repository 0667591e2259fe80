"""hftbacktest's order-latency files, from what a run's agents have met: ``OUT/hftbacktest/NASDAQ/latency_momentum.npz``.

A row per order that the venue has answered: when the agent sent it, when the venue took it, when the agent heard. A row of the agent's
latency alone stands at the run's beginning and end, because hftbacktest interpolates between rows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from simulator.errors import SinkError
from simulator.records import I64
from simulator.tape.arrow import TIME_COLUMN
from simulator.tape.sink import RunInfo
from writers.hftbacktest.npz import NpzFile
from writers.hftbacktest.sink import HftBacktestSink
from writers.results import AGENTS, folder_of

LATENCY = np.dtype([("req_ts", "i8"), ("exch_ts", "i8"), ("resp_ts", "i8"), ("_padding", "i8")], align=True)


def write_order_latencies(folder: Path | str, results: Path | str, run: RunInfo) -> list[Path]:
    """A file per agent and venue below ``folder/hftbacktest``; ``results``: folder of the run, with ``agents/``. Raises ``SinkError``.

    An agent whose orders were not kept has the two rows of its latency.
    """
    made = []
    try:
        for agent, latencies in run.agent_latency_ns.items():
            path = Path(results) / AGENTS / folder_of(agent) / "orders.parquet"
            orders = pq.read_table(path, columns=[TIME_COLUMN, "venue", "answered_ns"]) if path.exists() else None
            for venue, latency_ns in zip(run.venues, latencies, strict=True):
                final = Path(folder) / HftBacktestSink.NAME / venue / f"latency_{folder_of(agent).replace(' ', '_')}.npz"
                file = NpzFile(final, LATENCY)
                try:
                    file.write(latency_rows(orders, venue, latency_ns, run))
                    file.finish()
                except BaseException:
                    file.abandon()
                    raise
                made.append(final)
    except OSError as error:
        raise SinkError(f"The order latencies could not be written to {folder}: {error}. The feeds are there all the same.") from error
    return made


def latency_rows(orders: Any, venue: str, latency_ns: int, run: RunInfo) -> Any:
    """Rows of one agent at one venue, by the time of sending. ``orders``: its table of that name, or None."""
    sent, answered = _answered(orders, venue) if orders is not None else (np.zeros(0, np.int64), np.zeros(0, np.int64))
    ends = np.array([run.start_ns, run.end_ns], np.int64)
    sent, answered = np.concatenate((sent, ends)), np.concatenate((answered, ends + latency_ns))
    rows = np.zeros(len(sent), LATENCY)
    rows["req_ts"], rows["exch_ts"], rows["resp_ts"] = sent, answered, answered + latency_ns
    return rows[np.argsort(sent, kind="stable")]


def _answered(orders: Any, venue: str) -> tuple[I64, I64]:
    """When each was sent and answered."""
    mine = orders.filter(pa.compute.equal(orders.column("venue").cast(pa.string()), venue))
    mine = mine.filter(pa.compute.is_valid(mine.column("answered_ns")))
    sent, answered = (mine.column(name).combine_chunks().view(pa.int64()).to_numpy() for name in (TIME_COLUMN, "answered_ns"))
    return sent, answered
