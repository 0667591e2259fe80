"""``python -m tests.worlds --seed N`` repeats a world; ``--count 2000 --resume`` runs more of them and keeps the totals."""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("NUMBA_BOUNDSCHECK", "1")

from tests.worlds.one_world import run_world
from tests.worlds.totals import PAGE, Totals

SAVED_EVERY = 20


def main(arguments: list[str] | None = None) -> int:
    """Returns 1 if any world was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tests.worlds", description=__doc__)
    parser.add_argument("--seed", type=int, help="run this world alone")
    parser.add_argument("--count", type=int, default=200, help="worlds to run (default 200)")
    parser.add_argument("--resume", action="store_true", help="go on after the last world in the page, and add to its totals")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1, help="worlds at once (default: one per core)")
    parser.add_argument("--page", type=Path, default=PAGE, help=f"the page that keeps the totals (default {PAGE.name})")
    asked = parser.parse_args(arguments)
    if asked.seed is not None:
        outcome = run_world(asked.seed)
        print(outcome)
        return int(outcome.kind == "wrong")
    totals = Totals.read(asked.page) if asked.resume else Totals()
    seeds = range(totals.worlds + 1, totals.worlds + 1 + asked.count)
    print(f"Worlds {seeds.start:,} to {seeds.stop - 1:,}; totals go to {asked.page}", flush=True)
    try:
        with ProcessPoolExecutor(asked.processes, mp_context=get_context("spawn")) as pool:
            for outcome in pool.map(run_world, seeds):
                totals.add(outcome)
                if outcome.kind == "wrong":
                    print(outcome, flush=True)
                if totals.worlds % SAVED_EVERY == 0:
                    totals.write(asked.page)
    except KeyboardInterrupt:
        print(f"Ended by Ctrl-C after world {totals.worlds:,}; --resume goes on there.")
    totals.write(asked.page)
    print(totals)
    return int(totals.wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
