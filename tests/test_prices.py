"""Reference prices: whatever Yahoo answers, each symbol gets a sound bracket, and at most one line says where from.

No test asks Yahoo: a stub stands in for yfinance, whose frames are compared with what the real ``download`` builds.
"""

from __future__ import annotations

import datetime as dt
import logging
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import pytest

from simulator.errors import InputError
from simulator.inputs.reference_prices import Bracket, PriceTable, reference_prices
from simulator.inputs.universe import load_universe

DAY = dt.date(2025, 7, 1)
DATES = ["2025-06-25", "2025-06-26", "2025-06-27", "2025-06-30", "2025-07-01"]
LAST, LAST_BRK = dt.date(2025, 7, 1), dt.date(2025, 6, 27)
NAN = float("nan")
Bars = list[tuple[float, float, float]]
GOOD: Bars = [(99.0, 101.0, 100.0), (98.0, 103.0, 102.0), (100.0, 104.0, 101.0), (97.0, 102.0, 98.0), (96.5, 100.0, 99.5)]


def history(bars: Bars, dates: list[str] = DATES) -> pd.DataFrame:
    """One ticker's daily bars as ``Ticker.history`` has them: low, high, close given, the rest made up."""
    index = pd.DatetimeIndex(dates[: len(bars)], name="Date").tz_localize("America/New_York")
    low, high, close = ([bar[i] for bar in bars] for i in range(3))
    columns = {"Open": close, "High": high, "Low": low, "Close": close, "Adj Close": close, "Volume": [1_000] * len(bars)}
    return pd.DataFrame(columns, index=index, columns=list(columns))


def frame(tickers: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """What ``yfinance.download`` returns for these tickers: columns (Price, Ticker), dates without a zone, NaN where one has no bar."""
    together = pd.concat(tickers.values(), axis=1, sort=True, keys=tickers.keys(), names=["Ticker", "Price"])
    if isinstance(together.index, pd.DatetimeIndex):
        together.index = together.index.tz_localize(None)
    together.columns = together.columns.swaplevel(0, 1)
    return together.sort_index(level=0, axis=1)


def stub_yahoo(monkeypatch: pytest.MonkeyPatch, download: Callable[..., Any]) -> None:
    module = ModuleType("yfinance")
    module.download = download  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "yfinance", module)


def ask(monkeypatch: pytest.MonkeyPatch, bars: dict[str, Bars], symbols: tuple[str, ...] = ("AAPL", "MSFT")) -> PriceTable:
    """The table when Yahoo has these bars; a symbol without a mention has good ones."""
    answer = frame({symbol: history(bars.get(symbol, GOOD)) for symbol in symbols})
    stub_yahoo(monkeypatch, lambda tickers, **_: answer)
    return reference_prices("yahoo", symbols, (DAY, DAY))


@pytest.fixture(scope="module")
def builtin() -> dict[str, Bracket]:
    names = [s.name for s in load_universe().symbols]
    table = reference_prices("builtin", names, (DAY, DAY))
    assert (table.source, table.notes, list(table.brackets)) == ("builtin", (), names)
    return table.brackets


def test_the_builtin_table_has_every_default_symbol_near_its_known_close(builtin: dict[str, Bracket]) -> None:
    known = {"AAPL": 205, "NVDA": 158, "NFLX": 1339, "INTC": 22.4, "BAC": 47.3, "GS": 708, "COST": 990, "WMT": 97.8, "LLY": 780, "V": 355}
    assert {s: b.close for s, b in builtin.items() if s in known} == pytest.approx(known, rel=0.005)
    for symbol, bracket in builtin.items():
        assert bracket.source == "builtin"
        assert bracket.low < bracket.close <= bracket.high, symbol
        assert bracket.high / bracket.low < 1.15, symbol


def test_an_unknown_symbol_gets_a_hundred_dollars_and_a_note() -> None:
    table = reference_prices("builtin", ["AAPL", "ZZZ"], (DAY, DAY))
    assert table.brackets["ZZZ"] == Bracket(97.0, 103.0, 100.0, "assumed")
    assert table.notes == ("100 USD assumed for ZZZ, not in the built-in table",)


