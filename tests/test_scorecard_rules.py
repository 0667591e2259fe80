"""Small tables written by hand: what the scorecard reads from them is known to the share and the nanosecond."""

from __future__ import annotations

import math

import numpy as np
import pytest

from simulator.analysis.scorecard import ArrowTables, Card, Verdict, score
from simulator.analysis.scorecard.book_rows import Names
from simulator.analysis.scorecard.card import as_text
from simulator.analysis.scorecard.scoring import _Known, _no_rows, _read_prints
from simulator.analysis.scorecard.symbol_day import SymbolDay
from simulator.inputs.sessions import trading_days
from tests.made_market import OPEN_NS, S, books, trades

MS = 1_000_000
Level = tuple[float, float]


def row(at_ns: int, venue: str, bid: float, ask: float, size: float = 300, symbol: str = "AAPL"):  # type: ignore[no-untyped-def]
    return (OPEN_NS + at_ns, symbol, venue, [(bid, size), (round(bid - 0.01, 2), 500)], [(ask, size), (round(ask + 0.01, 2), 500)])


def quiet(*venues: str, until_s: int = 600):  # type: ignore[no-untyped-def]
    """Both ends of a stretch in which nothing happens."""
    return [row(S * k + n, venue, 100.00, 100.04) for n, venue in enumerate(venues) for k in (0, until_s)]


def card_of(book_rows, prints=()) -> Card:  # type: ignore[no-untyped-def]
    return score(ArrowTables(books(sorted(book_rows, key=lambda r: r[0])), trades(sorted(prints, key=lambda r: r[0]))))


def print_of(at_ns: int, venue: str, price: float, size: int, side: str = "B", cond: str = "T", symbol: str = "AAPL"):  # type: ignore[no-untyped-def]
    return (OPEN_NS + at_ns, symbol, venue, price, size, side, cond)


def test_locks_and_crosses_are_counted_to_the_nanosecond() -> None:
    rows = [row(0, "NASDAQ", 100.00, 100.04), row(1, "NYSE", 100.00, 100.04), row(600 * S, "NASDAQ", 100.07, 100.11)]
    rows += [row(60 * S, "NASDAQ", 100.04, 100.08), row(60 * S + 3 * MS, "NYSE", 100.03, 100.07)]  # 3 ms locked
    rows += [row(90 * S, "NASDAQ", 100.00, 100.04), row(90 * S + MS, "NYSE", 100.00, 100.04)]  # a tick wide for 1 ms: no lock
    rows += [row(120 * S, "NASDAQ", 100.07, 100.11), row(120 * S + 2 * MS, "NYSE", 100.07, 100.10)]  # 2 ms crossed by 3 ticks
    card = card_of(rows)
    assert card.finding("S15.lock_ms").value == pytest.approx(3)
    assert card.finding("S15.locked").value == pytest.approx(0.003 * 23_400 / 600, rel=1e-3)
    assert card.finding("S15.crossed").value == pytest.approx(0.002 * 23_400 / 600, rel=1e-3)
    assert card.finding("S18.depth").value == pytest.approx(3)
    assert card.finding("S18.count").value == pytest.approx(23_400 / 600, rel=1e-2)


def test_an_odd_lot_sets_no_consolidated_quote_and_small_levels_add_up() -> None:
    rows = quiet("NASDAQ", "NYSE")
    odd = (OPEN_NS + 60 * S, "AAPL", "NYSE", [(100.03, 40.0), (100.02, 40.0), (100.01, 40.0)], [(100.04, 300.0)])
    card = card_of([*rows, odd])
    ticks = card.check("S2").findings[2].value
    assert ticks == pytest.approx((60 * 4 + 540 * 3) / 600, rel=1e-3)  # 120 shares stand at 100.01 or better: that is the bid


