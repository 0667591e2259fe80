"""Where in the user's own code a mistake was made: file, line and statement."""

from __future__ import annotations

import inspect
import linecache
import sysconfig
import traceback
from collections.abc import Generator
from functools import cache
from pathlib import Path
from typing import Any


def where_raised(error: BaseException, home: str) -> str:
    """The deepest line of the user's own code that the error went through; of a library's error, the line that called the library.

    ``home``: the file of the agent's function, which is the user's wherever it lies.
    """
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if is_users(frame.filename, home)]
    if not own and error.__cause__ is not None:  # Python makes a RuntimeError of a StopIteration that an agent raises
        return where_raised(error.__cause__, home)
    return _place(own[-1].filename, own[-1].lineno or 0) if own else ""


def where_defined(made: Any) -> str:
    """Where a function or class of the user's stands; empty if it has no source."""
    try:
        return _place(inspect.getsourcefile(made) or "", inspect.getsourcelines(made)[1])
    except (TypeError, OSError):
        return ""


def where_yielded(agent: Generator[Any, Any, Any], home: str) -> str:
    """The line of the user's own code at which a waiting generator stands, also inside ``yield from``."""
    place = ""
    inner: Any = agent
    while (frame := getattr(inner, "gi_frame", None)) is not None:
        if is_users(frame.f_code.co_filename, home):
            place = _place(frame.f_code.co_filename, frame.f_lineno)
        inner = inner.gi_yieldfrom
    return place


def home_of(agent: Generator[Any, Any, Any]) -> str:
    """The file of a generator's function."""
    code = getattr(agent, "gi_code", None)
    return code.co_filename if code is not None else ""


def is_users(filename: str, home: str) -> bool:
    """Neither Python's, nor an installed package's, nor this one's; ``<string>`` is what makes named tuples."""
    return filename == home or not filename.startswith(("<frozen", "<string>", *_library_folders()))


@cache
def _library_folders() -> tuple[str, ...]:
    installed = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return tuple(f"{folder}/" for folder in {*installed, str(Path(__file__).parent.parent)})


def _place(filename: str, line: int) -> str:
    return f" ({filename}, line {line}: {linecache.getline(filename, line).strip()})"
