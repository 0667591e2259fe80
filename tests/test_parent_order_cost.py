"""What a parent order costs when it comes to nothing."""

from __future__ import annotations

import math
from dataclasses import replace

from scenarios.parent_order import cost_of
from simulator import load_scenario


def test_an_order_that_nobody_fills_has_no_price_and_no_error() -> None:
    """The fault: a division by zero."""
    scenario = load_scenario("parent_order")
    (spec,) = scenario.agents
    second = 1_000_000_000
    idle = replace(spec, arguments={**spec.arguments, "start_ns": second, "duration_ns": second, "shares": 0})
    cost = cost_of(replace(scenario, agents=(idle,), end_ns=scenario.start_ns + 3 * second))
    assert cost.done == 0
    assert math.isnan(cost.over_arrival_bps)
    assert math.isnan(cost.fees_bps)
    assert cost.impact_bps == 0
