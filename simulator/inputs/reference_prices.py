"""Reference prices: the range in which each symbol starts. From Yahoo, the built-in table or a CSV file.

The only file that imports yfinance, and only when Yahoo is asked for. Whatever Yahoo does, a run can start: a symbol
without a sound answer takes its prices from the built-in table, and one line says so.
"""

from __future__ import annotations

import csv
import datetime as dt
import logging
import math
import queue
import sys
import threading
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

from simulator.errors import InputError, explain

PRICE_MIN_USD = 0.01
PRICE_MAX_USD = 1_000_000.0
BARS_MAX = 5
CALENDAR_DAYS_BEFORE = 12
"""Asked for before the first simulated date: five sessions lie in them, whatever holidays there are."""
CLOSE_TOLERANCE = 0.01
"""How far a close may lie outside of its bar's range."""
JUMP_MAX = 1.8
JUMP_MIN = 0.55
"""Close over previous close beyond these is taken for a split."""
ASSUMED_USD = 100.0
"""For a symbol that no table knows."""
SYMBOLS_SHOWN = 3
CSV_BYTES_MAX = 10_000_000
BUILTIN_TABLES = ("prices.csv", "us100_prices.csv")
COLUMNS = ("symbol", "low", "high", "close", "date")


@dataclass(frozen=True, slots=True)
class Bracket:
    """USD; ``low`` and ``high`` span the days before, ``close`` is the last close of them."""

    low: float
    high: float
    close: float
    source: str
    """``yahoo``, ``builtin``, ``file``, or ``assumed`` where nothing is known of the symbol."""
    date: dt.date | None = None
    """Of the close; without one it is taken for the close before the first simulated day."""

    @property
    def is_exact(self) -> bool:
        """Whether the first simulated price must be the close itself."""
        return self.low == self.high


@dataclass(frozen=True, slots=True)
class PriceTable:
    """What a run starts from."""

    brackets: dict[str, Bracket]
    """By symbol, in the order asked for."""
    source: str
    """As the user gave it."""
    notes: tuple[str, ...]
    """Lines for the user: at most one."""


def reference_prices(source: str, symbols: Sequence[str], dates: tuple[dt.date, dt.date], *, timeout_s: float = 5.0) -> PriceTable:
    """Brackets of ``symbols`` from ``source`` for the first and last simulated date.

    ``source`` is "yahoo", "builtin" or a CSV file (symbol, low, high, close, date); both Yahoo and a file fall back to the
    built-in table symbol by symbol. Raises ``InputError`` for a file that is missing or wrong. Yahoo's prices carry the splits
    that came after the date, as its charts do.
    """
    if source == "builtin":
        return _with_fallback(source, source, {}, dict.fromkeys(symbols, ""), symbols)
    if source == "yahoo":
        found, missing = _from_yahoo(symbols, dates, timeout_s)
        return _with_fallback("Yahoo", source, found, missing, symbols)
    path = Path(source)
    if path.suffix.lower() == ".json" or _is_folder(path):
        limit = "prices must be yahoo, builtin or a .csv file; a run's manifest holds a whole run"
        raise InputError(explain("--prices", source, limit, f"To repeat that run: --repeat {source}"))
    if path.suffix.lower() == ".csv":
        table = _read_csv(str(path), _read(path), "file")
        missing = {symbol: "not in the file" for symbol in symbols if symbol not in table}
        return _with_fallback(path.name, source, table, missing, symbols)
    raise InputError(explain("Unknown source of prices", source, "yahoo, builtin or a .csv file", "Use --prices builtin."))


def prices_at(mids: Mapping[str, float], symbols: Sequence[str], others: PriceTable) -> PriceTable:
    """Brackets that start exactly at ``mids`` (USD), where there is one, and as in ``others`` elsewhere."""
    found = {s: Bracket(mids[s], mids[s], mids[s], "database") for s in symbols if s in mids}
    return PriceTable(
        {s: found.get(s) or others.brackets[s] for s in symbols}, "database", others.notes if len(found) < len(symbols) else ()
    )


