"""Rows in memory, as Arrow and pandas, with the arrays that the database has."""

from dataclasses import replace

from simulator import load_scenario, simulate
from writers.memory import MemorySink


def main() -> None:
    from scenarios.launcher.catalog import find_scenario

    scenario = load_scenario(find_scenario("momentum"), agents=(), levels=4)
    scenario = replace(scenario, end_ns=scenario.start_ns + 10_000_000_000)
    sink = MemorySink()
    result = simulate(scenario, sink)
    print(result.rows)
    print(sink.arrow("market_data").schema)
    first = sink.pandas("market_data", arrays=True).iloc[0]
    print(first["timestamp_ns"], first["symbol"], first["venue"])
    print(first["bids"])
    trades = sink.pandas("trades")
    print(trades.groupby(["symbol", "venue"], observed=True)["size"].sum().to_string())


if __name__ == "__main__":
    main()
