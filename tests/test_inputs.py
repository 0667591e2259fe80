"""Whoever gives input is answered, in the same words from YAML, flags and Python; nothing that comes from outside hangs or crashes."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenarios.launcher.flags import parse_flags
from scenarios.launcher.main import main
from scenarios.launcher.plan import make_plan
from simulator import AgentSpec, Market, Rates, load_scenario
from simulator.errors import InputError
from simulator.inputs.import_path import find
from simulator.inputs.scenario_file import read_scenario
from simulator.inputs.sessions import parse_ts
from simulator.inputs.strict_yaml import parse_yaml
from simulator.inputs.universe import load_universe
from tests.fuzz_inputs import BOMB, fuzz
from tests.helpers import scenario

ROOT = Path(__file__).parent.parent


def agent(market: Any, orders: Any, rng: Any) -> Any:
    yield market.wait(1)


# --- from outside ---------------------------------------------------------------------------------------------------------


def test_mutated_files_are_taken_or_refused_and_never_crash_or_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some hundreds; ``python -m tests.fuzz_inputs 10000`` tries more."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    taken, refused, _ = fuzz(250, 1_000_000, tmp_path)
    sys.modules.pop("fuzzed_agent", None)
    assert min(taken, refused) > 10


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (BOMB, "aliases"),
        ("a: &a [*a]", "contains itself"),
        ("a: " + "[" * 5_000, "nested more than 50 deep"),
        ("a: " + "{b: " * 5_000, "nested more than 50 deep"),
        ("- " * 5_000, "nested more than 50 deep"),
        ("a\0b: 1", "not valid YAML"),
        ("{[a]: 1}", "a key must be text"),
        ("? {a: 1}\n: 2", "a key must be text"),
        ("!!python/object/apply:os.system [ls]", "not valid YAML"),
        ("a: " + "9" * 5_000, "not valid YAML"),
    ],
    ids=range(10),
)
def test_yaml_that_is_meant_to_hurt_is_refused_at_once(text: str, says: str) -> None:
    with pytest.raises(InputError) as raised:
        parse_yaml(text, "mine.yaml", "another")
    assert says in str(raised.value)
    assert len(str(raised.value)) < 600


def test_a_file_too_long_to_be_one_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "long.yaml").write_bytes(b"a: 1\n" * 300_000)
    with pytest.raises(InputError, match="more than 1,000,000 bytes"):
        load_universe(tmp_path / "long.yaml")


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5_000, "a\0b", "x" * 300 + ".csv", "x" * 300 + ".json", "x" * 300 + ".yaml", "/" * 300, "\ud800"])
@pytest.mark.parametrize("flag", ["--scenario", "--prices", "--profile", "--repeat"])
def test_a_name_that_no_file_could_have_is_no_file(flag: str, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([flag, name, "--check_scenario", "true"]) == 2
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert said.count("\n") == 1


# --- from Python ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"seed": "1"}, "--seed: got '1'; must be a whole number from"),
        ({"seed": 2**63}, "--seed"),
        ({"levels": 41}, "--levels: got 41; must be a whole number from 1 to 40 levels a side"),
        ({"levels": 10.0}, "--levels: got 10.0; must be a whole number"),
        ({"levels": True}, "--levels: got True"),
        ({"max_orders": "many"}, "max_orders: got 'many'; must be a whole number"),
        ({"max_orders": 10**9}, "max_orders: got 1000000000; must be a whole number from 1 to 1,000,000"),
        ({"history": 0}, "history: got 0"),
        ({"price_window": 5_000}, "must be a power of two"),
        ({"session_pacing": "yes"}, "session_pacing: got 'yes'; must be true or false"),
        ({"offsession_trades": "some"}, "must be none, trickle or full"),
        ({"end_ns": 5}, "end of the run: got 5; must be after the start"),
        ({"start_ns": "2025-07-01"}, "start of the run: got '2025-07-01'; must be a whole number"),
    ],
)
def test_a_scenario_in_python_is_checked_as_a_file_is(change: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as raised:
        replace(scenario(), **change)
    assert says in str(raised.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"latency_ns": 0}, "latency_ns of agent a: got 0; must be a whole number from 1 to 60,000,000,000 ns"),
        ({"latency_ns": {"NYSE": 1.5, "*": 5}}, "latency_ns of agent a to NYSE: got 1.5"),
        ({"latency_ns": "fast"}, "latency_ns of agent a: got 'fast'"),
        ({"max_messages_per_s": 0}, "max_messages_per_s of agent a: got 0; must be a whole number from 1"),
        ({"max_wake_s": 0}, "max_wake_s of agent a: got 0; must be a number from 0.001"),
        ({"max_wake_s": float("nan")}, "max_wake_s"),
        ({"keep_orders": "no"}, "keep_orders of agent a: got 'no'; must be true or false"),
        ({"symbols": "AAPL"}, "symbols of agent a: got 'AAPL'; must be a list of names"),
        ({"arguments": ["AAPL"]}, "arguments of agent a"),
        ({"make": 7}, "make of agent a: got 7; must be a generator function"),
        ({"name": ""}, "agent name"),
    ],
)
def test_an_agent_in_python_is_checked_as_in_a_file(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError) as raised:
        AgentSpec(**({"name": "a", "make": agent} | settings))
    assert says in str(raised.value)


def test_one_latency_for_all_venues_is_one_number() -> None:
    assert AgentSpec(name="a", make=agent, latency_ns=5).latency_by_venue == {"*": 5}
    Market(scenario(agents=(AgentSpec(name="a", make=agent, latency_ns=5),)))


@pytest.mark.parametrize("rates", [{"trades_min_eps": 1.5}, {"trades_min_eps": "1"}, {"market_data_max_eps": -1}])
def test_rates_in_python_are_whole_numbers(rates: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="must be a whole number from 0 to 5,000,000 rows a second"):
        Rates(**rates)


def test_load_scenario_answers_for_its_arguments(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text("symbols: [AAPL]\nprices: builtin\n")
    start_ns = load_scenario(path).start_ns
    for changes, says in (
        ({"sed": 3}, "argument: got 'sed'; .*Did you mean seed"),
        ({"end_ns": start_ns}, "end_ns: .*must be after the start"),
        ({"end_ns": "noon"}, "end_ns: got 'noon'; must be a whole number"),
        ({"start_ns": parse_ts("2025-07-05T14:00:00Z"), "end_ns": parse_ts("2025-07-05T15:00:00Z")}, "Saturday"),
    ):
        with pytest.raises(InputError, match=says):
            load_scenario(path, **changes)
    assert load_scenario("momentum").agents[0].name == "momentum"
    with pytest.raises(InputError, match=r"Did you mean momentum\?"):
        load_scenario("momentun")
    with pytest.raises(InputError, match="must be the path"):
        load_scenario(5)  # type: ignore[arg-type]


def test_a_market_of_a_closed_exchange_or_of_no_scenario_is_refused() -> None:
    saturday = scenario("2025-07-05T14:00:00Z", "2025-07-05T15:00:00Z", names=("JPM",))
    with pytest.raises(InputError, match="2025-07-05 is a Saturday"):
        Market(saturday)
    Market(replace(saturday, offhours_quotes=True))
    with pytest.raises(InputError, match=r"must be a Scenario.*load_scenario"):
        Market("x.yaml")  # type: ignore[arg-type]


def test_a_market_in_which_nobody_trades_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("background: false\n")
    with pytest.raises(InputError, match="line 1: background: got False; must be true where there are no agents"):
        read_scenario(tmp_path / "mine.yaml")


def test_any_whole_number_is_a_seed() -> None:
    assert make_plan(parse_flags(["--seed", "-1"])).scenario.seed == -1
    tapes = []
    for seed in (-1, 1):
        market = Market(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:00:02Z", names=("JPM",), seed=seed))
        market.run_until(market.scenario.end_ns)
        tapes.append(market.result().digest_parts)
    assert tapes[0] != tapes[1]


# --- what a run cannot keep to is said ------------------------------------------------------------------------------------


def universe_of(count: int, tmp_path: Path) -> Path:
    path = tmp_path / "many.yaml"
    head = (ROOT / "simulator/inputs/data/universe.yaml").read_text().split("symbols:")[0]
    symbol = "{{name: S{n}, sector: s, listing: NYSE, mega_cap: false, beta: 1.0, daily_volatility: 0.02, daily_volume: 100_000}}"
    (tmp_path / "own.yaml").write_text(head + "symbols:\n" + "".join(f"  - {symbol.format(n=n)}\n" for n in range(count)))
    path.write_text("universe: own.yaml\nprices: builtin\n")
    return path


def test_five_hundred_symbols_at_the_default_rates_are_told_what_they_exceed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scenario", str(universe_of(500, tmp_path)), "--check_scenario", "true"]) == 0
    said = capsys.readouterr().out
    assert "The first second may fall outside the rates: for at most 600 book rows up to 3,000 show the books for the first time." in said
    assert "Each cross prints once a symbol, 500 trades at the bell: more than --trades_max_eps 150" in said
    assert "for 0 trades" not in said


def test_no_trades_are_not_called_too_few(capsys: pytest.CaptureFixture[str]) -> None:
    line = "--start_ts 2025-07-01T14:00:00Z --trades_min_eps 0 --market_data_min_eps 0 --market_data_max_eps 20 --trades_max_eps 10 --check_scenario true"
    assert main(line.split()) == 0
    said = capsys.readouterr().out
    assert "The first second may fall outside the rates" in said
    assert "for 0 trades" not in said


# --- names that hide ours -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["simulator.py", "writers/__init__.py", "scenarios/__init__.py"])
def test_a_module_beside_the_scenario_that_hides_ours_is_named(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    (tmp_path / "mine.yaml").write_text("agents: [{name: a, use: 'mine:agent'}]\n")
    with pytest.raises(InputError, match=rf"{path.name if path.suffix and path.parent == tmp_path else path.parent.name}.*hide the program's own package"):
        find("mine:agent", "use", tmp_path)


def test_a_module_in_the_current_folder_that_hides_ours_is_named(tmp_path: Path) -> None:
    (tmp_path / "simulator.py").write_text("raise SystemExit('run')")
    code = f"import sys; sys.path.append({str(ROOT)!r}); sys.argv = ['x', '--version']; from scenarios.full_day import start; sys.exit(start())"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert f"{tmp_path / 'simulator.py'} hides the program's own package simulator: rename it" in done.stderr


def test_prices_that_no_book_can_hold_are_refused_with_the_reason(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("symbol,low,high,close,date\nBRK.A,6900000,7100000,7000000,2025-06-30\n")
    with pytest.raises(InputError, match=r"0\.01 to 1,000,000 USD"):
        make_plan(parse_flags(["--prices", str(path), "--symbols", "AAPL"]))
