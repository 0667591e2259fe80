"""Hours of a Parquet run: an hour of a table appears when every worker has its part in it, by one rename of its folder, or not at all.

    OUT/.unfinished/equities_trades/date=2025-07-01/hour=13/part-0.parquet             worker 0 has passed the hour, others have not
    OUT/.unfinished/equities_trades/date=2025-07-01/hour=13/.part-1.parquet.partial    worker 1 is in it
    OUT/.unfinished/equities_trades/passed-0                                           the hour before which worker 0 has closed all

So whatever is killed, and whenever, ``OUT/equities_trades`` holds whole hours alone. A run that ends in order before its end keeps what
it has of the others, too: as ``part-0.unfinished.parquet``, which says what it is.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path

from simulator.records import NS_PER_HOUR, NS_PER_S
from writers.folders import make_folder

UNFINISHED = ".unfinished"
PREFIX = "equities_"
PART = re.compile(r"part-\d+\.parquet")
HOUR = re.compile(r"date=(\d{4}-\d\d-\d\d)/hour=(\d\d)")
OUR_FILE = re.compile(
    r"(date=\d{4}-\d\d-\d\d/hour=\d\d/(part-\d+(\.unfinished)?\.parquet|\.part-\d+\.parquet\.partial)|\.?passed-\d+(\.partial)?)"
)
END = 10**9
"""Stands for the hour after the last one."""


class Hours:
    """One worker's view of the hours of one table."""

    def __init__(self, folder: Path, dataset: str, worker: int, workers: int) -> None:
        self.shown = folder / dataset
        self._hidden = folder / UNFINISHED / dataset
        self._worker = worker
        self._workers = workers

    def part(self, hour: int) -> Path:
        """Where the worker's rows of that hour are to be written. Raises ``FileExistsError`` if the hour is there already."""
        shown = self.shown / hour_path(hour)
        if shown.exists():
            raise FileExistsError(f"{shown} exists already")
        path = self._hidden / hour_path(hour) / f"part-{self._worker}.parquet"
        make_folder(path.parent)
        return path

    def passed(self, hour: int) -> None:
        """The worker has closed all hours before this one: those that every worker has passed appear."""
        partial = self._hidden / f".passed-{self._worker}.partial"
        make_folder(partial.parent)
        partial.write_text(str(hour))
        os.replace(partial, self._hidden / f"passed-{self._worker}")
        first = min(self._passed_by(worker) for worker in range(self._workers))
        try:
            hours = [(there, path) for there, path in hours_in(self._hidden) if there < first]
        except FileNotFoundError:
            return  # another worker has seen at this moment that all have ended: it has shown every hour, and removes what is left
        for there, path in hours:
            _rename(path, self.shown / hour_path(there))
        if first == END:  # nobody writes here any more
            shutil.rmtree(self._hidden, ignore_errors=True)
            with contextlib.suppress(OSError):
                self._hidden.parent.rmdir()

    def _passed_by(self, worker: int) -> int:
        try:
            return int((self._hidden / f"passed-{worker}").read_text())
        except FileNotFoundError:
            return -1  # not begun; or another worker has just found that all have ended


def hour_path(hour: int) -> str:
    """``date=2025-07-01/hour=13``, of an hour counted from the epoch."""
    start = datetime.fromtimestamp(hour * NS_PER_HOUR // NS_PER_S, UTC)
    return f"date={start:%Y-%m-%d}/hour={start:%H}"


def hours_in(dataset: Path) -> Iterator[tuple[int, Path]]:
    """(hour since the epoch, its folder) of each that a dataset has, in order."""
    for path in sorted(dataset.glob("date=*/hour=*")):
        found = HOUR.fullmatch(path.relative_to(dataset).as_posix())
        if found is not None:
            start = datetime.fromisoformat(f"{found[1]}T{found[2]}:00:00+00:00")
            yield int(start.timestamp()) * NS_PER_S // NS_PER_HOUR, path


def end_unfinished(folder: Path) -> None:
    """After all workers have ended: what is left of hours that are not whole stays under a name that says so; half-written files go."""
    home = Path(folder) / UNFINISHED
    for dataset in sorted(home.glob(f"{PREFIX}*")):
        for hour, path in hours_in(dataset):
            for partial in path.glob(".part-*.partial"):
                partial.unlink(missing_ok=True)
            for part in path.glob("part-*.parquet"):
                if PART.fullmatch(part.name):
                    os.replace(part, part.with_name(f"{part.stem}.unfinished.parquet"))
            if any(path.iterdir()):
                _rename(path, Path(folder) / dataset.name / hour_path(hour))
    shutil.rmtree(home, ignore_errors=True)


def whole_hours(folder: Path, datasets: Collection[str]) -> set[tuple[str, int]]:
    """(dataset, hour) of each hour that is there and whole."""
    found = set()
    for dataset in datasets:
        for hour, path in hours_in(Path(folder) / dataset):
            if all(PART.fullmatch(file.name) for file in path.iterdir()):
                found.add((dataset, hour))
    return found


def drop_other_hours(folder: Path, datasets: Collection[str], kept: Collection[tuple[str, int]]) -> None:
    """Remove what is not among ``kept``, and what was never finished. Raises ``OSError``."""
    home = Path(folder) / UNFINISHED
    if home.exists():
        shutil.rmtree(home)
    for dataset in datasets:
        for hour, path in hours_in(Path(folder) / dataset):
            if (dataset, hour) not in kept:
                shutil.rmtree(path)


def _rename(path: Path, shown: Path) -> None:
    """Another worker may do the same at this moment."""
    make_folder(shown.parent)
    with contextlib.suppress(FileNotFoundError):
        path.rename(shown)
