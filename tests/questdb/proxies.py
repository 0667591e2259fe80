"""What may stand between a run and its database: a proxy that swallows, on IPv6 too."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Swallower:
    """Passes everything on until ``swallows`` is set; from then on lines stay open, and nothing arrives."""

    def __init__(self, port: int, *, family: socket.AddressFamily = socket.AF_INET) -> None:
        self.target = port
        self.swallows = threading.Event()
        self._listener = socket.create_server(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0), family=family)
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                self._open.append(ours)
                if self.swallows.is_set():
                    continue
                theirs = socket.create_connection(("127.0.0.1", self.target))
                self._open.append(theirs)
                for source, sink in ((ours, theirs), (theirs, ours)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if self.swallows.is_set():
                    return
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
