"""Without a mechanism its effect is gone, and the others' are there: each is brought about by what is said to bring it about."""

from __future__ import annotations

import pytest

from tests.ablations import ABLATIONS, measured, small, without

MINUTES = 3
STAY = ("memory of signs", "variance : mean", "hidden volume", "closing volume", "SIP's delay, us", "SIP's whole lots", "spread of volatility")
"""What three minutes show well enough to say that it is still there."""


@pytest.fixture(scope="module")
def whole() -> dict[str, float]:
    return measured(small(MINUTES))


@pytest.mark.parametrize("name", ABLATIONS)
def test_without_a_mechanism_its_effect_is_gone_and_the_others_stay(whole: dict[str, float], name: str) -> None:
    ablation = ABLATIONS[name]
    found = without(name, small(MINUTES))
    assert found[ablation.loses] < ablation.keeps * whole[ablation.loses]
    gone = {key: (found[key], whole[key]) for key in STAY if found[key] < 0.5 * whole[key]}
    assert set(gone) <= {ablation.loses, *ablation.along}
