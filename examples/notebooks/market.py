# %% [markdown]
# # A market, minute by minute
# Open this file as a notebook (`pip install '.[notebooks]'`, then `jupyter lab`, "Open with notebook"; VS Code knows the cells as they are), or run it.

# %%
from simulator import Market, load_scenario

scenario = load_scenario("momentum", agents=(), only=("AAPL",))
market = Market(scenario)
market

# %% [markdown]
# Two minutes with a bar; then look around, and go on.

# %%
market.run_until(scenario.start_ns + 120_000_000_000, progress=True)
market.nbbo().tail(3)

# %%
trades = market.pandas("trades")
bars = trades.set_index("timestamp_ns")["price"].resample("30s").ohlc()
bars

# %%
spread = market.nbbo().eval("ask - bid").describe()
spread

# %% [markdown]
# Another seed, from the start.

# %%
market.reset(seed=2)
market.run_until(scenario.start_ns + 30_000_000_000)
market.quotes().groupby("venue", observed=True).tail(1)
