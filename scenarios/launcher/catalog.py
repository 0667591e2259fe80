"""Scenario files by name: the user's own by path, the ready ones by their name alone."""

from __future__ import annotations

from simulator.inputs.scenario_file import find_scenario, ready_scenarios
from simulator.inputs.strict_yaml import parse_yaml

__all__ = ["about", "find_scenario", "ready_modules", "ready_scenarios"]


def ready_modules() -> list[str]:
    """The modules of their agents."""
    return [f"scenarios.{name}" for name in ready_scenarios()]


def about(name: str) -> str:
    """The line that a ready scenario says about itself; its Python is not loaded."""
    path = find_scenario(name)
    return str(parse_yaml(path.read_text(encoding="utf-8"), str(path), "").data.get("about", ""))
