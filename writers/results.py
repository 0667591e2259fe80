"""What each agent came to, beside the run's rows: ``OUT/agents/NAME/orders.parquet``, ``fills.parquet`` and ``positions.parquet``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq

from simulator.errors import SinkError
from simulator.results import AgentResult

AGENTS = "agents"
RESULT_TABLES = ("orders", "fills", "positions")


def folder_of(name: str) -> str:
    """An agent's name as that of a folder, whatever is in it; ``.`` and ``..`` are others."""
    quoted = quote(name, safe=" ")
    return quoted if quoted.strip(".") else quoted.replace(".", "%2E")


def write_results(folder: Path, agents: Mapping[str, AgentResult]) -> None:
    """Each file appears whole or not at all. Raises ``SinkError``."""
    try:
        for name, result in agents.items():
            home = folder / AGENTS / folder_of(name)
            home.mkdir(parents=True, exist_ok=True)
            for table in RESULT_TABLES:
                partial = home / f".{table}.parquet.partial"
                try:
                    pq.write_table(result.arrow(table), partial, compression="zstd")
                    partial.rename(home / f"{table}.parquet")
                finally:
                    partial.unlink(missing_ok=True)
    except OSError as error:
        raise SinkError(f"The agents' results could not be written to {folder}: {error}. The run's rows are there all the same.") from error
