"""The compiled kernels, before the workers start: loaded, or compiled, all of them and with a word about it.

``python -m scenarios.launcher.kernels PART`` compiles one part into the user's cache, so that two processes can share the work: ``flow``
is the background, one large kernel that takes most of the time, ``books`` is everything else.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from importlib import resources
from typing import Any

from rich.console import Console

from scenarios.launcher.loading import without_collections
from simulator.inputs.config import AgentSpec, Scenario
from simulator.inputs.reference_prices import reference_prices
from simulator.inputs.sessions import DEFAULT_DATE, session_bounds
from simulator.inputs.universe import load_universe
from simulator.records import NS_PER_S, SelfTrade, Side
from simulator.tape.sink import NullSink

HELPER_S = 600
"""Longer than any compilation of a part: a helper that takes more is not waited for."""


def load_kernels(console: Console, *, for_run: bool = True, for_format: bool = False) -> None:
    """Afterwards this process has the kernels of a run, and of the order-by-order formats, and the user's cache has all there are."""
    from simulator.book import kernel_cache

    if not kernel_cache.compiles():
        return
    with without_collections():
        _load_or_compile(console, for_run, for_format)


def _load_or_compile(console: Console, for_run: bool, for_format: bool) -> None:
    from simulator.book import kernel_cache

    others = _of_the_writers()
    if not kernel_cache.is_complete(others):
        console.print("Compiling the kernels, once for this user …", highlight=False)
        started_s = time.monotonic()
        if kernel_cache.folder() is not None:  # else all that is compiled beside this process would be lost
            kernel_cache.note_complete(compile_all(), others)
        _load(for_run, for_format)
        console.print(f"Compiled in {time.monotonic() - started_s:.0f} s.", highlight=False)
    else:
        _load(for_run, for_format)


def _load(for_run: bool, for_format: bool) -> None:
    if for_run:
        warm_up()
    if for_format:
        from writers.feed.displayed import load_kernel

        load_kernel()


def _of_the_writers() -> str:
    """What tells their kernels' code from another's: the cache itself knows the simulator's."""
    home = resources.files("writers")
    return "".join((home / folder / "kernel.py").read_text(encoding="utf-8") for folder in ("feed", "databento", "itch", "nautilus"))


def warm_up() -> None:
    """Load or compile what a run needs in this process: one symbol over the opening cross, into nothing."""
    _simulate()


def compile_all() -> set[str]:
    """Compile or load every kernel, the books' in a process beside this one; returns the names of their files in the cache."""
    with _helper("books") as helped:
        flow = compile_part("flow")
        books = helped()
    return flow | (books or compile_part("books"))


def compile_part(part: str) -> set[str]:
    """Call every kernel of ``flow`` or ``books`` once, as their callers do; returns the names of their files in the cache."""
    with without_collections():
        PARTS[part]()
        return set(_files_in_cache())


def _compile_flow() -> None:
    _simulate()
    _simulate(agents=(AgentSpec(name="trader", make=_trader),), extra_tables=("orders", "truth"))


def _compile_books() -> None:
    """A market without a background, a book alone, and the kernels of the formats."""
    from simulator.book.limit_order_book import LimitOrderBook
    from writers.databento.records import load_kernel as load_databento
    from writers.feed.displayed import load_kernel
    from writers.itch.kernel import load_kernel as load_itch
    from writers.itch.sink import layout
    from writers.nautilus.kernel import load_kernel as load_nautilus

    book = LimitOrderBook()
    book.add(Side.BUY, 100, 10, owner=1)
    book.add(Side.SELL, 100, 10, owner=1, self_trade=SelfTrade.CANCEL_NEWEST)
    book.levels(Side.BUY, 1)
    load_kernel()
    load_databento()
    load_itch(layout())
    load_nautilus()
    market = _simulate(agents=(AgentSpec(name="trader", make=_trader),), extra_tables=("orders", "truth"), background=False)
    market.book(market.scenario.universe.symbols[0].name, "NASDAQ").levels(Side.BUY, 1)


PARTS: dict[str, Callable[[], None]] = {"flow": _compile_flow, "books": _compile_books}


def _simulate(**settings: Any) -> Any:
    """Two seconds of one symbol around the opening cross, into nothing."""
    from simulator.market import Market

    open_ns = session_bounds(DEFAULT_DATE)[0] + (5 * 3600 + 1800) * NS_PER_S
    universe = load_universe()
    universe = universe.select((universe.symbols[0].name,))
    prices = reference_prices("builtin", [universe.symbols[0].name], (DEFAULT_DATE, DEFAULT_DATE)).brackets
    small = Scenario(universe=universe, prices=prices, start_ns=open_ns - NS_PER_S, end_ns=open_ns + NS_PER_S, **settings)
    market = Market(small, NullSink())
    market.run_until(small.end_ns)
    market.close(True)
    return market


def _trader(market: Any, orders: Any, rng: Any) -> Generator[Any, Any, None]:
    """Trades with itself and with the background, and reads every kind of view."""
    (symbol,) = market.symbols
    while True:
        orders.buy(symbol, "NASDAQ", 20_000, 100)
        orders.sell(symbol, "NASDAQ", 20_000, 100)
        yield market.wait(NS_PER_S // 4)


@contextmanager
def _helper(part: str) -> Iterator[Callable[[], set[str]]]:
    """A process that compiles ``part`` meanwhile; what is yielded waits for it and gives its files' names, none if it failed."""
    process = subprocess.Popen(
        [sys.executable, "-m", "scenarios.launcher.kernels", part], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip

    def names() -> set[str]:
        try:
            said, _ = process.communicate(timeout=HELPER_S)
        except subprocess.TimeoutExpired:
            return set()
        return set(said.split()) if process.returncode == 0 else set()

    try:
        yield names
    finally:
        process.kill()
        process.communicate()


def _files_in_cache() -> Iterable[str]:
    """Of all kernels that this process has compiled or loaded."""
    from simulator.book.kernel_cache import KernelCache

    for name, module in list(sys.modules.items()):
        if name.split(".")[0] in ("simulator", "writers") and module is not None:
            for dispatcher in list(vars(module).values()):
                cache = getattr(dispatcher, "_cache", None)
                if isinstance(cache, KernelCache):
                    yield from cache.files(dispatcher)


if __name__ == "__main__":
    print("\n".join(sorted(compile_part(sys.argv[1]))))
