"""A store keeps whole objects by name. Nothing in it is ever half there: an object appears with its last byte, and under no other name
first, so that nothing needs to be renamed. Writing the same name again replaces the object, and does no harm.

``open_store`` takes a folder, or an address: ``s3://`` and ``gs://`` by pyarrow's own file systems, ``abfs://``, ``memory://`` and every
other protocol by fsspec. Secrets come from where those libraries look for them (environment, files, the machine's role), not from here.

Azure goes by fsspec (adlfs), since pyarrow empties an object there before it writes it, and leaves one behind for a folder.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from simulator.errors import InputError, SinkError, explain
from writers.stores.scratch import Scratch

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://")
OWN = ("s3", "gs", "gcs")
"""Protocols that pyarrow speaks itself, and by which an object appears whole."""
AZURE = ("abfs", "abfss", "az")
TRIES = 7
WAIT_S = 0.1
"""Before the second try; doubled each time, with a random part, so that many machines do not come back at once."""
CHUNK = 4 * 2**20
GOOGLES_PATIENCE_S = 30
"""Google's library tries again for a quarter of an hour before it says anything; we try again ourselves."""
T = TypeVar("T")


class Store(Protocol):
    """Objects by their paths below the store's top, with slashes. Every method raises ``SinkError`` for what the store says."""

    where: str
    """As the user named it."""

    def put_file(self, path: Path, key: str) -> None:
        """Keep the content of a local file, which may be moved away."""

    def put(self, content: bytes, key: str) -> None:
        """Keep some bytes."""

    def get(self, key: str) -> bytes | None:
        """An object; None if there is none."""

    def chunks(self, key: str) -> Iterator[bytes]:
        """An object piece by piece."""

    def size(self, key: str) -> int | None:
        """Bytes of an object; None if there is none."""

    def sizes(self, prefix: str) -> dict[str, int]:
        """Bytes of each object below a folder, by key; none if there is no such folder."""

    def delete(self, key: str) -> None:
        """Remove an object, if it is there."""

    scratch: Scratch
    """Where files wait on the local disk until they are put here."""


def pause_s(n: int, first_s: float, most_s: float = 60.0) -> float:
    """How long to wait before a try after the n-th, from 0 on, that failed."""
    return min(first_s * 2.0**n, most_s) * (0.5 + random.SystemRandom().random())


def is_address(out: str) -> bool:
    """Whether ``--out`` names a store rather than a folder."""
    return ADDRESS.match(out) is not None


def open_store(out: str) -> Store:
    """Raises ``InputError`` for an address that cannot be one, or whose library is missing."""
    if not is_address(out):
        return FolderStore(Path(out))
    parts = urlsplit(out)
    if parts.scheme == "file":
        return FolderStore(Path(unquote(parts.path)))
    try:
        return _own(out, parts.scheme) if parts.scheme in OWN else _of_fsspec(out)
    except ImportError as error:
        remedy = f"pip install {EXTRA if parts.scheme in AZURE else 'fsspec and what it names'}."
        raise InputError(explain("--out", out, f"a library is missing: {error}", remedy)) from error
    except (OSError, ValueError) as error:
        remedy = "For example s3://bucket/folder. docs/scale.md says where a store's credentials are looked for."
        raise InputError(explain("--out", out, f"it is no address of a store: {error}", remedy)) from error


EXTRA = "'.[azure]'"


def address_of(out: str, environment: Mapping[str, str] = os.environ) -> str:
    """An address as pyarrow wants it, with the end points that the SDKs of Amazon and Google take from the environment."""
    parts = urlsplit(out)
    given = dict(parse_qsl(parts.query))
    more: dict[str, str] = {}
    scheme, place = "gs" if parts.scheme == "gcs" else parts.scheme, parts.netloc
    end = ""
    if scheme == "s3":
        end = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL") or ""
    elif scheme == "gs":
        more["retry_limit_seconds"] = str(GOOGLES_PATIENCE_S)
        end = environment.get("STORAGE_EMULATOR_HOST") or ""
        if end and "endpoint_override" not in given and "@" not in place:
            place = f"anonymous@{place}"  # an emulator knows no credentials
    if end and "endpoint_override" not in given:
        found = urlsplit(end if "://" in end else f"http://{end}")
        more |= {"scheme": found.scheme, "endpoint_override": found.netloc}
    return urlunsplit((scheme, place, parts.path, urlencode(more | given), ""))


def _own(out: str, scheme: str) -> ObjectStore:
    from pyarrow import ArrowException, fs

    files, top = fs.FileSystem.from_uri(address_of(out))

    def keep(path: str, content: bytes) -> None:
        with files.open_output_stream(path) as target:  # what closes it completes the object, an exception too: so it is one write
            target.write(content)

    return ObjectStore(out, files, top.rstrip("/"), keep, (OSError, ArrowException))


def _of_fsspec(out: str) -> ObjectStore:
    import fsspec
    from pyarrow import fs

    files, top = fsspec.core.url_to_fs(out, use_listings_cache=False, skip_instance_cache=True)  # others write there, too
    return ObjectStore(out, fs.PyFileSystem(fs.FSSpecHandler(files)), top.rstrip("/"), files.pipe_file, (Exception,))


