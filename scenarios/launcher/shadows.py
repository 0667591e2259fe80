"""The program's own packages, hidden by a user's: Python looks in the current folder first. Imports nothing of ours."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

OURS = ("simulator", "writers")


def hidden_by() -> str | None:
    """What to do about a file or folder of the user's that has the name of one of our packages; None if there is none."""
    home = Path(__file__).resolve().parent.parent.parent
    for name in OURS:
        spec = find_spec(name)
        found = Path(spec.origin).resolve() if spec is not None and spec.origin is not None else None
        if found is not None and found != home / name / "__init__.py" and (home / name / "__init__.py").exists():
            return f"{found} hides the program's own package {name}: rename it, or run from another folder."
    return None
