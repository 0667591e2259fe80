"""Scenario files: what they say, what they say wrong, and who wins over whom."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from scenarios.launcher import main as command
from scenarios.launcher.catalog import find_scenario, ready_scenarios
from scenarios.launcher.flags import parse_flags
from scenarios.launcher.plan import make_plan, with_scenario
from simulator.errors import InputError
from simulator.inputs.config import Fees, Scenario
from simulator.inputs.scenario_file import load_scenario, read_scenario, scenario_schema
from simulator.inputs.sessions import new_york, parse_ts
from simulator.inputs.strict_yaml import parse_yaml

ROOT = Path(__file__).parent.parent
AGENTS = '''
def buyer(market, orders, rng, symbol, size=100, *, every_ns=1_000_000_000):
    while True:
        yield market.wait(every_ns)
        bid, ask = market.nbbo(symbol)
        orders.buy(symbol, None, ask or 1, size)
        market.read()

class Seller:
    def __init__(self, symbol):
        self.symbol = symbol
    def run(self, market, orders, rng):
        while True:
            yield market.wait(1_000_000_000)
            bid, ask = market.nbbo(self.symbol)
            orders.sell(self.symbol, None, bid or 1, 100)

def plain(market, orders):
    yield 1

def make_sink(folder, worker, *, name):
    from simulator import NullSink
    (folder / name).write_text(str(worker))
    return NullSink()

number = 7
'''
GOOD = """\
about: two agents
symbols: [AAPL, JPM, XOM]
start_ts: 2025-07-01T14:00:00Z
end_ts: 2025-07-01T14:00:20Z
seed: 5
levels: 6
rates: {market_data_min_eps: 60, market_data_max_eps: 120, trades_min_eps: 5, trades_max_eps: 30}
populations: {reserve_share: 0.2, level_shares: {1: 300, 2: 400, 3: 500, 10: 2000, 40: 3000}}
prices: builtin
fees: {maker_usd: -0.001}
limits: {max_orders: 1024, price_window: 8192, history: 2048}
agents:
  - name: buyer
    use: my_agents:buyer
    with: {symbol: AAPL, size: 200}
    symbols: [AAPL]
    latency_ns: 40_000
  - name: seller
    use: my_agents:Seller
    with: {symbol: JPM}
    symbols: [JPM]
    latency_ns: {NYSE: 10_000, "*": 90_000}
    copies: 2
