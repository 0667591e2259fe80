"""Ports, passwords, versions: who is not let in hears why, and no secret is ever told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import InputError
from tests.database import SMALL, at, command, connect, digest_of, kill, read_back, start, wait_until
from writers.questdb.connection import Connection, check_version
from writers.questdb.server import EmbeddedServer

KEY = {
    "token": "5UjEMuA0Pj5pjK8a-fa24dyIf-Es5mYny3oE_Wmus48",
    "token_x": "fLKYEaoEb9lrn3nkwLDA-M_xnuFOdSt9y0Z7_vWSHLU",
    "token_y": "Dt5tbS1dEDMSYfym3fgMv0B99szno-dFc1rYF9t0aac",
}
"""The pair of QuestDB's own documentation of ILP authentication."""
SECRETS = ("s3cret-http", "wr0ng-secret", *KEY.values())


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedServer]:
    """http with a password, tcp with a key, SQL with users of its own, one of whom may only read."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "conf").mkdir()
    (folder / "conf" / "auth.txt").write_text(f"writer ec-p-256-sha256 {KEY['token_x']} {KEY['token_y']}\n")
    settings = {
        "http.user": "admin", "http.password": "s3cret-http", "pg.password": "s3cret-http",
        "line.tcp.auth.db.path": "conf/auth.txt",
        "pg.readonly.user.enabled": "true", "pg.readonly.user": "reader", "pg.readonly.password": "r3ad",
    }  # fmt: skip
    with EmbeddedServer(folder, settings=settings, memory="1g") as running:
        yield running


def refused(*flags: str, **env: str) -> str:
    done = command(*SMALL, *flags, **env)
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    for secret in SECRETS:
        assert secret not in done.stdout + done.stderr
    return done.stderr


@pytest.fixture
def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_host_that_is_down(free_port: int) -> None:
    assert "nothing answers at 127.0.0.1" in (said := refused("--pg_port", str(free_port)))
    assert "embedded" in said


def test_http_and_tcp_ports_where_nothing_answers(server: EmbeddedServer, free_port: int) -> None:
    assert "--http_port" in refused(*at(server), "--http_port", str(free_port))
    assert "--tcp_port" in refused(*at(server), "--tcp_port", str(free_port), "--protocol", "tcp")


def test_a_port_that_answers_something_else(server: EmbeddedServer) -> None:
    assert "does not speak PostgreSQL" in refused(*at(server), "--pg_port", str(server.http_port))
    assert "--http_port" in refused(*at(server), "--http_port", str(server.pg_port))

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"hello")

        def log_message(self, *_: Any) -> None:
            pass

    web = HTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    try:
        assert "is not QuestDB" in refused(*at(server), "--http_port", str(web.server_port))
    finally:
        web.shutdown()
        web.server_close()


def test_wrong_and_right_passwords_over_http(guarded: EmbeddedServer, small: tuple[Path, str], tmp_path: Path) -> None:
    assert "refused this user or its password" in refused(*at(guarded), "--user", "admin", "--password", "wr0ng-secret")
    assert "refused this user or its password" in refused(*at(guarded), QUESTDB_PASSWORD="wr0ng-secret")
    done = command(*SMALL, *at(guarded), "--user", "admin", "--suffix", "_h", "--create_views", "false", QUESTDB_PASSWORD="s3cret-http")
    assert digest_of(done)
    with Connection(pg_port=guarded.pg_port, user="admin", password="s3cret-http").connect_pg() as pg:
        read_back(pg, small[0], "_h")


def test_http_alone_may_refuse(guarded: EmbeddedServer) -> None:
    """SQL lets the reader in, http does not know him."""
    said = refused(*at(guarded), "--user", "reader", "--password", "r3ad")
    assert "refused" in said


def test_wrong_and_right_keys_over_tcp(guarded: EmbeddedServer, small: tuple[Path, str]) -> None:
    place = (*at(guarded), "--protocol", "tcp", "--user", "admin", "--ilp_user", "writer", "--suffix", "_t", "--create_views", "false")
    public = ("--token_x", KEY["token_x"], "--token_y", KEY["token_y"])
    right = command(*SMALL, *place, *public, QUESTDB_PASSWORD="s3cret-http", QUESTDB_TOKEN=KEY["token"])
    assert digest_of(right)
    with Connection(pg_port=guarded.pg_port, user="admin", password="s3cret-http").connect_pg() as pg:
        read_back(pg, small[0], "_t")
    other = KEY["token"][:-4] + "AAAA"
    assert "did not let the client in" in refused(*place, *public, QUESTDB_PASSWORD="s3cret-http", QUESTDB_TOKEN=other)


def test_a_user_who_may_only_read(guarded: EmbeddedServer) -> None:
    said = refused(*at(guarded), "--protocol", "tcp", "--user", "reader", "--password", "r3ad")
    assert "may not" in said or "refused" in said


@pytest.mark.parametrize(("build", "is_new"), [("QuestDB 8.3.3, JDK 17", False), ("QuestDB 9.0.3", False), ("QuestDB 9.1.0", True), ("QuestDB 10.0.1", True)])
def test_versions(build: str, is_new: bool) -> None:
    if is_new:
        check_version(f"Build Information: {build}, Commit Hash 9ea")
        return
    with pytest.raises(InputError, match=r"(8\.3\.3|9\.0\.3).*TIMESTAMP_NS needs 9\.1"):
        check_version(f"Build Information: {build}, Commit Hash 9ea")


def test_no_secret_in_representations_or_the_process_table(server: EmbeddedServer, suffix: str) -> None:
    connection = Connection(password="s3cret-http", token="t0ken", token_x="x-part", token_y="y-part")
    assert not any(secret in repr(connection) for secret in ("s3cret-http", "t0ken", "x-part", "y-part"))
    running = start(*SMALL, *at(server), "--suffix", suffix, "--password", "quest", "--user", "admin", "--token=tok-en", "--speed", "10")
    try:
        with connect(server) as pg:
            wait_until(lambda: bool(pg.execute("SELECT count() FROM tables() WHERE table_name = %s", (f"equities_runs{suffix}",)).fetchone()[0]))
        lines = Path(f"/proc/{running.pid}/cmdline").read_bytes().decode().split("\0")
        assert "--user" in lines
        assert not any(word == "quest" or "tok-en" in word for word in lines)
    finally:
        kill(running)


def test_the_embedded_server_ends_with_its_parent(tmp_path: Path) -> None:
    running = start(*SMALL, "--host", "embedded", "--out", str(tmp_path), "--speed", "1")
    log = tmp_path / "questdb" / "server.log"
    wait_until(lambda: log.exists() and "server-main enjoy" in log.read_text(errors="replace"))
    pids = [path.name for path in Path("/proc").glob("[0-9]*") if str(tmp_path / "questdb") in _cmdline(path)]
    assert len(pids) == 1
    kill(running)
    wait_until(lambda: str(tmp_path) not in _cmdline(Path("/proc") / pids[0]))


def _cmdline(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    except OSError:
        return ""
