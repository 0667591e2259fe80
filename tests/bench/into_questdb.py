"""How fast rows get into QuestDB: `python tests/bench/into_questdb.py`. Everything in one run on one server, which it starts itself.

(a) the ceiling: rows encoded beforehand, sent by one and by two bare http connections; (b) our writer alone, on batches made
beforehand; (c) the command, simulation and writer together. Only rows that the server has applied count.
"""

from __future__ import annotations

import argparse
import itertools
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from simulator import Market, Rates, Scenario, load_universe, parse_ts, reference_prices
from simulator.records import Batch, columns
from simulator.tape.arrow import to_frame
from simulator.tape.sink import RunInfo
from writers.questdb import schema
from writers.questdb.connection import Connection
from writers.questdb.server import EmbeddedServer
from writers.questdb.sink import BATCH_ROWS, QuestDBSink
from writers.questdb.sql import connect_pg

HIGH = Rates(market_data_min_eps=6000, market_data_max_eps=10000, trades_min_eps=2000, trades_max_eps=4000)
FLAGS = (
    "--market_data_min_eps", "6000", "--market_data_max_eps", "10000", "--trades_min_eps", "2000", "--trades_max_eps", "4000",
    "--prices", "builtin", "--start_ts", "2025-07-01T14:00:00Z",
)  # fmt: skip
SECONDS = {10: 300, 40: 100}
"""Simulated, by levels: some 3.3 and 1.1 million rows."""
LAUNCHER = "import resource, subprocess, sys; code = subprocess.call(sys.argv[1:]); print('peak', resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024); sys.exit(code)"
"""A small process in between: a child's peak memory begins with what its parent has when it is forked."""
suffixes = itertools.count(1)


def batches(levels: int) -> tuple[list[Batch], RunInfo]:
    """All rows of the window, simulated beforehand, in the engine's batches."""
    universe = load_universe()
    day = date(2025, 7, 1)
    prices = reference_prices("builtin", [s.name for s in universe.symbols], (day, day)).brackets
    start_ns = parse_ts("2025-07-01T14:00:00Z")
    kept: list[Batch] = []

    class Keep:
        def open(self, run: RunInfo) -> None: ...

        def close(self, complete: bool) -> None: ...

        def write(self, batch: Batch) -> None:
            kept.append(type(batch)(**{name: column.copy() for name, column in columns(batch)}))

    scenario = Scenario(
        universe=universe, prices=prices, start_ns=start_ns, end_ns=start_ns + SECONDS[levels] * 10**9, rates=HIGH, levels=levels
    )
    market = Market(scenario, Keep())
    market.run_until(scenario.end_ns)
    return kept, market.run_info


def prepare(pg: Any, views: bool) -> str:
    suffix = f"_b{next(suffixes)}"
    schema.create(pg, schema.ddl(suffix, views=views))
    return suffix


def drop(pg: Any, suffix: str) -> None:
    for each in reversed(schema.ddl(suffix)):
        kind = "MATERIALIZED VIEW" if isinstance(each, schema.ViewDef) else "TABLE"
        pg.execute(f"DROP {kind} IF EXISTS {each.name}")


def applied_s(pg: Any, suffix: str, rows: int, since_s: float) -> float:
    """Seconds since then until the server has applied all rows."""
    while sum(pg.execute(f"SELECT count() FROM equities_{t}{suffix}").fetchone()[0] for t in ("market_data", "trades")) < rows:
        time.sleep(0.01)
    return time.perf_counter() - since_s


def ceiling(connection: Connection, pg: Any, kept: Sequence[Batch], run: RunInfo, connections: int, views: bool) -> float:
    """Rows a second that bare connections bring in, each with its share of the symbols, encoded before the clock starts."""
    suffix = prepare(pg, views)
    senders, loads = [], []
    for n in range(connections):
        sender = connection.make_sender()
        sender.establish()
        load = []
        for table in ("market_data", "trades"):
            frames = [to_frame(batch, run) for batch in kept if batch.table == table]
            import pandas as pd

            frame = pd.concat(frames, ignore_index=True)
            frame = frame[(frame["symbol"].cat.codes % connections == n).to_numpy()]
            for first in range(0, len(frame), BATCH_ROWS):
                part = frame.iloc[first : first + BATCH_ROWS]
                buffer = sender.new_buffer()
                names = [name for name in part.columns if part[name].dtype == "category"]
                buffer.dataframe(part, table_name=schema.table_name(table, suffix), symbols=names, at="timestamp_ns")
                load.append((part["timestamp_ns"].iloc[0], buffer))
        load.sort(key=lambda item: item[0])
        senders.append(sender)
        loads.append(load)

    def send(n: int) -> None:
        for _, buffer in loads[n]:
            senders[n].flush(buffer, clear=False, transactional=True)

    rows = sum(map(len, kept))
    threads = [threading.Thread(target=send, args=(n,)) for n in range(connections)]
    start_s = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = rows / applied_s(pg, suffix, rows, start_s)
    for sender in senders:
        sender.close(False)
    drop(pg, suffix)
    return rate


