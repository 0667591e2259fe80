"""Mutated inputs: scenario files, universes, profiles, prices and manifests, thousands of them. ``python -m tests.fuzz_inputs 10000``.

Each is either taken or refused with one sentence: no traceback, no answer later than ``PATIENCE_S``. A failure prints the seed, and the
command that repeats the case.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from scenarios.launcher.flags import parse_flags
from scenarios.launcher.manifest import build_manifest
from scenarios.launcher.plan import make_plan, with_scenario
from simulator.errors import InputError
from simulator.flow.profile import load_profile
from simulator.inputs.manifest import read_manifest
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.scenario_file import read_scenario
from simulator.inputs.sessions import DEFAULT_DATE
from simulator.inputs.universe import load_universe

ROOT = Path(__file__).parent.parent
PATIENCE_S = 5.0
AGENT = "def buys(market, orders, rng, symbol='AAPL', size=100):\n    yield market.wait(1_000_000_000)\n"
SCENARIO = """\
about: two agents
symbols: [AAPL, JPM, XOM]
start_ts: 2025-07-01T14:00:00Z
end_ts: 2025-07-01T14:00:20Z
seed: 5
levels: 6
rates: {market_data_min_eps: 60, market_data_max_eps: 120, trades_min_eps: 5, trades_max_eps: 30}
populations: {reserve_share: 0.2, level_shares: {1: 300, 2: 400, 3: 500, 10: 2000, 40: 3000}}
prices: {AAPL: {low: 199.0, high: 207.0, close: 205.0}, JPM: {low: 280.0, high: 290.0, close: 289.0}, XOM: {low: 100.0, high: 110.0, close: 105.0}}
fees: {maker_usd: -0.001}
limits: {max_orders: 1024, price_window: 8192, history: 2048}
agents:
  - {name: one, use: "fuzzed_agent:buys", with: {symbol: AAPL, size: 200}, symbols: [AAPL], latency_ns: {NYSE: 10_000, "*": 90_000}}
extra_tables: [truth]
"""
NASTY = (
    "\0", "\ufeff", "\u2028", "[" * 5_000, "{" * 300, "]", "}", "- ", ": ", "? ", "&a [*a, *a]", "*a", "<<: *a", "!!python/object:os.system {}",
    "!!binary x", "!!timestamp 2001-01-01", "!!set {a, b}", "!!int x", "!!float y", "!!omap [a]", "!<x>", "%YAML 9.9\n---\n", "---\n", "...\n",
    "{[a]: b}", "? {a: b}\n: c\n", "|\n", ">-\n", "'", '"', "\t", "nan", ".nan", ".inf", "-.inf", "1e999", "NaN", "Infinity", "-1", "0", "1e309",
    "9" * 400, "1" * 6_000, "true", "null", "~", "[]", "{}", '""', "x" * 300, "x" * 70_000, "../" * 50, "/dev/null", "a\\0b", "\\ud800", "\x85", "é" * 50,
)  # fmt: skip
BOMB = "a: &a [x, x]\n" + "".join(f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9))


def takes(folder: Path) -> dict[str, tuple[str, Callable[[Path], object]]]:
    """By kind of file: its name, and who reads it. The originals are written into ``folder``."""
    (folder / "fuzzed_agent.py").write_text(AGENT)
    originals = {
        "scenario.yaml": SCENARIO,
        "universe.yaml": (ROOT / "simulator/inputs/data/universe.yaml").read_text(),
        "profile.yaml": (ROOT / "simulator/flow/profiles/spec.yaml").read_text(),
        "prices.csv": (ROOT / "simulator/inputs/data/prices.csv").read_text(),
    }
    for name, text in originals.items():
        (folder / name).write_text(text)
    flags, _ = with_scenario(parse_flags(["--scenario", str(folder / "scenario.yaml")]))
    (folder / "manifest.json").write_text(build_manifest(make_plan(flags)).to_json(indent=1))
    readers: dict[str, Callable[[Path], object]] = {
        "scenario.yaml": read_scenario,
        "universe.yaml": load_universe,
        "profile.yaml": lambda path: load_profile(str(path)),
        "prices.csv": lambda path: reference_prices(str(path), ["AAPL", "JPM"], (DEFAULT_DATE, DEFAULT_DATE)),
        "manifest.json": lambda path: read_manifest(path).record.to_scenario(agents=()),
    }
    return {name: ((folder / name).read_text(), reader) for name, reader in readers.items()}


def mutated(text: str, rng: random.Random) -> str:
    """The same with one to four things done to it."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        words = [*_words(text)]
        start, end = rng.choice(words) if words else (0, 0)
        match rng.randrange(9):
            case 0:
                text = text[:at] + rng.choice(NASTY) + text[at:]
            case 1:
                text = text[:start] + rng.choice(NASTY) + text[end:]
            case 2:
                text = text[:start] + text[end:]
            case 3:
                text = text[:at] + text[rng.randrange(len(text) + 1) :]
            case 4:
                text = text[: rng.randrange(len(text) + 1)]
            case 5:
                text = text[:at] + chr(rng.choice((0, 9, 10, 34, 39, 91, 123, 0x7F, 0xA0, 0xFFFD, 0x1F600, rng.randrange(0xD7FF)))) + text[at + 1 :]
            case 6:
                other, until = rng.choice(words) if words else (0, 0)
                text = text[:start] + text[other:until] + text[end:]
            case 7:
                text = text[:start] + str(rng.choice((-1, 0, 2**31, 2**63, 10**20, 1e308, 0.5, "x", "true", "null"))) + text[end:]
            case _:
                text = text + (BOMB if rng.random() < 0.2 else text[start:end])
    return text


def _words(text: str) -> Iterator[tuple[int, int]]:
    start = None
    for n, character in enumerate(text):
        if character.isalnum() or character in "._-":
            start = n if start is None else start
        elif start is not None:
            yield start, n
            start = None


def fuzz(cases: int, seed: int, folder: Path) -> tuple[int, int, float]:
    """(taken, refused, slowest in seconds). Raises ``AssertionError`` with the seed of a case that fails."""
    taken = refused = 0
    slowest_s = 0.0
    readers = takes(folder)
    before = sys.path[:]
    for case in range(seed, seed + cases):
        rng = random.Random(case)
        name = rng.choice(list(readers))
        text, reader = readers[name]
        path = folder / f"mutated-{name}"
        path.write_bytes(mutated(text, rng).encode("utf-8", "surrogatepass"))
        began_s = time.process_time()
        try:
            reader(path)
            taken += 1
        except InputError:
            refused += 1
        except Exception as error:
            raise AssertionError(f"{name}: {type(error).__name__}: {error}. Again: python -m tests.fuzz_inputs 1 {case}") from error
        took_s = time.process_time() - began_s
        slowest_s = max(slowest_s, took_s)
        assert took_s < PATIENCE_S, f"{name} took {took_s:.1f} s. Again: python -m tests.fuzz_inputs 1 {case}"
        sys.path[:] = before
    return taken, refused, slowest_s


if __name__ == "__main__":
    number, first = (int(word) for word in (*sys.argv[1:], "10000", "1")[:2]) if len(sys.argv) != 2 else (int(sys.argv[1]), 1)
    with tempfile.TemporaryDirectory() as home:
        os.chdir(home)
        was_taken, was_refused, slowest = fuzz(number, first, Path(home))
    sys.stdout.write(f"{number:,} mutated files from seed {first}: {was_taken:,} taken, {was_refused:,} refused, none failed; the slowest took {slowest:.2f} s\n")
