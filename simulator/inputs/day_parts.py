"""Whether a day of a run can be had without the days before it, and the scenario of such a part: its rows are those of the whole run."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from simulator.inputs.config import Scenario
from simulator.inputs.sessions import trading_days


def is_divisible_by_day(scenario: Scenario) -> bool:
    """Whether a day knows nothing of the days before it.

    Agents know what they have learnt, refreshed and shocked prices stay where they have gone, and a price given exactly is that of the
    run's first row, which all later days go on from.
    """
    carries = scenario.agents or scenario.shocks or scenario.refreshes
    return not carries and not any(bracket.is_exact for bracket in scenario.prices.values())


def part_of(scenario: Scenario, start_ns: int, end_ns: int) -> Scenario:
    """The scenario from ``start_ns`` to ``end_ns``, both inside of the whole one, which is divisible by day or begins at ``start_ns``.

    Its prices have dates, so that the day's path is that of the whole run: one without a date is that before the whole run's first day.
    """
    before = trading_days(scenario.start_ns, scenario.start_ns + 1)[0].date - dt.timedelta(days=1)
    prices = {name: replace(bracket, date=bracket.date or before) for name, bracket in scenario.prices.items()}
    return replace(scenario, start_ns=start_ns, end_ns=end_ns, prices=prices)
