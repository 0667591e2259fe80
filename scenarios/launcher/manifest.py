"""What a run leaves beside its rows, so that it can be understood, repeated and continued from its folder or database alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from scenarios.launcher.plan import Plan
from simulator.inputs.config import Refresh
from simulator.inputs.manifest import FORMAT, Manifest
from simulator.inputs.sessions import format_ts


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How far a run has come; by default it has just started. Only the last three may differ between runs with equal rows."""

    end_ns: int | None = None
    """Where it ended, if that is not where it was to end."""
    rows: dict[str, int] = field(default_factory=dict)
    """By table."""
    digest: str | None = None
    digest_parts: Mapping[Any, str] = field(default_factory=dict)
    reason: str | None = "It has just started."
    """Why the run is not complete; None if it is."""
    processes: int = 0
    wall_s: float = 0.0


def build_manifest(plan: Plan, ended: Ended | None = None, refreshes: Sequence[Refresh] = ()) -> Manifest:
    """Without ``ended`` the run has just started. ``refreshes``: what came to those that the plan has."""
    ended = ended or Ended()
    return Manifest(
        format=FORMAT,
        complete=ended.reason is None,
        reason=ended.reason,
        asked_start_ts=format_ts(plan.asked_start_ns),
        replayed_from_ts=format_ts(plan.scenario.start_ns) if plan.scenario.start_ns > plan.run_start_ns else None,
        suffix=plan.flags.suffix,
        record=plan.record(end_ns=ended.end_ns, refreshes=refreshes),
        rows=ended.rows,
        digest=ended.digest,
        digest_parts={"/".join(key): part for key, part in sorted(ended.digest_parts.items())},
        processes=ended.processes,
        wall_seconds=round(ended.wall_s, 3),
    )
