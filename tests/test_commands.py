"""``python -m scenarios COMMAND``: the list, each command, and the old flags that do the same."""

from __future__ import annotations

import re
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from scenarios.launcher.catalog import ready_scenarios
from scenarios.launcher.commands import COMMANDS
from scenarios.launcher.commands.report import _parser as report_parser
from scenarios.launcher.flags import parse_flags
from scenarios.launcher.main import command_line, main

ROOT = Path(__file__).parent.parent


def said(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert command_line(words) == code
    out, err = capsys.readouterr()
    assert "Traceback" not in err
    return err if code else out


def test_without_a_command_there_is_the_list_of_them(capsys: pytest.CaptureFixture[str]) -> None:
    listed = said(capsys)
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ")] == list(COMMANDS)
    assert {"run", "list", "check", "ddl", "schema"} <= set(COMMANDS)
    assert said(capsys, "--help") == listed
    for command in COMMANDS.values():
        assert callable(command.load())
        assert (ROOT / "scenarios" / "launcher" / "commands" / f"{command.module}.py").is_file()


def test_list_has_every_ready_scenario_with_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    lines = said(capsys, "list").split("\n\n")[0].splitlines()
    assert [line.split()[0] for line in lines] == ready_scenarios()
    assert all(len(line.split(maxsplit=1)[1]) > 10 for line in lines)


@pytest.mark.parametrize(
    ("words", "flags"),
    [
        (("ddl", "--suffix", "_x"), ("--print_ddl", "true", "--suffix", "_x")),
        (("schema",), ("--print_scenario_schema", "true")),
        (("check", "momentum", "--seed", "7"), ("--scenario", "momentum", "--seed", "7", "--check_scenario", "true")),
    ],
)
def test_the_old_flags_do_the_same(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], flags: tuple[str, ...]) -> None:
    by_command = said(capsys, *words)
    assert main(flags) == 0
    assert capsys.readouterr().out == by_command != ""


def test_run_takes_the_same_flags_and_a_scenario_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    window = ("--end_ts", "2025-07-01T14:00:01Z", "--writer", "null", "--processes", "1")
    by_command = said(capsys, "run", "thin_book", *window)
    assert main(("--scenario", "thin_book", *window)) == 0
    digests = [next(line for line in out.splitlines() if "Digest" in line) for out in (by_command, capsys.readouterr().out)]
    assert digests[0] == digests[1]


def test_versions_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    text = said(capsys, "--version")
    assert text.startswith(f"equities-market-simulator {version} (")
    assert "python 3." in text
    assert "sources" in text, "two states of one version are told apart"
    assert "numba" in text
    for words in (["--version"], ["--seed", "3", "--version"]):
        with pytest.raises(SystemExit, match="0"):
            main(words)
        assert capsys.readouterr().out == text


def test_a_mistake_is_answered_with_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    message = said(capsys, "chek", "momentum", code=2)
    assert "'chek'" in message
    assert "run, list, check, ddl, schema" in message
    assert "'now'" in said(capsys, "list", "now", code=2)
    assert "'now'" in said(capsys, "schema", "now", code=2)
    assert "--sead" in said(capsys, "run", "--sead", "3", code=2)
    assert "'momentom'" in said(capsys, "run", "momentom", code=2)


def test_pip_installs_the_command_that_the_specification_names() -> None:
    """``tests/questdb`` runs both of the specification's usage lines by it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    module, _, function = project["project"]["scripts"]["equities_data_generator"].partition(":")
    assert callable(getattr(import_module(module), function))
    taken = {name for name in project["tool"]["setuptools"]["packages"] if name.startswith("scenarios.sql")}  # tests/test_queries.py
    packaged = set(project["tool"]["setuptools"]["packages"]) - taken
    there = {".".join(path.parent.relative_to(ROOT).parts) for name in ("simulator", "writers", "scenarios") for path in (ROOT / name).rglob("__init__.py")}
    assert packaged == there


def test_what_the_page_about_looking_says_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    """Its commands have flags that there are, its Python compiles and imports what there is."""
    text = (ROOT / "docs" / "looking.md").read_text()
    lines = [line.partition("#")[0].split() for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL) for line in block.splitlines()]
    typed = [words[2:] for words in lines] + [words.split()[2:] for words in re.findall(r"`(python -m scenarios [^`]*)`", text)]
    assert {words[0] for words in typed} == {"scenarios", "scenarios.full_day"}
    for module, *words in typed:
        if module == "scenarios.full_day":
            assert main((*words, "--check_scenario", "true")) == 0
        elif words[0] == "report":
            report_parser().parse_args(words[1:])
        else:
            parse_flags(words[1:], words[0])
    capsys.readouterr()
    for code in re.findall(r"```python\n(.*?)```", text, re.DOTALL):
        compile(code, "looking.md", "exec")
        exec("\n".join(line for line in code.splitlines() if line.startswith("from ")), {})
