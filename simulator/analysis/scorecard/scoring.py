"""The scorecard: two tables in, a card out. Days are read one after the other, symbols within a day one after the other."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

import simulator.analysis.scorecard.bursts as bursts
import simulator.analysis.scorecard.cross_section as cross_section
import simulator.analysis.scorecard.integrity as integrity
import simulator.analysis.scorecard.order_flow as order_flow
import simulator.analysis.scorecard.overnight as overnight
import simulator.analysis.scorecard.returns as returns
import simulator.analysis.scorecard.spreads as spreads
import simulator.analysis.scorecard.venues as venues
import simulator.analysis.scorecard.volume as volume
from simulator.analysis.scorecard.bands import CHECKS
from simulator.analysis.scorecard.book_rows import (
    VENUES_MAX,
    Levels,
    Names,
    RowFaults,
    Rows,
    Seam,
    count_repeats,
    join_rows,
    read_levels,
    summarise,
)
from simulator.analysis.scorecard.bursts import Spectrum
from simulator.analysis.scorecard.card import Card
from simulator.analysis.scorecard.sources import Source, times_ns
from simulator.analysis.scorecard.symbol_day import CLOSE, CONTINUOUS, OPEN, REOPENING, Prints, SymbolDay
from simulator.errors import InputError, explain
from simulator.inputs.sessions import TradingDay, trading_days
from simulator.inputs.universe import load_universe
from simulator.records import I64, PRICE_UNITS_PER_USD

KINDS = {"O": OPEN, "C": CLOSE, "6": CLOSE, "M": CLOSE, "H": REOPENING, "5": REOPENING, "Q": -1}
"""Letters of ``cond`` that are no continuous print. Q, the official open, repeats a volume; everything else is continuous."""
ROUND_LOTS_FROM = dt.date(2025, 11, 3)
ROUND_LOTS = ((250.0, 100), (1_000.0, 40), (10_000.0, 10))
"""USD at most, shares; above: 1. Before that date a round lot was 100 shares."""
THREADS = 2
DAY_ROWS_MIN = 2


@dataclass
class _Parts:
    spreads: list[spreads.Part] = field(default_factory=list)
    volume: list[volume.Part] = field(default_factory=list)
    returns: list[returns.Part] = field(default_factory=list)
    bursts: list[bursts.Part] = field(default_factory=list)
    order_flow: list[order_flow.Part] = field(default_factory=list)
    venues: list[venues.Part] = field(default_factory=list)
    overnight: list[overnight.Part] = field(default_factory=list)
    tape: list[integrity.Tape] = field(default_factory=list)
    cross_section: list[cross_section.Part] = field(default_factory=list)
    spectra: list[Spectrum] = field(default_factory=list)
    rows: RowFaults = field(default_factory=RowFaults)
    prints: integrity.PrintFaults = field(default_factory=integrity.PrintFaults)
    print_count: int = 0
    days: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)


def score(source: Source) -> Card:
    """Measure and judge. Raises ``InputError`` if there are no rows at all, or none within a session, or the tables have another shape."""
    span = source.span()
    if span is None:
        raise InputError(
            explain("scorecard", source.name, "both tables are empty", "Name the folder or database of a run that wrote rows.")
        )
    symbols, places = Names(), Names()
    universe = {symbol.name: symbol for symbol in load_universe().symbols}
    parts = _Parts()
    sessions = 0
    for day in trading_days(span[0], span[1] + 1):
        if not day.is_session:
            continue
        sessions += 1
        _score_day(source, day, sessions, _Known(symbols, places, {name: symbol.listing for name, symbol in universe.items()}), parts)
    if not parts.days:
        raise InputError(
            explain("scorecard", source.name, "no row lies within a session of the exchange", "Give it rows of regular hours.")
        )
    checks = [
        integrity.judge(parts.rows, parts.prints, parts.tape),
        *spreads.judge(parts.spreads),
        *volume.judge(parts.volume),
        *returns.judge(parts.returns),
        *bursts.judge(parts.bursts, parts.spectra, parts.rows),
        *order_flow.judge(parts.order_flow),
        *venues.judge(parts.venues),
        cross_section.judge(parts.cross_section, {name: symbol.sector for name, symbol in universe.items()}),
        overnight.judge(parts.overnight),
    ]
    order = list(CHECKS)
    return Card(
        source.name,
        tuple(parts.days),
        tuple(sorted({part.key.symbol for part in parts.bursts})),
        parts.rows.rows,
        parts.print_count,
        tuple(sorted(checks, key=lambda check: order.index(check.key))),
        _notes(parts),
    )


def _notes(parts: _Parts) -> tuple[str, ...]:
    notes = []
    if not parts.rows.rows:
        notes.append("There are no book rows: what needs a quote is not judged.")
    if not parts.print_count:
        notes.append("There are no prints: what needs a trade is not judged.")
    partial = sorted({part.key.date for part in parts.bursts if not part.key.is_whole})
    if partial:
        notes.append(f"Not whole from open to close: {', '.join(partial[:5])}{' and more' if len(partial) > 5 else ''}.")
    return tuple(notes)


@dataclass(frozen=True, slots=True)
class _Known:
    """What stays the same over the days."""

    symbols: Names
    venues: Names
    listings: Mapping[str, str]


def _score_day(source: Source, day: TradingDay, session: int, known: _Known, parts: _Parts) -> None:
    prints, symbol = _read_prints(source.trades(day.start_ns, day.end_ns), known)
    rows, lots = _read_books(source, day, (prints, symbol), known, parts)
    ends = [(int(r.ts.min()), int(r.ts.max())) for pieces in rows.values() for r in pieces if len(r)]
    ends += [(int(prints.ts[0]), int(prints.ts[-1]))] if len(prints) else []
    if not ends:
        return
    start_ns = max(day.open_ns, min(first for first, _ in ends))
    end_ns = min(day.close_ns, max(last for _, last in ends))
    inside = end_ns > start_ns or bool((prints.kind != CONTINUOUS).any())
    if not inside:
        return
    parts.days.append(day.date.isoformat())
    parts.print_count += len(prints)
    pulse = bursts.Pulse.of(day)
    mids = {}
    for number, name in enumerate(known.symbols.all):
        mine = np.flatnonzero(symbol == number)
        pieces = rows.pop(number, [])
        if not len(mine) and not pieces:
            continue
        own = prints.take(mine)
        one = SymbolDay(
            name,
            day,
            tuple(known.venues.all),
            _listing(own, name, known),
            lots(number),
            join_rows(pieces) if pieces else _no_rows(),
            own,
            start_ns,
            max(end_ns, start_ns),
        )
        _measure(one, session, parts)
        pulse.add(one)
        mids[name] = one.mids(1)
    parts.cross_section.append(cross_section.measure(mids))
    spectrum = bursts.spectrum(pulse, start_ns, end_ns)
    parts.spectra += [spectrum] if spectrum is not None else []


def _measure(day: SymbolDay, session: int, parts: _Parts) -> None:
    parts.tape.append(integrity.measure(day))
    parts.spreads.append(spreads.measure(day))
    parts.volume.append(volume.measure(day))
    parts.returns.append(returns.measure(day))
    parts.bursts.append(bursts.measure(day))
    parts.order_flow.append(order_flow.measure(day))
    parts.venues.append(venues.measure(day))
    parts.overnight.append(overnight.measure(day, session))


def _listing(prints: Prints, name: str, known: _Known) -> str | None:
    """Where its crosses print; without any, as the default universe has it."""
    crosses = prints.venue[(prints.kind == OPEN) | (prints.kind == CLOSE)]
    if len(crosses):
        return known.venues.all[int(np.bincount(crosses).argmax())]
    return known.listings.get(name)


def _read_prints(table: pa.Table, known: _Known) -> tuple[Prints, I64]:
    """In time order, and the symbol's number of each."""
    table = table.combine_chunks()
    if not len(table):
        empty = np.zeros(0, np.int64)
        return Prints(empty, empty.astype(np.int16), empty.astype(np.int32), empty, empty.astype(np.int8), empty.astype(np.int8)), empty
    codes, letters = _codes(table["cond"])
    kinds = np.array([KINDS.get(letter, CONTINUOUS) for letter in letters], np.int8)[codes]
    sides, names = _codes(table["side"])
    sign = np.array([{"B": 1, "S": -1}.get(name, 0) for name in names], np.int8)[sides]
    ts = times_ns(table["timestamp_ns"]).to_numpy().astype(np.int64)
    price = np.rint(table["price"].to_numpy().astype(np.float64) * PRICE_UNITS_PER_USD)
    prints = Prints(
        ts,
        known.venues.numbers(_one(table["venue"])).astype(np.int16),
        np.clip(np.nan_to_num(price), 0, 2**30).astype(np.int32),
        np.nan_to_num(table["size"].to_numpy().astype(np.float64)).astype(np.int64),
        sign,
        kinds,
    )
    symbol = known.symbols.numbers(_one(table["symbol"]))
    order = np.argsort(ts, kind="stable")
    order = order[kinds[order] >= 0]
    return prints.take(order), symbol[order]


