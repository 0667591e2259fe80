"""Scenario files by name: the user's own by path, the ready ones by their name alone."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from simulator.errors import InputError, explain
from simulator.inputs.strict_yaml import nearest, parse_yaml


def ready_scenarios() -> list[str]:
    """Names of the scenarios that come with the program."""
    return sorted(entry.name.removesuffix(".yaml") for entry in files("scenarios").iterdir() if entry.name.endswith(".yaml"))


def ready_modules() -> list[str]:
    """The modules of their agents."""
    return [f"scenarios.{name}" for name in ready_scenarios()]


def find_scenario(name: str) -> Path:
    """``name`` is a path, or the name of a ready scenario. Raises ``InputError``."""
    path = Path(name)
    if path.is_file():
        return path
    known = ready_scenarios()
    if name in known:
        return Path(str(files("scenarios"))) / f"{name}.yaml"
    limit = f"there is no such file; ready scenarios are {', '.join(known)}"
    raise InputError(explain("--scenario", name, limit, nearest(name, known)))


def about(name: str) -> str:
    """The line that a ready scenario says about itself; its Python is not loaded."""
    path = find_scenario(name)
    return str(parse_yaml(path.read_text(encoding="utf-8"), str(path), "").data.get("about", ""))
