"""The Python files that an agent is made of, by what its module takes from where."""

from __future__ import annotations

import sys
from pathlib import Path


def source_files(module_name: str) -> list[Path]:
    """The file of an imported module, and of the modules that it takes names from and that lie in or below its folder."""
    first = sys.modules.get(module_name)
    start = getattr(first, "__file__", None)
    if first is None or start is None:
        return []
    folder = Path(start).resolve().parent
    found: dict[Path, None] = {}
    pending = [first]
    while pending:
        module = pending.pop()
        path = Path(str(module.__file__)).resolve()
        if path in found or not path.is_relative_to(folder) or "site-packages" in path.relative_to(folder).parts:
            continue
        found[path] = None
        for value in list(vars(module).values()):
            name = value.__name__ if isinstance(value, type(sys)) else getattr(value, "__module__", None)
            other = sys.modules.get(name) if isinstance(name, str) else None
            if getattr(other, "__file__", None) and other is not None:
                pending.append(other)
    return sorted(found)
