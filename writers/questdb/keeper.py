"""Beats for a claim from a thread of its own: the run may wait for its database, or compute, for longer than a claim lasts."""

from __future__ import annotations

import threading
from contextlib import suppress

from simulator.errors import InputError, SinkError
from writers.questdb.claims import BEAT_S, Claim, ClaimLost
from writers.questdb.connection import Connection
from writers.questdb.limits import Stopped
from writers.questdb.sql import Sql

BEAT_WITHIN_S = 10.0
ENDS_WITHIN_S = 2.0


class Keeper:
    """Started when the workers are there: a process with threads must not fork."""

    def __init__(self, connection: Connection, claim: Claim, *, beat_s: float = BEAT_S) -> None:
        self._beat_s = beat_s
        self._ends = threading.Event()
        self._sql = Sql(connection, patience_s=0.0, query_s=BEAT_WITHIN_S, is_stopped=self._ends.is_set)
        self._claim = claim.over(self._sql)
        self._thread: threading.Thread | None = None
        self._lost: ClaimLost | None = None

    def check(self) -> None:
        """Begin, if it has not begun; raises ``ClaimLost`` once the claim is another's."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._beat, name="claim", daemon=True)
            self._thread.start()
        if self._lost is not None:
            raise self._lost

    def close(self) -> None:
        """No more beats."""
        self._ends.set()
        if self._thread is not None:
            self._thread.join(ENDS_WITHIN_S)

    def _beat(self) -> None:
        try:
            while not self._ends.wait(self._beat_s):
                with suppress(Stopped):
                    try:
                        self._claim.beat()
                    except ClaimLost as error:
                        self._lost = error
                        return
                    except (SinkError, InputError):
                        self._sql.close()  # the run's monitor says when a database is gone; until then, again
        finally:
            self._sql.close()
