"""From ``module:callable`` to the callable, as scenario files and ``--writer`` name it."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from simulator.errors import InputError, explain
from simulator.inputs.strict_yaml import nearest

OURS = ("simulator", "scenarios", "writers")


def find(name: str, what: str, folder: Path | None = None) -> Any:
    """What ``module:callable`` names. Raises ``InputError`` with what is there and the nearest name; ``what`` begins the message.

    Modules beside the file that names them are found first: ``folder`` is put in front of ``sys.path``, as Python does with the
    folder of a script, and stays there, because worker processes import them again. A folder that is a package is not.
    """
    module_name, _, path = name.partition(":")
    if not module_name or not path:
        raise InputError(explain(what, name, "must be written module:callable", "For example my_agent:momentum."))
    if folder is not None and not (folder / "__init__.py").exists():
        _check_hides_none(folder, what)
        _put_first(folder, module_name.partition(".")[0])
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise InputError(_fails(what, name, error)) from error
        where = "the current folder" if folder is None else f"{folder} and the current folder"
        remedy = f"Modules in {where} count, and installed ones."
        raise InputError(explain(what, name, f"there is no module {module_name}", remedy)) from error
    except Exception as error:
        raise InputError(_fails(what, name, error)) from error
    for part in path.split("."):
        if not hasattr(found, part):
            there = _callables(found)
            limit = f"{module_name} has {', '.join(there) or 'nothing callable'}"
            raise InputError(explain(what, name, limit, nearest(part, there)))
        found = getattr(found, part)
    return found


def module_file(module_name: str, folder: Path | None = None) -> Path | None:
    """Where ``find`` would take a module from, without importing it; None if that cannot be known (it is a part of a package)."""
    if folder is not None and not (folder / "__init__.py").exists():
        for path in (folder / f"{module_name}.py", folder / module_name / "__init__.py"):
            if path.exists():
                return path
    if "." in module_name:  # find_spec would import the package
        package = module_file(module_name.rpartition(".")[0], folder)
        beside = package.parent / f"{module_name.rpartition('.')[2]}.py" if package is not None else None
        return beside if beside is not None and beside.exists() else None
    try:
        spec = importlib.util.find_spec(module_name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def _callables(found: Any) -> list[str]:
    """Public names: the module's own, or if it has none, what it imports too."""
    named = {key: value for key, value in vars(found).items() if callable(value) and not key.startswith("_")}
    own = [key for key, value in named.items() if getattr(value, "__module__", None) == getattr(found, "__name__", None)]
    return sorted(own or named)


def _check_hides_none(folder: Path, what: str) -> None:
    """That modules beside the file are not called as the program's own, which would not be found any more. Raises ``InputError``."""
    if folder.resolve() == Path(__file__).resolve().parent.parent.parent:
        return
    for name in OURS:
        for path in (folder / f"{name}.py", folder / name / "__init__.py"):
            if path.exists():
                hides = path if path.name == f"{name}.py" else path.parent
                limit = f"it would hide the program's own package {name}"
                raise InputError(explain(f"{what}: beside the file lies", str(hides), limit, "Rename it, or put the file elsewhere."))


def _put_first(folder: Path, module: str) -> None:
    """In front of ``sys.path``; a module of that name that another folder has given before is forgotten."""
    if str(folder) in sys.path:
        sys.path.remove(str(folder))
    sys.path.insert(0, str(folder))
    here = [folder / f"{module}.py", folder / module / "__init__.py"]
    loaded = getattr(sys.modules.get(module), "__file__", None)
    if loaded is not None and Path(loaded) not in here and any(path.exists() for path in here):
        for name in [name for name in sys.modules if name == module or name.startswith(f"{module}.")]:
            del sys.modules[name]
        importlib.invalidate_caches()


def _fails(what: str, name: str, error: Exception) -> str:
    return explain(what, name, f"the module cannot be imported: {type(error).__name__}: {error}", "Mend it, or name another one.")
