"""Where the database is and how one gets in."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any, Literal

from simulator.errors import InputError, explain

VERSION_MIN = (9, 1, 0)
"""Arrays came with 9.0, TIMESTAMP_NS with 9.1."""
RETRIES_MS = 10_000
"""The client's own over http; the sink's go on for longer (a server may be restarted in the middle of a run)."""
REQUEST_TIMEOUT_MS = 30_000
AUTH_TIMEOUT_MS = 10_000
BUFFER_BYTES_MAX = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """Can be pickled; its ``repr`` shows no secret."""

    host: str = "127.0.0.1"
    pg_port: int = 8812
    http_port: int = 9000
    tcp_port: int = 9009
    user: str = ""
    """For SQL and, if given, basic authentication of http."""
    password: str = field(default="", repr=False)
    protocol: Literal["http", "tcp"] = "http"
    token: str = field(default="", repr=False)
    """http: bearer token; tcp: private key."""
    token_x: str = field(default="", repr=False)
    token_y: str = field(default="", repr=False)
    ilp_user: str = ""
    """tcp: the key's name."""
    tls: bool = False
    tls_verify: bool = True
    tls_roots: str = ""
    log: str = ""
    """Of an embedded server: the file that says why it ended."""

    def __post_init__(self) -> None:
        if self.host.count(":") == 1:  # an IPv6 address has more
            remedy = "Give its ports by --pg_port, --http_port and --tcp_port."
            raise InputError(explain("--host", self.host, "must be a host alone", remedy))

    @property
    def address(self) -> str:
        """Where rows are sent."""
        return f"{self.protocol}://{self.url_host}:{self.port}"

    @property
    def port(self) -> int:
        return self.http_port if self.protocol == "http" else self.tcp_port

    @property
    def what(self) -> str:
        """As messages call it."""
        return "The embedded server" if self.log else f"QuestDB at {self.host}:{self.pg_port}"

    @property
    def when_lost(self) -> str:
        """What to do when it does not answer any more."""
        if self.log:
            return f"{self.log} says why (a full disk, perhaps). What it has stays: repeat the command with --incremental true."
        return "Its log says why (a full disk, perhaps). What it has stays: start it again and go on with --incremental true."

    @property
    def url_host(self) -> str:
        """As it stands in an address."""
        return f"[{self.host}]" if ":" in self.host else self.host

    def hide(self, text: str) -> str:
        """A text of somebody else's, without our secrets: as they are, as Python shows them, as http carries them."""
        basic = base64.b64encode(f"{self.user}:{self.password}".encode()).decode() if self.password else ""
        for secret in sorted({self.password, self.token, self.token_x, self.token_y, basic} - {"", "quest"}, key=len, reverse=True):
            for form in (secret, repr(secret)[1:-1]):
                text = text.replace(form, "…")
        return text

    def make_sender(self) -> Any:
        """A ``questdb.Sender`` that sends only when it is told to; ``establish`` connects."""
        from questdb import Protocol, Sender

        options: dict[str, Any] = {"auto_flush": False, "max_buf_size": BUFFER_BYTES_MAX}
        if self.tls and not self.tls_verify:
            options["tls_verify"] = False
        if self.tls and self.tls_roots:
            options["tls_roots"] = self.tls_roots
        if self.protocol == "http":
            options |= {"retry_timeout": RETRIES_MS, "request_timeout": REQUEST_TIMEOUT_MS}
            if self.token:
                options["token"] = self.token
            elif self.user:
                options |= {"username": self.user, "password": self.password}
            return Sender(Protocol.Https if self.tls else Protocol.Http, self.url_host, self.http_port, **options)
        options |= {"protocol_version": "2", "auth_timeout": AUTH_TIMEOUT_MS}  # http finds out by itself; arrays and nanoseconds need it
        if self.token:
            options |= {"username": self.ilp_user, "token": self.token, "token_x": self.token_x, "token_y": self.token_y}
        return Sender(Protocol.Tcps if self.tls else Protocol.Tcp, self.host, self.tcp_port, **options)


def check_version(build: str) -> None:
    """``build`` as QuestDB's ``build()`` says it. Raises ``InputError`` for a server that is too old."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", build)
    if found is None:
        raise InputError(explain("The server's version", build, "it is no QuestDB that is known here", "Use QuestDB 9.1 or newer."))
    version = tuple(int(part) for part in found.groups())
    if version < VERSION_MIN:
        limit = "arrays need QuestDB 9.0 and TIMESTAMP_NS needs 9.1"
        raise InputError(explain("The server's version", ".".join(map(str, version)), limit, "Upgrade it, or use --host embedded."))
