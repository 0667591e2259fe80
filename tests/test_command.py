"""The flags: what is given, what is left out, and every mistake that a user can make before a run starts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenarios.launcher.flags import GROUPS, QUESTDB_FLAGS, Flags, parse_flags
from scenarios.launcher.main import main
from scenarios.launcher.manifest import Ended, build_manifest
from scenarios.launcher.plan import Plan, make_plan
from scenarios.launcher.repeat import DECIDED
from simulator.errors import InputError
from simulator.inputs.sessions import format_ts

MISTAKES = [
    ("--writer memory", ["--memory_limit", "bytes", "--writer parquet"]),
    # flags, what the message must contain
    ("--sead 3", ["Unknown flag", "'--sead'", "Did you mean --seed?"]),
    ("--end-ts 2025-07-01T14:00:00Z", ["Unknown flag", "Did you mean --end_ts?"]),
    ("--make_coffee true", ["Unknown flag", "'--make_coffee'", "--help"]),
    ("--seed", ["--seed", "one", "--help"]),
    ("AAPL", ["without a flag", "'AAPL'", "--name VALUE"]),
    ("--seed x", ["--seed", "'x'", "a whole number", "1 is the default"]),
    ("--seed 9223372036854775808", ["--seed", "'9223372036854775808'", "must be at most 9223372036854775807"]),
    ("--levels 0", ["--levels", "0", "1 to 40", "10"]),
    ("--levels 41", ["--levels", "41", "1 to 40", "10"]),
    ("--session_pacing perhaps", ["--session_pacing", "'perhaps'", "true or false", "true is the default"]),
    ("--offsession_trades some", ["--offsession_trades", "'some'", "trickle", "none is the default"]),
    ("--suffix a-b", ["--suffix", "'a-b'", "letters, digits and underscores", "Leave"]),
    ("--processes 0", ["--processes", "'0'", "must be at least 1", "is the default"]),
    ("--total_market_data_events 0", ["--total_market_data_events", "'0'", "must be at least 1", "Leave"]),
    ("--memory_limit lots", ["--memory_limit", "'lots'", "2GB", "is the default"]),
    ("--writer parket", ["--writer", "'parket'", "module:callable", "did you mean parquet?"]),
    ("--symbols AAPL,APPL", ["'APPL'", "AAPL"]),
    ("--symbols ,", ["--symbols", "at least one name"]),
    ("--only MSTF", ["'MSTF'", "MSFT"]),
    ("--symbols AAPL --only MSFT", ["'MSFT'", "AAPL"]),
    ("--extra_tables orders,truths", ["--extra_tables", "'truths'", "orders, truth"]),
    ("--profile spek", ["--profile", "'spek'", "spec"]),
    ("--prices bloomberg", ["bloomberg", "yahoo", "--prices builtin"]),
    ("--prices /nowhere/p.csv", ["/nowhere/p.csv", "Cannot read"]),
    ("--market_data_min_eps 700", ["--market_data_min_eps", "700", "must be at most --market_data_max_eps, here 600", "Lower"]),
    ("--trades_max_eps 601", ["--trades_max_eps", "601", "at most --market_data_max_eps, here 600", "raise"]),
    ("--market_data_max_eps 5_000_001", ["--market_data_max_eps", "5000001", "0 to 5,000,000", "Give"]),
    ("--trades_min_eps -5", ["--trades_min_eps", "-5", "0 to 5,000,000", "Give"]),
    ("--start_ts 2025-07-01", ["--start_ts", "'2025-07-01'", "zone", "2025-07-01T13:30:00Z"]),
    ("--end_ts noon", ["--end_ts", "'noon'", "ISO-8601", "2025-07-01T13:30:00Z"]),
    ("--start_ts 1889-07-01T14:00:00Z", ["1889", "1990-01-01 to 2035-12-31"]),
    ("--start_ts 2025-07-01T15:00:00Z --end_ts 2025-07-01T15:00:00Z", ["--end_ts", "15:00:00.000000000Z", "after the start", "later"]),
    ("--start_ts 2025-07-04T14:00:00Z", ["2025-07-04", "July 4th", "2025-07-03", "2025-07-07", "--offsession_trades"]),
    ("--start_ts 2025-07-05T14:00:00Z", ["Saturday", "2025-07-03", "2025-07-07"]),
    ("--start_ts 2025-07-02T01:00:00Z", ["2025-07-01", "04:00 to 20:00", "--session_pacing"]),
    ("--only AAPL --total_market_data_events 1_000", ["--total_market_data_events", "1000", "--only", "--end_ts", "manifest"]),
]


@pytest.mark.parametrize(("line", "parts"), MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistake_ends_with_2_and_one_message(line: str, parts: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*line.split(), "--out", "/nowhere"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "Traceback" not in err
    assert [part for part in parts if part not in err] == []
    assert err.count("\n") == 1


def test_no_flags_simulate_the_default_day() -> None:
    plan = make_plan(parse_flags([]))
    assert format_ts(plan.scenario.start_ns) == "2025-07-01T08:00:00.000000000Z"
    assert format_ts(plan.scenario.end_ns) == "2025-07-02T00:00:00.000000000Z"
    assert (plan.scenario.seed, plan.scenario.levels, plan.prices.source, plan.flags.out) == (1, 10, "builtin", "out")
    assert (len(plan.scenario.universe.symbols), plan.notes) == (30, ())
    assert 1 <= plan.flags.processes <= 4


@pytest.mark.parametrize(
    ("line", "start", "end"),
    [
        ("--start_ts 2025-07-01T13:00:00Z", "2025-07-01T13:00", "2025-07-02T00:00"),
        ("--start_ts 2025-07-03T13:00:00Z", "2025-07-03T13:00", "2025-07-03T21:00"),  # closes early
        ("--end_ts 2025-12-01T15:00:00Z", "2025-12-01T09:00", "2025-12-01T15:00"),  # winter time
        ("--start_ts 2025-07-04T14:00:00Z --offsession_trades full", "2025-07-04T14:00", "2025-07-05T08:00"),
        ("--start_ts 2025-07-02T01:00:00Z --session_pacing false", "2025-07-02T01:00", "2025-07-02T08:00"),
        ("--start_ts 2025-07-03T20:00:00Z --end_ts 2025-07-07T14:00:00Z", "2025-07-03T20:00", "2025-07-07T14:00"),
    ],
)
def test_times_left_out_are_those_of_the_day(line: str, start: str, end: str) -> None:
    scenario = make_plan(parse_flags(line.split())).scenario
    assert [format_ts(ns)[:16] for ns in (scenario.start_ns, scenario.end_ns)] == [start, end]


def test_values_are_spelled_as_in_the_spec() -> None:
    flags = parse_flags(["--total_market_data_events", "100_000_000", "--session_pacing=false", "--memory_limit", "2GB", "--only", "V,MA,V"])
    assert (flags.total_market_data_events, flags.session_pacing, flags.memory_limit, flags.only) == (10**8, False, 2 * 10**9, ("V", "MA"))


def test_choices_come_in_the_universe_s_order() -> None:
    scenario = make_plan(parse_flags(["--symbols", "JPM,AAPL,MSFT", "--only", "JPM,AAPL", "--extra_tables", "truth,orders"])).scenario
    assert [symbol.name for symbol in scenario.universe.symbols] == ["AAPL", "MSFT", "JPM"]
    assert scenario.only == ("AAPL", "JPM")
    assert scenario.tables == ("market_data", "trades", "orders", "truth")


def test_help_explains_each_flag_with_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    shown = [name for names in GROUPS.values() for name in names]
    assert sorted(shown) == sorted(Flags.model_fields)
    for name in shown:
        part = text.split(f"--{name} VALUE")[1].split("\n  --")[0]
        assert "(default" in part, name
    assert "rows per second" in text


def keep(plan: Plan, folder: Path, **changes: Any) -> Path:
    """What the run would leave in its folder."""
    text = json.loads(build_manifest(plan, Ended(reason=None)).to_json())
    for name, value in changes.items():
        text["record"][name] = value
    (folder / "manifest.json").write_text(json.dumps(text))
    return folder / "manifest.json"


def test_a_record_repeats_a_run_with_flags_given_now_on_top(tmp_path: Path) -> None:
    line = "--symbols AAPL,JPM --seed 7 --levels 5 --end_ts 2025-07-01T14:00:00Z --trades_max_eps 99"
    first = make_plan(parse_flags(line.split()))
    path = keep(first, tmp_path)
    for source in (path, tmp_path):
        again = make_plan(parse_flags(["--repeat", str(source)]))
        assert again.scenario == first.scenario
        assert again.record() == first.record()
    other = make_plan(parse_flags(["--repeat", str(path), "--seed", "8", "--symbols", "JPM"]))
    assert [s.name for s in other.scenario.universe.symbols] == ["JPM"]
    assert replace(other.scenario, seed=7, universe=first.scenario.universe, prices=first.scenario.prices) == first.scenario


def test_a_record_keeps_every_flag_that_decides_rows() -> None:
    elsewhere = {"start_ts", "end_ts", "prices", "total_market_data_events", "scenario", "repeat"}
    no_matter = {"processes", "writer", "out", "overwrite", "suffix", "memory_limit", "mode", "speed", "incremental"}
    no_matter |= {"shard", "plan_shards", "cluster", "table_format", "report", "view", "view_port"}
    no_matter |= {"yahoo_refresh_secs", "check_scenario", "print_scenario_schema", "venue"}
    databases = set(QUESTDB_FLAGS)
    assert set(Flags.model_fields) == {*DECIDED, *elsewhere, *no_matter, *databases}


def test_a_record_of_another_version_is_said_with_what_it_means(tmp_path: Path) -> None:
    keep(make_plan(parse_flags(["--seed", "7"])), tmp_path, versions={"numba": "0.1", "program": "0.0"})
    (note,) = make_plan(parse_flags(["--repeat", str(tmp_path)])).notes
    assert "numba 0.1 (now " in note
    assert "program 0.0 (now " in note
    assert "rows may differ" in note


@pytest.mark.parametrize("text", ["{", "[]", '{"record": {"seed": "x"}}', '{"prices": {}}'])
def test_broken_manifest_is_an_input_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError):
        make_plan(parse_flags(["--repeat", str(tmp_path)]))


def test_prices_of_a_manifest_are_answered_with_the_flag_that_repeats(tmp_path: Path) -> None:
    keep(make_plan(parse_flags([])), tmp_path)
    for source in (tmp_path, tmp_path / "manifest.json"):
        with pytest.raises(InputError, match=f"--repeat {source}"):
            make_plan(parse_flags(["--prices", str(source)]))
