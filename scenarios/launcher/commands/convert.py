"""``convert``: a finished Parquet run in another format, the same bytes as if the run had been written in it."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from scenarios.launcher.kernels import load_kernels
from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.stop_signals import StopSignals
from simulator.errors import InputError, explain
from writers.feed.finished_run import notice_batches, order_batches, run_info, table_rows
from writers.formats import FORMATS, after_run, is_file_of, make_sink

PROGRAM = "python -m scenarios convert"


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))


def _hours(text: str) -> dict[str, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        raise InputError(explain("--hours", text, "must be two numbers of ms after midnight", "For example 34200000-57600000."))
    return {"start_ms": int(first), "end_ms": int(last)}


def _ns(name: str, text: str) -> int:
    if not text.replace("_", "").isdecimal():
        raise InputError(explain(f"--{name}", text, "must be a whole number of ns", "For example 100_000, which is 0.1 ms."))
    return int(text)


OPTIONS: Mapping[str, Callable[[str], dict[str, Any]]] = {
    "hours": _hours,
    "all_messages": lambda text: {"all_messages": text == "true"},
    "gzip": lambda text: {"compressed": text == "true"},
    "compression": lambda text: {"compression": text},
    "schemas": lambda text: {"schemas": _names(text)},
    "tables": lambda text: {"tables": _names(text)},
    "feeds": lambda text: {"feeds": _names(text)},
    "agent": lambda text: {"agent": text},
    "feed_latency_ns": lambda text: {"feed_latency_ns": _ns("feed_latency_ns", text)},
    "trade_delay_ns": lambda text: {"trade_delay_ns": _ns("trade_delay_ns", text)},
    "layout": lambda text: {"layout": text},
    "precision": lambda text: {"precision": text},
}
"""A flag of some formats, and what it makes of its text: arguments of their sinks."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], console: Console, _signals: StopSignals) -> int:
    """The words after ``convert``. Raises ``MarketSimError``; nothing half-written stays."""
    given = _parser().parse_args(words)
    source, out = Path(given.run), Path(given.out or given.run)
    to = FORMATS[given.to]
    run = run_info(source, needs_orders=to.needs_orders)
    if given.levels is not None and not to.has_levels:
        raise InputError(explain("--levels", given.levels, f"{given.to} has no number of levels", "Leave it out."))
    options: dict[str, Any] = {"venues": _names(given.venue), "symbols": _names(given.symbols)}
    if to.has_levels:
        options["levels"] = run.levels if given.levels is None else given.levels
    for name, read in OPTIONS.items():
        value = getattr(given, name)
        if value is not None and name not in to.options:
            owners = ", ".join(format for format, each in FORMATS.items() if name in each.options)
            raise InputError(explain(f"--{name}", value, f"it is for {owners}, not for {given.to}", "Leave it out."))
        if value is not None:
            options |= read(value)
    sink = make_sink(given.to, out, **options)
    _clear(out / given.to, given.to, given.overwrite == "true")
    sink.open(run)
    if to.needs_orders:
        load_kernels(console, for_run=False, for_format=True)
        sink.write_all(order_batches(source, run), notice_batches(source, run))
    else:
        sink.write_all(table_rows(source, run, sink.tables))
    after_run(given.to, out, source, run)
    files = sorted(path for path in (out / given.to).rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files):,} files, {size:,} bytes in {out / given.to}")
    check_printed()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description=str(__doc__).partition(":")[2].strip().capitalize(), allow_abbrev=False)
    parser.add_argument("run", help="Folder of a run with --writer parquet, and for most formats --extra_tables orders.")
    parser.add_argument("--to", required=True, choices=sorted(FORMATS), help="The format (docs/formats.md).")
    parser.add_argument("--out", help="Folder in which the format's own is made (default: the run's).")
    parser.add_argument("--venue", help="Venues, as a comma list (default: all).")
    parser.add_argument("--symbols", help="Symbols, as a comma list (default: all).")
    parser.add_argument("--levels", type=int, help="How many to show, where the format has levels (default: the run's).")
    parser.add_argument("--hours", help="lobster: ms after midnight, FROM-TO (default 34200000-57600000).")
    parser.add_argument("--all_messages", choices=("true", "false"), help="lobster: true: messages of prices beyond the levels too.")
    parser.add_argument("--gzip", choices=("true", "false"), help="itch, csv: true: compressed by gzip (default false).")
    parser.add_argument("--tables", help="csv, arrow: some of the run's tables, as a comma list (default: all).")
    parser.add_argument("--compression", help="arrow: zstd, lz4 or none (default zstd).")
    parser.add_argument("--schemas", help="databento: some of the schemas that docs/formats.md names, as a comma list (default: all).")
    parser.add_argument("--feeds", help="hftbacktest: some of l3, l2, as a comma list (default: both).")
    parser.add_argument("--agent", help="hftbacktest: the agent whose latency the feed has (default: the first; if none the venue's).")
    parser.add_argument("--feed_latency_ns", help="hftbacktest: another latency of the feed.")
    parser.add_argument("--trade_delay_ns", help="hftbacktest: ns by which prints arrive later than changes of the book (default 0).")
    parser.add_argument("--layout", help="nautilus: version of nautilus_trader that is to read it, as 1.221 (default: 1.222 and later).")
    parser.add_argument("--precision", help="nautilus: high, or standard as on Windows (default high).")
    parser.add_argument("--overwrite", choices=("true", "false"), default="false", help="true: replace what an earlier conversion left.")
    return parser


def _clear(folder: Path, name: str, overwrite: bool) -> None:
    """Nothing of an earlier conversion may stay, and nothing else may go."""
    paths = [path for path in folder.rglob("*") if not path.is_dir()] if folder.exists() else []
    if not paths:
        return
    if not overwrite:
        raise InputError(explain("--out", str(folder), "it has files already, and none is ever overwritten", "Add --overwrite true."))
    foreign = [path for path in paths if path.is_symlink() or not is_file_of(name, path.relative_to(folder).as_posix())]
    if foreign:
        limit = f"it holds things that no conversion wrote ({foreign[0].name})"
        raise InputError(explain("--out", str(folder), limit, "Move them, or name another folder."))
    shutil.rmtree(folder)
