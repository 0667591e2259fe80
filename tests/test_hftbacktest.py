"""hftbacktest's files by its own description: books of L3 and L2 are ours at every row, at the exchange and where it is heard.

The package itself, which pins numpy, has a venv of its own: ``pytest -m hour tests/test_hftbacktest.py`` makes it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats import Levels, Made, closing, contents, differences, hour, is_noticed, opening
from peers import in_venv

from scenarios.launcher.catalog import find_scenario
from scenarios.launcher.main import command_line
from simulator import InputError
from writers.hftbacktest.events import EVENT
from writers.hftbacktest.latency import LATENCY, write_order_latencies
from writers.hftbacktest.sink import HftBacktestSink
from writers.results import write_results

# As its pages number them.
DEPTH, TRADE, CLEAR, ADD, CANCEL, MODIFY, FILL = 1, 2, 3, 10, 11, 12, 13
EXCH, LOCAL, BUY, SELL = 1 << 31, 1 << 30, 1 << 29, 1 << 28
AGENT_NS = 50_000
DESCR = [("ev", "<u8"), ("exch_ts", "<i8"), ("local_ts", "<i8"), ("px", "<f8"), ("qty", "<f8"), ("order_id", "<u8"), ("ival", "<i8"), ("fval", "<f8")]


@pytest.fixture(scope="module", name="opening")
def made_opening() -> Made:
    return opening()


@pytest.fixture(scope="module")
def written(opening: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hftbacktest")
    opening.write(HftBacktestSink(folder))
    return folder / "hftbacktest"


def read(folder: Path, symbol: str, venue: str, feed: str) -> Any:
    with np.load(folder / venue / f"{symbol}_20250701.{feed}.npz") as archive:
        assert archive.files == ["data"]
        rows = archive["data"]
    assert rows.dtype.descr == DESCR
    return rows


def validate_event_order(rows: Any) -> None:
    """Its own rule: no time goes back among the rows of one side."""
    for bit, name in ((EXCH, "exch_ts"), (LOCAL, "local_ts")):
        times = rows[name][rows["ev"] & np.uint64(bit) > 0]
        assert (np.diff(times) >= 0).all(), name


def units(value: float) -> int:
    return round(value * 10_000)


class L3Book:
    """FILL and TRADE change nothing, CANCEL takes the whole order, MODIFY sets what is left of it."""

    def __init__(self) -> None:
        self.orders: dict[int, tuple[int, int, int]] = {}

    def apply(self, row: Any) -> None:
        kind, side, number = int(row["ev"]) & 0xFF, int(row["ev"]) & (BUY | SELL), int(row["order_id"])
        if kind == ADD:
            assert number not in self.orders
            self.orders[number] = (side, units(row["px"]), int(row["qty"]))
        elif kind == MODIFY:
            assert self.orders[number][:2] == (side, units(row["px"]))
            assert 0 < row["qty"] < self.orders[number][2]
            self.orders[number] = (side, units(row["px"]), int(row["qty"]))
        elif kind == CANCEL:
            assert self.orders.pop(number)[0] == side
        elif kind == FILL:
            assert self.orders[number][2] >= row["qty"] > 0
        elif kind == CLEAR:
            self.orders = {}
        else:
            assert kind == TRADE

    def levels(self) -> Levels:
        sides: dict[int, defaultdict[int, int]] = {BUY: defaultdict(int), SELL: defaultdict(int)}
        for side, price, size in self.orders.values():
            sides[side][price] += size
        return sorted(sides[BUY].items(), reverse=True), sorted(sides[SELL].items())


class L2Book:
    """DEPTH sets what a price displays; 0 takes it away."""

    def __init__(self) -> None:
        self.sides: dict[int, dict[int, int]] = {BUY: {}, SELL: {}}

    def apply(self, row: Any) -> None:
        kind = int(row["ev"]) & 0xFF
        if kind == DEPTH:
            side = self.sides[int(row["ev"]) & (BUY | SELL)]
            side[units(row["px"])] = int(row["qty"])
            if not row["qty"]:
                del side[units(row["px"])]
        elif kind == CLEAR:
            self.sides = {BUY: {}, SELL: {}}
        else:
            assert kind == TRADE

    def levels(self) -> Levels:
        return sorted(self.sides[BUY].items(), reverse=True), sorted(self.sides[SELL].items())


BOOKS: dict[str, Callable[[], Any]] = {"l3": L3Book, "l2": L2Book}


def wrong_rows(made: Made, rows: Any, feed: str, symbol: str, venue: str) -> int:
    book = BOOKS[feed]()
    said = [(int(row["exch_ts"]), partial(book.apply, row)) for row in rows[rows["ev"] & np.uint64(EXCH) > 0]]
    return differences(made.of(symbol, venue)[0], said, book.levels)


@pytest.mark.parametrize("feed", BOOKS)
@pytest.mark.parametrize("made", [opening, closing], ids=["opening", "closing"])
def test_a_book_by_its_description_is_ours_at_every_row(made: Any, feed: str, tmp_path: Path) -> None:
    market: Made = made()
    market.write(HftBacktestSink(tmp_path, feeds=feed, symbols=("AAPL", "JPM")))
    for venue in market.info.venues:
        for symbol in ("AAPL", "JPM"):
            rows = read(tmp_path / "hftbacktest", symbol, venue, feed)
            validate_event_order(rows)
            assert wrong_rows(market, rows, feed, symbol, venue) == 0
            _, trades = market.of(symbol, venue)
            printed = rows[rows["ev"] & np.uint64(0xFF) == TRADE]
            assert printed["exch_ts"].tolist() == trades.ts_ns.tolist()
            assert [units(price) for price in printed["px"]] == trades.price.tolist()
            assert printed["qty"].tolist() == trades.size.tolist()
            sides = [0 if cond else (BUY, SELL)[side] for side, cond in zip(trades.side.tolist(), trades.cond.tolist(), strict=True)]
            assert [int(ev) & (BUY | SELL) for ev in printed["ev"]] == sides  # the initiator's; a cross has none


def test_local_times_are_the_agents_latency_later(written: Path, opening: Made) -> None:
    rows = read(written, "AAPL", "NASDAQ", "l3")
    assert set((rows["local_ts"] - rows["exch_ts"]).tolist()) == {AGENT_NS}
    assert (rows["ev"] & np.uint64(EXCH | LOCAL) == EXCH | LOCAL).all()
    assert rows["ev"][0] & np.uint64(0xFF) == CLEAR
    assert set((rows["ev"] & np.uint64(0xFF)).tolist()) == {CLEAR, ADD, TRADE, FILL, MODIFY, CANCEL}
    assert opening.info.agent_latency_ns == {"busy": (AGENT_NS,) * 5}


def test_without_agents_it_is_the_venues_own_latency_and_a_given_one_wins(opening: Made, tmp_path: Path) -> None:
    alone = replace(opening.info, agent_latency_ns={})
    for options, venue, latency_ns in (({}, "ARCA", alone.venue_latency_ns[2]), ({"feed_latency_ns": 777}, "ARCA", 777)):
        sink = HftBacktestSink(tmp_path / str(latency_ns), venues=venue, symbols="JPM", feeds="l2", **options)  # type: ignore[arg-type]
        sink.open(alone)
        sink.write_all([opening.orders])
        rows = read(tmp_path / str(latency_ns) / "hftbacktest", "JPM", venue, "l2")
        assert set((rows["local_ts"] - rows["exch_ts"]).tolist()) == {latency_ns}


@pytest.mark.parametrize("feed", BOOKS)
def test_prints_that_come_later_are_split_and_neither_side_misses_anything(feed: str, opening: Made, written: Path, tmp_path: Path) -> None:
    delay_ns = 3_000_000
    opening.write(HftBacktestSink(tmp_path, symbols="AAPL", venues="NASDAQ", feeds=feed, trade_delay_ns=delay_ns))
    rows, plain = read(tmp_path / "hftbacktest", "AAPL", "NASDAQ", feed), read(written, "AAPL", "NASDAQ", feed)
    validate_event_order(rows)
    kinds = np.uint64(0xFFFFFFFF & ~(EXCH | LOCAL))
    at_exchange, heard = (rows[rows["ev"] & np.uint64(bit) > 0] for bit in (EXCH, LOCAL))
    split = int((rows["ev"] & np.uint64(EXCH | LOCAL) != EXCH | LOCAL).sum())
    assert 0 < split // 2 < len(plain)
    assert len(rows) == len(plain) + split // 2
    for name in DESCR[1:2] + DESCR[3:6]:
        np.testing.assert_array_equal(at_exchange[name[0]], plain[name[0]])
    np.testing.assert_array_equal(at_exchange["ev"] & kinds, plain["ev"] & kinds)
    want = plain.copy()
    want["ev"] &= kinds
    want["local_ts"][want["ev"] & np.uint64(0xFF) == TRADE] += delay_ns
    heard = heard.copy()
    heard["ev"] &= kinds
    np.testing.assert_array_equal(heard, want[np.argsort(want["local_ts"], kind="stable")])
    assert wrong_rows(opening, rows, feed, "AAPL", "NASDAQ") == 0


@pytest.mark.parametrize("fault", ["a partial fill as a cancel", "a reused number", "a float's time", "a wrong endian"])
def test_a_wrong_file_is_noticed(fault: str, opening: Made, written: Path) -> None:
    rows = read(written, "AAPL", "ARCA", "l3").copy()
    kinds = rows["ev"] & np.uint64(0xFF)
    later = np.arange(len(rows)) > len(rows) // 3
    if fault == "a partial fill as a cancel":
        rows["ev"][np.flatnonzero(later & (kinds == MODIFY))[0]] -= np.uint64(MODIFY - CANCEL)
    elif fault == "a reused number":
        adds = np.flatnonzero(kinds == ADD)
        rows["order_id"][adds[len(adds) // 2]] = rows["order_id"][adds[len(adds) // 2 - 1]]
    elif fault == "a float's time":
        rows["exch_ts"] = rows["exch_ts"].astype(np.float64).astype(np.int64)  # to 256 ns
    else:
        adds = later & (kinds == ADD)
        rows["order_id"][adds] = rows["order_id"][adds].byteswap()
    assert is_noticed(lambda: wrong_rows(opening, rows, "l3", "AAPL", "ARCA"))


def test_the_order_latencies_are_what_the_agent_met(opening: Made, tmp_path: Path) -> None:
    result = opening.market.agents()["busy"]
    write_results(tmp_path, {"busy": result})
    paths = write_order_latencies(tmp_path, tmp_path, opening.info)
    assert [path.relative_to(tmp_path).as_posix() for path in paths] == [f"hftbacktest/{venue}/latency_busy.npz" for venue in opening.info.venues]
    orders = result.pandas("orders")
    with np.load(paths[2]) as archive:
        rows = archive["data"]
    assert rows.dtype == LATENCY
    assert rows.dtype.names == ("req_ts", "exch_ts", "resp_ts", "_padding")
    mine = orders[(orders.venue == "ARCA") & orders.answered_ns.notna()]
    assert len(rows) == len(mine) + 2 > 50
    np.testing.assert_array_equal(rows["req_ts"][1:-1], mine.timestamp_ns.astype("int64"))
    np.testing.assert_array_equal(rows["exch_ts"][1:-1], mine.answered_ns.astype("int64"))
    assert (rows["exch_ts"] - rows["req_ts"] >= AGENT_NS).all()
    assert (rows["resp_ts"] - rows["exch_ts"] == AGENT_NS).all()
    assert rows[["req_ts", "exch_ts"]][[0, -1]].tolist() == [(ts, ts + AGENT_NS) for ts in (opening.info.start_ns, opening.info.end_ns)]


def test_conversion_and_several_processes_give_the_same_bytes(opening: Made, written: Path, tmp_path: Path) -> None:
    opening.parquet(tmp_path)
    write_results(tmp_path, {"busy": opening.market.agents()["busy"]})
    assert command_line(["convert", str(tmp_path), "--to", "hftbacktest"]) == 0
    found = contents(tmp_path / "hftbacktest")
    assert {path: content for path, content in found.items() if "latency" not in path} == contents(written)
    assert len(found) == len(contents(written)) + 5
    opening.write_parts(lambda worker: HftBacktestSink(tmp_path / "parts", worker))
    assert contents(tmp_path / "parts" / "hftbacktest") == contents(written)
    assert command_line(["convert", str(tmp_path), "--to", "hftbacktest", "--overwrite", "true", "--feeds", "l2", "--venue", "IEX"]) == 0


def test_a_run_with_an_agent_writes_what_a_conversion_writes_its_latencies_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the command, in two processes and in one."""
    monkeypatch.chdir(tmp_path)
    common = ["run", "momentum", "--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:00:04Z", "--symbols", "AAPL,JPM"]
    assert command_line([*common, "--out", "run", "--processes", "1", "--extra_tables", "orders"]) == 0
    assert command_line([*common, "--out", "direct", "--processes", "2", "--writer", "hftbacktest"]) == 0
    assert command_line(["convert", "run", "--to", "hftbacktest"]) == 0
    found = contents(tmp_path / "direct" / "hftbacktest")
    assert found == contents(tmp_path / "run" / "hftbacktest")
    assert any("/latency_" in path for path in found)
    own = "extra_tables: [orders]\nwriter: {use: 'writers.hftbacktest.sink:HftBacktestSink', with: {feeds: [l2], venues: [NASDAQ]}}\n"
    (tmp_path / "mine.yaml").write_text(f"{find_scenario('momentum').read_text()}{own}")
    for processes in ("2", "1"):  # the second takes the first one's files, the latencies too
        assert command_line(["run", "mine.yaml", *common[2:], "--out", "used", "--processes", processes, "--overwrite", "true"]) == 0
    used = contents(tmp_path / "used" / "hftbacktest")
    assert used.keys() == {path for path in found if path.startswith("NASDAQ/") and ".l3." not in path} | {path for path in found if "latency" in path}
    assert all(found[path] == content for path, content in used.items())


