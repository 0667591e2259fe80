"""An agent written here and now, what it came to, and what it did to the market."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any

from simulator import AgentSpec, OrderType, load_scenario, with_and_without


def buyer(market: Any, orders: Any, rng: Any, symbol: str, shares: int) -> Generator[Any, Any, None]:
    """Takes the best offer every two seconds."""
    while True:
        yield market.wait(2_000_000_000)
        _, ask = market.nbbo(symbol)
        if ask:
            orders.buy(symbol, "BEST", ask, shares, type=OrderType.IOC)
        market.read()


def main() -> None:
    from scenarios.launcher.catalog import find_scenario

    scenario = load_scenario(find_scenario("momentum"), agents=(), only=("AAPL",))
    scenario = replace(scenario, end_ns=scenario.start_ns + 120_000_000_000)
    spec = AgentSpec(name="buyer", make=buyer, arguments={"symbol": "AAPL", "shares": 400}, symbols=("AAPL",))
    impact = with_and_without(scenario, spec, every_ns=30_000_000_000)
    print(impact.pandas().drop(columns=["symbol"]).to_string(index=False, float_format="%.4f"))
    (position,) = impact.agent.positions
    print(f"\n{position.fills} fills, {position.shares} shares held, fees {position.fees_usd:.2f} USD, PnL {position.pnl_usd:+.2f} USD")


if __name__ == "__main__":
    main()
