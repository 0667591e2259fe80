"""The record of a run: all that decides its rows, read by a model, repeated and continued from what it says and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scenarios.launcher.flags import parse_flags
from scenarios.launcher.manifest import Ended, build_manifest
from scenarios.launcher.plan import History, Plan, make_plan
from scenarios.launcher.recorded import Recorded
from simulator.errors import InputError
from simulator.inputs.config import AgentSpec, Refresh, Scenario
from simulator.inputs.manifest import Manifest, parse_manifest, read_manifest
from simulator.inputs.reference_prices import Bracket
from simulator.inputs.run_record import record_run
from simulator.inputs.sessions import parse_ts
from simulator.market import Market
from simulator.records import NS_PER_HOUR, NS_PER_MS, NS_PER_S
from tests.helpers import scenario

AGENT = '''
from pathlib import Path
import my_parts
(Path(__file__).parent / "imported").touch()

def counts(market, orders, rng, symbol="JPM"):
    """Buys the more, the longer it has run."""
    n = 0
    while True:
        yield market.wait(10_000_000_000)
        n += 1
        orders.buy(symbol, "NYSE", 1_000_000, my_parts.step(n), type="IOC")
'''
PARTS = "def step(n):\n    return 100 * n\n"
YAML = """\
symbols: [JPM, XOM]
dates: [2025-07-01, 2025-07-02]
rates: {market_data_min_eps: 12, market_data_max_eps: 40, trades_min_eps: 1, trades_max_eps: 10}
prices: builtin
agents:
  - {name: counter, use: "my_counter:counts", symbols: [JPM]}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "my_counter.py").write_text(AGENT)
    (tmp_path / "my_parts.py").write_text(PARTS)
    (tmp_path / "mine.yaml").write_text(YAML)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    forget()


def forget() -> None:
    for name in ("my_counter", "my_parts"):
        sys.modules.pop(name, None)


def keep(manifest: Manifest, folder: Path) -> Path:
    path = folder / "manifest.json"
    path.write_text(manifest.to_json())
    return path


def plan_of(*flags: str, **given: Any) -> Plan:
    from scenarios.launcher.plan import with_scenario

    return make_plan(with_scenario(parse_flags(flags))[0], **given)


def tape_of(scenario: Scenario) -> dict[Any, Any]:
    market = Market(scenario)
    market.run_until(scenario.end_ns)
    return market.result().digest_parts


# --- what it keeps --------------------------------------------------------------------------------------------------------


def test_everything_that_decides_rows_comes_back(home: Path) -> None:
    first = plan_of("--scenario", str(home / "mine.yaml"), "--seed", "11", "--extra_tables", "truth", "--only", "JPM")
    text = build_manifest(first).to_json()
    refresh = Refresh(ts_ns=first.scenario.start_ns + 5, over_ns=7, prices={"JPM": Bracket(1.0, 2.0, 1.5, "yahoo")})
    rich = replace(
        first.scenario, refreshes=(refresh,), offhours_quotes=True, levels=5, max_orders=512, price_window=4096, history=99,
        populations={"reserve_share": 0.2, "level_shares": {1: 300, 40: 3000}}, session_pacing=False, offsession_trades="full",
    )  # fmt: skip
    again = parse_manifest(build_manifest(replace(first, scenario=rich)).to_json(), "here").record.to_scenario()
    assert record_run(again) == record_run(rich)
    assert again.agents == rich.agents
    assert {**vars_of(again), "populations": 0} == {**vars_of(rich), "populations": 0}
    assert json.loads(text)["record"]["agents"][0]["sources"][0]["file"] == str(home / "my_counter.py")
    assert [s.file.rpartition("/")[2] for s in first.record().agents[0].sources] == ["my_counter.py", "my_parts.py"]


def vars_of(scenario: Scenario) -> dict[str, Any]:
    return {name: getattr(scenario, name) for name in Scenario.__dataclass_fields__}


def test_a_record_says_every_field_of_the_scenario_but_those_that_move_no_row() -> None:
    """A setting that is added and forgotten here would be lost in repeating."""
    kept = set(record_run(scenario()).model_dump())
    by_other_names = {"start_ns", "end_ns", "populations"}
    assert set(Scenario.__dataclass_fields__) - kept - by_other_names == {"slice_ns"}


