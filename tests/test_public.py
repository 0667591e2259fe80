"""The public names, the README's examples, and who may import whom."""

from __future__ import annotations

import ast
import re
from functools import cache
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


@cache
def parsed(path: Path) -> tuple[ast.AST, ...]:
    """A file's nodes, read once."""
    return tuple(ast.walk(ast.parse(path.read_text())))


@cache
def imports(path: Path) -> frozenset[str]:
    """Modules that a file imports, dotted."""
    found: set[str] = set()
    for node in parsed(path):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return frozenset(found)


def ours(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("simulator.")}


def modules() -> dict[str, Path]:
    """All of our modules by dotted name; a package stands for its ``__init__``."""
    found = {}
    for folder in ("simulator", "writers", "scenarios"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def circle_of(arrows: dict[str, set[str]]) -> list[str]:
    """One circle of imports, or nothing."""
    done: set[str] = set()

    def follow(name: str, path: list[str]) -> list[str]:
        if name in path:
            return path[path.index(name) :]
        if name in done:
            return []
        for after in sorted(arrows[name]):
            if circle := follow(after, [*path, name]):
                return circle
        done.add(name)
        return []

    return next((circle for name in sorted(arrows) if (circle := follow(name, []))), [])


def test_no_circle_of_imports() -> None:
    """Neither at run time nor for types: imports in functions and under ``TYPE_CHECKING`` count too.

    A package that only hands on the names of its modules (``simulator``, ``simulator.agents``) stands above them.
    """
    ours = modules()
    arrows = {name: {found for found in imports(path) if found in ours and found != name} for name, path in ours.items()}
    assert sum(map(len, arrows.values())) > 200, "the imports are not read any more"
    assert not circle_of(arrows), " -> ".join(circle_of(arrows))
    planted = {**arrows, "simulator.exchange.venue": {*arrows["simulator.exchange.venue"], "simulator.gateway.market_view"}}
    assert circle_of(planted)


BELOW = {
    "notices": (), "records": ("notices",), "venue_notices": ("notices", "records"), "errors": (), "rng": (), "book": ("records", "errors"), "inputs": ("records", "errors", "rng", "agents", "flow"),
    "agents": ("records", "notices", "venue_notices", "errors", "inputs"), "tape": ("records", "notices", "errors", "book", "inputs"),
    "flow": ("records", "errors", "rng", "book", "inputs", "tape"), "interrupts": (), "clock": ("errors", "flow", "interrupts"),
    "exchange": ("records", "notices", "venue_notices", "errors", "book", "clock", "flow", "inputs", "tape"),
    "gateway": ("records", "notices", "venue_notices", "errors", "rng", "agents", "clock", "interrupts", "exchange", "flow", "inputs", "tape"),
    "rules": ("records", "notices", "venue_notices", "rng", "agents", "clock", "exchange", "flow", "inputs", "tape"),
}  # fmt: skip
"""What each room of ``simulator`` may import besides itself. ``market``, ``analysis`` and ``testing`` stand above all of these."""


@pytest.mark.parametrize("room", BELOW)
def test_a_room_imports_only_those_below_it(room: str) -> None:
    paths = [*(ROOT / "simulator" / room).rglob("*.py"), *(ROOT / "simulator").glob(f"{room}.py")]
    assert paths
    for path in paths:
        assert ours(path) <= {room, *BELOW[room]}, f"{path.relative_to(ROOT)}: {ours(path) - {room, *BELOW[room]}}"


def test_import_directions() -> None:
    for path in SOURCES:
        parts = path.relative_to(ROOT).parts
        if parts[:2] in (("simulator", "notices.py"), ("simulator", "errors.py")):
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


COMMANDS = {ROOT / "simulator" / "testing" / "golden.py"}
"""Outside of ``scenarios/``: ``python -m simulator.testing.golden``."""
BANNED = {"time.time", "datetime.now", "dt.datetime.now", "datetime.utcnow", "random.random", "random.randint", "random.seed"}


def test_banned_calls() -> None:
    for path in SOURCES:
        for node in parsed(path):
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                assert called not in BANNED, f"{path}:{node.lineno}"
                assert called != "print" or path in COMMANDS, f"{path}:{node.lineno}"
                legacy = called.startswith("np.random.") and called.rsplit(".", 1)[1].islower()
                assert not legacy, f"{path}:{node.lineno}"
