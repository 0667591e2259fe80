"""Each check of the scorecard has power: a market made for it passes, and the control that lacks the one property fails."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from simulator.analysis.scorecard import Card, Verdict, overnight, score
from simulator.analysis.scorecard.parts import Key
from tests.made_market import NAMES, VENUES, Made, make

SEED = 3


def verdicts(card: Card, *keys: str) -> dict[str, Verdict]:
    return {key: card.finding(key).verdict for key in keys}


def all_pass(card: Card, *checks: str) -> None:
    failed = {f.key: f.value for key in checks for f in card.check(key).findings if f.verdict is Verdict.FAIL}
    assert not failed
    assert {card.check(key).verdict for key in checks} == {Verdict.PASS}


@pytest.fixture(scope="module")
def made() -> Made:
    return make(SEED, seconds=10_800, rate=1.4)


@pytest.fixture(scope="module")
def base(made: Made) -> Card:
    return score(made.source())


def test_the_market_made_for_it_passes(base: Card) -> None:
    all_pass(base, "S6", "S11", "S12", "S15", "S16", "S17")
    assert base.finding("S2.spearman").verdict is Verdict.PASS
    assert base.finding("S19.line_rows").verdict is Verdict.PASS


def test_shuffled_signs_fail_the_memory_of_signs(made: Made) -> None:
    signs = made.print["sign"].copy()
    for number in range(len(NAMES)):
        mine = np.flatnonzero(made.print["symbol"] == number)
        signs[mine] = np.random.default_rng(number).permutation(signs[mine])
    card = score(replace(made, print={**made.print, "sign": signs}).source())
    assert verdicts(card, "S12.c10", "S12.c100") == {"S12.c10": "fail", "S12.c100": "fail"}


def test_shuffled_venue_labels_fail_the_venues(made: Made) -> None:
    rng = np.random.default_rng(1)
    book = {**made.book, "venue": rng.integers(0, len(VENUES), len(made.book["ts"]))}
    prints = {**made.print, "venue": rng.integers(0, len(VENUES), len(made.print["ts"]))}
    card = score(replace(made, book=book, print=prints).source())
    assert card.check("S6").verdict is Verdict.FAIL
    assert verdicts(card, "S15.first", "S15.crossed") == {"S15.first": "fail", "S15.crossed": "fail"}
    assert card.finding("S15.first").value == pytest.approx(0.2, abs=0.06)


def test_one_book_copied_five_times_never_locks() -> None:
    card = score(make(SEED, seconds=3_600, copied=True).source())
    assert verdicts(card, "S15.locked", "S15.lag_ms") == {"S15.locked": "fail", "S15.lag_ms": "fail"}
    assert card.finding("S15.locked").value < 1e-5


def test_prints_that_ignore_other_venues_trade_through(base: Card) -> None:
    card = score(make(SEED, seconds=3_600, ignorant=True).source())
    assert card.finding("S17.prints").verdict is Verdict.FAIL
    assert card.finding("S17.prints").value > 0.5 > base.finding("S17.prints").value


def test_poisson_flow_is_no_cluster(base: Card) -> None:
    card = score(make(SEED, seconds=4_000, rate=1.4, branching=0.0).source())
    assert verdicts(card, "S11.mid", "S11.trades", "S19.fano") == {"S11.mid": "fail", "S11.trades": "fail", "S19.fano": "fail"}
    assert card.finding("S11.trades").value < 0.4 < base.finding("S11.trades").value


def test_independent_symbols_fail_the_cross_section() -> None:
    card = score(make(SEED, seconds=10_800, independent=True).source())
    assert card.finding("S16.rho").verdict is Verdict.FAIL
    assert abs(card.finding("S16.rho").value) < 0.1


def test_shuffled_minutes_have_no_clusters() -> None:
    made = make(SEED, seconds=23_400, rate=0.3)
    card = score(made.source())
    assert verdicts(card, "S10.lag1", "S10.lag10") == {"S10.lag1": "pass", "S10.lag10": "pass"}
    shuffled = score(made.with_shuffled_minutes().source())
    assert verdicts(shuffled, "S10.lag1", "S10.lag10") == {"S10.lag1": "fail", "S10.lag10": "fail"}


def nights(pull: float, share: float, days: int = 260, symbols: int = 8) -> list[overnight.Part]:
    """Skeletons of days: overnight variance ``share`` of the whole, less ``pull`` times the move of the day before."""
    rng = np.random.default_rng(2)
    parts = []
    for n in range(symbols):
        price = 5.0
        before = 0.0
        for day in range(days):
            opened = price + rng.normal() * 0.01 * np.sqrt(share / (1 - share)) - pull * before
            price = opened + (before := rng.normal() * 0.01)
            parts.append(overnight.Part(Key(f"S{n}", str(day), None, True, 23_400), day, opened, price))
    return parts


def test_a_day_that_snaps_back_fails_the_nights() -> None:
    good = {f.key: f for f in overnight.judge(nights(0.0, 1 / 3)).findings}
    assert (good["S20.share"].verdict, good["S20.corr"].verdict) == ("pass", "pass")
    assert good["S20.share"].value == pytest.approx(1 / 3, abs=0.03)
    back = {f.key: f for f in overnight.judge(nights(0.9, 1 / 3)).findings}
    assert back["S20.corr"].verdict is Verdict.FAIL
    assert back["S20.corr"].value < -0.5
    short = {f.key: f for f in overnight.judge(nights(0.9, 1 / 3, days=30)).findings}
    assert (short["S20.share"].verdict, short["S20.corr"].verdict) == ("fail", "not judged")
