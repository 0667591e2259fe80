"""The close of a quarterly expiry, and that of the Friday before: ``python -m scenarios.quad_witching_close`` prints both."""

from __future__ import annotations

import sys
from dataclasses import replace

from scenarios.launcher.catalog import find_scenario
from simulator.analysis.closings import print_closings
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import load_scenario
from simulator.records import NS_PER_HOUR

SEEDS = (1, 2)


def a_week_before(scenario: Scenario) -> Scenario:
    """The same minutes of the second Friday, when nothing expires."""
    return replace(scenario, start_ns=scenario.start_ns - 7 * 24 * NS_PER_HOUR, end_ns=scenario.end_ns - 7 * 24 * NS_PER_HOUR)


def main() -> int:
    """Print both Fridays."""
    expiry = load_scenario(find_scenario("quad_witching_close"))
    print_closings({"expiry": expiry, "week before": a_week_before(expiry)}, "15:45 to 16:03 in New York", SEEDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
