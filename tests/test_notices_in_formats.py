"""Halts and imbalances in the formats that have a place for them: in ITCH, LOBSTER and DBN, at their times, the same from a run and from its files."""

from __future__ import annotations

import datetime as dt
import struct
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import databento_dbn as dbn
import itch_book
import numpy as np
import pyarrow.parquet as pq
import pytest
from formats import Made, clean, contents, differences
from helpers import scenario
from meatpy.itch50 import ITCH50MessageReader

from scenarios.launcher.main import command_line
from simulator import InputError, OrderType
from simulator.inputs.config import AgentSpec
from simulator.inputs.sessions import parse_ts
from simulator.market import Market
from simulator.notices import StatusReason
from simulator.records import EXTRA_TABLES, NS_PER_S, Cond, OrderBatch, Phase
from simulator.tape.memory import MemoryRows
from writers.databento.sink import DatabentoSink
from writers.feed.sink import FeedSink
from writers.itch.sink import ItchSink
from writers.lobster import LobsterSink
from writers.nautilus.sink import NautilusSink

NOON_NS = parse_ts("2025-07-01T16:00:00Z")
MIDNIGHT_NS = parse_ts("2025-07-01T04:00:00Z")
REGULATORY_NS, PUT_OFF_NS = NOON_NS + 20 * NS_PER_S, NOON_NS + 100 * NS_PER_S
SINKS: dict[str, Callable[..., FeedSink]] = {"itch": ItchSink, "lobster": LobsterSink, "databento": DatabentoSink, "nautilus": NautilusSink}


def quoting(market: Any, orders: Any, rng: Any) -> Any:
    """Two-sided quotes at every venue, prints now and then, and orders for a reopening; once, a bid that stays at AAPL's upper band."""
    for n in count():
        if n == 1:
            orders.buy("AAPL", "NASDAQ", 21_500, 6_000)
        for symbol in market.symbols:
            for venue in market.venues:
                orders.buy(symbol, venue, 19_990 + int(rng.integers(5)), 200)
                orders.sell(symbol, venue, 20_006 + int(rng.integers(5)), 200)
                orders.buy(symbol, venue, 20_012, 50, type=OrderType.IOC)
            if market.status(symbol, market.venues[0]).phase == Phase.HALTED:
                for n in range(3):
                    orders.buy(symbol, None, 20_010 + n, 300, type=OrderType.LIMIT_ON_OPEN)
                    orders.sell(symbol, None, 20_000 + n, 200, type=OrderType.LIMIT_ON_OPEN)
        yield market.wait(5 * NS_PER_S)


class Halted(Made):
    """A market without a background: one symbol is paused by its bands, with collars that widen once, and one halted by its listing venue."""

    def __init__(self) -> None:
        agent = AgentSpec(name="quoting", make=quoting, latency_ns=1_000_000)
        chosen = scenario(
            "2025-07-01T16:00:00Z", "2025-07-01T16:07:00Z", names=("AAPL", "JPM"), background=False, agents=(agent,), extra_tables=EXTRA_TABLES,
        )  # fmt: skip
        self.came = _Came()
        self.market = Market(chosen, self.came)
        self.came.open(self.market.run_info)
        self.market.halt("JPM", REGULATORY_NS, StatusReason.REGULATORY)
        self.market.run_until(PUT_OFF_NS)
        assert self.market._bands._may_reopen(0, 30_000), "a price beyond the collars, which are wider from now on"
        self.market.run_until(chosen.end_ns)
        self.info = self.market.run_info
        self.tape = {table: self.came.numpy(table) for table in self.info.tables}
        self.orders, self.books, self.trades = (self.tape[name] for name in ("orders", "market_data", "trades"))  # type: ignore[assignment]

    def write_as_it_came(self, sink: FeedSink) -> None:
        """Batch by batch of all tables, in the market's order."""
        sink.open(self.info)
        for batch in self.came.in_order:
            sink.write(batch)
        sink.close(True)


class _Came(MemoryRows):
    """Keeps the batches in the order in which they came, too."""

    def __init__(self) -> None:
        super().__init__()
        self.in_order: list[Any] = []

    def write(self, batch: Any) -> None:
        super().write(batch)
        self.in_order.append(self._batches[batch.table][-1])


@cache
def halted() -> Halted:
    return Halted()