def test_a_trade_through_is_one_that_a_better_quote_outlived() -> None:
    rows = quiet("NASDAQ", "NYSE")
    rows += [row(30 * S, "NASDAQ", 100.01, 100.06)]
    past = print_of(60 * S, "NASDAQ", 100.06, 100)  # NYSE offers at 100.04 before, then and after
    within = print_of(61 * S, "NASDAQ", 100.04, 100)
    late = print_of(90 * S - MS, "NASDAQ", 100.06, 100)  # NYSE moves away a millisecond later: it may have been in flight
    rows += [row(90 * S, "NYSE", 100.02, 100.07)]
    card = card_of(rows, [past, within, late])
    assert card.finding("S17.prints").value == pytest.approx(1 / 3)
    assert card.finding("S17.prints").verdict is Verdict.FAIL
    alone = card_of(quiet("NASDAQ"), [past])
    assert alone.finding("S17.prints").verdict is Verdict.NOT_JUDGED
    assert "single venue" in alone.finding("S17.prints").reason


def test_prints_of_one_order_are_one_parent_trade() -> None:
    run = [print_of(60 * S + n, "NASDAQ", 100.04, 10) for n in (0, 1, 2)]  # consecutive nanoseconds: one order
    run += [
        print_of(60 * S + 2, "NYSE", 100.04, 10),
        print_of(60 * S + 9, "NASDAQ", 100.04, 10),
        print_of(60 * S + 10, "NASDAQ", 100.0, 10, "S"),
    ]
    known = _Known(Names(), Names(), {})
    prints, _ = _read_prints(trades(run), known)
    day = trading_days(OPEN_NS, OPEN_NS + 1)[0]
    parents = SymbolDay("AAPL", day, tuple(known.venues.all), None, 100, _no_rows(), prints, OPEN_NS, OPEN_NS + 600 * S).parents
    assert sorted(parents.size.tolist()) == [10, 10, 10, 30]
    assert len(parents) == 4


def shown(after_size: float, at_ns: int = 60 * S + 1):  # type: ignore[no-untyped-def]
    """The row after a print of 100 against 300 at 100.04."""
    return (OPEN_NS + at_ns, "AAPL", "NASDAQ", [(100.0, 300.0), (99.99, 500.0)], [(100.04, after_size), (100.05, 500.0)])


@pytest.mark.parametrize(
    ("after", "printed", "faults", "hidden"),
    [
        (200.0, print_of(60 * S, "NASDAQ", 100.04, 100), 0, 0.0),
        (150.0, print_of(60 * S, "NASDAQ", 100.04, 100), 1, 0.0),  # 150 gone, 100 printed
        (300.0, print_of(60 * S, "NASDAQ", 100.04, 100), 0, 1.0),  # a reserve showed as much again
        (300.0, print_of(60 * S, "NASDAQ", 100.02, 100), 0, 1.0),  # inside the spread
        (300.0, print_of(60 * S, "NASDAQ", 100.00, 100), 1, 1.0),  # a buyer at the bid
        (300.0, print_of(60 * S, "NASDAQ", 100.05, 100), 1, 1.0),  # past 100.04, which stayed
    ],
)
def test_a_print_and_the_book_around_it(after: float, printed: tuple, faults: int, hidden: float) -> None:  # type: ignore[type-arg]
    card = card_of([*quiet("NASDAQ"), shown(after)], [printed])
    assert card.finding("S1.prints").value == faults
    assert card.finding("S1.hidden").value == hidden


def test_a_row_of_somebody_else_says_nothing_about_a_print() -> None:
    card = card_of([*quiet("NASDAQ"), shown(100.0, 60 * S + 5 * MS)], [print_of(60 * S, "NASDAQ", 100.04, 100)])
    assert card.finding("S1.prints").value == 0


@pytest.mark.parametrize(
    ("bids", "asks"),
    [
        ([(100.0, 300.0), (100.0, 300.0)], [(100.04, 300.0)]),
        ([(100.0, 300.0)], [(100.04, 300.0), (100.03, 300.0)]),
        ([(100.0, 0.0)], [(100.04, 300.0)]),
        ([(100.005, 300.0)], [(100.04, 300.0)]),
        ([(100.05, 300.0)], [(100.04, 300.0)]),
    ],
)
def test_a_row_that_breaks_a_rule(bids: list[Level], asks: list[Level]) -> None:
    card = card_of([*quiet("NASDAQ"), (OPEN_NS + 60 * S, "AAPL", "NASDAQ", bids, asks)])
    assert card.finding("S1.rows").value == 1
    assert card.check("S1").verdict is Verdict.FAIL


