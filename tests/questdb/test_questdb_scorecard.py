"""The scorecard of a database says what that of the same rows as Parquet says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from scenarios.launcher.main import command_line
from simulator.analysis.scorecard import ParquetTables, score
from tests.database import SMALL, at, command
from writers.questdb.server import EmbeddedServer


def test_a_database_scores_as_the_same_rows_in_parquet(
    server: EmbeddedServer, suffix: str, plain: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    done = command(*SMALL, *at(server), "--suffix", suffix, "--create_views", "false")
    assert done.returncode == 0, done.stderr[-2000:]
    address = f"questdb://127.0.0.1:{server.pg_port}"
    assert command_line(("scorecard", address, "--suffix", suffix, "--json")) in (0, 1)
    of_database = json.loads(capsys.readouterr().out)
    of_files = score(ParquetTables(plain[0])).to_json()
    assert of_database.pop("source") == address
    of_files.pop("source")
    assert of_database == of_files
    assert command_line(("scorecard", address, "--suffix", "_none")) == 2
    assert "it has no table equities_market_data_none" in " ".join(capsys.readouterr().err.split())
