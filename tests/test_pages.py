"""The pages about scenarios and agents: their commands run and show what the pages say, their Python runs, their YAML is right."""

from __future__ import annotations

import inspect
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers import run, scenario
from peers import in_venv, python

import simulator.agents
from scenarios.launcher import main as command
from simulator.agents.execution import Execution
from simulator.inputs.config import AgentSpec, Rates
from simulator.inputs.scenario_keys import ScenarioKeys
from simulator.inputs.strict_yaml import parse_yaml
from writers.results import RESULT_TABLES

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs" / "scenarios").glob("*.md"))


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def flat(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_scenarios_commands_show_what_its_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text()
    lines = [line for block in blocks(text, "bash") for line in block.splitlines()]
    said: list[str] = []
    assert any(f"--scenario {page.stem}" in line for line in lines)
    for line in lines:
        program, *words = line.split()
        assert program == "python"
        assert words[0] == "-m"
        if words[1] == "scenarios.full_day":
            assert command.main(words[2:]) == 0
        else:
            assert len(words) == 2
            monkeypatch.delitem(sys.modules, words[1], raising=False)  # the scenario's agents have imported it
            with pytest.raises(SystemExit, match="0"):
                runpy.run_module(words[1], run_name="__main__")
        said += flat(capsys.readouterr().out)
    shown = [line for block in blocks(text, "text") for line in flat(block)]
    assert shown
    assert [line for line in shown if line not in said] == []
    for code in blocks(text, "python"):
        exec(compile(code, page.name, "exec"), {})
        assert capsys.readouterr().out


def test_the_agents_page_has_the_arguments_of_the_agents_to_use() -> None:
    text = (ROOT / "docs" / "agents.md").read_text().split("## Agents to use and to copy")[1]
    common = dict(re.findall(r"`(\w+)=([\d_]+)`", text.split("| agent")[0]))
    rows = re.findall(r"^\| `(\w+)` \|([^|]*)\|", text, re.MULTILINE)
    assert {name for name, _ in rows} == {"TWAP", "VWAP", "POV", "ImplementationShortfall", "AvellanedaStoikov"}
    for name, arguments in rows:
        made = getattr(simulator.agents, name)
        signatures = [inspect.signature(of) for of in (made, Execution)[: 1 + issubclass(made, Execution)]]
        known = {n: p.default for s in signatures for n, p in s.parameters.items() if p.kind is not p.VAR_KEYWORD}
        said = dict(re.findall(r"(\w+)(?:=([^ ,|]+))?", re.sub(r"\.\.\.", "0", arguments))) | (common if issubclass(made, Execution) else {})
        assert set(said) == set(known), name
        for argument, default in said.items():
            if argument != "curve":
                assert known[argument] == (float(default) if default else inspect.Parameter.empty), (name, argument)


def test_the_agents_page_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Word by word: the file, the scenario, the commands, then each piece of Python."""
    text = (ROOT / "docs" / "agents.md").read_text()
    agent, library, calls, streams, helper, waits, part, maker, as_class, impact = blocks(text, "python")
    (tmp_path / "my_agent.py").write_text("\n".join((agent, calls, streams, helper, waits, part, maker, as_class)))
    (tmp_path / "narrow.yaml").write_text(blocks(text, "yaml")[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for line in blocks(text, "bash")[0].splitlines():
        assert command.main(line.split("#")[0].split()[3:]) == 0
    said = capsys.readouterr().out
    assert "my_agent:narrow" in said
    assert {p.name for p in (tmp_path / "narrow" / "agents" / "narrow").iterdir()} == {f"{table}.parquet" for table in RESULT_TABLES}
    names: dict[str, Any] = {}
    for code in (library, impact):
        exec(compile(code, "agents.md", "exec"), names)
    assert "shares_without" in capsys.readouterr().out
    frames = re.findall(r'^\| `((?:result|market)\.pandas\("\w+"\))` \|(.*)\|$', text, re.MULTILINE)
    assert len(frames) == 5
    for frame, said_columns in frames:
        assert list(eval(frame, names).columns) == re.findall(r"`(\w+)`", said_columns), frame
    for name in ("shows_all_calls", "watches_everything", "patient", "tells_apart", "Narrow"):
        arguments = "with: {symbol: AAPL}" if name == "Narrow" else ""
        scenario = (tmp_path / "narrow.yaml").read_text().replace("my_agent:narrow", f"my_agent:{name}").replace("with: {symbol: AAPL}", arguments)
        (tmp_path / "other.yaml").write_text(scenario.replace("14:05:00", "14:00:02"))
        assert command.main(["--scenario", "other.yaml", "--out", name]) == 0


def test_the_pages_participant_and_maker_do_what_it_says() -> None:
    """A tenth of the volume within a percent; a maker that makes, and knows its place."""
    names: dict[str, Any] = {}
    for code in blocks((ROOT / "docs" / "agents.md").read_text(), "python")[6:8]:
        exec(compile(code, "agents.md", "exec"), names)
    agents = tuple(AgentSpec(name=name, make=names[name], arguments={"symbol": "AAPL"}) for name in ("participates", "makes"))
    busy = Rates(market_data_min_eps=80, market_data_max_eps=300, trades_min_eps=30, trades_max_eps=100)
    market = run(scenario("2025-07-01T14:00:00Z", "2025-07-01T14:01:30Z", names=("AAPL",), agents=agents, rates=busy))
    results = market.agents()
    prints = market.tape()["trades"]
    assert results["participates"].shares == pytest.approx(0.1 * int(prints.size.sum()), rel=0.01)  # type: ignore[union-attr]
    (position,) = results["makes"].positions
    assert position.shares_maker > 1_000
    assert position.shares_taker == 0
    records = results["makes"].pandas("records")
    assert set(records["name"]) == {"ahead of the BUY", "ahead of the SELL", "fee of a maker's share"}
    assert records["value"][records["name"] != "fee of a maker's share"].max() > 100


def test_the_page_of_sweeps_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Word by word, with fewer seeds."""
    text = (ROOT / "docs" / "sweeps.md").read_text()
    agent, library, impacts = blocks(text, "python")
    (tmp_path / "my_buyer.py").write_text(agent)
    (tmp_path / "mine.yaml").write_text(blocks(text, "yaml")[0])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    (line,) = blocks(text, "bash")[0].strip().splitlines()
    words = line.replace("1..8", "1..2").replace("--processes 2", "--processes 1").split()[3:]
    assert command.command_line(words) == 0
    said = capsys.readouterr().out
    assert "agents.buyer.with.pieces" in said
    assert "4 runs, 4 of them simulated now" in said
    for code in (library.replace("range(1, 9)", "range(1, 3)"), impacts.replace("1..4", "1..2")):
        exec(compile(code, "sweeps.md", "exec"), {})
        assert "over_start_bps" in (printed := capsys.readouterr().out) or "impact_bps" in printed


def test_the_page_of_environments_can_be_followed(capsys: pytest.CaptureFixture[str]) -> None:
    """Each piece of Python; what asks for processes is run by ``test_environments``."""
    found = blocks((ROOT / "docs" / "environments.md").read_text(), "python")
    assert len(found) == 6
    for code in found:
        shorter = code.replace('= 20, 10, 4, "1001..1020"', '= 1, 3, 1, "1001..1002"')
        exec(compile(shorter, "environments.md", "exec"), {"__name__": "page"})
        assert ("__main__" in code) == (capsys.readouterr().out == "")


def test_the_page_of_results_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = blocks((ROOT / "docs" / "results.md").read_text(), "python")
    exec(compile(code, "results.md", "exec"), {})
    assert "slippage_arrival_bps" in capsys.readouterr().out
    assert (tmp_path / "parent_report" / "fills.parquet").exists()


def test_the_baselines_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.command_line(["baselines", "--seeds", "1..2", "--steps", "3"]) == 0
    said = capsys.readouterr().out
    assert all(name in said for name in ("TWAP, offering", "Avellaneda-Stoikov", "Trading-v0: reward of an episode of 3 steps"))


def test_the_scenario_that_has_every_key_is_right(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the agent of the other page it is accepted; keys that exclude others stand in it as comments."""
    (text,) = blocks((ROOT / "docs" / "scenarios.md").read_text(), "yaml")
    there = set(parse_yaml(text, "docs/scenarios.md", "").data) | set(re.findall(r"^# (\w+):", text, re.MULTILINE))
    assert set(ScenarioKeys.model_fields) - there == {"start_ts", "end_ts"}
    (tmp_path / "my_agent.py").write_text(blocks((ROOT / "docs" / "agents.md").read_text(), "python")[0])
    (tmp_path / "mine.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert command.main(["--scenario", "mine.yaml", "--check_scenario", "true"]) == 0


@pytest.mark.day
def test_the_page_of_formats_can_be_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its commands, then each piece of Python with the peers' packages that can stand beside ours."""
    follow_page_of_formats(tmp_path, monkeypatch)
    capsys.readouterr()
    found = [code for code in page_of_formats("python") if not any(name in code for name in APART)]
    assert len(found) == 4
    for code in found:
        exec(compile(code, "formats.md", "exec"), {})
        assert capsys.readouterr().out


@pytest.mark.hour
def test_the_page_of_formats_can_be_followed_with_peers_in_their_own_environments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``pytest -m hour tests/test_pages.py``."""
    follow_page_of_formats(tmp_path, monkeypatch)
    for code in page_of_formats("python"):
        for peer in (name for name in APART if name in code):
            (tmp_path / "reads.py").write_text(code)
            assert in_venv(peer, [peer], str(tmp_path / "reads.py"))


APART = ("nautilus_trader", "hftbacktest")
"""They pin older numpy or pandas."""


def page_of_formats(kind: str) -> list[str]:
    return blocks((ROOT / "docs" / "formats.md").read_text(), kind)


def follow_page_of_formats(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commands, word by word, in this process: each alone has tests of its own."""
    monkeypatch.chdir(tmp_path)
    for line in "".join(page_of_formats("bash")).replace("\\\n", " ").splitlines():
        if python()[1] >= (3, 12):
            line = line.replace("--layout 1.221", "")
        program, flag, module, *words = line.split("#")[0].split()
        assert (program, flag) == ("python", "-m")
        assert module in ("scenarios", "scenarios.full_day")
        assert (command.command_line(words) if module == "scenarios" else command.main(words)) == 0
