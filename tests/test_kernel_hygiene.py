"""What the kernels are compiled with: bounds checking in this suite, and reference counts on or off without a difference."""

from __future__ import annotations

import ast
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import numba
import numpy as np
import pytest

from simulator import testing
from simulator.book.jit import direct, entry, kernel
from simulator.book.kernel_cache import COMPILED_FROM
from simulator.book.limit_order_book import LimitOrderBook, run_command
from simulator.book.parts import Part
from simulator.book.pinned import Pinned
from simulator.book.state import FREE
from simulator.records import F64, I32, I64, Cond, CrossKind, OrderType, Side
from simulator.tape.columns import COND_OF_OPEN

ROOT = Path(__file__).parent.parent
compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


@entry
def element(numbers: I64, index: int) -> int:
    """Compiled anew or read from the cache, as the kernels are."""
    return numbers[index]


@compiled
@pytest.mark.parametrize("index", [3, 1000, -4])
def test_an_index_out_of_range_raises(index: int) -> None:
    numbers = np.arange(3, dtype=np.int64)
    assert element(numbers, 2) == 2
    with pytest.raises(IndexError):
        element(numbers, index)


@compiled
def test_an_entry_called_directly_is_the_same_function() -> None:
    numbers = np.arange(3, dtype=np.int64)
    at_once = direct(element, numbers, 0)
    assert [at_once(numbers, n) for n in range(3)] == [element(numbers, n) for n in range(3)]
    with pytest.raises(IndexError):
        at_once(numbers, 3)
    assert len(element.signatures) == 1  # type: ignore[attr-defined]


class Few(NamedTuple):
    """Arrays as the kernels have them."""

    numbers: I64
    levels: I32


class One(NamedTuple):
    prices: F64


@entry
def moved(market: Pinned, k: int, last: int) -> float:
    """Reads all arrays, and writes into two."""
    few, one, other = market.books, market.columns, market.state
    few.numbers[k] += few.levels[1, last]
    one.prices[k] = other.prices[0] + one.prices.shape[0] + few.levels.shape[0] / 10 + few.levels.size / 100
    return one.prices[k]


def pinned() -> Pinned:
    return Pinned(Few(np.arange(3), np.arange(8, dtype=np.int32).reshape(2, 4)), One(np.zeros(5)), One(np.full((1,), 30.0)))


def test_arrays_handed_over_by_one_address_are_the_arrays() -> None:
    market = pinned()
    at_once = direct(moved, market, 0, 0)
    assert at_once(market, 2, 3) == pytest.approx(35.28)
    assert market.books.numbers.tolist() == [0, 1, 9]
    assert market.columns.prices[2] == pytest.approx(35.28)
    copied = pickle.loads(pickle.dumps(market))
    at_once(copied, 0, 0)
    assert (market.books.numbers[0], copied.books.numbers[0]) == (0, 4), "another process has its own"
    assert moved(market, 0, 0) == pytest.approx(35.28)


@compiled
@pytest.mark.parametrize(("k", "last"), [(3, 0), (0, 4), (-4, 0)])
def test_an_index_out_of_range_raises_in_arrays_handed_over_by_one_address(k: int, last: int) -> None:
    market = pinned()
    with pytest.raises(IndexError):
        direct(moved, market, 0, 0)(market, k, last)
    assert len(moved.signatures) == 1  # type: ignore[attr-defined]


@compiled
def test_no_reference_to_pinned_arrays_is_lost_or_kept() -> None:
    market = pinned()
    arrays = [array for part in (market.books, market.columns, market.state) for array in part]
    before = [sys.getrefcount(array) for array in arrays]
    at_once = direct(moved, market, 0, 0)
    for _ in range(1000):
        at_once(market, 0, 0)
    assert [sys.getrefcount(array) for array in arrays] == before


@compiled
def test_an_index_out_of_range_raises_in_the_kernel_itself() -> None:
    """A book whose list of free records points past the pool: neither the real kernel nor its cache goes unchecked."""
    book = LimitOrderBook(max_orders=4, price_window=64)
    book._books.head[0, FREE] = 5
    with pytest.raises(IndexError):
        book.add(Side.BUY, 100, 1)


@kernel
def doubled(number: int) -> int:
    return 2 * number


@kernel
def eightfold(number: int) -> int:
    return doubled(doubled(doubled(number)))


@compiled
def test_a_kernel_is_only_a_part_of_what_calls_it() -> None:
    """Of an entry, and of a function that somebody else compiles, which numba links in its own way."""
    assert sixteenfold(3) == 48
    assert numba.njit(lambda number: eightfold(number) + doubled(number))(3) == 30
    for dispatcher in (doubled, eightfold):
        assert [type(made.library) for made in dispatcher.overloads.values()] == [Part]  # type: ignore[attr-defined]


@entry
def sixteenfold(number: int) -> int:
    return eightfold(doubled(number))


