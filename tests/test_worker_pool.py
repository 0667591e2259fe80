"""The parent and its workers with a stand-in for the market: what fails is heard, the first reason stays, nothing waits by spinning."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from scenarios.launcher import ending, worker_pool, worker_process
from scenarios.launcher.ending import Run, finish, why_incomplete
from scenarios.launcher.flags import parse_flags
from scenarios.launcher.pacing import Pace
from scenarios.launcher.plan import make_plan
from scenarios.launcher.row_limit import RowLimit, day_starts
from scenarios.launcher.stop_signals import StopSignals
from scenarios.launcher.worker import Job
from scenarios.launcher.worker_messages import Failed, Signalled
from scenarios.launcher.worker_pool import Outcome, run_jobs
from simulator.errors import LimitError, SinkError
from simulator.tape.sink import NullSink, Sink
from tests.helpers import scenario
from tests.patience import takes_at_most

BASE = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:05Z")


class NoMarket:
    """Simulates nothing; fails where it is told."""

    def __init__(self, _scenario: object, sink: Sink, **_: object) -> None:
        self.sink = sink

    def run_until(self, ts_ns: int) -> None:
        pass

    def close(self, complete: bool) -> Any:
        self.sink.close(complete)
        return SimpleNamespace(digest_parts={}, agents={})


class NoMarketForLong(NoMarket):
    def run_until(self, ts_ns: int) -> None:
        raise ValueError("the first reason")


class CloseFails(NullSink):
    closed = 0

    def close(self, complete: bool) -> None:
        CloseFails.closed += 1
        raise RuntimeError("close failed")


class CloseExits(NullSink):
    def close(self, complete: bool) -> None:
        raise SystemExit(3)


def jobs(workers: int, market: Any = NoMarket, sink: Any = NullSink, **more: Any) -> list[Job]:
    return [
        Job(scenario=BASE, make_market=market, make_sink=_Maker(sink), symbols=(name,), worker=w, workers=workers, **more)
        for w, name in enumerate(("AAPL", "NVDA", "JPM", "XOM")[:workers])
    ]


class _Maker:
    def __init__(self, sink: Any) -> None:
        self.sink = sink

    def __call__(self, worker: int) -> Sink:
        made: Sink = self.sink()
        return made


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize(("sink", "said"), [(CloseFails, "RuntimeError: close failed"), (CloseExits, "SystemExit: 3")])
def test_a_writer_of_ones_own_that_fails_in_close_is_heard_and_closed_once(workers: int, sink: Any, said: str) -> None:
    CloseFails.closed = 0
    outcome = run_jobs(jobs(workers, sink=sink), None, lambda _: None)
    assert {failed.message for failed in outcome.failed.values()} == {said}
    assert all("Traceback" in failed.trace for failed in outcome.failed.values())
    assert CloseFails.closed == (1 if workers == 1 and sink is CloseFails else 0)


@pytest.mark.parametrize("sink", [CloseFails, CloseExits])
def test_the_first_reason_and_its_trace_stay_when_closing_fails_too(sink: Any) -> None:
    (failed,) = run_jobs(jobs(1, NoMarketForLong, sink), None, lambda _: None).failed.values()
    assert failed.message.startswith("ValueError: the first reason Then its files could not be closed: ")
    assert "ValueError: the first reason" in failed.trace
    assert "close" not in failed.trace


def test_workers_run_from_a_thread() -> None:
    """Where no signal can be heard and none is needed."""
    found: list[Outcome | BaseException] = []

    def body() -> None:
        try:
            found.append(run_jobs(jobs(2), None, lambda _: None))
        except BaseException as error:
            found.append(error)

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert isinstance(found[0], Outcome), found
    assert found[0].complete


def test_an_error_in_the_parent_ends_the_workers_at_once() -> None:
    def show(_: Outcome) -> None:
        raise ZeroDivisionError

    slow = jobs(2, pace=Pace(start_ns=BASE.start_ns, wall_ns=time.time_ns(), speed=0.01))
    with takes_at_most(5.0), pytest.raises(ZeroDivisionError):
        run_jobs(slow, None, show)


def test_no_room_for_another_process_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    start = worker_process.start_worker

    def start_one(job: Job) -> Any:
        if job.worker:
            raise OSError(11, "Resource temporarily unavailable")
        return start(job)

    monkeypatch.setattr(worker_pool, "start_worker", start_one)
    with pytest.raises(LimitError, match=r"Only 1 of 3 worker processes could be started: .*unavailable.*--processes"):
        run_jobs(jobs(3), None, lambda _: None)


def test_a_gated_and_paced_worker_sleeps() -> None:
    """308,000 loops in five seconds, said the profile."""
    day_starts(BASE)  # loads the exchange's calendar, which takes a second or two
    began_s, cpu_s = time.monotonic(), time.thread_time()
    gated = jobs(1, pace=Pace(start_ns=BASE.start_ns, wall_ns=time.time_ns(), speed=5), gated=True)
    outcome = run_jobs(gated, RowLimit(100, 1), lambda _: None)
    assert outcome.complete
    assert time.monotonic() - began_s > 0.9
    assert time.thread_time() - cpu_s < 0.1


def test_the_first_cause_is_the_reason_and_the_parents_signal_outranks_a_workers() -> None:
    outcome = Outcome()
    pool = worker_pool._Pool(jobs(2), None, lambda _: None, outcome.backpressure, None)  # type: ignore[arg-type]
    outcome = pool.outcome
    pool.hear(Signalled(1, 15))
    assert outcome.stopped_by == "Stopped by SIGTERM (a request to end, as timeout, systemd or docker stop send it): worker 1 was sent it."
    pool.signals.first = 15
    assert pool.stop_asked()
    pool.hear(Failed(0, "The disk is full.", 1, BASE.start_ns))
    assert outcome.stopped_by == "Stopped by SIGTERM (a request to end, as timeout, systemd or docker stop send it)."
    first, second, *_ = why_incomplete(pool.jobs, outcome).splitlines()
    assert first == outcome.stopped_by
    assert second == "Worker 0 (AAPL) failed: The disk is full."
    assert ending._exit_code(outcome, is_live_end=False, is_whole=False, failures=3) == 143


class GoneDatabase:
    """Its connection is lost by the time that the run ends."""

    def check_counts(self, *_: object) -> None:
        raise SinkError("The connection to QuestDB was lost.")

    def finish(self, *_: object, **__: object) -> None:
        raise ConnectionError("server closed the connection")


@pytest.mark.parametrize("failing", [True, False])
def test_a_database_that_is_gone_does_not_replace_the_reason(tmp_path: Path, capsys: pytest.CaptureFixture[str], failing: bool) -> None:
    """Nor do a manifest and results that cannot be written."""
    plan = make_plan(parse_flags(["--symbols", "AAPL", "--out", str(tmp_path)]))
    outcome = run_jobs(jobs(1, NoMarketForLong if failing else NoMarket), None, lambda _: None)
    nowhere = tmp_path / "file"
    nowhere.touch()
    ran = Run(
        plan=plan, jobs=jobs(1), rows=nowhere, results=None, database=GoneDatabase(), console=Console(stderr=True), signals=StopSignals(),  # type: ignore[arg-type]
    )  # fmt: skip
    assert finish(ran, outcome, 1.0, is_paced=False) == 1
    err = capsys.readouterr().err
    reasons = [line for line in err.splitlines() if "Worker 0 (AAPL) failed: ValueError: the first reason" in line]
    if failing:
        assert err.startswith("Traceback")
        assert reasons
        assert err.index("the first reason") < err.index("Then its manifest failed")
    else:
        assert err.startswith("The connection to QuestDB was lost.")
        assert not reasons
    assert "Then the database's part of its end failed: ConnectionError: server closed the connection" in err
