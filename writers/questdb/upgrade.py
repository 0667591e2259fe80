"""From tables that version 0.1 made to this version's: the statements, to be read and run by whoever owns them."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from simulator.records import CrossKind, OrderType

OLD = {"a", "b"}
"""Columns of ``orders`` in 0.1, which each kind of event used for its own."""
HELD = (
    ("display", "a", ("ADD", "REPLACE")),
    ("hidden_size", "a", ("EXECUTE", "REFILL", "REST", "CANCEL", "REDUCE")),
    ("other_id", "b", ("EXECUTE", "REPLACE")),
    ("imbalance", "a", ("CROSS",)),
)
"""(column of today, column of 0.1, kinds of event in which that held it)."""
WORDS: tuple[tuple[str, type[IntEnum], str], ...] = (("order_type", OrderType, "ADD"), ("cross_kind", CrossKind, "CROSS"))
"""(column of today, what its words are, the kind of event in which ``b`` held their numbers)."""


def upgrade_statements(table: str, has: Mapping[str, str], want: Mapping[str, str]) -> list[str]:
    """SQL that gives an ``orders`` table of 0.1 the columns of today, values and all; nothing if it is another. By name: type.

    A statement a column: a table with a log of transactions takes no more at once.
    """
    lost = has.keys() - want.keys()
    if lost != OLD or any(has[name] != want[name] for name in has if name in want):
        return []
    added = {name: kind for name, kind in want.items() if name not in has}
    statements = [f"ALTER TABLE {table} ADD COLUMN {name} {kind};" for name, kind in added.items()]
    for name, old, kinds in HELD:
        if name in added:
            words = ", ".join(f"'{kind}'" for kind in kinds)
            statements.append(f"UPDATE {table} SET {name} = {old} WHERE kind IN ({words});")
    for name, words_of, event in WORDS:
        if name in added:
            cases = " ".join(f"WHEN {int(kind)} THEN '{kind.name}'" for kind in words_of)
            statements.append(f"UPDATE {table} SET {name} = CASE b {cases} END WHERE kind = '{event}';")
    return [*statements, *(f"ALTER TABLE {table} DROP COLUMN {name};" for name in sorted(OLD))]
