"""An S3 server on the loopback, in a thread of the test: moto's, behind a door that can fail."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

BUSY = b'<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>'
DENIED = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>'


@dataclass(slots=True)
class Door:
    """Counts requests, and fails every n-th of them, or all."""

    app: Any
    every: int = 0
    denies: bool = False
    requests: int = 0
    failed: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        with self.lock:
            self.requests += 1
            fails = self.denies or (self.every and self.requests % self.every == 0)
            self.failed += bool(fails)
        if not fails:
            answer: Iterable[bytes] = self.app(environ, start_response)
            return answer
        body = DENIED if self.denies else BUSY
        start_response("403 Forbidden" if self.denies else "503 Slow Down", [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))])
        return [body]


@dataclass(frozen=True, slots=True)
class Server:
    """Where it is, and the door in front of it."""

    port: int
    door: Door

    @property
    def environment(self) -> dict[str, str]:
        """How a command finds it: by the variables that Amazon's own tools know."""
        keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "testtest", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        return {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}", **keys}

    def fail_every(self, nth: int, monkeypatch: pytest.MonkeyPatch) -> None:
        """Have commands find it, and not wait long between two tries."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr("writers.stores.store.WAIT_S", 0.0)
        self.door.every = nth

    def half_done(self) -> list[str]:
        """Uploads that were begun and neither completed nor given up."""
        from moto.backends import get_backend

        return list(get_backend("s3")["123456789012"]["aws"].buckets["bucket"].multiparts)


@contextlib.contextmanager
def s3_server() -> Iterator[Server]:
    """With a bucket of the name ``bucket``."""
    from moto.backends import get_backend
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log(self, *_: Any) -> None: ...

    door = Door(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, door, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, name="s3", daemon=True)
    thread.start()
    backend = get_backend("s3")["123456789012"]["aws"]
    backend.create_bucket("bucket", "us-east-1")
    try:
        yield Server(server.server_port, door)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        backend.reset()
