"""Rows into QuestDB over one connection: encoded by the caller's thread, sent by another while the market goes on.

Each table has its buffer. A full one is handed to the sending thread and becomes one request, which over http is one
transaction: the server has all of it or nothing. The queue is short, so a slow server makes ``write`` wait; not for ever, and
not deaf: a server that takes nothing for a minute is lost, and one that takes nothing while the run is to end is not waited for.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from simulator.errors import SinkError
from simulator.records import EXTRA_TABLES, Batch
from simulator.tape.sink import RunInfo
from writers.questdb.connection import Connection
from writers.questdb.limits import never
from writers.questdb.schema import KEYS, ORDINAL, table_name

BATCH_ROWS = 20_000
"""Rows of one request at most; 10 levels a side make 8 MB of them."""
QUEUED_MAX = 2
"""Requests that wait behind the one that is being sent."""
LOST_WITHIN_S = 60.0
"""A server that takes nothing for so long is given up; it may be restarted in the meantime."""
STOPS_WITHIN_S = 1.5
"""The same for one that takes nothing while the run is to end."""
LOOK_S = 0.2


@dataclass(slots=True)
class _Request:
    """Rows of one table, encoded; without a table, a request to stop."""

    table: str
    buffer: Any = None
    rows: int = 0
    is_hello: bool = False
    """To connect."""
    sent: threading.Event = field(default_factory=threading.Event)


class QuestDBSink:
    """One worker's connection. ``lingers`` false sends what each ``write`` brings at once, for live data."""

    def __init__(self, connection: Connection, *, lingers: bool = True, batch_rows: int = BATCH_ROWS) -> None:
        self._connection = connection
        self._lingers = lingers
        self._batch_rows = batch_rows
        self._run: RunInfo | None = None
        self._sender: Any = None
        self._filling: dict[str, _Request] = {}
        self._free: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._queue: queue.Queue[_Request] = queue.Queue(QUEUED_MAX)
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None
        self.stop_asked: Callable[[], bool] = never
        """Whether the run is to end; whoever runs it sets this."""
        self.written = 0
        """Rows taken."""
        self.handed_over = 0
        """Rows that wait for the connection or have gone over it."""
        self.acknowledged = 0
        """Rows that the server has taken; over tcp, that were handed to the socket."""

    def open(self, run: RunInfo) -> None:
        """Connect. Raises ``SinkError`` if the server does not answer."""
        self._run = run
        self._thread = threading.Thread(target=self._send_all, name="questdb", daemon=True)
        self._thread.start()
        hello = _Request("", is_hello=True)
        self._put(hello)
        self._wait(hello.sent)
        self._raise_error()
        for _ in range(len(run.tables) + QUEUED_MAX + 1):  # one of each table to fill, those that wait, the one that is sent
            self._free.put(self._sender.new_buffer())

    @property
    def in_flight(self) -> int:
        """Rows on their way to the server."""
        return self.handed_over - self.acknowledged

    def write(self, batch: Batch) -> None:
        """Encode the rows and send what is due. Raises ``SinkError`` for what the server said about earlier ones."""
        from simulator.tape.arrow import to_frame

        assert self._run is not None
        frame = to_frame(batch, self._run)
        if batch.table in EXTRA_TABLES:
            keys = [name for name in KEYS if name in frame.columns]
            frame[ORDINAL] = frame.groupby(keys, observed=True, sort=False).cumcount()
        done = 0
        while done < len(batch):
            request = self._filling.get(batch.table)
            if request is None:
                request = self._filling[batch.table] = _Request(batch.table, self._buffer())
            stop = min(len(batch), done + self._batch_rows - request.rows)
            self._encode(request, frame.iloc[done:stop])
            done = stop
            if request.rows >= self._batch_rows:
                self._hand_over(batch.table)
        if not self._lingers:
            self._hand_over(batch.table)

    def flush(self) -> None:
        """Send everything and wait for the server's answer."""
        for table in list(self._filling):
            self._hand_over(table)
        barrier = _Request("")
        self._put(barrier)
        self._wait(barrier.sent)
        self._raise_error()

    def close(self, complete: bool) -> None:
        """Send what was taken, whether or not the run is complete: every row of it is whole."""
        if self._thread is None:
            return
        try:
            if complete or self._error is None:
                self.flush()
        finally:
            with suppress(queue.Full):  # a thread that hangs in a dead connection is a daemon: it ends with the process
                self._queue.put(_Request("", rows=-1), timeout=0.1)
            self._thread.join(LOOK_S)
            if not self._thread.is_alive() and self._sender is not None:  # the client is no more than one thread's
                with suppress(Exception):  # what was buffered has been sent, or is lost with an error that is raised already
                    self._sender.close(False)
            self._thread = None

    def _encode(self, request: _Request, frame: Any) -> None:
        assert self._run is not None
        names = [name for name in frame.columns if frame[name].dtype == "category"]
        name = table_name(request.table, self._run.suffix)
        request.buffer.dataframe(frame, table_name=name, symbols=names, at="timestamp_ns")
        request.rows += len(frame)
        self.written += len(frame)

    def _buffer(self) -> Any:
        """An empty buffer; waits while all are on their way. Their number is fixed, and so is the memory that they take."""
        patience = _Patience(self)
        while True:
            with suppress(queue.Empty):
                return self._free.get(timeout=LOOK_S)
            self._raise_error()
            patience.look()

    def _hand_over(self, table: str) -> None:
        request = self._filling.pop(table, None)
        if request is not None:
            self.handed_over += request.rows
            self._put(request)

    def _put(self, request: _Request) -> None:
        """Queue it; waits while the queue is full and the thread lives."""
        patience = _Patience(self)
        while True:
            self._raise_error()
            with suppress(queue.Full):
                self._queue.put(request, timeout=LOOK_S)
                return
            patience.look()

    def _wait(self, sent: threading.Event) -> None:
        patience = _Patience(self)
        while not sent.wait(LOOK_S):
            patience.look()

    def _send_all(self) -> None:
        """The sending thread. After an error it only lets go of those who wait."""
        while True:
            request = self._queue.get()
            if request.rows < 0:
                return
            if request.is_hello:
                try:
                    self._sender = self._connection.make_sender()
                    self._sender.establish()
                except Exception as error:
                    self._error = error
            elif request.buffer is not None and self._error is None:
                try:
                    self._flush(request.buffer)
                    self.acknowledged += request.rows
                    request.buffer.clear()
                    self._free.put(request.buffer)
                except Exception as error:
                    self._error = error
            request.sent.set()

    def _flush(self, buffer: Any) -> None:
        """One request. Over http what met a broken connection is sent again over a new one: DEDUP keeps one of each row.

        The client's own retries end with the connection that they were made on, and no library's (urllib3, tenacity) can know that a
        buffer must go over a new one; whoever waits for this thread limits it.
        """
        from questdb import QuestDBError, QuestDBErrorCode

        is_http = self._connection.protocol == "http"
        until_s = time.monotonic() + LOST_WITHIN_S
        while True:
            try:
                self._sender.flush(buffer, clear=False, transactional=is_http)
                return
            except QuestDBError as error:
                if not is_http or error.code != QuestDBErrorCode.SocketError or time.monotonic() > until_s:
                    raise
            self._connect_again(until_s)

    def _connect_again(self, until_s: float) -> None:
        """A new connection, as soon as the server takes one."""
        from questdb import QuestDBError

        while True:
            with suppress(Exception):
                self._sender.close(False)
            time.sleep(0.2)
            self._sender = self._connection.make_sender()
            try:
                self._sender.establish()
                return
            except QuestDBError:
                if time.monotonic() > until_s:
                    raise

    def _raise_error(self) -> None:
        if isinstance(self._error, SinkError):
            raise self._error
        if self._error is not None:
            raise SinkError(self.failed(str(self._error)))  # not from it: its text may hold a secret

    def give_up(self, said: str) -> NoReturn:
        """Wait no longer, neither now nor in ``close``. Raises ``SinkError``."""
        if self._error is None:
            self._error = SinkError(self.failed(said))
        self._raise_error()
        raise AssertionError

    def failed(self, said: str) -> str:
        """What to tell about an end before the last row."""
        said = self._connection.hide(" ".join(said.split()).rstrip("."))
        return (
            f"Sending to QuestDB at {self._connection.address} failed: {said}. "
            f"Acknowledged: {self.acknowledged:,} of {self.written:,} rows. "
            "What the server has stays; --incremental true continues from it."
        )


class _Patience:
    """Of one wait. It begins anew with every acknowledgement."""

    def __init__(self, sink: QuestDBSink) -> None:
        self._sink = sink
        self._acknowledged = sink.acknowledged
        self._since_s = time.monotonic()
        self._stopped_s: float | None = None

    def look(self) -> None:
        """Raises ``SinkError`` when it is at its end."""
        sink, now_s = self._sink, time.monotonic()
        if sink.acknowledged != self._acknowledged:
            self._acknowledged, self._since_s, self._stopped_s = sink.acknowledged, now_s, None
        if now_s - self._since_s > LOST_WITHIN_S:
            sink.give_up(f"it has taken nothing for {LOST_WITHIN_S:.0f} s")
        if not sink.stop_asked():
            return
        if self._stopped_s is None:
            self._stopped_s = now_s
        if now_s - self._stopped_s >= STOPS_WITHIN_S - LOOK_S:
            sink.give_up("the run was to end, and it did not take what was on its way")
