"""The digest of a run depends on every value and on the order of rows, and on nothing else."""

from __future__ import annotations

import struct
from hashlib import blake2b
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from made_rows import NOON_NS, RUN, random_batch

from simulator.records import BATCH_TYPES, TABLES, Batch, MarketDataBatch, OrderBatch, columns, slice_batch
from simulator.tape.digest import Digest, combine

WORD = 2**64 - 1
Parts = dict[tuple[str, str, str], str]


def parts_of(*batches: Batch, day: str = "2025-07-01") -> Parts:
    digest = Digest(RUN)
    digest.day(day)
    for batch in batches:
        digest.update(batch)
    return digest.parts()


def changed(batch: Batch, **new: Any) -> Batch:
    other: Batch = BATCH_TYPES[batch.table](**{**dict(columns(batch)), **new})
    return other


def taken(batch: Batch, rows: Any) -> Batch:
    return changed(batch, **{name: column[rows] for name, column in columns(batch)})


def twin(batch: Batch) -> dict[str, str]:
    """The same hash, symbol by symbol, in plain Python integers."""
    found = {}
    for s, symbol in enumerate(RUN.symbols):
        lanes = [0x243F6A8885A308D3, 0x13198A2E03707344]
        count = 0
        for i in range(len(batch)):
            if batch.symbol[i] != s:
                continue
            count += 1
            for first, second in _words(batch, i):
                one = (lanes[0] ^ first) * 0x9E3779B97F4A7C15 & WORD
                two = (lanes[1] ^ second) * 0xC2B2AE3D27D4EB4F & WORD
                lanes[0] = ((one << 31 | one >> 33) + two) & WORD
                lanes[1] = (two << 27 | two >> 37) & WORD ^ one
        if count:
            found[symbol] = blake2b(struct.pack("=QQQ", *lanes, count), digest_size=16).hexdigest()
    return found


def _words(batch: Batch, i: int) -> list[tuple[int, int]]:
    if isinstance(batch, MarketDataBatch):
        key = int(batch.venue[i]) << 32 | int(batch.bid_count[i]) << 16 | int(batch.ask_count[i])
        levels = [[int(v) for v in row] for row in batch.quotes[i]]
        return [(int(batch.ts_ns[i]), key)] + [(bp << 32 | bs, ap << 32 | az) for bp, bs, ap, az in zip(*levels, strict=True)]
    values = [column[i] for column in (batch.packed() if isinstance(batch, OrderBatch) else [column for _, column in columns(batch)])]
    words = [struct.unpack("=Q", struct.pack("=d", v))[0] if isinstance(v, np.float64) else int(v) & WORD for v in values]
    return [(word, k) for k, word in enumerate(words)]


@pytest.mark.parametrize("table", TABLES)
def test_agrees_with_a_twin_in_plain_python(table: str) -> None:
    batch = random_batch(table, 200, seed=3)
    assert parts_of(batch) == {("2025-07-01", symbol, table): part for symbol, part in twin(batch).items()}


@pytest.mark.parametrize("table", TABLES)
def test_cuts_into_batches_change_nothing(table: str) -> None:
    batch = random_batch(table, 500)
    rng = np.random.default_rng(5)
    for _ in range(20):
        cuts = [0, *sorted(rng.integers(0, 501, rng.integers(1, 30)).tolist()), 500]
        assert parts_of(*(slice_batch(batch, a, b) for a, b in pairwise(cuts))) == parts_of(batch)


@pytest.mark.parametrize("table", TABLES)
def test_a_symbol_does_not_hear_of_the_others(table: str) -> None:
    batch = random_batch(table, 300)
    together = parts_of(batch)
    apart: Parts = {}
    for symbol in range(3):
        apart |= parts_of(taken(batch, batch.symbol == symbol))
    assert apart == together
    assert len(set(together.values())) == 3


@pytest.mark.parametrize("table", TABLES)
def test_any_changed_value_changes_its_part_alone(table: str) -> None:
    batch = random_batch(table, 60, full=True)
    before = parts_of(batch)
    rng = np.random.default_rng(7)
    for name, column in columns(batch):
        places = [tuple(rng.integers(0, column.shape)) for _ in range(3)]
        if name == "quotes":
            places = [(11, *place) for place in np.ndindex(column.shape[1:])]
        if name == "symbol":
            continue
        for place in places:
            other = column.copy()
            other[place] = other[place] + 1
            after = parts_of(changed(batch, **{name: other}))
            differ = {key for key in before if before[key] != after[key]}
            assert differ == {("2025-07-01", RUN.symbols[batch.symbol[place[0]]], table)}, (name, place)


def test_a_row_of_another_symbol_changes_both_parts() -> None:
    batch = random_batch("trades", 60)
    moved = batch.symbol.copy()
    moved[5] = (moved[5] + 1) % 3
    after, before = parts_of(changed(batch, symbol=moved)), parts_of(batch)
    assert sum(before[key] != after[key] for key in before) == 2


@pytest.mark.parametrize("table", TABLES)
def test_the_order_of_rows_counts(table: str) -> None:
    batch = changed(random_batch(table, 20), symbol=np.zeros(20, np.int32))
    rows = np.arange(20)
    rows[[6, 7]] = 7, 6
    assert parts_of(taken(batch, rows)) != parts_of(batch)
    assert parts_of(slice_batch(batch, 0, 19)) != parts_of(batch)


def test_days_are_apart() -> None:
    first, second = random_batch("trades", 50), random_batch("trades", 50, start_ns=NOON_NS + 86_400 * 10**9, seed=2)
    digest = Digest(RUN)
    for day, batch in (("2025-07-01", first), ("2025-07-02", second)):
        digest.day(day)
        digest.update(batch)
    assert digest.parts() == parts_of(first) | parts_of(second, day="2025-07-02")


def test_combine_hangs_on_the_universes_order_and_not_on_the_mappings() -> None:
    parts = {(day, symbol, table): f"{day}{symbol}{table}" for day in ("d1", "d2") for symbol in "ABC" for table in ("t", "u")}
    shuffled = dict(sorted(parts.items(), key=lambda item: hash(item)))
    total = combine(parts, "ABC", ("t", "u"))
    assert combine(shuffled, "ABC", ("t", "u")) == total
    assert combine(parts, "BAC", ("t", "u")) != total
    for key in parts:
        assert combine({**parts, key: "other"}, "ABC", ("t", "u")) != total
        assert combine({k: v for k, v in parts.items() if k != key}, "ABC", ("t", "u")) != total
