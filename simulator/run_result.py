"""What a run came to: rows, hashes, totals of each venue, crosses, agents."""

from __future__ import annotations

from dataclasses import dataclass

from simulator.analysis.agent_result import AgentResult
from simulator.exchange.venue import Crossing
from simulator.tape.html import table_html


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueTotals:
    """What one venue did for one symbol in the run."""

    symbol: str
    venue: str
    book_rows: int
    prints: int
    shares: int
    shares_crossed: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Result:
    """What a run came to."""

    rows: dict[str, int]
    """By table."""
    digest_parts: dict[tuple[str, str, str], str]
    """(day, symbol, table) to a hash of its rows."""
    totals: list[VenueTotals]
    crosses: list[Crossing]
    agents: dict[str, AgentResult]
    """By name; those of this worker."""

    def __repr__(self) -> str:
        rows = ", ".join(f"{count:,} {table}" for table, count in self.rows.items())
        return f"<Result: {rows}, {len(self.crosses)} crosses, {len(self.agents)} agents>"

    def _repr_html_(self) -> str:
        """The line, and what each venue did."""
        venues = dict.fromkeys(total.venue for total in self.totals)
        sums = [[sum(getattr(t, what) for t in self.totals if t.venue == v) for what in ("book_rows", "prints", "shares")] for v in venues]
        rows = [[venue, *(f"{value:,}" for value in values)] for venue, values in zip(venues, sums, strict=True)]
        return table_html(repr(self), ("venue", "book rows", "prints", "shares"), rows)
