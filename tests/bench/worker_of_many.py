"""What the symbols of others cost a worker: an hour of 10 symbols alone, and of the same 10 among many, at the same rate per symbol.

    python tests/bench/worker_of_many.py [SYMBOLS] [HOURS]

Each run is a process of its own that has its kernels already: processor time and the most memory of the simulation are the process's.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time


def one(count: int, names: list[str], hours: float) -> dict[str, float]:
    """Simulate ``names`` of a generated universe of ``count`` into nothing; seconds, MB and rows."""
    from scenarios.launcher.kernels import warm_up
    from simulator.inputs.config import Rates, Scenario
    from simulator.inputs.generated_universe import GenerateKeys, generate_universe
    from simulator.inputs.sessions import parse_ts
    from simulator.inputs.universe import Universe
    from simulator.market import Market
    from simulator.tape.sink import NullSink

    universe, prices = generate_universe(GenerateKeys(generate=500 if count == 10 else count))
    if count == 10:
        universe = Universe(venues=universe.venues, symbols=tuple(s for s in universe.symbols if s.name in names))
        prices = {name: prices[name] for name in names}
    by = count / 30
    rates = Rates(market_data_min_eps=round(150 * by), market_data_max_eps=round(600 * by), trades_min_eps=round(30 * by), trades_max_eps=round(150 * by))
    start_ns = parse_ts("2025-07-01T13:00:00Z")
    scenario = Scenario(universe=universe, prices=prices, rates=rates, start_ns=start_ns, end_ns=start_ns + int(hours * 3600e9))
    warm_up()
    before_s, wall_s = time.process_time(), time.perf_counter()
    market = Market(scenario, NullSink(), worker_symbols=names)
    market.run_until(scenario.end_ns)
    rows = market.result().rows
    return {
        "cpu_s": time.process_time() - before_s, "wall_s": time.perf_counter() - wall_s, "rows": sum(rows.values()),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    hours = sys.argv[2] if len(sys.argv) > 2 else "2"
    neighbours = [f"SIM{n:04}" for n in range(101, 111)]
    scattered = [f"SIM{n:04}" for n in range(1, count + 1, count // 10)][:10]
    for label, total, names in (("10 alone", 10, neighbours), (f"10 neighbours of {count}", count, neighbours), (f"10 of {count}, scattered", count, scattered)):
        done = subprocess.run([sys.executable, __file__, "one", str(total), ",".join(names), hours], capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        print(f"{label:<28}" + "  ".join(f"{name} {value:,.1f}" for name, value in found.items()))


if __name__ == "__main__":
    if sys.argv[1:2] == ["one"]:
        print(json.dumps(one(int(sys.argv[2]), sys.argv[3].split(","), float(sys.argv[4]))))
    else:
        main()
