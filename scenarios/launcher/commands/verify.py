"""``verify``: whether all shards of a run are there, once and unaltered; the digest that one process would print."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import NoReturn

from rich.console import Console

from scenarios.launcher.commands.shards import lines_of
from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.shard_check import verify, write_whole_manifest
from scenarios.launcher.stop_signals import StopSignals
from simulator.errors import InputError
from writers.stores.store import open_store

PROGRAM = "python -m scenarios verify"
FAILED = 1
"""Exit code when anything is missing, doubled or altered."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], _console: Console, _signals: StopSignals) -> int:
    """The words after ``verify``. Raises ``MarketSimError``."""
    given = _parser().parse_args(words)
    store = open_store(given.out)
    verdict = verify(store, reads_files=not given.quick)
    total = len(verdict.plan.shards)
    what = f"{sum(verdict.rows.values()):,} rows in {verdict.files:,} files, {verdict.bytes:,} bytes"
    print(f"{verdict.done:,} of {total:,} shards are done: {what}")
    if verdict.faults:
        print("\n".join(lines_of(verdict.faults)))
        print("Give the command of the run again: it makes what is missing or altered; files that no shard lists are yours to remove.")
    else:
        write_whole_manifest(store, verdict)
        print(f"Digest {verdict.digest}")
    check_printed()
    return FAILED if verdict.faults else 0


def _parser() -> argparse.ArgumentParser:
    about = "Whether all shards of a run are there, each once and as it was written; then the digest that one process would print, and "
    about += "manifest.json for whatever reads finished runs. Exit code 1 if anything is missing, doubled or altered (docs/scale.md)."
    parser = _Parser(prog=PROGRAM, description=about, allow_abbrev=False)
    parser.add_argument("out", help="The run's --out: a folder, or the address of a store (s3://bucket/folder).")
    parser.add_argument("--quick", action="store_true", help="Compare names and sizes, and do not read the files.")
    return parser
