"""ITCH files over MoldUDP64 and SoupBinTCP, to clients written from Nasdaq's descriptions of the two."""

from __future__ import annotations

import socket
import struct
import threading
from pathlib import Path
from queue import Queue

import pytest

from scenarios.launcher.main import command_line
from simulator import InputError
from writers.itch.replay import ReplayError, messages, play_mold, serve_soup

FAST = 1e9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Ten messages, 50 ms apart, of ITCH's shape."""
    made = tmp_path / "07012025.NASDAQ_ITCH50"
    bodies = [b"D" + struct.pack(">HHHIQ", 1, 0, 0, n * 50_000_000, n) for n in range(10)]
    made.write_bytes(b"".join(len(body).to_bytes(2, "big") + body for body in bodies))
    return made


def datagrams(receiver: socket.socket) -> list[tuple[bytes, int, int, list[bytes]]]:
    """Session, sequence, count and messages, up to the end of the session."""
    found = []
    while True:
        data = receiver.recv(65_536)
        session, sequence, count = struct.unpack(">10sQH", data[:20])
        blocks, place = [], 20
        while place < len(data):
            size = int.from_bytes(data[place : place + 2], "big")
            blocks.append(data[place : place + 2 + size])
            place += 2 + size
        found.append((session, sequence, count, blocks))
        if count == 0xFFFF:
            return found


@pytest.mark.parametrize("speed", [2.0, FAST])
def test_mold_datagrams_carry_the_file(path: Path, speed: float) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        assert play_mold(path, receiver.getsockname(), speed, "TEST") == 10
        found = datagrams(receiver)
    assert b"".join(b"".join(blocks) for *_, blocks in found) == path.read_bytes()
    following = 1
    for session, sequence, count, blocks in found[:-1]:
        assert (session, sequence, count) == (b"TEST      ", following, len(blocks))
        assert sum(map(len, blocks)) <= 1_400
        following += count
    assert found[-1][1] == following
    assert 2 < len(found) <= 11 if speed == 2.0 else len(found) == 2  # played in time, a datagram for each but those that are late


class Client:
    """SoupBinTCP from the client's side."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.stream = self.socket.makefile("rb")

    def login(self, session: str = "", sequence: str = "1") -> bytes:
        body = b"L" + b"user".ljust(6) + b"secret".ljust(10) + session.ljust(10).encode() + sequence.rjust(20).encode()
        self.socket.sendall(len(body).to_bytes(2, "big") + body)
        return self.packet()

    def packet(self) -> bytes:
        return self.stream.read(int.from_bytes(self.stream.read(2), "big"))

    def close(self) -> None:
        self.stream.close()
        self.socket.close()


class Server:
    """``serve_soup`` in a thread, and what came of it."""

    def __init__(self, path: Path, speed: float = FAST) -> None:
        port: Queue[int] = Queue()
        self.outcome: Queue[object] = Queue()

        def serve() -> None:
            try:
                self.outcome.put(serve_soup(path, ("127.0.0.1", 0), speed, "TEST", port.put))
            except ReplayError as error:
                self.outcome.put(str(error))

        self.thread = threading.Thread(target=serve)
        self.thread.start()
        self.port = port.get(timeout=10)

    def ended(self) -> object:
        self.thread.join(10)
        return self.outcome.get(timeout=10)


@pytest.mark.parametrize("first", [1, 4])
def test_a_soup_client_gets_the_file_from_where_it_asks(path: Path, first: int) -> None:
    server = Server(path)
    client = Client(server.port)
    assert client.login(sequence=str(first)) == b"ATEST      " + str(first).rjust(20).encode()
    got = []
    while (packet := client.packet())[:1] != b"Z":
        assert packet[:1] == b"S"
        got.append(packet[1:])
    client.close()
    assert server.ended() == 11 - first
    assert got == [message[2:] for _, message in messages(path)][first - 1 :]


def test_a_silent_feed_has_heartbeats_and_a_client_may_log_out(path: Path) -> None:
    server = Server(path, speed=0.01)
    client = Client(server.port)
    client.login()
    assert client.packet()[:1] == b"S"
    assert client.packet() == b"H"
    client.socket.sendall(b"\x00\x01R\x00\x01O")
    assert server.ended() == 1
    client.close()


def test_a_wrong_login_is_refused_with_its_reason(path: Path) -> None:
    server = Server(path)
    client = Client(server.port)
    assert client.login(session="OTHER") == b"JS"
    client.close()
    assert "asked for session 'OTHER'" in str(server.ended())
    server = Server(path)
    client = Client(server.port)
    client.socket.sendall(b"\x00\x02Lx")
    assert client.packet() == b"JA"
    client.close()
    assert "must be a login" in str(server.ended())


def test_what_cannot_be_played_is_said(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cut = tmp_path / "cut"
    cut.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(InputError, match="it is cut"):
        list(messages(cut))
    (tmp_path / "text").write_text("\x00\x03no")
    for words, said in (
        ([str(tmp_path / "text"), "--udp", "127.0.0.1:9"], "not an ITCH 5.0 file"),
        ([str(tmp_path / "none"), "--udp", "127.0.0.1:9"], "there is no such file"),
        ([str(path), "--udp", "9"], "must be HOST:PORT"),
        ([str(path)], "One of the arguments"),
        ([str(path), "--udp", "127.0.0.1:9", "--speed", "0"], "must be above 0"),
        ([str(path), "--udp", "127.0.0.1:9", "--session", "MUCH TOO LONG"], "1 to 10 ASCII"),
    ):
        assert command_line(["replay", *words]) == 2
        assert said in capsys.readouterr().err


def test_the_command_plays_a_file(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(10)
        assert command_line(["replay", str(path), "--udp", f"127.0.0.1:{receiver.getsockname()[1]}", "--speed", "1e9"]) == 0
        assert len(datagrams(receiver)) == 2
    assert "10 messages sent" in capsys.readouterr().out
