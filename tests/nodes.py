"""Dask workers forked from the tests' process, whose kernels are loaded already: the start of one costs nothing, and they can be killed."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any


class Node:
    """A process that waits until it is told a scheduler's address, and works for it then."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.said = folder / "said"
        heard, self._tell = os.pipe()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads, from Python 3.12 on
            self.pid = os.fork()
        if self.pid == 0:
            os.close(self._tell)
            self._be_a_worker(heard, folder)
        os.close(heard)

    def _be_a_worker(self, heard: int, folder: Path) -> None:
        try:
            os.setsid()
            for descriptor in (1, 2):
                os.dup2(os.open(self.said, os.O_WRONLY | os.O_CREAT | os.O_APPEND), descriptor)
            sys.stdout, sys.stderr = (open(descriptor, "w", closefd=False) for descriptor in (1, 2))  # noqa: SIM115
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_DFL)
            address = os.read(heard, 1000).decode()
            if address:  # else the test has ended
                asyncio.run(_work(address, folder))
        except BaseException:
            os.write(2, traceback.format_exc().encode())
        finally:
            os._exit(0)

    def join(self, address: str) -> None:
        """Work for this scheduler."""
        os.write(self._tell, address.encode())

    def kill(self) -> None:
        """kill -9, if it lives."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)
        with contextlib.suppress(OSError):
            os.close(self._tell)


async def _work(address: str, folder: Path) -> None:
    from distributed import Worker

    async with Worker(address, nthreads=1, memory_limit=0, dashboard=False, local_directory=str(folder), host="127.0.0.1") as worker:
        await worker.finished()


class Scheduler:
    """Dask's, in a thread of this process."""

    def __init__(self, port: int) -> None:
        self.address = f"tcp://127.0.0.1:{port}"
        self._loop = asyncio.new_event_loop()
        self._ends = asyncio.Event()
        up = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(port, up), name="scheduler", daemon=True)
        self._thread.start()
        assert up.wait(60)

    def _serve(self, port: int, up: threading.Event) -> None:
        from distributed import Scheduler as OfDask

        async def serve() -> None:
            async with OfDask(host="127.0.0.1", port=port, dashboard=False, dashboard_address="127.0.0.1:0") as scheduler:
                up.set()
                await self._ends.wait()
                await scheduler.close()

        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(serve())

    def end(self) -> None:
        """It is gone, and all that it knew."""
        self._loop.call_soon_threadsafe(self._ends.set)
        self._thread.join(300)  # a client that looks for it again while it closes is waited for: PATIENCE_S of its own, on a slow machine
        assert not self._thread.is_alive()
        self._loop.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def open_sockets() -> list[socket.socket]:
    """All of this process."""
    return [each for each in gc.get_objects() if type(each) is socket.socket and each.fileno() >= 0]


@contextlib.contextmanager
def nodes(count: int, folder: Path) -> Iterator[list[Node]]:
    """Fork them before any scheduler or client starts its threads."""
    made = [Node(folder / f"node{n}") for n in range(count)]
    try:
        yield made
    finally:
        for node in made:
            node.kill()


def in_thread(work: Any) -> tuple[threading.Thread, list[Any]]:
    """Run it beside the test; what it returns or raises comes into the list."""
    came: list[Any] = []

    def run() -> None:
        try:
            came.append(work())
        except BaseException as error:
            came.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread, came
