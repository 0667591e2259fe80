"""The doors of a database, tried before a run: SQL, http, tcp; and what is wrong if one stays shut."""

from __future__ import annotations

import base64
import http.client
import os
import re
import socket
import ssl
import stat
import time
from contextlib import ExitStack
from typing import Any

import psycopg

from simulator.errors import InputError, explain
from writers.questdb.connection import Connection, check_version
from writers.questdb.limits import within
from writers.questdb.sql import CONNECTS_WITHIN_S, connect_pg, why_no_sql

HANGS_UP_WITHIN_S = 0.5
"""A server that wants a key answers the first line with a challenge, and hangs up on a wrong signature."""
DOOR_WITHIN_S = 20.0
HTTP_REMEDY = "QuestDB's port for http is 9000 unless it was set otherwise."
TCP_REMEDY = "QuestDB's port for tcp is 9009 unless it was set otherwise."
KEY_FLAGS = ("ilp_user", "token", "token_x", "token_y")
KEY_REMEDY = "Give --ilp_user (its kid), --token_x, --token_y and the private key in QUESTDB_TOKEN, or use --protocol http."


def check(connection: Connection) -> None:
    """Raises ``InputError`` with what is wrong and the remedy."""
    _check_flags(connection)
    with connect_pg(connection) as pg:
        pg.limit_s = DOOR_WITHIN_S
        try:
            row = pg.execute("SELECT build()").fetchone()
        except psycopg.Error as error:
            raise InputError(why_no_sql(connection, error)) from None
    check_version(str(row[0]) if row else "none")
    door = _check_http if connection.protocol == "http" else _check_tcp
    try:
        within(DOOR_WITHIN_S, lambda: door(connection))
    except TimeoutError as error:
        flag = f"--{connection.protocol}_port"
        limit = f"what answers at {connection.host}:{connection.port} takes its time: {error}"
        raise InputError(explain(flag, connection.port, limit, "Look at the server, and at what stands between.")) from None


def _check_flags(connection: Connection) -> None:
    """What can be said before anybody is asked."""
    if connection.protocol == "tcp":
        given = [name for name in KEY_FLAGS if getattr(connection, name)]
        missing = [f"--{name}" for name in KEY_FLAGS if name not in given]
        if given and missing:
            has = ", ".join(f"--{name}" for name in given)
            raise InputError(f"{missing[0]}: it is not given, and a key for tcp needs all four, of which this has {has}. {KEY_REMEDY}")
        if ":" in connection.host:
            limit = "the client for tcp takes no IPv6 address"
            raise InputError(explain("--host", connection.host, limit, "Give a name that stands for it, or use --protocol http."))
    if connection.tls:
        _tls_context(connection)


def _tls_context(connection: Connection) -> ssl.SSLContext:
    """Raises ``InputError`` for ``--tls_roots`` that cannot be read."""
    try:
        context = ssl.create_default_context(cafile=connection.tls_roots or None)
    except (OSError, ValueError) as error:
        is_missing = isinstance(error, FileNotFoundError)
        limit = "there is no such file" if is_missing else f"it holds no certificate in PEM form that can be read: {error}"
        remedy = "Name a PEM file of the authorities to trust, or leave it out for the system's."
        raise InputError(explain("--tls_roots", connection.tls_roots, limit, remedy)) from None
    if not connection.tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _check_http(connection: Connection) -> None:
    """Ask for a query as the client would; tells a wrong port from a wrong password."""
    headers = {}
    if connection.token:
        headers["Authorization"] = f"Bearer {connection.token}"
    elif connection.user:
        headers["Authorization"] = "Basic " + base64.b64encode(f"{connection.user}:{connection.password}".encode()).decode()
    at = f"{connection.host}:{connection.http_port}"
    status, body = _get(connection, "/settings", headers)
    if status not in (401, 403) and b"line.proto" not in body:
        limit = f"what answers at {at} is not QuestDB (status {status})"
        raise InputError(explain("--http_port", connection.http_port, limit, HTTP_REMEDY))
    # /settings answers anyone; a query, and rows, only those who may.
    status, _ = _get(connection, "/exec?query=SELECT%201", headers)
    if status in (401, 403):
        limit = f"QuestDB at {at} refused the user, its password or the token (status {status})"
        remedy = "Give --user and --password (or QUESTDB_PASSWORD), or --token (or QUESTDB_TOKEN)."
        raise InputError(explain("--user", connection.user or "none", limit, remedy))


def _get(connection: Connection, path: str, headers: dict[str, str]) -> tuple[int, bytes]:
    """Status and body. Raises ``InputError``."""
    options: dict[str, Any] = {"context": _tls_context(connection)} if connection.tls else {}
    make: Any = http.client.HTTPSConnection if connection.tls else http.client.HTTPConnection
    web = make(connection.host, connection.http_port, timeout=CONNECTS_WITHIN_S, **options)
    try:
        web.request("GET", path, headers=headers)
        answer = web.getresponse()
        return answer.status, answer.read(100_000)
    except (OSError, ValueError, http.client.HTTPException) as error:  # ValueError: a header that cannot be sent
        raise InputError(_why_shut(connection, error, "--http_port", HTTP_REMEDY)) from None
    finally:
        web.close()


