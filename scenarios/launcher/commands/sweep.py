"""``sweep``: a scenario over seeds and settings, in some processes: means with confidence intervals."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

from scenarios.launcher.lasting_streams import check_printed
from scenarios.launcher.main import exit_code_of
from scenarios.launcher.stop_signals import StopSignals
from scenarios.launcher.tables import print_table, say, summary_console
from simulator.analysis.processes import Elsewhere
from simulator.analysis.sweep import Measure, Sweep, sweep
from simulator.errors import InputError, SinkError, explain
from simulator.inputs.import_path import find
from simulator.inputs.scenario_file import find_scenario, load_scenario
from simulator.inputs.sessions import parse_ts
from simulator.inputs.strict_yaml import parse_yaml

PROGRAM = "python -m scenarios sweep"


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise InputError(f"{message[:1].upper()}{message[1:]}. {PROGRAM} --help lists what there is.")


def start(words: Sequence[str], console: Console, signals: StopSignals) -> int:
    """The words after ``sweep``. Raises ``MarketSimError``."""
    given = _parser().parse_args(list(words))
    path = find_scenario(given.scenario)
    measure: Measure | None = None if given.measure is None else find(given.measure, "--measure", path.parent)
    times = {f"{end}_ns": parse_ts(ts) for end, ts in (("start", given.start_ts), ("end", given.end_ts)) if ts is not None}
    scenario = load_scenario(path, **times)
    vary = dict(_varied(text) for text in given.vary)
    try:
        processes: int | Elsewhere = given.processes
        if given.cluster is not None:
            from scenarios.launcher.cluster import Swept, sweep_on_cluster

            swept = Swept(str(path.resolve()), tuple(times.items()), given.measure)
            processes = sweep_on_cluster(given.cluster, given.processes, swept, lambda text: say(console, text))
        found = sweep(
            scenario, seeds=given.seeds, vary=vary, measure=measure, processes=processes, folder=given.out,
            progress=console.is_terminal,
        )  # fmt: skip
    except KeyboardInterrupt:
        say(console, f"Interrupted: finished runs are in {given.out}/runs, and the same command goes on.")
        return exit_code_of(signals.first)
    _write(found, Path(given.out))
    _print(found, given.out)
    check_printed()
    return 0


def _print(found: Sweep, out: str) -> None:
    console = summary_console()
    tables = [("Means", found.arrow().to_pylist())]
    if found.varied:
        tables.append(("Differences to the first setting, seed by seed", found.differences().to_dict("records")))
    for title, rows in tables:
        say(console, title)
        header = (*found.varied, "measure", "seeds", "mean", "from", "to (95 %)")
        cells = []
        for row in rows:
            numbers = [f"{row[name]:,.4g}" for name in ("mean", "low", "high")]
            cells.append((*(str(row[name]) for name in found.varied), row["measure"], str(row["n"]), *numbers))
        print_table(console, header, cells)
    say(console, f"{len(found.runs)} runs, {found.simulated} of them simulated now. In {out}: sweep.parquet, runs.parquet, runs/")


def _write(found: Sweep, folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        pq.write_table(found.arrow(), folder / "sweep.parquet")
        pq.write_table(pa.Table.from_pandas(found.each(), preserve_index=False), folder / "runs.parquet")
    except OSError as error:
        raise SinkError(explain("--out", str(folder), f"cannot be written: {error}", "Name a folder that you may write to.")) from error


def _varied(text: str) -> tuple[str, list[Any]]:
    """``NAME=VALUE,VALUE``: each as YAML has it; a value with a comma in it stands in ``[...]`` with the others."""
    name, equals, values = text.partition("=")
    if not equals or not name:
        raise InputError(explain("--vary", text, "must be written NAME=VALUE,VALUE", "For example agents.mine.with.shares=100,1000."))
    listed = values if values.startswith("[") else f"[{values}]"
    found = parse_yaml(f"values: {listed}", "--vary", "").data["values"]
    if not isinstance(found, list):
        raise InputError(explain("--vary", text, "must have a list of values", f"For example {name}={json.dumps([100, 1000])}."))
    return name.strip(), found


def _parser() -> argparse.ArgumentParser:
    about = str(__doc__).partition(":")[2].strip().capitalize()
    parser = _Parser(prog=PROGRAM, description=f"{about} docs/sweeps.md explains it.", allow_abbrev=False)
    parser.add_argument("scenario", help="A scenario file, or the name of a ready one.")
    parser.add_argument("--seeds", required=True, help="For example 1..20, or 1,2,7.")
    help_vary = "For example agents.mine.with.shares=100,1000; every combination of several --vary is run."
    parser.add_argument("--vary", action="append", default=[], metavar="NAME=VALUES", help=help_vary)
    parser.add_argument("--measure", metavar="MODULE:FUNCTION", help="It gets the finished Market; default: what agents came to.")
    parser.add_argument("--processes", type=int, default=1, help="Runs at once (default 1).")
    help_cluster = "Make the runs by a Dask cluster: local, slurm or a scheduler's address, as for shards (docs/scale.md)."
    parser.add_argument("--cluster", metavar="ADDRESS", help=help_cluster)
    parser.add_argument("--out", default="sweep", help="Folder; finished runs in it are not run again (default sweep).")
    parser.add_argument("--start_ts", help="Instead of the scenario's.")
    parser.add_argument("--end_ts", help="Instead of the scenario's.")
    return parser
