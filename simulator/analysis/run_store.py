"""Finished runs of a sweep on disk, each under a name that is made of all that decides it, so that it is never taken for another."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from simulator.errors import InputError, SinkError, explain
from simulator.inputs.agent_sources import source_files
from simulator.inputs.versions import versions

DEPTH_MAX = 40


class RunStore:
    """A folder with a small JSON file for each finished run."""

    def __init__(self, folder: Path | str) -> None:
        """Raises ``InputError`` for a folder that cannot be used."""
        self.folder = Path(folder) / "runs"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            limit = f"it cannot be used: {error.strerror or error}"
            raise InputError(explain("folder", str(folder), limit, "Choose one that you may write to.")) from error

    def read(self, key: str) -> dict[str, float] | None:
        """What was measured, None if that run is not finished; a file that is damaged counts as none."""
        try:
            found = json.loads((self.folder / f"{key}.json").read_text(encoding="utf-8"))
            return {str(name): float(value) for name, value in found["measures"].items()}
        except (OSError, ValueError, KeyError, AttributeError, TypeError):
            return None

    def write(self, key: str, seed: int, settings: Mapping[str, Any], measures: Mapping[str, float]) -> None:
        """Whole or not at all. Raises ``SinkError``."""
        text = json.dumps({"seed": seed, "settings": {k: repr(v) for k, v in settings.items()}, "measures": dict(measures)}, indent=1)
        try:
            handle, partial = tempfile.mkstemp(dir=self.folder, suffix=".partial")
            try:
                with os.fdopen(handle, "w", encoding="utf-8") as file:
                    file.write(text)
                os.replace(partial, self.folder / f"{key}.json")
            except BaseException:
                with suppress(OSError):
                    os.unlink(partial)
                raise
        except OSError as error:
            raise SinkError(f"The finished run could not be kept in {self.folder}: {error}. Name another folder, or none.") from error


class Naming:
    """Names of runs: of the scenario, the code of its agents and of what is measured, and the versions of the program and its libraries."""

    def __init__(self, measure: object) -> None:
        self._code: dict[int, tuple[object, str]] = {}
        self._common = [versions(), self.describe(measure)]

    def key(self, scenario: object) -> str:
        return blake2b(json.dumps([self._common, self.describe(scenario)]).encode(), digest_size=12).hexdigest()

    def describe(self, value: Any, depth: int = 0) -> Any:
        """As lists and text that are the same whenever the value is, in another process too. Raises ``InputError`` for what has no end."""
        if depth > DEPTH_MAX:
            limit = f"it is nested more than {DEPTH_MAX} deep"
            raise InputError(explain("folder", type(value).__name__, limit, "Runs with it cannot be kept: give no folder."))
        if value is None or isinstance(value, bool | int | str):
            return [type(value).__name__, str(value)]
        if isinstance(value, float | bytes | complex | np.generic):
            return [type(value).__name__, repr(value)]
        if isinstance(value, Enum):
            return [type(value).__qualname__, value.name]
        if isinstance(value, np.ndarray):
            return ["array", str(value.dtype), list(value.shape), blake2b(np.ascontiguousarray(value).tobytes()).hexdigest()]
        if isinstance(value, Mapping):
            return ["map", sorted((str(k), self.describe(v, depth + 1)) for k, v in value.items())]
        if isinstance(value, list | tuple | range):
            return [type(value).__name__, [self.describe(v, depth + 1) for v in value]]
        if isinstance(value, set | frozenset):
            return ["set", sorted(json.dumps(self.describe(v, depth + 1)) for v in value)]
        if callable(value) and hasattr(value, "__qualname__"):
            return self._described_code(value, depth)
        inside = {f.name: getattr(value, f.name) for f in fields(value)} if is_dataclass(value) else _state(value)
        return [type(value).__qualname__, self._described_code(type(value), depth), self.describe(inside, depth + 1)]

    def _described_code(self, code: Any, depth: int) -> Any:
        """A function or class by its name and its files; typed in by hand, by what it is compiled to and what it has taken along."""
        found = self._code.get(id(code))
        if found is None:
            found = (code, self._hash_of(code))
            self._code[id(code)] = found
        function = getattr(code, "__func__", code)
        taken = [self.describe(cell.cell_contents, depth + 1) for cell in getattr(function, "__closure__", None) or ()]
        bound = getattr(code, "__self__", None)
        mine = [] if bound is None or isinstance(bound, type) or type(bound).__name__ == "module" else [self.describe(bound, depth + 1)]
        return ["code", getattr(code, "__module__", ""), code.__qualname__, found[1], taken, mine]

    def _hash_of(self, code: Any) -> str:
        name = getattr(code, "__module__", None) or ""
        home = sys.modules.get(name)
        if name.split(".")[0] in ("builtins", "simulator") or home is None:
            return ""  # the program's version counts already
        digest = blake2b(digest_size=16)
        if getattr(home, "__file__", None) is not None:
            for path in source_files(name):
                digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        _compiled_into(digest, code)  # two lambdas of one file have one name
        return digest.hexdigest()


def _state(value: Any) -> dict[str, Any]:
    if hasattr(value, "__dict__"):
        return dict(vars(value))
    return {name: getattr(value, name, None) for name in getattr(type(value), "__slots__", ())} or {"": repr(value)}


def _compiled_into(digest: Any, code: Any) -> None:
    """The byte code of a function, or of all functions of a class, and of those that it names in its module."""
    seen: set[int] = set()

    def take(value: Any) -> None:
        if id(value) in seen:
            return
        seen.add(id(value))
        if isinstance(value, type):
            for name, member in sorted(vars(value).items()):
                if hasattr(member, "__code__"):
                    digest.update(name.encode())
                    take(member)
        elif hasattr(value, "__code__"):
            take_code(value.__code__)
            for name in value.__code__.co_names:
                named = value.__globals__.get(name)
                if hasattr(named, "__code__") or isinstance(named, int | float | str):
                    digest.update(f"{name}={'' if hasattr(named, '__code__') else repr(named)}".encode())
                    take(named)

    def take_code(compiled: Any) -> None:
        digest.update(compiled.co_code + repr(compiled.co_names).encode())
        for constant in compiled.co_consts:
            if hasattr(constant, "co_code"):
                take_code(constant)
            else:
                digest.update(repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant).encode())

    take(getattr(code, "__func__", code))
