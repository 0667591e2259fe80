"""Some of each kind of kill, and the planted faults of the comparison. Hundreds more: ``python tests/kills/run.py``.

A few of each kind are in the test command, a dozen by name (``pytest -m kills``).
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from scenarios.launcher.kernels import warm_up
from tests.database import connect, small_server
from tests.kills.run import read_results, report
from tests.kills.trials import KINDS, PARQUET_KINDS, Harness, Trial, digest_of_rows
from writers.questdb import existing
from writers.questdb.server import EmbeddedServer

EACH = 12
RUN_S = 0.6
STARTS_SERVERS = ("server", "in_ddl", "between_views")
"""A start takes seconds."""


def few(kind: str) -> int:
    """Trials of a kind in the test command."""
    return 4 if kind in PARQUET_KINDS else 1 if kind in STARTS_SERVERS else 2


TRIALS = [pytest.param(kind, n, marks=() if n < few(kind) else pytest.mark.kills) for kind in KINDS for n in range(EACH)]


class Here:
    """What the process of the trials keeps between two of them."""

    harness: Harness
    server: EmbeddedServer


def begin(folder: Path) -> None:
    """In the process of the trials: a server of its own, for it is killed."""
    warm_up()
    Here.server = small_server(folder / "server")
    Here.server.__enter__()
    Here.harness = Harness(Here.server, folder, RUN_S)


def end() -> None:
    Here.server.__exit__(None, None, None)


def run_trial(kind: str, number: int) -> Trial:
    return Here.harness.run(number, kind, "tests")


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessPoolExecutor]:
    """A process without threads, which forks the runs: the test runner's own may have some."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context, initializer=begin, initargs=(tmp_path_factory.mktemp("kills"),)) as pool:
        yield pool
        pool.submit(end).result(timeout=60)


@pytest.mark.parametrize(("kind", "number"), TRIALS)
def test_what_is_killed_and_continued_equals_an_uninterrupted_run(trials: ProcessPoolExecutor, kind: str, number: int) -> None:
    trial = trials.submit(run_trial, kind, number).result(timeout=600)
    assert trial.is_identical, f"{trial.differences} after {trial.kills}"


def test_the_comparison_sees_a_row_a_value_and_a_view(trials: ProcessPoolExecutor) -> None:
    assert trials.submit(what_the_comparison_misses).result(timeout=120) == []


def what_the_comparison_misses() -> list[str]:
    """Planted changes that the digest of their table or view does not show."""
    harness, missed = Here.harness, []
    suffix, names = harness.run_reference(), ("market_data", "trades", "top_of_book_1s")
    expected = harness.read_database(suffix, names)
    assert harness.read_database(suffix, names) == expected
    with connect(harness.server) as pg:
        for statement, name in (
            (f"UPDATE equities_trades{suffix} SET size = size + 1 WHERE symbol = 'JPM'", "trades"),
            (f"ALTER TABLE equities_market_data{suffix} DROP PARTITION LIST '2025-07-01T13'", "market_data"),
            (f"TRUNCATE TABLE top_of_book_1s{suffix}", "top_of_book_1s"),
        ):
            try:
                pg.execute(statement)
            except Exception:  # a view cannot be emptied by hand: one that is empty is another
                missed += [name] if digest_of_rows([]) == expected[name] else []
                continue
            existing.wait_applied(pg, [f"equities_{name}{suffix}"])
            missed += [name] if harness.read_database(suffix, (name,))[name] == expected[name] else []
    return missed


def test_the_harness_goes_on_where_it_stopped_and_reports(tmp_path: Path) -> None:
    results = tmp_path / "results.jsonl"
    results.write_text(
        '{"number": 0, "kind": "parent", "seed": "1", "kills": ["parent after 1.00 s"], "differences": []}\n'
        '{"number": 1, "kind": "worker", "seed": "1", "kills": [], "differences": ["trades differs"]}\n'
        '{"number": 2, "kind": "worker", "seed": "2", "kills": [], "differences": []}\n'
    )
    found = read_results(results)
    assert found[1] == Trial(1, "worker", "1", differences=["trades differs"])
    text = report(found)
    assert "seeds 1, 2: 2 of 3 trials" in text
    assert "| worker | one of two workers, kill -9 | 2 | 0 | 1 | 0 |" in text
    assert "| parent | the command's process, kill -9 | 1 | 1 | 1 | 0 |" in text
