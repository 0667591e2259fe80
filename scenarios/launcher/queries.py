"""The queries of examples/sql: what each says of itself, and its SQL for the tables of a suffix, a symbol and a stretch of time.

A file begins with comments: what it answers, "Gives a row per ...: columns", and perhaps "Needs --extra_tables ...".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from simulator.errors import InputError, explain
from writers.questdb.schema import ViewDef, ddl

VIEWS = {each.name: each for each in ddl() if isinstance(each, ViewDef)}
HERE = Path(__file__).resolve()
HOMES = (HERE.parents[2] / "examples" / "sql", HERE.parents[1] / "sql")
"""In a checkout, and where pip puts it."""
NAME = re.compile(rf"\b(equities_\w+|{'|'.join(VIEWS)})\b")


@dataclass(frozen=True, kw_only=True)
class Query:
    """One file."""

    name: str
    about: str
    """A sentence."""
    shape: str
    """What a row of the answer is of."""
    columns: tuple[str, ...]
    sql: str
    """Without comments, and without the semicolon."""

    @cached_property
    def tables(self) -> tuple[str, ...]:
        """Tables and views that it reads, in order of name."""
        return tuple(sorted(set(NAME.findall(self.sql))))

    @property
    def views(self) -> tuple[str, ...]:
        """Those of them that are views."""
        return tuple(name for name in self.tables if name in VIEWS)

    def text(self, suffix: str = "", values: Mapping[str, str] | None = None, *, views: bool = True) -> str:
        """For QuestDB. ``values`` replace what it declares: symbol, from, to. Without ``views``: from the tables they are made of."""
        sql = self.sql if views else self._without_views()
        for name, value in (values or {}).items():
            quoted = "'" + value.replace("'", "''") + "'"
            sql = re.sub(rf"(@{name} := )'[^']*'", lambda found, quoted=quoted: found.group(1) + quoted, sql)  # type: ignore[misc]
        return NAME.sub(lambda found: found.group() + suffix, sql)

    def _without_views(self) -> str:
        """Views as subqueries, down to the tables, of which only the rows in question are read, as a person would write it."""
        chosen = "timestamp_ns >= @from AND timestamp_ns < @to" + (" AND symbol = @symbol" if "@symbol" in self.sql else "")

        def made_of(name: str) -> str:
            view = VIEWS[name]
            base = f"({made_of(view.base)})" if view.base in VIEWS else f"{view.base} WHERE {chosen}"
            return " ".join(view.query.replace(f"FROM {view.base}", f"FROM {base}").split())

        return NAME.sub(lambda found: f"({made_of(found.group())})" if found.group() in VIEWS else found.group(), self.sql)


def read_queries(home: Path | None = None, dialect: str = "questdb") -> list[Query]:
    """All of a dialect, questdb or duckdb, in order of name. Raises ``InputError`` if there are none, or one does not say what it gives."""
    folder = (home or next((each for each in HOMES if each.is_dir()), HOMES[0])) / dialect
    found = [parse(path) for path in sorted(folder.glob("[0-9]*.sql"))]
    if not found:
        raise InputError(explain("Queries", str(folder), "there are none", "Install the program anew, or run it in its checkout."))
    return found


def parse(path: Path) -> Query:
    """Raises ``InputError`` for a file whose comments are not as they should be."""
    lines = path.read_text(encoding="utf-8").splitlines()
    head = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    gives = re.fullmatch(r"Gives (a row per .+?): ([\w, ]+)", head[1]) if len(head) > 1 else None
    if gives is None:
        limit = 'its second line must be "-- Gives a row per ...: columns"'
        raise InputError(explain("Query", str(path), limit, "Say what it gives."))
    sql = "\n".join(line for line in lines if not line.startswith("--")).strip().removesuffix(";")
    return Query(name=path.stem, about=head[0], shape=gives[1], columns=tuple(gives[2].split(", ")), sql=sql)
