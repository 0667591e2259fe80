"""A fall of the whole market with its pauses, and the same market without it: ``python -m scenarios.flash_crash`` prints both."""

from __future__ import annotations

import sys

from scenarios.launcher.catalog import find_scenario
from simulator.analysis.happened import print_with_and_without
from simulator.inputs.scenario_file import load_scenario

SEEDS = (1,)


def main() -> int:
    """Print a seed with the scenario's shocks and without them."""
    print_with_and_without(load_scenario(find_scenario("flash_crash")), "A fall and its recovery", SEEDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
