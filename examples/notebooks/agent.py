# %% [markdown]
# # An agent written in a cell, and what its trading cost
# `docs/agents.md` says what an agent can see and do, `docs/results.md` what the report's columns are.

# %%
from simulator import AgentSpec, Market, OrderType, agent_report, load_scenario


def slices(market, orders, rng, symbol, shares=300, every_s=5):
    """Buys a slice at the offer every few seconds."""
    while True:
        yield market.wait(every_s * 1_000_000_000)
        _, ask = market.nbbo(symbol)
        if ask:
            orders.buy(symbol, "BEST", ask, shares, type=OrderType.IOC)


# %%
spec = AgentSpec(name="slices", make=slices, arguments={"symbol": "JPM"}, symbols=("JPM",))
scenario = load_scenario("parent_order", agents=(spec,))
market = Market(scenario)
market.run_until(scenario.start_ns + 120_000_000_000)
market.agents()["slices"]

# %%
report = agent_report(market, "slices", horizons_s=(1, 10, 60))
report.pandas("summary").T

# %%
costs = report.pandas("orders")[["filled", "mean_price", "slippage_arrival_bps", "effective_spread_bps"]]
costs.describe()

# %%
equity = report.pandas("equity")[["equity_usd", "drawdown_usd"]]
equity.tail(3)
