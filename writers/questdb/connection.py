"""Where the database is and how one gets in; and what is wrong if one does not."""

from __future__ import annotations

import re
import socket
import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.errors import InputError, SinkError, explain

PG_USER, PG_PASSWORD = "admin", "quest"
"""QuestDB's own defaults for SQL."""
VERSION_MIN = (9, 1, 0)
"""Arrays came with 9.0, TIMESTAMP_NS with 9.1."""
CONNECTS_WITHIN_S = 5
RETRIES_MS = 60_000
"""Over http the client goes on trying so long: a server may be restarted in the middle of a run."""
REQUEST_TIMEOUT_MS = 60_000
BUFFER_BYTES_MAX = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Can be pickled; its ``repr`` shows no secret."""

    host: str = "127.0.0.1"
    pg_port: int = 8812
    http_port: int = 9000
    tcp_port: int = 9009
    user: str = ""
    """For SQL and, if given, basic authentication of http."""
    password: str = field(default="", repr=False)
    protocol: Literal["http", "tcp"] = "http"
    token: str = field(default="", repr=False)
    """http: bearer token; tcp: private key."""
    token_x: str = field(default="", repr=False)
    token_y: str = field(default="", repr=False)
    ilp_user: str = ""
    """tcp: the key's name."""
    tls: bool = False
    tls_verify: bool = True
    tls_roots: str = ""

    @property
    def address(self) -> str:
        """Where rows are sent."""
        return f"{self.protocol}://{self.host}:{self.port}"

    @property
    def port(self) -> int:
        return self.http_port if self.protocol == "http" else self.tcp_port

    def make_sender(self) -> Any:
        """A ``questdb.Sender`` that sends only when it is told to; ``establish`` connects."""
        from questdb import Protocol, Sender

        options: dict[str, Any] = {"auto_flush": False, "max_buf_size": BUFFER_BYTES_MAX}
        if self.tls and not self.tls_verify:
            options["tls_verify"] = False
        if self.tls and self.tls_roots:
            options["tls_roots"] = self.tls_roots
        if self.protocol == "http":
            options |= {"retry_timeout": RETRIES_MS, "request_timeout": REQUEST_TIMEOUT_MS}
            if self.token:
                options["token"] = self.token
            elif self.user:
                options |= {"username": self.user, "password": self.password}
            return Sender(Protocol.Https if self.tls else Protocol.Http, self.host, self.http_port, **options)
        options["protocol_version"] = "2"  # http finds out by itself; arrays and nanoseconds need it
        if self.token:
            options |= {"username": self.ilp_user, "token": self.token, "token_x": self.token_x, "token_y": self.token_y}
        return Sender(Protocol.Tcps if self.tls else Protocol.Tcp, self.host, self.tcp_port, **options)

    def connect_pg(self) -> Any:
        """A ``psycopg`` connection in autocommit. Raises ``InputError`` that tells apart who did not answer and why."""
        import psycopg

        try:
            return psycopg.connect(
                host=self.host, port=self.pg_port, user=self.user or PG_USER, password=self.password or PG_PASSWORD, dbname="qdb",
                autocommit=True, connect_timeout=CONNECTS_WITHIN_S, prepare_threshold=None,
            )  # fmt: skip
        except psycopg.OperationalError as error:
            raise InputError(self._why_no_sql(error)) from None

    def check(self) -> None:
        """Look at every door that the run will use. Raises ``InputError`` with what is wrong and the remedy."""
        with self.connect_pg() as pg:
            version = str(pg.execute("SELECT build()").fetchone()[0])
        check_version(version)
        if self.protocol == "http":
            self._check_http()
        else:
            self._check_tcp()

    def _why_no_sql(self, error: Exception) -> str:
        said = " ".join(str(error).split())
        at = f"{self.host}:{self.pg_port}"
        if "invalid username/password" in said or "authentication" in said:
            limit = f"QuestDB at {at} refused this user or its password"
            return explain("--user", self.user or PG_USER, limit, "Give --user and --password (or QUESTDB_PASSWORD).")
        if is_listening(self.host, self.pg_port):
            limit = f"what answers at {at} does not speak PostgreSQL's protocol: {_without(said, self.password)}"
            return explain("--pg_port", self.pg_port, limit, "QuestDB's port for SQL is 8812 unless it was set otherwise.")
        limit = f"nothing answers at {at}"
        return explain("--host", self.host, limit, "Start QuestDB there, give --host and --pg_port, or use --host embedded.")

    def _check_http(self) -> None:
        """Ask for a query as the client would; tells a wrong port from a wrong password."""
        import base64
        import http.client

        headers = {}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.user:
            headers["Authorization"] = "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()
        remedy = "QuestDB's port for http is 9000 unless it was set otherwise."
        make: Any = http.client.HTTPConnection
        options: dict[str, Any] = {}
        if self.tls:
            make, options = http.client.HTTPSConnection, {"context": self._tls_context()}
        web = make(self.host, self.http_port, timeout=CONNECTS_WITHIN_S, **options)
        try:
            web.request("GET", "/settings", headers=headers)
            answer = web.getresponse()
            body = answer.read(100_000)
        except ConnectionRefusedError:
            raise InputError(explain("--http_port", self.http_port, f"nothing answers at {self.host}:{self.http_port}", remedy)) from None
        except (OSError, http.client.HTTPException) as error:
            limit = f"what answers at {self.host}:{self.http_port} does not speak http: {type(error).__name__}: {error}"
            raise InputError(explain("--http_port", self.http_port, limit, remedy)) from None
        finally:
            web.close()
        if answer.status not in (401, 403) and b"line.proto" not in body:
            limit = f"what answers at {self.host}:{self.http_port} is not QuestDB (status {answer.status})"
            raise InputError(explain("--http_port", self.http_port, limit, remedy))
        # /settings answers anyone; a query, and rows, only those who may.
        web = make(self.host, self.http_port, timeout=CONNECTS_WITHIN_S, **options)
        try:
            web.request("GET", "/exec?query=SELECT%201", headers=headers)
            status = web.getresponse().status
        finally:
            web.close()
        if status in (401, 403):
            limit = f"QuestDB at {self.host}:{self.http_port} refused the user, its password or the token (status {status})"
            remedy = "Give --user and --password (or QUESTDB_PASSWORD), or --token (or QUESTDB_TOKEN)."
            raise InputError(explain("--user", self.user or "none", limit, remedy))

    def _check_tcp(self) -> None:
        """Connect, and authenticate if there is a key: a wrong one is hung up on."""
        at = f"{self.host}:{self.tcp_port}"
        if not is_listening(self.host, self.tcp_port):
            remedy = "QuestDB's port for tcp is 9009 unless it was set otherwise."
            raise InputError(explain("--tcp_port", self.tcp_port, f"nothing answers at {at}", remedy))
        sender = self.make_sender()
        try:
            sender.establish()
        except Exception as error:  # the client has one class for all
            limit = f"QuestDB at {at} did not let the client in: {_without(str(error), self.token)}"
            raise InputError(
                explain("--ilp_user", self.ilp_user or "none", limit, "Give --ilp_user, --token, --token_x and --token_y.")
            ) from None
        finally:
            sender.close(False)

    def _tls_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.tls_roots or None)
        if not self.tls_verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context