def test_yahoos_bars_give_lowest_low_highest_high_and_last_close(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def download(tickers: list[str], **options: Any) -> pd.DataFrame:
        asked.update(options, tickers=tickers)
        return frame({"AAPL": history(GOOD), "BRK-B": history(GOOD[:3])})

    stub_yahoo(monkeypatch, download)
    table = reference_prices("yahoo", ["BRK.B", "AAPL"], (DAY, dt.date(2025, 7, 3)))
    assert table == PriceTable({"BRK.B": Bracket(98, 104, 101, "yahoo", LAST_BRK), "AAPL": Bracket(96.5, 104, 99.5, "yahoo", LAST)}, "yahoo", ())
    assert list(table.brackets) == ["BRK.B", "AAPL"]
    assert asked["tickers"] == ["BRK-B", "AAPL"]
    assert (asked["start"], asked["end"], asked["interval"]) == ("2025-06-19", "2025-07-04", "1d")
    assert (asked["auto_adjust"], asked["progress"]) == (False, False)


def test_only_the_last_five_bars_up_to_the_simulated_date_count(monkeypatch: pytest.MonkeyPatch) -> None:
    dates = ["2025-06-23", "2025-06-24", *DATES, "2025-07-02"]
    bars = [(100.0, 149.0, 110.0), (60.0, 120.0, 110.0), *GOOD, (50.0, 140.0, 120.0)]
    stub_yahoo(monkeypatch, lambda tickers, **_: frame({"AAPL": history(bars, dates)}))
    assert reference_prices("yahoo", ["AAPL"], (DAY, DAY)).brackets["AAPL"] == Bracket(96.5, 104, 99.5, "yahoo", LAST)


@pytest.mark.parametrize(
    ("bars", "reason"),
    [
        ([(NAN, 100.0, 99.5)] * 5, "NaN"),
        ([(96.5, 100.0, NAN)] * 5, "NaN"),
        ([(0.0, 101.0, 100.0), *GOOD[1:]], "a price of zero"),
        ([(0.0, 0.0, 0.0)] * 5, "a price of zero"),
        ([*GOOD[:4], (-1.0, 100.0, 99.5)], "a negative price"),
        ([*GOOD[:4], (101.0, 100.0, 100.5)], "low above high"),
        ([*GOOD[:4], (96.5, 100.0, 101.1)], "close outside low to high"),
        ([*GOOD[:4], (96.5, 100.0, 95.5)], "close outside low to high"),
        ([*GOOD[:4], (96.5, float("inf"), 99.5)], "a price outside 0.01 to 1,000,000 USD"),
        ([(b * 30_000, c * 30_000, d * 30_000) for b, c, d in GOOD], "a price outside 0.01 to 1,000,000 USD"),
        ([*GOOD[:3], (9.7, 10.2, 9.8), (9.6, 10.0, 9.9)], "jump by a factor of 0.10, as of a split"),
        ([*GOOD[:4], (195.0, 200.0, 199.0)], "jump by a factor of 2.03, as of a split"),
        ([(NAN, NAN, NAN)] * 5, "no data"),
        ([], "no data"),
    ],
)
def test_a_strange_answer_falls_back_for_that_symbol_alone(
    monkeypatch: pytest.MonkeyPatch, builtin: dict[str, Bracket], bars: Bars, reason: str
) -> None:
    table = ask(monkeypatch, {"MSFT": bars})
    assert table.brackets["AAPL"] == Bracket(96.5, 104, 99.5, "yahoo", LAST)
    assert table.brackets["MSFT"] == builtin["MSFT"]
    assert table.notes == (f"Yahoo: 1 of 2 symbols from the built-in table of 2025-06-30 (MSFT: {reason})",)


@pytest.mark.parametrize(
    "bars",
    [
        [*GOOD[:4], (96.5, 100.0, 100.9)],  # a close one per cent outside is rounding, not an error
        [*GOOD[:4], (170.0, 180.0, 175.0)],  # 1.79 times the day before is news, not a split
        [*GOOD[:2], (NAN, NAN, NAN), *GOOD[3:]],  # a day on which only others traded
        [*GOOD[:4], (96.5, 100.0, NAN)],  # the bar of today, before its close
        [*GOOD[:4], (NAN, 100.0, 99.5)],
    ],
)
def test_a_merely_unusual_answer_is_taken(monkeypatch: pytest.MonkeyPatch, bars: Bars) -> None:
    table = ask(monkeypatch, {"MSFT": bars})
    assert table.brackets["MSFT"].source == "yahoo"
    assert table.notes == ()


def test_a_missing_ticker_falls_back_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stub_yahoo(monkeypatch, lambda tickers, **_: frame({"AAPL": history(GOOD)}))
    table = reference_prices("yahoo", ["AAPL", "MSFT"], (DAY, DAY))
    assert [b.source for b in table.brackets.values()] == ["yahoo", "builtin"]


def test_one_line_gathers_all_reasons_and_unknown_symbols(monkeypatch: pytest.MonkeyPatch) -> None:
    symbols = ("AAPL", "MSFT", "NVDA", "AMZN", "META", "ZZZ", "XOM")
    table = ask(monkeypatch, {s: [] for s in symbols[:4]} | {"META": [(0.0, 1.0, 1.0)], "ZZZ": [(NAN, 1.0, 1.0)]}, symbols)
    assert table.notes == (
        "Yahoo: 6 of 7 symbols from the built-in table of 2025-06-30 "
        "(AAPL MSFT NVDA and 1 more: no data, META: a price of zero, ZZZ: NaN); "
        "100 USD assumed for ZZZ, not in the built-in table",
    )
    assert table.brackets["ZZZ"].source == "assumed"
    assert table.brackets["XOM"].source == "yahoo"


class YFRateLimitError(Exception):
    """As in ``yfinance.exceptions``."""


def raises(error: BaseException) -> Callable[..., Any]:
    def download(*_: Any, **__: Any) -> Any:
        raise error

    return download


@pytest.mark.parametrize(
    ("download", "reason"),
    [
        (lambda *_, **__: None, "no data"),
        (lambda *_, **__: frame({"AAPL": history([]), "MSFT": history([])}), "no data"),
        (lambda *_, **__: pd.DataFrame(), "no data"),
        (lambda *_, **__: pd.DataFrame({"Low": [1.0], "High": [1.0], "Close": [1.0]}), "no data"),
        (lambda *_, **__: [1, 2, 3], "no data"),
        (lambda *_, **__: frame({s: history(GOOD).astype(object).assign(Low="n/a") for s in ("AAPL", "MSFT")}), "no data"),
        (raises(YFRateLimitError("Too Many Requests. Rate limited. Try after a while.")), "YFRateLimitError: Too Many Requests."),
        (raises(ConnectionError("no route\nto host")), "ConnectionError: no route)"),
        (raises(ValueError()), "ValueError: )"),
        (raises(ImportError("No module named 'curl_cffi'")), "yfinance cannot be imported: No module named 'curl_cffi'"),
    ],
)
def test_no_answer_at_all_falls_back_for_all_in_one_line(
    monkeypatch: pytest.MonkeyPatch, builtin: dict[str, Bracket], download: Callable[..., Any], reason: str
) -> None:
    stub_yahoo(monkeypatch, download)
    table = reference_prices("yahoo", ["AAPL", "MSFT"], (DAY, DAY))
    assert table.brackets == {s: builtin[s] for s in ("AAPL", "MSFT")}
    assert table.source == "yahoo"
    (note,) = table.notes
    assert note.startswith("Yahoo: all symbols from the built-in table of 2025-06-30 (" + reason)
    assert "\n" not in note


def test_without_yfinance_the_builtin_table_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "yfinance", None)  # makes "import yfinance" fail
    (note,) = reference_prices("yahoo", ["AAPL"], (DAY, DAY)).notes
    assert "yfinance cannot be imported" in note


