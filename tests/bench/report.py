"""What a report costs, and how soon the demo shows something: `python tests/bench/report.py`.

The same run with and without its report, taking turns; then a report of the finished files; then `demo` until its page has a first frame,
the second of two starts. Processor time is all processes', so that a figure holds on a machine that does other things, too, where the wall clock's does not.
"""

from __future__ import annotations

import argparse
import http.client
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__))
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--words", default="", help="More flags of the run; none: the default day.")
    parser.add_argument("--only", choices=("report", "demo"))
    given = parser.parse_args()
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    with tempfile.TemporaryDirectory(prefix="bench_report_") as folder:
        if given.only != "demo":
            report(given.words.split(), given.pairs, Path(folder))
        if given.only != "report":
            demo()


def report(words: list[str], pairs: int, folder: Path) -> None:
    times: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for n in range(pairs):
        for has_page in (False, True) if n % 2 else (True, False):
            out = folder / f"{n}_{has_page}"
            times[has_page].append(timed("scenarios.full_day", *words, "--report", str(has_page).lower(), "--out", str(out)))
    for name, place in (("wall clock", 0), ("processor", 1)):
        without, with_page = (statistics.median(each[place] for each in times[has_page]) for has_page in (False, True))
        print(f"{name}: {without:.1f} s without a report, {with_page:.1f} s with it: {with_page - without:+.1f} s")
    wall_s, cpu_s = timed("scenarios", "report", str(folder / "0_False"))
    size = (folder / "0_False" / "report.html").stat().st_size
    print(f"of finished files: {wall_s:.1f} s by the wall clock, {cpu_s:.1f} s of processor time, {size / 1e6:.1f} MB")


def timed(module: str, *words: str) -> tuple[float, float]:
    """Wall and processor seconds."""
    before, started_s = os.times(), time.monotonic()
    subprocess.run([sys.executable, "-m", module, *words], cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    after = os.times()
    return time.monotonic() - started_s, after.children_user + after.children_system - before.children_user - before.children_system


def demo() -> None:
    for name in ("first", "warm"):
        started_s = time.monotonic()
        process = subprocess.Popen([sys.executable, "-m", "scenarios", "demo"], cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        assert process.stderr is not None
        found = None
        while found is None:
            found = re.search(r"http://127\.0\.0\.1:(\d+)/(\S+)/", process.stderr.readline())
        address_s = time.monotonic() - started_s
        connection = http.client.HTTPConnection("127.0.0.1", int(found[1]), timeout=120)
        connection.request("GET", f"/{found[2]}/frames?symbol=AAPL")
        answer = connection.getresponse()
        while not answer.readline().startswith(b"data: {"):
            pass
        frame_s, cpu_s = time.monotonic() - started_s, cpu_of(process.pid)
        connection.close()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        print(f"demo, {name} start: its addresses after {address_s:.1f} s, the first frame after {frame_s:.1f} s; {cpu_s:.1f} s of processor time until then")


def cpu_of(pid: int) -> float:
    """Of a process and all below it, so far."""
    total, ticks = 0.0, os.sysconf("SC_CLK_TCK")
    parents: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        child = int(path.parent.name)
        parents.setdefault(int(fields[1]), []).append(child)
        used[child] = sum(map(int, fields[11:15])) / ticks
    below = [pid]
    while below:
        each = below.pop()
        total += used.get(each, 0.0)
        below += parents.get(each, [])
    return total


if __name__ == "__main__":
    main()
