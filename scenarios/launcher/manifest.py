"""What a run leaves beside its rows, so that it can be understood and repeated from its folder alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from scenarios.launcher.plan import Plan
from scenarios.launcher.price_refresh import to_manifest
from scenarios.launcher.versions import versions
from simulator.inputs.config import Refresh
from simulator.inputs.sessions import format_ts

FORMAT_VERSION = 1


def build_manifest(
    plan: Plan, *, end_ns: int | None = None, rows: dict[str, int] | None = None, digest: str | None = None,
    digest_parts: dict[str, str] | None = None, reason: str | None = "It has just started.", processes: int = 0, wall_s: float = 0.0,
    refreshes: Sequence[Refresh] = (),
) -> dict[str, Any]:  # fmt: skip
    """``reason`` says why the run is not complete; None if it is. Only the last two may differ between runs with equal rows."""
    scenario, flags = plan.scenario, plan.flags
    end_ns = scenario.end_ns if end_ns is None else end_ns
    return {
        "format_version": FORMAT_VERSION,
        "versions": versions(),
        "complete": reason is None,
        "reason": reason,
        "replayed_from_ts": format_ts(scenario.start_ns) if plan.replays else None,
        "seed": scenario.seed,
        "mode": flags.mode,
        "start_ts": format_ts(plan.run_start_ns),
        "end_ts": format_ts(end_ns),
        "settings": plan.settings | {"end_ts": format_ts(end_ns)},
        "scenario_text": plan.file.text if plan.file is not None else None,
        "total_market_data_events": flags.total_market_data_events,
        "suffix": flags.suffix,
        "symbols": [symbol.name for symbol in scenario.universe.symbols],
        "venues": [venue.name for venue in scenario.universe.venues],
        "prices_source": plan.prices.source,
        "prices": plan.prices.manifest_entry(),
        "refreshes": to_manifest((*scenario.refreshes, *refreshes)),
        "tables": list(scenario.tables),
        "rows": rows or {},
        "digest": digest,
        "digest_parts": {"/".join(key): part for key, part in sorted((digest_parts or {}).items())},
        "processes": processes,
        "wall_seconds": round(wall_s, 3),
    }
