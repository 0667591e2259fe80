"""What a viewer costs a run: `python tests/bench/viewer.py`. The same run without and with `--view true` and a client that reads every frame.

Runs take turns, so that what else the machine does meets both alike. Processor time is the run's own, workers included; a client in this
process reads frames as a browser would, but draws nothing.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import re
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
WORDS = ("--writer", "null", "--start_ts", "2025-07-01T14:00:00Z")


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__))
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--minutes", type=int, default=20, help="Simulated.")
    given = parser.parse_args()
    end = f"2025-07-01T14:{given.minutes:02d}:00Z" if given.minutes < 60 else "2025-07-01T15:00:00Z"
    times: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    frames = 0
    for n in range(given.pairs):
        for viewed in (False, True) if n % 2 == 0 else (True, False):
            wall_s, cpu_s, seen = run((*WORDS, "--end_ts", end), viewed)
            times[viewed].append((wall_s, cpu_s))
            frames += seen
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}; {given.pairs} pairs of {given.minutes} simulated minutes")
    for name, place in (("wall clock", 0), ("processor", 1)):
        without, with_viewer = (statistics.median(each[place] for each in times[viewed]) for viewed in (False, True))
        costs = [100 * (b[place] / a[place] - 1) for a, b in zip(times[False], times[True], strict=True)]
        print(f"{name}: {without:.2f} s without, {with_viewer:.2f} s with a viewer; pairs differ by {statistics.median(costs):+.1f} % (median)")
    print(f"{frames / given.pairs:.0f} frames a run")


def run(words: tuple[str, ...], viewed: bool) -> tuple[float, float, int]:
    """Wall and processor seconds, and frames read."""
    before, started_s = os.times(), time.monotonic()
    extra = ("--view", "true") if viewed else ()
    process = subprocess.Popen(
        [sys.executable, "-m", "scenarios.full_day", *words, *extra], cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    seen = [0]
    reader: threading.Thread | None = None
    for line in process.stderr:
        if found := re.search(r"http://127\.0\.0\.1:(\d+)/(\S+)/", line):
            reader = threading.Thread(target=read, args=(int(found[1]), found[2], seen))
            reader.start()
    process.wait()
    if reader is not None:
        reader.join()
    after = os.times()
    cpu_s = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - started_s, cpu_s, seen[0]


def read(port: int, token: str, seen: list[int]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", f"/{token}/frames?symbol=AAPL")
    answer = connection.getresponse()
    while line := answer.readline():
        seen[0] += line.startswith(b"data: {")
    connection.close()


if __name__ == "__main__":
    main()