extra_tables: [truth]
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the Python beside which scenario files lie."""
    (tmp_path / "my_agents.py").write_text(AGENTS)
    monkeypatch.setattr(sys, "path", list(sys.path))
    yield tmp_path
    sys.modules.pop("my_agents", None)


def write(home: Path, text: str) -> Path:
    path = home / "mine.yaml"
    path.write_text(text)
    return path


def run_command(*flags: str) -> int:
    return command.main(list(flags))


# --- what it says ---------------------------------------------------------------------------------------------------------


def test_everything_a_file_says_is_in_the_scenario(home: Path) -> None:
    scenario = load_scenario(write(home, GOOD))
    assert [s.name for s in scenario.universe.symbols] == ["AAPL", "JPM", "XOM"]
    assert (scenario.seed, scenario.levels, scenario.end_ns - scenario.start_ns) == (5, 6, 20 * 10**9)
    assert (scenario.rates.market_data_min_eps, scenario.rates.trades_max_eps) == (60, 30)
    assert scenario.populations["reserve_share"] == 0.2
    assert scenario.fees == Fees(maker_usd=-0.001)
    assert (scenario.max_orders, scenario.price_window, scenario.history) == (1024, 8192, 2048)
    assert [a.name for a in scenario.agents] == ["buyer", "seller-1", "seller-2"]
    assert scenario.agents[0].latency_ns == {"*": 40_000}
    assert scenario.agents[0].arguments == {"symbol": "AAPL", "size": 200}
    assert scenario.agents[2].latency_ns == {"NYSE": 10_000, "*": 90_000}
    assert scenario.extra_tables == ("truth",)
    assert load_scenario(write(home, GOOD), seed=8).seed == 8


def test_a_universe_and_prices_of_its_own_inline_or_beside(home: Path) -> None:
    venues = "[{name: ONE, size_multiplier: 1.0, latency_ns: 1000}]"
    symbols = "[{name: ON, sector: s, listing: ONE, mega_cap: false, beta: 1.0, daily_volatility: 0.02, daily_volume: 100_000}]"
    tail = "dates: 2025-07-01\nprices: {ON: {low: 9.0, high: 11.0, close: 10.0}}\n"
    inline = load_scenario(write(home, f"universe:\n  venues: {venues}\n  symbols: {symbols}\n{tail}"))
    assert [s.name for s in inline.universe.symbols] == ["ON"]
    assert inline.prices["ON"].close == 10.0
    (home / "own.yaml").write_text(f"venues: {venues}\nsymbols: {symbols.replace('ON,', '*on,').replace('*on', chr(39) + 'ON' + chr(39))}\n")
    (home / "own.csv").write_text("symbol,low,high,close,date\nON,9,11,10.5,2025-06-30\n")
    beside = load_scenario(write(home, "universe: own.yaml\ndates: [2025-07-01, 2025-07-02]\nprices: own.csv\n"))
    assert beside.universe == inline.universe
    assert beside.prices["ON"].close == 10.5
    assert beside.end_ns - beside.start_ns == 40 * 3600 * 10**9


def test_the_file_of_the_full_day_says_the_defaults() -> None:
    plain = make_plan(parse_flags([]))
    flags, said = with_scenario(parse_flags(["--scenario", "full_day"]))
    assert not said
    assert make_plan(flags).scenario == plain.scenario
    assert load_scenario(find_scenario("full_day")) == plain.scenario


@pytest.mark.parametrize("name", ready_scenarios())
def test_the_ready_scenarios_are_right(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("--scenario", name, "--check_scenario", "true") == 0
    said = capsys.readouterr().out
    assert read_scenario(find_scenario(name)).about in said
    assert "Nothing was run." in said
    assert (ROOT / "docs" / "scenarios" / f"{name}.md").is_file() or name == "full_day"


def test_what_would_run_is_said_and_nothing_is(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(home, GOOD)
    assert run_command("--scenario", str(path), "--check_scenario", "true", "--seed", "9", "--out", str(home / "out")) == 0
    said = capsys.readouterr().out
    for part in (
        "two agents", "3: AAPL, JPM, XOM", "10:00:00 to 2025-07-01 10:00:20", "60 to 120 book rows", "my_agents:buyer", "'size': 200",
        "seller-2", "NYSE 10,000 ns", "--seed 9 wins over 5 (mine.yaml line 5: seed)", "reserve_share",
    ):  # fmt: skip
        assert part in said
    assert not (home / "out").exists()


# --- who wins -------------------------------------------------------------------------------------------------------------


def test_flags_win_over_the_file_and_the_summary_says_so(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(home, GOOD)
    flags = ("--scenario", str(path), "--out", str(home / "out"), "--processes", "2")
    assert run_command(*flags, "--seed", "7", "--market_data_max_eps", "150", "--levels", "6") == 0
    said = capsys.readouterr().out
    assert "--seed 7 wins over 5 (mine.yaml line 5: seed)." in said
    assert "--market_data_max_eps 150 wins over 120 (mine.yaml line 7: rates.market_data_max_eps)." in said
    assert "--levels" not in said
    for part in ("buyer", "seller-1", "seller-2", "PnL"):
        assert part in said
    first = json.loads((home / "out" / "manifest.json").read_text())
    assert (first["record"]["seed"], first["record"]["scenario_file"]["path"]) == (7, str(path))
    assert {p.name for p in (home / "out" / "agents").iterdir()} == {"buyer", "seller-1", "seller-2"}

    again = ("--repeat", str(home / "out" / "manifest.json"), "--out", str(home / "again"))
    write(home, "seed: 6\n")  # the record has all of it: the file may say other things now
    assert run_command(*again) == 0
    assert json.loads((home / "again" / "manifest.json").read_text())["digest"] == first["digest"]
    said = capsys.readouterr()
    assert f"Imports {home / 'my_agents.py'} (for buyer, seller-1, seller-2), as the manifest of" in said.err
    assert "Not as in the run to repeat" not in said.out
    (home / "my_agents.py").write_text(AGENTS + "# and a remark\n")
    assert run_command(*again, "--overwrite", "true") == 0
    assert f"Not as in the run to repeat, so that its rows may differ: {home / 'my_agents.py'}." in capsys.readouterr().out
    assert (home / "again" / "agents" / "buyer" / "fills.parquet").is_file()


def test_the_summary_says_why_orders_were_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    floods = "symbols: [AAPL]\n    max_messages_per_s: 3"
    path = write(home, GOOD.replace("size: 200", "size: 0").replace("symbols: [AAPL]", floods).replace("14:00:20Z", "14:00:02.5Z"))
    (home / "my_agents.py").write_text(AGENTS.replace("yield market.wait(every_ns)", "yield market.wait(every_ns // 10)"))
    assert run_command("--scenario", str(path), "--out", str(home / "out"), "--processes", "1") == 0
    said = capsys.readouterr().out
    assert "Refused of buyer: BAD_SIZE 9, RATE_LIMIT 15\n" in said  # of 9, 10 and 5 three each
    assert "RATE_LIMIT: wait between messages, or raise max_messages_per_s.\n" in said


def test_agents_results_are_kept_where_the_rows_are_not(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, out = write(home, GOOD), home / "out"
    here = ("--scenario", str(path), "--processes", "1", "--out", str(out))
    nowhere = ("--scenario", str(path), "--processes", "1", "--writer", "null")
    assert run_command(*here) == 0
    rows = pq.read_table(out / "agents" / "buyer" / "fills.parquet")
    assert run_command(*here, "--overwrite", "true", "--writer", "null") == 0
    capsys.readouterr()
    assert pq.read_table(out / "agents" / "buyer" / "fills.parquet").equals(rows)
    assert run_command(*here, "--writer", "null") == 2
    assert "has an earlier run's results" in capsys.readouterr().err
    assert run_command(*nowhere) == 0
    assert "not kept; --out FOLDER keeps them" in capsys.readouterr().out
    assert run_command(*nowhere, "--out", str(path)) == 2  # a file
    assert "it cannot be used" in capsys.readouterr().err
    (out / "agents" / "buyer" / "notes.txt").write_text("mine")
    write(home, GOOD.replace("name: seller", "name: vendor"))
    assert run_command(*here, "--overwrite", "true", "--writer", "null") == 0
    assert sorted(p.name for p in (out / "agents").iterdir()) == ["buyer", "vendor-1", "vendor-2"]
    assert (out / "agents" / "buyer" / "notes.txt").read_text() == "mine"


def test_what_only_means_for_agents_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write(home, GOOD.replace("    symbols: [JPM]\n", ""))
    check = ("--scenario", str(path), "--check_scenario", "true", "--only")
    assert run_command(*check, "JPM") == 0
    said = capsys.readouterr().out
    assert "do not run: buyer." in said
    assert "see just JPM here, so rows may differ from the full run's: seller-1, seller-2." in said
    assert run_command(*check, "AAPL") == 0
    assert "do not run" not in capsys.readouterr().out
    write(home, GOOD.replace("symbols: [AAPL]", "symbols: [AAPL, XOM]"))
    assert run_command(*check, "AAPL,JPM") == 2
    assert "agent buyer needs XOM too" in capsys.readouterr().err


def test_a_writer_of_ones_own_gets_its_arguments(home: Path) -> None:
    path = write(home, GOOD + "writer: {use: my_agents:make_sink, with: {name: said}}\n")
    assert run_command("--scenario", str(path), "--out", str(home / "out"), "--processes", "1") == 0
    assert (home / "out" / "said").read_text() == "0"
    assert run_command("--scenario", str(path), "--out", str(home / "null"), "--writer", "null") == 0


def test_a_profile_with_other_parameters_gives_other_rows(home: Path) -> None:
    from simulator.market import Market

    def rows(scenario: Scenario) -> Any:
        market = Market(replace(scenario, agents=()))
        market.run_until(scenario.end_ns)
        return market.tape()["market_data"].quotes[:, 1::2, -1].mean()  # type: ignore[union-attr]

    scenario = load_scenario(write(home, GOOD))
    assert rows(scenario) < 0.9 * rows(replace(scenario, populations={}))


# --- what is wrong --------------------------------------------------------------------------------------------------------

WRONG = [
    ("seed: 5", "sed: 5", ["line 5: sed", "unknown key", "Did you mean seed?"]),
    ("seed: 5", "seed: five", ["line 5: seed", "'five'", "whole number"]),
    ("seed: 5", "seed: 5.5", ["line 5: seed", "5.5"]),
    ("seed: 5", "seed: '5'", ["line 5: seed", "'5'", "whole number"]),
    ("seed: 5", "seed: 5\nseed: 6", ["line 6", "'seed' occurs twice"]),
    ("levels: 6", "levels: 0", ["line 6: levels", "got 0", "1 to 40"]),
    ("trades_min_eps: 5", "trade_min_eps: 5", ["line 7: rates.trade_min_eps", "Did you mean trades_min_eps?"]),
    ("trades_max_eps: 30", "trades_max_eps: 3", ["line 7: rates.trades_min_eps", "got 5"]),
    ("[AAPL, JPM, XOM]", "[AAPL, JMP, XOM]", ["line 2: symbols[1]", "'JMP'", "Did you mean JPM?"]),
    ("[AAPL, JPM, XOM]", "AAPL", ["line 2: symbols", "'AAPL'", "a list, as in [a, b]"]),
    ("[AAPL, JPM, XOM]", "[AAPL, AAPL]", ["line 2: symbols[1]", "'AAPL'", "once"]),
    ("[AAPL, JPM, XOM]", "[]", ["line 2: symbols", "at least one"]),
    ("14:00:00Z", "14:00:00", ["line 3: start_ts", "with a zone"]),
    ("2025-07-01T14:00:20Z", "2025-07-01T13:00:20Z", ["line 4: end_ts", "after the start"]),
    ("reserve_share: 0.2", "reserve_shares: 0.2", ["line 8: populations.reserve_shares", "Did you mean reserve_share?"]),
    ("reserve_share: 0.2", "attraction: {listing: 2, NASDAK: 3}", ["line 8: populations: attraction", "NASDAK", "Did you mean NASDAQ?"]),
    ("reserve_share: 0.2", "reserve_share: 2", ["line 8: populations.reserve_share", "got 2", "must be at most 1"]),
    ("prices: builtin", "prices: mine.csv", ["line 9: prices", "'mine.csv'", "there is none in"]),
    ("prices: builtin", "prices: buildin", ["line 9: prices", "Did you mean builtin?"]),
    ("prices: builtin", "prices: {AAPL: {low: 1.0, high: 2.0}}", ["line 9: prices.AAPL.close", "missing"]),
    ("prices: builtin", "prices: {AAPL: {low: 1.0, high: 2.0, close: 3.0}}", ["line 9: prices.AAPL", "low <= close <= high"]),
    ("prices: builtin", "prices: {AAPL: {low: 1.0, high: 2.0, close: 2.0}}", ["line 9: prices", "there are none for JPM, XOM"]),
    ("prices: builtin", "prices: {APL: {low: 1.0, high: 2.0, close: 2.0}}", ["line 9: prices.APL", "Did you mean AAPL?"]),
    ("maker_usd: -0.001", "maker: 0.1", ["line 10: fees.maker", "maker_usd"]),
    ("maker_usd: -0.001", "maker_usd: -3", ["line 10: fees", "maker_usd", "-1 to 1"]),
    ("max_orders: 1024", "max_orders: 3", ["line 11: limits.max_orders", "must be at least 64"]),
    ("price_window: 8192", "price_window: 8000", ["line 11: limits.price_window", "power of two"]),
    ("use: my_agents:buyer", "use: nobodys:buyer", ["line 14: agents[0].use", "no module nobodys"]),
    ("use: my_agents:buyer", "use: my_agents:byer", ["line 14: agents[0].use", "Did you mean buyer?"]),
    ("use: my_agents:buyer", "use: my_agents", ["line 14: agents[0].use", "module:callable"]),
    ("use: my_agents:buyer", "use: my_agents:number", ["line 14: agents[0].use", "not a function"]),
    ("use: my_agents:buyer", "use: my_agents:plain", ["line 14: agents[0].use", "market, orders and rng"]),
    ("use: my_agents:buyer", "uses: my_agents:buyer", ["line 14: agents[0].uses", "Did you mean use?"]),
    ("size: 200", "sice: 200", ["line 15: agents[0].with.sice", "an argument it does not take", "symbol, size, every_ns", "Did you mean size?"]),
    ("{symbol: AAPL, size: 200}", "{size: 200}", ["line 15: agents[0].with", "my_agents:buyer needs symbol"]),
    ("symbols: [AAPL]", "symbols: [MSFT]", ["symbols of agent buyer", "'MSFT'", "the run has AAPL, JPM, XOM"]),
    ("symbols: [AAPL]", "symbols: [APPL]", ["line 16: agents[0].symbols[0]", "Did you mean AAPL?"]),
    ("latency_ns: 40_000", "latency_ns: 0", ["line 17: agents[0].latency_ns", "must be at least 1"]),
    ("latency_ns: 40_000", "latency_ns: 40.5", ["line 17: agents[0].latency_ns", "40.5"]),
    ("NYSE: 10_000", "NSYE: 10_000", ["line 22: agents[1].latency_ns.NSYE", "Did you mean NYSE?"]),
    ('"*": 90_000', "IEX: 90_000", ["line 22: agents[1].latency_ns", "lacks NASDAQ, ARCA, BATS"]),
    ("name: seller", "name: buyer-1", []),
    ("name: buyer", "name: seller-1", ["line 18: agents[1].name", "'seller-1'", "a name of its own"]),
    ("name: buyer", "name: taker", ["line 13: agents[0].name", "'taker'", "background"]),
    ("extra_tables: [truth]", "extra_tables: [truths]", ["extra_tables", "truths", "orders, truth"]),
    ("about: two agents", "about: [", ["not valid YAML"]),
    ("about: two agents", "about: &a [*a]", ["not valid YAML", "contains itself"]),
    ("about: two agents", "- 1", ["mine.yaml"]),
    ("about: two agents", "writer: {use: 'my_agents:make_sink'}", ["line 1: writer.with", "needs name"]),
    ("about: two agents", "writer: {use: 'my_agents:make_sinc'}", ["line 1: writer.use", "Did you mean make_sink?"]),
    ("about: two agents", "writer: parket", ["line 1: writer", "did you mean parquet"]),
    ("about: two agents", "dates: 2025-07-01", ["line 1: dates", "start_ts and end_ts"]),
    ("about: two agents", "profile: specs", ["line 1: profile", "known are market, spec"]),
    ("about: two agents", "universe: nowhere.yaml", ["line 1: universe", "nowhere.yaml"]),
    ("about: two agents", "universe: {venues: []}", ["line 1: universe.venues", "at least 1 item"]),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "expected"), WRONG, ids=[f"{new}" for _, new, _ in WRONG])
def test_what_is_wrong_is_told_with_line_and_key(
    home: Path, old: str, new: str, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert old in GOOD
    path = write(home, GOOD.replace(old, new, 1))
    code = run_command("--scenario", str(path), "--check_scenario", "true")
    said = " ".join(capsys.readouterr().err.split())
    if not expected:
        assert code == 0
        return
    assert code == 2
    assert "Traceback" not in said
    for part in expected:
        assert part in said
    if any(part.startswith("line ") for part in expected):
        assert "mine.yaml line " in said


def test_a_scenario_that_is_not_there_names_the_ready_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command("--scenario", "momentun") == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "Did you mean momentum?" in said
    assert "thin_book" in said


def test_each_file_gets_the_module_beside_it(home: Path) -> None:
    """Two folders with modules of one name, one after the other in one process."""
    other = home / "other"
    other.mkdir()
    (other / "my_agents.py").write_text(AGENTS.replace("size=100", "size=333"))
    for folder, size in ((home, 100), (other, 333), (home, 100)):
        make = load_scenario(write(folder, GOOD)).agents[0].make
        assert make.__defaults__ == (size,)


def test_a_module_that_fails_says_how(home: Path) -> None:
    (home / "my_agents.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(InputError, match="cannot be imported: ModuleNotFoundError: No module named 'nothing_of_that_name'"):
        read_scenario(write(home, GOOD))
    (home / "my_agents.py").write_text("def f(:\n")
    with pytest.raises(InputError, match="cannot be imported: SyntaxError"):
        read_scenario(write(home, GOOD))


@pytest.mark.parametrize(
    ("text", "value"),
    [("ON", "ON"), ("yes", "yes"), ("true", True), ("010", 10), ("1_000", 1000), ("13:30", "13:30"), ("2025-07-01", "2025-07-01"),
     ("1e3", 1000.0), ("1.5", 1.5), ("-.5", -0.5), ("~", None), ("'5'", "5"), ("0x10", "0x10"), (".nan", None)],
)  # fmt: skip
def test_plain_words_mean_what_they_look_like(text: str, value: object) -> None:
    got = parse_yaml(f"key: {text}", "here", "another").data["key"]
    assert (type(got), got) == (type(value), value) or text == ".nan"


def test_the_schema_for_editors_is_the_one_in_the_docs() -> None:
    assert (ROOT / "docs" / "scenario.schema.json").read_text() == scenario_schema()
    schema = json.loads(scenario_schema())
    assert "with" in schema["$defs"]["AgentKeys"]["properties"]
    assert schema["additionalProperties"] is False


def test_the_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.start(parse_flags(["--print_scenario_schema", "true"]), Console(stderr=True)) == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Scenario"


# --- agents that fail in a run --------------------------------------------------------------------------------------------

FAILING = '''
def fails(market, orders, rng):
    yield market.wait(4_000_000_000)
    prices = {}
    orders.buy("AAPL", "NASDAQ", prices["AAPL"], 100)

def hangs(market, orders, rng):
    yield market.wait(4_000_000_000)
    while True: market.nbbo("AAPL")
'''


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("fails", ["raised KeyError: 'AAPL'", "line 5", 'orders.buy("AAPL", "NASDAQ", prices["AAPL"], 100)']),
        ("hangs", ["has been running for 0.5 s without a yield", 'market.nbbo("AAPL")']),
    ],
)
def test_an_agent_that_fails_ends_the_run_with_1_and_what_is_written_is_complete(
    home: Path, name: str, says: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "my_agents.py").write_text(FAILING)
    agents = f"agents:\n  - {{name: guilty, use: 'my_agents:{name}', symbols: [AAPL], max_wake_s: 0.5}}\n"
    path = write(home, GOOD.split("agents:")[0] + agents)
    assert run_command("--scenario", str(path), "--out", str(home / "out"), "--processes", "2") == 1
    said = " ".join(capsys.readouterr().err.split())
    assert "Traceback" not in said
    for part in ("Agent 'guilty' at ", new_york(parse_ts("2025-07-01T14:00:04Z")), str(home / "my_agents.py"), *says):
        assert part in said
    manifest = json.loads((home / "out" / "manifest.json").read_text())
    assert manifest["complete"] is False
    assert "guilty" in manifest["reason"]
    newest = []
    for table in ("market_data", "trades"):
        rows = pq.read_table(home / "out" / f"equities_{table}").to_pandas()
        whole = rows[rows["symbol"] == "AAPL"]
        assert whole["timestamp_ns"].is_monotonic_increasing
        newest.append(whole["timestamp_ns"].max())
    assert str(max(newest)).startswith("2025-07-01 14:00:03.9")
    assert not list((home / "out").rglob("*.partial"))
