"""Limit up, limit down: references and bands against a checker that knows the prints alone, limit states, pauses, and orders at the bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from helpers import scenario
from scripted import BASE_NS, Act, actor

from simulator.agents import Fill, Rejected, Status
from simulator.analysis.happened import happened
from simulator.inputs.config import AgentSpec, Scenario
from simulator.inputs.scenario_file import find_scenario, load_scenario
from simulator.inputs.sessions import format_ts, parse_ts
from simulator.market import Market
from simulator.notices import StatusReason
from simulator.records import NS_PER_MINUTE, NS_PER_S, CrossKind, OrderType, Reject, Side
from simulator.rules.price_bands import PriceBands, band_width

CLOSE_NS = parse_ts("2025-07-01T20:00:00Z")
A = ("AAPL", "NASDAQ")
BANDS = ["reference_price", "lower_band", "upper_band"]
MS = NS_PER_S // 1000


@pytest.mark.parametrize(
    ("reference", "width"), [(20_000, 1_000), (301, 15), (300, 60), (75, 15), (74, 15), (20, 15), (16, 12), (10_003, 500)]
)  # fmt: skip
def test_the_width_of_the_bands_goes_by_the_price(reference: int, width: int) -> None:
    assert band_width(reference, 100) == width
    assert abs(band_width(reference, 100, doubled=True) - 2 * width) <= 1
    assert band_width(reference * 100, 1) == pytest.approx(100 * width, abs=50)


# --- the checker ---------------------------------------------------------------------------------------------------------


def bands_of_prints(trades: pd.DataFrame, first: tuple[int, int], halts: Sequence[int], end_ns: int, lot: int = 100) -> list[tuple[int, ...]]:
    """(ns, reference, lower, upper) in ticks of a symbol above 3 USD, from its prints, its first reference, and when it was halted."""
    crossed = {int(row.ns): round(row.price * 100) for row in trades[trades.cond == "H"].itertuples()}
    prints = [(int(row.ns), round(row.price * 100)) for row in trades[(trades.cond == "T") & (trades["size"] >= lot)].itertuples()]
    found: list[tuple[int, ...]] = []

    def tell(ns: int, reference: int) -> None:
        width = int((0.10 if ns >= CLOSE_NS - 25 * NS_PER_MINUTE else 0.05) * reference + 0.5)
        found.append((ns, reference, reference - width, reference + width))

    since, reference = first
    tell(*first)
    counts_from, is_halted = since, False
    for second in range(since + NS_PER_S, end_ns, NS_PER_S):
        for ns, price in crossed.items():
            if second - NS_PER_S <= ns < second:
                tell(ns, price)
                reference, since, counts_from, is_halted = price, second - NS_PER_S, second - NS_PER_S, False
        if second in halts:
            is_halted = True
        if is_halted or second - since < 30 * NS_PER_S:
            continue
        recent = [price for ns, price in prints if max(counts_from, second - 300 * NS_PER_S) <= ns < second]
        mean = int(sum(recent) / len(recent) + 0.5) if recent else reference
        if abs(mean - reference) >= 0.01 * reference:
            reference, since = mean, second
            tell(second, reference)
    return found


def told_bands(status: pd.DataFrame) -> list[tuple[int, ...]]:
    """The same from the table."""
    rows = status[(status.venue == "") & status.reference_price.notna()]
    found: list[tuple[int, ...]] = []
    for row in rows.itertuples():
        bands = tuple(round(getattr(row, name) * 100) for name in BANDS)
        if row.reason == "LULD" and (not found or found[-1][1:] != bands):
            found.append((int(row.timestamp_ns.value), *bands))
    return found


def prints_outside(trades: pd.DataFrame, told: list[tuple[int, ...]], halts: Sequence[int]) -> int:
    """Continuous prints beyond the bands of their instant, or in a halt."""
    outside = 0
    ends = sorted([(ns, (0, 0)) for ns in halts] + [(ns, bands) for ns, _, *bands in told], key=lambda each: each[0])
    for row in trades[trades.cond == "T"].itertuples():
        now = [bands for ns, bands in ends if ns <= row.ns]
        if now:
            low, high = now[-1]
            outside += not low <= round(row.price * 100) <= high
    return outside


def of(market: Market, table: str, symbol: str) -> pd.DataFrame:
    frame = market.pandas(table)
    frame = frame[frame.symbol == symbol].copy()
    frame["ns"] = frame.timestamp_ns.astype("int64")
    return frame


def halts_of(status: pd.DataFrame) -> list[int]:
    return sorted(set(status[status.phase == "HALTED"].ns))


@pytest.fixture(scope="module")
def gap() -> Market:
    """The ready scenario: NVDA falls by 8 % in twenty seconds."""
    market = Market(replace(load_scenario(find_scenario("halt")), levels=1))
    market.run_until(market.scenario.end_ns)
    return market


def test_a_gap_is_paused_and_reopens_with_a_cross(gap: Market) -> None:
    shock = gap.scenario.shocks[0]
    status, trades = of(gap, "status", "NVDA"), of(gap, "trades", "NVDA")
    (halted_ns,) = halts_of(status)
    limit = status[status.reason == "LIMIT_STATE"]
    assert shock.ts_ns < limit.ns.iloc[0] <= halted_ns - 15 * NS_PER_S < shock.ts_ns + 60 * NS_PER_S
    (reopened,) = trades[trades.cond == "H"].to_dict("records")
    assert halted_ns + 300 * NS_PER_S < reopened["ns"] < halted_ns + 301 * NS_PER_S
    assert reopened["size"] > 100
    before = trades[trades.ns < shock.ts_ns].price.iloc[-1]
    assert -0.10 < reopened["price"] / before - 1 < -0.06
    assert not ((trades.ns > halted_ns) & (trades.ns < reopened["ns"])).any()
    assert set(trades[trades.ns > reopened["ns"]].venue) == set(gap.venues)
    told = status[(status.venue == "") & (status.ns == halted_ns)]
    assert told[told.reason == "LULD"][BANDS].isna().all(axis=None)
    (collar,) = told[told.reason == "COLLAR"][BANDS].to_numpy().tolist()
    lower, upper = status[(status.reason == "LULD") & status.lower_band.notna() & (status.ns < halted_ns)][BANDS[1:]].iloc[-1]
    reference = (lower + upper) / 2
    assert collar == pytest.approx([lower, lower - 0.05 * reference, upper], abs=0.011)
    assert collar[1] <= reopened["price"] <= collar[2]
    assert not halts_of(of(gap, "status", "AAPL"))


def check(trades: pd.DataFrame, status: pd.DataFrame, end_ns: int) -> None:
    told = told_bands(status)
    halts = halts_of(status)
    assert bands_of_prints(trades, told[0][:2], halts, end_ns) == told  # type: ignore[arg-type]
    assert prints_outside(trades, told, halts) == 0


@pytest.mark.parametrize("symbol", ["NVDA", "AAPL"])
def test_bands_are_those_of_the_prints_alone(gap: Market, symbol: str) -> None:
    trades, status = of(gap, "trades", symbol), of(gap, "status", symbol)
    check(trades, status, gap.scenario.end_ns)
    if symbol == "NVDA":
        assert len(told_bands(status)) >= 2


def late_reference(trades: pd.DataFrame, status: pd.DataFrame) -> None:
    rows = status.index[(status.venue == "") & status.reference_price.notna()]
    status.loc[rows[-1], "reference_price"] += 0.01


def wide_band(trades: pd.DataFrame, status: pd.DataFrame) -> None:
    rows = status.index[(status.venue == "") & status.reference_price.notna()]
    status.loc[rows[0], "upper_band"] += 0.01


def odd_print(trades: pd.DataFrame, status: pd.DataFrame) -> None:
    halted_ns = halts_of(status)[0]
    last = trades.index[(trades.ns < halted_ns) & (trades.cond == "T")][-1]
    trades.loc[last, "price"] *= 0.97


def print_in_the_pause(trades: pd.DataFrame, status: pd.DataFrame) -> None:
    first = trades.index[(trades.ns > halts_of(status)[0]) & (trades.cond == "T")][0]
    trades.loc[first, "ns"] = halts_of(status)[0] + NS_PER_S


def wrong_reopening(trades: pd.DataFrame, status: pd.DataFrame) -> None:
    trades.loc[trades.cond == "H", "price"] += 0.02


@pytest.mark.parametrize("fault", [late_reference, wide_band, odd_print, print_in_the_pause, wrong_reopening], ids=lambda fault: fault.__name__)
def test_the_checker_finds_faults(gap: Market, fault: Callable[[pd.DataFrame, pd.DataFrame], None]) -> None:
    trades, status = of(gap, "trades", "NVDA"), of(gap, "status", "NVDA")
    fault(trades, status)
    with pytest.raises(AssertionError):
        check(trades, status, gap.scenario.end_ns)


# --- what happens, against the same seed without it ------------------------------------------------------------------------


def shortened(name: str, minutes: int) -> Scenario:
    chosen = load_scenario(find_scenario(name))
    return replace(chosen, end_ns=chosen.start_ns + minutes * NS_PER_MINUTE)


def test_with_bands_twice_as_wide_the_gap_is_not_paused(monkeypatch: pytest.MonkeyPatch) -> None:
    """And without the shock nothing is paused either."""
    chosen = shortened("halt", 6)
    it = happened(chosen)
    assert (it.pauses, it.put_off) == (1, 0)
    assert happened(replace(chosen, shocks=())).pauses == 0
    monkeypatch.setattr("simulator.rules.price_bands.WIDTHS", 2)
    it = happened(chosen)
    assert it.pauses == 0
    assert it.largest_move < -0.06


def test_news_moves_a_stock_without_a_pause() -> None:
    chosen = shortened("news_shock", 7)
    it, without = happened(chosen), happened(replace(chosen, shocks=()))
    assert it.pauses == without.pauses == 0
    assert 0.014 < it.largest_move < 0.026
    assert 0.012 < it.final_change < 0.028, "it stays"
    assert abs(without.largest_move) < 0.008


def test_a_crash_pauses_every_stock_and_comes_back() -> None:
    chosen = load_scenario(find_scenario("flash_crash"))
    it, without = happened(chosen), happened(replace(chosen, shocks=(), end_ns=chosen.start_ns + 12 * NS_PER_MINUTE))
    assert without.pauses == 0
    assert it.pauses >= 4
    assert it.deepest_fall < -0.09
    assert it.final_change > -0.05
    assert without.deepest_fall > -0.03


# --- limit states and orders, in a market of agents alone ------------------------------------------------------------------


def quiet(*acts: Act, seconds: int, heard: list[Any] | None = None, start: str = "2025-07-01T14:00:00Z") -> Market:
    """AAPL at 100.00, quoted by an agent from the start on; bands 95.00 and 105.00 from the first second on."""
    quotes = (Act(0, "buy", (*A, 9_990, 100)), Act(0, "sell", (*A, 10_010, 100)), Act(0, "sell", (*A, 10_600, 400)))
    agent = actor((*quotes, *acts), heard, symbols=("AAPL",))
    chosen = scenario(start, format_ts(parse_ts(start) + seconds * NS_PER_S), names=("AAPL",), background=False, agents=(agent,), extra_tables=("status", "orders"))
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    return market


def test_orders_of_agents_are_capped_at_the_bands() -> None:
    heard: list[Any] = []
    market = quiet(
        Act(1_500 * MS, "buy", (*A, 0, 150), {"type": OrderType.MARKET}),
        Act(1_600 * MS, "sell", (*A, 9_000, 500)),
        Act(1_700 * MS, "buy", (*A, 10_700, 450)),
        Act(1_800 * MS, "sell", (*A, 0, 100)),
        seconds=3, heard=heard,
    )  # fmt: skip
    trades = market.pandas("trades")
    # At market it takes the offer at 100.10 and leaves that at 106.00; the seller takes the bid, its rest stands at 95.00 and is bought.
    assert [(row.price, row.size) for row in trades.itertuples()] == [(100.10, 100), (99.90, 100), (95.00, 400)]
    assert [(bands[1:]) for bands in told_bands(of(market, "status", "AAPL"))] == [(10_000, 9_500, 10_500)]
    assert sum(isinstance(message, Fill) for _, message in heard) == 6
    (refused,) = [message for _, message in heard if isinstance(message, Rejected)]
    assert refused.reason == Reject.BAD_PRICE, "a limit of 0 is none, with bands as without"
    orders = market.pandas("orders")
    assert orders.price.max() == 106.0
    assert market.book("AAPL", "NASDAQ").levels(Side.BUY, 1)[0][0] == 10_500


def test_a_replaced_order_is_capped_too() -> None:
    def replaces(market: Any, orders: Any, rng: Any) -> Any:
        ref = orders.buy(*A, 9_990, 100)
        orders.sell(*A, 10_010, 100)
        yield market.wait(1_500 * MS)
        orders.cancel(orders.sell(*A, 10_020, 1))
        orders.replace(ref, 11_000, 300)

    chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:03Z", names=("AAPL",), background=False, agents=(AgentSpec(name="one", make=replaces),))
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    assert market.book("AAPL", "NASDAQ").levels(Side.BUY, 1)[0][0] == 10_500


def test_orders_that_new_bands_leave_outside_are_cancelled() -> None:
    """Before there were any, say."""
    heard: list[Any] = []
    market = quiet(Act(500 * MS, "buy", ("AAPL", "NYSE", 9_400, 100)), Act(500 * MS, "sell", ("AAPL", "NYSE", 9_410, 300)), seconds=3, heard=heard)
    # The offer at 94.10 takes nothing at NYSE and stands; with the bid of 99.90 the market is crossed, its midpoint 97.00.
    status = told_bands(of(market, "status", "AAPL"))
    assert [bands[1:] for bands in status] == [(9_700, 9_215, 10_185)]
    levels = [market.book("AAPL", venue).levels(side, 1) for venue in ("NASDAQ", "NYSE") for side in Side]
    assert levels == [[(9_990, 100)], [(10_010, 100)], [(9_400, 100)], [(9_410, 300)]]
    market._exchange.bands[0] = (9_500, 10_500)
    market._endings.beyond_bands(0)
    assert market.book("AAPL", "NYSE").levels(Side.SELL, 1) == []
    assert market.book("AAPL", "NYSE").levels(Side.BUY, 1) == [(9_400, 100)]


def test_a_limit_state_of_fifteen_seconds_is_a_pause_of_five_minutes() -> None:
    market = quiet(Act(1_500 * MS, "buy", (*A, 10_700, 450)), seconds=330)
    status = of(market, "status", "AAPL")
    # The bid takes what is offered at 100.10 and stands at 105.00: the look at 2 s finds it. Nothing meets it in the cross, so that it
    # stands there still when the symbol trades again, with bands from 318 s on around the reference that it had.
    assert [ns - BASE_NS for ns in status[status.reason == "LIMIT_STATE"].ns] == [2 * NS_PER_S, 319 * NS_PER_S]
    (halted_ns,) = halts_of(status)
    assert halted_ns == BASE_NS + 17 * NS_PER_S
    assert set(status[status.phase == "HALTED"].reason) == {"LULD"}
    resumed = status[(status.phase == "CONTINUOUS") & (status.ns > halted_ns)].ns
    assert len(resumed) == 5
    assert halted_ns + 300 * NS_PER_S < resumed.iloc[0] < halted_ns + 301 * NS_PER_S


def test_a_limit_state_that_ends_is_no_pause() -> None:
    def passes(market: Any, orders: Any, rng: Any, heard: list[Any]) -> Any:
        orders.buy(*A, 9_990, 100)
        orders.sell(*A, 10_010, 100)
        yield market.wait(1_500 * MS)
        ref = orders.buy(*A, 10_700, 200)
        yield market.wait(14 * NS_PER_S)
        orders.cancel(ref)
        yield market.wait(NS_PER_S)
        heard.append(market.status("AAPL", "NASDAQ"))

    heard: list[Any] = []
    agent = AgentSpec(name="one", make=passes, arguments={"heard": heard})
    chosen = scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:40Z", names=("AAPL",), background=False, agents=(agent,), extra_tables=("status",))
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    status = of(market, "status", "AAPL")
    bands = status[status.venue == ""]
    assert list(bands.reason) == ["LULD", "LIMIT_STATE", "LULD"]
    assert [ns - BASE_NS for ns in bands.ns] == [NS_PER_S, 2 * NS_PER_S, 16 * NS_PER_S]
    assert not halts_of(status)
    (last,) = heard
    assert isinstance(last, Status)
    assert (last.reason, last.lower_ticks, last.upper_ticks) == (StatusReason.LULD, 9_500, 10_500)


def test_late_bands_are_twice_as_wide_and_a_late_pause_ends_with_the_closing_cross() -> None:
    def late(market: Any, orders: Any, rng: Any) -> Any:
        orders.buy(*A, 9_990, 100)
        orders.sell(*A, 10_010, 100)
        orders.buy("AAPL", None, 0, 100, type=OrderType.MARKET_ON_CLOSE)
        orders.sell("AAPL", None, 10_000, 100, type=OrderType.LIMIT_ON_CLOSE)
        yield market.until(CLOSE_NS - 14 * NS_PER_MINUTE)
        orders.sell(*A, 9_000, 200)

    start_ns = CLOSE_NS - 26 * NS_PER_MINUTE
    chosen = scenario(
        format_ts(start_ns), format_ts(CLOSE_NS + 20 * NS_PER_S), names=("AAPL",), background=False,
        agents=(AgentSpec(name="late", make=late),), extra_tables=("status",),
    )  # fmt: skip
    market = Market(chosen)
    market.run_until(chosen.end_ns)
    status = of(market, "status", "AAPL")
    assert told_bands(status)[:2] == [
        (start_ns + NS_PER_S, 10_000, 9_500, 10_500), (CLOSE_NS - 25 * NS_PER_MINUTE, 10_000, 9_000, 11_000),
    ]  # fmt: skip
    (halted_ns,) = halts_of(status)
    assert CLOSE_NS - 14 * NS_PER_MINUTE < halted_ns < CLOSE_NS - 13 * NS_PER_MINUTE
    crosses = market.pandas("trades").query("cond != 'T'")
    assert list(crosses.cond) == ["C"]


def test_a_reopening_beyond_the_collars_is_put_off_and_they_widen() -> None:
    market = quiet(Act(1_500 * MS, "sell", (*A, 9_000, 450)), seconds=19)
    bands: PriceBands = market._bands
    assert halts_of(of(market, "status", "AAPL")) == [BASE_NS + 17 * NS_PER_S]
    assert bands._may_reopen(0, 9_000) == bands._may_reopen(0, 10_500) == 0
    assert bands._may_reopen(0, 8_999) == market.now_ns + 5 * NS_PER_MINUTE
    assert bands._may_reopen(0, 8_500) == 0
    assert bands._may_reopen(0, 10_501) > 0
    assert bands._may_reopen(0, 0) == 0
    rows = [row[3:] for row in bands._board._rows["status"] if row[4] == StatusReason.COLLAR]
    ticks = [(9_500, 9_000, 10_500), (9_000, 8_500, 10_500), (8_500, 8_000, 10_500)]
    assert [tuple(price // 100 for price in row[2:]) for row in rows] == ticks[-len(rows) :]
    assert len(rows) >= 2


def test_neither_slices_nor_the_other_symbols_move_a_row_of_a_pause() -> None:
    """The looks come with the flow's seconds, and what they find is done in Python."""
    chosen = replace(shortened("halt", 9), levels=1)
    whole, cut = Market(chosen), Market(replace(chosen, only=("NVDA",), slice_ns=370_000_007))
    for market in (whole, cut):
        market.run_until(market.scenario.end_ns)
    parts = {key: part for key, part in whole.result().digest_parts.items() if key[1] == "NVDA"}
    assert cut.result().digest_parts == parts
    assert len(parts) == 4
    assert [cross.kind for cross in cut.result().crosses] == [CrossKind.RESUME]
