"""Views that have caught up with their tables: asked one by one, and refreshed where they have not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from simulator.errors import SinkError
from writers.questdb.existing import view_facts, wait_applied
from writers.questdb.limits import Stopped, never
from writers.questdb.schema import ViewDef, Wanted

GRACE_S = 1.0
"""A view that follows its table gets so long to do so by itself."""
ASKS_AGAIN_S = 5.0
"""After so long without a step, and no refresh going on, the whole view is asked for again."""
STUCK_S = 20.0
"""After so long it will not come: a server (9.3.4) that was killed while it made a view may list it, and be unable to open it."""
APPEARS_WITHIN_S = 10.0
"""A busy server lists a view a moment after it was made."""
LOOK_S = 0.05


def catch_up(pg: Any, wanted: Sequence[Wanted], *, timeout_s: float = 600.0, is_stopped: Callable[[], bool] = never) -> list[str]:
    """Wait until every view among ``wanted``, in the order of their creation, has all of its base; names of those that had to be asked.

    A server that was killed between a view's creation and its first refresh never does that refresh, and calls the view valid.
    ``timeout_s``: of one view without a step. Raises ``SinkError`` if one does not catch up, with the statement to type, and ``Stopped``.
    """
    asked = []
    for view in wanted:
        if isinstance(view, ViewDef):
            wait_applied(pg, [view.base])
            if _catch_up(pg, view, timeout_s, is_stopped):
                asked.append(view.name)
            wait_applied(pg, [view.name])
    return asked


def _catch_up(pg: Any, view: ViewDef, timeout_s: float, is_stopped: Callable[[], bool]) -> bool:
    """Whether it had to be asked."""
    began_s = moved_s = asked_s = first_s = time.monotonic()
    is_asked, last = False, None
    while True:
        found = view_facts(pg, view.name)
        if not found and not is_stopped() and time.monotonic() - began_s < APPEARS_WITHIN_S:
            time.sleep(LOOK_S)
            continue
        if not found:
            raise SinkError(f"The view {view.name} is not there any more; the rows are complete. --print_ddl true prints its SQL.")
        row = found[0]
        status, has, wants = str(row["view_status"]), row["refresh_base_table_txn"], row["base_table_txn"]
        if status == "valid" and has == wants:
            return is_asked
        now_s = time.monotonic()
        if (status, has, wants) != last:
            last, moved_s = (status, has, wants), now_s
        if is_stopped():
            raise Stopped
        if is_asked and status != "refreshing" and now_s - max(moved_s, first_s) > min(STUCK_S, timeout_s):
            raise SinkError(
                f"The view {view.name} is {status} and does not refresh, at transaction {has} of {wants}; the server's log says why. "
                f"The rows are complete. Run DROP MATERIALIZED VIEW {view.name}; and repeat the command with --incremental true, "
                "which makes it again. A server that was killed while it made a view may answer with an error, and drops it all the same."
            )
        if now_s - moved_s > timeout_s:
            why = f" ({row['invalidation_reason']})" if row["invalidation_reason"] else ""
            raise SinkError(
                f"The view {view.name} has not caught up in {timeout_s:.0f} s: it is {status}{why}, at transaction {has} of {wants}. "
                f"The rows are complete. Mend the cause and run REFRESH MATERIALIZED VIEW {view.name} FULL;"
            )
        if status != "refreshing":
            if not is_asked and (status != "valid" or view.timer is not None or now_s - began_s > GRACE_S):
                pg.execute(f"REFRESH MATERIALIZED VIEW {view.name} {'INCREMENTAL' if status == 'valid' else 'FULL'}")
                is_asked, asked_s, first_s = True, now_s, now_s
            elif is_asked and now_s - max(asked_s, moved_s) > ASKS_AGAIN_S:
                pg.execute(f"REFRESH MATERIALIZED VIEW {view.name} FULL")
                asked_s = now_s
        time.sleep(LOOK_S)
