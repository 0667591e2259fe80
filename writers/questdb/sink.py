"""Rows into QuestDB over one connection: encoded by the caller's thread, sent by another while the market goes on.

Each table has its buffer. A full one is handed to the sending thread and becomes one request, which over http is one
transaction: the server has all of it or nothing. The queue is short, so a slow server makes ``write`` wait.
"""

from __future__ import annotations

import queue
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from simulator.errors import SinkError
from simulator.records import EXTRA_TABLES, Batch
from simulator.tape.sink import RunInfo
from writers.questdb.connection import RETRIES_MS, Connection
from writers.questdb.schema import KEYS, ORDINAL, table_name

BATCH_ROWS = 20_000
"""Rows of one request at most; 10 levels a side make 8 MB of them."""
QUEUED_MAX = 2
"""Requests that wait behind the one that is being sent."""


@dataclass(slots=True)
class _Request:
    """Rows of one table, encoded; without a table, a request to stop."""

    table: str
    buffer: Any = None
    rows: int = 0
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
        self.written = 0
        """Rows taken."""
        self.handed_over = 0
        """Rows that wait for the connection or have gone over it."""
        self.acknowledged = 0
        """Rows that the server has taken; over tcp, that were handed to the socket."""

    def open(self, run: RunInfo) -> None:
        """Connect. Raises ``SinkError`` if the server does not answer."""
        self._run = run
        try:
            self._sender = self._connection.make_sender()
            self._sender.establish()
        except Exception as error:
            raise SinkError(self._failed(error)) from error
        for _ in range(len(run.tables) + QUEUED_MAX + 1):  # one of each table to fill, those that wait, the one that is sent
            self._free.put(self._sender.new_buffer())
        self._thread = threading.Thread(target=self._send_all, name="questdb", daemon=True)
        self._thread.start()

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
            frame[ORDINAL] = frame.groupby(list(KEYS), observed=True, sort=False).cumcount()
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
        barrier.sent.wait()
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
                self._queue.put(_Request("", rows=-1), timeout=1.0)
            self._thread.join(1.0)
            self._thread = None
            with suppress(Exception):  # what was buffered has been sent, or is lost with an error that is raised already
                self._sender.close(False)

    def _encode(self, request: _Request, frame: Any) -> None:
        assert self._run is not None
        names = [name for name in frame.columns if frame[name].dtype == "category"]
        name = table_name(request.table, self._run.suffix)
        request.buffer.dataframe(frame, table_name=name, symbols=names, at="timestamp_ns")
        request.rows += len(frame)
        self.written += len(frame)

    def _buffer(self) -> Any:
        """An empty buffer; waits while all are on their way. Their number is fixed, and so is the memory that they take."""
        while True:
            with suppress(queue.Empty):
                return self._free.get(timeout=0.2)
            self._raise_error()

    def _hand_over(self, table: str) -> None:
        request = self._filling.pop(table, None)
        if request is not None:
            self.handed_over += request.rows
            self._put(request)

    def _put(self, request: _Request) -> None:
        """Queue it; waits while the queue is full and the thread lives."""
        while True:
            self._raise_error()
            with suppress(queue.Full):
                self._queue.put(request, timeout=0.2)
                return

    def _send_all(self) -> None:
        """The sending thread. After an error it only lets go of those who wait."""
        while True:
            request = self._queue.get()
            if request.rows < 0:
                return
            if request.buffer is not None and self._error is None:
                try:
                    self._flush(request.buffer)
                    self.acknowledged += request.rows
                    request.buffer.clear()
                    self._free.put(request.buffer)
                except Exception as error:
                    self._error = error
            request.sent.set()

    def _flush(self, buffer: Any) -> None:
        """One request. Over http what met a broken connection is sent again over a new one: DEDUP keeps one of each row."""
        from questdb import QuestDBError, QuestDBErrorCode

        is_http = self._connection.protocol == "http"
        until_s = time.monotonic() + RETRIES_MS / 1000
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
        if self._error is not None:
            raise SinkError(self._failed(self._error)) from self._error

    def _failed(self, error: Exception) -> str:
        return (
            f"Sending to QuestDB at {self._connection.address} failed: {error}. "
            f"Acknowledged: {self.acknowledged:,} of {self.written:,} rows. "
            "What the server has stays; --incremental true continues from it."
        )
