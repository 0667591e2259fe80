"""A server that is stopped, a connection that swallows: no call waits without a limit, and Ctrl-C is heard within two seconds."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import InputError, SinkError
from simulator.records import NS_PER_S
from simulator.tape.sink import RunInfo
from tests.database import SMALL, at, connect, small_server, start
from tests.helpers import scenario
from tests.patience import takes_at_most
from tests.questdb.proxies import Swallower
from tests.questdb.test_questdb_resume import wait_for_rows
from writers.questdb import limits, schema, sink
from writers.questdb.connection import Connection
from writers.questdb.doors import check
from writers.questdb.limits import Stopped
from writers.questdb.monitor import Monitor
from writers.questdb.server import EmbeddedServer
from writers.questdb.sql import QueryError, Sql


@pytest.fixture
def proxy(server: EmbeddedServer) -> Iterator[Swallower]:
    between = Swallower(server.pg_port)
    yield between
    between.close()


@contextmanager
def interrupt_after(seconds: float) -> Iterator[None]:
    """Ctrl-C for this process, which is to be heard within two seconds."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    with takes_at_most(seconds + 2.0):
        timer.start()
        try:
            with pytest.raises(KeyboardInterrupt):
                yield
        finally:
            timer.cancel()
            timer.join()


def test_a_query_whose_answer_is_swallowed_ends_at_its_limit(proxy: Swallower) -> None:
    sql = Sql(Connection(pg_port=proxy.port), patience_s=0.5, query_s=0.5)
    assert sql.execute("SELECT 1").fetchone() == (1,)
    with pytest.raises(QueryError, match="refused a query"):
        sql.execute("SELECT nothing FROM nowhere")
    assert sql.execute("SELECT 2").fetchone() == (2,), "a refusal does not end the connection"
    proxy.swallows.set()
    with takes_at_most(3.0), pytest.raises(SinkError, match="does not answer any more"):
        sql.execute("SELECT 3")


def test_a_query_is_left_as_soon_as_the_run_is_to_end(proxy: Swallower) -> None:
    sql = Sql(Connection(pg_port=proxy.port))
    sql.execute("SELECT 1")
    proxy.swallows.set()
    for _ in range(2):  # in a query, and in a new connection
        until_s = time.monotonic() + 0.3
        sql.is_stopped = lambda until_s=until_s: time.monotonic() > until_s  # type: ignore[misc]
        with takes_at_most(1.0), pytest.raises(Stopped):
            sql.execute("SELECT 2")


@pytest.mark.parametrize("is_open", [True, False])
def test_ctrl_c_is_heard_in_a_query_and_in_a_connection(proxy: Swallower, is_open: bool) -> None:
    sql = Sql(Connection(pg_port=proxy.port))
    if is_open:
        sql.execute("SELECT 1")
    proxy.swallows.set()
    with interrupt_after(0.3):
        sql.execute("SELECT 2")
    sql.close()


@pytest.mark.parametrize("protocol", ["http", "tcp"])
def test_ctrl_c_is_heard_while_the_doors_are_tried(server: EmbeddedServer, protocol: str) -> None:
    between = Swallower(server.http_port)
    between.swallows.set()
    ports = {f"{protocol}_port": between.port, "pg_port": server.pg_port}
    if protocol == "tcp":  # a key, for whose challenge the client waits
        ports |= {"ilp_user": "key", "token": "t", "token_x": "x", "token_y": "y"}  # type: ignore[dict-item]
    with interrupt_after(0.3):
        check(Connection(protocol=protocol, **ports))  # type: ignore[arg-type]
    between.close()


