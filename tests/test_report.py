"""The report of a run: its numbers against slow ones, its page in a real browser, and what it says of bad input."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from in_process import command

from scenarios.launcher import ending, main
from scenarios.launcher.main import command_line
from scenarios.launcher.reporting import Sketching
from simulator.analysis.report.build import BYTES_MAX, Parts, report_of
from simulator.analysis.report.levels import merged
from simulator.analysis.report.payload import to_json
from simulator.analysis.report.rows import RunFolder, run_of, sketch_of
from simulator.analysis.report.sketch import Sketch, Sketched, cut, join, step_of
from simulator.inputs.sessions import parse_ts
from simulator.market import Market
from simulator.records import NS_PER_S, Cond, MarketDataBatch, Side, TradeBatch, slice_batch
from simulator.tape.sink import NullSink, RunInfo
from tests.helpers import run, scenario
from tests.patience import MACHINE_S

PAGE = re.compile(r'<script type="application/json" id="data">(.*?)</script>', re.DOTALL)


@pytest.fixture(scope="module")
def market() -> Market:
    return run(scenario())


def sketched(market: Market, pieces: int = 1, here: tuple[str, ...] = ()) -> Sketched:
    sketch = Sketch(market.run_info, here)
    for batch in market.tape().values():
        cuts = np.linspace(0, len(batch), pieces + 1).astype(int).tolist()
        for first, last in pairwise(cuts):
            sketch.write(slice_batch(batch, first, last))
    return sketch.result()


def assert_same(one: Sketched, other: Sketched) -> None:
    for name in ("quotes", "best", "offsets", "sizes", "prices", "volume", "fine", "fine_rows", "leads", "at_best", "rows", "shares", "crosses"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)
    np.testing.assert_allclose(one.spread, other.spread, rtol=1e-9, err_msg="spread")


def test_the_numbers_are_those_of_the_rows_one_by_one(market: Market) -> None:
    """A slow twin: the books are followed row by row in dictionaries."""
    found, info = sketched(market), market.run_info
    books, trades = market.tape()["market_data"], market.tape()["trades"]
    assert isinstance(books, MarketDataBatch)
    assert isinstance(trades, TradeBatch)
    quotes: dict[tuple[int, int], tuple[int, int]] = {}
    spread = {k: 0.0 for k in range(4)}
    two_sided = {k: 0.0 for k in range(4)}
    since: dict[int, tuple[int, int]] = {}
    leads = np.zeros((4, 5), np.int64)
    step = 0

    def settle(k: int, until_ns: int) -> None:
        if k in since:
            then, width = since[k]
            spread[k] += width * (until_ns - then) / NS_PER_S
            two_sided[k] += (until_ns - then) / NS_PER_S
            since[k] = (until_ns, width)

    def best(k: int) -> tuple[int, int]:
        mine = [quote for (symbol, _), quote in quotes.items() if symbol == k]
        return max((bid for bid, _ in mine), default=0), min((ask for _, ask in mine if ask), default=0)

    def end_step() -> None:
        edge_ns = info.start_ns + (step + 1) * found.step_ns
        for k in range(4):
            settle(k, edge_ns)
            assert found.spread[step, k] == pytest.approx(spread[k] / two_sided[k], abs=1e-6) if two_sided[k] else np.isnan(found.spread[step, k])
            spread[k] = two_sided[k] = 0.0
            for v in range(5):
                assert tuple(found.quotes[step, k, v]) == quotes.get((k, v), (0, 0))
            assert (found.best[step, k, 0, 0], found.best[step, k, 1, 0]) == best(k)

    for i in range(len(books)):
        while (int(books.ts_ns[i]) - info.start_ns) // found.step_ns > step:
            end_step()
            step += 1
        k, v = int(books.symbol[i]), int(books.venue[i])
        before = best(k)
        settle(k, int(books.ts_ns[i]))
        quotes[k, v] = (int(books.quotes[i, 0, 0]), int(books.quotes[i, 2, 0]))
        bid, ask = best(k)
        leads[k, v] += (bid > before[0] > 0) + (0 < ask < before[1])
        since.pop(k, None)
        if bid and ask:
            since[k] = (int(books.ts_ns[i]), ask - bid)
    np.testing.assert_array_equal(found.leads, leads)
    np.testing.assert_array_equal(found.rows, np.bincount(books.symbol * 5 + books.venue, minlength=20).reshape(4, 5))
    assert found.step_ns == NS_PER_S
    for k in range(4):
        mine = trades.symbol == k
        at = (trades.ts_ns[mine] - info.start_ns) // found.step_ns
        for step in np.unique(at).tolist():
            prices, sizes = trades.price[mine][at == step], trades.size[mine][at == step]
            assert found.prices[step, k].tolist() == [prices[0], prices.max(), prices.min(), prices[-1]]
            taken = (trades.side[mine][at == step] == Side.BUY) & (trades.cond[mine][at == step] == Cond.TRADE)
            assert found.volume[step, k].tolist() == [sizes.sum(), sizes[taken].sum(), len(sizes)]
    assert len(found.crosses) == int((trades.cond != Cond.TRADE).sum()) > 0


def test_pieces_and_workers_make_no_difference(market: Market) -> None:
    whole = sketched(market)
    assert_same(whole, sketched(market, pieces=37))
    names = market.run_info.symbols
    parts = [sketched(market, 5, names[2:]), sketched(market, 3, names[:2])]
    assert_same(whole, join(parts, names))


def test_books_at_one_price_are_added_up() -> None:
    books = np.zeros((1, 1, 2, 4, 2), np.int64)
    books[0, 0, 0] = [[1_000_200, 1_000_100], [5, 7], [1_000_400, 0], [9, 0]]
    books[0, 0, 1] = [[1_000_200, 1_000_000], [1, 2], [1_000_300, 1_000_400], [3, 4]]
    best, offsets, sizes = merged(books)
    assert best[0, 0].tolist() == [[1_000_200, 100, 3], [1_000_300, 100, 2]]
    assert offsets[0, 0, 0, :3].tolist() == [0, 1, 2]
    assert sizes[0, 0, :, :3].tolist() == [[6, 7, 2], [3, 13, 0]]


def test_points_are_as_far_apart_as_the_page_has_room() -> None:
    hour = 3_600 * NS_PER_S
    assert step_of(0, 16 * hour, 30) == 60 * NS_PER_S
    assert step_of(0, 600 * NS_PER_S, 30) == NS_PER_S
    assert 16 * hour / step_of(0, 16 * hour, 1_000) <= 60


def test_a_page_of_many_symbols_stays_small() -> None:
    """500 symbols of a day, each with random rows: the worst to pack."""
    names, begins_ns = tuple(f"S{n:03d}" for n in range(500)), parse_ts("2025-07-01T08:00:00Z")
    run = RunInfo(symbols=names, venues=("A", "B"), levels=10, tables=("market_data", "trades"), start_ns=begins_ns, end_ns=begins_ns + 16 * 3_600 * NS_PER_S)
    sketch = Sketch(run)
    rng, n = np.random.default_rng(1), 200_000
    quotes = np.zeros((n, 4, 10), np.int32)
    middle = 1_000_000 + 100 * rng.integers(-300, 300, n)[:, None]
    quotes[:, 0], quotes[:, 2] = middle - 100 * np.arange(1, 11), middle + 100 * np.arange(1, 11)
    quotes[:, 1::2] = rng.integers(1, 5_000, (n, 2, 10))
    ts_ns = np.sort(rng.integers(begins_ns, run.end_ns, n))
    which = rng.integers(0, 500, n).astype(np.int32)
    count = np.full(n, 10, np.int32)
    sketch.write(MarketDataBatch(ts_ns=ts_ns, symbol=which, venue=which % 2, bid_count=count, ask_count=count, quotes=quotes))
    page = report_of(Parts(name="many", manifest=None, run=run, sketched=sketch.result(), rows=None))
    assert len(page) < BYTES_MAX


def test_a_run_leaves_a_report_and_the_same_can_be_had_of_its_files(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "it's <b>one</b>"
    words = ("--symbols", "AAPL,JPM,XOM", "--start_ts", "2025-07-01T13:29:50Z", "--end_ts", "2025-07-01T13:30:20Z", "--extra_tables", "imbalances,status")
    done = command(*words, "--out", str(out), "--processes", "1")
    assert done.returncode == 0, done.stderr
    page = out / "report.html"
    assert f"A page about it: {page.as_uri()}" in done.stdout
    first = data_of(page.read_text())
    assert first["symbols"] == ["AAPL", "JPM", "XOM"]
    assert first["imbalances"]
    assert len(first["windows"]) > 1
    assert command_line(("report", str(out), "--html", str(tmp_path / "again.html"))) == 0
    assert page.name not in capsys.readouterr().err
    assert data_of((tmp_path / "again.html").read_text()) == first
    folder = RunFolder(out)
    assert folder.manifest is not None
    files = sketch_of(folder, run_of(folder.manifest, folder.span())).result()
    assert files.rows.sum() == folder.manifest.rows["market_data"]
    again = command(*words, "--out", str(out), "--overwrite", "true", "--report", "false", "--processes", "1")
    assert again.returncode == 0, again.stderr
    assert not page.exists()
    assert "A page about it" not in again.stdout


def test_of_files_the_rows_of_one_symbol_are_read_alone(finished: Path, market: Market, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whatever the pieces: they are those of all rows that are the symbol's; a group without the symbol is not opened."""
    from simulator.analysis.report import rows as reading
    from writers.parquet import ParquetSink

    sink = ParquetSink(tmp_path)
    sink.open(market.run_info)
    for batch in market.tape().values():
        sink.write(batch)
    sink.close(True)
    (tmp_path / "manifest.json").write_text((finished / "manifest.json").read_text())
    folder, info = RunFolder(tmp_path), market.run_info
    whole = pa.concat_tables(pa.Table.from_batches([batch]) for batch in folder.books(info.start_ns, info.end_ns)).to_pylist()
    monkeypatch.setattr(reading, "SYMBOL_ROWS", 64)
    for symbol in ("AAPL", "IBM"):
        found = [row for batch in folder.books(info.start_ns, info.end_ns, symbol) for row in batch.to_pylist()]
        assert found == [row for row in whole if row["symbol"] == symbol]
    early = [row for batch in folder.books(info.start_ns, info.start_ns + NS_PER_S, "AAPL") for row in batch.to_pylist()]
    assert len(early) < 1_000


