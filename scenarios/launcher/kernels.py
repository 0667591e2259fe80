"""The compiled kernels, before the workers start: loaded, or compiled with a word about it."""

from __future__ import annotations

from rich.console import Console

from scenarios.launcher.progress import compiling
from simulator.inputs.config import Scenario
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.sessions import DEFAULT_DATE, session_bounds
from simulator.inputs.universe import load_universe
from simulator.records import NS_PER_S
from simulator.tape.sink import NullSink


def load_kernels(console: Console, for_format: bool = False) -> None:
    """``for_format``: that of the order-by-order formats too."""
    with compiling(console):
        warm_up()
        if for_format:
            from writers.feed.displayed import load_kernel

            load_kernel()


def warm_up() -> None:
    """Load or compile every kernel in this process: one symbol over the opening cross, into nothing."""
    from simulator.market import Market

    open_ns = session_bounds(DEFAULT_DATE)[0] + (5 * 3600 + 1800) * NS_PER_S
    universe = load_universe()
    names = [symbol.name for symbol in universe.symbols]
    prices = reference_prices("builtin", names, (DEFAULT_DATE, DEFAULT_DATE)).brackets
    small = Scenario(universe=universe, prices=prices, start_ns=open_ns - NS_PER_S, end_ns=open_ns + NS_PER_S, only=(names[0],))
    market = Market(small, NullSink())
    market.run_until(small.end_ns)
    market.close(True)