def test_rows_out_of_time_order_and_rows_that_repeat() -> None:
    good = quiet("NASDAQ", until_s=600)
    late = ArrowTables(books([good[0], good[1], row(60 * S, "NASDAQ", 100.01, 100.05)]), trades([]))
    assert score(late).finding("S1.order").value == 1
    assert card_of(good).finding("S19.repeats").value == pytest.approx(1 / 2)


def test_crosses_at_the_wrong_place_or_time_and_prints_beyond_the_limit() -> None:
    close = 23_400 * S
    rows = [row(k * S, "NASDAQ", 100.0, 100.04) for k in (0, 23_400)]
    right = [print_of(5 * MS, "NASDAQ", 100.02, 5_000, cond="O"), print_of(close + 7 * MS, "NASDAQ", 100.02, 20_000, cond="C")]
    steady = [print_of(k * S, "NASDAQ", 100.02, 100) for k in range(10, 23_000, 20)]
    card = card_of(rows, [*right, *steady])
    assert (card.finding("S1.session").value, card.finding("S1.luld").value, card.finding("S5.whole_second").value) == (0, 0, 0)
    assert card.finding("S5.close_share").value == pytest.approx(20_000 / (25_000 + 100 * len(steady)))
    elsewhere = [
        *right,
        *steady,
        print_of(close + 8 * MS, "IEX", 100.02, 10, cond="C"),
        print_of(3_600 * 2 * S, "NASDAQ", 100.02, 10, cond="O"),
    ]
    assert card_of(rows, elsewhere).finding("S1.session").value >= 2
    gap = [
        print_of(9_001 * S, "NASDAQ", 106.0, 100),
        print_of(22_500 * S, "NASDAQ", 106.0, 100),
    ]  # the bands are doubled in the last 25 minutes
    assert card_of(rows, [*right, *steady, *gap]).finding("S1.luld").value == 1


def test_a_reopening_is_the_reference_of_what_follows_it() -> None:
    rows = [row(k * S, "NASDAQ", 100.0, 100.04) for k in (0, 23_400)]
    before = [print_of(k * S, "NASDAQ", 100.02, 100) for k in range(10, 9_000, 20)]
    after = [print_of(k * S, "NASDAQ", 90.02, 100) for k in range(9_301, 10_000, 20)]
    reopening = print_of(9_300 * S, "NASDAQ", 90.00, 5_000, cond="H")
    assert card_of(rows, [*before, reopening, *after]).finding("S1.luld").value == 0
    within_its_second = [print_of(int(9_300.2 * S), "NASDAQ", 90.00, 5_000, cond="H"), print_of(int(9_300.4 * S), "NASDAQ", 90.02, 100)]
    assert card_of(rows, [*before, *within_its_second, *after]).finding("S1.luld").value == 0
    assert card_of(rows, [*before, reopening, *after, print_of(9_302 * S, "NASDAQ", 96.0, 10)]).finding("S1.luld").value == 1
    assert card_of(rows, [*before, *after]).finding("S1.luld").value == 1  # the same without a pause: what comes next counts from the first


