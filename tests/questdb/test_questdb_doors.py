"""Ports, passwords, versions: who is not let in hears why, and no secret is ever told."""

from __future__ import annotations

import base64
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import InputError
from tests.database import SMALL, at, command, connect, digest_of, kill, read_back, small_server, start, wait_until
from tests.questdb.test_questdb_resume import Cutter
from writers.questdb import schema
from writers.questdb.claims import Claim
from writers.questdb.connection import Connection, check_version
from writers.questdb.doors import check
from writers.questdb.server import EmbeddedServer
from writers.questdb.sql import Sql, connect_pg

KEY = {
    "token": "5UjEMuA0Pj5pjK8a-fa24dyIf-Es5mYny3oE_Wmus48",
    "token_x": "fLKYEaoEb9lrn3nkwLDA-M_xnuFOdSt9y0Z7_vWSHLU",
    "token_y": "Dt5tbS1dEDMSYfym3fgMv0B99szno-dFc1rYF9t0aac",
}
"""The pair of QuestDB's own documentation of ILP authentication."""
CERTIFICATE = Path(__file__).with_name("localhost.pem")
"""For localhost, signed by nobody, with its key: a secret of no one."""
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
    with small_server(folder, settings) as running:
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


class Page(BaseHTTPRequestHandler):
    """Answers any request, and not as QuestDB does."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: Any) -> None:
        pass


def test_a_port_that_answers_something_else(server: EmbeddedServer) -> None:
    assert "gives no answer in PostgreSQL's protocol" in refused(*at(server), "--pg_port", str(server.http_port))
    assert "--http_port" in refused(*at(server), "--http_port", str(server.pg_port))

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
    with connect_pg(Connection(pg_port=guarded.pg_port, user="admin", password="s3cret-http")) as pg:
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
    with connect_pg(Connection(pg_port=guarded.pg_port, user="admin", password="s3cret-http")) as pg:
        read_back(pg, small[0], "_t")
    other = KEY["token"][:-4] + "AAAA"
    assert "did not let the client in" in refused(*place, *public, QUESTDB_PASSWORD="s3cret-http", QUESTDB_TOKEN=other)


def test_a_user_who_may_only_read(guarded: EmbeddedServer) -> None:
    key = ("--ilp_user", "writer", "--token_x", KEY["token_x"], "--token_y", KEY["token_y"])
    said = refused(*at(guarded), "--protocol", "tcp", "--user", "reader", "--password", "r3ad", *key, QUESTDB_TOKEN=KEY["token"])
    assert "may not" in said or "does not let this user write" in said


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


def why_not(**how: Any) -> str:
    """What a connection's check tells, without a command."""
    with pytest.raises(InputError) as told:
        check(Connection(**how))
    said = str(told.value)
    assert not any(secret in said for secret in SECRETS), said
    return said


class Banner:
    """A server that says something at once, and nothing else."""

    def __init__(self, word: bytes) -> None:
        self._word = word
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._greet, daemon=True).start()

    def _greet(self) -> None:
        with suppress(OSError):
            while True:
                guest, _ = self._listener.accept()
                with suppress(OSError):
                    guest.sendall(self._word)
                    guest.settimeout(0.2)
                    guest.recv(1000)
                guest.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)  # a thread that still waited would forbid every later run to fork
        self._listener.close()


