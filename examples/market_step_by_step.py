"""A market as a library: built, run to a time, looked at, run on."""

from simulator import Market, format_ts, load_scenario
from simulator.testing import draw


def main() -> None:
    from scenarios.launcher.catalog import find_scenario

    scenario = load_scenario(find_scenario("momentum"), agents=(), only=("AAPL",))
    market = Market(scenario)
    for minute in range(1, 4):
        market.run_until(scenario.start_ns + minute * 60_000_000_000)
        bid, ask = market.book("AAPL", "NASDAQ").best()
        rows = {table: len(batch) for table, batch in market.tape().items()}
        print(f"{format_ts(market.now_ns)[:19]} {market.phase.name}: {bid} / {ask}, rows so far {rows}")
    print("\nAAPL at Nasdaq:")
    print(draw(market.book("AAPL", "NASDAQ"), 5))
    print("\nThe last prints:")
    trades = market.pandas("trades").tail(3)
    for row in trades.itertuples():
        print(f"  {format_ts(row.timestamp_ns.value)[11:]} {row.venue:<6} {row.price:.2f} x {row.size} {row.side} {row.cond}")


if __name__ == "__main__":
    main()
