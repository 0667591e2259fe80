"""Each example prints what is stored beside it; the page about testing books can be followed; the fixtures notice what they should."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings

from simulator import CrossKind, Event, EventKind, LimitOrderBook, OrderType, Reject, Side
from simulator.testing import CheckedBook, Command, TwinBook, apply, assert_same, assert_same_run, commands

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_prints_what_is_stored(example: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(example), run_name="__main__")
    assert capsys.readouterr().out == (ROOT / "examples" / "outputs" / f"{example.stem}.txt").read_text()


def test_every_stored_output_has_its_example() -> None:
    assert [path.stem for path in sorted((ROOT / "examples" / "outputs").glob("*"))] == [path.stem for path in EXAMPLES]


def python_blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "testing_your_book.md").read_text(), re.DOTALL)


def test_the_page_can_be_followed(pytester: pytest.Pytester) -> None:
    """Word by word, by pytest in a folder of its own."""
    uses_ours, adapter, with_streams, plugins, make_book, uses_fixture = python_blocks()
    pytester.makeconftest(plugins + make_book)
    pytester.makepyfile(test_ours=uses_ours, test_yours=adapter + with_streams, test_fixture=uses_fixture)
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=4)


def test_the_page_shows_a_real_failure() -> None:
    shown = re.findall(r"```text\n(.*?)```", (ROOT / "docs" / "testing_your_book.md").read_text(), re.DOTALL)[0]
    assert (ROOT / "examples" / "outputs" / "compare_your_book.txt").read_text().startswith(shown)




def test_a_book_of_ones_own_that_is_wrong_fails_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        'pytest_plugins = ["simulator.testing.fixtures"]\nimport pytest\nfrom simulator import LimitOrderBook\n'
        "class Forgetful(LimitOrderBook):\n    def cancel(self, order_id):\n        return [] if order_id == 2 else super().cancel(order_id)\n"
        "@pytest.fixture\ndef make_book():\n    return Forgetful\n"
    )
    pytester.makepyfile(
        "from simulator import Side\n"
        "def test_one(checked_book):\n    checked_book.add(Side.BUY, 100, 10)\n    checked_book.cancel(1)\n"
        "def test_two(checked_book):\n    checked_book.add(Side.BUY, 100, 10)\n    checked_book.add(Side.BUY, 99, 10)\n    checked_book.cancel(2)\n"
    )
    result = pytester.runpytest_subprocess("-q")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*the events are*", "*and should be*", "*the twin:*", "*100 | 10 |*"])


def test_a_checked_book_notices_a_state_that_differs() -> None:
    checked = CheckedBook(LimitOrderBook(), TwinBook())
    checked.add(Side.BUY, 100, 10)
    checked.book.add(Side.BUY, 99, 5)
    with pytest.raises(AssertionError, match="events are"):
        checked.add(Side.BUY, 98, 5)


class LevelsAlone:
    """A book of somebody's own: it has ids of its own, returns no events, and knows neither ``orders`` nor ``state_hash``."""

    def __init__(self, forgets: int = 0) -> None:
        self._book, self._forgets = TextIds(), forgets

    def add(self, *args: Any, **options: Any) -> str | None:
        return self._book.add(*args, **options)

    def cancel(self, order_id: str) -> None:
        if self._book._number(order_id) != self._forgets:
            self._book.cancel(order_id)

    def replace(self, order_id: str, price_ticks: int, size: int) -> str | None:
        return self._book.replace(order_id, price_ticks, size)

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        return self._book.levels(side, count)


def test_a_checked_book_may_have_ids_of_its_own_and_no_events() -> None:
    checked = CheckedBook(LevelsAlone(), events=False, own_ids=True)
    first = checked.add(Side.BUY, 100, 10)
    assert first == "id-1"
    assert checked.add(Side.BUY, 0, 10) is None
    second = checked.replace(first, 99, 20)
    assert second == "id-2"
    checked.cancel(second)
    assert checked.levels(Side.BUY, 5) == []
    wrong = CheckedBook(LevelsAlone(forgets=1), events=False, own_ids=True)
    wrong.add(Side.BUY, 100, 10)
    with pytest.raises(AssertionError, match="BUY levels are"):
        wrong.cancel("id-1")
    with pytest.raises(ValueError, match="Add events=False"):
        CheckedBook(LevelsAlone(), own_ids=True)


def test_the_fixture_may_compare_levels_alone(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        'pytest_plugins = ["simulator.testing.fixtures"]\nimport pytest\nfrom simulator import LimitOrderBook\n'
        "class Bare:\n"
        "    def __init__(self):\n        self.book = LimitOrderBook()\n"
        "    def add(self, *args, **options):\n        return str(self.book.add(*args, **options)[0].order_id)\n"
        "    def levels(self, side, count):\n        return self.book.levels(side, count)\n"
        "@pytest.fixture\ndef make_book():\n    return Bare\n"
        '@pytest.fixture\ndef checked_how():\n    return {"events": False, "own_ids": True}\n'
    )
    pytester.makepyfile("from simulator import Side\ndef test_one(checked_book):\n    assert checked_book.add(Side.BUY, 100, 10) == '1'\n")
    pytester.runpytest_subprocess("-q").assert_outcomes(passed=1)


