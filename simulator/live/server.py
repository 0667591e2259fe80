"""The live page's server: this machine alone, a token in the address, nothing but frames out and a few wishes in.

The latest frame of a symbol is kept and no other: a browser that is slow gets fewer of them, one that is gone none, and whoever makes
frames never waits for either. Only the heatmap's columns are kept, so many as it shows: each viewer is sent those that it has not seen.
Frames go out as server-sent events, which any browser has.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from typing import Any
from urllib.parse import parse_qs, urlsplit

from simulator.errors import LimitError, explain
from simulator.live.camera import Frame
from simulator.live.past import STEPS_S, Columns

HOST = "127.0.0.1"
FRAME_S = 0.05
"""Twenty frames a second at most."""
VIEWERS_MAX = 8
PATIENCE_S = 10.0
"""A browser that takes nothing for so long is given up."""
SEND_BUFFER = 32_768
"""Bytes that may wait for a browser: a few frames."""
SPEED_MAX = 1e6
BODY_MAX = 1_000
CSP = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; frame-ancestors *"
PARTS = {
    "": ("page.html", "text/html"), "page.css": ("page.css", "text/css"), "ladder.js": ("ladder.js", "text/javascript"),
    "heat.js": ("heat.js", "text/javascript"), "crosses.js": ("crosses.js", "text/javascript"), "page.js": ("page.js", "text/javascript"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wishes:
    """What viewers ask of the run's pace; none of it changes a row."""

    number: int = 0
    """Counts changes."""
    paused: bool = False
    steps: int = 0
    """Simulated seconds asked for one by one, since the beginning."""
    speed: float | None = None
    """Simulated seconds a second; 0 is as fast as may be, None as the run was begun."""


@dataclass(frozen=True, slots=True)
class At:
    """What a viewer has seen."""

    step_s: int
    """Of its heatmap's columns."""
    number: int = 0
    """Of the frame."""
    beginning: int = -1
    """Of the columns, and the second of the last one."""
    second: int = -1
    told: int = 0
    """Of what was told of the coming crosses."""


class LiveServer:
    """Listens from the beginning; serves when started. Other threads may call all of it."""

    def __init__(self, symbols: list[str], *, port: int = 0, paced: str = "", title: str = "A live market", step_s: int = 1) -> None:
        """``paced``: why the pace cannot be chosen, if it cannot; ``step_s``: of ``STEPS_S``, what a column of the heatmap stands for at
        first. Raises ``LimitError`` for a port that is taken."""
        self.symbols = symbols
        self.title = title
        self.token = secrets.token_urlsafe(16)
        self.paced = paced
        self.step_s = step_s
        self.wishes = Wishes()
        self.facts: Mapping[str, Any] = {}
        """What is added to every frame: of the run as a whole."""
        self.over = ""
        """Why there are no more frames."""
        self._changed = threading.Condition()
        self._frames: dict[str, tuple[int, Frame]] = {}
        self._columns: dict[str, dict[int, Columns]] = {}
        """By symbol and step."""
        self._crosses: dict[str, tuple[int, Frame | None]] = {}
        """By symbol: when it was told, counted, and what."""
        self._told = 0
        self._watched: Counter[str] = Counter()
        self._thread: threading.Thread | None = None
        try:
            self._http = _Http((HOST, port), _Handler)
        except OSError as error:
            remedy = "Name another one, or 0 for any that is free."
            raise LimitError(explain("--view_port", port, f"it cannot be used: {error.strerror or error}", remedy)) from error
        self._http.live = self

    @property
    def port(self) -> int:
        return int(self._http.server_address[1])

    @property
    def address(self) -> str:
        """For a browser."""
        return f"http://{HOST}:{self.port}/{self.token}/"

    @property
    def watched(self) -> tuple[str, ...]:
        """Symbols that somebody looks at now."""
        with self._changed:
            return tuple(sorted(symbol for symbol, count in self._watched.items() if count > 0))

    def start(self) -> None:
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.1,), name="live page", daemon=True)
        self._thread.start()

    def put(self, symbol: str, frame: Frame) -> None:
        """The newest frame of a symbol: takes the older one's place, whether or not anybody has seen it."""
        frame = dict(frame)
        past = frame.pop("past", None)
        with self._changed:
            if past is not None:
                for columns in self._columns.setdefault(symbol, {step_s: Columns(step_s) for step_s in STEPS_S}).values():
                    columns.take(*past)
            number, _ = self._frames.get(symbol, (0, None))
            self._frames[symbol] = (number + 1, frame)
            self._changed.notify_all()

    def put_crosses(self, crosses: Mapping[str, Frame | None]) -> None:
        """What is new of some symbols' coming crosses: goes with the next frame, whichever symbol's that is. None: it is over."""
        with self._changed:
            self._told += 1
            self._crosses.update((symbol, (self._told, line)) for symbol, line in crosses.items())

    def close(self, why: str = "The run has ended.") -> None:
        """Tell the viewers why, and end."""
        with self._changed:
            self.over = why
            self._changed.notify_all()
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join(PATIENCE_S)
        self._http.server_close()

    # --- what a viewer's thread does -----------------------------------------------------------------------------------

    def watch(self, symbol: str, change: int) -> bool:
        """One viewer more or less; false if there are too many."""
        with self._changed:
            if change > 0 and sum(self._watched.values()) >= VIEWERS_MAX:
                return False
            self._watched[symbol] += change
            return True

    def next_frame(self, symbol: str, at: At) -> tuple[At, str] | None:
        """The newest beyond ``at``, and where it is; an empty text if none comes within a second. None: there will be no more."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self.over) or self._frames.get(symbol, (0,))[0] > at.number, 1.0)
            if self.over:
                return None
            number, frame = self._frames.get(symbol, (at.number, {}))
            facts = dict(self.facts)
            wishes = self.wishes
            columns = self._columns[symbol][at.step_s] if symbol in self._columns else None
            beginning = columns.beginnings if columns is not None else 0
            found = columns.since(at.second if beginning == at.beginning else -1) if columns is not None else []
            told, crosses = self._told, {each: line for each, (when, line) in self._crosses.items() if when > at.told}
        if number == at.number:
            return at, ""
        run = facts | {"paused": wishes.paused, "speed": wishes.speed, "fixed": self.paced}
        past = {"beginning": beginning, "step": at.step_s, "columns": found}
        text = json.dumps({**frame, "run": run, "past": past, "crosses": crosses}, separators=(",", ":"))
        return At(at.step_s, number, beginning, found[-1][0] if found else at.second, told), text

    def ask(self, what: str, value: float) -> str:
        """A viewer's wish; returns why it is not granted, or nothing."""
        if self.paced:
            return self.paced
        with self._changed:
            old = self.wishes
            if what == "pause":
                self.wishes = Wishes(old.number + 1, True, old.steps, old.speed)
            elif what == "go":
                self.wishes = Wishes(old.number + 1, False, old.steps, old.speed)
            elif what == "step":
                self.wishes = Wishes(old.number + 1, True, old.steps + 1, old.speed)
            elif what == "speed" and 0 <= value <= SPEED_MAX:
                self.wishes = Wishes(old.number + 1, old.paused, old.steps, value)
            else:
                return f"There is no such wish: {what[:20]!r} {value}."
        return ""


