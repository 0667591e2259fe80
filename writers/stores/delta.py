"""``--table_format delta``: the files of shards as Delta tables, one for each of the run's tables, one commit a shard.

Delta, not Iceberg: its log lies in the store beside the files, so that machines which share nothing but the store can commit; Iceberg
wants a catalog that all of them reach. Its times end at microseconds (so do Iceberg's of version 2), hence ``timestamp_ns`` is a whole
number of nanoseconds in these files. A commit carries the shard's name as an application's transaction: the same shard is in the table
once, however often it is made, and of two that commit it at once one is refused.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from urllib.parse import urlsplit

from simulator.errors import InputError, SinkError, explain
from writers.stores.store import AZURE, pause_s

LOG = "_delta_log"
PARTITIONS = ("date", "hour")
VERSION = 1
"""Of a shard's transaction: the only one."""
SPEAKS = ("s3", "gs", "gcs", *AZURE)
TRIES = 30
WAIT_S = 0.1
"""Before the second try of a commit that others were quicker with; longer each time, with a random part."""
WAIT_MOST_S = 5.0
T = TypeVar("T")


class Added(NamedTuple):
    """A file that a commit adds."""

    path: str
    """From the table's folder on."""
    bytes: int
    rows: int
    first_ns: int
    last_ns: int


def delta_rows(rows: Any) -> Any:
    """A ``pyarrow.Table`` as Delta can hold it: times as int64 ns since the epoch, words as text."""
    import pyarrow as pa

    names, columns = rows.schema.names, []
    for field, column in zip(rows.schema, rows.columns, strict=True):
        if pa.types.is_timestamp(field.type):
            column = column.cast(pa.timestamp("ns", field.type.tz)).cast(pa.int64())
        elif pa.types.is_dictionary(field.type):
            column = column.cast(field.type.value_type)
        columns.append(column)
    return pa.table(columns, names=names)


