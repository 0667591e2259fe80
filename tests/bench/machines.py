"""A calculation, not a measurement: a year of 500 symbols on 1, 10, 100 and 1,000 machines, and what each waits for.

    python tests/bench/machines.py

Everything it assumes stands below. Nothing passes between shards, so a share of the whole is a number of shards, and the only things
that all machines have in common are the scheduler, the store's requests and, on each machine, its network.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

DAYS, SYMBOLS, GROUP = 250, 500, 30
ROWS_A_SYMBOL_DAY = 11e6 / 30
"""At the default rate per symbol (README.md: some 11 million rows for 30)."""
ROWS_A_CORE_S = 400_000
"""Simulated and written as Parquet (docs/performance.md, docs/scale.md)."""
BYTES_A_ROW = 24.0
CORES, NETWORK_BYTES_S = 8, 10e9 / 8
"""Of a machine."""
START_S, COMPILE_S = 10.0, 60.0
"""Of each process, with kernels from the cache; of the first on a node, once."""
FILES_A_SHARD, REQUESTS_A_FILE = 2 * 16 + 1, 3
"""Two tables, sixteen hours, a note; pyarrow begins, sends and completes each upload."""
STORE_REQUESTS_S = 3_500
"""Writes a second below one prefix, as Amazon documents S3; more only when it has split the prefix."""
SCHEDULER_S_A_TASK = 0.001
"""Dask's own documentation: 200 microseconds to a millisecond."""


@dataclass(frozen=True, slots=True)
class Answer:
    machines: int
    whole_s: float
    limits: dict[str, float]
    """Seconds that the whole would take if only this counted."""


def calculate(machines: int) -> Answer:
    groups = math.ceil(SYMBOLS / GROUP)
    shards = DAYS * groups
    shard_s = SYMBOLS / groups * ROWS_A_SYMBOL_DAY / ROWS_A_CORE_S
    rows = DAYS * SYMBOLS * ROWS_A_SYMBOL_DAY
    limits = {
        "processors": math.ceil(shards / (machines * CORES)) * shard_s + START_S + COMPILE_S,
        "store's requests": shards * FILES_A_SHARD * REQUESTS_A_FILE / STORE_REQUESTS_S,
        "scheduler": shards * SCHEDULER_S_A_TASK,
        "network": rows * BYTES_A_ROW / (machines * NETWORK_BYTES_S),
    }
    return Answer(machines, max(limits.values()), limits)


def main() -> None:
    rows = DAYS * SYMBOLS * ROWS_A_SYMBOL_DAY
    print(f"{DAYS} days of {SYMBOLS} symbols: {rows / 1e9:,.0f} billion rows, {rows * BYTES_A_ROW / 1e12:.1f} TB, {rows / ROWS_A_CORE_S / 3600:,.0f} core-hours\n")
    answers = [calculate(machines) for machines in (1, 10, 100, 1_000)]
    print("| machines | cores | the whole takes | " + " | ".join(f"{name} alone" for name in answers[0].limits) + " | waits for |")
    print("|---" * (4 + len(answers[0].limits)) + "|")
    for answer in answers:
        cells = [f"{answer.machines:,}", f"{answer.machines * CORES:,}", _time(answer.whole_s), *map(_time, answer.limits.values())]
        print(f"| {' | '.join(cells)} | {max(answer.limits, key=lambda name: answer.limits[name])} |")


def _time(seconds: float) -> str:
    return f"{seconds / 3600:.1f} h" if seconds >= 3600 else f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.0f} s"


if __name__ == "__main__":
    main()
