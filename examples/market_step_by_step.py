"""A market as a library: built, run to a time, looked at, run on."""

from simulator import Cond, Market, Side, format_ts, load_scenario
from simulator.testing import draw


def main() -> None:
    from scenarios.ready import find_scenario

    scenario = load_scenario(find_scenario("momentum"), agents=(), only=("AAPL",))
    market = Market(scenario)
    for minute in range(1, 4):
        market.run_until(scenario.start_ns + minute * 60_000_000_000)
        bid, ask = market.book("AAPL", "NASDAQ").best()
        rows = {table: len(batch) for table, batch in market.tape().items()}
        print(f"{format_ts(market.now_ns)[:19]} {market.phase.name}: {bid} / {ask}, rows so far {rows}")
    print("\nAAPL at Nasdaq:")
    print(draw(market.book("AAPL", "NASDAQ"), 5))
    trades = market.tape()["trades"]
    print("\nThe last prints:")
    for n in range(-3, 0):
        venue = scenario.universe.venues[trades.venue[n]].name
        side, cond = Side(trades.side[n]).code, Cond(trades.cond[n]).code
        print(f"  {format_ts(int(trades.ts_ns[n]))[11:]} {venue:<6} {trades.price[n] / 10_000:.2f} x {trades.size[n]} {side} {cond}")


if __name__ == "__main__":
    main()