def _one(column: Any) -> Any:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _codes(column: Any) -> tuple[I64, list[str]]:
    names = Names()
    return names.numbers(_one(column)), names.all


def _read_books(
    source: Source, day: TradingDay, prints: tuple[Prints, I64], known: _Known, parts: _Parts
) -> tuple[dict[int, list[Rows]], Any]:
    """Each symbol's rows, in pieces, and its round lot. Batches are worked on by two threads while the next ones are read."""
    by_book = integrity.BookPrints.of(*prints)
    lots = _RoundLots(day.date, *prints)
    seam = Seam()
    rows: dict[int, list[Rows]] = {}

    def work(levels: Levels, faults: RowFaults) -> tuple[Rows, I64, RowFaults, integrity.PrintFaults]:
        kept = summarise(levels, lots.all(levels, len(known.symbols.all)), faults)
        faults.repeated += count_repeats(levels)
        return kept, levels.book, faults, by_book.against(levels)

    def take(done: Future[tuple[Rows, I64, RowFaults, integrity.PrintFaults]]) -> None:
        kept, book, faults, found = done.result()
        parts.rows.add(faults)
        parts.prints.add(found)
        starts = np.flatnonzero(np.append(True, np.diff(book // VENUES_MAX) != 0)) if len(book) else np.zeros(0, np.int64)
        for start, stop in zip(starts.tolist(), np.append(starts, len(book))[1:].tolist(), strict=True):
            rows.setdefault(int(book[start]) // VENUES_MAX, []).append(kept.slice(start, stop))

    with ThreadPoolExecutor(THREADS) as pool:
        waiting: list[Future[Any]] = []
        for levels, faults in _levels(source, day, known):
            pairs = seam.cross(levels)
            if pairs is not None:  # the last row of a batch and the first of the next
                parts.rows.repeated += count_pairs(pairs)
                parts.prints.add(by_book.against(pairs))
                parts.rows.out_of_order += int(np.count_nonzero(np.diff(pairs.ts)[::2] <= 0))
            waiting.append(pool.submit(work, levels, faults))
            if len(waiting) > THREADS:
                take(waiting.pop(0))
        for done in waiting:
            take(done)
    return rows, lots.of


def count_pairs(pairs: Levels) -> int:
    """Repeats among rows 0 and 1, 2 and 3, ..."""
    which = np.arange(0, len(pairs.ts), 2)
    same = np.ones(len(which), np.bool_)
    for matrix in (pairs.bid_price, pairs.bid_size, pairs.ask_price, pairs.ask_size):
        for vector in matrix:
            same &= vector[which] == vector[which + 1]
    return int(np.count_nonzero(same))


def _levels(source: Source, day: TradingDay, known: _Known) -> Iterator[tuple[Levels, RowFaults]]:
    for batch in source.books(day.start_ns, day.end_ns):
        if len(batch):
            yield read_levels(batch, known.symbols, known.venues)


class _RoundLots:
    """Round lots of a day by symbol number: by price from November 2025 on."""

    def __init__(self, date: dt.date, prints: Prints, symbol: I64) -> None:
        self._is_fixed = date < ROUND_LOTS_FROM
        self._lots: dict[int, int] = {}
        if not self._is_fixed:
            for number in np.unique(symbol).tolist():
                self._lots[number] = _lot(float(np.median(prints.price[symbol == number])) / PRICE_UNITS_PER_USD)

    def of(self, number: int) -> int:
        return 100 if self._is_fixed else self._lots.get(number, 100)

    def all(self, levels: Levels, count: int) -> I64:
        """By symbol number; a symbol that has no prints takes its price from its first book row."""
        if not self._is_fixed:
            first = {int(book) // VENUES_MAX: i for i, book in reversed(list(enumerate(levels.book[:: max(1, len(levels.book) // 512)])))}
            step = max(1, len(levels.book) // 512)
            for number, place in first.items():
                if number not in self._lots:
                    self._lots[number] = _lot(float(levels.bid_price[0, place * step]) / PRICE_UNITS_PER_USD)
        return np.array([self.of(number) for number in range(count)], np.int64)


def _lot(price_usd: float) -> int:
    return next((lot for limit, lot in ROUND_LOTS if price_usd <= limit), 1)


def _no_rows() -> Rows:
    empty = np.zeros(0, np.int32)
    return Rows(np.zeros(0, np.int64), np.zeros(0, np.int16), *([empty] * 8))
