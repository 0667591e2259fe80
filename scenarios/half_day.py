"""An early close, and the same half hour of the whole day before: ``python -m scenarios.half_day`` prints both."""

from __future__ import annotations

import sys
from dataclasses import replace

from scenarios.launcher.catalog import find_scenario
from simulator.analysis.closings import print_closings
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import load_scenario
from simulator.records import NS_PER_HOUR

SEEDS = (1, 2)


def the_day_before(scenario: Scenario) -> Scenario:
    """The same half hour of Wednesday, which closes at 16:00."""
    return replace(scenario, start_ns=scenario.start_ns - 24 * NS_PER_HOUR, end_ns=scenario.end_ns - 24 * NS_PER_HOUR)


def main() -> int:
    """Print both days."""
    early = load_scenario(find_scenario("half_day"))
    print_closings({"half day": early, "day before": the_day_before(early)}, "12:30 to 13:05 in New York", SEEDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