def test_a_server_of_another_kind_is_not_called_a_wrong_password(server: EmbeddedServer) -> None:
    ssh = Banner(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n")
    said = why_not(pg_port=ssh.port)
    assert "does not speak PostgreSQL's protocol" in said
    assert "refused this user" not in said
    assert "does not speak http" in why_not(pg_port=server.pg_port, http_port=ssh.port)
    ssh.close()


def test_sql_that_is_lost_at_the_first_question(server: EmbeddedServer) -> None:
    """Fault 46: the connection breaks between being let in and the first answer."""
    between = Cutter(server.pg_port, 60)  # past the password, in the first query
    assert "hung up" in why_not(pg_port=between.port, http_port=server.http_port)
    between.close()


def test_tls_where_there_is_none_and_none_where_it_is_wanted(server: EmbeddedServer) -> None:
    doors = {"pg_port": server.pg_port, "http_port": server.http_port, "tcp_port": server.tcp_port}
    for protocol in ("http", "tcp"):
        said = why_not(**doors, protocol=protocol, tls=True)
        assert "--tls: got 'true'" in said
        assert "does not speak TLS" in said
        assert "Leave out --tls" in said
        assert "--ilp_user" not in said
    secure = TlsServer(CERTIFICATE)
    assert "Add --tls true" in why_not(pg_port=server.pg_port, http_port=secure.port)
    said = why_not(pg_port=server.pg_port, http_port=secure.port, tls=True)
    assert "is not trusted" in said
    assert "--tls_roots" in said
    # trusted: what answers is not QuestDB, so TLS itself went well
    assert "is not QuestDB" in why_not(pg_port=server.pg_port, http_port=secure.port, host="localhost", tls=True, tls_roots=str(CERTIFICATE))
    secure.close()


def test_tls_roots_that_cannot_be_read(server: EmbeddedServer, tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    assert f"--tls_roots: got '{none}'; there is no such file" in why_not(tls=True, tls_roots=str(none))
    none.write_text("certainly no certificate\n")
    assert "holds no certificate in PEM form" in why_not(tls=True, tls_roots=str(none))
    said = refused(*at(server), "--tls", "true", "--tls_roots", str(none))
    assert "--tls_roots" in said


def test_keys_over_tcp_are_told_apart(guarded: EmbeddedServer, server: EmbeddedServer) -> None:
    """Without a key all rows would go nowhere; with half of one, or another's name, nobody would know why."""
    doors = {"pg_port": guarded.pg_port, "tcp_port": guarded.tcp_port, "user": "admin", "password": "s3cret-http", "protocol": "tcp"}
    assert "wants a key" in why_not(**doors)
    assert "--ilp_user: it is not given" in why_not(**doors, **KEY)
    assert "--token_y: it is not given" in why_not(**doors, ilp_user="writer", token=KEY["token"], token_x=KEY["token_x"])
    assert "it has no key of that name" in why_not(**doors, ilp_user="somebody", **KEY)
    said = why_not(pg_port=server.pg_port, tcp_port=server.tcp_port, protocol="tcp", ilp_user="writer", **KEY)
    assert "asks for no key" in said
    check(Connection(**doors, ilp_user="writer", **KEY))  # type: ignore[arg-type]


def test_an_ipv6_address(server: EmbeddedServer) -> None:
    if not has_ipv6():
        pytest.skip("this machine has no IPv6")
    from tests.questdb.proxies import Swallower

    sql, web = (Swallower(port, family=socket.AF_INET6) for port in (server.pg_port, server.http_port))
    there = Connection(host="::1", pg_port=sql.port, http_port=web.port)
    check(there)
    assert there.address == f"http://[::1]:{web.port}"
    sender = there.make_sender()
    sender.establish()
    sender.close(False)
    said = why_not(host="::1", pg_port=sql.port, protocol="tcp")
    assert "takes no IPv6 address" in said
    sql.close()
    web.close()


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def test_no_text_of_somebody_else_shows_a_secret() -> None:
    secret = "to\rken"
    connection = Connection(user="me", password="pa'ss", token=secret, token_x="exx", token_y="wyy")
    basic = base64.b64encode(b"me:pa'ss").decode()
    for text in (f"Invalid header value {f'Bearer {secret}'.encode()!r}", f"user=me password=pa'ss {secret}", f"Basic {basic}", "exx wyy"):
        hidden = connection.hide(text)
        assert not any(word in hidden for word in (secret, repr(secret)[1:-1], "pa'ss", basic, "exx", "wyy")), hidden
    assert Connection().hide("QuestDB in out/questdb") == "QuestDB in out/questdb"


def test_a_user_who_may_only_read_into_tables_that_are_there(guarded: EmbeddedServer, suffix: str) -> None:
    with connect_pg(Connection(pg_port=guarded.pg_port, user="admin", password="s3cret-http")) as pg:
        schema.create(pg, schema.ddl(f"_ro{suffix}", views=False))
    sql = Sql(Connection(pg_port=guarded.pg_port, user="reader", password="r3ad"))
    with pytest.raises(InputError, match="does not let this user write"):
        Claim(sql, f"_ro{suffix}", "run").take()
    sql.close()


def test_tables_of_another_generator_are_compared_before_they_are_asked(server: EmbeddedServer, pg: Any, suffix: str) -> None:
    """Fault 19: the generator that this one replaces called the time ``timestamp``."""
    pg.execute(
        f"CREATE TABLE equities_trades{suffix} (timestamp TIMESTAMP, symbol SYMBOL, venue SYMBOL, price DOUBLE, size LONG) "
        "timestamp(timestamp) PARTITION BY DAY WAL"
    )
    said = refused(*at(server), "--suffix", suffix)
    assert "timestamp TIMESTAMP, symbol SYMBOL" in said
    assert "this run needs: timestamp_ns TIMESTAMP_NS, symbol SYMBOL" in said
    assert f"RENAME TABLE 'equities_trades{suffix}'" in said


class TlsServer:
    """Answers any request over TLS with a page."""

    def __init__(self, certificate: Path) -> None:
        class Quiet(HTTPServer):
            def handle_error(self, *_: Any) -> None:
                pass

        self._web = Quiet(("127.0.0.1", 0), Page)
        self.port = self._web.server_port
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        self._web.socket = context.wrap_socket(self._web.socket, server_side=True)
        threading.Thread(target=self._web.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._web.shutdown()
        self._web.server_close()

