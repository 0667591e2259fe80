"""Each check of the scorecard has power: a market made for it passes, and the control that lacks one property fails it and no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

from simulator.analysis.scorecard import Card, Verdict, overnight, score
from simulator.analysis.scorecard.parts import Key
from tests.made_market import Made, make

SEED = 3
BY_CHANCE = ("S9.acf1", "S12.c100", "S13.", "S16.sector")
"""What three hours of six symbols that no trade moves show of these is chance: their failing says nothing."""


def made_with(**taken: Any) -> Made:
    return make(SEED, seconds=10_800, rate=1.4, **taken)


def verdicts(card: Card) -> dict[str, Verdict]:
    return {finding.key: finding.verdict for check in card.checks for finding in check.findings}


@pytest.fixture(scope="module")
def base() -> Card:
    return score(made_with().source())


def test_the_market_made_for_it_passes(base: Card) -> None:
    checks = ("S1", "S6", "S11", "S12", "S15", "S16", "S17")
    failed = {f.key: f.value for key in checks for f in base.check(key).findings if f.verdict is Verdict.FAIL and f.key != "S1.hidden"}
    assert not failed
    assert {base.check(key).verdict for key in checks[1:]} == {Verdict.PASS}
    of_base = verdicts(base)
    assert {of_base[key] for key in ("S2.spearman", "S10.lag1", "S19.fano", "S19.line_rows")} == {Verdict.PASS}


CONTROLS: dict[str, tuple[Callable[[], Made], Iterable[str]]] = {
    "signs of trades in another order": (lambda: made_with(without="memory"), ["S12.c10", "S12.c100"]),
    "minutes in another order": (lambda: made_with().with_shuffled_minutes(), ["S10.lag1"]),
    "venues under each other's names": (
        lambda: made_with().with_changing_names(),
        [f"S6.{listing}.{part}" for listing in ("nasdaq", "nyse") for part in ("NASDAQ", "NYSE", "ARCA", "BATS", "IEX", "order")]
        + ["S15.first", "S15.lead"],
    ),
    "independent symbols": (lambda: made_with(without="factors"), ["S16.rho", "S16.epps", "S16.sector", "S16.first"]),
    "Poisson flow": (lambda: made_with(branching=0.0), ["S11.mid", "S11.trades", "S19.fano"]),
    "one book five times": (
        lambda: made_with(without="own books"), ["S15.locked", "S15.lock_ms", "S15.first", "S15.lead", "S15.lag_ms"]
    ),
    "prints that ignore other venues": (lambda: made_with(without="protection"), ["S17.prints"]),
}  # fmt: skip
"""How each is made, and what may fail of it that did not; ``MUST`` is what has to."""
MUST = {
    "signs of trades in another order": {"S12.c10", "S12.c100"},
    "minutes in another order": {"S10.lag1"},
    "venues under each other's names": {"S6.nasdaq.NASDAQ", "S6.nasdaq.order", "S6.nyse.NYSE", "S6.nyse.order", "S15.first", "S15.lead"},
    "independent symbols": {"S16.rho"},
    "Poisson flow": {"S11.mid", "S11.trades", "S19.fano"},
    "one book five times": {"S15.locked", "S15.lock_ms", "S15.first", "S15.lead", "S15.lag_ms"},
    "prints that ignore other venues": {"S17.prints"},
}


@pytest.mark.parametrize("control", CONTROLS)
def test_a_control_fails_the_check_that_it_should_and_no_unrelated_one(base: Card, control: str) -> None:
    """All else is drawn as in the market that passes, so that a verdict is another one for what was taken away alone."""
    make_it, related = CONTROLS[control]
    before, after = verdicts(base), verdicts(score(make_it().source()))
    failed = {key for key, verdict in after.items() if verdict is Verdict.FAIL and before[key] is not Verdict.FAIL}
    assert failed >= MUST[control]
    assert {key for key in failed - set(related) if not key.startswith(BY_CHANCE)} == set()


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