def _with_fallback(label: str, source: str, found: Mapping[str, Bracket], missing: Mapping[str, str], symbols: Sequence[str]) -> PriceTable:
    """Fills the symbols in ``missing`` (with the reason) from the built-in table; one note if that was not what the user asked for."""
    if not missing:
        return PriceTable({symbol: found[symbol] for symbol in symbols}, source, ())
    builtin: dict[str, Bracket] = {}
    for name in BUILTIN_TABLES:
        text = (files("simulator.inputs") / "data" / name).read_text(encoding="utf-8")
        builtin |= _read_csv(f"simulator/inputs/data/{name}", text, "builtin")
    assumed = Bracket(ASSUMED_USD * 0.97, ASSUMED_USD * 1.03, ASSUMED_USD, "assumed")
    brackets = {s: found[s] if s not in missing else builtin.get(s, assumed) for s in symbols}
    unknown = [s for s in symbols if brackets[s] is assumed]
    notes = []
    if source != "builtin":
        date = next((builtin[s].date for s in missing if s in builtin), None)
        share = "all" if len(missing) == len(symbols) else f"{len(missing)} of {len(symbols)}"
        table = "the built-in table" + (f" of {date}" if date else "")
        notes.append(f"{label}: {share} symbols from {table} ({_grouped(missing, len(symbols))})")
    if unknown:
        notes.append(f"{ASSUMED_USD:.0f} USD assumed for {_some(unknown)}, not in the built-in table")
    return PriceTable(brackets, source, ("; ".join(notes),) if notes else ())


def _grouped(missing: Mapping[str, str], asked: int) -> str:
    """Reasons with the symbols they hold for; without them where all symbols share one reason."""
    by_reason: dict[str, list[str]] = {}
    for symbol, reason in missing.items():
        by_reason.setdefault(reason, []).append(symbol)
    if len(by_reason) == 1 and len(missing) == asked:
        return next(iter(by_reason))
    return ", ".join(f"{_some(names)}: {reason}" for reason, names in by_reason.items())


