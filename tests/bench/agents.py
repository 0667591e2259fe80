"""What agents cost: `python tests/bench/agents.py`. Each figure with what it is relative to, all in one run; nothing fails when it is slow.

Processor seconds, not wall time, so that a busy machine moves the figures less. The background runs beside each agent at the default rates.

`--rounds N --beside CHECKOUT` measures only the wake-ups at each row, of this checkout and of another one in turn, N times; and takes of each
fifth of a simulated second the run in which it was fastest, so that others on the machine hardly count.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from run import HIGH, base
from simpy_alone import timeouts_rate

from simulator import AgentSpec, Market, NullSink, Scenario

STEP_NS = 10_000


def one_book(market: Any, orders: Any, rng: Any) -> Generator[Any, Any, None]:
    while True:
        yield market.wait(STEP_NS)
        market.best("AAPL", "NASDAQ")


def five_books_one_look(market: Any, orders: Any, rng: Any) -> Generator[Any, Any, None]:
    while True:
        yield market.wait(STEP_NS)
        market.quotes("AAPL")


def five_books_six_looks(market: Any, orders: Any, rng: Any) -> Generator[Any, Any, None]:
    while True:
        yield market.wait(STEP_NS)
        for venue in market.venues:
            market.best("AAPL", venue)
        market.nbbo("AAPL")


def volume(market: Any, orders: Any, rng: Any) -> Generator[Any, Any, None]:
    while True:
        yield market.wait(STEP_NS)
        market.volume("AAPL", since_ns=market.now_ns - 1_000_000_000)


def drain(market: Any, orders: Any, rng: Any) -> Generator[Any, Any, None]:
    stream = market.trade_stream("AAPL")
    while True:
        yield market.wait(STEP_NS)
        stream.drain()


def wakes_rate(make: Callable[..., Any], bare_s: float) -> float:
    """Wake-ups a second of processor time beyond ``bare_s``, that of the background alone."""
    return 300_000 / (run_s(base(*TIMES, agents=(AgentSpec(name="looker", make=make),))) - bare_s)


TIMES = ("2025-07-01T14:00:00Z", "2025-07-01T14:00:04Z")


def run_s(scenario: Scenario) -> float:
    """Processor seconds of all but the first simulated second."""
    market = Market(scenario, NullSink())
    market.run_until(scenario.start_ns + 1_000_000_000)
    began_s = time.process_time()
    market.run_until(scenario.end_ns)
    return time.process_time() - began_s


def waits(market: Any, orders: Any, rng: Any, how: str, seen: list[int]) -> Generator[Any, Any, None]:
    """Wakes at each book row of five venues, and looks at all five."""
    stream = market.quote_stream("AAPL")
    while True:
        came = yield market.quote("AAPL") if how == "quote" else stream.next()
        seen[0] += 1
        seen[1] += 1 if how == "quote" else len(came)
        market.quotes("AAPL")


def row_wakes(how: str) -> tuple[float, int]:
    """(wake-ups a second of processor time beyond the run's without the agent, rows) when a fast market of one symbol wakes its agent."""
    scenario = base("2025-07-01T14:00:00Z", "2025-07-01T14:02:00Z", rates=HIGH, only=("AAPL",))
    run_s(replace(scenario, end_ns=scenario.start_ns + 2_000_000_000))
    bare_s, seen = run_s(scenario), [0, 0]
    spec = AgentSpec(name="looker", make=waits, arguments={"how": how, "seen": seen})
    with_s = run_s(replace(scenario, agents=(spec,)))
    return seen[0] / (with_s - bare_s), seen[1]


def pieces(scenario: Scenario) -> list[float]:
    """Processor seconds of each fifth of a simulated second after the first one."""
    market = Market(scenario, NullSink())
    market.run_until(scenario.start_ns + 1_000_000_000)
    took = []
    while market.now_ns < scenario.end_ns:
        began_s = time.process_time()
        market.step_until(market.now_ns + 200_000_000)
        took.append(time.process_time() - began_s)
    return took


def row_pieces(how: str) -> tuple[int, list[float], list[float]]:
    """(wake-ups at each row after the first second, ``pieces`` with them, and without)."""
    scenario = base("2025-07-01T14:01:00Z", "2025-07-01T14:01:31Z", rates=HIGH, only=("AAPL",))
    counts = []
    for end_ns in (scenario.start_ns + 1_000_000_000, scenario.end_ns):
        seen = [0, 0]
        with_it = replace(scenario, end_ns=end_ns, agents=(AgentSpec(name="looker", make=waits, arguments={"how": how, "seen": seen}),))
        took = pieces(with_it)
        counts.append(seen[0])
    return counts[1] - counts[0], took, pieces(scenario)


def in_turn(rounds: int, other: Path, how: str) -> list[float]:
    """Wake-ups a second of processor time at each row, of this checkout and the other."""
    code = (
        "import sys, json; sys.path[:0] = [sys.argv[1], sys.argv[2]]\nimport agents\n"
        "for line in sys.stdin: print(json.dumps(agents.row_pieces(sys.argv[3])), flush=True)"
    )
    roots = (Path(__file__).parents[2], other.resolve())
    command = [sys.executable, "-c", code]
    runs = [
        subprocess.Popen([*command, str(root), str(Path(__file__).parent), how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for root in roots
    ]
    got: list[list[Any]] = [[], []]
    for n in range(rounds + 1):  # the first one compiles, or loads
        for k in (0, 1) if n % 2 else (1, 0):
            stdin, stdout = runs[k].stdin, runs[k].stdout
            assert stdin is not None
            assert stdout is not None
            stdin.write("\n")
            stdin.flush()
            got[k].append(json.loads(stdout.readline()))
    for run in runs:
        run.communicate()
    rates = []
    for mine in got:
        with_s, bare_s = (sum(map(min, zip(*(each[place] for each in mine[1:]), strict=True))) for place in (1, 2))
        rates.append(mine[0][0] / (with_s - bare_s))
    return rates


def copies(market: Any, orders: Any, rng: Any, took: list[float]) -> Generator[Any, Any, None]:
    """How long a copy of the last 4,096 trades takes, as columns and as a list."""
    yield market.wait(60_000_000_000)
    for ask in (lambda: market.trades("AAPL", "NASDAQ", 4_096), lambda: market.last_trades("AAPL", "NASDAQ", 4_096)):
        ask()
        began_s = time.perf_counter()
        for _ in range(20):
            ask()
        took.append((time.perf_counter() - began_s) / 20)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout")
    parser.add_argument("--rounds", type=int, default=10)
    asked = parser.parse_args()
    table = Table("what", "figure", "relative to")
    if asked.beside:
        for how in ("quote", "stream"):
            mine, others = in_turn(asked.rounds, asked.beside, how)
            table.add_row(f"wake-ups at each row, by {how}", f"{mine:,.0f}/s", f"{mine / others:.2f} of the other's {others:,.0f}/s")
        Console(width=150).print(table)
        return
    run_s(base(*TIMES))
    bare_s, timeouts = run_s(base(*TIMES)), timeouts_rate()
    rates = {}
    for name, make in (
        ("look at one book", one_book),
        ("look at five venues' books in one look", five_books_one_look),
        ("do the same in six looks", five_books_six_looks),
        ("ask for the last second's volume", volume),
        ("drain a stream of trades", drain),
    ):
        rates[name] = wakes_rate(make, bare_s)
        share = f"{rates[name] / timeouts:.2f} of SimPy's timeouts alone, {rates[name] / rates['look at one book']:.2f} of a look at one book"
        table.add_row(f"wake-ups that {name}", f"{rates[name]:,.0f}/s", share)
    for how in ("quote", "stream"):
        rate, rows = row_wakes(how)
        table.add_row(f"wake-ups at each row of five venues, by market.{'quote' if how == 'quote' else 'quote_stream'}", f"{rate:,.0f}/s", f"{rows:,} rows")
    took: list[float] = []
    fast = base("2025-07-01T14:00:00Z", "2025-07-01T14:01:01Z", rates=HIGH, only=("AAPL",))
    Market(replace(fast, agents=(AgentSpec(name="looker", make=copies, arguments={"took": took}),)), NullSink()).run_until(fast.end_ns)
    table.add_row("4,096 trades as columns", f"{took[0] * 1e6:,.0f} us", f"{took[1] / took[0]:.0f} times as fast as the list of them")
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
