"""How far the server is behind: asked over SQL while a run goes on."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from simulator.errors import InputError, SinkError
from writers.questdb.connection import Connection
from writers.questdb.existing import check_suspended
from writers.questdb.limits import Stopped, never
from writers.questdb.sql import LOST_WITHIN_S, Sql

LOOK_WITHIN_S = 5.0
"""One look may take so long: meanwhile the run goes on, and nobody hears the workers."""


@dataclass(frozen=True, slots=True)
class Lag:
    """What the server has taken and not applied, over some tables."""

    pending_rows: int
    applied_rows: int
    memory_pressure: int
    """0, 1, 2: the server's own measure."""


class Monitor:
    """Looks, and decides: pause above ``pause_rows`` pending, go on below ``resume_rows``."""

    def __init__(
        self, connection: Connection, tables: Sequence[str], *, pause_rows: int = 2_000_000, resume_rows: int = 500_000,
        is_alive: Callable[[], bool] | None = None,
    ) -> None:  # fmt: skip
        """``is_alive``: of an embedded server, which ends with a reason that only its log tells."""
        self._connection = connection
        self._tables = tuple(tables)
        self._pause_rows = pause_rows
        self._resume_rows = resume_rows
        self._is_alive = is_alive
        self._sql = Sql(connection, patience_s=0.0, query_s=LOOK_WITHIN_S)
        self._answered_s = time.monotonic()
        self.is_paused = False
        self.lag = Lag(0, 0, 0)

    def look(self, stop_asked: Callable[[], bool] = never) -> Lag:
        """Ask the server. Raises ``SinkError`` for a suspended table, and for a server that is gone for too long."""
        if self._is_alive is not None and not self._is_alive():
            raise SinkError(f"{self._connection.what} has ended. {self._connection.when_lost}")
        self._sql.is_stopped = stop_asked
        try:
            self.lag, tables = self._ask()
        except Stopped:
            return self.lag  # the run ends: its last word does not hang on how far the server is
        except (SinkError, InputError) as error:
            self._sql.close()
            if time.monotonic() - self._answered_s > LOST_WITHIN_S:
                raise SinkError(f"For {LOST_WITHIN_S:.0f} s there was no answer from the database. {error}") from None
            return self.lag
        self._answered_s = time.monotonic()
        check_suspended(tables)
        return self.lag

    def close(self) -> None:
        """Until the next look."""
        self._sql.close()

    def update(self, lag: Lag, in_flight_rows: int) -> bool:
        """Whether the run is to pause now. It goes on when the server has caught up: what is in flight is on its way by itself, and its
        number is as old as the pause."""
        if lag.pending_rows < self._resume_rows and self.is_paused:
            self.is_paused = False
        elif lag.pending_rows + in_flight_rows > self._pause_rows:
            self.is_paused = True
        return self.is_paused

    def _ask(self) -> tuple[Lag, list[dict[str, Any]]]:
        """And the tables' rows of ``wal_tables()``."""
        marks = ", ".join(["%s"] * len(self._tables))
        # Values are NULL until the first write since the server started.
        pending, applied, pressure = self._sql.execute(
            "SELECT sum(coalesce(wal_pending_row_count, 0)), sum(coalesce(table_row_count, 0)), "
            f"max(coalesce(table_memory_pressure_level, 0)) FROM tables() WHERE table_name IN ({marks})",
            self._tables,
        ).fetchone()
        found = self._sql.execute(f"SELECT name, suspended, errorTag, errorMessage FROM wal_tables() WHERE name IN ({marks})", self._tables)
        names = [column.name for column in found.description]
        tables = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
        return Lag(int(pending or 0), int(applied or 0), int(pressure or 0)), tables