def _some(names: Sequence[str]) -> str:
    rest = len(names) - SYMBOLS_SHOWN
    return " ".join(names[:SYMBOLS_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _from_yahoo(symbols: Sequence[str], dates: tuple[dt.date, dt.date], timeout_s: float) -> tuple[dict[str, Bracket], dict[str, str]]:
    """Brackets of the symbols with a sound answer, and the reason for each of the others."""
    answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
    # A daemon: it may hang in a connection, and neither the run nor the end of the program shall wait for it.
    threading.Thread(target=_download, args=(symbols, dates, timeout_s, answer), name="yahoo", daemon=True).start()
    try:
        frame = answer.get(timeout=timeout_s)
    except queue.Empty:
        frame = f"no answer in {timeout_s:g} s"
    if isinstance(frame, str):
        return {}, dict.fromkeys(symbols, frame)
    found: dict[str, Bracket] = {}
    missing: dict[str, str] = {}
    for symbol in symbols:
        bracket = _bracket_of(frame, _yahoo_name(symbol), dates[1])
        if isinstance(bracket, Bracket):
            found[symbol] = bracket
        else:
            missing[symbol] = bracket
    return found, missing


def _download(symbols: Sequence[str], dates: tuple[dt.date, dt.date], timeout_s: float, answer: queue.SimpleQueue[Any]) -> None:
    """Puts yfinance's DataFrame, or the reason why there is none, into ``answer``. Says nothing on the console, ever."""
    logger = logging.getLogger("yfinance")

    def mute(_: logging.LogRecord) -> bool:
        return False

    logger.addFilter(mute)  # one of its own for each call: an earlier one may still hang
    try:
        import yfinance

        # Not catch_warnings: its undoing is the whole process's, and this thread may outlive the question.
        warnings.filterwarnings("ignore", module=r"yfinance")
        _prepare_pool(len(symbols))
        frame = yfinance.download(
            [_yahoo_name(symbol) for symbol in symbols],
            start=(dates[0] - dt.timedelta(days=CALENDAR_DAYS_BEFORE)).isoformat(),
            end=(dates[1] + dt.timedelta(days=1)).isoformat(),
            interval="1d",
            auto_adjust=False,
            progress=False,
            threads=True,
            timeout=timeout_s,
        )
        outcome = "no data" if frame is None or len(frame) == 0 else frame
    except ImportError as error:
        outcome = f"yfinance cannot be imported: {error}"
    except Exception as error:  # whatever it is, the built-in table is there
        first_line = (str(error).splitlines() or [""])[0]
        outcome = f"{type(error).__name__}: {first_line}"[:100]
    finally:
        logger.removeFilter(mute)
    answer.put(outcome)


def _prepare_pool(threads: int) -> None:
    """One thread per symbol in the pool that yfinance brings: as it comes it has one per core, too slow for 30 symbols in five
    seconds, and its threads hold up the end of the program."""
    pool = sys.modules.get("multitasking")
    if pool is not None:
        pool.config["DAEMON"] = True
        pool.createPool("reference prices", threads=max(threads, 2), engine="thread")


def _yahoo_name(symbol: str) -> str:
    """Yahoo writes share classes with a hyphen: BRK.B is BRK-B there."""
    return symbol.upper().replace(".", "-")


def _bracket_of(frame: Any, ticker: str, last: dt.date) -> Bracket | str:
    """The last few whole bars up to ``last`` as a bracket, or what is wrong with them. The bar of today may lack its close.

    ``frame`` has columns (Price, Ticker) and one row per date, all NaN where another ticker has a bar and this has none.
    """
    try:
        columns = [frame[price][ticker].astype(float).tolist() for price in ("Low", "High", "Close")]
        bars = [(*bar, day.date()) for day, *bar in zip(frame.index, *columns, strict=True) if day.date() <= last]
    except (KeyError, TypeError, ValueError, AttributeError):
        return "no data"
    given, bars = bars[-BARS_MAX:], [bar for bar in bars if not any(map(math.isnan, bar[:3]))][-BARS_MAX:]
    if not bars:
        return "NaN" if any(not all(map(math.isnan, bar[:3])) for bar in given) else "no data"
    for low, high, close, _ in bars:
        if fault := _fault(low, high, close):
            return fault
    for (_, _, before, _), (_, _, close, _) in pairwise(bars):
        if not JUMP_MIN <= close / before <= JUMP_MAX:
            return f"jump by a factor of {close / before:.2f}, as of a split"
    lows, highs, closes, days = zip(*bars, strict=True)
    return Bracket(min(lows), max(highs), closes[-1], "yahoo", days[-1])


def _fault(low: float, high: float, close: float) -> str | None:
    """What is wrong with these prices in USD, or None."""
    prices = (low, high, close)
    if any(map(math.isnan, prices)):
        return "NaN"
    if 0.0 in prices:
        return "a price of zero"
    if min(prices) < 0:
        return "a negative price"
    if min(prices) < PRICE_MIN_USD or max(prices) > PRICE_MAX_USD:
        return f"a price outside {PRICE_MIN_USD} to {PRICE_MAX_USD:,.0f} USD"
    if low > high:
        return "low above high"
    if not low * (1 - CLOSE_TOLERANCE) <= close <= high * (1 + CLOSE_TOLERANCE):
        return "close outside low to high"
    return None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # no name that a file could have
        return False


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            text = file.read(CSV_BYTES_MAX + 1)
        if len(text) > CSV_BYTES_MAX:
            raise ValueError(f"it is longer than {CSV_BYTES_MAX:,} bytes")
        return text.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        remedy = "Name a .csv file, or use --prices builtin."
        raise InputError(explain("Cannot read the prices", str(path), reason, remedy)) from error


def _read_csv(where: str, text: str, source: str) -> dict[str, Bracket]:
    """By symbol. Raises ``InputError`` with file and line."""
    rows = csv.DictReader(text.splitlines())
    if tuple(rows.fieldnames or ()) != COLUMNS:
        limit = f"they are {','.join(COLUMNS)}"
        raise InputError(explain(f"{where}: wrong columns", rows.fieldnames, limit, "Compare simulator/inputs/data/prices.csv."))
    table: dict[str, Bracket] = {}
    for row in rows:
        at = f"{where} line {rows.line_num}"
        if None in row or None in row.values():
            raise InputError(explain(f"{at}: wrong number of values", list(row.values()), f"there are {len(COLUMNS)}", "Correct the line."))
        if row["symbol"] in table:
            raise InputError(explain(f"{at}: symbol", row["symbol"], "each symbol occurs once", "Remove one of the lines."))
        table[row["symbol"]] = _checked(at, (row["low"], row["high"], row["close"]), row["date"], source)
    return table


def _checked(at: str, prices: Iterable[object], date: str, source: str) -> Bracket:
    """A bracket from text. Raises ``InputError``."""
    given = list(prices)
    try:
        low, high, close = (float(str(price)) for price in given)
        fault = _fault(low, high, close)
    except ValueError:
        fault = "not a number"
    if fault:
        raise InputError(explain(f"{at}: low, high, close", given, fault, "Prices are in USD, with low <= close <= high."))
    try:
        day = dt.date.fromisoformat(date) if date else None
    except ValueError:
        remedy = "For example 2025-06-30; leave it empty if it is the close before the first simulated day."
        raise InputError(explain(f"{at}: date", date, "a date is written YYYY-MM-DD", remedy)) from None
    return Bracket(low, high, close, source, day)