def test_a_run_that_ends_early_leaves_nothing(opening: Made, tmp_path: Path) -> None:
    sink = HftBacktestSink(tmp_path)
    sink.open(opening.info)
    sink.write(opening.orders)
    assert list((tmp_path / "hftbacktest").rglob("*.rows.partial"))
    sink.close(False)
    assert contents(tmp_path) == {}


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"feeds": ("l4",)}, "must be some of l3, l2"),
        ({"agent": "nobody"}, "the run's agents are busy"),
        ({"feed_latency_ns": 0}, "must be 1 to"),
        ({"trade_delay_ns": -1}, "must be 0 to"),
    ],
)
def test_what_cannot_be_written_is_refused(options: dict[str, Any], said: str, opening: Made, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=said):
        HftBacktestSink(tmp_path, **options).open(opening.info)
    assert contents(tmp_path) == {}


def test_the_layout_is_the_packages_own() -> None:
    assert EVENT.itemsize == 64
    assert EVENT.descr == DESCR


@pytest.mark.hour
def test_hftbacktest_itself_sees_our_books_in_an_hour(tmp_path: Path) -> None:
    """``pytest -m hour tests/test_hftbacktest.py``: its L3 and L2 depths at every book row, its order check, its latency model."""
    made = hour()
    made.write(HftBacktestSink(tmp_path))
    write_results(tmp_path, {"busy": made.market.agents()["busy"]})
    write_order_latencies(tmp_path, tmp_path, made.info)
    for symbol, venue in (("AAPL", "NASDAQ"), ("JPM", "NYSE"), ("NVDA", "ARCA")):
        books, _ = made.of(symbol, venue)
        np.savez(tmp_path / f"{symbol}_{venue}.npz", ts=books.ts_ns, quotes=books.quotes)
    said = in_venv("hftbacktest", ["hftbacktest"], "hftbacktest_books.py", str(tmp_path))
    assert said.splitlines()[-1] == "0 differences"


@pytest.mark.hour
def test_the_page_of_the_replay_can_be_followed(tmp_path: Path) -> None:
    """Its rows move with the market's; that the first fill is the same and the feed that without the agent, the example checks itself."""
    example = Path(__file__).parent.parent / "examples" / "replay" / "agent_or_replay.py"
    subprocess.run([sys.executable, str(example), "market", str(tmp_path)], check=True)
    said = in_venv("hftbacktest", ["hftbacktest"], str(example), "replay", str(tmp_path)).splitlines()
    page = (example.parent.parent.parent / "docs" / "replay.md").read_text()
    assert said[0] in page
    assert len(said) == 11
    assert float(re.findall(r"costs: (\S+) bps", said[-1])[0]) > 0.2
