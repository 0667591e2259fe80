"""SQL with a limit on every wait: a server that is stopped, or a connection that swallows, is a lost one after a while."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from typing import Any

import psycopg

from simulator.errors import InputError, SinkError, explain
from writers.questdb.connection import Connection
from writers.questdb.limits import STEP_S, Stopped, never, within

PG_USER, PG_PASSWORD = "admin", "quest"
"""QuestDB's own defaults for SQL."""
PG_REMEDY = "QuestDB's port for SQL is 8812 unless it was set otherwise."
CONNECTS_WITHIN_S = 5
OPENS_WITHIN_S = 15.0
LOST_WITHIN_S = 60.0
"""A server that does not answer for so long is given up; it may be restarted in the meantime. QuestDB itself ends a query after that."""


class QueryError(SinkError):
    """The server answered that it would not."""


class Pg(psycopg.Connection[Any]):
    """psycopg's connection, its waits in steps: ``limit_s`` for an answer, and an ear for who asks to stop."""

    limit_s = LOST_WITHIN_S
    is_stopped: Callable[[], bool] = staticmethod(never)

    def wait(self, gen: Generator[Any, Any, Any], interval: float = STEP_S, timeout: float | None = None) -> Any:
        """As psycopg's, which after Ctrl-C would wait for a stopped server to take its cancellation. Who gives up here closes the line."""
        until_s = time.monotonic() + (self.limit_s if timeout is None else timeout)
        try:
            waits_for = next(gen)
            with selectors.DefaultSelector() as selector:
                selector.register(self.pgconn.socket, waits_for)
                while True:
                    if ready := selector.select(STEP_S):
                        wants = gen.send(ready[0][1])
                        if wants != waits_for:
                            selector.modify(self.pgconn.socket, wants)
                            waits_for = wants
                    elif self.is_stopped():
                        raise Stopped
                    elif time.monotonic() > until_s:
                        raise psycopg.OperationalError(f"no answer within {self.limit_s:.0f} s")
        except StopIteration as end:
            return end.value
        except (KeyboardInterrupt, Stopped, psycopg.OperationalError):
            if self.pgconn.transaction_status == psycopg.pq.TransactionStatus.ACTIVE:
                self.pgconn.finish()  # its answer may come at any time: nothing more can be asked over it
            raise

    def __exit__(self, *_: Any) -> None:
        self.close()  # without a last word, for which a stopped server would let us wait: every statement is its own transaction


def open_pg(connection: Connection, is_stopped: Callable[[], bool] = never, within_s: float = OPENS_WITHIN_S) -> Pg:
    """In autocommit. Raises ``psycopg.OperationalError``, ``TimeoutError``, ``Stopped``."""

    def connect() -> Pg:
        return Pg.connect(
            host=connection.host, port=connection.pg_port, user=connection.user or PG_USER, password=connection.password or PG_PASSWORD,
            dbname="qdb", autocommit=True, connect_timeout=CONNECTS_WITHIN_S, tcp_user_timeout=int(LOST_WITHIN_S * 1000),
            prepare_threshold=None,
        )  # fmt: skip

    # The resolver of names waits where no signal is heard; libpq's own limit is on each address of a name.
    return within(within_s, connect, is_stopped)


def connect_pg(connection: Connection, is_stopped: Callable[[], bool] = never, within_s: float = OPENS_WITHIN_S) -> Pg:
    """The same for a user: raises ``InputError`` that says who did not answer, and why; and ``Stopped``."""
    try:
        return open_pg(connection, is_stopped, within_s)
    except (psycopg.OperationalError, TimeoutError) as error:
        raise InputError(why_no_sql(connection, error)) from None


