"""What a run leaves beside its rows, so that it can be understood, repeated and continued from its folder or database alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from scenarios.launcher.plan import Plan
from simulator.inputs.config import Refresh
from simulator.inputs.run_record import FORMAT, Manifest
from simulator.inputs.sessions import format_ts


def build_manifest(
    plan: Plan, *, end_ns: int | None = None, rows: dict[str, int] | None = None, digest: str | None = None,
    digest_parts: Mapping[Any, str] | None = None, reason: str | None = "It has just started.", processes: int = 0, wall_s: float = 0.0,
    refreshes: Sequence[Refresh] = (),
) -> Manifest:  # fmt: skip
    """``reason`` says why the run is not complete; None if it is. Only the last three but one may differ between runs with equal rows.

    ``end_ns``: where it ended, if that is not where it was to end; ``refreshes``: what came to those that the plan has.
    """
    return Manifest(
        format=FORMAT,
        complete=reason is None,
        reason=reason,
        asked_start_ts=format_ts(plan.asked_start_ns),
        replayed_from_ts=format_ts(plan.scenario.start_ns) if plan.scenario.start_ns > plan.run_start_ns else None,
        suffix=plan.flags.suffix,
        record=plan.record(end_ns=end_ns, refreshes=refreshes),
        rows=rows or {},
        digest=digest,
        digest_parts={"/".join(key): part for key, part in sorted((digest_parts or {}).items())},
        processes=processes,
        wall_seconds=round(wall_s, 3),
    )