def data_of(page: str) -> dict[str, object]:
    found = PAGE.search(page)
    assert found is not None
    data: dict[str, object] = json.loads(found[1])
    return data


EVIL = "</script><script>alert('x')</script>\"'&<img src=x onerror=alert(1)>"


def evil_parts(market: Market) -> Parts:
    """A symbol, an agent and a folder whose names are markup."""
    info = replace(market.run_info, symbols=(EVIL, *market.run_info.symbols[1:]))
    sketch = Sketch(info)
    for batch in market.tape().values():
        sketch.write(batch)
    from simulator.analysis.agent_result import agent_result
    from simulator.gateway.ledger import Ledger
    from simulator.inputs.config import Fees

    result = agent_result(EVIL, Ledger(True), Fees(), info.symbols, info.venues, (100,) * 4, (1.0,) * 4, info.symbols)
    agents = {EVIL: {table: result.arrow(table) for table in ("orders", "fills", "positions")}}
    return Parts(name=EVIL, manifest=None, run=info, sketched=sketch.result(), rows=None, agents=agents)


def test_names_are_text_wherever_they_stand(market: Market) -> None:
    page = report_of(evil_parts(market))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert data_of(page)["symbols"] == [EVIL, *market.run_info.symbols[1:]]
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(""", page)
    assert json.loads(to_json({"a": [float("nan"), float("inf"), 1.5]})) == {"a": [None, None, 1.5]}


def test_a_run_that_ended_early_is_cut(market: Market) -> None:
    whole = sketched(market)
    part = cut(whole, whole.start_ns + 5 * NS_PER_S)
    assert (len(part.prices), len(part.fine), part.end_ns) == (5, 5, whole.start_ns + 5 * NS_PER_S)
    assert cut(whole, whole.end_ns) is whole


def test_no_rows_at_all(market: Market) -> None:
    info = market.run_info
    page = report_of(Parts(name="nothing", manifest=None, run=info, sketched=Sketch(info).result(), rows=None))
    assert "There are no rows in this run" in page


def test_the_sink_before_another_hands_on_what_it_sees(market: Market) -> None:
    below = NullSink()
    sink = Sketching(below, market.run_info.symbols)
    sink.open(market.run_info)
    for batch in market.tape().values():
        sink.write(batch)
    sink.close(True)
    assert below.rows == market.rows
    assert_same(sink.result(), sketched(market))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere",), "cannot be read"),
        (("{out}", "--symbol", "AAPL"), "must be given together"),
        (("{out}", "--symbol", "IBM", "--from", "2025-07-01T13:30:00Z", "--to", "2025-07-01T13:31:00Z"), "the run has AAPL"),
        (("{out}", "--symbol", "AAPL", "--from", "2025-07-02T13:30:00Z", "--to", "2025-07-02T13:31:00Z"), "the run goes from"),
        (("{out}", "--from", "today"), "Cannot read this time"),
        (("{out}", "--html", "/nowhere/at/all.html"), "cannot be written"),
        (("questdb://127.0.0.1:1",), "127.0.0.1:1"),
        (("questdb://127.0.0.1:1:2",), "must be questdb://[user@]host[:port]"),
        (("questdb://127.0.0.1:65536",), "the port from 1 to 65,535"),
        (("questdb://[::1]:1",), "at ::1:1"),
        (("--host", "::1", "--pg_port", "1"), "at ::1:1"),
        (("--host", "127.0.0.1", "--pg_port", "1"), "127.0.0.1:1"),
        (("--host", "127.0.0.1:1"), "must be a host alone"),
        (("--host", "127.0.0.1", "--pg_port", "0"), "must be a whole number from 1 to 65,535"),
        (("--host", "embedded"), "--keep_server true"),
        (("{out}", "--host", "127.0.0.1"), "Leave out one of the two"),
        ((), "a run must be named"),
        (("{out}", "--wide"), "--help lists what there is"),
    ],
)
def test_bad_input(words: tuple[str, ...], said: str, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = command_line(("report", *(word.format(out=finished) for word in words)))
    err = " ".join(capsys.readouterr().err.split())
    assert code in (1, 2), err
    assert said in err
    assert "Traceback" not in err


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was broken off before its end: one symbol, a few seconds."""
    out = tmp_path_factory.mktemp("finished") / "out"
    words = ("--symbols", "AAPL", "--start_ts", "2025-07-01T13:30:00Z", "--end_ts", "2025-07-01T13:30:06Z", "--out", str(out), "--processes", "1")
    done = command(*words, "--report", "false")
    assert done.returncode == 0, done.stderr
    manifest = json.loads((out / "manifest.json").read_text())
    manifest |= {"complete": False, "reason": "Stopped by Ctrl-C.", "digest": None}
    (out / "manifest.json").write_text(json.dumps(manifest))
    return out


def test_a_run_that_was_broken_off_shows_what_there_is(finished: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    asked = ("--symbol", "AAPL", "--from", "2025-07-01T13:30:01Z", "--to", "2025-07-01T13:30:04Z")
    assert command_line(("report", str(finished), "--html", str(page), *asked)) == 0
    assert capsys.readouterr().out.startswith(page.as_uri())
    text = page.read_text()
    assert "This run is not complete: Stopped by Ctrl-C." in text
    windows = data_of(text)["windows"]
    assert isinstance(windows, list)
    assert windows[0]["title"].startswith("AAPL: as asked for")


LASTS = ("--symbols", "AAPL", "--processes", "1", "--offsession_trades", "full")


def ended_by_ctrl_c(out: Path, *words: str) -> int:
    """The command's exit code; it is signalled when its first rows are in a file."""
    ended = threading.Event()

    def stop() -> None:
        until_s = time.monotonic() + 10 * MACHINE_S
        while not list(out.rglob(".part-*.partial")) and time.monotonic() < until_s:
            ended.wait(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop)
    stopper.start()
    try:
        return main.main((*LASTS, *words, "--out", str(out)))
    finally:
        ended.set()
        stopper.join()


def test_a_live_run_has_a_page_of_what_came(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended_by_ctrl_c(tmp_path / "out", "--mode", "real-time", "--session_pacing", "false") == 0
    said = capsys.readouterr()
    assert f"A page about it: {(tmp_path / 'out' / 'report.html').as_uri()}" in said.out
    assert "Ctrl-C leaves it out" in said.err
    page = (tmp_path / "out" / "report.html").read_text()
    assert "This run is not complete" not in page
    assert data_of(page)["symbols"] == ["AAPL"]


def test_a_run_that_ctrl_c_ends_has_a_page_of_what_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Continued, one of the whole; and a Ctrl-C while it is made leaves it out."""
    out, page = tmp_path / "out", tmp_path / "out" / "report.html"
    words = ("--start_ts", "2025-07-01T14:00:00Z", "--end_ts", "2025-07-01T14:04:00Z")
    assert ended_by_ctrl_c(out, *words, "--speed", "4") == 130
    assert page.as_uri() in capsys.readouterr().out
    assert "This run is not complete: Stopped by Ctrl-C" in page.read_text()
    assert main.main((*LASTS, *words, "--out", str(out), "--incremental", "true")) == 0
    assert page.as_uri() in capsys.readouterr().out
    assert data_of(page.read_text())["end_ms"] == parse_ts(words[3]) / 1e6

    def broken_off(_folder: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(ending, "write_report_of_files", broken_off)
    assert ended_by_ctrl_c(tmp_path / "other", *words, "--speed", "4") == 130
    said = capsys.readouterr()
    assert "The page was left out: python -m scenarios report" in said.err
    assert "A page about it" not in said.out
