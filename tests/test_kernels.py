"""The line about compiling is true: it appears when something is compiled, and then everything is."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from scenarios.launcher import kernels
from simulator.book import kernel_cache
from simulator.book.kernel_cache import KernelCache

compiled = pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")


def said_by(console: Console) -> str:
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """What is compiled or loaded, without doing it; a folder of kernels of the test's own."""
    found: list[str] = []
    monkeypatch.setattr(kernels, "compile_all", lambda: found.append("all") or {"a.kernel", "b.kernel"})
    monkeypatch.setattr(kernels, "warm_up", lambda: found.append("run"))
    monkeypatch.setattr(kernel_cache, "folder", lambda: tmp_path)
    for name in ("a.kernel", "b.kernel"):
        (tmp_path / name).touch()
    return found


@compiled
def test_it_is_said_when_something_is_compiled_and_only_then(calls: list[str], tmp_path: Path) -> None:
    console = Console(file=io.StringIO())
    kernels.load_kernels(console)
    assert calls == ["all", "run"]
    assert said_by(console).splitlines()[0].startswith("Compiling the kernels, once for this user")
    assert said_by(console).splitlines()[1].startswith("Compiled in")
    console = Console(file=io.StringIO())
    kernels.load_kernels(console)
    assert calls == ["all", "run", "run"]
    assert said_by(console) == ""
    (tmp_path / "b.kernel").unlink()
    kernels.load_kernels(console)
    assert "Compiling" in said_by(console)


@compiled
def test_another_writers_kernel_is_another_whole(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    kernels.load_kernels(Console(file=io.StringIO()))
    monkeypatch.setattr(kernels, "_of_the_writers", lambda: "changed")
    console = Console(file=io.StringIO())
    kernels.load_kernels(console)
    assert "Compiling" in said_by(console)


@compiled
def test_without_a_folder_each_process_compiles_what_it_needs(calls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache, "folder", lambda: None)
    console = Console(file=io.StringIO())
    kernels.load_kernels(console)
    assert calls == ["run"]
    assert "Compiling" in said_by(console)


@compiled
def test_both_parts_together_are_all_entry_points() -> None:
    """A new one that no part calls would be compiled in silence, later."""
    names = kernels.compile_part("flow") | kernels.compile_part("books")
    entries = {
        f"{module.__name__}.{name}".removeprefix("simulator.")
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").split(".")[0] in ("simulator", "writers")
        for name, value in vars(module).items()
        if isinstance(getattr(value, "_cache", None), KernelCache) and value.py_func.__module__ == module.__name__
    }
    assert len(entries) >= 12
    there = {name.rpartition("-")[0] for name in names}
    assert entries - there == set()


def test_a_helper_that_fails_costs_nothing_but_its_help(monkeypatch: pytest.MonkeyPatch) -> None:
    with kernels._helper("no such part") as names:
        assert names() == set()
    made: list[str] = []
    monkeypatch.setattr(kernels, "compile_part", lambda part: made.append(part) or {part})
    monkeypatch.setattr(sys, "executable", "/bin/false")
    assert kernels.compile_all() == {"flow", "books"}
    assert made == ["flow", "books"]


def test_nothing_is_compiled_where_nothing_can_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_cache, "compiles", lambda: False)
    monkeypatch.setattr(kernels, "_simulate", lambda **_: 1 / 0)
    console = Console(file=io.StringIO())
    kernels.load_kernels(console)
    assert said_by(console) == ""
