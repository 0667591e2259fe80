"""A line that fills while something runs, for whoever asks for one: on the terminal's errors, or in a notebook."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn


class ProgressBar:
    """``with ProgressBar("seeds", 20) as bar: bar.to(3)``; silent if it is not wanted. It has no thread of its own."""

    def __init__(self, what: str, total: int, *, is_wanted: bool = True, counts: bool = True) -> None:
        """``counts``: show "3/20", else a percentage."""
        self._line: Progress | None = None
        if is_wanted:
            shown = MofNCompleteColumn() if counts else TaskProgressColumn()
            columns = (TextColumn("{task.description}"), BarColumn(), shown, TimeRemainingColumn())
            self._line = Progress(*columns, console=Console(stderr=True), auto_refresh=False)
            self._task = self._line.add_task(what, total=total)

    def to(self, done: int) -> None:
        if self._line is not None:
            self._line.update(self._task, completed=done)
            self._line.refresh()

    def __enter__(self) -> Self:
        if self._line is not None:
            self._line.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._line is not None:
            self._line.stop()
