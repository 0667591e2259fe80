"""Nothing cites what is not here: every file and module that comments, docstrings, pages and YAML name can be found in the repository."""

from __future__ import annotations

import ast
import io
import re
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FILE = re.compile(r"(?<![\w./<>{*$-])((?:[\w-]+/)*[\w-]+\.(?:py|md|yaml|csv|toml))(?![\w/*.]*[\w/*])")
MODULE = re.compile(r"(?<![\w.])((?:simulator|scenarios|writers|tests|examples)(?:\.[a-z_][a-z_0-9]*)+)(?![\w(])")
TEST = re.compile(r"`([\w/]+)::(\w+)`")
"""A test, as pages name one: its file below tests/, its function."""
RUN = re.compile(r"python -m ([a-z_][a-z_0-9.]*)")
OTHERS = {"pip", "venv", "pytest", "ruff", "mypy", "moto"}
USERS = re.compile(r"(my|own|mine|yours?|narrow|other|FILE)(_?\w*)\.(py|yaml|csv|md)|conftest\.py|test_x\.py|ruamel\.yaml|[\w-]*_10\.csv|equities_\w+-\d{4}-\d\d-\d\d\.csv")
"""What a page asks the reader to write."""
TAKEN: dict[str, str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-dir"]


@cache
def files() -> frozenset[str]:
    return frozenset(
        path.relative_to(ROOT).as_posix()
        for folder in ("simulator", "writers", "scenarios", "tests", "examples", "docs", ".")
        for path in ((ROOT / folder).glob("*") if folder == "." else (ROOT / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    )


@cache
def ends_of_files() -> frozenset[str]:
    """Each file by its path, and by every later part of it."""
    parts = [name.split("/") for name in files()]
    return frozenset("/".join(path[n:]) for path in parts for n in range(len(path)))


def texts() -> Iterator[tuple[str, str]]:
    """(file, what it says to a reader)."""
    for name in sorted(files()):
        path = ROOT / name
        if path.suffix == ".py" and not name.startswith("tests/"):
            yield name, said_in(path.read_text(encoding="utf-8"))
        elif path.suffix in (".md", ".yaml", ".toml") and not name.startswith("tests/"):
            yield name, path.read_text(encoding="utf-8")


def said_in(source: str) -> str:
    """Comments, docstrings and strings that stand alone."""
    parts = [token.string for token in tokenize.generate_tokens(io.StringIO(source).readline) if token.type == tokenize.COMMENT]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            parts.append(node.value.value)
    return "\n".join(parts)


def missing(name: str, text: str) -> list[str]:
    """Names in a text that nothing in the repository has."""
    folder = Path(name).parent
    lost = []
    for cited in FILE.findall(text):
        if not {cited, (folder / cited).as_posix()} & ends_of_files() and not USERS.fullmatch(cited.rpartition("/")[2]):
            lost.append(cited)
    for module in (*MODULE.findall(text), *(m for m in RUN.findall(text) if m.partition(".")[0] not in OTHERS)):
        parts = module.split(".")
        places = [p for n in range(len(parts), 0, -1) for p in ("/".join(parts[:n]) + ".py", "/".join(parts[:n]) + "/__init__.py")]
        whole = places[:2] if module in RUN.findall(text) else places[:4]  # the last part may be a name in the module
        here = next((name for name in TAKEN if module == name or module.startswith(f"{name}.")), None)
        if here is not None:  # pip makes a package of files that stand elsewhere
            there = (TAKEN[here] + module.removeprefix(here)).replace(".", "/")
            if not any(file.startswith(f"{there}/") for file in files()):
                lost.append(module)
        elif not any(place in files() for place in (*whole, "/".join(parts) + "/__main__.py")):
            lost.append(module)
    return lost + [f"{file}::{test}" for file, test in TEST.findall(text) if test not in functions_of(file)]


@cache
def functions_of(file: str) -> frozenset[str]:
    """Functions of a file below tests/."""
    path = ROOT / "tests" / f"{file}.py"
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_whatever_is_cited_is_here() -> None:
    lost = {name: found for name, text in texts() if (found := missing(name, text))}
    assert lost == {}


@pytest.mark.parametrize(
    "planted",
    ["`test_nothing::test_nobody`", "`test_references::test_nobody`", "scenarios.sql.nosuch", "See likeness.md.", "(see `tests/bench/nothing.py`)", "`python -m tests.bench.profile` measures", "as simulator.nowhere.name says", "docs/lost.md"],
)
def test_a_dangling_name_is_found(planted: str) -> None:
    assert missing("simulator/x.py", planted)
    assert not missing("simulator/x.py", "See README.md, `docs/book.md`, book.md, simulator.inputs.config.Scenario, `python -m scenarios.full_day`, `test_references::test_whatever_is_cited_is_here`.")


def test_the_page_of_the_layout_names_every_file() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    folders = ("simulator/", "writers/", "scenarios/launcher/")
    sources = [Path(name) for name in sorted(files()) if name.startswith(folders) and name.endswith(".py") and not name.endswith("__init__.py")]
    assert len(sources) > 200
    assert [path.as_posix() for path in sources if path.name not in page and f"`{path.stem}`" not in page] == [], "not in docs/architecture.md"
