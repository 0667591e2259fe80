"""ITCH files played to a feed handler: MoldUDP64 datagrams, or a SoupBinTCP session (Nasdaq's two ways of carrying ITCH).

Both carry the messages of a file as they are, in order, each at its time after the first one divided by ``speed``; sequence numbers
count from 1. Nothing here knows the market: any ITCH 5.0 file can be played.
"""

from __future__ import annotations

import gzip
import select
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from simulator.errors import InputError, MarketSimError, explain
from simulator.records import NS_PER_S

PAYLOAD_MAX = 1_400
"""Bytes of messages in one datagram: with its head below an Ethernet frame's 1,500."""
HEARTBEAT_S = 1.0
END_OF_SESSION = 0xFFFF
GOODBYES = 3
"""Datagrams that say the end: any of them may be lost."""
SESSION_LENGTH = 10
MOLD_HEAD = struct.Struct(">10sQH")
LOGIN = struct.Struct(">6s10s10s20s")
READ_BYTES = 1 << 20


class ReplayError(MarketSimError):
    """A replay could not go on."""


def messages(path: Path) -> Iterator[tuple[int, bytes]]:
    """(ns since midnight, length and body) of each message. Raises ``InputError`` for a file that is none of ITCH 5.0."""
    with _opened(path) as file:
        rest = b""
        any_yet = False
        while content := file.read(READ_BYTES):
            content = rest + content
            place, end = 0, len(content)
            while place + 2 <= end:
                size = (content[place] << 8 | content[place + 1]) + 2
                if size == 2:
                    return  # how some files end
                if size < 14:
                    limit = "it is not an ITCH 5.0 file: a message has at least 12 bytes"
                    raise InputError(explain("FILE", str(path), limit, "Name another."))
                if place + size > end:
                    break
                yield int.from_bytes(content[place + 7 : place + 13], "big"), content[place : place + size]
                any_yet = True
                place += size
            rest = content[place:]
        if rest or not any_yet:
            raise InputError(explain("FILE", str(path), "it is cut, or not an ITCH 5.0 file", "Name a whole one."))


class _Pace:
    """When a message is due."""

    def __init__(self, speed: float, now: Callable[[], float] = time.monotonic) -> None:
        self._speed = speed
        self._now = now
        self._start: tuple[float, int] | None = None

    def left_s(self, ts_ns: int) -> float:
        """Seconds from now until a message of that time; the first one is due at once."""
        if self._start is None:
            self._start = (self._now(), ts_ns)
        started_s, first_ns = self._start
        return started_s + (ts_ns - first_ns) / NS_PER_S / self._speed - self._now()


def play_mold(path: Path, address: tuple[str, int], speed: float, session: str = "SIMULATION") -> int:
    """Send MoldUDP64 datagrams; a heartbeat each idle second, the end of session at the end. Returns the messages sent."""
    name = _session(session)
    with _sockets("udp", address), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        pace = _Pace(speed)
        sequence, block, count = 1, b"", 0

        def send() -> None:
            nonlocal sequence, block, count
            if count:
                out.sendto(MOLD_HEAD.pack(name, sequence, count) + block, address)
                sequence, block, count = sequence + count, b"", 0

        for ts_ns, message in messages(path):
            while (left_s := pace.left_s(ts_ns)) > 0:
                send()
                time.sleep(min(left_s, HEARTBEAT_S))
                if left_s > HEARTBEAT_S:
                    out.sendto(MOLD_HEAD.pack(name, sequence, 0), address)
            if len(block) + len(message) > PAYLOAD_MAX:
                send()
            block += message
            count += 1
        send()
        for _ in range(GOODBYES):
            out.sendto(MOLD_HEAD.pack(name, sequence, END_OF_SESSION), address)
        return sequence - 1


def serve_soup(
    path: Path, address: tuple[str, int], speed: float, session: str = "SIMULATION", ready: Callable[[int], None] = lambda _: None
) -> int:
    """Wait for one client, let it log in, send the file from the sequence number that it asks for. Returns the messages sent.

    Any name and password will do. ``ready`` is told the port. Raises ``ReplayError`` if the client goes before the end.
    """
    with _sockets("soup", address), socket.create_server(address) as server:
        ready(server.getsockname()[1])
        client, _ = server.accept()
        with client:
            try:
                return _SoupSession(client, _session(session)).play(path, _Pace(speed))
            except OSError as error:
                raise ReplayError(f"The client has gone before the file's end: {error}. Start the replay again for another.") from error


