"""A scorecard of a market: 20 checks of the two tables against what real US large caps do. ``score`` makes one.

sources          rows a day at a time: Parquet, Arrow (a database: writers/questdb/tables.py)
book_rows        all levels of a batch → a few numbers a row; what is wrong with a row
symbol_day       one symbol on one day: consolidated quote, parent trades, samples on grids
integrity S1 · spreads S2 S3 · volume S4-S7 · returns S8-S10 · bursts S11 S19 · order_flow S12-S14 · venues S15 S17 S18
cross_section S16 · overnight S20     each: measure a symbol-day, judge all of them
bands            the ranges that pass, with unit and source, as data
scoring card     the whole, as JSON and text; page: as one page of HTML
"""

from simulator.analysis.scorecard.card import Card, Check, Finding, Verdict
from simulator.analysis.scorecard.scoring import score
from simulator.analysis.scorecard.sources import ArrowTables, ParquetTables

__all__ = ["ArrowTables", "Card", "Check", "Finding", "ParquetTables", "Verdict", "score"]
