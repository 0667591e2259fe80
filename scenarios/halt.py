"""A stock that gaps, with its pause and without the gap: ``python -m scenarios.halt`` prints both."""

from __future__ import annotations

import sys

from scenarios.launcher.catalog import find_scenario
from simulator.analysis.happened import print_with_and_without
from simulator.inputs.scenario_file import load_scenario

SEEDS = (1, 2)


def main() -> int:
    """Print the same seeds with the scenario's shocks and without them."""
    print_with_and_without(load_scenario(find_scenario("halt")), "A gap and its pause", SEEDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
