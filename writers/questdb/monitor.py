"""How far the server is behind: asked over SQL while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from simulator.errors import InputError, SinkError
from writers.questdb.connection import Connection
from writers.questdb.schema import check_suspended

LOST_WITHIN_S = 60.0
"""A server that does not answer for so long ends the run; it may be restarted in the meantime."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What the server has taken and not applied, over some tables."""

    pending_rows: int
    applied_rows: int
    memory_pressure: int
    """0, 1, 2: the server's own measure."""


class Monitor:
    """Looks, and decides: pause above ``pause_rows`` pending, go on below ``resume_rows``."""

    def __init__(self, connection: Connection, tables: Sequence[str], *, pause_rows: int = 2_000_000, resume_rows: int = 500_000) -> None:
        self._connection = connection
        self._tables = tuple(tables)
        self._pause_rows = pause_rows
        self._resume_rows = resume_rows
        self._pg: Any = None
        self._answered_s = time.monotonic()
        self.is_paused = False
        self.lag = Lag(0, 0, 0)

    def look(self) -> Lag:
        """Ask the server. Raises ``SinkError`` for a suspended table, and for a server that is gone for too long."""
        import psycopg

        try:
            if self._pg is None or self._pg.closed:
                self._pg = self._connection.connect_pg()
            self.lag = self._ask()
            self._answered_s = time.monotonic()
        except (psycopg.Error, InputError) as error:
            self._pg = None
            if time.monotonic() - self._answered_s > LOST_WITHIN_S:
                said = " ".join(str(error).split())
                raise SinkError(
                    f"QuestDB at {self._connection.host}:{self._connection.pg_port} has not answered for {LOST_WITHIN_S:.0f} s: {said}. "
                    "What it has stays; start it again and go on with --incremental true."
                ) from None
        return self.lag

    def close(self) -> None:
        """Until the next look."""
        if self._pg is not None:
            self._pg.close()
            self._pg = None

    def update(self, lag: Lag, in_flight_rows: int) -> bool:
        """Whether the run is to pause now. It goes on when the server has caught up: what is in flight is on its way by itself, and its
        number is as old as the pause."""
        if lag.pending_rows < self._resume_rows and self.is_paused:
            self.is_paused = False
        elif lag.pending_rows + in_flight_rows > self._pause_rows:
            self.is_paused = True
        return self.is_paused

    def _ask(self) -> Lag:
        marks = ", ".join(["%s"] * len(self._tables))
        # Values are NULL until the first write since the server started.
        pending, applied, pressure = self._pg.execute(
            "SELECT sum(coalesce(wal_pending_row_count, 0)), sum(coalesce(table_row_count, 0)), "
            f"max(coalesce(table_memory_pressure_level, 0)) FROM tables() WHERE table_name IN ({marks})",
            self._tables,
        ).fetchone()
        found = self._pg.execute(f"SELECT name, suspended, errorTag, errorMessage FROM wal_tables() WHERE name IN ({marks})", self._tables)
        names = [column.name for column in found.description]
        check_suspended([dict(zip(names, row, strict=True)) for row in found.fetchall()])
        return Lag(int(pending or 0), int(applied or 0), int(pressure or 0))
