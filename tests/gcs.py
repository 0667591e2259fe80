"""A server of Google Cloud Storage on the loopback, in a thread of the test: gcp-storage-emulator's, behind a door that can fail."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from typing import Any


@dataclass(slots=True)
class Door:
    """Counts requests, and fails every n-th of them, or denies all."""

    storage: Any
    every: int = 0
    denies: bool = False
    requests: int = 0
    failed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self) -> int | None:
        """The status of a request that fails. The first is one that Google's library tries again, after a second, the others are left to us."""
        with self.lock:
            self.requests += 1
            if self.denies:
                return 403
            if not self.every or self.requests % self.every:
                return None
            self.failed += 1
            return 503 if self.failed == 1 else 400


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, and the door in front of it."""

    port: int
    door: Door

    @property
    def environment(self) -> dict[str, str]:
        """How a command finds it: by the variable that Google's own tools know."""
        return {"STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self.port}"}

    def names(self) -> list[str]:
        """Of all objects."""
        return sorted(self.door.storage.objects.get("bucket", {}))


@contextlib.contextmanager
def gcs_server() -> Iterator[Server]:
    """With a bucket of the name ``bucket``."""
    from gcp_storage_emulator.handlers import buckets
    from gcp_storage_emulator.server import RequestHandler, _read_raw_data
    from gcp_storage_emulator.storage import Storage

    storage = Storage(use_memory_fs=True)
    buckets.create_bucket("bucket", storage)
    door = Door(storage)

    class Handler(RequestHandler):  # type: ignore[misc]
        def __init__(self, *args: Any) -> None:
            super().__init__(storage, *args)

        def parse_request(self) -> bool:
            if not super().parse_request():
                return False
            status = door.answer()
            if status is not None:
                _read_raw_data(self)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()
            return status is None

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, name="gcs", daemon=True)
    thread.start()
    try:
        yield Server(server.server_port, door)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
