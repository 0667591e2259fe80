"""Kill runs at random and continue them: ``python tests/kills/run.py --trials 200 --seed 1``.

Goes on where it stopped: each trial that is done is a line in ``--results``. At the end their totals replace those in
``docs/reliability.md`` (``--write false``: are only printed). Exit code 1 if a trial did not end like an uninterrupted run.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT)]

from scenarios.launcher.kernels import warm_up  # noqa: E402
from tests.database import small_server  # noqa: E402
from tests.kills.trials import KINDS, Harness, Trial  # noqa: E402

PAGE = ROOT / "docs" / "reliability.md"
BEGIN, END = "<!-- kills: written by tests/kills/run.py -->", "<!-- end of kills -->"
SAYS = {
    "parent": "the command's process, kill -9",
    "worker": "one of two workers, kill -9",
    "group": "command and workers at once, kill -9",
    "server": "the database's server, kill -9, and started again",
    "before_the_first_row": "command or group, between the first table and the first row",
    "in_ddl": "group or server, after a random number of tables and views",
    "between_views": "server or group, `--create_views after`, after a random number of views",
    "second_run": "group, in a second run into tables that have rows",
    "parquet_parent": "the command's process, Parquet",
    "parquet_worker": "one of two workers, Parquet",
    "parquet_group": "command and workers, Parquet",
}


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--trials", type=int, default=200)
    asked.add_argument("--seed", default="1")
    asked.add_argument("--kinds", default=",".join(KINDS), help="comma list")
    asked.add_argument("--results", type=Path, default=Path("out/kills.jsonl"))
    asked.add_argument("--write", choices=("true", "false"), default="true")
    flags = asked.parse_args()
    kinds = flags.kinds.split(",")
    before = read_results(flags.results)
    done = {trial.number for trial in before if trial.seed == flags.seed}
    left = [n for n in range(flags.trials) if n not in done]
    flags.results.parent.mkdir(parents=True, exist_ok=True)
    if left:
        warm_up()
        with tempfile.TemporaryDirectory() as scratch, small_server(Path(scratch) / "server") as server:
            harness = Harness(server, Path(scratch))
            with flags.results.open("a") as results:
                for n in left:
                    trial = harness.run(n, kinds[n % len(kinds)], flags.seed)
                    results.write(json.dumps(dataclasses.asdict(trial)) + "\n")
                    results.flush()
                    print(f"{n} {trial.kind}: {'; '.join(trial.kills) or 'not killed'}: {'; '.join(trial.differences) or 'identical'}", flush=True)
    trials = read_results(flags.results)
    text = report(trials)
    print(text)
    if flags.write == "true":
        write_report(text)
    return 0 if all(trial.is_identical for trial in trials) else 1


def read_results(path: Path) -> list[Trial]:
    """The trials that are done, of any seed."""
    return [Trial(**json.loads(line)) for line in path.read_text().splitlines() if line.strip()] if path.exists() else []


def report(trials: list[Trial]) -> str:
    """The table of docs/reliability.md."""
    total, identical, killed, damaged = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    for trial in trials:
        total[trial.kind] += 1
        identical[trial.kind] += trial.is_identical and not trial.damage
        damaged[trial.kind] += trial.is_identical and bool(trial.damage)
        killed[trial.kind] += sum(kill != "it had ended" for kill in trial.kills)
    seeds = ", ".join(sorted({trial.seed for trial in trials}))
    lines = [
        f"`python tests/kills/run.py`, seeds {seeds}: {sum(identical.values())} of {len(trials)} trials, with {killed.total()} kills, ended like "
        "an uninterrupted run.",
        "",
        "| kind | what is killed | trials | kills | identical | identical but for a view that the server cannot open |",
        "|---|---|---|---|---|---|",
        *(
            f"| {kind} | {SAYS[kind]} | {total[kind]} | {killed[kind]} | {identical[kind]} | {damaged[kind]} |"
            for kind in KINDS
            if total[kind]
        ),
    ]
    return "\n".join(lines)


def write_report(text: str) -> None:
    """Into the page, between its marks."""
    page = PAGE.read_text() if PAGE.exists() else f"# Reliability\n\n## Killed and continued\n\n{BEGIN}\n{END}\n"
    if BEGIN not in page:
        page += f"\n## Killed and continued\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}")


if __name__ == "__main__":
    sys.exit(main())
