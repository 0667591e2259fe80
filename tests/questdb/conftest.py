"""One server for all tests of this folder, and no longer; each test has table names of its own. A server that cannot be had is a failure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulator.records import EXTRA_TABLES
from tests.database import SMALL, command, connect, digest_of, small_server
from writers.questdb.server import EmbeddedServer

numbers = itertools.count(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.questdb)


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    folder = tmp_path_factory.mktemp("questdb")
    with small_server(folder, {"dev.mode.enabled": "true"}) as running:
        yield running


@pytest.fixture
def pg(server: EmbeddedServer) -> Iterator[Any]:
    with connect(server) as connection:
        yield connection


@pytest.fixture
def suffix() -> str:
    return f"_{next(numbers)}"


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Folder and digest of the small run as Parquet, with all extra tables."""
    folder = tmp_path_factory.mktemp("small") / "out"
    done = command(*SMALL, "--extra_tables", ",".join(EXTRA_TABLES), "--out", str(folder))
    return folder, digest_of(done)


@pytest.fixture(scope="session")
def plain(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The same with the two tables alone."""
    folder = tmp_path_factory.mktemp("plain") / "out"
    return folder, digest_of(command(*SMALL, "--out", str(folder)))