def test_a_door_that_does_not_answer_is_told_from_one_that_speaks_something_else(server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writers.questdb.doors.CONNECTS_WITHIN_S", 0.5)
    between = Swallower(server.http_port)
    between.swallows.set()
    with takes_at_most(5.0), pytest.raises(InputError, match="does not answer within"):
        check(Connection(http_port=between.port, pg_port=server.pg_port))
    monkeypatch.setattr("writers.questdb.sql.CONNECTS_WITHIN_S", 2)
    with takes_at_most(5.0), pytest.raises(InputError, match="gives no answer in PostgreSQL's protocol"):
        check(Connection(pg_port=between.port))
    between.close()


def test_the_monitor_gives_up_a_silent_server_after_its_time(proxy: Swallower, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("writers.questdb.monitor.LOST_WITHIN_S", 1.0)
    monitor = Monitor(Connection(pg_port=proxy.port), ["t"])
    monitor._sql = Sql(Connection(pg_port=proxy.port), patience_s=0.0, query_s=0.5)
    monitor.look()
    proxy.swallows.set()
    with takes_at_most(5.0), pytest.raises(SinkError, match="For 1 s there was no answer"):
        for_ever(monitor.look)


def test_an_embedded_server_that_has_ended_is_noticed_at_once() -> None:
    monitor = Monitor(Connection(pg_port=1, log="out/questdb/server.log"), ["t"], is_alive=lambda: False)
    with takes_at_most(0.5), pytest.raises(SinkError) as told:
        monitor.look()
    assert "out/questdb/server.log says why" in str(told.value)
    assert "start it again" not in str(told.value).lower()


def test_what_is_too_late_is_closed() -> None:
    closed = threading.Event()

    class Line:
        def close(self) -> None:
            closed.set()

    def slow() -> Line:
        time.sleep(0.4)
        return Line()

    with pytest.raises(TimeoutError):
        limits.within(0.1, slow)
    assert closed.wait(2.0)
    assert isinstance(limits.within(2.0, slow), Line)


@pytest.mark.parametrize("protocol", ["http", "tcp"])
@pytest.mark.parametrize("stops", [True, False])
def test_a_sink_does_not_wait_for_ever(server: EmbeddedServer, pg: Any, suffix: str, protocol: str, stops: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """``stops``: the run is to end. The planted fault is the server itself, which swallows."""
    schema.create(pg, schema.ddl(suffix, views=False))
    between = Swallower(server.http_port if protocol == "http" else server.tcp_port)
    monkeypatch.setattr(sink, "LOST_WITHIN_S", 60.0 if stops else 1.0)
    rows = sink.QuestDBSink(Connection(protocol=protocol, **{f"{protocol}_port": between.port}), lingers=False)  # type: ignore[arg-type]
    chosen = scenario()
    info = RunInfo(
        symbols=tuple(symbol.name for symbol in chosen.universe.symbols), venues=tuple(venue.name for venue in chosen.universe.venues),
        levels=10, tables=("market_data", "trades"), suffix=suffix,
    )  # fmt: skip
    rows.open(info)
    rows.write(trades())
    rows.flush()
    between.swallows.set()
    if stops:
        rows.stop_asked = lambda: True
    batch = trades(10 if protocol == "http" else 20_000)  # the socket's buffers take something, too
    with takes_at_most(4.0), pytest.raises(SinkError, match="did not take what was on its way" if stops else "has taken nothing for 1 s"):
        for_ever(lambda: (rows.write(batch), rows.flush()))
    with takes_at_most(1.0), pytest.raises(SinkError):
        rows.flush()
    with takes_at_most(1.0):
        rows.close(False)
    between.close()


def for_ever(call: Callable[[], Any]) -> None:
    while True:
        call()


def trades(count: int = 10) -> Any:
    import numpy as np

    from simulator.records import TradeBatch

    ones = np.ones(count, np.int32)
    return TradeBatch(
        ts_ns=np.arange(count, dtype=np.int64) + 1_750_000_000 * NS_PER_S, symbol=ones * 0, venue=ones * 0, price=ones * 10_000, size=ones * 100,
        side=ones * 0, cond=ones * 0,
    )  # fmt: skip


@pytest.mark.parametrize(("protocol", "processes"), [("http", "1"), ("tcp", "2")])
def test_ctrl_c_ends_a_run_whose_server_is_stopped(tmp_path: Path, protocol: str, processes: str) -> None:
    with small_server(tmp_path) as own:
        running = start(*SMALL, *at(own), "--protocol", protocol, "--processes", processes, "--create_views", "false", "--speed", "5")
        with connect(own) as pg:
            wait_for_rows(pg, "")
        with stopped(own):
            time.sleep(1.0)
            assert running.stderr is not None
            with takes_at_most(2.0):
                running.send_signal(signal.SIGINT)
                said = next((line for line in running.stderr if "Ctrl-C" in line), "")
            out, err = running.communicate(timeout=60)
    assert "Stopped by Ctrl-C" in said, err
    assert "Traceback" not in out + err
    assert running.returncode == 130


@contextmanager
def stopped(own: EmbeddedServer) -> Iterator[None]:
    assert own._process is not None
    own._process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        own._process.send_signal(signal.SIGCONT)