class FolderStore:
    """A folder of the local disk, or of a shared one: an object is renamed into its place."""

    def __init__(self, folder: Path) -> None:
        self.where = str(folder)
        self.scratch = Scratch(folder / SCRATCH)  # on the same disk, where renaming is one step
        self._folder = folder

    def put_file(self, path: Path, key: str) -> None:
        with self._errors(key):
            target = self._folder / key
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)

    def put(self, content: bytes, key: str) -> None:
        with self._errors(key):
            target = self._folder / key
            target.parent.mkdir(parents=True, exist_ok=True)
            scratch = self.scratch.new()
            try:
                partial = scratch / target.name
                partial.write_bytes(content)
                os.replace(partial, target)
            finally:
                self.scratch.drop(scratch)

    def get(self, key: str) -> bytes | None:
        with self._errors(key):
            try:
                return (self._folder / key).read_bytes()
            except FileNotFoundError:
                return None

    def chunks(self, key: str) -> Iterator[bytes]:
        with self._errors(key), (self._folder / key).open("rb") as file:
            while piece := file.read(CHUNK):
                yield piece

    def size(self, key: str) -> int | None:
        with self._errors(key):
            path = self._folder / key
            return path.stat().st_size if path.is_file() else None

    def sizes(self, prefix: str) -> dict[str, int]:
        with self._errors(prefix):
            paths = [path for path in (self._folder / prefix).rglob("*") if path.is_file()]
            return {path.relative_to(self._folder).as_posix(): path.stat().st_size for path in sorted(paths)}

    def delete(self, key: str) -> None:
        with self._errors(key):
            (self._folder / key).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _errors(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = "Free some space, or name a folder that you may write to."
            raise SinkError(f"{self.where}/{key}: {error.strerror or error}. {remedy}") from error


SCRATCH = ".shards"
"""In a local folder: files of shards that are not finished."""


@dataclass(slots=True)
class ObjectStore:
    """Any file system of pyarrow or fsspec. A file of a shard is held in memory while it is sent: an hour of a group, some 25 MB."""

    where: str
    files: Any
    top: str
    keep: Callable[[str, bytes], object]
    """Keeps all of an object under a path, or nothing."""
    errors: tuple[type[Exception], ...]
    """What its library raises: fsspec's raise whatever theirs do."""
    tries: int = TRIES
    wait_s: float = field(default_factory=lambda: WAIT_S)
    scratch: Scratch = field(default_factory=lambda: Scratch(Path(tempfile.gettempdir()) / "equities-market-simulator-shards"))

    def put_file(self, path: Path, key: str) -> None:
        try:
            content = path.read_bytes()  # before anything is sent: what is not read to its end must not be there half
        except OSError as error:
            remedy = "Start the command again: what is there stays."
            raise SinkError(f"{path}: a file of a shard cannot be read: {error.strerror or error}. {remedy}") from error
        self.put(content, key)

    def put(self, content: bytes, key: str) -> None:
        self._try(key, lambda: self.keep(self._path(key), content))

    def get(self, key: str) -> bytes | None:
        def receive() -> bytes | None:
            try:
                with self.files.open_input_stream(self._path(key)) as source:
                    return bytes(source.read())
            except FileNotFoundError:
                return None

        return self._try(key, receive)

    def chunks(self, key: str) -> Iterator[bytes]:
        content = self.get(key)  # a range would be another request, and Google's library waits for what follows it, too
        if content:
            yield content

    def size(self, key: str) -> int | None:
        from pyarrow import fs

        def look() -> int | None:
            info = self.files.get_file_info(self._path(key))
            return int(info.size) if info.type == fs.FileType.File else None

        return self._try(key, look)

    def sizes(self, prefix: str) -> dict[str, int]:
        from pyarrow import fs

        def look() -> dict[str, int]:
            found = self.files.get_file_info(fs.FileSelector(self._path(prefix), recursive=True, allow_not_found=True))
            top = self.top.lstrip("/")
            return {
                info.path.lstrip("/").removeprefix(f"{top}/" if top else ""): info.size for info in found if info.type == fs.FileType.File
            }

        return self._try(prefix, look)

    def delete(self, key: str) -> None:
        def drop() -> None:
            with contextlib.suppress(FileNotFoundError):
                self.files.delete_file(self._path(key))

        self._try(key, drop)

    def _path(self, key: str) -> str:
        return f"{self.top}/{key}" if self.top else key

    def _try(self, key: str, action: Callable[[], T]) -> T:
        """What fails is tried again, after a while; what is forbidden is not. Raises ``SinkError``."""
        for n in range(self.tries):
            try:
                return action()
            except self.errors as error:
                said = " ".join(str(error).split()) or type(error).__name__
                if isinstance(error, FileNotFoundError):
                    remedy = "Create the bucket or container, if it is that which is missing."
                    raise SinkError(f"{self.where}/{key}: there is no such place: {said}. {remedy}") from error
                if isinstance(error, PermissionError) or any(word in said for word in FORBIDDEN):
                    remedy = "Give these credentials the right to list, read, write and delete there, or name another store."
                    raise SinkError(f"{self.where}/{key}: the store refuses: {said}. {remedy}") from error
                if n + 1 == self.tries:
                    remedy = "Start the command again: what is there stays."
                    raise SinkError(f"{self.where}/{key}: failed {self.tries} times: {said}. {remedy}") from error
                time.sleep(pause_s(n, self.wait_s))
        raise AssertionError


FORBIDDEN = (
    "AccessDenied", "ACCESS_DENIED", "access denied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket",
    "NO_SUCH_BUCKET", "PERMISSION_DENIED", "UNAUTHENTICATED", "Could not create a OAuth2 access token", "AuthenticationFailed",
    "AuthorizationFailure", "AuthorizationPermissionMismatch", "ContainerNotFound",
)  # fmt: skip
