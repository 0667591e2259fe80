"""The public names, the README's examples, and who may import whom."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import simulator

ROOT = Path(__file__).parent.parent
SOURCES = [path for folder in ("simulator", "writers") for path in (ROOT / folder).rglob("*.py")]


def test_every_public_name_is_there_and_sorted() -> None:
    assert simulator.__all__ == sorted(simulator.__all__)
    homes = [name for names in simulator._HOMES.values() for name in names]
    assert sorted(homes) == simulator.__all__
    for name in simulator.__all__:
        assert getattr(simulator, name).__name__ == name
    with pytest.raises(AttributeError, match="Nothing"):
        _ = simulator.Nothing


def test_the_examples_of_the_readme_run(capsys: pytest.CaptureFixture[str]) -> None:
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert len(blocks) == 2
    library, unit_test = blocks
    exec(compile(library, "README.md", "exec"), {})
    assert "AAPL" in capsys.readouterr().out
    names: dict[str, object] = {}
    exec(compile(unit_test, "README.md", "exec"), names)
    names["test_readme_example"]()  # type: ignore[operator]


def imports(path: Path) -> set[str]:
    """Modules that a file imports, dotted."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("simulator.")}


def test_import_directions() -> None:
    for path in SOURCES:
        parts = path.relative_to(ROOT).parts
        if parts[:2] in (("simulator", "records.py"), ("simulator", "errors.py")):
            assert not ours(path), path
        if parts[1] == "book":
            assert ours(path) <= {"book", "records", "errors"}, path
            assert not {"simpy", "time", "random"} & imports(path), path
        if parts[1] == "agents":
            assert not ours(path) & {"gateway", "clock", "book", "exchange", "market"}, path
        if parts[0] == "simulator":
            assert not {name.split(".")[0] for name in imports(path)} & {"writers", "scenarios"}, path
        if parts != ("simulator", "inputs", "reference_prices.py"):
            assert "yfinance" not in imports(path), path
        if parts != ("simulator", "inputs", "sessions.py"):
            assert "exchange_calendars" not in imports(path), path
        if parts not in (("simulator", "book", "jit.py"), ("simulator", "book", "kernel_cache.py")):
            assert "numba" not in imports(path), path


BANNED = {"time.time", "datetime.now", "dt.datetime.now", "datetime.utcnow", "random.random", "random.randint", "random.seed"}


def test_banned_calls() -> None:
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in BANNED, f"{path}:{node.lineno}"
                assert called != "print", f"{path}:{node.lineno}"
                legacy = called.startswith("np.random.") and called.rsplit(".", 1)[1].islower()
                assert not legacy, f"{path}:{node.lineno}"
