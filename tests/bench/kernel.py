"""What numba's reference counts cost the flow: a minute of the market with and without them. ``python tests/bench/kernel.py [--nrt]``.

With ``--nrt`` the counts are on, as they would be if ``NO_REFERENCE_COUNTS`` in ``simulator/book/jit.py`` were off: all kernels are compiled
anew then (a minute or more), into a folder that is removed again.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent.parent))


def measure() -> float:
    """Book rows a second of wall time, the best of three."""
    from simulator import Market, NullSink, Rates, Scenario, load_universe, parse_ts, reference_prices
    from simulator.inputs.sessions import DEFAULT_DATE

    universe = load_universe()
    prices = reference_prices("builtin", [s.name for s in universe.symbols], (DEFAULT_DATE, DEFAULT_DATE)).brackets
    rates = Rates(market_data_min_eps=6_000, market_data_max_eps=10_000, trades_min_eps=2_000, trades_max_eps=4_000)
    scenario = Scenario(
        universe=universe, prices=prices, rates=rates, start_ns=parse_ts("2025-07-01T14:00:00Z"), end_ns=parse_ts("2025-07-01T14:01:00Z")
    )
    best = 0.0
    for _ in range(4):  # the first one loads the kernels
        sink = NullSink()
        market = Market(scenario, sink)
        sink.open(market.run_info)
        began_s = time.perf_counter()
        market.run_until(scenario.end_ns)
        best = max(best, sink.rows["market_data"] / (time.perf_counter() - began_s))
    return best


if __name__ == "__main__":
    if "--nrt" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            os.environ["MARKET_SIM_CACHE_DIR"] = folder
            from simulator.book import jit

            jit.NO_REFERENCE_COUNTS = False
            print(f"with reference counts: {measure():,.0f} book rows a second")
    else:
        print(f"without reference counts: {measure():,.0f} book rows a second")