@pytest.fixture(scope="module", name="made")
def made_once() -> Halted:
    return halted()


@pytest.fixture(scope="module")
def written(made: Halted, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("halted")
    for make in SINKS.values():
        made.write_as_it_came(make(folder))
    return folder


def statuses(made: Halted, symbol: str, venue: str) -> list[tuple[int, int, int]]:
    """(time, phase, reason) of a book's rows."""
    rows: Any = made.tape["status"]
    mine = (rows.symbol == made.info.symbols.index(symbol)) & (rows.venue == made.info.venues.index(venue))
    return list(zip(rows.ts_ns[mine].tolist(), rows.phase[mine].tolist(), rows.reason[mine].tolist(), strict=True))


@pytest.mark.parametrize("form", SINKS)
def test_a_run_its_files_and_several_processes_give_the_same_bytes(form: str, made: Halted, written: Path, tmp_path: Path) -> None:
    made.parquet_tables(tmp_path)
    options = ["--levels", "10"] if form == "lobster" else []
    assert command_line(["convert", str(tmp_path), "--to", form, *options]) == 0
    assert contents(tmp_path / form) == contents(written / form)
    made.write_tables(lambda worker: SINKS[form](tmp_path / "parts", worker), workers=2)
    assert contents(tmp_path / "parts" / form) == contents(written / form)


def test_itch_says_who_is_paused_or_halted_and_when_it_trades_again(made: Halted, written: Path) -> None:
    for venue in made.info.venues:
        path = str(written / "itch" / f"07012025.{venue}_ITCH50")
        said = [b.halts for b in itch_book.Feed(path, date=dt.date(2025, 7, 1)).batches(tables=("halts",))]
        halts = {name: np.concatenate([np.asarray(part[name]) for part in said]) for name in ("ts_event", "locate", "state")}
        for n, (symbol, state) in enumerate((("AAPL", b"P"), ("JPM", b"H"))):
            mine = halts["locate"] == n + 1
            changes = [(ts, phase) for ts, phase, _ in statuses(made, symbol, venue)][1:]
            assert [phase for _, phase in changes] == [Phase.HALTED, Phase.CONTINUOUS]
            assert halts["state"][mine].tolist() in ([b"T", state, b"T"], ["T", state.decode(), "T"])
            assert halts["ts_event"][mine].astype(np.int64).tolist()[1:] == [ts for ts, _ in changes]


def test_itch_tells_between_which_prices_a_paused_symbol_may_reopen(made: Halted, written: Path) -> None:
    """J behind the pause and again when it is put off: reference, upper and lower price, and which extension it is."""
    rows: Any = made.tape["status"]
    told = rows.reason == StatusReason.COLLAR
    assert (rows.venue[told] == -1).all()
    want = list(zip(*(getattr(rows, name)[told].tolist() for name in ("ts_ns", "reference_price", "upper_band", "lower_band")), strict=True))
    (paused_ns, phase, reason), *_ = statuses(made, "AAPL", "NASDAQ")[1:]
    assert (phase, reason) == (Phase.HALTED, StatusReason.LULD)
    assert [ts for ts, *_ in want] == [paused_ns, PUT_OFF_NS]
    assert want[0][2] < want[1][2] == want[1][1] + want[0][2] - want[0][1], "as much wider again, from where it ended"
    for venue in made.info.venues:
        with ITCH50MessageReader(written / "itch" / f"07012025.{venue}_ITCH50") as reader:
            bodies = [message.to_bytes() for message in reader]
        assert b"".join(len(body).to_bytes(2, "big") + body for body in bodies) == (written / "itch" / f"07012025.{venue}_ITCH50").read_bytes()
        collars = [n for n, body in enumerate(bodies) if body[:1] == b"J"]
        have = [struct.unpack(">HH6s8sIIII", bodies[n][1:]) for n in collars]
        assert [(MIDNIGHT_NS + int.from_bytes(ts, "big"), *prices) for _, _, ts, _, *prices in have] == [(*row, n) for n, row in enumerate(want)]
        assert {(locate, stock) for locate, _, _, stock, *_ in have} == {(1, b"AAPL    ")}
        assert bodies[collars[0] - 1][:1] == b"H", "the pause is told before"


def test_itch_tells_the_levels_of_the_breakers_and_each_breach_before_its_halts(made: Halted, tmp_path: Path) -> None:
    """A market that level 1 has halted, in place of the symbol's listing venue, and level 2 later on."""
    rows: Any = made.tape["status"]
    reason = np.where(rows.reason == StatusReason.REGULATORY, StatusReason.MWCB, rows.reason)
    reason[rows.reason == StatusReason.LULD] = StatusReason.MWCB_2
    sink = ItchSink(tmp_path)
    sink.open(made.info)
    sink.write_all([made.orders], [replace(rows, reason=reason)])
    for venue in made.info.venues:
        path = tmp_path / "itch" / f"07012025.{venue}_ITCH50"
        with ITCH50MessageReader(path) as reader:
            bodies = [message.to_bytes() for message in reader]
        assert b"".join(len(body).to_bytes(2, "big") + body for body in bodies) == path.read_bytes()
        (levels,) = [n for n, body in enumerate(bodies) if body[:1] == b"V"]
        assert struct.unpack(">QQQ", bodies[levels][11:]) == (93_000_000_000, 87_000_000_000, 80_000_000_000)
        assert bodies[levels + 1][:1] + bodies[levels + 1][11:] == b"SS", "before the hours begin"
        breaches = [n for n, body in enumerate(bodies) if body[:1] == b"W"]
        assert sorted(bodies[n][11:] for n in breaches) == [b"1", b"2"]
        for n in breaches:
            assert bodies[n + 1][:1] == b"H"
            assert bodies[n + 1][5:11] == bodies[n][5:11]
            assert bodies[n + 1][19:] == b"H MWC" + bodies[n][11:]


def test_itch_tells_the_imbalances_of_the_reopening_in_time_order(made: Halted, written: Path) -> None:
    rows: Any = made.tape["imbalances"]
    assert len(rows) > 100
    for v, venue in enumerate(made.info.venues):
        with ITCH50MessageReader(written / "itch" / f"07012025.{venue}_ITCH50") as reader:
            messages = list(reader)
        times = [message.timestamp for message in messages]
        assert times == sorted(times)
        told = [m for m in messages if m.to_bytes()[:1] == b"I"]
        mine = rows.venue == v
        assert [(MIDNIGHT_NS + m.timestamp, m.stock_locate - 1) for m in told] == list(zip(rows.ts_ns[mine].tolist(), rows.symbol[mine].tolist(), strict=True))
        for name, at in (("paired_size", 11), ("imbalance_size", 19)):
            assert [int.from_bytes(m.to_bytes()[at : at + 8], "big") for m in told] == getattr(rows, name)[mine].tolist()
        for name, at in (("far_price", 36), ("near_price", 40), ("reference_price", 44)):
            assert [int.from_bytes(m.to_bytes()[at : at + 4], "big") for m in told] == getattr(rows, name)[mine].tolist()
        assert {m.to_bytes()[48:49] for m in told} == ({b"H"} if mine.any() else set())
        sides = ["N" if side < 0 else "BS"[side] for side in rows.imbalance_side[mine].tolist()]
        has = (rows.near_price + rows.far_price + rows.reference_price)[mine] > 0
        assert [m.to_bytes()[27:28].decode() for m in told] == ["O" if s == "N" and not h else s for s, h in zip(sides, has, strict=True)]


def test_lobster_has_a_row_of_type_7_for_each_and_the_book_as_it_stands(made: Halted, written: Path) -> None:
    for venue in made.info.venues:
        for symbol in made.info.symbols:
            stem = f"{symbol}_2025-07-01_34200000_57600000"
            messages = [line.split(",") for line in (written / "lobster" / venue / f"{stem}_message_10.csv").read_text().splitlines()]
            books = (written / "lobster" / venue / f"{stem}_orderbook_10.csv").read_text().splitlines()
            assert len(messages) == len(books)
            times = [int(row[0].replace(".", "")) for row in messages]
            assert times == sorted(times)
            found = [n for n, row in enumerate(messages) if row[1] == "7"]
            assert [messages[n][2:] for n in found] == [["0", "0", "-1", "-1"], ["0", "0", "1", "-1"]]
            assert [MIDNIGHT_NS + times[n] for n in found] == [ts for ts, *_ in statuses(made, symbol, venue)][1:]
            assert all(books[n] == books[n - 1] for n in found)


def test_databento_has_the_status_rows_and_the_imbalances(made: Halted, written: Path) -> None:
    imbalances: Any = made.tape["imbalances"]
    actions = {(Phase.HALTED, StatusReason.LULD): dbn.StatusAction.PAUSE, (Phase.HALTED, StatusReason.REGULATORY): dbn.StatusAction.HALT}
    for v, venue in enumerate(made.info.venues):
        decoded = {}
        for schema in ("status", "imbalance"):
            decoder = dbn.DBNDecoder(compression=dbn.Compression.ZSTD)
            (path,) = [p for p in (written / "databento").glob(f"*.{schema}.dbn.zst") if PREFIX[venue] in p.name]
            decoder.write(path.read_bytes())
            decoded[schema] = decoder.decode()[1:]
        want = [(ts, n + 1, actions.get((Phase(phase), StatusReason(reason)), dbn.StatusAction.TRADING))
                for n, symbol in enumerate(made.info.symbols) for ts, phase, reason in statuses(made, symbol, venue)]  # fmt: skip
        assert [(r.ts_event, r.instrument_id, r.action) for r in decoded["status"]] == sorted(want, key=lambda row: row[:2])
        mine = imbalances.venue == v
        have = [(r.ts_event, r.instrument_id - 1, r.paired_qty, r.total_imbalance_qty, r.auction_type) for r in decoded["imbalance"]]
        assert have == [
            (*row, "H") for row in zip(*(getattr(imbalances, name)[mine].tolist() for name in ("ts_ns", "symbol", "paired_size", "imbalance_size")), strict=True)
        ]
        assert set(imbalances.cond[mine].tolist()) <= {Cond.HALT_RESUME}


def test_nautilus_has_a_status_per_change(made: Halted, written: Path) -> None:
    for venue in made.info.venues:
        for symbol in made.info.symbols:
            (path,) = (written / "nautilus" / "data" / "instrument_status" / f"{symbol}.{venue}").glob("*.parquet")
            with pq.ParquetFile(path) as file:
                rows = file.read().to_pydict()
            told = statuses(made, symbol, venue)
            assert rows["ts_event"] == rows["ts_init"] == [ts for ts, *_ in told]
            assert rows["action"] == ["TRADING", "PAUSE" if symbol == "AAPL" else "HALT", "TRADING"]
            assert rows["is_trading"] == [True, False, True]
            assert rows["reason"] == [StatusReason(reason).name for *_, reason in told]


PREFIX = {"NASDAQ": "xnas", "NYSE": "xnys", "ARCA": "arcx", "BATS": "bats", "IEX": "iexg"}


def test_without_the_tables_none_of_it_is_told(made: Halted, tmp_path: Path) -> None:
    bare = replace(made.info, tables=("market_data", "trades", "orders"))
    for make in SINKS.values():
        sink = make(tmp_path)
        sink.open(bare)
        sink.write_all([made.orders])
    with ITCH50MessageReader(tmp_path / "itch" / "07012025.NASDAQ_ITCH50") as reader:
        assert {m.to_bytes()[:1] for m in reader} & {b"I"} == set()
    assert not list((tmp_path / "databento").glob("*imbalance*"))
    assert not (tmp_path / "nautilus" / "data" / "instrument_status").exists()
    with pytest.raises(InputError, match="it needs the table imbalances"):
        DatabentoSink(clean(tmp_path), schemas="imbalance").open(bare)


def test_a_notice_told_late_would_be_noticed(made: Halted, written: Path, tmp_path: Path) -> None:
    """Orders before what is told at their times: the messages are out of order then."""
    sink = ItchSink(tmp_path)
    sink.open(made.info)
    orders = [batch for batch in made.came.in_order if isinstance(batch, OrderBatch)]
    for batch in (*orders, *(made.tape[table] for table in ("status", "imbalances"))):
        sink.write(batch)
    sink.close(True)
    assert contents(tmp_path / "itch") != contents(written / "itch")


def test_readers_books_are_ours_through_the_halt(made: Halted, written: Path) -> None:
    from test_itch import itch_books_wrong_rows

    for venue in made.info.venues:
        wrong, compared = itch_books_wrong_rows(made, written / "itch" / f"07012025.{venue}_ITCH50", venue)
        assert wrong == 0
        assert compared > 50
    assert differences is not None
