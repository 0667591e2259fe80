"""Where a large run goes: each store keeps whole objects or none, whatever fails, and a run in it has the files of one in a folder."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.launcher.main import command_line
from scenarios.launcher.shards import Done
from simulator.errors import InputError, SinkError
from tests.gcs import gcs_server
from tests.in_process import command
from tests.nodes import free_port
from tests.s3 import s3_server
from writers.stores.store import ObjectStore, Store, address_of, open_store

SCENARIO = """\
universe: {generate: 3, seed: 1}
start_ts: 2025-07-02T07:59:59Z
end_ts: 2025-07-02T08:00:01Z
session_pacing: false
rates: {market_data_min_eps: 20, market_data_max_eps: 62, trades_min_eps: 2, trades_max_eps: 10}
"""
NAMES = ["2025-07-01-g001", "2025-07-02-g001"]
UNREADABLE = Path("/proc/self/mem")
"""A file that can be opened, and whose reading fails."""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a scenario's file, and its run in the folder ``plain``."""
    home = tmp_path_factory.mktemp("stores")
    (home / "mine.yaml").write_text(SCENARIO)
    assert make(home, str(home / "plain")).returncode == 0
    return home


def make(home: Path, out: str, *words: str) -> subprocess.CompletedProcess[str]:
    return command("--scenario", str(home / "mine.yaml"), "--out", out, "--shard", "1/1", *words)


def sums(out: str) -> list[tuple[str, str]]:
    """Files of all shards, with their hashes."""
    store = open_store(out)
    notes = [Done.model_validate_json(store.get(f"_done/{name}.json") or b"") for name in NAMES]
    return [(file.path, file.sha256) for done in notes for file in done.files]


