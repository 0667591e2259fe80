"""What ``--table_format`` adds to shards: one commit a shard in each of the run's tables, and whether all are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from scenarios.launcher.shards import Done, Shard, ShardPlan
from writers.stores.delta import Added, DeltaTable, added
from writers.stores.store import Store


class Commits:
    """Those of a shard that is being published: files are noted as they go, and committed before the shard counts as done."""

    def __init__(self, wanted: ShardPlan, shard: Shard, store: Store) -> None:
        self._shard = shard.name
        self._where = store.where
        self._datasets = datasets(wanted) if wanted.table_format == "delta" else ()
        self._files: dict[str, list[Added]] = {}
        self._schemas: dict[str, Any] = {}

    def note(self, path: Path, key: str) -> None:
        """A file, while it is still here; ``key``: its name in the store."""
        dataset, _, rest = key.partition("/")
        if dataset not in self._datasets:
            return
        import pyarrow.parquet as pq

        self._files.setdefault(dataset, []).append(added(path, rest))
        self._schemas[dataset] = pq.read_schema(path)

    def commit(self) -> None:
        """What other makers of the same shard have committed stays as it is. Raises ``MarketSimError``."""
        for dataset, files in self._files.items():
            DeltaTable(self._where, dataset).commit(self._shard, files, self._schemas[dataset])


def datasets(wanted: ShardPlan) -> tuple[str, ...]:
    """Names of the tables' folders."""
    return tuple(f"equities_{table}{wanted.suffix}" for table in wanted.tables)


def not_committed(wanted: ShardPlan, notes: Mapping[str, Done], store: Store) -> set[str]:
    """Those of the shards, by name with their notes, that are missing in a table of which they have files."""
    if wanted.table_format != "delta" or not notes:
        return set()
    lost: set[str] = set()
    for dataset in datasets(wanted):
        with_files = {name for name, done in notes.items() if any(file.path.startswith(f"{dataset}/") for file in done.files)}
        lost |= with_files - DeltaTable(store.where, dataset).committed(with_files)
    return lost


def table_faults(wanted: ShardPlan, notes: Mapping[str, Done], store: Store) -> list[str]:
    """What the tables list that no shard has, what they lack, and what they have twice."""
    if wanted.table_format != "delta":
        return []
    faults = []
    for dataset in datasets(wanted):
        expected = {file.path for done in notes.values() for file in done.files if file.path.startswith(f"{dataset}/")}
        there = Counter(f"{dataset}/{path}" for path in DeltaTable(store.where, dataset).paths())
        faults += [f"{path} is not in the Delta table" for path in sorted(expected - there.keys())]
        unfinished = wanted.shards.keys() - notes.keys()  # which are faults already
        others = [path for path in sorted(there.keys() - expected) if Path(path).stem.removeprefix("part-") not in unfinished]
        faults += [f"{path} is in the Delta table, and no shard that is done lists it" for path in others]
        faults += [f"{path} is in the Delta table {times} times" for path, times in sorted(there.items()) if times > 1]
    return faults
