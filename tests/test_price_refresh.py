"""Prices that are asked for while a run goes on: told to every worker, kept in the manifest, and enough to repeat the run."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pytest

from scenarios.launcher.pacing import Pace
from scenarios.launcher.price_refresh import Refresher
from scenarios.launcher.sinks import SinkMaker
from scenarios.launcher.stop_signals import StopSignals
from scenarios.launcher.worker import Job
from scenarios.launcher.worker_pool import Outcome, run_jobs
from simulator.inputs.config import Rates, Scenario
from simulator.inputs.reference_prices import Bracket, PriceTable
from simulator.inputs.run_record import record_run
from simulator.market import Market
from simulator.records import NS_PER_S
from tests.helpers import scenario
from tests.patience import MACHINE_S


def ask(symbols: Sequence[str]) -> PriceTable:
    """A stub of Yahoo: it knows JPM."""
    known = {"JPM": Bracket(300.0, 310.0, 305.0, "yahoo")}
    return PriceTable({s: known.get(s, Bracket(1.0, 2.0, 1.5, "builtin")) for s in symbols}, "yahoo", ())


def run(base: Scenario, tmp_path: object, workers: int, *, live: bool, late: Late | None = None) -> tuple[Outcome, dict[object, str]]:
    maker = SinkMaker(writer="null", folder=tmp_path, memory_limit_bytes=0)  # type: ignore[arg-type]
    pace = Pace(start_ns=base.start_ns, wall_ns=time.time_ns() - (base.end_ns - base.start_ns if late else 0)) if live else None
    dealt = (("JPM",), ("XOM",)) if workers == 2 else (("JPM", "XOM"),)
    jobs = [
        Job(scenario=base, make_market=Market, make_sink=maker, symbols=symbols, worker=w, workers=workers, pace=pace)
        for w, symbols in enumerate(dealt)
    ]
    kept: list[int] = []
    refresher = Refresher(1 if live else 0, ("JPM", "XOM"), late.ask if late else ask, lambda found: kept.append(len(found)))
    outcome = run_jobs(jobs, None, late.show if late else lambda _: None, None, refresher)
    assert outcome.complete, outcome.failed
    assert kept == list(range(1, len(outcome.refreshes) + 1)), "each is recorded as it comes"
    return outcome, reduce(lambda a, b: a | b, (done.digests for done in outcome.done.values()))


@pytest.mark.parametrize("workers", [1, 2])
def test_every_worker_hears_of_it_and_the_run_can_be_repeated(tmp_path: object, workers: int) -> None:
    base = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:09Z", names=("JPM", "XOM"))
    outcome, digests = run(base, tmp_path, workers, live=True)
    assert outcome.refreshes
    assert all(list(refresh.prices) == ["JPM"] for refresh in outcome.refreshes), "only what Yahoo knows"
    assert outcome.refreshes[0].ts_ns >= base.start_ns + 2 * NS_PER_S
    kept = record_run(replace(base, refreshes=tuple(outcome.refreshes))).to_scenario().refreshes
    assert kept == tuple(outcome.refreshes)
    _, again = run(replace(base, refreshes=kept), tmp_path, 1, live=False)
    _, without = run(base, tmp_path, 1, live=False)
    assert again == digests != without
    assert {key for key in digests if digests[key] != without[key]} <= {
        ("2025-07-01", "JPM", "market_data"),
        ("2025-07-01", "JPM", "trades"),
    }


class Late:
    """The wall clock is at the run's end from the start, so that the workers run off; prices come when they have, and the parent has heard one word."""

    def __init__(self) -> None:
        self.ran_off = threading.Event()

    def show(self, outcome: Outcome) -> None:
        if outcome.latest and not self.ran_off.is_set():
            time.sleep(1.0)
            self.ran_off.set()
            time.sleep(0.2)

    def ask(self, symbols: Sequence[str]) -> PriceTable:
        self.ran_off.wait(MACHINE_S)
        return ask(symbols)


def test_news_reach_every_worker_that_runs_off_while_the_parent_is_slow(tmp_path: object) -> None:
    """The workers could be anywhere by then; yet none may miss what is told, or hear it when it is over."""
    base = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:10Z", names=("JPM", "XOM"))
    outcome, digests = run(base, tmp_path, 2, live=True, late=Late())
    assert outcome.refreshes
    assert outcome.refreshes[0].ts_ns < base.end_ns
    _, again = run(replace(base, refreshes=tuple(outcome.refreshes)), tmp_path, 1, live=False)
    assert again == digests


@pytest.mark.parametrize("workers", [1, 2])
def test_a_live_run_that_ctrl_c_ends_is_repeated_row_by_row(tmp_path: Path, workers: int) -> None:
    """All workers end at one instant, which the record keeps."""
    base = scenario("2025-07-05T14:00:00Z", "2025-07-05T20:00:00Z", names=("JPM", "XOM"), offhours_quotes=True, rates=Rates())
    now_ns = time.time_ns()
    live = replace(base, start_ns=now_ns, end_ns=now_ns + 3_600 * NS_PER_S)
    maker = SinkMaker(writer="parquet", folder=tmp_path, memory_limit_bytes=0)
    jobs = [
        Job(
            scenario=live, make_market=Market, make_sink=maker, symbols=symbols, worker=w, workers=workers,
            pace=Pace(start_ns=live.start_ns, wall_ns=live.start_ns),
        )
        for w, symbols in enumerate((("JPM",), ("XOM",)) if workers == 2 else (("JPM", "XOM"),))
    ]  # fmt: skip
    with StopSignals() as signals:
        at_s = time.monotonic() + 2.5

        def show(outcome: Outcome) -> None:
            if time.monotonic() > at_s and signals.first is None and len(outcome.latest) == workers:
                os.kill(os.getpid(), signal.SIGINT)

        outcome = run_jobs(jobs, None, show, None, Refresher(1, ("JPM", "XOM"), ask), signals)
    assert outcome.interrupted
    assert outcome.complete, outcome.failed
    (end_ns,) = set(outcome.now_ns.values())
    digests = reduce(lambda a, b: a | b, (done.digests for done in outcome.done.values()))
    kept = record_run(replace(live, end_ns=end_ns, refreshes=tuple(outcome.refreshes))).to_scenario()
    again = Market(kept)
    again.run_until(kept.end_ns)
    assert again.rows["market_data"] > 20
    assert again.result().digest_parts == digests
    assert {path.name for path in tmp_path.rglob("*.parquet")} == {f"part-{w}.parquet" for w in range(workers)}