def test_a_hanging_download_is_left_behind_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    before = set(threading.enumerate())
    stub_yahoo(monkeypatch, lambda *_, **__: release.wait(20))
    table = reference_prices("yahoo", ["AAPL", "MSFT"], (DAY, DAY), timeout_s=0.1)
    (left,) = set(threading.enumerate()) - before
    assert left.daemon, "it would hold up the end of the program"
    assert table.notes == ("Yahoo: all symbols from the built-in table of 2025-06-30 (no answer in 0.1 s)",)
    release.set()
    left.join(5)


def test_yahoos_talk_is_not_heard(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    def download(*_: Any, **__: Any) -> pd.DataFrame:
        logging.getLogger("yfinance").error("1 Failed download")
        warnings.warn_explicit("inplace is deprecated", DeprecationWarning, "multi.py", 1, module="yfinance.multi")
        return frame({"AAPL": history(GOOD)})

    stub_yahoo(monkeypatch, download)
    assert reference_prices("yahoo", ["AAPL"], (DAY, DAY)).notes == ()
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    logging.getLogger("yfinance").error("afterwards it may speak again")
    assert len(caplog.records) == 1


@pytest.mark.parametrize("tickers", [["AAPL"], ["AAPL", "MSFT", "NVDA"]])
def test_the_stubs_frames_are_those_of_the_real_download(monkeypatch: pytest.MonkeyPatch, tickers: list[str]) -> None:
    """The real ``yfinance.download``, with only the network replaced: same frame as ours, and a bracket comes out of it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import yfinance
    answers = {"AAPL": history(GOOD), "MSFT": history(GOOD[:3]), "NVDA": yfinance.utils.empty_df()}
    monkeypatch.setattr(yfinance.Ticker, "history", lambda ticker, **_: answers[ticker.ticker].copy())
    real = yfinance.download
    seen: list[pd.DataFrame] = []

    def keep(*args: Any, **options: Any) -> pd.DataFrame:
        seen.append(real(*args, **options))
        return seen[-1]

    monkeypatch.setattr(yfinance, "download", keep)
    table = reference_prices("yahoo", tickers, (DAY, DAY))
    ours = frame({ticker: answers[ticker] for ticker in tickers if ticker != "NVDA"})
    pd.testing.assert_frame_equal(
        seen[0][ours.columns], ours, check_names=False, check_dtype=False, check_freq=False, check_index_type=False
    )
    assert seen[0].columns.names == ours.columns.names == ["Price", "Ticker"]
    assert [b.source for b in table.brackets.values()] == ["yahoo", "yahoo", "builtin"][: len(tickers)]
    assert table.brackets["AAPL"] == Bracket(96.5, 104, 99.5, "yahoo", LAST)


def test_a_csv_file_is_used_and_completed(tmp_path: Path, builtin: dict[str, Bracket]) -> None:
    path = tmp_path / "mine.CSV"
    path.write_text("symbol,low,high,close,date\nAAPL,9,11,10,2024-01-02\nMINE,1,2,1.5,\n")
    table = reference_prices(str(path), ["MINE", "AAPL", "MSFT"], (DAY, DAY))
    assert table.brackets == {"MINE": Bracket(1, 2, 1.5, "file", None), "AAPL": Bracket(9, 11, 10, "file", dt.date(2024, 1, 2)), "MSFT": builtin["MSFT"]}
    assert table.notes == ("mine.CSV: 1 of 3 symbols from the built-in table of 2025-06-30 (MSFT: not in the file)",)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", ["wrong columns"]),
        ("symbol,low,high,close\nAAPL,9,11,10\n", ["wrong columns", "symbol,low,high,close,date"]),
        ("symbol,low,high,close,date\nAAPL,9,11\n", ["line 2", "number of values"]),
        ("symbol,low,high,close,date\nAAPL,9,11,10,2024-01-02,x\n", ["line 2", "number of values"]),
        ("symbol,low,high,close,date\nAAPL,9,11,ten,2024-01-02\n", ["line 2", "not a number", "'ten'"]),
        ("symbol,low,high,close,date\nAAPL,11,9,10,2024-01-02\n", ["line 2", "low above high"]),
        ("symbol,low,high,close,date\nAAPL,0,9,8,2024-01-02\n", ["line 2", "zero"]),
        ("symbol,low,high,close,date\nAAPL,9,11,10,\nAAPL,9,11,10,\n", ["line 3", "'AAPL'", "once"]),
        ("symbol,low,high,close,date\nAAPL,9,11,10,1/2/24\n", ["line 2", "date", "'1/2/24'", "YYYY-MM-DD"]),
        ('symbol,low,high,close,date\n"AAPL,9,11,10,x\n', ["mine.csv"]),
    ],
)
def test_a_wrong_csv_file_names_line_and_value(tmp_path: Path, content: str, expected: list[str]) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(content)
    with pytest.raises(InputError) as raised:
        reference_prices(str(path), ["AAPL"], (DAY, DAY))
    for part in [str(path), *expected]:
        assert part in str(raised.value)


@pytest.mark.parametrize("source", ["none.json", "."])
def test_a_manifest_is_no_source_of_prices_and_the_flag_that_repeats_is_named(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=f"--repeat {source}"):
        reference_prices(source, ["AAPL"], (DAY, DAY))


@pytest.mark.parametrize("source", ["bloomberg", "none.csv", "x" * 300, "x" * 300 + ".csv", "a\0b", "a\0b.csv"])
def test_a_source_that_is_not_there_is_an_error(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="--prices builtin"):
        reference_prices(source, ["AAPL"], (DAY, DAY))
