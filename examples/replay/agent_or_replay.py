"""One strategy twice: as an agent in the market, and replayed by hftbacktest on what the market did without it. docs/replay.md

    python examples/replay/agent_or_replay.py market OUT      runs markets with and without it, and writes what the other command reads
    python examples/replay/agent_or_replay.py replay OUT      in an environment with hftbacktest
"""

import json
import sys
from math import sqrt
from pathlib import Path
from statistics import mean, stdev
from typing import Any

EVERY_NS, CHILDREN, GAP_NS = 10_000_000_000, 10, 1_000_000
"""A burst of so many orders, so far apart, in every ten seconds."""
SHARES = 500
LATENCY_NS = 100_000
SYMBOL, VENUE = "AAPL", "NASDAQ"
SECONDS = 120
SEEDS = range(1, 9)
IOC = 3
"""In hftbacktest, whose Python has no name for it."""


def buyer(market: Any, orders: Any, rng: Any) -> Any:
    """Every ten seconds ten orders, a millisecond apart, each for what the best offer of one venue shows, 500 shares at most."""
    from simulator import OrderType

    while True:
        yield market.wait(EVERY_NS - CHILDREN * GAP_NS)
        for _ in range(CHILDREN):
            yield market.wait(GAP_NS)
            ask = market.best(SYMBOL, VENUE).ask_ticks
            if ask:
                orders.buy(SYMBOL, VENUE, ask, SHARES, type=OrderType.IOC)
        market.read()


def run_market(out: Path) -> None:
    """Without the agent, for the feed; with it, for what it came to and the latencies of its orders."""
    from dataclasses import replace

    from scenarios.launcher.catalog import find_scenario
    from simulator import AgentSpec, Market, load_scenario
    from writers.hftbacktest.latency import write_order_latencies
    from writers.hftbacktest.sink import HftBacktestSink
    from writers.results import write_results

    spec = AgentSpec(name="buyer", make=buyer, symbols=(SYMBOL,), latency_ns=LATENCY_NS)
    usual = load_scenario(find_scenario("momentum"), agents=(), only=(SYMBOL,), extra_tables=("orders",))
    for seed in SEEDS:
        folder = out / f"seed-{seed}"
        alone = replace(usual, seed=seed, end_ns=usual.start_ns + SECONDS * 10**9)
        quiet, traded = Market(alone), Market(replace(alone, agents=(spec,)))
        with HftBacktestSink(folder, feeds="l2", symbols=SYMBOL, venues=VENUE, feed_latency_ns=LATENCY_NS) as sink:
            sink.open(quiet.run_info)
            quiet.run_until(alone.end_ns)
            sink.write(quiet.tape()["orders"])
        traded.run_until(alone.end_ns)
        result = traded.agents()["buyer"]
        write_results(folder, {"buyer": result})
        write_order_latencies(folder, folder, traded.run_info)
        fills = result.pandas("fills")
        bursts = fills.groupby((fills.timestamp_ns.astype("int64") - alone.start_ns + EVERY_NS // 2) // EVERY_NS)
        worse = ((fills.price - bursts.price.transform("first")) * fills["size"]).sum()
        facts = {
            "start_ns": alone.start_ns, "shares": int(fills["size"].sum()), "cost": float((fills.price * fills["size"]).sum()),
            "worse": float(worse),
            "first": float(fills.price.iloc[0]), "mid": mid(traded), "mid_without": mid(quiet),
        }  # fmt: skip
        (folder / "market.json").write_text(json.dumps(facts, indent=1) + "\n")
    print(f"{len(SEEDS)} markets, with the agent and without, in {out}")


def mid(market: Any) -> float:
    """At the venue, at the end."""
    bid, ask = market.book(SYMBOL, VENUE).best()
    return float((bid + ask) / 200)


def run_replay(out: Path) -> None:
    """The same decisions on the recorded feeds, which know nothing of them."""
    from hftbacktest import LIMIT, BacktestAsset, HashMapMarketDepthBacktest
    from numba import njit

    @njit
    def buy(hbt: Any, start_ns: int, times: int) -> tuple[float, float, float, float, float]:
        hbt.elapse(0)
        shares = cost = worse = first = of_burst = 0.0
        for n in range(times * CHILDREN):
            due_ns = start_ns + (n // CHILDREN + 1) * EVERY_NS - (CHILDREN - 1 - n % CHILDREN) * GAP_NS
            hbt.elapse(due_ns - hbt.current_timestamp)
            hbt.clear_inactive_orders(0)
            hbt.submit_buy_order(0, n + 1, hbt.depth(0).best_ask, SHARES, IOC, LIMIT, True)
            order = hbt.orders(0).get(n + 1)  # its own position leaves out what an order that then expires has bought
            if order is not None and order.exec_qty > 0:
                of_burst = order.exec_price if n % CHILDREN == 0 or of_burst == 0 else of_burst
                first = first if first > 0 else order.exec_price
                shares += order.exec_qty
                cost += order.exec_qty * order.exec_price
                worse += order.exec_qty * (order.exec_price - of_burst)
            elif n % CHILDREN == 0:
                of_burst = 0.0
        hbt.elapse(EVERY_NS - 1)
        return shares, cost, worse, first, (hbt.depth(0).best_bid + hbt.depth(0).best_ask) / 2

    print("seed  first fill           shares               average              worse than the burst's first fill")
    print("      market  replay       market  replay       market    replay     market    replay")
    differences = []
    for seed in SEEDS:
        folder = out / f"seed-{seed}"
        ours = json.loads((folder / "market.json").read_text())
        files = folder / "hftbacktest" / VENUE
        asset = (
            BacktestAsset().data([str(next(files.glob(f"{SYMBOL}_*.l2.npz")))]).linear_asset(1.0)
            .intp_order_latency([str(files / "latency_buyer.npz")]).risk_adverse_queue_model().partial_fill_exchange()
            .trading_value_fee_model(0, 0).tick_size(0.01).lot_size(1.0)
        )  # fmt: skip
        backtest = HashMapMarketDepthBacktest([asset])
        shares, cost, worse, first, last_mid = buy(backtest, ours["start_ns"], SECONDS * 10**9 // EVERY_NS - 1)
        backtest.close()
        paid, replayed = ours["cost"] / ours["shares"], cost / shares
        ours_bps, replay_bps = 10_000 * ours["worse"] / ours["cost"], 10_000 * worse / cost
        print(f"{seed:4}  {ours['first']:6.2f}  {first:6.2f}       {ours['shares']:6,}  {int(shares):6,}       {paid:8.4f}  {replayed:8.4f}"
              f"   {ours_bps:4.2f} bps  {replay_bps:4.2f} bps")  # fmt: skip
        assert round(first, 4) == round(ours["first"], 4), "the same feed, the same latency: the same first fill"
        assert round(last_mid, 4) == round(ours["mid_without"], 4), "the feed is the market without the agent"
        differences.append(ours_bps - replay_bps)
    error = stdev(differences) / sqrt(len(differences))
    cost_bps = mean(differences)
    print(f"What the market's answer to the agent's own orders costs: {cost_bps:.2f} bps of the shares' price, standard error {error:.2f}")


if __name__ == "__main__":
    command, folder = sys.argv[1], Path(sys.argv[2])
    {"market": run_market, "replay": run_replay}[command](folder)