@compiled
def test_enumerations_and_numbers_of_any_kind_are_one_compiled_function() -> None:
    """numba tells an enumeration's member from an int, compiles for each mixture, and takes ten times as long to read one."""
    book = LimitOrderBook()
    book.add(Side.BUY, np.int32(100), np.int64(10), type=OrderType.POST_ONLY, owner=3)  # type: ignore[arg-type]
    book.add(Side.SELL, 101, 20, display=5)
    book.reduce(2, 1)
    book.replace(2, 102, 7)
    book.cancel(np.int64(1))  # type: ignore[arg-type]
    assert len(run_command.signatures) == 1  # type: ignore[attr-defined]


def test_the_conditions_of_crosses_follow_their_kinds() -> None:
    """``tape.columns`` makes one of the other."""
    assert [Cond(COND_OF_OPEN + kind) for kind in CrossKind] == [kind.cond for kind in CrossKind]


def test_the_cache_is_keyed_by_every_file_with_compiled_code() -> None:
    simulator = ROOT / "simulator"
    stamped = {path for pattern in COMPILED_FROM for path in simulator.glob(pattern)}
    compiling = {path for path in simulator.rglob("*.py") if "book.jit import" in path.read_text()}
    assert compiling
    assert compiling <= stamped


def history(seed: int, count: int) -> list[tuple[int, int]]:
    """(state hash, number of events) after each of ``count`` random commands on a small book."""
    rng = np.random.default_rng(seed)
    book = LimitOrderBook(max_orders=24, price_window=64)
    return [(book.state_hash(), len(testing.apply(book, random_command(rng)))) for _ in range(count)]


def random_command(rng: np.random.Generator) -> testing.Command:
    price, size = int(rng.integers(996, 1005)), int(rng.integers(1, 40))
    target = testing.Nth(int(rng.integers(24)))
    name = str(rng.choice(["add", "cancel", "reduce", "replace", "cross"], p=[0.66, 0.1, 0.1, 0.1, 0.04]))
    if name == "add":
        type = OrderType(int(rng.integers(len(OrderType))))
        hides = type in (OrderType.LIMIT, OrderType.POST_ONLY) and rng.random() < 0.4
        priceless = type in (OrderType.MARKET, OrderType.MARKET_ON_OPEN, OrderType.MARKET_ON_CLOSE)
        side = Side(int(rng.integers(2)))
        return testing.Command(name, (side, 0 if priceless else price, size, type, int(rng.integers(size)) if hides else None, 0))
    if name == "cross":
        return testing.Command(name, (CrossKind(int(rng.integers(len(CrossKind)))), price))
    return testing.Command(name, {"cancel": (target,), "reduce": (target, size), "replace": (target, price, size)}[name])


AS_NUMBA_HAS_IT = """
import simulator.book.jit as jit
jit.NO_REFERENCE_COUNTS = jit.MACHINE_CODE_ONCE = False
from simulator.book import matching
from simulator.book.parts import Part
from simulator.book.pinned import Pinned
assert "_nrt" not in matching.add.targetoptions
from test_kernel_hygiene import history
print(hash(tuple(history(11, 600))))
assert not any(isinstance(compiled.library, Part) for compiled in matching.add.overloads.values())
"""


@compiled
def test_what_is_private_to_numba_changes_nothing() -> None:
    """With reference counts, and each kernel compiled by itself, the books are the same: both only cost time."""
    from simulator.book import matching

    assert matching.add.targetoptions["_nrt"] is False  # type: ignore[attr-defined]
    paths = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    environment = {**os.environ, "PYTHONPATH": paths, "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-c", AS_NUMBA_HAS_IT]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[-3000:]
    here = history(11, 600)
    assert int(done.stdout) == hash(tuple(here))
    assert len({state for state, _ in here}) > 300, "the stream did next to nothing"


def imported(path: Path) -> set[str]:
    """Dotted names that a file imports; a relative import begins with a dot."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {"." * node.level + f"{node.module or ''}.{alias.name}" for alias in node.names}
    return names


MOVES_NO_ROW = {"simulator/live/server.py": "secrets", "writers/stores/store.py": "random"}
"""A token in an address that nobody can guess; a wait before the next try, so that many machines do not come back at once."""


def test_no_import_evades_the_rules_on_calls_and_directions() -> None:
    """``test_public.py`` reads imports and calls as they are spelled; this keeps the spellings that it cannot see out."""
    for folder in ("simulator", "writers", "scenarios"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            names = imported(path)
            assert not [name for name in names if name.startswith(".")], f"{path}: a relative import"
            chance = {"random", "secrets"} - {MOVES_NO_ROW.get(path.relative_to(ROOT).as_posix())}
            assert not [name for name in names if name.split(".")[0] in chance], f"{path}: global randomness"
            assert not names & {"time.time", "time.time_ns", "numpy.random"}, f"{path}: an unqualified clock or generator"
            if folder == "scenarios":
                assert not [name for name in names if name.split(".")[0] in ("yfinance", "exchange_calendars", "numba")], path