def why_no_sql(connection: Connection, error: Exception) -> str:
    """What to tell about a connection for SQL that did not come about, or was lost at once."""
    said = connection.hide(" ".join(str(error).split()).rstrip("."))
    at = f"{connection.host}:{connection.pg_port}"
    if "invalid username/password" in said or "authentication failed" in said:
        limit = f"QuestDB at {at} refused this user or its password"
        return explain("--user", connection.user or PG_USER, limit, "Give --user and --password (or QUESTDB_PASSWORD).")
    if isinstance(error, TimeoutError) or "timeout" in said or "no answer within" in said:
        limit = f"what is at {at} takes the connection and gives no answer in PostgreSQL's protocol: {said}"
        return explain("--pg_port", connection.pg_port, limit, f"Look whether that server is stopped or overloaded. {PG_REMEDY}")
    if is_listening(connection.host, connection.pg_port):
        limit = f"what answers at {at} does not speak PostgreSQL's protocol, or hung up: {said}"
        return explain("--pg_port", connection.pg_port, limit, PG_REMEDY)
    remedy = "Start QuestDB there, give --host and --pg_port, or use --host embedded."
    if connection.log:
        return f"{connection.what} does not answer at {at}: {said}. {connection.log} says why."
    return explain("--host", connection.host, f"nothing answers at {at}", remedy)


def is_listening(host: str, port: int) -> bool:
    """Whether anything takes a connection there."""
    try:
        with socket.create_connection((host, port), timeout=CONNECTS_WITHIN_S):
            return True
    except OSError:
        return False


class Sql:
    """SQL over a connection that is opened when it is needed, and again when it was lost: a server may be restarted in between.

    The loop is no library's (tenacity): whether to go on hangs on what the error says of the connection, which is part of the loop's
    state; a refusal ends it, and each wait in it must hear who asks to stop. It would be as long with one.
    """

    def __init__(
        self, connection: Connection, *, patience_s: float = LOST_WITHIN_S, query_s: float = LOST_WITHIN_S,
        is_stopped: Callable[[], bool] = never,
    ) -> None:  # fmt: skip
        """``patience_s``: how long a lost connection is tried anew; ``query_s``: how long one query may take."""
        self._connection = connection
        self._patience_s = patience_s
        self._query_s = query_s
        self.is_stopped = is_stopped
        self._pg: Pg | None = None

    def execute(self, query: str, arguments: Any = None) -> Any:
        """As psycopg's. A query that met a lost connection is repeated: all of ours can be.

        Raises ``QueryError`` if the server refuses the query, ``SinkError`` when patience ends, ``InputError`` for a user who may not,
        ``Stopped``.
        """
        until_s = time.monotonic() + self._patience_s
        if self.is_stopped():
            raise Stopped
        while True:
            try:
                if self._pg is None:
                    self._pg = connect_pg(self._connection, self.is_stopped, min(self._query_s, OPENS_WITHIN_S))
                self._pg.limit_s, self._pg.is_stopped = self._query_s, self.is_stopped
                return self._pg.execute(query, arguments)
            except Stopped:
                self._pg = None
                raise
            except (psycopg.Error, InputError) as error:
                said = self._connection.hide(" ".join(str(error).split()).rstrip("."))
                if self._pg is not None and not self._pg.closed:
                    raise self._refused(query, said) from None
                self._pg = None
                if time.monotonic() > until_s:
                    raise SinkError(f"{self._connection.what} does not answer any more: {said}. {self._connection.when_lost}") from None
                self._rest()

    def close(self) -> None:
        """Until the next query."""
        pg, self._pg = self._pg, None
        if pg is not None:
            with suppress(psycopg.Error):
                pg.close()

    def _rest(self) -> None:
        time.sleep(2 * STEP_S)
        if self.is_stopped():
            raise Stopped

    def _refused(self, query: str, said: str) -> Exception:
        what = " ".join(query.split()[:3])
        if "denied" in said or "read-only" in said or "readonly" in said:
            user = self._connection.user or PG_USER
            return InputError(
                f"--user: got {user!r}; {self._connection.what} does not let this user write ({what} …: {said}). "
                "Give the --user (and --password or QUESTDB_PASSWORD) of one who may create tables and write."
            )
        return QueryError(
            f"{self._connection.what} refused a query ({what} …): {said}. "
            "If somebody has changed the tables, mend that, or write to others with --suffix."
        )
