"""Compiled kernels on disk: one folder a user, one file a kernel, named after all that decides the machine code.

numba's own cache is keyed by the path and the time of a source file, so that each virtual environment, checkout and installation
compiled anew; it keeps an index, which two processes can write at once and a crash can cut; and it raises where no folder can be
written. Here the name of a file is a hash of the sources' contents, numba's version and flags, the processor, and the types; it
appears whole or not at all; and what cannot be read is compiled again, what cannot be written does without.

A file is trusted as the program itself is (it holds machine code): it lies in a folder that only its user may write.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import stat
import sys
import tempfile
import warnings
from collections.abc import Iterable
from functools import cache
from hashlib import blake2b
from pathlib import Path
from typing import Any

import llvmlite
import numba
from numba.core.compiler import CompileResult
from numba.core.errors import NumbaError
from numba.core.serialize import dumps
from platformdirs import user_cache_path

FOLDER_VARIABLE = "MARKET_SIM_CACHE_DIR"
COMPILED_FROM = ("book/*.py", "flow/*.py", "records.py", "tape/columns.py", "tape/digest.py", "exchange/order_books.py")
"""The files of ``simulator`` that hold compiled code or its constants; ``tests/test_kernel_hygiene.py`` looks whether any is missing."""
CHECK_SIZE = 16
UNREADABLE = (
    OSError, ValueError, EOFError, ImportError, AttributeError, TypeError, LookupError, pickle.UnpicklingError, NumbaError,
)  # fmt: skip
"""What reading a file may raise that another version or a crash left behind."""


class KernelCache:
    """What numba's dispatcher asks for the compiled code of one function, and gives it to; as numba's ``FunctionCache``."""

    def __init__(self, function: Any, variant: str) -> None:
        """``variant``: how the functions that it calls are compiled. The sources are read now, as near as may be to their import."""
        self._name = f"{function.__module__}.{function.__qualname__}"
        self._made_of = fingerprint() + source_of(function) + variant

    @property
    def cache_path(self) -> str:
        """For numba's statistics."""
        return str(folder() or "")

    def load_overload(self, signature: Any, target: Any) -> Any:
        """The compiled function for these types, or None if there is none that can be used."""
        path = self.path(signature, target.codegen())
        if path is None:
            return None
        target.refresh()
        try:
            content = path.read_bytes()
            check, payload = content[:CHECK_SIZE], content[CHECK_SIZE:]
            if check != _check_of(payload):
                raise ValueError("cut or damaged")
            return CompileResult._rebuild(target, *pickle.loads(payload))
        except UNREADABLE:
            return None  # absent, or damaged: it is compiled again, and the new file takes its place

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep the compiled function, if a folder can be written."""
        path = self.path(signature, compiled.codegen)
        if path is None:
            return
        payload = dumps(compiled._reduce())
        with contextlib.suppress(OSError):  # a full disk, say: compiled it is, kept it is not
            _write_whole(path, _check_of(payload) + payload)

    def path(self, signature: Any, codegen: Any) -> Path | None:
        """Where the compiled function of these types lies or would lie; None without a folder."""
        where = folder()
        if where is None:
            return None
        key = repr((self._name, str(signature), codegen.magic_tuple(), self._made_of))
        return where / f"{self._name.removeprefix('simulator.')}-{blake2b(key.encode(), digest_size=12).hexdigest()}.kernel"

    def files(self, dispatcher: Any) -> list[str]:
        """Names of the files of all types for which the function is compiled or loaded in this process, as far as they lie there."""
        paths = [self.path(signature, dispatcher.targetctx.codegen()) for signature in dispatcher.overloads]
        return [path.name for path in paths if path is not None and path.is_file()]

    def enable(self) -> None: ...

    def disable(self) -> None: ...

    def flush(self) -> None: ...


@cache
def fingerprint() -> str:
    """A hash of all that decides the compiled code besides types and processor: sources, versions, flags. Read once a process."""
    simulator = Path(__file__).parent.parent
    digest = blake2b(digest_size=16)
    for path in sorted({path for pattern in COMPILED_FROM for path in simulator.glob(pattern)}):
        digest.update(path.relative_to(simulator).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    names = ("BOUNDSCHECK", "OPT", "DEBUGINFO_DEFAULT", "SLP_VECTORIZE", "LOOP_VECTORIZE")
    flags = [getattr(numba.config, name, None) for name in names]
    digest.update(repr((numba.__version__, llvmlite.__version__, sys.version, sys.maxsize, flags)).encode())
    return digest.hexdigest()


def source_of(function: Any) -> str:
    """A hash of the file that a function stands in: compiled code outside of ``simulator`` has all that it calls there."""
    try:
        return blake2b(Path(function.__code__.co_filename).read_bytes(), digest_size=16).hexdigest()
    except (OSError, AttributeError):
        return ""  # typed in by hand


@cache
def folder() -> Path | None:
    """The first folder that can be written, made if need be; None, with one warning, if there is none.

    ``MARKET_SIM_CACHE_DIR``, the user's cache folder (``~/.cache`` on Linux), a folder of the user's own among the temporary ones.
    """
    tried = []
    for path in _candidates():
        tried.append(str(path))
        if _is_usable(path):
            return path
    warnings.warn(
        f"No folder for compiled kernels can be written ({', '.join(tried)}): each process compiles them anew. "
        f"Name one in {FOLDER_VARIABLE}.",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def compiles() -> bool:
    """Whether anything is compiled here: not with ``NUMBA_DISABLE_JIT``."""
    return not numba.config.DISABLE_JIT


def is_complete(others: str = "") -> bool:
    """Whether all kernels were there the last time somebody called ``note_complete`` with these sources, and still are.

    ``others``: what tells the sources of kernels outside of this package from others.
    """
    note = _note(others)
    if note is None:
        return False
    try:
        names = note.read_text(encoding="utf-8").split()
        return bool(names) and all((note.parent / name).is_file() for name in names)
    except (OSError, ValueError):
        return False


def note_complete(names: Iterable[str], others: str = "") -> None:
    """Remember that these files are all that this program needs."""
    note = _note(others)
    if note is not None:
        with contextlib.suppress(OSError):
            _write_whole(note, "\n".join(sorted(names)).encode())


def _note(others: str) -> Path | None:
    where = folder()
    if where is None:
        return None
    # The processor counts too: a home folder may be shared by machines.
    processor = repr(numba.core.registry.cpu_target.target_context.codegen().magic_tuple())
    return where / f"complete-{blake2b((fingerprint() + processor + others).encode(), digest_size=12).hexdigest()}"


def _candidates() -> list[Path]:
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        return [Path(named)]
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return [
        user_cache_path("equities-market-simulator") / "kernels",
        Path(tempfile.gettempdir()) / f"equities-market-simulator-{user}",
    ]


def _is_usable(path: Path) -> bool:
    """Whether files can be written there, and nobody else can have put any there."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.stat()
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            return False
        with tempfile.TemporaryFile(dir=path):
            return True
    except OSError:
        return False


def _check_of(payload: bytes) -> bytes:
    return blake2b(payload, digest_size=CHECK_SIZE).digest()


def _write_whole(path: Path, content: bytes) -> None:
    """The file appears whole or not at all, whoever else writes it at the same time."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise
