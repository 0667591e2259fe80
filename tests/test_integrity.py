"""The checks of ``integrity.py`` against a session of three seconds written by hand: they accept every odd thing that is right,
and each finds the faults planted for it. No simulation is involved."""

from __future__ import annotations

import shutil
from dataclasses import fields
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest
from integrity import violations

from simulator.book.reports import EVENT_FIELDS
from simulator.records import BATCH_TYPES, NOT_GIVEN, TABLES, Batch, EventKind, Side
from simulator.tape.memory import DTYPES
from simulator.tape.sink import RunInfo
from writers.parquet import ParquetSink

OPEN = 1_751_376_600_000_000_000
"""2025-07-01 13:30 UTC."""
MS, S = 1_000_000, 1_000_000_000
CLOSE = OPEN + 3 * S
LEVELS = 5
AAPL, JPM = 0, 1
NASDAQ, NYSE = 0, 1
BUY, SELL = Side.BUY, Side.SELL
BOOKS = ((AAPL, NASDAQ), (AAPL, NYSE), (JPM, NASDAQ), (JPM, NYSE))
RUN = RunInfo(symbols=("AAPL", "JPM"), venues=("NASDAQ", "NYSE"), levels=LEVELS, tables=TABLES, agents={0: "cross", 1: "maker", 3: "taker"})


class Tape:
    """Rows by table, and the books behind them: prices in cents to shares, 12 levels a side around 100.00."""

    def __init__(self) -> None:
        self.rows: dict[str, list[Any]] = {table: [] for table in TABLES}
        self.books = {
            book: {BUY: {9_999 - k: 100 for k in range(12)}, SELL: {10_001 + k: 100 for k in range(12)}} for book in BOOKS
        }  # fmt: skip

    def show(self, ts: int, book: tuple[int, int]) -> None:
        """A book row."""
        bids, asks = (sorted(self.books[book][side].items(), reverse=side == BUY)[:LEVELS] for side in (BUY, SELL))
        quotes = [[p * 100 for p, _ in bids], [z for _, z in bids], [p * 100 for p, _ in asks], [z for _, z in asks]]
        self.rows["market_data"].append((ts, *book, len(bids), len(asks), quotes))

    def quote(self, ts: int, book: tuple[int, int], side: Side, price: int, size: int) -> None:
        self.books[book][side][price] = size
        self.show(ts, book)

    def trade(
        self, ts: int, book: tuple[int, int], side: Side, taker: int, *fills: tuple[int, int, int, int], rest: tuple[int, int] | None = None
    ) -> None:
        """``fills``: price, shares, hidden of them, shown anew by a refill; ``rest``: what the aggressor leaves, price and shares."""
        levels = self.books[book][1 - side]  # type: ignore[index]
        before = dict(levels)
        for n, (price, size, hidden, refill) in enumerate(fills):
            self.rows["trades"].append((ts + n, *book, price * 100, size, side, 0))
            maker = 1_000 + len(self.rows["truth"])
            self.rows["truth"].append((ts + n, *book, price * 100, size, hidden, refill, 1 - side, taker, maker, 3, 1, 0, 100.0))
            self.order(ts - 10 * MS, book, EventKind.ADD, maker, 1 - side, price, size + 7)
            self.order(ts + n, book, EventKind.EXECUTE, maker, 1 - side, price, size, (hidden, taker))
            self.order(ts + 10 * MS, book, EventKind.CANCEL, maker, 1 - side, price, 7)
            left = levels.pop(price, 0) - (size - hidden) + refill
            if left:
                levels[price] = left
        self.order(ts, book, EventKind.ADD, taker, side, 0, sum(size for _, size, _, _ in fills) + (rest[1] if rest else 0))
        if rest:
            self.books[book][side][rest[0]] = rest[1]
        if rest or levels != before:
            self.show(ts + len(fills), book)

    def cross(self, ts: int, book: tuple[int, int], cond: int, order: int) -> None:
        """300 shares from one buyer to two sellers at 100.00; displayed shares behind the best bid go with it."""
        self.rows["trades"].append((ts, *book, 1_000_000, 300, BUY, cond))
        self.order(ts, book, EventKind.CROSS, 0, BUY, 10_000, 300)
        for n, (side, size) in enumerate(((BUY, 300), (SELL, 200), (SELL, 100))):
            self.rows["truth"].append((ts, *book, 1_000_000, size, 0, 0, side, 0, order + n, 0, 1, 0, 100.0))
            self.order(ts - S, book, EventKind.ADD, order + n, side, 10_000, size)
            self.order(ts, book, EventKind.EXECUTE, order + n, side, 10_000, size)
        self.quote(ts + 1, book, BUY, 9_999, 150)

    def order(
        self, ts: int, book: tuple[int, int], kind: EventKind, order: int, side: int, price: int, size: int, told: tuple[int, int] = (0, 0)
    ) -> None:
        """``told``: what else its kind says, as in ``EVENT_FIELDS``."""
        own = {"display": 0, "hidden_size": 0, "other_id": 0, "order_type": NOT_GIVEN, "imbalance": 0, "cross_kind": NOT_GIVEN}
        own |= {name: value for name, value in zip(EVENT_FIELDS[kind], told, strict=True) if name}
        self.rows["orders"].append((ts, *book, 1, kind, order, side, price * 100, size, *own.values()))

    def batches(self) -> list[Batch]:
        """The rows in time order, table by table."""
        made: list[Batch] = []
        for table, kind in BATCH_TYPES.items():
            if not self.rows[table]:
                continue
            values = zip(*sorted(self.rows[table], key=lambda row: row[:3]), strict=True)
            made.append(kind(**{f.name: np.array(v, DTYPES[str(f.type)]) for f, v in zip(fields(kind), values, strict=True)}))
        return made


def requote(tape: Tape, second: int) -> None:
    """A row of every book late in that second."""
    for n, book in enumerate(BOOKS):
        tape.quote(OPEN + second * S + 900 * MS + n, book, BUY, 9_997, 110 + second)


def session() -> Tape:
    """Each line is something that is right and that a careless check would call wrong."""
    tape = Tape()
    for n, book in enumerate(BOOKS):
        tape.show(OPEN - 90 * S + n, book)
    tape.cross(OPEN, (AAPL, NASDAQ), 1, 10)
    tape.cross(OPEN, (JPM, NYSE), 1, 10)
    # A part of a level.
    tape.trade(OPEN + 200 * MS, (AAPL, NASDAQ), BUY, 101, (10_001, 40, 0, 0))
    # Two levels, and the rest of the order stands on the other side; new levels come into view at the far end.
    tape.trade(OPEN + 400 * MS, (AAPL, NASDAQ), BUY, 102, (10_001, 60, 0, 0), (10_002, 100, 0, 0), rest=(10_002, 40))
    # A reserve refills to what it was: no book row follows.
    tape.trade(OPEN + 600 * MS, (AAPL, NASDAQ), SELL, 103, (10_002, 40, 0, 40))
    # It refills less, and the refilled part trades too.
    tape.trade(OPEN + 800 * MS, (AAPL, NASDAQ), SELL, 104, (10_002, 40, 0, 20), (10_002, 10, 0, 0))
    requote(tape, 0)
    # Hidden shares inside the spread: no book row follows.
    tape.trade(OPEN + 1_100 * MS, (JPM, NYSE), BUY, 105, (10_000, 30, 30, 0))
    # Hidden shares behind the displayed ones of a price.
    tape.trade(OPEN + 1_300 * MS, (JPM, NYSE), SELL, 106, (9_999, 150, 0, 0), (9_999, 30, 30, 0))
    requote(tape, 1)
    # Seven levels, where five are shown.
    tape.trade(OPEN + 2_100 * MS, (AAPL, NYSE), BUY, 107, *((10_001 + k, 100, 0, 0) for k in range(7)))
    requote(tape, 2)
    tape.cross(CLOSE, (AAPL, NASDAQ), 2, 20)
    tape.cross(CLOSE + 5, (JPM, NYSE), 2, 20)
    for n, book in enumerate(BOOKS):
        tape.quote(CLOSE + 10 * S + n + 1, book, SELL, 10_009, 90)
    for order, kind, size, new in ((30, "ADD", 500, 0), (30, "REDUCE", 100, 0), (30, "REPLACE", 300, 31), (31, "EXPIRE", 300, 0)):
        tape.order(OPEN + order * MS, (AAPL, NYSE), EventKind[kind], order, BUY, 9_000, size, (0, new))
    return tape


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    sink = ParquetSink(folder)
    sink.open(RUN)
    for batch in session().batches():
        sink.write(batch)
    sink.close(True)
    return folder


def check(folder: Path) -> dict[str, int]:
    return violations(
        folder, levels=LEVELS, listing={"AAPL": "NASDAQ", "JPM": "NYSE"}, sessions=[(OPEN, CLOSE)], has_orders=True, rates=(4, 8, 1, 8),
        every_venue=True,
    )  # fmt: skip


FIRST = f"ts = {OPEN + 200 * MS}"
"""The first print, 40 of AAPL at NASDAQ for 100.01, and its truth; the book row that shows it comes 1 ns later."""
AFTER = f"symbol = 'AAPL' AND venue = 'NASDAQ' AND ts = {OPEN + 200 * MS + 1}"
QUOTE = f"ts = {OPEN + 900 * MS}"
"""A book row of AAPL at NASDAQ that no print touches."""
INSIDE = f"ts = {OPEN + 1_100 * MS}"
"""The hidden print between 99.99 and 100.01."""
LAST = f"ts // {S} = {OPEN // S + 2}"
"""The last second of the session."""
FAULTS = [
    ("levels sorted", "market_data", f"UPDATE t SET bids = [list_reverse(bids[1]), bids[2]] WHERE {AFTER}"),
    ("levels sorted", "market_data", f"UPDATE t SET asks = [[100.01, 100.02, 100.03, 100.04, 100.04], asks[2]] WHERE {AFTER}"),
    ("uncrossed", "market_data", f"UPDATE t SET asks = [[bids[1][1], 100.02, 100.03, 100.04, 100.05], asks[2]] WHERE {AFTER}"),
    ("sizes positive", "market_data", f"UPDATE t SET asks = [asks[1], [60, 100, 100, 100, 0]] WHERE {AFTER}"),
    ("sizes positive", "market_data", f"UPDATE t SET bids = [bids[1], [150, 100, 100.5, 100, 100]] WHERE {AFTER}"),
    ("sizes positive", "market_data", f"UPDATE t SET bids = [bids[1], [150, 100, 'nan'::DOUBLE, 100, 100]] WHERE {AFTER}"),
    ("equal N", "market_data", f"UPDATE t SET bids = [bids[1], bids[2][1:4]] WHERE {AFTER}"),
    ("equal N", "market_data", f"UPDATE t SET bids = [[], []] WHERE {AFTER}"),
    ("equal N", "market_data", f"UPDATE t SET bids = NULL WHERE {AFTER}"),
    ("equal N", "market_data", f"UPDATE t SET bids = [bids[1], [150, 100, NULL, 100, 100]] WHERE {AFTER}"),
    ("equal N", "market_data", f"UPDATE t SET asks = [list_append(asks[1], 100.06), list_append(asks[2], 100)] WHERE {AFTER}"),
    ("equal N", "market_data", f"UPDATE t SET asks = [asks[1], asks[2], asks[2]] WHERE {AFTER}"),
    (
        "on the tick grid",
        "market_data",
        f"UPDATE t SET asks = [[100.01, 100.02, 100.03, 100.04, 10007 * 0.01::DOUBLE], asks[2]] WHERE {AFTER}",
    ),
    ("on the tick grid", "market_data", f"UPDATE t SET asks = [[100.01, 100.02, 100.03, 100.04, 'nan'::DOUBLE], asks[2]] WHERE {AFTER}"),
    ("five levels nearly always", "market_data", f"UPDATE t SET asks = [asks[1][1:4], asks[2][1:4]] WHERE {AFTER}"),
    ("keys unique", "market_data", f"UPDATE t SET ts = ts - 1 WHERE {AFTER}"),
    ("keys unique", "trades", f"INSERT INTO t SELECT * FROM t WHERE {FIRST}"),
    ("keys unique", "market_data", f"UPDATE t SET ts = NULL WHERE {QUOTE}"),
    ("keys unique", "market_data", f"UPDATE t SET symbol = NULL WHERE {QUOTE}"),
    ("time order", "market_data", f"UPDATE t SET n = n - 1.5 WHERE {AFTER}"),
    ("time order", "trades", f"UPDATE t SET n = n + 1.5 WHERE {FIRST}"),
    ("time order", "truth", f"UPDATE t SET n = n + 1.5 WHERE {FIRST}"),
    ("time order", "orders", "UPDATE t SET n = n - 20.5 WHERE kind = 'EXECUTE' AND other_id = 104"),
    ("partition holds its hour", "market_data", f"UPDATE t SET ts = ts + {3_600 * S} WHERE {AFTER}"),
    ("partition holds its hour", "trades", f"UPDATE t SET ts = ts + {24 * 3_600 * S} WHERE {FIRST}"),
    ("partition holds its hour", "truth", f"UPDATE t SET ts = ts + {3_600 * S} WHERE {FIRST}"),
    ("partition holds its hour", "orders", f"UPDATE t SET ts = ts + {24 * 3_600 * S} WHERE kind = 'REPLACE'"),
    ("price and size positive", "trades", f"UPDATE t SET size = 0 WHERE {FIRST}"),
    ("price and size positive", "trades", f"UPDATE t SET price = -100.01 WHERE {FIRST}"),
    ("price and size positive", "trades", f"UPDATE t SET price = 100.015 WHERE {FIRST}"),
    ("price and size positive", "trades", f"UPDATE t SET cond = 'X' WHERE {FIRST}"),
    ("price and size positive", "trades", f"UPDATE t SET side = NULL WHERE {FIRST}"),
    ("crosses where listed", "trades", "UPDATE t SET venue = 'NYSE' WHERE cond = 'O' AND symbol = 'AAPL'"),
    ("one cross each", "trades", "DELETE FROM t WHERE cond = 'C' AND symbol = 'JPM'"),
    ("one cross each", "trades", "INSERT INTO t SELECT * REPLACE (ts + 2 AS ts) FROM t WHERE cond = 'O' AND symbol = 'JPM'"),
    ("one cross each", "trades", f"INSERT INTO t SELECT * REPLACE (ts + {10 * S} AS ts) FROM t WHERE cond = 'O' AND symbol = 'JPM'"),
    ("one cross each", "trades", "UPDATE t SET cond = 'O' WHERE cond = 'C' AND symbol = 'AAPL'"),
    ("trades in their phase", "trades", f"UPDATE t SET ts = ts + {S // 4} WHERE cond = 'O' AND symbol = 'AAPL'"),
    ("trades in their phase", "trades", f"UPDATE t SET ts = ts - {S} WHERE {FIRST}"),
    ("trades in their phase", "trades", f"UPDATE t SET ts = {CLOSE} WHERE {FIRST}"),
    ("print at a displayed price", "truth", f"UPDATE t SET price = 100.00 WHERE {FIRST}"),
    ("print at a displayed price", "truth", f"UPDATE t SET price = 100.20 WHERE {FIRST}"),
    ("print at a displayed price", "truth", f"UPDATE t SET size = 101 WHERE {FIRST}"),
    ("print at a displayed price", "market_data", f"DELETE FROM t WHERE ts <= {OPEN + 1} AND symbol = 'AAPL' AND venue = 'NASDAQ'"),
    ("print within the quote", "truth", f"UPDATE t SET price = 99.99 WHERE {INSIDE}"),
    ("print within the quote", "truth", f"UPDATE t SET price = 100.02 WHERE {INSIDE}"),
    ("mass balance", "truth", f"UPDATE t SET size = 39 WHERE {FIRST}"),
    ("mass balance", "truth", f"UPDATE t SET hidden_size = 40 WHERE {FIRST}"),
    ("mass balance", "truth", f"UPDATE t SET refill_size = 40 WHERE {FIRST}"),
    ("mass balance", "market_data", f"UPDATE t SET asks = [asks[1], [60, 100, 90, 100, 100]] WHERE {AFTER}"),
    (
        "mass balance",
        "market_data",
        f"UPDATE t SET asks = [list_prepend(100.00, asks[1][1:4]), list_prepend(10, asks[2][1:4])] WHERE {AFTER}",
    ),
    ("mass balance", "truth", "UPDATE t SET ts = ts - 1 WHERE taker_order = 102 AND price = 100.01"),
    ("no row without change", "market_data", f"DELETE FROM t WHERE {AFTER}"),
    ("no row without change", "truth", f"UPDATE t SET hidden_size = 0 WHERE {INSIDE}"),
    ("truth sums to the prints", "truth", f"UPDATE t SET size = 41 WHERE {FIRST}"),
    ("truth sums to the prints", "truth", f"DELETE FROM t WHERE {FIRST}"),
    ("truth sums to the prints", "truth", f"UPDATE t SET refill_size = NULL WHERE {FIRST}"),
    ("truth sums to the prints", "truth", f"UPDATE t SET hidden_size = size + 1 WHERE {INSIDE}"),
    ("truth sums to the prints", "truth", f"UPDATE t SET resting_side = 'X' WHERE {FIRST}"),
    ("truth sums to the prints", "trades", f"DELETE FROM t WHERE {FIRST}"),
    ("truth sums to the prints", "trades", f"UPDATE t SET price = 100.02 WHERE {FIRST}"),
    ("crosses balance", "truth", "UPDATE t SET size = 101 WHERE taker_order = 0 AND size = 100"),
    ("crosses balance", "truth", "DELETE FROM t WHERE taker_order = 0 AND size = 300"),
    ("side is the aggressor's", "trades", f"UPDATE t SET side = 'S' WHERE {FIRST}"),
    ("order ids unique", "orders", "INSERT INTO t SELECT * REPLACE (ts + 5 AS ts) FROM t WHERE kind = 'ADD' AND order_id = 102"),
    ("order ids unique", "orders", "UPDATE t SET other_id = 107 WHERE kind = 'REPLACE'"),
    ("order rows sound", "orders", "UPDATE t SET kind = 'GONE' WHERE kind = 'CANCEL'"),
    ("order rows sound", "orders", "UPDATE t SET kind = NULL WHERE kind = 'CANCEL'"),
    ("order rows sound", "orders", "UPDATE t SET size = 0 WHERE kind = 'REDUCE'"),
    ("orders end as they began", "orders", "UPDATE t SET size = size + 1 WHERE kind = 'CANCEL'"),
    ("orders end as they began", "orders", "UPDATE t SET size = size - 1 WHERE kind = 'EXPIRE'"),
    ("orders end as they began", "orders", "UPDATE t SET size = 159 WHERE kind = 'ADD' AND order_id = 102"),
    ("orders end as they began", "orders", "DELETE FROM t WHERE kind = 'ADD' AND order_id = 30"),
    ("orders end as they began", "orders", f"UPDATE t SET ts = ts + {15 * MS} WHERE kind = 'ADD' AND order_id = 1006"),
    ("orders end as they began", "orders", f"UPDATE t SET ts = ts - {15 * MS} WHERE kind = 'CANCEL' AND order_id = 1006"),
    ("executions are the prints", "orders", "DELETE FROM t WHERE kind = 'EXECUTE' AND other_id = 101"),
    ("executions are the prints", "orders", "UPDATE t SET size = 299 WHERE kind = 'EXECUTE' AND size = 300"),
    ("executions are the prints", "trades", f"DELETE FROM t WHERE {FIRST}"),
    ("executions are the prints", "orders", "UPDATE t SET price = price + 1 WHERE kind = 'EXECUTE' AND other_id = 101"),
    ("executions are the prints", "orders", "UPDATE t SET side = 'B' WHERE kind = 'EXECUTE' AND other_id = 101"),
    ("executions are the truth", "truth", f"UPDATE t SET maker_order = 999 WHERE {FIRST}"),
    ("executions are the truth", "truth", f"UPDATE t SET taker_order = 999 WHERE {FIRST}"),
    ("executions are the truth", "orders", "UPDATE t SET hidden_size = 1 WHERE kind = 'EXECUTE' AND other_id = 101"),
    ("book rates", "market_data", f"DELETE FROM t WHERE {LAST}"),
    ("book rates", "market_data", f"INSERT INTO t SELECT * REPLACE (ts + 9 AS ts) FROM t WHERE {LAST}"),
    ("print rates", "trades", f"DELETE FROM t WHERE {LAST}"),
    ("print rates", "trades", f"INSERT INTO t SELECT * REPLACE (ts + 99 AS ts) FROM t WHERE {LAST}"),
    ("every venue every second", "market_data", f"DELETE FROM t WHERE {LAST} AND symbol = 'JPM' AND venue = 'NASDAQ'"),
    ("every venue every second", "market_data", "DELETE FROM t WHERE symbol = 'JPM'"),
    (
        "every venue every second",
        "market_data",
        f"UPDATE t SET venue = 'XYZ' WHERE {LAST} AND symbol = 'JPM' AND venue = 'NASDAQ'",
    ),
]


def plant(folder: Path, table: str, sql: str) -> None:
    """Run ``sql`` over the table's file, there called t, with ``ts`` in ns and the rows' order in ``n``."""
    (path,) = (folder / f"equities_{table}").rglob("*.parquet")
    with duckdb.connect() as con:
        con.execute(
            "CREATE TABLE t AS SELECT epoch_ns(timestamp_ns) AS ts, file_row_number::DOUBLE AS n, * EXCLUDE (timestamp_ns, file_row_number)"
            f" FROM read_parquet('{path}', file_row_number = true, hive_partitioning = false)"
        )
        ((touched,),) = con.execute(sql).fetchall()
        assert touched > 0
        con.execute(f"COPY (SELECT make_timestamp_ns(ts) AS timestamp_ns, * EXCLUDE (ts, n) FROM t ORDER BY n) TO '{path}'")


def test_a_good_session_is_clean_and_every_check_has_a_fault(good: Path) -> None:
    found = check(good)
    assert found == dict.fromkeys(found, 0)
    assert found.keys() == {name for name, _, _ in FAULTS}


@pytest.mark.parametrize(("name", "table", "sql"), FAULTS, ids=[f"{name}-{sql}" for name, _, sql in FAULTS])
def test_a_planted_fault_is_found(good: Path, tmp_path: Path, name: str, table: str, sql: str) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(good, folder)
    plant(folder, table, sql)
    assert check(folder)[name] > 0


def test_what_is_not_asked_for_is_not_checked(good: Path, tmp_path: Path) -> None:
    """Without truth and orders there are only the two tables, and trades out of hours are no fault where they are allowed."""
    for table in ("market_data", "trades"):
        shutil.copytree(good / f"equities_{table}", tmp_path / f"equities_{table}")
    plant(tmp_path, "trades", f"UPDATE t SET ts = ts - {S}, n = -1 WHERE {FIRST}")
    listing = {"AAPL": "NASDAQ", "JPM": "NYSE"}
    sessions = [(OPEN, CLOSE)]
    strict = violations(tmp_path, levels=LEVELS, listing=listing, sessions=sessions, has_truth=False)
    allowed = violations(tmp_path, levels=LEVELS, listing=listing, sessions=sessions, has_truth=False, offsession=True)
    assert [name for name, count in strict.items() if count] == ["trades in their phase"]
    assert strict.keys() - allowed.keys() == {"trades in their phase"}
    assert not any(allowed.values())