def _check_tcp(connection: Connection) -> None:
    """Connect, and authenticate if there is a key: a wrong one is hung up on, without a word, and so is what comes without one."""
    at = f"{connection.host}:{connection.tcp_port}"
    asks_for_key = _is_answered(connection, b"\n")  # an empty line is no row; to a server with keys it is a key's name, and challenged
    if not connection.token:
        if asks_for_key:
            limit = f"QuestDB at {at} wants a key: without one it would take every row to nowhere"
            raise InputError(explain("--ilp_user", "none", limit, KEY_REMEDY))
        return
    if not asks_for_key:
        limit = f"QuestDB at {at} asks for no key"
        raise InputError(explain("--ilp_user", connection.ilp_user, limit, "Leave out --ilp_user, --token, --token_x and --token_y."))
    sender, why = None, ""
    try:
        sender = connection.make_sender()
        sender.establish()
        if _is_hung_up(connection.tcp_port):
            why = "it hung up on the signature"
    except Exception as error:  # the client has one class for all
        why = connection.hide(str(error))
    finally:
        if sender is not None:
            sender.close(False)
    if why:
        limit = f"QuestDB at {at} did not let the client in: it has no key of that name, or the private key is not its ({why})"
        remedy = "Look whether --token (or QUESTDB_TOKEN), --token_x and --token_y belong together, and to that name on the server."
        raise InputError(explain("--ilp_user", connection.ilp_user, limit, remedy))


def _is_hung_up(port: int) -> bool:
    """Whether the other end has closed a connection of this process to that port; the client's own tells only when rows are lost."""
    time.sleep(HANGS_UP_WITHIN_S)
    for descriptor in range(3, 1024):
        try:
            if not stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                continue
            with socket.socket(fileno=os.dup(descriptor)) as line:
                if line.getpeername()[1] == port and not line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT):
                    return True
        except ConnectionError:
            return True
        except (OSError, IndexError):  # no such descriptor, not connected, nothing to read
            continue
    return False


def _is_answered(connection: Connection, word: bytes) -> bool:
    """Whether it says something to that within ``HANGS_UP_WITHIN_S``, or hangs up."""
    try:
        with ExitStack() as open_now:
            line = open_now.enter_context(socket.create_connection((connection.host, connection.tcp_port), timeout=CONNECTS_WITHIN_S))
            if connection.tls:
                line = open_now.enter_context(_tls_context(connection).wrap_socket(line, server_hostname=connection.host))
            line.sendall(word)
            line.settimeout(HANGS_UP_WITHIN_S)
            try:
                line.recv(4096)
            except TimeoutError:
                return False
            except ConnectionError:
                pass
            return True
    except OSError as error:
        raise InputError(_why_shut(connection, error, "--tcp_port", TCP_REMEDY)) from None


def _why_shut(connection: Connection, error: Exception, flag: str, remedy: str) -> str:
    """What to tell about a port that took no connection, or on which nothing sensible came."""
    at = f"{connection.host}:{connection.port}"
    said = connection.hide(re.sub(r"\s*\(_ssl\.c:\d+\)", "", f"{type(error).__name__}: {error}"))
    if isinstance(error, ConnectionRefusedError):
        return explain(flag, connection.port, f"nothing answers at {at}", remedy)
    if isinstance(error, ssl.SSLCertVerificationError):
        limit = f"the certificate at {at} is not trusted ({error.verify_message.rstrip('.')})"
        return explain("--tls", "true", limit, "Give --tls_roots with the authority's PEM file, or --tls_verify false.")
    if connection.tls:
        limit = f"what answers at {at} does not speak TLS, or not to us: {said}"
        return explain("--tls", "true", limit, f"Leave out --tls if it is a port without; or give another {flag}.")
    if _speaks_tls(connection):
        return explain("--tls", "false", f"what answers at {at} speaks TLS", "Add --tls true.")
    if isinstance(error, TimeoutError):
        limit = f"what is at {at} takes the connection and does not answer within {CONNECTS_WITHIN_S} s"
        return explain(flag, connection.port, limit, f"Look whether that server is stopped or overloaded. {remedy}")
    if isinstance(error, http.client.HTTPException | ConnectionError):
        return explain(flag, connection.port, f"what answers at {at} does not speak {connection.protocol} as QuestDB does: {said}", remedy)
    return explain("--host", connection.host, f"{at} cannot be reached: {said}", remedy)


def _speaks_tls(connection: Connection) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with socket.create_connection((connection.host, connection.port), timeout=2.0) as plain, context.wrap_socket(plain):
            return True
    except OSError:
        return False