class _SoupSession:
    """SoupBinTCP with one client: packets of a length, a letter and what it says."""

    def __init__(self, client: socket.socket, session: bytes) -> None:
        self._client = client
        self._session = session
        self._heard = b""
        self._said_s = time.monotonic()

    def play(self, path: Path, pace: _Pace) -> int:
        first = self._login()
        sent = 0
        waiting: list[bytes] = []
        for sequence, (ts_ns, message) in enumerate(messages(path), 1):
            if sequence < first:
                continue
            while (left_s := pace.left_s(ts_ns)) > 0:
                self._send(waiting)
                if not self._listen(min(left_s, HEARTBEAT_S)):
                    return sent
            waiting.append((len(message) - 1).to_bytes(2, "big") + b"S" + message[2:])
            sent += 1
            if len(waiting) >= 512:
                self._send(waiting)
        self._send(waiting)
        self._say(b"Z")
        return sent

    def _login(self) -> int:
        """The sequence number to begin with."""
        while not (packet := self._packet()):
            if not self._listen(HEARTBEAT_S, beats=False):
                raise ReplayError("The client has gone without a login. Start the replay again for another.")
        kind, body = packet
        if kind != b"L" or len(body) != LOGIN.size:
            self._say(b"JA")
            raise ReplayError(f"The client's first packet must be a login of {LOGIN.size + 1} bytes: got {kind!r} of {len(body) + 1}.")
        _, _, session, sequence = LOGIN.unpack(body)
        if session.strip() and session.strip() != self._session.strip():
            self._say(b"JS")
            asked, ours = session.decode("latin-1").strip(), self._session.decode().strip()
            raise ReplayError(f"The client asked for session {asked!r}: must be blank or {ours!r}.")
        first = max(int(sequence.strip() or b"1"), 1)
        self._say(b"A" + self._session + str(first).rjust(20).encode())
        return first

    def _packet(self) -> tuple[bytes, bytes] | None:
        """What the client has said next, if all of it is here."""
        size = int.from_bytes(self._heard[:2], "big")
        if len(self._heard) < 2 or len(self._heard) < 2 + size:
            return None
        packet, self._heard = self._heard[2 : 2 + size], self._heard[2 + size :]
        return packet[:1], packet[1:]

    def _listen(self, wait_s: float, beats: bool = True) -> bool:
        """Hear the client for a while; false if it has logged out or gone. A heartbeat goes out after a silent second."""
        readable, _, _ = select.select([self._client], [], [], wait_s)
        if readable:
            said = self._client.recv(4096)
            if not said:
                return False
            self._heard += said
            while beats and (packet := self._packet()):
                if packet[0] == b"O":
                    return False
        if beats and time.monotonic() - self._said_s >= HEARTBEAT_S:
            self._say(b"H")
        return True

    def _say(self, packet: bytes) -> None:
        self._client.sendall(len(packet).to_bytes(2, "big") + packet)
        self._said_s = time.monotonic()

    def _send(self, packets: list[bytes]) -> None:
        if packets:
            self._client.sendall(b"".join(packets))
            self._said_s = time.monotonic()
            packets.clear()


def _session(name: str) -> bytes:
    if not (name.isascii() and 1 <= len(name) <= SESSION_LENGTH):
        raise InputError(explain("--session", name, f"must be 1 to {SESSION_LENGTH} ASCII characters", "For example SIMULATION."))
    return name.ljust(SESSION_LENGTH).encode()


@contextmanager
def _sockets(flag: str, address: tuple[str, int]) -> Iterator[None]:
    """Translate what the network says before anything is played."""
    try:
        yield
    except OSError as error:
        limit = f"it cannot be used: {error.strerror or error}"
        raise InputError(explain(f"--{flag}", f"{address[0]}:{address[1]}", limit, "Name another address or port.")) from error


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.GzipFile(fileobj=raw) as file:
                    yield file
            else:
                yield raw
    except FileNotFoundError as error:
        raise InputError(explain("FILE", str(path), "there is no such file", "Name one of OUT/itch.")) from error
