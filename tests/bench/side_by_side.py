"""``python tests/bench/side_by_side.py``: a run in two processes against two runs of half the symbols side by side, in turns.

What two processes lose by waiting for each other, and by making twice what is common to all symbols. The halves are those that the
command deals, each a run of its own with ``--only``; both ways simulate the same rows.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WINDOW = ("--start_ts", "2025-07-01T13:30:00Z", "--end_ts", "2025-07-01T13:33:00Z", "--prices", "builtin", "--writer", "null")
RATES = ("--market_data_min_eps", "6000", "--market_data_max_eps", "10000", "--trades_min_eps", "2000", "--trades_max_eps", "4000")


def side_by_side(*ways: tuple[str, ...]) -> tuple[float, float]:
    """Wall seconds until the last has ended, and processor seconds of all."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [sys.executable, "-m", "scenarios.full_day", *WINDOW, *RATES]
    began_s = time.monotonic()
    running = [subprocess.Popen([*line, *way], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for way in ways]
    used = 0.0
    for process in running:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{process.args} ended with {process.returncode}")
        used += usage.ru_utime + usage.ru_stime
    return time.monotonic() - began_s, used


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    sys.path.insert(0, str(ROOT))
    from scenarios.launcher.flags import parse_flags
    from scenarios.launcher.plan import make_plan
    from simulator.inputs.dealing import deal

    scenario = make_plan(parse_flags([*WINDOW, *RATES])).scenario
    shares = deal(scenario, [symbol.name for symbol in scenario.universe.symbols], 2)
    apart = [("--processes", "1", "--only", ",".join(share)) for share in shares]
    side_by_side(*apart)  # kernels
    wall, used = [], []
    for _ in range(rounds):
        together_s, apart_s = side_by_side(("--processes", "2")), side_by_side(*apart)
        wall.append(together_s[0] / apart_s[0])
        used.append(together_s[1] / apart_s[1])
        print(f"two processes {together_s[0]:.1f} s ({together_s[1]:.1f} of processors), two runs {apart_s[0]:.1f} s ({apart_s[1]:.1f})", flush=True)
    for name, ratios in (("wall", wall), ("processors", used)):
        print(f"{name}: {statistics.median(ratios):.3f} (from {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