@pytest.mark.parametrize(("climb", "length", "outside"), [(0.04, 400, False), (0.08, 400, False), (0.08, 100, True), (0.3, 400, True)])
def test_the_reference_follows_each_second_and_stands_thirty(climb: float, length: int, outside: bool) -> None:
    """A price that runs: by the same rule, said print by print and second by second."""
    rng = np.random.default_rng(length)
    times = np.sort(rng.uniform(1, 3_600, 2_500)).tolist()
    prices = [round(10_000 * (1 + climb * min(max((t - 1_007) / length, 0.0), 1.0))) * 100 for t in times]
    sizes = rng.choice([50, 100, 300], len(times)).tolist()
    expected, reference, since = 0, 1e6, 0
    for n in range(1, 3_601):
        window = [p for t, p, size in zip(times, prices, sizes, strict=True) if max(n - 300, 0) <= t < n and size >= 100]
        mean = math.floor(sum(window) / len(window) / 100 + 0.5) * 100 if window else reference  # to a tick
        if n - since >= 30 and abs(mean / reference - 1) >= 0.01:
            reference, since = mean, n
        expected += sum(abs(p - reference) > 0.05 * reference + 100 for t, p in zip(times, prices, strict=True) if n <= t < n + 1)
    rows = [row(k * S, "NASDAQ", 100.0, 100.04) for k in (0, 23_400)]
    prints = [print_of(int(t * S), "NASDAQ", p / 10_000, size) for t, p, size in zip(times, prices, sizes, strict=True)]
    card = card_of(rows, [print_of(5 * MS, "NASDAQ", 100.0, 5_000, cond="O"), *prints])
    assert card.finding("S1.luld").value == expected
    assert (expected > 0) == outside


def test_conditions_of_a_real_tape_are_understood() -> None:
    rows = quiet("NASDAQ", "NYSE", until_s=23_400)
    prints = [
        print_of(60 * S, "NASDAQ", 100.04, 50, cond="@"),
        print_of(23_400 * S, "NASDAQ", 100.04, 900, cond="6"),
        print_of(23_401 * S, "NASDAQ", 100.04, 900, cond="Q"),
    ]
    card = card_of(rows, prints)
    assert card.prints == 2
    assert card.finding("S5.close_share").value == pytest.approx(900 / 950)


def test_round_lots_follow_the_price_from_november_2025() -> None:
    later = 125 * 86_400 * S + 3_600 * S  # 3 November 2025, an hour later by the clock of UTC
    bids, asks = [(500.0, 40.0), (499.99, 100.0)], [(500.04, 40.0), (500.09, 100.0)]
    for shift, ticks in ((0, 10), (later, 4)):
        table = books([(OPEN_NS + shift + k * S, "META", "NASDAQ", bids, asks) for k in (1, 600)])
        tape = trades([(OPEN_NS + shift + 60 * S, "META", "NASDAQ", 500.04, 10, "B", "T")])
        assert score(ArrowTables(table, tape)).finding("S2.min_ticks").value == pytest.approx(ticks)


def test_text_fits_eighty_columns_and_counts_add_up() -> None:
    card = card_of(quiet("NASDAQ", "NYSE"), [print_of(60 * S, "NASDAQ", 100.04, 50)])
    text = as_text(card)
    assert max(map(len, text.splitlines())) <= 80
    assert [check.key for check in card.checks] == [f"S{n}" for n in range(1, 21)]
    assert card.counts() in " ".join(text.split())


def test_the_response_to_a_trade_that_moves_the_price_by_a_tick() -> None:
    signs = np.where(np.random.default_rng(0).random(3_000) < 0.5, 1, -1)
    ticks = 50_000 + np.cumsum(signs)
    rows, prints = [row(0, "NASDAQ", 500.00, 500.04)], []
    for i, (sign, mid) in enumerate(zip(signs.tolist(), ticks.tolist(), strict=True)):
        at = (2 * i + 1) * S
        price = (mid - sign) / 100 + (0.04 if sign > 0 else 0.0)
        prints.append(print_of(at, "NASDAQ", round(price, 2), 100, "B" if sign > 0 else "S"))
        rows.append(row(at + 1, "NASDAQ", round(mid / 100, 2), round(mid / 100 + 0.04, 2)))
    card = card_of(rows, prints)
    assert card.finding("S13.r1").value == pytest.approx(0.5, abs=0.02)  # a tick over a half-spread of two
    assert card.finding("S13.grow").value == pytest.approx(1, abs=0.3)
    assert card.check("S13").verdict is Verdict.PASS
