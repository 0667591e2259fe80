"""Compile the kernels, half of them: ``python tests/kernels.py flow`` or ``books``. Done by ``conftest.py`` before the workers start.

``flow`` is the background flow, one large kernel that takes two thirds of the time; ``books`` all others, by a market without a
background and by a book alone.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
S = 1_000_000_000


def trader(market: Any, orders: Any, rng: Any) -> Any:
    """Orders that trade with each other and, where there is one, with the background."""
    while True:
        orders.buy("AAPL", "NASDAQ", 20_000, 100)
        orders.sell("AAPL", "NASDAQ", 20_000, 100)
        yield market.wait(S // 4)


def main(part: str) -> None:
    """Call every kernel of this half once."""
    from helpers import run, scenario

    from simulator.book.limit_order_book import LimitOrderBook
    from simulator.inputs.config import AgentSpec
    from simulator.records import Side

    agents = (AgentSpec(name="trader", make=trader),)
    market = run(scenario(agents=agents, background=part == "flow", names=("AAPL",), extra_tables=("orders", "truth")))
    if part == "flow":
        return
    market.book("AAPL", "NASDAQ").levels(Side.BUY, 1)
    publish(market)
    book = LimitOrderBook()
    book.add(Side.BUY, 100, 10)
    book.levels(Side.BUY, 1)


def publish(market: Any) -> None:
    """The kernel of the formats."""
    import numpy as np

    from writers.feed.displayed import DisplayedFeed

    books = np.arange(5).reshape(1, 5)
    list(DisplayedFeed(books, groups=books[0]).publish(market.tape()["orders"]))


if __name__ == "__main__":
    main(sys.argv[1])
