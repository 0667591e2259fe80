"""Two hundred random worlds, and that what is asked of them can fail. ``python -m tests.worlds --count 2000 --resume`` runs more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from simulator.errors import LimitError
from simulator.flow.profile import Profile, load_profile
from simulator.market import Market
from simulator.records import EventKind
from simulator.tape.sink import NullSink
from tests.helpers import scenario
from tests.worlds import __main__ as command
from tests.worlds import one_world
from tests.worlds.draw import EITHER, PARAMETERS, TABLES, WHOLE, World, draw
from tests.worlds.one_world import InterruptedSink, Outcome, run_world
from tests.worlds.questions import Wrong, ask_integrity, ask_replay
from tests.worlds.totals import Totals

WORLDS, BLOCK = 200, 10

@pytest.mark.parametrize("first", range(1, WORLDS + 1, BLOCK))
def test_random_worlds(first: int) -> None:
    outcomes = [run_world(seed) for seed in range(first, first + BLOCK)]
    wrong = [str(outcome) for outcome in outcomes if outcome.kind == "wrong"]
    assert not wrong, "\n".join(wrong)
    assert sum(outcome.kind == "right" for outcome in outcomes) >= BLOCK // 2, "\n".join(map(str, outcomes))


def test_a_seed_is_a_world() -> None:
    for seed in range(1, 6):
        one, other = draw(seed), draw(seed)
        assert one == other
    assert draw(1) != draw(2)


def test_every_number_of_a_profile_is_drawn() -> None:
    numbers = {name for name, field in Profile.model_fields.items() if field.annotation in (int, float, bool)}
    assert set(PARAMETERS) == numbers
    assert set(TABLES) == set(Profile.model_fields) - numbers
    for name, (low, high) in PARAMETERS.items():
        for value in (low, high):
            load_profile("market", {name: int(value) if name in WHOLE else bool(value) if name in EITHER else value})


SMALL = scenario("2025-07-01T13:29:58Z", "2025-07-01T13:30:06Z", names=("AAPL", "JPM"), extra_tables=("orders", "truth"))
WORLD = replace(draw(1), asks_rates=True, is_narrow=False, by_files=False)


@pytest.fixture(scope="module")
def market() -> Market:
    made = Market(SMALL)
    made.run_until(SMALL.end_ns)
    return made


class Tampered:
    """A market whose rows are no longer what they were."""

    def __init__(self, market: Market, **tables: Any) -> None:
        self.rows, self.run_info, self._tape, self._tables = market.rows, market.run_info, market.tape(), tables
        self._market = market

    def tape(self) -> Any:
        return self._tape

    def arrow(self, table: str) -> Any:
        return self._tables[table] if table in self._tables else self._market.arrow(table)


@pytest.mark.parametrize("by_files", [False, True])
def test_a_good_market_passes(market: Market, by_files: bool) -> None:
    world = replace(WORLD, by_files=by_files)
    ask_integrity(world, SMALL, market)
    assert ask_replay(world, SMALL, market.tape()) > 1_000


def test_the_questions_are_asked_of_tables_in_memory(market: Market) -> None:
    """Each of them fails in ``test_integrity.py``; here, that this way to them leads to the rows, the ticks and the seconds."""
    rows = market.arrow("market_data")
    for broken, what in (
        (rows.slice(0, 40).take([*range(20), *range(21, 40)]), "mass balance|no row without change|displayed"),
        (rows.take([*range(30), 31, 30, *range(32, len(rows))]), "time order"),
        (rows.slice(0, len(rows) // 2), "book rates"),
    ):
        with pytest.raises(Wrong, match=what):
            ask_integrity(WORLD, SMALL, Tampered(market, market_data=broken))  # type: ignore[arg-type]
    symbols = tuple(replace(symbol, tick_units=300) for symbol in SMALL.universe.symbols)
    with pytest.raises(Wrong, match="on the tick grid"):
        ask_integrity(WORLD, replace(SMALL, universe=replace(SMALL.universe, symbols=symbols)), market)


@pytest.mark.parametrize("limits", [{"EVENTS_REPLAYED": 0}, {"EVENTS_OF_TWIN": 0}])
def test_a_wrong_order_is_noticed_by_the_book_and_by_the_twin(market: Market, limits: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in limits.items():
        monkeypatch.setattr(f"tests.worlds.questions.{name}", value)
    tape = market.tape()
    orders = tape["orders"]
    sizes = orders.size.copy()  # type: ignore[union-attr]
    sizes[orders.kind == EventKind.REDUCE] += 1  # type: ignore[union-attr]
    sizes[orders.kind == EventKind.ADD] += 1  # type: ignore[union-attr]
    with pytest.raises(Wrong, match="replay of book"):
        ask_replay(WORLD, SMALL, tape | {"orders": replace(orders, size=sizes)})


def runs_otherwise(monkeypatch: pytest.MonkeyPatch, fault: Any) -> str:
    """What is said of the small world if every other run of it has the fault."""
    expected = Market(SMALL, NullSink())
    expected.run_until(SMALL.end_ns)
    monkeypatch.setattr(one_world, "Market", fault)
    with pytest.raises(Wrong) as said:
        one_world._run_otherwise(WORLD, SMALL, expected.result().digest_parts)
    return str(said.value)


def test_rows_that_depend_on_slices_or_workers_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def sliced(chosen: Any, *args: Any, **options: Any) -> Market:
        return Market(replace(chosen, seed=chosen.seed + (chosen.slice_ns is not None)), *args, **options)

    def shared(chosen: Any, *args: Any, **options: Any) -> Market:
        return Market(replace(chosen, seed=chosen.seed + ("worker" in options)), *args, **options)

    assert "in slices and pieces" in runs_otherwise(monkeypatch, sliced)
    monkeypatch.undo()
    assert "by 2 workers" in runs_otherwise(monkeypatch, shared)


def test_a_market_that_loses_rows_at_ctrl_c_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(Market):
        def run_until(self, ts_ns: int) -> None:
            try:
                super().run_until(ts_ns)
            except KeyboardInterrupt:
                self._digest._states.clear()
                raise

    monkeypatch.setattr("tests.worlds.one_world.InterruptedSink", lambda at: InterruptedSink(2))
    assert "interrupted" in runs_otherwise(monkeypatch, Forgetful)


def test_what_came_of_a_world_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(error: Exception) -> Any:
        def run(*_: Any) -> None:
            raise error

        return run

    def world(is_narrow: bool) -> World:
        return replace(WORLD, seed=7, is_narrow=is_narrow, settings={**draw(3).settings, "agents": ()})

    monkeypatch.setattr(one_world, "ask_integrity", fails(LimitError("raise it")))
    assert [one_world._run(world(is_narrow)).kind for is_narrow in (True, False)] == ["limit", "wrong"]
    monkeypatch.setattr(one_world, "ask_integrity", fails(ZeroDivisionError("oh")))
    outcome = one_world._run(world(True))
    assert (outcome.kind, "ZeroDivisionError: oh" in outcome.said) == ("wrong", True)
    assert "python -m tests.worlds --seed 7" in str(outcome)
    refused = one_world._run(replace(world(True), settings={**draw(3).settings, "levels": 41}))
    assert (refused.kind, "--levels" in refused.said) == ("refused", True)


def test_the_command_goes_on_where_it_stopped_and_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    class Here:
        """A pool of this process."""

        def __init__(self, *_: Any, **__: Any) -> None: ...
        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: Any) -> None: ...
        def map(self, _: Any, seeds: range) -> Any:
            return (Outcome(seed=n, kind="wrong" if n == 5 else "right", rows=1_000 * n, replayed=n) for n in seeds)

    page = tmp_path / "reliability.md"
    page.write_text("# Reliability\n\nKills come first.\n")
    monkeypatch.setattr(command, "ProcessPoolExecutor", Here)
    assert command.main(["--count", "4", "--page", str(page)]) == 0
    assert command.main(["--count", "3", "--resume", "--page", str(page)]) == 1
    assert Totals.read(page) == Totals(worlds=7, right=6, wrong=1, rows=28_000, replayed=28, wrong_seeds=[5])
    text = page.read_text()
    assert text.startswith("# Reliability\n\nKills come first.\n")
    assert text.count("| worlds, seeds 1 to | 7 |") == 1
    assert "Worlds 5 to 7" in capsys.readouterr().out
    assert command.main(["--count", "1", "--page", str(page)]) == 0
    assert Totals.read(page).worlds == 1