def verified(out: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The digest."""
    capsys.readouterr()
    assert command_line(["verify", out]) == 0, capsys.readouterr().out
    return capsys.readouterr().out.splitlines()[-1]


def check_that_it_keeps_whole_objects(store: Store, folder: Path) -> None:
    """All that is asked of a store. ``folder``: on the local disk, for what is put."""
    large = os.urandom(2_000_000) * 5
    (folder / "large").write_bytes(large)
    assert (store.get("a/none"), store.size("a/none"), store.sizes("a")) == (None, None, {})
    store.put_file(folder / "large", "a/b/date=2025-07-02/large")
    store.put(b"small", "a/small")
    store.put(b"", "ab/empty")
    assert store.get("a/small") == b"small"
    assert b"".join(store.chunks("a/b/date=2025-07-02/large")) == large
    assert store.sizes("a") == {"a/b/date=2025-07-02/large": len(large), "a/small": 5}
    assert (store.size("ab/empty"), store.size("a/b"), store.size("a/smal")) == (0, None, None)
    store.put(b"another", "a/small")
    assert (store.get("a/small"), store.size("a/small")) == (b"another", 7)
    # What cannot be read to its end is not there, and what it would have replaced stays.
    for key in ("a/half", "a/small"):
        with pytest.raises(SinkError):
            store.put_file(UNREADABLE, key)
    assert (store.get("a/half"), store.get("a/small")) == (None, b"another")
    assert store.sizes("a").keys() == {"a/b/date=2025-07-02/large", "a/small"}
    for key in ("a/b/date=2025-07-02/large", "a/small", "ab/empty", "a/none"):
        store.delete(key)
    assert store.sizes("") == {}


@pytest.fixture(params=["folder", "file", "memory", "s3", "gs"])
def place(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address where nothing is."""
    named = {"folder": str(tmp_path / "out"), "file": (tmp_path / "out").as_uri(), "memory": f"memory://{tmp_path.name}/out"}
    if request.param in named:
        yield named[request.param]
        return
    with s3_server() if request.param == "s3" else gcs_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield f"{request.param}://bucket/some/run"


def test_a_store_keeps_whole_objects(place: str, tmp_path: Path) -> None:
    check_that_it_keeps_whole_objects(open_store(place), tmp_path)


def test_a_run_in_googles_store_that_fails_every_tenth_request(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("writers.stores.store.WAIT_S", 0.0)
    with gcs_server() as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        server.door.every = 10
        done = make(home, "gs://bucket/some/run")
        assert done.returncode == 0, done.stderr
        assert verified("gs://bucket/some/run", capsys) == verified(str(home / "plain"), capsys)
        assert server.door.failed >= 3
        assert sums("gs://bucket/some/run") == sums(str(home / "plain"))
        there = {path.relative_to(home / "plain").as_posix() for path in (home / "plain").rglob("*") if path.is_file()}
        assert server.names() == sorted(f"some/run/{name}" for name in there), "nothing temporary is left"
        assert "2 of 2 shards, 2 of them done already" in make(home, "gs://bucket/some/run").stderr
        server.door.every, before = 0, server.door.requests
        for out, says in (("gs://nobody/run", "there is no such place"), ("gs://bucket/other", "the store refuses")):
            server.door.denies = out == "gs://bucket/other"
            refused = make(home, out)
            assert refused.returncode == 1
            assert says in refused.stderr
            assert "Traceback" not in refused.stderr
        assert server.door.requests < before + 20, "what is forbidden is said at once"


def test_an_upload_that_fails_for_good_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the first piece of a large object, and in the second."""
    monkeypatch.setattr("writers.stores.store.WAIT_S", 0.0)
    with gcs_server() as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.environment["STORAGE_EMULATOR_HOST"])
        store = open_store("gs://bucket/some/run")
        assert isinstance(store, ObjectStore)
        store.tries, large = 1, bytes(9_000_000)
        for n in (1, 2, 3):
            server.door.every, server.door.requests, server.door.failed = n, 0, 1
            with pytest.raises(SinkError, match="failed 1 times"):
                store.put(large, "large")
            assert server.names() == []


def test_end_points_come_from_where_the_stores_own_tools_look() -> None:
    assert address_of("s3://bucket/x", {}) == "s3://bucket/x"
    amazon = {"AWS_ENDPOINT_URL": "http://here:5055"}
    assert address_of("s3://bucket/x?region=eu-west-1", amazon) == "s3://bucket/x?scheme=http&endpoint_override=here%3A5055&region=eu-west-1"
    assert address_of("s3://bucket/x", amazon | {"AWS_ENDPOINT_URL_S3": "https://there"}).endswith("?scheme=https&endpoint_override=there")
    given = "s3://bucket/x?scheme=http&endpoint_override=elsewhere"
    assert address_of(given, amazon) == given
    assert address_of("gcs://bucket/x", {}) == "gs://bucket/x?retry_limit_seconds=30"
    assert address_of("gs://bucket/x?retry_limit_seconds=5", {}) == "gs://bucket/x?retry_limit_seconds=5"
    for said in ("http://here:9023", "here:9023"):
        found = address_of("gs://bucket/x", {"STORAGE_EMULATOR_HOST": said})
        assert found == "gs://anonymous@bucket/x?retry_limit_seconds=30&scheme=http&endpoint_override=here%3A9023"


def test_a_store_that_cannot_be_opened_says_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "adlfs", None)
    with pytest.raises(InputError, match=r"a library is missing: .*pip install '\.\[azure\]'"):
        open_store("abfs://container/run")


ACCOUNT = {"AccountName": "devstoreaccount1", "AccountKey": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="}
"""Azurite's own: it stands in its documentation."""


@pytest.fixture
def azure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Azurite in memory, with a container of the name ``bucket``."""
    from azure.storage.blob import ContainerClient

    port = free_port()
    words = ("--inMemoryPersistence", "--blobHost", "127.0.0.1", "--blobPort", str(port), "--skipApiVersionCheck", "--disableTelemetry", "--silent")
    program = shutil.which("azurite-blob")
    assert program is not None, "npm install azurite, and have node_modules/.bin in PATH"
    server = subprocess.Popen([program, *words], cwd=tmp_path, stdout=subprocess.DEVNULL)
    try:
        until_s = time.monotonic() + 120
        while True:
            with socket.socket() as probe:
                if not probe.connect_ex(("127.0.0.1", port)):
                    break
            assert server.poll() is None
            assert time.monotonic() < until_s
            time.sleep(0.1)
        of = {"DefaultEndpointsProtocol": "http", **ACCOUNT, "BlobEndpoint": f"http://127.0.0.1:{port}/{ACCOUNT['AccountName']}"}
        monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", ";".join(f"{name}={value}" for name, value in of.items()))
        with ContainerClient.from_connection_string(os.environ["AZURE_STORAGE_CONNECTION_STRING"], "bucket") as client:
            client.create_container()
        yield
    finally:
        server.kill()
        server.wait()


@pytest.mark.azurite
@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
def test_azures_store_keeps_whole_objects(azure: None, tmp_path: Path) -> None:
    check_that_it_keeps_whole_objects(open_store("abfs://bucket/some/run"), tmp_path)
    wrong = os.environ["AZURE_STORAGE_CONNECTION_STRING"].replace("Eby8", "Abcd")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AZURE_STORAGE_CONNECTION_STRING", wrong)
        with pytest.raises(SinkError, match="the store refuses"):
            open_store("abfs://bucket/some/run").put(b"x", "x")
    for action in (lambda store: store.put(b"x", "x"), lambda store: store.put_file(tmp_path / "large", "y")):
        with pytest.raises(SinkError, match=r"there is no such place|the store refuses"):
            action(open_store("abfs://nobody/some/run"))


@pytest.mark.azurite
@pytest.mark.filterwarnings("ignore:Sending a large body directly:ResourceWarning")
def test_a_run_in_azures_store_is_that_in_a_folder(azure: None, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Made again over what is there, too, while somebody looks."""
    where = "abfs://bucket/some/run"
    assert make(home, where).returncode == 0
    wanted = verified(str(home / "plain"), capsys)
    assert verified(where, capsys) == wanted
    assert sums(where) == sums(str(home / "plain"))
    there = {path.relative_to(home / "plain").as_posix(): path.stat().st_size for path in (home / "plain").rglob("*") if path.is_file()}
    store = open_store(where)
    assert store.sizes("").keys() == there.keys(), "nothing temporary is left"
    key = sums(where)[0][0]
    ends, seen = threading.Event(), set[int | None]()
    thread = threading.Thread(target=lambda: [seen.add(store.size(key)) for _ in iter(ends.is_set, True)])
    thread.start()
    for name in NAMES:
        store.delete(f"_done/{name}.json")
    again = make(home, where)
    ends.set()
    thread.join()
    assert "2 shards, 0 of them done already" in again.stderr
    assert seen == {there[key]}, "an object is whole at every moment while it is put again"