def test_agents_without_a_name_are_refused_with_the_reason() -> None:
    def inner(market: Any, orders: Any, rng: Any) -> Iterator[int]:
        yield 1

    with pytest.raises(InputError, match=r"top of a module"):
        record_run(scenario(agents=(AgentSpec(name="a", make=inner),)))


# --- what it does not run -------------------------------------------------------------------------------------------------


def test_reading_a_record_imports_nothing_and_repeating_says_first_what_it_imports(home: Path) -> None:
    path = keep(build_manifest(plan_of("--scenario", str(home / "mine.yaml"))), home)
    (home / "imported").unlink()
    forget()
    read_manifest(path)
    with pytest.raises(InputError, match="--repeat"):
        plan_of("--prices", str(path))
    assert not (home / "imported").exists()
    said: list[tuple[str, bool]] = []
    plan_of("--repeat", str(path), announce=lambda text: said.append((text, (home / "imported").exists())))
    assert [was_there for _, was_there in said] == [False]
    assert str(home / "my_counter.py") in said[0][0]
    assert (home / "imported").exists()


def test_a_databases_record_runs_no_code(home: Path) -> None:
    given = ("--scenario", str(home / "mine.yaml"))
    manifest = build_manifest(plan_of(*given))
    (home / "imported").unlink()
    forget()
    history = History(newest_ns=-1, mids={}, recorded=Recorded(manifest=manifest, where="the runs table"))
    with pytest.raises(InputError, match=r"my_counter:counts.*--scenario of that run"):
        plan_of("--incremental", "true", "--host", "h", history=history)
    assert not (home / "imported").exists()
    assert plan_of("--incremental", "true", "--host", "h", *given, history=history).replays
    ready = build_manifest(plan_of("--scenario", "momentum"))
    history = replace(history, recorded=Recorded(manifest=ready, where="the runs table"))
    assert plan_of("--incremental", "true", "--host", "h", history=history).scenario.agents[0].name == "momentum"


