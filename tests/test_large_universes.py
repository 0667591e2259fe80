"""Universes of a hundred and of thousands: what is in them, and that the symbols of others cost a worker nothing and change nothing."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from simulator.errors import InputError
from simulator.flow.profile import load_profile
from simulator.flow.rates import (
    BOOK_CEILING,
    BOOK_FLOOR,
    BOOK_TARGET,
    PRINT_CEILING,
    PRINT_FLOOR,
    PRINT_TARGET,
    DayRates,
    budgets,
    day_volumes,
)
from simulator.flow.skeleton import volatility_levels
from simulator.inputs import config
from simulator.inputs.config import Rates, Scenario
from simulator.inputs.dealing import deal
from simulator.inputs.generated_universe import MARKET_VOLATILITY, GenerateKeys, generate_universe
from simulator.inputs.leftovers import cleared
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.scenario_file import load_scenario
from simulator.inputs.sessions import parse_ts, trading_days
from simulator.inputs.universe import load_universe
from simulator.market import Market
from simulator.records import Phase
from tests.helpers import DAY as DATE
from tests.helpers import run, scenario

DAY = trading_days(parse_ts("2025-07-01T13:00:00Z"), parse_ts("2025-07-01T14:00:00Z"))[0]
UNIVERSE, PRICES = generate_universe(GenerateKeys(generate=95, seed=1))
RATES = Rates(market_data_min_eps=475, market_data_max_eps=1900, trades_min_eps=95, trades_max_eps=475)


def test_us100_is_a_hundred_real_stocks_with_prices_that_begins_with_the_default_30() -> None:
    universe, default = load_universe("us100"), load_universe()
    assert universe.symbols[:30] == default.symbols
    assert universe.venues == default.venues
    names = [symbol.name for symbol in universe.symbols]
    assert len(set(names)) == 100
    table = reference_prices("builtin", names, (DATE, DATE))
    assert {bracket.source for bracket in table.brackets.values()} == {"builtin"}
    assert not table.notes
    for symbol in universe.symbols:
        assert 0.010 <= symbol.daily_volatility <= 0.030
        assert symbol.beta * MARKET_VOLATILITY < symbol.daily_volatility, symbol.name
        assert table.brackets[symbol.name].low < table.brackets[symbol.name].close < table.brackets[symbol.name].high


def test_generated_symbols_are_the_same_in_any_number_and_are_no_real_ones() -> None:
    small, _ = generate_universe(GenerateKeys(generate=40, seed=1))
    assert UNIVERSE.symbols[:40] == small.symbols
    assert generate_universe(GenerateKeys(generate=40, seed=2))[0].symbols != small.symbols
    assert all(re.fullmatch(r"SIM\d{4}", symbol.name) for symbol in UNIVERSE.symbols), "no US share has a digit in its symbol"


def test_generated_universes_are_distributed_as_documented() -> None:
    universe, prices = generate_universe(GenerateKeys(generate=1_000, seed=3))
    volatility = np.array([s.daily_volatility for s in universe.symbols])
    close = np.array([prices[s.name].close for s in universe.symbols])
    traded = close * [s.daily_volume for s in universe.symbols]
    assert np.median(close) == pytest.approx(70, rel=0.1)
    assert np.median(traded) == pytest.approx(150e6, rel=0.15)
    assert np.median(volatility) == pytest.approx(0.019, rel=0.05)
    assert np.log(traded).std() == pytest.approx(1.4, rel=0.1)
    assert np.corrcoef(np.log(traded), np.log(volatility))[0, 1] < -0.2
    assert np.mean([s.listing == "NASDAQ" for s in universe.symbols]) == pytest.approx(0.55, abs=0.05)
    assert len({s.sector for s in universe.symbols}) == 11
    assert all(s.beta * MARKET_VOLATILITY < s.daily_volatility for s in universe.symbols)


def wanted(rates: Rates = RATES) -> DayRates:
    return DayRates(
        seed=3, day=DAY, universe=UNIVERSE, rates=rates, profile=load_profile("spec"), offsession="none", pacing=True,
        tick_moves=np.ones(95), volumes=day_volumes(3, DAY.date, volatility_levels(3, DAY.date, UNIVERSE.symbols)),
    )


@pytest.mark.parametrize("rates", [RATES, Rates(), Rates(market_data_min_eps=0, market_data_max_eps=1, trades_min_eps=0, trades_max_eps=1)])
def test_totals_over_all_groups_lie_in_the_band_in_every_second(rates: Rates) -> None:
    assert [len(group) for group in UNIVERSE.groups] == [23, 24, 24, 24]
    phases = np.full(600, int(Phase.CONTINUOUS), np.int32)
    rows, busy, prints_s = budgets(wanted(rates), 9, DAY.start_ns + 9 * 3600 * 10**9, phases)
    totals = rows.sum(axis=1)
    assert (totals[:, BOOK_FLOOR] >= rates.market_data_min_eps).all()
    assert (totals[:, BOOK_CEILING] <= rates.market_data_max_eps).all()
    assert (totals[:, PRINT_FLOOR] >= rates.trades_min_eps).all()
    assert (totals[:, PRINT_CEILING] <= rates.trades_max_eps).all()
    for low, high in ((BOOK_FLOOR, BOOK_TARGET), (BOOK_TARGET, BOOK_CEILING), (PRINT_FLOOR, PRINT_TARGET), (PRINT_TARGET, PRINT_CEILING)):
        assert (rows[..., low] <= rows[..., high]).all()
    assert (rows[..., PRINT_CEILING] <= rows[..., BOOK_CEILING]).all()
    assert np.isfinite(busy).all()
    assert prints_s.sum(axis=1).max() <= rates.trades_max_eps * 1.001
    # A worker's own symbols are what they are in the whole, bit for bit, wherever the groups end.
    own = [3, 22, 23, 94]
    for part, whole in zip(budgets(wanted(rates), 9, DAY.start_ns + 9 * 3600 * 10**9, phases, own), (rows, busy, prints_s), strict=True):
        np.testing.assert_array_equal(part, whole[:, own])


def test_bursts_of_symbols_and_groups_are_those_of_one_group() -> None:
    """The same symbols in a universe of one group, and in one of four: shares as uneven, in the mean and over the seconds."""
    phases = np.full(3600, int(Phase.CONTINUOUS), np.int32)
    one = load_universe()
    alone = DayRates(
        seed=3, day=DAY, universe=one, rates=Rates(), profile=load_profile("spec"), offsession="none", pacing=True,
        tick_moves=np.ones(30), volumes=day_volumes(3, DAY.date, volatility_levels(3, DAY.date, one.symbols)),
    )
    sds = [np.median(budgets(which, 9, DAY.start_ns + 9 * 3600 * 10**9, phases)[1].std(axis=0)) for which in (alone, wanted())]
    assert sds[1] == pytest.approx(sds[0], rel=0.1)


def test_a_worker_of_some_symbols_has_the_rows_of_the_whole() -> None:
    """Dealt, watched or alone: each symbol's digest is what it is among 95."""
    scenario = Scenario(
        universe=UNIVERSE, prices=PRICES, rates=RATES, start_ns=parse_ts("2025-07-01T13:29:58Z"), end_ns=parse_ts("2025-07-01T13:30:02Z")
    )
    names = [symbol.name for symbol in UNIVERSE.symbols]
    whole = _parts(scenario, names)
    assert {symbol for _, symbol, _ in whole} == set(names)
    for part in deal(scenario, names, 5)[:2]:
        assert _parts(scenario, part) == {key: value for key, value in whole.items() if key[1] in part}
    assert sorted(name for part in deal(scenario, names, 1) for name in part) == names