def added(path: Path, key: str) -> Added:
    """What a commit says of a Parquet file, for which readers skip files."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = pq.read_metadata(path)
    groups = [metadata.row_group(n).column(0).statistics for n in range(metadata.num_row_groups)]
    ends = [(pa.scalar(s.min_raw, pa.int64()).as_py(), pa.scalar(s.max_raw, pa.int64()).as_py()) for s in groups]
    firsts, lasts = zip(*ends, strict=True)
    return Added(key, path.stat().st_size, metadata.num_rows, min(firsts), max(lasts))


class DeltaTable:
    """One table in a folder or store. Every method raises ``SinkError`` for what the store says."""

    def __init__(self, where: str, dataset: str) -> None:
        """``where``: the run's folder or address. Raises ``InputError`` if that cannot have Delta tables, or their library is missing."""
        try:
            import deltalake
        except ImportError as error:
            limit = f"a library is missing: {error}"
            raise InputError(explain("--table_format", "delta", limit, "pip install '.[delta]' has it.")) from error
        self._delta = deltalake
        self._options = options(where)
        self.where = f"{where.partition('?')[0].rstrip('/')}/{dataset}"
        self._uri = self.where if "://" in where else str(Path(where).absolute() / dataset)

    def commit(self, shard: str, files: Sequence[Added], schema: Any) -> bool:
        """Add a shard's files in one commit, if no earlier one has; whether it was this one. ``schema``: of a file, as pyarrow has it."""
        actions = [self._action(file) for file in files]

        def try_once() -> bool:
            table = self._opened()
            if table is None:
                self._create(schema)
                table = self._opened()
                if table is None:
                    raise SinkError(f"{self.where}: the table was created and is not there. Check the store's rights to read.")
            if table.transaction_version(shard) is not None:
                return False
            properties = self._delta.CommitProperties(app_transactions=[self._delta.Transaction(shard, VERSION)])
            table.create_write_transaction(actions, "append", table.schema(), list(PARTITIONS), commit_properties=properties)
            return True

        return self._patiently(try_once)

    def committed(self, shards: Iterable[str]) -> set[str]:
        """Those of the shards that are in the table."""
        table = self._patiently(self._opened)
        return set() if table is None else {shard for shard in shards if table.transaction_version(shard) is not None}

    def paths(self) -> list[str]:
        """Of the files in the table, from its folder on; one that is in it twice stands here twice."""
        table = self._patiently(self._opened)
        if table is None:
            return []
        import pyarrow as pa

        return sorted(pa.table(table.get_add_actions(flatten=True)).column("path").to_pylist())

    def _opened(self) -> Any:
        """None if there is no table yet."""
        try:
            return self._delta.DeltaTable(self._uri, storage_options=self._options)
        except self._delta.exceptions.TableNotFoundError:
            return None

    def _create(self, schema: Any) -> None:
        import pyarrow as pa

        fields = [*schema, pa.field("date", pa.date32()), pa.field("hour", pa.int32())]
        self._delta.DeltaTable.create(
            self._uri, pa.schema(fields), mode="ignore", partition_by=list(PARTITIONS), storage_options=self._options,
        )  # fmt: skip

    def _action(self, file: Added) -> Any:
        from deltalake.transaction import AddAction

        values = dict(part.split("=", 1) for part in file.path.split("/")[:-1])
        ends = {"minValues": {"timestamp_ns": file.first_ns}, "maxValues": {"timestamp_ns": file.last_ns}}
        stats = json.dumps({"numRecords": file.rows, **ends, "nullCount": {"timestamp_ns": 0}})
        return AddAction(file.path, file.bytes, values, 0, True, stats)

    def _patiently(self, action: Callable[[], T]) -> T:
        """What others were quicker with, or the store failed with, is tried again."""
        for n in range(TRIES):
            try:
                return action()
            except (self._delta.exceptions.DeltaError, OSError, ValueError) as error:
                said = " ".join(str(error).split())
                if n + 1 == TRIES or isinstance(error, PermissionError) or any(word in said for word in FORBIDDEN):
                    remedy = "Start the command again: shards that are in the table stay there once."
                    raise SinkError(f"{self.where}: the Delta table cannot be written or read: {said}. {remedy}") from error
                time.sleep(pause_s(n, WAIT_S, WAIT_MOST_S))
        raise AssertionError


FORBIDDEN = (
    "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "NoSuchBucket", "ContainerNotFound", "AuthenticationFailed",
    "403",
)  # fmt: skip


OF_AZURE = {
    "AccountName": "AZURE_STORAGE_ACCOUNT_NAME", "AccountKey": "AZURE_STORAGE_ACCOUNT_KEY", "BlobEndpoint": "AZURE_STORAGE_ENDPOINT",
    "SharedAccessSignature": "AZURE_STORAGE_SAS_TOKEN",
}  # fmt: skip
"""Of a connection string: as delta-rs calls it."""


def options(where: str, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """What delta-rs is to be told besides the environment, which it reads itself. Raises ``InputError`` for a store that it cannot use."""
    parts = urlsplit(where) if "://" in where else None
    if parts is None:
        return {}
    if parts.scheme not in SPEAKS:
        limit = f"must be a folder or one of {', '.join(f'{name}://' for name in SPEAKS)} with --table_format delta"
        raise InputError(explain("--out", where, limit, "Leave out --table_format, or name another store."))
    found: dict[str, str] = {}
    if parts.scheme in AZURE:  # it knows the other variables of Azure's own tools, but not this one
        words = (word.partition("=") for word in environment.get("AZURE_STORAGE_CONNECTION_STRING", "").split(";"))
        found = {OF_AZURE[key]: value for key, _, value in words if key in OF_AZURE}
        if found.get("AZURE_STORAGE_ENDPOINT", "").startswith("http:"):
            found["AZURE_ALLOW_HTTP"] = "true"
    if parts.scheme == "s3":
        end = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
        if end is not None:
            found |= {"AWS_ENDPOINT_URL": end} | ({"AWS_ALLOW_HTTP": "true"} if end.startswith("http:") else {})
    return found