class Sql:
    """SQL over a connection that is opened when it is needed, and again when it was lost: a server may be restarted in between."""

    def __init__(self, connection: Connection, *, patience_s: float = RETRIES_MS / 1000) -> None:
        self._connection = connection
        self._patience_s = patience_s
        self._pg: Any = None

    def execute(self, query: str, arguments: Any = None) -> Any:
        """As psycopg's. A query that met a lost connection is repeated: all of ours can be. Raises ``SinkError`` when patience ends."""
        import psycopg

        until_s = time.monotonic() + self._patience_s
        while True:
            try:
                if self._pg is None:
                    self._pg = self._connection.connect_pg()
                return self._pg.execute(query, arguments)
            except (psycopg.OperationalError, InputError) as error:
                is_lost = self._pg is None or self._pg.broken or self._pg.closed
                if not is_lost:
                    raise
                self._pg = None
                if time.monotonic() > until_s:
                    at = f"{self._connection.host}:{self._connection.pg_port}"
                    raise SinkError(
                        f"QuestDB at {at} does not answer any more: {' '.join(str(error).split()).rstrip('.')}. "
                        "Its log says why (a full disk, perhaps). What it has stays: start it again and go on with --incremental true."
                    ) from None
                time.sleep(0.2)

    def close(self) -> None:
        """Until the next query."""
        if self._pg is not None:
            self._pg.close()
            self._pg = None


def check_version(build: str) -> None:
    """``build`` as QuestDB's ``build()`` says it. Raises ``InputError`` for a server that is too old."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", build)
    if found is None:
        raise InputError(explain("The server's version", build, "it is no QuestDB that is known here", "Use QuestDB 9.1 or newer."))
    version = tuple(int(part) for part in found.groups())
    if version < VERSION_MIN:
        limit = "arrays need QuestDB 9.0 and TIMESTAMP_NS needs 9.1"
        raise InputError(explain("The server's version", ".".join(map(str, version)), limit, "Upgrade it, or use --host embedded."))


def is_listening(host: str, port: int) -> bool:
    """Whether anything takes a connection there."""
    try:
        with socket.create_connection((host, port), timeout=CONNECTS_WITHIN_S):
            return True
    except OSError:
        return False


def _without(text: str, secret: str) -> str:
    return text.replace(secret, "…") if secret else text
