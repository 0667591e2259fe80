"""What each agent came to, beside the run's rows: ``OUT/agents/NAME/`` has the tables of ``RESULT_TABLES``, a Parquet file each."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq

from simulator.analysis.agent_result import AgentResult
from simulator.errors import InputError, SinkError, explain

AGENTS = "agents"
RESULT_TABLES = ("orders", "fills", "positions", "records")


def prepare_results(folder: Path, overwrite: bool) -> None:
    """Make room for the results of a run whose rows go elsewhere; with ``overwrite`` those of an earlier one go. Raises ``InputError``."""
    home = folder / AGENTS
    try:
        home.mkdir(parents=True, exist_ok=True)  # now, rather than at the end of the run
        if any(home.iterdir()) and not overwrite:
            limit = f"{AGENTS} in it has an earlier run's results, and a run never overwrites"
            raise InputError(explain("--out", str(folder), limit, "Add --overwrite true, or name another."))
        for agent in [path for path in home.iterdir() if path.is_dir()]:
            for table in RESULT_TABLES:
                (agent / f"{table}.parquet").unlink(missing_ok=True)
            if not any(agent.iterdir()):
                agent.rmdir()
    except OSError as error:
        remedy = "Choose a folder that you may write to."
        raise InputError(explain("--out", str(folder), f"it cannot be used: {error.strerror or error}", remedy)) from error


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