@settings(max_examples=60, deadline=None)
@given(commands(names=("add", "cancel", "replace"), types=(OrderType.LIMIT, OrderType.FOK), hides=False, nonsense=False))
def test_a_restricted_stream_has_only_what_was_asked_for(stream) -> None:  # type: ignore[no-untyped-def]
    assert {command.name for command in stream} <= {"add", "cancel", "replace"}
    twin = TwinBook()
    for command in stream:
        if command.name == "add":
            _, price_ticks, size, kind, display, _ = command.args
            assert kind in (OrderType.LIMIT, OrderType.FOK)
            assert min(price_ticks, size) > 0
            assert display is None
        reasons = {event.reason for event in apply(twin, command) if event.kind == 9}
        assert reasons <= {Reject.NOT_FILLABLE, Reject.UNKNOWN_ORDER}


@settings(max_examples=30, deadline=None)
@given(commands())
def test_our_book_runs_as_the_twin_does(stream) -> None:  # type: ignore[no-untyped-def]
    assert_same_run(LimitOrderBook(), stream)


class TextIds:
    """Our book for one whose ids are its own; ``fault`` lets a cancel take the order before it."""

    def __init__(self, fault: int = 0) -> None:
        self.book, self.fault, self.asked = LimitOrderBook(), fault, 0

    def add(self, *args: Any, **options: Any) -> str | None:
        return self._id(self.book.add(*args, **options))

    def replace(self, order_id: str, price_ticks: int, size: int) -> str | None:
        return self._id(self.book.replace(self._number(order_id), price_ticks, size))

    def cancel(self, order_id: str) -> None:
        self.book.cancel(self._number(order_id) - self.fault)

    def reduce(self, order_id: str, size: int) -> None:
        self.book.reduce(self._number(order_id), size)

    def levels(self, side: Side, count: int) -> list[tuple[int, int]]:
        return self.book.levels(side, count)

    def _id(self, events: list[Event]) -> str | None:
        first = events[0]
        return None if first.kind == EventKind.REJECT else f"id-{first.other_id if first.kind == EventKind.REPLACE else first.order_id}"

    def _number(self, order_id: str) -> int:
        assert order_id.startswith("id-")
        return int(order_id[3:])


@settings(max_examples=60, deadline=None)
@given(commands(names=("add", "cancel", "reduce", "replace")))
def test_a_book_may_have_ids_of_its_own(stream) -> None:  # type: ignore[no-untyped-def]
    assert_same_run(TextIds(), stream, events=False, own_ids=True)


def test_a_wrong_order_cancelled_is_found_by_its_own_id() -> None:
    @settings(max_examples=200, deadline=None, database=None, phases=[Phase.generate])
    @given(commands(names=("add", "cancel"), types=(OrderType.LIMIT,), hides=False, nonsense=False))
    def compare(stream) -> None:  # type: ignore[no-untyped-def]
        assert_same_run(TextIds(fault=1), stream, events=False, own_ids=True)

    with pytest.raises(AssertionError, match="levels are"):
        compare()
    with pytest.raises(ValueError, match="Add events=False"):
        assert_same_run(TextIds(), [], own_ids=True)


def test_the_commands_of_a_failure_can_be_pasted_into_a_test() -> None:
    class Deaf(LimitOrderBook):
        def cancel(self, order_id: int) -> list[Event]:
            return []

    stream = [
        Command("trading", (False,)),
        Command("trading", (True,)),
        Command("add", (Side.SELL, 101, 30, OrderType.POST_ONLY, 10, 2)),
        Command("add", (Side.BUY, 0, 10, OrderType.MARKET_ON_OPEN)),
        Command("replace", (1, 102, 20)),
        Command("reduce", (3, 5)),
        Command("cross", (CrossKind.OPEN, 100)),
        Command("cancel", (3,)),
    ]
    with pytest.raises(AssertionError, match="levels are") as told:
        assert_same_run(Deaf(), stream, events=False)
    lines = str(told.value).splitlines()[1:9]
    assert lines[2] == "book.add(Side.SELL, 101, 30, type=OrderType.POST_ONLY, display=10, owner=2)"
    names = {"book": LimitOrderBook(), "Side": Side, "OrderType": OrderType, "CrossKind": CrossKind}
    exec("\n".join(lines), names)
    twin = TwinBook()
    for command in stream:
        apply(twin, command)
    assert_same(names["book"], twin)  # type: ignore[arg-type]
