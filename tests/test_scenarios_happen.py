"""What a ready scenario is about happens, as a number, and does not in the same market without it (halts and shocks: test_price_bands)."""

from __future__ import annotations

from dataclasses import replace

from scenarios.half_day import the_day_before
from scenarios.latency_race import both_slow, races
from scenarios.quad_witching_close import a_week_before
from simulator.analysis.closings import closings
from simulator.inputs.config import Scenario
from simulator.inputs.scenario_file import find_scenario, load_scenario
from simulator.inputs.sessions import parse_ts
from simulator.records import NS_PER_MINUTE


def shortened(name: str, before_end: int, after_end: int = 0) -> Scenario:
    """The last ``before_end`` minutes of a ready scenario, but for the last ``after_end``."""
    chosen = load_scenario(find_scenario(name))
    end_ns = chosen.end_ns - after_end * NS_PER_MINUTE
    return replace(chosen, start_ns=chosen.end_ns - before_end * NS_PER_MINUTE, end_ns=end_ns)


def test_a_half_day_closes_at_one_and_the_day_before_trades_on() -> None:
    early = shortened("half_day", 8)
    seen, usual = closings(early), closings(the_day_before(early))
    assert seen.crosses == 4
    assert parse_ts("2025-07-03T17:00:00Z") < seen.first_ts_ns < parse_ts("2025-07-03T17:00:10Z")
    assert seen.continuous_after == 0
    assert usual.crosses == 0
    assert usual.continuous_before > 0


def test_an_expiry_closes_with_larger_crosses_than_the_friday_before() -> None:
    expiry = shortened("quad_witching_close", 14)
    seen, usual = closings(expiry), closings(a_week_before(expiry))
    assert seen.crosses == usual.crosses == 4
    assert 2.0 < seen.cross_shares / usual.cross_shares < 8.0  # the band of S5
    assert 0.6 < seen.continuous_before / usual.continuous_before < 1.7


def test_the_faster_wins_the_race_and_of_two_as_slow_neither_does() -> None:
    full = shortened("latency_race", 10, 2)
    (sent, won, _), (slow_sent, slow_won, _) = races(full).values()
    assert sent > 30
    assert won > 0.7 * sent
    assert slow_won < 0.6 * slow_sent
    sent, won, _ = races(both_slow(full))["fast"]
    assert sent > 30
    assert won < 0.65 * sent
