"""The market as a whole falls by 7, 13 or 20 %: everything halts everywhere, the same in every worker, and hardly ever by itself."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import scenario

from simulator.agents import Rejected, Status
from simulator.flow.profile import load_profile
from simulator.flow.skeleton import skeleton
from simulator.inputs.config import AgentSpec, Scenario, Shock
from simulator.inputs.reference_prices import Bracket
from simulator.inputs.sessions import format_ts, parse_ts, trading_days
from simulator.inputs.universe import load_universe
from simulator.market import Market
from simulator.notices import StatusReason
from simulator.records import NS_PER_MINUTE, NS_PER_MS, NS_PER_S, OrderType, Phase, Reject
from simulator.rules.market_index import HALT_S, declines, index_path

SESSION_S = 23_400
NAMES = ("AAPL", "JPM")
FALLS_NS = parse_ts("2025-07-01T16:00:05Z")
CLOSE_NS = parse_ts("2025-07-01T20:00:00Z")


def fallen(*moves: tuple[int, float], seconds: int = SESSION_S) -> list[tuple[int, int]]:
    """What a session halts whose index falls to these parts of its close before, each from that second on."""
    path = np.zeros(seconds)
    for second, part in moves:
        path[second:] = math.log(part)
    return [tuple(each) for each in declines(path)]


def test_each_level_halts_once_a_day_and_the_third_ends_it() -> None:
    assert fallen((100, 0.9301)) == []
    assert fallen((100, 0.9299)) == [(100, 1)]
    assert fallen((100, 0.93 - 1e-9), (9_000, 1.0), (9_600, 0.92)) == [(100, 1)]
    # What comes while nothing trades is seen when all trade again.
    assert fallen((100, 0.92), (500, 0.86)) == [(100, 1), (100 + HALT_S + 1, 2)]
    assert fallen((100, 0.86), (9_000, 0.92)) == [(100, 2)]
    assert fallen((100, 0.92), (5_000, 0.79), (9_000, 1.0)) == [(100, 1), (5_000, 3)]


@pytest.mark.parametrize("seconds", [SESSION_S, 12_600])
def test_from_thirty_five_minutes_before_the_close_only_the_third_level_halts(seconds: int) -> None:
    latest = seconds - 35 * 60
    assert fallen((latest - 1, 0.92), seconds=seconds) == [(latest - 1, 1)]
    assert fallen((latest, 0.86), seconds=seconds) == []
    assert fallen((latest, 0.79), seconds=seconds) == [(latest, 3)]


def test_an_ordinary_year_has_no_halt_and_an_index_that_moves_as_one() -> None:
    year = scenario("2025-01-02T14:30:00Z", "2025-12-31T21:00:00Z", profile="market", seed=5)
    days = [day for day in trading_days(year.start_ns, year.end_ns) if day.is_session][::6]
    paths = [index_path(year, day) for day in days]
    assert not any(declines(path) for path in paths)
    # Four symbols' betas times volatilities are .0207 a day in the mean, of which the market has a share of sqrt(.27); the night adds a half.
    assert np.std([path[-1] for path in paths]) == pytest.approx(0.0207 * math.sqrt(0.27 * 1.5), rel=0.35)
    steps = np.concatenate([np.diff(path) for path in paths])
    assert abs(float(steps.mean())) < 4 * float(steps.std()) / math.sqrt(len(steps))
    assert {len(path) for path in paths} <= {SESSION_S, 12_600}


def test_shocks_count_with_what_they_have_come_to_and_where_they_are_of() -> None:
    calm = scenario("2025-07-01T12:00:00Z", "2025-07-02T20:00:00Z")
    day, after = (d for d in trading_days(calm.start_ns, calm.end_ns) if d.is_session)
    second = (FALLS_NS - day.open_ns) // NS_PER_S

    def moved(shock: Shock, of: Any = day) -> np.ndarray:
        return index_path(replace(calm, shocks=(shock,)), of) - index_path(calm, of)

    fall = moved(Shock(ts_ns=FALLS_NS, symbol="*", log_return=-0.1, over_ns=2 * NS_PER_S))
    assert fall[[second - 1, second, second + 1, second + 2, -1]] == pytest.approx([0, 0, -0.05, -0.1, -0.1])
    assert moved(Shock(ts_ns=FALLS_NS, symbol="JPM", log_return=-0.1))[-1] == pytest.approx(-0.0002)
    night = Shock(ts_ns=day.close_ns + 3_600 * NS_PER_S, symbol="*", log_return=-0.1)
    assert abs(moved(night)).max() == 0
    assert moved(night, after) == pytest.approx(np.full(SESSION_S, -0.1))
    assert abs(moved(Shock(ts_ns=calm.start_ns - NS_PER_S, symbol="*", log_return=-0.1))).max() == 0  # before the run: it does nothing


def test_the_index_moves_with_the_shared_part_of_the_symbols_prices() -> None:
    """Of the mean of many symbols' efficient prices nothing else is left: sectors' and own parts cancel."""

    universe = load_universe("us100")
    base = scenario("2025-03-03T14:30:00Z", "2025-05-30T20:00:00Z", profile="market", seed=7)
    prices = {s.name: Bracket(low=90.0, high=110.0, close=100.0, source="file", date=dt.date(2025, 3, 3)) for s in universe.symbols}
    many = replace(base, universe=universe, prices=prices)
    found = []
    for day in [d for d in trading_days(many.start_ns, many.end_ns) if d.is_session][1::4]:
        bones = skeleton(many.seed, day.date, universe.symbols, prices, load_profile("market"))
        path = index_path(many, day)
        found.append((float(path[-1] - path[0]), float(np.mean(np.log(bones.close / bones.open)))))
    assert np.corrcoef(np.array(found).T)[0, 1] > 0.9


def crowd(market: Any, orders: Any, rng: Any, said: list[Any], until_ns: int) -> Any:
    """Trades with itself at every venue now and then, gives orders for a reopening when it hears of a halt, and for the close."""
    (symbol,) = market.symbols
    for side in (orders.buy, orders.sell):
        side(symbol, None, 20_000, 100, type=OrderType.LIMIT_ON_CLOSE)
    while market.now_ns < until_ns:
        came = yield market.any_of(market.status_change(symbol, "NASDAQ"), limit_ns=20 * NS_PER_S)
        if isinstance(came, Status):
            said.append((market.now_ns, came))
            if came.phase == Phase.HALTED:
                for side in (orders.buy, orders.sell):
                    side(symbol, None, 20_000, 100, type=OrderType.LIMIT_ON_OPEN)
        for venue in market.venues:
            orders.buy(symbol, venue, 20_000, 100)
            orders.sell(symbol, venue, 20_000, 100)
        said += market.read(Rejected)


def crash(log_return: float, start_ns: int, end_ns: int, *, at_ns: int = FALLS_NS, **settings: Any) -> tuple[Scenario, dict[str, list[Any]]]:
    said: dict[str, list[Any]] = {name: [] for name in NAMES}
    agents = tuple(
        AgentSpec(name=name, make=crowd, arguments={"said": said[name], "until_ns": end_ns}, symbols=(name,), latency_ns=3 * NS_PER_MS)
        for name in NAMES
    )
    shock = Shock(ts_ns=at_ns, symbol="*", log_return=log_return, over_ns=2 * NS_PER_S)
    chosen = scenario(
        format_ts(start_ns), format_ts(end_ns), names=NAMES, agents=agents, shocks=(shock,), extra_tables=("status", "imbalances"),
        **{"background": False, **settings},
    )  # fmt: skip
    return chosen, said


def rows(market: Market, symbol: str) -> list[tuple[Any, ...]]:
    found = market.pandas("status").query("venue != '' and symbol == @symbol and reason in ('MWCB', 'MWCB_3')")
    return list(zip(found.timestamp_ns.astype("int64"), found.venue, found.phase, strict=True))


def test_level_one_halts_everything_everywhere_for_a_quarter_of_an_hour() -> None:
    chosen, said = crash(-0.1, FALLS_NS - 5 * NS_PER_S, FALLS_NS + 16 * NS_PER_MINUTE)
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    trades = market.pandas("trades")
    halts = {ts_ns for name in NAMES for ts_ns, _, phase in rows(market, name) if phase == "HALTED"}
    (halted_ns,) = halts
    assert FALLS_NS < halted_ns < FALLS_NS + 4 * NS_PER_S
    due_ns = halted_ns + 900 * NS_PER_S
    for name in NAMES:
        assert [phase for _, _, phase in rows(market, name)] == ["HALTED"] * 5 + ["CONTINUOUS"] * 5
        mine = trades[trades.symbol == name]
        stamps = mine.timestamp_ns.astype("int64")
        (reopened,) = mine[mine.cond == "H"].to_dict("records")
        assert reopened["venue"] == {"AAPL": "NASDAQ", "JPM": "NYSE"}[name]
        assert due_ns < reopened["timestamp_ns"].value < due_ns + 301 * NS_PER_MS
        assert not ((stamps > halted_ns) & (stamps < due_ns)).any()
        assert {"T"} == set(mine[stamps < halted_ns].cond) == set(mine[stamps > reopened["timestamp_ns"].value].cond)
        heard = [(each[0], each[1].phase, each[1].reason) for each in said[name] if not isinstance(each, Rejected)]
        assert (halted_ns + 3 * NS_PER_MS, Phase.HALTED, StatusReason.MWCB) in heard
        assert {each.reason for each in said[name] if isinstance(each, Rejected)} == {Reject.PHASE}
    # A worker that has one of the symbols alone halts it at the same nanosecond.
    for name in NAMES:
        alone = Market(replace(chosen, end_ns=FALLS_NS + 10 * NS_PER_S), worker_symbols=[name], worker=0, workers=2)
        alone.run_until(alone.scenario.end_ns)
        assert rows(alone, name) == rows(market, name)[:5]


def test_level_three_ends_the_day_and_the_next_one_begins_as_any() -> None:
    at_ns = CLOSE_NS - 20 * NS_PER_S
    chosen, said = crash(-0.3, CLOSE_NS - 12 * NS_PER_MINUTE, CLOSE_NS + NS_PER_MINUTE, at_ns=at_ns)
    chosen = replace(chosen, end_ns=parse_ts("2025-07-02T08:00:10Z"))
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    trades = market.pandas("trades")
    stamps = trades.timestamp_ns.astype("int64")
    assert market.pandas("imbalances").paired_size.max() == 100
    assert set(trades.cond) == {"T"}  # no closing cross, though orders wait for one
    assert stamps.max() < at_ns + 4 * NS_PER_S
    for name in NAMES:
        phases = market.pandas("status").query("symbol == @name and venue == 'ARCA'")[["phase", "reason"]].values.tolist()
        assert phases[:2] == [["CONTINUOUS", "SESSION"], ["HALTED", "MWCB_3"]]
        assert phases[-1] == ["PRE_OPEN", "SESSION"]
        assert all(phase in ("HALTED", "CLOSED") for phase, _ in phases[1:-1])
        assert {each.reason for each in said[name] if isinstance(each, Rejected) and each.ts_ns > at_ns} == {Reject.CLOSED}
    imbalances = market.pandas("imbalances")
    assert imbalances.timestamp_ns.astype("int64").max() < at_ns + 4 * NS_PER_S


def test_the_background_neither_trades_nor_enters_interest_after_the_day_has_been_ended() -> None:
    at_ns = CLOSE_NS - 8 * NS_PER_S
    chosen, _ = crash(-0.3, CLOSE_NS - 12 * NS_PER_S, CLOSE_NS + 20 * NS_PER_S, at_ns=at_ns, background=True)
    chosen = replace(chosen, agents=(), extra_tables=("orders", "status"))
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    halted_ns = rows(market, "AAPL")[0][0]
    trades, orders = market.pandas("trades"), market.pandas("orders")
    assert trades.timestamp_ns.astype("int64").max() <= halted_ns
    late = orders[orders.timestamp_ns.astype("int64") > halted_ns + NS_PER_S]
    assert len(late)  # makers quote on
    assert not late.order_type.isin(["MARKET_ON_OPEN", "LIMIT_ON_OPEN", "MARKET_ON_CLOSE", "LIMIT_ON_CLOSE"]).any()