class _Http(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    live: LiveServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A browser that is gone is no error."""


class _Handler(BaseHTTPRequestHandler):
    """One connection."""

    server: _Http
    protocol_version = "HTTP/1.1"
    timeout = PATIENCE_S

    def setup(self) -> None:
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        super().setup()

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the terminal belongs to the run."""

    def do_GET(self) -> None:
        path = self._path()
        if path is None:
            return
        name, query = path
        live = self.server.live
        if name in PARTS:
            file, kind = PARTS[name]
            self._send(200, (files("simulator.live") / file).read_bytes(), f"{kind}; charset=utf-8")
        elif name == "run":
            self._send(200, json.dumps({"symbols": live.symbols, "title": live.title, "step": live.step_s}).encode(), "application/json")
        elif name == "frames":
            asked = parse_qs(query)
            symbol, step = asked.get("symbol", [""])[0], asked.get("step", [str(live.step_s)])[0]
            if symbol not in live.symbols:
                self._send(404, b"There is no such symbol.", "text/plain")
            elif step not in map(str, STEPS_S):
                self._send(404, f"A column is one of {', '.join(map(str, STEPS_S))} seconds.".encode(), "text/plain")
            else:
                self._frames(symbol, int(step))
        else:
            self._send(404, b"There is nothing here.", "text/plain")

    def do_POST(self) -> None:
        path = self._path()
        if path is None:
            return
        try:
            length = int(self.headers.get("Content-Length", "0"))
            wish = json.loads(self.rfile.read(length)) if 0 < length <= BODY_MAX and path[0] == "wish" else None
            refused = self.server.live.ask(str(wish["what"]), float(wish.get("value", 0))) if isinstance(wish, dict) else "That is no wish."
        except (ValueError, KeyError, TypeError, OverflowError):
            refused = "That is no wish."
        self._send(409 if refused else 200, json.dumps({"refused": refused}).encode(), "application/json")

    def _path(self) -> tuple[str, str] | None:
        """What follows the token, and the query; answers itself whoever lacks the token or comes by another name."""
        live = self.server.live
        parts = urlsplit(self.path)
        token, _, name = parts.path.removeprefix("/").partition("/")
        here = self.headers.get("Host", "") in (f"{HOST}:{live.port}", f"localhost:{live.port}")
        if not here or not hmac.compare_digest(token.encode(), live.token.encode()):
            self._send(403, b"The address of this page has a token, and this is not it.", "text/plain")
            return None
        return name, parts.query

    def _send(self, code: int, data: bytes, kind: str) -> None:
        self.send_response(code)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", CSP)
        self.send_header("Referrer-Policy", "no-referrer")
        self.send_header("X-Content-Type-Options", "nosniff")
        if code >= 400:
            self.close_connection = True
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)

    def _frames(self, symbol: str, step_s: int) -> None:
        live = self.server.live
        if not live.watch(symbol, 1):
            self._send(503, f"There are {VIEWERS_MAX} viewers already: close one.".encode(), "text/plain")
            return
        try:
            self.close_connection = True
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            at = At(step_s)
            while (found := live.next_frame(symbol, at)) is not None:
                at, text = found
                self.wfile.write(f"data: {text}\n\n".encode() if text else b": still here\n\n")
                self.wfile.flush()
                if text:
                    time.sleep(FRAME_S)
            self.wfile.write(f"event: over\ndata: {json.dumps(live.over)}\n\n".encode())
        except OSError:
            pass  # it is gone, or takes nothing
        finally:
            live.watch(symbol, -1)
