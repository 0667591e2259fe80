"""A writer of one's own: anything with open, write and close is a sink."""

from dataclasses import replace

from simulator import RunInfo, load_scenario, simulate
from simulator.records import Batch


class Counting:
    """Counts rows by table and symbol."""

    def open(self, run: RunInfo) -> None:
        self.symbols = run.symbols
        self.counts: dict[tuple[str, str], int] = {}

    def write(self, batch: Batch) -> None:
        for index, name in enumerate(self.symbols):
            key = (batch.table, name)
            self.counts[key] = self.counts.get(key, 0) + int((batch.symbol == index).sum())

    def close(self, complete: bool) -> None:
        print("complete" if complete else "not complete")


def main() -> None:
    from scenarios.launcher.catalog import find_scenario

    scenario = load_scenario(find_scenario("momentum"), agents=())
    sink = Counting()
    simulate(replace(scenario, end_ns=scenario.start_ns + 10_000_000_000), sink)
    for (table, symbol), count in sorted(sink.counts.items()):
        print(f"{table:<12} {symbol:<5} {count:>6}")


if __name__ == "__main__":
    main()