WRONG = [
    (("seed",), 2**63, "seed"),
    (("seed",), "1", "seed"),
    (("seed",), True, "seed"),
    (("levels",), 0, "1 to 40"),
    (("start_ts",), "2025-07-01", "start_ts"),
    (("end_ts",), "2025-07-01T00:00:00Z", "after the start"),
    (("rates", "trades_min_eps"), 10**9, "5,000,000"),
    (("prices", "JPM", "low"), float("nan"), "prices.JPM.low"),
    (("prices", "JPM", "low"), 1e9, "prices.JPM.low"),
    (("prices",), {}, "none for JPM, XOM"),
    (("refreshes",), [{"ts": "2025-07-01T14:00:00Z", "over_ns": 5, "prices": {"JPM": {"low": 1, "high": 2, "close": float("nan"), "source": "x"}}}], "close"),
    (("refreshes",), [{"ts": "2025-07-01T14:00:00Z", "over_ns": "5", "prices": {}}], "over_ns"),
    (("refreshes",), 5, "refreshes"),
    (("agents", 0, "use"), "os.system", "agents[0].use"),
    (("agents", 0, "latency_ns"), {"*": 0}, "latency_ns"),
    (("agents", 0, "max_wake_s"), -1.0, "max_wake_s"),
    (("agents", 0, "arguments"), [], "arguments"),
    (("max_orders",), 10**12, "max_orders"),
    (("history",), 10**12, "history"),
    (("universe", "symbols"), [], "symbols"),
    (("universe", "symbols", 0, "listing"), "LSE", "listing"),
    (("profile", "parameters", "reserve_share"), 7, "reserve_share"),
    (("profile", "parameters"), {}, "lacks"),
    (("only",), ["AAPL"], "AAPL"),
    (("extra_tables",), ["lies"], "lies"),
    (("unknown",), 1, "unknown key"),
]  # fmt: skip


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A folder with an agent, and the manifest of a run with it."""
    folder = tmp_path_factory.mktemp("right")
    before = list(sys.path)
    for name, text in (("my_counter.py", AGENT), ("my_parts.py", PARTS), ("mine.yaml", YAML)):
        (folder / name).write_text(text)
    yield folder, build_manifest(plan_of("--scenario", str(folder / "mine.yaml"))).to_json()
    sys.path[:] = before
    forget()


@pytest.mark.parametrize(("place", "value", "says"), WRONG, ids=[f"{'.'.join(map(str, place))}={str(value)[:20]}" for place, value, _ in WRONG])
def test_what_is_wrong_in_a_record_is_told_and_not_run(right: tuple[Path, str], place: tuple[Any, ...], value: Any, says: str) -> None:
    home, text = right[0], json.loads(right[1])
    part = text["record"]
    for step in place[:-1]:
        part = part[step]
    part[place[-1]] = value
    (home / "imported").unlink(missing_ok=True)
    with pytest.raises(InputError) as raised:
        parse_manifest(json.dumps(text), "mine.json")
    assert "mine.json" in str(raised.value)
    assert says in str(raised.value)
    assert not (home / "imported").exists()


def test_another_versions_format_is_said_with_what_it_means() -> None:
    for text in ('{"format": "equities-market-simulator/3", "record": 7}', '{"format": "equities-market-simulator/0"}'):
        with pytest.raises(InputError, match=r"this program reads equities-market-simulator/2.*Use the version that wrote it.*docs/upgrading\.md"):
            parse_manifest(text, "mine.json")


# --- repeating and continuing ---------------------------------------------------------------------------------------------

LIVE = ("--mode", "real-time", "--symbols", "JPM,XOM", "--market_data_min_eps", "60", "--market_data_max_eps", "120", "--trades_min_eps", "1", "--trades_max_eps", "10", "--prices", "builtin")


@pytest.mark.parametrize("now", ["2025-07-05T15:00:00.123456789Z", "2025-07-02T05:00:00.5Z", "2025-07-01T14:00:00.25Z"], ids=["Saturday", "night", "session"])
def test_a_live_run_is_repeated_row_by_row(tmp_path: Path, now: str) -> None:
    """Off-hours quotes, the start between two seconds, refreshed prices, an end that Ctrl-C chose; in stretches as the wall clock gives them."""
    live = make_plan(parse_flags(LIVE), now_ns=parse_ts(now))
    start_ns, end_ns = live.scenario.start_ns, live.scenario.start_ns + 40 * NS_PER_S + 77 * NS_PER_MS
    refresh = Refresh(ts_ns=start_ns + 12 * NS_PER_S, over_ns=20 * NS_PER_S, prices={"JPM": Bracket(300.0, 310.0, 305.0, "yahoo")})
    market = Market(live.scenario)
    at_ns = start_ns
    while at_ns < end_ns:
        at_ns = min(at_ns + 1_234 * NS_PER_MS, end_ns)
        if market.now_ns < start_ns + 10 * NS_PER_S <= at_ns:
            market.refresh(refresh)
        market.run_until(at_ns)
    assert market.rows["market_data"] > 100
    path = keep(build_manifest(live, Ended(end_ns=end_ns, reason=None), [refresh]), tmp_path)
    again = make_plan(parse_flags(["--repeat", str(path)]))
    assert again.scenario.offhours_quotes
    assert (again.scenario.start_ns, again.scenario.end_ns) == (start_ns, end_ns)
    assert tape_of(again.scenario) == market.result().digest_parts
    assert tape_of(replace(again.scenario, refreshes=())) != market.result().digest_parts


def continued(recorded: Manifest, oldest_end: str, *flags: str) -> Plan:
    end_ns = parse_ts(oldest_end)
    history = History(newest_ns=end_ns, mids={}, recorded=Recorded(manifest=recorded, where="the runs table"), oldest_end_ns=end_ns)
    return plan_of("--incremental", "true", "--host", "h", *flags, history=history)


def test_a_run_with_agents_or_refreshes_is_continued_from_its_own_start(home: Path) -> None:
    """What an agent knows on the second day it has learnt on the first."""
    given = ("--scenario", str(home / "mine.yaml"))
    first = plan_of(*given)
    assert continued(build_manifest(first), "2025-07-02T15:00:00Z", *given).scenario == first.scenario
    plain = replace(first, scenario=replace(first.scenario, agents=()), file=None)
    assert continued(build_manifest(plain), "2025-07-02T15:00:00Z").scenario.start_ns == first.scenario.start_ns + 24 * NS_PER_HOUR
    refresh = Refresh(ts_ns=first.scenario.start_ns + 5, over_ns=NS_PER_S, prices={"JPM": Bracket(300.0, 310.0, 305.0, "yahoo")})
    live = replace(plain, scenario=replace(plain.scenario, refreshes=(refresh,)))
    assert continued(build_manifest(live), "2025-07-02T15:00:00Z").scenario == live.scenario


def test_a_continued_day_has_the_prices_of_the_run_that_began_before_it() -> None:
    """A part of a run from a later day on is the run's part: prices without a date are from before the run's first day, not the part's,
    and a run whose first price is given exactly has later days that hang on it."""
    line = ("--symbols", "JPM,XOM", "--start_ts", "2025-07-02T07:59:57Z", "--end_ts", "2025-07-02T08:00:03Z", "--session_pacing", "false")
    given = plan_of(*line, "--market_data_min_eps", "12", "--market_data_max_eps", "40", "--trades_min_eps", "1", "--trades_max_eps", "10")
    dated = given.scenario.prices["JPM"]
    second_ns = parse_ts("2025-07-02T08:00:00Z")
    for price, starts_ns in ((dated, second_ns), (replace(dated, date=None), second_ns), (Bracket(280.0, 280.0, 280.0, "database"), given.scenario.start_ns)):
        table = replace(given.prices, brackets={**given.prices.brackets, "JPM": price})
        first = replace(given, prices=table, scenario=replace(given.scenario, prices=table.brackets))
        again = continued(build_manifest(first), "2025-07-02T08:00:02Z")
        assert again.scenario.start_ns == starts_ns
        assert again.record() == first.record()
        whole = tape_of(first.scenario)
        later = {key: part for key, part in whole.items() if key[0] == "2025-07-02"}
        assert later
        assert {key: part for key, part in tape_of(again.scenario).items() if key[0] == "2025-07-02"} == later


def test_a_run_whose_agents_have_changed_is_not_continued(home: Path) -> None:
    given = ("--scenario", str(home / "mine.yaml"))
    recorded = build_manifest(plan_of(*given))
    (home / "my_parts.py").write_text("def step(n):\n    return 200 * n\n")
    forget()
    with pytest.raises(InputError, match=r"--scenario.*agents.*Put it back"):
        continued(recorded, "2025-07-02T15:00:00Z", *given)


def test_a_complete_run_is_followed_by_another_and_an_incomplete_one_is_not_mixed(home: Path) -> None:
    """The same command, started again by a supervisor that was killed before its record was written, finds the run of before."""
    before = build_manifest(plan_of("--symbols", "JPM", "--end_ts", "2025-07-01T14:00:00Z"), Ended(reason=None))
    newest_ns = parse_ts("2025-07-01T13:59:59.5Z")
    line = ("--symbols", "JPM", "--seed", "9", "--start_ts", "2025-07-01T13:00:00Z", "--end_ts", "2025-07-01T15:00:00Z", "--host", "h", "--incremental", "true", "--prices", "builtin")
    for is_complete in (True, False):
        recorded = Recorded(manifest=before, where="the runs table", is_complete=is_complete)
        history = History(newest_ns=newest_ns, mids={}, recorded=recorded, oldest_end_ns=newest_ns)
        if not is_complete:
            with pytest.raises(InputError, match=r"--seed: got 9.*continues just that"):
                plan_of(*line, history=history)
            continue
        fresh = plan_of(*line, history=history)
        assert (fresh.scenario.start_ns, fresh.scenario.seed, fresh.replays) == (newest_ns + 1, 9, False)
        assert "It is complete, so this is a run of its own." in fresh.notes[0]
    # Its record says where it really began; the command what it asked for. Killed before its first row, it goes on.
    history = History(newest_ns=newest_ns, mids={}, recorded=Recorded(manifest=build_manifest(fresh), where="the runs table"))
    again = plan_of(*line, history=history)
    assert again.replays
    assert again.scenario == fresh.scenario
