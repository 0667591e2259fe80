"""``convert``: a finished Parquet run in another format, the same bytes as if the run had been written in it."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from scenarios.launcher.kernels import load_kernels
from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.stop_signals import StopSignals
from simulator.errors import InputError, explain
from writers.feed.finished_run import order_batches, run_info
from writers.formats import FORMATS, is_file_of, make_sink

PROGRAM = "python -m scenarios convert"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], console: Console, _signals: StopSignals) -> int:
    """The words after ``convert``. Raises ``MarketSimError``; nothing half-written stays."""
    given = _parser().parse_args(words)
    source, out = Path(given.run), Path(given.out or given.run)
    run = run_info(source)
    if given.levels is not None and not FORMATS[given.to].has_levels:
        raise InputError(explain("--levels", given.levels, f"{given.to} has no number of levels", "Leave it out."))
    options: dict[str, Any] = {"venues": _names(given.venue), "symbols": _names(given.symbols)}
    if FORMATS[given.to].has_levels:
        options["levels"] = run.levels if given.levels is None else given.levels
    for name, owner in (("hours", "lobster"), ("all_messages", "lobster"), ("gzip", "itch"), ("schemas", "databento")):
        if getattr(given, name) is not None and given.to != owner:
            raise InputError(explain(f"--{name}", getattr(given, name), f"it is for {owner}, not for {given.to}", "Leave it out."))
    if given.schemas is not None:
        options["schemas"] = _names(given.schemas)
    if given.gzip is not None:
        options["compressed"] = given.gzip == "true"
    if given.hours is not None:
        options |= _hours(given.hours)
    if given.all_messages is not None:
        options["all_messages"] = given.all_messages == "true"
    sink = make_sink(given.to, out, **options)
    _clear(out / given.to, given.to, given.overwrite == "true")
    sink.open(run)
    load_kernels(console, for_run=False, for_format=True)
    sink.write_all(order_batches(source, run))
    files = sorted(path for path in (out / given.to).rglob("*") if path.is_file())
    size = sum(path.stat().st_size for path in files)
    print(f"{len(files):,} files, {size:,} bytes in {out / given.to}")
    check_printed()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog=PROGRAM, description=str(__doc__).partition(":")[2].strip().capitalize(), allow_abbrev=False)
    parser.add_argument("run", help="Folder of a run with --writer parquet and --extra_tables orders.")
    parser.add_argument("--to", required=True, choices=sorted(FORMATS), help="The format (docs/formats.md).")
    parser.add_argument("--out", help="Folder in which the format's own is made (default: the run's).")
    parser.add_argument("--venue", help="Venues, as a comma list (default: all).")
    parser.add_argument("--symbols", help="Symbols, as a comma list (default: all).")
    parser.add_argument("--levels", type=int, help="How many to show, where the format has levels (default: the run's).")
    parser.add_argument("--hours", help="lobster: ms after midnight, FROM-TO (default 34200000-57600000).")
    parser.add_argument("--all_messages", choices=("true", "false"), help="lobster: true: messages of prices beyond the levels too.")
    parser.add_argument("--gzip", choices=("true", "false"), help="itch: true: compressed, as Nasdaq's own are (default false).")
    parser.add_argument("--schemas", help="databento: some of mbo, mbp-10, mbp-1, trades, as a comma list (default: all).")
    parser.add_argument("--overwrite", choices=("true", "false"), default="false", help="true: replace what an earlier conversion left.")
    return parser


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name.strip() for name in (text or "").split(",") if name.strip()))


def _hours(text: str) -> dict[str, int]:
    first, _, last = text.partition("-")
    if not (first.isdecimal() and last.isdecimal()):
        raise InputError(explain("--hours", text, "must be two numbers of ms after midnight", "For example 34200000-57600000."))
    return {"start_ms": int(first), "end_ms": int(last)}


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