def _parts(scenario: Scenario, names: tuple[str, ...] | list[str]) -> dict[tuple[str, str, str], str]:
    market = Market(scenario, worker_symbols=names)
    market.run_until(scenario.end_ns)
    return market.result().digest_parts


def test_thousands_are_dealt_in_whole_groups_and_at_once() -> None:
    universe, prices = generate_universe(GenerateKeys(generate=5_000, seed=1))
    scenario = Scenario(universe=universe, prices=prices, start_ns=DAY.open_ns, end_ns=DAY.close_ns)
    names = [symbol.name for symbol in universe.symbols]
    dealt = deal(scenario, names, 8)
    assert sorted(name for part in dealt for name in part) == names
    for group in universe.groups:
        assert len({n for n, part in enumerate(dealt) if {names[i] for i in group} & set(part)}) == 1


def test_rates_scale_with_the_universe_where_the_file_says_so(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("universe: {generate: 60, seed: 2}\nrates: {for_symbols: 30, trades_min_eps: 15}\n")
    scenario = load_scenario(path)
    assert scenario.rates == Rates(market_data_min_eps=300, market_data_max_eps=1200, trades_min_eps=30, trades_max_eps=300)
    assert {bracket.source for bracket in scenario.prices.values()} == {"generated"}


@pytest.mark.parametrize(
    ("universe", "says"),
    [
        ("{generate: 0}", "universe.generate: got 0; must be at least 1"),
        ("{generate: 5_001}", "universe.generate: got 5001; must be at most 5000"),
        ("{generate: 5, sed: 1}", "the keys there are generate, seed. Did you mean seed?"),
        ("us10", "Did you mean us100?"),
        ("{venues: [], symbols: [], generate: 3}", "universe.generate: got 3; unknown key; the keys there are venues, symbols"),
    ],
)
def test_wrong_universes_say_what_is_allowed(tmp_path: Path, universe: str, says: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(f"universe: {universe}\n")
    with pytest.raises(InputError) as raised:
        load_scenario(path)
    assert says in str(raised.value)


def test_what_a_market_leaves_is_gone_before_the_next_begins() -> None:
    """Or ten of them pile up, each with the books of its symbols: memory would grow with the days of a run."""
    import gc
    import weakref

    left: list[weakref.ref[Market]] = []

    def simulate() -> int:
        market = run(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:01Z", names=("AAPL",)))
        left.append(weakref.ref(market))
        return market.rows["market_data"]

    gc.disable()
    try:
        for _ in range(2):
            with cleared():
                assert simulate() > 0
            assert left.pop()() is None
        simulate()
        assert left.pop()() is not None, "a market ends by itself: nothing needs to clear it away any more"
    finally:
        gc.enable()
        gc.collect()


def test_what_hangs_on_all_symbols_is_found_a_few_times_whatever_the_number_of_books(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a worker of a group does once a book costs as much as the universe is large: 2,000 symbols then cost twice what 30 do."""
    calls = []
    found = config.price_scales
    monkeypatch.setattr(config, "price_scales", lambda universe, closes: calls.append(len(closes)) or found(universe, closes))
    start_ns = parse_ts("2025-07-01T14:00:00Z")
    many = Scenario(universe=UNIVERSE, prices=PRICES, start_ns=start_ns, end_ns=start_ns + 1, rates=RATES)
    market = Market(many, worker_symbols=[symbol.name for symbol in UNIVERSE.symbols[:12]])
    assert market.rows == {"market_data": 0, "trades": 0}
    assert 1 <= len(calls) <= 3