def writer_alone(connection: Connection, pg: Any, kept: Sequence[Batch], run: RunInfo) -> float:
    suffix = prepare(pg, False)
    sink = QuestDBSink(connection)
    sink.open(RunInfo(symbols=run.symbols, venues=run.venues, levels=run.levels, tables=run.tables, suffix=suffix))
    start_s = time.perf_counter()
    for batch in kept:
        sink.write(batch)
    sink.close(True)
    rows = sum(map(len, kept))
    rate = rows / applied_s(pg, suffix, rows, start_s)
    drop(pg, suffix)
    return rate


def command(
    server: EmbeddedServer, pg: Any, levels: int, protocol: str, processes: int, views: bool, seconds: int
) -> tuple[float, int, int]:
    """(wall seconds until all rows are applied and counted, rows, peak memory of a process in MB) of the command."""
    suffix = f"_b{next(suffixes)}"
    end = f"2025-07-01T14:{seconds // 60:02d}:{seconds % 60:02d}Z"
    place = ("--host", "127.0.0.1", "--pg_port", server.pg_port, "--http_port", server.http_port, "--tcp_port", server.tcp_port)
    shape = ("--levels", levels, "--processes", processes, "--protocol", protocol, "--create_views", str(views).lower())
    with tempfile.TemporaryFile("w+") as said:
        start_s = time.perf_counter()
        words = [sys.executable, "-c", LAUNCHER, sys.executable, "-m", "scenarios.full_day", *FLAGS, "--end_ts", end, *map(str, (*place, *shape)), "--suffix", suffix]
        code = subprocess.call(words, stdout=said, stderr=said)
        wall_s = time.perf_counter() - start_s
        said.seek(0)
        text = said.read()
    assert code == 0, text
    drop(pg, suffix)
    rows = int(re.search(r"([\d,]+) rows in", text).group(1).replace(",", ""))  # type: ignore[union-attr]
    return wall_s, rows, int(re.search(r"^peak (\d+)", text, re.MULTILINE).group(1))  # type: ignore[union-attr]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--long", action="store_true", help="also 20 M rows, to see that memory stays flat (some minutes)")
    is_long = parser.parse_args().long
    folder = Path(tempfile.mkdtemp())
    table = Table("levels", "views", "what", "applied rows/s", "of the ceiling")
    with EmbeddedServer(folder) as server:
        connection = Connection(pg_port=server.pg_port, http_port=server.http_port, tcp_port=server.tcp_port)
        with connect_pg(connection) as pg:
            for levels in (10, 40):
                kept, run = batches(levels)
                for views in (False, True):
                    best = {n: max(ceiling(connection, pg, kept, run, n, views) for _ in range(2)) for n in (1, 2)}
                    for n, rate in best.items():
                        table.add_row(str(levels), str(views), f"(a) ceiling, {n} bare http connection{'s' * (n - 1)}", f"{rate:,.0f}", "1")
                    if not views:
                        rate = max(writer_alone(connection, pg, kept, run) for _ in range(2))
                        table.add_row(str(levels), str(views), "(b) our writer alone, http", f"{rate:,.0f}", f"{rate / best[1]:.2f}")
                    for protocol, processes in itertools.product(("http", "tcp"), (1, 2)):
                        nothing_s, few, _ = command(server, pg, levels, protocol, processes, views, 1)
                        runs = [command(server, pg, levels, protocol, processes, views, SECONDS[levels]) for _ in range(2)]
                        wall_s, rows, peak = min(runs)
                        rate = (rows - few) / (wall_s - nothing_s)
                        name = f"(c) the command, {protocol}, --processes {processes}; peak {peak} MB"
                        table.add_row(str(levels), str(views), name, f"{rate:,.0f}", f"{rate / best[processes]:.2f}")
                del kept
            if is_long:
                for seconds in (600, 2_100):
                    wall_s, rows, peak = command(server, pg, 10, "http", 2, False, seconds)
                    table.add_row("10", "False", f"(c) {rows:,} rows, --processes 2; peak {peak} MB a process", f"{rows / wall_s:,.0f}", "")
    shutil.rmtree(folder)
    console = Console(width=150)
    console.print(
        f"Python {platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}, QuestDB {server.version}; numpy {np.__version__}"
    )
    console.print(
        "(c) is the wall time of the whole command, less that of the same command over one second; ratios to (a) with as many connections."
    )
    console.print(table)


if __name__ == "__main__":
    main()
