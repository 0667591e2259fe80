"""Streams are named, not numbered: the same name gives the same numbers anywhere, another name gives others."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from simulator import rng
from simulator.flow import fundamental, skeleton
from simulator.flow.profile import load_profile
from simulator.inputs.reference_prices import Bracket
from simulator.inputs.sessions import parse_ts, trading_days
from simulator.inputs.universe import load_universe
from simulator.rng import stream

GOLDEN_STREAM = [2742453835265072592, 286959172869488894, 1766806344293340812]
GOLDEN_STATE = [9338313541773238949, 17105598081950817291, 15635883569490532528, 5213491394318118118]


def draws(*key: str | int, seed: int = 1) -> list[int]:
    return rng.stream(seed, *key).integers(0, 2**62, 3).tolist()


def test_numbers_never_change() -> None:
    assert draws(20250701, "AAPL", "makers", seed=42) == GOLDEN_STREAM
    assert rng.xoshiro_state(42, 20250701, "AAPL", "makers").tolist() == GOLDEN_STATE


def test_numbers_do_not_depend_on_the_hash_seed() -> None:
    code = "from simulator.rng import *; print(stream(42, 20250701, 'AAPL', 'makers').integers(0, 2**62, 3).tolist())"
    env = {**os.environ, "PYTHONHASHSEED": "7"}
    answer = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == str(GOLDEN_STREAM)


def test_other_streams_and_their_order_change_nothing() -> None:
    alone = draws("b")
    rng.stream(1, "a").random(100)
    rng.stream(1, "c").random(100)
    assert draws("b") == alone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("a", "bc"), ("ab", "c")),
        (("1",), (1,)),
        (("a",), ("a", "")),
        ((1, 2), (12,)),
        ((-1,), (1,)),
        (("a,b",), ("a", "b")),
        (('a","b',), ("a", "b")),
        ((), ("",)),
        (("é",), ("\\u00e9",)),
    ],
)
def test_different_keys_give_different_streams(one: tuple[str | int, ...], other: tuple[str | int, ...]) -> None:
    assert draws(*one) != draws(*other)
    assert rng.xoshiro_state(1, *one).tolist() != rng.xoshiro_state(1, *other).tolist()


def test_the_seed_is_not_a_part_of_the_key_that_can_be_shifted() -> None:
    assert draws(2, seed=1) != draws(1, seed=2)
    assert draws("a", seed=1) != draws("a", seed=2)
    assert draws("a", seed=2**70) != draws("a", seed=-(2**70))


def test_numpy_integers_are_integers_and_floats_are_refused() -> None:
    assert draws(int(np.int64(5))) == rng.stream(1, np.int64(5)).integers(0, 2**62, 3).tolist()  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        rng.stream(1, 1.0)  # type: ignore[arg-type]


def test_compiled_state_is_four_words_and_never_all_zero(monkeypatch: pytest.MonkeyPatch) -> None:
    state = rng.xoshiro_state(1, "a")
    assert state.shape == (4,)
    assert state.dtype == np.uint64
    assert state.flags.writeable
    monkeypatch.setattr(rng, "_digest", lambda *_: bytes(32))
    assert rng.xoshiro_state(1, "a").tolist() == [1, 0, 0, 0]


def test_compiled_state_is_unrelated_to_the_stream_of_the_same_key() -> None:
    assert rng._digest(b"stream", 1, ("a",)) != rng._digest(b"xoshiro", 1, ("a",))


def test_no_symbol_shares_a_stream_with_what_symbols_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fault: a symbol named "market" had the common volatility for its own. Whatever symbols are called, every key is used once."""
    keys: list[tuple[object, ...]] = []

    def noting(make: Any) -> Any:
        def made(seed: int, *key: str | int) -> Any:
            keys.append(key)
            return make(seed, *key)

        return made

    for module in (fundamental, skeleton):
        monkeypatch.setattr(module, "stream", noting(stream))
    names = ("market", "sector", "rates", "agent", "symbol/market", "AAPL", "volatility", "skeleton")
    base = load_universe().symbols[0]
    symbols = tuple(replace(base, name=name, sector="volatility") for name in names)
    day = trading_days(parse_ts("2025-07-01T13:00:00Z"), parse_ts("2025-07-01T14:00:00Z"))[0]
    prices = {name: Bracket(low=1.0, high=3.0, close=2.0, source="file", date=day.date) for name in names}
    spec = load_profile("spec")
    path = fundamental.day_path(1, day, symbols, skeleton.skeleton(1, day.date, symbols, prices, spec), True)
    fundamental.shared_returns(1, day.date, 10, path.volatility[:20], symbols, spec)
    fundamental.own_returns(1, day.date, 10, path.volatility[:20], symbols, spec)
    shared = {key for key in keys if key[0] == "skeleton" and key[1] in ("market", "sector")}
    unshared = [key for key in keys if key not in shared]
    assert len(set(unshared)) == len(unshared)
    assert len(shared) == 2, "the market's and the sector's"
    assert (day.date.isoformat(), "AAPL", "volatility") in keys, "the usual names' streams are what they were"
