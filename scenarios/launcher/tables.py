"""Tables for a person: as wide as they are where there is room, cut into several or set as a list where there is none."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

PIPED_WIDTH = 120
"""Of output that goes into a file or a pipe."""

CUTS_MAX = 3
"""More tables, of a column or two each, are harder to read than a list."""


def summary_console() -> Console:
    """Stdout; wide enough for the tables when it is no terminal."""
    console = Console()
    return console if console.is_terminal else Console(width=PIPED_WIDTH)


def print_table(
    console: Console, header: Sequence[str], rows: Sequence[Sequence[str]], *, total: bool = False, beside: Collection[int] = ()
) -> None:
    """``rows``: texts by column; the first column names the row, and is repeated where the table is cut. ``total``: the last row is one.

    ``beside``: columns that are not cut from the one before them. A name of two lines makes a narrow column.
    """
    for columns in _cuts(console, header, rows, beside):
        table = _table(header, rows, columns, total)
        if _fits(console, table):
            console.print(table)
        else:
            _print_list(console, header, rows, columns)


def say(console: Console, text: str) -> None:
    """A line as it is: the terminal wraps it, and brackets in it are brackets."""
    console.print(text, highlight=False, markup=False, soft_wrap=True)


def _cuts(console: Console, header: Sequence[str], rows: Sequence[Sequence[str]], beside: Collection[int]) -> list[list[int]]:
    """Columns of each table: as many as fit beside each other, one group beside the first column at least."""
    groups: list[list[int]] = []
    for column in range(1, len(header)):
        if column in beside and groups:
            groups[-1].append(column)
        else:
            groups.append([column])
    cuts = [[0]]
    for group in groups:
        wider = [*cuts[-1], *group]
        if len(cuts[-1]) == 1 or _fits(console, _table(header, rows, wider, False)):
            cuts[-1] = wider
        else:
            cuts.append([0, *group])
    is_readable = len(cuts) <= CUTS_MAX and all(_fits(console, _table(header, rows, columns, False)) for columns in cuts)
    return cuts if is_readable else [list(range(len(header)))]


def _table(header: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int], total: bool) -> Table:
    table = Table()
    for column in columns:
        table.add_column(header[column], justify="right" if column else "left", no_wrap=True)
    for n, row in enumerate(rows):
        if total and n == len(rows) - 1:
            table.add_section()
        table.add_row(*(row[column] for column in columns))
    return table


def _fits(console: Console, table: Table) -> bool:
    return Measurement.get(console, console.options.update(max_width=10_000), table).maximum <= console.width


def _print_list(console: Console, header: Sequence[str], rows: Sequence[Sequence[str]], columns: Sequence[int]) -> None:
    """A row is a paragraph of lines "name value"."""
    names = {column: header[column].replace("\n", " ") for column in columns[1:]}
    width = max(map(len, names.values()))
    for row in rows:
        say(console, row[0])
        for column, name in names.items():
            say(console, f"  {name:<{width}}  {row[column]}")
