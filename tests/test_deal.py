"""Symbols are dealt to workers by the rows that each is expected to have."""

from __future__ import annotations

from dataclasses import replace

import pytest

from simulator.inputs.config import AgentSpec, Rates
from simulator.inputs.dealing import deal, expected_rows
from simulator.inputs.universe import load_universe
from simulator.records import NS_PER_MINUTE
from tests import helpers

ALL = tuple(symbol.name for symbol in load_universe().symbols)
MINUTE = helpers.scenario("2025-07-01T14:00:00Z", "2025-07-01T14:01:00Z", names=ALL, rates=Rates())


@pytest.mark.parametrize("workers", [2, 4, 7])
@pytest.mark.parametrize("rates", [Rates(), Rates(market_data_min_eps=6000, market_data_max_eps=10_000, trades_max_eps=4000)])
def test_no_worker_has_much_more_than_another(workers: int, rates: Rates) -> None:
    scenario = replace(MINUTE, rates=rates)
    dealt = deal(scenario, ALL, workers)
    assert sorted(name for part in dealt for name in part) == sorted(ALL)
    assert all(list(part) == sorted(part, key=ALL.index) for part in dealt)
    rows = expected_rows(scenario)
    loads = [sum(rows[name] for name in part) for part in dealt]
    assert max(loads) < 1.02 * min(loads)


def test_what_is_expected_comes() -> None:
    """Shares wander for minutes, so it takes half an hour: the sum of the heavier half is what tells the two parts of the rows apart."""
    expected = expected_rows(MINUTE)
    heavy = sorted(ALL, key=lambda name: -expected[name])[:15]
    totals = helpers.run(replace(MINUTE, end_ns=MINUTE.start_ns + 30 * NS_PER_MINUTE, levels=1)).result().totals
    found = sum(t.book_rows for t in totals if t.symbol in heavy) / sum(t.book_rows for t in totals)
    assert found == pytest.approx(sum(expected[name] for name in heavy) / sum(expected.values()), abs=0.03)


def test_without_a_background_symbols_count_alike_and_those_of_one_agent_stay_together() -> None:
    agent = AgentSpec(name="pair", make=lambda *_: iter(()), symbols=("AAPL", "XOM"))
    scenario = replace(MINUTE, background=False, agents=(agent,))
    assert set(expected_rows(scenario).values()) == {1}
    dealt = deal(scenario, ALL, 30)
    assert len(dealt) == 29
    assert ("AAPL", "XOM") in dealt
